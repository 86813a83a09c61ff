"""Embeddings: batches, order, what is kept when one fails."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
import threading
import types
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelError, ModelInvalidRequestError, ModelRateLimitError
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_multiapi import MultiApiEmbeddings
from langchain_multiapi.errors import EmbeddingBatchError
from multiapi.simulator import Simulator

from .conftest import EMBEDDING_VENDORS, on_simulator
from .wire import Server


def lengths(request: httpx.Request) -> httpx.Response:
    """Each text's own length is its vector."""
    texts = json.loads(request.content)["input"]
    rows = [{"index": index, "embedding": [float(len(text)), 1.0]} for index, text in enumerate(texts)]
    counts = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return httpx.Response(200, json={"model": "e-1", "data": rows[::-1], "usage": counts})


TEXTS = ["a" * size for size in range(1, 11)]
VECTORS = [[float(size), 1.0] for size in range(1, 11)]


async def ways(embeddings: MultiApiEmbeddings, texts: list[str]) -> list[Any]:
    return [embeddings.embed_documents(texts), await embeddings.aembed_documents(texts)]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 100])
async def test_batches_keep_the_order(batch_size: int) -> None:
    server = Server(lengths)
    embeddings = server.embeddings(batch_size=batch_size)
    assert await ways(embeddings, TEXTS) == [VECTORS, VECTORS]
    assert len(server.requests) == 2 * -(-len(TEXTS) // batch_size)
    assert embeddings.embed_documents(TEXTS, chunk_size=2) == VECTORS
    assert len(server.bodies[-1]["input"]) == 2


async def test_no_text_is_no_request() -> None:
    server = Server(lengths)
    assert await ways(server.embeddings(), []) == [[], []]
    assert server.requests == []


async def test_an_empty_text_is_refused_or_left_out() -> None:
    server = Server(lengths)
    with pytest.raises(ModelInvalidRequestError, match="text 1 is empty"):
        server.embeddings().embed_documents(["a", ""])
    assert server.requests == []
    skipping = server.embeddings(skip_empty=True)
    assert await ways(skipping, ["", "ab", "", "a"]) == [[[0.0, 0.0], [2.0, 1.0], [0.0, 0.0], [1.0, 1.0]]] * 2
    assert server.bodies[0]["input"] == ["ab", "a"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [("one text", "take a list of texts, and this is a single text"), (["a", None], "NoneType"), ([[1, 2]], "list")],
)
async def test_what_is_no_list_of_texts_is_refused_before_anything_is_sent(texts: Any, words: str) -> None:
    server = Server(lambda _: pytest.fail("nothing is to be sent"))
    with pytest.raises(ModelInvalidRequestError, match=words):
        server.embeddings().embed_documents(texts)
    with pytest.raises(ModelInvalidRequestError, match=words):
        await server.embeddings().aembed_documents(texts)


def test_questions_and_documents_are_told_apart_on_demand() -> None:
    server = Server(lengths)
    embeddings = server.embeddings(
        input_type="auto", dimensions=2, encoding_format="float", extra_body={"x": 1, "user": "u"}
    )
    embeddings.embed_query("a")
    embeddings.embed_documents(["a"])
    more = {"dimensions": 2, "encoding_format": "float", "user": "u", "x": 1}
    assert server.bodies[0] == {"model": "e-1", "input": ["a"], "input_type": "query"} | more
    assert server.bodies[1]["input_type"] == "document"
    server.embeddings(input_type="search").embed_query("a")
    server.embeddings().embed_query("a")
    assert [body.get("input_type") for body in server.bodies[2:]] == ["search", None]


def test_so_many_requests_run_side_by_side_and_no_more() -> None:
    running, most, lock = [0], [0], threading.Lock()

    def answer(request: httpx.Request) -> httpx.Response:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        import time

        time.sleep(0.02)
        with lock:
            running[0] -= 1
        return lengths(request)

    Server(answer).embeddings(batch_size=1, max_concurrency=3).embed_documents(TEXTS)
    assert 1 < most[0] <= 3


@pytest.mark.parametrize("settings", [{}, {"show_progress_bar": True}, {"rate_limiter": True}], ids=str)
async def test_the_vectors_of_other_batches_are_kept_when_one_fails(settings: dict[str, Any], monkeypatch: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "aaaaaaa" in json.loads(request.content)["input"]:
            return httpx.Response(429, json={"error": {"message": "slow down"}})
        return lengths(request)

    bars = progress(monkeypatch)
    if settings.get("rate_limiter"):
        limiter = InMemoryRateLimiter(requests_per_second=1e6, check_every_n_seconds=1e-4)
        settings = {"rate_limiter": limiter, "max_concurrency": 1}  # else it says which goes first
    embeddings = Server(answer).embeddings(**{"batch_size": 2, "max_concurrency": 2, **settings})
    for attempt in (lambda: embeddings.embed_documents(TEXTS), lambda: asyncio.run(embeddings.aembed_documents(TEXTS))):
        with pytest.raises(EmbeddingBatchError) as raised:
            await asyncio.to_thread(attempt)
        error = raised.value
        assert isinstance(error, ModelError)
        assert (error.status, error.failed_index, error.is_retryable) == (429, 6, True)
        assert all(error.done[index] == VECTORS[index] for index in error.done)
        assert {0, 1, 2, 3, 4, 5} <= set(error.done)
        assert not {6, 7} & set(error.done)
        assert pickle.loads(pickle.dumps(error)).done == error.done
    assert all(bar.closed for bar in bars)


def progress(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    bars: list[Any] = []

    class Bar:
        def __init__(self, total: int) -> None:
            self.total, self.done, self.closed = total, 0, False
            bars.append(self)

        def update(self, count: int) -> None:
            self.done += count

        def close(self) -> None:
            self.closed = True

    module = types.ModuleType("tqdm.auto")
    module.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    return bars


def test_a_single_failing_batch_is_the_error_itself() -> None:
    embeddings = Server(httpx.Response(429, json={"error": {"message": "slow down"}})).embeddings()
    with pytest.raises(ModelRateLimitError):
        embeddings.embed_documents(TEXTS)


async def test_a_progress_bar_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = progress(monkeypatch)
    embeddings = Server(lengths).embeddings(batch_size=1, max_concurrency=2, show_progress_bar=True)
    assert await ways(embeddings, TEXTS) == [VECTORS, VECTORS]
    assert [(bar.total, bar.done, bar.closed) for bar in bars] == [(10, 10, True)] * 2


def test_without_tqdm_there_is_a_warning_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(UserWarning, match="pip install tqdm"):
        assert Server(lengths).embeddings(show_progress_bar=True).embed_documents(TEXTS) == VECTORS


async def test_a_rate_limiter_is_asked_before_each_request() -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1e6, check_every_n_seconds=1e-4)
    asked: list[str] = []

    class Counting(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append("sync")
            return limiter.acquire(blocking=blocking)

        async def aacquire(self, *, blocking: bool = True) -> bool:
            asked.append("async")
            return await limiter.aacquire(blocking=blocking)

    embeddings = Server(lengths).embeddings(batch_size=4, rate_limiter=Counting(requests_per_second=1))
    assert await ways(embeddings, TEXTS) == [VECTORS, VECTORS]
    assert asked == ["sync"] * 3 + ["async"] * 3


async def test_counts_and_costs_of_all_batches_are_told() -> None:
    server = Server(lengths)
    for settings in (
        {"batch_size": 3},
        {"batch_size": 3, "rate_limiter": InMemoryRateLimiter(requests_per_second=1e6)},
    ):
        answer = server.embeddings(**settings).embed(TEXTS)
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.model, len(answer.vectors)) == (10, "e-1", 10)


@pytest.mark.parametrize("vendor", EMBEDDING_VENDORS)
async def test_a_vector_store_finds_what_is_near(vendor: str) -> None:
    embeddings = MultiApiEmbeddings(provider=vendor, model="text-embedding-3-small", **on_simulator(Simulator()))
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["the cat sat on the mat", "stocks fell on Monday", "rain is expected in Oslo"])
    assert store.similarity_search("a cat on a mat", k=1)[0].page_content == "the cat sat on the mat"
    assert (await store.asimilarity_search("will there be rain in Oslo", k=1))[0].page_content.startswith("rain")


def test_they_are_made_copied_and_shown_without_the_key() -> None:
    embeddings = MultiApiEmbeddings(model="aimlapi:e-1", api_key="sk-very-secret", chunk_size=7, request_timeout=3)
    assert (embeddings.provider, embeddings.model, embeddings.batch_size, embeddings.timeout) == (
        "aimlapi",
        "e-1",
        7,
        3,
    )
    for copied in (pickle.loads(pickle.dumps(embeddings)), copy.deepcopy(embeddings), embeddings.model_copy()):
        assert copied.api_key.get_secret_value() == "sk-very-secret"
        assert copied.batch_size == 7
    assert "secret" not in repr(embeddings) + embeddings.model_dump_json()
    with pytest.raises(ValueError, match="ctx_length"):
        MultiApiEmbeddings(provider="aimlapi", model="e", api_key="k", ctx_length=5)
    with pytest.raises(ModelInvalidRequestError, match="need the id of a model"):
        MultiApiEmbeddings(provider="aimlapi", api_key="k")
