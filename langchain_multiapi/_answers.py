"""The core's answers as LangChain's messages, whole and in chunks, and what they say of themselves: pure functions."""

from __future__ import annotations

import base64
from json import loads
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, BaseMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_multiapi._blocks import indexed_blocks
from multiapi.errors import MultiApiError
from multiapi.formats.answer_facts import token_details, untranslated
from multiapi.formats.tool_arguments import text_to_keep
from multiapi.http.json import parse_text
from multiapi.types.chat import ChatDelta, ChatResponse, Citation, InvalidToolCall, ToolCallDelta
from multiapi.types.media import Media
from multiapi.types.usage import Usage

# ------------------------------------------------------------------------------------------------ whole answers


def from_response(response: ChatResponse, model: str, *, include_headers: bool = False) -> ChatResult:
    """A whole response, with one generation for each alternative.

    Raises:
        ResponseFormatError: LangChain's classes do not hold it; `partial` is the response.
    """
    try:
        generations = [ChatGeneration(message=_from_answer(response, model, include_headers))]
        for answer in response.alternatives:
            generations.append(ChatGeneration(message=_from_answer(answer, model, include_headers)))  # noqa: PERF401
    except MultiApiError:
        raise
    except Exception as error:
        raise untranslated(response, error) from None
    output: dict[str, Any] = {"model_name": response.model or model, "model_provider": response.provider}
    counts = generations[0].message.response_metadata.get("token_usage")
    if counts:
        output["token_usage"] = dict(counts)
    return ChatResult(generations=generations, llm_output=output)


def _from_answer(response: ChatResponse, model: str, include_headers: bool) -> AIMessage:
    extras = answer_extras(response, model)
    if response.reasoning is not None and response.reasoning.text:
        extras["reasoning_content"] = response.reasoning.text
    calls, invalid = response.tool_calls, response.invalid_tool_calls
    return AIMessage(
        content=response.text,
        additional_kwargs=extras,
        response_metadata=answer_metadata(response, model, include_headers=include_headers),
        usage_metadata=from_usage(response.usage),
        tool_calls=[_from_call(call.id, call.name, call.arguments) for call in calls] if calls else [],
        invalid_tool_calls=[_from_invalid(call) for call in invalid] if invalid else [],
    )


def _from_call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "name": name, "args": parse_text(arguments), "type": "tool_call"}


def _from_invalid(call: InvalidToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "name": call.name,
        "args": call.arguments,
        "error": call.error,
        "type": "invalid_tool_call",
    }


def answer_extras(response: ChatResponse, model: str) -> dict[str, Any]:
    """What a response holds beyond text and calls, in the form in which messages keep it (reasoning text apart)."""
    extras: dict[str, Any] = {}
    if response.extra:
        extras = {name: value for name, value in response.extra.items() if name not in _OWN_EXTRAS}
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
    if response.tool_calls:
        kept = {call.id: dict(call.extra) for call in response.tool_calls if call.extra}
        if kept:
            extras["tool_call_extras"] = kept
        texts = {call.id: text for call in response.tool_calls if (text := text_to_keep(call.arguments)) is not None}
        if texts:
            extras["tool_call_arguments"] = texts
    return extras


def answer_metadata(response: ChatResponse, model: str, *, include_headers: bool = False) -> dict[str, Any]:
    """What is said about a response; the same keys whether it was streamed or not."""
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
        if name not in _NOT_TOLD:
            metadata.setdefault("upstream_provider" if name == "provider" else name, value)
    if response.answered_by is not None:
        metadata["answered_by"] = response.answered_by
    if response.served_by is not None:
        metadata["served_by"] = response.served_by
    if response.logprobs is not None:
        metadata["logprobs"] = response.logprobs
    counts = token_counts(response.usage)
    if counts:
        metadata["token_usage"] = counts
    if response.cost is not None:
        metadata["cost"] = response.cost.to_dict()
    if include_headers:
        metadata["headers"] = {name: value for name, value in response.headers.items() if name not in _PRIVATE_HEADERS}
    return metadata


_OWN_EXTRAS = frozenset(
    {
        "reasoning_content", "reasoning_origin", "media", "tool_call_extras", "tool_call_arguments", "tool_calls", "function_call",
        "audio",
    }
)  # fmt: skip
_NOT_TOLD = frozenset({"object", "output_version"})  # the second is LangChain's word for the form of its own content
_PRIVATE_HEADERS = frozenset({"set-cookie", "authorization", "api-key", "x-api-key"})


def from_usage(usage: Usage | None) -> UsageMetadata | None:
    """Token counts as whole numbers; None where one of the two is unknown, because LangChain's type has no place for that."""
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    inputs, outputs = usage.input_tokens, usage.output_tokens
    counts = UsageMetadata(
        input_tokens=inputs,
        output_tokens=outputs,
        total_tokens=inputs + outputs if usage.total_tokens is None else usage.total_tokens,
    )
    of_input, of_output = token_details(usage)
    if of_input:
        counts["input_token_details"] = of_input  # type: ignore[typeddict-item]
    if of_output:
        counts["output_token_details"] = of_output  # type: ignore[typeddict-item]
    return counts


def token_counts(usage: Usage | None) -> dict[str, Any]:
    """The provider's own counts, in its own words."""
    details = usage.details if usage is not None and usage.details else {}
    return {name: value for name, value in details.items() if value is not None}


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
    """An image or sound of a response as LangChain's content block."""
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


# ------------------------------------------------------------------------------------------------ streams


