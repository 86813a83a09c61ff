"""What all clients of a process share, in one object: each part of it bounded, so that changing settings do not fill its memory."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from multiapi._package import new_lock
from multiapi.negotiation.refusals import Refusals
from multiapi.sending.retry_budget import RetryBudget
from multiapi.transport.holding import holding

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """One value per key: the ones used last, and beyond these whatever somebody still uses.

    Args:
        most: This many are kept although nobody uses them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._recent: OrderedDict[K, V] = OrderedDict()
        self._used: weakref.WeakValueDictionary[K, V] = weakref.WeakValueDictionary()
        self._lock = new_lock()

    def __len__(self) -> int:
        return len(self._used)

    def __setitem__(self, key: K, value: V) -> None:
        holding(self._lock, self._set, key, value)

    def clear(self) -> None:
        """Forget all of them."""
        self._recent.clear()
        self._used.clear()

    def values(self) -> list[V]:
        """All that are there."""
        return list(self._used.values())

    def items(self) -> list[tuple[K, V]]:
        """All that are there, with their keys."""
        return list(self._used.items())

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value for a key, made if it is not there."""
        found = self._recent.get(key)
        if found is None:
            return holding(self._lock, self._add, key, make)
        try:
            self._recent.move_to_end(key)
        except KeyError:  # another thread has just made room
            pass
        return found

    def _add(self, key: K, make: Callable[[], V]) -> V:
        found = self._used.get(key)
        if found is None:
            found = make()
        self._set(key, found)
        return found

    def _set(self, key: K, value: V) -> None:
        self._used[key] = self._recent[key] = value
        while len(self._recent) > self._most:
            self._recent.popitem(last=False)


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
