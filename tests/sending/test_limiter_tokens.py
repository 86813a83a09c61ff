"""`Limiter(tokens_per_minute=...)`: the same tokens are charged by both clients and both frameworks, and corrected once they are counted."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, EmbedRequest, Limiter, MediaPart, Message, TextPart, Timeout
from multiapi.errors import MultiApiError, RequestTimeoutError
from multiapi.flows.tokens import ExpectedTokens, estimated_tokens

TEXT = "x" * 40
CHAT = ChatRequest(model="m", messages=[Message("user", TEXT)], max_tokens=100)
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def whole(_: httpx.Request, status: int = 200, usage: Any = USAGE) -> httpx.Response:
    message = {"role": "assistant", "content": "hi"}
    body = {"id": "a", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return httpx.Response(status, json={**body, "usage": usage} if usage else body)


def events(_: httpx.Request) -> httpx.Response:
    choice = '{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}'
    usage = '{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}'
    text = f'data: {{"id":"a","choices":[{choice}],"usage":{usage}}}\n\ndata: [DONE]\n\n'
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def vectors(request: httpx.Request) -> httpx.Response:
    del request
    return httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0]}], "usage": {"total_tokens": 3}})


def settings(limiter: Limiter, answer: Callable[..., httpx.Response], *, awaited: bool) -> dict[str, Any]:
    wire = httpx.MockTransport(answer)
    http: Any = httpx.AsyncClient(transport=wire) if awaited else httpx.Client(transport=wire)
    return {"api_key": "a-key-of-mine", "limiter": limiter, "max_retries": 0} | {
        "http_async_client" if awaited else "http_client": http
    }


def core(limiter: Limiter, answer: Callable[..., httpx.Response], *, awaited: bool = False, **more: Any) -> Any:
    found = settings(limiter, answer, awaited=awaited) | more
    http = found.pop("http_async_client", None) or found.pop("http_client")
    return (AsyncClient if awaited else Client)("aimlapi", http_client=http, **found)


async def listed(chunks: Any) -> None:
    _ = [chunk async for chunk in chunks]


WAYS: dict[str, Callable[[Limiter], Any]] = {
    "chat": lambda limiter: core(limiter, whole).chat(CHAT),
    "chat, awaited": lambda limiter: asyncio.run(core(limiter, whole, awaited=True).chat(CHAT)),
    "stream": lambda limiter: list(core(limiter, events).chat_stream(CHAT)),
    "stream, awaited": lambda limiter: asyncio.run(listed(core(limiter, events, awaited=True).chat_stream(CHAT))),
    "LangChain": lambda limiter: ChatMultiApi(model="aimlapi:m", **settings(limiter, whole, awaited=False)).invoke(
        TEXT
    ),
    "LangChain, awaited": lambda limiter: asyncio.run(
        ChatMultiApi(model="aimlapi:m", **settings(limiter, whole, awaited=True)).ainvoke(TEXT)
    ),
    "LlamaIndex": lambda limiter: MultiApiLLM(
        model="aimlapi:m", context_window=1000, **settings(limiter, whole, awaited=False)
    ).complete(TEXT),
}
EMBEDDINGS: dict[str, Callable[[Limiter], Any]] = {
    "embed": lambda limiter: core(limiter, vectors).embed(EmbedRequest(model="m", texts=[TEXT])),
    "LangChain": lambda limiter: MultiApiEmbeddings(
        model="aimlapi:m", **settings(limiter, vectors, awaited=False)
    ).embed_query(TEXT),
    "LlamaIndex": lambda limiter: MultiApiEmbedding(
        model="aimlapi:m", **settings(limiter, vectors, awaited=False)
    ).get_text_embedding(TEXT),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_charged_what_the_provider_counted(way: str) -> None:
    limiter = Limiter(tokens_per_minute=1_000_000)
    WAYS[way](limiter)
    assert limiter._used == 12


@pytest.mark.parametrize("way", EMBEDDINGS)
def test_embeddings_are_charged_too(way: str) -> None:
    limiter = Limiter(tokens_per_minute=1_000_000)
    EMBEDDINGS[way](limiter)
    assert limiter._used == 3


def test_what_nobody_counted_stays_estimated() -> None:
    limiter = Limiter(tokens_per_minute=1_000_000)
    core(limiter, lambda request: whole(request, usage=None)).chat(CHAT)
    assert limiter._used == estimated_tokens(CHAT) == 111


@pytest.mark.parametrize(("status", "used"), [(400, 0), (429, 0), (500, 111)])
def test_what_was_refused_took_nothing_and_what_may_have_been_carried_out_did(status: int, used: int) -> None:
    limiter = Limiter(tokens_per_minute=1_000_000)
    with pytest.raises(MultiApiError):
        core(limiter, lambda _: httpx.Response(status, json={"error": {"message": "no"}})).chat(CHAT)
    assert limiter._used == used


def test_each_attempt_is_charged() -> None:
    limiter, answers = Limiter(tokens_per_minute=1_000_000), [500, 200]
    core(limiter, lambda request: whole(request, answers.pop(0)), max_retries=1).chat(CHAT)
    assert limiter._used == 111 + 12


REALLY = time.sleep


def passed(now: list[float], seconds: float) -> None:
    """Let the time of a test pass, and that of other threads as it does."""
    if threading.current_thread() is threading.main_thread():
        now[0] += seconds
    else:
        REALLY(seconds)


def test_a_request_waits_until_enough_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    limiter = Limiter(tokens_per_minute=100, clock=lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: passed(now, seconds))
    limiter.acquire(tokens=ExpectedTokens(60)).done()
    now[0] += 10
    limiter.acquire(tokens=ExpectedTokens(30)).done()
    assert now[0] == 1010
    limiter.acquire(tokens=ExpectedTokens(20)).done()  # the sixty have to leave
    assert 1060 <= now[0] < 1062
    limiter.acquire(tokens=ExpectedTokens(500)).done()  # more than the limit: alone
    assert 1120 <= now[0] < 1123


def test_no_time_left_is_said_before_anything_is_sent() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return whole(request)

    client = core(Limiter(tokens_per_minute=20), answer, timeout=5)
    client.chat(CHAT)
    with pytest.raises(RequestTimeoutError):
        core(client.limiter, answer, timeout=Timeout(total=0.2)).chat(CHAT)
    assert len(sent) == 1


@given(
    st.lists(st.tuples(st.integers(1, 150), st.none() | st.integers(0, 300), st.floats(0, 30)), min_size=1, max_size=30)
)
def test_within_a_minute_never_more_than_the_limit_by_what_was_known(
    calls: list[tuple[int, int | None, float]],
) -> None:
    now = [0.0]
    limiter = Limiter(tokens_per_minute=100, clock=lambda: now[0])
    began: list[ExpectedTokens] = []
    for count, counted, pause in calls:
        tokens = ExpectedTokens(count)
        while (wait := limiter._start_in(None, tokens)) > 0:
            now[0] += wait
        window = [each for each in began if each.at + 60 > now[0]]
        assert not window or sum(each.count for each in window) + count <= 100
        assert limiter._used == sum(each.count for each in window) + count
        began.append(tokens)
        if counted is not None:
            tokens._set(counted)
        now[0] += pause


def test_a_pickle_keeps_it() -> None:
    limiter = Limiter(tokens_per_minute=100)
    assert pickle.loads(pickle.dumps(limiter)) is limiter
    rebuild, (_, *rest) = limiter.__reduce__()
    assert rebuild("another", *rest).tokens_per_minute == 100
    assert repr(limiter).endswith("tokens_per_minute=100)")
    with pytest.raises(ValueError, match="tokens_per_minute must be 1 or more"):
        Limiter(tokens_per_minute=0)


def test_estimates() -> None:
    parts = [TextPart(TEXT), MediaPart("image", url="https://a.example/b.png")]
    request = ChatRequest(model="m", messages=[Message("user", TEXT), Message("user", parts)], max_tokens=100)
    assert estimated_tokens(request) == 20 + 1 + 100
    assert estimated_tokens(EmbedRequest(model="m", texts=[TEXT] * 2)) == 21
