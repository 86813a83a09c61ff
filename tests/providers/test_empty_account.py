"""An account of AI/ML API without money, wherever it is said (live_aimlapi L1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, ImageRequest, Message, VideoRequest
from multiapi.cli.exit_codes import exit_code
from multiapi.errors import InsufficientCreditsError, PermissionDeniedError
from multiapi.sending.waiting import without_waiting

KIND = "err_insufficent_credits"
WORDS = ("You've run out of credits. Please top up.", "You've run out of funds.", "", "Nothing to see here")


def failure(message: str, kind: str | None = KIND) -> dict[str, Any]:
    name = "ForbiddenException" if kind is None else "OutOfFundsException"
    inner: dict[str, Any] = {"name": name, "message": message}
    return {"status": 403, "message": message, "error": inner if kind is None else inner | {"data": {"kind": kind}}}


class Wire:
    def __init__(self, *answers: Callable[[], httpx.Response]) -> None:
        self._answers = list(answers)
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])()


def client(wire: Wire) -> Client:
    return Client("aimlapi", api_key="k-123456", http_client=httpx.Client(transport=httpx.MockTransport(wire)))


ASK = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "x")])
FILM = VideoRequest(model="google/veo-3.0-fast", prompt="x")


def _framework(cls: Any, wire: Wire) -> Any:
    return cls(
        model="aimlapi:openai/gpt-4o", api_key="k-123456", http_client=httpx.Client(transport=httpx.MockTransport(wire))
    )


def _awaited(wire: Wire) -> Any:
    http = httpx.AsyncClient(transport=httpx.MockTransport(wire))
    return asyncio.run(AsyncClient("aimlapi", api_key="k-123456", http_client=http).chat(ASK))


CHATS: dict[str, Callable[[Wire], Any]] = {
    "chat": lambda wire: client(wire).chat(ASK),
    "awaited": _awaited,
    "streamed": lambda wire: list(client(wire).chat_stream(ASK)),
    "LangChain": lambda wire: _framework(ChatMultiApi, wire).invoke("x"),
    "LangChain, streamed": lambda wire: list(_framework(ChatMultiApi, wire).stream("x")),
    "LlamaIndex": lambda wire: _framework(MultiApiLLM, wire).complete("x"),
    "LlamaIndex, streamed": lambda wire: list(_framework(MultiApiLLM, wire).stream_complete("x")),
}
OTHERS: dict[str, Callable[[Wire], Any]] = {
    "picture": lambda wire: client(wire).image(ImageRequest(model="flux/schnell", prompt="x")),
    "video": lambda wire: client(wire).video(FILM),
}


@pytest.mark.parametrize("message", WORDS)
@pytest.mark.parametrize("way", {**CHATS, **OTHERS})
def test_a_refusal(way: str, message: str) -> None:
    wire = Wire(lambda: httpx.Response(403, json=failure(message)))
    with pytest.raises(InsufficientCreditsError, match="a lower price may still be taken") as caught:
        {**CHATS, **OTHERS}[way](wire)
    assert (caught.value.code, wire.requests, caught.value.retryable, exit_code(caught.value)) == (KIND, 1, False, 4)


@pytest.mark.parametrize("way", CHATS)
@pytest.mark.parametrize("place", [("error", "data"), ("error",), ()])
@pytest.mark.parametrize("field", ["kind", "code", "type"])
def test_the_word_at_any_place(way: str, place: tuple[str, ...], field: str) -> None:
    body: dict[str, Any] = {"status": 403, "message": "no", "error": {"message": "no", "data": {}}}
    inner = body
    for name in place:
        inner = inner[name]
    inner[field] = KIND
    wire = Wire(lambda: httpx.Response(403, json=body))
    with pytest.raises(InsufficientCreditsError) as caught:
        CHATS[way](wire)
    assert (caught.value.code, wire.requests) == (KIND, 1)


@pytest.mark.parametrize("message", WORDS)
@pytest.mark.parametrize("way", CHATS)
def test_inside_of_a_success_and_of_a_stream(way: str, message: str) -> None:
    body = failure(message)
    wire = Wire(lambda: httpx.Response(200, json=body))
    with pytest.raises(InsufficientCreditsError) as caught:
        CHATS[way](wire)
    assert (caught.value.code, wire.requests) == (KIND, 1)
    if "streamed" not in way:
        return
    delta = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    for before in ("", f"data: {json.dumps(delta)}\n\n"):
        content = (before + f"data: {json.dumps(body)}\n\n").encode()
        wire = Wire(
            lambda content=content: httpx.Response(200, content=content, headers={"content-type": "text/event-stream"})
        )  # type: ignore[misc]
        with pytest.raises(InsufficientCreditsError) as caught:
            CHATS[way](wire)
        assert (caught.value.code, wire.requests) == (KIND, 1)


def test_a_poll_keeps_the_job() -> None:
    wire = Wire(
        lambda: httpx.Response(201, json={"id": "X", "status": "queued"}),
        lambda: httpx.Response(403, json=failure("no funds")),
    )
    with without_waiting(), pytest.raises(InsufficientCreditsError) as caught:
        client(wire).video(FILM)
    assert (caught.value.job_id, caught.value.code, wire.requests) == ("X", KIND, 2)


@pytest.mark.parametrize("way", CHATS)
def test_without_the_word_the_text_decides_and_nothing_is_remembered(way: str) -> None:
    for message in ("You've run out of credits.", "out of funds", "Your balance is too low"):
        wire = Wire(lambda message=message: httpx.Response(403, json=failure(message, None)))  # type: ignore[misc]
        with pytest.raises(InsufficientCreditsError):
            CHATS[way](wire)
    wire = Wire(lambda: httpx.Response(403, json=failure("This key may not do that", None)))
    with pytest.raises(PermissionDeniedError):
        CHATS[way](wire)
    assert wire.requests == 1
