"""`multiapi batch`: rows in, answers out, and an exit code that a scheduler can act on."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from multiapi.bulk import BulkProgress
from multiapi.bulk.vendor_batches import BatchRun
from multiapi.simulator import Simulator
from tests.cli.conftest import RunCli

batch_module = import_module("multiapi.cli.batch")


@pytest.fixture
def rows(tmp_path: Path) -> str:
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"n": n, "text": f"Say the number {n}."}) + "\n" for n in range(5))
    )
    return "in.jsonl"


CHAT = ("-m", "aimlapi:openai/gpt-4o", "--prompt", "{text}", "--max-tokens", "20", "--id", "n", "--simulator")


def test_rows_become_answers_and_a_second_run_sends_nothing(cli: RunCli, rows: str, tmp_path: Path) -> None:
    first = cli("batch", rows, "out.jsonl", *CHAT, "--json")
    assert (first.code, first.json["done"], first.json["sent"], first.json["unit"]) == (0, 5, 5, "USD")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 5
    again = cli("batch", rows, "out.jsonl", *CHAT)
    assert again.code == 0
    assert again.out.startswith("5 of 5 rows done; 0 requests")


def test_status_and_estimate_ask_no_model(cli: RunCli, rows: str) -> None:
    cli("batch", rows, "out.jsonl", *CHAT)
    status = cli("batch", "out.jsonl", "--status", "--json")
    assert (status.code, status.json["done"]) == (0, 5)
    estimate = cli("batch", rows, "other.jsonl", *CHAT, "--estimate", "--json")
    assert (estimate.code, estimate.json["rows"]) == (0, 5)


def test_a_budget_that_is_reached_has_its_own_code(cli: RunCli, rows: str) -> None:
    ran = cli("batch", rows, "out.jsonl", *CHAT, "--budget", "0 USD", "--json")
    assert (ran.code, ran.json["done"]) == (13, 0)


def test_rows_that_fail_have_their_own_code(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"n": 1, "text": "Say hello."}\n{"n": 2}\n')
    ran = cli("batch", "in.jsonl", "out.jsonl", *CHAT, "--json")
    assert (ran.code, ran.json["done"], ran.json["failed"]) == (12, 1, 1)
    assert "no field 'text'" in (tmp_path / "out.failed.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("in.jsonl", *CHAT), "name the file for the answers"),
        (("in.jsonl", "out.jsonl", "-m", "aimlapi:m", "--simulator"), "--prompt"),
        (("in.jsonl", "out.jsonl", "-p", "aimlapi", "--prompt", "{text}", "--simulator"), "name a model"),
        (("nope.jsonl", "out.jsonl", *CHAT), "does not exist"),
        (("in.jsonl", "out.txt", *CHAT), "not a kind of file"),
        (("in.jsonl", "out.jsonl", *CHAT, "--budget", "5 INR"), "counts in USD"),
        (("in.jsonl", "in.jsonl", *CHAT), "is the input"),
        (("out.jsonl", "--status"), "holds no ledger"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(cli: RunCli, rows: str, words: tuple[str, ...], said: str) -> None:
    ran = cli("batch", *words)
    assert ran.code == 2
    assert said in ran.error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workers", "2"), "--workers needs --engine ray"),
        (("--engine", "ray"), "`multiapi simulator`"),
        (("--mode", "batch"), "Claude"),
    ],
)
def test_engines_and_modes_are_checked_before_anything_is_sent(
    cli: RunCli, rows: str, words: tuple[str, ...], said: str
) -> None:
    ran = cli("batch", rows, "out.jsonl", *CHAT, *words)
    assert ran.code in {2, 11}
    assert said in ran.error


def test_the_providers_own_batches_can_be_cancelled(
    cli: RunCli, rows: str, served: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = ("-m", "aimlapi:claude-sonnet-4-5-20250929", "--prompt", "{text}", "--max-tokens", "20", "--id", "n")
    monkeypatch.setattr(BatchRun, "_collect", interrupted)
    left = cli("batch", rows, "out.jsonl", *chat, "--mode", "batch", "--batch-rows", "3")
    assert left.code == 130
    assert left.err.splitlines()[-1] == "multiapi batch out.jsonl -p aimlapi --cancel"
    ran = cli("batch", "out.jsonl", "-p", "aimlapi", "--cancel", "--json")
    assert ran.code == 0, ran.err
    assert len({*ran.json["cancelled"], *ran.json["ended"]}) == 2
    assert sum("cancel" in entry.path for entry in served.log) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
@pytest.mark.parametrize("columns", [20, 40, 200])
def test_progress_stays_on_one_line_of_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    facts = {"done": 10**6, "failed": 3, "unknown": 2, "read": 5, "under_way": 2, "window": 64, "refused": 0}
    spent = Decimal("12.345678901")
    batch_module._progress(BulkProgress(**facts, spent=spent, unit="USD", seconds=1.0, rows_per_s=99.0))
    said = capsys.readouterr().err
    assert said.startswith("\r\x1b[K1000000 done")
    assert len(said.removeprefix("\r\x1b[K")) < columns
    assert "\n" not in said


async def interrupted(self: BatchRun) -> int:
    """As if Ctrl-C came while it waits."""
    self.worker.stop("interrupted")
    return 0


@pytest.mark.parametrize(
    ("task", "model", "made"),
    [("image", "binobox:imagen-4-fast-generate", ".png"), ("speech", "aicredits:openai/tts-1", ".mp3")],
)
def test_media_in_bulk(cli: RunCli, rows: str, tmp_path: Path, task: str, model: str, made: str) -> None:
    prompt = ("--prompt", "{text}") if task == "image" else ()
    ran = cli("batch", rows, "out.jsonl", "-m", model, "--task", task, *prompt, "--simulator", "--ordered", "--json")
    assert (ran.code, ran.json["done"]) == (0, 5), ran.err
    assert len(list(tmp_path.rglob(f"*{made}"))) == 5
