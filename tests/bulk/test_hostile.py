"""What a job meets in the wild: rows, files, folders and disks as nobody wishes them. Nothing of it ends a job that could go on, or costs twice."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, DamagedLedgerError, FolderInUseError, UnwritableLedgerError
from multiapi.bulk import rows as rows_module
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.lock import FolderLock
from multiapi.bulk.owner import Owner
from multiapi.errors import InvalidRequestError
from tests.bulk.test_job import Vendor, rows_in

GOOD = {"n": 1, "text": "good"}


def job_of(vendor: Vendor, source: Any, output: Path, *, id: str | None = "n", **settings: Any) -> BulkJob:
    task = Chat("aimlapi:m", prompt="{text}", max_tokens=5)
    client = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    return BulkJob(source, output, task, id=id, api_key="key-of-a-test-1", http_client=client, **settings)


def out(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


BAD: list[Mapping[Any, Any]] = [
    {"n": 2, "when": date(2026, 1, 1), "bytes": b"\xff", "amount": Decimal("1.5"), "any": object()},
    {"n": 2, "text": None},
    {"n": 2, "text": ""},
    {"n": 2, "text": " \n"},
    {"n": 2},
    {},
    {"text": "no id"},
    {"n": "", "text": "empty id"},
    {"n": 2, 3: "a column that is not named by text", "text": "x"},
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_row_that_cannot_be_sent_fails_alone(tmp_path: Path, bad: Mapping[Any, Any]) -> None:
    vendor = Vendor()
    report = job_of(vendor, [GOOD, bad, {"n": 9, "text": "last"}], tmp_path / "o.jsonl").run()
    assert (report.done, report.failed, report.stopped) == (2, 1, "")
    assert set(vendor.asked) == {"good", "last"}


class Broken(Chat):
    """A task with a fault of its own."""

    def prepare(self, row: Mapping[str, Any]) -> Any:
        """Fail as no error of this package does."""
        if row["n"] == 2:
            raise ZeroDivisionError("of the user's")
        return super().prepare(row)


def test_whatever_a_task_raises_fails_the_row_and_not_the_job(tmp_path: Path) -> None:
    rows = [{"n": number, "text": f"text {number}"} for number in range(4)]
    vendor = Vendor()
    job = job_of(vendor, rows, tmp_path / "o.jsonl")
    job.task = Broken("aimlapi:m", prompt="{text}", max_tokens=5)
    report = job.run()
    assert (report.done, report.failed) == (3, 1)
    assert "ZeroDivisionError" in next(job.failed())["error"]


@pytest.mark.parametrize(
    "row", [{"n": 2, "text": "\ud800"}, {"n": "\ud801", "text": "x"}, {"n": 2, "text": "x", "\udc00": 1}]
)
def test_lone_surrogates_are_sent_and_come_back(tmp_path: Path, row: Mapping[str, Any]) -> None:
    vendor = Vendor()
    report = job_of(vendor, [GOOD, row], tmp_path / "o.jsonl").run()
    assert (report.done, report.failed) == (2, 0)
    again = job_of(vendor, [GOOD, row], tmp_path / "o.jsonl").run()
    assert (again.done, again.sent) == (2, 0)
    assert row.items() <= out(tmp_path / "o.jsonl")[1].items()


@pytest.mark.parametrize("id", ["n", None])
@pytest.mark.parametrize("far", [1, 600])
def test_a_row_that_comes_twice_is_in_the_output_twice(tmp_path: Path, far: int, id: str | None) -> None:
    rows = [{"n": number, "text": f"text {number}"} for number in range(far)]
    vendor = Vendor()
    job_of(vendor, [*rows, *rows[:1]], tmp_path / "o.jsonl", id=id).run()
    answers = [row["answer"] for row in out(tmp_path / "o.jsonl")]
    assert answers == [f"echo text {number}" for number in [*range(far), 0]]
    assert vendor.asked["text 0"] == (1 if id else 2)


def test_equal_rows_are_counted_over_all_workers(tmp_path: Path) -> None:
    """Two workers, and one that died and whose rows are read again: each position keeps its number."""

    async def numbers() -> list[list[int]]:
        with Ledger(tmp_path) as ledger:
            owner = Owner(ledger)
            key = b"k" * 16
            asked = [("one", [(key, 0), (key, 4)]), ("two", [(key, 2)]), ("one-again", [(key, 4), (key, 0), (key, 7)])]
            return [await owner.occurrences(worker, rows) for worker, rows in asked]

    assert asyncio.run(numbers()) == [[0, 1], [2], [1, 0, 3]]


# ------------------------------------------------------------------------------------ files


def test_a_damaged_end_of_a_file_fails_one_row(tmp_path: Path) -> None:
    whole = gzip.compress(rows_in(tmp_path / "plain.jsonl", 500).read_bytes())
    (tmp_path / "i.jsonl.gz").write_bytes(whole[:-200])
    report = job_of(Vendor(), tmp_path / "i.jsonl.gz", tmp_path / "o.jsonl").run()
    assert report.failed == 1
    assert report.done > 100
    assert "cannot be read behind row" in (tmp_path / "o.failed.jsonl").read_text()


@pytest.mark.parametrize("name", ["i.jsonl.gz", "i.csv.gz", "i.parquet"])
def test_a_file_that_is_something_else_is_told_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_text("something else")
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        job_of(Vendor(), tmp_path / name, tmp_path / "o.jsonl")


def test_a_field_of_a_csv_file_may_be_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = csv.field_size_limit()
    try:
        (tmp_path / "i.csv").write_text(f"n,text\n1,{'x' * 300_000}\n2,y\n")
        assert job_of(Vendor(), tmp_path / "i.csv", tmp_path / "o.jsonl").run().done == 2
        monkeypatch.setattr(rows_module, "MAX_LINE_CHARS", 1)
        csv.field_size_limit(1000)
        report = job_of(Vendor(), [GOOD], tmp_path / "p.jsonl").run()
        assert report.done == 1
        (tmp_path / "j.csv").write_text(f"n,text\n1,a\n2,{'x' * 3000}\n")
        assert job_of(Vendor(), tmp_path / "j.csv", tmp_path / "q.jsonl").run().failed == 1
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    "first", ['{"n": 0}', '{"n": 0, "text": null}', '{"n": 0, "text": ""}', "{", '{"text": "no id"}']
)
def test_a_bad_first_row_does_not_stop_a_job(tmp_path: Path, first: str) -> None:
    (tmp_path / "i.jsonl").write_text(f'{first}\n{{"n": 1, "text": "good"}}\n')
    report = job_of(Vendor(), tmp_path / "i.jsonl", tmp_path / "o.jsonl").run()
    assert (report.done, report.failed) == (1, 1)


@pytest.mark.parametrize(
    ("source", "output", "failed"),
    [
        ("i.jsonl", "o.jsonl", "o.failed.jsonl"),
        ("i.jsonl", "o.2024.jsonl", "o.2024.failed.jsonl"),
        ("o.failed.jsonl", "o.second.jsonl", "o.second.failed.jsonl"),
        ("i.jsonl", "o.jsonl.gz", "o.failed.jsonl"),
    ],
)
def test_the_file_of_failed_rows_is_of_this_output_alone(tmp_path: Path, source: str, output: str, failed: str) -> None:
    (tmp_path / "o.failed.jsonl").write_text("keep me\n")
    (tmp_path / source).write_text('{"n": 1, "text": "good"}\n{"n": 2}\n')
    before = (tmp_path / source).read_text()
    job_of(Vendor(), tmp_path / source, tmp_path / output).run()
    assert [row["n"] for row in out(tmp_path / failed)] == [2]
    assert (tmp_path / source).read_text() == before
    if "o.failed.jsonl" not in (failed, source):
        assert (tmp_path / "o.failed.jsonl").read_text() == "keep me\n"


def test_no_output_is_written_over_its_input(tmp_path: Path) -> None:
    rows_in(tmp_path / "o.failed.jsonl", 2)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "o.failed.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    for source, output in (("o.failed.jsonl", "o.jsonl"), ("link.jsonl", "o.jsonl"), ("link.jsonl", "o.failed.jsonl")):
        with pytest.raises(InvalidRequestError, match="is the input"):
            job_of(Vendor(), tmp_path / source, tmp_path / output)
    with pytest.raises(InvalidRequestError, match="is a folder"):
        job_of(Vendor(), tmp_path / "o.failed.jsonl", tmp_path / "folder.jsonl")


# ------------------------------------------------------------------------------------ folders and disks


def lock(folder: Path, **facts: Any) -> None:
    (folder / "lock").write_text(json.dumps(facts))


def test_only_a_lock_of_another_machine_is_taken_over_on_request(tmp_path: Path) -> None:
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        lock(tmp_path, pid=living.pid, host=socket.gethostname())
        with pytest.raises(FolderInUseError, match=f"process {living.pid}"):
            FolderLock(tmp_path).take(take_over=True)
    finally:
        living.communicate()
    FolderLock(tmp_path).take()
    lock(tmp_path, pid=1, host="elsewhere")
    with pytest.raises(FolderInUseError, match="elsewhere"):
        FolderLock(tmp_path).take()
    mine = FolderLock(tmp_path)
    mine.take(take_over=True)
    lock(tmp_path, pid=1, host="elsewhere")  # somebody there takes it back
    mine.release()
    assert (tmp_path / "lock").exists()


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_lock_that_was_cut_off_holds_nobody_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    FolderLock(tmp_path).take()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


TAKER = """
import sys
from pathlib import Path
from multiapi.bulk.lock import FolderInUseError, FolderLock
print("ready", flush=True)
input()
try:
    FolderLock(Path(sys.argv[1])).take()
    print("taken", flush=True)
