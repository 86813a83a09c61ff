"""A gateway that ends unstreamed calls: what comes late is final and says what to do; what comes at once is repeated as before."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, EmbedRequest, ImageRequest, Message
from multiapi.errors import InvalidRequestError, MultiApiError, ServerError
from multiapi.flows.steps import Policy
from multiapi.sending.waiting import without_waiting

ASK = ChatRequest(model="m", messages=[Message("user", "x")])


class SlowServer:
    """Fails so many seconds after it was asked, by a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, status: int = 500, body: str = "") -> None:
        self.requests, self.now = 0, time.monotonic()
        self._seconds, self._status, self._body = seconds, status, body
        monkeypatch.setattr("multiapi.sending.runner.time.monotonic", lambda: self.now)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.now += self._seconds
        return httpx.Response(self._status, text=self._body)

    async def later(self, request: httpx.Request) -> httpx.Response:
        return self(request)

    def own(self) -> dict[str, Any]:
        return {
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(self.later)),
        }


WAYS = ["core", "core_async", "langchain", "langchain_async", "llamaindex", "llamaindex_async"]


async def ask(way: str, server: SlowServer, provider: str = "aicredits") -> MultiApiError:
    own = server.own()
    model = {"provider": provider, "model": "m", "api_key": "k", **own}
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        match way:
            case "core":
                Client(provider, api_key="k", http_client=own["http_client"]).chat(ASK)
            case "core_async":
                await AsyncClient(provider, api_key="k", http_client=own["http_async_client"]).chat(ASK)
            case "langchain":
                ChatMultiApi(**model).invoke("x")
            case "langchain_async":
                await ChatMultiApi(**model).ainvoke("x")
            case "llamaindex":
                MultiApiLLM(**model).complete("x")
            case "llamaindex_async":
                await MultiApiLLM(**model).acomplete("x")
    return caught.value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("seconds", "requests"), [(0, 3), (24, 3), (25, 1), (31, 1)])
async def test_a_late_failure_is_final(
    monkeypatch: pytest.MonkeyPatch, way: str, seconds: float, requests: int
) -> None:
    server = SlowServer(monkeypatch, seconds)
    error = await ask(way, server)
    assert isinstance(error, ServerError)
    assert server.requests == requests
    assert (
        "AICredits ends unstreamed calls after about 30 s (seen, not documented): use streaming=True" in str(error)
    ) is (requests == 1)
    assert error.retryable is (requests != 1)
    assert error.outcome_unknown is (requests == 1)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_every_5xx_and_no_other_provider(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    assert not (await ask("core", SlowServer(monkeypatch, 31, status, "Internal Server Error"))).retryable
    server = SlowServer(monkeypatch, 31, status)
    await ask("core", server, "aimlapi")
    assert server.requests == 3


def test_a_stream_an_embedding_and_an_image_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for call, requests in (
        (lambda client: list(client.chat_stream(ASK)), 3),
        (lambda client: client.embed(EmbedRequest(model="e", texts=["a"])), 3),
        (lambda client: client.image(ImageRequest(model="i", prompt="x")), 1),
    ):
        server = SlowServer(monkeypatch, 31)
        client = Client("aicredits", api_key="k", http_client=server.own()["http_client"], timeout=600)
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            call(client)
        assert server.requests == requests
        assert "streaming" not in str(caught.value)


def test_a_policy_can_repeat_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SlowServer(monkeypatch, 31)
    client = Client(
        "aicredits", api_key="k", http_client=server.own()["http_client"], policy=Policy(repeat_unknown=True)
    )
    with without_waiting(), pytest.raises(ServerError):
        client.chat(ASK)
    assert server.requests == 3


def answer(request: httpx.Request) -> httpx.Response:
    body = json.loads(request.content)
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    message = {"role": "assistant", "content": "hello"}
    facts = {"id": "a", "model": "m", "usage": usage}
    if not body.get("stream"):
        return httpx.Response(
            200, json={**facts, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        )
    events = [
        {**facts, "usage": None, "choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]},
        {**facts, "choices": []},
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


@pytest.mark.parametrize(
    ("provider", "streaming", "streams"),
    [
        ("aicredits", "auto", True),
        ("aimlapi", "auto", False),
        ("aimlapi", True, True),
        ("aicredits", None, False),
        ("aicredits", False, False),
    ],
)
async def test_a_call_may_stream_inside_with_the_same_result(provider: str, streaming: Any, streams: bool) -> None:
    sent: list[dict[str, Any]] = []

    def noted(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return answer(request)

    async def later(request: httpx.Request) -> httpx.Response:
        return noted(request)

    own = httpx.Client(transport=httpx.MockTransport(noted))
    async_own = httpx.AsyncClient(transport=httpx.MockTransport(later))
    both = {"provider": provider, "model": "m", "api_key": "k", "http_client": own, "http_async_client": async_own}
    asked = replace(ASK, streaming=streaming)
    client = Client(provider, api_key="k", http_client=own)
    plain = client.chat(ASK)
    sent.clear()
    responses = [client.chat(asked), await AsyncClient(provider, api_key="k", http_client=async_own).chat(asked)]
    for response in responses:
        assert (response.text, response.usage, response.finish_reason, response.id) == (
            plain.text,
            plain.usage,
            "stop",
            "a",
        )
    langchain = ChatMultiApi(streaming=streaming, **both)
    assert langchain.invoke("x").usage_metadata == ChatMultiApi(**both).invoke("x").usage_metadata
    assert (await langchain.ainvoke("x")).text == "hello"
    llamaindex = MultiApiLLM(streaming=streaming, **both)
    assert [llamaindex.complete("x").text, (await llamaindex.acomplete("x")).text] == ["hello", "hello"]
    assert [body.get("stream", False) for body in sent] == [streams, streams, streams, False, streams, streams, streams]


def test_another_word_is_not_a_way_to_stream() -> None:
    with pytest.raises(InvalidRequestError, match="streaming must be True, False or 'auto', not 'yes'"):
        Client("aicredits", api_key="k").chat(replace(ASK, streaming="yes"))  # type: ignore[arg-type]
