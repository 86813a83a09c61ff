"""The transport for asyncio: protocols of the event loop, one pool per loop."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any, Self, cast

import httpcore
import httpx

from multiapi.transport.connection_state import ConnectionState
from multiapi.transport.deadline import (
    AsyncDeadlineBackend,
    Extensions,
    Timeouts,
    left,
    with_deadline,
)
from multiapi.transport.forks import tell_after_fork
from multiapi.transport.racing import aconnect
from multiapi.transport.readiness import readiness
from multiapi.transport.slots import Origin, Slots, origin_of
from multiapi.transport.tls import DEFAULT_LIMITS, NO_CONTEXT, Verify, tls_context
from multiapi.transport.wire import (
    LAST_CHUNK,
    ResponseHead,
    ResponseReader,
    answer,
    chunk,
    is_chunked,
    request_head,
)

JOIN_BYTES = 64 * 1024
WRITE_BYTES = 256 * 1024
BUFFERED_BYTES = 1024 * 1024
"""So much may lie here unread before the server has to wait."""
_FOR_EVER_S = 24 * 3600.0
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")


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
        self._on_lost = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None:
            if self.loop.is_closed():
                _bury(self.transport)
            else:
                self.transport.abort()


def _nothing() -> None: ...


def _bury(transport: asyncio.Transport) -> None:
    """Close the socket of an event loop that was closed before it: too late for the loop to do it, or to complain."""
    inner: Any = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None) or transport
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore", ResourceWarning)
        opened = getattr(inner, "_sock", None)
        if opened is not None:
            inner._sock = None
            opened.close()
        if inner is not transport:
            cast("Any", transport)._closed = True


class LoopConnection(ConnectionState, httpcore.AsyncConnectionInterface):
    """One socket of one event loop that carries one request after the other; opened with the first."""

    def __init__(self, origin: httpcore.Origin, verify: Verify) -> None:
        super().__init__(origin)
        self._verify = verify
        self._wire: Wire | None = None
        self.on_lost_while_idle: Callable[[], None] = _nothing

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        self._idle = False
        timeouts = Timeouts(request.extensions)
        reader = ResponseReader(request.method)
        try:
            head_bytes = request_head(request.method, request.url.target, request.headers)
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
            return answer(head, first)
        return answer(head, AsyncResponseBody(self, wire, reader, first, timeouts))

    # Opening

    async def _connect(self, timeouts: Timeouts, extensions: Extensions) -> Wire:
        loop = asyncio.get_running_loop()
        host, port = self._origin.host.decode("ascii"), self._origin.port
        options: dict[str, Any] = {}
        if self._origin.scheme == b"https":
            options.update(ssl=tls_context(self._verify), server_hostname=extensions.get("sni_hostname") or host)
        made = Wire(loop, self._lost)
        try:
            async with asyncio.timeout(left(timeouts.connect, timeouts.deadline, httpcore.ConnectTimeout)):
                check_address = extensions.get("check_address")
                if check_address is None and _ADDRESS.fullmatch(host):
                    await loop.create_connection(lambda: made, host, port, **options)
                else:
                    opened: socket.socket = await aconnect(loop, host, port, check_address)
                    try:
                        await loop.create_connection(lambda: made, sock=opened, **options)
                    except BaseException:
                        opened.close()
                        raise
        except TimeoutError as error:
            made.abort()
            raise httpcore.ConnectTimeout(str(error) or "timed out") from error
        except OSError as error:
            made.abort()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            made.abort()
            raise
        return made

    def _lost(self) -> None:
        if self._idle:
            self._idle, self._closed = False, True
            self.on_lost_while_idle()

    # Sending and receiving

    async def _send(self, wire: Wire, head: bytes, request: httpcore.Request, timeouts: Timeouts) -> None:
        stream = request.stream
        assert isinstance(stream, AsyncIterable)
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
            # A server may refuse a request before it has all of it, and close. Its answer is then still to be read.
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
        """The answer was read, or given up."""
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
        self.on_close: Callable[[], None] = _nothing

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
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back, or close it if the answer is not complete."""
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


class _NoLock:
    """In place of httpcore's lock: the pool gives a connection to one request at a time."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


class AsyncDirectConnection(httpcore.AsyncHTTPConnection):
    """httpcore's connection, as which mocking libraries know it, with our socket inside."""

    idle_since = 0.0

    def __init__(self, origin: httpcore.Origin, verify: Verify) -> None:
        super().__init__(origin)
        self._request_lock = cast("Any", _NO_LOCK)
        self._connection: LoopConnection = LoopConnection(origin, verify)

    def close(self) -> None:
        """Close at once."""
        self._connection.close()

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call this when the server closes the connection while it is idle."""
        self._connection.on_lost_while_idle = call


_NO_LOCK = _NoLock()


class AsyncProxiedConnection:
    """A connection through a proxy, which httpcore knows how to make."""

    idle_since = 0.0

    def __init__(self, connection: httpcore.AsyncConnectionInterface) -> None:
        self._connection = connection
        self._closing: asyncio.Task[None] | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        request.extensions = with_deadline(request.extensions)
        return await self._connection.handle_async_request(request)

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def close(self) -> None:
        """Close soon."""
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            self._closing = asyncio.get_running_loop().create_task(self._connection.aclose())

    def when_lost(self, call: Callable[[], None]) -> None:
        """Nobody tells here; the pool asks before it uses the connection."""


AsyncConnection = AsyncDirectConnection | AsyncProxiedConnection


class AsyncProxiedBody(httpx.AsyncByteStream):
    """An answer through a proxy, which tells the pool when it is done."""

    def __init__(self, stream: Any, on_close: Callable[[], None]) -> None:
        self._stream = stream
        self._on_close: Callable[[], None] | None = on_close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            try:
                await self._stream.aclose()
            finally:
                on_close()


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
        origin, key = origin_of(request)
        connection = await self._acquire(key, origin, request.extensions)
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            connection.close()
            self._release(key, None)
            raise
        stream = response.stream
        if isinstance(stream, AsyncResponseBody):
            stream.on_close = lambda: self._release(key, connection)
        elif isinstance(connection, AsyncDirectConnection):  # all is here, or the network was not used at all
            self._release(key, connection)
        else:
            response.stream = AsyncProxiedBody(stream, lambda: self._release(key, connection))
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
            connection.when_lost(_nothing)
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
        self._lock = threading.Lock()
        self._last: tuple[asyncio.AbstractEventLoop | None, LoopPool | None] = (
            None,
            None,
        )

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        loop = asyncio.get_running_loop()
        known, pool = self._last
        if known is not loop or pool is None:
            pool = await self._pool_of(loop)
        return await pool.handle_async_request(request)

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
        self._lock = threading.Lock()
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
        proxy: httpx.Proxy | str | None = None,
    ) -> None:
        # Without a proxy the context is read with the first connection that needs it.
        context = tls_context(verify) if proxy is not None else NO_CONTEXT
        super().__init__(verify=context, limits=limits, proxy=proxy, trust_env=False)
        inner = self._pool
        if proxy is None:
            pools = LoopPools(limits, lambda origin: AsyncDirectConnection(origin, verify))
        else:
            inner._network_backend = AsyncDeadlineBackend()
            pools = LoopPools(limits, lambda origin: AsyncProxiedConnection(inner.create_connection(origin)))
        self._pool = pools  # type: ignore[assignment]
        tell_after_fork(pools)


_OF_THE_PARENT: list[object] = []
