"""The vendors. Another package adds one by an entry point of the group `multiapi.providers` that names a `Provider`."""

from __future__ import annotations

from functools import cache

from multiapi.errors import InvalidRequestError
from multiapi.provider import Provider
from multiapi.providers.aicredits import AICREDITS
from multiapi.providers.aimlapi import AIMLAPI
from multiapi.providers.bineric import BINERIC
from multiapi.providers.binobox import BINOBOX
from multiapi.providers.binom_router import BINOM_ROUTER

PROVIDERS: dict[str, Provider] = {
    provider.name: provider for provider in (BINERIC, BINOM_ROUTER, AIMLAPI, AICREDITS, BINOBOX)
}


def find_provider(name: str | Provider) -> Provider:
    """The vendor of this name, ours or one that an installed package adds.

    Raises:
        InvalidRequestError: There is none; the message lists the names.
    """
    if isinstance(name, Provider):
        return name
    found = PROVIDERS.get(name) or _added().get(name)
    if found is None:
        known = ", ".join([*PROVIDERS, *_added()])
        raise InvalidRequestError(f"unknown provider {name!r}; it must be one of {known}")
    return found


def split_model(model: str, provider: str | Provider | None) -> tuple[Provider, str]:
    """Vendor and model id from `provider=` and `model=`, where the vendor may stand before the id, as in `aimlapi:openai/gpt-4o`.

    The prefix is cut off only if it is the name of a vendor: ids hold colons themselves.
    """
    prefix, colon, rest = model.partition(":")
    if (
        colon
        and (prefix in PROVIDERS or prefix in _added())
        and (provider is None or find_provider(provider).name == prefix)
    ):
        return find_provider(prefix), rest
    if provider is None:
        known = ", ".join([*PROVIDERS, *_added()])
        raise InvalidRequestError(
            f"no provider for model {model!r}: pass provider=... or write the model as 'PROVIDER:{model}' ({known})"
        )
    return find_provider(provider), model


@cache
def _added() -> dict[str, Provider]:
    from importlib.metadata import entry_points

    loaded = [entry.load() for entry in entry_points(group="multiapi.providers")]
    return {provider.name: provider for provider in loaded if isinstance(provider, Provider)}
