"""What takes time on one request's way out and back. Each knows how the blocking client does it and how it is awaited, and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from multiapi.errors import MissingApiKeyError
from multiapi.flows.driving import Step, Steps, adrive, drive
from multiapi.sending.engines import transmission
from multiapi.sending.waiting import waiting

if TYPE_CHECKING:
    import httpx  # loaded with the first call

    from multiapi.sending.bodies import BodyReader
    from multiapi.sending.limiter import Limiter
    from multiapi.sending.live_answer import LiveAnswer


class Pause(Step):
    """Let time pass."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def do(self, _: Any, /) -> None:
        """Sleep."""
        waiting().sleep(self.seconds)

    async def ado(self, _: Any, /) -> None:
        """Let others run."""
        await waiting().asleep(self.seconds)


class SideBySide(Step):
    """The results of several generators, at most this many of them at once."""

    __slots__ = ("most", "parts")

    def __init__(self, parts: Sequence[Steps[Any]], most: int) -> None:
        self.parts = parts
        self.most = most

    def do(self, client: Any, /) -> list[Any]:
        """Run them in threads, unless they go one after the other anyway."""
        if len(self.parts) == 1 or self.most == 1:
            return [drive(part, client) for part in self.parts]
        contexts = [copy_context() for _ in self.parts]  # who adds up, and what has to be fitted into, hold there too
        with ThreadPoolExecutor(min(self.most, len(self.parts))) as pool:
            return list(pool.map(lambda context, part: context.run(drive, part, client), contexts, self.parts))

    async def ado(self, client: Any, /) -> list[Any]:
        """Run them as tasks."""
        free = asyncio.Semaphore(self.most)

        async def result(part: Steps[Any]) -> Any:
            async with free:
                return await adrive(part, client)

        return list(await asyncio.gather(*(result(part) for part in self.parts)))


class ResolveKey(Step):
    """The key that an async function of the user gives."""

    __slots__ = ("pending",)

    def __init__(self, pending: Any) -> None:
        self.pending = pending

    def do(self, client: Any, /) -> str:
        """Refuse: nothing can be awaited here.

        Raises:
            MissingApiKeyError: Always.
        """
        self.pending.close()
        raise MissingApiKeyError(
            "the key comes from an async function; use the async calls", provider=client.provider.name
        )

    async def ado(self, client: Any, /) -> str:
        """Await it."""
        return await client.key.resolve(self.pending)  # type: ignore[no-any-return]


class TakeTurn(Step):
    """Wait until the limiter lets the next request go."""

    __slots__ = ("limiter", "tokens", "until")

    def __init__(self, limiter: Limiter, until: float | None, tokens: Any = None) -> None:
        self.limiter = limiter
        self.until = until
        self.tokens = tokens

    def do(self, _: Any, /) -> Any:
        """Wait in a thread."""
        if self.tokens is None:  # a limiter of the user's own need not know of tokens
            return self.limiter.acquire(self.until)
        return self.limiter.acquire(self.until, self.tokens)

    async def ado(self, _: Any, /) -> Any:
        """Wait in a task."""
        if self.tokens is None:
            return await self.limiter.aacquire(self.until)
        return await self.limiter.aacquire(self.until, self.tokens)


class Transmit(Step):
    """Send a request; done when the head of the response is there."""

    __slots__ = ("options", "sent")

    def __init__(self, sent: httpx.Request, **options: Any) -> None:
        self.sent = sent
        self.options = options

    def do(self, client: Any, /) -> httpx.Response:
        """Send it with what the client sends with."""
        return transmission(client, self.sent, **self.options)()  # type: ignore[no-any-return]

    async def ado(self, client: Any, /) -> httpx.Response:
        """As `do`."""
        return await transmission(client, self.sent, **self.options)()  # type: ignore[no-any-return]


class Next(Step):
    """The next bytes of an open answer; None at the end of its body. It serves for all of them, one after the other."""

    __slots__ = ("_chunks", "_live", "items")

    def __init__(self, live: LiveAnswer) -> None:
        self._live = live
        self._chunks: Any = None
        self.items = ()

    def do(self, _: Any, /) -> bytes | None:
        """Wait for them."""
        if self._chunks is None:
            self._chunks = iter(self._live.pieces)
        return next(self._chunks, None)

    async def ado(self, _: Any, /) -> bytes | None:
        """Await them."""
        if self._chunks is None:
            self._chunks = self._live.async_pieces()
        return await anext(self._chunks, None)


class Read(Step):
    """Read a body until its end, or until the reader has enough, and close it."""

    __slots__ = ("_live", "_reader")

    def __init__(self, live: LiveAnswer, reader: BodyReader) -> None:
        self._live = live
        self._reader = reader

    def do(self, _: Any, /) -> None:
        """Read on the spot."""
        try:
            for chunk in self._live.pieces:
                if not self._live.hand_on(chunk, self._reader):
                    break
        finally:
            self._live.close()

    async def ado(self, _: Any, /) -> None:
        """Read as it comes."""
        try:
            async for chunk in self._live.async_pieces():
                if not self._live.hand_on(chunk, self._reader):
                    break
        finally:
            await self._live.aclose()


class Close(Step):
    """Give the connection of a response back, or close it; nothing, if that has been done."""

    __slots__ = ("_live",)

    def __init__(self, live: LiveAnswer) -> None:
        self._live = live

    def do(self, _: Any, /) -> None:
        """Close it."""
        self._live.close()

    async def ado(self, _: Any, /) -> None:
        """Await its end."""
        await self._live.aclose()
