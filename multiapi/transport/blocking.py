"""The transport for threads: one pool of connections for all threads of a process."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Self, TypeVar

from multiapi._package import new_lock, tell_after_fork
from multiapi.transport.deadline import Timeouts, left
from multiapi.transport.holding import holding
from multiapi.transport.http11 import Answer
from multiapi.transport.internals import HeldConnection, is_untouched, put_pool
from multiapi.transport.lean_import import httpcore, httpx
from multiapi.transport.passing import OF_HTTPCORE, as_httpcore, as_httpx, response_of
from multiapi.transport.proxies import Proxy
from multiapi.transport.slots import Grant, Origin, Slots, origin_of
from multiapi.transport.socket_connection import ResponseBody, SocketConnection
from multiapi.transport.sweeper import SWEEPER
from multiapi.transport.tls import DEFAULT_LIMITS, NO_CONTEXT, Verify

A = TypeVar("A", httpcore.Response, Answer)

LOOK_EVERY_S = 0.5
"""So often those who wait for a connection look by themselves whether there is one."""
SEARCH_EVERY_S = 0.05
_FOR_EVER_S = 24 * 3600.0


class DirectConnection(HeldConnection):
    """A connection of threads as the pool knows it."""

    idle_since = 0.0

    def __init__(self, origin: httpcore.Origin, verify: Verify, proxy: Proxy | None = None) -> None:
        super().__init__(origin, SocketConnection(origin, verify, proxy))

    def exchange(self, request: httpcore.Request) -> Answer:
        """Send a request."""
        return self.own.exchange(request)  # type: ignore[no-any-return]

    def is_idle(self) -> bool:
        return self.own.is_idle()  # type: ignore[no-any-return]

    def has_expired(self) -> bool:
        return self.own.has_expired()  # type: ignore[no-any-return]


Connection = DirectConnection


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
        self._lock = new_lock()
        self._tickets: set[_Ticket] = set()
        self._searched_at = 0.0

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        return self._leased(request, HeldConnection.handle_request)

    def exchange(self, request: httpcore.Request) -> Answer:
        """The same past httpcore."""
        return self._leased(request, DirectConnection.exchange)

    def _leased(self, request: httpcore.Request, send: Callable[[Any, httpcore.Request], A]) -> A:
        origin, key = origin_of(request)
        lease = Lease(self, key)
        try:
            connection = lease.connection = self._acquire(lease, origin, request.extensions)
            response = send(connection, request)
            stream = response.stream
            if isinstance(stream, ResponseBody):
                stream.lease = lease
            else:  # all of the response is here, or the network was not used at all
                lease.end(connection)
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
            return (*returned.surplus, *self._slots.expired(time.monotonic()))
        except BaseException:
            self._tickets.discard(ticket)
            self._slots.leave(ticket)
            self._slots.recount(len(self._tickets))
            raise

    def _forget_dropped(self) -> None:
        """Take back the slots of responses that nobody has any more."""
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
        """In a child process: forget the parent's connections."""
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
    for the socket, for each chunk of the response. Everything else is as in httpx, and where something records or mocks
    `httpx.HTTPTransport` or what lies below, `handle_request` is httpx' own, so that it works as before. HTTP/1.1 only.
    """

    def __init__(
        self,
        *,
        verify: Verify = True,
        limits: httpx.Limits = DEFAULT_LIMITS,
        proxy: str | None = None,
    ) -> None:
        way = None if proxy is None else Proxy.of(proxy)
        # Our own context is read with the first connection that needs it.
        super().__init__(verify=NO_CONTEXT, limits=limits, trust_env=False)
        self.own = pool = ThreadPool(limits, lambda origin: DirectConnection(origin, verify, way))
        put_pool(self, pool)
        tell_after_fork(pool)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not is_untouched("handle_request"):
            return super().handle_request(request)
        try:
            return response_of(self.own.exchange(as_httpcore(request)))
        except OF_HTTPCORE as error:
            raise as_httpx(error) from error
