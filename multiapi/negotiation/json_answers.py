"""Reads a JSON answer out of what models really write: fences, thinking aloud, words around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from multiapi.formats.stream import all_calls
from multiapi.http.json import dump_json, parse_partial, parse_text, rewritten
from multiapi.negotiation.thoughts import without_thoughts
from multiapi.types.chat import ChatDelta, ChatResponse, ResponseFormat

_SLIPS = re.compile(
    r"""(?P<string>"(?:[^"\\]++|\\.)*+"?)|'(?P<quoted>(?:[^'\\]++|\\.)*+)'?|\b(?:True|False|None)\b|,(?=\s*+[}\]])""",
    re.DOTALL,
)
_JSON_WORDS = {"True": "true", "False": "false", "None": "null"}
_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_JSON_QUOTES = {"\\'": "'", '"': '\\"'}
_FENCE = "```"
_OBJECT_START = re.compile(r'\{\s*+(?:["}]|\Z)')
_ARRAY_START = re.compile(r'\[\s*+(?:["\[{\]\d-]|true\b|false\b|null\b|\Z)')
_STRUCTURE = re.compile(r'["\\{}\[\]]')
_IN_STRING = re.compile(r'["\\]')


OTHER_WAYS = (
    "; the ways to ask are json_schema, function_calling, json_mode and prompted: name another one as the method"
)
"""What is added where a way to ask gave nothing."""


def json_text(text: str, *, mend: bool = True) -> str | None:
    """The JSON object or array inside of a text, or None.

    Looks at the whole text, then inside of fences and among the words; thoughts in `<think>` are passed over. Of several different
    objects none is taken: which of them is the response, and which is only talked about, cannot be known. What was cut off is not
    there: an object inside of one that was cut off is not what was asked for.

    Args:
        mend: Also read what is encoded twice, has trailing commas, or is written as a Python literal.
    """
    text = without_thoughts(text).strip()
    sole = _sole(text, mend=mend)
    return _only(_candidates(text, mend=mend)) if sole is None else sole


def has_several(text: str) -> bool:
    """Whether a text holds different JSON values, so that none of them is taken."""
    text = without_thoughts(text).strip()
    if _sole(text, mend=True) is not None:
        return False
    found = _candidates(text, mend=True)
    return bool(found) and _only(found) is None


def _candidates(text: str, *, mend: bool) -> list[str]:
    """What may be the response in a text that is not JSON by itself: objects, or else arrays."""
    found: list[str] = []
    words = text
    if _FENCE in text:
        fenced, words = _fences(text)
        found = [value for content in fenced if (value := _sole(content, mend=mend)) is not None]
    found += _among_words(words, _OBJECT_START)
    objects = [value for value in found if value[:1] == "{" and value != "{}"]
    return objects or [value for value in found if value[:1] == "["] or _among_words(words, _ARRAY_START)


def _only(found: list[str]) -> str | None:
    """What all of them say; None if they differ."""
    if len(found) > 1:
        first = parsed(found[0])
        if any(parsed(other) != first for other in found[1:]):
            return None
    return found[0] if found else None


def _sole(text: str, *, mend: bool) -> str | None:
    """JSON that is all of a text."""
    if text[:1] in {"{", "["} and _is_json(text):
        return text
    if not mend:
        return None
    if text[:1] == '"' and isinstance(inner := parsed(text), str) and inner[:1] in {"{", "["}:
        return json_text(inner)  # encoded twice
    if text[:1] + text[-1:] in {"{}", "[]"} and (slips := _without_slips(text)) is not None:
        value = parsed(slips)
        return dump_json(rewritten(slips)).decode() if isinstance(value, (dict, list)) else None
    return None


def _fences(text: str) -> tuple[list[str], str]:
    """What stands inside of the fences of a text, and what outside of them; a fence that is not closed is outside."""
    inside: list[str] = []
    outside: list[str] = []
    at = 0
    while (start := text.find(_FENCE, at)) >= 0 and (end := text.find(_FENCE, start + 3)) >= 0:
        outside.append(text[at:start])
        content = text[start + 3 : end]
        label = content[:4].lower() == "json"
        inside.append((content[4:] if label else content).strip())
        at = end + 3
    outside.append(text[at:])
    return inside, "\n".join(outside)


