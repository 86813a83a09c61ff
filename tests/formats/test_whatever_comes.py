"""Answers in forms that servers really send: nothing in them is lost, nothing is said twice, and what was not asked for is read too."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, ChatResponse, Client, Message, Tool
from multiapi.errors import ResponseFormatError
from multiapi.negotiation.wanted import read_structured

REQUEST = ChatRequest(model="m", messages=[Message("user", "hello")])
VENDORS = ("aimlapi", "aicredits", "binom_router", "binobox", "bineric")


def client(body: bytes, content_type: str = "application/json", vendor: str = "aimlapi") -> Client:
    answer = httpx.Response(200, headers={"content-type": content_type}, content=body)
    return Client(vendor, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(lambda _: answer)))


def whole(**choice: Any) -> bytes:
    return json.dumps({"id": "c1", "choices": [{"index": 0, "finish_reason": "stop", **choice}]}).encode()


def events(*choices: dict[str, Any]) -> bytes:
    lines = [f"data: {json.dumps({'id': 'c1', 'choices': [{'index': 0, **choice}]})}\n\n" for choice in choices]
    return ("".join(lines) + "data: [DONE]\n\n").encode()


def streamed(*choices: dict[str, Any]) -> ChatResponse:
    last = list(client(events(*choices), "text/event-stream").chat_stream(REQUEST))[-1]
    assert last.response is not None
    return last.response


def call(**fields: Any) -> dict[str, Any]:
    return {"delta": {"tool_calls": [{"index": 0, **fields}]}}


def test_a_name_in_pieces_is_one_call() -> None:
    first = call(id="c1", function={"name": "get_", "arguments": ""})
    rest = call(function={"name": "weather", "arguments": '{"city": "Oslo"}'})
    answer = streamed(first, rest, {"delta": {}, "finish_reason": "tool_calls"})
    assert [(each.id, each.name, each.arguments) for each in answer.tool_calls] == [
        ("c1", "get_weather", '{"city": "Oslo"}')
    ]


def test_another_name_behind_whole_arguments_is_another_call() -> None:
    first = call(id="c1", function={"name": "get", "arguments": "{}"})
    answer = streamed(first, call(function={"name": "put", "arguments": "{}"}), {"delta": {}, "finish_reason": "stop"})
    assert [each.name for each in answer.tool_calls] == ["get", "put"]


def test_what_a_stream_repeats_as_a_whole_message_is_not_said_twice() -> None:
    """Some servers put the message so far beside every delta, or the whole one beside the last, empty delta."""
    beside_every: list[dict[str, Any]] = [
        {"delta": {"content": "Rain"}, "message": {"role": "assistant", "content": "Rain"}},
        {"delta": {"content": " today"}, "message": {"role": "assistant", "content": "Rain today"}},
        {"delta": {}, "message": {"role": "assistant", "content": "Rain today"}, "finish_reason": "stop"},
    ]
    assert streamed(*beside_every).text == "Rain today"


def test_a_stream_of_messages_without_deltas_is_read() -> None:
    answer = streamed({"message": {"content": "Rain"}}, {"message": {"content": " today"}, "finish_reason": "stop"})
    assert answer.text == "Rain today"


def test_a_whole_answer_with_an_empty_delta_beside_its_message() -> None:
    body = whole(message={"role": "assistant", "content": "Rain"}, delta={"role": "assistant", "content": ""})
    assert client(body).chat(REQUEST).text == "Rain"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_fields_without_a_place_of_their_own_are_kept(is_streamed: bool) -> None:
    message = {"content": "Rain", "provider_fields": {"a": 1}, "signature": "s1"}
    choice = {"filtered": {"hate": False}, "native_finish_reason": "STOP", "finish_reason": "stop"}
    top = {"id": "c1", "search_results": [{"url": "https://a.example", "date": "2026-01-01"}], "region": "eu"}
    if is_streamed:
        body = json.dumps({**top, "choices": [{"index": 0, "delta": message, **choice}]})
        last = list(client(f"data: {body}\n\ndata: [DONE]\n\n".encode(), "text/event-stream").chat_stream(REQUEST))[-1]
        answer = last.response
    else:
        answer = client(json.dumps({**top, "choices": [{"index": 0, "message": message, **choice}]}).encode()).chat(
            REQUEST
        )
    assert answer is not None
    assert dict(answer.extra) == {"provider_fields": {"a": 1}, "signature": "s1"}
    assert dict(answer.metadata) == {
        "filtered": {"hate": False},
        "native_finish_reason": "STOP",
        "search_results": top["search_results"],
        "region": "eu",
    }
    assert answer.raw["choices"][0]["filtered"] == {"hate": False}


def test_no_and_nothing_are_something_said() -> None:
    answer = client(
        whole(message={"content": "Rain", "flagged": False, "risk": 0, "tool_calls": [], "note": None})
    ).chat(REQUEST)
    assert dict(answer.extra) == {"flagged": False, "risk": 0}


def test_pieces_of_such_fields_are_joined() -> None:
    answer = streamed(
        {"delta": {"content": "a", "signature": "s1", "marks": [1], "facts": {"x": 1}}},
        {"delta": {"content": "b", "signature": "s2", "marks": [2], "facts": {"y": 2}}, "finish_reason": "stop"},
    )
    assert dict(answer.extra) == {"signature": "s1s2", "marks": [1, 2], "facts": {"x": 1, "y": 2}}


def test_a_part_of_an_unknown_kind_is_kept() -> None:
    parts = [{"type": "text", "text": "Rain"}, {"type": "map", "tiles": [1, 2]}]
    answer = client(whole(message={"content": parts})).chat(REQUEST)
    assert (answer.text, answer.extra["content_parts"]) == ("Rain", [parts[1]])


def test_a_call_without_a_function_object_keeps_only_what_is_extra() -> None:
    body = whole(message={"tool_calls": [{"id": "c1", "name": "get", "arguments": "{}", "signature": "s"}]})
    [found] = client(body).chat(REQUEST).tool_calls
    assert (found.name, found.arguments, found.extra) == ("get", "{}", {"signature": "s"})


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", "text/plain"])
def test_an_answer_that_is_streamed_unasked(vendor: str, content_type: str) -> None:
    body = b": busy\n\n" + events({"delta": {"content": "Ra"}}, {"delta": {"content": "in"}, "finish_reason": "stop"})
    assert client(body, content_type, vendor).chat(REQUEST).text == "Rain"


def test_a_streamed_answer_that_breaks_off_is_not_taken_for_whole() -> None:
    body = events({"delta": {"content": "Ra"}}).removesuffix(b"data: [DONE]\n\n")
    with pytest.raises(Exception, match="before the response was complete"):
        client(body).chat(REQUEST)


def test_comments_ahead_of_a_json_answer() -> None:
    body = b": busy\n\n: busy\n\n" + whole(message={"content": "Rain"})
    assert client(body).chat(REQUEST).text == "Rain"


def test_nothing_but_comments_is_no_answer() -> None:
    with pytest.raises(ResponseFormatError):
        client(b": busy\n" * 200_000).chat(REQUEST)


def test_raw_sound_is_sound() -> None:
    message = {"content": None, "audio": {"id": "a", "data": "AAABAAIA", "transcript": "Rain"}}
    answer = client(whole(message=message)).chat(REQUEST)
    assert (answer.text, [media.mime_type for media in answer.media]) == ("Rain", ["audio/pcm"])


@pytest.mark.parametrize("is_streamed", [False, True])
def test_reasoning_goes_back_to_the_model_that_was_asked_whatever_it_calls_itself(is_streamed: bool) -> None:
    message = {"content": "Rain", "reasoning_content": "clouds"}
    named = {"id": "c1", "model": "a-name-of-its-own"}
    choices = [{"index": 0, "finish_reason": "stop", "delta" if is_streamed else "message": message}]
    body = json.dumps({**named, "choices": choices}).encode()
    answers = client(b"data: " + body + b"\n\n" if is_streamed else body)
    answer = list(answers.chat_stream(REQUEST))[-1].response if is_streamed else answers.chat(REQUEST)
    assert answer is not None
    assert answer.reasoning is not None
    assert (answer.model, answer.reasoning.model) == ("a-name-of-its-own", "m")


ODD = '{"a": "\\ud800x", "b": 100000000000000000000000000000}'
"""Half a surrogate pair, and more than 64 bits hold."""


@pytest.mark.parametrize("arguments", [ODD, "an object"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_arguments_that_cannot_be_written_as_they_are(arguments: str, is_streamed: bool) -> None:
    function = {"name": "get", "arguments": ODD if arguments is ODD else 0}
    calls = {"tool_calls": [{"index": 0, "id": "c1", "function": function}]}
    if is_streamed:
        body = events({"delta": calls}, {"delta": {}, "finish_reason": "tool_calls"})
    else:
        body = whole(message=calls)
    answers = client(body.replace(b'"arguments": 0', b'"arguments": ' + ODD.encode()))
    answer = list(answers.chat_stream(REQUEST))[-1].response if is_streamed else answers.chat(REQUEST)
    assert answer is not None
    [found] = answer.tool_calls
    assert json.loads(found.arguments)["a"] == "\ufffdx"
    assert float(json.loads(found.arguments)["b"]) == 1e29


@pytest.mark.parametrize("arguments", [ODD, '{"a": {1, 2}}', '{"a": NaN}', '{"a": ' + "9" * 5000 + "}"])
@pytest.mark.parametrize(
    "form", ['{"tool_calls": [{"name": "get", "arguments": %s}]}', "{'name': 'get', 'arguments': %s}"]
)
def test_calls_in_words_that_are_no_json_or_cannot_be_written_again(arguments: str, form: str) -> None:
    tools = [Tool("get", "Get it")]
    for choice in (None, "get"):
        request = ChatRequest(model="m", messages=REQUEST.messages, tools=tools, tool_choice=choice)
        answer = client(whole(message={"content": form % arguments}), vendor="binobox").chat(request)
        for call in answer.tool_calls:
            assert call.name == "get"
            assert isinstance(json.loads(call.arguments), dict)
        assert answer.tool_calls or answer.invalid_tool_calls or answer.text == form % arguments


def test_what_json_does_not_know_is_no_structured_answer() -> None:
    with pytest.raises(ResponseFormatError):
        read_structured(ChatResponse(provider="acme", text='{"a": NaN}'))
    assert read_structured(ChatResponse(provider="acme", text='so: {"a": ' + "9" * 5000 + '} and {"b": 1}'))
