"""Reads a JSON answer out of what models really write: fences, thinking aloud, words around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from json import JSONDecodeError, JSONDecoder
from typing import Any

from multiapi.errors import ResponseFormatError
from multiapi.http import dump_json, parse_json
from multiapi.stream import all_calls
from multiapi.types import ChatDelta, ChatResponse, ResponseFormat

_THINK = re.compile(r"\A(?:\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|$))+", re.DOTALL | re.IGNORECASE)
_SLIPS = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*")|'(?P<quoted>(?:\\.|[^'\\])*)'|\b(?:True|False|None)\b|,(?=\s*[}\]])""", re.DOTALL
)
_JSON_WORDS = {"True": "true", "False": "false", "None": "null"}
_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_JSON_QUOTES = {"\\'": "'", '"': '\\"'}
_FENCED = re.compile(r"```(?:json|JSON)?\s*\n?(.*?)```", re.DOTALL)


def json_text(text: str, *, mend: bool = True) -> str | None:
    """The JSON object or array inside of a text, or None.

    Looks at the whole text, then inside of fences, then for the first object that can be read; thoughts in `<think>` are passed
    over. What was cut off is not there: an object inside of one that was cut off is not what was asked for.

    Args:
        mend: Also read what is encoded twice, has trailing commas, or is written as a Python literal.
    """
    text = _THINK.sub("", text).strip()
    candidates = (text, *(found.group(1).strip() for found in _FENCED.finditer(text)))
    for candidate in candidates:
        if candidate[:1] in {"{", "["} and _is_json(candidate):
            return candidate
        if mend and candidate[:1] == '"' and isinstance(inner := parsed(candidate), str) and inner[:1] in {"{", "["}:
            return json_text(inner)  # encoded twice
    for candidate in candidates if mend else ():
        if candidate[:1] + candidate[-1:] in {"{}", "[]"} and isinstance(value := mended(candidate), (dict, list)):
            return dump_json(value).decode()
    decoder = JSONDecoder(strict=False, parse_int=float)  # only to find the end: int refuses many digits
    for start in re.finditer(r"[{\[]", text):
        try:
            value, end = decoder.raw_decode(text, start.start())
        except JSONDecodeError as error:
            if error.pos >= len(text) or error.msg.startswith("Unterminated"):
                return None
            continue
        except RecursionError:
            continue
        if isinstance(value, (dict, list)) and value and _is_json(text[start.start() : end]):
            return text[start.start() : end]
    return None


def mended(text: str) -> Any:
    """The value of JSON with trailing commas, or written with Python's quotes and words; None if it is something else."""
    return parsed(_SLIPS.sub(_without_slip, text))


def _without_slip(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return '"' + _QUOTE.sub(lambda quote: _JSON_QUOTES.get(quote[0], quote[0]), found["quoted"]) + '"'
    return found["string"] or _JSON_WORDS.get(found[0], "")


def read_structured(response: ChatResponse, wanted: ResponseFormat | None = None) -> Any:
    """The JSON value of an answer: the arguments of the tool that stands for it, else the JSON in its text.

    Raises:
        ResponseFormatError: There is none; `body` holds the beginning of the text.
    """
    for call in response.tool_calls:
        if wanted is None or call.name == wanted.name:
            return parse_json(call.arguments.encode("utf-8", "replace"))
    found = json_text(response.text)
    if found is None:
        if response.invalid_tool_calls:
            reason = response.invalid_tool_calls[0].error
        elif response.refusal:
            reason = f"the model refused: {response.refusal}"
        else:
            reason = "the text holds no JSON" if response.text else "the answer is empty"
        if response.finish_reason == "length":
            reason += "; the answer was cut off at max_tokens"
        raise ResponseFormatError(
            f"{response.provider} gave no JSON answer: {reason}",
            provider=response.provider,
            request_id=response.request_id,
            body=response.text[:500],
            partial=response,
        )
    return parse_json(found.encode("utf-8", "replace"))


def as_json_answer(response: ChatResponse, wanted: ResponseFormat) -> ChatResponse:
    """The answer with its JSON as its text, wherever the model put it: the arguments of the tool that stands for it, a fence, among
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
    """The same for a stream: JSON is passed on as it comes if the answer begins with it, and else when all of it is there."""

    def __init__(self, wanted: ResponseFormat) -> None:
        self._wanted = wanted
        self._held = ""
        self._live: bool | None = None
        self._inside = False
        self._depth = 0
        self._backslashes = 0
        self._names: dict[int, str] = {}

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas with JSON for text; the last one carries the answer with the same."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text:
                delta = delta._replace(text=self._released(delta.text))
            if delta.tool_calls:
                delta = self._without_call(delta)
            if delta.response is not None:
                response = as_json_answer(delta.response, self._wanted)
                if self._held:
                    has_calls = response.tool_calls or response.invalid_tool_calls
                    shown.append(ChatDelta(self._held if has_calls else response.text))
                shown.append(delta._replace(response=response))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _without_call(self, delta: ChatDelta) -> ChatDelta:
        """Arguments of the tool that stands for the answer are its text."""
        text, others = delta.text, []
        for call in delta.tool_calls:
            name = self._names.setdefault(call.number, call.name or "")
            if name == self._wanted.name:
                text += call.arguments
            else:
                others.append(call)
        return delta._replace(text=text, tool_calls=tuple(others))

    def _released(self, added: str) -> str:
        if self._live is None:
            self._held += added
            begun = _BEGINNING.match(self._held)
            if begun is None:
                self._live = False if self._held.strip() not in {"", "{"} else None
                return ""
            self._live = True
            added, self._held = self._held[begun.start(1) :], ""
        if not self._live:
            self._held += added
            return ""
        return added[: self._end(added)]

    def _end(self, added: str) -> int | None:
        """Where in these characters the value ends; None if it goes on, 0 if it was over."""
        if self._depth < 0:
            return 0
        for found in _STRUCTURE.finditer(added):
            mark = found.group()
            if self._inside:
                if mark == '"' and not self._escaped(added, found.start()):
                    self._inside = False
            elif mark == '"':
                self._inside = True
            elif mark in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._depth = -1
                    return found.end()
        tail = len(added) - len(added.rstrip("\\"))
        self._backslashes = (tail + (self._backslashes if tail == len(added) else 0)) % 2
        return None

    def _escaped(self, added: str, at: int) -> bool:
        """Whether an odd number of backslashes stands before a place, those of the piece before counted in."""
        before = added[:at]
        count = len(before) - len(before.rstrip("\\"))
        return (count + (self._backslashes if count == at else 0)) % 2 == 1


_BEGINNING = re.compile(r'\s*(\{\s*["}])')
_STRUCTURE = re.compile(r'["{}\[\]]')


def _is_json(text: str) -> bool:
    return parsed(text) is not None


def parsed(text: str) -> Any:
    """The JSON value; None if there is none."""
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except ValueError:
        return None


def partial_json(text: str) -> str:
    """The JSON object at the end of a text that is still being written, without thoughts, fence and what stands before it."""
    text = _THINK.sub("", text)
    start = text.find("{")
    if start < 0:
        return ""
    end = text.find("\n```", start)
    return text[start:] if end < 0 else text[start:end]