def _among_words(text: str, opening: re.Pattern[str]) -> list[str]:
    """The JSON values in a text that begin with a bracket, outermost only.

    What is read in vain is bounded by the length of the text, so that no text takes longer than its length allows.
    """
    found: list[str] = []
    left = 8 * len(text) + 1_000
    at = 0
    while (start := opening.search(text, at)) is not None and left >= 0:
        end = _end_of_value(text, start.start())
        if end is None:
            return found  # cut off
        value = text[start.start() : end]
        if _is_json(value):
            if len(value) > 2:
                found.append(value)
            at = end
        else:
            left -= len(value)
            at = start.start() + 1
    return found if left >= 0 else []


def _end_of_value(text: str, at: int) -> int | None:
    """Where the bracket at a place is closed."""
    depth = 0
    pattern = _STRUCTURE
    while (mark := pattern.search(text, at)) is not None:
        at = mark.end()
        sign = mark[0]
        if sign == "\\":
            at += 1 if pattern is _IN_STRING else 0
        elif sign == '"':
            pattern = _STRUCTURE if pattern is _IN_STRING else _IN_STRING
        elif sign in "{[":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return at
    return None


def mended(text: str) -> Any:
    """The value of JSON with trailing commas, or written with Python's quotes and words; None if it is something else."""
    slips = _without_slips(text)
    return None if slips is None else parsed(slips)


def _without_slips(text: str) -> str | None:
    """JSON without its slips; None if a string in it does not end."""
    ends = True

    def mend(found: re.Match[str]) -> str:
        nonlocal ends
        if (quoted := found["quoted"]) is not None:
            ends = ends and found[0] == f"'{quoted}'"
            return '"' + _QUOTE.sub(lambda quote: _JSON_QUOTES.get(quote[0], quote[0]), quoted) + '"'
        if (string := found["string"]) is not None:
            ends = ends and len(string) > 1 and string[-1] == '"'
            return string
        return _JSON_WORDS.get(found[0], "")

    slips = _SLIPS.sub(mend, text)
    return slips if ends else None


def demands_fields(schema: Any) -> bool:
    """Whether a schema does not allow an empty object, as far as that can be seen: it demands fields, directly or by what it refers to."""
    left, root, seen = [schema], schema, 0
    while left and seen < 50:
        each, seen = left.pop(), seen + 1
        if not isinstance(each, Mapping):
            continue
        least = each.get("minProperties")
        if each.get("required") or (isinstance(least, int) and least > 0):
            return True
        if each.get("type") not in {None, "object"} and isinstance(each.get("type"), str):
            return True
        left += each.get("allOf") or ()
        for name in ("anyOf", "oneOf"):
            options = each.get(name)
            if (
                isinstance(options, list)
                and options
                and all(demands_fields(_resolved(option, root)) for option in options)
            ):
                return True
        if "$ref" in each:
            left.append(_resolved(each, root))
    return False


