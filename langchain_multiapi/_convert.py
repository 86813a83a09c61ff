"""From LangChain's messages, tools and settings to the core's requests, and from its answers back: pure functions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import orjson
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_multiapi._blocks import indexed_blocks
from multiapi.errors import InvalidRequestError, ResponseFormatError
from multiapi.http import parse_json
from multiapi.media import Media
from multiapi.openai_format import merged
from multiapi.provider import Provider, names, unsupported
from multiapi.providers import split_model
from multiapi.types import (
    ChatDelta,
    ChatRequest,
    ChatResponse,
    Citation,
    Cost,
    MediaPart,
    Message,
    Part,
    RawPart,
    Reasoning,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
)

OnTruncated = Literal["invalid", "raise", "keep"]

# ------------------------------------------------------------------------------------------------ messages to the core


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
                    content if type(content) is str else _to_parts(content, provider),
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
                for call in message.invalid_tool_calls
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
                    parts.append(TextPart(words))
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
        text = parts if len(parts) != 1 else parts[0].text  # type: ignore[union-attr]
        text = text or ""
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
    """What stands for a block that no vendor takes back in an assistant's message: pictures it made, its vendor's own tools."""
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
    return ToolCall(call["id"] or "", call["name"], to_json(args) if args else "{}", extra)


def _to_call_of_block(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input", block.get("args"))
    return ToolCall(str(block.get("id") or ""), str(block.get("name") or ""), to_json(arguments or {}))


def to_json(value: Any) -> str:
    """JSON text in which letters stay letters."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


# ------------------------------------------------------------------------------------------------ content blocks


def _to_parts(content: Iterable[str | dict[str, Any]] | Any, provider: str) -> str | list[Part]:
    parts = [TextPart(block) if isinstance(block, str) else to_part(block, provider) for block in content]
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].cache_control is None:
        return parts[0].text
    return parts


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
    """The block's type; what is no text is said as text, and so refused by name."""
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
    """A picture, sound, film or file in LangChain's form of either version, in Anthropic's or as OpenAI's file."""
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


def _non_standard(block: Mapping[str, Any]) -> Part | None:
    """What the caller wrote in the vendor's own form."""
    value = block.get("value")
    return RawPart(value) if isinstance(value, dict) and value else None


_BLOCK_READERS: dict[str, Callable[[Mapping[str, Any]], Part | None]] = {
    "text": _text,
    "input_text": _text,
    "image_url": _image_url,
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

# ------------------------------------------------------------------------------------------------ tools to the core


def to_tools(tools: Iterable[Any]) -> tuple[Tool, ...]:
    """Tools in OpenAI's form (as `bind_tools` leaves them) as the core's; any other form is passed on unchanged."""
    return tuple(_to_tool(tool) for tool in tools)


def _to_tool(tool: Any) -> Tool:
    if not isinstance(tool, dict) or not (tool.get("type") == "function" or "function" in tool):
        if isinstance(tool, dict) and "type" in tool and "input_schema" not in tool:
            return Tool(str(tool.get("name") or tool["type"]), raw=tool)
        from langchain_core.utils.function_calling import convert_to_openai_tool

        tool = convert_to_openai_tool(tool)
    function = tool.get("function")
    if not isinstance(function, dict):
        return Tool(str(tool.get("name") or tool.get("type")), raw=tool)
    return Tool(
        function["name"],
        function.get("description") or "",
        function.get("parameters") or {"type": "object", "properties": {}},
        function.get("strict"),
    )


def to_tool_choice(choice: Any) -> str | None:
    """One of the core's words or the name of a tool, from every way in which LangChain says it.

    Raises:
        ValueError: Something else.
    """
    if choice is None or choice is False:
        return "none" if choice is False else None
    if choice is True or choice == "any":
        return "required"
    if isinstance(choice, str):
        return choice
    if isinstance(choice, dict):
        function = choice.get("function")
        if isinstance(function, dict) and function.get("name"):
            return str(function["name"])
        kind = choice.get("type")
        if kind in {"tool", "function"} and choice.get("name"):
            return str(choice["name"])
        if kind in {"any", "auto", "none", "required"}:
            return "required" if kind == "any" else str(kind)
    raise ValueError(
        f"tool_choice {choice!r} is none of the known forms: a word, a tool's name, True, or OpenAI's object"
    )


def to_response_format(wanted: Any, method: str | None = None, strict: bool | None = None) -> ResponseFormat:
    """OpenAI's `response_format`, a JSON schema or a class as the core's wish."""
    how: Any = method or "auto"
    if isinstance(wanted, ResponseFormat):
        return wanted
    if not isinstance(wanted, dict):
        from langchain_core.utils.function_calling import convert_to_openai_function

        function = convert_to_openai_function(wanted)
        return ResponseFormat(
            function.get("parameters") or {}, function["name"], strict, how, function.get("description") or ""
        )
    if wanted.get("type") == "json_object":
        return ResponseFormat(None, method=how)
    if wanted.get("type") == "json_schema" and isinstance(wanted.get("json_schema"), dict):
        inner = wanted["json_schema"]
        return ResponseFormat(
            inner.get("schema"),
            inner.get("name") or "answer",
            inner.get("strict", strict),
            how,
            inner.get("description") or "",
        )
    name = wanted.get("title") or "answer"
    return ResponseFormat(wanted, name, strict, how, wanted.get("description") or "")


# ------------------------------------------------------------------------------------------------ settings to the core

_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
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
    "stream_usage",
    "tool_calling",
    "split_thinking",
)
CALL_ALIASES = {"model_name": "model", "max_completion_tokens": "max_tokens", "stop_sequences": "stop"}
_OF_THE_MODEL = frozenset(
    {
        "provider",
        "api_key",
        "base_url",
        "timeout",
        "request_timeout",
        "max_retries",
        "default_headers",
        "default_query",
        "http_client",
        "http_async_client",
        "stream_chunk_timeout",
        "on_truncated_tool_call",
        "include_response_headers",
        "disabled_params",
        "allow_http",
    }
)
_NEVER_SENT = frozenset({"stream", "streaming", "structured_output_format", "functions_state", "config", "callbacks"})


