"""The loop of one worker: claims rows, sends what was claimed, says what became of it; never more than a window at once."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from multiapi.bulk.entries import Outcome, State, key_of
from multiapi.bulk.owner import Answer, Ended, Wanted
from multiapi.bulk.rows import InputRow
from multiapi.bulk.tasks import MAX_TEXT_CHARS, Answered, Prepared, Task, prepared_row
from multiapi.bulk.window import Window
from multiapi.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    JobFailedError,
    MultiApiError,
    RateLimitError,
    StatusError,
    printable,
)
from multiapi.http.json import dump_json, parse_json
from multiapi.sending.waiting import waiting

CHUNK = 256
"""Rows that are looked up in the ledger at once."""

LONGEST_PAUSE_S = 60.0
_VECTOR = b"\x00VEC"


class Books(Protocol):
    """What a worker asks the owner of the ledger; see `multiapi.bulk.owner.Owner`."""

    async def occurrences(self, worker: str, rows: Sequence[tuple[bytes, int]]) -> list[int]:
        """Return how many equal rows came before each, for rows without an id."""

    async def look_up(self, worker: str, rows: Sequence[tuple[bytes, str, int]]) -> list[bool]:
        """Return which rows may be sent."""

    async def fail_unsent(self, worker: str, rows: Sequence[tuple[bytes, str, int, str, str]]) -> None:
        """Write rows that cannot become a request."""

    async def claim(self, worker: str, rows: Sequence[Wanted]) -> Answer:
        """Claim rows for one call."""

    async def split(self, worker: str, call: int, parts: Sequence[Sequence[bytes]]) -> list[tuple[int, str]]:
        """Put the rows of a refused call into new ones."""

    async def leaving(self, worker: str, call: int, wait_s: float | None = None) -> None:
        """Wait for a turn, and until it is written that the call is about to leave."""

    async def settle(self, worker: str, ended: Sequence[Ended]) -> str:
        """Write how rows ended."""

    async def give_up(self, worker: str, call: int, *, left: bool) -> None:
        """Write that a call was cut off."""

    def head(self, call: int, status: int, headers: Mapping[str, str], *, accepted: bool = False) -> None:
        """Take the head of a response; `accepted`: to something that is asked after the call itself."""

    def put_back(self, call: int) -> None:
        """Write that a call was refused for now."""

    def arrived(self, call: int) -> None:
        """Give a turn back."""


@dataclass(slots=True)
class Call:
    """One call under way: its rows, whether its request has left, and whether the provider has taken it.

    What is asked after that, about a job or for a file, can be refused without making the call free.
    """

    id: int
    own_id: str
    rows: list[tuple[Wanted, Prepared]]
    begun: float = 0.0
    left: bool = False
    accepted: bool = False
    origin: Call | None = None


CURRENT: ContextVar[Call | None] = ContextVar("multiapi_bulk_call", default=None)


def encode(columns: Mapping[str, Any]) -> bytes:
    """Return the columns of a response as bytes; a vector as 32-bit floats."""
    vector = columns.get("vector")
    rest = dump_json({name: value for name, value in columns.items() if name != "vector"}, str)
    return rest if vector is None else rest + _VECTOR + array("f", vector).tobytes()


def decode(payload: bytes) -> dict[str, Any]:
    """Return what `encode` wrote."""
    head, mark, numbers = payload.partition(_VECTOR)
    columns: dict[str, Any] = parse_json(head)
    if mark:
        vector = array("f")
        vector.frombytes(numbers)
        columns["vector"] = vector.tolist()
    return columns


class MarkingLimiter:
    """A limiter whose turn writes into the ledger, before the first byte leaves, that the call may have been carried out."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def aacquire(self, until: float | None = None, tokens: Any = None) -> MarkingTurn:  # noqa: ARG002
        """Wait for a turn, and for the ledger."""
        call = CURRENT.get()
        if call is not None:
            await self._worker.leaving(call, None if until is None else until - time.monotonic())
        return MarkingTurn(self._worker, call)

    def acquire(self, until: float | None = None, tokens: Any = None) -> Any:  # noqa: ARG002
        """Refuse: a bulk job runs in an event loop.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("the limiter of a bulk job is for async calls")


class MarkingTurn:
    """The right to have one request of a call under way."""

    def __init__(self, worker: Worker, call: Call | None) -> None:
        self._worker = worker
        self._call = call

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what the head of the response says."""
        if self._call is not None:
            self._worker.head(self._call, status, headers)

    def done(self) -> None:
        """The response was read, or given up."""
        call, self._call = self._call, None
        if call is not None:
            self._worker.books.arrived(call.id)


