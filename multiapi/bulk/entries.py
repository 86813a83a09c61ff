"""What the ledger of a job holds: states, claims, outcomes and rows, and how a row is named and an amount is counted.

A row is identified by the request that it makes and by its id, so that a changed prompt or model is a new row and a changed order is
not. Amounts are whole numbers of 10^-9 of the provider's unit, rounded up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import orjson

from multiapi.bulk.segments import KEY_BYTES, Place

NANO = Decimal(1_000_000_000)
_SORTED = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class State(IntEnum):
    """What is known of a row."""

    FREE = 0
    """Nothing was sent, or it is known that nothing arrived: may be sent."""
    CLAIMED = 1
    """A worker has it; nothing was sent."""
    SENT = 2
    """The request may have left."""
    DONE = 3
    """The response is on the disk."""
    FAILED = 4
    """Refused for good."""
    UNKNOWN = 5
    """May have been carried out and charged; never sent again unless the user asks for it."""
    BUDGET = 6
    """Did not fit into the budget; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that a worker wants to send. `bound` is what it may cost at most, in 10^-9 of the unit."""

    key: bytes
    id: str
    position: int
    bound: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the ledger says to a claim: "go" with an own id for the call, or the state that the row has."""

    key: bytes
    state: State
    go: bool = False
    call: int = 0
    own_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a row's call. `cost` is in 10^-9 of the unit; None is unknown."""

    key: bytes
    call: int
    state: State
    answer: bytes | None = None
    cost: int | None = None
    error_class: str = ""
    status: int | None = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the ledger knows it."""

    key: bytes
    id: str
    position: int
    state: State
    call: int
    tries: int
    held: int
    spent: int
    charged: bool | None
    error_class: str
    status: int | None
    code: str
    message: str
    not_before: float
    place: Place | None


def key_of(parts: Sequence[Any], *, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return the key of a row: a hash over provider, method, path, body and id, in one written form.

    `default` makes something that can be written of a value that JSON cannot hold; without it, only bytes may be among them.
    """
    try:
        text = orjson.dumps(parts, default or _hashed, _SORTED)
    except TypeError:  # names that are not text, lone surrogates, large numbers: the same form, slowly
        text = json.dumps(
            parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=default or _hashed
        ).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=KEY_BYTES).digest()


def stored(text: str) -> str:
    """Text as SQLite takes it: lone surrogates are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hashed(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": blake2b(bytes(value), digest_size=KEY_BYTES).hexdigest()}
    raise TypeError(f"a request with {type(value).__name__} in it cannot be identified")


def nano(amount: Decimal) -> int:
    """Return an amount in 10^-9 of its unit, rounded up."""
    return int((amount * NANO).to_integral_value(ROUND_CEILING))


def amount_of(value: int) -> Decimal:
    """Return the amount that a whole number of 10^-9 stands for."""
    return Decimal(value) / NANO