def to_request(
    held: Mapping[str, Any],
    provider: Provider,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    call: dict[str, Any],
) -> ChatRequest:
    """The request for one call: what the call says, else what the model holds; nothing that neither says.

    Fields of the call that the core does not know go into the body as they are; LangChain's own (`ls_...`) never do.

    Raises:
        InvalidRequestError: A setting of the model, given in a call.
    """
    for alias, name in CALL_ALIASES.items():
        if alias in call:
            call.setdefault(name, call.pop(alias))
    fields: dict[str, Any] = {}
    for name in _SETTINGS:
        value = call.pop(name, None)
        if value is None:
            value = held.get(name)
        if value is not None:
            fields[name] = value
    model = call.pop("model", None) or held["model"]
    if ":" in model:
        _, model = split_model(model, provider)
    stop = call.pop("stop", None) or stop or held["stop"]
    if stop:
        fields["stop"] = [stop] if isinstance(stop, str) else list(stop)
    extra: dict[str, Any] = dict(held["model_kwargs"] or {})
    if held["reasoning"] is not None:
        extra["reasoning"] = held["reasoning"]
    if call:
        _take_call(call, fields, extra, provider)
    if held["extra_body"]:
        extra = merged(extra, held["extra_body"])
    body = call.pop("extra_body", None)
    if body:
        extra = merged(extra, body)
    if held["disabled_params"]:
        _disable(held["disabled_params"], fields, extra)
    if extra:
        fields["extra"] = extra
    return ChatRequest(model=model, messages=to_messages(messages, provider.name), **fields)


def _take_call(call: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any], provider: Provider) -> None:
    """Tools, the wanted form of the answer, headers, and whatever else the call says."""
    tools = call.pop("tools", None)
    if tools:
        fields["tools"] = to_tools(tools)
    choice = call.pop("tool_choice", None)
    if choice is not None:
        fields["tool_choice"] = to_tool_choice(choice)
    wanted = call.pop("response_format", None)
    method, strict = call.pop("response_format_method", None), call.pop("strict", None)
    if wanted is not None:
        fields["response_format"] = to_response_format(wanted, method, strict)
    headers = call.pop("extra_headers", None)
    if headers:
        fields["headers"] = dict(headers)
    wrong = _OF_THE_MODEL & call.keys()
    if wrong:
        raise InvalidRequestError(
            f"{provider.name}: {names(wrong)} is set on the model and not in a call: ChatMultiApi(..., {min(wrong)}=...)",
            provider=provider.name,
        )
    for name in list(call):
        if name != "extra_body":
            value = call.pop(name)
            if name not in _NEVER_SENT and not name.startswith("ls_") and value is not None:
                extra[name] = value


