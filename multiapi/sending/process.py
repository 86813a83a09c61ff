"""What all clients of a process share: in one object, each part of it bounded."""

from __future__ import annotations

from typing import Any

from multiapi.negotiation.refusals import Refusals
from multiapi.sending.kept import Kept
from multiapi.sending.retry_budget import RetryBudget


class ProcessState:
    """What was learnt, shared out and opened on behalf of every client of this process.

    Nothing in it grows for ever: refusals are forgotten after some hours, and of the rest the ones that were used last are kept, beyond
    them what a client still holds. In a forked child its locks are free, and pools open connections of their own.

    Attributes:
        refusals: What providers refused, by address and model.
        retry_budgets: How many retries an address may still get, by address.
        limiters: The limiters with a provider's documented caps, by provider and user.
        transports: Connections of clients that block, by their settings.
        async_transports: Connections of clients that are awaited, likewise.
        foreign_transports: Those of the pools of httpx and httpx2, by engine, kind, event loop and settings.
    """

    def __init__(self) -> None:
        self.refusals = Refusals()
        self.retry_budgets: Kept[str, RetryBudget] = Kept(64)
        self.limiters: Kept[tuple[str, int], Any] = Kept(256)
        self.transports: Kept[tuple[Any, ...], Any] = Kept(32)
        self.async_transports: Kept[tuple[Any, ...], Any] = Kept(32)
        self.foreign_transports: Kept[tuple[Any, ...], Any] = Kept(32)

    def forget(self) -> None:
        """Forget what earlier calls taught: refusals, and retries that were used up. Limits and connections stay as they are."""
        self.refusals.forget()
        for budget in self.retry_budgets.values():
            budget.refill()


PROCESS = ProcessState()
"""The one of this process."""
