"""Refused batches of embeddings: few requests find out why, what has not begun is not sent, and a size that was refused is kept in mind."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_multiapi import MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding
from multiapi import AsyncClient, Client
from multiapi.errors import EmbeddingBatchError, MultiApiError, NotFoundError
from multiapi.negotiation.batch_sizes import KEPT_S, MOST_KEPT, BatchSizes
from multiapi.sending.kept import PROCESS
from multiapi.sending.waiting import without_waiting
from multiapi.types.embeddings import EmbedRequest

KEY = "any-key-1234"
Answer = Callable[[list[str]], httpx.Response]


class Wire:
    """A vendor that is a function of the texts, and what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[list[str]] = []
        self._answer = answer
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        with self._lock:
            self.asked.append(texts)
        return self._answer(texts)

    @property
    def sync(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    @property
    def later(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self))


def good(texts: list[str]) -> httpx.Response:
    rows = [{"index": at, "embedding": [float(text.split()[-1]), 1.0]} for at, text in enumerate(texts)]
    return httpx.Response(200, json={"model": "m", "data": rows, "usage": {"total_tokens": 1, "cost": 0.5}})


def no(status: int, **error: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": "dimensions must be positive", **error}})


def core(wire: Wire, texts: list[str], vendor: str = "aicredits", **settings: Any) -> Any:
    at_once = settings.pop("max_concurrency", 4)
    asked = EmbedRequest(model="m", texts=texts, **settings)
    return Client(vendor, api_key=KEY, http_client=wire.sync).embed(asked, max_concurrency=at_once).vectors


def core_async(wire: Wire, texts: list[str], vendor: str = "aicredits", **settings: Any) -> Any:
    at_once = settings.pop("max_concurrency", 4)
    asked = EmbedRequest(model="m", texts=texts, **settings)
    client = AsyncClient(vendor, api_key=KEY, http_client=wire.later)
    return asyncio.run(client.embed(asked, max_concurrency=at_once)).vectors


def langchain(wire: Wire, texts: list[str], vendor: str = "aicredits", **settings: Any) -> Any:
    model = MultiApiEmbeddings(provider=vendor, model="m", api_key=KEY, http_client=wire.sync, **settings)
    return model.embed_documents(texts)


def llamaindex(wire: Wire, texts: list[str], vendor: str = "aicredits", **settings: Any) -> Any:
    if "batch_size" in settings:
        settings["embed_batch_size"] = settings.pop("batch_size")
    model = MultiApiEmbedding(provider=vendor, model="m", api_key=KEY, http_client=wire.sync, **settings)
    return model.get_text_embedding_batch(texts)


every_way = pytest.mark.parametrize("way", [core, core_async, langchain, llamaindex])
every_vendor = pytest.mark.parametrize("vendor", ["aimlapi", "aicredits"])


def texts_of(count: int) -> list[str]:
    return [f"text {number}" for number in range(count)]


def vectors_of(count: int) -> list[list[float]]:
    return [[float(number), 1.0] for number in range(count)]


def failure(call: Callable[[], Any]) -> MultiApiError:
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        call()
    return caught.value


REFUSED = [400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 418, 422, 424, 451]


@every_way
@every_vendor
@pytest.mark.parametrize("batch_size", [None, 32, 128])
@pytest.mark.parametrize("status", REFUSED)
def test_what_is_always_refused_is_asked_a_few_times(
    way: Any, vendor: str, batch_size: int | None, status: int
) -> None:
    wire = Wire(lambda _: no(status))
    settings = {} if batch_size is None else {"batch_size": batch_size}
    error = failure(lambda: way(wire, texts_of(256), vendor, **settings))
    assert error.status == status
    assert len(wire.asked) <= (12 if status in {400, 413, 422} else 4)


@every_way
@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 255, 2000])
def test_extra_requests_grow_with_the_logarithm(way: Any, count: int) -> None:
    wire = Wire(lambda _: no(400))
    failure(lambda: way(wire, texts_of(count)))
    assert len(wire.asked) <= 1 + math.ceil(math.log2(count)) + 3


def test_a_refusal_inside_of_a_success_is_treated_alike() -> None:
    wire = Wire(lambda _: httpx.Response(200, json={"error": {"message": "no", "code": 400}}))
    failure(lambda: core(wire, texts_of(256)))
    assert len(wire.asked) <= 12


@every_way
@pytest.mark.parametrize(("param", "requests"), [("dimensions", 1), ("model", 1), ("input_type", 1), ("input[3]", 8)])
def test_a_field_that_is_no_text_needs_no_search(way: Any, param: str, requests: int) -> None:
    wire = Wire(lambda _: no(400, param=param))
    failure(lambda: way(wire, texts_of(64)))
    assert len(wire.asked) == requests


@every_way
@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("bad", [0, 1, 31, 63, 64, 100, 127, 128, 200, 254, 255])
def test_one_bad_text_is_found_and_the_rest_is_kept(way: Any, status: int, bad: int) -> None:
    wire = Wire(lambda texts: no(status) if f"text {bad}" in texts else good(texts))
    for batch_size in (256, 64):
        PROCESS.refusals.forget()
        wire.asked.clear()
        batches = 256 // batch_size
        error = failure(lambda size=batch_size: way(wire, texts_of(256), "aimlapi", batch_size=size))
        assert isinstance(error, EmbeddingBatchError)
        assert error.failed_index == bad
        assert error.done == {at: vector for at, vector in enumerate(vectors_of(256)) if at != bad}
        assert len(wire.asked) <= batches + 8 + 3
        asked = [text for texts in wire.asked for text in texts if text != f"text {bad}"]
        taken = [text for texts in wire.asked if f"text {bad}" not in texts for text in texts]
        assert len(taken) == len(set(taken)) == 255  # none is paid for twice
        assert len(asked) < 256 * 4


