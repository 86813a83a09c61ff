"""Requests and results of the core: plain values, the same for every vendor and framework.

What is made once per message or per streamed event is a named tuple (cheap to make), what is made once per call a frozen
dataclass. `None` means absent; 0 and "" are values. Nothing optional is sent unless it is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from multiapi.media import Media

MediaKind = Literal["image", "audio", "video", "file"]
ToolCalling = Literal["auto", "native", "prompted"]
ReasoningReplay = Literal["auto", "always", "with_tools", "never"]
StructuredMethod = Literal["auto", "json_schema", "function_calling", "json_mode", "prompted"]

# ------------------------------------------------------------------------------------------------ messages


class TextPart(NamedTuple):
    """Text inside a message of several parts. `cache_control` is sent to vendors that take it."""

    text: str
    cache_control: Mapping[str, Any] | None = None


class MediaPart(NamedTuple):
    """A picture, sound, film or file inside a message: by `url` (also a data URL), as `data` (base64 text) or by `file_id`.

    Base64 text may also be bytes, which are then copied only once; they must hold nothing else, no line ends either.
    """

    kind: MediaKind
    url: str | None = None
    data: str | bytes | None = None
    file_id: str | None = None
    mime_type: str | None = None
    filename: str | None = None
    detail: str | None = None
    cache_control: Mapping[str, Any] | None = None


class RawPart(NamedTuple):
    """A content part in the vendor's own form, passed on unchanged."""

    value: Mapping[str, Any]


Part = TextPart | MediaPart | RawPart


class ToolCall(NamedTuple):
    """A tool call as the model wrote it; `arguments` is JSON text (always an object in a valid call).

    `extra` is opaque vendor data (Gemini's thought signatures) that must go back unchanged.
    """

    id: str
    name: str
    arguments: str
    extra: Mapping[str, Any] | None = None


class InvalidToolCall(NamedTuple):
    """A call whose arguments are no JSON object, or that was cut off; `arguments` is the raw text."""

    id: str
    name: str
    arguments: str
    error: str


class Reasoning(NamedTuple):
    """What a model thought before it answered, and who it was.

    `details` are the vendor's signed parts; they go back unchanged, but only to the vendor and model that wrote them.
    """

    text: str = ""
    details: tuple[Mapping[str, Any], ...] = ()
    provider: str | None = None
    model: str | None = None


class Message(NamedTuple):
    """One message of a conversation. `content` is text or a sequence of parts."""

    role: str
    content: str | Sequence[Part] = ""
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    reasoning: Reasoning | None = None
    refusal: str | None = None
    is_error: bool = False

    @property
    def text(self) -> str:
        """The text in it: a line for each part."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart))


# ------------------------------------------------------------------------------------------------ chat

CHAT_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "user",
    "service_tier",
    "parallel_tool_calls",
)
"""Fields of `ChatRequest` that are sent under their own names, by vendors that have them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call. `parameters` is a JSON schema of an object; `raw` a tool in a vendor's own form, which is
    sent unchanged instead. `cache_control` is sent to vendors that take it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None
    raw: Mapping[str, Any] | None = None
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The answer shall be one JSON object, of this schema if there is one.

    `method` "auto" takes the best way the vendor documents and steps down, once and remembered per vendor and model, when the
    vendor refuses it; a named method is used or refused. `raw` is a `response_format` in OpenAI's form, sent unchanged where the
    vendor has one.
    """

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None
    method: StructuredMethod = "auto"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A conversation to be continued.

    Attributes:
        model: The vendor's id of the model, passed on unchanged.
        tool_choice: "auto", "none", "required" or the name of one tool.
        streaming: Stream also where a whole response is asked for, and put it together: True, or "auto" for a provider that ends
            unstreamed calls which take long.
        stream_usage: Ask for token counts of a stream. None: as the vendor documents it.
        tool_calling: "native" or "prompted" overrules what the vendor documents.
        split_thinking: Take `<think>...</think>` at the beginning of the text out of it, as reasoning.
        reasoning_replay: Which thoughts of its own a model gets back: all, those before tool calls, or none. "auto" does as the vendor
            documents it; thoughts that are signed or encrypted and came with tool calls go back until the user speaks again.
            Thoughts of another model or vendor never go along.
        extra: Merged deeply into the body, last.
        headers: Added to those of the client.
        extra_name: What the caller knows `extra` as; errors say it.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: Sequence[str] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    service_tier: str | None = None
    tools: Sequence[Tool] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    streaming: bool | Literal["auto"] | None = None
    stream_usage: bool | None = None
    tool_calling: ToolCalling = "auto"
    split_thinking: bool = False
    reasoning_replay: ReasoningReplay = "auto"
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_name: str = field(default="extra", compare=False, repr=False)


class Usage(NamedTuple):
    """Token counts; None is unknown, never guessed. `details` are the vendor's own sub-counts, unchanged."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    details: Mapping[str, Any] | None = None


