"""A bounded run of the fuzzer; `make fuzz` runs it for longer."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.sending.bodies import BodyReader
from tests.fuzz.byte_chance import ByteChance
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])
def test_damaged_input_gives_a_result_or_an_error_of_ours(target: Callable[[random.Random], None]) -> None:
    for seed in range(400):
        target(random.Random(seed))


@pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])
def test_a_target_led_by_bytes_comes_to_an_end(target: Callable[[random.Random], None]) -> None:
    for data in (b"", b"\xff" * 400, *(random.Random(seed).randbytes(600) for seed in range(40))):
        target(ByteChance(data))


def test_the_same_bytes_are_the_same_chance() -> None:
    def drawn(data: bytes) -> list[object]:
        chance = ByteChance(data)
        return [chance.random(), chance.randint(1, 6), chance.choice("abc"), chance.randbytes(3), chance.getrandbits(5)]

    data = random.Random(1).randbytes(50)
    assert drawn(data) == drawn(data) != drawn(data[::-1])
    assert drawn(b"")[0] == 0


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_padding_after_a_compressed_body_ends_it_wherever_it_is_cut(size: int) -> None:
    """Found by the fuzzer: with the padding in pieces of its own, what came after it was read as a further member."""
    data = gzip.compress(b"one") + bytes(3) + gzip.compress(b"two")
    reader = BodyReader(HttpResponse(200, {"content-encoding": "gzip"}), 100, "aimlapi")
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    assert reader.answer().body == b"one"


@pytest.mark.parametrize("size", [1, 1000])
def test_bare_deflate_is_known_by_two_bytes(size: int) -> None:
    data = b"\x08\x06\x00\xf9\xffstored" + b"\x01\x00\x00\xff\xff"  # the first byte could be one of zlib's form
    assert zlib.decompress(data, -15) == b"stored"
    reader = BodyReader(HttpResponse(200, {"content-encoding": "deflate"}), 100, "aimlapi")
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    assert reader.answer().body == b"stored"


@pytest.mark.parametrize(
    ("vendor", "operation", "body"),
    [
        ("bineric", "models", {"data": [{"id": "m", "capabilities": 7}]}),
        ("binobox", "models", {"data": [{"id": "m", "capabilities": True}]}),
        ("aimlapi", "messages", {"content": [{"type": ["text"]}, {"type": "text", "text": "a"}], "usage": {}}),
    ],
)
def test_fields_of_the_wrong_kind_are_passed_over(vendor: str, operation: str, body: dict[str, Any]) -> None:
    response = HttpResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())
    assert PROVIDERS[vendor].operations[operation].parse(response)
