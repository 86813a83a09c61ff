"""Pools hold sockets and locks, which a child process must not share with its parent."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What is told of a fork."""

    def after_fork(self) -> None:
        """In the child process: begin anew."""


_TOLD: weakref.WeakSet[Forkable] = weakref.WeakSet()


def tell_after_fork(pool: Forkable) -> None:
    """Call `after_fork` in each child process, as long as the pool lives."""
    _TOLD.add(pool)


def _after_fork() -> None:
    for pool in list(_TOLD):
        pool.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
