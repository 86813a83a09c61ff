"""One connection of a thread: a plain socket, TLS on it where the address asks for it, and a tunnel where a proxy lies between."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

from multiapi.transport.connection_state import ConnectionState
from multiapi.transport.deadline import Extensions, Timeouts, left
from multiapi.transport.http11 import (
    Answer,
    ResponseHead,
    ResponseReader,
    chunks,
    is_chunked,
    request_head,
)
from multiapi.transport.lean_import import httpcore, httpx
from multiapi.transport.passing import OF_HTTPCORE, as_httpx
from multiapi.transport.proxies import Proxy, check_behind_proxy
from multiapi.transport.racing import connect
from multiapi.transport.readiness import readiness
from multiapi.transport.tls import TlsInTls, Verify, tls_context

READ_BYTES = 64 * 1024
LARGE_READ_BYTES = 512 * 1024
WRITE_BYTES = 256 * 1024
JOIN_BYTES = 64 * 1024
"""Up to this size head and body leave in one packet."""

Opened = socket.socket | TlsInTls


class SocketConnection(ConnectionState, httpcore.ConnectionInterface):
    """One socket that carries one request after the other; opened with the first."""

    def __init__(self, origin: httpcore.Origin, verify: Verify, proxy: Proxy | None = None) -> None:
        super().__init__(origin)
        self._verify = verify
        self._proxy = proxy
        self._socket: Opened | None = None
        self._timeout: float | None = None
        self._poll: Callable[[], bool] | None = None

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        return self.exchange(request).as_httpcore()

    def exchange(self, request: httpcore.Request) -> Answer:
        """Send a request; the head of the response, and its body as far as it is here."""
        self._idle = False
        timeouts = Timeouts(request.extensions)
        reader = ResponseReader(request.method)
        try:
            target, headers = request.url.target, request.headers
            if self._proxy is not None and self._origin.scheme == b"http":
                target, headers = self._proxy.forwarded(request)
            head_bytes = request_head(request.method, target, headers)
            if self._socket is None:
                self._socket = self._connect(timeouts, request.extensions)
            self._send(head_bytes, request, timeouts)
            head = self._read_head(reader, timeouts)
            first = reader.first(head)
        except BaseException:
            self.close()
            raise
        if reader.complete:
            self.finish(reader)
            return Answer(head, first)
        return Answer(head, ResponseBody(self, reader, first, timeouts))

    # Opening

    def _connect(self, timeouts: Timeouts, extensions: Extensions) -> Opened:
        host, port = self._origin.host.decode("ascii"), self._origin.port
        name = extensions.get("sni_hostname") or host
        until = time.monotonic() + timeouts.connect if timeouts.connect is not None else None
        if timeouts.deadline is not None and (until is None or timeouts.deadline < until):
            until = timeouts.deadline
        opened: Opened | None = None
        proxy, check_address = self._proxy, extensions.get("check_address")
        try:
            if proxy is None:
                opened = connect(host, port, until, check_address)
            else:
                check_behind_proxy(host, port, check_address)
                opened = connect(proxy.host, proxy.port, until)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None and proxy.scheme == "https":
                opened = self._secured(opened, proxy.host, until)
            if self._origin.scheme == b"https":
                if proxy is not None:
                    _tunnel(proxy, opened, host, port, until)
                opened = self._secured(opened, name, until)
        except BaseException as error:
            if opened is not None:
                opened.close()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout(str(error) or "timed out") from error
            if isinstance(error, (OSError, httpcore.RemoteProtocolError)):
                raise httpcore.ConnectError(str(error)) from error
            raise
        self._timeout = -1.0
        self._poll = readiness(opened)
        return opened

    def _secured(self, opened: Opened, name: str, until: float | None) -> Opened:
        opened.settimeout(left(None, until, httpcore.ConnectTimeout))
        context = tls_context(self._verify)
        if isinstance(opened, socket.socket) and not isinstance(opened, ssl.SSLSocket):
            return context.wrap_socket(opened, server_hostname=name)
        return TlsInTls(opened, context, name)

    # Sending

    def _send(self, head: bytes, request: httpcore.Request, timeouts: Timeouts) -> None:
        assert self._socket is not None
        parts = iter(cast("Iterable[bytes]", request.stream))
        if is_chunked(request.headers):
            parts = chunks(parts)
        try:
            pending = head
            for part in parts:
                if len(pending) + len(part) <= JOIN_BYTES:
                    pending += part
                    continue
                self._write(pending, timeouts)
                pending = b""
                self._write(part, timeouts)
            if pending:
                self._write(pending, timeouts)
        except httpcore.WriteError:
            # A server may refuse a request before it has all of it, and close. Its response is then still to be read.
            pass

    def _write(self, data: bytes, timeouts: Timeouts) -> None:
        assert self._socket is not None
        try:
            if len(data) <= JOIN_BYTES:
                self._wait_at_most(left(timeouts.write, timeouts.deadline, httpcore.WriteTimeout))
                timeouts.written()
                self._socket.sendall(data)
                return
            view, sent = memoryview(data), 0
            while sent < len(data):
                self._wait_at_most(left(timeouts.write, timeouts.deadline, httpcore.WriteTimeout))
                timeouts.written()
                sent += self._socket.send(view[sent : sent + WRITE_BYTES])
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def _wait_at_most(self, timeout: float | None) -> None:
        if timeout != self._timeout:
            assert self._socket is not None
            self._socket.settimeout(timeout)
            self._timeout = timeout

    # Receiving

    def receive(self, timeouts: Timeouts, max_bytes: int = READ_BYTES) -> bytes:
        """The next bytes; none at all means that the server closed."""
        if self._socket is None:
            raise httpcore.ReadError("the connection is closed")
        try:
            self._wait_at_most(left(timeouts.read, timeouts.deadline, httpcore.ReadTimeout))
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def _read_head(self, reader: ResponseReader, timeouts: Timeouts) -> ResponseHead:
        while True:
            data = self.receive(timeouts)
            if not data:
                reader.end()
            head = reader.head(data)
            if head is not None:
                return head

    def finish(self, reader: ResponseReader) -> None:
        """The response was read, or given up."""
        if reader.complete and reader.reusable and self._socket is not None:
            self._idle = True
        else:
            self.close()

    # The state, as a pool asks for it

    def close(self) -> None:
        self._idle, self._closed = False, True
        if self._socket is not None:
            opened, self._socket = self._socket, None
            opened.close()

    def __del__(self) -> None:
        self.close()

    def has_expired(self) -> bool:
        # Nothing may arrive while nothing was asked: if there is something, it is the end of the connection.
        return self._idle and (self._poll is None or self._poll())


def _tunnel(proxy: Proxy, opened: Opened, host: str, port: int, until: float | None) -> None:
    """Have the proxy lead on to a server."""
    opened.settimeout(left(None, until, httpcore.ConnectTimeout))
    opened.sendall(proxy.connect_request(host, port))
    reader = ResponseReader(b"CONNECT")
    head = None
    while head is None:
        opened.settimeout(left(None, until, httpcore.ConnectTimeout))
        data = opened.recv(READ_BYTES)
        if not data:
            reader.end()
        head = reader.head(data)
    proxy.check_answer(head, host, port)


class Lease(Protocol):
    """The right to a connection of a pool."""

    connection: Any

    def end(self, connection: Any) -> None:
        """Give it back."""


class ResponseBody(httpx.SyncByteStream):
    """What follows the head, a piece per read. Gives the connection back as soon as the last byte is here."""

    def __init__(
        self,
        connection: SocketConnection,
        reader: ResponseReader,
        first: bytes,
        timeouts: Timeouts,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._first = first
        self._timeouts = timeouts
        self._open = True
        self.lease: Lease | None = None

    def __iter__(self) -> Iterator[bytes]:
        reader, connection, timeouts = self._reader, self._connection, self._timeouts
        try:
            if self._first:
                first, self._first = self._first, b""
                yield first
            while not reader.complete:
                data = connection.receive(
                    timeouts,
                    LARGE_READ_BYTES if reader.missing > LARGE_READ_BYTES else READ_BYTES,
                )
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
        if self._open:
            self._connection.finish(self._reader)
            if self.lease is not None:
                self.lease.end(self.lease.connection)
            self._open = False

    def __del__(self) -> None:
        # The collector may come by while this very thread holds the pool's lock: only the socket is closed. The pool finds out by itself.
        if self._open:
            self._connection.close()
