"""Unknown rows and the provider's log: what was charged is booked and not sent again, what never arrived is sent by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat
from multiapi.bulk.entries import Claim, Outcome, State, amount_of, key_of
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.reconcile import can_reconcile, reconcile
from multiapi.provider import PROVIDERS
from multiapi.simulator import Simulator
from multiapi.types.account import LogEntry, Page
from multiapi.types.usage import Cost


class Log:
    """A client whose log holds these entries, two on a page."""

    def __init__(self, entries: list[LogEntry]) -> None:
        self.entries = entries
        self.asked: list[Any] = []

    async def logs(self, request: Any) -> Page:
        self.asked.append(request)
        start = request.offset or 0
        more = start + 2 < len(self.entries)
        return Page(items=tuple(self.entries[start : start + 2]), next_offset=start + 2 if more else None)


def entry(own_id: str, status: str, cost: str | None = None) -> LogEntry:
    known = None if cost is None else Cost(Decimal(cost), "USD")
    return LogEntry(created=None, status=status, model="m", cost=known, client_request_id=own_id)


async def test_the_log_decides_what_it_can(tmp_path: Path) -> None:
    now = [1000.0]
    with Ledger(tmp_path / "job", clock=lambda: now[0]) as ledger:
        ids: dict[str, str] = {}
        for name in ("charged", "failed", "gone", "late"):
            if name == "late":
                now[0] += 5000
            (go,) = ledger.claim("w", [Claim(key_of([name]), name, len(ids), 7_000_000)])
            ledger.sent(go.call)
            ledger.settle([Outcome(key=go.key, call=go.call, state=State.UNKNOWN)])
            ids[name] = go.own_id
        ledger.commit()
        log = Log(
            [
                entry("foreign", "succeeded", "9"),
                entry(ids["failed"], "failed"),
                entry(ids["charged"], "failed"),
                entry(ids["charged"], "succeeded", "0.002"),
            ]
        )
        result = await reconcile(log, ledger, clock=lambda: now[0] + 60)
        assert (result.charged, result.freed, result.undecided) == (1, 2, 1)
        states = {row.id: (row.state, row.charged, row.spent) for row in ledger.rows(this_run=False)}
        assert states["charged"] == (State.UNKNOWN, True, 2_000_000)
        assert states["failed"][0] is states["gone"][0] is State.FREE
        assert states["late"][0] is State.UNKNOWN
        assert (amount_of(ledger.spent), amount_of(ledger.held)) == (Decimal("0.002"), Decimal("0.007"))
        assert log.asked[0].start == datetime.fromtimestamp(700, UTC)
        assert len(log.asked) == 2
        again = await reconcile(log, ledger, clock=lambda: now[0] + 60)
        assert (again.charged, again.freed, again.undecided) == (0, 0, 1)


def test_only_providers_with_a_log_by_own_ids_are_asked() -> None:
    assert [name for name, each in PROVIDERS.items() if can_reconcile(each)] == ["aimlapi"]
    assert not can_reconcile(SimpleNamespace(request_id_header=None, operations={"logs": 1}))


@pytest.mark.parametrize("fault", ["drop", "drop-body"])
def test_a_charged_answer_that_was_lost_is_booked_from_the_simulators_log(tmp_path: Path, fault: str) -> None:
    simulator = Simulator()

    def job(**settings: Any) -> BulkJob:
        return BulkJob(
            [{"n": number, "text": f"Say the number {number}."} for number in range(4)],
            tmp_path / "out.jsonl",
            Chat("aimlapi:openai/gpt-4o", prompt="{text}", max_tokens=20),
            id="n",
            api_key="any-key-1234",
            base_url=simulator.base_url("aimlapi"),
            http_client=httpx.AsyncClient(transport=simulator.async_transport),
            **settings,
        )

    simulator.faults.add(fault, vendor="aimlapi", operation="createChatCompletion")
    report = job().run()
    assert (report.done, report.unknown) == (3, 1)
    report = job().run()  # reads the log first
    assert (report.done, report.unknown, report.sent) == (3, 1, 0)
    (row,) = job().unknown()
    assert row["charged"] is True
    account = simulator.vendor("aimlapi").accounts["any-key-1234"]
    assert report.spent == account.deposit - account.balance
    assert report.held == 0
