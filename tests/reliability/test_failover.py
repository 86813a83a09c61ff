"""When another provider is asked: one rule for both frameworks, and nothing is paid for twice on doubt. What an answer that cannot be
used says of itself is on its error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent

from langchain_multiapi import ChatMultiApi, VendorFailover
from llamaindex_multiapi import FallbackLLM, MultiApiLLM
from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError, StreamInterruptedError
from multiapi.sending.waiting import without_waiting
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media_requests import ImageRequest, SpeechRequest, VideoRequest

KEY = "any-key-1234"
Answer = Callable[[httpx.Request], httpx.Response]


def raising(kind: type[Exception]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind("broken")

    return answer


def status(code: int, /, **error: Any) -> Answer:
    return lambda _: httpx.Response(code, json={"error": {"message": "no", **error}})


def body(**fields: Any) -> Answer:
    return lambda _: httpx.Response(200, json=fields)


LONG = {"code": "context_length_exceeded"}
# what the first provider does; whether the next one is asked; whether it is when the caller does not mind to pay twice
FAILURES: dict[str, tuple[Answer, bool, bool]] = {
    "refused connection": (raising(httpx.ConnectError), True, True),
    "no connection in time": (raising(httpx.ConnectTimeout), True, True),
    "no free connection": (raising(httpx.PoolTimeout), True, True),
    "silence": (raising(httpx.ReadTimeout), False, True),
    "written too slowly": (raising(httpx.WriteTimeout), False, True),
    "broken connection": (raising(httpx.ReadError), False, True),
    "half an answer": (raising(httpx.RemoteProtocolError), False, True),
    "HTML under 200": (lambda _: httpx.Response(200, html="<html>Log in</html>"), False, True),
    "nothing under 200": (lambda _: httpx.Response(200), False, True),
    "cut JSON": (lambda _: httpx.Response(200, content=b'{"choices": [{"mess'), False, True),
    "empty choices": (body(choices=[]), False, True),
    "no choices": (body(model="m"), False, True),
    "400": (status(400), False, False),
    "too long": (status(400, **LONG), True, True),
    "401": (status(401), True, True),
    "402": (status(402), True, True),
    "403": (status(403), True, True),
    "404": (status(404), True, True),
    "408": (status(408), False, True),
    "409": (status(409), False, False),
    "413": (status(413), True, True),
    "422": (status(422), False, False),
    "429": (status(429), True, True),
    "500": (status(500), True, True),
    "503": (status(503), True, True),
    "529": (status(529), True, True),
    "429 inside of 200": (body(error={"message": "busy", "code": 429}), True, True),
    "400 inside of 200": (body(error={"message": "no", "code": 400}), False, False),
    "redirect": (lambda _: httpx.Response(307, headers={"location": "https://x.example"}), True, True),
}


def good(_: httpx.Request) -> httpx.Response:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "from the second"}}
    return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})


def wire(answer: Answer, asked: list[str], name: str) -> dict[str, Any]:
    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(name)
        return answer(request)

    async def later(request: httpx.Request) -> httpx.Response:
        return handle(request)

    return {
        "api_key": KEY,
        "max_retries": 0,
        "http_client": httpx.Client(transport=httpx.MockTransport(handle)),
        "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(later)),
    }


def llamaindex(first: dict[str, Any], second: dict[str, Any], *, on_doubt: bool, is_async: bool) -> None:
    models = [MultiApiLLM(model="aimlapi:m", **first), MultiApiLLM(model="aicredits:m", **second)]
    llm = FallbackLLM(llms=models, on_doubt=on_doubt)
    if is_async:
        asyncio.run(llm.acomplete("hi"))
    else:
        llm.complete("hi")


def langchain(first: dict[str, Any], second: dict[str, Any], *, on_doubt: bool, is_async: bool) -> None:
    other = VendorFailover(ChatMultiApi(model="aicredits:m", **second), on_doubt=on_doubt)
    agent = create_agent(ChatMultiApi(model="aimlapi:m", **first), [], middleware=[other])
    asked = {"messages": [("user", "hi")]}
    if is_async:
        asyncio.run(agent.ainvoke(asked))
    else:
        agent.invoke(asked)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("way", [llamaindex, langchain])
@pytest.mark.parametrize("name", list(FAILURES))
def test_both_frameworks_ask_the_next_one_after_the_same_failures(name: str, way: Any, is_async: bool) -> None:
    answer, asks, asks_on_doubt = FAILURES[name]
    for on_doubt, expected in ((False, asks), (True, asks_on_doubt)):
        asked: list[str] = []
        first, second = wire(answer, asked, "first"), wire(good, asked, "second")
        with without_waiting():
            if expected:
                way(first, second, on_doubt=on_doubt, is_async=is_async)
            else:
                with pytest.raises(MultiApiError):
                    way(first, second, on_doubt=on_doubt, is_async=is_async)
        assert asked == ["first", "second"][: 1 + expected], on_doubt


# ------------------------------------------------------------------------------------------------ doubt is said

CALLS: dict[str, Callable[[Client], Any]] = {
    "chat": lambda c: c.chat(ChatRequest(model="m", messages=[Message("user", "hi")])),
    "stream": lambda c: list(c.chat_stream(ChatRequest(model="m", messages=[Message("user", "hi")]))),
    "embed": lambda c: c.embed(EmbedRequest(model="m", texts=["a"])),
    "image": lambda c: c.image(ImageRequest(model="flux/schnell", prompt="x")),
    "speech": lambda c: c.speech(SpeechRequest(model="openai/tts-1", text="x", voice="alloy")),
    "video": lambda c: c.video(VideoRequest(model="alibaba/wan-2-6-t2v", prompt="x")),
    "responses": lambda c: c.responses(ChatRequest(model="openai/gpt-4o", messages=[Message("user", "hi")])),
    "messages": lambda c: c.messages(ChatRequest(model="m", messages=[Message("user", "hi")], max_tokens=5)),
}
UNREADABLE = [name for name, (_, asks, on_doubt) in FAILURES.items() if on_doubt and not asks and name != "408"]


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("call", list(CALLS))
def test_an_outcome_that_is_unknown_is_called_so(call: str, name: str) -> None:
    asked: list[str] = []
    settings = wire(FAILURES[name][0], asked, "first")
    settings.pop("http_async_client")
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        CALLS[call](Client("aimlapi", **settings))
    error = caught.value
    assert error.outcome_unknown
    assert not error.retryable
    assert len(asked) == 1


@pytest.mark.parametrize("name", list(FAILURES))
@pytest.mark.parametrize("call", list(CALLS))
def test_outcome_unknown_and_not_repeated_say_the_same(call: str, name: str) -> None:
    settings = wire(FAILURES[name][0], [], "first")
    settings.pop("http_async_client")
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        CALLS[call](Client("aimlapi", **settings))
    if "charged" in (caught.value.not_repeated or ""):
        assert caught.value.outcome_unknown


# ------------------------------------------------------------------------------------------------ ids and costs

FACTS = {"x-request-id": "req-77", "x-aimlapi-usd-spent": "0.25"}


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, beginning: bytes, error: type[Exception]) -> None:
        self.beginning, self.error = beginning, error

    def __iter__(self) -> Any:
        yield self.beginning
        raise self.error("broken")

    async def __aiter__(self) -> Any:
        yield self.beginning
        raise self.error("broken")


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout])
@pytest.mark.parametrize("beginning", [b"", b'{"id": "a", "cho'])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("call", ["chat", "embed", "image", "speech", "video", "responses", "stream"])
def test_a_body_that_breaks_off_keeps_its_id_and_its_cost(
    call: str, is_async: bool, beginning: bytes, error: type[Exception]
) -> None:
    kind = "text/event-stream" if call == "stream" else "application/json"
    start = b'data: {"choices": [{"delta": {"content": "hi"}}]}\n\n' if call == "stream" and beginning else beginning

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={**FACTS, "content-type": kind}, stream=Broken(start, error))

    async def later(request: httpx.Request) -> httpx.Response:
        return answer(request)

    with pytest.raises(MultiApiError) as caught:
        if is_async:
            asyncio.run(_awaited(call, later))
        else:
            http = httpx.Client(transport=httpx.MockTransport(answer))
            CALLS[call](Client("aimlapi", api_key=KEY, http_client=http))
    found = caught.value
    assert (found.request_id, found.outcome_unknown) == ("req-77", True)
    assert found.cost is not None
    assert (str(found.cost.amount), found.cost.unit) == ("0.25", "USD")


async def _awaited(call: str, answer: Any) -> None:
    client: Any = AsyncClient(
        "aimlapi", api_key=KEY, http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer))
    )
    made = CALLS[call if call != "stream" else "chat"]
    if call == "stream":
        asked = ChatRequest(model="m", messages=[Message("user", "hi")])
        async for _ in client.chat_stream(asked):
            pass
    else:
        await made(client)


@pytest.mark.parametrize("call", ["chat", "embed", "image", "video"])
def test_an_answer_that_cannot_be_read_says_what_it_cost(call: str) -> None:
    said = {"meta": {"usage": {"credits_used": 200000, "usd_spent": 0.1}}, "request_id": "req-9"}
    http = httpx.Client(transport=httpx.MockTransport(body(**said, **{"choices" if call == "chat" else "data": []})))
    with pytest.raises(MultiApiError) as caught:
        CALLS[call](Client("aimlapi", api_key=KEY, http_client=http))
    assert caught.value.request_id == "req-9"
    assert caught.value.cost is not None
    assert str(caught.value.cost.amount) == "0.1"


def test_a_stream_that_ends_early_has_both() -> None:
    events = [
        {"choices": [{"delta": {"content": "hi"}}]},
        {"choices": [], "meta": {"usage": {"usd_spent": 0.5}}},
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    headers = {"content-type": "text/event-stream", "x-request-id": "req-5"}
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, text=text)))
    with pytest.raises(StreamInterruptedError) as caught:
        CALLS["stream"](Client("aimlapi", api_key=KEY, http_client=http))
    assert caught.value.request_id == "req-5"
    assert caught.value.cost is not None
    assert str(caught.value.cost.amount) == "0.5"
