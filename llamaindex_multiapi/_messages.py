"""LlamaIndex's messages, with all their blocks, to the core's. Nothing is decided here, and nothing is changed in place."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from io import IOBase
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.media_parts import judged_part
from multiapi.formats.tool_arguments import arguments_object, text_in_history
from multiapi.http.json import dump_json
from multiapi.types.chat import MediaPart, Message, Part, Reasoning, TextPart, ToolCall

logger = logging.getLogger("multiapi")

"""What becomes of media in messages that are not the user's."""

_ROLES = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def to_messages(messages: Sequence[ChatMessage]) -> list[Message]:
    """A conversation; the usual message, one block of text, on the shortest way."""
    found: list[Message] = []
    has_lost = False
    for message in messages:
        blocks = message.blocks
        if len(blocks) == 1 and type(blocks[0]) is TextBlock and not message.additional_kwargs:
            made = Message(_role(message), blocks[0].text)
        else:
            made = to_message(message)
        has_lost = has_lost or (made.role == "tool" and not made.tool_call_id)
        found.append(made)
    return _paired(found) if has_lost else found


def _paired(messages: Sequence[Message]) -> list[Message]:
    """Results that do not say which call they answer, given to the calls before them in turn."""
    found: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.tool_calls:
            waiting = [call.id for call in message.tool_calls]
        elif message.tool_call_id in waiting:
            waiting.remove(message.tool_call_id)
        elif message.role == "tool" and not message.tool_call_id and waiting:
            message = message._replace(tool_call_id=waiting.pop(0))
        found.append(message)
    return found


def _role(message: ChatMessage) -> str:
    role = message.role
    return _ROLES[role._value_ if type(role) is MessageRole else str(role)]


def to_message(message: ChatMessage) -> Message:
    """One message with all its blocks.

    Raises:
        UnsupportedError: A block of a kind that is not known, or media where they were to be refused.
        InvalidRequestError: A tool call in a message that is not the assistant's, or media without a source.
    """
    role = _role(message)
    known = message.additional_kwargs
    parts: list[Part] = []
    calls: list[ToolCall] = []
    thoughts: list[ThinkingBlock] = []
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            calls.append(_to_tool_call(block, len(calls), known))
        elif isinstance(block, ThinkingBlock):
            thoughts.append(block)
        elif isinstance(block, CachePoint):
            _mark_cached(parts, block)
        else:
            parts += to_parts(block)
    if known.get("cache_control") and parts:
        _mark(parts, known["cache_control"])
    if calls and role != "assistant":
        raise InvalidRequestError(f"a tool call stands in a message of the role {role}; only the assistant calls tools")
    if role == "assistant" and not calls and known.get("tool_calls"):
        calls = [_to_legacy_call(call, number) for number, call in enumerate(known["tool_calls"])]
    name = known.get("name")
    call_id = (known.get("tool_call_id") or name) if role == "tool" else None
    return Message(
        role,
        _content(parts, role),
        name if role != "tool" or name != call_id else None,
        tuple(calls),
        call_id,
        _to_reasoning(thoughts) if thoughts and role == "assistant" else None,
        known.get("refusal") if role == "assistant" else None,
    )


def _content(parts: list[Part], role: str) -> str | list[Part]:
    """Text alone is one text; results of a tool stand on lines of their own, everything else is joined as it is."""
    if not parts:
        return ""
    if all(type(part) is TextPart and part.cache_control is None for part in parts):
        return ("\n" if role == "tool" else "").join(part.text for part in parts if isinstance(part, TextPart))
    return parts


def to_parts(block: Any) -> list[Part]:
    """The content parts of one block.

    Raises:
        UnsupportedError: A block of a kind that is not known.
    """
    for kind, read in _READERS.items():
        if isinstance(block, kind):
            return read(block)
    raise UnsupportedError(f"a {type(block).__name__} cannot be sent: this version does not know it")


def _image_parts(block: ImageBlock) -> list[Part]:
    part = _media("image", block.image, block.path, block.url, block.image_mimetype)
    return [part._replace(detail=block.detail)]


_AUDIO_MIME_TYPES = {"mp3": "audio/mpeg", "mpeg": "audio/mpeg", "mpga": "audio/mpeg", "m4a": "audio/mp4"}


def _audio_parts(block: AudioBlock) -> list[Part]:
    kind = (block.format or "").lower().removeprefix("audio/").removeprefix("x-")
    mime_type = _AUDIO_MIME_TYPES.get(kind, f"audio/{kind}") if kind else None
    return [_media("audio", block.audio, block.path, block.url, mime_type)]


def _video_parts(block: VideoBlock) -> list[Part]:
    return [_media("video", block.video, block.path, block.url, block.video_mimetype)]


def _document_parts(block: DocumentBlock) -> list[Part]:
    part = _media("file", block.data, block.path, block.url, block.document_mimetype)
    title = block.title if block.title != "input_document" else None
    return [part._replace(filename=title or (Path(str(block.path)).name if block.path else None))]


