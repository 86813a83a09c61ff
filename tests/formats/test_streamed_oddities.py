"""Two things that only streams do: arguments that are `null` in text, and errors after something was already said."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, Client, Message
from multiapi.errors import RateLimitError, ServerError


def events(*items: dict[str, Any]) -> Client:
    body = "".join(f"data: {json.dumps(item)}\n\n" for item in items)
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body + "data: [DONE]\n\n")
    return Client("aimlapi", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(lambda _: answer)))


REQUEST = ChatRequest(model="m", messages=[Message("user", "hello")])


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def test_arguments_that_are_null_in_text_are_none_in_every_delta() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "now", "arguments": "null"}}
    rest = {"index": 0, "function": {"arguments": '{"a": '}}
    null = {"index": 0, "function": {"arguments": "null"}}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    deltas = list(events(delta(tool_calls=[call]), end).chat_stream(REQUEST))
    assert "".join(piece.arguments for each in deltas for piece in each.tool_calls) == ""
    response = deltas[-1].response
    assert response is not None
    assert response.tool_calls[0].arguments == "{}"
    more = [rest, null, {"index": 0, "function": {"arguments": "}"}}]
    deltas = list(
        events(delta(tool_calls=[call]), *(delta(tool_calls=[piece]) for piece in more), end).chat_stream(REQUEST)
    )
    assert "".join(piece.arguments for each in deltas for piece in each.tool_calls) == '{"a": null}'


def test_an_error_after_something_was_said_is_not_retryable() -> None:
    with pytest.raises(ServerError) as raised:
        list(events(delta(content="Once"), {"error": {"message": "overloaded", "code": 503}}).chat_stream(REQUEST))
    assert (raised.value.retryable, raised.value.partial.text) == (False, "Once")


def test_an_error_before_anything_was_said_is_what_its_status_says() -> None:
    with pytest.raises(RateLimitError) as raised:
        list(events({"error": {"message": "slow down", "code": 429}}).chat_stream(REQUEST))
    assert raised.value.retryable
