"""Answers that say what they have to say in other places than the documented ones: calls, choices, messages and errors."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, ChatResponse, Client, Message
from multiapi.errors import (
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    RateLimitError,
    ResponseFormatError,
)

REQUEST = ChatRequest(model="m", messages=[Message("user", "hello")])
OSLO = '{"city":"Oslo"}'


def client(answer: httpx.Response) -> Client:
    wire = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    return Client("aimlapi", api_key="k", http_client=wire, max_retries=0)


def whole(body: Any) -> ChatResponse:
    return client(httpx.Response(200, json=body)).chat(REQUEST)


def streamed(*events: Any) -> ChatResponse:
    """The answer of a stream, after a look whether its deltas add up to it."""
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)
    deltas = list(client(answer).chat_stream(REQUEST))
    response = deltas[-1].response
    assert response is not None
    assert "".join(delta.text for delta in deltas) == response.text
    assert "".join(delta.reasoning for delta in deltas) == (response.reasoning.text if response.reasoning else "")
    ids = {piece.number: piece.id for delta in deltas for piece in delta.tool_calls if piece.id}
    assert [ids[number] for number in sorted(ids)] == [call.id for call in response.tool_calls]
    return response


def choice(message: dict[str, Any] | None, *, key: str = "message", finish: str | None = "stop", **more: Any) -> Any:
    inside = {} if message is None else {key: message}
    return {"id": "a1", "model": "m", "choices": [{"index": 0, **inside, "finish_reason": finish, **more}]}


def calls(response: ChatResponse) -> list[tuple[str, str, Any]]:
    assert not response.invalid_tool_calls
    return [(call.id, call.name, json.loads(call.arguments)) for call in response.tool_calls]


ONE = [("c1", "look", {"city": "Oslo"})]
PARSED = {"city": "Oslo"}
FUNCTION = {"name": "look", "arguments": OSLO}


@pytest.mark.parametrize(
    "call",
    [
        {"id": "c1", "type": "function", "function": {"name": "look", "parameters": PARSED}},
        {"id": "c1", "type": "tool_call", "name": "look", "args": PARSED},
        {"id": "c1", "type": "tool_use", "name": "look", "input": PARSED},
        {"id": "c1", "type": "function", "function": json.dumps(FUNCTION)},
        {"id": "c1", "name": "look", "arguments": PARSED},
    ],
    ids=["parameters", "args", "input", "function as text", "flat"],
)
def test_the_arguments_of_a_call_are_found_wherever_they_are(call: dict[str, Any]) -> None:
    said = {"content": None, "tool_calls": [call]}
    assert calls(whole(choice(said))) == calls(streamed(choice(said, key="delta"))) == ONE


def test_a_schema_that_is_repeated_in_a_call_is_not_its_arguments() -> None:
    call = {"id": "c1", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    assert calls(whole(choice({"tool_calls": [call]}))) == [("c1", "look", {})]


@pytest.mark.parametrize("kind", ["tool_use", "tool_call", "function_call"])
def test_a_call_among_the_parts_of_the_content_is_a_call(kind: str) -> None:
    part = {"type": kind, "id": "c1", "name": "look", "input": PARSED}
    empty = {"type": kind, "id": "", "name": "", "input": {}}
    said = {"content": [{"type": "text", "text": "Let me look."}, empty, part]}
    for response in (whole(choice(said)), streamed(choice(said, key="delta"))):
        assert (response.text, calls(response)) == ("Let me look.", ONE)


def test_a_call_among_the_parts_that_stands_in_tool_calls_too_is_one_call() -> None:
    part = {"type": "tool_use", "id": "c1", "name": "look", "input": PARSED}
    said = {"content": [part], "tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}]}
    turned = dict(reversed(said.items()))
    for message in (said, turned):
        assert calls(whole(choice(message))) == calls(streamed(choice(message, key="delta"))) == ONE


def test_calls_beside_the_message_are_its_calls() -> None:
    beside = [{"id": "c1", "type": "function", "function": FUNCTION}]
    assert calls(whole(choice({"content": ""}, tool_calls=beside))) == ONE
    assert calls(streamed(choice({"content": ""}, key="delta", tool_calls=beside))) == ONE
    twice = {"content": "", "tool_calls": beside}
    assert calls(whole(choice(twice, tool_calls=beside))) == ONE


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n\t "])
def test_blanks_are_no_arguments_in_a_stream_either(blank: str) -> None:
    said = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": blank}}]}
    assert calls(streamed(choice(said, key="delta"))) == calls(whole(choice(said))) == [("c1", "look", {})]
    more = {"tool_calls": [{"index": 0, "function": {"arguments": OSLO}}]}
    assert calls(streamed(choice(said, key="delta", finish=None), choice(more, key="delta"))) == ONE


@pytest.mark.parametrize("number", [1, "0", 0.0, "1", 7])
def test_the_only_choice_is_the_answer_whatever_its_number(number: Any) -> None:
    said = {"content": "Hello"}
    assert whole(choice(said, index=number)).text == "Hello"
    pieces = [choice({"content": piece}, key="delta", finish=None, index=number) for piece in ("Hel", "lo")]
    assert streamed(*pieces, choice({}, key="delta", index=number)).text == "Hello"


def test_choices_without_numbers_are_not_glued_together() -> None:
    body = {"choices": [{"message": {"content": word}, "finish_reason": "stop"} for word in ("one", "two", "three")]}
    response = whole(body)
    assert [response.text, *(other.text for other in response.alternatives)] == ["one", "two", "three"]


CALL = {"id": "c1", "type": "function", "function": FUNCTION}
SAID = {"content": "Hello", "reasoning_content": "Hm", "tool_calls": [CALL]}
PIECES = [{"reasoning_content": "Hm"}, {"content": "Hel"}, {"content": "lo"}, {"tool_calls": [{"index": 0, **CALL}]}]


@pytest.mark.parametrize("delta", [None, {}, {"role": "assistant", "content": ""}], ids=["none", "empty", "filler"])
@pytest.mark.parametrize("said", range(1, 5))
def test_a_message_behind_deltas_adds_only_what_they_left_out(said: int, delta: Any) -> None:
    pieces = [choice(piece, key="delta", finish=None) for piece in PIECES[:said]]
    last = choice(SAID, finish="tool_calls", **({} if delta is None else {"delta": delta}))
    response = streamed(*pieces, last, last)
    assert response.reasoning is not None
    assert (response.text, response.reasoning.text, calls(response)) == ("Hello", "Hm", ONE)


@pytest.mark.parametrize(
    "beside", [{}, {"delta": {"role": "assistant", "content": ""}}], ids=["alone", "beside filler"]
)
def test_messages_in_the_place_of_deltas_are_pieces(beside: dict[str, Any]) -> None:
    pieces = [choice({"content": piece}, finish=None, **beside) for piece in ("ha", "ha", "!")]
    assert streamed(*pieces, choice(None, key="delta")).text == "haha!"


@pytest.mark.parametrize(
    "label",
    [{"type": "thinking", "thinking": "", "signature": ""}, {"type": "reasoning.text", "index": 0, "text": None}],
)
def test_a_detail_of_thoughts_with_nothing_but_its_kind_is_none(label: dict[str, Any]) -> None:
    said = {"content": "Hello", "reasoning_details": [label]}
    assert whole(choice(said)).reasoning is streamed(choice(said, key="delta")).reasoning is None
    more = {"reasoning_details": [{**label, "signature": "abc"}]}
    response = streamed(choice(said, key="delta", finish=None), choice(more, key="delta"))
    assert response.reasoning is not None
    assert response.reasoning.details[0]["signature"] == "abc"


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "None",
        "0",
        "ok",
        {"code": 0, "message": "success"},
        {"code": "200", "message": "OK", "param": None},
        {"error": False},
    ],
    ids=str,
)
def test_an_error_that_says_that_all_is_well_is_none(value: Any) -> None:
    for body in ({**choice({"content": "Hello"}), "error": value}, choice({"content": "Hello"}, error=value)):
        assert whole(body).text == "Hello"
    events = [{**choice({"content": word}, key="delta", finish=None), "error": value} for word in ("Hel", "lo")]
    assert streamed(*events, choice({}, key="delta", error=value)).text == "Hello"


@pytest.mark.parametrize(
    "value", ["no", {"code": 0, "message": "boom"}, {"code": 1008, "message": "success"}, True], ids=str
)
def test_an_error_that_says_anything_else_is_one(value: Any) -> None:
    body = {**choice({"content": "Hello"}), "error": value}
    with pytest.raises(MultiApiError):
        whole(body)
    with pytest.raises(MultiApiError):
        streamed(body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": 400, "message": "no such model"}, InvalidRequestError),
        ({"code": 429, "msg": "slow down", "choices": []}, RateLimitError),
        ({"status_code": "429", "detail": "slow down"}, RateLimitError),
        ({"code": "insufficient_quota", "message": "nothing left", "choices": None}, InsufficientCreditsError),
    ],
    ids=str,
)
def test_a_body_without_choices_that_names_a_status_is_that_error(body: dict[str, Any], error: type[Exception]) -> None:
    for read in (whole, streamed):
        with pytest.raises(error):
            read(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "no engine"},
        {"detail": "no engine"},
        {"code": 1008, "message": "no engine"},
        {"choices": []},
        {"id": "a1", "usage": {}},
    ],
    ids=str,
)
def test_a_stream_without_any_choice_is_no_empty_answer(body: dict[str, Any]) -> None:
    for read in (whole, streamed):
        with pytest.raises(ResponseFormatError, match="no engine" if "no engine" in str(body) else None):
            read(body)
