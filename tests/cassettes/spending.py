"""The limit of a live recording: what was spent, and what may still be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.cassettes.scenario import Scenario, Step

UNITS: dict[str, str | None] = {
    "bineric": None,
    "binom_router": "credits",
    "aimlapi": "USD",
    "aicredits": "INR",
    "binobox": "diamonds",
}
"""In what a vendor says what an answer cost; None where it names no unit. Limits are in the same."""

FREE_METHODS = frozenset(
    """models model metrics balance credits usage daily_usage health logs transactions current_key keys job batch download
    file_to_base64 decode_base64""".split()
)
"""Calls that no vendor charges for."""

_TEXT = {"bineric": "0.05", "binom_router": "0.02", "aimlapi": "0.02", "aicredits": "2", "binobox": "5"}
_USUAL = {
    (provider, method): Decimal(amount)
    for provider, amount in _TEXT.items()
    for method in ("chat", "chat_stream", "embed")
}
"""The most that a short text is taken to cost until an answer says it. Nothing is taken for granted of media."""

_MARGIN = Decimal("1.5")


class Purse:
    """What may be spent on one vendor, in its own unit.

    Args:
        provider: The vendor.
        limit: All calls together.
        prices: The most that a call of a method costs, where the caller knows it.
    """

    def __init__(self, provider: str, limit: Decimal, prices: Mapping[str, Decimal] | None = None) -> None:
        self.provider = provider
        self.limit = limit
        self.spent = Decimal(0)
        self.unknown = 0
        self._prices = dict(prices or {})
        self._seen: dict[str, Decimal] = {}

    def refuses(self, scenario: Scenario) -> str | None:
        """Why a scenario is not to be recorded with what is left, or None."""
        expected = Decimal(0)
        for step in scenario.steps:
            price = self._price(step)
            if price is None:
                return f"what {step.method} costs is not known (--price {step.method}=AMOUNT says it)"
            expected += price
        if self.spent + expected > self.limit:
            return f"it may cost {expected:f}, and {self.limit - self.spent:f} is left of the limit"
        return None

    def pay(self, scenario: Scenario, results: Sequence[Any] | None) -> None:
        """Note what the answers say they cost; what says nothing, or was broken off (None), counts with its price."""
        for number, step in enumerate(scenario.steps):
            if step.method in FREE_METHODS:  # a job says again what its start has cost
                continue
            price = self._price(step) or Decimal(0)
            cost = self._cost(results[number]) if results is not None and number < len(results) else None
            if cost is not None:
                self._seen[step.method] = max(cost, self._seen.get(step.method, cost))
            elif price:
                self.unknown += 1
            self.spent += price if cost is None else cost

    def summary(self) -> str:
        """One sentence about the money."""
        unit = UNITS[self.provider] or f"in {self.provider}'s unit"
        note = f", of which {self.unknown} calls are assumed because their answers do not say" if self.unknown else ""
        return f"spent {self.spent:f} of {self.limit:f} {unit}{note}"

    def _price(self, step: Step) -> Decimal | None:
        if step.method in FREE_METHODS:
            return Decimal(0)
        if step.method in self._prices:
            return self._prices[step.method]
        if step.method in self._seen:
            return self._seen[step.method] * _MARGIN
        return _USUAL.get((self.provider, step.method))

    def _cost(self, result: Any) -> Decimal | None:
        cost = getattr(result, "cost", None)
        return cost.amount if cost is not None and cost.unit == UNITS[self.provider] else None
