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
        "    return total(third_value)",
    ]
    planted = ast.parse(
        text.format("\n".join(lines), "\n".join(line.replace("= decide", "= await decide") for line in lines))
    )
    monkeypatch.setattr(measure, "sources", lambda: {"multiapi.types.chat": None})
    monkeypatch.setattr(measure, "tree", lambda _: planted)
    assert measure.twins() == [("multiapi.types.chat", "look", 4)]