def _disable(disabled: Mapping[str, Any], *places: dict[str, Any]) -> None:
    """Leave parameters out: always (None), or when they have one of these values."""
    for name, values in disabled.items():
        for place in places:
            if name in place and (values is None or place[name] in values):
                del place[name]


# ------------------------------------------------------------------------------------------------ answers from the core


def from_response(
    response: ChatResponse, model: str, *, include_headers: bool = False, on_truncated: OnTruncated = "invalid"
) -> ChatResult:
    """A whole answer, with one generation for each alternative."""
    generations = [
        ChatGeneration(message=_from_answer(answer, model, include_headers, on_truncated))
        for answer in (response, *response.alternatives)
    ]
    output: dict[str, Any] = {"model_name": response.model or model, "model_provider": response.provider}
    counts = token_counts(response.usage)
    if counts:
        output["token_usage"] = counts
    return ChatResult(generations=generations, llm_output=output)


def _from_answer(response: ChatResponse, model: str, include_headers: bool, on_truncated: OnTruncated) -> AIMessage:
    extras = answer_extras(response, model)
    if response.reasoning is not None and response.reasoning.text:
        extras["reasoning_content"] = response.reasoning.text
    calls = [_from_call(call.id, call.name, call.arguments) for call in response.tool_calls]
    invalid: list[dict[str, Any]] = []
    if response.invalid_tool_calls:
        _raise_if_cut(response, on_truncated)
        for call in response.invalid_tool_calls:
            kept = _kept(call.arguments) if on_truncated == "keep" and _is_cut(response) else None
            if kept is not None:
                calls.append(_from_call(call.id, call.name, to_json(kept)))
            else:
                invalid.append(
                    {
                        "id": call.id,
                        "name": call.name,
                        "args": call.arguments,
                        "error": call.error,
                        "type": "invalid_tool_call",
                    }
                )
    return AIMessage(
        content=response.text,
        additional_kwargs=extras,
        response_metadata=answer_metadata(response, model, include_headers=include_headers),
        usage_metadata=from_usage(response.usage),
        tool_calls=calls,
        invalid_tool_calls=invalid,
    )


def _from_call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "name": name, "args": parse_json(arguments.encode("utf-8", "replace")), "type": "tool_call"}


def _is_cut(response: ChatResponse) -> bool:
    return response.finish_reason in {"length", "max_tokens", "MAX_TOKENS"}


def _raise_if_cut(response: ChatResponse, on_truncated: OnTruncated) -> None:
    if on_truncated == "raise" and _is_cut(response):
        call = response.invalid_tool_calls[0]
        raise ResponseFormatError(
            f"{response.provider} cut the call of {call.name} off at max_tokens; raise max_tokens or ask for less",
            provider=response.provider,
            request_id=response.request_id,
            partial=response,
        )


