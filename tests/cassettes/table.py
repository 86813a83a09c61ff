"""All scenarios: one cassette each."""

from __future__ import annotations

from tests.cassettes import chats
from tests.cassettes.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = tuple(chats.scenarios())
BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}
