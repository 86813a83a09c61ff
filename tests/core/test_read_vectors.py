"""Vectors are read one by one, to save memory; whatever is odd is read as a whole, and both ways agree."""

from __future__ import annotations

import base64
from array import array
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi import openai_format
from multiapi.errors import MultiApiError
from multiapi.http import HttpResponse

PACKED = base64.b64encode(array("f", [0.5, -1.0]).tobytes()).decode()


def outcome(body: bytes) -> Any:
    try:
        return openai_format.parse_embed(HttpResponse(200, {}, body), provider="aimlapi")
    except MultiApiError as error:
        return type(error), str(error)


def entry(index: Any, vector: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": vector}


ODD = [
    {"data": [entry(0, [0.5, 1]), entry(1, [2e-3, -4])]},
    {"data": [entry(1, [0.5]), entry(0, [1.5])], "usage": {"prompt_tokens": 3, "total_tokens": 3}},
    {"data": [entry(0, PACKED), entry(1, [0.5, -1.0])], "model": "embedding"},
    {"data": [{"embedding": [1.5], "note": 'an "embedding": [7] in text', "index": 0}]},
    {"data": [entry(0, [1.5])], "embedding": [9.0]},
    {"data": [entry(0, [1.5]), {"index": 1}]},
    {"data": [entry(0, 0), entry(1, [1.5])]},
    {"data": [entry(0, [True])]},
    {"data": [entry(0, [None])]},
    {"data": [entry(0, ["1.5"])]},
    {"data": [entry(0, [[1.5], 2.5])]},
    {"data": [entry(0, [])]},
    {"data": [entry(0, "")]},
    {"data": [entry(0, "AAA")]},
    {"data": [entry(0, "not base64!")]},
    {"data": [entry(0, [1.5]), entry(0, [2.5])]},
    {"data": [entry(0, [1.5, 2.5]), entry(1, [2.5])]},
    {"data": [[1.5], [2.5]]},
    {"data": []},
    {"data": {"embedding": [1.5]}},
    {"data": [entry(0, [1.5])], "error": {"message": "no", "code": 429}},
    [entry(0, [1.5])],
]


@pytest.mark.parametrize("body", [orjson.dumps(body) for body in ODD] + [orjson.dumps(body, option=2) for body in ODD])
def test_both_ways_agree(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = outcome(body)
    monkeypatch.setattr(openai_format, "_apart", lambda response: None)
    assert quick == outcome(body)


@pytest.mark.parametrize("number", ["NaN", "1e999", "Infinity", "1 2", "0x1", "1]", "[1"])
def test_numbers_that_are_none_are_refused_both_ways(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"data": [{"index": 0, "embedding": [1.5, %b]}]}' % number.encode()
    quick = outcome(body)
    monkeypatch.setattr(openai_format, "_apart", lambda response: None)
    assert quick == outcome(body)
    assert isinstance(quick, tuple)


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
)
def test_vectors_come_out_as_they_went_in(vectors: list[list[float]]) -> None:
    as_numbers = {"data": [entry(index, vector) for index, vector in enumerate(vectors)]}
    assert outcome(orjson.dumps(as_numbers)).vectors == vectors
    packed = [base64.b64encode(array("f", vector).tobytes()).decode() for vector in vectors]
    as_base64 = {"data": [entry(index, vector) for index, vector in enumerate(packed)]}
    assert outcome(orjson.dumps(as_base64)).vectors == vectors


def test_the_quick_way_is_taken() -> None:
    body = orjson.dumps({"data": [entry(0, [0.5, 1]), entry(1, PACKED)]})
    assert openai_format._apart(HttpResponse(200, {}, body)) is not None
