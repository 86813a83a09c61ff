"""Bodies as JSON, and large text that is put into them without copies."""

from __future__ import annotations

import json

import pytest

from multiapi.http.json import LargeText, dump_json

DATA = b"iVBORw0KGgo=" * 10


def test_large_text_stands_where_its_string_would() -> None:
    body = {"a": [1, LargeText(DATA, 'data:image/"png";base64,'), {"b": LargeText(DATA)}], "c": "é"}
    assert json.loads(dump_json(body)) == {
        "a": [1, 'data:image/"png";base64,' + DATA.decode(), {"b": DATA.decode()}],
        "c": "é",
    }


def test_large_text_stands_beside_lone_surrogates() -> None:
    assert json.loads(dump_json([LargeText(DATA, "x,"), "\ud800"])) == ["x," + DATA.decode(), "\ufffd"]


def test_many_large_texts_keep_their_order() -> None:
    body = [LargeText(b"%d" % number) for number in range(12)]
    assert json.loads(dump_json(body)) == [str(number) for number in range(12)]


@pytest.mark.parametrize("beside", ["plain", "\ud800"])
def test_what_json_cannot_hold_is_refused(beside: str) -> None:
    with pytest.raises(TypeError):
        dump_json([beside, object()])
