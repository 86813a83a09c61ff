"""The owner of a ledger: what workers ask it, in this process or over Ray. It alone decides who may send, and it alone writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from multiapi.bulk.entries import Claim, Outcome, State, amount_of, nano
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.wallet import Wallet
from multiapi.bulk.window import GATES, Circuit
from multiapi.money.budget import Seen
from multiapi.money.prices import TokenPrices
from multiapi.types.usage import Usage

MEASURED_ROWS = 20
"""Rows that run alone where no price is known, to learn what they cost."""

OVER_BUDGET_IN_A_ROW = 100
LEASE_EXTRA_S = 10.0
GONE_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that a worker wants to send: who it is, and what its size says of its cost."""

    key: bytes
    id: str
    position: int
    body_bytes: int = 0
    messages: int = 0
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A call that may be sent: which of the wanted rows it holds, and the id to send with it."""

    call: int
    own_id: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an owner says to a claim.

    Attributes:
        grant: None: nothing of it may be sent.
        alone: Whether nothing else may be under way beside it: rows that teach what rows cost.
        stop: Why no worker should claim more; "" goes on.
    """

    grant: Grant | None
    alone: bool = False
    stop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a row ended, as a worker saw it: the ledger's outcome, with cost and counts as the provider reported them."""

    outcome: Outcome
    cost: Decimal | None = None
    usage: Usage | None = None


@dataclass(slots=True)
class Money:
    """The budget of a job, in 10^-9 of its unit. `cap` None means no budget."""

    cap: int | None = None
    unit: str | None = None
    prices: TokenPrices | None = None
    max_per_row: int | None = None
    embeds: bool = False
    by_wallet: bool = False
    seen: Seen = field(default_factory=Seen)

    def computed(self, row: Any) -> int | None:
        """Return the most that a row can cost, by list prices."""
        if self.prices is None:
            return None
        found = (
            self.prices.embedding_at_most(row.body_bytes)
            if self.embeds
            else self.prices.at_most(row.body_bytes, row.messages, row.max_tokens)
        )
        return None if found is None else nano(found)

    def bound(self, row: Any) -> int:
        """Return what is reserved for a row."""
        computed = self.computed(row)
        if computed is not None:
            return computed
        if self.max_per_row is not None:
            return self.max_per_row
        return nano(self.seen.bound()) if self.seen.count else 0

    def is_measuring(self, row: Any) -> bool:
        """Whether rows run alone still, to learn what they cost."""
        if self.cap is None or self.max_per_row is not None or self.computed(row) is not None:
            return False
        return self.seen.count < MEASURED_ROWS

    def cost_of(self, cost: Decimal | None, usage: Usage | None) -> int | None:
        """Return what a row cost: as reported, else token counts times prices; None is not known."""
        if cost is None and self.prices is not None:
            cost = self.prices.estimate(usage)
        if cost is None:
            return None
        self.seen.add(cost)
        return nano(cost)


