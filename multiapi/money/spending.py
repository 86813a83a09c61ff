"""What calls cost, added up: every paid call of the core, whoever makes it, as chat, embeddings, media, tools and finished jobs.

with track_spending() as spent:
    ...
spent.totals                        # {"USD": Decimal("0.0021")}
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from multiapi.errors import MultiApiError, is_doubtful
from multiapi.types.usage import Cost

logger = logging.getLogger("multiapi")

UNITS: tuple[str | None, ...] = ("USD", "INR", "diamonds", "credits", None)
"""The units in which providers tell costs; None is that of a provider that names none."""


class Spending:
    """Adds up what calls cost, per unit; units are never converted. Safe to share between threads and tasks.

    Attributes:
        totals: The sum for each unit; None is the unit of providers that name none.
        calls: How many paid calls there were.
        incomplete: How many of them cost more than was told, as with models that choose another one; totals are then the least.
        unpriced: How many of them came without a cost: not told, or the call failed or was left and may have been charged.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: set[tuple[str, str]] = set()
        self.totals: dict[str | None, Decimal] = {}
        self.calls = 0
        self.unpriced = 0
        self.incomplete = 0

    def __repr__(self) -> str:
        spent = ", ".join(f"{amount} {unit or '(no unit)'}" for unit, amount in self.totals.items())
        return f"{type(self).__name__}({spent or 'nothing'} in {self.calls} calls)"

    def count(self, cost: Cost | None) -> None:
        """One more paid call."""
        with self._lock:
            self.calls += 1
            if cost is None:
                self.unpriced += 1
            else:
                self.incomplete += not cost.complete
                self.totals[cost.unit] = self.totals.get(cost.unit, Decimal(0)) + cost.amount

    def count_job(self, provider: str, job_id: str, cost: Cost | None) -> None:
        """A job that has ended, once however often it is looked at."""
        with self._lock:
            known = (provider, job_id) in self._jobs
            self._jobs.add((provider, job_id))
        if not known:
            self.count(cost)


_HEARD_BY: ContextVar[tuple[Spending, ...]] = ContextVar("multiapi_spending", default=())


@contextmanager
def counted_by(spending: Spending) -> Iterator[None]:
    """Count every paid call inside of the `with`, also in tasks and threads that take the context along."""
    token = _HEARD_BY.set((*_HEARD_BY.get(), spending))
    try:
        yield
    finally:
        _HEARD_BY.reset(token)


@contextmanager
def track_spending() -> Iterator[Spending]:
    """Add up what every call inside of the `with` costs. A cost that nobody tells is in `unpriced`, and in the log."""
    spending = Spending()
    try:
        with counted_by(spending):
            yield spending
    finally:
        tell_unpriced(spending)


def tell_unpriced(spending: Spending) -> None:
    """Say in the log that a sum is not all."""
    if spending.unpriced:
        logger.warning(
            "%d of %d paid calls told no cost, so the sum is too low; see docs/guides/money.md",
            spending.unpriced,
            spending.calls,
        )
    if spending.incomplete:
        logger.warning(
            "%d of %d paid calls cost more than they told, so the sum is the least; see docs/guides/money.md",
            spending.incomplete,
            spending.calls,
        )


def note_result(result: Any) -> None:
    """A call has ended well."""
    listeners = _HEARD_BY.get()
    if not listeners:
        return
    result = getattr(result, "value", result) if type(result).__name__ == "ToolAnswer" else result
    if not (
        hasattr(result, "cost") and hasattr(result, "model")
    ):  # it is free; a report of usage names costs, but no model
        return
    job_id = result.id if hasattr(result, "estimated_cost") else getattr(result, "job_id", None)
    if hasattr(result, "estimated_cost") and result.state == "pending":  # a job is charged when it is done
        return
    for spending in listeners:
        if job_id:
            spending.count_job(result.provider, job_id, result.cost)
        else:
            spending.count(result.cost)


def note_failure(error: MultiApiError) -> None:
    """A call has failed: it counts where it was charged, or may have been."""
    charged = error.cost is not None or is_doubtful(error)
    if not charged:
        return
    for spending in _HEARD_BY.get():
        if error.job_id:
            spending.count_job(error.provider or "", error.job_id, error.cost)
        else:
            spending.count(error.cost)


class StreamCount:
    """Counts one streamed answer, once: at its end, at its failure, or when it is left."""

    def __init__(self) -> None:
        self._listeners = _HEARD_BY.get()
        self._open = True

    def _count(self, cost: Cost | None) -> None:
        if self._open:
            self._open = False
            for spending in self._listeners:
                spending.count(cost)

    def ended(self, cost: Cost | None) -> None:
        """The whole answer is there."""
        self._count(cost)

    def failed(self, error: MultiApiError) -> None:
        """It broke off; a refusal before the first piece is free."""
        if error.cost is not None or is_doubtful(error):
            self._count(error.cost)
        self._open = False

    def left(self) -> None:
        """Nobody reads on: the provider charges for it and cannot say how much any more."""
        self._count(None)
