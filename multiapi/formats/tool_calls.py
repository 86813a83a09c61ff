"""Puts tool calls together out of the pieces in which they come, and repairs those without index, id or arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import orjson

from multiapi.errors import ResponseTooLargeError
from multiapi.formats.answer_facts import is_filler, kind_of
from multiapi.http.json import dump_json, parse_json, parse_text, rewritten
from multiapi.types.chat import InvalidToolCall, ToolCall, ToolCallDelta

_NO_IDS = frozenset({"", "null", "none", "None", "undefined"})
_NO_ARGUMENTS = frozenset({"", "null", "{}"})
_ARGUMENTS = ("arguments", "input")
_OTHER_ARGUMENTS = ("parameters", "args")
"""Where the arguments are if a call has none of the above, as models write it that saw calls of other families."""
_CALL_KEYS = frozenset({"id", "type", "function", "custom", "index", "name", *_ARGUMENTS, *_OTHER_ARGUMENTS})
_BLANKS = " \t\r\n"
_MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class _Slot:
    """One tool call while it is being put together."""

    __slots__ = (
        "_closed",
        "_depth",
        "_escaped",
        "_inside",
        "_scanned",
        "arguments",
        "extra",
        "given_id",
        "id",
        "index",
        "is_held",
        "is_told",
        "name",
        "number",
    )

    def __init__(self, number: int, id: str, given_id: str | None, index: int | None) -> None:
        self.number = number
        self.id = id
        self.given_id = given_id
        self.index = index
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] | None = None
        self.is_told = False
        """Whether the id was handed on: it waits for the provider's as long as there is nothing but the name."""
        self.is_held: bool | None = None
        """Whether pieces are held back, because what came is text inside of JSON; None until it is known."""
        self._scanned = self._depth = 0
        self._inside = self._escaped = self._closed = False

    def take(self, piece: str) -> str:
        """Keep a piece of the arguments; what may be handed on of them. Blanks ahead of them say nothing."""
        if not self.arguments:
            piece = piece.lstrip(_BLANKS)
            if not piece:
                return ""
        self.arguments.append(piece)
        if self.is_held is None:
            start = piece.lstrip()[:1]
            self.is_held = start == '"' if start else None
        if not self.is_held:
            return piece
        if self._closed or not self.is_complete():
            return ""
        text = "".join(self.arguments).strip()
        inner = _unwrapped(text)
        if inner is text:
            return ""
        self.is_held = False
        return inner

    def is_complete(self) -> bool:
        """Whether the brackets and quotes of the arguments so far are closed. Each piece is looked at once."""
        arguments = self.arguments
        while self._scanned < len(arguments):
            piece = arguments[self._scanned]
            self._scanned += 1
            if not piece:
                continue
            begin, self._escaped = int(self._escaped), False
            for match in _MARKS.finditer(piece, begin):
                mark = match[0]
                if mark[0] == "\\":
                    self._escaped = len(mark) == 1
                elif mark == '"':
                    self._inside = not self._inside
                    self._closed = not self._inside and self._depth == 0
                elif not self._inside:
                    self._depth = self._depth + 1 if mark in "{[" else max(self._depth - 1, 0)
                    self._closed = self._depth == 0
        return self._closed


