"""The transport for threads: plain sockets, one pool for all threads of a process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import httpcore
import httpx

from multiapi.transport.connection_state import ConnectionState
from multiapi.transport.deadline import DeadlineBackend, Extensions, Timeouts, left, with_deadline
from multiapi.transport.forks import tell_after_fork
from multiapi.transport.readiness import readiness
from multiapi.transport.slots import Origin, Slots, origin_of
from multiapi.transport.tls import DEFAULT_LIMITS, NO_CONTEXT, Verify, tls_context
from multiapi.transport.wire import (
    ResponseHead,
    ResponseReader,
    answer,
    chunks,
    is_chunked,
    request_head,
)

READ_BYTES = 64 * 1024
LARGE_READ_BYTES = 512 * 1024
WRITE_BYTES = 256 * 1024
JOIN_BYTES = 64 * 1024
"""Up to this size head and body leave in one packet."""


class SocketConnection(ConnectionState, httpcore.ConnectionInterface):
    """One socket that carries one request after the other; opened with the first."""

    def __init__(self, origin: httpcore.Origin, verify: Verify) -> None:
        super().__init__(origin)
        self._verify = verify
        self._socket: socket.socket | None = None
        self._timeout: float | None = None
        self._poll: Callable[[], bool] | None = None

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        self._idle = False
        timeouts = Timeouts(request.extensions)
        reader = ResponseReader(request.method)
        try:
            head_bytes = request_head(request.method, request.url.target, request.headers)
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
            return answer(head, first)
        return answer(head, ResponseBody(self, reader, first, timeouts))

    # Opening

    def _connect(self, timeouts: Timeouts, extensions: Extensions) -> socket.socket:
        host, port = self._origin.host.decode("ascii"), self._origin.port
        sni_hostname = extensions.get("sni_hostname")
        until = time.monotonic() + timeouts.connect if timeouts.connect is not None else None
        if timeouts.deadline is not None and (until is None or timeouts.deadline < until):
            until = timeouts.deadline
        try:
            connected = self._first_that_answers(host, port, until, extensions.get("check_address"))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._origin.scheme == b"https":
                connected.settimeout(left(None, until, httpcore.ConnectTimeout))
                connected = tls_context(self._verify).wrap_socket(connected, server_hostname=sni_hostname or host)
        except BaseException as error:
            connected.close()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout("timed out while TLS was set up") from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(str(error)) from error
            raise
        self._timeout = -1.0
        self._poll = readiness(connected)
        return connected

    def _first_that_answers(
        self, host: str, port: int, until: float | None, check_address: Callable[[str], None] | None
    ) -> socket.socket:
        failure: OSError | None = None
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        if check_address is not None:
            for *_, address in found:
                check_address(str(address[0]))
        for family, kind, protocol, _, address in found:
            opened = None
            try:
                opened = socket.socket(family, kind, protocol)
                opened.settimeout(left(None, until, TimeoutError))
                opened.connect(address)
                return opened
            except OSError as error:
                failure = failure or error
                if opened is not None:
                    opened.close()
                if isinstance(error, TimeoutError) and until is not None and time.monotonic() >= until:
                    raise
            except BaseException:
                if opened is not None:
                    opened.close()
                raise
        raise failure or OSError(f"no address was found for {host}")

    # Sending

    def _send(self, head: bytes, request: httpcore.Request, timeouts: Timeouts) -> None:
        assert self._socket is not None
        stream = request.stream
        assert isinstance(stream, Iterable)
        parts: Iterator[bytes] = iter(stream)
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
            # A server may refuse a request before it has all of it, and close. Its answer is then still to be read.
            pass

    def _write(self, data: bytes, timeouts: Timeouts) -> None:
        assert self._socket is not None
        try:
            if len(data) <= JOIN_BYTES:
                self._wait_at_most(left(timeouts.write, timeouts.deadline, httpcore.WriteTimeout))
                self._socket.sendall(data)
                return
            view, sent = memoryview(data), 0
            while sent < len(data):
                self._wait_at_most(left(timeouts.write, timeouts.deadline, httpcore.WriteTimeout))
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
        """The answer was read, or given up."""
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
        self.on_close: Callable[[], None] | None = None

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
        finally:
            self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._connection.finish(self._reader)
            if self.on_close is not None:
                self.on_close()

    def __del__(self) -> None:
        self.close()


class DirectConnection(httpcore.HTTPConnection):
    """httpcore's connection, as which mocking libraries know it, with our socket inside."""

    idle_since = 0.0

    def __init__(self, origin: httpcore.Origin, verify: Verify) -> None:
        super().__init__(origin)
        self._connection: SocketConnection = SocketConnection(origin, verify)


class ProxiedConnection:
    """A connection through a proxy, which httpcore knows how to make."""

    idle_since = 0.0

    def __init__(self, connection: httpcore.ConnectionInterface) -> None:
        self._connection = connection

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        request.extensions = with_deadline(request.extensions)
        return self._connection.handle_request(request)

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def close(self) -> None:
        self._connection.close()


Connection = DirectConnection | ProxiedConnection


