"""Runs of assistants in named events: the whole loop, what breaks it, and what is said then."""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, Client, Limits
from multiapi.errors import (
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
    StreamInterruptedError,
    UnsupportedError,
    WithdrawnError,
)
from multiapi.http.exchange import HttpResponse
from multiapi.money.spending import track_spending
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi.legacy import ROUTES, STREAMED, decoder
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract
from multiapi.types.legacy import LegacyEvent, LegacyRequest
from multiapi.types.media import Media

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HEAD = HttpResponse(200, {"content-type": "text/event-stream"})
NAMES: frozenset[str] = frozenset(
    contract("aimlapi").document["components"]["schemas"]["AssistantStreamEvent"]["properties"]["event"]["enum"]
)


class World:
    """A simulator with an assistant and a thread."""

    def __init__(self, question: str = "hi", *, tools: bool = False) -> None:
        self.simulator = Simulator()
        self.address = self.simulator.base_url("aimlapi")
        self.http = httpx.Client(transport=self.simulator.transport)
        self.client = Client("aimlapi", api_key="any-key-1234", base_url=self.address, http_client=self.http)
        body = {"model": "gpt-4o-mini", "tools": [WEATHER] if tools else []}
        self.assistant = self.client.legacy("create_assistant", LegacyRequest(body=body))["id"]
        messages = [{"role": "user", "content": question}]
        self.thread = self.client.legacy("create_thread", LegacyRequest(body={"messages": messages}))["id"]
        self.ask = LegacyRequest(ids={"thread_id": self.thread}, body={"assistant_id": self.assistant})

    def runs(self) -> list[Any]:
        listed: list[Any] = self.client.legacy("list_runs", LegacyRequest(ids={"thread_id": self.thread}))["data"]
        return listed

    def broken(self, fault: str) -> tuple[list[LegacyEvent], MultiApiError]:
        """The events before an error, and the error."""
        self.simulator.faults.add(fault, vendor="aimlapi")
        come: list[LegacyEvent] = []
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            come.extend(self._each())  # extend keeps what came before it
        return self.seen, caught.value

    def _each(self) -> Iterator[LegacyEvent]:
        self.seen: list[LegacyEvent] = []
        for event in self.client.legacy_stream("create_run", self.ask):
            self.seen.append(event)
            yield event


def said(events: list[LegacyEvent]) -> str:
    return "".join(
        part["text"]["value"]
        for event in events
        if event.name == "thread.message.delta"
        for part in event.data["delta"]["content"]
    )


# ------------------------------------------------------------------------------------------------ the loop


def test_a_run_comes_in_events_that_end_with_done() -> None:
    world = World()
    events = list(world.client.legacy_stream("create_run", world.ask))
    assert events[0].name == "thread.run.created" and events[-1] == LegacyEvent("done", "[DONE]")
    assert {event.name for event in events} <= NAMES
    whole = world.client.legacy("list_thread_messages", LegacyRequest(ids={"thread_id": world.thread}))["data"][0]
    assert said(events) == whole["content"][0]["text"]["value"] != ""
    assert len(world.runs()) == 1


def test_a_thread_can_be_made_with_its_run() -> None:
    world = World()
    thread = {"messages": [{"role": "user", "content": "hi"}]}
    request = LegacyRequest(body={"assistant_id": world.assistant, "thread": thread})
    names = [name for name, _ in world.client.legacy_stream("create_thread_and_run", request)]
    assert names[:2] == ["thread.created", "thread.run.created"] and names[-2:] == ["thread.run.completed", "done"]


def test_a_run_that_waits_for_tools_goes_on_with_their_outputs() -> None:
    world = World("What is the weather in Oslo?", tools=True)
    events = list(world.client.legacy_stream("create_run", world.ask))
    run = events[-2].data
    assert [event.name for event in events[-2:]] == ["thread.run.requires_action", "done"]
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = [{"tool_call_id": call["id"], "output": "rain"}]
    request = LegacyRequest(ids={"thread_id": world.thread, "run_id": run["id"]}, body={"tool_outputs": outputs})
    more = list(world.client.legacy_stream("submit_tool_outputs", request))
    assert [event.name for event in more[-2:]] == ["thread.run.completed", "done"]
    assert "rain" in said(more)
    assert len(world.runs()) == 1


async def test_the_async_client_gives_the_same_names() -> None:
    world = World()
    http = httpx.AsyncClient(transport=world.simulator.async_transport)
    client = AsyncClient("aimlapi", api_key="any-key-1234", base_url=world.address, http_client=http)
    names = [event.name async for event in client.legacy_stream("create_run", world.ask)]
    other = World()
    assert names == [event.name for event in other.client.legacy_stream("create_run", other.ask)]


