"""LlamaIndex's messages, tools and answers, to the core's and back. Nothing is decided here, and nothing is changed in place."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from io import IOBase
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import filetype
import orjson
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CitableBlock,
    CitationBlock,
    CompletionResponse,
    DocumentBlock,
    ImageBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel

from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError
from multiapi.http import parse_json
from multiapi.openai_format import merged
from multiapi.stream import all_calls
from multiapi.types import (
    ChatDelta,
    ChatRequest,
    Citation,
    InvalidToolCall,
    MediaPart,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    Usage,
)
from multiapi.types import ChatResponse as Answer

logger = logging.getLogger("multiapi")

INVALID_ARGUMENTS = "arguments_that_are_no_valid_json"
"""The name under which unreadable tool arguments travel. No tool takes it, so the call fails with a message that the model
understands, instead of running without arguments.
"""

# ------------------------------------------------------------------------------------------------ requests

SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "user",
    "service_tier",
    "parallel_tool_calls",
    "stream_usage",
    "tool_calling",
    "split_thinking",
)
"""Settings that are fields of the model and of a request alike."""


class ContentFilterError(ResponseFormatError):
    """The vendor's filter stopped the answer, and the model was told to raise that; `partial` is what there is of it."""


class Call(NamedTuple):
    """What one call of a model comes to: the core's request, and how its answer is to be read.

    Attributes:
        single: More than one tool call in the answer is too many.
        promote: An answer that is only in the reasoning becomes the text.
        strict: An answer that a filter stopped is an error.
    """

    request: ChatRequest
    single: bool = False
    promote: bool = False
    strict: bool = False


def to_call(model: str, settings: Mapping[str, Any], messages: Sequence[ChatMessage], options: dict[str, Any]) -> Call:
    """The core's request. `options` of this call win over `settings` of the model; what neither knows goes into the body."""
    request: dict[str, Any] = {"model": model, "messages": to_messages(messages)}
    extra: Mapping[str, Any] = settings.get("extra_body") or {}
    for name in SETTINGS:
        value = settings.get(name)
        if value is not None:
            request[name] = value
    single = False
    if options:
        unknown: dict[str, Any] = {}
        for name, value in options.items():
            if value is None:
                continue
            if name in _SETTING_NAMES or name == "model":
                request[name] = value
            elif name == "tools":
                request["tools"] = tuple(to_tool(tool) for tool in value)
            elif name == "tool_choice":
                request["tool_choice"] = to_tool_choice(value)
            elif name == "response_format":
                request["response_format"] = to_response_format(value)
            elif name == "allow_parallel_tool_calls":
                single = not value
            elif name == "extra_headers":
                request["headers"] = dict(value)
            elif name == "extra_body":
                extra = merged(dict(extra), value)
            else:
                unknown[name] = value
        if unknown:
            extra = merged(dict(extra), unknown)
        if isinstance(request.get("stop"), str):
            request["stop"] = (request["stop"],)
        single = single or request.get("parallel_tool_calls") is False
    if extra:
        request["extra"] = extra
    return Call(
        ChatRequest(**request),
        single,
        bool(settings.get("promote_reasoning_to_content")),
        bool(settings.get("raise_on_content_filter")),
    )


_SETTING_NAMES = frozenset(SETTINGS)


def to_tool_choice(choice: Any) -> str | None:
    """A word or the name of a tool, from either or from OpenAI's object form."""
    if isinstance(choice, Mapping):
        function = choice.get("function")
        choice = function["name"] if isinstance(function, Mapping) else choice.get("name") or choice.get("type", "auto")
    return "required" if choice == "any" else str(choice)


def to_response_format(wanted: Any) -> ResponseFormat | None:
    """From the core's own form, a pydantic class, or OpenAI's `response_format`."""
    if isinstance(wanted, ResponseFormat):
        return wanted
    if isinstance(wanted, type):
        return response_format_of(wanted)
    if wanted.get("type") == "json_schema":
        given = wanted["json_schema"]
        return ResponseFormat(
            schema=given.get("schema"),
            name=given.get("name", "answer"),
            strict=given.get("strict"),
            description=given.get("description", ""),
        )
    return ResponseFormat() if wanted.get("type") == "json_object" else None


