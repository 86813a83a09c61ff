"""A budget: reserves before a call is sent, settles after it, and refuses what does not fit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Self

from multiapi.errors import BudgetExceededError, InvalidRequestError, UnsupportedError
from multiapi.money.locks import Locked
from multiapi.money.scopes import WATCHING, scopes
from multiapi.money.units import check_unit, parse_amount, written

if TYPE_CHECKING:
    from multiapi.types.usage import Cost

PERIODS_S = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
MAX_KINDS = 1_000
"""How many kinds of calls (provider, operation, model) a budget remembers the costs of."""


_APPLIED: ContextVar[tuple[Budget, ...]] = ContextVar("multiapi_budgets", default=())


def in_force(own: Budget | None) -> tuple[Budget, ...]:
    """Return the budgets that a call has to fit into: the client's own, and those that are applied around it."""
    applied = _APPLIED.get()
    if WATCHING:
        around = [each for scope in scopes() for each in scope.budgets]
        applied = (*applied, *(each for each in around if not any(each is other for other in applied)))
    if own is None or any(each is own for each in applied):
        return applied
    return (own, *applied)


class Seen:
    """Mean and spread of what calls of one kind have cost (Welford's way: no list is kept)."""

    __slots__ = ("count", "largest", "mean", "spread")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.spread = 0.0
        self.largest = Decimal(0)

    def add(self, amount: Decimal) -> None:
        value = float(amount)
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self.spread += away * (value - self.mean)
        self.largest = max(self.largest, amount)

    def bound(self) -> Decimal:
        """Return the mean and three standard deviations, at least the dearest call seen."""
        deviation = math.sqrt(self.spread / self.count) if self.count else 0.0
        return max(Decimal(str(self.mean + 3 * deviation)), self.largest)


class Hold:
    """What a budget holds for one call. Exactly one of its methods ends it; later ones do nothing, and none in a child process."""

    __slots__ = ("_budget", "_kind", "_open", "_process", "amount", "computed")

    def __init__(self, budget: Budget, kind: tuple[str, ...], amount: Decimal, *, computed: bool) -> None:
        self._budget = budget
        self._kind = kind
        self._open = True
        self._process = budget._process
        self.amount = amount
        self.computed = computed

    def settle(self, cost: Decimal | None) -> None:
        """The call was charged; without a known cost what was held is counted as spent."""
        self._budget._end(self, "unpriced" if cost is None else "settled", cost)

    def doubt(self) -> None:
        """The call failed and may have been charged: what was held stays taken."""
        self._budget._end(self, "doubtful", None)

    def release(self) -> None:
        """The call was not charged."""
        self._budget._end(self, "released", None)

    def end(self, cost: Cost | None) -> None:
        """The call was charged; a cost in another unit than the budget's is not known."""
        self.settle(cost.amount if cost is not None and cost.unit == self._budget.unit else None)

    def expect(self, cost: Cost | None) -> None:
        """Hold as much as the provider expects of a job that it has begun."""
        if cost is not None and cost.unit == self._budget.unit:
            self._budget._hold_instead(self, cost.amount)