def _citable_parts(block: CitableBlock) -> list[Part]:
    head = f"Source: {block.title} ({block.source})"
    parts = [part for inner in block.content for part in to_parts(inner)]
    if parts and isinstance(parts[0], TextPart):
        return [TextPart(f"{head}\n{parts[0].text}"), *parts[1:]]
    return [TextPart(head), *parts]


_READERS: dict[type, Callable[[Any], list[Part]]] = {
    TextBlock: lambda block: [TextPart(block.text)],
    ImageBlock: _image_parts,
    AudioBlock: _audio_parts,
    VideoBlock: _video_parts,
    DocumentBlock: _document_parts,
    CitableBlock: _citable_parts,
    CitationBlock: lambda _block: [],
}


def _media(kind: Any, data: Any, path: Any, url: Any, mime_type: str | None) -> MediaPart:
    """Media by its own text, its file or its address. An address is passed on and never fetched."""
    if data is None and path is None and url is not None:
        return MediaPart(kind, url=str(url), mime_type=mime_type)
    if data is None and path is None:
        raise InvalidRequestError(f"a block for {kind} has neither data nor path nor url")
    name = Path(str(path)).name if data is None else None
    if isinstance(data, bytes):
        if len(data) > _LARGE_BYTES and not data.translate(None, _BASE64):
            return judged_part(MediaPart(kind, data=data, mime_type=mime_type))
        text = _base64_text(data)
        if text:
            return judged_part(MediaPart(kind, data=text, mime_type=mime_type))
        raw = data
    elif isinstance(data, IOBase):
        if data.seekable():
            data.seek(0)
        raw = data.read()
    else:
        raw = Path(str(path)).read_bytes()
    if not raw:
        raise InvalidRequestError(f"a block for {kind} is empty")
    return judged_part(MediaPart(kind, data=base64.b64encode(raw).decode(), mime_type=mime_type, filename=name))


_LARGE_BYTES = 100_000
"""From here on base64 text is handed on as it is, because each copy would cost as much memory again."""
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def _base64_text(data: bytes) -> str | None:
    """What blocks hold after LlamaIndex has validated them is base64; bytes that were put in later may be anything."""
    try:
        base64.b64decode(data[:400] if len(data) % 4 == 0 else data, validate=True)
        return data.decode("ascii")
    except ValueError:
        return None


def _mark_cached(parts: list[Part], block: CachePoint) -> None:
    """What stands before a cache point may be cached by the provider."""
    if not parts or not isinstance(parts[-1], (TextPart, MediaPart)):
        logger.debug("a cache point with nothing before it is left out")
        return
    control = {"type": block.cache_control.type}
    if block.cache_control.ttl != "5m":
        control["ttl"] = block.cache_control.ttl
    _mark(parts, control)


def _mark(parts: list[Part], control: Mapping[str, Any]) -> None:
    """Mark the last of some parts."""
    last = parts[-1]
    if isinstance(last, (TextPart, MediaPart)):
        parts[-1] = last._replace(cache_control=control)


def _to_tool_call(block: ToolCallBlock, number: int, known: Mapping[str, Any]) -> ToolCall:
    call_id = block.tool_call_id or f"call_{number}"
    plain = _plain_form(call_id, known)
    extra = {key: value for key, value in plain.items() if key not in _CALL_KEYS} or None
    function = plain.get("function")
    came = function.get("arguments") if isinstance(function, Mapping) else None
    text = text_in_history(block.tool_kwargs, came) or arguments_text(block.tool_kwargs)
    return ToolCall(call_id, block.tool_name, text, extra)


def _plain_form(call_id: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call as it came: opaque data that has to go back, and numbers as they were written, which a block cannot hold."""
    for call in known.get("tool_calls") or ():
        if isinstance(call, Mapping) and call.get("id") == call_id:
            return call
    return {}


_CALL_KEYS = frozenset({"id", "type", "function", "index"})


def _to_legacy_call(call: Any, number: int) -> ToolCall:
    """A call of a history from before tool call blocks: a plain dict, or an object of OpenAI's SDK."""
    read = call if isinstance(call, Mapping) else call.model_dump()
    function = read.get("function") or {}
    extra = {key: value for key, value in read.items() if key not in _CALL_KEYS and value is not None}
    name, arguments = str(function.get("name") or ""), function.get("arguments")
    return ToolCall(read.get("id") or f"call_{number}", name, arguments_text(arguments), extra or None)


def arguments_text(arguments: Any) -> str:
    """Tool arguments as the JSON text of an object, whatever they were kept as."""
    if isinstance(arguments, str):
        return arguments_object(arguments)
    return dump_json(arguments or {}, default=str).decode()


def _to_reasoning(blocks: Sequence[ThinkingBlock]) -> Reasoning:
    facts = blocks[0].additional_information
    return Reasoning(
        "".join(block.content or "" for block in blocks),
        tuple(detail for block in blocks for detail in block.additional_information.get("details") or ()),
        facts.get("provider"),
        facts.get("model"),
    )
