"""Prices of tokens: what a call may cost at most before it is sent, and what it cost where the provider does not report it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from multiapi.http.json import parse_json
from multiapi.money.locks import Locked
from multiapi.money.units import parse_amount

if TYPE_CHECKING:
    from multiapi.types.account import ModelInfo, Price
    from multiapi.types.usage import Usage

ASK_AGAIN_S = 3600.0
"""How long a list of prices is young enough for a budget."""

MAX_MODELS = 5_000
"""How many models of one provider are kept."""

BYTES_FOR_A_MESSAGE = 8
_ONE_REQUEST: Mapping[str, Decimal] = {"request": Decimal(1)}


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


@cache
def _shipped() -> dict[str, Any]:
    """The dated copy of what the documents show."""
    from importlib.resources import files

    return parse_json(files("multiapi.money").joinpath("price_lists.json").read_bytes())  # type: ignore[no-any-return]


@cache
def shipped_prices(provider: str) -> dict[str, tuple[Price, ...]]:
    """Return the prices that stand in the documents of a provider, by model."""
    from multiapi.types.account import Price

    return {
        model: tuple(
            Price(
                amount=Decimal(each["amount"]),
                currency=each["currency"],
                what=each["what"],
                per=None if each.get("per") is None else Decimal(each["per"]),
            )
            for each in rows
        )
        for model, rows in _shipped().get(provider, {}).get("models", {}).items()
    }


def shipped_limits() -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Return what the shipped lists say of models, by provider and id: `context_tokens` and `max_output_tokens`."""
    return {provider: held.get("limits", {}) for provider, held in _shipped().items()}


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


