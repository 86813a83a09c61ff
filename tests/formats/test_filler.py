"""Zero values at every field that a schema names change no answer: not its content, and whether there is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multiapi import PROVIDERS
from multiapi.errors import MultiApiError, ServerError
from multiapi.formats.answer_facts import is_filler
from multiapi.formats.openai.vendor import parse_object
from multiapi.http.exchange import HttpResponse
from multiapi.types.chat import ChatDelta, ChatResponse
from multiapi.types.limits import Limits

Pick = Callable[[str], str | None]
"""Whether a field is added, "before" or "behind" the others."""

NO_ERROR = {"code": "", "message": "", "type": "", "param": "", "status": 0}
NO_CALL = {"id": "", "type": "", "function": {"name": "", "arguments": ""}, "custom": {"name": "", "input": ""}}
NO_USAGE = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "total_tokens": 0,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": None,
}
TOP = {
    "error": NO_ERROR,
    "usage": NO_USAGE,
    "id": "",
    "model": "",
    "created": 0,
    "citations": [],
    "search_results": [{"url": "", "title": ""}],
    "system_fingerprint": "",
    "service_tier": None,
    "x_groq": {"id": "", "usage": NO_USAGE},
}
MESSAGE = {
    "content": "",
    "refusal": "",
    "tool_calls": [NO_CALL],
    "function_call": {"name": "", "arguments": "{}"},
    "annotations": [{"type": "", "url_citation": {"url": "", "title": "", "start_index": 0, "end_index": 0}}],
    "citations": [{"url": "", "title": ""}],
    "audio": {"id": "", "data": "", "transcript": "", "expires_at": 0},
    "images": [{"type": "", "image_url": {"url": ""}}],
    "reasoning": {"content": "", "summary": ""},
    "reasoning_content": "",
    "thinking": {"text": ""},
    "reasoning_details": [{"type": "", "text": "", "signature": "", "index": 0}],
    "thinking_blocks": [{"type": "", "thinking": "", "signature": ""}],
    "usage": NO_USAGE,
}
CHOICE = {
    "error": NO_ERROR,
    "logprobs": {"content": None, "refusal": []},
    "text": "",
    "usage": NO_USAGE,
    "finish_reason": "",
    "delta": {"role": "", **MESSAGE},
    "message": {"role": "", **MESSAGE},
}
CALL = {"custom": {"name": "", "input": ""}, "extra_content": {"google": {"thought_signature": ""}}, "id": ""}
DETAIL = {"signature": "", "data": "", "id": None}
PART = {"text": "", "image_url": {"url": ""}, "refusal": "", "annotations": []}


def zeroed(place: dict[str, Any], zeros: dict[str, Any], pick: Pick) -> dict[str, Any]:
    """An object with some of the fields that it lacks as zero values, before and behind its own."""
    where = {name: pick(name) for name in zeros if name not in place}
    before, behind = ({n: deepcopy(zeros[n]) for n, at in where.items() if at == w} for w in ("before", "behind"))
    return {**before, **place, **behind}


def shared(body: dict[str, Any], pick: Pick) -> dict[str, Any]:
    """A body or event of the shared format."""
    found = zeroed(body, TOP, pick)
    if "choices" in found:
        found["choices"] = [_choice(choice, pick) for choice in found["choices"]]
    return found


def _choice(choice: dict[str, Any], pick: Pick) -> dict[str, Any]:
    found = zeroed(choice, CHOICE, pick)
    for name in ("message", "delta"):
        if name in choice:
            found[name] = _message(choice[name], pick)
    return found


def _message(message: dict[str, Any], pick: Pick) -> dict[str, Any]:
    found = zeroed(message, MESSAGE, pick)
    if message.get("tool_calls"):
        calls = [zeroed(call, CALL, pick) for call in message["tool_calls"]]
        at = pick("an empty call")
        found["tool_calls"] = [*[NO_CALL] * (at == "before"), *calls, *[NO_CALL] * (at == "behind")]
    if message.get("reasoning_details"):
        found["reasoning_details"] = [zeroed(detail, DETAIL, pick) for detail in message["reasoning_details"]]
    if isinstance(message.get("content"), list):
        found["content"] = [zeroed(part, PART, pick) for part in message["content"]]
    return found


def responses(body: dict[str, Any], pick: Pick) -> dict[str, Any]:
    """A body of the Responses API."""
    top = {"error": NO_ERROR, "incomplete_details": {"reason": ""}, "choices": [], "output_text": "", "metadata": {}}
    found = zeroed(body, top, pick)
    items = [zeroed(item, {"status": "", "name": "", "arguments": "", "summary": []}, pick) for item in body["output"]]
    at = pick("an empty item")
    found["output"] = [*[{}] * (at == "before"), *items, *[{"type": "", "content": []}] * (at == "behind")]
    return found


def messages(body: dict[str, Any], pick: Pick) -> dict[str, Any]:
    """A body of Anthropic's protocol."""
    found = zeroed(body, {"error": NO_ERROR, "stop_sequence": "", "container": {"id": ""}}, pick)
    blocks = [zeroed(block, {"citations": [], "signature": "", "text": ""}, pick) for block in body["content"]]
    at = pick("an empty block")
    found["content"] = [*[{"type": "", "text": ""}] * (at == "before"), *blocks, *[{}] * (at == "behind")]
    return found


