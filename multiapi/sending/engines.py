"""What requests are sent with: our own engine, httpx' or httpx2's pool, or a client of the user's.

Our engine keeps deadlines within every wait. The others get them as shorter waits, and say through `trace` (an extension that
httpcore documents) when the first byte goes out.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

from multiapi.errors import InvalidRequestError, printable
from multiapi.sending.kept import PROCESS

if TYPE_CHECKING:
    import httpx  # loaded with the first call

    from multiapi.provider import Provider
    from multiapi.transport.proxies import ProxyRules

OWN, HTTPX, HTTPX2 = ENGINES = ("multiapi", "httpx", "httpx2")
VARIABLE = "MULTIAPI_ENGINE"

_SOCKET_EVENTS = ("connection.", "http11.", "http2.", "socks5.")
_WRITING = (".send_request_headers.started", ".send_request_body.started")


def checked_engine(given: str | None, provider: str) -> str:
    """The engine that was named, in the constructor or in MULTIAPI_ENGINE.

    Raises:
        InvalidRequestError: There is none of this name, or its package is not installed.
    """
    source = "engine" if given is not None else VARIABLE
    name = given if given is not None else os.environ.get(VARIABLE) or OWN
    if name not in ENGINES:
        raise InvalidRequestError(
            f"{provider}: {source} must be one of {', '.join(ENGINES)}, not {printable(str(name), 40)!r}",
            provider=provider,
        )
    if name == HTTPX2:
        from importlib.util import find_spec

        if find_spec("httpx2") is None:
            raise InvalidRequestError(
                f"{provider}: {source}='httpx2' needs the package httpx2: pip install httpx2", provider=provider
            )
    return name


@lru_cache(maxsize=4)
def engine_in_use(name: str) -> str:
    """This engine, or httpx' where ours does not find what it needs of httpx and httpcore; says so once."""
    if name != OWN:
        return name
    from multiapi.transport.internals import missing

    lacking = missing()
    if lacking is None:
        return OWN
    import httpx

    warnings.warn(
        f"multiapi sends with engine='httpx', because {lacking} is not as expected in httpx {httpx.__version__}; update multiapi",
        RuntimeWarning,
        stacklevel=2,
    )
    return HTTPX


class Sender(Protocol):
    """What is asked of the settings of a client."""

    provider: Provider
    http_client: Any
    proxy: str | None
    trust_env: bool
    engine: str

    @property
    def awaits(self) -> bool:
        """Whether it is awaited."""

    @property
    def tls(self) -> Any:
        """What certificates are checked against."""

    @property
    def environment_proxies(self) -> ProxyRules:
        """Which proxy the environment wants for which address."""


_LEFT: deque[Any] = deque()
"""Transports that nobody needs any more; the next call closes them, or the end of the process."""


def _close_left() -> None:
    """Close what nobody needs any more."""
    while _LEFT:
        with suppress(IndexError):
            _LEFT.popleft().close()


@atexit.register
def _close_all() -> None:
    """Close all, at the end of the process."""
    for each in PROCESS.foreign_transports.values():
        if isinstance(each, _OfThreads):
            each.close()
    _close_left()


class Trace:
    """Hears from httpcore what is done for one request; also from within an event loop.

    Attributes:
        heard: Something was heard at all, so that what was not heard did not happen.
        written: The first byte went out.
    """

    def __init__(self) -> None:
        self.heard = False
        self.written = False

    def note(self, event: str, facts: dict[str, Any]) -> None:
        """Something has begun or ended."""
        if not event.startswith(_SOCKET_EVENTS):
            return
        self.heard = True
        if event.endswith(_WRITING) and getattr(facts.get("request"), "method", b"") != b"CONNECT":
            self.written = True

    async def anote(self, event: str, facts: dict[str, Any]) -> None:
        """The same, awaited."""
        self.note(event, facts)


def was_written(sent: httpx.Request | None) -> bool:
    """Whether a byte of this request may have arrived."""
    if sent is None:
        return True
    trace = sent.extensions.get("trace")
    owner = getattr(trace, "__self__", None)
    if isinstance(owner, Trace) and owner.heard:
        return owner.written
    return bool(sent.extensions.get("written", True))


def transmission(settings: Sender, sent: httpx.Request, **options: Any) -> Callable[[], Any]:
    """What sends a request when it is called, or awaited for `AsyncClient`. `options` are those of a user's own client.

    Raises:
        InvalidRequestError: The environment names a proxy that is none, or the user's client is closed.
    """
    client = settings.http_client
    if client is not None:
        if client.is_closed:
            raise InvalidRequestError(
                f"{settings.provider.name}: the HTTP client that was passed is closed; pass an open one",
                provider=settings.provider.name,
            )
        request = as_httpx2(sent) if is_httpx2(client) else sent
        return partial(client.send, request, stream=True, follow_redirects=False, **options)
    engine, proxy = engine_in_use(settings.engine), proxy_for(settings, sent)
    speaks_socks = proxy is not None and proxy.startswith("socks")
    if engine == OWN and not speaks_socks:
        from multiapi.sending.transports import shared_async_transport, shared_transport

        if settings.awaits:
            return partial(shared_async_transport(verify=settings.tls, proxy=proxy).handle_async_request, sent)
        return partial(shared_transport(verify=settings.tls, proxy=proxy).handle_request, sent)
    if engine == OWN:  # SOCKS is spoken by httpx with its extra
        engine = HTTPX
        sent.extensions.update(_shorter_waits(sent.extensions), trace=new_trace(settings.awaits))
    return _foreign(engine, settings, sent, proxy)


