"""Bineric: a format of its own.

- The key goes into the header `api-key`; settings stand under `options`; roles are user and assistant only.
- Files travel as data URLs in `attachments`; the response is one text in `response`.
- No streaming is documented, but an event stream may come unasked: how a response is read follows from its content type.
- 429 is a daily limit: repeated only with a Retry-After. Stop words are cut off on our side.

Facts and sources: multiapi/simulator/contracts/bineric.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, RequestTooLargeError, ResponseFormatError, printable
from multiapi.formats.answer_facts import decimal_of, is_filler
from multiapi.formats.assembly import Assembly
from multiapi.formats.media_parts import fitted
from multiapi.formats.openai import answers as openai_answers
from multiapi.formats.openai import vendor as openai_format
from multiapi.formats.openai.vendor import check_request, data_url, merged
from multiapi.formats.stream import ChatStream
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt
from multiapi.http.json import LargeText
from multiapi.provider import LateOperations, Operation, Provider, Retry, StreamOperation, unsupported
from multiapi.providers import file_limits
from multiapi.providers.file_limits import FileLimits
from multiapi.types.chat import CHAT_SETTINGS, ChatDelta, ChatRequest, ChatResponse, MediaPart, Message, Part, TextPart
from multiapi.types.limits import Limits
from multiapi.types.media import sizes
from multiapi.types.media_kinds import container_of, group_of
from multiapi.types.usage import Cost

_OPTIONS = ("temperature", "max_tokens", "top_p")
_OFFICE = "application/vnd.openxmlformats-officedocument."
_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/heic")
_DOCUMENTS = (
    *("application/pdf", f"{_OFFICE}wordprocessingml.document", "application/msword"),
    *(f"{_OFFICE}spreadsheetml.sheet", "application/vnd.ms-excel"),
    *("text/plain", "text/csv", "text/markdown", "application/json", "text/html"),
)
_SOUNDS = (
    *("audio/mpeg", "audio/wav", "audio/mp4", "audio/ogg", "audio/opus"),
    *("audio/aac", "audio/flac", "audio/x-ms-wma", "audio/webm"),
)
_MAX_BYTES = {"image": 20_000_000, "document": 15_000_000, "audio": 200_000_000}
_FORMATS = {"image": _IMAGES, "file": (*_DOCUMENTS, *_IMAGES, *_SOUNDS)}
"""What the page lists for images and documents; recordings of any format are taken, and no attachment has a place of its own."""


# ------------------------------------------------------------------------------------------------ building


def build_chat(request: ChatRequest) -> HttpRequest:
    """Settings under `options`, instructions in front of the first user message, media as attachments.

    Raises:
        InvalidRequestError: A temperature above 1, a tool message, or media by URL.
        RequestTooLargeError: Attachments that are too large or too many, by the list of models where it was read, else by the page.
        UnsupportedError: A setting that is not documented, native tools, video.
    """
    check_request(request, "bineric")
    if request.temperature is not None and request.temperature > 1:
        raise InvalidRequestError(
            f"bineric takes a temperature from 0 to 1, not {request.temperature}", provider="bineric"
        )
    if request.tools:
        raise unsupported(
            "bineric", "native tools", "tools", hint="tool_calling='prompted' asks for calls in the prompt"
        )
    for name in CHAT_SETTINGS:
        if name not in {*_OPTIONS, "parallel_tool_calls"} and getattr(request, name) is not None:
            raise unsupported("bineric", f"setting {name}")
    limits = file_limits.known("bineric", request.model)
    body: dict[str, Any] = {"model": request.model, "messages": messages_to_wire(request.messages, limits)}
    options = {name: value for name in _OPTIONS if (value := getattr(request, name)) is not None}
    if options:
        body["options"] = options
    return HttpRequest("POST", "/ai/chat/completions", json=merged(body, request.extra), headers=request.headers)


def messages_to_wire(messages: Sequence[Message], limits: FileLimits) -> list[dict[str, Any]]:
    """User and assistant messages; all instructions stand in front of the first user message, after a blank line."""
    instructions = [message for message in messages if message.role in {"system", "developer"}]
    wire = [_message_to_wire(message, limits) for message in messages if message.role not in {"system", "developer"}]
    wire = [each for each in wire if each["role"] != "assistant" or openai_format.says_something(each)]
    text = "\n\n".join(message.text for message in instructions if message.text)
    attachments = [attachment for message in instructions for attachment in _attachments(message, limits)]
    if not text and not attachments:
        if not wire:
            raise openai_format.no_message("bineric")
        return wire
    first = next((message for message in wire if message["role"] == "user"), None)
    if first is None:
        first = {"role": "user", "content": ""}
        wire.insert(0, first)
    first["content"] = f"{text}\n\n{first['content']}" if text and first["content"] else text or first["content"]
    if attachments:
        first["attachments"] = [*attachments, *first.get("attachments", ())]
    return wire


def _message_to_wire(message: Message, limits: FileLimits) -> dict[str, Any]:
    if message.role not in {"user", "assistant"} or message.tool_calls:
        raise InvalidRequestError(
            f"bineric takes user and assistant messages only, not {'tool calls' if message.tool_calls else message.role}; "
            "tool_calling='prompted' writes tool messages as text",
            provider="bineric",
        )
    wire: dict[str, Any] = {"role": message.role, "content": message.text}
    attachments = _attachments(message, limits)
    if attachments:
        wire["attachments"] = attachments
    return wire


def _attachments(message: Message, limits: FileLimits) -> list[str | LargeText]:
    if isinstance(message.content, str):
        return []
    sizes_of: list[int] = []
    found = [_attachment(part, limits, sizes_of) for part in message.content if not isinstance(part, TextPart)]
    if limits.max_files is not None and len(sizes_of) > limits.max_files:
        raise RequestTooLargeError(
            f"bineric takes at most {limits.max_files} files with a message for this model; this one has {len(sizes_of)}",
            provider="bineric",
        )
    if limits.total_bytes is not None and sum(sizes_of) > limits.total_bytes:
        shown, limit = sizes(sum(sizes_of), limits.total_bytes)
        raise RequestTooLargeError(
            f"bineric takes at most {limit} of files with a message for this model; this one has {shown}",
            provider="bineric",
        )
    return found


def _attachment(part: Part, limits: FileLimits, sizes_of: list[int]) -> str | LargeText:
    """The part as a data URL; the size of what is not a recording is added to `sizes_of`."""
    if not isinstance(part, MediaPart):
        raise InvalidRequestError(
            "bineric takes text and attachments, no content parts of another form", provider="bineric"
        )
    if part.kind == "video":
        raise unsupported("bineric", "video input", "video_in")
    if part.data is not None or (part.url is not None and part.url[:5].lower() == "data:"):
        found = fitted(part if part.data is None else part._replace(url=None), "bineric", _FORMATS)
        assert isinstance(found, MediaPart)  # texts are taken as files here
        size = _checked_size(found, part.filename, limits)
        if group_of(found.mime_type) != "audio":
            sizes_of.append(size)
        if found.mime_type is not None:
            found = found._replace(mime_type=container_of(found.mime_type))
        return data_url(found, "application/octet-stream")
    raise InvalidRequestError(
        f"bineric takes {part.kind} input as base64 data only, not by URL or id; download it first", provider="bineric"
    )


def _checked_size(part: MediaPart, name: str | None, limits: FileLimits) -> int:
    """The size of a file, which fits: by the list of models, else by the page. Pixels and pages are not counted here."""
    text = part.data if part.data is not None else (part.url or "").partition(",")[2]
    group = group_of(part.mime_type)
    kind = "document" if group not in _MAX_BYTES else group
    most = limits.bytes_of.get(kind, _MAX_BYTES[kind])
    size = len(text) * 3 // 4
    if size > most:
        named = f"{printable(name, 120)!r}" if name else "this one"
        shown, limit = sizes(size, most)
        raise RequestTooLargeError(
            f"bineric takes attachments of the kind {group} of at most {limit}; {named} has {shown}",
            provider="bineric",
        )
    return size


# ------------------------------------------------------------------------------------------------ reading


def read_cost(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Cost | None:
    """A bare number: the provider names no currency."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    amount = decimal_of(usage.get("total_cost"))
    account = usage.get("account_info")
    balance = decimal_of(account.get("balance")) if isinstance(account, dict) else None
    return None if amount is None else Cost(amount, None, balance)


