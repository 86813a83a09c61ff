"""From httpx' requests to our connections and back, as httpx' own transports do it, in one step each."""

from __future__ import annotations

from functools import lru_cache

from multiapi.transport.http11 import Answer
from multiapi.transport.internals import headers_of
from multiapi.transport.lean_import import httpcore, httpx

_NAMES = [
    *(
        "TimeoutException",
        "ConnectTimeout",
        "ReadTimeout",
        "WriteTimeout",
        "PoolTimeout",
        "NetworkError",
        "ConnectError",
    ),
    *("ReadError", "WriteError", "ProxyError", "UnsupportedProtocol", "ProtocolError", "LocalProtocolError"),
    "RemoteProtocolError",
]
_BY_TYPE: dict[type, type[httpx.TransportError]] = {getattr(httpcore, name): getattr(httpx, name) for name in _NAMES}

OF_HTTPCORE: tuple[type[Exception], ...] = tuple(_BY_TYPE)
"""httpcore's exceptions that httpx has too."""


def as_httpx(error: Exception) -> httpx.TransportError:
    """The exception of httpx for one of these."""
    return next(_BY_TYPE[each] for each in type(error).__mro__ if each in _BY_TYPE)(str(error))


def as_httpcore(request: httpx.Request) -> httpcore.Request:
    """The same request as our connections take it; all in it is bytes already."""
    url = request.url
    made = object.__new__(httpcore.Request)
    made.method = request.method.encode("ascii")
    made.url = _address(url.raw_scheme, url.raw_host, url.port, request.extensions.get("target") or url.raw_path)
    made.headers = request.headers.raw
    made.stream = request.stream
    made.extensions = request.extensions
    return made


@lru_cache(maxsize=256)
def _address(scheme: bytes, host: bytes, port: int | None, target: bytes) -> httpcore.URL:
    return httpcore.URL(scheme=scheme, host=host, port=port, target=target)


def response_of(answer: Answer) -> httpx.Response:
    """The response as httpx gives it, with a body that is still to be read."""
    head, stream = answer
    if isinstance(stream, bytes):
        stream = httpx.ByteStream(stream)
    return httpx.Response(head.status, headers=headers_of(head.headers), stream=stream, extensions=answer.extensions)
