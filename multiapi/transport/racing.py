"""Which of a name's addresses to connect to: all of them in turn, a quarter of a second apart, and the first that answers.

Source: RFC 8305 ("Happy Eyeballs"), sections 4 and 5, https://www.rfc-editor.org/rfc/rfc8305
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

APART_S = 0.25
Check = Callable[[str], None]
Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def in_turn(found: Sequence[Any], check_address: Check | None) -> list[Found]:
    """Addresses in the order in which they are tried, the two families by turns, after each was looked at."""
    if check_address is not None:
        for *_, address in found:
            check_address(str(address[0]))
    unique = list(dict.fromkeys(found))
    first = [each for each in unique if each[0] == unique[0][0]]
    second = [each for each in unique if each[0] != unique[0][0]]
    mixed = [each for pair in zip(first, second, strict=False) for each in pair]
    shorter = min(len(first), len(second))
    return [*mixed, *first[shorter:], *second[shorter:]]


def connect(host: str, port: int, until: float | None, check_address: Check | None = None) -> socket.socket:
    """A connected socket, blocking.

    Args:
        until: When it has to stand, by `time.monotonic()`.
        check_address: Is called with each address first, and raises for those that may not be connected to.

    Raises:
        TimeoutError: None answered in time.
        OSError: None can be reached.
    """
    addresses = in_turn(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM), check_address)
    if not addresses:
        raise OSError(f"no address was found for {host}")
    race = _Race(addresses, until)
    try:
        return race.run()
    finally:
        race.close()


class _Race:
    """Sockets on their way; those that lose are closed."""

    def __init__(self, addresses: list[Found], until: float | None) -> None:
        self._addresses = addresses
        self._until = until
        self._selector = selectors.DefaultSelector()
        self._running: list[socket.socket] = []
        self._failure: OSError | None = None

    def run(self) -> socket.socket:
        """The winner."""
        left = list(self._addresses)
        while left or self._running:
            begun = time.monotonic()
            if self._until is not None and begun >= self._until:
                raise TimeoutError("timed out")
            if left and (won := self._start(left.pop(0))) is not None:
                return won
            next_at = begun + APART_S if left else None
            while self._running:
                won, all_failed = self._wait(next_at)
                if won is not None:
                    return won
                if all_failed or (next_at is not None and time.monotonic() >= next_at):
                    break
        raise self._failure or OSError("no address can be reached")

    def _start(self, address: Found) -> socket.socket | None:
        family, kind, protocol, _, place = address
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError as error:
            self._failure = self._failure or error
            return None
        self._running.append(opened)
        opened.setblocking(False)
        try:
            opened.connect(place)
        except BlockingIOError:
            self._selector.register(opened, selectors.EVENT_WRITE)
            return None
        except OSError as error:
            self._lost(opened, error)
            return None
        return self._won(opened)

    def _wait(self, next_at: float | None) -> tuple[socket.socket | None, bool]:
        """Wait for the first to be decided; the winner, or whether one has failed such that the next may begin."""
        ends = [at for at in (next_at, self._until) if at is not None]
        wait = max(0.0, min(ends) - time.monotonic()) if ends else None
        failed = False
        for key, _ in self._selector.select(wait):
            opened: Any = key.fileobj
            code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return self._won(opened), False
            self._lost(opened, OSError(code, os.strerror(code)))
            failed = True
        if self._until is not None and time.monotonic() >= self._until:
            raise TimeoutError("timed out")
        return None, failed

    def _won(self, opened: socket.socket) -> socket.socket:
        opened.setblocking(True)
        self._running.remove(opened)
        return opened

    def _lost(self, opened: socket.socket, error: OSError) -> None:
        self._failure = self._failure or error
        if opened in self._running:
            self._running.remove(opened)
        if opened.fileno() in self._selector.get_map():
            self._selector.unregister(opened)
        opened.close()

    def close(self) -> None:
        """Close what did not win."""
        self._selector.close()
        for opened in self._running:
            opened.close()


async def aconnect(
    loop: asyncio.AbstractEventLoop,
    host: str,
    port: int,
    check_address: Check | None = None,
    attempt: Callable[[Found], Coroutine[Any, Any, T]] | None = None,
) -> T:
    """As `connect`, in an event loop; its caller keeps the time.

    Args:
        attempt: Connects to one address; without it, what is given back is a socket.

    Raises:
        OSError: None can be reached.
    """
    connect_to: Any = attempt or partial(_aconnect, loop)
    addresses = in_turn(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), check_address)
    failure: Exception | None = None
    running: set[asyncio.Task[T]] = set()
    won: list[T] = []
    try:
        while (addresses or running) and not won:
            if addresses:
                running.add(loop.create_task(connect_to(addresses.pop(0))))
            done, running = await asyncio.wait(
                running, timeout=APART_S if addresses else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None and not won:
                    won.append(task.result())
                elif error is None:
                    _close_late(task)
                elif isinstance(error, Exception):
                    failure = failure or error
                else:
                    raise error
    finally:
        for task in running:
            task.add_done_callback(_close_late)
            task.cancel()
    if won:
        return won[0]
    raise failure or OSError(f"no address was found for {host}")


_CLOSING: set[asyncio.Task[Any]] = set()


def _close_late(task: asyncio.Task[Any]) -> None:
    """Close what connected when another one had won."""
    if task.cancelled() or task.exception() is not None:
        return
    late = task.result()
    if isinstance(late, socket.socket):
        late.close()
    else:
        closing = task.get_loop().create_task(late.aclose())
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)


async def _aconnect(loop: asyncio.AbstractEventLoop, address: Found) -> socket.socket:
    family, kind, protocol, _, place = address
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        await loop.sock_connect(opened, place)
    except BaseException:
        opened.close()
        raise
    return opened
