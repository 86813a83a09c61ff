"""One connection of an event loop: a wire, TLS on it where the address asks for it, and a tunnel where a proxy lies between."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, cast

from multiapi.transport.connection_state import ConnectionState
from multiapi.transport.deadline import Extensions, Timeouts, left
from multiapi.transport.http11 import (
    LAST_CHUNK,
    Answer,
    ResponseHead,
    ResponseReader,
    chunk,
    is_chunked,
    request_head,
)
from multiapi.transport.lean_import import httpcore, httpx
from multiapi.transport.loop_wire import Wire, nothing
from multiapi.transport.passing import OF_HTTPCORE, as_httpx
from multiapi.transport.proxies import Proxy, check_behind_proxy
from multiapi.transport.racing import aconnect
from multiapi.transport.tls import Verify, tls_context_of_loop

JOIN_BYTES = 64 * 1024
WRITE_BYTES = 256 * 1024
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")


class LoopConnection(ConnectionState, httpcore.AsyncConnectionInterface):
    """One socket of one event loop that carries one request after the other; opened with the first."""

    def __init__(self, origin: httpcore.Origin, verify: Verify, proxy: Proxy | None = None) -> None:
        super().__init__(origin)
        self._verify = verify
        self._proxy = proxy
        self._wire: Wire | None = None
        self.on_lost_while_idle: Callable[[], None] = nothing

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        return (await self.exchange(request)).as_httpcore()

    async def exchange(self, request: httpcore.Request) -> Answer:
        """Send a request; the head of the response, and its body as far as it is here."""
        self._idle = False
        timeouts = Timeouts(request.extensions)
        reader = ResponseReader(request.method)
        try:
            target, headers = request.url.target, request.headers
            if self._proxy is not None and self._origin.scheme == b"http":
                target, headers = self._proxy.forwarded(request)
            head_bytes = request_head(request.method, target, headers)
            wire = self._wire
            if wire is None:
                wire = self._wire = await self._connect(timeouts, request.extensions)
            await self._send(wire, head_bytes, request, timeouts)
            head = await self._read_head(wire, reader, timeouts)
            first = reader.first(head)
        except BaseException:
            self.close()
            raise
        if reader.complete:
            self.finish(reader)
            return Answer(head, first)
        return Answer(head, AsyncResponseBody(self, wire, reader, first, timeouts))

    # Opening

    async def _connect(self, timeouts: Timeouts, extensions: Extensions) -> Wire:
        loop = asyncio.get_running_loop()
        host, port = self._origin.host.decode("ascii"), self._origin.port
        tls: dict[str, Any] = {}
        if self._origin.scheme == b"https":
            tls.update(
                ssl=await tls_context_of_loop(self._verify), server_hostname=extensions.get("sni_hostname") or host
            )
        made = Wire(loop, self._lost)
        try:
            async with asyncio.timeout(left(timeouts.connect, timeouts.deadline, httpcore.ConnectTimeout)):
                check_address = extensions.get("check_address")
                if self._proxy is not None:
                    if check_address is not None:
                        await loop.run_in_executor(None, check_behind_proxy, host, port, check_address)
                    await self._through(self._proxy, made, host, port, tls)
                elif check_address is None and _ADDRESS.fullmatch(host):
                    await loop.create_connection(lambda: made, host, port, **tls)
                else:
                    await _connect_wire(made, host, port, check_address, tls)
        except TimeoutError as error:
            made.abort()
            raise httpcore.ConnectTimeout(str(error) or "timed out") from error
        except (OSError, httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError) as error:
            made.abort()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            made.abort()
            raise
        return made

    async def _through(self, proxy: Proxy, made: Wire, host: str, port: int, tls: dict[str, Any]) -> None:
        """Connect by way of a proxy, and have it lead on where the address asks for TLS."""
        to_proxy: dict[str, Any] = {}
        if proxy.scheme == "https":
            to_proxy.update(ssl=await tls_context_of_loop(self._verify), server_hostname=proxy.host)
        await _connect_wire(made, proxy.host, proxy.port, None, to_proxy)
        if not tls:
            return
        unlimited = Timeouts({})
        await made.send(proxy.connect_request(host, port), unlimited)
        head = await self._read_head(made, ResponseReader(b"CONNECT"), unlimited)
        proxy.check_answer(head, host, port)
        context: ssl.SSLContext = tls["ssl"]
        assert made.transport is not None
        secured = await made.loop.start_tls(made.transport, made, context, server_hostname=tls["server_hostname"])
        if secured is None:
            raise httpcore.ConnectError("the connection was lost while TLS was set up")
        made.connection_made(secured)

    def _lost(self) -> None:
        if self._idle:
            self._idle, self._closed = False, True
            self.on_lost_while_idle()

    # Sending and receiving

    async def _send(self, wire: Wire, head: bytes, request: httpcore.Request, timeouts: Timeouts) -> None:
        stream = cast("AsyncIterable[bytes]", request.stream)
        chunked = is_chunked(request.headers)
        pending = head
        try:
            async for part in stream:
                if chunked:
                    if not part:
                        continue
                    part = chunk(part)
                if len(pending) + len(part) <= JOIN_BYTES:
                    pending += part
                    continue
                if pending:
                    await wire.send(pending, timeouts)
                    pending = b""
                await self._send_large(wire, part, timeouts)
            if chunked:
                pending += LAST_CHUNK
            if pending:
                await wire.send(pending, timeouts)
        except httpcore.WriteError:
            # A server may refuse a request before it has all of it, and close. Its response is then still to be read.
            pass

    async def _send_large(self, wire: Wire, data: bytes, timeouts: Timeouts) -> None:
        view = memoryview(data)
        for start in range(0, len(data), WRITE_BYTES):
            await wire.send(view[start : start + WRITE_BYTES], timeouts)

    async def _read_head(self, wire: Wire, reader: ResponseReader, timeouts: Timeouts) -> ResponseHead:
        while True:
            data = await wire.receive(timeouts)
            if not data:
                reader.end()
            head = reader.head(data)
            if head is not None:
                return head

    def finish(self, reader: ResponseReader) -> None:
        """The response was read, or given up."""
        if reader.complete and reader.reusable and self._wire is not None and not self._wire.readable():
            self._idle = True
        else:
            self.close()

    # The state, as a pool asks for it

    def close(self) -> None:
        """Close at once; there is nothing to wait for."""
        self._idle, self._closed = False, True
        if self._wire is not None:
            wire, self._wire = self._wire, None
            wire.abort()

    async def aclose(self) -> None:
        self.close()

    def has_expired(self) -> bool:
        # Nothing may arrive while nothing was asked: if there is something, it is the end of the connection.
        return self._idle and (self._wire is None or self._wire.readable_unseen())


async def _connect_wire(
    made: Wire, host: str, port: int, check_address: Callable[[str], None] | None, tls: dict[str, Any]
) -> None:
    opened: socket.socket = await aconnect(made.loop, host, port, check_address)
    try:
        await made.loop.create_connection(lambda: made, sock=opened, **tls)
    except BaseException:
        opened.close()
        raise


class AsyncResponseBody(httpx.AsyncByteStream):
    """What follows the head, a piece per read. Gives the connection back as soon as the last byte is here."""

    def __init__(
        self,
        connection: LoopConnection,
        wire: Wire,
        reader: ResponseReader,
        first: bytes,
        timeouts: Timeouts,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._reader = reader
        self._first = first
        self._timeouts = timeouts
        self._open = True
        self.on_close: Callable[[], None] = nothing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reader, wire, timeouts = self._reader, self._wire, self._timeouts
        try:
            if self._first:
                first, self._first = self._first, b""
                yield first
            while not reader.complete:
                data = await wire.receive(timeouts)
                part = reader.more(data)
                if reader.complete:
                    self.close()
                if part:
                    yield part
        except OF_HTTPCORE as error:
            raise as_httpx(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back, or close it if the response is not complete."""
        if self._open:
            self._open = False
            if not self._reader.complete:
                with contextlib.suppress(httpcore.RemoteProtocolError):
                    self._reader.body(self._wire.take())  # the end may have arrived unnoticed
            self._connection.finish(self._reader)
            self.on_close()

    async def aclose(self) -> None:
        self.close()

    def __del__(self) -> None:
        if self._open and not self._wire.loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._wire.loop.call_soon_threadsafe(self._connection.close)
                self._wire.loop.call_soon_threadsafe(self.on_close)
