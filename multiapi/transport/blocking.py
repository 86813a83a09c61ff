"""The transport for threads: plain sockets, one pool for all threads of a process."""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, Self

import httpcore
import httpx

from multiapi.transport.connection_state import ConnectionState
from multiapi.transport.deadline import DeadlineBackend, Extensions, Timeouts, left, with_deadline
from multiapi.transport.forks import tell_after_fork
from multiapi.transport.holding import holding
from multiapi.transport.racing import connect
from multiapi.transport.readiness import readiness
from multiapi.transport.slots import Grant, Origin, Slots, origin_of
from multiapi.transport.sweeper import SWEEPER
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
LOOK_EVERY_S = 0.5
"""So often those who wait for a connection look by themselves whether there is one."""
SEARCH_EVERY_S = 0.05
_FOR_EVER_S = 24 * 3600.0
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
            connected = connect(host, port, until, extensions.get("check_address"))
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

    def __init__(self, stream: Any, lease: Lease) -> None:
        self._stream = stream
        self._lease: Lease | None = lease

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        lease = self._lease
        if lease is not None:
            self._stream.close()
            lease.end(lease.connection)
            self._lease = None


class _Ticket:
    """A slot that is in use, or a place in the queue for one."""

    __slots__ = ("connection", "lease", "turn")

    def __init__(self) -> None:
        self.turn = _NO_TURN
        self.connection: Connection | None = None
        self.lease: weakref.ref[Lease] | None = None

    @property
    def was_dropped(self) -> bool:
        """Nobody has the lease any more."""
        return self.lease is None or self.lease() is None


_NO_TURN = threading.Event()


class _PoolIsFull(Exception):
    """The time to wait for a connection is over."""


class Lease:
    """The right to one connection of a pool, from before it is taken until it is given back; also by being forgotten."""

    __slots__ = ("__weakref__", "_pool", "connection", "key", "ticket")

    def __init__(self, pool: ThreadPool, key: Origin) -> None:
        self.key = key
        self.ticket = _Ticket()
        self.ticket.lease = weakref.ref(self)
        self.connection: Connection | None = None
        self._pool: ThreadPool | None = pool

    def end(self, connection: Connection | None) -> None:
        """Give the connection back, if it can be used again; None: only the slot."""
        pool = self._pool
        if pool is not None:
            pool.give_back(self, connection)
            self._pool = None