_FACTS = ("response_time_ms", "account_info", "current_usage")
"""What the provider tells in `usage` that is not a count of this call."""
_ANSWERS = frozenset({"text", "response", "choices"})


class BinericAssembly:
    """Events with `text` (a piece) or `response` (the whole, which wins); a body with `response`, or in OpenAI's form."""

    def __init__(self, head: HttpResponse) -> None:
        self.provider = "bineric"
        self.finished = self.answered = False
        self._limits = head.limits
        self._inner = self._begun(head.headers)
        self._pieces = ""
        self._sent_choices = False

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        self.answered = self.answered or not _ANSWERS.isdisjoint(event)
        whole = event.get("response")
        if isinstance(whole, str) and whole:
            rest = whole[len(self._pieces) :] if whole.startswith(self._pieces) else None
            self.finished = True
            if rest is None:
                self._inner = self._begun(self._inner.headers)
            self._pieces = whole
            self._inner.add(_as_shared(event, whole if rest is None else rest))
            return ChatDelta(rest) if rest else None
        piece = event.get("text")
        if isinstance(piece, str) and (piece or is_filler(event.get("choices"))):
            self._pieces += piece
            return self._inner.add(_as_shared(event, piece))
        if isinstance(event.get("choices"), list):
            self._sent_choices = True
            delta = self._inner.add(event)
            self.finished = self._inner.finished
            return delta
        self._inner.add({key: value for key, value in event.items() if key not in {"text", "response", "choices"}})
        return None

    def _begun(self, headers: Mapping[str, str]) -> Assembly:
        return Assembly("bineric", headers=headers, read_cost=read_cost, limits=self._limits)

    def rest(self) -> ChatDelta | None:
        return self._inner.rest()

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        answer = self._inner.response(interrupted=interrupted)
        if answer.usage is None and self._sent_choices:
            return answer
        facts = {
            name: value
            for name in _FACTS
            if (value := ((answer.usage and answer.usage.details) or {}).get(name)) is not None
        }
        raw = answer.raw
        if not self._sent_choices:
            raw = {name: value for name, value in raw.items() if name != "choices"} | {"response": self._pieces}
        return replace(answer, metadata={**facts, **answer.metadata}, raw=raw)


