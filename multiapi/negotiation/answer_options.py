"""What a caller may decide about odd responses and misplaced media, for the core and both frameworks alike.

The options are fields of `ChatRequest`: `misplaced_media`, `on_truncated_tool_call`, `promote_reasoning_to_content`, `raise_on_content_filter`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from multiapi.errors import ContentFilterError, ResponseFormatError, UnsupportedError
from multiapi.http.json import dump_json, parse_partial
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, MediaPart, Message, Part, TextPart, ToolCall

_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS"})


def placed(request: ChatRequest, provider: str) -> ChatRequest:
    """The request with media of messages that are not the user's said in words, where the caller wants that.

    Raises:
        UnsupportedError: There are such media, and the caller wants them refused.
    """
    if request.misplaced_media == "hoist":
        return request
    messages = [_in_words(message, request, provider) for message in request.messages]
    return replace(request, messages=messages)


def _in_words(message: Message, request: ChatRequest, provider: str) -> Message:
    media = [part for part in message.content if isinstance(part, MediaPart)]
    if message.role == "user" or not media:
        return message
    if request.misplaced_media == "error":
        raise UnsupportedError(
            f"{provider}: a medium of the kind {media[0].kind} stands in a message of the role {message.role}; providers take media from the "
            "user alone",
            provider=provider,
        )
    parts: list[Part] = [
        TextPart(part.url or f"(a medium of the kind {part.kind}, which has no address)")
        if isinstance(part, MediaPart)
        else part
        for part in message.content
        if not isinstance(part, str)
    ]
    texts = [part.text for part in parts if isinstance(part, TextPart) and part.cache_control is None]
    if len(texts) == len(parts):
        return message._replace(content=("\n" if message.role == "tool" else "").join(texts))
    return message._replace(content=parts)


def has_options(request: ChatRequest) -> bool:
    """Whether something is decided about odd responses."""
    return (
        request.on_truncated_tool_call != "invalid"
        or request.promote_reasoning_to_content
        or request.raise_on_content_filter
    )


def decided(response: ChatResponse, request: ChatRequest) -> ChatResponse:
    """The response with what the caller decided about it.

    Raises:
        ContentFilterError: A filter stopped the response, and that is an error here.
        ResponseFormatError: A tool call was cut off, and that is an error here.
    """
    made = _decided(response, request)
    if not response.alternatives:
        return made
    return replace(made, alternatives=tuple(_decided(each, request) for each in response.alternatives))


def _decided(response: ChatResponse, request: ChatRequest) -> ChatResponse:
    if request.raise_on_content_filter and response.finish_reason == "content_filter":
        raise ContentFilterError(
            f"{response.provider} stopped the response by its content filter",
            provider=response.provider,
            request_id=response.request_id,
            partial=response,
            cost=response.cost,
        )
    if response.invalid_tool_calls and response.finish_reason in _CUT:
        response = _cut(response, request)
    reasoning = response.reasoning
    if (
        request.promote_reasoning_to_content
        and not (response.text or response.tool_calls or response.invalid_tool_calls)
        and reasoning is not None
        and reasoning.text
    ):
        return replace(response, text=reasoning.text, reasoning=None)
    return response


def _cut(response: ChatResponse, request: ChatRequest) -> ChatResponse:
    if request.on_truncated_tool_call == "raise":
        name = response.invalid_tool_calls[0].name
        raise ResponseFormatError(
            f"{response.provider} cut the call of {name} off at max_tokens; raise max_tokens or ask for less",
            provider=response.provider,
            request_id=response.request_id,
            partial=response,
            cost=response.cost,
        )
    if request.on_truncated_tool_call != "keep":
        return response
    read = [(call, parse_partial(call.arguments)) for call in response.invalid_tool_calls]
    kept = [
        ToolCall(call.id, call.name, dump_json(value, str).decode()) for call, value in read if isinstance(value, dict)
    ]
    return replace(
        response,
        tool_calls=(*response.tool_calls, *kept),
        invalid_tool_calls=tuple(call for call, value in read if not isinstance(value, dict)),
    )


class OptionsFilter:
    """The same for a stream: its last delta carries the whole response."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas, the last one decided about."""
        return [delta if delta.response is None else self._last(delta, delta.response) for delta in deltas]

    def _last(self, delta: ChatDelta, response: ChatResponse) -> ChatDelta:
        made = decided(response, self._request)
        promoted = "" if response.text or not made.text else made.text
        return delta._replace(response=made, text=delta.text + promoted)
