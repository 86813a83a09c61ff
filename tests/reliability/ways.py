"""The ways to ask for an answer: core, LangChain and LlamaIndex, at once and streamed, sync and async, all in one form.

Each call is watched: whatever else a test is about, it fails if the key, the prompt or the answer is in a log record, if the key
is in an exception or in a frame of its traceback, or if an exception is none of ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.types.chat import ChatRequest, ChatResponse, Message, Tool
from tests.reliability.leaks import leak_in_error, watched_logs

PROMPT = "please tell me PROMPT-MARK-7315"
TEXT = "gladly: ANSWER-MARK-9264 é"
VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
STREAMING_VENDORS = ("binom_router", "aimlapi", "aicredits")
KEYS = {name: f"sk-MARKED-{name}-0f1e2d3c4b5a69788796a5b4" for name in VENDORS}
ENVIRONMENT = {name: name.upper() for name in VENDORS}
AUTH_HEADER = {name: "api-key" if name == "bineric" else "authorization" for name in VENDORS}

WEATHER = Tool("get_weather", "The weather", {"type": "object", "properties": {"city": {"type": "string"}}})


@dataclass
class Outcome:
    """What came of a call."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    invalid_calls: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[tuple[float, str]] = field(default_factory=list)
    usage: tuple[int | None, int | None] | None = None
    reasoning: str = ""
    response: Any = None
    error: BaseException | None = None
    seconds: float = 0.0
    log: str = ""

    def good(self) -> Outcome:
        """This, or what went wrong."""
        if self.error is not None:
            raise AssertionError(f"expected an answer, got {self.error!r}") from self.error
        return self

    def failed(self, *kinds: type[BaseException]) -> Any:
        """The error, which must be one of these."""
        assert self.error is not None, f"expected an error, got {self.text!r}"
        assert isinstance(self.error, kinds or MultiApiError), repr(self.error)
        return self.error


@dataclass(frozen=True)
class Way:
    """One way to call."""

    name: str
    run: Callable[..., Outcome]
    is_stream: bool = False
    is_async: bool = False

    def ask(
        self,
        url: str,
        provider: str = "aimlapi",
        *,
        expect_ours: bool = True,
        tools: bool = False,
        prompt: str = PROMPT,
        quiet: bool = True,
        **settings: Any,
    ) -> Outcome:
        """Ask once."""
        key = settings.pop("api_key", KEYS[provider])
        settings = {"provider": provider, "api_key": key, "base_url": url, **settings}
        began = time.monotonic()
        outcome = Outcome()
        with watched_logs() as watch:
            try:
                self.run(outcome, settings, tools, prompt)
            except Exception as error:
                outcome.error = error
        outcome.seconds = time.monotonic() - began
        outcome.log = watch.text()
        if quiet:
            check_quiet(outcome.log, key if isinstance(key, str) else KEYS[provider])
        if outcome.error is not None:
            if expect_ours:
                assert isinstance(outcome.error, MultiApiError), repr(outcome.error)
            leak = leak_in_error(outcome.error, key if isinstance(key, str) else KEYS[provider])
            assert leak is None, leak
        return outcome


def check_quiet(log: str, key: str) -> None:
    """No key, prompt or answer is in a log."""
    for secret in (key, "PROMPT-MARK-7315", "ANSWER-MARK-9264"):
        assert secret not in log, [line[:500] for line in log.splitlines() if secret in line][:3]


def request(model: str = "m", *, tools: bool = False, prompt: str = PROMPT) -> ChatRequest:
    """The conversation that is asked about."""
    return ChatRequest(model=model, messages=[Message("user", prompt)], tools=[WEATHER] if tools else ())


def _take(outcome: Outcome, response: ChatResponse) -> None:
    import orjson

    outcome.response = response
    outcome.text = response.text
    outcome.calls = [(call.name, orjson.loads(call.arguments)) for call in response.tool_calls]
    outcome.invalid_calls = [(call.name, call.arguments) for call in response.invalid_tool_calls]
    outcome.usage = (response.usage.input_tokens, response.usage.output_tokens) if response.usage else None
    outcome.reasoning = response.reasoning.text if response.reasoning else ""


# ------------------------------------------------------------------------------------------------ core


