"""Chats on their way out, in the wire format that most providers share.

A provider that differs takes these functions and changes what differs; see `multiapi/providers/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, get_args

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.media_parts import fitted
from multiapi.formats.model_facts import model_fact
from multiapi.formats.schemas import PLAIN, SchemaStyle, object_root, tool_parameters, written
from multiapi.formats.tool_arguments import arguments_object
from multiapi.formats.unseen_media import CAPABILITY_OF_KIND, note_of
from multiapi.http.json import LargeText
from multiapi.provider import unsupported
from multiapi.types.chat import (
    CHAT_SETTINGS,
    ChatRequest,
    MediaPart,
    Message,
    Part,
    RawPart,
    ReasoningReplay,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCalling,
)
from multiapi.types.media_kinds import normal

_NOUN_OF_KIND = {"image": "image input", "audio": "audio input", "file": "document input", "video": "video input"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider's chat differs from the shared format, as data.

    Attributes:
        media: Kinds of media that messages may hold.
        unknown_settings: Settings of `ChatRequest` that the provider has no field for.
        replay_reasoning: Send a model's own reasoning back to it.
        stream_usage: Ask for token counts of streams by default, because the provider documents the switch.
        system_role: The role of instructions; "developer" messages become it where the provider knows no such role.
        takes_names: Messages may carry a name.
        formats: Media types that messages may hold, by the kind of part, where the provider lists them.
        audio_words: What stands in the `format` of a recording, by its media type.
        cache_marks: Text of every role and tools may carry `cache_control`, and text of every role may come in parts; else only the
            parts of user messages carry it.
        schemas: What the provider cannot read of schemas.
        open_bodies: Fields that are not in its contract may be sent.
        limit_name: The field for `max_tokens`, by model, where that is not told by the table of facts.
    """

    provider: str
    media: frozenset[str] = frozenset({"image"})
    unknown_settings: frozenset[str] = frozenset()
    replay_reasoning: bool = False
    stream_usage: bool = False
    knows_developer: bool = False
    takes_names: bool = True
    formats: Mapping[str, Collection[str]] = field(default_factory=dict)
    audio_words: Mapping[str, str] = field(default_factory=dict)
    cache_marks: bool = False
    schemas: SchemaStyle = PLAIN
    open_bodies: bool = True
    limit_name: Callable[[str], str] | None = None


