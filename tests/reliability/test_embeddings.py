"""Cases 77 to 82: vectors that are not those of the texts, or no vectors."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import EmbeddingBatchError, MultiApiError, ResponseFormatError
from multiapi.types.embeddings import EmbedRequest
from tests.reliability.hostile_server import Exchange, HostileServer, answer, status
from tests.reliability.leaks import leak_in_error, watched_logs
from tests.reliability.ways import KEYS, check_quiet

KEY = KEYS["aimlapi"]
TEXTS = ["one PROMPT-MARK-7315", "two", "three"]
Vectors = list[list[float]]


def core(url: str, texts: list[str], batch: int | None) -> Vectors:
    asked = EmbedRequest(model="e", texts=texts, batch_size=batch)
    return Client("aimlapi", api_key=KEY, base_url=url).embed(asked).vectors


def core_async(url: str, texts: list[str], batch: int | None) -> Vectors:
    asked = EmbedRequest(model="e", texts=texts, batch_size=batch)
    return asyncio.run(AsyncClient("aimlapi", api_key=KEY, base_url=url).embed(asked)).vectors


def langchain_model(url: str, batch: int | None) -> Any:
    from langchain_multiapi import MultiApiEmbeddings

    return MultiApiEmbeddings(provider="aimlapi", model="e", api_key=KEY, base_url=url, batch_size=batch)


def langchain(url: str, texts: list[str], batch: int | None) -> Vectors:
    return langchain_model(url, batch).embed_documents(texts)  # type: ignore[no-any-return]


def langchain_async(url: str, texts: list[str], batch: int | None) -> Vectors:
    return asyncio.run(langchain_model(url, batch).aembed_documents(texts))


def llamaindex_model(url: str, batch: int | None) -> Any:
    from llamaindex_multiapi import MultiApiEmbedding

    more = {} if batch is None else {"embed_batch_size": batch}
    return MultiApiEmbedding(provider="aimlapi", model="e", api_key=KEY, base_url=url, **more)


def llamaindex(url: str, texts: list[str], batch: int | None) -> Vectors:
    return llamaindex_model(url, batch).get_text_embedding_batch(texts)  # type: ignore[no-any-return]


def llamaindex_async(url: str, texts: list[str], batch: int | None) -> Vectors:
    return asyncio.run(llamaindex_model(url, batch).aget_text_embedding_batch(texts))


Embed = Callable[[str, list[str], int | None], Vectors]
every_embedder = pytest.mark.parametrize(
    "embed", [core, core_async, langchain, langchain_async, llamaindex, llamaindex_async]
)


def ask(embed: Embed, url: str, texts: list[str] = TEXTS, batch: int | None = None) -> Vectors | MultiApiError:
    with watched_logs() as watch:
        try:
            found: Vectors | MultiApiError = embed(url, texts, batch)
        except MultiApiError as error:
            found = error
    check_quiet(watch.text(), KEY)
    if isinstance(found, MultiApiError):
        assert leak_in_error(found, KEY) is None, leak_in_error(found, KEY)
    return found


def entry(vector: Any, index: Any = None) -> dict[str, Any]:
    return {"object": "embedding", "embedding": vector, **({} if index is None else {"index": index})}


A, B, C = [1.0, 0.5], [2.0, 0.25], [3.0, 0.125]


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def refuses(embed: Embed, body: Any) -> ResponseFormatError:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    with HostileServer(answer(text)) as server:
        error = ask(embed, server.url)
    assert isinstance(error, ResponseFormatError), error
    assert server.count == 1
    assert not error.retryable
    return error


@every_embedder
@pytest.mark.parametrize(
    "data",
    [
        [entry(A, 0), entry(B, 1)],
        [entry(A, 0), entry(B, 1), entry(C, 2), entry(A, 3)],
        [],
        None,
        {},
        "x",
        3,
        [None],
        [None] * 3,
        [[]] * 3,
    ],
    ids=["too few", "too many", "none", "null", "object", "text", "number", "a null", "nulls", "empty lists"],
)
def test_case_077_too_few_too_many_none(embed: Embed, data: Any) -> None:
    refuses(embed, {"data": data, "model": "e"})


@every_embedder
def test_case_077_without_the_field(embed: Embed) -> None:
    assert "model" in str(refuses(embed, {"model": "e"}))


@every_embedder
@pytest.mark.parametrize(
    ("order", "numbered"),
    [([2, 0, 1], True), ([0, 1, 2], True), ([0, 1, 2], False)],
    ids=["other order", "in order", "no indices"],
)
def test_case_078_order(embed: Embed, order: list[int], numbered: bool) -> None:
    data = [entry([A, B, C][i], i if numbered else None) for i in order]
    with HostileServer(answer({"data": data, "model": "e"})) as server:
        assert ask(embed, server.url) == [A, B, C]


@every_embedder
@pytest.mark.parametrize(
    "indices",
    [
        [0, 0, 1],
        [0, 1, 3],
        [1, 2, 3],
        [-1, 0, 1],
        [0, 1, None],
        [0, 1, "two"],
        [0.0, 1, 2],
        [True, 0, 2],
        [0, 1, [2]],
        [10**30, 0, 1],
    ],
)
def test_case_078_indices_that_are_no_order(embed: Embed, indices: list[Any]) -> None:
    refuses(embed, {"data": [entry(vector, index) for vector, index in zip([A, B, C], indices, strict=True)]})


@every_embedder
@pytest.mark.parametrize(
    "vector",
    [
        [1.0],
        [1.0, 2.0, 3.0],
        [],
        None,
        [[1.0, 2.0]],
        ["1.0", "x"],
        [True, False],
        [None, 1.0],
        {},
        7,
        [{}],
        [1.0, "nan"],
        [[], []],
    ],
)
def test_case_079_vectors_that_are_none(embed: Embed, vector: Any) -> None:
    refuses(embed, {"data": [entry(A, 0), entry(vector, 1), entry(C, 2)]})


@every_embedder
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_case_080_not_finite(embed: Embed, number: str) -> None:
    body = json.dumps({"data": [entry(A, 0), entry([1.0, 77.0], 1), entry(C, 2)]}).replace("77.0", number)
    refuses(embed, body)


@every_embedder
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_case_080_not_finite_inside_of_base64(embed: Embed, number: float) -> None:
    refuses(embed, {"data": [entry(packed(*A), 0), entry(packed(1.0, number), 1), entry(packed(*C), 2)]})


@every_embedder
def test_case_081_base64_although_nobody_asked(embed: Embed) -> None:
    with HostileServer(answer({"data": [entry(packed(*each), n) for n, each in enumerate([A, B, C])]})) as server:
        assert ask(embed, server.url) == [A, B, C]


@every_embedder
@pytest.mark.parametrize(
    "text",
    ["", "!!!!", "AAA", packed(1.0, 2.0)[:-3], base64.b64encode(b"12345").decode(), "\u00e9" * 4, " ", packed(1.0)],
)
def test_case_081_base64_that_is_broken(embed: Embed, text: str) -> None:
    refuses(embed, {"data": [entry(packed(*A), 0), entry(text, 1), entry(packed(*C), 2)]})


async def by_text(exchange: Exchange) -> None:
    texts = exchange.request.json["input"]
    if "poison" in texts:
        await status(500)(exchange)
        return
    await answer({"data": [entry([float(text), 1.0], n) for n, text in enumerate(texts)], "model": "e"})(exchange)


@every_embedder
def test_case_082_one_batch_of_many_fails(embed: Embed) -> None:
    texts = [str(number) for number in range(20)]
    texts[13] = "poison"
    with HostileServer(by_text) as server:
        error = ask(embed, server.url, texts, 4)
    assert isinstance(error, EmbeddingBatchError)
    done = [number for number in range(20) if number not in range(12, 16)]
    if embed not in (llamaindex, llamaindex_async):  # they go one after the other there
        assert sorted(error.done) == done
    assert set(error.done) <= set(done)
    assert len(error.done) >= 12
    assert all(error.done[number] == [float(number), 1.0] for number in error.done)
    assert error.status == 500


@every_embedder
def test_case_082_the_batches_are_not_mixed_up(embed: Embed) -> None:
    texts = [str(number) for number in range(50)]

    async def late_first(exchange: Exchange) -> None:
        if exchange.request.json["input"][0] in {"0", "8"}:
            await asyncio.sleep(0.05)
        await by_text(exchange)

    with HostileServer(late_first) as server:
        assert ask(embed, server.url, texts, 4) == [[float(number), 1.0] for number in range(50)]