class ToolCallAssembly:
    """The calls of one response in the making; more than `most` of them are an error."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.slots: list[_Slot] = []
        self._most = most
        self._ids: set[str] = set()
        self._slot_of_index: dict[int, _Slot] = {}
        self._slot_of_id: dict[str, _Slot] = {}
        self._last: _Slot | None = None
        self._repeats_names = False
        """The server has named the tool again in the middle of a call."""

    def add(self, fragments: Any, answer_id: str, *, whole: bool = False) -> tuple[ToolCallDelta, ...]:
        """Take the fragments of one event, or the calls of a `whole` message; what was added, one delta for each call.

        `answer_id` is what ids are made of for calls that have none.

        Raises:
            ResponseTooLargeError: More calls than may be.
        """
        if not isinstance(fragments, list):
            fragments = [fragments]
        found: list[ToolCallDelta] = []
        for fragment in fragments:
            if type(fragment) is dict:
                delta = self._add(fragment, answer_id, whole)
                if delta is not None:
                    found.append(delta)
        return joined_calls(found) if len(found) > 1 else tuple(found)

    def rest(self) -> tuple[ToolCallDelta, ...]:
        """The ids of calls for which the provider gave none and nothing came but the name."""
        untold = [slot for slot in self.slots if not slot.is_told]
        for slot in untold:
            slot.is_told = True
        return tuple(ToolCallDelta(slot.number, slot.id) for slot in untold)

    def _add(self, fragment: dict[str, Any], answer_id: str, whole: bool) -> ToolCallDelta | None:
        name, arguments = _said(fragment)
        given = fragment.get("id")
        given_id = str(given) if given is not None and str(given) not in _NO_IDS else None
        index = index_of(fragment.get("index"))
        slot = self._goes_on_with(given_id, index, name)
        is_new = slot is None
        if not name and given_id is None and arguments in _NO_ARGUMENTS:
            if slot is None or (arguments and slot.arguments and slot.is_complete()):
                return None  # it says nothing of any call
        elif slot is not None and name and slot.name:
            is_new = self._begins_new(slot, given_id, name, arguments, whole=whole, is_typed=bool(fragment.get("type")))
        if slot is None or is_new:
            slot = self._begun(given_id, index, answer_id)
        elif given_id is not None:
            self._slot_of_id.setdefault(given_id, slot)
            if not slot.is_told and given_id not in self._ids:
                self._ids.discard(slot.id)
                self._ids.add(given_id)
                slot.id = slot.given_id = given_id
        self._last = slot
        if arguments == "null" and not slot.arguments:
            arguments = ""
        added_name = ""
        if name and name != slot.name:
            # A name that is sent in chunks goes on; one that is sent again does not.
            added_name = name
            slot.name += name
        if arguments:
            arguments = slot.take(arguments)
        if not _CALL_KEYS.issuperset(fragment):
            for key, value in fragment.items():
                if key not in _CALL_KEYS and not is_filler(value):
                    slot.extra = slot.extra or {}
                    slot.extra[key] = value
        id = None
        if not slot.is_told and (whole or given_id is not None or slot.arguments):
            slot.is_told, id = True, slot.id
        if is_new or added_name or arguments or id:
            return ToolCallDelta(slot.number, id, added_name or None, arguments)
        return None

    def _begun(self, given_id: str | None, index: int | None, answer_id: str) -> _Slot:
        """A further call, with the provider's id if no other call has it."""
        number = len(self.slots)
        if number >= self._most:
            raise ResponseTooLargeError(f"the response has more than {self._most} tool calls")
        id = given_id
        if id is None or id in self._ids:
            id = made_call_id(answer_id, number)
            while id in self._ids:
                id += "_"
        self._ids.add(id)
        slot = _Slot(number, id, given_id, index)
        self.slots.append(slot)
        if given_id is not None:
            self._slot_of_id[given_id] = slot
        if index is not None:
            self._slot_of_index[index] = slot
        return slot

    def _goes_on_with(self, given_id: str | None, index: int | None, name: str) -> _Slot | None:
        """Which call a fragment goes on with if it begins none: an index that differs is another call, then the id decides.

        Behind calls that share an id it stands for the latest of them, and so says no more than the order does.
        """
        of_id = self._slot_of_id.get(given_id) if given_id is not None else None
        if index is None:
            return of_id or self._last
        of_index = self._slot_of_index.get(index)
        if of_id is not None and (of_id.index is None or of_id.index == index or (of_index is None and not name)):
            return of_id
        return of_index

    def _begins_new(
        self, held: _Slot, given_id: str | None, name: str, arguments: str, *, whole: bool, is_typed: bool
    ) -> bool:
        """Whether a fragment with a name begins another call than the one that it would go on with."""
        if whole:
            return True
        is_same_id = given_id is not None and self._slot_of_id.get(given_id) is held
        if given_id is not None and held.given_id is not None and not is_same_id:
            # Some servers make a new id for every piece of the same call, and name it again.
            begins = arguments.lstrip()[:1] in {"", "{"}
            return begins or name != held.name or not held.arguments or held.is_complete()
        if name == held.name:
            if not held.arguments or not held.is_complete():
                self._repeats_names = self._repeats_names or bool(held.arguments)
                return False
            return bool(arguments.strip()) or not self._repeats_names
        if held.arguments:
            return True
        if is_same_id or (given_id is None and held.given_id is None and held.index is not None):
            return is_typed
        return given_id is not None or held.given_id is None  # without an id it is the next chunk of the name

    def finished(self, *, cut: bool) -> tuple[tuple[ToolCall, ...], tuple[InvalidToolCall, ...]]:
        """Those that can be called, and those that cannot; with `cut` the response ended too early."""
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        for number, slot in enumerate(self.slots):
            raw = "".join(slot.arguments)
            arguments = raw.strip()
            is_last = number == len(self.slots) - 1
            if arguments in {"", "null"}:
                error = "the response was cut off before its arguments" if cut and is_last else None
                arguments = "{}"
            else:
                arguments = _unwrapped(arguments)
                error = arguments_error(arguments)
                if error is not None and cut and is_last:
                    error = f"the response was cut off inside its arguments ({error})"
            if not slot.name:
                error = error or "the call names no tool"
            if error is None:
                valid.append(ToolCall(slot.id, slot.name, _writable(arguments), slot.extra))
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
                **(slot.extra or {}),
            }
            for slot in self.slots
        ]


