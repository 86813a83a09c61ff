"""What a call used and cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Token counts; None is unknown, never guessed. `details` are the vendor's own sub-counts, unchanged."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    details: Mapping[str, Any] | None = None


class Cost(NamedTuple):
    """What a call cost. `unit` is "USD", "INR", "diamonds", "credits" or None where the vendor does not say it; never converted.

    `balance` is what remains, where the provider says it with the answer. `complete` is False where the call is known to be charged for
    once more than that, as with models that choose another one: `amount` is then the least that it cost.
    """

    amount: Decimal
    unit: str | None
    balance: Decimal | None = None
    complete: bool = True

    def __repr__(self) -> str:
        told = f"amount={self.amount!r}, unit={self.unit!r}, balance={self.balance!r}"
        return f"Cost({told})" if self.complete else f"Cost({told}, complete=False)"
