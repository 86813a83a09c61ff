"""`make demo` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/demo.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_cell_of_every_vendor_runs() -> None:
    done = run()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "Every cell ran." in done.stdout
    assert "On the simulator" in done.stdout
    table = done.stdout.partition("What ran")[2]
    assert table.count(" ok ") == 5 * 6
    for unit in ("(no", "USD", "diamonds"):
        assert unit in table


def test_it_runs_on_providers_as_their_users_saw_them(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Transcripts live one hour. Result links expire.\n")
    done = run("--as-seen", "--docs", str(tmp_path), "--provider", "aicredits", "--provider", "bineric")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    table = done.stdout.partition("What ran")[2]
    assert table.count(" ok ") == 2 * 6
    assert "INR" in table


def test_it_reads_other_folders_with_text_and_pdf(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Transcripts live three weeks here.\n")
    Image.new("RGB", (60, 60), "white").save(tmp_path / "empty.pdf")
    done = run("--docs", str(tmp_path), "--provider", "aimlapi")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Transcripts live three weeks here." in done.stdout


def test_a_folder_without_documents_fails_with_a_word_about_it(tmp_path: Path) -> None:
    done = run("--docs", str(tmp_path), "--provider", "binobox")
    assert done.returncode == 1
    assert "no .md, .txt, .pdf, .yaml files below" in done.stdout.replace("\n", " ")
    assert "failed: binobox: rag" in done.stdout


def test_live_without_a_key_says_what_is_missing() -> None:
    done = run("--live")
    assert done.returncode == 2
    assert "AIMLAPI_API_KEY" in done.stdout
