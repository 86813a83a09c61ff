"""The key in what a provider says beside its answers: debugging fields, headers, and whatever else repeats a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

_FIELDS = ("metadata", "extra", "headers", "raw")
_SAID = frozenset({"choices", "output", "output_text", "content", "response", "text", "data"})
"""Where bodies have what the model said, which is not touched."""


def without_key(result: T, scrub: Callable[[str], str]) -> T:
    """A result as it may leave: with `scrub` applied to what stands beside what the model said; the same object if that changes nothing."""
    if not is_dataclass(result) or isinstance(result, type):
        return result
    held = {name: place for name in _FIELDS if type(place := getattr(result, name, None)) is dict}
    usage, others = getattr(result, "usage", None), getattr(result, "alternatives", ())
    raw = held.pop("raw", {})
    beside = {name: each for name, each in raw.items() if name not in _SAID}
    if not others and not _holds_some([beside, *held.values(), getattr(usage, "details", None)], scrub):
        return result
    changed: dict[str, Any] = {name: _each_scrubbed(place, scrub) for name, place in held.items()}
    if beside:
        said = {name: each for name, each in raw.items() if name in _SAID}
        changed["raw"] = {**said, **_each_scrubbed(beside, scrub)}
    if usage is not None:
        changed["usage"] = usage._replace(details=usage.details and _each_scrubbed(usage.details, scrub))
    if others:
        changed["alternatives"] = tuple(without_key(other, scrub) for other in others)
    return replace(result, **changed)


def _each_scrubbed(place: Mapping[str, Any], scrub: Callable[[str], str]) -> dict[str, Any]:
    return {scrub(name): scrubbed(each, scrub) for name, each in place.items()}


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A value of parsed JSON with every text scrubbed; the same object if that changes nothing."""
    if not _holds_some(value, scrub):
        return value
    try:
        return _rebuilt(value, scrub)
    except RecursionError:
        return "(not shown: it repeats the key, nested too deeply to mask it)"


def _holds_some(value: Any, scrub: Callable[[str], str]) -> bool:
    """Whether a text in a value of parsed JSON would be changed; all of them are looked at in one go."""
    texts: list[str] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str:
            texts.append(each)
        elif kind is dict:
            texts.extend(each)
            waiting.extend(each.values())
        elif kind is list:
            waiting.extend(each)
    whole = "\n\n".join(texts)
    return scrub(whole) != whole


def _rebuilt(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {_rebuilt(key, scrub): _rebuilt(each, scrub) for key, each in value.items()}
    return [_rebuilt(each, scrub) for each in value] if isinstance(value, list) else value