class PriceBook(Locked):
    """What the lists of models of one process said of prices, by provider, with their age; bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lists: dict[str, tuple[float, dict[str, tuple[Price, ...]]]] = {}
        self._given: dict[tuple[str, str], tuple[Price, ...]] = {}
        self._longest: dict[tuple[str, str], int] = {}
        self._asked: dict[str, Reading] = {}

    def after_fork(self) -> None:
        """In a child process: what a thread of the parent reads, nobody reads here."""
        self._asked = {name: each for name, each in self._asked.items() if each.done.is_set()}

    def set(self, provider: str, model: str, prices: tuple[Price, ...]) -> None:
        """Keep prices that the user gave; they go before those of a list."""
        with self._lock:
            self._given[provider, model] = prices

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Know nothing but what is shipped, as a new process does, and put back afterwards what was known."""
        names = ("_lists", "_given", "_longest", "_asked")
        with self._lock:
            known = {name: getattr(self, name) for name in names}
            for name in names:
                setattr(self, name, {})
        try:
            yield
        finally:
            with self._lock:
                for name in names:
                    setattr(self, name, known[name])

    def all(self, provider: str) -> dict[str, tuple[Price, ...]]:
        """Return all prices of a provider that are known, by model."""
        with self._lock:
            found = self._lists.get(provider)
            given = {model: held for (name, model), held in self._given.items() if name == provider}
        return {**shipped_prices(provider), **({} if found is None else found[1]), **given}

    def learn(self, provider: str, models: Iterable[ModelInfo]) -> None:
        """Keep the prices of a list; it replaces an earlier one."""
        models = tuple(models)[:MAX_MODELS]
        longest = {
            (provider, name): info.max_output_tokens
            for info in models
            if info.max_output_tokens
            for name in (info.id, *info.aliases)
        }
        held: dict[str, tuple[Price, ...]] = {}
        for info in models:
            if info.prices:
                for name in (info.id, *info.aliases):
                    held.setdefault(name, info.prices)
        with self._lock:
            self._lists[provider] = (self._clock(), held)
            self._longest = {key: most for key, most in self._longest.items() if key[0] != provider} | longest

    def age_s(self, provider: str) -> float | None:
        """Return how old the list of a provider is, in seconds; None if none was read."""
        with self._lock:
            found = self._lists.get(provider)
        return None if found is None else self._clock() - found[0]

    def prices(self, provider: str, model: str) -> tuple[Price, ...]:
        """Return all prices of a model that are known."""
        with self._lock:
            given = self._given.get((provider, model))
            found = self._lists.get(provider)
        if given is not None:
            return given
        listed = None if found is None else found[1].get(model)
        return shipped_prices(provider).get(model, ()) if listed is None else listed

    def max_output_tokens(self, provider: str, model: str) -> int | None:
        """Return how long a response of the model can be, if the list said it, or else the shipped copy."""
        with self._lock:
            found = self._longest.get((provider, model))
        return found or shipped_limits().get(provider, {}).get(model, {}).get("max_output_tokens")

    def tokens(self, provider: str, model: str, unit: str | None = None) -> TokenPrices | None:
        """Return what tokens of a model cost, in this unit or in the one of the list."""
        found = token_prices(self.prices(provider, model), unit=unit)
        return token_prices(shipped_prices(provider).get(model, ()), unit=unit) if found is None else found

    def at_least(
        self, provider: str, model: str, unit: str | None, counts: Mapping[str, Decimal] = _ONE_REQUEST
    ) -> Decimal | None:
        """Return what a call of the model costs in any case, if the list says it; of several conditions the cheapest.

        Args:
            counts: How many requests, seconds or characters the call is made of, as far as it is known.
        """
        found = []
        for each in self.prices(provider, model):
            if each.currency == unit and each.what == "call_at_least" and not each.when:
                found.append(each.amount)
            elif each.currency == unit and each.what in counts and each.per is not None and each.per > 0:
                found.append(each.amount * counts[each.what] / each.per)
        return min(found, default=None)

    def reading(self, provider: str) -> Reading | None:
        """Return the turn to read the list of a provider, or somebody else's that is under way; None if it is young enough."""
        with self._lock:
            asked = self._asked.get(provider)
            if asked is not None and (not asked.done.is_set() or self._clock() - asked.began_s < ASK_AGAIN_S):
                return None if asked.done.is_set() else asked
            mine = Reading(self._clock())
            self._asked[provider] = mine
            return replace(mine, is_mine=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a list of prices, for all calls that want it at the same time."""

    began_s: float
    done: threading.Event = field(default_factory=threading.Event)
    is_mine: bool = False


PRICE_BOOK = PriceBook()
"""The list of this process."""


def set_prices(
    provider: str,
    model: str,
    *,
    input: str | None = None,
    output: str | None = None,
    per: int = 1_000_000,
) -> None:
    """Say what tokens of a model cost, where the provider has no list or another one for you.

        set_prices("binom_router", "gpt-4o", input="2.5 credits", output="10 credits")

    Args:
        per: For how many tokens.

    Raises:
        InvalidRequestError: An amount or its unit is not valid.
    """
    from multiapi.types.account import Price

    prices = tuple(
        Price(amount=number, currency=unit, what=what, per=Decimal(per))
        for what, amount in (("input_tokens", input), ("output_tokens", output))
        if amount is not None
        for number, unit in [parse_amount(amount)]
    )
    PRICE_BOOK.set(provider, model, prices)


def prices(provider: str, model: str | None = None) -> Mapping[str, tuple[Price, ...]]:
    """Return what is known of a provider's prices, by model: the list that this process read last, else the shipped copy.

    `price_list_age(provider)` says how old it is. `client.models()` reads the list.
    """
    found = PRICE_BOOK.all(provider)
    return found if model is None else {model: found[model]} if model in found else {}


def price_list_age(provider: str) -> str:
    """Return how old the prices of a provider are, in words: "read 12 s ago", "documents of 2026-11-21", or "no prices known"."""
    age = PRICE_BOOK.age_s(provider)
    if age is not None:
        return f"read {age:.0f} s ago"
    shipped = _shipped().get(provider)
    return f"documents of {shipped['as_of']}" if shipped and shipped["models"] else "no prices known"
