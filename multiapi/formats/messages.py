"""Anthropic's Messages protocol, for Claude models behind a provider: the same `ChatRequest` in, the same `ChatResponse` out.

Instructions go into `system`, tool results into the next user message, and thoughts with a signature back to the model that had
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multiapi.errors import InvalidRequestError, ResponseTooLargeError, UnsupportedError
from multiapi.formats.answer_facts import ReadCost, answer_without, is_filler, list_at
from multiapi.formats.assembly import Assembly, assembled, joined_deltas, more_counts
from multiapi.formats.media_parts import fitted
from multiapi.formats.openai.vendor import check_request, merged, parse_object, same_model
from multiapi.formats.schemas import PLAIN, SchemaStyle, tool_parameters, written
from multiapi.formats.tool_arguments import arguments_object
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.http.json import dump_json, parse_text, rewritten
from multiapi.types.chat import (
    CHAT_SETTINGS,
    ChatDelta,
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
from multiapi.types.limits import Limits

_SETTINGS = ("max_tokens", "temperature", "top_p", "top_k")
_KNOWN = frozenset({*_SETTINGS, "user", "parallel_tool_calls"})


# ------------------------------------------------------------------------------------------------ building


def build_messages(
    request: ChatRequest, *, provider: str, path: str = "/v1/messages", schemas: SchemaStyle = PLAIN
) -> HttpRequest:
    """A conversation as Anthropic's protocol has it.

    Raises:
        InvalidRequestError: What is wrong with every provider, a temperature above 1, sound and video in a message.
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
    """The response that a message object is."""
    content = body.get("content")
    if not isinstance(content, list):
        raise answer_without(response, provider, body, "content in its message")
    blocks = [block for block in content if isinstance(block, dict)]
    return assembled(
        body,
        response,
        content=[block for block in blocks if block.get("type") in ("text", "thinking", "redacted_thinking")],
        calls=(
            (block.get("id"), block.get("name"), _input(block)) for block in blocks if block.get("type") == "tool_use"
        ),
        finish_reason=body.get("stop_reason"),
        provider=provider,
        read_cost=read_cost,
    )


def _input(block: Mapping[str, Any]) -> Any:
    given = block.get("input")
    return given if given or isinstance(given, dict) else {}


# ------------------------------------------------------------------------------------------------ streams

_GROWING = {
    "text_delta": ("text", "content"),
    "thinking_delta": ("thinking", "reasoning_content"),
    "signature_delta": ("signature", None),
    "input_json_delta": ("input", None),
}
"""What a delta of a block adds to: the block's own field, and the field of the shared format."""


class _Block:
    """A block of a streamed message: what it began with, and what was added to its fields."""

    __slots__ = ("added", "begun", "citations")

    def __init__(self, begun: Mapping[str, Any]) -> None:
        self.begun = begun
        self.added: dict[str, list[str]] = {}
        self.citations: list[Any] = [*list_at(begun, "citations")]

    def whole(self) -> dict[str, Any]:
        """The block as a whole response has it."""
        block = dict(self.begun)
        for name, pieces in self.added.items():
            added = "".join(pieces)
            if name == "input":
                block[name] = _arguments(added) if added.strip() else block.get(name) or {}
            else:
                block[name] = f"{block.get(name) or ''}{added}"
        if self.citations:
            block["citations"] = list(self.citations)
        return block


def _arguments(text: str) -> Any:
    try:
        return parse_text(text)
    except ValueError:
        return text


