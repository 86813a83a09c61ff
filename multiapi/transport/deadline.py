"""How long one operation on a socket may wait: its own timeout, but never past the deadline of the request."""

# ruff: noqa: ASYNC109 (the signatures are those of httpcore)

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, MutableMapping
from typing import Any

import httpcore
from httpcore._backends.sync import SyncStream

from multiapi.transport.racing import Found, aconnect, connect

SHORTEST_WAIT_S = 0.001

Extensions = MutableMapping[str, Any]


class Timeouts:
    """The timeouts of a request in seconds and its deadline on `time.monotonic()`; None means no limit.

    The deadline is looked up for each wait, so the holder of the request may still move it while the answer is read.
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


class TimeoutUntil(float):
    """A timeout that knows the deadline on its way through httpcore, which hands timeouts on as they are."""

    extensions: Extensions

    @classmethod
    def of(cls, timeout: float | None, extensions: Extensions) -> TimeoutUntil:
        """This timeout, None being endless."""
        made = cls(float("inf") if timeout is None else timeout)
        made.extensions = extensions
        return made


def with_deadline(extensions: Extensions) -> Extensions:
    """Extensions whose timeouts carry the deadline along, for connections that are httpcore's own (proxies)."""
    timeout = extensions.get("timeout") or {}
    kinds = ("connect", "read", "write", "pool")
    return {**extensions, "timeout": {kind: TimeoutUntil.of(timeout.get(kind), extensions) for kind in kinds}}


def _wait(timeout: float | None, too_late: type[Exception]) -> float | None:
    if not isinstance(timeout, TimeoutUntil):
        return timeout
    own = None if timeout == float("inf") else float(timeout)
    return left(own, timeout.extensions.get("deadline"), too_late)


def _note_written(timeout: float | None) -> None:
    if isinstance(timeout, TimeoutUntil):
        timeout.extensions["written"] = True


class DeadlineStream(httpcore.NetworkStream):
    """A stream of httpcore's that keeps to the deadline within its timeouts."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _wait(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = _wait(timeout, httpcore.WriteTimeout)
        _note_written(timeout)
        self._stream.write(buffer, wait)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        wait = _wait(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """httpcore's sockets with deadlines, for connections through a proxy."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        wait = _wait(timeout, httpcore.ConnectTimeout)
        try:
            opened = connect(host, port, None if wait is None else time.monotonic() + wait)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return DeadlineStream(SyncStream(opened))


class AsyncDeadlineStream(httpcore.AsyncNetworkStream):
    """A stream of httpcore's that keeps to the deadline within its timeouts."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, _wait(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        wait = _wait(timeout, httpcore.WriteTimeout)
        _note_written(timeout)
        await self._stream.write(buffer, wait)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wait = _wait(timeout, httpcore.ConnectTimeout)
        return AsyncDeadlineStream(await self._stream.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncDeadlineBackend(httpcore.AsyncNetworkBackend):
    """httpcore's asyncio sockets with deadlines, for connections through a proxy."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wait = _wait(timeout, httpcore.ConnectTimeout)

        async def attempt(address: Found) -> httpcore.AsyncNetworkStream:
            return await self._backend.connect_tcp(str(address[4][0]), port, None, local_address, socket_options)

        try:
            async with asyncio.timeout(wait):
                opened = await aconnect(asyncio.get_running_loop(), host, port, attempt=attempt)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("timed out") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return AsyncDeadlineStream(opened)
