"""What all connections share: one TLS context per process, and how many connections there may be."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx

Verify = bool | str | ssl.SSLContext

DEFAULT_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=256, keepalive_expiry=30.0)
"""As many connections as calls in flight: a language model answers in seconds, so the 100 of httpx would make the 101st
of a thousand concurrent calls wait for nothing but a slot, while the vendor's own rate limit is the one that should
count. A quarter of them is kept while idle, for half a minute, so that the next batch need not set up TLS anew, and a process with
the usual 1,024 descriptors has some left."""


NO_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For httpx' own pool where ours takes its place: it trusts nobody."""


def tls_context(verify: Verify = True) -> ssl.SSLContext:
    """The context for this setting, made once per process, as reading the roots takes longer than a call.

    True checks against the roots of certifi, or those that SSL_CERT_FILE or SSL_CERT_DIR name; a string names a file
    with roots; False checks nothing; a context of your own is used as it is.
    """
    return verify if isinstance(verify, ssl.SSLContext) else _made(verify)


@lru_cache(maxsize=16)
def _made(verify: bool | str) -> ssl.SSLContext:
    if isinstance(verify, str):
        context = ssl.create_default_context(cafile=verify)
    else:
        context = httpx.create_ssl_context(verify=verify, trust_env=True)
    context.set_alpn_protocols(["http/1.1"])
    return context
