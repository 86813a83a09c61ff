"""All scenarios: one cassette each."""

from __future__ import annotations

from tests.cassettes import chats, operations, refusals, seen
from tests.cassettes.scenario import Scenario

_GOOD = {str(scenario): scenario for scenario in (*chats.scenarios(), *operations.scenarios())}

SCENARIOS: tuple[Scenario, ...] = (*_GOOD.values(), *refusals.scenarios(), *refusals.of_operations(_GOOD), *seen.scenarios())
