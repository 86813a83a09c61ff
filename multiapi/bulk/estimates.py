"""What a job may cost, from a sample of its rows and list prices; no model is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from multiapi.bulk.entries import amount_of
from multiapi.bulk.owner import Money
from multiapi.bulk.rows import read_rows
from multiapi.bulk.tasks import Task, prepared_row
from multiapi.errors import MultiApiError

SAMPLE_ROWS = 1_000
BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a job may cost, from a sample of its rows; no model is asked.

    Attributes:
        low, high: In `unit`; None where no price is known.
        basis: "computed" from list prices; the cap of a budget then holds always. Else "measured": it may be passed by the window
            times the difference between the dearest row and what was expected.
        hours: The least that the provider's documented rate allows; None if none is documented.
    """

    rows: int
    input_tokens: int
    low: Decimal | None
    high: Decimal | None
    unit: str | None
    basis: Literal["computed", "measured"]
    hours: float | None


def estimate(source: str | Path | Iterable[Mapping[str, Any]], task: Task, money: Money, unit: str | None) -> Estimate:
    """Return what the rows of a source may cost; `money` has the prices."""
    rows = sampled = tokens = size = 0
    bound, computed = Decimal(0), True
    for row in read_rows(source):
        rows += 1
        if row.error or rows > SAMPLE_ROWS:
            continue
        try:
            prepared = prepared_row(task, row.row)
        except MultiApiError:
            continue
        sampled += 1
        size += prepared.body_bytes
        found = money.computed(prepared)
        computed = computed and found is not None
        bound += amount_of(found if found is not None else money.max_per_row or 0)
    scale = Decimal(rows) / sampled if sampled else Decimal(0)
    tokens = int(size / BYTES_A_TOKEN * float(scale))
    prices = money.prices
    low = prices.input * tokens if prices is not None and prices.input is not None else None
    rate = task.provider.requests_per_minute
    calls = rows / task.texts_per_call
    return Estimate(
        rows=rows,
        input_tokens=tokens,
        low=low,
        high=bound * scale if computed or money.max_per_row is not None else None,
        unit=unit,
        basis="computed" if computed else "measured",
        hours=calls / rate / 60 if rate else None,
    )
