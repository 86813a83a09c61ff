"""Anthropic's Messages protocol, for Claude models behind a vendor: the same `ChatRequest` in, the same `ChatResponse` out.

Instructions go into `system`, tool results into the next user message, and thoughts with a signature back to the model that had
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.answer_facts import ReadCost, answer_without
from multiapi.formats.assembly import assembled
from multiapi.formats.media_parts import fitted
from multiapi.formats.openai.vendor import check_request, merged, parse_object, same_model
from multiapi.formats.schemas import PLAIN, SchemaStyle, tool_parameters, written
from multiapi.formats.tool_arguments import arguments_object
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.http.json import rewritten
from multiapi.types.chat import (
    CHAT_SETTINGS,
    ChatRequest,
    ChatResponse,
    MediaPart,
    Message,
    Part,
    RawPart,
    Reasoning,
    TextPart,
    Tool,
)

_SETTINGS = ("max_tokens", "temperature", "top_p", "top_k")
_KNOWN = frozenset({*_SETTINGS, "user", "parallel_tool_calls"})


# ------------------------------------------------------------------------------------------------ building


def build_messages(
    request: ChatRequest, *, provider: str, path: str = "/v1/messages", schemas: SchemaStyle = PLAIN
) -> HttpRequest:
    """A conversation as Anthropic's protocol has it.

    Raises:
        InvalidRequestError: What is wrong with every vendor, a temperature above 1, sound and film in a message.
        UnsupportedError: A setting that the protocol has no field for.
    """
    return HttpRequest(
        "POST", path, json=messages_body(request, provider=provider, schemas=schemas), headers=request.headers
    )


def messages_body(request: ChatRequest, *, provider: str, schemas: SchemaStyle = PLAIN) -> dict[str, Any]:
    """The body alone, which is also what a batch holds."""
    check_request(request, provider)
    if request.temperature is not None and request.temperature > 1:
        raise InvalidRequestError(
            f"Claude takes a temperature from 0 to 1, not {request.temperature}", provider=provider
        )
    for name in (*CHAT_SETTINGS, "response_format"):
        if name not in _KNOWN and getattr(request, name):
            raise UnsupportedError(
                f"the Messages protocol has no setting {name}; pass it in `{request.extra_name}` to send it all the same",
                provider=provider,
            )
    body: dict[str, Any] = {"model": request.model, "messages": _turns(request, provider)}
    system = _system(request, provider)
    if system:
        body["system"] = system
    for name in _SETTINGS:
        if getattr(request, name) is not None:
            body[name] = getattr(request, name)
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.tools:
        body["tools"] = [_tool(tool, schemas) for tool in request.tools]
        choice = _choice(request)
        if choice is not None:
            body["tool_choice"] = choice
    return merged(body, request.extra)


def _system(request: ChatRequest, provider: str) -> str | list[dict[str, Any]]:
    """The instructions: one text, or parts where one of them is marked for the cache."""
    told = [message for message in request.messages if message.role in {"system", "developer"}]
    parts = [part for message in told if not isinstance(message.content, str) for part in message.content]
    if not any(isinstance(part, TextPart) and part.cache_control is not None for part in parts):
        return "\n\n".join(message.text for message in told if message.text)
    every = [
        part
        for message in told
        for part in ([TextPart(message.content)] if isinstance(message.content, str) else message.content)
        if isinstance(part, TextPart) and part.text
    ]
    return [_part(part, provider) for part in every]


def _turns(request: ChatRequest, provider: str) -> list[dict[str, Any]]:
    """User and assistant in turn: neighbours of one side are joined, because the protocol wants tool results together."""
    turns: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role in {"system", "developer"}:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        content: str | list[dict[str, Any]] = _content(message, request.model, provider)
        if role == "assistant" and not content:
            continue  # models refuse a turn that says nothing
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] = [*_blocks(turns[-1]["content"]), *_blocks(content)]
        else:
            turns.append({"role": role, "content": content})
    if not turns:
        raise InvalidRequestError(f"{provider} needs a message beside the instructions", provider=provider)
    return turns


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _content(message: Message, model: str, provider: str) -> str | list[dict[str, Any]]:
    if message.role == "tool":
        parts = message.content
        result = parts if isinstance(parts, str) else [_part(part, provider) for part in parts]
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": result}
        return [{**block, "is_error": True} if message.is_error else block]
    if message.role != "assistant":
        parts = message.content
        return parts if isinstance(parts, str) else [_part(part, provider) for part in parts]
    thoughts = _thoughts(message.reasoning, model, provider)
    text = message.text or (message.refusal or "" if not message.tool_calls else "")
    if not text.strip():
        text = ""  # Claude refuses blanks as it does nothing
    is_marked = not isinstance(message.content, str) and any(
        isinstance(part, TextPart) and part.cache_control is not None for part in message.content
    )
    if not thoughts and not message.tool_calls and not is_marked:
        return text
    said: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    if is_marked:
        said = [_part(part, provider) for part in message.content if isinstance(part, TextPart) and part.text.strip()]
    calls = [
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": rewritten(arguments_object(call.arguments)),
        }
        for call in message.tool_calls
    ]
    return [*thoughts, *said, *calls]


def _thoughts(reasoning: Reasoning | None, model: str, provider: str) -> list[dict[str, Any]]:
    if reasoning is None or reasoning.provider != provider or not same_model(reasoning.model or "", model):
        return []
    return [dict(part) for part in reasoning.details if part.get("type") in {"thinking", "redacted_thinking"}]


_FORMATS = {"image": ("image/jpeg", "image/png", "image/gif", "image/webp"), "file": ("application/pdf",)}


def _part(part: Part, provider: str) -> dict[str, Any]:
    if isinstance(part, RawPart):
        return dict(part.value)
    if isinstance(part, MediaPart) and part.kind in _FORMATS:
        part = fitted(part, provider, _FORMATS)
    if isinstance(part, TextPart):
        wire: dict[str, Any] = {"type": "text", "text": part.text}
    elif part.kind in {"image", "file"}:
        wire = {"type": "image" if part.kind == "image" else "document", "source": _source(part, provider)}
    else:
        raise InvalidRequestError(f"the Messages protocol takes no {part.kind} in messages", provider=provider)
    return {**wire, "cache_control": dict(part.cache_control)} if part.cache_control is not None else wire


def _source(part: MediaPart, provider: str) -> dict[str, Any]:
    mime_type, data = part.mime_type, part.data
    if data is None and part.url is not None and part.url.startswith("data:"):
        head, _, data = part.url.partition(",")
        mime_type = mime_type or head[5:].partition(";")[0]
    if data is not None:
        default = "image/png" if part.kind == "image" else "application/pdf"
        return {"type": "base64", "media_type": mime_type or default, "data": data}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    raise InvalidRequestError(f"{provider} takes {part.kind} input by URL or as base64", provider=provider)


def _tool(tool: Tool, schemas: SchemaStyle) -> dict[str, Any]:
    if tool.raw is not None:
        return dict(tool.raw)
    described = {"description": tool.description} if tool.description else {}
    wire = {"name": tool.name, **described, "input_schema": written(tool_parameters(tool.parameters), schemas)}
    return wire if tool.cache_control is None else {**wire, "cache_control": dict(tool.cache_control)}


def _choice(request: ChatRequest) -> dict[str, Any] | None:
    word = request.tool_choice
    alone = {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False else {}
    if word is None:
        return {"type": "auto", **alone} if alone else None
    if word in {"auto", "none", "required"}:
        return {"type": {"required": "any"}.get(word, word), **(alone if word != "none" else {})}
    return {"type": "tool", "name": word, **alone}


# ------------------------------------------------------------------------------------------------ reading


def parse_messages(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ChatResponse:
    """A message: text, thoughts with their signatures, and tool calls.

    Raises:
        ResponseFormatError: It has no content.
    """
    return message_of(parse_object(response, provider), response, provider=provider, read_cost=read_cost)


def message_of(
    body: Mapping[str, Any], response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None
) -> ChatResponse:
    """The answer that a message object is."""
    content = body.get("content")
    if not isinstance(content, list):
        raise answer_without(response, provider, body, "content in its message")
    blocks = [block for block in content if isinstance(block, dict)]
    return assembled(
        body,
        response,
        content=[block for block in blocks if block.get("type") in ("text", "thinking", "redacted_thinking")],
        calls=[
            (block.get("id"), block.get("name"), block.get("input") or {})
            for block in blocks
            if block.get("type") == "tool_use"
        ],
        finish_reason=body.get("stop_reason"),
        provider=provider,
        read_cost=read_cost,
    )
