"""NaN and the infinities stand for numbers that are not there: no answer is lost with them, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from multiapi import PROVIDERS
from multiapi.errors import ResponseFormatError
from multiapi.formats.openai.embeddings import parse_embed
from multiapi.formats.openai.vendor import chat_stream_decoder, parse_chat
from multiapi.http.exchange import HttpResponse
from multiapi.http.json import parse_json
from multiapi.types.limits import Limits

WORDS = ["NaN", "Infinity", "-Infinity"]
BODY: dict[str, Any] = {
    "id": "a",
    "created": 1,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"content": "pong", "annotations": [{"url": "https://a.example", "start_index": 1}]},
            "delta": {"content": "pong", "annotations": [{"url": "https://a.example", "start_index": 1}]},
            "logprobs": {
                "content": [{"token": "pong", "logprob": -0.1, "top_logprobs": [{"token": "a", "logprob": 1}]}]
            },
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.1},
    "meta": {"usage": {"usd_spent": 0.1}, "scores": [1, 2]},
}


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers of a body stand."""
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(each, (*path, key))
    elif isinstance(value, (int, float)):
        yield path


def with_word(path: tuple[Any, ...], word: str) -> bytes:
    body = json.loads(json.dumps(BODY))
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "@"
    return json.dumps(body).replace('"@"', word).encode()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("path", list(numbers(BODY)), ids=str)
def test_in_every_number_of_an_answer(path: tuple[Any, ...], word: str) -> None:
    data = with_word(path, word)
    assert parse_chat(HttpResponse(200, {}, data), provider="aimlapi").text == "pong"
    decoder = chat_stream_decoder(
        HttpResponse(200, {"content-type": "text/event-stream"}), Limits(), provider="aimlapi"
    )
    deltas = [*decoder.feed(b"data: " + data + b"\n\ndata: [DONE]\n\n"), *decoder.close()]
    assert deltas[-1].response is not None
    assert deltas[-1].response.text == "pong"


@pytest.mark.parametrize("word", WORDS)
def test_in_media_and_account_answers(word: str) -> None:
    picture = b'{"created": %b, "data": [{"b64_json": "iVBORw0KGgo=", "score": %b}]}' % (word.encode(), word.encode())
    assert PROVIDERS["aicredits"].operations["image"].parse(HttpResponse(200, {}, picture)).media
    models = b'{"data": [{"id": "m", "created": %b, "pricing": {"input": %b}}]}' % (word.encode(), word.encode())
    assert PROVIDERS["aicredits"].operations["models"].parse(HttpResponse(200, {}, models))


@pytest.mark.parametrize("word", WORDS)
def test_vectors_and_arguments_go_on_refusing(word: str) -> None:
    body = b'{"data": [{"index": 0, "embedding": [0.5, %b]}]}' % word.encode()
    with pytest.raises(ResponseFormatError):
        parse_embed(HttpResponse(200, {}, body), provider="aimlapi")
    with pytest.raises(ValueError, match="JSON|number|expected|unexpected|digit"):
        parse_json(b'{"a": %b}' % word.encode())
    call = {"id": "c", "function": {"name": "look", "arguments": '{"a": %s}' % word}}
    answer = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    found = parse_chat(HttpResponse(200, {}, json.dumps(answer).encode()), provider="aimlapi")
    assert (found.tool_calls, len(found.invalid_tool_calls)) == ((), 1)
