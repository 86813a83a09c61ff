"""LangChain's messages and content blocks as the core's: pure functions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from multiapi.errors import InvalidRequestError
from multiapi.formats.tool_arguments import text_in_history
from multiapi.http.json import dump_json
from multiapi.provider import unsupported
from multiapi.types.chat import MediaPart, Message, Part, RawPart, Reasoning, TextPart, ToolCall

# ------------------------------------------------------------------------------------------------ messages


def to_messages(messages: Sequence[BaseMessage], provider: str) -> list[Message]:
    """LangChain's messages as the core's, in one pass and without copies.

    Raises:
        InvalidRequestError: A message or a content block that nobody can send.
        UnsupportedError: A content block that has no form in the core.
    """
    answered: set[str] | None = None
    converted: list[Message] = []
    for message in messages:
        kind = type(message)
        content = message.content
        if kind is HumanMessage and type(content) is str:
            converted.append(Message("user", content, message.name))
        elif kind is AIMessage or isinstance(message, AIMessage):
            if message.invalid_tool_calls and answered is None:  # type: ignore[attr-defined]
                answered = {m.tool_call_id for m in messages if isinstance(m, ToolMessage)}
            converted.append(_to_assistant(message, provider, answered))  # type: ignore[arg-type]
        elif kind is ToolMessage or isinstance(message, ToolMessage):
            converted.append(
                Message(
                    "tool",
                    content if type(content) is str else _to_parts(map(_of_tool, content), provider),
                    message.name,
                    (),
                    message.tool_call_id,  # type: ignore[attr-defined]
                    is_error=message.status == "error",  # type: ignore[attr-defined]
                )
            )
        else:
            converted.append(
                Message(
                    _role(message, provider, converted),
                    content if type(content) is str else _to_parts(content, provider),
                    message.name,
                    (),
                    _call_of_function(message, converted) if isinstance(message, FunctionMessage) else None,
                )
            )
        if message.additional_kwargs and message.additional_kwargs.get("cache_control"):
            converted[-1] = _marked(converted[-1], message.additional_kwargs["cache_control"])
    return converted


_KNOWN_ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "developer",
}


def _role(message: BaseMessage, provider: str, before: Sequence[Message]) -> str:
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, SystemMessage):
        return "developer" if message.additional_kwargs.get("__openai_role__") == "developer" else "system"
    if isinstance(message, FunctionMessage):
        return "tool" if _call_of_function(message, before) is not None else "user"
    if isinstance(message, ChatMessage) and message.role in _KNOWN_ROLES:
        return _KNOWN_ROLES[message.role]
    what = f"role {message.role!r}" if isinstance(message, ChatMessage) else type(message).__name__
    raise InvalidRequestError(f"{provider}: a message of {what} cannot be sent", provider=provider)


def _call_of_function(message: FunctionMessage, before: Sequence[Message]) -> str | None:
    """The latest call of the function that a message of the old kind answers."""
    for earlier in reversed(before):
        for call in earlier.tool_calls:
            if call.name == message.name:
                return str(call.id)
    return None


def _to_assistant(message: AIMessage, provider: str, answered: set[str] | None) -> Message:
    content = message.content
    extras = message.additional_kwargs
    calls: Sequence[ToolCall] = ()
    if message.tool_calls:
        calls = [_to_call(call, message, provider) for call in message.tool_calls]
    if message.invalid_tool_calls and answered:
        calls = [
            *calls,
            *(
                ToolCall(call["id"] or "", call["name"] or "", call["args"] or "")
                for call in extras.get("invalid_tool_calls") or message.invalid_tool_calls
                if call["id"] in answered
            ),
        ]
    if type(content) is str and not extras:
        return Message("assistant", content, message.name, calls)
    text: str | list[Part] = content if isinstance(content, str) else ""
    thoughts: list[str] = []
    details: list[Mapping[str, Any]] = []
    refusal = extras.get("refusal")
    if not isinstance(content, str):
        parts: list[Part] = []
        known = {call.id for call in calls} | {call["id"] for call in message.invalid_tool_calls}
        for block in content:
            kind = "text" if isinstance(block, str) else _kind(block)
            if kind == "text":
                words = block if isinstance(block, str) else block.get("text") or ""
                if words:
                    parts.append(TextPart(words, None if isinstance(block, str) else _cache_control(block)))
            elif isinstance(block, str) or kind in _CALL_BLOCKS:
                if kind in {"tool_use", "tool_call"} and block.get("id") not in known:  # type: ignore[union-attr]
                    calls = [*calls, _to_call_of_block(block)]  # type: ignore[arg-type]
            elif kind in {"reasoning", "thinking", "redacted_thinking"}:
                thoughts.append(block.get("reasoning") or block.get("thinking") or "")
                if kind != "reasoning":
                    details.append(block)
            elif kind == "refusal":
                refusal = refusal or block.get("refusal")
            elif kind == "non_standard" and isinstance(block.get("value"), dict) and "refusal" in block["value"]:
                refusal = refusal or block["value"]["refusal"]
            else:
                parts.append(TextPart(_note_of(block)))
        text = _one_text(parts) or ""
    elif not content and not calls and extras.get("media"):  # the message is there, whichever version its content has
        text = _one_text([TextPart(_note_of(block)) for block in extras["media"]]) or ""
    return Message(
        "assistant",
        text,
        message.name,
        calls,
        reasoning=_to_reasoning(message, extras, "".join(thoughts), details),
        refusal=refusal,
    )


_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call", "function_call"})


def _note_of(block: Mapping[str, Any]) -> str:
    """What stands for a block that no provider takes back in an assistant's message: images it made, its provider's own tools."""
    kind = block.get("type")
    names = {"image_url": "image", "output_image": "image", "input_audio": "audio"}
    return f"[{names.get(str(kind), str(kind).replace('_', ' '))} of this answer is not repeated]"


def _to_reasoning(
    message: AIMessage, extras: Mapping[str, Any], thoughts: str, details: list[Mapping[str, Any]]
) -> Reasoning | None:
    """The reasoning with its origin; the core sends it back only there."""
    text = extras.get("reasoning_content") or thoughts
    details = extras.get("reasoning_details") or details
    if not text and not details:
        return None
    origin = extras.get("reasoning_origin") or {}
    metadata = message.response_metadata
    return Reasoning(
        text if isinstance(text, str) else "",
        tuple(details),
        origin.get("provider") or metadata.get("model_provider"),
        origin.get("model") or metadata.get("model_name"),
    )


def _to_call(call: Mapping[str, Any], message: AIMessage, provider: str) -> ToolCall:
    held = message.additional_kwargs.get("tool_call_extras")
    extra = None
    if held and message.response_metadata.get("model_provider") == provider:
        extra = held.get(call["id"])
    args = call["args"]
    text = None
    texts = message.additional_kwargs.get("tool_call_arguments")
    if texts:
        text = text_in_history(args, texts.get(call["id"]))
    return ToolCall(call["id"] or "", call["name"], text or (to_json(args) if args else "{}"), extra)


def _to_call_of_block(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input", block.get("args"))
    return ToolCall(str(block.get("id") or ""), str(block.get("name") or ""), to_json(arguments or {}))


def to_json(value: Any) -> str:
    """JSON text in which letters stay letters."""
    return dump_json(value, default=str).decode()


# ------------------------------------------------------------------------------------------------ content blocks


def _of_tool(block: str | dict[str, Any]) -> str | dict[str, Any]:
    """A block of a tool's result; what is not a block of a message is data, and is told as JSON."""
    return block if isinstance(block, str) or _kind(block) in _BLOCK_READERS else to_json(block)


