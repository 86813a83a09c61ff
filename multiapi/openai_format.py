"""The wire format that most vendors share: OpenAI's chat completions and embeddings.

A vendor that differs takes these functions and changes what differs; see `multiapi/providers/`.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from multiapi.answer_facts import ReadCost, decimal_of, read_usage, request_id
from multiapi.assembly import Assembly
from multiapi.errors import InvalidRequestError, ResponseFormatError, StatusError, printable, status_error_class
from multiapi.http import HttpRequest, HttpResponse, LargeText, Retry, excerpt, parse_json
from multiapi.provider import LateOperations, Operation, Provider, Status, StreamOperation, unsupported
from multiapi.stream import ChatStream
from multiapi.types import (
    CHAT_SETTINGS,
    ChatRequest,
    ChatResponse,
    Cost,
    EmbedRequest,
    EmbedResponse,
    Limits,
    MediaPart,
    Message,
    Part,
    RawPart,
    ResponseFormat,
    StructuredMethod,
    TextPart,
    Tool,
)

_CAPABILITY_OF_KIND = {"image": "vision", "audio": "audio_in", "file": "documents", "video": "video_in"}
_NOUN_OF_KIND = {"image": "image input", "audio": "audio input", "file": "document input", "video": "video input"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one vendor's chat differs from the shared format, as data.

    Attributes:
        media: Kinds of media that messages may hold.
        unknown_settings: Settings of `ChatRequest` that the vendor has no field for.
        replay_reasoning: Send a model's own reasoning back to it.
        stream_usage: Ask for token counts of streams by default, because the vendor documents the switch.
        system_role: The role of instructions; "developer" messages become it where the vendor knows no such role.
        takes_names: Messages may carry a name.
    """

    provider: str
    media: frozenset[str] = frozenset({"image"})
    unknown_settings: frozenset[str] = frozenset()
    replay_reasoning: bool = False
    stream_usage: bool = False
    knows_developer: bool = False
    takes_names: bool = True


# ------------------------------------------------------------------------------------------------ building