def _resolved(schema: Any, root: Any) -> Any:
    """What a reference inside of a schema stands for."""
    where = schema.get("$ref") if isinstance(schema, Mapping) else None
    if not isinstance(where, str) or not where.startswith("#/"):
        return schema
    found: Any = root
    for step in where[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def without_root(response: ChatResponse, root: str | None) -> ChatResponse:
    """A response whose JSON is what stands under this name, if it stands there alone."""
    if root is None:
        return response
    value = parsed(response.text)
    if not isinstance(value, dict) or value.keys() != {root} or not isinstance(value[root], (dict, list)):
        return response  # a text, number or null alone is not found again among other words
    return replace(response, text=dump_json(value[root]).decode())


class RootFilter:
    """The same for a stream: the text comes when all of it is there, because only then it can be taken apart."""

    def __init__(self, root: str) -> None:
        self._root = root

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas, those of text put off to the end."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            delta = delta._replace(text="")
            if delta.response is not None:
                response = without_root(delta.response, self._root)
                if response.text:
                    shown.append(ChatDelta(response.text))
                shown.append(delta._replace(response=response))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown


def json_value(text: str) -> Any:
    """The value of the JSON inside of a text; None if there is none. What is JSON by itself is read once."""
    if text[:1] == "{" and (value := parsed(text)) is not None:
        return value
    found = json_text(text)
    return None if found is None else parsed(found)


_BEGINS = re.compile(r"\s*+(?:```(?:json)?\s*+)?[{\[]", re.IGNORECASE)


def partial_value(text: str) -> Any:
    """As much as there is of JSON that is still being written; None while there is nothing of it.

    Only a response that begins with its object or array is read before it is whole: behind words it may be one of several.
    """
    begins = _BEGINS.match(without_thoughts(text))
    if begins is None:
        return None
    found = partial_json(text) if begins[0][-1] == "{" else text.strip()
    value = parse_partial(found)
    return value if isinstance(value, (dict, list)) else None


def as_json_answer(response: ChatResponse, wanted: ResponseFormat) -> ChatResponse:
    """The response with its JSON as its text, wherever the model put it: the arguments of the tool that stands for it, a fence, among
    other words.
    """
    if response.tool_calls or response.invalid_tool_calls:
        call = next((call for call in all_calls(response) if call.name == wanted.name), None)
        if call is None:
            return response
        return replace(
            response,
            text=call.arguments,
            tool_calls=tuple(other for other in response.tool_calls if other is not call),
            invalid_tool_calls=tuple(other for other in response.invalid_tool_calls if other is not call),
            finish_reason="stop" if response.finish_reason == "tool_calls" else response.finish_reason,
        )
    found = json_text(response.text, mend=False)
    return response if found is None or found == response.text else replace(response, text=found)


class JsonAnswerFilter:
    """The same for a stream: JSON is passed on as it comes if the response begins with it, and else when all of it is there."""

    def __init__(self, wanted: ResponseFormat) -> None:
        self._wanted = wanted
        self._held: list[str] = []
        self._shown: list[str] = []
        self._begun = False
        self._live: bool | None = None
        self._inside = False
        self._escaped = False
        self._depth = 0
        self._names: dict[int, str] = {}

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas with JSON for text; the last one carries the response with the same."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text:
                text = self._released(delta.text)
                self._shown.append(text)
                delta = delta._replace(text=text)
            if delta.tool_calls:
                delta = self._without_call(delta)
            if delta.response is not None:
                response = as_json_answer(delta.response, self._wanted)
                if rest := self._rest(response):
                    shown.append(ChatDelta(rest))
                shown.append(delta._replace(response=response))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _rest(self, response: ChatResponse) -> str:
        """What is still to be shown of the text."""
        held = "".join(self._held)
        if not held or self._live is None or not self._live:
            return held if response.tool_calls or response.invalid_tool_calls else response.text if held else ""
        return "" if "".join(self._shown).strip() == response.text.strip() else held

    def _without_call(self, delta: ChatDelta) -> ChatDelta:
        """Arguments of the tool that stands for the response are its text."""
        text, others = [delta.text], []
        for call in delta.tool_calls:
            name = self._names.setdefault(call.number, call.name or "")
            if name == self._wanted.name:
                text.append(call.arguments)
            else:
                others.append(call)
        return delta._replace(text="".join(text), tool_calls=tuple(others))

    def _released(self, added: str) -> str:
        begins = ""
        if self._live is None:
            start = added.lstrip()
            if not start:
                self._held.append(added)
                return ""
            if not self._begun:
                if start[0] != "{":
                    self._live = False
                self._begun = True
                start = start[1:].lstrip()
            if self._live is None and start:
                self._live = start[0] in {'"', "}"}
            if not self._live:
                self._held.append(added)
                return ""
            begins = "".join(self._held).lstrip()
            self._held.clear()
            added = begins + (added if begins else added.lstrip())
        if not self._live:
            self._held.append(added)
            return ""
        end = self._end(added)
        if end is None:
            return added
        self._held.append(added[end:])
        return added[:end]

    def _end(self, added: str) -> int | None:
        """Where in these characters the value ends; None if it goes on, 0 if it was over."""
        if self._depth < 0:
            return 0
        at = 0
        if self._escaped:
            at, self._escaped = 1, False
        while (found := (_IN_STRING if self._inside else _STRUCTURE).search(added, at)) is not None:
            at = found.end()
            mark = found[0]
            if mark == "\\":
                if self._inside:
                    self._escaped = at == len(added)
                    at += 1
            elif mark == '"':
                self._inside = not self._inside
            elif mark in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._depth = -1
                    return at
        return None


def _is_json(text: str) -> bool:
    return parsed(text) is not None


def parsed(text: str) -> Any:
    """The JSON value; None if there is none."""
    try:
        return parse_text(text)
    except ValueError:
        return None


def partial_json(text: str) -> str:
    """The JSON object at the end of a text that is still being written, without thoughts, fence and what stands before it; or the list
    that the text is.
    """
    text = without_thoughts(text)
    if text.lstrip()[:1] == "[":
        return text
    start = text.find("{")
    if start < 0:
        return ""
    end = text.find("\n```", start)
    return text[start:] if end < 0 else text[start:end]
