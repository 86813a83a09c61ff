"""How the tests of an LLM ask it: four ways to chat, four to complete, and what they look at in the responses."""

# ruff: noqa: RUF012

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers.base import BaseEventHandler

from llamaindex_multiapi.testing.wire import Asked, OpenAIFormat, Reply, Said, Wire

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


class LLMAsking:
    """What a subclass says of its LLM, and what its tests ask it with."""

    format: OpenAIFormat = OpenAIFormat()
    model: str = "test-model"
    unknown_model: str = "somebody/a-model-of-tomorrow"
    smallest_context_window: int = 8_192
    """Below this a window is called absurdly small for a model of today."""
    has_reasoning: bool = True
    sends_reasoning_back: bool = True
    has_stream_usage: bool = True
    """Token counts of streams can be had (from providers that count them when they are asked to)."""
    media: frozenset[str] = frozenset({"image", "audio", "video", "document"})
    """The kinds of media that the provider takes; the others must be refused by name."""
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
        """Skip where the provider has no streams."""
        if not self.format.streams:
            pytest.skip("no stream on the wire")

    def need_native_tools(self) -> None:
        """Skip where the provider has no tool calls of its own."""
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


def encoded(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode()


def body_of(response: ChatResponse) -> Any:
    """The raw response, as token counters read it."""
    raw: Any = response.raw
    return raw if isinstance(raw, dict) else dict(raw)


def history_with_a_call() -> list[ChatMessage]:
    """Return a conversation in which a tool was called."""
    call = ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"a": 2, "b": 3})
    return [
        *user("two and three?"),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
        ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"}),
        *user("and again?"),
    ]


def record(response: ChatResponse) -> dict[str, Any]:
    """What a response comes to, whatever way it came."""
    blocks = response.message.blocks
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    return {
        "text": "".join(block.text for block in blocks if isinstance(block, TextBlock)),
        "thinking": "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
        "calls": [(call.tool_call_id, call.tool_name, read_arguments(call.tool_kwargs)) for call in calls],
        "order": [type(block).__name__ for block in blocks],
    }


def read_arguments(kwargs: Any) -> Any:
    """Return the arguments of a call, which may be JSON."""
    return json.loads(kwargs or "{}") if isinstance(kwargs, str) else kwargs
