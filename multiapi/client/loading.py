"""What the classes of the frameworks need to make a client: loaded in a thread before the event loop needs it."""

from __future__ import annotations

import asyncio

from multiapi.sending.loading import OF_A_CHAT, import_all

_done: set[tuple[str, ...]] = set()


async def loaded(*more: str) -> None:
    """Everything that making a client and a chat import, and these modules."""
    if more not in _done:
        await asyncio.to_thread(import_all, ("multiapi.client.client", *OF_A_CHAT, *more))
        _done.add(more)
