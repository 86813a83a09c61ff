"""A bounded run of the fuzzer; `make fuzz` runs it for longer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

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
