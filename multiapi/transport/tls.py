"""What all connections share: one TLS context per process, and how many connections there may be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from multiapi.transport.lean_import import httpx

T = TypeVar("T")

Verify = bool | str | ssl.SSLContext

DEFAULT_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=256, keepalive_expiry=30.0)
"""As many connections as calls in flight: a language model answers in seconds, so the 100 of httpx would make the 101st
of a thousand concurrent calls wait for nothing but a slot, while the provider's own rate limit is the one that should
count. A quarter of them is kept while idle, for half a minute, so that the next batch need not set up TLS anew, and a process with
the usual 1,024 descriptors has some left."""


NO_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For httpx' own pool where ours takes its place: it trusts nobody."""


def tls_context(verify: Verify = True, *, trust_env: bool = True) -> ssl.SSLContext:
    """The context for this setting, made once per process, as reading the roots takes longer than a call.

    True checks against the roots of certifi, or those that SSL_CERT_FILE or SSL_CERT_DIR name, unless `trust_env` is False; a string
    names a file with roots; False checks nothing; a context of your own is used as it is.
    """
    return verify if isinstance(verify, ssl.SSLContext) else _make_context(verify, trust_env)


_READ: set[tuple[bool | str, bool]] = set()
"""Of which settings the roots were read in this process."""


@lru_cache(maxsize=16)
def _make_context(verify: bool | str, trust_env: bool) -> ssl.SSLContext:
    if isinstance(verify, str):
        context = ssl.create_default_context(cafile=verify)
    else:
        context = httpx.create_ssl_context(verify=verify, trust_env=trust_env)
    context.set_alpn_protocols(["http/1.1"])
    _READ.add((verify, trust_env))
    return context


async def tls_context_of_loop(verify: Verify) -> ssl.SSLContext:
    """The same for an event loop, which does not wait for the disk: roots that were not read yet are read in a thread."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if (verify, True) not in _READ:
        await asyncio.get_running_loop().run_in_executor(None, _make_context, verify, True)
    return _make_context(verify, True)


class TlsInTls:
    """TLS within a connection that has TLS already: a proxy that is spoken to by https. `ssl` can wrap sockets only, so the bytes go through memory."""

    def __init__(self, outer: Any, context: ssl.SSLContext, name: str) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._until_done(self._object.do_handshake)

    def _until_done(self, step: Callable[[], T]) -> T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._outer.recv(64 * 1024)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        pending = self._outgoing.read()
        if pending:
            self._outer.sendall(pending)

    def send(self, data: bytes | memoryview) -> int:
        """Send what goes into it; how much that was."""
        return self._until_done(lambda: self._object.write(data))

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def recv(self, most: int) -> bytes:
        """The next bytes; none mean that the server closed."""
        try:
            return self._until_done(lambda: self._object.read(most))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def settimeout(self, seconds: float | None) -> None:
        """As of a socket."""
        self._outer.settimeout(seconds)

    def setsockopt(self, *option: Any) -> None:
        """As of a socket."""
        self._outer.setsockopt(*option)

    def fileno(self) -> int:
        """Of the socket below."""
        return int(self._outer.fileno())

    def close(self) -> None:
        """Close the socket below."""
        self._outer.close()
