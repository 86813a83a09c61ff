"""A provider's own batches: many chats in one order at half price, collected later, by any process that has the ledger.

AI/ML API has them, for Claude models. There is no list of batches and no id of one's own: an order whose answer is lost cannot be found
again, so it holds few rows, and its rows are unknown as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from multiapi.bulk.entries import Outcome, State
from multiapi.bulk.owner import Ended, Owner, Wanted
from multiapi.bulk.worker import Worker, encode
from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError, printable
from multiapi.types.batches import BatchRequest, BatchResult

if TYPE_CHECKING:
    from multiapi.bulk.rows import InputRow
    from multiapi.bulk.tasks import Prepared, Task

FIRST_LOOK_S = 60.0
LONGEST_PAUSE_S = 300.0
PAUSE_FACTOR = 1.5
MAX_BATCH_ROWS = 100_000
DISCOUNT = 2
"""A batch costs the half."""


def check_batches(task: Task, batch_rows: int) -> None:
    """Refuse what cannot be done in batches, before anything is sent.

    Raises:
        UnsupportedError: The provider has no batches, or not for this model.
        InvalidRequestError: The size of a batch is not valid.
    """
    provider = task.provider
    if "create_batch" not in provider.operations:
        raise UnsupportedError(f"{provider.name} has no batches of its own; use mode='calls'", provider=provider.name)
    if task.operation != "chat":
        raise UnsupportedError(f"{provider.name} takes chats in batches, not {task.operation}", provider=provider.name)
    if task.model and "claude" not in task.model.lower():
        raise UnsupportedError(
            f"{provider.name} takes Claude models in batches, not {printable(task.model, 80)}; use mode='calls'",
            provider=provider.name,
        )
    if not 1 <= batch_rows <= MAX_BATCH_ROWS:
        raise InvalidRequestError(f"batch_rows must be from 1 to {MAX_BATCH_ROWS}, not {batch_rows}")


class BatchRun:
    """Orders what is free in batches, and collects every batch that the ledger knows.

    Args:
        sleep: Waits between looks, in seconds.
    """

    def __init__(
        self,
        owner: Owner,
        worker: Worker,
        client: Any,
        *,
        batch_rows: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.owner = owner
        self.worker = worker
        self.client = client
        self.batch_rows = batch_rows
        self._sleep = sleep

    async def run(self, rows: AsyncIterator[InputRow]) -> int:
        """Order and collect; return how many rows are free again and want single calls."""
        async for part in self.worker.sendable(rows, self.batch_rows):
            if self.owner.stopped or self.worker.stopped:
                break
            await self._order(part)
        return await self._collect()

    async def _order(self, part: list[tuple[Wanted, Prepared]]) -> None:
        answer = await self.owner.claim(self.worker.name, [wanted for wanted, _ in part])
        if answer.grant is None:
            return
        call = answer.grant.call
        granted = [part[index] for index in answer.grant.indices]
        await self.owner.leaving(self.worker.name, call)
        try:
            batch = await self.client.create_batch(
                BatchRequest(requests={wanted.key.hex(): prepared.request for wanted, prepared in granted})
            )
        except MultiApiError as error:
            state = State.UNKNOWN if error.outcome_unknown else State.FAILED
            await self.owner.settle(self.worker.name, [_ended(wanted.key, call, state, error) for wanted, _ in granted])
            return
        finally:
            self.owner.arrived(call)
        self.owner.ledger.set_batch(call, batch.id)
        await self.owner.saved()

    async def _collect(self) -> int:
        """Ask about the batches until all have ended; return how many rows are free again."""
        waiting = self.owner.ledger.open_batches()
        pause = FIRST_LOOK_S
        freed = 0
        while waiting and not self.worker.stopped:
            left = []
            for call, batch_id in waiting:
                batch = await self.client.batch(batch_id)
                if batch.state == "pending":
                    left.append((call, batch_id))
                else:
                    freed += await self._settle(call, batch.results)
            waiting = left
            if waiting:
                await self._sleep(pause)
                pause = min(pause * PAUSE_FACTOR, LONGEST_PAUSE_S)
        return freed

    async def _settle(self, call: int, results: tuple[BatchResult, ...]) -> int:
        ended: list[Ended] = []
        free: list[bytes] = []
        keys = set(self.owner.ledger.keys_of(call))
        for result in results:
            key = bytes.fromhex(result.custom_id)
            keys.discard(key)
            response = result.response
            if result.outcome == "succeeded" and response is not None:
                columns: dict[str, Any] = {
                    "answer": response.text,
                    "finish_reason": response.finish_reason,
                    "model": response.model,
                }
                if response.usage is not None:
                    columns |= {
                        "input_tokens": response.usage.input_tokens,
                        "output_tokens": response.usage.output_tokens,
                    }
                outcome = Outcome(key=key, call=call, state=State.DONE, answer=encode(columns))
                ended.append(Ended(outcome=outcome, usage=response.usage))
            elif result.outcome in ("errored", "expired"):
                free.append(key)
            else:
                ended.append(
                    _ended(key, call, State.UNKNOWN, MultiApiError(f"the batch says {printable(result.outcome, 40)}"))
                )
        ended += [
            _ended(key, call, State.UNKNOWN, MultiApiError("the batch has no result for the row"))
            for key in sorted(keys)
        ]
        await self.owner.settle(self.worker.name, ended)
        freed = self.owner.ledger.free(free, expected=(State.SENT,))
        self.owner.ledger.set_batch(call, None)
        await self.owner.saved()
        return freed

    async def cancel(self) -> int:
        """Cancel the batches that are under way; return how many."""
        open_batches = self.owner.ledger.open_batches()
        for _, batch_id in open_batches:
            await self.client.cancel_batch(batch_id)
        return len(open_batches)


def _ended(key: bytes, call: int, state: State, error: MultiApiError) -> Ended:
    outcome = Outcome(
        key=key,
        call=call,
        state=state,
        error_class=type(error).__name__,
        status=error.status,
        code=str(error.code or ""),
        message=printable(str(error), 500),
    )
    return Ended(outcome=outcome)