def bineric(body: dict[str, Any], pick: Pick) -> dict[str, Any]:
    """A body or event of Bineric's own form."""
    zeros = {"error": NO_ERROR, "response": "", "text": "", "choices": [], "model": "", "success": None}
    return zeroed(body, zeros, pick)


def facts(answer: ChatResponse) -> dict[str, Any]:
    """An answer without the zero values that are kept unread."""
    names = ("text", "tool_calls", "invalid_tool_calls", "reasoning", "refusal", "citations", "media", "finish_reason")
    found = {name: getattr(answer, name) for name in (*names, "cost", "logprobs", "model", "id")}
    found["usage"] = answer.usage and answer.usage[:-1]
    if answer.reasoning is not None:
        details = [
            {n: v for n, v in each.items() if n == "index" or not is_zero(v)} for each in answer.reasoning.details
        ]
        found["reasoning"] = answer.reasoning._replace(details=details)
    found["metadata"] = {name: value for name, value in answer.metadata.items() if not is_zero(value)}
    found["extra"] = {name: value for name, value in answer.extra.items() if not is_zero(value)}
    return found


def is_zero(value: Any) -> bool:
    return not value or is_filler(value)


OSLO, PNG = '{"city":"Oslo"}', {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.01}


def body(message: dict[str, Any], finish: str = "stop", **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", **message}
    return {
        "id": "a1",
        "model": "m",
        "created": 1,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}],
        "usage": USAGE,
    }


def call(id: str, arguments: str = OSLO, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}, **more}