def chat_body(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """The body of a chat request: what is set, and nothing else.

    Raises:
        InvalidRequestError: No message, or a setting that no vendor takes.
        UnsupportedError: Media or a setting that this vendor lacks.
    """
    check_request(request, dialect.provider)
    body: dict[str, Any] = {"model": request.model, "messages": messages_to_wire(request, dialect)}
    for name in CHAT_SETTINGS:
        value = getattr(request, name)
        if value is not None:
            if name in dialect.unknown_settings:
                raise unsupported(
                    dialect.provider, f"setting {name}", None, hint="pass it in `extra` to send it all the same"
                )
            body[name] = value
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.tools:
        body["tools"] = [tool_to_wire(tool) for tool in request.tools]
    if request.tool_choice is not None and request.tools:
        body["tool_choice"] = tool_choice_to_wire(request.tool_choice)
    if request.response_format is not None:
        body["response_format"] = response_format_to_wire(request.response_format)
    return merged(body, request.extra)


def check_request(request: ChatRequest, provider: str) -> None:
    """What is wrong with every vendor is said before anything is sent."""
    if not request.model:
        raise InvalidRequestError(
            f"{provider} needs a model; the ids are in `Client({provider!r}).models()` or the vendor's list"
        )
    if not request.messages:
        raise InvalidRequestError(f"{provider} needs at least one message")
    _check_range(provider, "temperature", request.temperature, 0, 2)
    _check_range(provider, "top_p", request.top_p, 0, 1)
    _check_range(provider, "max_tokens", request.max_tokens, 1, None)
    _check_range(provider, "n", request.n, 1, None)
    if request.tool_choice not in {None, "auto", "none", "required"} and request.tools:
        known = [tool.name for tool in request.tools]
        if request.tool_choice not in known:
            raise InvalidRequestError(
                f"{provider}: tool_choice {request.tool_choice!r} is none of the tools ({', '.join(known)}) and none of auto, none, required",
                provider=provider,
            )


def _check_range(provider: str, name: str, value: float | None, low: float, high: float | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidRequestError(f"{provider}: {name} must be a number, not {value!r}", provider=provider)
    if value < low or (high is not None and value > high):
        allowed = f"from {low} to {high}" if high is not None else f"{low} or more"
        raise InvalidRequestError(f"{provider}: {name} must be {allowed}, not {value!r}", provider=provider)


def messages_to_wire(request: ChatRequest, dialect: Dialect) -> list[dict[str, Any]]:
    """All messages. Only user messages hold media: those of tool results and of other roles are moved behind them."""
    wire: list[dict[str, Any]] = []
    moved: list[Part] = []
    for message in request.messages:
        if message.role == "tool":
            text, media = _split_tool_content(message)
            moved += media
            wire.append({"role": "tool", "tool_call_id": message.tool_call_id or "", "content": text})
            continue
        if moved:
            wire.append({"role": "user", "content": _parts_to_wire(moved, dialect)})
            moved = []
        if type(message.content) is not str and message.role != "user":
            message, moved = without_media(message)
        wire.append(_message_to_wire(message, request.model, dialect))
    if moved:
        wire.append({"role": "user", "content": _parts_to_wire(moved, dialect)})
    return wire


def _split_tool_content(message: Message) -> tuple[str, list[Part]]:
    if isinstance(message.content, str):
        return message.content, []
    media = [part for part in message.content if not isinstance(part, TextPart)]
    if not media:
        return message.text, []
    note = f"({_media_follow(media, 'result')})"
    label = TextPart(f"Media from the result of tool call {message.tool_call_id}:")
    return f"{message.text}\n{note}" if message.text else note, [label, *media]


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


def _message_to_wire(message: Message, model: str, dialect: Dialect) -> dict[str, Any]:
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
        _add_assistant_fields(wire, message, model, dialect)
    return wire


def _add_assistant_fields(wire: dict[str, Any], message: Message, model: str, dialect: Dialect) -> None:
    if message.tool_calls:
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
                **(call.extra or {}),
            }
            for call in message.tool_calls
        ]
        wire["content"] = wire["content"] or None
    if message.refusal and not wire["content"]:
        wire["content"] = message.refusal
    reasoning = message.reasoning
    if reasoning is not None and dialect.replay_reasoning and reasoning.provider == dialect.provider:
        if reasoning.model and not same_model(reasoning.model, model):
            return
        if reasoning.text:
            wire["reasoning_content"] = reasoning.text
        if reasoning.details:
            wire["reasoning_details"] = [dict(detail) for detail in reasoning.details]


def same_model(answered: str, asked: str) -> bool:
    """Whether two ids are one model: vendors answer without the maker's prefix or with the day appended."""
    short, long = sorted((answered.rpartition("/")[2].lower(), asked.rpartition("/")[2].lower()), key=len)
    return long == short or (
        bool(short) and long.startswith(short) and long[len(short) :].lstrip("-").replace("-", "").isdigit()
    )


def _content_to_wire(parts: Sequence[Part], role: str, dialect: Dialect) -> str | list[dict[str, Any]]:
    if all(type(part) is TextPart and part.cache_control is None for part in parts):
        if len(parts) == 1:
            return parts[0].text  # type: ignore[union-attr]
        if role != "user":
            return "\n".join(part.text for part in parts)  # type: ignore[union-attr]
    return _parts_to_wire(parts, dialect)


def _parts_to_wire(parts: Sequence[Part], dialect: Dialect) -> list[dict[str, Any]]:
    return [part_to_wire(part, dialect) for part in parts]


def part_to_wire(part: Part, dialect: Dialect) -> dict[str, Any]:
    """One content part; media that the vendor cannot take is refused by name."""
    if isinstance(part, RawPart):
        return dict(part.value)
    if isinstance(part, TextPart):
        wire: dict[str, Any] = {"type": "text", "text": part.text}
    else:
        if part.kind not in dialect.media:
            raise unsupported(dialect.provider, _NOUN_OF_KIND[part.kind], _CAPABILITY_OF_KIND[part.kind])
        wire = _MEDIA_TO_WIRE[part.kind](part, dialect.provider)
    if part.cache_control is not None:
        wire["cache_control"] = dict(part.cache_control)
    return wire