def response_format_of(output_cls: Any, method: Any = "auto") -> ResponseFormat:
    """A pydantic class as the form of an answer."""
    schema = output_cls.model_json_schema()
    name = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in output_cls.__name__)[:64]
    return ResponseFormat(schema=schema, name=name, method=method, description=schema.get("description", ""))


_PARAMETERS: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()
"""Tool schemas by the class they are made from, because making one costs more than a request."""


def to_tool(tool: Any) -> Tool:
    """From a LlamaIndex tool, a tool in OpenAI's form, or the core's own."""
    if isinstance(tool, Tool):
        return tool
    if isinstance(tool, Mapping):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, Mapping):
            return Tool(str(tool.get("name") or tool.get("type") or "tool"), raw=tool)
        parameters = function.get("parameters") or {"type": "object", "properties": {}}
        return Tool(function["name"], function.get("description") or "", parameters, function.get("strict"))
    metadata = tool.metadata
    name = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in metadata.get_name())
    return Tool(name, metadata.description, _parameters(metadata))


def _parameters(metadata: Any) -> dict[str, Any]:
    from llama_index.core.tools.types import ToolMetadata

    made_from = metadata.fn_schema
    if made_from is None or type(metadata).get_parameters_dict is not ToolMetadata.get_parameters_dict:
        return metadata.get_parameters_dict()  # type: ignore[no-any-return]
    held = _PARAMETERS.get(made_from)
    if held is None:
        held = _PARAMETERS[made_from] = metadata.get_parameters_dict()
    return held


def tool_to_dict(tool: Any) -> dict[str, Any]:
    """A tool in OpenAI's form, as LlamaIndex hands it from one method to the next and shows it in events."""
    if isinstance(tool, dict):
        return tool
    read = to_tool(tool)
    return {
        "type": "function",
        "function": {"name": read.name, "description": read.description, "parameters": read.parameters},
    }


# ------------------------------------------------------------------------------------------------ messages

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
    for message in messages:
        blocks = message.blocks
        if len(blocks) == 1 and type(blocks[0]) is TextBlock and not message.additional_kwargs:
            found.append(Message(_role(message), blocks[0].text))
        else:
            found.append(to_message(message))
    return found


def _role(message: ChatMessage) -> str:
    role = message.role
    return _ROLES[role._value_ if type(role) is MessageRole else str(role)]


