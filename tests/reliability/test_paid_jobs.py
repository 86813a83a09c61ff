"""Jobs that are paid for: whatever ends the wait has the id, a job that the vendor does not know yet is waited for, and a failed one says
all that it knows."""

from __future__ import annotations

import asyncio
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import InvalidRequestError, JobFailedError, MultiApiError, NotFoundError
from multiapi.flows.jobs import MAX_MISSES, NOT_YET_S
from multiapi.sending.waiting import Waiting, set_waiting, without_waiting
from multiapi.simulator import Clock, Simulator
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.jobs import Job
from multiapi.types.media_requests import MusicRequest, TranscriptionRequest, VideoRequest
from multiapi.types.usage import Cost

KEY = "any-key-1234"
JOBS: dict[str, tuple[str, str, Any, str]] = {
    "binobox video": ("binobox", "video", VideoRequest(model="veo-3-lite-generate", prompt="x"), "video"),
    "aimlapi video": ("aimlapi", "video", VideoRequest(model="alibaba/wan-2-6-t2v", prompt="x"), "video"),
    "aimlapi music": ("aimlapi", "music", MusicRequest(model="google/lyria2", prompt="x"), "music"),
    "aimlapi transcript": (
        "aimlapi",
        "transcribe",
        TranscriptionRequest(model="openai/gpt-4o-transcribe", audio="https://example.com/a.mp3"),
        "transcription",
    ),
}
every_job = pytest.mark.parametrize("name", list(JOBS))
QUEUED = {"id": "job-42", "generation_id": "job-42", "status": "queued"}
DONE = {
    **QUEUED,
    "status": "completed",
    "video": {"url": "https://cdn.example.com/v.mp4"},
    "audio_file": {"url": "https://cdn.example.com/a.mp3"},
    "result": {"text": "said"},
    "output": {"signed_url": "https://cdn.example.com/v.mp4", "mime_type": "video/mp4"},
}
GONE = httpx.Response(404, json={"status": 404, "message": "Inference not found"})


class Vendor:
    """Takes one order, and answers questions about it in turn; the last answer is for all that follow."""

    def __init__(self, *polls: Any, start: Any = QUEUED) -> None:
        self.answers = [start, *polls]
        self.starts = self.polls = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.starts += 1
            said = self.answers[0]
        else:
            self.polls += 1
            said = self.answers[min(self.polls, len(self.answers) - 1)]
        if isinstance(said, httpx.Response):
            return httpx.Response(said.status_code, headers=said.headers, content=said.content)
        return httpx.Response(200, json=said)

    def client(self, vendor: str) -> Client:
        return Client(vendor, api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(self)))

    def later(self, vendor: str) -> AsyncClient:
        return AsyncClient(vendor, api_key=KEY, http_client=httpx.AsyncClient(transport=httpx.MockTransport(self)))


def has_id(error: BaseException | None) -> bool:
    """Whether the id is on an exception, in its notes, or on what caused it."""
    while error is not None:
        if "job-42" in "".join(traceback.format_exception_only(error)) and getattr(error, "job_id", "") == "job-42":
            return True
        error = error.__cause__ or error.__context__
    return False


# ------------------------------------------------------------------------------------------------ what ends a wait


class Mistake(Exception):
    pass


def mistaken(_: Any) -> None:
    raise Mistake("in the caller's function")


@every_job
@pytest.mark.parametrize("waits_on", [False, True])
def test_a_mistake_in_on_progress(name: str, waits_on: bool) -> None:
    vendor, method, request, kind = JOBS[name]
    with without_waiting(), pytest.raises(Mistake) as caught:
        client = Vendor(QUEUED).client(vendor)
        if waits_on:
            client.wait("job-42", kind=kind, on_progress=mistaken)  # type: ignore[arg-type]
        else:
            getattr(client, method)(request, on_progress=mistaken)
    assert has_id(caught.value)