def _to_parts(content: Iterable[str | dict[str, Any]] | Any, provider: str) -> str | list[Part]:
    return _one_text([TextPart(block) if isinstance(block, str) else to_part(block, provider) for block in content])


def _one_text(parts: list[Part]) -> str | list[Part]:
    """The parts, or their text if that is all they are."""
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].cache_control is None:
        return parts[0].text
    return parts


def _marked(message: Message, control: Mapping[str, Any]) -> Message:
    """A message whose last part carries the mark that stands on the message."""
    parts: list[Part] = [TextPart(message.content)] if isinstance(message.content, str) else list(message.content)
    if not parts or isinstance(parts[-1], RawPart) or parts[-1] == TextPart(""):
        return message
    return message._replace(content=[*parts[:-1], parts[-1]._replace(cache_control=control)])


def to_part(block: Mapping[str, Any], provider: str) -> Part:
    """One content block: LangChain's own of either version, OpenAI's or Anthropic's.

    Raises:
        UnsupportedError: A block that has no form in the core; the message names it.
        InvalidRequestError: A block without its data.
    """
    kind = _kind(block)
    reader = _BLOCK_READERS.get(kind)  # type: ignore[arg-type]
    if reader is None:
        if kind is None and isinstance(block.get("text"), str):
            return TextPart(block["text"])
        raise unsupported(provider, f"content block of type {kind!r}")
    try:
        part = reader(block)
    except (
        TypeError,
        AttributeError,
        KeyError,
        ValueError,
    ):  # a block whose parts are of other types than they must be
        part = None
    if part is None:
        raise InvalidRequestError(
            f"{provider}: a content block of type {kind!r} lacks its data or holds it in another form (it has {', '.join(map(str, block))})",
            provider=provider,
        )
    return part