def _as_shared(event: Mapping[str, Any], text: str) -> dict[str, Any]:
    rest = {key: value for key, value in event.items() if key not in {"text", "response"}}
    return {**rest, "choices": [{"delta": {"content": text}}]}


def parse_chat(response: HttpResponse) -> ChatResponse:
    """The text in `response`, the response in OpenAI's form, or an event stream that nobody asked for."""
    response = openai_answers.without_comments(response)
    if openai_answers.comes_as_events(response):
        return openai_answers.read_at_once(response, stream_decoder)
    body = openai_format.parse_object(response, "bineric")
    assembly = BinericAssembly(response)
    if not isinstance(body.get("response"), str) or not (body["response"] or is_filler(body.get("choices"))):
        if "choices" not in body:
            raise ResponseFormatError(
                f"bineric answered without `response` (fields: {', '.join(map(str, body)) or 'none'})",
                provider="bineric",
                status=response.status,
                body=excerpt(response.body),
            )
        return openai_format.parse_chat(response, provider="bineric", read_cost=read_cost)
    assembly.add(body)
    answer = assembly.response()
    object.__setattr__(answer, "raw", body)
    return answer


def stream_decoder(head: HttpResponse, limits: Limits) -> ChatStream:
    """Reads what comes; the end of the body is the end of the response, because no other is documented."""
    return ChatStream(
        head,
        limits,
        accumulator=BinericAssembly(head._replace(limits=limits)),
        parse=parse_chat,
        read_event_error=partial(openai_format.read_event_error, provider="bineric"),
        needs_finish=False,
    )


BINERIC = Provider(
    name="bineric",
    title="Bineric",
    base_url="https://api.bineric.com/api/v1",
    api_key_env="BINERIC_API_KEY",
    base_url_env="BINERIC_BASE_URL",
    operation_paths=(
        "/ai/chat/completions",
        "/ai/models",
        "/media/base64",
        "/decode-base64",
        "/monitoring/usage",
        "/monitoring/daily-usage",
        "/monitoring/balance",
    ),
    units=(None,),
    auth_header=("api-key", ""),
    chat=Operation("chat", build_chat, parse_chat, Retry.ANSWER),
    chat_stream=StreamOperation(build_chat, stream_decoder),
    operations=LateOperations("multiapi.providers.bineric.operations"),
    read_error=partial(openai_format.read_error, provider="bineric"),
    read_cost=read_cost,
    rate_limit_is_final=True,
    native_tools=False,
    cuts_stop=True,
    structured=("prompted",),
    media_urls=False,
    default_models={
        "chat": "gpt-4",
        "image": "stability-ai",
        "speech": "text-to-speech",
        "transcribe": "speech-to-text",
    },
    hidden_tool_parameters={
        "generate_image": {"aspect_ratio"},
        "transcribe_audio": {"language"},
        "usage_report": {"days"},
    },
    capabilities={
        "chat": "documented",
        "streaming": "assumed",
        "vision": "documented",
        "documents": "documented",
        "audio_in": "documented",
        "image": "assumed",
        "speech": "documented",
        "transcription": "documented",
        "models": "documented",
        "usage": "documented",
        "daily_usage": "documented",
        "balance": "documented",
        "file_to_base64": "documented",
        "decode_base64": "documented",
    },
)
