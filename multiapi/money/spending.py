"""Counts what calls cost where their results are read: once per charge, whatever called, in threads and tasks alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from multiapi.money.units import written

Basis = Literal["charged", "estimated", "at_least"]
"""How a cost is known: the provider reported it, it is usage times list price, or it is a lower bound."""

State = Literal["priced", "unpriced", "doubtful", "cached", "refunded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One call as money sees it.

    Attributes:
        state: "priced" has an amount; "unpriced" was charged an unknown amount; "doubtful" failed and may have been charged;
            "cached" came out of a cache and cost nothing; "refunded" gives an earlier amount back.
        amount: In `unit`; None where it is not known.
    """

    provider: str
    operation: str
    model: str = ""
    state: State = "priced"
    amount: Decimal | None = None
    unit: str | None = None
    basis: Basis = "charged"


class Spending:
    """What was spent, per unit and by how it is known; units are never converted, and sums of different basis are kept apart.

    Attributes:
        calls: Calls that were charged, or may have been; cached ones do not count.
        unpriced: Calls that were charged an unknown amount.
        doubtful: Calls that failed and may have been charged.
        cached: Answers that came out of a cache.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str | None, Basis], Decimal] = {}
        self.calls = 0
        self.unpriced = 0
        self.doubtful = 0
        self.cached = 0

    def add(self, charge: Charge) -> None:
        """Count one charge."""
        with self._lock:
            if charge.state == "cached":
                self.cached += 1
                return
            if charge.state == "refunded":
                self._add(charge, -1)
                return
            self.calls += 1
            if charge.state == "unpriced":
                self.unpriced += 1
            elif charge.state == "doubtful":
                self.doubtful += 1
            else:
                self._add(charge, 1)

    def _add(self, charge: Charge, sign: int) -> None:
        if charge.amount is not None:
            key = (charge.unit, charge.basis)
            self._sums[key] = self._sums.get(key, Decimal(0)) + sign * charge.amount

    def _of(self, *basis: Basis) -> dict[str | None, Decimal]:
        with self._lock:
            found: dict[str | None, Decimal] = {}
            for (unit, known), amount in self._sums.items():
                if known in basis:
                    found[unit] = found.get(unit, Decimal(0)) + amount
            return found

    @property
    def totals(self) -> dict[str | None, Decimal]:
        """What the providers reported, per unit; None is the unit of a provider that names none."""
        return self._of("charged")

    @property
    def estimated(self) -> dict[str | None, Decimal]:
        """What was computed from token counts and list prices, per unit; not part of `totals`."""
        return self._of("estimated")

    @property
    def at_least(self) -> dict[str | None, Decimal]:
        """Lower bounds, per unit; not part of `totals`."""
        return self._of("at_least")

    def __repr__(self) -> str:
        with self._lock:
            words = {"charged": "", "estimated": "about ", "at_least": "at least "}
            sums = ", ".join(
                f"{words[basis]}{written(amount, unit or '(no unit)')}" for (unit, basis), amount in self._sums.items()
            )
            rest = "".join(
                f", {count} {word}"
                for count, word in ((self.unpriced, "unpriced"), (self.doubtful, "doubtful"), (self.cached, "cached"))
                if count
            )
        return f"{type(self).__name__}({sums or 'nothing'} in {self.calls} calls{rest})"


_HERE: ContextVar[tuple[Spending, ...] | None] = ContextVar("multiapi_spending", default=None)
_OPEN: list[Spending] = []
_LOCK = threading.Lock()


def record(charge: Charge) -> None:
    """Count a charge in every tracker that is open where the call was made."""
    here = _HERE.get()
    if here is None:  # a thread that was started without its parent's context
        with _LOCK:
            here = tuple(_OPEN) if len(_OPEN) == 1 else ()
    for each in here:
        each.add(charge)


@contextmanager
def track_spending(tracker: Spending | None = None) -> Iterator[Spending]:
    """Add up what every paid call inside of the `with` costs: clients, both frameworks, tools, jobs.

    Tasks and whatever copies its context (asyncio, LangChain's and LlamaIndex' own threads) count where they were started. A thread
    without a context (`threading.Thread`, an executor of the standard library) counts in the tracker that is open, if only one is;
    else start it with `contextvars.copy_context().run`. Trackers may stand inside of each other: each counts.
    """
    spending = Spending() if tracker is None else tracker
    token = _HERE.set((*(_HERE.get() or ()), spending))
    with _LOCK:
        _OPEN.append(spending)
    try:
        yield spending
    finally:
        with _LOCK:
            for index in range(len(_OPEN) - 1, -1, -1):
                if _OPEN[index] is spending:
                    del _OPEN[index]
                    break
        _HERE.reset(token)
