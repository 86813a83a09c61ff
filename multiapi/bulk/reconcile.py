"""What a provider's log says of calls whose outcome is unknown: AI/ML API keeps one, by the id that was sent with each call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from multiapi.bulk.entries import State, nano
from multiapi.bulk.ledger import Ledger
from multiapi.types.usage import Cost

BEFORE_S = 300.0
AFTER_S = 900.0
SETTLED_AFTER_S = 600.0
"""How long after a call its absence from the log counts. How soon the log shows a call is not documented."""

PAGE_ROWS = 100


@dataclass(slots=True)
class Found:
    """What the log says of one id."""

    succeeded: bool = False
    failed: bool = False
    cost: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What came of it: rows that were charged and stay unknown, rows that are free again, rows that the log cannot decide yet."""

    charged: int = 0
    freed: int = 0
    undecided: int = 0
    calls: dict[str, Found] = field(default_factory=dict, repr=False)


def can_reconcile(provider: Any) -> bool:
    """Return whether a provider has a log in which calls are found by an id that was sent with them."""
    return provider.request_id_header is not None and "logs" in provider.operations


async def reconcile(
    client: Any, ledger: Ledger, *, settled_after_s: float = SETTLED_AFTER_S, clock: Callable[[], float] = time.time
) -> Reconciled:
    """Read the log for the calls of unknown rows.

    A row with a successful entry was charged: its cost is booked, and it stays unknown, because the log holds no response. One with failed
    entries only, or with none once `settled_after_s` have passed since it was sent, is free and will be sent by itself.
    """
    unknown: dict[str, list[tuple[bytes, float]]] = {}
    for row in ledger.rows(State.UNKNOWN, this_run=False):
        if row.charged:
            continue  # decided before
        own_id, begun, sent = ledger.call_of(row.call)
        unknown.setdefault(own_id, []).append((row.key, sent or begun))
    if not unknown:
        return Reconciled()
    times = [sent for rows in unknown.values() for _, sent in rows]
    entries = await _log(client, min(times) - BEFORE_S, max(times) + AFTER_S, set(unknown))
    charged = freed = undecided = 0
    for own_id, rows in unknown.items():
        found = entries.get(own_id, Found())
        if found.succeeded:
            ledger.charge([key for key, _ in rows], None if found.cost is None else nano(found.cost.amount))
            charged += len(rows)
            continue
        ready = [key for key, sent in rows if found.failed or clock() - sent >= settled_after_s]
        freed += ledger.free(ready, expected=(State.UNKNOWN,))
        undecided += len(rows) - len(ready)
    ledger.commit()
    return Reconciled(charged=charged, freed=freed, undecided=undecided, calls=entries)


async def _log(client: Any, start: float, end: float, wanted: set[str]) -> dict[str, Found]:
    from multiapi.types.account import LogsRequest

    found: dict[str, Found] = {}
    offset = 0
    while True:
        page = await client.logs(
            LogsRequest(
                start=datetime.fromtimestamp(start, UTC),
                end=datetime.fromtimestamp(end, UTC),
                limit=PAGE_ROWS,
                offset=offset,
            )
        )
        for entry in page.items:
            if entry.client_request_id not in wanted:
                continue
            held = found.setdefault(entry.client_request_id, Found())
            if entry.status == "succeeded":
                held.succeeded = True
                held.cost = entry.cost or held.cost
            else:
                held.failed = True
        if page.next_offset is None or page.next_offset <= offset:
            return found
        offset = page.next_offset
