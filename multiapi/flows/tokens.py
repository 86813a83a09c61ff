"""How many tokens a request is expected to take, for limiters that count them: estimated before, as the provider counted them after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from multiapi.types.chat import ChatRequest, TextPart
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.usage import Usage


class ExpectedTokens:
    """The tokens of one request; a limiter that counts them takes part in `changed`."""

    __slots__ = ("at", "changed", "count")

    def __init__(self, count: int) -> None:
        self.count = count
        self.at = 0.0
        self.changed: Callable[[int], None] | None = None

    def counted(self, usage: Any) -> None:
        """Put what the provider has counted in the place of the estimate."""
        if isinstance(usage, Usage) and usage.total_tokens is not None:
            self._set(usage.total_tokens)

    def unused(self) -> None:
        """Nothing was used."""
        self._set(0)

    def _set(self, count: int) -> None:
        if self.changed is not None:
            self.changed(count)
        else:
            self.count = count


def estimated_tokens(request: Any) -> int:
    """Return the tokens that a request may take: four characters of text are one, and the response is as long as it may be."""
    if isinstance(request, EmbedRequest):
        return sum(map(len, request.texts)) // 4 + 1
    if not isinstance(request, ChatRequest):
        return 0
    size = 0
    for message in request.messages:
        content = message.content
        texts = [content] if isinstance(content, str) else [part.text for part in content if isinstance(part, TextPart)]
        size += sum(map(len, texts))
    return size // 4 + 1 + (request.max_tokens or 0) * (request.n or 1)
