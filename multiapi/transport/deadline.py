"""How long one operation on a socket may wait: its own timeout, but never past the deadline of the request."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

SHORTEST_WAIT_S = 0.001

Extensions = MutableMapping[str, Any]


class Timeouts:
    """The timeouts of a request in seconds and its deadline on `time.monotonic()`; None means no limit.

    The deadline is looked up for each wait, so the holder of the request may still move it while the response is read.
    """

    __slots__ = ("_extensions", "connect", "pool", "read", "write")

    def __init__(self, extensions: Extensions) -> None:
        timeout = extensions.get("timeout") or {}
        self.connect: float | None = timeout.get("connect")
        self.read: float | None = timeout.get("read")
        self.write: float | None = timeout.get("write")
        self.pool: float | None = timeout.get("pool")
        self._extensions = extensions

    def written(self) -> None:
        """From here on the server may have seen something of the request."""
        self._extensions["written"] = True

    @property
    def deadline(self) -> float | None:
        """When all has to be over."""
        return self._extensions.get("deadline")


def left(timeout: float | None, deadline: float | None, too_late: type[Exception]) -> float | None:
    """Seconds that one operation may wait.

    Raises:
        too_late: The deadline has passed.
    """
    if deadline is None:
        return timeout
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise too_late("the time for the whole request is over")
    if timeout is None or remaining < timeout:
        return max(remaining, SHORTEST_WAIT_S)
    return timeout
