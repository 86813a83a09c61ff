"""Histories: what the product has answered goes back in a form that each provider's contract takes, and says the same. In the core and in
both frameworks.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    DocumentBlock,
    ImageBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.llms import ChatMessage, TextBlock
from llama_index.core.tools import FunctionTool

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import (
    ChatRequest,
    Client,
    MediaPart,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.tool_arguments import INVALID_ARGUMENTS, arguments_object
from multiapi.formats.unseen_media import _SAID
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from multiapi.types.chat import Reasoning

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MARK = {"type": "ephemeral"}
VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
MODELS = {"bineric": "gpt-4", "binobox": "gpt-4o"}
OSLO = '{"city":"Oslo"}'
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Wire:
    """Answers what it is told to, or as the provider's simulator does; keeps what it was sent."""

    def __init__(self, vendor: str, *answers: dict[str, Any]) -> None:
        self.vendor = vendor
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.simulator = Simulator(seed=3)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        if self.answers:
            return httpx.Response(200, json=self.answers.pop(0))
        return self.simulator.transport.handle_request(request)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "provider": self.vendor,
            "model": MODELS.get(self.vendor, "openai/gpt-4o"),
            "api_key": "any-key-1234",
            "max_retries": 0,
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            **more,
        }

    def core(self) -> Client:
        return Client(self.vendor, api_key="any-key-1234", http_client=self.settings()["http_client"], max_retries=0)


