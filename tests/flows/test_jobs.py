"""Jobs: started once, asked about at growing distances, and never lost: every error has the id."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from multiapi import Client
from multiapi.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    MultiApiError,
    NotFoundError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
)
from multiapi.flows.jobs import wait
from multiapi.flows.steps import Policy, Target, Wait
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.negotiation.plan import Refusals
from multiapi.providers import PROVIDERS
from multiapi.simulator import Clock, Simulator
from multiapi.types.jobs import Job, Progress
from multiapi.types.media_requests import MusicRequest, TranscriptionRequest, VideoRequest
from tests.conftest import KEY

pytestmark = pytest.mark.usefixtures("waits")

VIDEO = VideoRequest(model="veo-3-lite-generate", prompt="a cat", duration_s=4)
FILM = {"video": {"url": "https://cdn.aimlapi.com/v.mp4"}}


def target(vendor: str) -> Target:
    provider = PROVIDERS[vendor]
    return Target(provider, provider.base_url, Policy(), Refusals())


def answer(code: int = 200, headers: dict[str, str] | None = None, /, **body: Any) -> HttpResponse:
    return HttpResponse(code, {"content-type": "application/json", **(headers or {})}, json.dumps(body).encode())


def binobox(state: str, **facts: Any) -> HttpResponse:
    return answer(object="job", id="job-1", status=state, model="veo", **facts)


OUTPUT = {"signed_url": "https://api.binobox.ir/v.mp4?e=1&s=2", "mime_type": "video/mp4", "size_bytes": 9}

# ------------------------------------------------------------------------------------------------ played by hand


class Play:
    """A flow of `wait`, played by hand: answers go in, waits and requests come out. The clock moves with the waits."""

    def __init__(self, job: Job, vendor: str = "binobox", **options: Any) -> None:
        self.flow = wait(target(vendor), job, **options)
        self.now = 100.0
        self.waits: list[float] = []
        self.asked: list[HttpRequest] = []
        assert next(self.flow).seconds == 0.0
        self.value: Any = self.now

    def until_asked(self) -> HttpRequest:
        """The next request; waits on the way are noted."""
        step = self.flow.throw(self.value) if isinstance(self.value, MultiApiError) else self.flow.send(self.value)
        while isinstance(step, Wait):
            self.waits += [step.seconds] if step.seconds else []
            self.now += step.seconds
            step = self.flow.send(self.now)
        assert isinstance(step, HttpRequest)
        self.asked.append(step)
        return step

    def give(self, response: HttpResponse | MultiApiError, took_s: float = 0.0) -> None:
        """Answer the request that is open."""
        self.now += took_s
        self.value = response

    def end(self) -> Job:
        """The job that the flow ends with."""
        with pytest.raises(StopIteration) as ended:
            self.until_asked()
        return ended.value.value


STARTED = Job(id="job-1", provider="binobox", model="veo", status="pending")


def test_it_asks_after_2_s_and_then_at_growing_distances_up_to_15_s() -> None:
    play = Play(STARTED)
    for state in ["pending", "processing", "نامشخص", "queued", "pending", "active", "pending"]:
        assert play.until_asked().target() == "/jobs/job-1"
        play.give(binobox(state))
    play.until_asked()
    play.give(binobox("completed", output=OUTPUT, charged_cost_diamonds=800))
    job = play.end()
    assert play.waits == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0, 15.0]
    assert (job.state, job.media[0].url, str(job.cost.amount)) == ("completed", OUTPUT["signed_url"], "800")


def test_a_job_that_nobody_has_looked_at_is_asked_about_at_once() -> None:
    play = Play(Job(id="job-1", provider="binobox"))
    play.until_asked()
    assert play.waits == []


def test_a_job_that_has_ended_is_not_asked_about() -> None:
    done = Job(id="job-1", provider="binobox", status="completed", state="completed", media=(_media(),))
    play = Play(done)
    assert play.end() == done
    assert play.asked == []


def _media() -> Any:
    from multiapi.types.media import Media

    return Media(url="https://api.binobox.ir/v.mp4", mime_type="video/mp4")


def test_progress_is_told_after_each_look() -> None:
    told: list[Progress] = []
    play = Play(STARTED, on_progress=told.append)
    for state, took in (("pending", 1.0), ("processing", 0.0)):
        play.until_asked()
        play.give(binobox(state), took_s=took)
    play.until_asked()
    play.give(binobox("completed", output=OUTPUT))
    play.end()
    assert [(each.job.status, each.elapsed_s) for each in told] == [
        ("pending", 2.0),
        ("processing", 6.0),
        ("completed", 10.5),
    ]


def test_in_time_or_an_error_with_the_id() -> None:
    play = Play(STARTED, timeout_s=10.0)
    for _ in range(4):
        play.until_asked()
        play.give(binobox("processing"))
    with pytest.raises(JobTimeoutError) as raised:
        play.until_asked()
    assert play.waits == [2.0, 3.0, 4.5, 0.5]
    assert (raised.value.job_id, raised.value.partial.status) == ("job-1", "processing")
    assert "goes on" in str(raised.value) and "job-1" in str(raised.value)
    assert pickle.loads(pickle.dumps(raised.value)).job_id == "job-1"


def test_a_slow_answer_counts_towards_the_time() -> None:
    play = Play(STARTED, timeout_s=60.0)
    play.until_asked()
    play.give(binobox("processing"), took_s=70.0)
    play.until_asked()
    play.give(binobox("processing"))
    with pytest.raises(JobTimeoutError):
        play.until_asked()


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [
        (answer(429, {"retry-after": "7"}, error={"message": "slow"}), 7.0),
        (answer(429, error={"message": "slow"}), 5.0),
        (answer(503, {"retry-after": "9"}, error={"message": "busy"}), 9.0),
        (answer(500, error={"message": "oops"}), 3.0),
        (HttpResponse(502, {"content-type": "text/html"}, b"<html>Bad gateway</html>"), 3.0),
        (HttpResponse(200, {"content-type": "text/html"}, b"<html>Please log in</html>"), 3.0),
        (HttpResponse(200, {}, b'{"id": "job-1", "sta'), 3.0),
        (answer(id="job-1"), 3.0),
        (answer(408, error={"message": "late"}), 3.0),
        (answer(404, error={"message": "Job not found"}), 3.0),
        (ConnectionFailedError("reset", provider="binobox"), 3.0),
    ],
)
def test_trouble_while_asking_is_survived(trouble: Any, pause: float) -> None:
    play = Play(STARTED)
    play.until_asked()
    play.give(trouble)
    play.until_asked()
    assert play.waits == [2.0, pause]
    play.give(binobox("completed", output=OUTPUT))
    assert play.end().state == "completed"


@pytest.mark.parametrize(
    ("trouble", "kind", "asked"),
    [
        (answer(500, error={"message": "oops"}), ServerError, 5),
        (answer(429, error={"message": "slow"}), RateLimitError, 5),
        (HttpResponse(200, {}, b"[]"), ResponseFormatError, 5),
        (answer(id="job-1"), ResponseFormatError, 5),
        (ConnectionFailedError("reset", provider="binobox"), ConnectionFailedError, 5),
        (answer(404, error={"message": "Job not found"}), NotFoundError, 4),
        (answer(401, error={"message": "no", "code": "UNAUTHORIZED"}), AuthenticationError, 1),
        (
            answer(402, error={"message": "no", "code": "INSUFFICIENT_DIAMONDS", "required": 800, "balance": 1}),
            InsufficientCreditsError,
            1,
        ),
        (answer(400, error={"message": "no"}), InvalidRequestError, 1),
        (binobox("pending")._replace(body=b'{"id": "job-2", "status": "completed"}'), ResponseFormatError, 1),
    ],
)
def test_lasting_trouble_ends_with_an_error_that_has_the_id(
    trouble: Any, kind: type[MultiApiError], asked: int
) -> None:
    play = Play(STARTED)
    with pytest.raises(kind) as raised:
        while True:
            play.until_asked()
            play.give(trouble)
    assert len(play.asked) == asked
    assert raised.value.job_id == "job-1"


def test_a_retry_after_beyond_the_time_that_is_left_is_not_waited_for() -> None:
    play = Play(STARTED, timeout_s=60.0)
    play.until_asked()
    play.give(answer(429, {"retry-after": "86400"}, error={"message": "slow"}))
    with pytest.raises(JobTimeoutError) as raised:
        play.until_asked()
    assert (raised.value.job_id, raised.value.retry_after_s, play.waits) == ("job-1", 86400.0, [2.0])


@pytest.mark.parametrize("reason", [{"message": "refused by a filter"}, "refused by a filter"])
@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_failed_says_why(state: str, reason: Any) -> None:
    play = Play(STARTED)
    play.until_asked()
    play.give(binobox(state, error=reason))
    with pytest.raises(JobFailedError, match="refused by a filter") as raised:
        play.until_asked()
    assert (raised.value.job_id, raised.value.code, len(play.asked)) == ("job-1", state, 1)


def test_a_job_that_failed_without_a_reason_says_so() -> None:
    play = Play(STARTED)
    play.until_asked()
    play.give(binobox("failed", error=None, output=None))
    with pytest.raises(JobFailedError, match="no reason was given"):
        play.until_asked()


@pytest.mark.parametrize(
    "output", [None, {}, "a film", {"signed_url": ""}, {"signed_url": None, "mime_type": "video/mp4"}, []]
)
def test_completed_without_a_film_is_an_error_with_the_id(output: Any) -> None:
    play = Play(STARTED)
    play.until_asked()
    play.give(binobox("completed", output=output))
    with pytest.raises(ResponseFormatError) as raised:
        play.until_asked()
    assert raised.value.job_id == "job-1"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://169.254.169.254/x", 17, "data:video/mp4;base64,AA==", "https://localhost/v"]
)
def test_an_address_that_leads_home_is_refused_with_the_id(url: Any) -> None:
    play = Play(STARTED)
    play.until_asked()
    play.give(binobox("completed", output={"signed_url": url, "mime_type": "video/mp4"}))
    with pytest.raises(ResponseFormatError, match="refused") as raised:
        play.until_asked()
    assert raised.value.job_id == "job-1"


@pytest.mark.parametrize(
    ("vendor", "kind", "id", "target"),
    [
        ("binobox", "video", "job-1", "/jobs/job-1"),
        ("binobox", "video", "../usage", "/jobs/..%2Fusage"),
        ("binobox", "video", "a b?c#d", "/jobs/a%20b%3Fc%23d"),
        ("binobox", "video", "@evil.example/x", "/jobs/%40evil.example%2Fx"),
        (
            "aimlapi",
            "video",
            "5246:google/veo-3.1-t2v",
            "/v2/video/generations?generation_id=5246%3Agoogle%2Fveo-3.1-t2v",
        ),
        ("aimlapi", "music", "60ac:minimax/music-2.0", "/v2/generate/audio?generation_id=60ac%3Aminimax%2Fmusic-2.0"),
        ("aimlapi", "transcription", "../billing", "/v1/stt/..%2Fbilling"),
        ("aimlapi", "video", "x&generation_id=y", "/v2/video/generations?generation_id=x%26generation_id%3Dy"),
    ],
)
def test_an_id_is_one_value_and_leads_nowhere_else(vendor: str, kind: Any, id: str, target: str) -> None:
    play = Play(Job(id=id, provider=vendor, kind=kind), vendor)
    assert play.until_asked().target() == target


@pytest.mark.parametrize("id", ["..", "."])
def test_an_id_that_is_none_is_refused(id: str) -> None:
    for vendor, kind in (("binobox", "video"), ("aimlapi", "transcription")):
        with pytest.raises(ResponseFormatError, match="which is none"):
            Play(Job(id=id, provider=vendor, kind=kind), vendor).until_asked()  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["completed", "succeeded", "success", "Completed"])
def test_aimlapis_words_for_done(word: str) -> None:
    play = Play(Job(id="g", provider="aimlapi", status="queued"), "aimlapi")
    play.until_asked()
    play.give(answer(id="g", status=word, error={"message": "a placeholder"}, **FILM))
    assert play.end().media[0].url == FILM["video"]["url"]


@pytest.mark.parametrize("word", ["error", "failed", "cancelled", "canceled", "expired"])
def test_aimlapis_words_for_failed(word: str) -> None:
    play = Play(Job(id="g", provider="aimlapi", status="queued"), "aimlapi")
    play.until_asked()
    play.give(answer(id="g", status=word, error={"detail": [{"loc": ["body"], "msg": "No face", "type": "x"}]}))
    with pytest.raises(JobFailedError, match="No face"):
        play.until_asked()


# ------------------------------------------------------------------------------------------------ against a server


class Counted:
    """A vendor that answers starts in one way, and counts them."""

    def __init__(self, start: Callable[[httpx.Request], httpx.Response]) -> None:
        self.start = start
        self.starts = self.polls = 0
        self.hosts: set[str] = set()

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.hosts.add(request.url.host)
        if request.method == "POST":
            self.starts += 1
            return self.start(request)
        self.polls += 1
        return httpx.Response(200, json={"object": "job", "id": "job-1", "status": "completed", "output": OUTPUT})

    def client(self, vendor: str = "binobox", **settings: Any) -> Client:
        sender = httpx.Client(transport=httpx.MockTransport(self.handle))
        return Client(vendor, api_key=KEY, http_client=sender, **settings)


def raising(error: type[httpx.HTTPError]) -> Callable[[httpx.Request], httpx.Response]:
    def start(request: httpx.Request) -> httpx.Response:
        raise error("gone", request=request)

    return start


@pytest.mark.parametrize(
    "start",
    [
        raising(httpx.ReadError),
        raising(httpx.ReadTimeout),
        raising(httpx.RemoteProtocolError),
        raising(httpx.WriteError),
        lambda _: httpx.Response(504, html="<html>Gateway timeout</html>"),
        *(
            lambda _, status=status: httpx.Response(status, json={"error": {"message": "x"}})
            for status in (500, 502, 408)
        ),
        lambda _: httpx.Response(200, content=b'{"id": "job-1", "stat'),
        lambda _: httpx.Response(200, html="<html>Log in</html>"),
        lambda _: httpx.Response(200, json={"status": "pending"}),
    ],
)
@pytest.mark.parametrize("vendor", ["binobox", "aimlapi"])
def test_a_start_with_an_unknown_outcome_is_not_repeated_and_says_so(vendor: str, start: Any) -> None:
    server = Counted(start)
    request = VIDEO if vendor == "binobox" else VideoRequest(model="alibaba/wan-2-6-t2v", prompt="x")
    with pytest.raises(MultiApiError) as raised:
        server.client(vendor).video(request)
    assert (server.starts, server.polls) == (1, 0)
    assert raised.value.outcome_unknown and not raised.value.retryable


@pytest.mark.parametrize(
    ("first", "starts"),
    [
        (lambda _: httpx.Response(429, headers={"retry-after": "1"}, json={"error": {"message": "slow"}}), 2),
        (raising(httpx.ConnectError), 2),
        (lambda _: httpx.Response(503, headers={"retry-after": "1"}, json={"error": {"message": "busy"}}), 2),
    ],
)
def test_what_was_never_taken_may_be_started_again(first: Any, starts: int) -> None:
    server = Counted(lambda request: httpx.Response(500))

    def start(request: httpx.Request) -> httpx.Response:
        if server.starts == 1:
            return first(request)
        return httpx.Response(200, json={"object": "video.generation", "id": "job-1", "status": "pending"})

    server.start = start
    assert server.client().video(VIDEO).url == OUTPUT["signed_url"]
    assert server.starts == starts


def test_a_lack_of_diamonds_says_how_many_are_needed() -> None:
    body = {
        "error": {
            "message": "Insufficient diamonds",
            "type": "api_error",
            "code": "INSUFFICIENT_DIAMONDS",
            "required": 800,
            "balance": 12.5,
        }
    }
    server = Counted(lambda _: httpx.Response(402, json=body))
    with pytest.raises(InsufficientCreditsError) as raised:
        server.client().video(VIDEO)
    assert (server.starts, raised.value.required, raised.value.balance) == (1, 800, 12.5)
    assert not raised.value.outcome_unknown


@pytest.mark.parametrize(
    "poll_url",
    [
        "https://evil.example/jobs/job-1",
        "//evil.example/jobs/job-1",
        "/api/v1/../../x",
        "@evil.example",
        "\\\\evil.example",
        None,
        7,
    ],
)
def test_a_poll_url_leads_nowhere(poll_url: Any) -> None:
    server = Counted(
        lambda _: httpx.Response(200, json={"id": "job-1", "status": "pending", "poll_url": poll_url, "model": "m"})
    )
    server.client().video(VIDEO)
    assert (server.hosts, server.polls) == ({"api.binobox.ir"}, 1)


@pytest.mark.parametrize("id", [123456, "123456"])
def test_an_id_may_be_a_number(id: Any) -> None:
    server = Counted(lambda _: httpx.Response(200, json={"id": id, "status": "pending"}))
    assert server.client().start_video(VIDEO).id == "123456"


def test_a_start_that_is_already_done_needs_no_poll() -> None:
    server = Counted(lambda _: httpx.Response(201, json={"id": "job-1", "status": "completed", "output": OUTPUT}))
    assert server.client().video(VIDEO).url == OUTPUT["signed_url"]
    assert (server.starts, server.polls) == (1, 0)
    server = Counted(
        lambda _: httpx.Response(200, json={"id": "job-1", "status": "failed", "error": {"message": "no"}})
    )
    with pytest.raises(JobFailedError):
        server.client().video(VIDEO)


def test_waiting_takes_nothing_from_the_total_limit_of_a_call() -> None:
    server = Counted(lambda _: httpx.Response(200, json={"id": "job-1", "status": "pending"}))
    from multiapi.types.limits import Timeout

    assert server.client(timeout=Timeout(total=1.0)).video(VIDEO).url


# ------------------------------------------------------------------------------------------------ on the simulator


@pytest.mark.parametrize(
    ("vendor", "method", "request_"),
    [
        ("binobox", "video", VIDEO),
        ("aimlapi", "video", VideoRequest(model="alibaba/wan-2-6-t2v", prompt="a cat", duration_s=5)),
        ("aimlapi", "music", MusicRequest(model="google/lyria2", prompt="slow piano")),
        (
            "aimlapi",
            "transcribe",
            TranscriptionRequest(model="openai/gpt-4o-transcribe", audio="https://example.com/a.mp3"),
        ),
    ],
)
def test_started_waited_for_and_there(run: Callable[..., Any], vendor: str, method: str, request_: Any) -> None:
    told: list[Progress] = []
    result = run(vendor, method, request_, on_progress=told.append)
    assert told[0].job.state == "pending" and told[-1].job.state == "completed"
    assert result.job_id == told[-1].job.id
    assert result.model == request_.model
    assert result.cost == told[-1].job.cost
    assert method == "transcribe" or result.cost.amount > 0


def test_a_job_is_waited_for_by_another_process(simulator: Simulator, client: Callable[..., Client]) -> None:
    written = json.dumps(client("binobox").start_video(VIDEO).to_dict())
    job = client("binobox").wait(Job.from_dict(json.loads(written)))
    assert job.result is not None and job.result.kind == "video"
    again = pickle.loads(pickle.dumps(job))
    assert again.result == job.result
    assert client("binobox").wait(job.id).result == job.result
    assert client("binobox").job(job.id).state == "completed"


def test_what_is_no_job_is_refused(client: Callable[..., Client]) -> None:
    for wrong in ({"id": "x"}, {"id": "x", "provider": "binobox", "kind": "soup", "model": ""}):
        with pytest.raises(InvalidRequestError):
            Job.from_dict(wrong)
    for id in ("", "a\nb", "x" * 501):
        with pytest.raises(InvalidRequestError):
            client("binobox").job(id)
    with pytest.raises(InvalidRequestError, match="one of aimlapi"):
        client("binobox").wait(Job(id="x", provider="aimlapi"))


def test_a_job_that_never_ends_can_be_waited_for_later(
    client: Callable[..., Client], simulator: Simulator, waits: list[float]
) -> None:
    simulator.faults.add("job=stuck", vendor="aimlapi")
    with pytest.raises(JobTimeoutError) as raised:
        client("aimlapi").video(VideoRequest(model="alibaba/wan-2-6-t2v", prompt="x"), timeout_s=60)
    assert sum(waits) == pytest.approx(60, abs=0.1)
    assert min(waits[:-1]) >= 2.0
    assert client("aimlapi").job(raised.value.job_id).state == "pending"
    posts = [entry for entry in simulator.log if entry.method == "POST"]
    assert len(posts) == 1


@pytest.mark.parametrize("fault", ["job=fail", "job=cancel"])
def test_a_job_that_the_vendor_gives_up_on(client: Callable[..., Client], simulator: Simulator, fault: str) -> None:
    simulator.faults.add(fault, vendor="binobox")
    with pytest.raises(JobFailedError) as raised:
        client("binobox").video(VIDEO)
    assert raised.value.job_id


def test_states_go_by_as_time_does(waits: list[float]) -> None:
    clock = Clock(start=1_700_000_000.0)
    simulator = Simulator(clock=clock, job_wait_s=5, job_run_s=20)
    sender = httpx.Client(transport=simulator.transport)
    client = Client("binobox", api_key=KEY, base_url=simulator.base_url("binobox"), http_client=sender)
    job = client.start_video(VIDEO)
    states = []
    while (job := client.job(job)).state == "pending":
        states.append(job.status)
        clock.advance(4)
    assert states == ["pending", "pending", "processing", "processing", "processing", "processing", "processing"]
    assert job.state == "completed"


def test_the_id_of_a_job_is_one_line_of_the_log_and_holds_no_key(caplog: pytest.LogCaptureFixture) -> None:
    key = "sk-test-0123456789abcdef"
    body = {"id": f"job-{key}", "status": "queued"}
    wire = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))
    with caplog.at_level("INFO", logger="multiapi"):
        Client("aimlapi", api_key=key, http_client=wire).start_video(VideoRequest(model="m", prompt="x"))
    lines = [record.getMessage() for record in caplog.records if record.name == "multiapi"]
    assert any("job-" in line for line in lines)
    assert all(line.isprintable() and key not in line for line in lines)