def to_message(message: ChatMessage) -> Message:
    """One message with all its blocks.

    Raises:
        UnsupportedError: A block of a kind that is not known.
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
    if isinstance(data, bytes):
        if len(data) > _LARGE_BYTES and not data.translate(None, _BASE64):
            return MediaPart(kind, data=data, mime_type=mime_type or _sniffed(base64.b64decode(data[:400]), kind))
        text = _base64_text(data)
        if text:
            return MediaPart(kind, data=text, mime_type=mime_type or _sniffed(base64.b64decode(text[:400]), kind))
        raw = data
    elif isinstance(data, IOBase):
        if data.seekable():
            data.seek(0)
        raw = data.read()
    else:
        raw = Path(str(path)).read_bytes()
    if not raw:
        raise InvalidRequestError(f"a block for {kind} is empty")
    return MediaPart(kind, data=base64.b64encode(raw).decode(), mime_type=mime_type or _sniffed(raw, kind))


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


def _sniffed(raw: bytes, kind: str) -> str | None:
    """The kind of some bytes, by how they begin; a file may also be plain text."""
    guess = filetype.guess(raw[:300])
    if guess is not None or kind != "file":
        return str(guess.mime) if guess is not None else None
    try:
        raw[:300].decode()
    except UnicodeDecodeError as error:
        return "text/plain" if error.start > 290 else None
    return "text/plain"


def _mark_cached(parts: list[Part], block: CachePoint) -> None:
    """What stands before a cache point may be cached by the vendor."""
    if not parts or not isinstance(parts[-1], (TextPart, MediaPart)):
        logger.debug("a cache point with nothing before it is left out")
        return
    control = {"type": block.cache_control.type}
    if block.cache_control.ttl != "5m":
        control["ttl"] = block.cache_control.ttl
    parts[-1] = parts[-1]._replace(cache_control=control)


def _to_tool_call(block: ToolCallBlock, number: int, known: Mapping[str, Any]) -> ToolCall:
    call_id = block.tool_call_id or f"call_{number}"
    return ToolCall(call_id, block.tool_name, arguments_text(block.tool_kwargs), _extra_of(call_id, known))


def _extra_of(call_id: str, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Opaque data that came with a call and has to go back; a block cannot hold it, the plain form beside it can."""
    for call in known.get("tool_calls") or ():
        if isinstance(call, Mapping) and call.get("id") == call_id:
            return {key: value for key, value in call.items() if key not in _CALL_KEYS} or None
    return None


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
        text = arguments.strip()
        if text in {"", "null"}:
            return "{}"
        try:
            value = parse_json(text.encode("utf-8", "replace"))
        except ValueError:
            value = None
        if isinstance(value, dict):
            return text
        return orjson.dumps({INVALID_ARGUMENTS: arguments}).decode()
    return orjson.dumps(arguments or {}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _to_reasoning(blocks: Sequence[ThinkingBlock]) -> Reasoning:
    facts = blocks[0].additional_information
    return Reasoning(
        "".join(block.content or "" for block in blocks),
        tuple(detail for block in blocks for detail in block.additional_information.get("details") or ()),
        facts.get("provider"),
        facts.get("model"),
    )


# ------------------------------------------------------------------------------------------------ answers


def from_answer(answer: Answer, call: Call) -> ChatResponse:
    """A whole answer: the message, what agents and counters look for beside it, and the body in OpenAI's shape.

    Raises:
        ContentFilterError: A filter stopped it, and that was to be an error.
    """
    if call.strict and answer.finish_reason == "content_filter":
        raise ContentFilterError(
            f"{answer.provider} stopped the answer by its content filter",
            provider=answer.provider,
            request_id=answer.request_id,
            partial=answer,
        )
    calls = all_calls(answer)[: 1 if call.single else None]
    promoted = call.promote and not answer.text and not calls and answer.reasoning is not None
    text = answer.reasoning.text if promoted and answer.reasoning else answer.text
    blocks: list[Any] = []
    if answer.reasoning is not None and not promoted:
        blocks.append(_thinking_block(answer.reasoning, answer.usage))
    if text or not calls:
        blocks.append(TextBlock(text=text))
    blocks += [block for media in answer.media if (block := _media_block(media)) is not None]
    blocks += [_citation_block(citation) for citation in answer.citations]
    blocks += [_call_block(found) for found in calls]
    beside: dict[str, Any] = {}
    if calls:
        beside["tool_calls"] = [_call_dict(found) for found in calls]
    if answer.refusal:
        beside["refusal"] = answer.refusal
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=beside),
        raw=raw_body(answer),
        delta=None,
        logprobs=_logprobs(answer.logprobs),
        additional_kwargs=facts_of(answer),
    )