def _said(fragment: Mapping[str, Any]) -> tuple[str, str]:
    """Name and arguments of a fragment, in the first place where they are."""
    function = fragment.get("function")
    if type(function) is str and function[:1] == "{":
        with suppress(ValueError):
            function = parse_text(function)
    if type(function) is dict and "custom" not in fragment and "name" not in fragment:
        name, arguments = function.get("name"), function.get("arguments")
        if type(arguments) is str and (name is None or type(name) is str) and arguments not in _NO_ARGUMENTS:
            return name or "", arguments
    places = [place for place in (function, fragment.get("custom"), fragment) if type(place) is dict]
    name = arguments = ""
    for place in places:
        value = place.get("name")
        if not name and value:
            name = value if isinstance(value, str) else str(value)
        for key in _ARGUMENTS:
            value = place.get(key)
            if arguments in _NO_ARGUMENTS and value is not None and (value != "" or not arguments):
                arguments = value if isinstance(value, str) else dump_json(value).decode()
    if not arguments and name:
        others = (place[key] for place in places for key in _OTHER_ARGUMENTS if key in place)
        found = next((value for value in others if type(value) is dict and "properties" not in value), None)
        arguments = "" if found is None else dump_json(found).decode()
    return name, arguments


def index_of(value: Any) -> int | None:
    """The place of a call or a choice, also where a server wrote it as text or as a decimal; None if it has none."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def says_something(call: Mapping[str, Any]) -> bool:
    """Whether a call has a name or arguments; one that only fills its place has neither."""
    name, arguments = _said(call)
    return bool(name) or arguments not in _NO_ARGUMENTS


def joined_calls(fragments: Sequence[ToolCallDelta]) -> tuple[ToolCallDelta, ...]:
    """One fragment for each call: those of one number are put together."""
    found: dict[int, ToolCallDelta] = {}
    more: dict[int, list[str]] = {}
    for each in fragments:
        held = found.get(each.number)
        if held is None:
            found[each.number] = each
            continue
        more.setdefault(each.number, [held.arguments]).append(each.arguments)
        if each.name or each.id:
            found[each.number] = held._replace(
                id=held.id or each.id, name=(held.name or "") + (each.name or "") or None
            )
    if not more:
        return tuple(fragments)
    return tuple(
        each._replace(arguments="".join(more[number])) if number in more else each for number, each in found.items()
    )


def arguments_error(text: str) -> str | None:
    """Why tool arguments are no JSON object, or None if they are one."""
    try:
        value = parse_text(text)
    except ValueError as error:
        return f"the arguments are no JSON: {error}"
    return None if isinstance(value, dict) else f"the arguments are {kind_of(value)} instead of an object"


def made_call_id(answer_id: str, number: int) -> str:
    """An id for a call that has none: of the response's id without the word in front, and no longer than OpenAI's may be."""
    stem = re.sub(r"^[A-Za-z]+[-_]|[^A-Za-z0-9]", "", answer_id)[-32:]
    return f"call_{stem}_{number}" if stem else f"call_{uuid4().hex[:24]}"


def _writable(arguments: str) -> str:
    """Arguments without lone surrogates, which nobody could write as UTF-8."""
    if "\\ud" not in arguments and "\\uD" not in arguments:
        return arguments
    value = rewritten(arguments)
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