except FolderInUseError:
    print("refused", flush=True)
input()
"""


def test_a_lock_of_a_dead_process_is_taken_over_by_one_of_many(tmp_path: Path) -> None:
    lock(tmp_path, pid=2**22 + 1, host=socket.gethostname())
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(4)
    ]
    said: Counter[str] = Counter()
    for each in takers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in takers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in takers:
        assert each.stdout is not None
        said[each.stdout.readline().strip()] += 1
    for each in takers:
        each.communicate("\n")
    assert said == {"taken": 1, "refused": 3}


def test_a_broken_ledger_has_an_error_of_its_own(tmp_path: Path) -> None:
    job_of(Vendor(), [{"n": number, "text": f"text {number}"} for number in range(300)], tmp_path / "o.jsonl").run()
    ledger = tmp_path / "o.jsonl.job" / "ledger.sqlite"
    whole = ledger.read_bytes()
    for damaged in (b"z" * 100 + whole[100:], whole[:4096] + b"z" * (len(whole) - 8192) + whole[-4096:], b"no ledger"):
        ledger.write_bytes(damaged)
        vendor = Vendor()
        with pytest.raises(DamagedLedgerError, match=r"ledger\.sqlite"):
            job_of(vendor, [GOOD], tmp_path / "o.jsonl").run()
        assert not vendor.asked
        assert not (tmp_path / "o.jsonl.job" / "lock").exists()


class Full:
    """A database whose disk is full where it is said."""

    def __init__(self, wrapped: Any, fails: Callable[[str], bool]) -> None:
        self._wrapped = wrapped
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def execute(self, text: str, *values: Any) -> Any:
        """Fail now and then, as SQLite does."""
        if self._fails(text):
            self._wrapped.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return self._wrapped.execute(text, *values)


@pytest.mark.parametrize("after", [1, 2, 5, 10])
def test_a_full_disk_ends_a_job_in_one_error_and_nothing_is_paid_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    commits: Iterator[int] = iter(range(10**6))
    connect = Ledger._connect
    with monkeypatch.context() as patch:
        patch.setattr(
            Ledger,
            "_connect",
            lambda self, durable: Full(
                connect(self, durable), lambda text: text == "COMMIT" and next(commits) >= after
            ),
        )
        vendor = Vendor()
        rows = [{"n": number, "text": f"text {number}"} for number in range(200)]
        with pytest.raises(UnwritableLedgerError, match="disk is full"):
            job_of(vendor, rows, tmp_path / "o.jsonl").run()
    assert not (tmp_path / "o.jsonl.job" / "lock").exists()
    report = job_of(vendor, rows, tmp_path / "o.jsonl").run()
    assert report.done + report.unknown == 200
    assert max(vendor.answered.values()) == 1
    assert len(out(tmp_path / "o.jsonl")) == 200