class Worker:
    """Works on rows until there are none, or the owner says stop.

    Args:
        books: The owner of the ledger, here or elsewhere.
        task: What is done with a row.
        make_client: Makes the `AsyncClient`, with the limiter that it is given.
        id_column: The column that names a row; None: the request and how often it came before.
        tries: Calls of a row at most.
    """

    def __init__(
        self,
        books: Books,
        task: Task,
        make_client: Callable[[MarkingLimiter], Any],
        *,
        name: str = "worker",
        id_column: str | None = None,
        window: Window | None = None,
        tries: int = 5,
        on_change: Callable[[], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.books = books
        self.task = task
        self.name = name
        self.id_column = id_column
        self.window = window or Window()
        self.tries = tries
        self.rows_read = 0
        self.stopped = ""
        self._client = make_client(MarkingLimiter(self))
        self._running: dict[asyncio.Task[None], Call] = {}
        self._alone = False
        self._on_change = on_change or (lambda: None)
        self._sleep = sleep or waiting().asleep

    # ------------------------------------------------------------------------------------ what a turn tells

    async def leaving(self, call: Call, wait_s: float | None) -> None:
        """Have it written that a call is about to leave."""
        call.begun = time.monotonic()
        call.left = True  # from here on, if nobody says otherwise
        await self.books.leaving(self.name, call.id, wait_s)

    def head(self, call: Call, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of a response."""
        self.books.head(call.id, status, headers, accepted=call.accepted)
        call.accepted = call.accepted or 200 <= status < 300
        if status == 429:
            call.left = call.accepted
            self.window.refused(call.begun, len(self._running))
        elif status == 503:
            self.window.slow_down()
        else:
            self.window.answered()

    # ------------------------------------------------------------------------------------ the loop

    @property
    def under_way(self) -> int:
        """Calls under way."""
        return len(self._running)

    async def close(self) -> None:
        """Close the idle connections of this event loop, which is about to end."""
        await self._client.aclose()

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
        ready: deque[tuple[Wanted, Prepared]] = deque()
        exhausted = False
        try:
            while not self.stopped:
                while not exhausted and len(ready) < max(self.window.size, self.task.texts_per_call):
                    chunk = [row async for row in _some(rows, CHUNK)]
                    exhausted = len(chunk) < CHUNK
                    ready.extend(await self._looked_up(chunk))
                await self._start(ready)
                if self._running:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                elif exhausted and not ready:
                    break
                self._on_change()
            while self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise
        finally:
            self._on_change()

    async def sendable(self, rows: AsyncIterator[InputRow], count: int) -> AsyncIterator[list[tuple[Wanted, Prepared]]]:
        """Yield the rows that may be sent, this many at once."""
        ready: list[tuple[Wanted, Prepared]] = []
        while chunk := [row async for row in _some(rows, CHUNK)]:
            ready.extend(await self._looked_up(chunk))
            while len(ready) >= count:
                yield ready[:count]
                ready = ready[count:]
        if ready:
            yield ready

    async def _looked_up(self, chunk: Sequence[InputRow]) -> list[tuple[Wanted, Prepared]]:
        """Return the rows of a chunk that may be sent; the others keep the state that the ledger has, or get one unsent."""
        ready: list[tuple[bytes, str, int, Prepared]] = []
        failed: list[tuple[bytes, str, int, str, str]] = []
        for each in chunk:
            self.rows_read += 1
            identity = self._id_of(each)
            try:
                prepared = self._prepared(each, identity)
                key = self.key_of(prepared, identity)
            except MultiApiError as error:
                key = key_of(
                    ["unsent", self.task.provider.name, identity, each.position if not identity else 0, each.row],
                    default=str,  # a row may hold dates and anything else; this one is not sent
                )
                failed.append((key, identity, each.position, type(error).__name__, printable(str(error), 500)))
                continue
            ready.append((key, identity, each.position, prepared))
        if failed:
            await self.books.fail_unsent(self.name, failed)
        if not ready:
            return []
        counts = [0] * len(ready)
        if self.id_column is None:
            counts = await self.books.occurrences(self.name, [(key, position) for key, _, position, _ in ready])
        made = [
            (
                Wanted(
                    key if count == 0 else self.key_of(prepared, identity, count),
                    identity,
                    position,
                    prepared.body_bytes,
                    prepared.messages,
                    prepared.max_tokens,
                ),
                prepared,
            )
            for (key, identity, position, prepared), count in zip(ready, counts, strict=True)
        ]
        sendable = await self.books.look_up(self.name, [(wanted.key, wanted.id, wanted.position) for wanted, _ in made])
        return [row for row, free in zip(made, sendable, strict=True) if free]

    def _prepared(self, row: InputRow, identity: str) -> Prepared:
        if row.error:
            raise InvalidRequestError(row.error)
        if self.id_column is not None and identity == "":
            raise InvalidRequestError(f"the row has no id: column {self.id_column!r} is missing or empty")
        return prepared_row(self.task, row.row)

    def _id_of(self, row: InputRow) -> str:
        value = row.row.get(self.id_column) if self.id_column is not None else None
        return "" if value is None else str(value)

    def key_of(self, prepared: Prepared, identity: str, *occurrence: int) -> bytes:
        """Return the key of a row that is ready to be sent; without an id, equal rows have the same one."""
        parts = [self.task.provider.name, self.task.operation, prepared.identity, identity, *occurrence]
        try:
            return key_of(parts)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequestError(f"the row cannot be identified: {printable(str(error), 300)}") from None

    async def _start(self, ready: deque[tuple[Wanted, Prepared]]) -> None:
        """Claim and start rows while there is room in the window."""
        while ready and not self.stopped and len(self._running) < (1 if self._alone else self.window.size):
            taken = self._taken(ready)
            answer = await self.books.claim(self.name, [wanted for wanted, _ in taken])
            self._alone = answer.alone
            if answer.stop:
                self.stop(answer.stop)
            if answer.grant is not None:
                rows = [taken[index] for index in answer.grant.indices]
                self._go(Call(answer.grant.call, answer.grant.own_id, rows))

    def _taken(self, ready: deque[tuple[Wanted, Prepared]]) -> list[tuple[Wanted, Prepared]]:
        """Take the rows of one call."""
        taken: list[tuple[Wanted, Prepared]] = []
        size = 0
        while ready and len(taken) < self.task.texts_per_call:
            size += ready[0][1].body_bytes
            if taken and size > MAX_TEXT_CHARS:
                break
            taken.append(ready.popleft())
        return taken

    def _go(self, call: Call) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._work(call))
        self._running[task] = call
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            self.stop(f"error: {type(task.exception()).__name__}")

    # ------------------------------------------------------------------------------------ one call

    async def carry_out(self, call: Call) -> None:
        """Carry out a claimed call, with what a refusal makes of it, and wait for all of that."""
        task = self._go(call)
        left = {task}
        while left:
            await asyncio.wait(left)
            left = {each for each, held in self._running.items() if held.origin is call}

    async def _work(self, call: Call) -> None:
        CURRENT.set(call)
        try:
            await self._tried(call)
        except asyncio.CancelledError:
            await self.books.give_up(self.name, call.id, left=call.left)
            raise

    async def _tried(self, call: Call) -> None:
        header = self.task.provider.request_id_header
        headers = {header: call.own_id} if header else {}
        for attempt in range(1, self.tries + 1):
            call.accepted = False
            try:
                answers = await self.task.call(self._client, [prepared.request for _, prepared in call.rows], headers)
            except MultiApiError as error:
                if _may_be_sent_again(error) and attempt < self.tries and not self.stopped:
                    call.left = False
                    self.books.put_back(call.id)
                    await self._sleep(min(error.retry_after_s or 0.5 * 2**attempt, LONGEST_PAUSE_S))
                    continue
                if len(call.rows) > 1 and isinstance(error, StatusError) and error.status in (400, 413, 422):
                    await self._halve(call)
                    return
                await self._failed(call, error)
            except Exception as error:  # a function of the user's
                wrapped = MultiApiError(f"{type(error).__name__}: {printable(str(error), 300)}", outcome_unknown=True)
                await self._failed(call, wrapped)
            else:
                await self._answered(call, answers)
            return

    async def _halve(self, call: Call) -> None:
        middle = len(call.rows) // 2
        parts = [call.rows[:middle], call.rows[middle:]]
        made = await self.books.split(self.name, call.id, [[wanted.key for wanted, _ in part] for part in parts])
        for part, (number, own_id) in zip(parts, made, strict=True):
            self._go(Call(number, own_id, part, origin=call.origin or call))

    async def _answered(self, call: Call, answers: Sequence[Answered]) -> None:
        ended = []
        for (wanted, _), answer in zip(call.rows, answers, strict=True):
            columns = dict(answer.columns)
            if answer.request_id:
                columns["request_id"] = answer.request_id
            cost = None
            if answer.cost is not None:
                cost = answer.cost.amount
                columns |= {"cost": str(cost), "unit": answer.cost.unit}
            outcome = Outcome(key=wanted.key, call=call.id, state=State.DONE, answer=encode(columns))
            ended.append(Ended(outcome=outcome, cost=cost, usage=answer.usage))
        await self._settle(ended)

    async def _failed(self, call: Call, error: MultiApiError) -> None:
        goes_on = error.job_id is not None and not isinstance(error, JobFailedError)  # what was started may be charged
        state = State.UNKNOWN if error.outcome_unknown or goes_on else State.FAILED
        outcomes = [
            Outcome(
                key=wanted.key,
                call=call.id,
                state=state,
                error_class=type(error).__name__,
                status=error.status,
                code=str(error.code or ""),
                message=printable(str(error), 500),
            )
            for wanted, _ in call.rows
        ]
        cost = None if error.cost is None else error.cost.amount
        await self._settle(
            [Ended(outcome=each, cost=cost if index == 0 else None) for index, each in enumerate(outcomes)]
        )

    async def _settle(self, ended: list[Ended]) -> None:
        why = await self.books.settle(self.name, ended)
        if why:
            self.stop(why)


def _may_be_sent_again(error: MultiApiError) -> bool:
    if error.outcome_unknown or error.job_id is not None:
        return False
    return isinstance(error, RateLimitError | ConnectionFailedError) or (
        isinstance(error, StatusError) and error.retryable
    )


async def _some(rows: AsyncIterator[InputRow], count: int) -> AsyncIterator[InputRow]:
    for _ in range(count):
        try:
            yield await anext(rows)
        except StopAsyncIteration:
            return