class Budget(Locked):
    """How much may be spent, for as many clients, models, tools and jobs as share it.

        budget = Budget("20 USD")
        model = ChatMultiApi(model="aimlapi:openai/gpt-4o", budget=budget)

    Before a call is sent, the most that it can cost is reserved: input size and `max_tokens` times the list price. Where no price is
    computable, mean and spread of what such calls have cost are reserved instead, and the cap may be passed by one call for each call
    under way; `exact` says which it was. What a failed call may have been charged stays taken (`doubtful`).

    It stands for itself: a copy is the same budget, and it does not go into another process, where it could not be kept. A child
    process that is forked has a budget of its own: what was spent until then, without what the parent's calls under way hold.

    Args:
        amount: Like "20 USD", in the provider's own unit. A bare number has no unit, as with Bineric.
        unit: The unit, if `amount` carries none.
        per: Renews the budget each "hour", "day" or "week", or each so long in seconds, from its first use; None: never.
        on_unpriced: What to do with a call whose cost will not be known: "refuse" it, or "allow" it and count it in `unpriced`.
        max_cost_per_call: Reserved where nothing can be computed; in the same unit.
        read_prices: Read the provider's list, once an hour, where no price of a model is known; that costs nothing.

    Raises:
        InvalidRequestError: The amount or its unit is not valid.
    """

    def __init__(
        self,
        amount: str | Decimal | float,
        unit: str | None = None,
        *,
        per: Literal["hour", "day", "week"] | float | None = None,
        on_unpriced: Literal["refuse", "allow"] = "refuse",
        max_cost_per_call: str | Decimal | float | None = None,
        read_prices: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.amount, self.unit = parse_amount(amount, unit)
        if on_unpriced not in ("refuse", "allow"):
            raise InvalidRequestError(f"on_unpriced must be 'refuse' or 'allow', not {on_unpriced!r}")
        period = PERIODS_S.get(per) if isinstance(per, str) else per
        if per is not None and (not isinstance(period, int | float) or isinstance(period, bool) or not period > 0):
            raise InvalidRequestError(f"per must be {', '.join(PERIODS_S)}, a number of seconds or None, not {per!r}")
        self.period_s = period
        self.on_unpriced = on_unpriced
        self.read_prices = read_prices
        self.max_cost_per_call: Decimal | None = None
        if max_cost_per_call is not None:
            self.max_cost_per_call, other = parse_amount(max_cost_per_call)
            if other is not None and other != self.unit:
                raise InvalidRequestError(
                    f"max_cost_per_call must be in {self.unit!r} like the budget, not in {other!r}"
                )
        self._clock = clock
        self._began: float | None = None
        self._spent = Decimal(0)
        self._reserved = Decimal(0)
        self._doubtful = Decimal(0)
        self._unpriced = 0
        self._calls = 0
        self._refused = 0
        self._exact = True
        self._seen: dict[tuple[str, ...], Seen] = {}
        self._process = object()

    def after_fork(self) -> None:
        """In a child process: the calls under way are the parent's, and so is what is held for them."""
        self._process = object()
        self._reserved = Decimal(0)

    # ------------------------------------------------------------------------------------ what it says

    @property
    def spent(self) -> Decimal:
        """What was spent in this period, doubtful calls not included."""
        with self._lock:
            self._renew()
            return self._spent

    @property
    def reserved(self) -> Decimal:
        """What is held for calls under way."""
        with self._lock:
            return self._reserved

    @property
    def doubtful(self) -> Decimal:
        """What failed calls may have been charged; it counts against the cap."""
        with self._lock:
            self._renew()
            return self._doubtful

    @property
    def left(self) -> Decimal:
        """What a next call may cost at most."""
        with self._lock:
            self._renew()
            return max(self.amount - self._taken(), Decimal(0))

    @property
    def calls(self) -> int:
        """How many calls were let through and have ended."""
        with self._lock:
            return self._calls

    @property
    def unpriced(self) -> int:
        """How many calls were charged an unknown amount."""
        with self._lock:
            return self._unpriced

    @property
    def refused(self) -> int:
        """How many calls did not fit."""
        with self._lock:
            return self._refused

    @property
    def exact(self) -> bool:
        """Whether every reservation so far was computed from prices, so that the cap holds exactly."""
        with self._lock:
            return self._exact

    def __repr__(self) -> str:
        with self._lock:
            parts = [f"{written(self._spent, self.unit)} of {written(self.amount, self.unit)} spent"]
            if self._reserved:
                parts.append(f"{written(self._reserved, self.unit)} reserved")
            if self._doubtful:
                parts.append(f"{written(self._doubtful, self.unit)} doubtful")
            if self._unpriced:
                parts.append(f"{self._unpriced} calls unpriced")
            if not self._exact:
                parts.append("not exact: no price list for some calls")
        return f"Budget({', '.join(parts)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a budget is not shared with other processes: give the other process a budget of its own")

    # ------------------------------------------------------------------------------------ attaching

    @classmethod
    def of(cls, given: Budget | str | Decimal | float | None) -> Budget | None:
        """Return a budget as people give it: one that is there, or an amount like "20 USD"."""
        return given if given is None or isinstance(given, Budget) else cls(given)

    @contextmanager
    def applied(self) -> Iterator[Self]:
        """Apply to every paid call inside of the `with`, also in tasks and threads that take the context along."""
        token = _APPLIED.set((*_APPLIED.get(), self))
        try:
            yield self
        finally:
            _APPLIED.reset(token)

    def attach(self, provider: Any, units: Iterable[str | None]) -> None:
        """Check that the provider counts in the unit of this budget.

        Raises:
            InvalidRequestError: It counts in another one; the message names it.
        """
        known = tuple(units)
        if not known or self.unit in known:
            return
        name = getattr(provider, "name", provider)
        theirs = " or ".join("no unit (write a bare number)" if each is None else str(each) for each in known)
        given = "no unit" if self.unit is None else self.unit
        raise InvalidRequestError(
            f"this budget is in {given}, but {name} counts in {theirs or 'an unknown unit'}; units are never converted",
            provider=str(name),
        )

    # ------------------------------------------------------------------------------------ reserving and settling

    def reserve(
        self,
        bound: Decimal | None,
        kind: tuple[str, ...] = (),
        *,
        priced: bool = True,
        at_least: Decimal = Decimal(0),
    ) -> Hold:
        """Hold what a call may cost at most.

        Args:
            bound: The most that it can cost; None where that cannot be computed.
            kind: Provider, operation and model: calls of one kind are expected to cost alike.
            priced: Whether its cost will be known afterwards.
            at_least: What it costs in any case, for calls without a bound.

        Raises:
            BudgetExceededError: It does not fit.
            UnsupportedError: Its cost will not be known, and `on_unpriced` is "refuse".
        """
        if not priced and bound is None and self.max_cost_per_call is None and self.on_unpriced == "refuse":
            name = kind[0] if kind else "the provider"
            raise UnsupportedError(
                f"{name} reports no cost for this call and has no list price for it, so a budget cannot count it; "
                "set max_cost_per_call=... or on_unpriced='allow' on the budget",
                provider=name,
            )
        with self._lock:
            self._renew()
            computed = bound is not None
            if bound is None:
                seen = self._seen.get(kind)
                bound = self.max_cost_per_call
                if bound is None:
                    bound = max(seen.bound() if seen is not None else Decimal(0), at_least)
            taken = self._taken()
            if taken + bound > self.amount or taken >= self.amount:
                self._refused += 1
                raise BudgetExceededError.of(
                    self._spent + self._doubtful, self.amount, self.unit, reserved=self._reserved, needed=bound or None
                )
            self._exact = self._exact and computed
            self._reserved += bound
            return Hold(self, kind, bound, computed=computed)

    def _hold_instead(self, hold: Hold, amount: Decimal) -> None:
        with self._lock:
            if hold._open and hold._process is self._process:
                self._reserved += amount - hold.amount
                hold.amount = amount

    def add(self, cost: Decimal) -> None:
        """Count what was spent without a reservation."""
        with self._lock:
            self._renew()
            self._spent += cost

    def _taken(self) -> Decimal:
        return self._spent + self._reserved + self._doubtful

    def _end(self, hold: Hold, how: str, cost: Decimal | None) -> None:
        with self._lock:
            if not hold._open or hold._process is not self._process:
                return
            hold._open = False
            self._reserved -= hold.amount
            if how == "released":
                return
            self._calls += 1
            if how == "doubtful":
                self._doubtful += hold.amount
            elif cost is None:
                self._unpriced += 1
                self._spent += hold.amount
            else:
                self._spent += cost
                if len(self._seen) < MAX_KINDS or hold._kind in self._seen:
                    self._seen.setdefault(hold._kind, Seen()).add(cost)

    def _renew(self) -> None:
        if self.period_s is None:
            return
        now = self._clock()
        if self._began is None:
            self._began = now
        elif now - self._began >= self.period_s:
            self._began = now - (now - self._began) % self.period_s
            self._spent = self._doubtful = Decimal(0)

    # ------------------------------------------------------------------------------------ from what is there

    @classmethod
    def from_balance(cls, client: Any, *, keep: str | Decimal | float = 0, **settings: Any) -> Self:
        """Return a budget over what the account holds now, less what is to be kept. Asks the provider once; that costs nothing.

        Args:
            client: A `Client`.
            keep: What must be left, like "5 USD".
        """
        return cls._over(client.balance(), keep, settings)

    @classmethod
    async def afrom_balance(cls, client: Any, *, keep: str | Decimal | float = 0, **settings: Any) -> Self:
        """As `from_balance`, with an `AsyncClient`."""
        return cls._over(await client.balance(), keep, settings)

    @classmethod
    def _over(cls, balance: Any, keep: str | Decimal | float, settings: dict[str, Any]) -> Self:
        if balance.amount is None:
            raise InvalidRequestError(
                "the provider reports no balance that a budget could rest on", provider=balance.provider
            )
        kept, unit = parse_amount(keep)
        if unit is not None and unit != balance.unit:
            raise InvalidRequestError(f"keep must be in {balance.unit!r} like the balance, not in {unit!r}")
        return cls(max(balance.amount - kept, Decimal(0)), check_unit(balance.unit), **settings)
