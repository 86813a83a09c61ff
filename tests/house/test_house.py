"""The house stays as LAYOUT planned it: few entries, no circles, imports that only go down, no twins."""

from __future__ import annotations

import ast

import pytest

from tests.house import measure


def test_the_core_has_few_entries() -> None:
    assert len(measure.entries()) <= 20, measure.entries()


def test_every_room_has_its_level() -> None:
    known = {room for row in measure.LEVELS for room in row}
    assert set(measure.rooms()) <= known


def test_imports_only_go_down() -> None:
    assert measure.upward() == []


@pytest.mark.parametrize("between", ["rooms", "modules"])
def test_there_are_no_circles(between: str) -> None:
    assert measure.circles(between) == []


def test_there_are_few_floors() -> None:
    assert measure.floors() <= 11


def test_no_policy_stands_twice_for_sync_and_async() -> None:
    assert measure.twins() == []


def test_a_circle_and_an_import_upward_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = (
        measure.Import("multiapi.types.chat", "multiapi.flows.chat", 1),
        measure.Import("multiapi.flows.chat", "multiapi.types.chat", 1),
    )
    monkeypatch.setattr(measure, "imports", lambda: planted)
    assert measure.upward() == [planted[0]]
    assert measure.circles("rooms") == [("multiapi.flows", "multiapi.types")]
    assert measure.circles() == [("multiapi.flows.chat", "multiapi.types.chat")]


def test_twins_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def look(x):\n{0}\n\nasync def alook(x):\n{1}\n"
    lines = [
        "    first_value = decide(x)",
        "    second_value = weigh(first_value)",
        "    third_value = price(x)",
        "    if third_value > second_value:",
        "        return total(third_value)",
    ]
    planted = ast.parse(
        text.format("\n".join(lines), "\n".join(line.replace("= decide", "= await decide") for line in lines))
    )
    monkeypatch.setattr(measure, "sources", lambda: {"multiapi.types.chat": None})
    monkeypatch.setattr(measure, "tree", lambda _: planted)
    assert measure.twins() == [("multiapi.types.chat", "look", 4)]


def test_lines_that_only_wait_are_no_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["with errors_of_the_framework():", "    request = translated(x)", "    return {}answer(request)"]
    text = "def look(x):\n{0}\n\nasync def alook(x):\n{1}\n"
    bodies = ("\n".join("    " + line.format(word) for line in lines) for word in ("", "await "))
    planted = ast.parse(text.format(*bodies))
    monkeypatch.setattr(measure, "sources", lambda: {"multiapi.types.chat": None})
    monkeypatch.setattr(measure, "tree", lambda _: planted)
    assert measure.twins(at_least=1) == [("multiapi.types.chat", "look", 1)]


def test_the_loops_decide_nothing() -> None:
    """They know generators, steps and how they end, and no name of what is asked for."""
    loops = [node for node in measure.tree(measure.DRIVING).body if getattr(node, "name", "").find("drive") in {0, 1}]
    assert len(loops) == 4
    for loop in loops:
        assert len(ast.unparse(loop).splitlines()) <= 25
        names = {node.id for node in ast.walk(loop) if isinstance(node, ast.Name)}
        known = {"steps", "client", "step", "outcome", "failure", "error", "item"}
        typing = {"Steps", "Any", "T", "Generator", "AsyncGenerator", "BaseException", "StopIteration", "isinstance"}
        assert names <= known | typing, names - known - typing