@pytest.mark.parametrize("framework", [ChatMultiApi, MultiApiLLM])
def test_the_models_of_both_frameworks_have_a_client_for_it(framework: Any) -> None:
    world = World()
    model = framework(
        model="aimlapi:gpt-4o-mini", api_key="any-key-1234", base_url=world.address, http_client=world.http
    )
    assert list(model.client.legacy_stream("create_run", world.ask))[-1].name == "done"
    assert model.async_client.provider is PROVIDERS["aimlapi"]


def test_it_is_counted_once_and_a_left_stream_is_counted_too() -> None:
    world = World()
    with track_spending() as spent:
        list(world.client.legacy_stream("create_run", world.ask))
    assert spent.calls == 1
    with track_spending() as spent:
        stream = world.client.legacy_stream("create_run", world.ask)
        next(stream)
        stream.close()
    assert spent.calls == 1


# ------------------------------------------------------------------------------------------------ what is refused unsent


@pytest.mark.parametrize("name", ROUTES)
def test_a_whole_response_is_not_asked_for_as_a_stream(name: str) -> None:
    world = World()
    sent = len(world.simulator.log)
    ids = {part: "1" for part in ("thread_id", "run_id", "assistant_id", "message_id", "step_id", "file_id", "vendor", "taskId", "id")
           if f"{{{part}}}" in ROUTES[name][1]}  # fmt: skip
    with pytest.raises(InvalidRequestError, match="'stream'") as caught:
        world.client.legacy(name, LegacyRequest(ids=ids, body={"stream": True}))
    assert ("legacy_stream" in str(caught.value)) is (name in STREAMED)
    assert len(world.simulator.log) == sent


def test_what_streams_no_events_says_what_does() -> None:
    world = World()
    with pytest.raises(UnsupportedError, match="create_run, create_thread_and_run and submit_tool_outputs"):
        next(world.client.legacy_stream("get_run", world.ask))
    with pytest.raises(UnsupportedError, match="aimlapi has"):
        next(Client("bineric", api_key="any-key-1234").legacy_stream("create_run", world.ask))


# ------------------------------------------------------------------------------------------------ what breaks


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("fault", ["cut", "end", "error", "malformed"])
def test_a_break_says_which_run_goes_on_and_what_had_come(fault: str, number: int) -> None:
    world = World()
    come, error = world.broken(f"{fault}={number}")
    kind = {
        "cut": StreamInterruptedError,
        "end": StreamInterruptedError,
        "error": ServerError,
        "malformed": ResponseFormatError,
    }
    assert isinstance(error, kind[fault] if number or fault != "end" else ResponseFormatError)
    assert len(come) == number
    assert tuple(come) == (error.partial or ())
    assert error.outcome_unknown
    assert error.job_id == (world.runs()[0]["id"] if number else None)
    assert len(world.runs()) == 1  # it is not sent again
    again = pickle.loads(pickle.dumps(error))
    assert (again.job_id, again.partial) == (error.job_id, error.partial)


def test_an_event_named_error_raises_whatever_its_form() -> None:
    for data in (
        b'{"message": "no", "code": "server_error"}',
        b'{"error": {"message": "no", "type": "server_error"}}',
        b"no",
    ):
        reader = decoder(HEAD, Limits())
        with pytest.raises(MultiApiError, match="no"):
            reader.feed(b"event: error\ndata: " + data + b"\n\n")


def test_a_break_of_handed_in_outputs_names_the_run_even_before_any_event() -> None:
    world = World("What is the weather in Oslo?", tools=True)
    run = list(world.client.legacy_stream("create_run", world.ask))[-2].data
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = [{"tool_call_id": call["id"], "output": "rain"}]
    request = LegacyRequest(ids={"thread_id": world.thread, "run_id": run["id"]}, body={"tool_outputs": outputs})
    for fault in ("cut=0", "drop", "status=500"):
        world.simulator.faults.add(fault, vendor="aimlapi")
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            list(world.client.legacy_stream("submit_tool_outputs", request))
        assert caught.value.job_id == run["id"]
        break  # the run has gone on


def test_without_the_closing_word_a_run_that_came_to_rest_is_whole() -> None:
    world = World()
    world.simulator.faults.add("no-done", vendor="aimlapi")
    assert list(world.client.legacy_stream("create_run", world.ask))[-1].name == "thread.run.completed"


def test_a_route_that_is_gone_says_so_and_an_unknown_thread_does_not() -> None:
    world = World()
    _, error = world.broken("status=404")
    assert isinstance(error, WithdrawnError)
    with pytest.raises(NotFoundError) as caught:
        next(
            world.client.legacy_stream(
                "create_run", LegacyRequest(ids={"thread_id": "thread_x"}, body={"assistant_id": "a"})
            )
        )
    assert type(caught.value) is NotFoundError