def facts_of(answer: Answer) -> dict[str, Any]:
    """What a caller may want to know of an answer beside its message; plain values that can be stored as JSON."""
    usage = answer.usage or Usage()
    facts: dict[str, Any] = {
        "provider": answer.provider,
        "finish_reason": answer.finish_reason,
        "native_finish_reason": answer.metadata.get("native_finish_reason"),
        "refusal": answer.refusal,
        "request_id": answer.request_id,
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    if answer.cost is not None:
        cost = answer.cost
        facts["cost"] = {"amount": str(cost.amount), "unit": cost.unit}
        if cost.balance is not None:
            facts["cost"]["balance"] = str(cost.balance)
    if answer.invalid_tool_calls:
        facts["invalid_tool_calls"] = [call._asdict() for call in answer.invalid_tool_calls]
    return {name: value for name, value in facts.items() if value is not None}


def raw_body(answer: Answer) -> dict[str, Any]:
    """The vendor's body; where it is not of OpenAI's shape, `choices` and `usage` in that shape are added to it."""
    body = dict(answer.raw)
    if not isinstance(body.get("choices"), list):
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        body["choices"] = [{"index": 0, "message": message, "finish_reason": answer.finish_reason}]
    if answer.usage is not None:
        given = body["usage"] if isinstance(body.get("usage"), dict) else {}
        counts = {
            "prompt_tokens": answer.usage.input_tokens,
            "completion_tokens": answer.usage.output_tokens,
            "total_tokens": answer.usage.total_tokens,
        }
        known = {name: value for name, value in given.items() if value is not None}
        body["usage"] = {**{name: count for name, count in counts.items() if count is not None}, **known}
    return body


def _thinking_block(reasoning: Reasoning, usage: Usage | None) -> ThinkingBlock:
    facts: dict[str, Any] = {"provider": reasoning.provider, "model": reasoning.model}
    if reasoning.details:
        facts["details"] = [dict(detail) for detail in reasoning.details]
    return ThinkingBlock(
        content=reasoning.text,
        num_tokens=usage.reasoning_tokens if usage is not None else None,
        additional_information=facts,
    )


def _media_block(media: Any) -> Any:
    kind = (media.mime_type or "").partition("/")[0]
    if kind == "audio":
        return AudioBlock(audio=media.data, url=media.url, format=media.extension.removeprefix("."))
    if kind == "video":
        return VideoBlock(video=media.data, url=media.url, video_mimetype=media.mime_type)
    if kind in {"image", ""}:
        return ImageBlock(image=media.data, url=media.url, image_mimetype=media.mime_type)
    return DocumentBlock(data=media.data, url=media.url, document_mimetype=media.mime_type)


def _citation_block(citation: Citation) -> CitationBlock:
    places = {"start": citation.start, "end": citation.end}
    return CitationBlock(
        cited_content=TextBlock(text=citation.text or ""),
        source=citation.url or "",
        title=citation.title or "",
        additional_location_info={name: place for name, place in places.items() if place is not None},
    )


def _call_block(call: ToolCall | InvalidToolCall) -> ToolCallBlock:
    """A valid call has its arguments as a dict, an invalid one as the text that the model wrote."""
    arguments = call.arguments
    kwargs = parse_json(arguments.encode("utf-8", "replace")) if isinstance(call, ToolCall) else arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=kwargs)


def _call_dict(call: ToolCall | InvalidToolCall) -> dict[str, Any]:
    extra = call.extra if isinstance(call, ToolCall) else None
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, **(extra or {})}


def _logprobs(found: Any) -> list[list[LogProb]] | None:
    """Per token of the answer the likeliest candidates, or the token alone where no others are given."""
    tokens = found.get("content") if isinstance(found, Mapping) else None
    if not isinstance(tokens, list):
        return None
    return [
        [_logprob(candidate) for candidate in token.get("top_logprobs") or [token]]
        for token in tokens
        if isinstance(token, Mapping)
    ]


def _logprob(token: Mapping[str, Any]) -> LogProb:
    return LogProb(token=token.get("token") or "", logprob=token.get("logprob") or 0.0, bytes=token.get("bytes") or [])


def to_completion(response: ChatResponse) -> CompletionResponse:
    """A chat answer as the answer to a bare prompt."""
    return CompletionResponse(
        text=response.message.content or "",
        raw=response.raw,
        delta=response.delta,
        logprobs=response.logprobs,
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
    )


# ------------------------------------------------------------------------------------------------ streams

_new = object.__new__
_SLOTS: Any = BaseModel.__dict__
_set_fields = _SLOTS["__dict__"].__set__
_set_given = _SLOTS["__pydantic_fields_set__"].__set__
_set_extra = _SLOTS["__pydantic_extra__"].__set__
_set_private = _SLOTS["__pydantic_private__"].__set__


def _built(cls: Any, fields: dict[str, Any], given: set[str]) -> Any:
    """An instance without validation, for what is made once per piece of a stream out of values that are known to be right.

    Equal in every respect to what the constructor makes (a test compares them), at half the price; `model_construct` is
    five times as expensive.
    """
    made = _new(cls)
    _set_fields(made, fields)
    _set_given(made, given)
    _set_extra(made, None)
    _set_private(made, None)
    return made


