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

    `balance` is what remains, where the vendor says it with the answer.
    """

    amount: Decimal
    unit: str | None
    balance: Decimal | None = None
