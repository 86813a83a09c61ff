"""A server that misbehaves as it is told: bytes on a socket, one play per request, and a log of what it got.

    with HostileServer(status(503), answer({"choices": [...]})) as server:
        Client("aimlapi", base_url=server.url, ...)
    assert server.count == 2

The n-th request gets the n-th play, and the last play is for all that follow. Keys are logged as hashes only, so a test can say
"this key never came here" without the log being a leak itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

KEY_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization"})


def fingerprint(text: str) -> str:
    """What stands for a key in the log."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    keys: tuple[str, ...]
    body: bytes
    connection: int
    at: float

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Gone(Exception):
    """The client closed."""


@dataclass
class Exchange:
    """One request and the chance to answer it."""

    request: Seen
    server: HostileServer
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    closed: bool = False

    async def write(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Send bytes; each piece leaves at once."""
        for piece in pieces:
            if self._writer.is_closing():
                raise Gone
            self._writer.write(piece)
            try:
                await self._writer.drain()
            except OSError as error:
                raise Gone from error
            if pause_s:
                await asyncio.sleep(pause_s)

    async def pause(self, seconds: float) -> None:
        """Do nothing, until the client leaves."""
        await self.until_gone(seconds)

    async def until_gone(self, within_s: float = 30.0) -> bool:
        """Wait until the client closes."""
        try:
            async with asyncio.timeout(within_s):
                return not await self._reader.read(1)
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End the connection properly."""
        self.closed = True
        self._writer.close()

    def reset(self) -> None:
        """End the connection with a reset."""
        self.closed = True
        opened = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Play = Callable[[Exchange], Awaitable[None]]


@dataclass
class HostileServer:
    """Listens on a free port of the loopback in a thread of its own."""

    plays: Sequence[Play] = ()
    route: Callable[[Seen], Play] | None = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    most_at_once: int = 0
    at_once: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def __init__(self, *plays: Play, route: Callable[[Seen], Play] | None = None, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.plays = plays
        self.route = route
        self.requests, self.failures = [], []
        self.connections = self.open = self.most_open = self.at_once = self.most_at_once = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="hostile", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if error[0] is None and self.failures:
            raise self.failures[0]

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def count(self) -> int:
        """How many requests arrived."""
        return len(self.requests)

    def settle(self, within_s: float = 60.0) -> int:
        """How many connections remain open after a while."""
        until = time.monotonic() + within_s
        while self.open and time.monotonic() < until:
            time.sleep(0.01)
        return self.open

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=4096, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        # asyncio never closes the socket of a connection that it has accepted and not begun with when its server is closed. Nobody
        # more is accepted, and who was is begun with.
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.005)
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        number = self.connections
        try:
            if self.greeting:
                writer.write(self.greeting)
            while True:
                request = await self._read(reader, number)
                if request is None:
                    break
                self.requests.append(request)
                exchange = Exchange(request, self, reader, writer)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    await self._play_for(request)(exchange)
                finally:
                    self.at_once -= 1
                if exchange.closed:
                    break
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except BaseException as error:
            self.failures.append(error)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    def _play_for(self, request: Seen) -> Play:
        if self.route is not None:
            return self.route(request)
        return self.plays[min(len(self.requests), len(self.plays)) - 1]

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Seen | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return None
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        keys: list[str] = []
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            if name in KEY_HEADERS:
                keys.append(fingerprint(value.removeprefix("Bearer ")))
                value = "(key)"
            headers[name] = value
        body = b""
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif "chunked" in headers.get("transfer-encoding", ""):
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        return Seen(method, path, headers, tuple(keys), body, connection, time.monotonic())


# ------------------------------------------------------------------------------------------------ plays

REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


def head_bytes(status: int, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> bytes:
    """A status line and headers."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", *(f"{name}: {value}" for name, value in pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def to_bytes(body: Any) -> bytes:
    """A body from bytes, text or JSON."""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def answer(
    body: Any = b"",
    *,
    status: int = 200,
    type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    after_s: float = 0.0,
) -> Play:
    """A whole answer; the connection stays open."""
    data = to_bytes(body)

    async def play(exchange: Exchange) -> None:
        if after_s:
            await asyncio.sleep(after_s)
        fields = {"content-type": type} if type else {}
        fields |= {} if status == 204 else {"content-length": str(len(data))}
        await exchange.write(head_bytes(status, fields | dict(headers or {})) + (b"" if status == 204 else data))

    return play


def status(code: int, body: Any = None, **facts: Any) -> Play:
    """An error in the form that most vendors share."""
    return answer({"error": {"message": f"it is {code}", "type": "x"}} if body is None else body, status=code, **facts)


def raw(*pieces: bytes, pause_s: float = 0.0, then: str = "close", after_s: float = 0.0) -> Play:
    """Exactly these bytes, then: close, reset, hang (until the client leaves) or keep."""

    async def play(exchange: Exchange) -> None:
        await exchange.write(*pieces, pause_s=pause_s)
        if after_s:
            await asyncio.sleep(after_s)
        if then == "close":
            exchange.close()
        elif then == "reset":
            await asyncio.sleep(0.03)  # what was sent is to arrive first: a reset may overtake it
            exchange.reset()
        elif then == "hang":
            await exchange.until_gone()

    return play


def reset() -> Play:
    """Read the request and reset the connection."""
    return raw(then="reset")


def silence() -> Play:
    """Read the request and say nothing."""
    return raw(then="hang")


SSE_HEAD = head_bytes(
    200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", "x-request-id": "req-stream"}
)
SSE_UNTIL_CLOSE = head_bytes(200, {"content-type": "text/event-stream", "connection": "close"})


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*pieces: bytes, then: str = "end", pause_s: float = 0.0, head: bytes = SSE_HEAD) -> Play:
    """A chunked event stream; then: end (properly), close (without the last chunk), reset, hang."""

    async def play(exchange: Exchange) -> None:
        await exchange.write(head)
        for piece in pieces:
            if piece:
                await exchange.write(chunk(piece), pause_s=pause_s)
        if then == "end":
            await exchange.write(b"0\r\n\r\n")
        elif then == "close":
            exchange.close()
        elif then == "reset":
            await asyncio.sleep(0.03)
            exchange.reset()
        else:
            await exchange.until_gone()

    return play


def endless(piece: bytes, *, every_s: float, first: Sequence[bytes] = (), head: bytes = SSE_HEAD) -> Play:
    """A chunked body that goes on until the client leaves."""

    async def play(exchange: Exchange) -> None:
        await exchange.write(head)
        for each in first:
            await exchange.write(chunk(each))
        while True:
            await exchange.write(chunk(piece))
            if await exchange.until_gone(every_s) or exchange._writer.is_closing():
                raise Gone

    return play


def dripping(begun: bytes, unit: bytes, *, every_s: float) -> Play:
    """A byte now and then, of what begins so and goes on with this for ever: only the client can end it."""

    async def play(exchange: Exchange) -> None:
        await exchange.write(begun)
        for byte in itertools.cycle(unit):
            await exchange.write(bytes([byte]))
            if await exchange.until_gone(every_s) or exchange._writer.is_closing():
                raise Gone

    return play
