"""The core's answers as LlamaIndex's responses."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
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

from multiapi.errors import MultiApiError
from multiapi.formats.answer_facts import token_details, untranslated
from multiapi.formats.stream import all_calls
from multiapi.http.json import parse_text
from multiapi.types.chat import ChatResponse as Answer
from multiapi.types.chat import Citation, InvalidToolCall, Reasoning, ToolCall
from multiapi.types.usage import Usage

if TYPE_CHECKING:
    from llamaindex_multiapi._requests import Call
    from multiapi.negotiation.wanted import Said


def from_answer(answer: Answer, call: Call) -> ChatResponse:
    """A whole response: the message, what agents and counters look for beside it, and the body in OpenAI's shape.

    Raises:
        ContentFilterError: A filter stopped it, and that was to be an error.
        ResponseFormatError: LlamaIndex' classes do not hold it; `partial` is the response.
    """
    try:
        return _from_answer(answer, call)
    except MultiApiError:
        raise
    except Exception as error:
        raise untranslated(answer, error) from None


def _from_answer(answer: Answer, call: Call) -> ChatResponse:
    calls = all_calls(answer)[: 1 if call.single else None]
    text = answer.text
    blocks: list[Any] = []
    if answer.reasoning is not None:
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
        logprobs=logprobs_of(answer.logprobs),
        additional_kwargs=facts_of(answer),
    )


def said_in(response: ChatResponse) -> Said:
    """What is looked for in a response."""
    from multiapi.negotiation.wanted import Said

    facts = response.additional_kwargs
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    invalid = facts.get("invalid_tool_calls")
    return Said(
        response.message.content or "",
        [(block.tool_name, block.tool_kwargs) for block in blocks if isinstance(block.tool_kwargs, dict)],
        invalid[0]["error"] if invalid else None,
        facts.get("refusal"),
        facts.get("finish_reason"),
    )


def facts_of(answer: Answer) -> dict[str, Any]:
    """What a caller may want to know of a response beside its message; plain values that can be stored as JSON."""
    usage = answer.usage or Usage()
    of_input, of_output = token_details(usage)
    facts: dict[str, Any] = {
        "provider": answer.provider,
        "finish_reason": answer.finish_reason,
        "native_finish_reason": answer.metadata.get("native_finish_reason"),
        "refusal": answer.refusal,
        "request_id": answer.request_id,
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "input_token_details": of_input or None,
        "output_token_details": of_output or None,
        "answered_by": answer.answered_by,
        "served_by": answer.served_by,
        "cache": answer.metadata.get("cache"),
        "latency_ms": answer.metadata.get("latency_ms"),
    }
    if answer.cost is not None:
        facts["cost"] = answer.cost.to_dict()
    if answer.citations:
        facts["citations"] = [
            {name: value for name, value in citation._asdict().items() if name != "raw" and value is not None}
            for citation in answer.citations
        ]
    if answer.invalid_tool_calls:
        facts["invalid_tool_calls"] = [call._asdict() for call in answer.invalid_tool_calls]
    return {name: value for name, value in facts.items() if value is not None}


def raw_body(answer: Answer) -> dict[str, Any]:
    """The provider's body; counts that it has under other names are in its `usage` under those of the framework's token counter too."""
    body = dict(answer.raw)
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
    kwargs = parse_text(arguments) if isinstance(call, ToolCall) else arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=kwargs)


def _call_dict(call: ToolCall | InvalidToolCall) -> dict[str, Any]:
    extra = call.extra if isinstance(call, ToolCall) else None
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, **(extra or {})}


def logprobs_of(found: Any) -> list[list[LogProb]] | None:
    """Per token of the response the likeliest candidates, or the token alone where no others are given."""
    tokens = found.get("content") if isinstance(found, Mapping) else None
    if not isinstance(tokens, list):
        return None
    return [[_logprob(candidate) for candidate in _candidates(token)] for token in tokens if isinstance(token, Mapping)]


def _candidates(token: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What might have stood there; the token itself where that cannot be read."""
    given = token.get("top_logprobs")
    found = [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
    return found or [token]


def _logprob(token: Mapping[str, Any]) -> LogProb:
    text, logprob, given = token.get("token"), token.get("logprob"), token.get("bytes")
    number = 0.0
    if isinstance(logprob, (int, float)) and abs(logprob) <= sys.float_info.max:
        number = float(logprob)
    codes: list[int] = []
    if isinstance(given, list) and all(type(each) is int and 0 <= each < 256 for each in given):
        codes = given
    return LogProb(token=text if isinstance(text, str) else "", logprob=number, bytes=codes)


def to_completion(response: ChatResponse) -> CompletionResponse:
    """A chat answer as the response to a bare prompt."""
    return CompletionResponse(
        text=response.message.content or "",
        raw=response.raw,
        delta=response.delta,
        logprobs=response.logprobs,
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
    )
