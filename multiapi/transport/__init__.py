"""httpx transports for many calls at once: a pool in constant time, and deadlines that hold within every wait.

They are `httpx.HTTPTransport` and `httpx.AsyncHTTPTransport` to everything outside, TLS, proxies and limits
included, so cassettes and mocks work; below is one HTTP/1.1 reader for both, instead of two over h11.
"""

from __future__ import annotations

from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from multiapi.transport.tls import DEFAULT_LIMITS, Verify, tls_context

__all__ = [
    "DEFAULT_LIMITS",
    "AsyncPooledTransport",
    "PooledTransport",
    "Verify",
    "tls_context",
]
