"""What a call needs and an import does not: loaded in a thread where an event loop runs, because imports wait for the disk."""

from __future__ import annotations

import asyncio
from importlib import import_module

_NEEDED = (
    "multiapi.client.client",
    "multiapi.sending.requests",
    "multiapi.sending.live_answer",
    "multiapi.sending.transports",
    "multiapi.providers.aimlapi.catalogue.gone",
    "multiapi.types.account",
)
_done: set[tuple[str, ...]] = set()


async def loaded(*more: str) -> None:
    """Everything that calls import, and these modules, before the loop needs them."""
    if more not in _done:
        await asyncio.to_thread(_load, (*_NEEDED, *more))
        _done.add(more)


def _load(names: tuple[str, ...]) -> None:
    for name in names:
        import_module(name)