class ProxiedBody(httpx.SyncByteStream):
    """An answer through a proxy, which tells the pool when it is done."""

    def __init__(self, stream: Any, on_close: Callable[[], None]) -> None:
        self._stream = stream
        self._on_close: Callable[[], None] | None = on_close

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._stream.close()
            on_close()


class _Waiter:
    """A thread in the queue for a connection."""

    __slots__ = ("connection", "turn")

    def __init__(self) -> None:
        self.turn = threading.Event()
        self.connection: Connection | None = None


class ThreadPool:
    """Connections for any number of threads; taking and giving back one takes the same time however many there are."""

    def __init__(self, limits: httpx.Limits, connect: Callable[[httpcore.Origin], Connection]) -> None:
        self._connect = connect
        self._slots: Slots[Connection, _Waiter] = Slots.of(limits)
        self._lock = threading.RLock()  # a body that is garbage may be closed in the midst of ours

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        origin, key = origin_of(request)
        connection = self._acquire(key, origin, request.extensions)
        try:
            response = connection.handle_request(request)
        except BaseException:
            connection.close()
            self._release(key, None)
            raise
        stream = response.stream
        if isinstance(stream, ResponseBody):
            stream.on_close = lambda: self._release(key, connection)
        elif isinstance(connection, DirectConnection):  # all of the answer is here, or the network was not used at all
            self._release(key, connection)
        else:
            response.stream = ProxiedBody(stream, lambda: self._release(key, connection))
        return response

    def _acquire(self, key: Origin, origin: httpcore.Origin, extensions: Any) -> Connection:
        waiter: _Waiter | None = None
        with self._lock:
            grant = self._slots.take(key)
            if grant is None:
                waiter = _Waiter()
                self._slots.wait(waiter, key)
        if waiter is not None:
            connection = self._queue(waiter, key, extensions)
        else:
            assert grant is not None
            connection = grant.connection
            if grant.surplus is not None:
                grant.surplus.close()
        if connection is not None:
            if not self._is_stale(connection):
                return connection
            connection.close()
        try:
            return self._connect(origin)
        except BaseException:
            self._release(key, None)
            raise

    def _is_stale(self, connection: Connection) -> bool:
        return time.monotonic() - connection.idle_since > self._slots.keepalive_expiry or connection.has_expired()

    def _queue(self, waiter: _Waiter, key: Origin, extensions: Any) -> Connection | None:
        timeouts = Timeouts(extensions)
        try:
            in_time = waiter.turn.wait(left(timeouts.pool, timeouts.deadline, httpcore.PoolTimeout))
        except BaseException:
            self._give_up(waiter, key)
            raise
        if not in_time:
            self._give_up(waiter, key)
            raise httpcore.PoolTimeout(f"all {self._slots.max_connections} connections of the pool are in use")
        return waiter.connection

    def _give_up(self, waiter: _Waiter, key: Origin) -> None:
        with self._lock:
            had_turn = waiter.turn.is_set()
            if not had_turn:
                self._slots.leave(waiter)
        if had_turn:
            self._release(key, waiter.connection)

    def _release(self, key: Origin, connection: Connection | None) -> None:
        usable = connection if connection is not None and connection.is_idle() else None
        if usable is None and connection is not None:
            connection.close()
        with self._lock:
            waiter, handed, surplus = self._slots.give_back(key, usable, time.monotonic())
            if waiter is not None:
                waiter.connection = handed
                waiter.turn.set()
        for each in surplus:
            each.close()

    def close(self) -> None:
        """Close the idle connections. Those in use close when their answers are read."""
        with self._lock:
            idle = self._slots.clear()
        for connection in idle:
            connection.close()

    def after_fork(self) -> None:
        """In a child process: forget the parent's connections, and a lock that a thread of the parent may hold."""
        self._lock = threading.RLock()
        slots = self._slots
        self._slots = Slots(slots.max_connections, slots.max_idle, slots.keepalive_expiry)
        for connection in slots.clear():
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PooledTransport(httpx.HTTPTransport):
    """`httpx.HTTPTransport` with a pool whose cost does not grow with the calls in flight, and with deadlines.

    `request.extensions["deadline"]`, a value of `time.monotonic()`, ends every wait of that request: for a connection,
    for the socket, for each piece of the answer. Everything else is as in httpx, and `handle_request` is httpx' own, so
    that what records or mocks `httpx.HTTPTransport` works as before. HTTP/1.1 only.
    """

    def __init__(
        self,
        *,
        verify: Verify = True,
        limits: httpx.Limits = DEFAULT_LIMITS,
        proxy: httpx.Proxy | str | None = None,
    ) -> None:
        # Without a proxy the context is read with the first connection that needs it.
        context = tls_context(verify) if proxy is not None else NO_CONTEXT
        super().__init__(verify=context, limits=limits, proxy=proxy, trust_env=False)
        inner = self._pool
        if proxy is None:
            pool = ThreadPool(limits, lambda origin: DirectConnection(origin, verify))
        else:
            inner._network_backend = DeadlineBackend()
            pool = ThreadPool(limits, lambda origin: ProxiedConnection(inner.create_connection(origin)))
        self._pool = pool  # type: ignore[assignment]
        tell_after_fork(pool)
