"""Whether something can be read from a socket, without reading it."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Protocol


class HasFileno(Protocol):
    """A socket, or what an event loop shows of it."""

    def fileno(self) -> int: ...


def readiness(opened: HasFileno) -> Callable[[], bool]:
    """A question that costs one system call: is there anything to be read, or an end?"""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(opened.fileno(), select.POLLIN)
        return lambda: bool(poll.poll(0))
    return lambda: bool(select.select([opened], [], [], 0)[0])
