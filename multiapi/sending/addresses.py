"""Addresses: a provider's API root as it is given, checked, and taken apart."""

from __future__ import annotations

import ipaddress
import os
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from multiapi.errors import InvalidRequestError
from multiapi.provider import Provider
from multiapi.sending.keys import found_in_environment

if TYPE_CHECKING:
    import httpx


def address_of_environment(provider: Provider) -> str | None:
    """The address that the environment gives for a provider, or None."""
    found = found_in_environment(provider.name, provider.base_url_variables, "addresses")
    return None if found is None else os.environ[found]


def variable_of_address(provider: Provider, base_url: str) -> str | None:
    """The environment variable that holds this address of a provider, or None."""
    held = ((name, os.environ.get(name)) for name in provider.base_url_variables)
    return next((name for name, address in held if address and _normalized(provider, address) == base_url), None)


def checked_base_url(provider: Provider, given: str | None, *, allow_http: bool) -> str:
    """The API root: given, from the provider's own variable, or as documented.

    Raises:
        InvalidRequestError: No address, or plain http to a host that is not this machine.
    """
    address = given or address_of_environment(provider) or provider.base_url
    _check_address(address, provider.name, provider.base_url, allow_http)
    return _normalized(provider, address)


@lru_cache(maxsize=256)
def _check_address(address: str, name: str, documented: str, allow_http: bool) -> None:
    try:
        parts = urlsplit(address)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_plain = address.isascii() and address.isprintable() and not any(mark in address for mark in "@?# \\")
    if parts.scheme not in {"http", "https"} or not host or not is_plain:
        raise InvalidRequestError(
            f"{name}: base_url must be an address like {documented}, without user, query and fragment", provider=name
        )
    if parts.scheme == "http" and not is_loopback(host) and not allow_http:
        raise InvalidRequestError(
            f"{name}: base_url is plain http to {host}, which would show the key to everybody on the way; "
            "use https, or pass allow_http=True",
            provider=name,
        )


def _normalized(provider: Provider, address: str) -> str:
    """The root that paths are appended to, whichever tail of it was given.

    The path of a whole operation is taken off; at the provider's own host what is missing of the documented root is added.
    """
    root = address.rstrip("/")
    for tail in sorted(provider.operation_paths, key=len, reverse=True):
        if root.endswith(tail):
            root = root.removesuffix(tail)
            break
    given, documented = urlsplit(root), urlsplit(provider.base_url)
    if given.hostname == documented.hostname and documented.path.strip("/") and given.path in _TAILS:
        return f"{given.scheme}://{given.netloc}{documented.path.rstrip('/')}"
    return provider.normalize_base_url(root)


_TAILS = frozenset({"", "/v1", "/api", "/api/v1"})
"""What users write behind a host, from what they know of other providers."""


def joined(base_url: str, target: str) -> str:
    """A root and the path of an operation; segments that end the one and begin the other are not doubled."""
    first = target[: target.find("/", 1)]
    if base_url.endswith(first):
        return base_url + target[len(first) :]
    return base_url + target


def origin_of(address: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@lru_cache(maxsize=256)
def parsed_url(url: str) -> httpx.URL:
    """Addresses repeat themselves, and to take one apart costs as much as the rest of a request."""
    import httpx

    return httpx.URL(url)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