def _kept(arguments: str) -> dict[str, Any] | None:
    """As much of cut arguments as can be read."""
    from langchain_core.utils.json import parse_partial_json

    try:
        value = parse_partial_json(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def answer_extras(response: ChatResponse, model: str) -> dict[str, Any]:
    """What an answer holds beyond text and calls, in the form in which messages keep it (reasoning text apart)."""
    extras: dict[str, Any] = {}
    reasoning = response.reasoning
    if reasoning is not None:
        if reasoning.details:
            extras["reasoning_details"] = [dict(detail) for detail in reasoning.details]
        extras["reasoning_origin"] = {"provider": response.provider, "model": model}
    if response.refusal:
        extras["refusal"] = response.refusal
    if response.citations:
        extras["citations"] = [from_citation(citation) for citation in response.citations]
    if response.media:
        extras["media"] = [from_media(media) for media in response.media]
    kept = {call.id: dict(call.extra) for call in response.tool_calls if call.extra}
    if kept:
        extras["tool_call_extras"] = kept
    return extras


def answer_metadata(response: ChatResponse, model: str, *, include_headers: bool = False) -> dict[str, Any]:
    """What is said about an answer; the same keys whether it was streamed or not."""
    metadata: dict[str, Any] = {
        "model_provider": response.provider,
        "model_name": response.model or model,
        "finish_reason": response.finish_reason,
    }
    if response.id is not None:
        metadata["id"] = response.id
    if response.request_id is not None:
        metadata["request_id"] = response.request_id
    for name, value in response.metadata.items():
        if name != "object":
            metadata["upstream_provider" if name == "provider" else name] = value
    if response.logprobs is not None:
        metadata["logprobs"] = response.logprobs
    counts = token_counts(response.usage)
    if counts:
        metadata["token_usage"] = counts
    if response.cost is not None:
        metadata["cost"] = from_cost(response.cost)
    if include_headers:
        metadata["headers"] = {name: value for name, value in response.headers.items() if name not in _PRIVATE_HEADERS}
    return metadata


_PRIVATE_HEADERS = frozenset({"set-cookie", "authorization", "api-key", "x-api-key"})


def from_cost(cost: Cost) -> dict[str, str | None]:
    """Amounts as decimal text: nothing is rounded, and it can be written as JSON."""
    told: dict[str, str | None] = {"amount": str(cost.amount), "unit": cost.unit}
    if cost.balance is not None:
        told["balance"] = str(cost.balance)
    return told


def from_usage(usage: Usage | None) -> UsageMetadata | None:
    """Token counts as whole numbers; None if the vendor gave none."""
    if usage is None:
        return None
    inputs, outputs = usage.input_tokens or 0, usage.output_tokens or 0
    counts = UsageMetadata(
        input_tokens=inputs,
        output_tokens=outputs,
        total_tokens=inputs + outputs if usage.total_tokens is None else usage.total_tokens,
    )
    of_input = {
        name: count
        for name, count in (
            ("cache_read", usage.cached_input_tokens),
            ("cache_creation", usage.cache_write_tokens),
            ("audio", usage.audio_input_tokens),
        )
        if count is not None
    }
    of_output = {
        name: count
        for name, count in (("reasoning", usage.reasoning_tokens), ("audio", usage.audio_output_tokens))
        if count is not None
    }
    if of_input:
        counts["input_token_details"] = of_input  # type: ignore[typeddict-item]
    if of_output:
        counts["output_token_details"] = of_output  # type: ignore[typeddict-item]
    return counts


def token_counts(usage: Usage | None) -> dict[str, Any]:
    """The vendor's own counts of tokens, without what else it says there of money and account."""
    details = usage.details if usage is not None and usage.details else {}
    return {name: value for name, value in details.items() if "token" in name and value is not None}


def from_citation(citation: Citation) -> dict[str, Any]:
    """A source as LangChain's citation annotation."""
    found = {
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.text,
        "start_index": citation.start,
        "end_index": citation.end,
    }
    return {"type": "citation", **{name: value for name, value in found.items() if value is not None}}


def from_media(media: Media) -> dict[str, Any]:
    """A picture or sound of an answer as LangChain's content block."""
    word = (media.mime_type or "").partition("/")[0]
    kind = word if word in {"image", "audio", "video"} else "audio" if "transcript" in media.metadata else "image"
    block: dict[str, Any] = {"type": kind}
    if media.data is not None:
        block["base64"] = base64.b64encode(media.data).decode()
        block["mime_type"] = media.mime_type or f"{kind}/{'wav' if kind == 'audio' else 'png'}"
    else:
        block["url"] = media.url
        if media.mime_type:
            block["mime_type"] = media.mime_type
    return block


# ------------------------------------------------------------------------------------------------ streams from the core


class ChunkWriter:
    """Makes LangChain's chunks out of the core's deltas, for `_stream` and `_astream` alike.

    What is said once is in the last chunk, because LangChain joins texts and adds numbers of all chunks. `as_blocks` writes the
    content as standard blocks, for `output_version="v1"` and v3 events.
    """

    __slots__ = ("_as_blocks", "_first", "_headers", "_model", "_numbers", "_on_truncated", "_origin")

    def __init__(
        self,
        provider: str,
        model: str,
        *,
        as_blocks: bool = False,
        include_headers: bool = False,
        on_truncated: OnTruncated = "invalid",
    ) -> None:
        self._model = model
        self._origin = {"model_provider": provider}
        self._first = True
        self._as_blocks = as_blocks
        if as_blocks:
            self._origin["output_version"] = "v1"
        self._headers = include_headers
        self._on_truncated: OnTruncated = on_truncated
        self._numbers: dict[str, int] = {}

    def chunk(self, delta: ChatDelta) -> ChatGenerationChunk:
        """The chunk for one delta."""
        if delta.response is not None:
            return self._last(delta, delta.response)
        if self._as_blocks:
            return self._blocks(delta)
        fields: dict[str, Any] = {"content": delta.text}
        if self._first:
            self._first = False
            fields["response_metadata"] = self._origin
        if delta.tool_calls:
            fields["tool_call_chunks"] = [self._fragment(call) for call in delta.tool_calls]
        if delta.reasoning:
            fields["additional_kwargs"] = {"reasoning_content": delta.reasoning}
        return ChatGenerationChunk(message=AIMessageChunk(**fields))

    def _blocks(self, delta: ChatDelta) -> ChatGenerationChunk:
        fragments = [self._fragment(call) for call in delta.tool_calls]
        extras = {"reasoning_content": delta.reasoning} if delta.reasoning else {}
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=indexed_blocks(delta.text, extras, fragments),
                additional_kwargs=extras,
                response_metadata=self._origin,
                tool_call_chunks=fragments,
            )
        )

    def _fragment(self, call: ToolCallDelta) -> Any:
        if call.id is not None:
            self._numbers[call.id] = call.number
        return {
            "name": call.name,
            "args": call.arguments,
            "id": call.id,
            "index": call.number,
            "type": "tool_call_chunk",
        }

    def _last(self, delta: ChatDelta, response: ChatResponse) -> ChatGenerationChunk:
        fragments = [self._fragment(call) for call in delta.tool_calls]
        if response.invalid_tool_calls:
            _raise_if_cut(response, self._on_truncated)
            if not (self._on_truncated == "keep" and _is_cut(response)):
                fragments += [
                    {
                        "name": None,
                        "args": spoiler(call.arguments),
                        "id": None,
                        "index": self._numbers.get(call.id, 0),
                        "type": "tool_call_chunk",
                    }
                    for call in response.invalid_tool_calls
                ]
        extras = answer_extras(response, self._model)
        if delta.reasoning:
            extras["reasoning_content"] = delta.reasoning
        metadata = answer_metadata(response, self._model, include_headers=self._headers)
        return ChatGenerationChunk(
            message=AIMessageChunk(
                content=indexed_blocks(delta.text, extras, fragments) if self._as_blocks else delta.text,
                additional_kwargs=extras,
                response_metadata={**metadata, **self._origin},
                usage_metadata=from_usage(response.usage),
                tool_call_chunks=fragments,
                chunk_position="last",
            )
        )


