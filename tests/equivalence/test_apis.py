"""One conversation by each protocol of a provider, whole and streamed, by the core and both frameworks: the same answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import (
    PROVIDERS,
    AsyncClient,
    ChatRequest,
    ChatResponse,
    Client,
    Message,
    ResponseFormatError,
    StreamInterruptedError,
    Tool,
)
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.flows.steps import Policy
from multiapi.http.exchange import HttpResponse
from multiapi.simulator import Simulator
from multiapi.types.chat import CHAT_SETTINGS
from multiapi.types.limits import Limits
from tests.cassettes import chats, operations
from tests.cassettes.chats import variants
from tests.equivalence.test_same_bytes import (
    CASES,
    Recorder,
    from_langchain,
    from_langchain_async,
    from_llamaindex,
    from_llamaindex_async,
    outcome,
)
from tests.equivalence.test_same_bytes import from_core as core_way

SIMULATOR = Simulator()
CLAUDE = "claude-sonnet-4-5-20250929"
BUILT_IN = {
    "responses": {"type": "web_search_preview"},
    "messages": {"type": "web_search_20250305", "name": "web_search"},
}
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
SEVERAL = [name for name, provider in PROVIDERS.items() if len(provider.apis) > 1]
EACH = [(name, api) for name in PROVIDERS for api in PROVIDERS[name].apis if api != "chat"]


def connection(provider: str) -> dict[str, Any]:
    return {
        "api_key": "any-key-1234",
        "base_url": SIMULATOR.base_url(provider),
        "http_client": httpx.Client(transport=SIMULATOR.transport),
    }


def client(provider: str) -> Client:
    return Client(provider, policy=Policy(max_retries=2), **connection(provider))


def by_api(request: ChatRequest, api: str) -> ChatRequest:
    """The conversation without what the protocol has no field for."""
    lacking = {
        "responses": {"seed", "presence_penalty", "frequency_penalty"},
        "messages": {"seed", "presence_penalty", "frequency_penalty"},
    }
    model = CLAUDE if api == "messages" else request.model
    limit = max(16, request.max_tokens) if request.max_tokens else None
    return replace(request, api=api, model=model, max_tokens=limit, **dict.fromkeys(lacking.get(api, ()), None))  # type: ignore[arg-type]


def conversations() -> Iterator[tuple[str, str, str]]:
    for provider, api in EACH:
        for name, _ in variants(provider):
            method_is_lacking = api == "messages" and name == "structured_json_mode"
            if name not in {"audio", "reasoning_replayed"} and not method_is_lacking:
                yield provider, api, name


def said(answer: ChatResponse) -> Any:
    text = answer.text
    return (
        json.loads(text) if text.startswith("{") and text.endswith("}") else text,
        [(call.name, json.loads(call.arguments)) for call in answer.tool_calls],
        answer.invalid_tool_calls,
    )


@pytest.mark.parametrize(("provider", "api", "variant"), list(conversations()))
def test_each_protocol_answers_alike_whole_and_streamed(provider: str, api: str, variant: str) -> None:
    asked = by_api(dict(variants(provider))[variant], api)
    whole = client(provider).chat(asked)
    assert SIMULATOR.log[-1].path == PATHS[api]
    deltas = list(client(provider).chat_stream(asked))
    assert SIMULATOR.log[-1].path == PATHS[api]
    streamed = deltas[-1].response
    assert streamed is not None
    assert said(streamed) == said(whole)
    assert "".join(delta.text for delta in deltas) == streamed.text
    assert (streamed.finish_reason, streamed.usage, streamed.cost) == (whole.finish_reason, whole.usage, whole.cost)
    assert streamed.metadata.keys() == whole.metadata.keys()
    plain = client(provider).chat(replace(asked, api="chat"))
    if (api, variant) != (
        "messages",
        "document",
    ):  # the protocol has no place for the file's name, which the answer repeats
        assert said(whole) == said(plain)


@pytest.mark.parametrize(("provider", "api"), EACH)
def test_thoughts_and_calls_go_back_by_the_same_protocol(provider: str, api: str) -> None:
    """The second turn of a conversation with tools; what was thought before the call goes along."""
    model = CLAUDE if api == "messages" else "openai/gpt-5-pro" if provider == "aimlapi" else "openai/gpt-4o-mini"
    extra: dict[str, Any] = (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        if api == "messages"
        else {"reasoning": {"effort": "low", "summary": "auto"}}
    )
    tool = Tool(
        "get_weather",
        "The weather.",
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    first = ChatRequest(
        model=model,
        api=api,
        messages=[Message("user", "What is the weather in Oslo?")],
        tools=[tool],
        max_tokens=4096,
        extra=extra,
    )  # type: ignore[arg-type]
    for answer in (client(provider).chat(first), list(client(provider).chat_stream(first))[-1].response):
        assert (
            answer is not None and answer.reasoning is not None and answer.reasoning.text and answer.reasoning.details
        )
        result = Message("tool", "Sunny, 21 degrees", tool_call_id=answer.tool_calls[0].id)
        second = replace(first, messages=[*first.messages, answer.to_message(), result])
        assert "Sunny" in client(provider).chat(second).text
        body = PROVIDERS[provider].chat.build(second).json
        assert json.dumps(answer.reasoning.details[0]) in json.dumps(body)


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("provider", "api"), EACH)
def test_all_ways_send_the_same_bytes_by_each_protocol(provider: str, api: str, case: str, stream: bool) -> None:
    chosen = replace(CASES[case], settings={**CASES[case].settings, "api": api})
    expected = outcome(core_way, provider, chosen, stream=stream)
    for ask in (from_langchain, from_langchain_async, from_llamaindex, from_llamaindex_async):
        assert outcome(ask, provider, chosen, stream=stream) == expected, ask.__name__


@pytest.mark.parametrize(("provider", "api"), EACH)
def test_frameworks_take_the_protocol_in_the_model_and_in_a_call(provider: str, api: str) -> None:
    model = CLAUDE if api == "messages" else "openai/gpt-4o-mini"
    given = {"provider": provider, "model": model, **connection(provider)}
    for chat, options in ((ChatMultiApi(**given, api=api), {}), (ChatMultiApi(**given), {"api": api})):
        whole = chat.invoke("Say hello to the world.", **options)
        assert SIMULATOR.log[-1].path == PATHS[api]
        assert "".join(chunk.text for chunk in chat.stream("Say hello to the world.", **options)) == whole.text
        assert SIMULATOR.log[-1].path == PATHS[api]
    for llm, options in ((MultiApiLLM(**given, api=api), {}), (MultiApiLLM(**given), {"api": api})):
        asked = [ChatMessage("Say hello to the world.")]
        assert llm.chat(asked, **options).message.content == whole.text
        assert SIMULATOR.log[-1].path == PATHS[api]
        assert list(llm.stream_chat(asked, **options))[-1].message.content == whole.text
        assert SIMULATOR.log[-1].path == PATHS[api]


@pytest.mark.parametrize("provider", SEVERAL)
def test_auto_takes_the_protocol_of_a_built_in_tool(provider: str) -> None:
    for api, tool in BUILT_IN.items():
        if api not in PROVIDERS[provider].apis:
            continue
        model = CLAUDE if api == "messages" else "openai/gpt-4o-mini"
        client(provider).chat(
            ChatRequest(model=model, messages=[Message("user", "x")], tools=[Tool("s", raw=tool)], max_tokens=99)
        )
        assert SIMULATOR.log[-1].path == PATHS[api]
        ChatMultiApi(provider=provider, model=model, **connection(provider)).bind_tools([tool]).invoke(
            [HumanMessage("x")]
        )
        assert SIMULATOR.log[-1].path == PATHS[api]
        MultiApiLLM(provider=provider, model=model, **connection(provider)).chat([ChatMessage("x")], tools=[tool])
        assert SIMULATOR.log[-1].path == PATHS[api]


@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
def test_use_responses_api_is_a_word_for_it(kind: Any) -> None:
    given = {"provider": "aimlapi", "model": "openai/gpt-4o", **connection("aimlapi")}

    def ask(model: Any, **options: Any) -> str:
        model.invoke("x", **options) if kind is ChatMultiApi else model.complete("x", **options)
        return SIMULATOR.log[-1].path

    assert ask(kind(**given, use_responses_api=True)) == PATHS["responses"]
    assert ask(kind(**given), use_responses_api=True) == PATHS["responses"]
    assert ask(kind(**given, api="responses"), use_responses_api=False) == PATHS["chat"]
    with pytest.raises(InvalidRequestError, match="leave one out"):
        kind(**given, api="chat", use_responses_api=True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("api", ["responses", "messages"])
def test_a_protocol_that_is_lacking_is_refused_unsent(provider: str, api: str) -> None:
    if api in PROVIDERS[provider].apis:
        return
    recorder = Recorder()
    one = Client(provider, api_key="k", http_client=httpx.Client(transport=recorder))
    asked = ChatRequest(model="m", messages=[Message("user", "x")], api=api)  # type: ignore[arg-type]
    for call in (
        lambda: one.chat(asked),
        lambda: list(one.chat_stream(asked)),
        lambda: getattr(one, api)(replace(asked, api="auto")),
    ):
        with pytest.raises(UnsupportedError, match=f"{provider} has no .*aimlapi"):
            call()
    with pytest.raises(InvalidRequestError, match="must be one of auto, chat, responses, messages"):
        one.chat(replace(asked, api="assistants"))  # type: ignore[arg-type]
    assert not recorder.sent


@given(
    cut=st.integers(1, 5000),
    api=st.sampled_from(["chat", "responses", "messages"]),
    tools=st.booleans(),
    step=st.integers(1, 700),
)
@settings(deadline=None, max_examples=60)
def test_a_stream_cut_anywhere_is_an_interruption_with_what_came(cut: int, api: str, tools: bool, step: int) -> None:
    """Whatever came is handed out before the error, which has it as `partial`; calls that are not whole are invalid."""
    tool = Tool(
        "get_weather",
        "The weather.",
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    asked = ChatRequest(
        model=CLAUDE,
        api=api,
        messages=[Message("user", "What is the weather in Oslo?")],
        tools=[tool] if tools else [],
        max_tokens=999,
    )  # type: ignore[arg-type]
    http = PROVIDERS["aimlapi"].chat_stream.build(asked)  # type: ignore[union-attr]
    sent = (
        httpx.Client(transport=SIMULATOR.transport)
        .post(
            f"{SIMULATOR.base_url('aimlapi')}{http.path}",
            json=http.json,
            headers={"authorization": "Bearer any-key-1234"},
        )
        .content
    )
    piece = sent[:cut]
    decoder = PROVIDERS["aimlapi"].chat_stream.decoder(
        HttpResponse(200, {"content-type": "text/event-stream"}), Limits()
    )  # type: ignore[union-attr]
    text = ""
    try:
        for at in range(0, len(piece), step):
            text += "".join(delta.text for delta in decoder.feed(piece[at : at + step]))
        ends = decoder.close()
    except (StreamInterruptedError, ResponseFormatError) as error:
        assert text == (error.partial.text if error.partial is not None else "")
        assert not error.retryable or not text
    else:
        answer = ends[-1].response if ends else decoder.partial()
        assert answer is not None and (answer.tool_calls if tools else answer.text == text)


def requests_with_extra() -> Iterator[Any]:
    """A request of each operation that takes fields of the caller's own, out of the scenarios that cassettes are recorded from."""
    seen = set()
    for scenario in (*chats.scenarios(), *operations.scenarios()):
        for step in scenario.steps:
            request = step.arguments[0] if step.arguments else None
            place = (scenario.provider, step.method, type(request).__name__, getattr(request, "model", None))
            if step.method not in {"chat_stream", "speech_stream"} and hasattr(request, "extra") and place not in seen:
                seen.add(place)
                yield pytest.param(scenario.provider, step.method, request, id=f"{scenario.provider}-{scenario.name}")


