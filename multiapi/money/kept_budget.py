"""A budget whose sum somebody else keeps, as the checkpoint of an agent: what is left of it for a step, and what a step adds to the sum."""

from __future__ import annotations

import difflib
import logging
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from multiapi.errors import BudgetExceededError
from multiapi.money.budget import Budget
from multiapi.money.locks import Locked
from multiapi.money.spending import Spending
from multiapi.money.units import UNITS

logger = logging.getLogger("multiapi")

MAX_STEPS = 200
"""How many steps are remembered, the latest."""

Totals = Mapping[str | None, Decimal]


class KeptBudget(Locked):
    """How much an agent may spend. It holds no sum: each question comes with what was spent so far.

    Args:
        amount: In `unit`.
        unit: USD, INR, diamonds, credits, or None for a provider that names none.
        on_unpriced: What is counted of a cost that is not told, or told in another unit: nothing, with a warning once ("ignore"), or all
            of the budget ("exceeded").

    Raises:
        ValueError: The amount is not valid, or the unit is nearly one that a provider counts in.
    """

    def __init__(
        self,
        amount: Decimal | float | str,
        unit: str | None,
        *,
        on_unpriced: Literal["ignore", "exceeded"] = "ignore",
    ) -> None:
        super().__init__()
        self.amount = Decimal(str(amount))
        if not self.amount.is_finite() or self.amount < 0:
            raise ValueError(f"a budget must be zero or more, not {amount!r}")
        self.unit = checked_unit(unit)
        self.on_unpriced = on_unpriced
        self._steps: OrderedDict[str, Budget] = OrderedDict()
        self._has_warned = False
        self._has_told = False

    def after_fork(self) -> None:
        """In a child process: the steps under way are the parent's."""
        self._steps = OrderedDict()

    def used_up(self, spent: Decimal) -> BudgetExceededError | None:
        """Return the error that ends everything, once the budget is used up."""
        if spent < self.amount:
            return None
        message = f"the budget of {self.amount} {self.unit or ''} is used up: {spent} were spent".replace("  ", " ")
        return BudgetExceededError(message, spent=spent, budget=self.amount, unit=self.unit)

    def left(self, spent: Decimal) -> Budget:
        """Return what is left for one step: whatever is bought in it has to fit."""
        budget = Budget(self.amount, self.unit if self.unit in UNITS else None, on_unpriced="allow")
        budget.add(spent)
        return budget

    def left_for(self, step: str, spent: Decimal) -> Budget:
        """As `left`, one and the same for all that is done at once in a step."""
        with self._lock:
            budget = self._steps.get(step)
            if budget is None:
                budget = self._steps[step] = self.left(spent)
                while len(self._steps) > MAX_STEPS:
                    self._steps.popitem(last=False)
        return budget

    def ended(self, step: Budget) -> None:
        """Say in the log, once, that something of a step went without a bound, so that the budget may be passed by it."""
        if not step.exact and not self._has_told:
            self._has_told = True
            logger.warning(
                "the budget of %s %s may be passed by the calls under way: for some of them no upper bound can be computed, because "
                "their price or max_tokens is not known; see docs/guides/money.md",
                self.amount,
                self.unit or "(no unit)",
            )

    def counted(self, totals: Totals, *, unpriced: bool, of: str) -> Decimal:
        """Return what is added to the sum for costs that were told; where that is not all, a warning says so once.

        Args:
            of: What was paid for, as "a tool call".
        """
        others = [unit or "no unit" for unit in totals if unit != self.unit]
        amount = totals.get(self.unit, Decimal(0))
        if not unpriced and not others:
            return amount
        if self.on_unpriced == "exceeded":
            return max(amount, self.amount)
        if not self._has_warned:
            self._has_warned = True
            what = f"told its cost in {', '.join(others)}" if others else "told no cost"
            warnings.warn(
                f"a budget of {self.amount} {self.unit or '(no unit)'} cannot count {of} that {what}, and may never end: "
                'set the unit that the provider tells, or on_unpriced="exceeded"',
                stacklevel=3,
            )
        return amount


def totals_of(heard: Spending) -> dict[str | None, Decimal]:
    """Return all that was heard, whatever it rests on, for each unit."""
    totals: dict[str | None, Decimal] = {}
    for sums in heard.by_basis.values():
        for unit, amount in sums.items():
            totals[unit] = totals.get(unit, Decimal(0)) + amount
    return totals


def checked_unit(unit: str | None) -> str | None:
    """Return a unit in which a provider tells costs.

    Raises:
        ValueError: It is nearly one; the message has the right spelling.
    """
    if unit in UNITS:
        return unit
    known = {str(each).lower(): each for each in UNITS if each is not None}
    near = difflib.get_close_matches(str(unit).strip().lower(), known, n=1, cutoff=0.8)
    if near:
        raise ValueError(f"{unit!r} is not a valid unit of a budget; did you mean {known[near[0]]!r}?")
    warnings.warn(
        f"no provider tells costs in {unit!r}, so this budget may never end: write USD, INR, diamonds, credits, or None for a "
        "provider that names no unit",
        stacklevel=4,
    )
    return unit
