"""What became of the rows of a job."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from multiapi.bulk.entries import State, amount_of
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.owner import Owner
from multiapi.money.units import written


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of the rows of a job's input.

    Attributes:
        over_budget: Rows that did not fit into the budget; they were not sent.
        sent: HTTP requests that left in this run.
        refused: Of them, those that were answered with 429.
        spent: In `unit`; what is only estimated counts too.
        held: What unknown rows may have cost at most.
        stopped: Why it ended before its last row: "" (it did not), "budget", "circuit", "interrupted" or "error: CLASS".
        reason: The error that opened the circuit.
        seconds: How long this run took.
    """

    rows: int
    done: int
    failed: int
    unknown: int
    over_budget: int
    sent: int
    refused: int
    spent: Decimal
    held: Decimal
    unit: str | None
    stopped: str = ""
    reason: str = ""
    reason_class: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.done} of {self.rows} rows done"]
        parts += [f"{count} {word}" for count, word in ((self.failed, "failed"), (self.unknown, "unknown")) if count]
        if self.over_budget:
            parts.append(f"{self.over_budget} over budget")
        money = f"{written(self.spent, self.unit)} spent"
        if self.held:
            money += f", up to {written(self.held, self.unit)} more for unknown rows"
        why = f"; stopped: {self.stopped}{f' ({self.reason})' if self.reason else ''}" if self.stopped else ""
        return f"{', '.join(parts)}; {self.sent} requests, {self.refused} refused for now; {money}{why}"


def report_of(ledger: Ledger, owner: Owner | None = None, seconds: float = 0.0) -> Report:
    """Return what became of the rows of the latest run, as the ledger says it."""
    counts = ledger.counts_of_run()
    stopped = "" if owner is None else owner.stopped
    opened = owner is not None and stopped == "circuit"
    return Report(
        rows=sum(counts.values()),
        done=counts[State.DONE],
        failed=counts[State.FAILED],
        unknown=counts[State.UNKNOWN],
        over_budget=counts[State.BUDGET],
        sent=0 if owner is None else owner.sent,
        refused=0 if owner is None else owner.refused,
        spent=amount_of(ledger.spent),
        held=amount_of(ledger.held),
        unit=ledger.fact("unit") or None,
        stopped=stopped,
        reason=owner.circuit.message if opened and owner is not None else "",
        reason_class=owner.circuit.error_class if opened and owner is not None else "",
        seconds=seconds,
    )
