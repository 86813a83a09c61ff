"""Vectors are taken out of an answer while it arrives; whatever is odd stays in it, and both ways agree."""

from __future__ import annotations

import base64
import math
import re
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi import Client
from multiapi.errors import EmbeddingBatchError, MultiApiError, ResponseFormatError, ResponseTooLargeError
from multiapi.formats.openai.vendor import parse_embed
from multiapi.http import vectors
from multiapi.http.exchange import HttpResponse
from multiapi.http.vectors import VectorReader
from multiapi.sending.bodies import BodyReader
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Limits
from tests.reliability.growth import work_of

HEAD = HttpResponse(200, {"content-type": "application/json"})
HALVES = [number / 2 for number in range(-8, 24)]
"""Long enough to be taken out."""


def packed(vector: Sequence[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


def entry(index: Any, vector: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": vector}


def outcome(body: bytes, cuts: Sequence[int] = ()) -> Any:
    """What comes of a body that arrives in pieces."""
    reader = BodyReader(HEAD, 10_000_000, "aimlapi", holds_vectors=True)
    for start, end in pairwise([0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]):
        assert reader.feed(body[start:end])
    return result(reader.answer())


def result(response: HttpResponse) -> Any:
    try:
        return parse_embed(response, provider="aimlapi")
    except MultiApiError as error:
        return type(error), error.status, re.sub(r"\d+", "", str(error))  # positions in the body differ


@pytest.fixture
def as_a_whole(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """The same, with nothing taken out."""

    def read(body: bytes) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(vectors, "read_vector", lambda text: None)
            return outcome(body)

    return read


ODD = [
    {"data": [entry(0, HALVES), entry(1, HALVES[::-1])]},
    {"data": [entry(1, HALVES), entry(0, HALVES[::-1])], "usage": {"prompt_tokens": 3, "total_tokens": 3}},
    {"data": [entry(0, packed(HALVES)), entry(1, HALVES)], "model": "embedding"},
    {"data": [{"embedding": HALVES, "note": 'an "embedding": [7] in text', "index": 0}]},
    {"data": [{"embedding": HALVES, 'an "embedding': HALVES, "index": 0}]},
    {"data": [{"embedding": HALVES, "note": 'embedding": ' + str(HALVES), "index": 0}]},
    {"data": [entry(0, HALVES)], "embedding": HALVES, "more": [{"embedding": HALVES[:20]}]},
    {"data": [entry(0, HALVES), {"index": 1}]},
    {"data": [entry(0, 0), entry(1, HALVES)]},
    {"data": [entry(0, [*HALVES, True])]},
    {"data": [entry(0, [*HALVES, None])]},
    {"data": [entry(0, [*HALVES, "1.5"])]},
    {"data": [entry(0, [str(number) for number in HALVES])]},
    {"data": [entry(0, [HALVES, 2.5])]},
    {"data": [entry(0, [HALVES, HALVES])]},
    {"data": [entry(0, {"embedding": HALVES})]},
    {"data": [entry(0, [])]},
    {"data": [entry(0, "")]},
    {"data": [entry(0, packed(HALVES)[:-2])]},
    {"data": [entry(0, packed(HALVES)[:-4])]},
    {"data": [entry(0, packed([*HALVES, math.nan]))]},
    {"data": [entry(0, packed([*HALVES, math.inf]))]},
    {"data": [entry(0, "not base64!" * 20)]},
    {"data": [entry(0, [1e308] * 40)]},
    {"data": [entry(0, HALVES), entry(0, HALVES)]},
    {"data": [entry(0, HALVES), entry(2, HALVES)]},
    {"data": [entry(0, HALVES), entry(None, HALVES)]},
    {"data": [entry(True, HALVES), entry(0, HALVES)]},
    {"data": [entry("0", HALVES)]},
    {"data": [entry(None, HALVES), entry(None, HALVES[::-1])]},
    {"data": [entry(0, HALVES), entry(1, HALVES[1:])]},
    {"data": [entry(0, [0.5, 1]), entry(1, [2e-3, -4])]},
    {"data": [HALVES, HALVES[::-1]]},
    {"data": []},
    {"data": {"embedding": HALVES}},
    {"data": [entry(0, HALVES)], "error": {"message": "no", "code": 429}},
    {"error": {"message": "no", "code": 429, "embedding": HALVES}},
    [entry(0, HALVES)],
]
NO_JSON_OF_OURS = [
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"1e999]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"NaN]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"-Infinity]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"0x1]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"1 2]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"1]]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"[1]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"]}]}",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"1]}]",
    b'{"data": [{"index": 0, "embedding": [' + b"0.25, " * 40 + b"1",
    b'{"data": [{"index": 0, "embedding"',
    b'{"data": [{"index": 0, "embedding": "' + b"AACAPw" * 40,
    b'{"data": [{"index": 0, "embedding" [' + b"0.25, " * 40 + b"1]}]}",
    b"",
    b"<html>",
]
ODD_JSON = [
    b'{"data": [{"index": 0, "embedding": "' + b"AACA\\u0050w" * 40 + b'"}]}',
    b'{"data": [{"index": 0, "embedding": [%b], "embedding": [%b]}]}' % (b"0.25," * 40 + b"1", b"0.5," * 40 + b"1"),
    b'{"data": [], "data": [{"index": 0, "embedding" : \n [%b]}]}' % (b"0.25," * 40 + b"1"),
    b'{"data": [{"index": 0, "\\u0065mbedding": [%b]}]}' % (b"0.25," * 40 + b"1"),
    b'{"data": [{"index": 0, "embedding"%b:%b[%b]}]}' % (b" " * 40, b"\n" * 40, b"0.25," * 40 + b"1"),
    b'{"data": [{"index": 0, "embedding": [%b]}]}' % (b"12345678901234567890123," * 40 + b"1"),
]
BODIES = [
    *(orjson.dumps(body) for body in ODD),
    *(orjson.dumps(body, option=orjson.OPT_INDENT_2) for body in ODD),
    *NO_JSON_OF_OURS,
    *ODD_JSON,
]


