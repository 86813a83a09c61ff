"""Headers that say on whose behalf a request is made, and the only host that gets them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.provider import PROVIDERS, Provider, names
from multiapi.types.attribution import Attribution


def checked_attribution(given: Any, provider: Provider) -> Attribution | None:
    """What was given, if the provider takes it.

    Raises:
        UnsupportedError: The provider has no such headers.
        InvalidRequestError: It is not an `Attribution`.
    """
    if given is None:
        return None
    if not isinstance(given, Attribution):
        raise InvalidRequestError(
            f"{provider.name}: attribution must be an Attribution, not {type(given).__name__}", provider=provider.name
        )
    if not provider.attribution and any(given.items()):
        having = [each.name for each in PROVIDERS.values() if each.attribution]
        raise UnsupportedError(
            f"{provider.name} has no headers for an attribution; {names(having)} has", provider=provider.name
        )
    return given


def attribution_headers(attribution: Attribution | None, provider: Provider, base_url: str) -> dict[str, str]:
    """The headers of every request to this address: none unless it is the provider's own host, over https."""
    if attribution is None:
        return {}
    here, own = urlsplit(base_url), urlsplit(provider.base_url)
    if here.scheme != "https" or here.hostname != own.hostname or here.port != own.port:
        return {}
    return {provider.attribution[name].lower(): value for name, value in attribution.items()}
