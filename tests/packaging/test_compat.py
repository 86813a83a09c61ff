"""The matrix of versions covers what `pyproject.toml` allows, and its page is as the program writes it."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement

from tests.packaging import compat

PROJECT = tomllib.loads((compat.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_matrix_begins_at_the_lower_bounds_and_tries_every_python() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [
        Requirement(entry)
        for name in ("langchain", "agents", "llamaindex")
        for entry in extras[name]
        if "multiapi" not in entry
    ]
    oldest = {Requirement(pin).name: Requirement(pin) for pin in compat.ROWS[0].pins}
    for requirement in wanted:
        (lowest,) = [each.version for each in requirement.specifier if each.operator == ">="]
        padded = lowest if lowest.count(".") > 1 else f"{lowest}.0"
        assert oldest[requirement.name].specifier.contains(padded), requirement
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert list(compat.PYTHONS) == list(compat.ROWS[-1].pythons) == named


def test_every_suite_is_there() -> None:
    assert [suite for suite in compat.SUITES if not (compat.ROOT / suite).is_file()] == []


def test_the_page_is_as_the_program_writes_it() -> None:
    text = compat.PAGE.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ][1:]
    rows = [row for row in rows if row[0] != "---"]
    day = re.search(r"on (\d{4}-\d{2}-\d{2}):", text)
    assert day is not None
    assert re.sub(r"on \d{4}-\d{2}-\d{2}:", day[0], compat.page(rows)) == text
    assert {row[0] for row in rows} <= {row.name for row in compat.ROWS}


def test_a_python_that_is_not_there_is_said() -> None:
    assert compat.tried(compat.Row("x", (), ("3.1",)), "3.1")[-1] == "no such Python here"
