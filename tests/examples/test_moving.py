"""The apps of `examples/moving` say the same before and after the move, and the guide counts the lines that they change."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path
from typing import Any

import pytest

from multiapi.simulator.server import Server

ROOT = Path(__file__).resolve().parents[2]
RUN = runpy.run_path(str(ROOT / "examples" / "moving" / "run.py"))
PROGRAMS = RUN["programs"]()


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_moved_app_says_what_it_said(program: Any, multiapi_simulator: Server) -> None:
    if missing := program.missing():
        pytest.skip(f"{', '.join(missing)} is not installed")
    environment = RUN["environment"](multiapi_simulator.base_url("aimlapi"))
    after = RUN["output"](program.after, environment)
    assert after.strip()
    assert after == RUN["output"](program.before, environment)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_marked_lines_are_the_ones_that_differ(program: Any) -> None:
    assert not [
        line for line in program.before.splitlines() if "multiapi" in line or "# was" in line or "# new" in line
    ]
    marks = ("  # new", "# was: ")
    after = [
        line.partition("  # was: ")[0].removesuffix("  # new")
        for line in program.after.splitlines()
        if not line.startswith(marks[1])
    ]
    differing = [line for line in difflib.ndiff(program.before.splitlines(), after) if line.startswith("+ ")]
    assert len(differing) == len(program.changed) <= 5
    assert "langchain_openai" not in program.after.replace("# was: from langchain_openai", "")


def test_a_move_from_chat_openai_changes_two_lines() -> None:
    counts = {program.name: len(program.changed) for program in PROGRAMS}
    assert counts["chat_openai"] == counts["langgraph_agent"] == counts["agents_by_string"] == 2
