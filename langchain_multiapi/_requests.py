"""A call of LangChain as the core's request: tools, the form of the response, settings. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_multiapi._messages import to_messages
from multiapi.client.arguments import check_names, read_api
from multiapi.errors import InvalidRequestError
from multiapi.formats.openai.vendor import merged
from multiapi.formats.openai.wishes import choice_among, read_tool, read_tool_choice, strictly
from multiapi.provider import Provider, names
from multiapi.providers import split_model
from multiapi.types.chat import CHAT_SETTINGS, ChatRequest, Tool

# ------------------------------------------------------------------------------------------------ tools


def to_tools(tools: Iterable[Any]) -> tuple[Tool, ...]:
    """Tools in OpenAI's form (as `bind_tools` leaves them) as the core's; any other form is passed on unchanged."""
    return tuple(_to_tool(tool) for tool in tools)


def _to_tool(tool: Any) -> Tool:
    if is_of_a_vendor(tool):
        return Tool(str(tool.get("name") or tool["type"]), raw=tool)
    return read_tool(formatted(tool))


def is_of_a_vendor(tool: Any) -> bool:
    """A tool that the provider itself has, such as a search: a dict with a type of its own."""
    return (
        isinstance(tool, dict)
        and tool.get("type", "function") != "function"
        and not ({"input_schema", "properties"} & tool.keys())
        and ("function" not in tool or str(tool["type"]).endswith("_function"))
    )


def formatted(tool: Any, strict: bool | None = None) -> dict[str, Any]:
    """A tool in OpenAI's form, with the mark for the cache that it had in its own."""
    if isinstance(tool, dict):
        inner = tool.get("function")
        mark = tool.get("cache_control") or (inner.get("cache_control") if isinstance(inner, dict) else None)
        if "function" in tool and strict is None and not (mark and "cache_control" not in tool):
            return tool
    else:
        mark = (getattr(tool, "extras", None) or {}).get("cache_control")
    from langchain_core.utils.function_calling import convert_to_openai_tool

    made = convert_to_openai_tool(tool, strict=strict)
    function = made.get("function")
    if strict and isinstance(function, dict) and "parameters" in function:
        made = {**made, "function": {**function, "parameters": strictly(function["parameters"])}}
    return made if not mark else {**made, "cache_control": mark}


# ------------------------------------------------------------------------------------------------ settings

_SETTINGS = (
    *CHAT_SETTINGS,
    "max_tokens",
    "max_tokens_name",
    "api",
    "web_search",
    "prompt_cache",
    "stream_usage",
    "tool_calling",
    "split_thinking",
    "reasoning_replay",
    "think",
    "misplaced_media",
    "on_truncated_tool_call",
    "promote_reasoning_to_content",
    "raise_on_content_filter",
)
CALL_ALIASES = {"model_name": "model", "max_completion_tokens": "max_tokens", "stop_sequences": "stop"}
_OF_THE_MODEL = frozenset(
    {
        "provider",
        "api_key",
        "base_url",
        "default_headers",
        "default_query",
        "extra_query",
        "http_client",
        "http_async_client",
        "include_response_headers",
        "disabled_params",
        "allow_http",
    }
)
_OF_CALLS = ("tools", "tool_choice", "response_format", "extra_headers", "extra_body", "timeout", "max_retries")
_NEVER_SENT = frozenset({"stream", "streaming", "structured_output_format", "functions_state", "config", "callbacks"})


def to_request(
    held: Mapping[str, Any],
    provider: Provider,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    call: dict[str, Any],
) -> ChatRequest:
    """The request for one call: what the call says, else what the model holds; nothing that neither says.

    Fields of the call that the core does not know go into the body as they are; LangChain's own (`ls_...`) never do.

    Raises:
        InvalidRequestError: A setting of the model, given in a call.
    """
    if "max_completion_tokens" in call and "max_tokens" not in call:
        call.setdefault("max_tokens_name", "max_completion_tokens")
    elif call.get("max_tokens") is not None:
        call.setdefault("max_tokens_name", "max_tokens" if held.get("max_tokens_name") else None)
    for alias, name in CALL_ALIASES.items():
        if alias in call:
            call.setdefault(name, call.pop(alias))
    read_api(call)
    fields: dict[str, Any] = {}
    for name in _SETTINGS:
        value = call.pop(name, None)
        if value is None:
            value = held.get(name)
        if value is not None:
            fields[name] = value
    model = call.pop("model", None) or held["model"]
    if ":" in model:
        _, model = split_model(model, provider)
    stop = call.pop("stop", None) or stop or held["stop"]
    if stop:
        fields["stop"] = [stop] if isinstance(stop, str) else list(stop)
    extra: dict[str, Any] = dict(held["model_kwargs"] or {})
    if held["reasoning"] is not None:
        extra["reasoning"] = held["reasoning"]
    if call:
        _take_call(call, fields, extra, provider)
    if held["extra_body"]:
        extra = merged(extra, held["extra_body"])
    body = call.pop("extra_body", None)
    if body:
        extra = merged(extra, body)
    if held["disabled_params"]:
        _disable(held["disabled_params"], fields, extra)
    if extra:
        fields["extra"] = extra
    return ChatRequest(model=model, messages=to_messages(messages, provider.name), extra_name="extra_body", **fields)


def _take_call(call: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any], provider: Provider) -> None:
    """Tools, the wanted form of the response, headers, and whatever else the call says."""
    tools = call.pop("tools", None)
    if tools:
        fields["tools"] = to_tools(tools)
    choice = read_tool_choice(call.pop("tool_choice", None))
    if choice is not None:
        choice = choice_among(choice, fields.get("tools", ()))
        (fields if isinstance(choice, str) else extra)["tool_choice"] = choice
    wanted = call.pop("response_format", None)
    method, strict = call.pop("response_format_method", None), call.pop("strict", None)
    if wanted is not None and wanted != {"type": "text"}:
        from langchain_multiapi._forms import to_response_format

        fields["response_format"] = to_response_format(wanted, method, strict)
    headers = call.pop("extra_headers", None)
    if headers:
        fields["headers"] = dict(headers)
    wrong = _OF_THE_MODEL & call.keys()
    if wrong:
        name = min(wrong).replace("extra_query", "default_query")
        raise InvalidRequestError(
            f"{provider.name}: {names(wrong)} is set on the model and not in a call: ChatMultiApi(..., {name}=...)",
            provider=provider.name,
        )
    check_names(
        "a call",
        [name for name in call if name not in _NEVER_SENT and not name.startswith("ls_") and name not in _OF_CALLS],
        (*_SETTINGS, *CALL_ALIASES, *_OF_CALLS, "stop"),
    )
    for name in list(call):
        if name != "extra_body":
            value = call.pop(name)
            if name not in _NEVER_SENT and not name.startswith("ls_") and value is not None:
                extra[name] = value


def _disable(disabled: Mapping[str, Any], *places: dict[str, Any]) -> None:
    """Leave parameters out: always (None), or when they have one of these values."""
    for name, values in disabled.items():
        for place in places:
            if name in place and (values is None or place[name] in values):
                del place[name]
