"""Locks of what counts money. It is reached from threads, from processes that fork, and out of the garbage collector.

A stream that nobody holds any more is counted when it is collected, which may be in the middle of another count of the same thread.
"""

from __future__ import annotations

import os
import threading
import weakref

_ALL: weakref.WeakSet[Locked] = weakref.WeakSet()


class Locked:
    """Has a lock that its holder may take a second time. In a child process it is free, also if a thread of the parent held it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _ALL.add(self)

    def _after_fork(self) -> None:
        """In a child process: the thread that held the lock is not here."""
        self._lock = threading.RLock()


def _after_fork() -> None:
    for each in list(_ALL):
        each._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