def chat_body(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """The body of a chat request: what is set, and nothing else.

    Raises:
        InvalidRequestError: No message, or a setting that no provider takes.
        UnsupportedError: Media or a setting that this provider lacks.
    """
    check_request(request, dialect.provider)
    body: dict[str, Any] = {"model": request.model, "messages": messages_to_wire(request, dialect)}
    for name in CHAT_SETTINGS:
        value = getattr(request, name)
        if value is not None:
            if name in dialect.unknown_settings:
                raise unsupported(
                    dialect.provider,
                    f"setting {name}",
                    None,
                    hint=f"pass it in `{request.extra_name}` to send it all the same" if dialect.open_bodies else "",
                )
            body[name] = value
    if request.max_tokens is not None:
        body[request.max_tokens_name or _limit_name(request.model, dialect)] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [tool_to_wire(tool, dialect) for tool in request.tools]
    if request.tool_choice is not None and request.tools:
        body["tool_choice"] = tool_choice_to_wire(request.tool_choice)
    if request.response_format is not None:
        body["response_format"] = response_format_to_wire(request.response_format, dialect.schemas)
    return merged(body, request.extra) if request.extra else body


def _limit_name(model: str, dialect: Dialect) -> str:
    """The field that the limit of tokens goes out in."""
    named = model_fact(dialect.provider, model, "limit_field")
    if named is not None:
        return str(named.value)
    return "max_tokens" if dialect.limit_name is None else dialect.limit_name(model)


_RANGES: tuple[tuple[str, float, float | None], ...] = (
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("max_tokens", 1, None),
    ("n", 1, None),
)
_TOOL_CALLING: tuple[str, ...] = get_args(ToolCalling)
_REASONING_REPLAY: tuple[str, ...] = get_args(ReasoningReplay)


def check_request(request: ChatRequest, provider: str) -> None:
    """What is wrong with every provider is said before anything is sent."""
    if not request.model:
        raise InvalidRequestError(f"{provider} needs a model; the ids are in the provider's list of models")
    if not request.messages:
        raise InvalidRequestError(f"{provider} needs at least one message")
    for name, low, high in _RANGES:
        value = getattr(request, name)
        if value is not None:
            _check_range(provider, name, value, low, high)
    for name in CHAT_SETTINGS:
        value = getattr(request, name)
        if type(value) in {float, dict, list}:
            _check_finite(provider, name, value)
    if request.extra:
        for name, value in request.extra.items():
            _check_finite(provider, name, value)
    if request.tool_calling != "auto":
        _check_word(provider, "tool_calling", request.tool_calling, _TOOL_CALLING)
    if request.reasoning_replay != "auto":
        _check_word(provider, "reasoning_replay", request.reasoning_replay, _REASONING_REPLAY)
    if request.tool_choice not in {None, "auto", "none", "required"} and request.tools:
        known = [tool.name for tool in request.tools]
        if request.tool_choice not in known:
            raise InvalidRequestError(
                f"{provider}: tool_choice {request.tool_choice!r} is none of the tools ({', '.join(known)}) and none of auto, none, required",
                provider=provider,
            )


def _check_range(provider: str, name: str, value: float, low: float, high: float | None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidRequestError(f"{provider}: {name} must be a number, not {value!r}", provider=provider)
    if value < low or (high is not None and value > high):
        allowed = f"from {low} to {high}" if high is not None else f"{low} or more"
        raise InvalidRequestError(f"{provider}: {name} must be {allowed}, not {value!r}", provider=provider)


def _check_finite(provider: str, name: str, value: Any) -> None:
    """JSON has no word for NaN and Infinity: they would go out as null, which says something else."""
    waiting: list[tuple[Any, Any]] = [((None, name), value)]
    seen: set[int] = set()
    while waiting:
        place, each = waiting.pop()
        if isinstance(each, float) and not math.isfinite(each):
            names: list[str] = []
            while place is not None:
                place, key = place
                names.append(str(key))
            where = ".".join(reversed(names))
            raise InvalidRequestError(f"{provider}: {where} must be a finite number, not {each!r}", provider=provider)
        if isinstance(each, (Mapping, list, tuple)) and id(each) not in seen:
            seen.add(id(each))
            entries = each.items() if isinstance(each, Mapping) else enumerate(each)
            waiting += [((place, key), inner) for key, inner in entries]


def _check_word(provider: str, name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InvalidRequestError(
            f"{provider}: {name} must be one of {', '.join(known)}, not {value!r}", provider=provider
        )


def messages_to_wire(request: ChatRequest, dialect: Dialect) -> list[dict[str, Any]]:
    """All messages. Only user messages hold media: those of tool results and of other roles are moved behind them. Messages of the
    assistant that say nothing are left out, because models refuse a conversation that holds one.

    Raises:
        InvalidRequestError: None of them says anything.
    """
    wire: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    spoke = _last_of_user(request.messages)
    for number, message in enumerate(request.messages):
        if message.role == "tool":
            content, media = _split_tool_content(message, dialect)
            moved += [_or_note(part, dialect) for part in media]
            wire.append({"role": "tool", "tool_call_id": message.tool_call_id or "", "content": content})
            continue
        if moved:
            wire.append({"role": "user", "content": moved})
            moved = []
        if type(message.content) is not str and message.role != "user":
            message, media = without_media(message)
            to_wire = _or_note if message.role == "assistant" else part_to_wire
            moved = [to_wire(part, dialect) for part in media]
        made = _message_to_wire(message, request, dialect, in_loop=number > spoke)
        if made["role"] != "assistant" or says_something(made):
            wire.append(made)
    if moved:
        wire.append({"role": "user", "content": moved})
    if not wire:
        raise no_message(dialect.provider)
    return wire


def _or_note(part: Part, dialect: Dialect) -> dict[str, Any]:
    """A part that no user sent: where the provider does not take it, a note stands for it, because it stays in the conversation."""
    try:
        return part_to_wire(part, dialect)
    except (InvalidRequestError, UnsupportedError):
        if not isinstance(part, MediaPart):
            raise
        return part_to_wire(note_of(part), dialect)


def _last_of_user(messages: Sequence[Message]) -> int:
    """Where the user spoke last; -1 if never. What follows belongs to one run of tools."""
    for number in range(len(messages) - 1, -1, -1):
        if messages[number].role == "user":
            return number
    return -1


def says_something(wire: Mapping[str, Any]) -> bool:
    """Whether a message on the wire holds content, calls or thoughts. Blanks do not count as content: Claude refuses them as it does nothing."""
    content = wire.get("content")
    if isinstance(content, str):
        content = content.strip()
    elif isinstance(content, list):
        texts = (part.get("text", True) for part in content)
        content = any(text.strip() if isinstance(text, str) else text for text in texts)
    return bool(content) or len(wire.keys() - {"role", "content", "name"}) > 0


def no_message(provider: str) -> InvalidRequestError:
    """What a conversation is answered with in which nobody says anything."""
    return InvalidRequestError(f"{provider} needs at least one message that is not empty", provider=provider)


def _split_tool_content(message: Message, dialect: Dialect) -> tuple[str | list[dict[str, Any]], list[Part]]:
    if isinstance(message.content, str):
        return message.content, []
    texts = [part for part in message.content if isinstance(part, TextPart)]
    media: list[Part] = [part for part in message.content if not isinstance(part, TextPart)]
    if media:
        texts.append(TextPart(f"({_media_follow(media, 'result')})"))
        media = [TextPart(f"Media from the result of tool call {message.tool_call_id}:"), *media]
    return _texts_to_wire(texts, dialect), media


def _texts_to_wire(texts: Sequence[TextPart], dialect: Dialect) -> str | list[dict[str, Any]]:
    """Text in parts where one of them is marked and the provider knows marks, else in one."""
    if dialect.cache_marks and any(part.cache_control is not None for part in texts):
        return _parts_to_wire([part for part in texts if part.text], dialect)
    return "\n".join(part.text for part in texts)


def without_media(message: Message) -> tuple[Message, list[Part]]:
    """A message of a role that holds only text, and its media with a label, for the next user message."""
    media = [part for part in message.content if isinstance(part, MediaPart)]
    if not media:
        return message, []
    rest: list[Part] = [part for part in message.content if not isinstance(part, str | MediaPart)]
    note = TextPart(f"({_media_follow(media, 'message')})")
    return message._replace(content=[*rest, note]), [TextPart(f"Media from the {message.role} message:"), *media]


def _media_follow(media: Sequence[Part], whose: str) -> str:
    several = len(media) > 1
    return f"the {'media' if several else 'medium'} of this {whose} follow{'' if several else 's'} in the next user message"


def _message_to_wire(message: Message, request: ChatRequest, dialect: Dialect, *, in_loop: bool) -> dict[str, Any]:
    content = message.content
    role = message.role
    if role == "developer" and not dialect.knows_developer:
        role = "system"
    wire: dict[str, Any] = {
        "role": role,
        "content": content if isinstance(content, str) else _content_to_wire(content, role, dialect),
    }
    if message.name and dialect.takes_names:
        wire["name"] = message.name
    if role == "assistant":
        _add_assistant_fields(wire, message, request, dialect, in_loop=in_loop)
    return wire


def _add_assistant_fields(
    wire: dict[str, Any], message: Message, request: ChatRequest, dialect: Dialect, *, in_loop: bool
) -> None:
    if message.tool_calls:
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": arguments_object(call.arguments)},
                **(call.extra or {}),
            }
            for call in message.tool_calls
        ]
        wire["content"] = wire["content"] or None
    if message.refusal and not wire["content"]:
        wire["content"] = message.refusal
    reasoning = message.reasoning
    if reasoning is None or reasoning.provider != dialect.provider:
        return
    if reasoning.model and not same_model(reasoning.model, request.model):
        return
    whole = _goes_back(message, request, dialect)
    if whole and reasoning.text:
        wire["reasoning_content"] = reasoning.text
    is_due = whole or (
        in_loop
        and request.reasoning_replay == "auto"
        and message.tool_calls
        and any(map(_is_signed, reasoning.details))
    )
    if is_due and reasoning.details:
        wire["reasoning_details"] = [dict(detail) for detail in reasoning.details]


def _is_signed(detail: Mapping[str, Any]) -> bool:
    """Whether a detail of thoughts is one that only its model can read or check: models refuse to go on without it."""
    return any(detail.get(name) for name in ("signature", "data", "encrypted_content", "thought_signature"))


def _goes_back(message: Message, request: ChatRequest, dialect: Dialect) -> bool:
    """Whether the thoughts of a message are wanted again, signed or not."""
    if request.reasoning_replay == "with_tools":
        return bool(message.tool_calls)
    return dialect.replay_reasoning if request.reasoning_replay == "auto" else request.reasoning_replay == "always"


def same_model(answered: str, asked: str) -> bool:
    """Whether two ids are one model: providers answer without the maker's prefix or with the day appended."""
    short, long = sorted((answered.rpartition("/")[2].lower(), asked.rpartition("/")[2].lower()), key=len)
    return long == short or (
        bool(short) and long.startswith(short) and long[len(short) :].lstrip("-").replace("-", "").isdigit()
    )


def _content_to_wire(parts: Sequence[Part], role: str, dialect: Dialect) -> str | list[dict[str, Any]]:
    if not dialect.cache_marks and role != "user":
        parts = [part if isinstance(part, RawPart) else part._replace(cache_control=None) for part in parts]
    if all(type(part) is TextPart and part.cache_control is None for part in parts):
        if len(parts) == 1:
            return parts[0].text  # type: ignore[union-attr]
        if role != "user":
            return "\n".join(part.text for part in parts)  # type: ignore[union-attr]
    if role != "user":
        parts = [part for part in parts if not isinstance(part, TextPart) or part.text]
    return _parts_to_wire(parts, dialect)


def _parts_to_wire(parts: Sequence[Part], dialect: Dialect) -> list[dict[str, Any]]:
    return [part_to_wire(part, dialect) for part in parts]


def part_to_wire(part: Part, dialect: Dialect) -> dict[str, Any]:
    """One content part; media that the provider cannot take is refused by name."""
    if isinstance(part, RawPart):
        return dict(part.value)
    if isinstance(part, MediaPart):
        part = _fitted(part, dialect)
    if isinstance(part, TextPart):
        wire: dict[str, Any] = {"type": "text", "text": part.text}
    elif part.kind == "audio":
        wire = _audio_to_wire(part, dialect)
    else:
        wire = _MEDIA_TO_WIRE[part.kind](part, dialect.provider)
    if part.cache_control is not None:
        wire["cache_control"] = dict(part.cache_control)
    return wire


def _fitted(part: MediaPart, dialect: Dialect) -> MediaPart | TextPart:
    """Media as the provider takes them; a text file is taken as text everywhere."""
    if part.kind in dialect.media:
        return fitted(part, dialect.provider, dialect.formats)
    if part.kind == "file" and (part.data is not None or (part.url or "").startswith("data:")):
        with suppress(InvalidRequestError):
            found = fitted(part, dialect.provider, {"file": ()})
            if isinstance(found, TextPart):
                return found
    raise unsupported(dialect.provider, _NOUN_OF_KIND[part.kind], CAPABILITY_OF_KIND[part.kind])


def data_url(part: MediaPart, default_mime_type: str) -> str | LargeText:
    """The part as an address: its own, or its base64 text as a data URL."""
    if part.url is not None:
        return part.url
    head = f"data:{part.mime_type or default_mime_type};base64,"
    return LargeText(part.data, head) if isinstance(part.data, bytes) else f"{head}{part.data}"


def _no_source(part: MediaPart, provider: str) -> InvalidRequestError:
    given = "an id" if part.file_id else "nothing"
    return InvalidRequestError(
        f"{provider} takes {part.kind} input by URL or as base64, not by {given}", provider=provider
    )


def _image_to_wire(part: MediaPart, provider: str) -> dict[str, Any]:
    if part.url is None and part.data is None:
        raise _no_source(part, provider)
    image: dict[str, Any] = {"url": data_url(part, "image/png")}
    if part.detail is not None:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def _audio_to_wire(part: MediaPart, dialect: Dialect) -> dict[str, Any]:
    mime_type = part.mime_type
    data = part.data
    if data is None and part.url is not None:
        if part.url.startswith("data:"):
            head, _, data = part.url.partition(",")
            mime_type = mime_type or head[5:].partition(";")[0]
        else:
            data = part.url
    if data is None:
        raise _no_source(part, dialect.provider)
    sound: dict[str, Any] = {"data": LargeText(data) if isinstance(data, bytes) else data}
    if mime_type:
        sound["format"] = dialect.audio_words.get(normal(mime_type) or "", mime_type)
    return {"type": "input_audio", "input_audio": sound}


def _file_to_wire(part: MediaPart, provider: str) -> dict[str, Any]:
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.url is None and part.data is None:
        raise _no_source(part, provider)
    content: dict[str, Any] = {"file_data": data_url(part, "application/pdf")}
    content["filename"] = part.filename or "document.pdf"
    return {"type": "file", "file": content}


def _video_to_wire(part: MediaPart, provider: str) -> dict[str, Any]:
    if part.url is None and part.data is None:
        raise _no_source(part, provider)
    return {"type": "video_url", "video_url": {"url": data_url(part, "video/mp4")}}


_MEDIA_TO_WIRE = {"image": _image_to_wire, "file": _file_to_wire, "video": _video_to_wire}


def tool_to_wire(tool: Tool, dialect: Dialect | None = None) -> dict[str, Any]:
    """A tool as the providers take it; parameters are always there, because many models demand them."""
    if tool.raw is not None:
        return dict(tool.raw)
    style = PLAIN if dialect is None else dialect.schemas
    function: dict[str, Any] = {"name": tool.name, "parameters": written(tool_parameters(tool.parameters), style)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    wire: dict[str, Any] = {"type": "function", "function": function}
    if tool.cache_control is not None and dialect is not None and dialect.cache_marks:
        wire["cache_control"] = dict(tool.cache_control)
    return wire


def tool_choice_to_wire(choice: str) -> Any:
    """One of the words, or the name of a tool."""
    return choice if choice in {"auto", "none", "required"} else {"type": "function", "function": {"name": choice}}


def response_format_to_wire(wanted: ResponseFormat, style: SchemaStyle = PLAIN) -> dict[str, Any]:
    """A schema, or only JSON."""
    if wanted.schema is None or wanted.method == "json_mode":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name, "schema": written(object_root(wanted.schema)[0], style.of_answers)}
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    if wanted.description:
        schema["description"] = wanted.description
    return {"type": "json_schema", "json_schema": schema}


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` laid over a body, objects key by key; neither is changed."""
    if not extra:
        return body
    whole = dict(body)
    for key, value in extra.items():
        held = whole.get(key)
        whole[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, Mapping) else value
    return whole