def data_url(part: MediaPart, default_mime_type: str) -> str | LargeText:
    """The part as an address: its own, or its base64 text as a data URL."""
    if part.url is not None:
        return part.url
    head = f"data:{part.mime_type or default_mime_type};base64,"
    return LargeText(part.data, head) if isinstance(part.data, bytes) else f"{head}{part.data}"


def _no_source(part: MediaPart, provider: str) -> InvalidRequestError:
    given = "an id" if part.file_id else "nothing"
    return InvalidRequestError(f"{provider} takes a {part.kind} by URL or as base64, not by {given}", provider=provider)


def _image_to_wire(part: MediaPart, provider: str) -> dict[str, Any]:
    if part.url is None and part.data is None:
        raise _no_source(part, provider)
    image: dict[str, Any] = {"url": data_url(part, "image/png")}
    if part.detail is not None:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
}


def _audio_to_wire(part: MediaPart, provider: str) -> dict[str, Any]:
    mime_type = part.mime_type
    data = part.data
    if data is None and part.url is not None:
        if part.url.startswith("data:"):
            head, _, data = part.url.partition(",")
            mime_type = mime_type or head[5:].partition(";")[0]
        else:
            data = part.url
    if data is None:
        raise _no_source(part, provider)
    sound: dict[str, Any] = {"data": LargeText(data) if isinstance(data, bytes) else data}
    if mime_type:
        sound["format"] = _AUDIO_FORMATS.get(mime_type, mime_type)
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


_MEDIA_TO_WIRE = {"image": _image_to_wire, "audio": _audio_to_wire, "file": _file_to_wire, "video": _video_to_wire}


def tool_to_wire(tool: Tool) -> dict[str, Any]:
    """A tool as the vendors take it; parameters are always there, because many models demand them."""
    if tool.raw is not None:
        return dict(tool.raw)
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def tool_choice_to_wire(choice: str) -> Any:
    """One of the words, or the name of a tool."""
    return choice if choice in {"auto", "none", "required"} else {"type": "function", "function": {"name": choice}}


def response_format_to_wire(wanted: ResponseFormat) -> dict[str, Any]:
    """A schema, or only JSON."""
    if wanted.schema is None or wanted.method == "json_mode":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name, "schema": wanted.schema}
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


# ------------------------------------------------------------------------------------------------ reading


def read_error(response: HttpResponse, provider: str) -> StatusError:
    """An error from a status and whatever body there is. The status decides the class, the body gives the words."""
    try:
        body = parse_json(response.body)
    except ValueError:
        body = None
    return error_from_body(body, response, provider, status=response.status)


def error_from_body(body: Any, response: HttpResponse, provider: str, *, status: int) -> StatusError:
    """The shared reading of an error body in any of the forms that are known."""
    message, code = error_words(body)
    if not message:
        text = (
            body if isinstance(body, str) else "" if isinstance(body, (dict, list)) and body else excerpt(response.body)
        )
        message = text or _REASONS.get(status, "no explanation")
    cls = status_error_class(status, code, message)
    return cls(
        printable(message),
        provider=provider,
        status=status,
        code=code,
        request_id=request_id(response.headers, body) or _request_id_inside(body),
        body=excerpt(response.body),
    )


_REASONS = {
    401: "the key was refused",
    402: "not enough credits",
    403: "not permitted",
    404: "not found",
    413: "the request is too large",
    429: "too many requests",
    500: "server failure",
    502: "bad gateway",
    503: "unavailable",
    504: "the gateway timed out",
}


def error_words(body: Any) -> tuple[str, str | None]:
    """Message and code of an error body, wherever it has them."""
    if isinstance(body, str):
        return body, None
    if isinstance(body, list):
        for entry in body:
            words = error_words(entry)
            if words[0]:
                return words
        return "", None
    if not isinstance(body, dict):
        return "", None
    code = _word(body.get("code")) or _word(body.get("type"))
    for key in ("error", "message", "detail", "errors", "msg", "error_description", "reason"):
        value = body.get(key)
        if isinstance(value, str) and value:
            return value, code
        if isinstance(value, (dict, list)) and value:
            message, inner = error_words(value)
            if message or inner:
                return message, inner or code
    return "", code


