"""One scheme for waiting: generators decide, a loop does what they ask for; what is opened is closed however a call ends."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import traceback
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi import AsyncClient, ChatRequest, Client
from multiapi.errors import MultiApiError
from multiapi.flows.driving import Either, Items, Steps, Work, adrive, adrive_stream, drive, drive_stream
from multiapi.sending.limiter import Limiter
from multiapi.types import Message
from tests.reliability.interrupts import PACKAGE, at_each_line

KEY = "sk-driven-0123456789abcdef"

# ------------------------------------------------------------------------------------------------ the loops


class Fault(Exception):
    """What a step fails with."""


def scripted(script: list[tuple[bool, bool]], seen: list[Any]) -> Steps[int]:
    """Steps that succeed or fail, and a generator that catches the failure or lets it out."""
    for number, (fails, catches) in enumerate(script):

        def act(number: int = number, fails: bool = fails) -> int:
            if fails:
                raise Fault(number)
            return number

        async def aact(act: Callable[[], int] = act) -> int:
            await asyncio.sleep(0)
            return act()

        try:
            seen.append((yield Either(act, aact)))
        except Fault as error:
            seen.append(("failed", error.args))
            if not catches:
                raise
        finally:
            seen.append((yield Work(lambda number=number: ("closed", number))))  # type: ignore[misc]
    return len(script)


def ended(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Fault as error:
        return error.args


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=6))
def test_both_loops_do_the_same(script: list[tuple[bool, bool]]) -> None:
    at_once: list[Any] = []
    awaited: list[Any] = []
    assert ended(lambda: drive(scripted(script, at_once))) == ended(
        lambda: asyncio.run(adrive(scripted(script, awaited)))
    )
    assert at_once == awaited


def test_a_failure_of_the_generator_has_no_step_as_its_context() -> None:
    def steps() -> Steps[None]:
        try:
            yield Work(lambda: {}["secret"])
        except KeyError:
            failure = Fault("clean")
        raise failure

    with pytest.raises(Fault) as caught:
        drive(steps())
    assert caught.value.__context__ is None
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        if frame.f_code is drive.__code__:
            assert [frame.f_locals[name] for name in ("step", "outcome", "failure")] == [None, None, None]


def test_a_step_that_raises_stop_iteration_does_not_end_the_steps() -> None:
    def steps() -> Steps[str]:
        try:
            yield Work(lambda: next(iter(())))
        except StopIteration:
            return "caught"
        return "ended"

    assert drive(steps()) == "caught"


def counted(closed: list[str]) -> Steps[None]:
    try:
        for number in range(5):
            yield Items([number, -number])
    finally:
        yield Work(lambda: closed.append("closed"))


@pytest.mark.parametrize("left_after", range(11))
def test_a_stream_that_is_left_closes_what_it_opened(left_after: int) -> None:
    closed: list[str] = []
    stream = drive_stream(counted(closed))
    got = [item for _, item in zip(range(left_after), stream, strict=False)]
    stream.close()
    assert len(got) == min(left_after, 10)
    assert closed == (["closed"] if left_after else [])

    async def in_a_loop() -> None:
        closed.clear()
        astream = adrive_stream(counted(closed))
        for _ in range(left_after):
            await anext(astream, None)
        await astream.aclose()
        assert closed == (["closed"] if left_after else [])

    asyncio.run(in_a_loop())


# ------------------------------------------------------------------------------------------------ calls and streams

REPLY = json.dumps({"id": "1", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}).encode()
EVENTS = [
    b'data: {"id":"1","choices":[{"delta":{"content":"hel"}}]}\n\n',
    b'data: {"id":"1","choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
]


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that says whether it was closed."""

    def __init__(self, chunks: list[bytes | BaseException]) -> None:
        self.chunks = chunks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(0)
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers a chat or a stream, and knows which bodies are open."""

    def __init__(self, chunks: list[bytes | BaseException] | None = None) -> None:
        self.chunks = chunks
        self.headers: dict[str, str] = {}
        self.bodies: list[weakref.ref[Body]] = []
        self.latest: Body | None = None

    @property
    def left_open(self) -> int:
        return sum(1 for body in self.bodies if (held := body()) is not None and not held.closed)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_stream = json.loads(request.read()).get("stream")
        chunks: list[bytes | BaseException] = self.chunks or ([*EVENTS] if is_stream else [REPLY])
        body = Body(chunks)
        self.bodies.append(weakref.ref(body))
        kind = "text/event-stream" if is_stream else "application/json"
        self.latest = body
        return httpx.Response(200, headers={"content-type": kind, **self.headers}, stream=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return self.handle_request(request)


REQUEST = ChatRequest(model="m", messages=[Message("user", "hello")])


def blocking(wire: Wire, limiter: Limiter) -> Client:
    return Client("aicredits", api_key=KEY, http_client=httpx.Client(transport=wire), limiter=limiter, max_retries=0)


def awaiting(wire: Wire, limiter: Limiter) -> AsyncClient:
    return AsyncClient(
        "aicredits", api_key=KEY, http_client=httpx.AsyncClient(transport=wire), limiter=limiter, max_retries=0
    )


@pytest.fixture
def small_heap() -> None:
    """The collector need not look at all that the tests have loaded."""
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize("within", ["sending/runner", "flows/", "sending/primitives"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_leaves_nothing_open(streamed: bool, within: str) -> None:
    wire, limiter = Wire(), Limiter(max_concurrency=1)
    client = blocking(wire, limiter)

    def call() -> None:
        if streamed:
            assert "".join(delta.text for delta in client.chat_stream(REQUEST)) == "hello"
        else:
            assert client.chat(REQUEST).text == "hello"

    call()
    lines = 0
    for lines in at_each_line(call, within=PACKAGE + within.replace("/", os.sep)):  # noqa: B007
        wire.latest = None
        gc.collect()  # where it strikes between two names
        assert (limiter.running, wire.left_open) == (0, 0)
    assert lines > 10


async def cancelled_after(client: AsyncClient, switches: int, *, streamed: bool) -> bool:
    """Whether a call was still on its way when it was cancelled, after so many switches of the loop."""

    async def call() -> None:
        if streamed:
            async with aclosing(client.chat_stream(REQUEST)) as deltas:
                async for _ in deltas:
                    await asyncio.sleep(0)
        else:
            await client.chat(REQUEST)

    task = asyncio.ensure_future(call())
    for _ in range(switches):
        await asyncio.sleep(0)
    if task.done():
        await task
        return False
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return True


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_cancellation_at_any_await_leaves_nothing_open(streamed: bool) -> None:
    async def main() -> int:
        wire, limiter = Wire(), Limiter(max_concurrency=1)
        client, switches = awaiting(wire, limiter), 0
        while await cancelled_after(client, switches, streamed=streamed):
            wire.latest = None
            gc.collect()
            assert (limiter.running, wire.left_open) == (0, 0), switches
            switches += 1
        assert (limiter.running, wire.left_open) == (0, 0)
        return switches

    assert asyncio.run(main()) >= 3


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("headers", [{"content-length": "9" * 12}, {"content-encoding": "unheard-of"}])
def test_an_answer_that_its_head_refuses_is_closed(headers: dict[str, str], *, streamed: bool) -> None:
    wire, limiter = Wire(), Limiter(max_concurrency=1)
    wire.headers = headers
    call = blocking(wire, limiter).chat_stream if streamed else blocking(wire, limiter).chat
    if streamed and "content-length" in headers:
        wire.chunks = [EVENTS[0]]  # it breaks off
    with pytest.raises(MultiApiError):
        list(call(REQUEST))  # type: ignore[call-overload]
    assert wire.latest is not None
    assert wire.latest.closed
    assert limiter.running == 0


@pytest.mark.parametrize("deltas", [1, 2])
def test_a_stream_that_is_dropped_gives_its_turn_back(deltas: int) -> None:
    wire, limiter = Wire(), Limiter(max_concurrency=1)
    stream = blocking(wire, limiter).chat_stream(REQUEST)
    for _ in range(deltas):
        next(stream)
    assert limiter.running == 1
    del stream
    assert (limiter.running, wire.left_open) == (0, 0)


def frames_of(error: BaseException) -> list[Any]:
    found: list[Any] = []
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        found += [frame for frame, _ in traceback.walk_tb(each.__traceback__)]
        waiting += [each.__cause__, each.__context__]
    return found


@pytest.mark.parametrize("chunks", [[httpx.ReadError("broken")], [EVENTS[0], httpx.ReadError("broken")]])
@pytest.mark.parametrize("streamed", [False, True])
def test_no_frame_of_an_error_holds_a_request_with_the_key(
    chunks: list[bytes | BaseException], *, streamed: bool
) -> None:
    wire, limiter = Wire(chunks), Limiter(max_concurrency=1)

    def at_once() -> Any:
        client = blocking(wire, limiter)
        return list(client.chat_stream(REQUEST)) if streamed else client.chat(REQUEST)

    async def awaited() -> Any:
        client = awaiting(wire, limiter)
        return [delta async for delta in client.chat_stream(REQUEST)] if streamed else await client.chat(REQUEST)

    for call in (at_once, lambda: asyncio.run(awaited())):
        with pytest.raises(MultiApiError) as caught:
            call()
        for frame in frames_of(caught.value):
            if frame.f_code.co_filename.startswith(PACKAGE):
                held = [
                    value for value in frame.f_locals.values() if isinstance(value, (httpx.Request, httpx.Response))
                ]
                held += [step for value in frame.f_locals.values() if (step := getattr(value, "sent", None))]
                assert not held, frame.f_code.co_qualname
        assert (limiter.running, wire.left_open) == (0, 0)
