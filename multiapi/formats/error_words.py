"""Reads what an error body says, wherever it says it: the provider's words, its code, and what an upstream said inside of that.

Gateways wrap errors in errors: `metadata.raw`, JSON inside of a message, `error.error`, `details`. All words are told, from the outside
to the inside; what is said twice stands once. The work is bounded: a number of levels, values and characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from multiapi.errors import one_line, printable
from multiapi.formats.error_codes import is_known
from multiapi.http.json import parse_json

MAX_CODE_CHARS = 120
MAX_TEXT_CHARS = 8_000
_MAX_LEVELS = 12
_MAX_VALUES = 60
_MAX_ENTRIES = 20
_MAX_DETAIL_CHARS = 500

_TEXTS = (
    "error",
    "message",
    "msg",
    "error_description",
    "error_message",
    "errorMessage",
    "detail",
    "details",
    "errors",
    "reason",
)
_WRAPPED = ("error", "message", "msg", "errors", "detail", "details", "innererror", "inner_error", "cause")
_WRAPPED_INSIDE = (
    "metadata",
    "data",
    "raw",
    "upstream",
    "upstream_error",
    "provider_error",
    "response",
    "body",
    "previous_errors",
)
"""Only inside of an error: beside one they may hold the content of a response."""
_STATUSES = ("statusCode", "status_code", "status", "code")
_FALLBACKS = ("title", "description", "status_message")
_LIKE_A_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+")
_STATUS_IN_TEXT = re.compile(r"\s*(4\d\d)\s")


class ErrorWords(NamedTuple):
    """What a body says of an error.

    Attributes:
        message: All words, from the outside to the inside; "" if there are none.
        code: The innermost code word; a number is none.
        type: The type word beside it.
        param: The field of the request that it names.
        codes: Every code and type word, the innermost first, without those of single entries of a list.
        details: The provider's own details, bounded.
        texts: The parts of `message`.
    """

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    codes: tuple[str, ...] = ()
    details: Any = None
    texts: tuple[str, ...] = ()

    @property
    def status_in_text(self) -> int | None:
        """The status with which one of the texts begins, as in "400 Unable to access model"."""
        found = next((found for text in self.texts if (found := _STATUS_IN_TEXT.match(text))), None)
        return None if found is None else int(found[1])


def read_error_words(body: Any) -> ErrorWords:
    """The words of an error body of any form."""
    reading = _Reading()
    reading.take(body, 0)
    heads = _once([text for text in reading.heads if text.strip()])
    items = [text for text in _once(reading.items) if not any(text in head for head in heads)]
    texts = [*heads, *items]
    message = ": ".join(text.strip() for text in heads)
    if items:
        message = f"{message.rstrip(' .:')}: {'; '.join(items)}" if message else "; ".join(items)
    if not message:
        texts = reading.fallbacks[:1]
        message = "".join(texts)
    codes = [word for level in reversed(reading.levels) for word in level]
    return ErrorWords(
        message,
        next(iter(codes), next(iter(reading.item_codes), None)),
        next(reversed(reading.types), None),
        next(reversed(reading.params), None),
        tuple(codes),
        None if reading.details is None else bounded(reading.details),
        tuple(texts),
    )


class _Reading:
    """What was found so far."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.items: list[str] = []
        self.fallbacks: list[str] = []
        self.levels: list[list[str]] = []
        self.types: list[str] = []
        self.params: list[str] = []
        self.item_codes: list[str] = []
        self.details: Any = None
        self._left = _MAX_VALUES

    def take(self, value: Any, level: int, *, is_item: bool = False) -> None:
        """Read one value; those of a list are single complaints, and say nothing of the whole."""
        self._left -= 1
        if level > _MAX_LEVELS or self._left < 0:
            return
        if isinstance(value, str):
            self._take_text(value[:MAX_TEXT_CHARS], level, is_item=is_item)
        elif isinstance(value, list):
            for entry in value[:_MAX_ENTRIES]:
                if isinstance(entry, (str, list, dict)):
                    self.take(entry, level + 1, is_item=True)
        elif isinstance(value, dict):
            self._take_object(value, level, is_item=is_item)

    def _take_text(self, text: str, level: int, *, is_item: bool) -> None:
        inner, start = _json_inside(text)
        before = text if inner is None else text[:start].rstrip(" :-,\n")
        if before.strip():
            (self.items if is_item else self.heads).append(before)
        if inner is not None:
            self.take(inner, level + 1, is_item=is_item)

    def _take_object(self, value: dict[str, Any], level: int, *, is_item: bool) -> None:
        words = list(_codes_of(value))
        if words and is_item:
            self.item_codes += words
        elif words:
            self.levels.append(words)
        kind = word(value.get("type")) or word(value.get("name"))
        if kind and not is_item:
            self.types.append(kind)
        param = value.get("param")
        if isinstance(param, str) and param.strip():
            self.params.append(one_line(param.strip(), MAX_CODE_CHARS))
        for name in ("details", "detail", "errors", "message"):
            found = value.get(name)
            if found and (name in {"details", "detail"} or isinstance(found, (list, dict))) and not is_item:
                if self.details is None or name == "details":
                    self.details = found
                break
        for name in _TEXTS:
            found = value.get(name)
            if isinstance(found, str) and not (name == "reason" and _LIKE_A_CODE.fullmatch(found)):
                self.take(found, level, is_item=is_item)
        wrapped = (*_WRAPPED, *_WRAPPED_INSIDE) if level else _WRAPPED
        for name in wrapped:
            found = value.get(name)
            if isinstance(found, dict) or (isinstance(found, str) and name in {"raw", "body", "upstream"}):
                self.take(found, level + 1, is_item=is_item)
        for name in wrapped:
            if isinstance(found := value.get(name), list):
                self.take(found, level + 1, is_item=is_item)
        self.fallbacks += [found for name in _FALLBACKS if isinstance(found := value.get(name), str) and found.strip()]


