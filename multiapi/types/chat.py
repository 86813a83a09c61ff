"""Chats: requests, messages, tools, responses and what streams bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from multiapi.types.media import Media
from multiapi.types.usage import Cost, Usage

MediaKind = Literal["image", "audio", "video", "file"]


ToolCalling = Literal["auto", "native", "prompted"]


MisplacedMedia = Literal["hoist", "url_text", "error"]


OnTruncated = Literal["invalid", "raise", "keep"]


ReasoningReplay = Literal["auto", "always", "with_tools", "never"]


ChatApi = Literal["auto", "chat", "responses", "messages"]


StructuredMethod = Literal["auto", "json_schema", "function_calling", "json_mode", "prompted"]


class TextPart(NamedTuple):
    """Text inside a message of several parts. `cache_control` is sent to providers that take it."""

    text: str
    cache_control: Mapping[str, Any] | None = None


class MediaPart(NamedTuple):
    """An image, sound, video or file inside a message: by `url` (also a data URL), as `data` (base64 text) or by `file_id`.

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
    """A content part in the provider's own form, passed on unchanged."""

    value: Mapping[str, Any]


Part = TextPart | MediaPart | RawPart


class ToolCall(NamedTuple):
    """A tool call as the model wrote it; `arguments` is JSON text (always an object in a valid call).

    `extra` is opaque provider data (Gemini's thought signatures) that must go back unchanged.
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

    `details` are the provider's signed parts; they go back unchanged, but only to the provider and model that wrote them.
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
"""Fields of `ChatRequest` that are sent under their own names, by providers that have them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call. `parameters` is a JSON schema of an object; `raw` a tool in a provider's own form, which is
    sent unchanged instead. `cache_control` is sent to providers that take it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None
    raw: Mapping[str, Any] | None = None
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The response shall be one JSON object, of this schema if there is one.

    `method` "auto" takes the best way the provider documents and steps down, once and remembered per provider and model, when the
    provider refuses it; a named method is used or refused. `raw` is a `response_format` in OpenAI's form, sent unchanged where the
    provider has one.
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
        model: The provider's id of the model, passed on unchanged.
        max_tokens_name: "max_tokens" or "max_completion_tokens", where the limit shall go out under this name; None: as the model takes it.
        tool_choice: "auto", "none", "required" or the name of one tool.
        api: Which of a provider's protocols carries it: "chat", OpenAI's "responses" or Anthropic's "messages". "auto" takes the one that
            the model speaks, and that of the provider's built-in tools where `tools` has one.
        web_search: Search the web before answering: True, or the options of the model's own field or tool for it. False turns it off where
            the model has a switch. A model that cannot search is refused.
        prompt_cache: Let the provider keep the beginning of the prompt, which costs more once and less from then on; AICredits has this
            switch, the others refuse it.
        streaming: Stream also where a whole response is asked for, and put it together: True, or "auto" for a provider that ends
            unstreamed calls which take long.
        stream_usage: Ask for token counts of a stream. None: as the provider documents it.
        tool_calling: "native" or "prompted" overrules what the provider documents.
        split_thinking: Take `<think>...</think>` at the beginning of the text out of it, as reasoning.
        reasoning_replay: Which thoughts of its own a model gets back: all, those before tool calls, or none. "auto" does as the provider
            documents it; thoughts that are signed or encrypted and came with tool calls go back until the user speaks again.
            Thoughts of another model or provider never go along.
        think: Think "less", or not at all ("off"; as little as the model allows where it cannot be turned off). It is written as the
            provider and the model are known to take it; None leaves it to the model.
        misplaced_media: What becomes of images, sound and documents in messages of tools, the assistant or the system, which providers take
            from the user alone: "hoist" moves them into a user message behind, "url_text" puts their addresses into the text, "error"
            refuses them.
        on_truncated_tool_call: What a call becomes that `max_tokens` cut off: one of the invalid ones, an error ("raise"), or a call with
            as much of its arguments as can be read ("keep").
        promote_reasoning_to_content: A response that is only in the reasoning becomes the text.
        raise_on_content_filter: A response that the provider's filter stopped is an error; otherwise `finish_reason` tells.
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
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] | None = None
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
    api: ChatApi = "auto"
    web_search: bool | Mapping[str, Any] | None = None
    prompt_cache: bool | None = None
    streaming: bool | Literal["auto"] | None = None
    stream_usage: bool | None = None
    tool_calling: ToolCalling = "auto"
    split_thinking: bool = False
    reasoning_replay: ReasoningReplay = "auto"
    think: Literal["less", "off"] | None = None
    misplaced_media: MisplacedMedia = "hoist"
    on_truncated_tool_call: OnTruncated = "invalid"
    promote_reasoning_to_content: bool = False
    raise_on_content_filter: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_name: str = field(default="extra", compare=False, repr=False)


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
    """A response, whole or (in `StreamInterruptedError.partial`) as far as it came.

    Attributes:
        tool_calls: Complete calls with arguments that are JSON objects.
        invalid_tool_calls: Calls that must not be carried out: arguments are no JSON object, or were cut off.
        finish_reason: The provider's word: stop, length, tool_calls, content_filter, ...
        media: Images and sounds in the response.
        metadata: What else the provider said of the response: created, system_fingerprint, service_tier, ... and every field that has no
            place of its own.
        extra: The fields of the message that have no place of their own.
        raw: The body in the provider's form (a stream's is put together).
        alternatives: The other answers, if `n` was more than 1.
        answered_by: The full id of the model that answered, where a router chose it and says so.
        served_by: The company that served it, as the provider says.
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
    """A piece of a tool call. `number` is ours: one per call, from 0, whatever the provider sent. `id` comes
    once, and so does `name`, unless the provider sent it in chunks.

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
