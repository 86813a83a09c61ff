"""The loop of one worker: claims rows, sends what was claimed, writes what became of it; never more than a window at once."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import orjson

from multiapi.bulk.ledger import Claim, Ledger, Outcome, State, Verdict, amount_of, key_of, nano
from multiapi.bulk.rows import InputRow
from multiapi.bulk.tasks import MAX_TEXT_CHARS, Answered, Prepared, Task
from multiapi.bulk.window import GATES, Circuit, Window
from multiapi.errors import ConnectionFailedError, MultiApiError, RateLimitError, StatusError, printable
from multiapi.money.budget import Seen
from multiapi.money.prices import TokenPrices

CHUNK = 256
"""Rows that are looked up in the ledger at once."""

MEASURED_ROWS = 20
"""Rows that run alone where no price is known, to learn what they cost."""

OVER_BUDGET_IN_A_ROW = 100
_VECTOR = b"\x00VEC"


class Doubtful(Protocol):
    """What an error says of its call."""

    outcome_unknown: bool


@dataclass(slots=True)
class Call:
    """One call under way: its rows, and whether its request has left."""

    id: int
    own_id: str
    claims: list[Claim]
    prepared: list[Prepared]
    begun: float = 0.0
    left: bool = False


CURRENT: ContextVar[Call | None] = ContextVar("multiapi_bulk_call", default=None)


def encode(columns: Mapping[str, Any]) -> bytes:
    """Return the columns of an answer as bytes; a vector as 32-bit floats."""
    vector = columns.get("vector")
    if vector is None:
        return orjson.dumps(dict(columns), default=str, option=orjson.OPT_NON_STR_KEYS)
    rest = orjson.dumps({name: value for name, value in columns.items() if name != "vector"}, default=str)
    return rest + _VECTOR + array("f", vector).tobytes()


def decode(payload: bytes) -> dict[str, Any]:
    """Return what `encode` wrote."""
    head, mark, numbers = payload.partition(_VECTOR)
    columns: dict[str, Any] = orjson.loads(head)
    if mark:
        vector = array("f")
        vector.frombytes(numbers)
        columns["vector"] = vector.tolist()
    return columns


class Commits:
    """One commit for all that one turn of the event loop wrote."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: asyncio.Future[None] | None = None

    def soon(self) -> asyncio.Future[None]:
        """Return what is done once everything that was written so far is safe."""
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            loop.call_soon(self._commit)
        return self._waiting

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        try:
            self._ledger.commit()
        except BaseException as error:
            if not waiting.done():
                waiting.set_exception(error)
            return
        if not waiting.done():
            waiting.set_result(None)


class MarkingLimiter:
    """A limiter whose turn writes into the ledger, before the first byte leaves, that the call may have been carried out."""

    def __init__(self, worker: Worker, inner: Any = None) -> None:
        self._worker = worker
        self._inner = inner

    async def aacquire(self, until: float | None = None) -> MarkingTurn:
        """Wait for a turn, and for the ledger."""
        turn = None if self._inner is None else await self._inner.aacquire(until)
        try:
            call = CURRENT.get()
            if call is not None:
                await self._worker.leaving(call)
        except BaseException:
            if turn is not None:
                turn.done()
            raise
        return MarkingTurn(self._worker, call, turn)

    def acquire(self, until: float | None = None) -> Any:  # noqa: ARG002
        """Refuse: a bulk job runs in an event loop.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("the limiter of a bulk job is for async calls")


class MarkingTurn:
    """The right to have one request of a call under way."""

    def __init__(self, worker: Worker, call: Call | None, inner: Any) -> None:
        self._worker = worker
        self._call = call
        self._inner = inner

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the head of the response says."""
        if self._inner is not None:
            self._inner.learn(status, headers)
        if self._call is not None:
            self._worker.head(self._call, status)

    def done(self) -> None:
        """The response was read, or given up."""
        if self._inner is not None:
            self._inner.done()


