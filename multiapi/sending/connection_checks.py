"""What a user sets for connections, looked at when a client is made and not when the first call fails."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

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
        InvalidRequestError: It is not a client of httpx or httpx2, or one of the other kind.
    """
    if http_client is None:
        return
    wanted, other = ("AsyncClient", "Client") if awaits else ("Client", "AsyncClient")
    names = f"an httpx.{wanted} or an httpx2.{wanted}"
    if _is_one(http_client, wanted):
        return
    kind = type(http_client)
    given = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    if isinstance(http_client, type):
        given = f"the class {http_client.__name__} itself"
    hint = ""
    if _is_one(http_client, other):
        hint = "; async calls take http_async_client=..., blocking ones http_client=..."
    raise InvalidRequestError(f"{provider}: http_client must be {names}, not {given}{hint}", provider=provider)


def _is_one(http_client: Any, name: str) -> bool:
    """Whether this is a client of that name; a package that was not imported yet can have made none."""
    modules = (sys.modules.get("httpx"), sys.modules.get("httpx2"))
    return any(module is not None and isinstance(http_client, getattr(module, name)) for module in modules)


def check_proxy(proxy: Any, provider: str, source: str = "proxy") -> None:
    """Whether connections can be made through a proxy.

    Raises:
        InvalidRequestError: The address is none, of an unknown kind, or of one whose package is not installed. It is not shown.
    """
    if proxy is None:
        return
    from multiapi.transport.proxies import Proxy

    if not isinstance(proxy, str):
        raise InvalidRequestError(
            f"{provider}: {source} must be an address like http://127.0.0.1:8080, not {type(proxy).__name__}",
            provider=provider,
        )
    try:
        made = Proxy.of(proxy)
    except ValueError as error:
        why = str(error)
    else:
        why = ""
    if why:
        raise InvalidRequestError(
            f"{provider}: {source} must be an address like http://127.0.0.1:8080; the one that was given {why}",
            provider=provider,
        )
    if made.is_socks and find_spec("socksio") is None:
        raise InvalidRequestError(
            f'{provider}: a {made.scheme} proxy needs the package socksio: pip install "httpx[socks]"',
            provider=provider,
        )


def passwords_of(proxy: str | None) -> list[str]:
    """What of a proxy's address is a secret."""
    if proxy is None:
        return []
    password = urlsplit(proxy).password
    return [password, unquote(password)] if password else []


def ignored_proxy(proxy: Any, http_client: Any, *, trust_env: bool) -> str:
    """What to say when a provider cannot be reached while the environment names a proxy that is not to be read."""
    if proxy is not None or http_client is not None or trust_env:
        return ""
    found = next((name for name in PROXY_VARIABLES if os.environ.get(name) or os.environ.get(name.lower())), None)
    return "" if found is None else f"; {found} of the environment is not read, because of trust_env=False"
