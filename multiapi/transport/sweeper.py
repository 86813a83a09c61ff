"""Closes connections of threads that were idle for too long, also where nobody asks for one any more: an event loop has timers for that."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol

from multiapi._package import new_lock, tell_after_fork
from multiapi.transport.holding import holding

LONGEST_S = 1.0
"""At least so often it looks while anything is idle."""


class Swept(Protocol):
    """What has idle connections."""

    def sweep(self, now: float) -> float | None:
        """Close what was idle for too long; seconds until the next one will have been, None if none is idle."""


class Sweeper:
    """One thread for all pools of the process; it is there only while something is idle."""

    def __init__(self) -> None:
        self._pools: weakref.WeakSet[Swept] = weakref.WeakSet()
        self._lock = new_lock()
        self._thread: threading.Thread | None = None

    @property
    def runs(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def watch(self, pool: Swept) -> None:
        """Something became idle in this pool."""
        if self._thread is None or pool not in self._pools:
            holding(self._lock, self._watch, pool)

    def _watch(self, pool: Swept) -> None:
        self._pools.add(pool)
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="multiapi-sweeper", daemon=True)
            self._thread = thread
            try:
                thread.start()
            except BaseException:  # no thread can be had, at the end of the process for one
                self._thread = None
                raise

    def _run(self) -> None:
        wait: float | None = 0.0
        while wait is not None:
            time.sleep(min(max(wait, 0.01), LONGEST_S))
            wait = self._sweep()
            if wait is None:
                self._thread = None
                wait = self._sweep()  # something may have become idle before it could be seen that the thread is gone
                if wait is not None and not holding(self._lock, self._goes_on):
                    return

    def _goes_on(self) -> bool:
        if self._thread is not None:
            return False
        self._thread = threading.current_thread()
        return True

    def _sweep(self) -> float | None:
        now = time.monotonic()
        waits = [wait for pool in list(self._pools) if (wait := pool.sweep(now)) is not None]
        return min(waits, default=None)

    def after_fork(self) -> None:
        """A child process has no such thread."""
        self._thread = None


SWEEPER = Sweeper()
tell_after_fork(SWEEPER)
