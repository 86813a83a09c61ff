"""Arguments of tool calls on their way back to a model: always the text of a JSON object, because servers refuse a history otherwise."""

from __future__ import annotations

import re
from typing import Any

from multiapi.http.json import dump_json, parse_text

INVALID_ARGUMENTS = "arguments_that_are_no_valid_json"
"""The name under which unreadable tool arguments travel. No tool takes it, so the call fails with a message that the model
understands, instead of running without arguments.
"""


def arguments_object(arguments: str) -> str:
    """The arguments as they are if they are an object, else an object that holds what the model wrote."""
    text = arguments.strip()
    if text in {"", "null"}:
        return "{}"
    try:
        value = parse_text(text)
    except ValueError:
        value = None
    return text if isinstance(value, dict) else dump_json({INVALID_ARGUMENTS: arguments}).decode()


def text_to_keep(arguments: str) -> str | None:
    """The text of a call's arguments if reading them loses how a number is written: more digits than a float has, 1.10, 1e5."""
    for number in _DECIMALS.findall(arguments):
        if repr(float(number)) != number:
            return arguments
    return None


_DECIMALS = re.compile(r"(?<![0-9])(?:-?[0-9]++(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?|[eE][+-]?[0-9]++)|-0(?![0-9]))")


def text_in_history(arguments: Any, came: Any) -> str | None:
    """The text in which the arguments of a call came, if it still says the same as they do; None if it does not.

    Args:
        arguments: The arguments as the conversation holds them, which a user may have changed.
        came: What the model wrote, as far as that was kept.
    """
    if not isinstance(came, str) or text_to_keep(came) is None:
        return None
    try:
        same = repr(parse_text(came)) == repr(arguments)  # which tells 1 from 1.0 and from True
    except (ValueError, RecursionError):
        return None
    return came if same else None