_MESSAGE = ChatMessage(role=MessageRole.ASSISTANT, blocks=[]).__dict__
_RESPONSE = ChatResponse(message=ChatMessage(), delta="").__dict__
_TEXT = TextBlock(text="").__dict__
_THINKING = ThinkingBlock().__dict__
_CALL = ToolCallBlock(tool_name="").__dict__

EXACT_CHARS = 16_384
GROWTH = 1.05
"""Arguments of a call are shown as they grow; above EXACT_CHARS only when they have grown by this factor, so that the cost of
long ones stays linear. The last item always has all of them.
"""


class _GrowingCall:
    """One tool call of a stream while it is being written."""

    __slots__ = ("_pieces", "_shown", "_size", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self._pieces: list[str] = []
        self._size = 0
        self._shown = -1

    def add(self, arguments: str) -> bool:
        """Whether what is shown of it changes."""
        if arguments:
            self._pieces.append(arguments)
            self._size += len(arguments)
        return self._size <= EXACT_CHARS or self._size > self._shown * GROWTH

    def text(self) -> str:
        self._shown = self._size
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


class Views:
    """Turns the deltas of a stream into LlamaIndex's responses: each has the new text as `delta` and all so far as `message`.

    An item is never changed after it was handed out; what did not grow is shared between items.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._text = ""
        self._thought = ""
        self._thinking: list[ThinkingBlock] = []
        self._calls: dict[int, _GrowingCall] = {}
        self._call_blocks: list[ToolCallBlock] = []
        self._call_dicts: list[dict[str, Any]] = []

    def view(self, delta: ChatDelta) -> ChatResponse:
        """The response for one delta."""
        text, reasoning, calls, _, logprobs, answer = delta
        if answer is not None:
            return self._last(answer)
        if reasoning:
            self._thought += reasoning
            self._thinking = [_built(ThinkingBlock, {**_THINKING, "content": self._thought}, {"content"})]
        if calls:
            self._add_calls(delta)
        blocks: list[Any] = [*self._thinking]
        if text:
            self._text += text
        whole = self._text
        if whole or not self._call_blocks:
            blocks.append(_built(TextBlock, {**_TEXT, "text": whole}, {"text"}))
        beside = {}
        if self._call_blocks:
            blocks += self._call_blocks
            beside["tool_calls"] = self._call_dicts
        message = {**_MESSAGE, "blocks": blocks, "additional_kwargs": beside}
        response = {
            **_RESPONSE,
            "message": _built(ChatMessage, message, {"role", "blocks", "additional_kwargs"}),
            "delta": text,
            "additional_kwargs": {"thinking_delta": reasoning} if reasoning else {},
        }
        if logprobs:
            response["logprobs"] = _logprobs(logprobs)
        return _built(ChatResponse, response, {"message", "delta", "additional_kwargs"})  # type: ignore[no-any-return]

    def _add_calls(self, delta: ChatDelta) -> None:
        changed = False
        for piece in delta.tool_calls:
            if self._call.single and piece.number > 0:
                continue
            growing = self._calls.get(piece.number)
            if growing is None:
                growing = self._calls[piece.number] = _GrowingCall()
                changed = True
            growing.id = piece.id or growing.id
            growing.name += piece.name or ""
            changed = growing.add(piece.arguments) or changed
        if changed:
            shown = [(growing.id, growing.name, growing.text()) for growing in self._calls.values()]
            given = {"tool_call_id", "tool_name", "tool_kwargs"}
            self._call_blocks = [
                _built(
                    ToolCallBlock,
                    {**_CALL, "tool_call_id": id, "tool_name": name, "tool_kwargs": arguments},
                    set(given),
                )
                for id, name, arguments in shown
            ]
            self._call_dicts = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for id, name, arguments in shown
            ]

    def _last(self, answer: Answer) -> ChatResponse:
        """The whole answer, exactly as a call without a stream gives it."""
        response = from_answer(answer, self._call)
        whole = response.message.content or ""
        response.delta = whole[len(self._text) :] if whole.startswith(self._text) else ""
        return response
