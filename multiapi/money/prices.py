"""Prices of tokens: what a call may cost at most before it is sent, and what it cost where the provider does not report it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiapi.types.account import ModelInfo, Price
    from multiapi.types.usage import Usage

MAX_MODELS = 5_000
"""How many models of one provider are kept."""

BYTES_FOR_A_MESSAGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """What one token of a model costs, in `unit`. None is not known.

    Attributes:
        cached: Of an input token that was read from the provider's cache.
        as_of: When the list was read, in the provider's words or as a date.
    """

    unit: str | None
    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None
    as_of: str = ""

    @property
    def complete(self) -> bool:
        """Whether a bound can be computed from them."""
        return self.input is not None and self.output is not None

    def at_most(self, body_bytes: int, messages: int, max_tokens: int | None) -> Decimal | None:
        """Return the most that a chat may cost; None where that cannot be computed.

        A token is never shorter than a byte, so the bytes of the body are a true bound for its tokens.
        """
        if self.input is None or self.output is None or max_tokens is None:
            return None
        return self.input * (body_bytes + BYTES_FOR_A_MESSAGE * messages) + self.output * max_tokens

    def divided(self, by: int) -> TokenPrices:
        """Return the prices of a discount, as of batches."""
        shares = [None if value is None else value / by for value in (self.input, self.output, self.cached)]
        return replace(self, input=shares[0], output=shares[1], cached=shares[2])

    def embedding_at_most(self, body_bytes: int) -> Decimal | None:
        """Return the most that embeddings of a body of this size may cost."""
        return None if self.input is None else self.input * body_bytes

    def estimate(self, usage: Usage | None) -> Decimal | None:
        """Return token counts times prices; None where one of them is not known."""
        if usage is None or self.input is None or usage.input_tokens is None:
            return None
        cached = usage.cached_input_tokens or 0
        cached_price = self.input if self.cached is None else self.cached
        total = self.input * (usage.input_tokens - cached) + cached_price * cached
        if usage.output_tokens:
            if self.output is None:
                return None
            total += self.output * usage.output_tokens
        return total


_NAMES = {"input_tokens": "input", "output_tokens": "output", "cached_input_tokens": "cached"}


def token_prices(prices: Iterable[Price], *, unit: str | None = None, as_of: str = "") -> TokenPrices | None:
    """Return the prices of tokens among those of a model; the dearest where several have no further condition.

    Args:
        unit: The currency wanted; None takes the first that is named.
    """
    found: dict[str, Decimal] = {}
    currency = unit
    for each in prices:
        name = _NAMES.get(each.what)
        if name is None or each.per is None or each.per <= 0 or each.when:
            continue
        if currency is None:
            currency = each.currency
        if each.currency != currency:
            continue
        amount = each.amount / each.per
        found[name] = max(found.get(name, amount), amount)
    if not found:
        return None
    return TokenPrices(
        unit=currency, input=found.get("input"), output=found.get("output"), cached=found.get("cached"), as_of=as_of
    )


class PriceBook:
    """What the lists of models of one process said of prices, by provider, with their age; bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lists: dict[str, tuple[float, dict[str, tuple[Price, ...]]]] = {}

    def learn(self, provider: str, models: Iterable[ModelInfo]) -> None:
        """Keep the prices of a list; it replaces an earlier one."""
        held: dict[str, tuple[Price, ...]] = {}
        for info in models:
            if len(held) >= MAX_MODELS:
                break
            if info.prices:
                for name in (info.id, *info.aliases):
                    held.setdefault(name, info.prices)
        with self._lock:
            self._lists[provider] = (self._clock(), held)

    def age_s(self, provider: str) -> float | None:
        """Return how old the list of a provider is, in seconds; None if none was read."""
        with self._lock:
            found = self._lists.get(provider)
        return None if found is None else self._clock() - found[0]

    def prices(self, provider: str, model: str) -> tuple[Price, ...]:
        """Return all prices of a model that are known."""
        with self._lock:
            found = self._lists.get(provider)
        return () if found is None else found[1].get(model, ())

    def tokens(self, provider: str, model: str, unit: str | None = None) -> TokenPrices | None:
        """Return what tokens of a model cost, in this unit or in the one of the list."""
        return token_prices(self.prices(provider, model), unit=unit)


PRICE_BOOK = PriceBook()
"""The list of this process."""
