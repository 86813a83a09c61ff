"""Schemas that OpenAI's models refuse: those that have no object at the root.

Source: the errors of OpenAI that users of gateways report (run-llama/llama_index#18799, langchain-ai/langchain-mcp-adapters#137). Models
of other developers are less strict, so nothing is refused for them.
"""

import re
from collections.abc import Iterator
from typing import Any

from multiapi.simulator.vendors.vendor import Refusal

_OF_OPENAI = re.compile(r"(?:openai/)?(?:gpt-|chatgpt-|o[1-9](?:-|$))").match


def check_roots(body: Any) -> None:
    """Refuse a form of the answer or parameters of a tool without an object at the root, in OpenAI's words.

    Raises:
        Refusal: 400.
    """
    if not isinstance(body, dict) or not _OF_OPENAI(str(body.get("model", ""))):
        return
    for what, name, schema, needs_properties in _schemas(body):
        kind = schema.get("type")
        if kind != "object":
            got = f'"{kind}"' if isinstance(kind, str) else '"None"' if kind is None else str(kind)
            raise Refusal(
                400,
                f"Invalid schema for {what} '{name}': schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.",
            )
        if needs_properties and not isinstance(schema.get("properties"), dict):
            raise Refusal(400, f"Invalid schema for {what} '{name}': In context=(), object schema missing properties.")


def _schemas(body: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any], bool]]:
    """What each schema of a request is for, its name, and whether properties have to be in it: of chats and of the Responses protocol."""
    form = body.get("response_format")
    held = form.get("json_schema") if isinstance(form, dict) else None
    text = body.get("text")
    flat = text.get("format") if isinstance(text, dict) else None
    for place in (held, flat):
        if isinstance(place, dict) and isinstance(place.get("schema"), dict):
            yield "response_format", place.get("name"), place["schema"], False
    for tool in body.get("tools") or ():
        function = tool.get("function", tool) if isinstance(tool, dict) and tool.get("type") == "function" else None
        if isinstance(function, dict) and isinstance(function.get("parameters"), dict):
            yield "function", function.get("name"), function["parameters"], True