class Interrupted(Waiting):
    """Somebody presses Ctrl-C, or a task is cancelled, while a job is waited for."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def sleep(self, seconds: float) -> None:
        raise self.error

    async def asleep(self, seconds: float) -> None:
        raise self.error


@pytest.fixture
def interrupted(request: pytest.FixtureRequest) -> Any:
    def by(error: type[BaseException]) -> None:
        set_waiting(Interrupted(error))
        request.addfinalizer(lambda: set_waiting(Waiting()))

    return by


@every_job
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_ctrl_c_and_its_like(name: str, error: type[BaseException], interrupted: Any) -> None:
    vendor, method, request, _ = JOBS[name]
    interrupted(error)
    with pytest.raises(error) as caught:
        getattr(Vendor(QUEUED).client(vendor), method)(request)
    assert has_id(caught.value)
    with pytest.raises(error) as caught:
        asyncio.run(getattr(Vendor(QUEUED).later(vendor), method)(request))
    assert has_id(caught.value)


@every_job
async def test_cancelled_and_out_of_the_callers_time(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor, method, asked, _ = JOBS[name]

    class Endless(Waiting):
        async def asleep(self, seconds: float) -> None:
            waits.set()
            await asyncio.Event().wait()

    waits = asyncio.Event()
    set_waiting(Endless())
    request.addfinalizer(lambda: set_waiting(Waiting()))
    task = asyncio.create_task(getattr(Vendor(QUEUED).later(vendor), method)(asked))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    assert has_id(cancelled.value)
    for limited in (with_wait_for, with_timeout):
        waits.clear()
        running = asyncio.create_task(limited(getattr(Vendor(QUEUED).later(vendor), method)(asked)))
        await waits.wait()
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda now=now: now() + 7200.0)
        with pytest.raises(TimeoutError) as late:
            await running
        monkeypatch.undo()
        assert has_id(late.value)


async def with_wait_for(call: Any) -> None:
    await asyncio.wait_for(call, 3600.0)


async def with_timeout(call: Any) -> None:
    async with asyncio.timeout(3600.0):
        await call


@every_job
def test_an_interrupted_start_says_that_there_may_be_a_job(name: str) -> None:
    vendor, method, request, _ = JOBS[name]

    def answer(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    client = Client(vendor, api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    with pytest.raises(KeyboardInterrupt) as caught:
        getattr(client, method)(request)
    assert "may have started a job" in "".join(caught.value.__notes__)


# ------------------------------------------------------------------------------------------------ not yet


@every_job
@pytest.mark.parametrize(
    "polls",
    [
        (GONE, DONE),
        (GONE, GONE, GONE, DONE),
        (*[GONE] * 7, DONE),
        (GONE, QUEUED, GONE, DONE),
        (httpx.Response(524, text="<html>A timeout occurred</html>"), DONE),
        (httpx.Response(502, text="<html>Bad gateway</html>"), GONE, DONE),
    ],
)
def test_a_job_that_is_not_known_yet_is_waited_for(name: str, polls: tuple[Any, ...]) -> None:
    vendor, method, request, _ = JOBS[name]
    server = Vendor(*polls)
    with without_waiting():
        assert getattr(server.client(vendor), method)(request) is not None
    assert (server.starts, server.polls) == (1, len(polls))


@every_job
def test_a_job_that_is_never_known_ends_the_wait(name: str) -> None:
    vendor, method, request, _ = JOBS[name]
    server = Vendor(GONE)
    with without_waiting() as waits, pytest.raises(NotFoundError) as caught:
        getattr(server.client(vendor), method)(request, timeout_s=1000.0)
    assert caught.value.job_id == "job-42"
    within = sum(sum(waits[:count]) <= NOT_YET_S for count in range(1, len(waits) + 1))
    assert server.polls == within + MAX_MISSES + 1
    server = Vendor(GONE)
    with without_waiting() as waits, pytest.raises(MultiApiError) as late:
        getattr(server.client(vendor), method)(request, timeout_s=20.0)
    assert (late.value.job_id, sum(waits)) == ("job-42", 20.0)


@every_job
def test_an_unknown_id_is_unknown_at_once(name: str) -> None:
    vendor, _, _, kind = JOBS[name]
    for known in ("job-42", Job(id="job-42", provider=vendor, kind=kind)):  # type: ignore[arg-type]
        for ask in ("wait", "job"):
            server = Vendor(GONE)
            with without_waiting(), pytest.raises(NotFoundError) as caught:
                getattr(server.client(vendor), ask)(known, kind=kind)
            assert (caught.value.job_id, server.polls) == ("job-42", 1)


@every_job
def test_single_looks_know_it_too(name: str) -> None:
    vendor, _, _, kind = JOBS[name]
    seen = Job(id="job-42", provider=vendor, kind=kind, status="queued")  # type: ignore[arg-type]
    client = Vendor(GONE).client(vendor)
    for _ in range(MAX_MISSES):
        seen = client.job(seen)
        assert (seen.state, seen.status) == ("pending", "queued")
    with pytest.raises(NotFoundError) as caught:
        client.job(seen)
    assert caught.value.job_id == "job-42"
    client = Vendor(GONE, GONE, QUEUED, GONE, DONE).client(vendor)
    for _ in range(5):  # a look that finds it starts the count again
        seen = client.job(Job(id="job-42", provider=vendor, kind=kind, status="queued") if seen.misses == 3 else seen)  # type: ignore[arg-type]
    assert seen.state == "completed"


def test_batches_too() -> None:
    batch = {"id": "job-42", "processing_status": "in_progress", "status": "in_progress"}
    request = BatchRequest(requests={"a": ChatRequest(model="m", messages=[Message("user", "x")])})
    client = Vendor(GONE, start=batch).client("aimlapi")
    made = client.create_batch(request)
    for _ in range(9):
        assert client.batch(made).state == "pending"  # it is new
    old = made.__replace__(created_s=None) if hasattr(made, "__replace__") else pickle.loads(pickle.dumps(made))
    object.__setattr__(old, "created_s", None)
    for _ in range(MAX_MISSES):
        old = client.batch(old)
    for known in (old, "job-42"):
        with pytest.raises(NotFoundError) as caught:
            client.batch(known)
        assert caught.value.job_id == "job-42"


@pytest.mark.parametrize("vendor", ["binobox", "aimlapi"])
def test_the_simulator_does_not_know_a_job_yet(vendor: str) -> None:
    simulator = Simulator(clock=Clock(1_800_000_000.0))
    client = Client(
        vendor,
        api_key=KEY,
        base_url=simulator.base_url(vendor),
        http_client=httpx.Client(transport=simulator.transport),
    )
    request = next(request for of, _, request, kind in JOBS.values() if (of, kind) == (vendor, "video"))
    simulator.faults.add("poll=missing:2", vendor=vendor, times=1)
    job = client.start_video(request)
    simulator.clock.advance(30)
    states = [client.job(job).state for _ in range(3)]
    assert states == ["pending", "pending", "completed"]
    simulator.faults.add("poll=missing", vendor=vendor, times=1)
    stranger = Job(id=job.id, provider=vendor)
    with pytest.raises(NotFoundError):
        client.job(stranger)
    with pytest.raises(ValueError, match="poll"):
        simulator.faults.add("poll=gone")


# ------------------------------------------------------------------------------------------------ failed


def on_simulator(simulator: Simulator, vendor: str) -> Client:
    http = httpx.Client(transport=simulator.transport)
    return Client(vendor, api_key=KEY, base_url=simulator.base_url(vendor), http_client=http)


@every_job
@pytest.mark.parametrize("fault", ["fail", "cancel", "refund"])
def test_a_failed_job_is_on_its_error(name: str, fault: str) -> None:
    vendor, method, request, kind = JOBS[name]
    simulator = Simulator(clock=Clock(1_800_000_000.0))
    simulator.faults.add(f"job={fault}", vendor=vendor)
    client = on_simulator(simulator, vendor)
    if method == "transcribe":
        request = TranscriptionRequest(model=request.model, audio="https://example.com/a.mp3")
    job = getattr(client, f"start_{kind}")(request)
    simulator.clock.advance(30)
    for ask in (client.job, client.wait):
        with without_waiting(), pytest.raises(JobFailedError) as caught:
            ask(job)
        error = caught.value
        known = error.partial
        assert isinstance(known, Job)
        assert (known.id, known.state, error.job_id, error.attempts) == (job.id, "failed", job.id, 1)
        assert pickle.loads(pickle.dumps(error)).partial == known
        if vendor == "binobox":
            assert (known.vendor_type, known.made_by) == ("video", "google")
            assert known.estimated_cost is not None
            assert known.created and known.finished
            assert error.code == {"cancel": "cancelled"}.get(fault, "GENERATION_FAILED")
            assert (known.refunded is not None) is (fault == "refund")
            if fault == "refund":
                assert known.refunded == known.cost == Cost(known.estimated_cost.amount, "diamonds")
                assert error.cost == Cost(known.cost.amount * 0, "diamonds")  # type: ignore[union-attr]
                assert "came back" in str(error)
        elif kind != "transcription":
            assert error.code == "GenerationError"


@pytest.mark.parametrize("word", ["500", 500, None, {}, ""])
def test_a_word_that_is_none_leaves_the_state(word: Any) -> None:
    for vendor in ("binobox", "aimlapi"):
        failed = {**QUEUED, "status": "failed", "error": {"message": "no", "code": word}}
        with without_waiting(), pytest.raises(JobFailedError) as caught:
            Vendor(failed).client(vendor).wait("job-42")
        assert caught.value.code == "failed"


# ------------------------------------------------------------------------------------------------ how often is asked


@every_job
def test_how_often_is_asked_can_be_said(name: str) -> None:
    vendor, method, request, _ = JOBS[name]
    server = Vendor(*[QUEUED] * 4, DONE)
    with without_waiting() as waits:
        getattr(server.client(vendor), method)(request, poll_every=0.5)
    assert waits == [0.5] * 5
    told: list[float] = []

    def every(elapsed_s: float) -> float:
        told.append(elapsed_s)
        return 1.0 + elapsed_s

    server = Vendor(*[QUEUED] * 3, DONE)
    with without_waiting() as waits:
        asyncio.run(getattr(server.later(vendor), method)(request, poll_every=every))
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert len(told) == 4


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "2", True, [1]])
def test_what_is_no_time_is_refused_before_anything_is_ordered(value: Any) -> None:
    for vendor, method, request, _ in JOBS.values():
        server = Vendor(DONE)
        with pytest.raises(InvalidRequestError, match="poll_every"):
            getattr(server.client(vendor), method)(request, poll_every=value)
        assert (server.starts, server.polls) == (0, 0)
        with without_waiting(), pytest.raises(InvalidRequestError, match="poll_every") as caught:
            getattr(server.client(vendor), method)(request, poll_every=lambda _: value)
        assert caught.value.job_id == "job-42"


def tools_of(kind: str, vendor: str, **settings: Any) -> Callable[[dict[str, Any]], Any]:
    if kind == "langchain":
        from langchain_multiapi import MultiApiToolkit

        (tool,) = MultiApiToolkit(provider=vendor, api_key=KEY, include=["generate_music"], **settings).get_tools()
        return tool.invoke
    from llamaindex_multiapi import MultiApiToolSpec

    (other,) = MultiApiToolSpec(vendor, api_key=KEY, include=["generate_music"], **settings).to_tool_list()
    return lambda arguments: other.call(**arguments)


@pytest.mark.parametrize("kind", ["langchain", "llamaindex"])
def test_tools_ask_as_often_as_they_are_told(kind: str, tmp_path: Any) -> None:
    server = Vendor(*[QUEUED] * 4, {**QUEUED, "status": "failed", "error": "no"})
    http = httpx.Client(transport=httpx.MockTransport(server))
    tool = tools_of(kind, "aimlapi", http_client=http, output_dir=tmp_path, poll_every=0.25)
    with without_waiting() as waits:
        try:
            tool({"prompt": "calm"})
        except MultiApiError as error:
            assert error.job_id == "job-42"
    assert waits == [0.25] * 5
    assert json.dumps(waits)