class Cost(NamedTuple):
    """What a call cost. `unit` is "USD", "INR", "diamonds", "credits" or None where the vendor does not say it; never converted.

    `balance` is what remains, where the vendor says it with the answer.
    """

    amount: Decimal
    unit: str | None
    balance: Decimal | None = None


class Citation(NamedTuple):
    """A source that the model named. `start` and `end` are positions in the text, where known."""

    url: str | None = None
    title: str | None = None
    text: str | None = None
    start: int | None = None
    end: int | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """An answer, whole or (in `StreamInterruptedError.partial`) as far as it came.

    Attributes:
        tool_calls: Complete calls with arguments that are JSON objects.
        invalid_tool_calls: Calls that must not be carried out: arguments are no JSON object, or were cut off.
        finish_reason: The vendor's word: stop, length, tool_calls, content_filter, ...
        media: Pictures and sounds in the answer.
        metadata: What else the vendor said of the answer: created, system_fingerprint, service_tier, ... and every field that has no
            place of its own.
        extra: The fields of the message that have no place of their own.
        raw: The body in the vendor's form (a stream's is put together).
        alternatives: The other answers, if `n` was more than 1.
        answered_by: The full id of the model that answered, where a router chose it and says so.
        served_by: The company that served it, as the vendor says.
    """

    provider: str
    model: str = ""
    id: str | None = None
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    invalid_tool_calls: tuple[InvalidToolCall, ...] = ()
    reasoning: Reasoning | None = None
    refusal: str | None = None
    citations: tuple[Citation, ...] = ()
    media: tuple[Media, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    logprobs: Any = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[ChatResponse, ...] = ()
    answered_by: str | None = None
    served_by: str | None = None

    def to_message(self) -> Message:
        """This answer as a message for the next request."""
        return Message(
            "assistant",
            self.text,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            refusal=self.refusal,
        )


class ToolCallDelta(NamedTuple):
    """A piece of a tool call. `number` is ours: one per call, from 0, whatever the vendor sent. `id` comes
    once, and so does `name`, unless the vendor sent it in pieces.

    Arguments that a server encoded twice come once they are whole, without what is around them; if they never are, only the whole
    answer has them.
    """

    number: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ChatDelta(NamedTuple):
    """What one event added. The last one of a stream has `response`: everything, put together."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    refusal: str = ""
    logprobs: Any = None
    response: ChatResponse | None = None


# ------------------------------------------------------------------------------------------------ embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Texts to be turned into vectors. `input_type` is "query" or "document", sent where the model has it."""

    model: str
    texts: Sequence[str]
    dimensions: int | None = None
    input_type: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    batch_size: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedResponse:
    """One vector per text, in the order of the texts, all of one length and finite."""

    provider: str
    model: str
    vectors: list[list[float]]
    usage: Usage | None = None
    cost: Cost | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------ settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Limits in seconds; None is no limit.

    Attributes:
        connect: Until the connection stands.
        read: The longest silence while an answer is read; None takes the operation's own (60, chat 120).
        write: The longest silence while a request is written.
        pool: Waiting for a free connection.
        total: A whole call, retries and waits included; streams are exempt once they run.
        idle: The longest time without an event of a stream; keep-alives do not count.
    """

    connect: float | None = 5.0
    read: float | None = None
    write: float | None = 60.0
    pool: float | None = 30.0
    total: float | None = 600.0
    idle: float | None = 120.0

    @classmethod
    def of(cls, value: Timeout | float | tuple[float | None, float | None] | Any | None) -> Timeout:
        """From what users write: seconds (the longest silence), (connect, read), an `httpx.Timeout`, or None for the defaults."""
        if value is None:
            return cls()
        if isinstance(value, Timeout):
            return value
        if isinstance(value, tuple):
            connect, read = value
            return cls(connect=connect, read=read)
        if isinstance(value, (int, float)):
            seconds = float(value)
            return cls(connect=min(5.0, seconds), read=seconds, write=seconds, idle=seconds)
        return cls(connect=value.connect, read=value.read, write=value.write, pool=value.pool, idle=value.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read at most, in bytes after decompression; `stream_events` counts events, and the last five fields count what an
    answer holds.
    """

    answer_bytes: int = 64_000_000
    embeddings_bytes: int = 128_000_000
    media_answer_bytes: int = 256_000_000
    error_bytes: int = 64_000
    event_bytes: int = 16_000_000
    stream_bytes: int = 256_000_000
    stream_events: int = 1_000_000
    file_bytes: int = 512_000_000
    choices: int = 256
    tool_calls: int = 32_768
    citations: int = 32_768
    media: int = 4_096
    parts: int = 131_072
