"""What a call needs and an import does not: loaded in a thread where an event loop runs, because imports and files wait for the disk."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

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

Roots = tuple[Any, bool]
"""What certificates are checked against, as `tls_context` takes it: `verify`, and whether the environment counts."""

LOADED: set[tuple[str, bool, Roots | None, str]] = set()
"""For which providers everything is loaded; the second says whether only for chats, the third which roots of certificates, the fourth
which engine."""


def load(provider: Provider, *, only_chat: bool, roots: Roots | None = None, engine: str = "multiapi") -> None:
    """Import what the first call to a provider imports, and read what it reads, the roots of certificates among it."""
    import_all(OF_A_CHAT if engine == "multiapi" else (*OF_A_CHAT, engine))
    if roots is not None:
        from multiapi.transport.tls import tls_context

        with suppress(OSError):  # a file that is not there is told where the connection is made
            tls_context(roots[0], trust_env=roots[1])
    if provider.deprecation_of is not None:
        provider.deprecation_of("")
    if not only_chat:
        import_all(_OF_OPERATIONS)
        len(provider.operations)
    if provider.preload is not None:
        provider.preload()
    LOADED.add((provider.name, only_chat, roots, engine))


def import_all(names: Iterable[str]) -> None:
    """Import modules by their names."""
    for name in names:
        import_module(name)
