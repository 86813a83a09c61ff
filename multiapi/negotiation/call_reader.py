"""Finds the tool call that ends a text, while the text comes: what only shows a call is text.

A call is a whole response. Thoughts may stand before it, and words; one fence may span it; nothing may stand behind it. A JSON object
with words behind it, in a quotation, in code or in thoughts is something that the model talks about; `multiapi.negotiation.surroundings`
says what makes a quotation.

Each character is looked at once, wherever the text is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from multiapi.negotiation.surroundings import Surroundings

_MARK = re.compile(r"[`{}]")
_BLANKS = re.compile(r"\s*")
_TICKS = re.compile(r"`+")
_LABEL_END = re.compile(r"[\n{`]")
_TOKEN = re.compile(r"[\"'{}\[\],:]|[^\s\"'{}\[\],:]+")
_STRING_END = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_OPENING_TAG = re.compile(r"<(think|thinking|thought)>", re.IGNORECASE)
_OPENING_TAGS = ("<think>", "<thinking>", "<thought>")
_LABELS = frozenset({"", "json"})
_LABEL_CHARS = 16
_KEY_CHARS = 200
_BEHIND_NAME = frozenset({"arguments", "parameters", "input", "id", "type"})


class FoundCall(NamedTuple):
    """What ends a text.

    Attributes:
        words: The text before it, without the fence and the blanks in between.
        object: The object, as it was written.
        is_whole: It is closed; if not, the text breaks off inside of it.
        follows_another: An object of the same kind stands before it, and not in a quotation.
    """

    words: str
    object: str
    is_whole: bool = True
    follows_another: bool = False


class CallReader:
    """Takes a text in chunks, and holds back from where a call may have begun until it is known not to be one."""

    def __init__(self) -> None:
        self._step: Callable[[str, int], int] = self._begin
        self._said: list[str] = []
        self._out: list[str] = []
        self._held: list[str] = []  # blanks, and the beginning of a fence
        self._object: list[str] = []
        self._behind: list[str] = []
        # thoughts
        self._tag = ""
        self._closing = ""
        self._matched = 0
        self._has_words = False
        self._has_objects = False
        # words
        self._around = Surroundings()
        self._depth = 0
        self._fence = 0
        self._has_fences = False
        # a fence that may span a call
        self._run = 0
        self._opened = 0
        self._label = ""
        # an object that may be a call
        self._level = 0
        self._quote = ""
        self._escaped = False
        self._previous = ""
        self._string: str | None = None
        self._strings: list[str] = []

    def feed(self, text: str) -> str:
        """What is known by now to be text."""
        at = 0
        while at < len(text):
            at = self._step(text, at)
        released = "".join(self._out)
        self._out.clear()
        self._said.append(released)
        return released

    def found(self) -> FoundCall | None:
        """The call that ends the text, if one does."""
        if self._step == self._after_object or (self._step == self._close_fence and self._run >= self._opened):
            return FoundCall("".join(self._said), "".join(self._object), follows_another=self._has_objects)
        is_open = self._step in (self._in_object, self._in_string)
        if is_open and not self._has_words and not self._has_objects and self._strings:
            first = self._strings[0]
            if first == "tool_calls" or (first == "name" and self._strings[2:3] == ["arguments"]):
                return FoundCall("".join(self._said), "".join(self._object), is_whole=False)
        return None

    # ------------------------------------------------------------------------------------------ thoughts

    def _begin(self, text: str, at: int) -> int:
        """The beginning of the text, or what follows thoughts."""
        if not self._tag:
            end = _end_of(_BLANKS, text, at)
            if end > at:
                self._held.append(text[at:end])
                return end
        piece = text[at : at + len("<thinking>") - len(self._tag)]
        tag = self._tag + piece
        opening = _OPENING_TAG.match(tag)
        if opening is not None:
            self._release(self._held)
            self._out.append(opening[0])
            self._closing = f"</{opening[1].lower()}>"
            used = opening.end() - len(self._tag)
            self._tag, self._matched, self._step = "", 0, self._in_thoughts
            return at + used
        if any(known.startswith(tag.lower()) for known in _OPENING_TAGS):
            self._tag = tag
            return at + len(piece)
        self._step = self._in_words
        if self._tag:
            begun, self._tag = self._tag, ""
            self._say(begun)
        return at

    def _in_thoughts(self, text: str, at: int) -> int:
        if self._matched == 0:
            start = text.find("<", at)
            if start < 0:
                self._out.append(text[at:])
                return len(text)
            self._out.append(text[at : start + 1])
            self._matched = 1
            return start + 1
        letter = text[at]
        self._out.append(letter)
        if letter.lower() == self._closing[self._matched]:
            self._matched += 1
            if self._matched == len(self._closing):
                self._step = self._begin
        else:
            self._matched = 1 if letter == "<" else 0
        return at + 1

    # ------------------------------------------------------------------------------------------ words

    def _in_words(self, text: str, at: int) -> int:
        found = _MARK.search(text, at)
        end = found.start() if found is not None else len(text)
        if end > at:
            self._say(text[at:end])
        if found is None:
            return end
        if found[0] == "`":
            self._run, self._step = 0, self._in_ticks
            return end
        if found[0] == "{":
            if not self._fence and self._depth == 0 and not self._around.quote("".join(self._held)):
                self._start_object(fence=0)
                return end
            self._depth += 1
        else:
            self._depth = max(0, self._depth - 1)
        self._say(found[0])
        return end + 1

    def _say(self, words: str) -> None:
        """Text, except for blanks at its end: they are held back, since a call takes them along."""
        body = words.rstrip()
        if body:
            self._release(self._held)
            self._out.append(body)
            self._around.take(body, is_code=self._is_in_code())
            self._has_words = True
        if len(body) < len(words):
            self._held.append(words[len(body) :])

    def _is_in_code(self) -> bool:
        return bool(self._fence or self._depth)

    def _release(self, held: list[str], *, is_code: bool = False) -> None:
        self._out += held
        self._around.take("".join(held), is_code=is_code or self._is_in_code())
        held.clear()

    # ------------------------------------------------------------------------------------------ fences

    def _in_ticks(self, text: str, at: int) -> int:
        end = _end_of(_TICKS, text, at) if text[at] == "`" else at
        self._run += end - at
        if end == len(text):
            return end
        run, ticks = self._run, "`" * self._run
        self._step = self._in_words
        if run >= 3 and not self._fence and self._depth == 0 and not self._is_quoted_fence():
            self._opened, self._label, self._step = run, "", self._in_label
            self._held.append(ticks)
            return end
        if run >= 3:
            self._fence = 0 if self._fence and run >= self._fence else self._fence or run
        self._say(ticks)
        return end

    def _is_quoted_fence(self) -> bool:
        """Whether a fence that begins here cannot span a call: it is the second one for JSON, or stands in a quotation."""
        return self._has_fences or self._around.quote("".join(self._held))

    def _in_label(self, text: str, at: int) -> int:
        found = _LABEL_END.search(text, at, at + _LABEL_CHARS)
        end = found.start() if found is not None else min(len(text), at + _LABEL_CHARS)
        self._label += text[at:end]
        if len(self._label) > _LABEL_CHARS or (
            found is not None and (found[0] == "`" or self._label.strip().lower() not in _LABELS)
        ):
            self._no_call_in_fence(self._label)
        elif found is not None:
            self._held.append(self._label)
            self._step = self._in_gap
        return end

    def _in_gap(self, text: str, at: int) -> int:
        end = _end_of(_BLANKS, text, at)
        if end > at:
            self._held.append(text[at:end])
        elif text[at] == "{":
            self._start_object(fence=self._opened)
        else:
            self._no_call_in_fence("")
        return end

    def _no_call_in_fence(self, label: str) -> None:
        self._fence, self._step = self._opened, self._in_words
        self._has_fences = self._has_fences or self._label.strip().lower() in _LABELS
        opening = "".join(self._held) + label
        self._held.clear()
        self._say(opening)

    # ------------------------------------------------------------------------------------------ objects

    def _start_object(self, *, fence: int) -> None:
        self._opened = fence
        self._level = 0
        self._previous = ""
        self._strings.clear()
        self._step = self._in_object

    def _in_object(self, text: str, at: int) -> int:
        start = at
        while (found := _TOKEN.search(text, at)) is not None:
            sign, at = found[0], found.end()
            if sign == '"' or (sign == "'" and self._previous in {"{", "[", ",", ":"}):
                self._quote, self._escaped = sign, False
                self._string = "" if self._level == 1 and len(self._strings) < 3 else None
                self._step = self._in_string
                break
            if self._previous == "{" and self._level == 1 and not self._strings:
                self._object.append(text[start:at])
                self._level += {"{": 1, "[": 1, "}": -1}.get(sign, 0)
                self._no_call_in_object()
                return at
            self._previous = sign[-1]
            if sign in {"{", "["}:
                self._level += 1
            elif sign in {"}", "]"}:
                self._level -= 1
                if self._level == 0:
                    self._step, self._run = self._after_object, 0
                    break
        else:
            at = len(text)
        self._object.append(text[start:at])
        return at

    def _in_string(self, text: str, at: int) -> int:
        start = at
        while True:
            if self._escaped:
                if at == len(text):
                    break
                self._escaped = False
                at += 1
            found = _STRING_END[self._quote].search(text, at)
            if found is None:
                at = len(text)
                break
            at = found.end()
            if found[0] == "\\":
                self._escaped = True
                continue
            self._step, self._previous = self._in_object, found[0]
            break
        piece = text[start:at]
        self._object.append(piece)
        if self._string is not None and len(self._string) < _KEY_CHARS:
            self._string += piece[:_KEY_CHARS]
        if self._step == self._in_object and self._string is not None:
            self._strings.append(self._string[:-1])
            self._string = None
            if not self._may_be_call():
                self._no_call_in_object()
        return at

    def _may_be_call(self) -> bool:
        """By the first key of the object, and by what follows a name."""
        first = self._strings[0]
        if first == "name":
            return len(self._strings) < 3 or self._strings[2] in _BEHIND_NAME
        return first == "tool_calls"

    def _no_call_in_object(self) -> None:
        self._depth = self._level
        self._fence = self._opened
        self._step = self._in_words
        self._has_words = True
        self._pass_object()

    def _pass_object(self) -> None:
        self._has_fences = self._has_fences or self._opened > 0
        self._release(self._held, is_code=True)
        self._release(self._object, is_code=True)

    # ------------------------------------------------------------------------------------------ behind the object

    def _after_object(self, text: str, at: int) -> int:
        end = _end_of(_BLANKS, text, at)
        if end > at:
            self._behind.append(text[at:end])
        elif text[at] == "`" and self._opened and not self._run:
            self._step = self._close_fence
        else:
            self._words_behind()
        return end

    def _close_fence(self, text: str, at: int) -> int:
        end = _end_of(_TICKS, text, at) if text[at] == "`" else at
        self._run += end - at
        self._behind.append(text[at:end])
        if end < len(text):
            if self._run >= self._opened:
                self._step = self._after_object
            else:
                self._words_behind()
        return end

    def _words_behind(self) -> None:
        self._fence = 0 if self._run >= self._opened else self._opened
        self._step = self._in_words
        self._has_objects = self._has_objects or self._strings[:1] == ["tool_calls"] or len(self._strings) > 2
        self._pass_object()
        behind = "".join(self._behind)
        self._behind.clear()
        if behind:
            self._say(behind)


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
