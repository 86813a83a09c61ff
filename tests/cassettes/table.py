"""All scenarios: one cassette each."""

from __future__ import annotations

from tests.cassettes import chats, operations
from tests.cassettes.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (*chats.scenarios(), *operations.scenarios())
BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}