def core_chat(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    _take(outcome, Client(**settings).chat(request(tools=tools, prompt=prompt)))


def core_achat(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    _take(outcome, asyncio.run(AsyncClient(**settings).chat(request(tools=tools, prompt=prompt))))


def core_stream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    for delta in Client(**settings).chat_stream(request(tools=tools, prompt=prompt)):
        outcome.pieces.append((time.monotonic(), delta.text))
        if delta.response is not None:
            _take(outcome, delta.response)
    assert outcome.response is not None
    assert "".join(text for _, text in outcome.pieces) == outcome.text


def core_astream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    async def main() -> None:
        async for delta in AsyncClient(**settings).chat_stream(request(tools=tools, prompt=prompt)):
            outcome.pieces.append((time.monotonic(), delta.text))
            if delta.response is not None:
                _take(outcome, delta.response)

    asyncio.run(main())
    assert outcome.response is not None


# ------------------------------------------------------------------------------------------------ LangChain


def _chat_model(settings: dict[str, Any], tools: bool) -> Any:
    from langchain_multiapi import ChatMultiApi

    model: Any = ChatMultiApi(model="m", **settings)
    if tools:
        function = {"name": WEATHER.name, "description": WEATHER.description, "parameters": dict(WEATHER.parameters)}
        model = model.bind_tools([{"type": "function", "function": function}])
    return model


def _take_message(outcome: Outcome, message: Any) -> None:
    outcome.response = message
    outcome.text = message.text
    outcome.calls = [(call["name"], call["args"]) for call in message.tool_calls]
    outcome.invalid_calls = [(call["name"], call["args"]) for call in message.invalid_tool_calls]
    usage = message.usage_metadata
    outcome.usage = (usage["input_tokens"], usage["output_tokens"]) if usage else None
    outcome.reasoning = str(message.additional_kwargs.get("reasoning_content") or "")


def langchain_invoke(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    _take_message(outcome, _chat_model(settings, tools).invoke(prompt))


def langchain_ainvoke(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    _take_message(outcome, asyncio.run(_chat_model(settings, tools).ainvoke(prompt)))


def langchain_stream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    whole = None
    for piece in _chat_model(settings, tools).stream(prompt):
        outcome.pieces.append((time.monotonic(), piece.text))
        whole = piece if whole is None else whole + piece
    _take_message(outcome, whole)


def langchain_astream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    async def main() -> Any:
        whole = None
        async for piece in _chat_model(settings, tools).astream(prompt):
            outcome.pieces.append((time.monotonic(), piece.text))
            whole = piece if whole is None else whole + piece
        return whole

    _take_message(outcome, asyncio.run(main()))


# ------------------------------------------------------------------------------------------------ LlamaIndex


def _llm(settings: dict[str, Any]) -> Any:
    from llamaindex_multiapi import MultiApiLLM

    return MultiApiLLM(model="m", context_window=32_000, **settings)


def _llama_arguments(tools: bool, prompt: str) -> dict[str, Any]:
    from llama_index.core.llms import ChatMessage

    arguments: dict[str, Any] = {"messages": [ChatMessage(role="user", content=prompt)]}
    if tools:
        function = {"name": WEATHER.name, "description": WEATHER.description, "parameters": dict(WEATHER.parameters)}
        arguments["tools"] = [{"type": "function", "function": function}]
    return arguments


def _take_llama(outcome: Outcome, llm: Any, response: Any) -> None:
    from llama_index.core.base.llms.types import ThinkingBlock

    from multiapi.formats.tool_arguments import INVALID_ARGUMENTS

    outcome.response = response
    outcome.text = response.message.content or ""
    found = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    wrong = [call for call in found if INVALID_ARGUMENTS in call.tool_kwargs]
    outcome.calls = [(call.tool_name, call.tool_kwargs) for call in found if call not in wrong]
    outcome.invalid_calls = [(call.tool_name, call.tool_kwargs[INVALID_ARGUMENTS]) for call in wrong]
    usage = response.additional_kwargs
    outcome.usage = (usage.get("prompt_tokens"), usage.get("completion_tokens")) if "prompt_tokens" in usage else None
    blocks = [block for block in response.message.blocks if isinstance(block, ThinkingBlock)]
    outcome.reasoning = "".join(block.content or "" for block in blocks)


def llamaindex_chat(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    llm = _llm(settings)
    _take_llama(outcome, llm, llm.chat(**_llama_arguments(tools, prompt)))


def llamaindex_achat(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    llm = _llm(settings)
    _take_llama(outcome, llm, asyncio.run(llm.achat(**_llama_arguments(tools, prompt))))


def llamaindex_stream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    llm, last = _llm(settings), None
    for view in llm.stream_chat(**_llama_arguments(tools, prompt)):
        outcome.pieces.append((time.monotonic(), view.delta or ""))
        last = view
    _take_llama(outcome, llm, last)


def llamaindex_astream(outcome: Outcome, settings: dict[str, Any], tools: bool, prompt: str) -> None:
    llm = _llm(settings)

    async def main() -> Any:
        last = None
        async for view in await llm.astream_chat(**_llama_arguments(tools, prompt)):
            outcome.pieces.append((time.monotonic(), view.delta or ""))
            last = view
        return last

    _take_llama(outcome, llm, asyncio.run(main()))


ALL = (
    Way("core_chat", core_chat),
    Way("core_achat", core_achat, is_async=True),
    Way("core_stream", core_stream, is_stream=True),
    Way("core_astream", core_astream, is_stream=True, is_async=True),
    Way("langchain_invoke", langchain_invoke),
    Way("langchain_ainvoke", langchain_ainvoke, is_async=True),
    Way("langchain_stream", langchain_stream, is_stream=True),
    Way("langchain_astream", langchain_astream, is_stream=True, is_async=True),
    Way("llamaindex_chat", llamaindex_chat),
    Way("llamaindex_achat", llamaindex_achat, is_async=True),
    Way("llamaindex_stream", llamaindex_stream, is_stream=True),
    Way("llamaindex_astream", llamaindex_astream, is_stream=True, is_async=True),
)
WHOLE = tuple(way for way in ALL if not way.is_stream)
STREAMED = tuple(way for way in ALL if way.is_stream)
CORE = tuple(way for way in ALL if way.name.startswith("core"))


def every(ways: tuple[Way, ...]) -> Any:
    """A test for each of these ways."""
    return pytest.mark.parametrize("way", ways, ids=[way.name for way in ways])


every_way = every(ALL)
every_whole_way = every(WHOLE)
every_stream = every(STREAMED)
every_core_way = every(CORE)
every_vendor = pytest.mark.parametrize("vendor", VENDORS)
CHAT = CORE[0]
"""The plainest way, for what does not depend on the way."""
