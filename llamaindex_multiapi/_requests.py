"""What a call of an LLM comes to: the core's request, with its settings, tools and the form of the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from llamaindex_multiapi._messages import to_messages
from multiapi.client.arguments import check_names, read_api
from multiapi.formats.openai.vendor import merged
from multiapi.formats.openai.wishes import choice_among, read_response_format, read_tool, read_tool_choice, strictly
from multiapi.formats.schemas import description
from multiapi.types.chat import CHAT_SETTINGS, ChatRequest, ResponseFormat, Tool

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage

SETTINGS = (
    *(name for name in CHAT_SETTINGS if name != "n"),
    "max_tokens",
    "max_tokens_name",
    "stop",
    "api",
    "web_search",
    "prompt_cache",
    "streaming",
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
"""Settings that are fields of the model and of a request alike."""
_SETTING_NAMES = frozenset({*SETTINGS, "n", "model"})
"""Fields of a request that a call may give as they are."""

_OF_CALLS = (
    "tools",
    "tool_choice",
    "response_format",
    "allow_parallel_tool_calls",
    "extra_headers",
    "extra_body",
    "timeout",
)


class Call(NamedTuple):
    """What one call of a model comes to: the core's request, and how its response is to be read.

    Attributes:
        single: More than one tool call in the response is too many.
    """

    request: ChatRequest
    single: bool = False


def to_call(model: str, settings: Mapping[str, Any], messages: Sequence[ChatMessage], options: dict[str, Any]) -> Call:
    """The core's request. `options` of this call win over `settings` of the model; what neither knows goes into the body."""
    request: dict[str, Any] = {
        "model": model,
        "messages": to_messages(messages),
    }
    extra: Mapping[str, Any] = settings.get("extra_body") or {}
    for name in SETTINGS:
        value = settings.get(name)
        if value is not None:
            request[name] = value
    single = False
    if options:
        read_api(options)
        choice: Any = None
        unknown: dict[str, Any] = {}
        for name, value in options.items():
            if value is None:
                continue
            if name in _SETTING_NAMES:
                request[name] = value
            elif name == "tools":
                request["tools"] = tuple(to_tool(tool) for tool in value)
            elif name == "tool_choice":
                choice = read_tool_choice(value)
            elif name == "response_format":
                request["response_format"] = to_response_format(value)
            elif name == "allow_parallel_tool_calls":
                single = not value
            elif name == "extra_headers":
                request["headers"] = dict(value)
            elif name == "extra_body":
                extra = merged(dict(extra), value)
            else:
                unknown[name] = value
        if unknown:
            check_names("a call", unknown, (*_SETTING_NAMES, *_OF_CALLS))
            extra = merged(dict(extra), unknown)
        if choice is not None:
            choice = choice_among(choice, request.get("tools", ()))
            if isinstance(choice, str):
                request["tool_choice"] = choice
            else:
                extra = merged(dict(extra), {"tool_choice": choice})
        if isinstance(request.get("stop"), str):
            request["stop"] = (request["stop"],)
        single = single or request.get("parallel_tool_calls") is False
    if extra:
        request["extra"] = extra
    return Call(
        ChatRequest(extra_name="extra_body", **request),
        single,
    )


def to_response_format(wanted: Any) -> ResponseFormat | None:
    """From the core's own form, a pydantic class, or OpenAI's `response_format`."""
    if isinstance(wanted, ResponseFormat):
        return wanted
    if isinstance(wanted, type):
        return response_format_of(wanted)
    return read_response_format(wanted)


def response_format_of(output_cls: Any, method: Any = "auto") -> ResponseFormat:
    """A pydantic class as the form of a response."""
    schema = output_cls.model_json_schema()
    return ResponseFormat(schema=schema, name=output_cls.__name__, method=method, description=description(schema))


_PARAMETERS: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()
"""Tool schemas by the class they are made from, because making one costs more than a request."""


def to_tool(tool: Any) -> Tool:
    """From a LlamaIndex tool, a tool in OpenAI's form, or the core's own."""
    if isinstance(tool, Tool):
        return tool
    if isinstance(tool, Mapping):
        return read_tool(tool)
    metadata = tool.metadata
    return Tool(metadata.get_name(), metadata.description, _parameters(metadata))


def _parameters(metadata: Any) -> dict[str, Any]:
    from llama_index.core.tools.types import ToolMetadata

    made_from = metadata.fn_schema
    if made_from is None or type(metadata).get_parameters_dict is not ToolMetadata.get_parameters_dict:
        return metadata.get_parameters_dict()  # type: ignore[no-any-return]
    held = _PARAMETERS.get(made_from)
    if held is None:
        held = _PARAMETERS[made_from] = metadata.get_parameters_dict()
    return held


def tool_to_dict(tool: Any, strict: bool | None = None) -> dict[str, Any]:
    """A tool in OpenAI's form, as LlamaIndex hands it from one method to the next and shows it in events.

    `strict` demands of the provider that arguments fit the schema, which for that may not leave room for others.
    """
    if isinstance(tool, dict):
        return tool
    read = to_tool(tool)
    function: dict[str, Any] = {"name": read.name, "description": read.description, "parameters": read.parameters}
    if strict is not None:
        function["strict"] = strict
    if strict:
        function["parameters"] = strictly(read.parameters or {"type": "object"})
    return {"type": "function", "function": function}