@dataclass(slots=True)
class Money:
    """The budget of a job, in 10^-9 of its unit. `cap` None is no budget."""

    cap: int | None = None
    unit: str | None = None
    prices: TokenPrices | None = None
    max_per_row: int | None = None
    embeds: bool = False
    seen: Seen = field(default_factory=Seen)

    def computed(self, prepared: Prepared) -> int | None:
        """Return the most that a row can cost, by list prices."""
        if self.prices is None:
            return None
        found = (
            self.prices.embedding_at_most(prepared.body_bytes)
            if self.embeds
            else self.prices.at_most(prepared.body_bytes, prepared.messages, prepared.max_tokens)
        )
        return None if found is None else nano(found)

    def bound(self, prepared: Prepared) -> int:
        """Return what is reserved for a row."""
        computed = self.computed(prepared)
        if computed is not None:
            return computed
        if self.max_per_row is not None:
            return self.max_per_row
        return nano(self.seen.bound()) if self.seen.count else 0

    def is_measuring(self, prepared: Prepared) -> bool:
        """Whether rows run alone still, to learn what they cost."""
        if self.cap is None or self.max_per_row is not None or self.computed(prepared) is not None:
            return False
        return self.seen.count < MEASURED_ROWS

    def cost_of(self, answered: Answered) -> int | None:
        """Return what a row cost: as reported, else token counts times prices; None is not known."""
        if answered.cost is not None:
            self.seen.add(answered.cost.amount)
            return nano(answered.cost.amount)
        estimate = None if self.prices is None else self.prices.estimate(answered.usage)
        if estimate is None:
            return None
        self.seen.add(estimate)
        return nano(estimate)


