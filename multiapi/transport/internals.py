"""All that is used here of httpx, httpcore and asyncio although they do not promise it. Nothing else may reach behind an underscore of theirs.

- `HTTPTransport._pool`, `AsyncHTTPTransport._pool` of httpx: our pool takes their place, so that what records or mocks httpx' transports
  sees our requests.
- `HTTPConnection._connection`, `AsyncHTTPConnection._connection` and `_request_lock` of httpcore: our sockets take their place, so that what
  mocks httpcore's connections sees them.
- `Headers._list` of httpx: headers that are bytes already are not looked at a second time.
- `Client._transport`, `AsyncClient._transport` of httpx and httpx2: whether a user's client connects by itself, such that a file's address has
  to be looked at before.
- `_ssl_protocol`, `_transport`, `_sock`, `_closed` of asyncio's transports: a socket whose event loop was closed before it is closed without it.

`lean_import` besides puts off what httpx and httpcore import where it is installed.

`missing` tries the first two before they are relied upon; where it finds something, requests go through httpx' own pool instead.

While nobody has put something in the place of httpx' and httpcore's methods (`is_untouched`), our requests go past them, straight to our pools.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from multiapi.transport.lean_import import httpcore, httpx
from multiapi.transport.tls import NO_CONTEXT


class _NoLock:
    """In place of httpcore's lock: our pool gives a connection to one request at a time."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


_NO_LOCK = _NoLock()


def put_pool(transport: httpx.HTTPTransport | httpx.AsyncHTTPTransport, pool: Any) -> None:
    """Have a transport of httpx send with this pool."""
    transport._pool = pool


class HeldConnection(httpcore.HTTPConnection):
    """httpcore's connection, as which mocking libraries know it, with our own connection inside."""

    def __init__(self, origin: httpcore.Origin, connection: Any) -> None:
        super().__init__(origin)
        self.own = self._connection = connection


class AsyncHeldConnection(httpcore.AsyncHTTPConnection):
    """The same for event loops."""

    def __init__(self, origin: httpcore.Origin, connection: Any) -> None:
        super().__init__(origin)
        self._request_lock = cast("Any", _NO_LOCK)
        self.own = self._connection = connection


def headers_of(raw: list[tuple[bytes, bytes]]) -> httpx.Headers:
    """Headers of httpx from names and values in bytes, as they were sent or received."""
    if not _HEADERS_ARE_LISTS:
        return httpx.Headers(raw)
    made = httpx.Headers()
    made._list = [(name, name.lower(), value) for name, value in raw]
    return made


_HEADERS_ARE_LISTS = getattr(httpx.Headers([(b"A", b"b")]), "_list", None) == [(b"A", b"a", b"b")]


_METHODS: dict[str, tuple[tuple[type, str], ...]] = {
    "handle_request": ((httpx.HTTPTransport, "httpx"), (httpcore.HTTPConnection, "httpcore")),
    "handle_async_request": ((httpx.AsyncHTTPTransport, "httpx"), (httpcore.AsyncHTTPConnection, "httpcore")),
}
_NONE = (None, None, None, None)
_UNTOUCHED: dict[str, tuple[Any, Any, Any, Any]] = {}
"""The methods that were found to be untouched, and their code, which some tracers replace instead."""


def is_untouched(name: str) -> bool:
    """Whether these methods are what httpx and httpcore came with: nothing records, mocks or traces what is sent through them."""
    (transport, _), (connection, _) = methods = _METHODS[name]
    sends: Any = getattr(transport, name)
    holds: Any = getattr(connection, name)
    known = _UNTOUCHED.get(name, _NONE)
    # what stands in between may call itself equal to what it wraps, and have all of its attributes
    if sends is known[0] and holds is known[1] and sends.__code__ is known[2] and holds.__code__ is known[3]:
        return True
    if any(_is_replaced(method, package) for method, (_, package) in zip((sends, holds), methods, strict=True)):
        return False
    _UNTOUCHED[name] = (sends, holds, sends.__code__, holds.__code__)
    return True


def bury(transport: asyncio.Transport) -> None:
    """Close the socket of an event loop that was closed before it: too late for the loop to do it, or to complain."""
    inner: Any = transport
    while (below := getattr(getattr(inner, "_ssl_protocol", None), "_transport", None)) is not None:
        with contextlib.suppress(AttributeError):
            inner._closed = True
        inner = below
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore", ResourceWarning)
        opened = getattr(inner, "_sock", None)
        if opened is not None:
            inner._sock = None
            opened.close()


def opens_sockets(client: Any) -> bool:
    """Whether a client of httpx or httpx2 goes to the network, as far as can be seen."""
    transport = getattr(client, "_transport", None)
    kinds = {each.__name__ for each in type(transport).__mro__}
    return transport is None or bool(kinds & {"HTTPTransport", "AsyncHTTPTransport"})


# ------------------------------------------------------------------------------------------------ whether it is there


class _Probe:
    """A pool or a connection that answers without a network."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:  # noqa: ARG002
        return httpcore.Response(299)

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:  # noqa: ARG002
        return httpcore.Response(299)

    def is_idle(self) -> bool:
        return True

    def has_expired(self) -> bool:
        return False


def _status(coroutine: Any) -> Any:
    """What a coroutine that does not wait gives."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("it waits")


def _is_replaced(method: Any, package: str = "httpx") -> bool:
    """Whether a method of this package is somebody else's now, by the module that it and its code are of."""
    if type(method) is not FunctionType:
        return True
    module = str(method.__globals__.get("__name__", ""))
    place = Path(method.__code__.co_filename).with_suffix("").as_posix()
    return module.partition(".")[0] != package or not place.endswith(module.replace(".", "/"))


@lru_cache(maxsize=1)
def missing() -> str | None:
    """What is not as it was when this was written; None if all of it is."""
    origin = httpcore.Origin(b"http", b"probe.invalid", 80)
    asked = httpcore.Request("GET", "http://probe.invalid/")
    plain = httpx.Request("GET", "http://probe.invalid/")
    probe: Any = _Probe()

    def blocking_pool() -> Any:
        transport = httpx.HTTPTransport(verify=NO_CONTEXT, trust_env=False)
        put_pool(transport, probe)
        return transport.handle_request(plain).status_code

    def awaited_pool() -> Any:
        transport = httpx.AsyncHTTPTransport(verify=NO_CONTEXT, trust_env=False)
        put_pool(transport, probe)
        return _status(transport.handle_async_request(plain)).status_code

    def blocking_connection() -> Any:
        held = HeldConnection(origin, probe)
        return held.handle_request(asked).status if held.is_idle() and not held.has_expired() else 0

    def awaited_connection() -> Any:
        held = AsyncHeldConnection(origin, probe)
        return _status(held.handle_async_request(asked)).status if held.is_idle() and not held.has_expired() else 0

    if _is_replaced(httpx.HTTPTransport.handle_request) or _is_replaced(httpx.AsyncHTTPTransport.handle_async_request):
        return None  # a recorder of requests, as vcrpy, stands in between: it is not asked
    for name, attempt in (
        ("httpx.HTTPTransport._pool", blocking_pool),
        ("httpx.AsyncHTTPTransport._pool", awaited_pool),
        ("httpcore.HTTPConnection._connection", blocking_connection),
        ("httpcore.AsyncHTTPConnection._connection", awaited_connection),
    ):
        try:
            works = attempt() == 299
        except Exception:
            works = False
        if not works:
            return name
    return None
