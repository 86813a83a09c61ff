"""Tries the versions of the frameworks that are allowed, on every Python that is found: `python -m tests.packaging.compat` (`make compat`).

Each row of the matrix is an environment below `build/compat`, in which the suites of the faces run; it is made again only where its row
changed. The table of what ran is printed, and written to `docs/compat.md` with `--page`. It needs an index and some minutes for each row.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "compat"
PAGE = ROOT / "docs" / "compat.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TOOLS = (
    "pytest>=9.0.3",
    "pytest-asyncio",
    "pytest-socket",
    "pytest-benchmark",
    "hypothesis",
    "psutil",
    "respx",
    "trustme",
    "packaging",
)
SUITES = (
    "tests/langchain/test_package.py",
    "tests/langchain/test_structured.py",
    "tests/langchain/test_forms_in_conversations.py",
    "tests/langchain/test_agents.py",
    "tests/llamaindex/test_components.py",
    "tests/llamaindex/test_structured.py",
    "tests/equivalence/test_by_provider.py",
    "tests/equivalence/test_context_length.py",
    "tests/sending/test_connection_settings.py",
)
SHOWN = ("langchain-core", "langchain", "langgraph", "llama-index-core", "openai", "httpx2", "pydantic")


class Row(NamedTuple):
    """A set of versions."""

    name: str
    pins: tuple[str, ...]
    pythons: tuple[str, ...]


ROWS = (
    Row("oldest", ("langchain-core~=1.6.0", "langchain~=1.4.0", "llama-index-core==0.14.20", "openai~=2.0"), ("3.11",)),
    Row("core 1.7", ("langchain-core~=1.7.0", "langchain~=1.4.0", "openai~=2.0"), ("3.11", "3.12")),
    Row("newest", ("langchain-core>=1.8", "langchain", "llama-index-core", "openai>=2", "httpx2"), PYTHONS),
)
"""What is tried: the lower bounds of `pyproject.toml`, what lies between, and what an index has today."""


def python_of(version: str) -> str | None:
    """Return an interpreter of this version, if there is one."""
    for found in filter(None, (shutil.which(f"python{version}"), sys.executable)):
        done = subprocess.run(
            [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0 and done.stdout.strip() == version:
            return found
    return None


def environment(row: Row, python: str, version: str) -> Path:
    """Make the environment of a row, unless it is there as it should be; gives its Python.

    Raises:
        RuntimeError: It cannot be installed.
    """
    folder = FOLDER / f"{re.sub(r'[^a-z0-9.]+', '-', row.name)}-{version}"
    wanted = "\n".join([*row.pins, *TOOLS, (ROOT / "pyproject.toml").read_text(encoding="utf-8")])
    note = folder / "row.txt"
    found = folder / "bin" / "python"
    if note.is_file() and note.read_text(encoding="utf-8") == wanted:
        return found
    _run(python, "-m", "venv", "--clear", folder)
    extras = f"{ROOT}[agents,llamaindex,simulator,cassettes,cli]"
    _run(found, "-m", "pip", "install", "--quiet", "--prefer-binary", "--editable", extras, *row.pins, *TOOLS)
    note.write_text(wanted, encoding="utf-8")
    return found


def versions(python: Path) -> dict[str, str]:
    """Return the versions that a row came to."""
    done = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True)
    listed = dict(line.split("==", 1) for line in done.stdout.splitlines() if "==" in line)
    return {name: listed.get(name, "–") for name in SHOWN}


def tried(row: Row, version: str) -> list[str]:
    """Return the cells of one row on one Python: what it was, and what came of it."""
    python = python_of(version)
    if python is None:
        return [row.name, version, *("–" for _ in SHOWN), "no such Python here"]
    try:
        found = environment(row, python, version)
    except RuntimeError as error:
        return [row.name, version, *("–" for _ in SHOWN), f"not installable: {error}"]
    suites = [suite for suite in SUITES if (ROOT / suite).exists()]
    command = [found, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *suites]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    last = next(
        (line for line in reversed(done.stdout.splitlines()) if re.search(r"\d+ (passed|failed|error)", line)), ""
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], sep="\n")
    said = re.sub(r"^[= ]+|[= ]+$| in [\d.]+s.*", "", last) or "did not start"
    print(row.name, version, said, flush=True)
    return [row.name, version, *versions(found).values(), said]


def table(rows: list[list[str]]) -> str:
    """Return the rows as Markdown."""
    head = ["versions", "Python", *SHOWN, "tests"]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def page(rows: list[list[str]]) -> str:
    """Return the page."""
    day = datetime.now(UTC).date().isoformat()
    return (
        "# Compatibility\n\n"
        "`make compat` installs each row into an environment of its own and runs the suites of both frameworks in it, on the simulator. "
        f"What it said on {day}:\n\n{table(rows)}\n"
        "A row without a Python could not be tried on that machine. Allowed are `langchain-core` 1.6 to 2, `langchain` 1.4 to 2, "
        "`llama-index-core` 0.14.20 to 0.15, and openai's package in any version beside it: this package does not use it.\n"
    )


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise RuntimeError(lines[-1] if lines else " ".join(map(str, command)))


def main() -> int:
    """Try the rows, or those that are named."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this row")
    options.add_argument("--python", action="append", choices=PYTHONS, help="only this Python")
    options.add_argument("--page", action="store_true", help="write docs/compat.md")
    chosen = options.parse_args()
    rows = [
        tried(row, version)
        for row in ROWS
        if not chosen.row or row.name in chosen.row
        for version in row.pythons
        if not chosen.python or version in chosen.python
    ]
    print(table(rows))
    if chosen.page:
        PAGE.write_text(page(rows), encoding="utf-8")
    return int(any("failed" in cells[-1] or "error" in cells[-1] or "did not" in cells[-1] for cells in rows))


if __name__ == "__main__":
    sys.exit(main())