def _kind(block: Mapping[str, Any]) -> str | None:
    """The block's type; what is not text is said as text, and so refused by name."""
    kind = block.get("type")
    return kind if kind is None or isinstance(kind, str) else repr(kind)


def _cache_control(block: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return block.get("cache_control") or (block.get("extras") or {}).get("cache_control")


def _text(block: Mapping[str, Any]) -> Part | None:
    text = block.get("text")
    return TextPart(text, _cache_control(block)) if isinstance(text, str) else None


def _image_url(block: Mapping[str, Any]) -> Part | None:
    image = block.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        return None
    detail = image.get("detail") if isinstance(image, dict) else None
    return MediaPart("image", url, detail=detail or block.get("detail"), cache_control=_cache_control(block))


def _video_url(block: Mapping[str, Any]) -> Part | None:
    video = block.get("video_url")
    url = video.get("url") if isinstance(video, dict) else video
    return MediaPart("video", url) if isinstance(url, str) and url else None


def _input_audio(block: Mapping[str, Any]) -> Part | None:
    audio = block.get("input_audio")
    if not isinstance(audio, dict) or not audio.get("data"):
        return None
    word = audio.get("format")
    return MediaPart("audio", data=audio["data"], mime_type=_AUDIO_TYPES.get(word, f"audio/{word}") if word else None)


_AUDIO_TYPES = {"mp3": "audio/mpeg"}


def _media(block: Mapping[str, Any]) -> Part | None:
    """An image, sound, video or file in LangChain's form of either version, in Anthropic's or as OpenAI's file."""
    kind: Any = block["type"]
    extras = block.get("extras") or {}
    source = block.get("source")
    inner = block.get("file")
    filename = block.get("filename") or extras.get("filename") or extras.get("name") or block.get("name")
    if isinstance(source, dict):
        url, data, file_id = source.get("url"), source.get("data"), source.get("file_id")
        mime_type = source.get("media_type")
        filename = filename or block.get("title")
        if source.get("type") == "text":
            return _inline_text({**block, "text": data})
    elif kind == "file" and isinstance(inner, dict):
        url, data, file_id = inner.get("file_data"), None, inner.get("file_id")
        mime_type, filename = None, inner.get("filename") or filename
    else:
        url, data, mime_type = block.get("url"), block.get("base64") or block.get("data"), block.get("mime_type")
        file_id = block.get("file_id") or (block.get("id") if block.get("source_type") == "id" else None)
    if not (url or data or file_id):
        return None
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    return MediaPart(
        "file" if kind == "document" else kind,
        url or None,
        data or None,
        file_id or None,
        mime_type,
        filename,
        extras.get("detail") or block.get("detail"),
        _cache_control(block),
    )


def _inline_text(block: Mapping[str, Any]) -> Part | None:
    """A text document, with its title and context in front."""
    text = block.get("text")
    if text is None and block.get("base64"):
        text = base64.b64decode(block["base64"]).decode("utf-8", "replace")
    if text is None:
        return _media({**block, "type": "file", "mime_type": block.get("mime_type") or "text/plain"})
    head = [str(block[name]) for name in ("title", "context") if block.get(name)]
    return TextPart("\n".join([*head, text]), _cache_control(block))


def _input_file(block: Mapping[str, Any]) -> Part | None:
    """A file as OpenAI's Responses API has it."""
    data = block.get("file_data") or block.get("file_url")
    inner = {"file_data": data, "file_id": block.get("file_id"), "filename": block.get("filename")}
    return _media({"type": "file", "file": inner})


def _non_standard(block: Mapping[str, Any]) -> Part | None:
    """What the caller wrote in the provider's own form."""
    value = block.get("value")
    return RawPart(value) if isinstance(value, dict) and value else None


_BLOCK_READERS: dict[str, Callable[[Mapping[str, Any]], Part | None]] = {
    "text": _text,
    "input_text": _text,
    "image_url": _image_url,
    "input_image": _image_url,
    "input_file": _input_file,
    "image": _media,
    "audio": _media,
    "video": _media,
    "file": _media,
    "document": _media,
    "video_url": _video_url,
    "input_audio": _input_audio,
    "text-plain": _inline_text,
    "non_standard": _non_standard,
}
