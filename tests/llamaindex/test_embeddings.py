"""B12: vectors, batches, caches and counts."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.storage.kvstore import SimpleKVStore

from llamaindex_multiapi import EmbeddingStore, EmbeddingUsageEvent, MultiApiEmbedding
from llamaindex_multiapi.testing import Asked, Reply, Wire
from llamaindex_multiapi.testing.embeddings import vector_of
from llamaindex_multiapi.testing.llm_asking import observed
from multiapi.errors import EmbeddingBatchError, InvalidRequestError, UnsupportedError
from tests.llamaindex.scripted import FORMAT, KEY, embedding_on


def answer(asked: Asked) -> Reply:
    return FORMAT.vectors([vector_of(text) for text in asked.json["input"]])


def refusing(*poison: str, status: int = 400) -> Wire:
    """A wire that refuses batches in which one of these texts is."""

    def reply(asked: Asked) -> Reply:
        return FORMAT.error(status, "cannot be embedded") if set(poison) & set(asked.json["input"]) else answer(asked)

    return Wire(reply)


TEXTS = [f"text {number}" for number in range(10)]


async def test_b12_r52_what_was_found_before_a_run_is_cancelled_is_in_the_cache() -> None:
    store, hangs = SimpleKVStore(), asyncio.Event()

    async def reply(request: httpx.Request) -> httpx.Response:
        (text,) = json.loads(request.content)["input"]
        if text == "second":
            hangs.set()
            await asyncio.sleep(60)
        return httpx.Response(200, content=b"".join(FORMAT.vectors([vector_of(text)]).pieces))

    wire = Wire(answer)
    settings: dict[str, Any] = {"embed_batch_size": 1, "max_concurrency": 1, "embeddings_cache": store}
    model = embedding_on(wire, http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(reply)), **settings)
    run = asyncio.create_task(model.aget_text_embedding_batch(["first", "second"]))
    await hangs.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert model.get_text_embedding_batch(["first", "second"]) == [vector_of("first"), vector_of("second")]
    assert [asked.json["input"] for asked in wire.asked] == [["second"]]


@pytest.mark.parametrize("provider", ["bineric", "binom_router", "binobox"])
def test_b12_r55_vendors_without_embeddings_say_who_has_them(provider: str) -> None:
    embedding = MultiApiEmbedding(provider=provider, model="m", api_key=KEY)
    with pytest.raises(UnsupportedError, match="aicredits and aimlapi have"):
        embedding.get_text_embedding("a")


def test_b12_model_and_model_name_are_one() -> None:
    embedding = MultiApiEmbedding(provider="aimlapi", model_name="one", api_key=KEY)
    assert (embedding.model, embedding.model_name) == ("one", "one")
    embedding.model_name = "two"
    assert (embedding.model, embedding.model_name) == ("two", "two")
    embedding.model = "three"
    assert embedding.to_dict()["model_name"] == "three"
    assert embedding.model_copy(update={"model": "four"}).model_name == "four"


def test_b12_empty_texts_are_refused_before_anything_is_sent() -> None:
    wire = Wire(answer)
    with pytest.raises(InvalidRequestError, match="text 1 is empty"):
        embedding_on(wire).get_text_embedding_batch(["a", "", "c"])
    assert not wire.asked


@pytest.mark.parametrize("is_async", [False, True])
async def test_b12_c33_r52_a_poisonous_text_is_found_and_the_rest_is_kept(is_async: bool) -> None:
    wire = refusing("text 6")
    store = SimpleKVStore()
    embedding = embedding_on(wire, embed_batch_size=4, embeddings_cache=store)
    with pytest.raises(EmbeddingBatchError, match="cannot be embedded") as failure:
        if is_async:
            await embedding.aget_text_embedding_batch(TEXTS)
        else:
            embedding.get_text_embedding_batch(TEXTS)
    assert failure.value.failed_index == 6
    assert {0, 1, 2, 3, 8, 9} <= set(failure.value.done)
    assert all(failure.value.done[index] == vector_of(TEXTS[index]) for index in failure.value.done)
    before = len(wire.asked)
    embedding.get_text_embedding_batch(TEXTS[:4])
    assert len(wire.asked) == before


def test_b12_c34_positions_count_from_the_first_text_of_the_call() -> None:
    """Also where the failure is not among the first texts that are on their way at once, and where a cache held some."""
    store = SimpleKVStore()
    embedding = embedding_on(refusing("text 7"), embed_batch_size=2, max_concurrency=2, embeddings_cache=store)
    embedding.get_text_embedding_batch(["text 0", "text 5"])
    with pytest.raises(EmbeddingBatchError) as failure:
        embedding.get_text_embedding_batch(TEXTS)
    assert failure.value.failed_index == 7
    assert {index for index in failure.value.done if index < 6} == {0, 1, 2, 3, 4, 5}
    again = [text for text in TEXTS if text != "text 7"]
    assert embedding.get_text_embedding_batch(again) == [vector_of(text) for text in again]


def test_b12_batches_run_side_by_side_and_not_more_than_allowed() -> None:
    running = most = 0
    lock = threading.Lock()

    def slow(asked: Asked) -> Reply:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return answer(asked)

    for settings in ({"max_concurrency": 3}, {"num_workers": 3}, {"num_workers": 8, "max_concurrency": 3}):
        most = 0
        embedding = embedding_on(Wire(slow), embed_batch_size=1, **settings)
        assert embedding.get_text_embedding_batch(TEXTS) == [vector_of(text) for text in TEXTS]
        assert most == 3
    most, embedding.num_workers = 0, 2
    embedding.get_text_embedding_batch(TEXTS)
    assert most == 2


def test_r54_queries_and_documents() -> None:
    wire = Wire(answer)
    embedding = embedding_on(wire, input_type="auto", embeddings_cache=SimpleKVStore())
    embedding.get_text_embedding("a")
    embedding.get_query_embedding("a")
    assert [asked.json["input_type"] for asked in wire.asked] == ["document", "query"]
    plain = embedding_on(wire)
    plain.get_query_embedding("a")
    assert "input_type" not in wire.last


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"dimensions": 3},
        {"input_type": "document"},
        {"base_url": "https://other.example"},
        {"provider": "aicredits"},
    ],
)
def test_b12_c38_r53_entries_depend_on_everything_that_changes_a_vector(change: dict[str, Any]) -> None:
    wire = Wire(answer)
    store = SimpleKVStore()
    embedding_on(wire, embeddings_cache=store).get_text_embedding("a")
    embedding_on(wire, embeddings_cache=store, **change).get_text_embedding("a")
    embedding_on(wire, embeddings_cache=store, api_key="sk-another", timeout=9.0).get_text_embedding("a")
    assert len(wire.asked) == 2


async def test_b12_usage_is_told() -> None:
    wire = Wire(answer)
    embedding = embedding_on(wire, embed_batch_size=2, max_concurrency=1)
    with observed() as seen:
        embedding.get_text_embedding_batch(["a", "b", "c"])
    events = [event for event in seen.events if isinstance(event, EmbeddingUsageEvent)]
    assert [(event.provider, event.texts, event.prompt_tokens) for event in events] == [
        ("aimlapi", 2, 3),
        ("aimlapi", 1, 3),
    ]
    assert embedding.last_usage is not None
    await embedding.aget_query_embedding("a")
    assert embedding.last_usage.total_tokens == 3


async def test_c29_a_limiter_is_asked_once_per_request_also_beside_a_cache() -> None:
    class Counting(BaseRateLimiter):
        count = 0

        def acquire(self, num_tokens: int = 0) -> None:
            self.count += 1

        async def async_acquire(self, num_tokens: int = 0) -> None:
            self.acquire()

    wire = Wire(answer)
    limiter = Counting()
    embedding = embedding_on(wire, embed_batch_size=4, rate_limiter=limiter, embeddings_cache=SimpleKVStore())
    embedding.get_text_embedding_batch(TEXTS)
    assert limiter.count == len(wire.asked) == 3
    await embedding.aget_text_embedding_batch([*TEXTS, "new"])
    assert limiter.count == len(wire.asked) == 4
    embedding.get_query_embedding("newer")
    assert limiter.count == 5


def test_progress_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    embedding_on(Wire(answer), embed_batch_size=2).get_text_embedding_batch(TEXTS, show_progress=True)
    assert "Generating embeddings" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ the shared store


def test_c36_a_store_on_disk(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "vectors.sqlite")
    wire = Wire(answer)
    first = embedding_on(wire, embeddings_cache=store).get_text_embedding_batch(TEXTS)
    again = EmbeddingStore(tmp_path / "vectors.sqlite")
    assert embedding_on(wire, embeddings_cache=again).get_text_embedding_batch(TEXTS) == first
    assert len(wire.asked) == 1
    entries = again.get_all("embeddings")
    assert len(entries) == len(TEXTS)
    assert again.delete(next(iter(entries)), "embeddings")
    assert not again.delete("nothing", "embeddings")
    assert len(again.get_all("embeddings")) == len(TEXTS) - 1


async def test_c36_the_store_is_awaited_too(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "vectors.sqlite")
    embedding = embedding_on(Wire(answer), embeddings_cache=store)
    assert await embedding.aget_text_embedding_batch(TEXTS) == [vector_of(text) for text in TEXTS]
    await store.aput("key", {"id": [1.0]})
    assert await store.aget("key") == {"id": [1.0]}
    assert await store.aget_all() == {"key": {"id": [1.0]}}
    assert await store.adelete("key")


def _write(store: EmbeddingStore, name: str) -> None:
    for number in range(20):
        store.put(f"{name} {number}", {"id": [float(number)]})


@pytest.mark.slow
def test_c36_processes_write_at_once_and_find_what_the_others_wrote(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "vectors.sqlite")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(store, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(store.get_all()) == 60
