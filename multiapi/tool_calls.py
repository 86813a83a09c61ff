"""Puts tool calls together out of the pieces in which they come, and repairs those without index, id or arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson

from multiapi.answer_facts import kind_of
from multiapi.http import dump_json, parse_json
from multiapi.types import InvalidToolCall, ToolCall, ToolCallDelta

_NO_IDS = frozenset({"", "null", "none", "None", "undefined"})
_CALL_KEYS = frozenset({"id", "type", "function", "custom", "index", "name", "arguments"})


class _Slot:
    """One tool call while it is being put together."""

    __slots__ = ("arguments", "extra", "given_id", "id", "is_held", "name")

    def __init__(self, id: str, given_id: str | None) -> None:
        self.id = id
        self.given_id = given_id
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}
        self.is_held: bool | None = None
        """Whether pieces are held back, because what came is text inside of JSON; None until it is known."""

    def take(self, piece: str) -> str:
        """Keep a piece of the arguments; what may be handed on of them."""
        self.arguments.append(piece)
        if self.is_held is None:
            start = piece.lstrip()[:1]
            self.is_held = start == '"' if start else None
        if not self.is_held:
            return piece
        end = piece.rstrip()
        if not end.endswith('"') or end.endswith('\\"'):
            return ""
        text = "".join(self.arguments).strip()
        inner = _unwrapped(text)
        if inner is text:
            return ""
        self.is_held = False
        return inner

    def is_complete(self) -> bool:
        """Whether the arguments so far are a whole JSON object."""
        text = "".join(self.arguments).strip()
        return text.endswith(("}", '"')) and arguments_error(_unwrapped(text)) is None


class ToolCallAssembly:
    """The calls of one answer in the making."""

    def __init__(self) -> None:
        self.slots: list[_Slot] = []
        self._slot_of_index: dict[int, _Slot] = {}
        self._slot_of_id: dict[str, _Slot] = {}

    def add(self, fragments: Any, answer_id: str) -> tuple[ToolCallDelta, ...]:
        """Take the pieces of one event; `answer_id` is what ids are made of for calls that have none."""
        found: list[ToolCallDelta] = []
        for position, fragment in enumerate(fragments if isinstance(fragments, list) else [fragments]):
            if not isinstance(fragment, dict):
                continue
            function = fragment.get("function") or fragment.get("custom") or {}
            if not isinstance(function, dict):
                function = {}
            name = function.get("name") or fragment.get("name") or ""
            name = name if isinstance(name, str) else str(name)
            slot, is_new = self._slot(
                fragment, name, position, len(fragments) if isinstance(fragments, list) else 1, answer_id
            )
            given = function.get("arguments", function.get("input", fragment.get("arguments")))
            arguments = given if isinstance(given, str) else "" if given is None else dump_json(given).decode()
            if arguments == "null" and not slot.arguments:
                arguments = ""
            added_name = ""
            if name and name != slot.name:
                # A name that is sent in pieces goes on; one that is sent again does not.
                added_name = name
                slot.name += name
            if arguments:
                arguments = slot.take(arguments)
            for key, value in fragment.items():
                if key not in _CALL_KEYS and value is not None:
                    slot.extra[key] = value
            if is_new or added_name or arguments:
                found.append(
                    ToolCallDelta(self.slots.index(slot), slot.id if is_new else None, added_name or None, arguments)
                )
        return tuple(found)

    def _slot(
        self, fragment: Mapping[str, Any], name: str, position: int, count: int, answer_id: str
    ) -> tuple[_Slot, bool]:
        """Which call a fragment belongs to: by id, then by index, then by position; a new id or name begins a new call."""
        given = fragment.get("id")
        given_id = str(given) if given is not None and str(given) not in _NO_IDS else None
        index = fragment.get("index")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        if given_id is not None and given_id in self._slot_of_id:
            return self._slot_of_id[given_id], False
        held = self._slot_of_index.get(index) if index is not None else None
        if index is None and self.slots and not (name and self.slots[-1].name):
            held = self.slots[min(position, len(self.slots) - 1)] if count > 1 else self.slots[-1]
        if held is not None and not self._begins_new(held, given_id, name):
            if given_id is not None:
                self._slot_of_id[given_id] = held
            return held, False
        slot = _Slot(given_id or made_call_id(answer_id, len(self.slots)), given_id)
        self.slots.append(slot)
        if given_id is not None:
            self._slot_of_id[given_id] = slot
        if index is not None:
            self._slot_of_index[index] = slot
        return slot, True

    @staticmethod
    def _begins_new(held: _Slot, given_id: str | None, name: str) -> bool:
        if not name or not held.name:
            return False
        if given_id is not None and held.given_id is not None:
            # Some servers make a new id for every piece of the same call.
            return name != held.name or not held.arguments or held.is_complete()
        if held.given_id is not None and not held.arguments:
            return False  # the next piece of the name
        return name != held.name or held.is_complete()

    def finished(self, *, cut: bool) -> tuple[tuple[ToolCall, ...], tuple[InvalidToolCall, ...]]:
        """Those that can be called, and those that cannot; with `cut` the answer ended too early."""
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        for number, slot in enumerate(self.slots):
            raw = "".join(slot.arguments)
            arguments = raw.strip()
            is_last = number == len(self.slots) - 1
            if arguments in {"", "null"}:
                error = "the answer was cut off before its arguments" if cut and is_last else None
                arguments = "{}"
            else:
                arguments = _unwrapped(arguments)
                error = arguments_error(arguments)
                if error is not None and cut and is_last:
                    error = f"the answer was cut off inside its arguments ({error})"
            if not slot.name:
                error = error or "the call names no tool"
            if error is None:
                valid.append(ToolCall(slot.id, slot.name, _writable(arguments), slot.extra or None))
            else:
                invalid.append(InvalidToolCall(slot.id, slot.name, raw, error))
        return tuple(valid), tuple(invalid)

    def to_wire(self) -> list[dict[str, Any]]:
        """The calls in the shared format."""
        return [
            {
                "id": slot.id,
                "type": "function",
                "function": {"name": slot.name, "arguments": "".join(slot.arguments)},
                **slot.extra,
            }
            for slot in self.slots
        ]


def arguments_error(text: str) -> str | None:
    """Why tool arguments are no JSON object, or None if they are one."""
    try:
        value = parse_json(text.encode("utf-8", "replace"))
    except ValueError as error:
        return f"the arguments are no JSON: {error}"
    return None if isinstance(value, dict) else f"the arguments are {kind_of(value)} instead of an object"


def made_call_id(answer_id: str, number: int) -> str:
    """An id for a call that has none: of the answer's id without the word in front, and no longer than OpenAI's may be."""
    stem = re.sub(r"^[A-Za-z]+[-_]|[^A-Za-z0-9]", "", answer_id)[-32:]
    return f"call_{stem}_{number}" if stem else f"call_{uuid4().hex[:24]}"


def _writable(arguments: str) -> str:
    """Arguments without lone surrogates, which nobody could write as UTF-8."""
    if "\\ud" not in arguments and "\\uD" not in arguments:
        return arguments
    value = parse_json(arguments.encode("utf-8", "replace"))
    try:
        orjson.dumps(value)
    except TypeError:
        return dump_json(value).decode()
    return arguments


def _unwrapped(arguments: str) -> str:
    """Arguments that were encoded twice, as text inside of JSON."""
    if not arguments.startswith('"'):
        return arguments
    try:
        inner = parse_json(arguments.encode("utf-8", "replace"))
    except ValueError:
        return arguments
    return inner if isinstance(inner, str) and arguments_error(inner) is None else arguments
