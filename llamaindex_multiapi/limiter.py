"""`AdaptiveRateLimiter`: the core's limiter as one of LlamaIndex's, for our models and for others."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from threading import Lock
from typing import Any, Self, TypeVar

from llama_index.core.rate_limiter import BaseRateLimiter

from multiapi.client.client import AsyncClient, Client
from multiapi.sending.limiter import WINDOW_S, Limiter
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, TextPart
from multiapi.types.embeddings import EmbedRequest, EmbedResponse


class AdaptiveRateLimiter(BaseRateLimiter):
    """Keeps to a vendor's limits, as `rate_limiter=` of any number of models and embeddings.

    Our models charge it with every HTTP attempt, repetitions too, and let it learn from the answers: an announced rate, an empty
    allowance and a Retry-After hold up the next request. Other packages' models charge it with their calls. It survives pickling: in
    the process it came from it stays this very limiter, elsewhere it begins anew with the same settings.

    Args:
        requests_per_minute: HTTP requests begun within any 60 seconds.
        max_concurrency: Requests of our models on their way at once.
        tokens_per_minute: Tokens within any 60 seconds; a call of our chat models is estimated beforehand (four characters are
            one token) and corrected when the vendor has counted.
        adapts: Follow the vendor's `x-ratelimit-*` headers and Retry-After.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        max_concurrency: int | None = None,
        tokens_per_minute: int | None = None,
        adapts: bool = True,
        limiter: Limiter | None = None,
    ) -> None:
        self.limiter = limiter or Limiter(
            max_concurrency=max_concurrency, requests_per_minute=requests_per_minute, adapts=adapts
        )
        self.tokens = None if tokens_per_minute is None else TokenWindow(tokens_per_minute)
        self.charges_attempts = False

    def for_attempts(self) -> AdaptiveRateLimiter:
        """The same limits for a model that charges each attempt: what LlamaIndex asks once per call is then free."""
        if self.charges_attempts:
            return self
        shared = AdaptiveRateLimiter(limiter=self.limiter)
        shared.tokens = self.tokens
        shared.charges_attempts = True
        return shared

    def acquire(self, num_tokens: int = 0) -> None:
        if not self.charges_attempts:
            self.limiter.acquire().done()
            if self.tokens is not None and num_tokens:
                self.tokens.take(num_tokens)

    async def async_acquire(self, num_tokens: int = 0) -> None:
        if not self.charges_attempts:
            (await self.limiter.aacquire()).done()
            if self.tokens is not None and num_tokens:
                await self.tokens.atake(num_tokens)

    def __repr__(self) -> str:
        tokens = None if self.tokens is None else self.tokens.per_minute
        return (
            f"AdaptiveRateLimiter(requests_per_minute={self.limiter.requests_per_minute}, "
            f"max_concurrency={self.limiter.max_concurrency}, tokens_per_minute={tokens})"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class TokenWindow:
    """A limit of tokens within any minute. A charge larger than the whole is let through when nothing else is in the window."""

    def __init__(self, per_minute: int, window_s: float = WINDOW_S) -> None:
        if per_minute < 1:
            raise ValueError(f"tokens_per_minute must be 1 or more, not {per_minute}")
        self.per_minute = per_minute
        self.window_s = window_s
        self._charges: deque[Charge] = deque()
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenWindow, (self.per_minute, self.window_s)

    def take(self, tokens: int) -> Charge:
        """Wait in a thread until this many tokens are free, and take them."""
        while isinstance(found := self._try(tokens), float):
            time.sleep(found)
        return found

    async def atake(self, tokens: int) -> Charge:
        """The same in an event loop."""
        while isinstance(found := self._try(tokens), float):  # noqa: ASYNC110
            await asyncio.sleep(found)
        return found

    def _try(self, tokens: int) -> Charge | float:
        """The charge, or how many seconds to wait before trying again."""
        with self._lock:
            now = time.monotonic()
            charges = self._charges
            while charges and charges[0].at <= now - self.window_s:
                charges.popleft()
            used = sum(charge.tokens for charge in charges)
            if charges and used + tokens > self.per_minute:
                freed = 0
                for charge in charges:
                    freed += charge.tokens
                    if used - freed + tokens <= self.per_minute:
                        break
                return max(charge.at + self.window_s - now, 0.001)
            made = Charge(now, tokens)
            charges.append(made)
            return made


class Charge:
    """Tokens that were taken; `tokens` is set to what was really used as soon as that is known."""

    __slots__ = ("at", "tokens")

    def __init__(self, at: float, tokens: int) -> None:
        self.at = at
        self.tokens = tokens


class CountedClient:
    """A client whose calls are charged with their tokens: estimated before, counted after."""

    def __init__(self, client: Client, window: TokenWindow) -> None:
        self._client = client
        self._window = window

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def chat(self, request: ChatRequest) -> ChatResponse:
        charge = self._window.take(estimate(request))
        return _counted(charge, self._client.chat(request))

    def chat_stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        charge = self._window.take(estimate(request))
        with closing(self._client.chat_stream(request)) as deltas:
            for delta in deltas:
                if delta.response is not None:
                    _counted(charge, delta.response)
                yield delta

    def embed(self, request: EmbedRequest, *, max_concurrency: int) -> EmbedResponse:
        charge = self._window.take(estimate(request))
        return _counted(charge, self._client.embed(request, max_concurrency=max_concurrency))


class CountedAsyncClient:
    """As `CountedClient`, awaited."""

    def __init__(self, client: AsyncClient, window: TokenWindow) -> None:
        self._client = client
        self._window = window

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def chat(self, request: ChatRequest) -> ChatResponse:
        charge = await self._window.atake(estimate(request))
        return _counted(charge, await self._client.chat(request))

    async def chat_stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        charge = await self._window.atake(estimate(request))
        async with aclosing(self._client.chat_stream(request)) as deltas:
            async for delta in deltas:
                if delta.response is not None:
                    _counted(charge, delta.response)
                yield delta

    async def embed(self, request: EmbedRequest, *, max_concurrency: int) -> EmbedResponse:
        charge = await self._window.atake(estimate(request))
        return _counted(charge, await self._client.embed(request, max_concurrency=max_concurrency))


def estimate(request: ChatRequest | EmbedRequest) -> int:
    """Tokens that a request may cost: four characters of text are one, and the answer is as long as it may be."""
    if isinstance(request, EmbedRequest):
        return sum(map(len, request.texts)) // 4 + 1
    texts = (
        message.content
        if isinstance(message.content, str)
        else "".join(part.text for part in message.content if isinstance(part, TextPart))
        for message in request.messages
    )
    return sum(map(len, texts)) // 4 + 1 + (request.max_tokens or 0)


R = TypeVar("R", ChatResponse, EmbedResponse)


def _counted(charge: Charge, response: R) -> R:
    if response.usage is not None and response.usage.total_tokens is not None:
        charge.tokens = response.usage.total_tokens
    return response
