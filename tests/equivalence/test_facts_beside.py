"""What is said beside an answer, in both frameworks alike: which model a router chose, whether a cache answered, thoughts by two names."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from typing import Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Limits, Message
from multiapi.errors import ResponseTooLargeError
from multiapi.formats.assembly import Assembly
from multiapi.formats.openai.vendor import chat_stream_decoder, parse_chat
from multiapi.http.exchange import HttpResponse

ASKED = [ChatMessage(role="user", content="x")]
REQUEST = ChatRequest(model="m", messages=[Message("user", "x")])


def made(vendor: str, *events: dict[str, Any], headers: dict[str, str] | None = None, json_only: bool = False) -> Any:
    """Settings of a client whose provider sends these events, or the last of them as a whole body."""

    def answer(request: httpx.Request) -> httpx.Response:
        if json_only or not json.loads(request.content).get("stream"):
            body = json.loads(json.dumps(events[-1]))
            for choice in body["choices"]:
                choice["message"] = choice.pop("delta")
            return httpx.Response(200, headers=headers, json=body)
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={**(headers or {}), "content-type": "text/event-stream"}, text=text)

    http_client = httpx.Client(transport=httpx.MockTransport(answer))
    return {"provider": vendor, "model": "m", "api_key": "k", "http_client": http_client}


def event(delta: dict[str, Any], finish: str | None = None, **top: Any) -> dict[str, Any]:
    return {"id": "a", "model": "short", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **top}


def told(settings: Any) -> list[dict[str, Any]]:
    """What LangChain and LlamaIndex say beside an answer, whole and streamed."""
    model, llm = ChatMultiApi(**settings), MultiApiLLM(**settings)
    streamed: Any = None
    for chunk in model.stream("x"):
        streamed = chunk if streamed is None else streamed + chunk
    whole = [model.invoke("x").response_metadata, streamed.response_metadata]
    return [*whole, llm.chat(ASKED).additional_kwargs, list(llm.stream_chat(ASKED))[-1].additional_kwargs]


CALLS = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]
META = {"model": "openai/gpt-6-luna", "provider": "openai", "usage": {"usd_spent": 0.0000055}}


@pytest.mark.parametrize("delta", [{"content": "Paris."}, {"tool_calls": CALLS}])
@pytest.mark.parametrize(
    ("top", "headers"),
    [({"meta": META}, {}), ({}, {"x-aimlapi-model": "openai/gpt-6-luna", "x-aimlapi-provider": "openai"})],
)
def test_who_answered_behind_a_router(delta: dict[str, Any], top: Any, headers: Any) -> None:
    settings = made("aimlapi", event(delta, "stop", **top), headers=headers)
    for facts in told(settings):
        assert (facts["answered_by"], facts["served_by"]) == ("openai/gpt-6-luna", "openai")
    provider, rest = settings["provider"], {name: settings[name] for name in ("api_key", "http_client")}
    answer = Client(provider, **rest).chat(REQUEST)
    assert (answer.answered_by, answer.served_by, answer.model) == ("openai/gpt-6-luna", "openai", "short")


def test_an_answer_that_names_nobody_says_none() -> None:
    for facts in told(made("aimlapi", event({"content": "x"}, "stop", meta={"usage": {"usd_spent": 0.1}}))):
        assert not {"answered_by", "served_by", "cache", "latency_ms"} & set(facts)


@pytest.mark.parametrize("word", ["HIT", "MISS"])
@pytest.mark.parametrize("json_only", [True, False])
def test_whether_a_cache_answered(word: str, json_only: bool) -> None:
    events = event({"content": "x"}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8})
    for facts in told(made("aicredits", events, headers={"x-cache-status": word}, json_only=json_only)):
        assert facts["cache"] == word.lower()
        assert "cost" not in facts


def test_thoughts_by_two_names_in_one_stream() -> None:
    deltas = [{"reasoning_content": "be"}, {"reasoning": "cau"}, {"reasoning": "se", "reasoning_content": "se"}]
    settings = made("aicredits", *map(event, deltas), event({"content": "so"}, "stop"))
    message: Any = None
    for chunk in ChatMultiApi(**settings).stream("x"):
        message = chunk if message is None else message + chunk
    assert message.additional_kwargs["reasoning_content"] == "because"
    assert "reasoning" not in message.additional_kwargs
    response = list(MultiApiLLM(**settings).stream_chat(ASKED))[-1]
    thoughts = [block for block in response.message.blocks if isinstance(block, ThinkingBlock)]
    assert [(block.content, response.message.content) for block in thoughts] == [("because", "so")]


LISTS = {
    "choices": lambda n: {"choices": [{"index": i, "message": {"content": "x"}} for i in range(n)]},
    "tool_calls": lambda n: _of({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * n}),
    "citations": lambda n: {**_of({"content": "x"}), "citations": [f"https://a.example/{i}" for i in range(n)]},
    "annotations": lambda n: _of({"content": "x", "annotations": [{"url": f"u{i}"} for i in range(n)]}),
    "media": lambda n: _of({"images": [{"url": "https://a.example/x.png"}] * n}),
    "parts": lambda n: _of({"content": [{"type": "text", "text": "x"}] * n}),
    "reasoning": lambda n: _of({"content": "x", "reasoning_details": [{"type": "t", "index": i, "text": "x"} for i in range(n)]}),
}  # fmt: skip


def _of(message: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize("name", list(LISTS))
def test_what_a_provider_counts_is_bounded(name: str) -> None:
    few = Limits(choices=8, tool_calls=8, citations=8, media=8, parts=8)
    for count, is_refused in ((8, False), (9, True)):
        data = json.dumps(LISTS[name](count)).encode()
        head = HttpResponse(200, {"content-type": "text/event-stream"})

        def whole(data: bytes = data) -> Any:
            return parse_chat(HttpResponse(200, {}, data, limits=few), provider="aimlapi")

        def streamed(data: bytes = data, head: HttpResponse = head) -> Any:
            decoder = chat_stream_decoder(head, few, provider="aimlapi")
            return [*decoder.feed(b"data: " + data + b"\n\ndata: [DONE]\n\n"), *decoder.close()]

        for read in (whole, streamed):
            if is_refused:
                with pytest.raises(ResponseTooLargeError, match="more than 8"):
                    read()
            else:
                read()


def test_the_limits_of_a_client_hold() -> None:
    answer = httpx.Response(200, json=LISTS["choices"](9))
    http_client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    client = Client("aimlapi", api_key="k", http_client=http_client, limits=Limits(choices=8))
    with pytest.raises(ResponseTooLargeError, match="more than 8 choices"):
        client.chat(REQUEST)


@pytest.mark.parametrize("name", list(LISTS))
def test_what_a_provider_counts_takes_little_memory(name: str) -> None:
    """Beside the parsed body: refused, or read within a few times what came."""
    body = LISTS[name](12_000)
    size = len(json.dumps(body))
    tracemalloc.start()
    with contextlib.suppress(ResponseTooLargeError):
        assembly = Assembly("aimlapi")
        assembly.add_body(body)
        assembly.response()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * size


def test_what_is_too_much_is_refused_before_it_takes_memory() -> None:
    body = {"choices": [{"message": {"content": "x"}}, *({"index": 1 + i} for i in range(50_000))]}
    size = len(json.dumps(body))
    tracemalloc.start()
    with pytest.raises(ResponseTooLargeError):
        Assembly("aimlapi").add_body(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size
