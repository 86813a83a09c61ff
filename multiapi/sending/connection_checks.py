"""What a user sets for connections, looked at when a client is made and not when the first call fails."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from multiapi.errors import InvalidRequestError, printable

FRAMING = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that say where a message ends; a second opinion about that is how requests are smuggled past a proxy."""
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def checked_headers(headers: Mapping[str, str], provider: str) -> dict[str, str]:
    """Headers with their names in lower case.

    Raises:
        InvalidRequestError: One says where the message ends, or has a name or a value that HTTP forbids. No value is shown.
    """
    for name, value in headers.items():
        what = None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            what = "has a name that HTTP does not allow; use letters, digits and dashes"
        elif name.lower() in FRAMING:
            what = "is written by the client itself, because it says where the request ends; leave it out"
        elif not isinstance(value, str):
            what = f"must be text, not {type(value).__name__}"
        elif _CONTROL.search(value):
            what = "has a control character in its value; remove it"
        elif not value.isascii():
            what = "has a character in its value that is not ASCII; encode it"
        if what is not None:
            raise InvalidRequestError(f"{provider}: the header {printable(str(name), 60)!r} {what}", provider=provider)
    return {name.lower(): value for name, value in headers.items()}


def check_http_client(http_client: Any, provider: str, *, awaits: bool) -> None:
    """Whether requests can be sent with a user's own client.

    Raises:
        InvalidRequestError: It is no HTTP client, or one of the other kind.
    """
    if http_client is None:
        return
    wanted = "httpx.AsyncClient" if awaits else "httpx.Client"
    send = getattr(http_client, "send", None)
    if not callable(send):
        raise InvalidRequestError(
            f"{provider}: http_client must be an {wanted}, not {type(http_client).__name__}", provider=provider
        )
    if inspect.iscoroutinefunction(send) != awaits and type(http_client).__module__.partition(".")[0] == "httpx":
        raise InvalidRequestError(
            f"{provider}: http_client must be an {wanted} here, not an httpx.{type(http_client).__name__}",
            provider=provider,
        )


def check_proxy(proxy: Any, provider: str) -> None:
    """Whether connections can be made through a proxy.

    Raises:
        InvalidRequestError: The address is none, of an unknown kind, or of one whose package is not installed.
    """
    if proxy is None:
        return
    address = proxy if isinstance(proxy, str) else str(getattr(proxy, "url", proxy))
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname)
        _ = parts.port
    except ValueError:
        parts, has_host = urlsplit(""), False
    if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not has_host:
        raise InvalidRequestError(
            f"{provider}: proxy must be an address like http://127.0.0.1:8080, with http, https, socks5 or socks5h, not "
            f"one with {printable(parts.scheme, 20) or 'no scheme'!r}",
            provider=provider,
        )
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise InvalidRequestError(
            f'{provider}: a {parts.scheme} proxy needs the package socksio: pip install "httpx[socks]"',
            provider=provider,
        )


def proxy_hint(proxy: Any, http_client: Any) -> str:
    """What to say when a provider cannot be reached while the environment names a proxy that was not asked for."""
    if proxy is not None or http_client is not None:
        return ""
    found = next((name for name in PROXY_VARIABLES if os.environ.get(name) or os.environ.get(name.lower())), None)
    return "" if found is None else f"; {found} of the environment is not read: pass proxy=... to go through it"
