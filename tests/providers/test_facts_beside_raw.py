"""Facts that providers document are fields of the results, and not in `raw` alone."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from multiapi.cli.account import _price
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.types.account import Price

SOUND = base64.b64encode(b"ID3\x04" + bytes(200)).decode()


def read(provider: str, operation: str, body: Any) -> Any:
    answer = HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(body))
    return PROVIDERS[provider].operations[operation].parse(answer)


@pytest.mark.parametrize("operation", ["speech", "music"])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (30, 30.0),
        (2.5, 2.5),
        ("30", 30.0),
        (0, 0.0),
        (None, None),
        (-1, None),
        ("long", None),
        ({}, None),
        (True, None),
    ],
)
def test_sound_of_binobox_says_how_long_it_is(operation: str, said: Any, expected: float | None) -> None:
    body = {"object": "audio", "model": "m", "duration": said, "data": [{"b64_json": SOUND, "mime_type": "audio/mpeg"}]}
    assert read("binobox", operation, body).duration_s == expected


@pytest.mark.parametrize(
    ("info", "size", "expected"),
    [
        ({"extension": ".mp3", "category": "audio"}, {"original": 204, "base64": 272}, (".mp3", 272)),
        ({}, {}, (None, None)),
        ({"extension": 3}, {"base64": "many"}, (None, None)),
    ],
)
def test_an_encoded_file_has_its_ending_and_length(info: Any, size: Any, expected: tuple[Any, Any]) -> None:
    data = {"base64String": SOUND, "originalName": "a.mp3", "fileInfo": info, "size": size}
    found = read("bineric", "file_to_base64", {"success": True, "data": data})
    assert (found.extension, found.encoded_bytes) == expected


def test_the_least_of_a_call_reads_the_same_everywhere() -> None:
    from decimal import Decimal

    from multiapi.agent_tools.tools import _price_words

    price = Price(amount=Decimal("0.18"), currency="diamonds", what="call_at_least")
    assert _price(price) == _price_words(price) == "at least 0.18 diamonds a call"


def test_a_model_of_bineric_says_what_it_cannot_do_and_which_files_it_takes() -> None:
    features = {"streaming": True, "vision": False, "odd": "maybe"}
    files = {
        "image": {"formats": ["png"], "max_size_mb": 20},
        "document": None,
        "max_files": 5,
        "total_max_size_mb": 30,
    }
    entry = {"id": "m", "name": "M", "features": features, "file_support": files}
    (info,) = read("bineric", "models", {"success": True, "count": 1, "data": [entry]})
    assert (info.features, info.files) == ({"streaming": True, "vision": False}, files)
    for odd in (None, [], "none", 3):
        (info,) = read(
            "bineric", "models", {"success": True, "data": [{"id": "m", "features": odd, "file_support": odd}]}
        )
        assert (info.features, info.files) == ({}, {})
