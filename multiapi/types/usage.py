"""What a call used and cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple


class Usage(NamedTuple):
    """Token counts; None is unknown, never guessed. `details` are the provider's own sub-counts, unchanged."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    details: Mapping[str, Any] | None = None


Basis = Literal["charged", "estimated", "at_least"]
"""Where an amount comes from: the provider said it, usage times list price, or a lower bound of that."""


class Cost(NamedTuple):
    """What a call cost. `unit` is "USD", "INR", "diamonds", "credits" or None where the provider does not say it; never converted.

    `balance` is what remains, where the provider says it with the response. `complete` is False where the call is known to be charged for
    once more than that, as with models that choose another one: `amount` is then the least that it cost. `basis` says where the amount
    comes from: "charged" (the provider said it), "estimated" (usage times list price), "at_least" (a lower bound).
    """

    amount: Decimal
    unit: str | None
    balance: Decimal | None = None
    complete: bool = True
    basis: Basis = "charged"

    @property
    def about(self) -> str:
        """What stands before the amount in a sentence: nothing, "about " or "at least "."""
        if not self.complete or self.basis == "at_least":
            return "at least "
        return "about " if self.basis == "estimated" else ""

    def to_dict(self) -> dict[str, Any]:
        """Return it with amounts as decimal text, such that nothing is rounded; what is as usual is left out."""
        told: dict[str, Any] = {"amount": str(self.amount), "unit": self.unit}
        if self.balance is not None:
            told["balance"] = str(self.balance)
        if not self.complete:
            told["complete"] = False
        if self.basis != "charged":
            told["basis"] = self.basis
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Cost | None:
        """Return the cost that `to_dict` wrote down; None if it is something else."""
        try:
            balance = told.get("balance")
            left = None if balance is None else Decimal(str(balance))
            complete = told.get("complete") is not False
            return cls(Decimal(str(told["amount"])), told.get("unit"), left, complete, told.get("basis") or "charged")
        except (KeyError, InvalidOperation):
            return None

    def __repr__(self) -> str:
        usual = {"complete": True, "basis": "charged"}
        shown = {name: value for name, value in self._asdict().items() if name not in usual or usual[name] != value}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
