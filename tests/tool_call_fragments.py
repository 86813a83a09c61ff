"""Tool calls as servers cut them: generated calls, in fragments and events of every form that can be told apart.

`sent_calls` draws a `Sent`: what was called, and the same as a whole body and as the events of a stream. Left out is only what has
two readings: nothing tells the fragments apart, or an index that is always 0 with a new id in the middle of another call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

NAMES = ("look", "find_it", "now")
ZERO_FRAGMENTS: tuple[Any, ...] = (
    {},
    {"id": "", "type": "", "function": {"name": "", "arguments": ""}},
    {"id": None, "type": "function", "function": {"name": None, "arguments": None}},
    {"id": "", "function": {}, "custom": {"name": "", "input": ""}},
    None,
)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = _WORDS | st.integers(-1000, 1000) | st.booleans() | st.none() | st.dictionaries(_WORDS, _WORDS, max_size=2)


@dataclass
class Sent:
    """What a server called, and how it said so."""

    names: list[str]
    arguments: list[dict[str, Any]]
    ids: list[str | None]
    """The id that each call must have; None where the server gave none that is its own."""
    body: dict[str, Any]
    events: list[dict[str, Any]]
    form: dict[str, Any]

    def fault(self, found: list[tuple[Any, Any, Any]]) -> str:
        """What is wrong with calls that were read as id, name and arguments; empty if nothing is."""
        if [(name, arguments) for _, name, arguments in found] != list(zip(self.names, self.arguments, strict=True)):
            return f"read {found} of {self.names}, {self.arguments}"
        ids = [id for id, _, _ in found]
        if not all(ids) or len(set(ids)) != len(ids):
            return f"ids {ids}"
        wrong = [(id, due) for id, due in zip(ids, self.ids, strict=True) if due is not None and id != due]
        return f"ids that are not the vendor's: {wrong}" if wrong else ""


@st.composite
def sent_calls(draw: st.DrawFn) -> Sent:
    """Calls in one form of many."""
    ids = draw(st.sampled_from(["unique", "shared", "missing", "empty", "changing"]))
    index = draw(st.sampled_from(["right", "missing", "zero", "pairs"]))
    is_right = index == "right"
    written = draw(st.sampled_from(["number", "number", "text", "decimal"]))
    form = {
        "ids": ids,
        "ids_in": draw(st.sampled_from(["first", "all"])),
        "index": index,
        "written": written,
        "name": draw(st.sampled_from(_ways_of_naming(ids, index))),
        "mixed": draw(st.booleans()) if is_right else False,
        "zeros": draw(st.booleans()),
    }
    if ids == "unique" and index == "missing" and form["ids_in"] == "all" and form["name"] != "pieces":
        form["mixed"] = draw(st.booleans())
    if ids == "unique" and is_right and form["name"] == "apart":
        form["ids_in"] = draw(st.sampled_from(["first", "all", "second"]))
    count = draw(st.integers(1, 4))
    told_apart = is_right or ids == "unique"
    names = [draw(st.sampled_from(NAMES)) for _ in range(count)]
    arguments = [draw(st.just({}) | st.dictionaries(_WORDS, _VALUES, max_size=3)) for _ in range(count)]
    texts = [
        draw(st.sampled_from(["", "{}"] if told_apart and form["name"] != "every" else ["{}"]))
        if not value
        else json.dumps(value, ensure_ascii=draw(st.booleans()))
        for value in arguments
    ]
    rows = [_fragments(draw, form, number, names[number], texts[number]) for number in range(count)]
    order: list[int] = []
    fragments: list[dict[str, Any]] = []
    while any(rows):
        waiting = [number for number, row in enumerate(rows) if row]
        number = draw(st.sampled_from(waiting)) if form["mixed"] else waiting[0]
        if number not in order:
            order.append(number)
        fragments.append(rows[number].pop(0))
        if form["zeros"] and draw(st.booleans()):
            fragments.append(draw(st.sampled_from(ZERO_FRAGMENTS)))
    wholes = [_whole(form, number, names[number], texts[number]) for number in order]
    if form["zeros"]:
        wholes.insert(draw(st.integers(0, count)), draw(st.sampled_from(ZERO_FRAGMENTS)))
    due = {"unique": _first_id, "changing": _first_id, "shared": lambda n: _first_id(0) if n == order[0] else None}
    return Sent(
        [names[number] for number in order],
        [arguments[number] for number in order],
        [due[ids](number) if ids in due else None for number in order],
        _body(wholes),
        _events(draw, fragments),
        form,
    )


def _ways_of_naming(ids: str, index: str) -> list[str]:
    ways = ["first", "apart"]
    if ids != "changing":
        ways.append("every")
    if ids == "unique" or (index == "right" and ids in {"missing", "empty"}):
        ways.append("pieces")
    return ways


def _first_id(number: int) -> str:
    return f"c{number}"


def _id(form: dict[str, Any], number: int, position: int) -> dict[str, Any]:
    kind = form["ids"]
    if kind == "changing":
        return {"id": _first_id(number) if position == 0 else f"c{number}.{position}"}
    if kind == "missing" or (position > 0 and form["ids_in"] == "first"):
        return {}
    if form["ids_in"] == "second" and position != 1:
        return {}
    return {"id": {"unique": _first_id(number), "shared": _first_id(0), "empty": ""}[kind]}


def _index(form: dict[str, Any], number: int) -> dict[str, Any]:
    if form["index"] == "missing":
        return {}
    place = {"right": number, "zero": 0, "pairs": number // 2}[form["index"]]
    return {"index": {"number": place, "text": str(place), "decimal": float(place)}[form["written"]]}


def _whole(form: dict[str, Any], number: int, name: str, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": text}
    position = 1 if form["ids_in"] == "second" else 0
    return {**_id(form, number, position), **_index(form, number), "type": "function", "function": function}


def _fragments(draw: st.DrawFn, form: dict[str, Any], number: int, name: str, text: str) -> list[dict[str, Any]]:
    """One call in fragments."""
    pieces: list[str] = []
    while text:
        size = draw(st.integers(1, len(text)))
        pieces.append(text[:size])
        text = text[size:]
    parts: list[dict[str, Any]]
    if form["name"] == "apart" or not pieces:
        pieces = pieces or ([""] if form["ids_in"] == "second" else [])
        parts = [{"name": name, "arguments": ""}, *({"arguments": piece} for piece in pieces)]
    elif form["name"] == "every":
        parts = [{"name": name, "arguments": piece} for piece in pieces]
    elif form["name"] == "pieces":
        at = draw(st.integers(1, len(name) - 1))
        parts = [{"name": name[:at]}, {"name": name[at:]}, *({"arguments": piece} for piece in pieces)]
    else:
        parts = [{"name": name, "arguments": pieces[0]}, *({"arguments": piece} for piece in pieces[1:])]
    return [
        {
            **_id(form, number, position),
            **_index(form, number),
            **({"type": "function"} if position == 0 else {}),
            "function": part,
        }
        for position, part in enumerate(parts)
    ]


def _body(calls: list[Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {"id": "a1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def _events(draw: st.DrawFn, fragments: list[Any]) -> list[dict[str, Any]]:
    """The fragments in events of any size; some events have their fragments in two choices of index 0."""
    deltas: list[list[Any]] = []
    while fragments:
        size = draw(st.integers(1, min(4, len(fragments))))
        deltas.append(fragments[:size])
        fragments = fragments[size:]
    events = []
    for held in deltas:
        cut = draw(st.integers(0, len(held)))
        parts = [part for part in (held[:cut], held[cut:]) if part]
        events.append(
            {
                "id": "a1",
                "model": "m",
                "choices": [{"index": 0, "delta": {"tool_calls": part}, "finish_reason": None} for part in parts],
            }
        )
    last = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    return [*events, {"id": "a1", "model": "m", "choices": [last]}]
