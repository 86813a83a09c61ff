"""Tools on their way into a call, and tool calls out of its response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from llamaindex_multiapi._answers import said_in
from llamaindex_multiapi._requests import tool_to_dict
from multiapi.errors import ResponseFormatError
from multiapi.formats.tool_arguments import INVALID_ARGUMENTS
from multiapi.formats.tool_calls import arguments_error
from multiapi.http.json import parse_partial


class NoToolCallError(ResponseFormatError, ValueError):
    """A tool call was demanded and none that can be carried out has come."""


class CallsTools:
    """How an LLM is given tools and its calls are read; comes before the framework's class in the bases of a model."""

    def _prepare_chat_with_tools(  # noqa: PLR0917
        self,
        tools: Sequence[Any],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        return prepare(
            tools,
            user_msg,
            chat_history,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            tool_required=tool_required,
            options=kwargs,
        )

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[Any],  # noqa: ARG002
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResponse:
        return response if allow_parallel_tool_calls else with_one_call(response)

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[ToolSelection]:
        return selections(response, demanded=error_on_no_tool_call)


def prepare(
    tools: Sequence[Any],
    user_msg: str | ChatMessage | None,
    chat_history: Sequence[ChatMessage] | None,
    *,
    allow_parallel_tool_calls: bool,
    tool_required: bool,
    options: dict[str, Any],
) -> dict[str, Any]:
    """The arguments of `chat` for a conversation with tools; the caller's history is copied.

    What is demanded by name wins over `tool_required`; "auto" is what providers do anyway and is not said.
    """
    messages = list(chat_history or [])
    if user_msg is not None:
        messages.append(
            user_msg if isinstance(user_msg, ChatMessage) else ChatMessage(role=MessageRole.USER, content=user_msg)
        )
    arguments: dict[str, Any] = {"messages": messages, **options}
    if not tools:
        arguments.pop("tool_choice", None)
        arguments.pop("strict", None)
        return arguments
    strict = arguments.pop("strict", None)
    arguments["tools"] = [tool_to_dict(tool, strict) for tool in tools]
    choice = arguments.pop("tool_choice", None)
    if choice is None and tool_required:
        choice = "required"
    if choice is not None and choice != "auto":
        arguments["tool_choice"] = choice
    if not allow_parallel_tool_calls:
        arguments["allow_parallel_tool_calls"] = False
    return arguments


def with_one_call(response: ChatResponse) -> ChatResponse:
    """The response with the first of its tool calls and not the others."""
    blocks = response.message.blocks
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    plain = response.message.additional_kwargs.get("tool_calls") or []
    if len(calls) < 2 and len(plain) < 2:
        return response
    kept = [block for block in blocks if not isinstance(block, ToolCallBlock) or block is calls[0]]
    beside = {**response.message.additional_kwargs, "tool_calls": list(plain[:1])}
    message = response.message.model_copy(update={"blocks": kept, "additional_kwargs": beside})
    return response.model_copy(update={"message": message})


def selections(response: ChatResponse, *, demanded: bool) -> list[ToolSelection]:
    """The tool calls of a response; arguments that are still being written are read as far as they go, but those of a response
    that was cut off are none.

    Raises:
        NoToolCallError: `demanded`, and there is none that can be carried out.
    """
    invalid = {call["id"] for call in response.additional_kwargs.get("invalid_tool_calls") or ()}
    found = [
        ToolSelection(
            tool_id=block.tool_call_id or "",
            tool_name=block.tool_name,
            tool_kwargs={INVALID_ARGUMENTS: block.tool_kwargs}
            if block.tool_call_id in invalid and arguments_error(str(block.tool_kwargs))
            else _kwargs(block.tool_kwargs),
        )
        for block in response.message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    if not found:
        found = [_legacy(call) for call in response.message.additional_kwargs.get("tool_calls") or ()]
    if demanded and not any(INVALID_ARGUMENTS not in selection.tool_kwargs for selection in found):
        from multiapi.negotiation.wanted import why_no_call

        raise NoToolCallError(why_no_call(said_in(response)), provider=response.additional_kwargs.get("provider"))
    return found


def _legacy(call: Any) -> ToolSelection:
    read: Mapping[str, Any] = call if isinstance(call, Mapping) else call.model_dump()
    function = read.get("function") or {}
    return ToolSelection(
        tool_id=read.get("id") or "",
        tool_name=function.get("name") or "",
        tool_kwargs=_kwargs(function.get("arguments") or {}),
    )


def _kwargs(arguments: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    return dict(_read(arguments)) if arguments.strip() else {}


@lru_cache(maxsize=16)
def _read(text: str) -> Mapping[str, Any]:
    """A JSON object, as far as it is written; text that is not a beginning of one stands under a name that no tool takes.

    Agents ask for the calls with each chunk of a stream, mostly with nothing new in them.
    """
    value = parse_partial(text)
    return value if isinstance(value, dict) else {INVALID_ARGUMENTS: text}