def is_httpx2(client: Any) -> bool:
    """Whether a client is one of httpx2, which need not be installed."""
    module = sys.modules.get("httpx2")
    return module is not None and isinstance(client, (module.Client, module.AsyncClient))


def as_httpx2(sent: httpx.Request) -> Any:
    """The same request as httpx2 takes it; what is noted in its extensions is seen in both."""
    import httpx2

    return httpx2.Request(
        sent.method,
        str(sent.url),
        headers=sent.headers.raw,
        stream=httpx2.ByteStream(sent.read()),
        extensions=sent.extensions,
    )


def proxy_for(settings: Sender, sent: httpx.Request) -> str | None:
    """The proxy of the settings or of the environment for this address; noted with the request, for what is said about failures."""
    address, variable = settings.proxy, "proxy"
    if address is None and settings.trust_env:
        address, variable = settings.environment_proxies.proxy_for(sent.url), "a proxy variable of the environment"
    if address is None:
        return None
    from multiapi.sending.connection_checks import check_proxy
    from multiapi.transport.proxies import Proxy

    if variable != "proxy":
        check_proxy(address, settings.provider.name, variable)
    sent.extensions["through"] = str(Proxy.of(address))
    return address


def transports_of(settings: Sender) -> list[Any]:
    """The transports whose idle connections this client may use."""
    from multiapi.sending.transports import transports_with

    proxies = None if settings.proxy is None and settings.trust_env else [settings.proxy]
    return transports_with(settings.tls, proxies, awaits=settings.awaits)


def _foreign(engine: str, settings: Sender, sent: httpx.Request, proxy: str | None) -> Callable[[], Any]:
    """What sends with the pool of httpx or httpx2."""
    import importlib

    from multiapi.transport.tls import DEFAULT_LIMITS, tls_context

    module: Any = importlib.import_module(engine)

    def make_transport() -> Any:
        limits = module.Limits(
            max_connections=DEFAULT_LIMITS.max_connections,
            max_keepalive_connections=DEFAULT_LIMITS.max_keepalive_connections,
            keepalive_expiry=DEFAULT_LIMITS.keepalive_expiry,
        )
        make = module.AsyncHTTPTransport if settings.awaits else module.HTTPTransport
        return make(verify=tls_context(settings.tls), limits=limits, proxy=proxy, trust_env=False)

    _close_left()
    request = as_httpx2(sent) if engine == HTTPX2 else sent
    if not settings.awaits:
        key = (engine, False, None, settings.tls, proxy, os.getpid())
        return partial(PROCESS.foreign_transports.get(key, lambda: _OfThreads(make_transport())).send, request)
    loop = _loop()
    transport = PROCESS.foreign_transports.get(
        (engine, True, loop, settings.tls, proxy, os.getpid()), lambda: _OfLoop(make_transport())
    )
    return partial(transport.send, request, module.ReadTimeout)


class _OfThreads:
    """A transport of httpx or httpx2 for all threads, closed when neither a setting nor a response needs it any more."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._process = os.getpid()

    def send(self, request: Any) -> Any:
        """The head of the response."""
        response = self._transport.handle_request(request)
        response.extensions["transport"] = self
        return response

    def close(self) -> None:
        """Close its connections, unless they are those of a parent process."""
        if self._process == os.getpid():
            self._transport.close()

    def __del__(self, left: deque[Any] = _LEFT) -> None:
        left.append(self._transport)  # to close it takes a lock, which the collector must not


class _OfLoop:
    """A transport of httpx or httpx2 for one event loop, closed when the loop shuts down."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._guard: Any = None

    async def send(self, request: Any, too_late: Callable[[str], Exception]) -> Any:
        """The head of the response, within the deadline of the request."""
        if self._guard is None:
            self._guard = self._until_shutdown()
            await anext(self._guard)
        deadline = request.extensions.get("deadline")
        if _loop() is None:
            deadline = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()) if deadline is not None else nullcontext():
                response = await self._transport.handle_async_request(request)
        except TimeoutError:
            raise too_late("the time for the whole request is over") from None
        response.extensions["transport"] = self
        return response

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._transport.aclose()


def _loop() -> Any:
    """The event loop of asyncio that runs here, None where there is none, as under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def new_trace(awaits: bool) -> Callable[..., Any]:
    """The extension by which httpcore tells a `Trace`."""
    trace = Trace()
    return trace.anote if awaits else trace.note


def _shorter_waits(extensions: dict[str, Any]) -> dict[str, Any]:
    deadline = extensions.get("deadline")
    if deadline is None:
        return {}
    left = max(deadline - time.monotonic(), 0.001)
    waits = extensions["timeout"]
    return {"timeout": {name: left if wait is None else min(wait, left) for name, wait in waits.items()}}