def _codes_of(value: dict[str, Any]) -> Iterator[str]:
    """The code words of one object, the most precise first."""
    for name in ("kind", "code", "type", "error_code", "errorCode"):
        found = word(value.get(name))
        if found and not (name == "type" and found == "error"):
            yield found
    name_of_class = word(value.get("name"))
    if name_of_class and is_known(name_of_class):
        yield name_of_class
    status, reason = value.get("status"), value.get("reason")
    if isinstance(status, str) and status.isupper() and is_known(status):  # Google's
        yield status
    if isinstance(reason, str) and _LIKE_A_CODE.fullmatch(reason):
        yield one_line(reason, MAX_CODE_CHARS)
    if value.get("flagged_input"):  # a router's moderation, whose code is the status
        yield "flagged_input"


def word(value: Any) -> str | None:
    """A value as a code word; a number is only the status once more."""
    if not isinstance(value, str) or not value.strip() or value.strip().lstrip("-").isdigit():
        return None
    return one_line(value.strip(), MAX_CODE_CHARS)


def _json_inside(text: str) -> tuple[Any, int]:
    """The JSON object or list that ends a text, and where it begins; (None, 0) if there is none."""
    end = text.rstrip()[-1:]
    if end not in {"}", "]"}:
        return None, 0
    start = text.find("[") if end == "]" else max(text.find('{"'), -1)
    if start < 0:
        start = text.find("{")
    if end == "}" and 0 <= (opened := text.find("[{")) < start:
        start = opened
    if start < 0:
        return None, 0
    try:
        found = parse_json(text[start:].encode("utf-8", "replace"))
    except ValueError:
        return None, 0
    return (found, start) if isinstance(found, (dict, list)) and found else (None, 0)


def _once(texts: list[str]) -> list[str]:
    """The texts, each once, and none that is a part of another."""
    kept: list[str] = []
    for text in texts:
        plain = text.strip()
        if any(plain in other for other in kept):
            continue
        kept = [other for other in kept if other not in plain]
        kept.append(plain)
    return kept


def bounded(value: Any, level: int = 0) -> Any:
    """A value of a provider as it may stay in an error: not deep, not long, printable."""
    if isinstance(value, str):
        return printable(value, _MAX_DETAIL_CHARS)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 64 else None
    if level > 4:
        return "..."
    if isinstance(value, dict):
        entries = list(value.items())[:_MAX_ENTRIES]
        return {one_line(str(name), MAX_CODE_CHARS): bounded(each, level + 1) for name, each in entries}
    if isinstance(value, list):
        return [bounded(each, level + 1) for each in value[:_MAX_ENTRIES]]
    return None


def numeric_status(body: Any) -> int | None:
    """The HTTP status that a body names as a number, in its error or beside it."""
    nested = body.get("error") if isinstance(body, dict) else None
    for place in (nested, body):
        if isinstance(place, dict):
            for key in _STATUSES:
                value = place.get(key)
                if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
                    value = int(value)
                if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
                    return value
    return None
