"""Token counts in every documented spelling: one reading for the core and both frameworks, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message
from multiapi.formats.answer_facts import read_usage
from tests.contracts import contract


class Row(NamedTuple):
    """Counts as a server writes them, and what they mean: input, output, total, cached, written, thoughts."""

    source: str
    usage: dict[str, Any]
    counts: tuple[int | None, ...]


def openai(inputs: int, outputs: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    total = inputs + outputs if total is None else total
    return {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": total, **more}


def cached(value: Any, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens_details": {"cached_tokens": value, **more}}


def thoughts(count: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": count}}


ROWS = [
    Row("OpenAI", openai(12, 5, **cached(3), **thoughts(2)), (12, 5, 17, 3, None, 2)),
    Row("OpenRouter, since 2026 OpenAI", openai(10032, 5, **cached(0, cache_write_tokens=10017)), (10032, 5, 10037, 0, 10017, None)),
    Row("AI/ML API", openai(1400, 5, **cached(3, cache_write_tokens=1200)), (1400, 5, 1405, 3, 1200, None)),
    Row("Moonshot, Together", openai(2989, 5, cached_tokens=2816), (2989, 5, 2994, 2816, None, None)),
    Row("a gateway for Claude", openai(2989, 5, **cached(None), cache_read_input_tokens=2816), (2989, 5, 2994, 2816, None, None)),
    Row("a zero beside the count", openai(2989, 5, **cached(0), cache_read_input_tokens=2816), (2989, 5, 2994, 2816, None, None)),
    Row("both words for details", openai(12, 5, prompt_tokens_details=None, input_tokens_details={"cached_tokens": 3}), (12, 5, 17, 3, None, None)),
    Row("empty details", openai(12, 5, prompt_tokens_details={}, input_tokens_details={"cached_tokens": 3}), (12, 5, 17, 3, None, None)),
    Row("DeepSeek", openai(12, 5, prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=8), (12, 5, 17, 4, None, None)),
    Row("Responses", {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 16}, "total_tokens": 25}, (5, 20, 25, 2, None, 16)),
    Row("null beside the other word", {"prompt_tokens": None, "input_tokens": 12, "completion_tokens": None, "output_tokens": 5}, (12, 5, 17, None, None, None)),
    Row("zero beside the other word", {"prompt_tokens": 0, "input_tokens": 12, "completion_tokens": 0, "output_tokens": 5, "total_tokens": 0}, (12, 5, 17, None, None, None)),
    Row("Anthropic", {"input_tokens": 30, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50, "output_tokens": 8}, (180, 8, 188, 100, 50, None)),
    Row("Anthropic, by how long it is kept", {"input_tokens": 30, "cache_read_input_tokens": 0, "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 10}, "output_tokens": 8}, (80, 8, 88, 0, 50, None)),
    Row("xAI: thoughts beside the output", openai(12, 1, 303, **thoughts(290)), (12, 291, 303, None, None, 290)),
    Row("thoughts above the output, no total", {"prompt_tokens": 12, "completion_tokens": 1, **thoughts(290)}, (12, 291, 303, None, None, 290)),
    Row("thoughts above an output that is whole", openai(12, 1, **thoughts(290)), (12, 1, 13, None, None, 1)),
    Row("the cache beside the input", openai(12, 5, 117, **cached(100)), (112, 5, 117, 100, None, None)),
    Row("Gemini", {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 20, "cachedContentTokenCount": 2, "totalTokenCount": 33}, (9, 24, 33, 2, None, 20)),
    Row("text and fractions", {"prompt_tokens": "3", "completion_tokens": 2.0}, (3, 2, 5, None, None, None)),
    Row("a total that is below its parts", openai(50, 33, 51), (50, 33, 83, None, None, None)),
    Row("a total that says more, which means nothing here", openai(32, 10, 89), (32, 10, 89, None, None, None)),
]  # fmt: skip


def numbers(usage: Any) -> tuple[Any, ...] | None:
    return None if usage is None else (*usage[:5], usage.reasoning_tokens)


def bodies(usage: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """The same answer with its counts in each of the places where servers put them, whole and as events."""
    for place in ("top", "choice", "message", "x_groq", "zeros around"):
        message: dict[str, Any] = {"role": "assistant", "content": "ok"}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        body: dict[str, Any] = {"id": "a1", "model": "m", "choices": [choice]}
        first = {"id": "a1", "model": "m", "choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": None}]}
        end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
        last: dict[str, Any] = {"id": "a1", "model": "m", "choices": [end]}
        events = [first, last]
        if place == "top":
            body["usage"] = last["usage"] = usage
        elif place == "choice":
            choice["usage"] = end["usage"] = usage
        elif place == "message":
            message["usage"] = end["delta"]["usage"] = usage
        elif place == "x_groq":
            body["x_groq"] = last["x_groq"] = {"usage": usage}
        else:
            zeros = openai(0, 0, **cached(0))
            body["usage"], choice["usage"] = zeros, usage
            first["usage"], last["usage"] = zeros, usage  # type: ignore[assignment]
            events = [first, last, {"id": "a1", "model": "m", "choices": [], "usage": zeros}]
        yield place, body, events


def clients(body: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        if not json.loads(request.content).get("stream"):
            return httpx.Response(200, json=body)
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)

    return {"api_key": "k", "http_client": httpx.Client(transport=httpx.MockTransport(answer))}


REQUEST = ChatRequest(model="m", messages=[Message("user", "x")])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_counts_in_every_place(row: Row) -> None:
    for place, body, events in bodies(row.usage):
        made = clients(body, events)
        client = Client("aimlapi", **made)
        answers = [client.chat(REQUEST), list(client.chat_stream(REQUEST))[-1].response]
        assert [numbers(answer.usage) for answer in answers] == [row.counts] * 2, place
        inputs, outputs, total, read, written, thought = row.counts
        parts = {"cache_read": read, "cache_creation": written}
        of_input = {name: count for name, count in parts.items() if count is not None}
        of_output = {} if thought is None else {"reasoning": thought}
        model = ChatMultiApi(provider="aimlapi", model="m", **made)
        streamed: Any = None
        for chunk in model.stream("x"):
            streamed = chunk if streamed is None else streamed + chunk
        for message in (model.invoke("x"), streamed):
            found = dict(message.usage_metadata or {})
            assert found.pop("input_token_details", {}) == of_input, place
            assert found.pop("output_token_details", {}) == of_output, place
            assert found == {"input_tokens": inputs, "output_tokens": outputs, "total_tokens": total}, place
            assert message.response_metadata["token_usage"] == {k: v for k, v in row.usage.items() if v is not None}
            assert "usage" not in message.response_metadata
        llm = MultiApiLLM(provider="aimlapi", model="m", **made)
        asked = [ChatMessage(role="user", content="x")]
        for response in (llm.chat(asked), list(llm.stream_chat(asked))[-1]):
            facts = response.additional_kwargs
            assert (facts["prompt_tokens"], facts["completion_tokens"], facts["total_tokens"]) == (
                inputs,
                outputs,
                total,
            )
            assert facts.get("input_token_details", {}) == of_input
            assert facts.get("output_token_details", {}) == of_output


def test_what_a_total_says_more_are_thoughts_on_aicredits() -> None:
    usage = openai(32, 10, 89, cost=0.017414, latency_ms=2100)
    for _, body, events in bodies(usage):
        made = clients(body, events)
        client = Client("aicredits", **made)
        for answer in (client.chat(REQUEST), list(client.chat_stream(REQUEST))[-1].response):
            assert numbers(answer.usage) == (32, 57, 89, None, None, 47)
            assert str(answer.cost.amount) == "0.017414"
            assert answer.metadata["latency_ms"] == 2100
        message = ChatMultiApi(provider="aicredits", model="m", **made).invoke("x")
        assert message.usage_metadata["output_token_details"] == {"reasoning": 47}
        assert (message.usage_metadata["output_tokens"], message.response_metadata["latency_ms"]) == (57, 2100)
        assert message.response_metadata["token_usage"]["completion_tokens"] == 10
    detailed = read_usage(openai(32, 10, 89, **thoughts(3)), rest_is_reasoning=True)
    assert numbers(detailed) == (32, 10, 89, None, None, 3)


_COUNTS = st.none() | st.integers(0, 400)


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "total_tokens"), _COUNTS),
            **dict.fromkeys(("cached_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_tokens"), _COUNTS),
            "prompt_tokens_details": st.none() | st.fixed_dictionaries({}, optional={"cached_tokens": _COUNTS, "cache_write_tokens": _COUNTS, "audio_tokens": _COUNTS}),
            "completion_tokens_details": st.none() | st.fixed_dictionaries({}, optional={"reasoning_tokens": _COUNTS, "audio_tokens": _COUNTS}),
        },
    )
)  # fmt: skip
def test_no_part_is_above_its_whole(usage: dict[str, Any]) -> None:
    found = read_usage(usage)
    if found is None:
        return
    for part in (found.cached_input_tokens, found.cache_write_tokens, found.audio_input_tokens):
        assert part is None or found.input_tokens is None or part <= found.input_tokens
    for part in (found.reasoning_tokens, found.audio_output_tokens):
        assert part is None or found.output_tokens is None or part <= found.output_tokens
    if found.input_tokens is not None and found.output_tokens is not None:
        assert found.total_tokens is not None
        assert found.total_tokens >= found.input_tokens + found.output_tokens


def test_a_total_of_the_first_event_is_not_that_of_the_last() -> None:
    first = {"choices": [{"delta": {"content": "ok"}}], "usage": openai(50, 1)}
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 33}}
    client = Client("aimlapi", **clients({}, [first, last]))
    answer = list(client.chat_stream(REQUEST))[-1].response
    assert answer is not None
    assert numbers(answer.usage) == (50, 33, 83, None, None, None)


NOT_READ = {
    "prompt_cache_miss_tokens": "the rest of the input",
    "accepted_prediction_tokens": "part of the output",
    "rejected_prediction_tokens": "part of the output",
    "text_tokens": "the rest of input or output",
    "image_tokens": "part of input or output, in the vendor's own counts",
    "video_tokens": "part of input or output, in the vendor's own counts",
    "requests_made": "not of this answer",
    "total_input_tokens": "of the account",
    "total_output_tokens": "of the account",
}


_OF_AN_ANSWER = {"prompt_tokens", "completion_tokens", "input_tokens", "total_tokens"}


def usage_schemas(node: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema of every `usage` of an answer in a contract."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "usage" and isinstance(value, dict):
                yield from resolved(value, root)
            yield from usage_schemas(value, root)
    elif isinstance(node, list):
        for each in node:
            yield from usage_schemas(each, root)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for each in schema.get("anyOf", ()):
        yield from resolved(each, root)
    if "properties" in schema:
        yield schema


def token_names(schema: dict[str, Any], root: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    observed = {name: {} for name in schema.get("x-observed", ()) if isinstance(name, str)}
    for name, value in {**observed, **schema["properties"]}.items():
        inner = list(resolved(value, root)) if isinstance(value, dict) else []
        for each in inner:
            yield from token_names(each, root, (*place, name))
        if not inner and name.endswith("_tokens"):
            yield (*place, name)


@pytest.mark.parametrize("vendor", ["bineric", "binom_router", "aimlapi", "aicredits", "binobox"])
def test_every_count_of_the_contracts_is_read_or_left_out_knowingly(vendor: str) -> None:
    root = contract(vendor)
    found_schemas = [schema for schema in usage_schemas(root, root) if _OF_AN_ANSWER & set(schema["properties"])]
    places = {name for schema in found_schemas for name in token_names(schema, root)}
    assert places
    for place in places:
        value: Any = 7
        for name in reversed(place):
            value = {name: value}
        whole = {"prompt_tokens": 100, "completion_tokens": 100}
        if len(place) == 1 and place[0] in {"input_tokens", "output_tokens", "total_tokens"}:
            whole = {}
        found = read_usage({**whole, **value})
        assert (found is not None and 7 in found[:-1]) or place[-1] in NOT_READ, place
