"""What calls cost, added up: every paid call of the core, whichever code makes it, as chat, embeddings, media, tools, jobs and batches.

with track_spending() as spent:
    ...
spent.totals                        # {"USD": Decimal("0.0021")}
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from weakref import WeakSet

from multiapi.errors import is_doubtful, was_never_sent
from multiapi.money.locks import Locked
from multiapi.money.scopes import WATCHING, scopes
from multiapi.money.units import UNITS
from multiapi.types.usage import Cost

__all__ = ["UNITS", "Spending", "counted_by", "listeners", "opened", "tell_unpriced", "track_spending"]

logger = logging.getLogger("multiapi")

Sums = dict[str | None, Decimal]
_NOTHING = Decimal(0)


def _add(sums: Sums, cost: Cost) -> None:
    sums.setdefault(cost.unit, _NOTHING)
    while True:
        before = sums[cost.unit]
        after = before + cost.amount
        if sums[cost.unit] is before:  # nothing was collected, and counted, in between
            sums[cost.unit] = after
            return


class Spending(Locked):
    """Adds up what calls cost, per unit; units are never converted. Safe to share between threads and tasks.

    Attributes:
        totals: What the providers said that they charged, for each unit; None is the unit of providers that name none.
        estimated: Usage times list price, where the provider does not say what it charged. Never part of `totals`.
        at_least: Lower bounds, where no more is known. Never part of `totals`.
        calls: How many paid calls there were.
        incomplete: How many of them cost more than was told, as with models that choose another one; totals are then the least.
        unpriced: How many of them came without a cost, not even an estimated one; the sums are too low by these.
        doubtful: How many of those failed and may have been charged.
        cached: How many answers came out of a cache, for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._jobs: set[tuple[str, str]] = set()
        self._under_way: dict[tuple[str, str], Cost | None] = {}
        self.totals: Sums = {}
        self.estimated: Sums = {}
        self.at_least: Sums = {}
        self.calls = 0
        self.unpriced = 0
        self.incomplete = 0
        self.doubtful = 0
        self.cached = 0

    @property
    def by_basis(self) -> Mapping[str, Sums]:
        """The sums by `Cost.basis`."""
        return {"charged": self.totals, "estimated": self.estimated, "at_least": self.at_least}

    @property
    def held(self) -> Sums:
        """What jobs that still run are expected to cost, where the provider says it; it is in no other sum."""
        sums: Sums = {}
        with self._lock:
            for cost in self._under_way.values():
                if cost is not None:
                    _add(sums, cost)
        return sums

    @property
    def under_way(self) -> int:
        """How many jobs and batches were started and have not ended, as far as anybody has looked."""
        with self._lock:
            return len(self._under_way)

    def __repr__(self) -> str:
        words = {"charged": "", "estimated": "estimated ", "at_least": "at least "}
        spent = ", ".join(
            f"{words[basis]}{amount} {unit or '(no unit)'}"
            for basis, sums in self.by_basis.items()
            for unit, amount in sums.items()
        )
        more = f", {self.doubtful} doubtful" if self.doubtful else ""
        return f"{type(self).__name__}({spent or 'nothing'} in {self.calls} calls{more})"

    def count(self, cost: Cost | None) -> None:
        """Count one more paid call."""
        with self._lock:
            self.calls += 1
            if cost is None:
                self.unpriced += 1
            else:
                self.incomplete += not cost.complete
                _add({"estimated": self.estimated, "at_least": self.at_least}.get(cost.basis, self.totals), cost)

    def count_doubtful(self) -> None:
        """Count a call that failed and may have been charged."""
        with self._lock:
            self.calls += 1
            self.unpriced += 1
            self.doubtful += 1

    def count_failed(self, error: BaseException) -> None:
        """Count a call that ended with this error, if it cost something or may have: it was charged, is doubtful, or was left."""
        cost = getattr(error, "cost", None)
        if cost is not None:
            self.count(cost)
        elif is_doubtful(error):
            self.count_doubtful()
        elif not isinstance(error, Exception) and not was_never_sent(error):  # it was left, or cancelled
            self.count(None)

    def count_cached(self) -> None:
        """Count a response that came out of a cache."""
        with self._lock:
            self.cached += 1

    def hold_job(self, provider: str, job_id: str, expected: Cost | None) -> None:
        """Note a job that was started: it is charged when it has ended."""
        with self._lock:
            if (provider, job_id) not in self._jobs:
                self._under_way[provider, job_id] = expected

    def count_job(self, provider: str, job_id: str, cost: Cost | None, *, charged: bool = True) -> None:
        """Count a job that has ended, once however often it is looked at."""
        with self._lock:
            self._under_way.pop((provider, job_id), None)
            known = (provider, job_id) in self._jobs
            self._jobs.add((provider, job_id))
        if charged and not known:
            self.count(cost)


_HEARD_BY: ContextVar[tuple[Spending, ...] | None] = ContextVar("multiapi_spending", default=None)

_OPEN: dict[int, tuple[tuple[Spending, ...], WeakSet[threading.Thread]]] = {}
"""The trackers that are open in this process: the chain of each, and the threads that ran when it was opened."""

_OPENING = Locked()


def listeners() -> tuple[Spending, ...]:
    """Return those who add up here: by the context, and by the place of a framework."""
    found = _HEARD_BY.get()
    if found is None:
        found = _of_thread() if _OPEN else ()
    if not WATCHING:
        return found
    around = [each for scope in scopes() for each in scope.spendings]
    return (*found, *(each for each in around if not any(each is other for other in found)))


def _of_thread() -> tuple[Spending, ...]:
    """Return those who add up in a thread that was started without the context of its parent.

    It belongs to the tracker that is open, if there is exactly one (or one inside of the other) and the thread began while it was open.
    Where several are open, hand the context over: see `contextvars.copy_context`.
    """
    with _OPENING._lock:
        opened_by = list(_OPEN.values())
    if not opened_by:
        return ()
    chain, before = max(opened_by, key=lambda each: len(each[0]))
    if threading.current_thread() in before or any(each[-1] not in chain for each, _ in opened_by):
        return ()
    return chain


def _of_context() -> tuple[Spending, ...]:
    found = _HEARD_BY.get()
    return _of_thread() if found is None else found


@contextmanager
def counted_by(spending: Spending) -> Iterator[None]:
    """Count every paid call inside of the `with`, also in tasks and threads that take the context along."""
    token = _HEARD_BY.set((*_of_context(), spending))
    try:
        yield
    finally:
        _HEARD_BY.reset(token)


@contextmanager
def opened(spending: Spending) -> Iterator[None]:
    """As `counted_by`, and also in threads that are started inside of it without its context."""
    chain = (*(_HEARD_BY.get() or ()), spending)
    token = _HEARD_BY.set(chain)
    with _OPENING._lock:
        _OPEN[id(spending)] = (chain, WeakSet(threading.enumerate()))
    try:
        yield
    finally:
        with _OPENING._lock:
            _OPEN.pop(id(spending), None)
        _HEARD_BY.reset(token)


@contextmanager
def track_spending() -> Iterator[Spending]:
    """Add up what every call inside of the `with` costs. A cost that nobody tells is in `unpriced`, and in the log."""
    spending = Spending()
    try:
        with opened(spending):
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
