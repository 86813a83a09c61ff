"""Bytes to and from a socket of an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from multiapi.transport.deadline import Timeouts, left
from multiapi.transport.internals import bury
from multiapi.transport.lean_import import httpcore
from multiapi.transport.readiness import readiness

BUFFERED_BYTES = 1024 * 1024
"""So much may lie here unread before the server has to wait."""


class Wire(asyncio.Protocol):
    """Bytes to and from one socket, for one reader at a time. A wait costs a future, and no timer in the usual case."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]) -> None:
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self._on_lost = on_lost
        self._received: list[bytes] = []
        self._size = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._too_late: type[Exception] = httpcore.ReadTimeout
        self._expires: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._reading_paused = False
        self._writing_paused = False

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._something_came = readiness(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._size += len(data)
        if self._size > BUFFERED_BYTES and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.lost = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._failure = error
        self._wake()
        self._on_lost()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # Waiting

    async def _wait(self, seconds: float | None, too_late: type[Exception]) -> None:
        self._waiter = waiter = self.loop.create_future()
        if seconds is None:
            self._expires = None
        else:
            self._too_late = too_late
            self._expires = expires = time.monotonic() + seconds
            if self._timer is None:
                self._set_timer(expires, seconds)
            elif self._timer_at > expires:
                self._timer.cancel()
                self._set_timer(expires, seconds)
        try:
            await waiter
        finally:
            self._waiter = None

    def _set_timer(self, expires: float, delay: float) -> None:
        self._timer_at = expires
        self._timer = self.loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        # The timer is not moved with each wait. It looks, when it rings, whether the wait of that moment is over.
        self._timer = None
        waiter, expires = self._waiter, self._expires
        if waiter is None or expires is None:
            return
        remaining = expires - time.monotonic()
        if remaining > 0:
            self._set_timer(expires, remaining)
        elif not waiter.done():
            waiter.set_exception(self._too_late("timed out"))

    # For the reader

    def take(self) -> bytes:
        """What has arrived, without waiting."""
        received = self._received
        if not received:
            return b""
        data = received[0] if len(received) == 1 else b"".join(received)
        received.clear()
        self._size = 0
        if self._reading_paused:
            self._reading_paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()
        return data

    async def receive(self, timeouts: Timeouts) -> bytes:
        """The next bytes; none at all means that the server closed."""
        timeout = left(timeouts.read, timeouts.deadline, httpcore.ReadTimeout)
        while not self._received:
            if self.lost:
                if self._failure is not None:
                    raise httpcore.ReadError(str(self._failure)) from self._failure
                return b""
            await self._wait(timeout, httpcore.ReadTimeout)
        return self.take()

    async def send(self, data: bytes | memoryview, timeouts: Timeouts) -> None:
        """Hand bytes to the socket, and wait while too many are on their way."""
        if self.lost or self.transport is None or self.transport.is_closing():
            raise httpcore.WriteError("the server closed the connection")
        timeout = left(timeouts.write, timeouts.deadline, httpcore.WriteTimeout)
        timeouts.written()
        self.transport.write(data)
        while self._writing_paused and not self.lost:
            await self._wait(timeout, httpcore.WriteTimeout)

    def readable(self) -> bool:
        """Something came, or the server closed."""
        return self.lost or bool(self._received) or self.transport is None or self.transport.is_closing()

    def readable_unseen(self) -> bool:
        """The same, also if it came while the event loop was held up and could not look."""
        return self.readable() or self._something_came()

    def abort(self) -> None:
        """Close at once."""
        self.lost = True
        self._on_lost = nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None:
            if self.loop.is_closed():
                bury(self.transport)
            else:
                self.transport.abort()


def nothing() -> None:
    """For those who are not to be told."""
