"""Dask and Daft with a wrapped job: each row is paid for once, and a second run of the same graph pays nothing. Skipped where they are not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat
from multiapi.simulator import Simulator


def label(call: Any, number: int) -> str:
    return str(call.sync(f"row {number}", {"text": f"Say the number {number}."})["finish_reason"])


def job(simulator: Simulator, folder: Path) -> BulkJob:
    return BulkJob(
        [],
        None,
        Chat("aimlapi:openai/gpt-4o", prompt="{text}", max_tokens=20),
        ledger_dir=folder,
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.AsyncClient(transport=simulator.async_transport),
    )


def paid(simulator: Simulator) -> tuple[int, int]:
    return sum(simulator.counts.answered.values()), simulator.counts.paid_twice


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask(tmp_path: Path, scheduler: str) -> None:
    bag = pytest.importorskip("dask.bag")
    simulator = Simulator()
    for _ in range(2):
        with job(simulator, tmp_path / "job").wrap() as call:
            rows = bag.from_sequence(range(8), npartitions=2)
            assert rows.map(lambda number: label(call, number)).compute(scheduler=scheduler) == ["stop"] * 8
    assert paid(simulator) == (8, 0)


def test_daft(tmp_path: Path) -> None:
    daft = pytest.importorskip("daft")
    simulator = Simulator()
    for _ in range(2):
        with job(simulator, tmp_path / "job").wrap() as call:
            frame = daft.from_pydict({"n": list(range(8))})
            answers = frame["n"].apply(lambda number: label(call, number), return_dtype=daft.DataType.string())
            assert frame.with_column("answer", answers).to_pydict()["answer"] == ["stop"] * 8
    assert paid(simulator) == (8, 0)
