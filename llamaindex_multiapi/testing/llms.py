"""What every LlamaIndex LLM over HTTP should do, as tests that anybody can subclass."""

# ruff: noqa: S301, RUF012, PT017

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers.base import BaseEventHandler

from llamaindex_multiapi.testing.hostile import HostileAnswers
from llamaindex_multiapi.testing.wire import Asked, Called, OpenAIFormat, Reply, Said, Wire, events_reply, json_reply

KEY = "sk-conformance-0123456789abcdef"
OTHER_KEY = "sk-conformance-fedcba9876543210"
WAYS = ("chat", "achat", "stream_chat", "astream_chat")
COMPLETIONS = ("complete", "acomplete", "stream_complete", "astream_complete")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = b"RIFF\x28\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x04\x00\x00\x00\x00\x00\x00\x00"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


class Cat(BaseModel):
    """A cat."""

    name: str
    age: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def now() -> str:
    """What time it is."""
    return "noon"


ADD = FunctionTool.from_defaults(add)
NOW = FunctionTool.from_defaults(now)
PROMPT = PromptTemplate("Invent a cat that likes {what}.")


def user(text: str = "hello") -> list[ChatMessage]:
    """A conversation of one message."""
    return [ChatMessage(role=MessageRole.USER, content=text)]


