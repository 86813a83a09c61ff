"""However a server cuts and marks its tool calls, they are read as it meant them, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from multiapi.formats.openai.answers import chat_stream_decoder, parse_chat
from multiapi.http.exchange import HttpResponse
from multiapi.types.chat import ChatDelta, ChatResponse
from multiapi.types.limits import Limits
from tests.tool_call_fragments import Sent, sent_calls

HEAD = HttpResponse(200, {"content-type": "text/event-stream"})


def whole(body: dict[str, Any]) -> ChatResponse:
    return parse_chat(HttpResponse(200, {}, json.dumps(body).encode()), provider="aimlapi")


def streamed(events: list[dict[str, Any]]) -> list[ChatDelta]:
    decoder = chat_stream_decoder(HEAD, Limits(), provider="aimlapi")
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return [*decoder.feed(text.encode()), *decoder.close()]


def read(response: ChatResponse) -> list[tuple[Any, Any, Any]]:
    assert response.invalid_tool_calls == ()
    return [(call.id, call.name, json.loads(call.arguments)) for call in response.tool_calls]


def added_up(deltas: list[ChatDelta]) -> list[tuple[Any, Any, Any]]:
    """What a reader makes of the deltas alone."""
    found: dict[int, list[str]] = {}
    for delta in deltas:
        numbers = [piece.number for piece in delta.tool_calls]
        assert len(set(numbers)) == len(numbers), "a delta has at most one fragment of each call"
        for piece in delta.tool_calls:
            held = found.setdefault(piece.number, ["", "", ""])
            held[0] += piece.id or ""
            held[1] += piece.name or ""
            held[2] += piece.arguments
    return [(id, name, json.loads(arguments or "{}")) for id, name, arguments in found.values()]


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(sent_calls())
def test_calls_are_read_as_they_were_meant(sent: Sent) -> None:
    found = read(whole(sent.body))
    assert not sent.fault(found), f"whole, {sent.form}"
    deltas = streamed(sent.events)
    response = deltas[-1].response
    assert response is not None
    assert not sent.fault(read(response)), f"streamed, {sent.form}"
    assert read(response) == found
    assert not sent.fault(added_up(deltas)), f"deltas, {sent.form}"


ROME, OSLO = '{"city":"Rome"}', '{"city":"Oslo"}'


def call(id: str | None, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def event(*fragments: Any, finish: str | None = None) -> dict[str, Any]:
    return {"id": "a1", "choices": [{"index": 0, "delta": {"tool_calls": fragments}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "first",
    [call("c", "look", OSLO), call(None, "look", OSLO), call("c", "look", "{}"), call("c", "other", ROME)],
)
def test_calls_of_a_whole_message_are_never_joined(first: dict[str, Any]) -> None:
    body = {"id": "a1", "choices": [{"message": {"tool_calls": [first, call("c", "look", "")]}, "finish_reason": "x"}]}
    found = read(whole(body))
    assert [name for _, name, _ in found] == [first["function"]["name"], "look"]
    assert len({id for id, _, _ in found}) == 2


def test_a_made_id_is_none_that_the_vendor_gave() -> None:
    body = {"id": "a1", "choices": [{"message": {"tool_calls": [call("call_a1_1", "look", ""), call("", "look", "")]}}]}
    ids = [id for id, _, _ in read(whole(body))]
    assert ids[0] == "call_a1_1"
    assert ids[1] not in {"", "call_a1_1"}


def test_a_repeated_name_behind_a_whole_call_begins_no_other() -> None:
    """A server that names the tool in each fragment, the last of which is empty."""
    pieces = ['{"city":', '"Oslo"}', ""]
    response = streamed([event(call("c", "look", piece, index=0)) for piece in pieces])
    assert read(response[-1].response) == [("c", "look", {"city": "Oslo"})] if response[-1].response else False