@pytest.mark.parametrize("body", BODIES)
def test_what_is_taken_out_makes_no_difference(body: bytes, as_a_whole: Callable[[bytes], Any]) -> None:
    expected = as_a_whole(body)
    assert outcome(body) == expected
    assert result(HEAD._replace(body=body)) == expected
    assert outcome(body, range(len(body))) == expected
    for cut in range(0, len(body), 1 if len(body) < 300 else 3):
        assert outcome(body, [cut]) == expected


@pytest.mark.parametrize("body", NO_JSON_OF_OURS)
def test_what_is_no_vector_is_refused(body: bytes) -> None:
    assert outcome(body)[0] is ResponseFormatError


NUMBERS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=20, max_size=20)
CUTS = st.lists(st.integers(0, 4000), max_size=12)


@given(st.lists(NUMBERS, min_size=1, max_size=6), CUTS)
def test_vectors_come_out_as_they_went_in(given_vectors: list[list[float]], cuts: list[int]) -> None:
    as_numbers = {"data": [entry(index, vector) for index, vector in enumerate(given_vectors)]}
    assert outcome(orjson.dumps(as_numbers), cuts).vectors == given_vectors
    as_base64 = {"data": [entry(index, packed(vector)) for index, vector in enumerate(given_vectors)]}
    assert outcome(orjson.dumps(as_base64), cuts).vectors == given_vectors


PIECES = st.sampled_from(
    [
        b'"embedding"',
        b'"embed',
        b'ding"',
        b":",
        b" ",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b"{",
        b"}",
        b"0.25," * 20,
        b"[" + b"0.25," * 20 + b"1]",
        b'"' + packed(HALVES).encode() + b'"',
        b"null",
        b'"data":',
        b'"index":0',
    ]
)


