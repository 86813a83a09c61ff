"""Proxies: how one is named, what is said to it, and which one the environment wants for an address.

Source: RFC 9110, sections 9.3.6 (CONNECT) and 11.7 (Proxy-Authorization), https://www.rfc-editor.org/rfc/rfc9110
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from multiapi.transport.http11 import Headers, ResponseHead, request_head
from multiapi.transport.lean_import import httpcore, httpx

SCHEMES = ("http", "https", "socks5", "socks5h")
_USUAL_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True)
class Proxy:
    """An address to go through. Its text never shows user and password."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @staticmethod
    @lru_cache(maxsize=64)
    def of(address: str) -> Proxy:
        """The proxy that an address names.

        Raises:
            ValueError: It names none; the message does not repeat it.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("is not a valid address") from None
        if parts.scheme not in SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        if not host:
            raise ValueError("names no host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return Proxy(parts.scheme, host, port or _USUAL_PORTS[parts.scheme], user, password)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.scheme.startswith("socks")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def headers(self) -> Headers:
        """What tells the proxy who asks."""
        if not (self.user or self.password):
            return []
        pair = base64.b64encode(f"{self.user}:{self.password}".encode())
        return [(b"Proxy-Authorization", b"Basic " + pair)]

    def connect_request(self, host: str, port: int) -> bytes:
        """What asks the proxy for a connection to a server."""
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        target = place.encode("ascii")
        return request_head(b"CONNECT", target, [(b"Host", target), *self.headers])

    def check_answer(self, head: ResponseHead, host: str, port: int) -> None:
        """Whether the proxy has made the connection.

        Raises:
            ProxyError: It has not.
        """
        if 200 <= head.status < 300 and not head.rest:
            return
        why = (
            f"{head.status} {head.reason.decode('latin-1')}".strip()
            if head.status >= 300
            else "bytes that nobody asked for"
        )
        hint = ""
        if head.status == 407:
            hint = (
                "; check its user and password"
                if self.user
                else "; it wants a user and a password: http://user:password@host:port"
            )
        raise httpcore.ProxyError(f"the proxy {self} does not connect to {host}:{port}: {why}{hint}")

    def forwarded(self, request: httpcore.Request) -> tuple[bytes, Headers]:
        """Target and headers of a plain http request that the proxy passes on."""
        url = request.url
        host = b"[%b]" % url.host if b":" in url.host else url.host
        place = host if url.port in (None, 80) else b"%b:%d" % (host, url.port or 80)
        return b"%b://%b%b" % (url.scheme, place, url.target), [*request.headers, *self.headers]


def check_behind_proxy(host: str, port: int, check_address: Callable[[str], None] | None) -> None:
    """Look at the addresses of a name as far as this machine knows them; a proxy may know names that it does not.

    Raises:
        Exception: What the check raises for an address that may not be connected to.
    """
    if check_address is None:
        return
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError:
        return
    for *_, address in found:
        check_address(str(address[0]))


# ------------------------------------------------------------------------------------------------ the environment


class _Pattern:
    """Addresses that one entry of the environment stands for, as httpx reads it."""

    def __init__(self, text: str) -> None:
        url = httpx.URL(text)
        self._scheme = "" if url.scheme == "all" else url.scheme
        host = "" if url.host == "*" else url.host
        self._port = url.port
        self._host: re.Pattern[str] | None = None
        if host.startswith("*."):  # www.example.com, but not example.com
            self._host = re.compile(rf".+\.{re.escape(host[2:])}")
        elif host.startswith("*"):  # both
            self._host = re.compile(rf"(?:.+\.)?{re.escape(host[1:])}")
        elif host:
            self._host = re.compile(re.escape(host))
        self.rank = (self._port is None, -len(host), -len(self._scheme))

    def matches(self, url: httpx.URL) -> bool:
        """Whether it stands for this address."""
        return (
            (not self._scheme or self._scheme == url.scheme)
            and (self._host is None or self._host.fullmatch(url.host) is not None)
            and (self._port is None or self._port == url.port)
        )


class ProxyRules:
    """Which proxy leads to which address, by the variables of the environment.

    Args:
        variables: By the scheme that they are about (http, https, all), and `no`, as `urllib.request.getproxies` gives them.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        self._rules: list[tuple[_Pattern, str | None]] = []
        self._known: dict[tuple[str, str, int | None], str | None] = {}
        exempt = [entry.strip() for entry in variables.get("no", "").split(",")]
        if "*" in exempt:
            return
        entries: dict[str, str | None] = {}
        for scheme in ("http", "https", "all"):
            address = variables.get(scheme)
            if address:
                entries[f"{scheme}://"] = address if "://" in address else f"http://{address}"
        if not entries:
            return
        for entry in exempt:
            if entry:
                entries[_exempt_pattern(entry)] = None
        for text, proxy in entries.items():
            try:
                self._rules.append((_Pattern(text), proxy))
            except httpx.InvalidURL:
                continue  # an entry that stands for no address matches none
        self._rules.sort(key=lambda rule: rule[0].rank)

    def proxy_for(self, url: httpx.URL) -> str | None:
        """The address of the proxy for a request; None means none."""
        if not self._rules:
            return None
        key = (url.scheme, url.host, url.port)
        if key not in self._known:
            if len(self._known) >= 1000:
                self._known.clear()
            self._known[key] = next((proxy for pattern, proxy in self._rules if pattern.matches(url)), None)
        return self._known[key]


def _exempt_pattern(entry: str) -> str:
    import ipaddress

    if "://" in entry:
        return entry
    try:
        number = ipaddress.ip_address(entry.split("/", maxsplit=1)[0])
    except ValueError:
        return f"all://{entry}" if entry.lower() == "localhost" else f"all://*{entry}"
    return f"all://[{entry}]" if number.version == 6 else f"all://{entry}"


def environment_rules() -> ProxyRules:
    """The rules of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY as they are now, or of the system on Windows and macOS."""
    from urllib.request import getproxies

    return ProxyRules(getproxies())