LOGPROBS = {"content": [{"token": "Hello", "logprob": 0, "bytes": None, "top_logprobs": []}]}
THOUGHT = {"type": "reasoning.text", "text": "because", "signature": "s", "index": 0}
BODIES = {
    "text": body({"content": "Hello"}, logprobs=LOGPROBS),
    "calls": body({"content": None, "tool_calls": [call("c1"), call("c2", "{}")]}, "tool_calls"),
    "indexed": body({"tool_calls": [call("c1", index=0, extra_content={"google": {"thought_signature": "s"}})]}),
    "old call": body({"content": None, "function_call": {"name": "look", "arguments": OSLO}}, "function_call"),
    "custom": body({"tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "look", "input": OSLO}}]}),
    "thoughts": body({"content": "Hello", "reasoning": "because", "reasoning_details": [THOUGHT]}),
    "details": body({"content": "Hello", "reasoning_details": [THOUGHT]}),
    "parts": body({"content": [{"type": "text", "text": "Hello"}, PNG]}),
    "refusal": body({"content": None, "refusal": "no"}),
    "sound": body({"content": None, "audio": {"id": "x", "data": "AAAA", "transcript": "Hello"}}),
    "sources": body({"content": "Hello", "annotations": [{"type": "url_citation", "url": "https://a.example"}]}),
    "a word": {"id": "a1", "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}], "usage": USAGE},
    "a delta": {"id": "a1", "choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}], "usage": USAGE},
}
RESPONSE = {
    "id": "r1",
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs1", "summary": [{"type": "summary_text", "text": "because"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": OSLO},
    ],
    "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8},
}
CLAUDE = {
    "id": "m1",
    "type": "message",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "because", "signature": "s"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 5, "output_tokens": 3},
}
FORMS: list[tuple[str, str, dict[str, Any], Callable[..., dict[str, Any]]]] = [
    *((vendor, "chat", each, shared) for each in BODIES.values() for vendor in ("aimlapi", "bineric", "binobox")),
    ("aimlapi", "chat", RESPONSE, responses),
    ("aimlapi", "responses", RESPONSE, responses),
    ("aimlapi", "messages", CLAUDE, messages),
    ("bineric", "chat", {"response": "Hello", "usage": {**USAGE, "total_cost": 0.1}}, bineric),
]
PICKS = st.functions(
    like=lambda name: None,
    returns=st.sampled_from([None, "before", "behind"]),
    pure=True,
)


def read(vendor: str, operation: str, whole: dict[str, Any]) -> ChatResponse:
    provider = PROVIDERS[vendor]
    parse = provider.chat.parse if operation == "chat" else provider.operations[operation].parse
    answer = parse(HttpResponse(200, {}, json.dumps(whole).encode()))
    assert isinstance(answer, ChatResponse)
    return answer


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize(("vendor", "operation", "whole", "add"), FORMS)
def test_all_at_once_in_a_whole_answer(vendor: str, operation: str, whole: Any, add: Any, where: str) -> None:
    full = add(whole, lambda _: where)
    assert facts(read(vendor, operation, full)) == facts(read(vendor, operation, whole))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FORMS), PICKS)
def test_some_in_a_whole_answer(form: Any, pick: Pick) -> None:
    vendor, operation, whole, add = form
    assert facts(read(vendor, operation, add(whole, pick))) == facts(read(vendor, operation, whole))