class Observed(BaseEventHandler):
    """Keeps all events."""

    events: list[Any] = []

    @classmethod
    def class_name(cls) -> str:
        return "Observed"

    def handle(self, event: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.events.append(event)

    def count(self, *endings: str) -> int:
        """How many events have a name with one of these endings."""
        return sum(type(event).__name__.endswith(endings) for event in self.events)


@contextmanager
def observed() -> Iterator[Observed]:
    """All events of the instrumentation while it lasts."""
    handler = Observed(events=[])
    root = get_dispatcher()
    root.add_event_handler(handler)
    try:
        yield handler
    finally:
        root.event_handlers.remove(handler)


class LLMConformance(HostileAnswers):
    """Subclass it, define `make`, and say with the attributes what your LLM does not have."""

    format: OpenAIFormat = OpenAIFormat()
    model: str = "test-model"
    unknown_model: str = "somebody/a-model-of-tomorrow"
    smallest_context_window: int = 8_192
    """Below this a window is called absurdly small for a model of today."""
    has_reasoning: bool = True
    sends_reasoning_back: bool = True
    has_stream_usage: bool = True
    """Token counts of streams can be had (from vendors that count them when they are asked to)."""
    media: frozenset[str] = frozenset({"image", "audio", "video", "document"})
    """The kinds of media that the vendor takes; the others must be refused by name."""
    has_json_schema: bool = True
    environment: ClassVar[dict[str, str]] = {}

    def make(self, wire: Wire, *, base_url: str | None = None, **settings: Any) -> LLM:
        """The LLM under test: over `wire.client()` and `wire.async_client()`, or over sockets to `base_url`.

        `settings` are some of api_key (always), model (always), temperature, max_tokens, max_retries, system_prompt.
        """
        raise NotImplementedError("the subclass says what is tested")

    # ------------------------------------------------------------------------------------ how tests ask

    def llm(self, wire: Wire, **settings: Any) -> Any:
        """The LLM with the usual key and model."""
        return self.make(wire, **{"api_key": KEY, "model": self.model, "max_retries": 0, **settings})

    def says(self, *said: Said) -> Wire:
        """A wire on which the model says this."""
        return Wire(*(self._saying(each) for each in said))

    def _saying(self, said: Said) -> Callable[[Asked], Reply]:
        return lambda asked: self.format.answer(said, asked)

    def gives(self, value: dict[str, Any], around: str = "{}") -> Wire:
        """A wire on which the model gives a JSON answer in the way that it is asked for, with some words around it."""
        return Wire(lambda asked: self.format.answer(self.format.object(value, asked, around=around), asked))

    def all_of(self, llm: Any, way: str, messages: Sequence[ChatMessage], **options: Any) -> list[ChatResponse]:
        """All responses of one of the four ways to chat."""
        if way == "chat":
            return [llm.chat(messages, **options)]
        if way == "stream_chat":
            return list(llm.stream_chat(messages, **options))

        async def ask() -> list[ChatResponse]:
            if way == "achat":
                return [await llm.achat(messages, **options)]
            return [response async for response in await llm.astream_chat(messages, **options)]

        return asyncio.run(ask())

    def ask(self, llm: Any, way: str, messages: Sequence[ChatMessage] | None = None, **options: Any) -> ChatResponse:
        """The last response of one of the four ways."""
        return self.all_of(llm, way, messages or user(), **options)[-1]

    def complete(self, llm: Any, way: str, prompt: str = "hello", **options: Any) -> list[Any]:
        """All responses of one of the four ways to complete."""
        if way == "complete":
            return [llm.complete(prompt, **options)]
        if way == "stream_complete":
            return list(llm.stream_complete(prompt, **options))

        async def ask() -> list[Any]:
            if way == "acomplete":
                return [await llm.acomplete(prompt, **options)]
            return [response async for response in await llm.astream_complete(prompt, **options)]

        return asyncio.run(ask())

    def need_streams(self) -> None:
        """Skip where the vendor has no streams."""
        if not self.format.streams:
            pytest.skip("no stream on the wire")

    def need_native_tools(self) -> None:
        """Skip where the vendor has no tool calls of its own."""
        if not self.format.native_tools:
            pytest.skip("no tool calls on the wire")

    @pytest.fixture(autouse=True)
    def _clean_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    @pytest.fixture
    def naps(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The test does not sleep; what it would have slept. Other threads (a server of some fixture) sleep as ever."""
        slept: list[float] = []
        mine = threading.get_ident()
        really, really_async = time.sleep, asyncio.sleep

        def nap(seconds: float) -> None:
            if threading.get_ident() != mine:
                return really(seconds)
            return slept.append(seconds)

        async def async_nap(seconds: float, *result: Any) -> Any:
            if threading.get_ident() != mine:
                return await really_async(seconds, *result)
            slept.append(seconds)
            return await really_async(0, *result)

        monkeypatch.setattr(time, "sleep", nap)
        monkeypatch.setattr(asyncio, "sleep", async_nap)
        return slept

    # ------------------------------------------------------------------------------------ secrets and keys

    def test_b02_c26_r07_key_is_not_in_what_is_shown_and_stored(self) -> None:
        llm = self.llm(self.says(Said("hi")))
        for shown in (
            repr(llm),
            str(llm),
            str(llm.to_dict()),
            llm.to_json(),
            llm.model_dump_json(),
            str(llm.to_payload()),
        ):
            assert KEY not in shown

    @pytest.mark.parametrize("way", WAYS)
    def test_b02_c26_key_is_in_no_event(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.ask(llm, way)
        assert seen.events
        for event in seen.events:
            assert KEY not in repr(event)
            assert KEY not in event.model_dump_json(fallback=repr)

    def test_b02_key_is_in_no_error(self) -> None:
        wire = Wire(self.format.error(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key"))
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(wire).chat(user())
        assert KEY not in str(failure.value)
        assert KEY not in repr(failure.value)

    def test_b03_c26_r06_another_vendors_key_is_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-this-is-for-openai-only")
        wire = self.says(Said("hi"))
        try:
            self.llm(wire, api_key=None).chat(user())
        except Exception:
            assert not wire.asked
        assert not any("sk-this-is-for-openai-only" in str(asked.headers) for asked in wire.asked)

    # ------------------------------------------------------------------------------------ metadata

    def test_b04_c01_c02_r01_any_model_name_has_metadata(self) -> None:
        wire = self.says(Said("hi"))
        metadata = self.llm(wire, model=self.unknown_model).metadata
        assert metadata.model_name == self.unknown_model
        assert isinstance(metadata.context_window, int)
        assert metadata.context_window > 0
        assert not wire.asked

    def test_b04_c03_r02_context_window_is_not_absurdly_small(self) -> None:
        llm = self.llm(self.says(Said("hi")), model=self.unknown_model)
        assert llm.metadata.context_window >= self.smallest_context_window

    def test_b04_c04_r04_chat_is_the_default(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        assert llm.metadata.is_chat_model
        assert llm.complete("hello").text == "hi"
        assert "messages" in wire.last

    def test_b04_c05_r03_tools_are_on_by_default(self) -> None:
        assert self.llm(self.says(Said("hi"))).metadata.is_function_calling_model

    # ------------------------------------------------------------------------------------ what is sent

    def test_c06_c07_r12_nothing_optional_is_sent(self) -> None:
        wire = self.says(Said("hi"))
        self.llm(wire).chat(user())
        optional = {
            "temperature",
            "max_tokens",
            "max_completion_tokens",
            "top_p",
            "n",
            "seed",
            "parallel_tool_calls",
            "user",
        }
        assert not optional & set(wire.last)
        assert None not in wire.last.values()

    @pytest.mark.parametrize("way", WAYS)
    def test_c10_r11_what_a_call_says_wins(self, way: str) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire, temperature=0.5, max_tokens=100)
        self.ask(llm, way, temperature=0.9, max_tokens=10)
        sent = wire.asked[-1].text
        assert "0.9" in sent
        assert "0.5" not in sent
        assert '"max_tokens": 10,' in sent or '"max_tokens": 10}' in sent or '"max_completion_tokens": 10' in sent

    def test_c08_nothing_is_said_of_parallel_calls_without_need(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat_with_tools([ADD], "hello", allow_parallel_tool_calls=True)
        assert "parallel_tool_calls" not in wire.last

    def test_c11_a_history_with_tool_calls_is_complete(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        self.llm(wire).chat(_history_with_a_call())
        calling, result = wire.last["messages"][1:3]
        assert "content" in calling
        assert calling["tool_calls"][0]["function"] == {
            "name": "add",
            "arguments": calling["tool_calls"][0]["function"]["arguments"],
        }
        assert json.loads(calling["tool_calls"][0]["function"]["arguments"]) == {"a": 2, "b": 3}
        assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "call_1", "5")

    @pytest.mark.parametrize("kwargs", [{}, "", "null"])
    def test_c16_r28_arguments_of_a_history_are_always_an_object(self, kwargs: Any) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        call = ToolCallBlock(tool_call_id="call_1", tool_name="now", tool_kwargs=kwargs)
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
            ChatMessage(role=MessageRole.TOOL, content="noon", additional_kwargs={"tool_call_id": "call_1"}),
        ]
        self.llm(wire).chat(history)
        assert json.loads(wire.last["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {}

    def test_c18_calls_in_the_old_form_are_understood(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs={"tool_calls": [call]}),
            ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"}),
        ]
        llm = self.llm(wire)
        llm.chat(history)
        sent = wire.last["messages"][1]["tool_calls"]
        assert [(each["id"], json.loads(each["function"]["arguments"])) for each in sent] == [
            ("call_1", {"a": 2, "b": 3})
        ]
        response = ChatResponse(message=history[1])
        selected = llm.get_tool_calls_from_response(response)
        assert [(each.tool_id, each.tool_name, each.tool_kwargs) for each in selected] == [
            ("call_1", "add", {"a": 2, "b": 3})
        ]

    def test_a_direct_result_leaves_no_call_id_on_the_assistant(self) -> None:
        wire = self.says(Said("hi"))
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, content="five", additional_kwargs={"tool_call_id": "call_1"}),
            *user("and now?"),
        ]
        self.llm(wire).chat(history)
        assert "call_1" not in wire.asked[-1].text

    @pytest.mark.parametrize("way", WAYS)
    def test_c12_r29_the_callers_history_is_not_touched(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        history = _history_with_a_call()
        before = copy.deepcopy(history)
        self.ask(llm, way, history)
        assert history == before

    def test_c12_r29_chat_with_tools_does_not_grow_the_history(self) -> None:
        llm = self.llm(self.says(Said("hi")))
        history = user("first")
        llm.chat_with_tools([ADD], user_msg="second", chat_history=history)
        assert history == user("first")

    # ------------------------------------------------------------------------------------ attempts and errors

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("status", [429, 500])
    def test_b05_c28_r18_r20_attempts_are_retries_plus_one(self, way: str, status: int, naps: list[float]) -> None:
        wire = Wire(self.format.error(status, "not now", retry_after="1"))
        llm = self.llm(wire, max_retries=2)
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.ask(llm, way)
        assert 1 <= len(wire.asked) <= 3
        assert len(naps) <= 2

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
    def test_b05_c28_a_refusal_is_not_repeated(self, status: int, naps: list[float]) -> None:
        wire = Wire(self.format.error(status, "never"))
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.llm(wire, max_retries=2).chat(user())
        assert len(wire.asked) == 1
        assert not naps

    def test_c28_r19_retry_after_is_kept(self, naps: list[float]) -> None:
        wire = Wire(self.format.error(429, "later", retry_after="7"), self._saying(Said("hi")))
        assert self.llm(wire, max_retries=2).chat(user()).message.content == "hi"
        assert sum(naps) >= 7

    @pytest.mark.parametrize("way", WAYS)
    def test_b15_r21_errors_say_what_happened(self, way: str) -> None:
        wire = Wire(self.format.error(402, "your wallet is empty", "insufficient_funds", x_request_id="req_77"))
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.ask(self.llm(wire), way)
        error: Any = failure.value
        assert getattr(error, "status", None) == 402 or getattr(error, "status_code", None) == 402
        assert "your wallet is empty" in str(error)
        assert error.request_id == "req_77"

    @pytest.mark.parametrize("way", WAYS)
    def test_b15_c32_r22_an_error_inside_a_success_is_an_error(self, way: str) -> None:
        body = {"error": {"message": "the upstream model is gone", "code": "upstream_error"}}
        with pytest.raises(Exception, match="the upstream model is gone"):
            self.ask(self.llm(Wire(json_reply(body))), way)

    @pytest.mark.parametrize(
        "body", [{"id": "1", "choices": None}, {"id": "1", "choices": []}, {"id": "1"}, [], "text"]
    )
    def test_b15_c32_r22_an_answer_without_choices_is_a_readable_error(self, body: Any) -> None:
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(Wire(json_reply(body))).chat(user())
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError, AssertionError))

    def test_b15_a_page_instead_of_json_is_a_readable_error(self) -> None:
        page = Reply(502, (b"<html><body><h1>Bad gateway</h1></body></html>",), "text/html")
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(Wire(page)).chat(user())
        assert "Bad gateway" in str(failure.value) or "502" in str(failure.value)
        assert "<body>" not in str(failure.value)

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b15_r23_an_error_in_a_stream_is_raised(self, way: str) -> None:
        self.need_streams()
        begun = self.format.deltas(Said("half an ans"))
        wire = Wire(events_reply([*begun, {"error": {"message": "overloaded", "code": 503}}]))
        with pytest.raises(Exception, match="overloaded") as failure:
            self.ask(self.llm(wire), way)
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError))

    @pytest.mark.parametrize("way", WAYS[2:])
    @pytest.mark.parametrize("breaks_off", [False, True])
    def test_b15_r24_a_cut_stream_is_noticed(self, way: str, breaks_off: bool) -> None:
        self.need_streams()
        wire = Wire(events_reply(self.format.deltas(Said("half an ans")), done=False, breaks_off=breaks_off))
        try:
            last = self.ask(self.llm(wire), way)
        except Exception:
            return
        assert last.additional_kwargs.get("finish_reason") == "incomplete"

    # ------------------------------------------------------------------------------------ the four ways agree

    @pytest.mark.parametrize("way", WAYS[1:])
    @pytest.mark.parametrize("what", ["text", "reasoning", "calls"])
    def test_b07_r33_all_ways_give_the_same(self, way: str, what: str) -> None:
        said = {
            "text": Said("The answer is five."),
            "reasoning": Said("Five.", reasoning="two and three are five"),
            "calls": Said(
                "Let me see.", calls=(Called("call_1", "add", '{"a": 2, "b": 3}'), Called("call_2", "now", "{}"))
            ),
        }[what]
        if what == "reasoning" and not self.has_reasoning:
            pytest.skip("no reasoning")
        if what == "calls":
            self.need_native_tools()
        options: dict[str, Any] = (
            {"tools": [ADD.metadata.to_openai_tool(), NOW.metadata.to_openai_tool()]} if what == "calls" else {}
        )
        expected = self.ask(self.llm(self.says(said)), "chat", **options)
        found = self.ask(self.llm(self.says(said)), way, **options)
        assert _record(found) == _record(expected)
        assert _record(expected)["text"] == said.text

    @pytest.mark.parametrize("way", COMPLETIONS)
    def test_b07_completions_give_the_same(self, way: str) -> None:
        llm = self.llm(self.says(Said("The answer is five.")))
        found = self.complete(llm, way)
        assert found[-1].text == "The answer is five."
        if "stream" in way:
            assert "".join(each.delta or "" for each in found) == "The answer is five."

    def test_complete_honours_completion_to_prompt_unless_formatted(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.completion_to_prompt = lambda prompt: f"<<{prompt}>>"
        llm.complete("one")
        assert "<<one>>" in wire.asked[-1].text
        llm.complete("two", formatted=True)
        assert "<<two>>" not in wire.asked[-1].text

    # ------------------------------------------------------------------------------------ streams

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_stream_items_are_cumulative_and_deltas_are_not(self, way: str) -> None:
        text = "The quick brown fox jumps over the lazy dog. Ünïcödé, 🦊!"
        items = self.all_of(self.llm(self.says(Said(text))), way, user())
        assert all(isinstance(item.delta, str) for item in items)
        so_far = ""
        for item in items:
            so_far += item.delta or ""
            assert (item.message.content or "") == so_far
            assert item.message.role == MessageRole.ASSISTANT
        assert so_far == text
        assert len({id(item.message) for item in items}) == len(items)

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    def test_stream_may_be_cut_anywhere(self, newline: bytes) -> None:
        self.need_streams()
        said = Said("Zwölf 🦊 foxes", reasoning="thinking" if self.has_reasoning else "")
        whole = self.format.stream(said)
        body = b": keep-alive\n\n" + b"event: message\n" + b"".join(whole.pieces)
        body = body.replace(b"\n", newline)
        for cut in range(1, len(body), max(1, len(body) // 60)):
            wire = Wire(Reply(200, (body[:cut], body[cut:]), "text/event-stream"))
            assert self.ask(self.llm(wire), "stream_chat").message.content == said.text

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_a_stream_that_is_left_is_closed(self, way: str) -> None:
        self.need_streams()
        wire = self.says(Said("a long answer that nobody reads to its end"))
        llm = self.llm(wire)
        if way == "stream_chat":
            stream = llm.stream_chat(user())
            next(stream)
            stream.close()
            del stream
        else:

            async def leave() -> None:
                stream = await llm.astream_chat(user())
                await anext(stream)
                await stream.aclose()
                del stream
                for _ in range(5):
                    await asyncio.sleep(0)

            asyncio.run(leave())
        assert len(wire.asked) == 1
        assert wire.open == 0

    def test_chunks_without_text_are_not_lost(self) -> None:
        self.need_streams()
        if not self.has_reasoning:
            pytest.skip("no reasoning")
        wire = self.says(Said("Five.", reasoning="two and three"))
        items = self.all_of(self.llm(wire), "stream_chat", user())
        thought = "".join(item.additional_kwargs.get("thinking_delta") or "" for item in items)
        assert thought == "two and three"

    # ------------------------------------------------------------------------------------ tool calls

    @pytest.mark.parametrize("way", WAYS[2:])
    @pytest.mark.parametrize(
        "shape", ["several_in_one_event", "new_id_same_index", "interleaved", "no_index", "whole_arguments"]
    )
    def test_b06_c15_r25_r26_r27_calls_are_put_together(self, way: str, shape: str) -> None:
        self.need_native_tools()
        wire = Wire(events_reply([*_call_events(self.format, shape), self.format.finish("tool_calls")]))
        llm = self.llm(wire)
        last = self.ask(llm, way, tools=[ADD.metadata.to_openai_tool()])
        selected = llm.get_tool_calls_from_response(last)
        assert [(each.tool_name, each.tool_kwargs) for each in selected] == [
            ("add", {"a": 1, "b": 2}),
            ("add", {"a": 3, "b": 4}),
        ]
        assert len({each.tool_id for each in selected}) == 2

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("arguments", ["", None, "{}"])
    def test_b06_c16_r28_a_tool_without_arguments(self, way: str, arguments: str | None) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "now", arguments),)))
        llm = self.llm(wire)
        last = self.ask(llm, way, tools=[NOW.metadata.to_openai_tool()])
        assert [(each.tool_name, each.tool_kwargs) for each in llm.get_tool_calls_from_response(last)] == [("now", {})]

    def test_c18_messages_with_calls_are_json(self) -> None:
        self.need_native_tools()
        llm = self.llm(self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'),))))
        message = llm.chat_with_tools([ADD], "two and three").message
        again = ChatMessage.model_validate_json(json.dumps(message.model_dump()))
        assert json.dumps(message.additional_kwargs)
        selected = llm.get_tool_calls_from_response(ChatResponse(message=again))
        assert [(each.tool_id, each.tool_kwargs) for each in selected] == [("call_1", {"a": 2, "b": 3})]

    def test_c17_r35_what_came_with_a_call_goes_back(self) -> None:
        self.need_native_tools()
        call = self.format.call(Called("call_1", "add", '{"a": 2, "b": 3}'))
        signed = {**call, "extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
        message = {"role": "assistant", "content": None, "tool_calls": [signed]}
        body = {**self.format.top(), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        wire = Wire(json_reply(body), self._saying(Said("five")))
        llm = self.llm(wire)
        said = llm.chat_with_tools([ADD], "two and three").message
        kept = ChatMessage.model_validate_json(said.model_dump_json())
        result = ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"})
        llm.chat([*user(), kept, result])
        assert "c2lnbmVk" in wire.asked[-1].text

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, (None, "auto")),
            ({"tool_required": True}, ("required",)),
            ({"tool_choice": "none"}, ("none",)),
            ({"tool_choice": "add"}, ({"type": "function", "function": {"name": "add"}},)),
            (
                {"tool_choice": {"type": "function", "function": {"name": "add"}}},
                ({"type": "function", "function": {"name": "add"}},),
            ),
        ],
    )
    def test_c19_r30_tool_choice(self, options: dict[str, Any], expected: tuple[Any, ...]) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        self.llm(wire).chat_with_tools([ADD, NOW], "hello", **options)
        assert wire.last.get("tool_choice") in expected

    @pytest.mark.parametrize("way", ["chat", "achat", "stream_chat", "astream_chat"])
    def test_r31_one_call_where_one_is_wanted(self, way: str) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'), Called("call_2", "now", "{}"))))
        llm = self.llm(wire)
        last = self.with_tools(llm, way, allow_parallel_tool_calls=False)
        assert [each.tool_id for each in llm.get_tool_calls_from_response(last)] == ["call_1"]

    def with_tools(self, llm: Any, way: str, **options: Any) -> ChatResponse:
        """The last response of one of the four ways to chat with tools."""
        if way == "chat":
            return llm.chat_with_tools([ADD, NOW], "hello", **options)  # type: ignore[no-any-return]
        if way == "stream_chat":
            return list(llm.stream_chat_with_tools([ADD, NOW], "hello", **options))[-1]  # type: ignore[no-any-return]

        async def ask() -> ChatResponse:
            if way == "achat":
                return await llm.achat_with_tools([ADD, NOW], "hello", **options)  # type: ignore[no-any-return]
            stream = await llm.astream_chat_with_tools([ADD, NOW], "hello", **options)
            return [response async for response in stream][-1]  # type: ignore[no-any-return]

        return asyncio.run(ask())

    def test_half_written_arguments_are_tolerated(self) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3333333}'),)))
        llm = self.llm(wire)
        seen = [
            each.tool_kwargs
            for item in llm.stream_chat_with_tools([ADD], "hello", allow_parallel_tool_calls=True)
            for each in llm.get_tool_calls_from_response(item, error_on_no_tool_call=False)
        ]
        assert seen[-1] == {"a": 2, "b": 3333333}
        assert all(isinstance(kwargs, dict) for kwargs in seen)

    def test_predict_and_call(self) -> None:
        wire = Wire(lambda asked: self.format.answer(self.format.object({"a": 2, "b": 3}, asked), asked))
        response = self.llm(wire).predict_and_call([ADD], "two and three", tool_required=True)
        assert str(response) == "5"

    def test_an_agent_calls_a_tool_and_answers(self) -> None:
        from llama_index.core.agent.workflow import FunctionAgent

        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'),)), Said("It is five."))
        agent = FunctionAgent(tools=[ADD], llm=self.llm(wire))

        async def run() -> str:
            return str(await agent.run("What is two and three?"))

        assert asyncio.run(run()) == "It is five."
        assert len(wire.asked) == 2
        assert "5" in wire.asked[1].text

    def test_a_react_agent_calls_a_tool_and_answers(self) -> None:
        from llama_index.core.agent.workflow import ReActAgent

        wire = self.says(
            Said('Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}'),
            Said("Thought: I can answer without using any more tools.\nAnswer: It is five."),
        )
        agent = ReActAgent(tools=[ADD], llm=self.llm(wire))

        async def run() -> str:
            return str(await agent.run("What is two and three?"))

        assert asyncio.run(run()) == "It is five."

    # ------------------------------------------------------------------------------------ reasoning

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("spelling", ["reasoning_content", "reasoning"])
    def test_b08_c20_c21_c22_r32_reasoning_is_seen(self, way: str, spelling: str) -> None:
        if not self.has_reasoning:
            pytest.skip("no reasoning")

        def reply(asked: Asked) -> Reply:
            said = Said("Five.", reasoning="two and three are five")
            found = self.format.answer(said, asked)
            renamed = tuple(piece.replace(b"reasoning_content", spelling.encode()) for piece in found.pieces)
            return Reply(found.status, renamed, found.content_type)

        last = self.ask(self.llm(Wire(reply)), way)
        assert _record(last)["thinking"] == "two and three are five"
        assert last.message.content == "Five."

    def test_b08_c24_r34_reasoning_goes_back_where_it_came_from(self) -> None:
        if not self.sends_reasoning_back:
            pytest.skip("the vendor does not take reasoning back")
        wire = self.says(Said("Five.", reasoning="two and three are five"))
        llm = self.llm(wire)
        said = ChatMessage.model_validate_json(llm.chat(user()).message.model_dump_json())
        llm.chat([*user(), said, *user("why?")])
        assert "two and three are five" in wire.asked[-1].text

    def test_reasoning_is_no_part_of_the_text(self) -> None:
        wire = self.says(Said("hi"))
        thought = ThinkingBlock(content="a secret thought")
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[thought, TextBlock(text="Five.")])
        self.llm(wire).chat([*user(), message, *user("why?")])
        assert wire.asked[-1].json["messages"][1]["content"] == "Five."

    # ------------------------------------------------------------------------------------ usage

    @pytest.mark.parametrize("way", WAYS)
    def test_b09_c25_usage_is_where_it_is_looked_for(self, way: str) -> None:
        if "stream" in way and not self.has_stream_usage:
            pytest.skip("the vendor does not count streams")
        last = self.ask(self.llm(self.says(Said("hi", usage=(7, 5)))), way)
        raw = _body(last)
        usage = raw["usage"] if isinstance(raw["usage"], dict) else raw["usage"].model_dump()
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 5)
        assert (last.additional_kwargs["prompt_tokens"], last.additional_kwargs["completion_tokens"]) == (7, 5)

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b09_c25_r37_usage_of_a_stream_is_asked_for(self, way: str) -> None:
        self.need_streams()
        if not self.has_stream_usage:
            pytest.skip("the vendor does not count streams")
        wire = self.says(Said("hi"))
        self.ask(self.llm(wire), way)
        assert wire.last["stream_options"] == {"include_usage": True}

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b09_r38_usage_may_come_in_any_event(self, way: str) -> None:
        self.need_streams()
        events = [*self.format.deltas(Said("hi")), self.format.finish("stop", usage=(7, 5)), self.format.event({})]
        last = self.ask(self.llm(Wire(events_reply(events))), way)
        assert last.additional_kwargs.get("prompt_tokens") == 7
        raw = _body(last)
        assert raw["usage"] is not None

    def test_b09_the_token_counter_counts_what_the_vendor_counts(self) -> None:
        from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

        handler = TokenCountingHandler(tokenizer=lambda _: [0] * 1000)
        llm = self.llm(self.says(Said("hi", usage=(7, 5))))
        llm.callback_manager = CallbackManager([handler])
        llm.chat(user())
        assert (handler.prompt_llm_token_count, handler.completion_llm_token_count) == (7, 5)

    @pytest.mark.parametrize("way", WAYS)
    def test_r40_raw_is_json(self, way: str) -> None:
        last = self.ask(self.llm(self.says(Said("hi"))), way)
        assert isinstance(last.raw, dict)
        assert json.loads(json.dumps(last.raw)) == last.raw
        assert last.raw["choices"][0]["message"]["content"] == "hi"

    # ------------------------------------------------------------------------------------ structured output

    @pytest.mark.parametrize(
        "around", ["{}", "```json\n{}\n```", "<think>Let me {think}.</think>\n```json\n{}\n```", "Here it is: {}"]
    )
    @pytest.mark.parametrize("is_async", [False, True])
    def test_b10_c19_r44_r47_a_structured_answer(self, around: str, is_async: bool) -> None:
        around = around.replace("{think}", "think")
        llm = self.llm(self.gives({"name": "Tom", "age": 3}, around))
        if is_async:
            found = asyncio.run(llm.astructured_predict(Cat, PROMPT, what="fish"))
        else:
            found = llm.structured_predict(Cat, PROMPT, what="fish")
        assert found == Cat(name="Tom", age=3)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b10_r46_a_structured_stream(self, is_async: bool) -> None:
        wire = self.gives({"name": "Thomas the Great", "age": 3})
        llm = self.llm(wire)

        async def collect() -> list[Any]:
            return [found async for found in await llm.astream_structured_predict(Cat, PROMPT, what="fish")]

        found = asyncio.run(collect()) if is_async else list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))
        assert found[-1] == Cat(name="Thomas the Great", age=3)
        names = [name for each in found if (name := getattr(each, "name", None))]
        assert all("Thomas the Great".startswith(name) for name in names)
        if self.format.streams:
            assert len(found) > 1
        if self.format.native_tools:
            assert wire.last.get("response_format") or wire.last.get("tool_choice") not in {None, "auto"}

    @pytest.mark.parametrize("is_async", [False, True])
    @pytest.mark.parametrize("is_stream", [False, True])
    def test_b10_c42_r45_the_system_prompt_is_kept(self, is_async: bool, is_stream: bool) -> None:
        wire = self.gives({"name": "Tom", "age": 3})
        llm = self.llm(wire, system_prompt="You breed cats.")

        async def run() -> None:
            if is_stream:
                _ = [found async for found in await llm.astream_structured_predict(Cat, PROMPT, what="fish")]
            else:
                await llm.astructured_predict(Cat, PROMPT, what="fish")

        if is_async:
            asyncio.run(run())
        elif is_stream:
            list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))
        else:
            llm.structured_predict(Cat, PROMPT, what="fish")
        assert "You breed cats." in wire.asked[-1].text

    def test_b10_c19_an_answer_in_prose_is_a_readable_error(self) -> None:
        llm = self.llm(self.says(Said("I would rather not.")))
        with pytest.raises(Exception, match=r"(?s)(JSON|tool)") as failure:
            llm.structured_predict(Cat, PROMPT, what="fish")
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError, AssertionError))

    def test_b10_as_structured_llm(self) -> None:
        llm = self.llm(self.gives({"name": "Tom", "age": 3})).as_structured_llm(Cat)
        assert llm.chat(user()).raw == Cat(name="Tom", age=3)
        assert llm.complete("a cat").raw == Cat(name="Tom", age=3)

    def test_c41_an_image_and_a_structured_answer(self) -> None:
        if "image" not in self.media:
            pytest.skip("no images")
        wire = self.gives({"name": "Tom", "age": 3})
        image = ChatMessage(role=MessageRole.USER, blocks=[TextBlock(text="Which cat?"), ImageBlock(image=PNG)])
        assert self.llm(wire).as_structured_llm(Cat).chat([image]).raw == Cat(name="Tom", age=3)
        assert _encoded(PNG) in wire.asked[-1].text

    # ------------------------------------------------------------------------------------ content blocks

    def sends(self, block: Any, expected: str, *, kind: str | None = None, role: str = "user") -> None:
        """The block is in the request, or is refused by an error with a name of its own before anything is sent."""
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        message = ChatMessage(role=role, blocks=[TextBlock(text="Look at this."), block])
        if kind is not None and kind not in self.media:
            with pytest.raises(Exception) as failure:  # noqa: PT011
                llm.chat([message])
            assert type(failure.value).__module__ != "builtins"
            assert not wire.asked
            return
        llm.chat([message])
        assert expected in wire.asked[-1].text
        assert "Look at this." in wire.asked[-1].text
        assert "data:None" not in wire.asked[-1].text

    def test_b11_r41_image(self) -> None:
        self.sends(ImageBlock(image=PNG), _encoded(PNG), kind="image")

    def test_b11_r41_image_from_a_file(self, tmp_path: Any) -> None:
        path = tmp_path / "picture"
        path.write_bytes(PNG)
        self.sends(ImageBlock(path=path), f"data:image/png;base64,{_encoded(PNG)}", kind="image")

    def test_b11_r41_audio(self) -> None:
        self.sends(AudioBlock(audio=WAV, format="wav"), _encoded(WAV), kind="audio")

    def test_b11_r41_document(self) -> None:
        self.sends(DocumentBlock(data=PDF, title="report.pdf"), _encoded(PDF), kind="document")

    def test_b11_r42_video(self) -> None:
        block = VideoBlock(video=b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", video_mimetype="video/mp4")
        self.sends(block, "data:video/mp4;base64,", kind="video")

    def test_b11_r42_citable(self) -> None:
        block = CitableBlock(title="Atlas", source="shelf 4", content=[TextBlock(text="Paris is in France.")])
        self.sends(block, "Paris is in France.")

    def test_b11_c14_r42_cache_point(self) -> None:
        self.sends(CachePoint(cache_control=CacheControl(type="ephemeral")), "Look at this.")

    def test_b11_r42_citation(self) -> None:
        block = CitationBlock(
            cited_content=TextBlock(text="Paris"), source="shelf 4", title="Atlas", additional_location_info={}
        )
        self.sends(block, "Look at this.", role="assistant")

    @pytest.mark.parametrize("role", ["system", "assistant", "tool"])
    def test_b11_c13_r41_an_image_does_not_vanish(self, role: str) -> None:
        wire = self.says(Said("hi"))
        blocks = [TextBlock(text="Here it is."), ImageBlock(image=PNG)]
        beside = {"tool_call_id": "call_1"} if role == "tool" else {}
        message = ChatMessage(role=role, blocks=blocks, additional_kwargs=beside)
        before = _history_with_a_call()[:2] if role == "tool" else []
        try:
            self.llm(wire).chat([*before, message, *user("What is it?")])
        except Exception as error:
            assert type(error).__module__ != "builtins"
            assert not wire.asked
        else:
            sent = wire.asked[-1].text
            assert _encoded(PNG) in sent or "an image that this model cannot see" in sent

    # ------------------------------------------------------------------------------------ loops, threads, copies

    def test_b13_c27_r48_every_loop_works(self) -> None:
        wire = self.says(Said("hi"))
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1")

            async def ask() -> str | None:
                return (await llm.achat(user())).message.content  # type: ignore[no-any-return]

            assert [asyncio.run(ask()) for _ in range(3)] == ["hi"] * 3

            async def nested() -> list[str]:
                from llama_index.core.async_utils import asyncio_run

                await llm.achat(user())
                return [asyncio_run(llm.achat(user())).message.content for _ in range(2)]

            assert asyncio.run(nested()) == ["hi", "hi"]
        assert len(wire.asked) == 6

    def test_b13_threads_share_one_model(self) -> None:
        wire = self.says(Said("hi"))
        found: list[str | None] = []
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1")

            def ask() -> None:
                found.append(llm.chat(user()).message.content)

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == ["hi"] * 8

    def test_b14_r49_a_pickle_after_use_works(self) -> None:
        wire = self.says(Said("hi"))
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1", temperature=0.25)
            llm.chat(user())
            again = pickle.loads(pickle.dumps(llm))
            assert again.chat(user()).message.content == "hi"
            assert llm.chat(user()).message.content == "hi"
        assert "0.25" in wire.asked[1].text

    def test_b14_r49_a_deep_copy_after_use_works(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat(user())
        asyncio.run(llm.achat(user()))
        assert copy.deepcopy(llm).chat(user()).message.content == "hi"

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b14_r08_a_copy_with_another_key_uses_it(self, is_async: bool) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)

        def ask(asked: Any) -> None:
            if is_async:
                asyncio.run(asked.achat(user()))
            else:
                asked.chat(user())

        ask(llm)
        ask(llm.model_copy(update={"api_key": OTHER_KEY}))
        ask(llm)
        assert [OTHER_KEY in str(asked.headers) for asked in wire.asked] == [False, True, False]

    def test_b14_r08_a_field_that_is_changed_takes_effect(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat(user())
        llm.model = "another-model"
        llm.temperature = 0.75
        llm.api_key = OTHER_KEY
        llm.chat(user())
        assert wire.last["model"] == "another-model"
        assert "0.75" in wire.asked[-1].text
        assert OTHER_KEY in str(wire.asked[-1].headers)
        assert llm.metadata.model_name == "another-model"

    def test_b14_a_stored_model_comes_back(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire, temperature=0.25)
        again = type(llm).from_dict(llm.to_dict(), api_key=KEY)
        assert again.temperature == 0.25
        assert again.metadata == llm.metadata
        assert again.to_dict() == llm.to_dict()

    def test_b14_another_key_is_the_same_model_to_a_cache(self) -> None:
        wire = self.says(Said("hi"))
        assert str(self.llm(wire).to_dict()) == str(self.llm(wire, api_key=OTHER_KEY).to_dict())

    # ------------------------------------------------------------------------------------ events

    @pytest.mark.parametrize("way", WAYS)
    def test_one_start_and_one_end_per_chat(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.ask(llm, way)
        assert seen.count("ChatStartEvent", "CompletionStartEvent") == 1
        assert seen.count("ChatEndEvent", "CompletionEndEvent") == 1

    @pytest.mark.parametrize("way", COMPLETIONS)
    def test_one_start_and_one_end_per_completion(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.complete(llm, way)
        assert seen.count("ChatStartEvent", "CompletionStartEvent") == 1
        assert seen.count("ChatEndEvent", "CompletionEndEvent") == 1

    @pytest.mark.parametrize("way", [*WAYS, *COMPLETIONS])
    def test_one_request_for_a_rate_limiter_per_call(self, way: str) -> None:
        from llama_index.core.rate_limiter import BaseRateLimiter

        class Counting(BaseRateLimiter):
            count = 0

            def acquire(self, num_tokens: int = 0) -> None:  # noqa: ARG002
                self.count += 1

            async def async_acquire(self, num_tokens: int = 0) -> None:
                self.acquire(num_tokens)

        llm = self.llm(self.says(Said("hi")))
        llm.rate_limiter = Counting()
        if way in WAYS:
            self.ask(llm, way)
        else:
            self.complete(llm, way)
        assert llm.rate_limiter.count == 1


# ------------------------------------------------------------------------------------------------ what tests look at


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _body(response: ChatResponse) -> Any:
    """The raw answer, as token counters read it."""
    raw: Any = response.raw
    return raw if isinstance(raw, dict) else dict(raw)


def _history_with_a_call() -> list[ChatMessage]:
    call = ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"a": 2, "b": 3})
    return [
        *user("two and three?"),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
        ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"}),
        *user("and again?"),
    ]


def _record(response: ChatResponse) -> dict[str, Any]:
    """What a response comes to, whatever way it came."""
    blocks = response.message.blocks
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    return {
        "text": "".join(block.text for block in blocks if isinstance(block, TextBlock)),
        "thinking": "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
        "calls": [(call.tool_call_id, call.tool_name, _read(call.tool_kwargs)) for call in calls],
        "order": [type(block).__name__ for block in blocks],
    }


def _read(kwargs: Any) -> Any:
    return json.loads(kwargs or "{}") if isinstance(kwargs, str) else kwargs


def _call_events(format: OpenAIFormat, shape: str) -> list[dict[str, Any]]:
    """Two calls of `add` in one of the shapes that servers are known to send."""
    first, second = '{"a": 1, "b": 2}', '{"a": 3, "b": 4}'

    def piece(arguments: str, *, id: str | None = None, index: int | None = None) -> dict[str, Any]:
        function = {"arguments": arguments} if id is None else {"name": "add", "arguments": arguments}
        fragment: dict[str, Any] = {"function": function}
        if id is not None:
            fragment |= {"id": id, "type": "function"}
        return fragment if index is None else {"index": index, **fragment}

    shapes = {
        "several_in_one_event": [[piece(first, id="one", index=0), piece(second, id="two", index=1)]],
        "new_id_same_index": [
            [piece(first[:5], id="one", index=0)],
            [piece(first[5:], index=0)],
            [piece(second[:5], id="two", index=0)],
            [piece(second[5:], index=0)],
        ],
        "interleaved": [
            [piece("", id="one", index=0)],
            [piece("", id="two", index=1)],
            [piece(first[:5], index=0)],
            [piece(second[:5], index=1)],
            [piece(first[5:], index=0)],
            [piece(second[5:], index=1)],
        ],
        "no_index": [[piece(first, id="one")], [piece(second, id="two")]],
        "whole_arguments": [[piece(first, id="one", index=0)], [piece(second, id="two", index=1)]],
    }
    return [format.event({"tool_calls": fragments}) for fragments in shapes[shape]]
