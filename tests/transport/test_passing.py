"""The short way past httpx and httpcore says and raises what the long one does, and is left where somebody stands in between."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest
import wrapt

from multiapi.transport import internals
from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from multiapi.transport.passing import OF_HTTPCORE, as_httpcore, as_httpx
from tests.reliability.hostile_server import HostileServer, answer

PLACES = [
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpcore.HTTPConnection, "handle_request"),
    (httpcore.AsyncHTTPConnection, "handle_async_request"),
]
REQUESTS = [
    httpx.Request("POST", "http://host/v1/chat?a=b%20c", headers=[("X-One", "1"), ("x-one", "2")], content=b"{}"),
    httpx.Request("get", "https://host:8443/", headers={"Authorization": "Bearer k"}),
    httpx.Request("PUT", "http://[::1]:80/ä", extensions={"target": b"/other", "timeout": {"read": 1.0}}),
]


class Caught(Exception):
    """Ends a call once the request is here."""


def through_httpx(request: httpx.Request) -> httpcore.Request:
    """The request that httpx itself makes for its pool."""
    caught: list[httpcore.Request] = []

    class Pool:
        def handle_request(self, made: httpcore.Request) -> None:
            caught.append(made)
            raise Caught

    transport = httpx.HTTPTransport()
    internals.put_pool(transport, Pool())
    with pytest.raises(Caught):
        transport.handle_request(request)
    return caught[0]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: str(request.url))
def test_makes_the_request_that_httpx_makes(request_: httpx.Request) -> None:
    ours, theirs = as_httpcore(request_), through_httpx(request_)
    assert (ours.method, ours.headers, ours.stream) == (theirs.method, theirs.headers, theirs.stream)
    assert ours.extensions == theirs.extensions
    for name in ("scheme", "host", "port", "target"):
        assert getattr(ours.url, name) == getattr(theirs.url, name)
    assert vars(ours).keys() == vars(theirs).keys()


@pytest.mark.parametrize("kind", OF_HTTPCORE, ids=lambda kind: kind.__name__)
def test_raises_what_httpx_raises(kind: type[Exception]) -> None:
    class Pool:
        def handle_request(self, _: httpcore.Request) -> None:
            raise kind("why")

    transport = httpx.HTTPTransport()
    internals.put_pool(transport, Pool())
    with pytest.raises(httpx.TransportError) as theirs:
        transport.handle_request(REQUESTS[0])
    ours = as_httpx(kind("why"))
    assert (type(ours), str(ours)) == (theirs.type, "why")


def test_knows_every_exception_that_httpx_translates() -> None:
    names = {name for name in dir(httpcore) if isinstance(getattr(httpcore, name), type) and hasattr(httpx, name)}
    errors = {getattr(httpcore, name) for name in names if issubclass(getattr(httpcore, name), Exception)}
    assert errors == set(OF_HTTPCORE)


def plain(method: Any, note: Callable[[], None]) -> Any:
    """As a test's `monkeypatch` replaces a method."""

    @functools.wraps(method)
    def between(*args: Any) -> Any:
        note()
        return method(*args)

    return between


class Wrapper:
    """As a tracer's `wrapt` does it: it looks like the method in every attribute."""

    def __init__(self, method: Any, note: Callable[[], None]) -> None:
        self.__dict__.update(_method=method, _note=note)

    def __get__(self, held: Any, _: type) -> Any:
        if held is None:
            return self
        return functools.partial(self, held)

    def __call__(self, *args: Any) -> Any:
        self._note()
        return self._method(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer(answer(b"{}")) as running:
        yield running


def wrapt_does(method: Any, note: Callable[[], None]) -> Any:
    """As OpenTelemetry's instrumentation does it: what stands in between is equal to what it wraps."""

    def between(wrapped: Any, _: Any, args: Any, named: Any) -> Any:
        note()
        return wrapped(*args, **named)

    return wrapt.FunctionWrapper(method, between)


def in_a_folder_of_that_name(method: Any, note: Callable[[], None]) -> Any:
    """A patch in somebody's project that lies below a folder called httpx or httpcore, as instrumentations for them do."""
    space: dict[str, Any] = {"method": method, "note": note, "functools": functools, "__name__": "conftest"}
    source = "@functools.wraps(method)\ndef between(*args):\n    note()\n    return method(*args)\n"
    exec(compile(source, "/somewhere/httpx/httpcore/tests/conftest.py", "exec"), space)
    return space["between"]


@pytest.mark.parametrize("wrap", [plain, Wrapper, wrapt_does, in_a_folder_of_that_name])
@pytest.mark.parametrize(("cls", "name"), PLACES, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("is_known", [False, True], ids=["at first", "after a call"])
async def test_who_stands_in_between_sees_each_request(
    cls: Any, name: str, wrap: Any, is_known: bool, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it came before anything was sent."""
    seen: list[str] = []
    monkeypatch.setattr(internals, "_UNTOUCHED", dict(internals._UNTOUCHED) if is_known else {})

    async def sent() -> int:
        request = httpx.Request("POST", server.url, content=b"{}")
        if "async" in name:
            async with AsyncPooledTransport() as awaited:
                return (await awaited.handle_async_request(request)).status_code
        with PooledTransport() as blocking:
            return blocking.handle_request(request).status_code

    if is_known:
        assert await sent() == 200
    with monkeypatch.context() as patched:
        patched.setattr(cls, name, wrap(vars(cls)[name], lambda: seen.append(name)))
        assert await sent() == 200
    assert seen == [name]
    assert await sent() == 200
    assert seen == [name]
    assert internals.is_untouched(name)


@pytest.mark.parametrize(("cls", "name"), PLACES, ids=lambda value: getattr(value, "__name__", value))
def test_code_that_is_replaced_in_place_is_seen(cls: Any, name: str) -> None:
    """As tracers do it that rewrite the bytecode: the function stays the same object."""
    method = vars(cls)[name]
    code = method.__code__
    assert internals.is_untouched(name)
    try:
        method.__code__ = code.replace(co_filename="/opt/tracer/wrapping.py")
        assert not internals.is_untouched(name)
    finally:
        method.__code__ = code
    assert internals.is_untouched(name)


def test_headers_in_bytes_are_those_that_httpx_makes() -> None:
    raw = [(b"X-One", b"1"), (b"x-one", "ä".encode()), (b"Content-Length", b"2")]
    ours, theirs = internals.headers_of(raw), httpx.Headers(raw)
    assert ours == theirs
    assert vars(ours) == vars(theirs)
    assert ours["X-ONE"] == theirs["x-one"]