def event(delta: dict[str, Any], finish: str | None = None, **top: Any) -> dict[str, Any]:
    return {"id": "a1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **top}


STREAMS = {
    "text": [event({"content": "Hel"}), event({"content": "lo"}, "stop", usage=USAGE)],
    "message": [
        {
            "id": "a1",
            "model": "m",
            "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}],
        }
    ],
    "calls": [
        event({"tool_calls": [call("c1", "", index=0)]}),
        event({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
        event({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
        event({"tool_calls": [call("c2", OSLO, index=1)]}),
        event({}, "tool_calls", usage=USAGE),
    ],
    "no index": [event({"tool_calls": [call("c1")]}), event({"tool_calls": [call("c2", "{}")]}, "tool_calls")],
    "old call": [
        event({"function_call": {"name": "look", "arguments": ""}}),
        event({"function_call": {"arguments": OSLO}}),
        event({}, "function_call"),
    ],
    "thoughts": [
        event({"reasoning": "be", "reasoning_details": [{"type": "t", "text": "be", "index": 0}]}),
        event({"reasoning_details": [{"type": "t", "text": "", "signature": "s", "index": 0}]}),
        event({"content": "Hello"}, "stop", usage=USAGE),
    ],
    "sound": [event({"audio": {"id": "x", "data": "AA"}}), event({"audio": {"data": "AA", "transcript": "H"}}, "stop")],
    "logprobs": [
        {"id": "a1", "choices": [{"index": 0, "delta": {"content": "H"}, "logprobs": LOGPROBS, "finish_reason": None}]},
        event({}, "stop"),
    ],
}
BINERIC_STREAM = [{"text": "Hel"}, {"text": "lo"}, {"response": "Hello", "usage": {**USAGE, "total_cost": 0.1}}]
STREAM_FORMS: list[tuple[str, list[dict[str, Any]], Any]] = [
    *(("aimlapi", events, shared) for events in STREAMS.values()),
    ("bineric", BINERIC_STREAM, bineric),
    ("bineric", BINERIC_STREAM[:2], bineric),
]


def streamed(vendor: str, events: list[dict[str, Any]]) -> list[ChatDelta]:
    operation = PROVIDERS[vendor].chat_stream
    assert operation is not None
    decoder = operation.decoder(HttpResponse(200, {"content-type": "text/event-stream"}), Limits())
    text = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
    return [*decoder.feed(text.encode()), *decoder.close()]


def told(deltas: list[ChatDelta]) -> Any:
    response = deltas[-1].response
    assert response is not None
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for piece in delta.tool_calls:
            held = calls.setdefault(piece.number, ["", "", ""])
            for place, value in enumerate(piece[1:]):
                held[place] += value or ""
    return facts(response), "".join(d.text for d in deltas), "".join(d.reasoning for d in deltas), calls


def around(events: list[dict[str, Any]], add: Any, picks: list[Pick]) -> list[dict[str, Any]]:
    """Events with zero values in them, and with events of nothing else before and behind."""
    nothing: dict[str, Any] = {"text": ""} if add is bineric else event({})
    return [add(each, pick) for each, pick in zip([nothing, *events, nothing], picks, strict=True)]


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize(("vendor", "events", "add"), STREAM_FORMS)
def test_all_at_once_in_a_stream(vendor: str, events: Any, add: Any, where: str) -> None:
    full = around(events, add, [lambda _: where] * (len(events) + 2))
    assert told(streamed(vendor, full)) == told(streamed(vendor, events))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(STREAM_FORMS), st.data())
def test_some_in_a_stream(form: Any, data: st.DataObject) -> None:
    vendor, events, add = form
    picks = [data.draw(PICKS) for _ in range(len(events) + 2)]
    assert told(streamed(vendor, around(events, add, picks))) == told(streamed(vendor, events))


@pytest.mark.parametrize("error", [NO_ERROR, [], [NO_ERROR], "", {"message": None}, False])
def test_an_error_that_says_nothing_is_none_anywhere(error: Any) -> None:
    found = parse_object(HttpResponse(200, {}, json.dumps({"data": [1], "error": error}).encode()), "aimlapi")
    assert found["data"] == [1]


@pytest.mark.parametrize("error", [{**NO_ERROR, "code": 500}, {"message": "x"}, "x", [{"message": "x"}]])
def test_an_error_that_says_something_is_one(error: Any) -> None:
    with pytest.raises(ServerError):
        parse_object(HttpResponse(200, {}, json.dumps({"data": [1], "error": error}).encode()), "aimlapi")


@pytest.mark.parametrize("value", [None, "", [], {}, {"a": [0, {"b": False}]}, [[], [None, ""]]])
def test_what_is_filler(value: Any) -> None:
    assert is_filler(value)


@pytest.mark.parametrize("value", [0, False, 1, "x", {"a": {"b": [1]}}, [" "]])
def test_what_is_not(value: Any) -> None:
    assert not is_filler(value)


def test_filler_of_any_depth_is_known_without_recursion() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert is_filler(deep)
    while deep:  # taken apart by hand, because freeing it would recurse
        deep = deep.pop()


def test_a_real_answer_is_not_taken_for_filler() -> None:
    """The other way round: one real field among zeros is an answer."""
    with pytest.raises(MultiApiError):
        read("aimlapi", "chat", {**shared(BODIES["text"], lambda _: "behind"), "error": {**NO_ERROR, "code": 500}})


@pytest.mark.parametrize("error", [{}, {"type": "", "message": ""}, {"error": {"message": ""}}, ""])
def test_an_empty_error_in_a_batch_is_none(error: Any) -> None:
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": CLAUDE, "error": error}}
    head = HttpResponse(200, {}, json.dumps(line).encode() + b"\n")
    (result,) = PROVIDERS["aimlapi"].operations["get_batch"].parse(head).results
    assert (result.error, result.response.text) == (None, "Hello")
