"""A bounded run of the fuzzer; `make fuzz` runs it for longer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])
def test_damaged_input_gives_a_result_or_an_error_of_ours(target: Callable[[random.Random], None]) -> None:
    for seed in range(400):
        target(random.Random(seed))