def spoiler(arguments: str) -> str:
    """What to append to arguments that must not be carried out, so that LangChain's lenient reading does not complete them.

    LangChain closes whatever is open in the arguments of a stream, and would hand out `{"target": "all"}` for
    `{"target": "all but`. A closing bracket that matches nothing makes it file the call under `invalid_tool_calls`.
    """
    inside = escaped = False
    stack: list[str] = []
    for character in arguments:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "{[":
            stack.append(character)
        elif character in "}]" and stack:
            stack.pop()
    closer = "}" if stack and stack[-1] == "[" else "]"
    if inside:
        return ('\\"' if escaped else '"') + closer
    return closer


# ------------------------------------------------------------------------------------------------ traces and totals

_SECRET_NAMES = frozenset({"api_key", "extra_headers", "default_headers", "headers", "authorization", "server_url"})
_MASK = "**********"


def without_secrets(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a call as they may stand in a trace: headers and keys masked, also those inside of tools."""
    return {name: _masked(name, value) for name, value in params.items()}


def _masked(name: str, value: Any) -> Any:
    if name in _SECRET_NAMES and value is not None:
        return dict.fromkeys(value, _MASK) if isinstance(value, Mapping) else _MASK
    if name in {"tools", "extra_body"}:
        return _masked_inside(value)
    return value


def _masked_inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(key, _masked_inside(inner)) for key, inner in value.items()}
    return [_masked_inside(inner) for inner in value] if isinstance(value, list) else value


def combined_outputs(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """What several answers said of themselves: numbers added up, words as they came first."""
    total: dict[str, Any] = {}
    for output in outputs:
        for name, value in (output or {}).items():
            total[name] = _added(total.get(name), value)
    return total


def _added(held: Any, value: Any) -> Any:
    if value is None or held is None:
        return held if value is None else value
    if isinstance(held, Mapping) and isinstance(value, Mapping):
        return {**held, **{name: _added(held.get(name), inner) for name, inner in value.items()}}
    if isinstance(held, (int, float)) and isinstance(value, (int, float)) and not isinstance(held, bool):
        return held + value
    return held
