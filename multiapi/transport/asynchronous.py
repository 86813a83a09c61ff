"""The transport for asyncio: one pool of connections per event loop."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Self, TypeVar

from multiapi._package import new_lock, tell_after_fork
from multiapi.transport.deadline import Timeouts, left
from multiapi.transport.http11 import Answer
from multiapi.transport.internals import AsyncHeldConnection, is_untouched, put_pool
from multiapi.transport.lean_import import httpcore, httpx
from multiapi.transport.loop_connection import AsyncResponseBody, LoopConnection
from multiapi.transport.loop_wire import nothing
from multiapi.transport.passing import OF_HTTPCORE, as_httpcore, as_httpx, response_of
from multiapi.transport.proxies import Proxy
from multiapi.transport.slots import Origin, Slots, origin_of
from multiapi.transport.tls import DEFAULT_LIMITS, NO_CONTEXT, Verify

A = TypeVar("A", httpcore.Response, Answer)

_FOR_EVER_S = 24 * 3600.0


class AsyncDirectConnection(AsyncHeldConnection):
    """A connection of an event loop as the pool knows it."""

    idle_since = 0.0
    _connection: LoopConnection

    def __init__(self, origin: httpcore.Origin, verify: Verify, proxy: Proxy | None = None) -> None:
        super().__init__(origin, LoopConnection(origin, verify, proxy))

    def exchange(self, request: httpcore.Request) -> Awaitable[Answer]:
        """Send a request."""
        return self.own.exchange(request)  # type: ignore[no-any-return]

    def is_idle(self) -> bool:
        return self.own.is_idle()  # type: ignore[no-any-return]

    def has_expired(self) -> bool:
        return self.own.has_expired()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close at once."""
        self._connection.close()

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call this when the server closes the connection while it is idle."""
        self._connection.on_lost_while_idle = call


AsyncConnection = AsyncDirectConnection


Turn = asyncio.Future["AsyncConnection | None"]


class LoopPool:
    """The connections of one event loop; taking and giving back one takes the same time however many there are."""

    def __init__(
        self,
        limits: httpx.Limits,
        connect: Callable[[httpcore.Origin], AsyncConnection],
    ) -> None:
        self._connect = connect
        self.slots: Slots[AsyncConnection, Turn] = Slots.of(limits)
        self._guard: AsyncGenerator[None, None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def close_with_loop(self) -> None:
        """Have the idle connections closed when the event loop shuts down, as `asyncio.run` does at its end."""
        self._guard = self._until_shutdown()
        await anext(self._guard)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        # An event loop closes the asynchronous generators that are still open, while it still runs.
        try:
            yield
        finally:
            self.close()
            await asyncio.sleep(0)

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        return await self.leased(request, AsyncHeldConnection.handle_async_request)

    async def leased(self, request: httpcore.Request, send: Callable[[Any, httpcore.Request], Awaitable[A]]) -> A:
        """What a connection makes of a request; it is given back when the body is read."""
        origin, key = origin_of(request)
        connection = await self._acquire(key, origin, request.extensions)
        try:
            response = await send(connection, request)
        except BaseException:
            connection.close()
            self._release(key, None)
            raise
        stream = response.stream
        if isinstance(stream, AsyncResponseBody):
            stream.on_close = lambda: self._release(key, connection)
        else:  # all is here, or the network was not used at all
            self._release(key, connection)
        return response

    async def _acquire(self, key: Origin, origin: httpcore.Origin, extensions: Any) -> AsyncConnection:
        grant = self.slots.take(key)
        if grant is None:
            connection = await self._queue(key, extensions)
        else:
            connection = grant.connection
            if grant.surplus is not None:
                grant.surplus.close()
        if connection is not None:
            connection.when_lost(nothing)
            if time.monotonic() - connection.idle_since <= self.slots.keepalive_expiry and not connection.has_expired():
                return connection
            connection.close()
        try:
            return self._connect(origin)
        except BaseException:
            self._release(key, None)
            raise

    async def _queue(self, key: Origin, extensions: Any) -> AsyncConnection | None:
        timeouts = Timeouts(extensions)
        timeout = left(timeouts.pool, timeouts.deadline, httpcore.PoolTimeout)
        turn: Turn = asyncio.get_running_loop().create_future()
        self.slots.wait(turn, key)
        try:
            async with asyncio.timeout(timeout):
                return await turn
        except BaseException as error:
            self.slots.leave(turn)
            if turn.done() and not turn.cancelled():
                self._release(key, turn.result())
            if isinstance(error, TimeoutError):
                message = f"all {self.slots.max_connections} connections of the pool are in use"
                raise httpcore.PoolTimeout(message) from error
            raise

    def _release(self, key: Origin, connection: AsyncConnection | None) -> None:
        usable = connection if connection is not None and connection.is_idle() else None
        if usable is None and connection is not None:
            connection.close()
        while True:
            waiter, handed, surplus = self.slots.give_back(key, usable, time.monotonic())
            for each in surplus:
                each.close()
            if waiter is None:
                break
            if not waiter.done():
                waiter.set_result(handed)
                return
            usable = handed
        if usable is not None and usable not in surplus:
            usable.when_lost(lambda: self._forget(key, usable))
            if self._sweeper is None and self.slots.keepalive_expiry < _FOR_EVER_S:
                self._sweep_later()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(self.slots.keepalive_expiry, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for too long, also where nobody asks for a connection any more."""
        self._sweeper = None
        for connection in self.slots.expired(time.monotonic()):
            connection.close()
        if self.slots.idle_count:
            self._sweep_later()

    def _forget(self, key: Origin, connection: AsyncConnection) -> None:
        if self.slots.discard(key, connection):
            connection.close()

    def close(self) -> None:
        """Close the idle connections. Those in use close when their answers are read."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in self.slots.clear():
            connection.close()


class LoopPools:
    """A pool for each event loop that a transport is used in."""

    def __init__(
        self,
        limits: httpx.Limits,
        connect: Callable[[httpcore.Origin], AsyncConnection],
    ) -> None:
        self._limits = limits
        self._connect = connect
        self._pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopPool] = weakref.WeakKeyDictionary()
        self._lock = new_lock()
        self._last: tuple[asyncio.AbstractEventLoop | None, LoopPool | None] = (
            None,
            None,
        )

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        pool = self._last_of(asyncio.get_running_loop()) or await self._pool_of(asyncio.get_running_loop())
        return await pool.handle_async_request(request)

    async def exchange(self, request: httpcore.Request) -> Answer:
        """The same past httpcore."""
        loop = asyncio.get_running_loop()
        pool = self._last_of(loop) or await self._pool_of(loop)
        return await pool.leased(request, AsyncDirectConnection.exchange)

    def _last_of(self, loop: asyncio.AbstractEventLoop) -> LoopPool | None:
        known, pool = self._last
        return pool if known is loop else None

    async def _pool_of(self, loop: asyncio.AbstractEventLoop) -> LoopPool:
        with self._lock:
            ended = [(each, pool) for each, pool in self._pools.items() if each.is_closed()]
            for each, _ in ended:
                del self._pools[each]
            pool = self._pools.get(loop)
            is_new = pool is None
            if pool is None:
                pool = self._pools[loop] = LoopPool(self._limits, self._connect)
            self._last = (loop, pool)
        for _, dead in ended:
            dead.close()
        if is_new:
            await pool.close_with_loop()
        return pool

    @property
    def count(self) -> int:
        """In how many event loops there is a pool."""
        return len(self._pools)

    async def aclose(self) -> None:
        """Close the idle connections of this event loop, and what loops that have ended left behind."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._last = (None, None)
            done = [(each, pool) for each, pool in self._pools.items() if each is loop or each.is_closed()]
            for each, _ in done:
                del self._pools[each]
        for _, pool in done:
            pool.close()
        await asyncio.sleep(0)

    def after_fork(self) -> None:
        """In a child process: leave the parent's loops and sockets alone, and also their destructors."""
        _OF_THE_PARENT.append((self._last, dict(self._pools)))
        self._last = (None, None)
        self._pools = weakref.WeakKeyDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class AsyncPooledTransport(httpx.AsyncHTTPTransport):
    """`httpx.AsyncHTTPTransport` with a pool whose cost does not grow with the calls in flight, and with deadlines.

    As `PooledTransport`, and may be used in several event loops, one after the other or at once: each has its own
    connections, which close when `asyncio.run` ends. For asyncio (uvloop included), not for trio.
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
        self.own = pools = LoopPools(limits, lambda origin: AsyncDirectConnection(origin, verify, way))
        put_pool(self, pools)
        tell_after_fork(pools)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not is_untouched("handle_async_request"):
            return await super().handle_async_request(request)
        try:
            return response_of(await self.own.exchange(as_httpcore(request)))
        except OF_HTTPCORE as error:
            raise as_httpx(error) from error


_OF_THE_PARENT: list[object] = []
