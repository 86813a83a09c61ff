"""Arguments of tool calls on their way back to a model: always the text of a JSON object, because servers refuse a history otherwise."""

from __future__ import annotations

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
