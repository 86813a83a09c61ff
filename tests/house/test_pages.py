"""The pages on the house say what is there: each file and name that answers "where does it live?", and the measured table."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.house import measure

CONTRIBUTING = (measure.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (measure.ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = dict(
    re.findall(r"^\| ([^|]+) \| (.+) \|$", CONTRIBUTING.partition("Where does it live?")[2], flags=re.MULTILINE)[1:8]
)
MEASURED = {
    what.strip(): now.strip()
    for what, now in re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$", ARCHITECTURE, re.MULTILINE)
}


def missing(places: str) -> list[str]:
    """Return what a row of the table names and the code lacks: files, and names in them."""
    named = re.findall(r"`([^`]+)`", places)
    files = [each for each in named if "/" in each]
    absent = [each for each in files if not (measure.ROOT / each).exists()]
    texts = [(measure.ROOT / each).read_text(encoding="utf-8") for each in files if (measure.ROOT / each).is_file()]
    names = [each for each in named if "/" not in each]
    return absent + [name for name in names if not any(re.search(rf"\b{name}\b", text) for text in texts)]


def test_the_table_has_the_seven_questions() -> None:
    assert len(PLACES) == 7


@pytest.mark.parametrize("question", PLACES)
def test_what_lives_where_is_there(question: str) -> None:
    assert missing(PLACES[question]) == []


def test_a_file_that_moved_is_missed() -> None:
    assert missing("`multiapi/nowhere.py`, and `multiapi/provider.py`, `NoSuchName`") == [
        "multiapi/nowhere.py",
        "NoSuchName",
    ]


@pytest.mark.parametrize(
    "row", [row for row in measure.table() if not row[0].startswith("lines")], ids=lambda row: row[0]
)
def test_the_measured_table_is_the_one_on_the_page(row: tuple[str, str, str]) -> None:
    assert MEASURED[row[0]] == row[1]


def test_a_call_passes_no_more_modules_than_before() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.house.passing", "-v"], capture_output=True, text=True, check=True
    )
    first, *modules = ran.stdout.splitlines()
    changes = int(first.split(": ")[1].split(" ")[1])
    said = MEASURED["modules that a LangChain `invoke` passes, changes of room"].split(", ")
    assert len(modules) <= int(said[0]), modules
    assert changes <= int(said[1])