def _word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return printable(str(value), MAX_CODE_CHARS)


MAX_CODE_CHARS = 120


def _request_id_inside(body: Any) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    return request_id({}, error)


def error_inside(body: Any) -> Any:
    """The error that a body reports although the status is a success, or None."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if error:
        return body
    if body.get("success") is False:
        return body
    if body.get("object") == "error" or body.get("type") == "error":
        return body
    if "choices" not in body and isinstance(body.get("statusCode"), (int, str)) and body.get("message"):
        return body
    choices = body.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and choice.get("error"):
                return {"error": choice["error"]}
    return None


def status_inside(body: Any, default: int = 500) -> int:
    """The HTTP status that an error inside of a success stands for: its code, its status, else by its words."""
    nested = body.get("error") if isinstance(body, dict) else None
    for place in (nested, body):
        if isinstance(place, dict):
            for key in ("statusCode", "status_code", "status", "code"):
                value = place.get(key)
                if isinstance(value, str) and value.isascii() and value.isdigit():
                    value = int(value)
                if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
                    return value
    _, code = error_words(body)
    return _STATUS_OF_WORD.get(str(code or "").lower(), default)


_STATUS_OF_WORD = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "validationerror": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "autherror": 401,
    "unauthorized": 401,
    "invalid_api_key": 401,
    "insufficient_funds": 402,
    "insufficientbalance": 402,
    "insufficient_diamonds": 402,
    "insufficient_quota": 402,
    "payment_required": 402,
    "forbidden": 403,
    "permission_error": 403,
    "paidfeatureerror": 403,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "ratelimiterror": 429,
    "rate_limited": 429,
    "too_many_requests": 429,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "upstream_error": 502,
    "gateway_timeout": 504,
}


def read_event_error(event: str, value: Any, head: HttpResponse, *, provider: str) -> StatusError | None:
    """The error that an event of a stream reports, or None."""
    if event == "error":
        body = value
    elif isinstance(value, dict):
        body = error_inside(value)
    else:
        return None
    if body is None:
        return None
    response = HttpResponse(head.status, head.headers)
    return error_from_body(body, response, provider, status=status_inside(body))


def parse_object(response: HttpResponse, provider: str) -> dict[str, Any]:
    """The body as a JSON object that reports no error.

    Raises:
        StatusError: It reports one.
        ResponseFormatError: It is no JSON object.
    """
    body = response.json(provider=provider)
    if not isinstance(body, dict):
        raise ResponseFormatError(
            f"{provider} answered {response.status} with JSON that is no object",
            provider=provider,
            status=response.status,
            body=excerpt(response.body),
        )
    failure = error_inside(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    return body


def parse_chat(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ChatResponse:
    """A whole answer, in whatever detail it deviates from the documentation."""
    body = parse_object(response, provider)
    assembly = Assembly(provider, headers=response.headers, read_cost=read_cost)
    try:
        assembly.add_body(body)
    except ResponseFormatError as error:
        error.status = response.status
        error.body = excerpt(response.body)
        raise
    answer = assembly.response()
    object.__setattr__(answer, "raw", body)
    return answer


def chat_stream_decoder(
    head: HttpResponse, limits: Limits, *, provider: str, read_cost: ReadCost | None = None
) -> ChatStream:
    """The decoder for one streamed answer in the shared format."""
    return ChatStream(
        head,
        limits,
        accumulator=Assembly(provider, headers=head.headers, read_cost=read_cost),
        parse=partial(parse_chat, provider=provider, read_cost=read_cost),
        read_event_error=partial(read_event_error, provider=provider),
    )


# ------------------------------------------------------------------------------------------------ embeddings


def embed_body(request: EmbedRequest) -> dict[str, Any]:
    """The body of one batch of texts; texts are sent as they are."""
    body: dict[str, Any] = {"model": request.model, "input": list(request.texts)}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.encoding_format is not None:
        body["encoding_format"] = request.encoding_format
    if request.input_type is not None:
        body["input_type"] = request.input_type
    if request.user is not None:
        body["user"] = request.user
    return merged(body, request.extra)


def parse_embed(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> EmbedResponse:
    """Vectors in the order of the texts: by `index` where it is given, else as they came.

    Raises:
        ResponseFormatError: No vectors, indices that are no order, or a vector that is none.
    """
    body, vectors = _apart(response) or (parse_object(response, provider), [])
    data = body.get("data")
    if not isinstance(data, list) or not data:
        raise _bad_vectors(response, provider, f"has no vectors (fields: {', '.join(map(str, body))})")
    vectors = vectors or [_vector(entry, response, provider) for entry in data]
    indices = [entry.get("index") if isinstance(entry, dict) else None for entry in data]
    if any(index is not None for index in indices):
        if sorted(index if type(index) is int else -1 for index in indices) != list(range(len(data))):
            raise _bad_vectors(
                response, provider, f"numbers its vectors {indices[:8]}, which is no order of {len(data)}"
            )
        ordered: list[list[float]] = [[]] * len(data)
        for index, vector in zip(indices, vectors, strict=True):
            assert index is not None
            ordered[index] = vector
        vectors = ordered
    if len(set(map(len, vectors))) != 1:
        raise _bad_vectors(response, provider, f"has vectors of different lengths: {sorted(set(map(len, vectors)))}")
    return EmbedResponse(
        provider=provider,
        model=str(body.get("model") or ""),
        vectors=vectors,
        usage=read_usage(body.get("usage")),
        cost=read_cost(body, response.headers) if read_cost else None,
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw={key: value for key, value in body.items() if key != "data"},
    )


_VECTOR_KEY = b'"embedding"'
_VECTOR_BEGINS = re.compile(rb"\s*:\s*([\[\"])")


def _apart(response: HttpResponse) -> tuple[dict[str, Any], list[list[float]]] | None:
    """The body without its vectors, and those in the order in which they stand in it: read one by one, which takes half the
    memory of reading all at once. None unless each is a plain list of numbers or base64, and then the body is read as a whole.
    """
    body = response.body
    rest: list[bytes] = []
    vectors: list[list[float]] = []
    position = searched = 0
    try:
        while (at := body.find(_VECTOR_KEY, searched)) >= 0:
            searched = at + len(_VECTOR_KEY)
            begins = _VECTOR_BEGINS.match(body, searched)
            if begins is None:
                continue
            end = body.find(b"]" if begins[1] == b"[" else b'"', begins.end()) + 1
            text = body[begins.start(1) : end]
            if begins[1] == b'"':
                vector = _floats(binascii.a2b_base64(text[1:-1], strict_mode=True))
            elif b"u" in text or b"l" in text:  # true, false or null; text and lists are no summands
                return None
            else:
                vector = orjson.loads(text)
            if not vector or not math.isfinite(sum(vector)):
                return None
            rest += [body[position : begins.start(1)], b"%d" % len(vectors)]
            vectors.append(vector)
            position = searched = end
        whole = orjson.loads(b"".join([*rest, body[position:]])) if vectors else None
    except (ValueError, TypeError, OverflowError):
        return None
    if not isinstance(whole, dict) or error_inside(whole) is not None or not isinstance(whole.get("data"), list):
        return None
    found = [entry.get("embedding") if isinstance(entry, dict) else None for entry in whole["data"]]
    return (whole, vectors) if found == list(range(len(vectors))) else None


def _floats(raw: bytes) -> list[float]:
    """Numbers of 32 bits, the lowest byte first."""
    numbers = array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def _vector(entry: Any, response: HttpResponse, provider: str) -> list[float]:
    found = entry.get("embedding") if isinstance(entry, dict) else entry
    if isinstance(found, str):
        try:
            raw = base64.b64decode(found, validate=True)
        except (binascii.Error, ValueError):
            raise _bad_vectors(response, provider, "has a vector that is neither a list nor base64") from None
        if not raw or len(raw) % 4:
            raise _bad_vectors(response, provider, f"has a vector of {len(raw)} bytes, which are no 32-bit numbers")
        vector = _floats(raw)
    elif isinstance(found, list) and found:
        if not set(map(type, found)) <= {float, int}:
            raise _bad_vectors(response, provider, "has a vector with something in it that is no number")
        vector = found
    else:
        raise _bad_vectors(response, provider, "has an empty vector")
    if not math.isfinite(math.fsum(vector) if len(vector) < 2 else sum(vector)):
        raise _bad_vectors(response, provider, "has a vector with a number that is not finite")
    return vector


def _bad_vectors(response: HttpResponse, provider: str, what: str) -> ResponseFormatError:
    return ResponseFormatError(
        f"the embeddings answer of {provider} {what}",
        provider=provider,
        status=response.status,
        request_id=request_id(response.headers),
        body=excerpt(response.body),
    )


def usage_cost(body: Mapping[str, Any], _headers: Mapping[str, str], *, unit: str | None) -> Cost | None:
    """A cost inside `usage`, as routers put it there."""
    usage = body.get("usage")
    amount = decimal_of(usage.get("cost", usage.get("total_cost"))) if isinstance(usage, dict) else None
    return None if amount is None else Cost(amount, unit)


# ------------------------------------------------------------------------------------------------ the whole vendor


def openai_compatible(
    *,
    name: str,
    title: str,
    base_url: str,
    api_key_env: str,
    base_url_env: str,
    dialect: Dialect | None = None,
    build_body: Callable[[ChatRequest, Dialect], dict[str, Any]] = chat_body,
    read_vendor_error: Callable[[HttpResponse], StatusError] | None = None,
    read_cost: ReadCost | None = None,
    chat_path: str = "/chat/completions",
    embed_path: str | None = None,
    embed_batch: Callable[[EmbedRequest], dict[str, Any]] = embed_body,
    operations: Mapping[str, Operation[Any, Any]] | str | None = None,
    streaming: bool = True,
    capabilities: Mapping[str, Status] | None = None,
    structured: tuple[StructuredMethod, ...] = ("json_schema", "function_calling", "json_mode", "prompted"),
    **facts: Any,
) -> Provider:
    """A vendor that speaks the shared format; only what differs is given.

    `operations` may be the name of a module that has them as `OPERATIONS`; it is imported when one of them is first used.
    """
    used = dialect or Dialect(provider=name)

    def build(request: ChatRequest) -> HttpRequest:
        return HttpRequest("POST", chat_path, json=build_body(request, used), headers=request.headers)

    def build_stream(request: ChatRequest) -> HttpRequest:
        body = {**build_body(request, used), "stream": True}
        wants_usage = used.stream_usage if request.stream_usage is None else request.stream_usage
        if wants_usage:
            body.setdefault("stream_options", {"include_usage": True})
        return HttpRequest("POST", chat_path, json=body, headers=request.headers, stream=True)

    def build_embed(request: EmbedRequest) -> HttpRequest:
        assert embed_path is not None
        return HttpRequest("POST", embed_path, json=embed_batch(request), headers=request.headers)

    known: dict[str, Operation[Any, Any]] = {}
    if embed_path is not None:
        known["embed"] = Operation(
            "embed", build_embed, partial(parse_embed, provider=name, read_cost=read_cost), limit="embeddings_bytes"
        )
    return Provider(
        name=name,
        title=title,
        base_url=base_url,
        api_key_env=api_key_env,
        base_url_env=base_url_env,
        chat=Operation("chat", build, partial(parse_chat, provider=name, read_cost=read_cost), Retry.ANSWER),
        chat_stream=StreamOperation(build_stream, partial(chat_stream_decoder, provider=name, read_cost=read_cost))
        if streaming
        else None,
        operations=LateOperations(operations, known)
        if isinstance(operations, str)
        else {**(operations or {}), **known},
        read_error=read_vendor_error or partial(read_error, provider=name),
        capabilities=capabilities or {},
        structured=structured,
        **facts,
    )
