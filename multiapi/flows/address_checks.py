"""Which addresses of files may be connected to: public ones, and the provider's own."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlsplit

from multiapi.errors import (
    AddressRefusedError,
)
from multiapi.flows.steps import Target
from multiapi.types.media import Media

MAX_URL_CHARS = 8_000


_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")


_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")


_CLOUD_ADDRESSES = frozenset({"168.63.129.16", "100.100.100.200", "192.0.0.192"})


def check_url(url: object, target: Target, *, job_id: str | None = None) -> str:
    """An address in a form in which nothing is ambiguous, if it may be opened from here.

    https only, except for the provider's own loopback address; an http link is asked for by https. No names and numbers of the
    machine's own network. Names are checked again, by the addresses they stand for, when the connection is made.

    Raises:
        AddressRefusedError: It may not.
    """

    def refused(why: str) -> AddressRefusedError:
        return AddressRefusedError(
            f"{target.provider.name} named an address for a file that is refused: {why}",
            provider=target.provider.name,
            job_id=job_id,
        )

    if not isinstance(url, str) or not url:
        raise refused("it is empty" if url in (None, "") else f"it is {type(url).__name__}, not text")
    if len(url) > MAX_URL_CHARS or not url.isprintable() or "\\" in url:
        raise refused("it is not a well-formed address")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("it is not a well-formed address") from None
    if parts.scheme not in {"http", "https"}:
        raise refused(f"{parts.scheme[:20]!r} is neither http nor https" if parts.scheme else "it names no host")
    if parts.username is not None or parts.password is not None or not host:
        raise refused("it has a user in it" if host else "it names no host")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise refused("its host is not a name") from None
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    address += path + (f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?[]')}" if parts.query else "")
    if is_own(address, target.base_url):
        return address
    why = local_host(host)
    if why is not None:
        raise refused(why)
    if parts.scheme == "http":
        if port not in {None, 80}:
            raise refused("it is plain http")
        return "https" + address[4:].replace(":80/", "/", 1) if port == 80 else "https" + address[4:]
    return address


def check_media(target: Target, media: Iterable[Media], *, job_id: str | None = None) -> None:
    """Refuse a result that leads into the machine's own network.

    Raises:
        AddressRefusedError: One of the media does.
    """
    for item in media:
        if item.data is None and item.url is not None:
            check_url(item.url, target, job_id=job_id)


def refuses(target: Target, media: Media) -> bool:
    """Whether the address of one medium is not to be opened from here."""
    try:
        check_media(target, (media,))
    except AddressRefusedError:
        return True
    return False


def local_host(host: str) -> str | None:
    """Why a host, by its name or number alone, is not a public one; None if it may be."""
    bare = host.strip("[]").rstrip(".").lower()
    if ":" in bare:
        try:
            return local_address(bare)
        except ValueError:
            return "its host is not an address"
    if (
        bare in {"localhost", "metadata"}
        or bare.endswith(_LOCAL_NAMES[1:])
        or ("." not in bare and not _NUMBER.fullmatch(bare))
    ):
        return "its host is a name of the local network"
    if _NUMBER.fullmatch(bare.rpartition(".")[2]):
        try:
            return local_address(socket.inet_ntoa(socket.inet_aton(bare)))
        except (OSError, ValueError):
            return "its host is not an address"
    return None if _HOST.fullmatch(bare) else "its host is not a name"


def local_address(text: str) -> str | None:
    """Why an IP address is not a public one; None if it is.

    Raises:
        ValueError: It is no IP address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    inside = [address]
    if isinstance(address, ipaddress.IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if int(address) >> 32 == 0:
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        found = [each for each in embedded if each is not None]
        # An address that only wraps another one is judged by the one inside.
        inside = [*found] if found else inside
    for each in inside:
        if not each.is_global or each.is_multicast or each.is_reserved or str(each) in _CLOUD_ADDRESSES:
            return "it leads to an address that is not public"
    return None


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def address_check(target: Target, url: str, job_id: str | None = None) -> Callable[[str], None]:
    """What the transport calls with each address that a name stands for, before it connects."""

    def check(address: str) -> None:
        try:
            why = local_address(address)
        except ValueError:
            why = "it leads to something that is not an address"
        if why is not None:
            raise AddressRefusedError(
                f"{target.provider.name} named an address for a file at {_host(url)} that is refused: {why}",
                provider=target.provider.name,
                job_id=job_id,
            )

    return check


def is_own(url: str, base_url: str) -> bool:
    """Whether an address has scheme, host and port of the provider's own."""
    return _origin(url) == _origin(base_url)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "an unnamed host")[:200]
    except ValueError:
        return "an unreadable address"
