"""Embeddings are decided on in the core: what is sent, in which batches, what is on an error, the same in both frameworks and awaited."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import pytest
from langchain_core.rate_limiters import BaseRateLimiter as LangChainLimiter
from llama_index.core.rate_limiter import BaseRateLimiter as LlamaIndexLimiter
from llama_index.core.storage.kvstore import SimpleKVStore

from langchain_multiapi import MultiApiEmbeddings
from llamaindex_multiapi import EmbeddingUsageEvent, MultiApiEmbedding
from llamaindex_multiapi.testing.llm_asking import observed
from multiapi import AsyncClient, Client, EmbedRequest
from multiapi.errors import EmbeddingBatchError, InvalidRequestError
from multiapi.flows.driving import Either, Steps
from multiapi.flows.embeddings import Beside
from multiapi.types.usage import Cost


class Wire:
    """Gives a text's number as its vector, for a price, and refuses some texts."""

    def __init__(self, *refused: str, status: int = 403) -> None:
        self.refused = set(refused)
        self.status = status
        self.asked: list[list[str]] = []
        self.kinds: list[str | None] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        with self._lock:
            self.asked.append(body["input"])
            self.kinds.append(body.get("input_type"))
        if self.refused & set(body["input"]):
            return httpx.Response(self.status, json={"error": {"message": "not this one"}})
        rows = [{"index": at, "embedding": vector(text)} for at, text in enumerate(body["input"])]
        return httpx.Response(200, json={"model": "m", "data": rows, "usage": {"total_tokens": 1, "cost": 0.5}})

    async def later(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return self(request)

    @property
    def settings(self) -> dict[str, Any]:
        sync = httpx.Client(transport=httpx.MockTransport(self))
        awaited = httpx.AsyncClient(transport=httpx.MockTransport(self.later))
        return {
            "provider": "aicredits",
            "model": "m",
            "api_key": "a-key-of-tests-1234",
            "max_retries": 0,
            "http_client": sync,
            "http_async_client": awaited,
        }


def vector(text: str) -> list[float]:
    return [float(text.split()[-1]) + 1.0, 1.0]


class Turns:
    """Counts who asks for a turn; both frameworks' limiters are made of it."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.count, self.fails_at = 0, fails_at

    def take(self) -> None:
        self.count += 1
        if self.count == self.fails_at:
            raise LookupError("the limiter is gone")


class OfLangChain(LangChainLimiter):
    """As LangChain's."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def acquire(self, *, blocking: bool = True) -> bool:
        self.turns.take()
        return blocking

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


class OfLlamaIndex(LlamaIndexLimiter):
    """As LlamaIndex's."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def acquire(self, num_tokens: int = 0) -> None:
        self.turns.take()

    async def async_acquire(self, num_tokens: int = 0) -> None:
        self.acquire(num_tokens)


Way = Callable[..., list[list[float]]]


def by_core(
    wire: Wire, texts: Sequence[str], *, turns: Turns | None = None, awaits: bool = False, **options: Any
) -> Any:
    given = wire.settings
    model, awaited = given.pop("model"), given.pop("http_async_client")
    limiter = None if turns is None else OfLangChain(turns)
    turn = None if limiter is None else partial(Either, limiter.acquire, limiter.aacquire)
    request = EmbedRequest(
        model=model,
        texts=list(texts),
        batch_size=options.pop("batch_size", None),
        skip_empty=options.pop("skip_empty", False),
        input_type=options.pop("input_type", None),
        purpose="document",
    )
    how = {"max_concurrency": options.pop("max_concurrency", 4), "beside": Beside(turn=turn)}
    assert not options
    if awaits:
        client = AsyncClient(**{**given, "http_client": awaited})
        return asyncio.run(client.embed(request, **how)).vectors
    return Client(**given).embed(request, **how).vectors


def by_langchain(
    wire: Wire, texts: Sequence[str], *, turns: Turns | None = None, awaits: bool = False, **options: Any
) -> Any:
    limiter = {} if turns is None else {"rate_limiter": OfLangChain(turns)}
    model = MultiApiEmbeddings(**wire.settings, **limiter, **options)
    return asyncio.run(model.aembed_documents(list(texts))) if awaits else model.embed_documents(list(texts))


def by_llamaindex(
    wire: Wire, texts: Sequence[str], *, turns: Turns | None = None, awaits: bool = False, **options: Any
) -> Any:
    limiter = {} if turns is None else {"rate_limiter": OfLlamaIndex(turns=turns)}
    if "batch_size" in options:
        options["embed_batch_size"] = options.pop("batch_size")
    model = MultiApiEmbedding(**wire.settings, **limiter, **options)
    if awaits:
        return asyncio.run(model.aget_text_embedding_batch(list(texts)))
    return model.get_text_embedding_batch(list(texts))


@pytest.fixture(params=[by_core, by_langchain, by_llamaindex])
def way(request: pytest.FixtureRequest) -> Way:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[False, True], ids=["at once", "awaited"], autouse=True)
def awaits(request: pytest.FixtureRequest) -> bool:
    return request.param  # type: ignore[no-any-return]


TEXTS = [f"text {number}" for number in range(8)]


def test_texts_go_in_the_same_batches(way: Way, awaits: bool) -> None:
    wire = Wire()
    assert way(wire, TEXTS, awaits=awaits, batch_size=3) == [vector(text) for text in TEXTS]
    assert sorted(wire.asked) == [TEXTS[:3], TEXTS[3:6], TEXTS[6:]]
    assert set(wire.kinds) == {None}


def test_what_the_texts_are_is_said_on_demand(way: Way, awaits: bool) -> None:
    wire = Wire()
    way(wire, TEXTS, awaits=awaits, input_type="auto")
    assert wire.kinds == ["document"]


def test_an_error_has_all_that_was_paid_for_by_the_positions_that_were_given(way: Way, awaits: bool) -> None:
    """Also where texts were left out, and where a later batch fails."""
    texts = ["", *TEXTS[:3], "", *TEXTS[3:]]
    wire = Wire("text 6")
    with pytest.raises(EmbeddingBatchError, match="batch of texts 6 to 9 failed") as caught:
        way(wire, texts, awaits=awaits, batch_size=4, skip_empty=True, max_concurrency=1)
    error = caught.value
    assert error.done == {index: vector(texts[index]) for index in (1, 2, 3, 5)}
    assert (error.failed_index, error.status, error.cost) == (6, 403, Cost(Decimal("0.5"), error.cost.unit))  # type: ignore[union-attr]
    wire = Wire()
    assert way(wire, texts, awaits=awaits, skip_empty=True)[4] == [0.0, 0.0]
    assert wire.asked == [TEXTS]
    with pytest.raises(InvalidRequestError, match="text 0 is empty"):
        way(Wire(), texts, awaits=awaits)
    wire = Wire()
    assert way(wire, ["", ""], awaits=awaits, skip_empty=True) == [[], []]
    assert wire.asked == []


def test_a_text_at_fault_is_named_by_the_position_that_was_given(way: Way, awaits: bool) -> None:
    texts = ["", *TEXTS]
    with pytest.raises(EmbeddingBatchError, match="but text 7 failed") as caught:
        way(Wire("text 6", status=400), texts, awaits=awaits, skip_empty=True)
    assert caught.value.failed_index == 7
    assert caught.value.done == {index: vector(text) for index, text in enumerate(texts) if index not in {0, 7}}


def test_a_turn_is_asked_for_before_each_request(way: Way, awaits: bool) -> None:
    """Those of a refused batch too."""
    turns, wire = Turns(), Wire("text 6", status=400)
    with pytest.raises(EmbeddingBatchError):
        way(wire, TEXTS, awaits=awaits, turns=turns, batch_size=4)
    assert turns.count == len(wire.asked) > 3


def test_a_limiter_that_fails_ends_the_call_and_takes_nothing_along(way: Way, awaits: bool) -> None:
    turns, wire = Turns(fails_at=3), Wire()
    with pytest.raises(LookupError, match="the limiter is gone") as caught:
        way(wire, TEXTS, awaits=awaits, turns=turns, batch_size=2, max_concurrency=1)
    assert wire.asked == [TEXTS[:2], TEXTS[2:4]]
    assert caught.value.done == {index: vector(TEXTS[index]) for index in range(4)}  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------ what a caller has beside


class Memory:
    """A cache, which may fail."""

    def __init__(self, fails: bool = False) -> None:
        self.held: dict[str, list[float]] = {}
        self.puts: list[int] = []
        self.fails = fails

    def get(self, name: str) -> Steps[list[float] | None]:
        async def get(name: str) -> Any:
            return self.held.get(name)

        return (yield Either(self.held.get, get, name))  # type: ignore[no-any-return]

    def put(self, entries: Sequence[tuple[str, list[float]]]) -> Steps[None]:
        def keep() -> None:
            if self.fails:
                raise OSError("no space left on device")
            self.held |= entries
            self.puts.append(len(entries))

        async def akeep() -> None:
            keep()

        yield Either(keep, akeep)


def embedded(wire: Wire, texts: Sequence[str], beside: Beside, *, awaits: bool, batch_size: int = 2) -> Any:
    given = wire.settings
    request = EmbedRequest(model=given.pop("model"), texts=texts, batch_size=batch_size)
    awaited = given.pop("http_async_client")
    if awaits:
        client = AsyncClient(**{**given, "http_client": awaited})
        return asyncio.run(client.embed(request, max_concurrency=1, beside=beside))
    return Client(**given).embed(request, max_concurrency=1, beside=beside)


def test_what_a_cache_holds_is_not_sent_and_each_request_fills_it(awaits: bool) -> None:
    wire, memory, seen = Wire(), Memory(), []
    beside = Beside(lambda response: seen.append(len(response.vectors)), cache=memory)
    embedded(wire, [TEXTS[5], TEXTS[2]], beside, awaits=awaits)
    response = embedded(wire, TEXTS, beside, awaits=awaits)
    assert response.vectors == [vector(text) for text in TEXTS]
    assert response.cost.amount == Decimal("1.5")
    assert wire.asked[1:] == [["text 0", "text 1"], ["text 3", "text 4"], ["text 6", "text 7"]]
    assert memory.puts == seen == [2, 2, 2, 2]
    assert embedded(wire, TEXTS, beside, awaits=awaits).vectors == response.vectors
    assert len(wire.asked) == 4


def test_a_failure_counts_what_the_cache_held(awaits: bool) -> None:
    memory = Memory()
    embedded(Wire(), [TEXTS[0]], Beside(cache=memory), awaits=awaits)
    with pytest.raises(
        EmbeddingBatchError, match="3 texts are embedded and 3 were not sent, but the batch of texts 3 to 4"
    ) as caught:
        embedded(Wire("text 4"), TEXTS, Beside(cache=memory), awaits=awaits)
    assert caught.value.done == {index: vector(TEXTS[index]) for index in (0, 1, 2)}
    assert caught.value.failed_index == 3


@pytest.mark.parametrize("what", ["progress", "cache"])
def test_a_function_of_the_caller_that_fails_takes_nothing_along(what: str, awaits: bool) -> None:
    def progress(_: Any) -> None:
        raise OSError("no space left on device")

    wire = Wire()
    beside = Beside(progress) if what == "progress" else Beside(cache=Memory(fails=True))
    with pytest.raises(OSError, match="no space left") as caught:
        embedded(wire, TEXTS, beside, awaits=awaits)
    assert wire.asked == [TEXTS[:2]]
    assert caught.value.done == {0: vector(TEXTS[0]), 1: vector(TEXTS[1])}  # type: ignore[attr-defined]


def test_llamaindex_hears_of_each_request_that_was_paid_for_also_of_a_call_that_fails(awaits: bool) -> None:
    wire, store = Wire("text 5"), SimpleKVStore()
    with observed() as seen, pytest.raises(EmbeddingBatchError):
        by_llamaindex(wire, TEXTS, awaits=awaits, batch_size=2, max_concurrency=1, embeddings_cache=store)
    told = [event for event in seen.events if isinstance(event, EmbeddingUsageEvent)]
    assert [(event.texts, event.cost["amount"]) for event in told if event.cost] == [(2, "0.5"), (2, "0.5")]
    assert len(store.get_all("embeddings")) == 4