class ThreadPool:
    """Connections for any number of threads; taking and giving back one takes the same time however many there are.

    Who has a slot is in a set of tickets. Interrupts may strike at any line: the numbers can be had from that set again.
    """

    def __init__(self, limits: httpx.Limits, connect: Callable[[httpcore.Origin], Connection]) -> None:
        self._connect = connect
        self._slots: Slots[Connection, _Ticket] = Slots.of(limits)
        self._lock = threading.Lock()
        self._tickets: set[_Ticket] = set()
        self._searched_at = 0.0

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        origin, key = origin_of(request)
        lease = Lease(self, key)
        try:
            connection = lease.connection = self._acquire(lease, origin, request.extensions)
            response = connection.handle_request(request)
            stream = response.stream
            if isinstance(stream, ResponseBody):
                stream.lease = lease
            elif isinstance(
                connection, DirectConnection
            ):  # all of the answer is here, or the network was not used at all
                lease.end(connection)
            else:
                response.stream = ProxiedBody(stream, lease)
        except BaseException:
            if lease.connection is not None:
                lease.connection.close()
            lease.end(None)
            raise
        return response

    def _acquire(self, lease: Lease, origin: httpcore.Origin, extensions: Any) -> Connection:
        grant = self.take(lease, extensions)
        if grant.surplus is not None:
            grant.surplus.close()
        connection = grant.connection
        if connection is not None:
            if not self._is_stale(connection):
                return connection
            connection.close()
        return self._connect(origin)

    def take(self, lease: Lease, extensions: Any = MappingProxyType({})) -> Grant[Connection]:
        """Leave to use an idle connection or to open one, as soon as there is room."""
        timeouts = Timeouts(extensions)
        until = None
        while (grant := holding(self._lock, self._take, lease)) is None:
            if until is None and timeouts.pool is not None:
                until = time.monotonic() + timeouts.pool
            try:
                wait = left(LOOK_EVERY_S, until, _PoolIsFull)
                lease.ticket.turn.wait(left(wait, timeouts.deadline, _PoolIsFull))
            except _PoolIsFull:
                raise httpcore.PoolTimeout(
                    f"all {self._slots.max_connections} connections of the pool are in use"
                ) from None
        return grant

    def _is_stale(self, connection: Connection) -> bool:
        return time.monotonic() - connection.idle_since > self._slots.keepalive_expiry or connection.has_expired()

    def give_back(self, lease: Lease, connection: Connection | None) -> None:
        """Take a connection back, if it can be used again, and its slot."""
        usable = connection if connection is not None and connection.is_idle() else None
        if usable is None and connection is not None:
            connection.close()
        for each in holding(self._lock, self._give_back, lease.ticket, lease.key, usable):
            each.close()
        if self._slots.idle_count and self._slots.keepalive_expiry < _FOR_EVER_S:
            SWEEPER.watch(self)

    # What follows is done while the lock is held.

    def _take(self, lease: Lease) -> Grant[Connection] | None:
        ticket = lease.ticket
        try:
            if ticket in self._tickets:
                connection, ticket.connection = ticket.connection, None
                return Grant(connection)
            now = time.monotonic()
            if self._slots.open >= self._slots.max_connections and now - self._searched_at > SEARCH_EVERY_S:
                self._searched_at = now
                self._forget_dropped()
            grant = self._slots.take(lease.key)
            if grant is not None:
                self._tickets.add(ticket)
                self._slots.leave(ticket)
                return grant
            ticket.turn = threading.Event()
            self._slots.wait(ticket, lease.key)
        except BaseException:
            self._slots.recount(len(self._tickets))
            raise
        return None

    def _give_back(self, ticket: _Ticket, key: Origin, connection: Connection | None) -> tuple[Connection, ...]:
        try:
            if ticket not in self._tickets:
                self._slots.leave(ticket)
                return () if connection is None else (connection,)
            returned = self._slots.give_back(key, connection, time.monotonic())
            self._tickets.discard(ticket)
            if returned.waiter is not None:
                self._tickets.add(returned.waiter)
                returned.waiter.connection = returned.connection
                returned.waiter.turn.set()
        except BaseException:
            self._tickets.discard(ticket)
            self._slots.leave(ticket)
            self._slots.recount(len(self._tickets))
            raise
        return (*returned.surplus, *self._slots.expired(time.monotonic()))

    def _forget_dropped(self) -> None:
        """Take back the slots of answers that nobody has any more."""
        for ticket in [ticket for ticket in self._tickets if ticket.was_dropped]:
            self._tickets.discard(ticket)
            if ticket.connection is not None:
                ticket.connection.close()
        self._slots.recount(len(self._tickets))

    def _sweep(self, now: float) -> tuple[list[Connection], float | None]:
        try:
            self._forget_dropped()
            return self._slots.expired(now), self._slots.next_expiry(now)
        except BaseException:
            self._slots.recount(len(self._tickets))
            raise

    def sweep(self, now: float) -> float | None:
        """Close what was idle for too long; seconds until the next one will have been, None if none is idle."""
        expired, wait = holding(self._lock, self._sweep, now)
        for connection in expired:
            connection.close()
        return wait

    def close(self) -> None:
        """Close the idle connections. Those in use close when their answers are read."""
        for connection in holding(self._lock, self._slots.clear):
            connection.close()

    def after_fork(self) -> None:
        """In a child process: forget the parent's connections, and a lock that a thread of the parent may hold."""
        self._lock = threading.Lock()
        self._tickets = set()
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
