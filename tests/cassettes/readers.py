"""Who plays a cassette back: the core, LangChain and LlamaIndex, waited for and awaited. Each says what it read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AIMessageChunk
from llama_index.core.base.llms.types import ChatResponse as LlamaIndexResponse
from llama_index.core.base.llms.types import ThinkingBlock, ToolCallBlock

from multiapi.client.client import AsyncClient, Client
from multiapi.errors import ConnectionFailedError, MultiApiError
from multiapi.negotiation.wanted import read_structured
from multiapi.types.chat import ChatRequest, ChatResponse
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from tests.cassettes import frameworks
from tests.cassettes.chats import City
from tests.cassettes.scenario import KEY, Scenario, run, run_async


class Reading(NamedTuple):
    """What everybody must find in an answer."""

    text: str
    calls: tuple[tuple[str, str, str], ...] = ()
    invalid_calls: tuple[tuple[str, str], ...] = ()
    finish_reason: str | None = None
    tokens: tuple[int, int] | None = None
    cost: Decimal | None = None
    reasoning: str = ""


class Refused(NamedTuple):
    """An error, as everybody must see it."""

    name: str
    status: int | None
    code: str | None
    message: str
    retry_after_s: float | None
    request_id: str | None


def refused(error: MultiApiError) -> Refused:
    """The facts of an error of the vendor; the name is that of the core's class, which a framework's own is a kind of."""
    if isinstance(error, ConnectionFailedError):
        raise error
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "multiapi.errors"]
    return Refused(
        kinds[0].__name__, error.status, getattr(error, "code", None), str(error), error.retry_after_s, error.request_id
    )


def _canonical(arguments: Any) -> str:
    return json.dumps(json.loads(arguments) if isinstance(arguments, str) else arguments, sort_keys=True)


# ------------------------------------------------------------------------------------------------ the core


def core(scenario: Scenario) -> Any:
    """All steps with `Client`."""
    client = Client(scenario.provider, api_key=KEY, **scenario.settings)
    return _of_results(scenario, run(scenario, lambda _: client))


def core_async(scenario: Scenario) -> Any:
    """All steps with `AsyncClient`."""
    client = AsyncClient(scenario.provider, api_key=KEY, **scenario.settings)
    return _of_results(scenario, asyncio.run(run_async(scenario, lambda _: client)))


def _of_results(scenario: Scenario, results: list[Any]) -> Any:
    """One answer as a reading; everything else as it is."""
    results = [refused(result) if isinstance(result, MultiApiError) else result for result in results]
    if scenario.only is None:
        return results
    (result,) = results
    if isinstance(result, ChatResponse):
        request = scenario.request
        if isinstance(request, ChatRequest) and request.response_format is not None:
            return read_structured(result, request.response_format)
        return of_response(result)
    if isinstance(result, EmbedResponse):
        return result.vectors
    return result


def of_response(response: ChatResponse) -> Reading:
    """What the core found."""
    usage = response.usage
    known = usage is not None and usage.input_tokens is not None and usage.output_tokens is not None
    return Reading(
        response.text,
        tuple((call.id, call.name, _canonical(call.arguments)) for call in response.tool_calls),
        tuple((call.name, call.arguments) for call in response.invalid_tool_calls),
        response.finish_reason,
        (usage.input_tokens, usage.output_tokens) if known else None,  # type: ignore[union-attr, arg-type]
        response.cost.amount if response.cost else None,
        response.reasoning.text if response.reasoning else "",
    )


# ------------------------------------------------------------------------------------------------ LangChain


def langchain(scenario: Scenario) -> Any:
    """The scenario's call with `ChatMultiApi` or `MultiApiEmbeddings`."""
    request = scenario.request
    try:
        if isinstance(request, EmbedRequest):
            return frameworks.langchain_embeddings(scenario).embed_documents(list(request.texts))
        assert isinstance(request, ChatRequest) and scenario.only is not None
        runnable = frameworks.langchain_runnable(scenario)
        messages = frameworks.langchain_messages(request.messages)
        if scenario.only.method == "chat":
            return _of_langchain(runnable.invoke(messages))
        return _of_langchain(_summed([*runnable.stream(messages)]))
    except MultiApiError as error:
        return refused(error)


def langchain_async(scenario: Scenario) -> Any:
    """The same, awaited."""

    async def call() -> Any:
        request = scenario.request
        if isinstance(request, EmbedRequest):
            return await frameworks.langchain_embeddings(scenario).aembed_documents(list(request.texts))
        assert isinstance(request, ChatRequest) and scenario.only is not None
        runnable = frameworks.langchain_runnable(scenario)
        messages = frameworks.langchain_messages(request.messages)
        if scenario.only.method == "chat":
            return _of_langchain(await runnable.ainvoke(messages))
        return _of_langchain(_summed([piece async for piece in runnable.astream(messages)]))

    try:
        return asyncio.run(call())
    except MultiApiError as error:
        return refused(error)