class Worker:
    """Works on rows until there are none, the budget is used up, the circuit opens or it is told to stop.

    Args:
        ledger: Of the job.
        task: What is done with a row.
        make_client: Makes the `AsyncClient`, with the limiter that it is given.
        id_column: The column that names a row; None: the request and how often it came before.
        tries: Calls of a row at most.
    """

    def __init__(
        self,
        ledger: Ledger,
        task: Task,
        make_client: Callable[[MarkingLimiter], Any],
        *,
        name: str = "worker",
        id_column: str | None = None,
        window: Window | None = None,
        money: Money | None = None,
        tries: int = 5,
        limiter: Any = None,
        on_change: Callable[[], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.ledger = ledger
        self.task = task
        self.name = name
        self.id_column = id_column
        self.window = window or Window()
        self.money = money or Money()
        self.circuit = Circuit()
        self.tries = tries
        self.sent = 0
        self.refused = 0
        self.rows_read = 0
        self.stopped = ""
        self._client = make_client(MarkingLimiter(self, limiter))
        self._commits = Commits(ledger)
        self._running: dict[asyncio.Task[None], Call] = {}
        self._occurrences: dict[bytes, int] = {}
        self._over_budget = 0
        self._on_change = on_change or (lambda: None)
        self._sleep = sleep

    # ------------------------------------------------------------------------------------ what a turn tells

    async def leaving(self, call: Call) -> None:
        """Write that a call is about to leave, and wait until that is safe."""
        call.begun = time.monotonic()
        call.left = True
        self.sent += 1
        self.ledger.sent(call.id)
        await self._commits.soon()

    def head(self, call: Call, status: int) -> None:
        """Take the status of a response."""
        if status == 429:
            self.refused += 1
            self.window.refused(call.begun, len(self._running))
            call.left = False
            self.ledger.again(call.id)
        elif status == 503:
            self.window.slow_down()
        else:
            self.window.answered()

    # ------------------------------------------------------------------------------------ the loop

    def stop(self, why: str = "interrupted") -> None:
        """Claim nothing more; what is under way is waited for."""
        self.stopped = self.stopped or why

    def cancel(self) -> None:
        """Cut off what is under way: rows that were sent become unknown."""
        self.stop()
        for each in self._running:
            each.cancel()

    async def run(self, rows: AsyncIterator[InputRow]) -> None:
        """Work through the rows."""
        ready: deque[tuple[Claim, Prepared]] = deque()
        exhausted = False
        try:
            while not self.stopped:
                while not exhausted and len(ready) < max(self.window.size, self.task.texts_per_call):
                    chunk = [row async for row in _some(rows, CHUNK)]
                    exhausted = len(chunk) < CHUNK
                    ready.extend(self._looked_up(chunk))
                self._start(ready)
                if self._running:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                elif exhausted and not ready:
                    break
                if self.circuit.is_open:
                    self.stop("circuit")
                self._on_change()
            while self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise
        finally:
            if self.stopped == "circuit":
                self.ledger.free_all(State.FAILED, error_classes=GATES)
            self.ledger.commit()
            self._on_change()

    def _looked_up(self, chunk: Sequence[InputRow]) -> list[tuple[Claim, Prepared]]:
        """Return the rows of a chunk that may be sent; the others keep the state that the ledger has, or get one unsent."""
        made: list[tuple[Claim, Prepared]] = []
        ids: dict[str, bytes] = {}
        for each in chunk:
            self.rows_read += 1
            identity = self._id_of(each)
            try:
                if each.error:
                    raise MultiApiError(each.error)
                if self.id_column is not None and identity == "":
                    raise MultiApiError(f"the row has no id: column {self.id_column!r} is missing or empty")
                prepared = self.task.prepare(each.row)
            except MultiApiError as error:
                key = key_of(
                    ["unsent", self.task.provider.name, identity, each.position if not identity else 0, each.row]
                )
                self._failed_unsent(Claim(key, identity, each.position), error)
                continue
            key = self._key(prepared, identity)
            known = ids.get(identity) if identity else None
            if identity and known is None:
                known = self.ledger.key_with_id(identity)
            if known is not None and known != key:
                self._failed_unsent(
                    Claim(key_of(["twice", key.hex(), each.position]), identity, each.position),
                    MultiApiError(f"id {printable(identity, 80)!r} is there twice, with different requests"),
                )
                continue
            if identity:
                if ids.get(identity) == key:
                    continue
                ids[identity] = key
            made.append((Claim(key, identity, each.position), prepared))
        known_states = self.ledger.seen([(claim.key, claim.position) for claim, _ in made])
        return [(claim, prepared) for claim, prepared in made if claim.key not in known_states]

    def _id_of(self, row: InputRow) -> str:
        value = row.row.get(self.id_column) if self.id_column is not None else None
        return "" if value is None else str(value)

    def _key(self, prepared: Prepared, identity: str) -> bytes:
        parts = [self.task.provider.name, self.task.operation, prepared.identity, identity]
        key = key_of(parts)
        if self.id_column is not None:
            return key
        count = self._occurrences.get(key, 0)
        self._occurrences[key] = count + 1
        return key if count == 0 else key_of([*parts, count])

    def _failed_unsent(self, claim: Claim, error: MultiApiError) -> None:
        if self.ledger.seen([(claim.key, claim.position)]):
            return
        self.ledger.unsent(
            claim,
            State.FAILED,
            error_class=type(error).__name__,
            code=error.code or "",
            message=printable(str(error), 500),
        )

    def _start(self, ready: deque[tuple[Claim, Prepared]]) -> None:
        """Claim and start rows while there is room in the window."""
        while ready and len(self._running) < self._room(ready[0][1]) and not self.stopped:
            taken = self._taken(ready)
            if not taken:
                continue
            verdicts = self.ledger.claim(self.name, [claim for claim, _ in taken])
            going = [
                (claim, prepared, verdict)
                for (claim, prepared), verdict in zip(taken, verdicts, strict=True)
                if verdict.go
            ]
            if going:
                self._go(going)

    def _room(self, prepared: Prepared) -> int:
        return 1 if self.money.is_measuring(prepared) else self.window.size

    def _taken(self, ready: deque[tuple[Claim, Prepared]]) -> list[tuple[Claim, Prepared]]:
        """Take the rows of one call, as far as the budget lets them."""
        taken: list[tuple[Claim, Prepared]] = []
        chars = 0
        held = 0
        while ready and len(taken) < self.task.texts_per_call:
            claim, prepared = ready[0]
            chars += prepared.body_bytes
            if taken and chars > MAX_TEXT_CHARS:
                break
            ready.popleft()
            bound = self.money.bound(prepared)
            if not self._fits(bound + held):
                self.ledger.unsent(claim, State.BUDGET, error_class="BudgetExceededError")
                self._over_budget += 1
                if self._over_budget >= OVER_BUDGET_IN_A_ROW or self._used_up():
                    self.stop("budget")
                    break
                continue
            self._over_budget = 0
            held += bound
            taken.append((Claim(claim.key, claim.id, claim.position, bound), prepared))
        return taken

    def _fits(self, bound: int) -> bool:
        cap = self.money.cap
        return cap is None or (self.ledger.spent + self.ledger.held + bound <= cap and not self._used_up())

    def _used_up(self) -> bool:
        cap = self.money.cap
        return cap is not None and self.ledger.spent + self.ledger.held >= cap

    def _go(self, going: Sequence[tuple[Claim, Prepared, Verdict]]) -> None:
        claims = [claim for claim, _, _ in going]
        prepared = [each for _, each, _ in going]
        number, own_id = going[0][2].call, going[0][2].own_id
        if len(going) > 1:
            number, own_id = self.ledger.regroup(self.name, [claim.key for claim in claims])
        call = Call(number, own_id, claims, prepared)
        task = asyncio.get_running_loop().create_task(self._work(call))
        self._running[task] = call
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            self.stop(f"error: {type(task.exception()).__name__}")

    # ------------------------------------------------------------------------------------ one call

    async def _work(self, call: Call) -> None:
        CURRENT.set(call)
        try:
            await self._tried(call)
        except asyncio.CancelledError:
            state = State.UNKNOWN if call.left else State.FREE
            if state is State.UNKNOWN:
                self._settle(
                    call, [self._outcome(call, claim, State.UNKNOWN, message="cut off") for claim in call.claims]
                )
            else:
                self.ledger.free([claim.key for claim in call.claims], expected=(State.CLAIMED,))
            raise

    async def _tried(self, call: Call) -> None:
        header = self.task.provider.request_id_header
        for attempt in range(1, self.tries + 1):
            headers = {header: call.own_id} if header else {}
            try:
                answers = await self.task.call(self._client, [each.request for each in call.prepared], headers)
            except MultiApiError as error:
                if self._may_be_sent_again(error) and attempt < self.tries and not self.stopped:
                    call.left = False
                    self.ledger.again(call.id)
                    await self._sleep(min(error.retry_after_s or 0.5 * 2**attempt, 60.0))
                    continue
                if len(call.claims) > 1 and isinstance(error, StatusError) and error.status in (400, 413, 422):
                    self._halve(call)
                    return
                self._failed(call, error)
                return
            except Exception as error:  # a function of the user's
                self._failed(
                    call, MultiApiError(f"{type(error).__name__}: {printable(str(error), 300)}", outcome_unknown=True)
                )
                return
            self._answered(call, answers)
            return

    @staticmethod
    def _may_be_sent_again(error: MultiApiError) -> bool:
        if error.outcome_unknown:
            return False
        return isinstance(error, RateLimitError | ConnectionFailedError) or (
            isinstance(error, StatusError) and error.retryable
        )

    def _halve(self, call: Call) -> None:
        """Put the rows of a refused call into two new ones; nothing of it was carried out."""
        self.ledger.again(call.id)
        middle = len(call.claims) // 2
        for part in (slice(None, middle), slice(middle, None)):
            claims, prepared = call.claims[part], call.prepared[part]
            number, own_id = self.ledger.regroup(self.name, [claim.key for claim in claims])
            half = Call(number, own_id, claims, prepared)
            task = asyncio.get_running_loop().create_task(self._work(half))
            self._running[task] = half
            task.add_done_callback(self._ended)

    def _answered(self, call: Call, answers: Sequence[Answered]) -> None:
        outcomes = []
        for claim, answer in zip(call.claims, answers, strict=True):
            columns = dict(answer.columns)
            if answer.request_id:
                columns["request_id"] = answer.request_id
            if answer.cost is not None:
                columns |= {"cost": str(answer.cost.amount), "unit": answer.cost.unit}
            outcomes.append(
                self._outcome(call, claim, State.DONE, answer=encode(columns), cost=self.money.cost_of(answer))
            )
        self._settle(call, outcomes)
        self.circuit.note("")

    def _failed(self, call: Call, error: MultiApiError) -> None:
        state = State.UNKNOWN if error.outcome_unknown else State.FAILED
        name = type(error).__name__
        cost = None if error.cost is None else nano(error.cost.amount)
        self._settle(
            call,
            [
                self._outcome(
                    call,
                    claim,
                    state,
                    cost=cost if index == 0 else None,
                    error_class=name,
                    status=error.status,
                    code=str(error.code or ""),
                    message=printable(str(error), 500),
                )
                for index, claim in enumerate(call.claims)
            ],
        )
        self.circuit.note(name, str(error))

    @staticmethod
    def _outcome(call: Call, claim: Claim, state: State, **facts: Any) -> Outcome:
        return Outcome(key=claim.key, call=call.id, state=state, **facts)

    def _settle(self, call: Call, outcomes: list[Outcome]) -> None:
        del call
        self.ledger.settle(outcomes)
        self._commits.soon()

    @property
    def spent(self) -> Decimal:
        """What was spent, in the job's unit."""
        return amount_of(self.ledger.spent)

    @property
    def under_way(self) -> int:
        """Calls under way."""
        return len(self._running)


async def _some(rows: AsyncIterator[InputRow], count: int) -> AsyncIterator[InputRow]:
    for _ in range(count):
        try:
            yield await anext(rows)
        except StopAsyncIteration:
            return
