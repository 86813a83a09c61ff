"""One transport per process and setting, so that every model and client shares its connections."""

from __future__ import annotations

from typing import Any

from multiapi.sending.kept import PROCESS, Kept
from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from multiapi.transport.lean_import import httpx
from multiapi.transport.tls import DEFAULT_LIMITS, Verify

_Route = tuple[Verify, str | None, int | None, int | None, float | None]

_blocking: Kept[_Route, PooledTransport] = PROCESS.transports
_asynchronous: Kept[_Route, AsyncPooledTransport] = PROCESS.async_transports


def _route(verify: Verify, proxy: str | None, limits: httpx.Limits) -> _Route:
    return (
        verify,
        proxy,
        limits.max_connections,
        limits.max_keepalive_connections,
        limits.keepalive_expiry,
    )


def shared_transport(
    *,
    verify: Verify = True,
    proxy: str | None = None,
    limits: httpx.Limits = DEFAULT_LIMITS,
) -> PooledTransport:
    """The process' transport for this setting, for all threads; after a fork the child opens its own connections.

    It is never to be closed by one of its users.
    """
    return _blocking.get(
        _route(verify, proxy, limits), lambda: PooledTransport(verify=verify, proxy=proxy, limits=limits)
    )


def shared_async_transport(
    *,
    verify: Verify = True,
    proxy: str | None = None,
    limits: httpx.Limits = DEFAULT_LIMITS,
) -> AsyncPooledTransport:
    """The process' transport for this setting, for all event loops, each of which has its own connections in it.

    It is never to be closed by one of its users: connections end with the loop, or when they were idle for too long.
    """
    return _asynchronous.get(
        _route(verify, proxy, limits), lambda: AsyncPooledTransport(verify=verify, proxy=proxy, limits=limits)
    )


def transports_with(
    verify: Verify, proxies: list[str | None] | None, *, awaits: bool
) -> list[PooledTransport | AsyncPooledTransport]:
    """Those that there are for this setting; `proxies` are the ones that count, None being all."""
    kept: Kept[_Route, Any] = _asynchronous if awaits else _blocking
    return [
        made for setting, made in kept.items() if setting[0] == verify and (proxies is None or setting[1] in proxies)
    ]
