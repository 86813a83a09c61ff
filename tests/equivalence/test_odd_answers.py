"""Whatever stands at one place of a rich answer: it is read, or refused with an error of ours, and what was paid is on that error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_multiapi import ChatMultiApi
from langchain_multiapi import _answers as langchain_answers
from llamaindex_multiapi import MultiApiLLM
from llamaindex_multiapi import _answers as llamaindex_answers
from multiapi.errors import MultiApiError, ResponseFormatError

PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {
    "id": "c1",
    "type": "function",
    "index": 0,
    "function": {"name": "look", "arguments": '{"a":1}'},
    "extra": {"s": 1},
}
PARTS = [
    {"type": "text", "text": "pong", "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}]},
    {"type": "thinking", "thinking": "because", "signature": "s"},
    {"type": "image_url", "image_url": {"url": PNG}},
]  # fmt: skip
MESSAGE = {
    "role": "assistant",
    "content": PARTS,
    "reasoning": "because",
    "reasoning_details": [{"type": "t", "text": "because", "index": 0}],
    "refusal": "no",
    "tool_calls": [CALL],
    "annotations": [{"url": "u2", "title": "t", "cited_text": "c", "start_index": 0, "end_index": 2}],
    "images": [{"image_url": {"url": PNG}}],
    "audio": {"id": "x", "data": "AAAA", "transcript": "pong", "expires_at": 1},
}
TOKEN = {"token": "pong", "logprob": -0.1, "bytes": [1], "top_logprobs": [{"token": "p", "logprob": -1, "bytes": None}]}
BODY = {
    "id": "a",
    "model": "m",
    "created": 1,
    "service_tier": "x",
    "provider": "p",
    "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": MESSAGE, "logprobs": {"content": [TOKEN], "refusal": None}},
        {"index": 1, "finish_reason": "stop", "message": {"content": "two"}},
    ],
    "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
    "meta": {"usage": {"usd_spent": 0.1}, "model": "full", "provider": "p"},
    "citations": ["https://a.example", {"url": "b", "title": "t"}],
}  # fmt: skip
ODD: list[Any] = [None, -1, 1.5, True, "x", [], [None], [[1]], {}, {"a": 1}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, key))


def replaced(path: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(BODY))
    place: Any = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return body


def as_events(body: dict[str, Any]) -> str:
    """The body as the one event of a stream."""
    for choice in body["choices"] if isinstance(body["choices"], list) else ():
        if isinstance(choice, dict) and "message" in choice:
            choice["delta"] = choice.pop("message")
    return f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n"


class Vendor:
    body: dict[str, Any]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not json.loads(request.content).get("stream"):
            return httpx.Response(200, json=self.body)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=as_events(self.body))


VENDOR = Vendor()
MADE: dict[str, Any] = {
    "provider": "aimlapi",
    "model": "m",
    "api_key": "k",
    "max_retries": 0,
    "http_client": httpx.Client(transport=httpx.MockTransport(VENDOR)),
}
LANGCHAIN, BLOCKS, LLAMAINDEX = ChatMultiApi(**MADE), ChatMultiApi(**MADE, output_version="v1"), MultiApiLLM(**MADE)
ASKED = [ChatMessage(role="user", content="x")]
WAYS: dict[str, Callable[[], Any]] = {
    "invoke": lambda: LANGCHAIN.invoke("x").content_blocks,
    "stream": lambda: [chunk.content_blocks for chunk in LANGCHAIN.stream("x")],
    "stream v1": lambda: list(BLOCKS.stream("x")),
    "chat": lambda: LLAMAINDEX.get_tool_calls_from_response(LLAMAINDEX.chat(ASKED), error_on_no_tool_call=False),
    "stream_chat": lambda: list(LLAMAINDEX.stream_chat(ASKED)),
}


@pytest.mark.parametrize("path", list(places(BODY)), ids=str)
def test_one_odd_value_ends_in_an_answer_or_an_error_of_ours(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        VENDOR.body = replaced(path, odd)
        for way, ask in WAYS.items():
            try:
                ask()
            except MultiApiError as error:
                assert not isinstance(error, ResponseFormatError) or error.provider == "aimlapi", (way, odd)
            except Exception as error:
                raise AssertionError(f"{way} of {odd!r}: {error!r}") from error


@pytest.mark.parametrize(
    "token",
    [
        {**TOKEN, "top_logprobs": {"pong": -0.1}},
        {**TOKEN, "top_logprobs": [None]},
        {**TOKEN, "token": 1234},
        {**TOKEN, "bytes": "pong"},
        {**TOKEN, "logprob": "x"},
    ],
)
def test_odd_logprobs_are_left_out(token: dict[str, Any]) -> None:
    VENDOR.body = json.loads(
        json.dumps({**BODY, "choices": [{**BODY["choices"][0], "logprobs": {"content": [token]}}]})
    )  # type: ignore[index]
    for response in (LLAMAINDEX.chat(ASKED), list(LLAMAINDEX.stream_chat(ASKED))[-1]):
        assert "pong" in (response.message.content or "")
        assert response.logprobs is not None
        assert len(response.logprobs[0]) == 1


@pytest.mark.parametrize("way", list(WAYS))
def test_a_translation_that_fails_keeps_the_answer(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that is planted in the packages themselves."""

    def fails(*_: Any, **__: Any) -> Any:
        raise KeyError("planted")

    VENDOR.body = json.loads(json.dumps(BODY))
    monkeypatch.setattr(langchain_answers, "answer_metadata", fails)
    monkeypatch.setattr(llamaindex_answers, "facts_of", fails)
    with pytest.raises(ResponseFormatError, match="KeyError") as raised:
        WAYS[way]()
    assert "pong" in raised.value.partial.text