def whole(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    return {"id": "a1", "model": "m", "choices": [choice], "usage": usage}


def call(id: str, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


SIGNED = [{"type": "reasoning.encrypted", "data": "ABC", "id": "c1", "index": 0}]
ANSWERS: dict[str, dict[str, Any]] = {
    "text": whole({"content": "hello"}),
    "empty": whole({"content": ""}),
    "nothing": whole({"content": None}),
    "thoughts only": whole({"content": "", "reasoning_content": "hm"}, "length"),
    "refusal": whole({"content": None, "refusal": "no"}),
    "call": whole({"content": None, "tool_calls": [call("c1", "look", OSLO)]}, "tool_calls"),
    "two calls": whole(
        {"content": "see", "tool_calls": [call("c1", "look", OSLO), call("c2", "look", "{}")]}, "tool_calls"
    ),
    "cut call": whole({"content": "", "tool_calls": [call("c1", "look", '{"city":"Os')]}, "length"),
    "list": whole({"content": "", "tool_calls": [call("c1", "look", "[1,2]")]}, "tool_calls"),
    "words": whole({"content": "", "tool_calls": [call("c1", "look", '"text"')]}, "tool_calls"),
    "something behind": whole({"content": "", "tool_calls": [call("c1", "look", OSLO + " and so on")]}, "tool_calls"),
    "no arguments": whole({"content": "", "tool_calls": [call("c1", "look", "")]}, "tool_calls"),
    "signed": whole(
        {"content": "", "tool_calls": [call("c1", "look", OSLO)], "reasoning_details": SIGNED}, "tool_calls"
    ),
    "signature beside": whole(
        {
            "content": None,
            "tool_calls": [call("c1", "look", OSLO, extra_content={"google": {"thought_signature": "S"}})],
        },
        "tool_calls",
    ),
    "odd name": whole({"content": None, "tool_calls": [call("c1", "a b/c", OSLO)]}, "tool_calls"),
}


def through(framework: str, wire: Wire) -> list[dict[str, Any]]:
    """Ask, give the answer back with results for its calls, and say something more; the body of the second request."""
    if framework == "core":
        client = wire.core()
        tools = [Tool("look", "d", LOOK["function"]["parameters"])]  # type: ignore[index]
        answer = client.chat(ChatRequest(model=wire.settings()["model"], messages=[Message("user", "q")], tools=tools))
        calls = [*answer.tool_calls, *(ToolCall(bad.id, bad.name, bad.arguments) for bad in answer.invalid_tool_calls)]
        history = [
            Message("user", "q"),
            answer.to_message()._replace(tool_calls=calls),
            *(Message("tool", "r", tool_call_id=each.id) for each in calls),
        ]
        client.chat(ChatRequest(model=wire.settings()["model"], messages=history, tools=tools))
    elif framework == "langchain":
        model = ChatMultiApi(**wire.settings()).bind_tools([LOOK])
        told = model.invoke([HumanMessage("q")])
        ids = [each["id"] for each in (*told.tool_calls, *told.invalid_tool_calls)]
        model.invoke([HumanMessage("q"), told, *(ToolMessage("r", tool_call_id=id) for id in ids)])
    else:
        llm = MultiApiLLM(**wire.settings())
        said = llm.chat([ChatMessage(role="user", content="q")], tools=[LOOK]).message
        found = [block.tool_call_id for block in said.blocks if isinstance(block, ToolCallBlock)]
        results = [ChatMessage(role="tool", content="r", additional_kwargs={"tool_call_id": id}) for id in found]
        llm.chat([ChatMessage(role="user", content="q"), said, *results], tools=[LOOK])
    return wire.bodies[-1]["messages"]


@pytest.mark.parametrize("framework", ["core", "langchain", "llamaindex"])
@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits"])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_goes_back_as_the_contract_takes_it_and_says_the_same(name: str, vendor: str, framework: str) -> None:
    wire = Wire(vendor, ANSWERS[name])
    user, *rest = through(framework, wire)  # the simulator refuses what the contract does
    assert user == {"role": "user", "content": "q"}
    given = ANSWERS[name]["choices"][0]["message"]
    said = given["content"] or given.get("refusal")
    calls = given.get("tool_calls") or []
    has_thoughts = vendor == "aimlapi" and "reasoning_content" in given
    if not said and not calls and not has_thoughts:
        assert rest == []
        return
    answer, *results = rest
    assert (answer.get("content") or None) == (said or None)
    sent = answer.get("tool_calls", [])
    assert [each["id"] for each in sent] == [each["id"] for each in calls]
    assert [each["tool_call_id"] for each in results] == [each["id"] for each in calls]
    for each, told in zip(sent, calls, strict=True):
        arguments = json.loads(each["function"]["arguments"])
        assert isinstance(arguments, dict)
        wrote = told["function"]["arguments"]
        assert arguments == json.loads(arguments_object(wrote))
        assert arguments.get(INVALID_ARGUMENTS, wrote) == wrote
        assert each.get("extra_content") == told.get("extra_content")
    assert answer.get("reasoning_details") == given.get("reasoning_details")


@pytest.mark.parametrize("framework", ["core", "langchain", "llamaindex"])
def test_signed_thoughts_go_back_until_the_user_speaks_again_and_plain_ones_as_before(framework: str) -> None:
    plain = whole({"content": "", "reasoning_content": "hm", "tool_calls": [call("c1", "look", OSLO)]}, "tool_calls")
    assert "reasoning_content" not in through(framework, Wire("aicredits", plain))[1]
    for replay, expected in (("auto", None), ("never", None), ("always", SIGNED), ("with_tools", SIGNED)):
        details = Reasoning(details=tuple(SIGNED), provider="aicredits", model="m")
        history = [
            Message("user", "q"),
            Message("assistant", tool_calls=[ToolCall("c1", "look", OSLO)], reasoning=details),
            Message("tool", "r", tool_call_id="c1"),
        ]
        build = PROVIDERS["aicredits"].chat.build
        over = build(ChatRequest(model="m", messages=[*history, Message("user", "next")], reasoning_replay=replay)).json
        assert over["messages"][1].get("reasoning_details") == expected  # type: ignore[index]
        within = build(ChatRequest(model="m", messages=history, reasoning_replay=replay)).json
        assert within["messages"][1].get("reasoning_details") == (None if replay == "never" else SIGNED)  # type: ignore[index]
        other = build(ChatRequest(model="n", messages=history, reasoning_replay=replay)).json
        assert "reasoning_details" not in other["messages"][1]  # type: ignore[index]


def test_a_conversation_in_which_nobody_says_anything_is_refused() -> None:
    for vendor in VENDORS:
        with pytest.raises(InvalidRequestError, match="at least one message"):
            Wire(vendor).core().chat(ChatRequest(model="m", messages=[Message("assistant", "")]))


# ------------------------------------------------------------------------------------------------ marks


def marked(framework: str, wire: Wire) -> dict[str, Any]:
    """Send a conversation with a mark at every place; the body."""
    if framework == "core":
        part = lambda text: [TextPart(text, MARK)]
        request = ChatRequest(
            model=wire.settings()["model"],
            tools=[Tool("look", "d", LOOK["function"]["parameters"], cache_control=MARK)],  # type: ignore[index]
            messages=[
                Message("system", part("s")),
                Message("user", part("q")),
                Message("assistant", part("a"), tool_calls=[ToolCall("c1", "look", "{}")]),
                Message("tool", part("r"), tool_call_id="c1"),
            ],
        )
        wire.core().chat(request)
    elif framework in {"langchain", "blocks with extras", "messages", "anthropic", "BaseTool"}:
        mark: Any = (
            {"extras": {"cache_control": MARK}} if framework == "blocks with extras" else {"cache_control": MARK}
        )
        on = framework == "messages"
        content = (lambda text: text) if on else (lambda text: [{"type": "text", "text": text, **mark}])
        more: dict[str, Any] = {"additional_kwargs": {"cache_control": MARK}} if on else {}
        tools: dict[str, Any] = {
            "anthropic": {
                "name": "look",
                "description": "d",
                "input_schema": LOOK["function"]["parameters"],
                "cache_control": MARK,
            },  # type: ignore[index]
            "BaseTool": StructuredTool.from_function(
                lambda city: city, name="look", description="d", extras={"cache_control": MARK}
            ),
        }
        tool = tools.get(framework, {**LOOK, "cache_control": MARK})
        ChatMultiApi(**wire.settings()).bind_tools([tool]).invoke(
            [
                SystemMessage(content("s"), **more),
                HumanMessage(content("q"), **more),
                AIMessage(content("a"), tool_calls=[{"name": "look", "args": {}, "id": "c1"}], **more),
                ToolMessage(content("r"), tool_call_id="c1", **more),
            ]
        )
    else:
        point = CachePoint(cache_control=CacheControl(type="ephemeral"))
        on = framework == "messages of LlamaIndex"
        told = {"cache_control": MARK} if on else {}
        blocks = lambda text, *more: [TextBlock(text=text), *more, *(() if on else (point,))]
        used = ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={})
        MultiApiLLM(**wire.settings()).chat(
            [
                ChatMessage(role="system", blocks=blocks("s"), additional_kwargs=told),
                ChatMessage(role="user", blocks=blocks("q"), additional_kwargs=told),
                ChatMessage(role="assistant", blocks=[*blocks("a"), used], additional_kwargs=told),
                ChatMessage(role="tool", blocks=blocks("r"), additional_kwargs={"tool_call_id": "c1", **told}),
            ],
            tools=[{**LOOK, "cache_control": MARK}],
        )
    return wire.bodies[-1]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "framework",
    [
        "core",
        "langchain",
        "blocks with extras",
        "messages",
        "anthropic",
        "BaseTool",
        "llamaindex",
        "messages of LlamaIndex",
    ],
)
def test_a_mark_at_every_place_reaches_the_wire_where_the_provider_knows_it(framework: str, vendor: str) -> None:
    body = marked(framework, Wire(vendor))
    if vendor in {"bineric", "binobox"}:
        assert "cache_control" not in json.dumps(body)
        return
    expected = {vendor != "aimlapi": (False, True, False, False), vendor == "aimlapi": (True,) * 4}[True]
    for message, is_marked in zip(body["messages"], expected, strict=True):
        content = message["content"]
        text = {"system": "s", "user": "q", "assistant": "a", "tool": "r"}[message["role"]]
        assert content == ([{"type": "text", "text": text, "cache_control": MARK}] if is_marked else text)
    assert body["tools"][0].get("cache_control") == (MARK if vendor == "aimlapi" else None)
    assert "cache_control" not in body["tools"][0]["function"]


