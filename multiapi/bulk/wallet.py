"""What rows cost at a provider that says it nowhere: what the balance has lost meanwhile. Nobody else may spend from the wallet then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from multiapi.bulk.entries import nano
from multiapi.errors import MultiApiError, UnsupportedError

logger = logging.getLogger("multiapi")

ROWS_ONE_BY_ONE = 20
"""Rows after each of which the balance is read, at the beginning."""

ROWS_BETWEEN = 100
"""Rows after which it is read later."""


class Wallet:
    """Reads the balance while nothing is under way, and books the difference on the rows that have ended since.

    Args:
        read: Asks the provider for the balance; that costs nothing.
    """

    def __init__(self, read: Callable[[], Awaitable[Decimal]]) -> None:
        self._read = read
        self._last: Decimal | None = None
        self._measured = 0
        self._rows: list[tuple[bytes, int]] = []
        self._one_at_a_time = asyncio.Lock()

    def ended(self, key: bytes, expected: int) -> None:
        """Note a row that was answered, and what was booked for it for now, in 10^-9 of the unit."""
        self._rows.append((key, expected))

    @property
    def is_due(self) -> bool:
        """Whether the balance has to be read before anything else is sent."""
        if self._last is None:
            return True
        return len(self._rows) >= (1 if self._measured < ROWS_ONE_BY_ONE else ROWS_BETWEEN)

    async def measure(self, owner: Any, *, now: bool = False) -> None:
        """Read the balance if that is due, once nothing is under way, and book what is missing from it."""
        if not (now or self.is_due):
            return
        async with self._one_at_a_time:
            if not (self.is_due or (now and self._rows)):
                return
            await owner.nothing_under_way()
            rows, self._rows = self._rows, []
            try:
                balance = await self._read()
            except MultiApiError as error:
                if self._last is None:
                    raise  # nothing was sent so far
                self._rows = [*rows, *self._rows]
                owner.stop(f"error: {type(error).__name__}")
                logger.warning("the balance could not be read (%s), so nothing more is sent", type(error).__name__)
                return
            lost, self._last = (Decimal(0) if self._last is None else self._last - balance), balance
            if rows:
                self._measured += len(rows)
                lost = max(lost, Decimal(0))
                owner.money.seen.add(lost / len(rows))
                owner.ledger.correct(rows, nano(lost))


def balance_of(client: Any) -> Callable[[], Awaitable[Decimal]]:
    """Return what asks a client for the balance."""

    async def read() -> Decimal:
        balance = await client.balance()
        if balance.amount is None:
            raise UnsupportedError(
                f"{balance.provider} reported no balance, so a budget needs max_cost_per_row=...",
                provider=balance.provider,
            )
        return Decimal(balance.amount)

    return read