@pytest.mark.parametrize(
    ("message", "gone"), [("Cannot POST /threads/t/runs", True), ("Not found", True), ("no thread t", False)]
)
@pytest.mark.parametrize("streamed", [False, True])
def test_which_404_means_that_nothing_is_served(message: str, gone: bool, streamed: bool) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404, json={"message": message})))
    client = Client("aimlapi", api_key="any-key-1234", http_client=http)
    request = LegacyRequest(ids={"thread_id": "t"}, body={"assistant_id": "asst"})
    with pytest.raises(NotFoundError) as caught:
        list(client.legacy_stream("create_run", request)) if streamed else client.legacy("create_run", request)
    assert isinstance(caught.value, WithdrawnError) is gone


def test_closing_the_iterator_closes_the_connection() -> None:
    closed: list[bool] = []

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b'event: thread.run.created\ndata: {"id": "run_1", "object": "thread.run"}\n\n'

        def close(self) -> None:
            closed.append(True)

    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    stream = Client("aimlapi", api_key="any-key-1234", http_client=http).legacy_stream(
        "create_run", LegacyRequest(ids={"thread_id": "t"}, body={"assistant_id": "a"})
    )
    assert next(stream).data["id"] == "run_1"
    stream.close()
    assert closed


def test_a_run_that_comes_without_a_stream_is_one_event() -> None:
    reader = decoder(HttpResponse(200, {"content-type": "application/json"}), Limits())
    run = {"id": "run_1", "object": "thread.run", "status": "queued"}
    assert reader.feed(orjson.dumps(run)) == []
    assert reader.close() == [LegacyEvent("thread.run.queued", run)]
    for other in (b"{}", b"<html>", b"", b'{"object": "list"}'):
        reader = decoder(HttpResponse(200, {"content-type": "application/json"}), Limits())
        reader.feed(other)
        with pytest.raises(ResponseFormatError):
            reader.close()


def test_more_than_the_limits_is_refused() -> None:
    event = b'event: thread.run.created\ndata: {"id": "run_1", "object": "thread.run"}\n\n'
    for limits in (Limits(stream_bytes=100), Limits(stream_events=2), Limits(event_bytes=20)):
        reader = decoder(HEAD, limits)
        with pytest.raises(ResponseTooLargeError):
            for _ in range(5):
                reader.feed(event * 2 if limits.event_bytes != 20 else event[:-2])
            reader.close()


# ------------------------------------------------------------------------------------------------ any bytes, any chunks


def recorded() -> bytes:
    world = World("What is the weather in Oslo?", tools=True)
    path = f"/aimlapi/threads/{world.thread}/runs"
    body = {"assistant_id": world.assistant, "stream": True}
    headers = {"authorization": "Bearer any-key-1234"}
    return world.http.post(f"http://simulator{path}", json=body, headers=headers).content


RECORDED = recorded()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, len(RECORDED)), max_size=30), st.booleans())
def test_events_are_the_same_wherever_the_chunks_end(places: list[int], carriage: bool) -> None:
    text = RECORDED.replace(b"\n", b"\r\n") if carriage else RECORDED
    whole = decoder(HEAD, Limits())
    expected = [*whole.feed(RECORDED), *whole.close()]
    reader = decoder(HEAD, Limits())
    ends = sorted({0, *places, len(text)})
    come = [event for start, end in itertools.pairwise(ends) for event in reader.feed(text[start:end])]
    assert [*come, *reader.close()] == expected
    assert len(expected) == 8


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | st.lists(st.sampled_from([b"event: error\n", b"data: [DONE]\n", b"event: done\n", b"data: {}\n", b"\n", b"data: null\n", b"data: 1\n", b"event: ping\n", b'data: {"object": "thread.run"}\n']), max_size=8).map(b"".join))  # fmt: skip
def test_whatever_comes_is_events_or_one_of_our_errors(body: bytes) -> None:
    reader = decoder(HEAD, Limits())
    try:
        events = [*reader.feed(body), *reader.close()]
    except MultiApiError:
        return
    assert events and all(isinstance(event, LegacyEvent) for event in events)


def test_a_file_is_not_part_of_a_run() -> None:
    world = World()
    with pytest.raises(InvalidRequestError, match="takes no file"):
        next(world.client.legacy_stream("create_run", LegacyRequest(ids=world.ask.ids, file=Media.from_bytes(b"x"))))


def test_cancelling_the_task_ends_the_stream() -> None:
    async def main() -> None:
        world = World()
        http = httpx.AsyncClient(transport=world.simulator.async_transport)
        client = AsyncClient("aimlapi", api_key="any-key-1234", base_url=world.address, http_client=http)
        stream = client.legacy_stream("create_run", world.ask)
        assert (await anext(stream)).name == "thread.run.created"
        await stream.aclose()

    asyncio.run(main())
