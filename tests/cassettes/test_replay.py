"""Every cassette is played back by every reader; they must ask for the same bytes and read the same answer."""

from __future__ import annotations

from typing import Any

import pytest

from multiapi.cassettes import replay
from tests.cassettes.readers import CORE_READERS, READERS
from tests.cassettes.scenario import Scenario
from tests.cassettes.table import SCENARIOS


def pairs() -> list[Any]:
    """Each scenario with everybody who can carry it out."""
    return [
        pytest.param(scenario, name, id=f"{scenario}-{name}")
        for scenario in SCENARIOS
        for name in (READERS if scenario.request is not None else CORE_READERS)
        if name != "core"
    ]


@pytest.mark.parametrize(("scenario", "reader"), pairs())
def test_every_reader_asks_for_the_same_and_reads_the_same(scenario: Scenario, reader: str) -> None:
    """Replaying at all is half of the test: a request that differs is not in the cassette, and one that is missing is noticed."""
    with replay(scenario.path):
        expected = READERS["core"](scenario)
    with replay(scenario.path):
        assert READERS[reader](scenario) == expected