def _summed(pieces: list[Any]) -> Any:
    """The chunks of a message together; of a growing object the last."""
    if not isinstance(pieces[0], AIMessageChunk):
        return pieces[-1]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return whole


def _of_langchain(message: Any) -> Any:
    if not isinstance(message, AIMessage):
        return message
    usage, cost = message.usage_metadata, message.response_metadata.get("cost")
    return Reading(
        str(message.text),
        tuple((str(call["id"]), call["name"], _canonical(call["args"])) for call in message.tool_calls),
        tuple((str(call["name"]), str(call["args"])) for call in message.invalid_tool_calls),
        message.response_metadata.get("finish_reason"),
        _langchain_tokens(usage),
        Decimal(cost["amount"]) if cost else None,
        message.additional_kwargs.get("reasoning_content", ""),
    )


def _langchain_tokens(usage: Any) -> tuple[int, int] | None:
    """LangChain knows no unknown: where a vendor gives only the sum, the parts are 0."""
    if usage is None or usage["input_tokens"] + usage["output_tokens"] != usage["total_tokens"]:
        return None
    return usage["input_tokens"], usage["output_tokens"]


# ------------------------------------------------------------------------------------------------ LlamaIndex


def llamaindex(scenario: Scenario) -> Any:
    """The scenario's call with `MultiApiLLM` or `MultiApiEmbedding`."""
    request = scenario.request
    try:
        if isinstance(request, EmbedRequest):
            return frameworks.llamaindex_embedding(scenario).get_text_embedding_batch(list(request.texts))
        assert isinstance(request, ChatRequest) and scenario.only is not None
        model, is_stream = frameworks.llamaindex_model(scenario), scenario.only.method == "chat_stream"
        if request.response_format is not None:
            prompt = frameworks.llamaindex_prompt(request)
            if is_stream:
                return [*model.stream_structured_predict(City, prompt)][-1].model_dump()
            return model.structured_predict(City, prompt).model_dump()
        messages, options = frameworks.llamaindex_messages(request.messages), frameworks.llamaindex_options(request)
        if is_stream:
            return _of_llamaindex([*model.stream_chat(messages, **options)][-1])
        return _of_llamaindex(model.chat(messages, **options))
    except MultiApiError as error:
        return refused(error)


def llamaindex_async(scenario: Scenario) -> Any:
    """The same, awaited."""

    async def call() -> Any:
        request = scenario.request
        if isinstance(request, EmbedRequest):
            return await frameworks.llamaindex_embedding(scenario).aget_text_embedding_batch(list(request.texts))
        assert isinstance(request, ChatRequest) and scenario.only is not None
        model, is_stream = frameworks.llamaindex_model(scenario), scenario.only.method == "chat_stream"
        if request.response_format is not None:
            prompt = frameworks.llamaindex_prompt(request)
            if is_stream:
                found = [piece async for piece in await model.astream_structured_predict(City, prompt)]
                return found[-1].model_dump()
            return (await model.astructured_predict(City, prompt)).model_dump()
        messages, options = frameworks.llamaindex_messages(request.messages), frameworks.llamaindex_options(request)
        if is_stream:
            return _of_llamaindex([piece async for piece in await model.astream_chat(messages, **options)][-1])
        return _of_llamaindex(await model.achat(messages, **options))

    try:
        return asyncio.run(call())
    except MultiApiError as error:
        return refused(error)


def _of_llamaindex(response: LlamaIndexResponse) -> Reading:
    facts, blocks = response.additional_kwargs, response.message.blocks
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    tokens = (facts.get("prompt_tokens"), facts.get("completion_tokens"))
    return Reading(
        response.message.content or "",
        tuple(
            (str(call.tool_call_id), call.tool_name, _canonical(call.tool_kwargs))
            for call in calls
            if isinstance(call.tool_kwargs, dict)
        ),
        tuple((call.tool_name, call.tool_kwargs) for call in calls if isinstance(call.tool_kwargs, str)),
        facts.get("finish_reason"),
        None if None in tokens else tokens,  # type: ignore[arg-type]
        Decimal(facts["cost"]["amount"]) if "cost" in facts else None,
        "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
    )


READERS: dict[str, Callable[[Scenario], Any]] = {
    each.__name__: each for each in (core, core_async, langchain, langchain_async, llamaindex, llamaindex_async)
}
CORE_READERS = ("core", "core_async")
