"""Money: a balance for each key, and every charge that was made, so that all the figures add up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from multiapi._package import new_lock


@dataclass(frozen=True, slots=True)
class Charge:
    """One call that was made, with its price; a failed call has the price nothing."""

    at: float
    operation: str
    model: str
    amount: Decimal
    input_tokens: int = 0
    output_tokens: int = 0
    reference: str = ""
    ok: bool = True
    status: int = 200
    client_reference: str = ""


@dataclass
class Account:
    """What one key owns."""

    vendor: str
    key: str
    opened_at: float
    deposit: Decimal
    balance: Decimal = field(init=False)
    charges: list[Charge] = field(default_factory=list)
    _lock: Any = field(default_factory=new_lock, repr=False)

    def __post_init__(self) -> None:
        self.balance = self.deposit

    def charge(self, charge: Charge) -> None:
        """Book a call."""
        with self._lock:
            self.balance -= charge.amount
            self.charges.append(charge)

    def between(self, start: float, end: float) -> list[Charge]:
        """The calls from `start` up to, but not at, `end`."""
        return [charge for charge in self.charges if start <= charge.at < end]

    def by_model(self, charges: list[Charge]) -> Iterator[tuple[str, list[Charge]]]:
        """The calls of each model, in the order of the first."""
        groups: dict[str, list[Charge]] = {}
        for charge in charges:
            groups.setdefault(charge.model, []).append(charge)
        yield from groups.items()


def day_start(at: float) -> float:
    """Midnight (UTC) of the day of a time."""
    return datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def iso(at: float) -> str:
    """A time as text, in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(amount: Decimal) -> float | int:
    """A sum as a JSON number, without noise."""
    return int(amount) if amount == int(amount) else float(amount)