class Owner:
    """Holds ledger, budget, circuit and the provider's limits for all workers of a job.

    Args:
        limiter: With the provider's documented caps; None: it documents none.
        lease_s: How long a turn lasts at most, so that the places of dead workers come back.
    """

    def __init__(
        self,
        ledger: Ledger,
        money: Money | None = None,
        *,
        limiter: Any = None,
        wallet: Wallet | None = None,
        lease_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ledger = ledger
        self.money = money or Money()
        self.circuit = Circuit()
        self.sent = 0
        self.refused = 0
        self.stopped = ""
        self._limiter = limiter
        self.wallet = wallet
        self._idle = asyncio.Event()
        self._lease_s = lease_s + LEASE_EXTRA_S
        self._clock = clock
        self._turns: dict[int, tuple[Any, float]] = {}
        self._workers: dict[str, float] = {}
        self._calls: dict[int, str] = {}
        self._over_budget = 0
        self._positions: dict[bytes, int | dict[int, int]] = {}
        self._waiting: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------------------------ asked by workers

    async def occurrences(self, worker: str, rows: Sequence[tuple[bytes, int]]) -> list[int]:
        """Return, for rows without an id (key, position), how many equal ones came before, over all workers.

        A position that is asked for again, since its worker died, keeps its number.
        """
        self.seen(worker)
        found = []
        for key, position in rows:
            known = self._positions.setdefault(key, position)
            if known == position:
                found.append(0)
                continue
            if isinstance(known, int):
                known = self._positions[key] = {known: 0}
            found.append(known.setdefault(position, len(known)))
        return found

    async def look_up(self, worker: str, rows: Sequence[tuple[bytes, str, int]]) -> list[bool]:
        """Return which rows (key, id, position) may be sent; the others keep the state that the ledger has.

        An id that is there already with another request fails the later row, unsent.
        """
        self.seen(worker)
        sendable = [True] * len(rows)
        ids: dict[str, bytes] = {}
        for index, (key, identity, position) in enumerate(rows):
            if not identity:
                continue
            known = ids.get(identity) or self.ledger.key_with_id(identity)
            if known is not None and known != key:
                self.ledger.unsent(
                    Claim(_second(key, position), identity, position),
                    State.FAILED,
                    error_class="InvalidRequestError",
                    message=f"id {identity[:80]!r} is there twice, with different requests",
                )
                sendable[index] = False
            elif ids.get(identity) == key:
                sendable[index] = False
            ids.setdefault(identity, key)
        states = self.ledger.seen(
            [(key, position) for (key, _, position), free in zip(rows, sendable, strict=True) if free]
        )
        return [free and key not in states for (key, _, _), free in zip(rows, sendable, strict=True)]

    async def fail_unsent(self, worker: str, rows: Sequence[tuple[bytes, str, int, str, str]]) -> None:
        """Write rows (key, id, position, class of error, message) that cannot become a request."""
        self.seen(worker)
        for key, identity, position, error_class, message in rows:
            if not self.ledger.seen([(key, position)]):
                self.ledger.unsent(
                    Claim(key, identity, position), State.FAILED, error_class=error_class, message=message
                )

    async def claim(self, worker: str, rows: Sequence[Wanted]) -> Answer:
        """Claim rows for one call, as far as they are free and fit into the budget."""
        self.seen(worker)
        if self.wallet is not None:
            await self.wallet.measure(self)
        if self.stopped:
            return Answer(None, stop=self.stopped)
        claims: list[tuple[int, Claim]] = []
        held = 0
        for index, row in enumerate(rows):
            bound = self.money.bound(row)
            if not self._fits(held + bound):
                self.ledger.unsent(
                    Claim(row.key, row.id, row.position), State.BUDGET, error_class="BudgetExceededError"
                )
                self._over_budget += 1
                if self._over_budget >= OVER_BUDGET_IN_A_ROW or self._is_used_up():
                    self.stop("budget")
                    break
                continue
            self._over_budget = 0
            held += bound
            claims.append((index, Claim(row.key, row.id, row.position, bound)))
        verdicts = self.ledger.claim(worker, [claim for _, claim in claims])
        going = [(index, verdict) for (index, _), verdict in zip(claims, verdicts, strict=True) if verdict.go]
        if not going:
            return Answer(None, stop=self.stopped)
        call, own_id = going[0][1].call, going[0][1].own_id
        if len(going) > 1:
            call, own_id = self.ledger.regroup(worker, [verdict.key for _, verdict in going])
        self._calls[call] = worker
        alone = self.money.is_measuring(rows[going[0][0]])
        return Answer(Grant(call, own_id, tuple(index for index, _ in going)), alone=alone, stop=self.stopped)

    async def split(self, worker: str, call: int, parts: Sequence[Sequence[bytes]]) -> list[tuple[int, str]]:
        """Put the rows of a refused call into new ones; nothing of it was carried out."""
        self.put_back(call)
        made = [self.ledger.regroup(worker, list(keys)) for keys in parts]
        self._calls.pop(call, None)
        self._calls.update((number, worker) for number, _ in made)
        return made

    async def leaving(self, worker: str, call: int, wait_s: float | None = None) -> None:
        """Wait for the provider's limits, write that the call is about to leave, and wait until that is safe."""
        self.seen(worker)
        self._expire()
        if self._limiter is not None:
            turn = await self._limiter.aacquire(None if wait_s is None else time.monotonic() + wait_s)
            self._turns[call] = (turn, self._clock() + self._lease_s)
        try:
            self.sent += 1
            self.ledger.sent(call)
            await self.saved()
        except BaseException:
            self.arrived(call)
            raise

    def head(self, call: int, status: int, headers: Mapping[str, str], *, accepted: bool = False) -> None:
        """Take the head of a response: a 429 means that nothing was carried out, unless the call was accepted before."""
        held = self._turns.get(call)
        if held is not None:
            held[0].learn(status, headers)
        if status == 429:
            self.refused += 1
            if not accepted:
                self.put_back(call)

    def put_back(self, call: int) -> None:
        """Write that a call was refused in a way that may be retried."""
        self.ledger.put_back(call)
        self._save_soon()

    def arrived(self, call: int) -> None:
        """Give the turn of a call back."""
        held = self._turns.pop(call, None)
        if held is not None:
            held[0].done()

    async def settle(self, worker: str, ended: Sequence[Ended]) -> str:
        """Write how rows ended; also late, for rows that are unknown by now. Return why to stop, or ""."""
        self.seen(worker)
        outcomes = []
        for each in ended:
            done = each.outcome.state is State.DONE
            cost = (
                self.money.cost_of(each.cost, each.usage) if done else (None if each.cost is None else nano(each.cost))
            )
            if self.wallet is not None and done and cost is None:
                cost = nano(self.money.seen.bound()) if self.money.seen.count else 0
                self.wallet.ended(each.outcome.key, cost)
            outcomes.append(replace(each.outcome, cost=cost))
            self._calls.pop(each.outcome.call, None)
        self._idle.set()
        self.ledger.settle(outcomes)
        self._save_soon()
        if ended:
            last = ended[-1].outcome
            self.circuit.note(last.error_class if last.state is State.FAILED else "", last.message)
            if self.circuit.is_open:
                self.stop("circuit")
        return self.stopped

    async def give_up(self, worker: str, call: int, *, left: bool) -> None:
        """Write that a worker cut a call off: what had left is unknown, what had not is free."""
        self.seen(worker)
        self.arrived(call)
        self._calls.pop(call, None)
        self._idle.set()
        self.ledger.abandon(call, left=left)
        self._save_soon()

    def seen(self, worker: str) -> None:
        """Note that a worker lives."""
        self._workers[worker] = self._clock()

    async def beat(self, worker: str) -> str:
        """Take a sign of life; return why to stop, or ""."""
        self.seen(worker)
        self._expire()
        return self.stopped

    # ------------------------------------------------------------------------------------ of its own

    def stop(self, why: str = "interrupted") -> None:
        """Let nobody claim more."""
        self.stopped = self.stopped or why

    def gone(self, worker: str) -> None:
        """Free what a dead worker had claimed; what it had sent is unknown."""
        for call in [number for number, owner in self._calls.items() if owner == worker]:
            self._calls.pop(call)
            self._idle.set()
            self.arrived(call)
            self.ledger.abandon(call, left=True)
        self._workers.pop(worker, None)
        self._save_soon()

    async def nothing_under_way(self) -> None:
        """Wait until every call that was claimed has ended."""
        while self._calls:
            self._idle.clear()
            await self._idle.wait()

    async def measured(self) -> None:
        """Book what the wallet has lost at last."""
        if self.wallet is not None:
            await self.wallet.measure(self, now=True)

    def silent(self) -> list[str]:
        """Return the workers that were not seen for ten seconds."""
        return [name for name, at in self._workers.items() if self._clock() - at > GONE_AFTER_S]

    def close(self) -> None:
        """Give back what waits, and free what failed only because of the key or the account."""
        for call in list(self._turns):
            self.arrived(call)
        if self.stopped == "circuit":
            self.ledger.free_all(State.FAILED, error_classes=GATES)
        self.ledger.commit()

    @property
    def spent(self) -> Decimal:
        """What was spent, in the job's unit."""
        return amount_of(self.ledger.spent)

    def _fits(self, bound: int) -> bool:
        cap = self.money.cap
        return cap is None or (self.ledger.spent + self.ledger.held + bound <= cap and not self._is_used_up())

    def _is_used_up(self) -> bool:
        cap = self.money.cap
        return cap is not None and self.ledger.spent + self.ledger.held >= cap

    def _expire(self) -> None:
        now = self._clock()
        for call in [number for number, (_, until) in self._turns.items() if now > until]:
            self.arrived(call)

    # ------------------------------------------------------------------------------------ one commit a turn of the loop

    def saved(self) -> asyncio.Future[None]:
        """Return what is done once everything that was written so far is safe."""
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            loop.call_soon(self._save)
        return self._waiting

    def _save_soon(self) -> None:
        self.saved()

    def _save(self) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        try:
            self.ledger.commit()
        except Exception as error:
            self.stop(f"error: {type(error).__name__}")
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # the task that waits for it gets it too
            return
        if not waiting.done():
            waiting.set_result(None)


def _second(key: bytes, position: int) -> bytes:
    from multiapi.bulk.entries import key_of

    return key_of(["twice", key.hex(), position])
