"""A provider's batches: half price, collected by any process, and what is lost is lost as a whole and not ordered twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, Embed
from multiapi.bulk.entries import State
from multiapi.bulk.ledger import Ledger
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.money.prices import TokenPrices
from multiapi.simulator import Simulator

MODEL = "aimlapi:claude-sonnet-4-5-20250929"


class Stop(Exception):
    """The process ends while it waits."""


def job(simulator: Simulator, folder: Path, *, count: int = 25, dies: bool = False, **settings: Any) -> BulkJob:
    async def sleep(seconds: float) -> None:
        if dies:
            raise Stop
        simulator.clock.advance(seconds)

    rows = [{"n": number, "text": f"Say the number {number}."} for number in range(count)]
    return BulkJob(
        rows,
        folder / "out.jsonl",
        Chat(MODEL, prompt="{text}", max_tokens=20),
        **{
            "id": "n",
            "mode": "batch",
            "batch_rows": 10,
            "api_key": "any-key-1234",
            "base_url": simulator.base_url("aimlapi"),
            "http_client": httpx.AsyncClient(transport=simulator.async_transport),
            "sleep": sleep,
            "prices": TokenPrices(unit="USD", input=Decimal("0.000003"), output=Decimal("0.000015")),
            **settings,
        },
    )


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(job_wait_s=30, job_run_s=600)


def test_rows_are_ordered_in_batches_and_collected(simulator: Simulator, tmp_path: Path) -> None:
    report = job(simulator, tmp_path).run()
    assert (report.rows, report.done, report.sent) == (25, 25, 3)
    account = simulator.vendor("aimlapi").account("any-key-1234")
    assert report.spent > 0
    assert abs(report.spent - (account.deposit - account.balance)) <= (account.deposit - account.balance) / 2
    assert job(simulator, tmp_path).run().sent == 0


def test_another_process_collects_what_was_ordered(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        job(simulator, tmp_path, dies=True).run()
    with Ledger(tmp_path / "out.jsonl.job", read_only=True) as ledger:
        assert ledger.counts[State.SENT] == 25
        assert len(ledger.open_batches()) == 3
    report = job(simulator, tmp_path).run()
    assert (report.done, report.sent) == (25, 0)
    assert simulator.counts.paid_twice == 0


def test_an_order_whose_answer_is_lost_is_unknown_as_a_whole_and_not_ordered_twice(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.faults.add("drop", vendor="aimlapi", operation="createBatch")
    report = job(simulator, tmp_path).run()
    assert (report.done, report.unknown) == (15, 10)
    again = job(simulator, tmp_path).run()
    assert (again.done, again.unknown, again.sent) == (15, 10, 0)


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (Chat("aimlapi:openai/gpt-4o", prompt="{text}"), UnsupportedError, "Claude models"),
        (Chat("binobox:gemini-3.1-flash-lite", prompt="{text}"), UnsupportedError, "binobox has no batches"),
        (Embed("aimlapi:text-embedding-3-small"), UnsupportedError, "takes chats in batches"),
    ],
)
def test_what_has_no_batches_is_refused_before_anything_is_sent(
    simulator: Simulator, tmp_path: Path, task: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        BulkJob([], tmp_path / "out.jsonl", task, mode="batch")
    with pytest.raises(InvalidRequestError, match="batch_rows"):
        job(simulator, tmp_path, batch_rows=0)
    assert simulator.counts.requests == 0