class ChunkWriter:
    """Makes LangChain's chunks out of the core's deltas, for `_stream` and `_astream` alike.

    What is said once is in the last chunk, because LangChain joins texts and adds numbers of all chunks. `as_blocks` writes the
    content as standard blocks, for `output_version="v1"` and v3 events. `for_events` are the latter: LangChain then reads arguments
    strictly itself.
    """

    __slots__ = (
        "_as_blocks",
        "_begun",
        "_escapers",
        "_first",
        "_for_events",
        "_headers",
        "_model",
        "_names",
        "_numbers",
        "_origin",
    )

    def __init__(
        self,
        provider: str,
        model: str,
        *,
        as_blocks: bool = False,
        for_events: bool = False,
        include_headers: bool = False,
    ) -> None:
        self._model = model
        self._origin = {"model_provider": provider}
        self._first = True
        self._as_blocks = as_blocks
        if as_blocks:
            self._origin["output_version"] = "v1"
        self._headers = include_headers
        self._for_events = for_events
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._begun: set[int] = set()
        self._escapers: dict[int, Escaper] = {}

    def chunk(self, delta: ChatDelta) -> ChatGenerationChunk:
        """The chunk for one delta.

        Raises:
            ResponseFormatError: LangChain's classes do not hold it; `partial` is the response, if it is the last one.
        """
        try:
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
        except MultiApiError:
            raise
        except Exception as error:
            raise untranslated(delta.response, error, self._origin["model_provider"]) from None

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
        name, arguments = call.name, call.arguments
        if name and self._for_events:  # LangChain takes the latest name of a call there, and does not add to it
            name = self._names[call.number] = self._names.get(call.number, "") + name
        if arguments:
            self._begun.add(call.number)
            if self._for_events:
                arguments = self._escapers.setdefault(call.number, Escaper()).escape(arguments)
        return {
            "name": name,
            "args": arguments,
            "id": call.id,
            "index": call.number,
            "type": "tool_call_chunk",
        }

    def _last(self, delta: ChatDelta, response: ChatResponse) -> ChatGenerationChunk:
        fragments = [self._fragment(call) for call in delta.tool_calls]
        extras = answer_extras(response, self._model)
        if delta.reasoning:
            extras["reasoning_content"] = delta.reasoning
        kind = AIMessageChunk
        if response.invalid_tool_calls:
            fragments += [self._spoiling_fragment(call) for call in response.invalid_tool_calls]
            if not self._for_events:
                kind = LastChunk
                extras[_INVALID] = [_from_invalid(call) for call in response.invalid_tool_calls]
        metadata = answer_metadata(response, self._model, include_headers=self._headers)
        message = kind(
            content=indexed_blocks(delta.text, extras, fragments) if self._as_blocks else delta.text,
            additional_kwargs=extras,
            response_metadata={**metadata, **self._origin},
            usage_metadata=from_usage(response.usage),
            tool_call_chunks=fragments,
            chunk_position="last",
        )
        if kind is LastChunk:
            message.tool_calls, message.invalid_tool_calls = [], extras[_INVALID]
        return ChatGenerationChunk(message=message)

    def _spoiling_fragment(self, call: InvalidToolCall) -> Any:
        """What keeps LangChain from carrying out a call, behind the arguments if they were held back."""
        number = self._numbers.get(call.id, 0)
        held = "" if number in self._begun else call.arguments
        added = spoiler(call.arguments) if not self._for_events or _reads_strictly(call.arguments) else ""
        return {"name": None, "args": held + added, "id": None, "index": number, "type": "tool_call_chunk"}


_INVALID = "invalid_tool_calls"


class LastChunk(AIMessageChunk):
    """The last chunk of a response with calls that must not be carried out.

    Whenever LangChain adds chunks it reads the arguments anew, leniently and without saying what is wrong. What this chunk is added to
    has for those calls the provider's own text and the reason, as a response has that came whole.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        return AIMessageChunk.lc_id()

    def __radd__(self, other: AIMessageChunk) -> BaseMessageChunk:  # type: ignore[misc]
        whole = other.__add__(self)
        restore_invalid_calls(whole)
        return whole


def restore_invalid_calls(message: BaseMessage) -> None:
    """Put calls that must not be carried out, as `LastChunk` brings them, in the place of what LangChain made of them."""
    invalid = message.additional_kwargs.pop(_INVALID, None)
    if not invalid or not isinstance(message, AIMessage):
        return
    message.invalid_tool_calls = invalid
    if isinstance(message.content, list):
        calls = {call["id"]: call for call in invalid}
        message.content = [
            calls.get(block.get("id"), block)
            if isinstance(block, dict) and block.get("type") == "tool_call_chunk"
            else block
            for block in message.content
        ]


def _reads_strictly(arguments: str) -> bool:
    """Whether LangChain makes something of arguments in v3 events: of none it makes an empty object."""
    try:
        loads(arguments or "{}")
    except ValueError:
        return False
    return True


class Escaper:
    """Writes raw control characters inside of JSON's texts as JSON wants them, in chunks as they come.

    Models leave line ends in long texts as they are. All our readers take that, but what LangChain makes of v3 events does not.
    """

    __slots__ = ("_after_backslash", "_inside")

    def __init__(self) -> None:
        self._inside = self._after_backslash = False

    def escape(self, piece: str) -> str:
        """The next chunk."""
        written: list[str] = []
        for character in piece:
            if not self._inside:
                self._inside = character == '"'
            elif self._after_backslash:
                self._after_backslash = False
            elif character == "\\":
                self._after_backslash = True
            elif character == '"':
                self._inside = False
            elif character < " ":
                written.append(f"\\u{ord(character):04x}")
                continue
            written.append(character)
        return "".join(written)


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