@pytest.mark.parametrize("wanted", [True, "true", 1])
@pytest.mark.parametrize(("provider", "method", "request_"), list(requests_with_extra()))
def test_a_stream_is_refused_unsent_where_one_body_is_read(
    provider: str, method: str, request_: Any, wanted: Any
) -> None:
    recorder = Recorder()
    one = Client(provider, api_key="k", http_client=httpx.Client(transport=recorder), unknown_fields="pass")
    with pytest.raises(InvalidRequestError, match="a whole response is read"):
        getattr(one, method)(replace(request_, extra={**request_.extra, "stream": wanted}))
    assert not recorder.sent


def test_awaited_too() -> None:
    async def run() -> None:
        one = AsyncClient(
            "aimlapi",
            api_key="any-key-1234",
            base_url=SIMULATOR.base_url("aimlapi"),
            http_client=httpx.AsyncClient(transport=SIMULATOR.async_transport),
        )
        for api in ("responses", "messages"):
            asked = ChatRequest(model=CLAUDE, api=api, messages=[Message("user", "Say hello.")], max_tokens=99)  # type: ignore[arg-type]
            whole = await one.chat(asked)
            streamed = [delta async for delta in one.chat_stream(asked)][-1].response
            short = await getattr(one, api)(replace(asked, api="auto"))
            assert streamed is not None and whole.text == streamed.text == short.text

    asyncio.run(run())


def test_every_setting_is_sent_or_refused_by_each_protocol() -> None:
    """Nothing that a caller sets is lost on the way."""
    values: dict[str, Any] = {
        "reasoning_effort": "low",
        "user": "u",
        "logit_bias": {"1": 1},
        "service_tier": "auto",
        "logprobs": True,
        "parallel_tool_calls": False,
    }
    for api in ("responses", "messages"):
        for name in CHAT_SETTINGS:
            value = values.get(name, 1)
            tools = [Tool("t")] if name == "parallel_tool_calls" else []
            asked = ChatRequest(model=CLAUDE, api=api, messages=[Message("user", "x")], tools=tools, **{name: value})  # type: ignore[arg-type]
            try:
                body = PROVIDERS["aimlapi"].chat.build(asked).json
            except UnsupportedError:
                continue
            plain = PROVIDERS["aimlapi"].chat.build(replace(asked, **{name: None})).json
            assert body != plain, (api, name)
