"""How the clients wait between attempts: by the clock and with some chance, or in tests not at all.

with without_waiting() as waits:
    ...
assert waits == [...]
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from multiapi._package import new_lock


class Waiting:
    """Waits for real."""

    def between(self, least_s: float, most_s: float) -> float:
        """A random time from one to the other, so that clients which failed together do not come back together."""
        return random.uniform(least_s, most_s)

    def sleep(self, seconds: float) -> None:
        """Wait in a thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait in an event loop."""
        await asyncio.sleep(seconds)


class NoWaiting(Waiting):
    """Notes how long would have been waited at least (the lower bound of the random time), and goes on at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.ranges: list[tuple[float, float]] = []
        self._lock = new_lock()

    def between(self, least_s: float, most_s: float) -> float:
        with self._lock:
            self.ranges.append((least_s, most_s))
        return least_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)

    async def asleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


WAITING = Waiting()
_used = WAITING


def waiting() -> Waiting:
    """What the clients wait with."""
    return _used


def set_waiting(other: Waiting) -> None:
    """Wait with something else, in the whole process."""
    global _used  # noqa: PLW0603
    _used = other


@contextmanager
def without_waiting() -> Iterator[list[float]]:
    """No time is lost between attempts; what would have been waited is in the list. For tests: retries stay, waits go."""
    before, without = _used, NoWaiting()
    set_waiting(without)
    try:
        yield without.waits
    finally:
        set_waiting(before)
