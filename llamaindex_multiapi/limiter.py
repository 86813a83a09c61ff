"""`AdaptiveRateLimiter`: the core's limiter as one of LlamaIndex's, for our models and for others."""

from __future__ import annotations

from typing import Any, Self

from llama_index.core.rate_limiter import BaseRateLimiter

from multiapi.flows.tokens import ExpectedTokens
from multiapi.sending.limiter import Limiter


class AdaptiveRateLimiter(BaseRateLimiter):
    """Keeps to a provider's limits, as `rate_limiter=` of any number of models and embeddings.

    Our models charge it with every HTTP attempt, repetitions too, and let it learn from the responses: an announced rate, an empty
    allowance and a Retry-After hold up the next request. Other packages' models charge it with their calls. It survives pickling: in
    the process it came from it stays this very limiter, elsewhere it begins anew with the same settings.

    Args:
        requests_per_minute: HTTP requests begun within any 60 seconds.
        max_concurrency: Requests of our models on their way at once.
        tokens_per_minute: Tokens within any 60 seconds; a request of our models is estimated beforehand (four characters are one token)
            and corrected when the provider has counted.
        adapts: Follow the provider's `x-ratelimit-*` headers and Retry-After.
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
            max_concurrency=max_concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            adapts=adapts,
        )
        self.charges_attempts = False

    def for_attempts(self) -> AdaptiveRateLimiter:
        """The same limits for a model that charges each attempt: what LlamaIndex asks once per call is then free."""
        if self.charges_attempts:
            return self
        shared = AdaptiveRateLimiter(limiter=self.limiter)
        shared.charges_attempts = True
        return shared

    def acquire(self, num_tokens: int = 0) -> None:
        if not self.charges_attempts:
            self.limiter.acquire(tokens=_expected(num_tokens)).done()

    async def async_acquire(self, num_tokens: int = 0) -> None:
        if not self.charges_attempts:
            (await self.limiter.aacquire(tokens=_expected(num_tokens))).done()

    def __repr__(self) -> str:
        return (
            f"AdaptiveRateLimiter(requests_per_minute={self.limiter.requests_per_minute}, "
            f"max_concurrency={self.limiter.max_concurrency}, tokens_per_minute={self.limiter.tokens_per_minute})"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _expected(tokens: int) -> ExpectedTokens | None:
    return ExpectedTokens(tokens) if tokens else None
