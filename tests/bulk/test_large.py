"""Many rows: each is sent once, the order is kept, and memory does not grow with them. `MULTIAPI_LARGE=1` for a hundred thousand,
`MULTIAPI_LARGE=1000000` for a million.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import bulk

LARGE = int(os.environ.get("MULTIAPI_LARGE") or 0)
ROWS = max(LARGE, 100_000) if LARGE else 3_000
VECTORS = 50_000 if LARGE else 1_500


def measured(part: str, folder: Path, rows: int) -> dict[str, int]:
    """Run a part of the measurements in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bulk", "--part", part, "--folder", str(folder), "--rows", str(rows)]
    root = Path(bulk.__file__).resolve().parent.parent
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_many_rows_once(tmp_path: Path) -> None:
    first = measured("job", tmp_path, ROWS)
    assert (first["requests"], first["answered twice"]) == (ROWS, 0)
    assert (first["done"], first["rows out"]) == (ROWS, ROWS)
    with (tmp_path / "out.jsonl").open() as lines:
        assert all(json.loads(line)["n"] == number for number, line in enumerate(lines))
    again = measured("rerun", tmp_path, ROWS)
    assert (again["requests"], again["done"]) == (0, ROWS)
    assert max(first["peak_mb"], again["peak_mb"]) < 500


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Twenty times as many rows in the ledger, and ten times as many in a job, take the same memory but for caches."""
    few, many = (measured("ledger", tmp_path / str(rows), rows)["peak_mb"] for rows in (1_000, 20_000))
    assert many - few < 20
    small, large = (measured("job", _made(tmp_path / f"job{rows}"), rows)["peak_mb"] for rows in (300, ROWS))
    assert large - small < 40


def test_memory_does_not_grow_with_vectors(tmp_path: Path) -> None:
    """Each of 1,536 numbers; ten times as many take the same memory, from file to file."""
    few, many = (measured("vectors", _made(tmp_path / str(rows)), rows) for rows in (VECTORS // 10, VECTORS))
    assert (many["done"], many["rows out"]) == (VECTORS, VECTORS)
    assert many["peak_mb"] < 500
    assert many["peak_mb"] - few["peak_mb"] < 200


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
