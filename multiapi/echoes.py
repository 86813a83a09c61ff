"""The key in what a provider says beside its answers: debugging fields, headers, and whatever else repeats a request."""

from __future__ import annotations

from collections.abc import Callable
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
    changed: dict[str, Any] = {}
    for name in _FIELDS:
        held = getattr(result, name, None)
        if isinstance(held, dict) and held:
            found = {
                key: each if key in _SAID and name == "raw" else scrubbed(each, scrub) for key, each in held.items()
            }
            if any(found[key] is not each for key, each in held.items()):
                changed[name] = found
    usage = getattr(result, "usage", None)
    details = getattr(usage, "details", None)
    if isinstance(details, dict):
        found = scrubbed(details, scrub)
        if found is not details:
            changed["usage"] = usage._replace(details=found)  # type: ignore[union-attr]
    others = getattr(result, "alternatives", ())
    if others:
        clean = tuple(without_key(other, scrub) for other in others)
        if any(new is not old for new, old in zip(clean, others, strict=True)):
            changed["alternatives"] = clean
    return replace(result, **changed) if changed else result


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A value of parsed JSON with every text scrubbed; the same object if that changes nothing."""
    if not _holds_some(value, scrub):
        return value
    try:
        return _rebuilt(value, scrub)
    except RecursionError:
        return "(not shown: it repeats the key, nested too deeply to mask it)"


def _holds_some(value: Any, scrub: Callable[[str], str]) -> bool:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is str:
            if scrub(each) != each:
                return True
        elif kind is dict:
            waiting.extend(each)
            waiting.extend(each.values())
        elif kind is list:
            waiting.extend(each)
    return False


def _rebuilt(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {_rebuilt(key, scrub): _rebuilt(each, scrub) for key, each in value.items()}
    return [_rebuilt(each, scrub) for each in value] if isinstance(value, list) else value
