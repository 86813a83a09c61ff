"""What callers wish for in OpenAI's dict form: tools, a choice among them, the form of the response. Read once, for both frameworks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from multiapi.types.chat import ResponseFormat, Tool


def read_tool(tool: Mapping[str, Any]) -> Tool:
    """The tool in a dict of OpenAI's form; a dict of another form is one of the provider's own and goes out as it is."""
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, Mapping):
        return Tool(str(tool.get("name") or tool.get("type") or "tool"), raw=tool)
    return Tool(
        function["name"],
        function.get("description") or "",
        function.get("parameters") or {},
        function.get("strict"),
        cache_control=tool.get("cache_control") or function.get("cache_control"),
    )


def read_tool_choice(choice: Any) -> str | Mapping[str, Any] | None:
    """One of the core's words or the name of a tool, from a word, True, or OpenAI's or Anthropic's object; an object of a kind that is a
    provider's own stays as it is. None and False choose nothing.

    Raises:
        ValueError: Something else.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice == "any":
        return "required"
    if isinstance(choice, str):
        return choice
    if isinstance(choice, Mapping):
        function = choice.get("function")
        if isinstance(function, Mapping) and function.get("name"):
            return str(function["name"])
        kind = choice.get("type")
        if kind in {"tool", "function"} and choice.get("name"):
            return str(choice["name"])
        if kind in {"any", "auto", "none", "required"}:
            return "required" if kind == "any" else str(kind)
        if isinstance(kind, str) and kind not in {"tool", "function"}:
            return choice
    raise ValueError(
        f"tool_choice {choice!r} is none of the known forms: a word, a tool's name, True, or OpenAI's object"
    )


def choice_among(choice: str | Mapping[str, Any], tools: Iterable[Tool]) -> str | Mapping[str, Any]:
    """The choice as it is said of these tools: one that the provider itself has is chosen by its type."""
    raw = next((tool.raw for tool in tools if tool.raw is not None and tool.name == choice), None)
    return choice if raw is None else {key: raw[key] for key in ("type", "name") if key in raw}


def read_response_format(wanted: Mapping[str, Any], method: Any = "auto") -> ResponseFormat | None:
    """The form in OpenAI's `response_format`: a JSON schema, or any JSON object. None for text and for what is not such a dict."""
    if wanted.get("type") == "json_object":
        return ResponseFormat(None, method=method)
    given = wanted.get("json_schema") if wanted.get("type") == "json_schema" else None
    if not isinstance(given, Mapping):
        return None
    return ResponseFormat(
        given.get("schema"), given.get("name") or "answer", given.get("strict"), method, given.get("description") or ""
    )


def strictly(schema: Any) -> Any:
    """A schema as OpenAI wants those that it shall enforce: every object closed, every property of it required, no empty defaults."""
    if isinstance(schema, list):
        return [strictly(inner) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in {"properties", "$defs", "definitions"} and isinstance(value, Mapping):
            closed[key] = {name: strictly(inner) for name, inner in value.items()}
        elif key in {"items", "prefixItems", "anyOf", "allOf", "oneOf"}:
            closed[key] = strictly(value)
        elif not (key == "default" and value is None):
            closed[key] = value
    if "properties" in closed or (closed.get("type") == "object" and "additionalProperties" not in closed):
        closed.update(additionalProperties=False, required=list(closed.get("properties", ())))
    return closed