# ------------------------------------------------------------------------------------------------ media

WAV = (
    b"RIFF"
    + (236).to_bytes(4, "little")
    + b"WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"
    + (200).to_bytes(4, "little")
)
SAMPLES = {
    "image": ("image/png", PNG),
    "audio": ("audio/wav", base64.b64encode(WAV + bytes(200)).decode()),
    "video": (
        "video/mp4",
        base64.b64encode(bytes.fromhex("000000186674797069736f6d0000020069736f6d69736f32") + bytes(64)).decode(),
    ),
    "file": ("application/pdf", base64.b64encode(b"%PDF-1.4\n%%EOF").decode()),
}
TAKES = {
    "aimlapi": {"image", "audio", "video", "file"},
    "aicredits": {"image"},
    "binom_router": {"image"},
    "bineric": {"image", "audio", "file"},
    "binobox": set(),
}


def send_media(framework: str, wire: Wire, kind: str, role: str) -> None:
    mime_type, data = SAMPLES[kind]
    text = {"user": "look at this", "tool": "made it", "assistant": "here"}[role]
    if framework == "core":
        content = [TextPart(text), MediaPart(kind, data=data, mime_type=mime_type)]  # type: ignore[arg-type]
        made = {
            "user": [Message("user", content)],
            "tool": [
                Message("user", "q"),
                Message("assistant", tool_calls=[ToolCall("c1", "look", "{}")]),
                Message("tool", content, tool_call_id="c1"),
            ],
            "assistant": [Message("user", "q"), Message("assistant", content), Message("user", "go on")],
        }
        tools = [Tool("look", "d", LOOK["function"]["parameters"])]  # type: ignore[index]
        wire.core().chat(ChatRequest(model=wire.settings()["model"], messages=made[role], tools=tools))
    elif framework == "langchain":
        blocks: list[Any] = [{"type": "text", "text": text}, {"type": kind, "base64": data, "mime_type": mime_type}]
        used = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])
        told: dict[str, list[Any]] = {
            "user": [HumanMessage(blocks)],
            "tool": [HumanMessage("q"), used, ToolMessage(blocks, tool_call_id="c1")],
            "assistant": [HumanMessage("q"), AIMessage(blocks), HumanMessage("go on")],
        }
        ChatMultiApi(**wire.settings()).bind_tools([LOOK]).invoke(told[role])
    else:
        raw = base64.b64decode(data)
        block = {
            "image": lambda: ImageBlock(image=raw),
            "audio": lambda: AudioBlock(audio=raw, format="wav"),
            "video": lambda: VideoBlock(video=raw, video_mimetype=mime_type),
            "file": lambda: DocumentBlock(data=raw, document_mimetype=mime_type),
        }[kind]()
        both: list[Any] = [TextBlock(text=text), block]
        calls = ChatMessage(
            role="assistant", blocks=[ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={})]
        )
        said: dict[str, list[ChatMessage]] = {
            "user": [ChatMessage(role="user", blocks=both)],
            "tool": [
                ChatMessage(role="user", content="q"),
                calls,
                ChatMessage(role="tool", blocks=both, additional_kwargs={"tool_call_id": "c1"}),
            ],
            "assistant": [
                ChatMessage(role="user", content="q"),
                ChatMessage(role="assistant", blocks=both),
                ChatMessage(role="user", content="go on"),
            ],
        }
        MultiApiLLM(**wire.settings()).chat(said[role], tools=[LOOK])