@given(st.lists(PIECES, max_size=25).map(b"".join), CUTS)
def test_any_split_of_any_body_gives_the_same(body: bytes, cuts: list[int]) -> None:
    whole, parts = VectorReader(), VectorReader()
    whole.feed(body)
    for start, end in pairwise([0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]):
        parts.feed(body[start:end])
    assert put_back(parts) == put_back(whole)
    assert [*parts.vectors.values()] == [*whole.vectors.values()]
    assert outcome(body, cuts) == outcome(body)


def put_back(reader: VectorReader) -> bytes:
    return re.sub(rb'"vector [0-9a-f]{16} (\d+)"', rb"<\1>", reader.finish())


def test_vectors_are_taken_out_of_the_body() -> None:
    reader = VectorReader()
    reader.feed(orjson.dumps({"data": [entry(0, HALVES), entry(1, packed(HALVES))]}))
    assert [*reader.vectors.values()] == [HALVES, HALVES]
    assert len(reader.finish()) < 200


@pytest.mark.parametrize(
    "flood",
    [
        b'"embedding"' + b" " * 50000,
        b'{"embedding": [' + b"1," * 50000,
        b'"embedding"' * 50000,
        b'"embedding":"' * 50000,
        b'"embedding": ' * 50000,
    ],
)
def test_a_flood_that_is_no_vector_costs_no_more_than_its_bytes(flood: bytes) -> None:
    def read(body: bytes) -> None:
        reader = VectorReader()
        for start in range(0, len(body), 1000):
            reader.feed(body[start : start + 1000])
        assert not reader.vectors
        assert reader.finish() == body

    assert work_of(lambda: read(flood)) < 5.5 * work_of(lambda: read(flood[: len(flood) // 5]))


def answering(body: bytes, **settings: Any) -> Client:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    return Client("aimlapi", api_key="k", http_client=httpx.Client(transport=transport), max_retries=0, **settings)


def test_a_body_beyond_the_limit_is_refused_and_one_below_is_read() -> None:
    request = EmbedRequest(model="m", texts=("one", "two"))
    body = orjson.dumps({"data": [entry(0, HALVES), entry(1, HALVES)]})
    assert answering(body, limits=Limits(embeddings_bytes=len(body))).embed(request).vectors == [HALVES, HALVES]
    with pytest.raises((ResponseTooLargeError, EmbeddingBatchError)) as raised:
        answering(body, limits=Limits(embeddings_bytes=len(body) - 1)).embed(request)
    assert isinstance(raised.value.__cause__ or raised.value, ResponseTooLargeError)


def test_what_else_a_vendor_says_is_as_it_was() -> None:
    more = {"model": "m", "extra": {"embedding": HALVES, "list": [{"embedding": HALVES}]}, "embedding": HALVES}
    answer = answering(orjson.dumps({"data": [entry(0, HALVES)], **more})).embed(
        EmbedRequest(model="m", texts=("one",))
    )
    assert answer.vectors == [HALVES]
    assert answer.raw == more


@pytest.mark.parametrize("vector", [[1, *HALVES], [1, 0, 1], list(range(40)), [*HALVES, 1]])
def test_whole_numbers_are_numbers_as_all_others(vector: list[float], as_a_whole: Callable[[bytes], Any]) -> None:
    body = orjson.dumps({"data": [entry(0, vector)]})
    for answer in (outcome(body), as_a_whole(body)):
        assert answer.vectors[0] == vector
        assert {type(number) for number in answer.vectors[0]} == {float}


@pytest.mark.parametrize("length", [2, 40])
def test_a_whole_number_beyond_all_others_is_refused(length: int) -> None:
    body = b'{"data": [{"index": 0, "embedding": [' + b"1, " * length + b"1" + b"0" * 400 + b"]}]}"
    assert outcome(body)[0] is ResponseFormatError


def test_indices_that_are_written_as_text_are_indices() -> None:
    body = orjson.dumps({"data": [entry("1", HALVES), entry("0", HALVES[::-1])]})
    assert outcome(body).vectors == [HALVES[::-1], HALVES]
    assert outcome(orjson.dumps({"data": [entry("first", HALVES)]}))[0] is ResponseFormatError