def test_the_money_is_on_the_error() -> None:
    wire = Wire(lambda texts: no(400) if "text 3" in texts else good(texts))
    error = failure(lambda: core(wire, texts_of(8)))
    taken = [texts for texts in wire.asked if "text 3" not in texts]
    assert error.cost is not None
    assert float(error.cost.amount) == 0.5 * len(taken)


# ------------------------------------------------------------------------------------------------ what has not begun


@every_way
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 418, 422])
def test_what_has_not_begun_is_not_sent(way: Any, status: int) -> None:
    wire = Wire(lambda _: no(status))
    failure(lambda: way(wire, texts_of(4000), "aimlapi", batch_size=20))
    assert len(wire.asked) <= (4 if status not in {400, 422} else 4 + math.ceil(math.log2(4000)) + 3)


@every_way
def test_a_limit_that_lasts_ends_the_call(way: Any) -> None:
    wire = Wire(lambda _: httpx.Response(429, headers={"retry-after": "100000"}, json={}))
    error = failure(lambda: way(wire, texts_of(4000), "aimlapi", batch_size=20))
    assert error.retry_after_s == 100_000
    assert len(wire.asked) <= 4


def unreachable(_: list[str]) -> httpx.Response:
    raise httpx.ConnectError("refused")


def silent(_: list[str]) -> httpx.Response:
    raise httpx.ReadTimeout("")


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        (unreachable, 4 * 3),
        (silent, 4),
        (lambda _: no(503), 4),
        (lambda _: no(500), 4 * 3),
        (lambda _: httpx.Response(200, text="<html>"), 4),
    ],
    ids=["unreachable", "silent", "503", "500", "html"],
)
def test_a_vendor_that_is_down_is_not_asked_for_each_batch(answer: Answer, most: int) -> None:
    wire = Wire(answer)
    failure(lambda: core(wire, texts_of(4000), batch_size=20))
    assert len(wire.asked) <= most


@every_way
def test_finished_batches_stay_on_the_error(way: Any) -> None:
    wire = Wire(lambda texts: no(402) if "text 50" in texts else good(texts))
    error = failure(lambda: way(wire, texts_of(200), "aimlapi", batch_size=10, max_concurrency=1))
    assert isinstance(error, EmbeddingBatchError)
    assert error.done == dict(enumerate(vectors_of(50)))
    assert len(wire.asked) == 6


# ------------------------------------------------------------------------------------------------ sizes


def capped(cap: int, status: int) -> Answer:
    return lambda texts: no(status) if len(texts) > cap else good(texts)


@every_way
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_size_is_learnt(way: Any, status: int) -> None:
    wire = Wire(capped(32, status))
    assert way(wire, texts_of(300)) == vectors_of(300)
    assert len(wire.asked) <= 12
    wire.asked.clear()
    assert way(wire, texts_of(300)) == vectors_of(300)
    assert len(wire.asked) <= 11
    assert max(map(len, wire.asked)) == 32


@pytest.mark.parametrize("cap", [1, 2, 7, 20, 32, 63, 64, 100, 300])
def test_any_cap_is_met(cap: int) -> None:
    wire = Wire(capped(cap, 413))
    assert core(wire, texts_of(300)) == vectors_of(300)
    wire.asked.clear()
    assert core(wire, texts_of(300)) == vectors_of(300)
    assert max(map(len, wire.asked)) <= cap


def test_batches_of_64_for_a_vendor_that_is_known_for_it_and_what_the_caller_says_first() -> None:
    for way in (core, langchain, llamaindex):
        for vendor, most in (("aicredits", 64), ("aimlapi", 256)):
            wire = Wire(good)
            way(wire, texts_of(300), vendor)
            assert max(map(len, wire.asked)) == most
            wire.asked.clear()
            way(wire, texts_of(300), vendor, batch_size=100)
            assert max(map(len, wire.asked)) == 100


def test_what_is_learnt_is_of_one_address_and_model_bounded_and_forgotten_in_time() -> None:
    now = [0.0]
    sizes = BatchSizes(clock=lambda: now[0])
    sizes.note_limit("https://a", "m", 32)
    assert (sizes.most("https://a", "m"), sizes.most("https://b", "m"), sizes.most("https://a", "n")) == (
        32,
        None,
        None,
    )
    assert sizes.has_worked("https://a", "m", 32)
    assert not sizes.has_worked("https://a", "m", 33)
    now[0] = KEPT_S - 1
    assert sizes.most("https://a", "m") == 32
    now[0] = KEPT_S
    assert sizes.most("https://a", "m") is None
    for number in range(3 * MOST_KEPT):
        sizes.note_taken("https://a", f"m{number}", 1)
    assert len(sizes) == MOST_KEPT


@pytest.mark.parametrize("status", [404, 503])
@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ("openai/text-embedding-3-small", "'text-embedding-3-small'"),
        ("text-embedding-3-small", "'openai/text-embedding-3-small'"),
    ],
)
def test_the_other_spelling_of_an_id_is_named_and_not_tried(status: int, asked: str, other: str) -> None:
    wire = Wire(lambda _: no(status))
    model = MultiApiEmbeddings(provider="aicredits", model=asked, api_key=KEY, http_client=wire.sync)
    error = failure(lambda: model.embed_query("x"))
    assert other in str(error)
    assert len(wire.asked) == 1
    wire.asked.clear()
    plain = MultiApiEmbeddings(provider="aicredits", model="baai/bge-m3", api_key=KEY, http_client=wire.sync)
    assert "may know" not in str(failure(lambda: plain.embed_query("x")))
    assert isinstance(error, NotFoundError) is (status == 404)
