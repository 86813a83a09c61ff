"""Locks of what counts money. It is reached from threads, from processes that fork, and out of the garbage collector.

A stream that nobody holds any more is counted when it is collected, which may be in the middle of another count of the same thread.
"""

from __future__ import annotations

from multiapi._package import new_rlock, tell_after_fork


class Locked:
    """Has a lock that its holder may take a second time. In a child process it is free, also if a thread of the parent held it."""

    def __init__(self) -> None:
        self._lock = new_rlock()
        tell_after_fork(self)

    def after_fork(self) -> None:
        """In a child process: forget what belongs to the parent's threads."""
