"""Single rows of a job, for programs with a loop of their own: asyncio, a framework's pipeline, a worker of another engine."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

from multiapi import errors
from multiapi._package import new_lock
from multiapi.bulk.entries import Row, State
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.owner import Owner, Wanted
from multiapi.bulk.shared_calls import Doorman, SharedCall
from multiapi.bulk.tasks import Prepared, Task, prepared_chat
from multiapi.bulk.worker import Call, Worker, decode
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.types import ChatRequest


class Job(Protocol):
    """What is needed of a `BulkJob`."""

    task: Task

    async def opened(self) -> tuple[Ledger, Owner, Worker]:
        """Open ledger, owner and worker."""


class UnknownOutcomeError(MultiApiError):
    """The row may have been carried out and charged before; run the job with `retry="unknown"` to send it again."""


class RowFailedError(MultiApiError):
    """The row failed in an earlier run; `error_class` is what it was then."""

    error_class: str = ""


class WrappedCall:
    """Answers rows one by one or many at once, from the ledger if it has them. Made by `BulkJob.wrap`.

    It belongs to the process that made it, and holds the folder of the job until it is closed. Pickled, it becomes a `SharedCall`, which
    hands its rows to that process: so all processes of this machine keep one ledger, one budget and one limit.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lock = new_lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ledger: Ledger | None = None
        self._owner: Owner | None = None
        self._worker: Worker | None = None
        self._opening = asyncio.Lock()
        self._position = 0
        self._pid = os.getpid()
        self._doorman: Doorman | None = None

    def __reduce__(self) -> Any:
        if not hasattr(socket, "AF_UNIX"):
            raise TypeError("on this system a wrapped job cannot be used by other processes; make one in each")
        with self._lock:
            if self._doorman is None:
                self._doorman = Doorman(self.sync_many)
            return SharedCall, (self._doorman.address,)

    # ------------------------------------------------------------------------------------ for callers

    async def __call__(self, row_id: str, row: Any) -> dict[str, Any]:
        """Return the columns of a row's answer; see `many`."""
        return (await self.many([(row_id, row)]))[0]

    async def many(self, rows: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        """Return the columns of the responses to rows: pairs of an id and a mapping for the task, or a `ChatRequest`.

        Raises:
            UnknownOutcomeError: A row may have been carried out and charged before.
            BudgetExceededError: A row does not fit into the budget.
            MultiApiError: A row failed, now or in an earlier run.
        """
        loop = self._running_loop()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._many(rows), loop))

    def sync(self, row_id: str, row: Any) -> dict[str, Any]:
        """As a call, for code that waits."""
        return self.sync_many([(row_id, row)])[0]

    def sync_many(self, rows: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        """As `many`, for code that waits."""
        loop = self._running_loop()
        return asyncio.run_coroutine_threadsafe(self._many(rows), loop).result()

    def close(self) -> None:
        """Finish, and give the folder back."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            doorman, self._doorman = self._doorman, None
        if doorman is not None:
            doorman.close()
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------ in its own loop

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if os.getpid() != self._pid:
            raise InvalidRequestError(
                "this process was forked from the one that owns the job; hand the call over as an argument, so that it is pickled"
            )
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="multiapi-bulk", daemon=True)
                self._thread.start()
            return self._loop

    async def _opened(self) -> tuple[Ledger, Owner, Worker]:
        async with self._opening:  # of calls at once the first opens it
            if self._worker is None:
                self._ledger, self._owner, self._worker = await self._job.opened()
        assert self._ledger is not None
        assert self._owner is not None
        return self._ledger, self._owner, self._worker

    async def _end(self) -> None:
        if self._worker is not None:
            await self._worker.close()
        if self._owner is not None:
            self._owner.close()
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = self._owner = self._worker = None

    async def _many(self, rows: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        ledger, owner, worker = await self._opened()
        made: dict[bytes, tuple[Wanted, Prepared]] = {}
        keys = []
        for row_id, row in rows:
            if not row_id:
                raise InvalidRequestError("a row needs an id that is not empty")
            prepared = self._prepared(row)
            key = worker.key_of(prepared, row_id)
            keys.append(key)
            self._position += 1
            made.setdefault(
                key,
                (
                    Wanted(key, row_id, self._position, prepared.body_bytes, prepared.messages, prepared.max_tokens),
                    prepared,
                ),
            )
        await self._send(owner, worker, list(made.values()))
        return [self._result(ledger, key) for key in keys]

    def _prepared(self, row: Any) -> Prepared:
        if isinstance(row, ChatRequest):
            return prepared_chat(row)
        if isinstance(row, Mapping):
            return self._job.task.prepare(row)
        raise InvalidRequestError(f"a row must be a mapping or a ChatRequest, not {type(row).__name__}")

    async def _send(self, owner: Owner, worker: Worker, rows: list[tuple[Wanted, Prepared]]) -> None:
        """Send what the ledger does not have, a window of calls at once."""
        free = await owner.look_up(worker.name, [(wanted.key, wanted.id, wanted.position) for wanted, _ in rows])
        left = [row for row, sendable in zip(rows, free, strict=True) if sendable]
        room = asyncio.Semaphore(worker.window.size)

        async def one(part: list[tuple[Wanted, Prepared]]) -> None:
            async with room:
                answer = await owner.claim(worker.name, [wanted for wanted, _ in part])
                if answer.grant is not None:
                    granted = [part[index] for index in answer.grant.indices]
                    await worker.carry_out(Call(answer.grant.call, answer.grant.own_id, granted))

        size = worker.task.texts_per_call
        await asyncio.gather(*(one(left[start : start + size]) for start in range(0, len(left), size)))
        await owner.saved()

    @staticmethod
    def _result(ledger: Ledger, key: bytes) -> dict[str, Any]:
        row = ledger.row(key)
        if row is None or row.state in (State.FREE, State.CLAIMED, State.SENT):
            raise UnknownOutcomeError("the row was not answered; run it again")
        if row.state is State.DONE:
            payload = ledger.answer(row)
            return decode(payload) if payload is not None else {}
        raise _error_of(row)


def _error_of(row: Row) -> MultiApiError:
    facts: dict[str, Any] = {"status": row.status, "code": row.code or None}
    if row.state is State.BUDGET:
        return errors.BudgetExceededError("the row does not fit into the budget of its job; nothing was sent")
    if row.state is State.UNKNOWN:
        return UnknownOutcomeError(
            row.message or "the row may have been carried out and charged", **facts, outcome_unknown=True
        )
    found = getattr(errors, row.error_class, None)
    with suppress(TypeError):
        if isinstance(found, type) and issubclass(found, MultiApiError):
            return found(row.message, **facts)
    return RowFailedError(row.message, **facts, error_class=row.error_class)