class MessagesAssembly:
    """Puts a streamed message together from named events: each becomes an event of the shared format. Unknown ones are skipped."""

    def __init__(
        self,
        provider: str,
        *,
        headers: Mapping[str, str] | None = None,
        read_cost: ReadCost | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.provider = provider
        self.finished = self.answered = False
        self._inner = Assembly(provider, headers=headers, read_cost=read_cost, limits=limits)
        self._head = HttpResponse(200, headers or {}, limits=limits)
        self._read_cost = read_cost
        self._most = (limits or Limits()).parts
        self._message: dict[str, Any] = {}
        self._blocks: dict[Any, _Block] = {}
        self._calls: dict[Any, int] = {}

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """Take one event."""
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event.get("index"), event.get("delta"))
        if kind == "content_block_start":
            return self._start(event.get("index"), event.get("content_block"))
        if kind == "message_start":
            return self._begin(event.get("message"))
        if kind == "message_delta":
            self._facts({name: value for name, value in event.items() if name not in {"type", "delta"}})
            delta = event.get("delta")
            self._facts(delta if isinstance(delta, dict) else {})
        elif kind == "message_stop":
            self.answered = self.finished = True
        elif kind != "content_block_stop":
            self._facts({name: value for name, value in event.items() if name not in {"type", "choices"}})
        return None

    def rest(self) -> ChatDelta | None:
        """The ids of calls for which none came."""
        return self._inner.rest()

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        """What has arrived. With the provider's last word it is that whole response, read as if it had come in one piece."""
        if not self.finished:
            return self._inner.response(interrupted=interrupted)
        body = {**self._message, "content": [block.whole() for block in self._blocks.values()]}
        return message_of(body, self._head, provider=self.provider, read_cost=self._read_cost)

    def _begin(self, message: Any) -> ChatDelta | None:
        if not isinstance(message, dict):
            return None
        self.answered = True
        self._facts({name: value for name, value in message.items() if name != "content"})
        found: ChatDelta | None = None
        for index, block in enumerate(list_at(message, "content")):
            delta = self._start(index, block)
            found = delta if found is None else found if delta is None else joined_deltas(found, delta)
        return found

    def _facts(self, facts: Mapping[str, Any]) -> None:
        """What stands beside the content: counts are added to those that are known, all else replaces what only filled its place."""
        for name, value in facts.items():
            if name == "usage":
                self._message[name] = more_counts(self._message.get(name), value)
            elif value is not None or name not in self._message:
                self._message[name] = value
        self._inner.add({name: value for name, value in facts.items() if name not in {"choices", "stop_reason"}})
        reason = facts.get("stop_reason")
        if reason:
            self.answered = self.finished = True
            self._add({}, str(reason))

    def _add(self, delta: Mapping[str, Any], reason: str | None = None) -> ChatDelta | None:
        return self._inner.add({"choices": [{"index": 0, "delta": dict(delta), "finish_reason": reason}]})

    def _start(self, index: Any, begun: Any) -> ChatDelta | None:
        if not isinstance(begun, dict):
            return None
        self.answered = True
        place = index if isinstance(index, int) else str(index)
        if place not in self._blocks and len(self._blocks) >= self._most:
            raise ResponseTooLargeError(
                f"{self.provider} answered with more than {self._most} blocks", provider=self.provider
            )
        self._blocks[place] = _Block(begun)
        kind = begun.get("type")
        if kind == "tool_use":
            self._calls[place] = len(self._calls)
            given = begun.get("input")
            arguments = given if isinstance(given, str) else dump_json(given).decode() if given else ""
            function = {"name": begun.get("name"), "arguments": arguments}
            return self._call(place, {"id": begun.get("id"), "function": function})
        if kind in {"text", "thinking", "redacted_thinking"}:
            return self._add({"content": [begun]}) if not is_filler(_labelless(begun)) else None
        return None

    def _delta(self, index: Any, delta: Any) -> ChatDelta | None:
        if not isinstance(delta, dict):
            return None
        place = index if isinstance(index, int) else str(index)
        block = self._blocks.get(place)
        kind = delta.get("type")
        if block is None:
            begun = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}.get(str(kind))
            self._start(index, {"type": begun or "text"})
            block = self._blocks[place]
        if kind == "citations_delta":
            block.citations.append(delta.get("citation"))
            self._add({"annotations": [delta.get("citation")]})
            return None
        if kind not in _GROWING:
            return None
        name, field = _GROWING[kind]
        piece = delta.get("partial_json" if name == "input" else name)
        if not isinstance(piece, str) or not piece:
            return None
        block.added.setdefault(name, []).append(piece)
        if field is not None:
            return self._add({field: piece})
        if name == "input" and place in self._calls:
            return self._call(place, {"function": {"arguments": piece}})
        return None

    def _call(self, place: Any, call: dict[str, Any]) -> ChatDelta | None:
        return self._add({"tool_calls": [{"index": self._calls[place], "type": "function", **call}]})


def _labelless(block: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name not in {"type", "citations"}}
