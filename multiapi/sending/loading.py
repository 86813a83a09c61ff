"""What a call needs and an import does not: loaded in a thread where an event loop runs, because imports and files wait for the disk."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from multiapi.provider import Provider

OF_A_CHAT = (
    "multiapi.sending.requests",
    "multiapi.sending.live_answer",
    "multiapi.sending.transports",
    "multiapi.types.account",
    "html.entities",  # an echo of the key is looked for in its forms too
)
_OF_OPERATIONS = (
    "multiapi.flows.jobs",
    "multiapi.flows.downloads",
    "multiapi.flows.address_checks",
    "multiapi.types.batches",
    "multiapi.providers.context_windows",
    "filetype",
)

LOADED: set[tuple[str, bool]] = set()
"""For which providers everything is loaded; the second half says whether only for chats."""


def load(provider: Provider, *, only_chat: bool) -> None:
    """Import what the first call to a provider imports, and read what it reads."""
    import_all(OF_A_CHAT)
    if provider.deprecation_of is not None:
        provider.deprecation_of("")
    if not only_chat:
        import_all(_OF_OPERATIONS)
        len(provider.operations)
    if provider.preload is not None:
        provider.preload()
    LOADED.add((provider.name, only_chat))


def import_all(names: Iterable[str]) -> None:
    """Import modules by their names."""
    for name in names:
        import_module(name)