@pytest.mark.parametrize("framework", ["core", "langchain", "llamaindex"])
@pytest.mark.parametrize(("vendor", "kind"), list(itertools.product(VENDORS, SAMPLES)))
@pytest.mark.parametrize("role", ["user", "tool", "assistant"])
def test_media_that_no_user_sent_never_end_a_conversation(role: str, vendor: str, kind: str, framework: str) -> None:
    wire = Wire(vendor)
    if kind in TAKES[vendor]:
        send_media(framework, wire, kind, role)
        if role != "assistant" or framework != "langchain":
            assert SAMPLES[kind][1] in json.dumps(wire.bodies[-1]).replace("\\/", "/")
    elif role == "user":
        with pytest.raises(UnsupportedError):
            send_media(framework, wire, kind, role)
    else:
        send_media(framework, wire, kind, role)
        told = json.dumps(wire.bodies[-1])
        assert SAMPLES[kind][1] not in told
        assert "that this model cannot" in told or framework == "langchain"


def test_the_note_is_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    _SAID.clear()
    with caplog.at_level(logging.WARNING, "multiapi"):
        for _ in range(3):
            send_media("core", Wire("binobox"), "image", "tool")
    assert len([record for record in caplog.records if "media" in record.message]) == 1


def test_bineric_takes_no_address_and_a_tools_picture_by_address_is_told() -> None:
    wire = Wire("bineric")
    content = [TextPart("made it"), MediaPart("image", url="https://example.com/a.png")]
    messages = [
        Message("user", "q"),
        Message("assistant", tool_calls=[ToolCall("c1", "look", "{}")]),
        Message("tool", content, tool_call_id="c1"),
    ]
    wire.core().chat(ChatRequest(model="gpt-4", messages=messages, tools=[Tool("look", "d")]))
    assert "https://example.com/a.png" in json.dumps(wire.bodies[-1])


# ------------------------------------------------------------------------------------------------ tools without parameters


@pytest.mark.parametrize("parameters", [{"type": "object"}, {"properties": {}}, {}, None])
def test_tools_without_parameters_say_so(parameters: Any) -> None:
    expected = {"type": "object", "properties": {}}
    form = {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters}}

    def sent(ask: Any) -> Any:
        wire = Wire("aimlapi")
        ask(wire)
        return wire.bodies[-1]["tools"][0]["function"]["parameters"]

    def core(wire: Wire) -> None:
        tools = [Tool("f", "d", parameters)]
        wire.core().chat(ChatRequest(model="openai/gpt-4o", messages=[Message("user", "x")], tools=tools))

    assert sent(core) == expected
    assert sent(lambda wire: ChatMultiApi(**wire.settings()).bind_tools([form]).invoke("x")) == expected
    assert sent(lambda wire: MultiApiLLM(**wire.settings()).chat([ChatMessage(content="x")], tools=[form])) == expected
    anthropic = {"name": "f", "description": "d", "input_schema": parameters or {}}
    assert sent(lambda wire: ChatMultiApi(**wire.settings()).bind_tools([anthropic]).invoke("x")) == expected
    made = StructuredTool(name="f", description="d", args_schema={"type": "object"}, func=lambda: "x")
    assert sent(lambda wire: ChatMultiApi(**wire.settings()).bind_tools([made]).invoke("x")) == expected
    tool = FunctionTool.from_defaults(lambda: "x", name="f", description="d")
    assert sent(lambda wire: MultiApiLLM(**wire.settings()).chat_with_tools([tool], "x"))["properties"] == {}
