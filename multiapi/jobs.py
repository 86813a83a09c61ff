"""Jobs: work that the vendor goes on with after it has answered. Started once, asked about until they end, never started again.

The flows hold no clock: `Wait` gives back the time. A job goes on without us, so every error has its id, and a `Job` travels as
plain data to whoever waits on.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from multiapi.downloads import check_url
from multiapi.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    MultiApiError,
    RequestTimeoutError,
    ResponseFormatError,
    StatusError,
    printable,
)
from multiapi.flow import Flow, Setting, Wait, call, read
from multiapi.http import HttpResponse, excerpt
from multiapi.media import Media
from multiapi.media_results import MediaResult, Transcript
from multiapi.openai_format import error_from_body, error_inside, status_inside
from multiapi.provider import operation_of
from multiapi.types import Cost

logger = logging.getLogger("multiapi")

JobKind = Literal["video", "music", "transcription"]
JobState = Literal["pending", "completed", "failed"]

DEFAULT_TIMEOUT_S = 600.0
FIRST_PAUSE_S = 2.0
PAUSE_FACTOR = 1.5
LONGEST_PAUSE_S = 15.0
PAUSE_AFTER_429_S = 5.0
MAX_FAILED_POLLS = 5
SHORTEST_LOOK_S = 10.0
MAX_ID_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of the vendor's work, as it was when it was last looked at.

    Attributes:
        status: The vendor's word for its state; empty if it was never looked at.
        state: What that word means; a word nobody documents means pending.
        media: What it made, once it is completed.
        transcript: The same for transcriptions.
        error: The vendor's reason, if it failed.
        cost: What it cost in the end; `estimated_cost` what the vendor expects.
    """

    id: str
    provider: str
    kind: JobKind = "video"
    model: str = ""
    status: str = ""
    state: JobState = "pending"
    media: tuple[Media, ...] = ()
    transcript: Transcript | None = None
    error: str | None = None
    cost: Cost | None = None
    estimated_cost: Cost | None = None
    created: str | None = None
    started: str | None = None
    finished: str | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def result(self) -> MediaResult | Transcript | None:
        """What it made, with what it cost; None as long as there is nothing."""
        if self.transcript is not None:
            return self.transcript
        if not self.media:
            return None
        first, *more = self.media
        return MediaResult(
            data=first.data,
            url=first.url,
            mime_type=first.mime_type,
            metadata=first.metadata,
            provider=self.provider,
            model=self.model,
            cost=self.cost,
            more=tuple(more),
            job_id=self.id,
            request_id=self.request_id,
            raw=self.raw,
        )

    def to_dict(self) -> dict[str, str]:
        """What another process needs to wait for it."""
        return {"id": self.id, "provider": self.provider, "kind": self.kind, "model": self.model, "status": self.status}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The job that `to_dict` wrote down.

        Raises:
            InvalidRequestError: It is none.
        """
        try:
            job = cls(**{name: str(values[name]) for name in ("id", "provider", "kind", "model")})  # type: ignore[arg-type]
        except KeyError as error:
            raise InvalidRequestError(f"a job needs {error.args[0]}") from None
        if job.kind not in {"video", "music", "transcription"}:
            raise InvalidRequestError(f"{job.kind!r} is no kind of job")
        return job


class Progress(NamedTuple):
    """What `on_progress` is told after each look: the job, and how long it has been waited for."""

    job: Job
    elapsed_s: float


OnProgress = Callable[[Progress], None]

# ------------------------------------------------------------------------------------------------ flows


def start(setting: Setting, kind: JobKind, request: Any) -> Flow[Job]:
    """Start a job; repeated only where it cannot have been started."""
    job: Job = yield from call(setting, operation_of(setting.provider, f"start_{kind}"), request)
    logger.info("%s: the %s is job %s", setting.provider.name, kind, job.id)  # found again after a crash
    return replace(job, kind=kind, model=job.model or request.model)


def look(setting: Setting, job: Job) -> Flow[Job]:
    """How a job is doing, asked once."""
    try:
        seen = yield from call(setting, operation_of(setting.provider, f"poll_{job.kind}"), job)
        return _settled(setting, _updated(job, seen))
    except MultiApiError as error:
        error.job_id = job.id
        raise


def wait(
    setting: Setting, job: Job, *, timeout_s: float = DEFAULT_TIMEOUT_S, on_progress: OnProgress | None = None
) -> Flow[Job]:
    """Ask until it has ended.

    First after two seconds (at once if nobody has looked yet), then at growing distances up to 15 s. Retry-After is obeyed.

    Raises:
        InvalidRequestError: `timeout_s` is no time; nothing was sent.
        JobFailedError: The vendor gave up on it.
        JobTimeoutError: It was not finished in time; it goes on, and can be waited for again.
        MultiApiError: The last of several failures in a row to learn about it. All have the job's id.
    """
    check_timeout(timeout_s)
    operation = operation_of(setting.provider, f"poll_{job.kind}")
    began: float = yield Wait(0.0, _longest_look(timeout_s))
    elapsed = waited = 0.0
    pause, asked_to_wait, failures, was_missing = FIRST_PAUSE_S, 0.0, 0, False
    asks_at_once = not job.status
    while job.state == "pending":
        if not asks_at_once:
            if elapsed >= timeout_s:
                raise _too_late(job, timeout_s)
            seconds = min(max(pause, asked_to_wait), timeout_s - elapsed)
            now: float = yield Wait(seconds, _longest_look(timeout_s - elapsed - seconds))
            waited += seconds
            elapsed = max(now - began, waited)
            pause, asked_to_wait = min(pause * PAUSE_FACTOR, LONGEST_PAUSE_S), 0.0
        asks_at_once = False
        try:
            response = yield operation.build(job)
            job = _updated(job, read(setting, operation, response))
        except MultiApiError as error:
            failures += 1
            error.job_id = job.id
            error.attempts = failures
            if not _goes_on_after(error, failures, was_missing=was_missing):
                raise
            was_missing = was_missing or error.status == 404
            if error.status == 429 or error.retry_after_s is not None:
                asked_to_wait = PAUSE_AFTER_429_S if error.retry_after_s is None else error.retry_after_s
                if asked_to_wait > timeout_s - elapsed:
                    raise _too_late(job, timeout_s, retry_after_s=asked_to_wait) from error
            continue
        failures, was_missing = 0, False
        if on_progress is not None:
            on_progress(Progress(job, elapsed))
    yield Wait(0.0)  # what follows, as the download of a film, has its own time
    return _settled(setting, job)


def finish(
    setting: Setting,
    kind: JobKind,
    request: Any,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    on_progress: OnProgress | None = None,
) -> Flow[Any]:
    """Start a job and wait for what it makes."""
    check_timeout(timeout_s)
    job = yield from start(setting, kind, request)
    if on_progress is not None:
        on_progress(Progress(job, 0.0))
    job = yield from wait(setting, job, timeout_s=timeout_s, on_progress=on_progress)
    return job.result


def check_timeout(timeout_s: float) -> None:
    """Whether a time can be waited for, asked before a job is started.

    Raises:
        InvalidRequestError: It cannot.
    """
    if not isinstance(timeout_s, (int, float)) or math.isnan(timeout_s):
        raise InvalidRequestError(f"a job is waited for some seconds (timeout_s), not {printable(str(timeout_s), 80)}")


def job_of(setting: Setting, job: Job | str, kind: JobKind | None) -> Job:
    """A job from what users hold: a `Job`, or its id and kind."""
    if isinstance(job, Job):
        if job.provider != setting.provider.name:
            raise InvalidRequestError(
                f"the job is one of {job.provider}, not of {setting.provider.name}", job_id=job.id
            )
        return job
    text = str(job)
    if not _is_id(text):
        raise InvalidRequestError(f"{printable(text, 80)!r} is no id of a job", provider=setting.provider.name)
    return Job(id=text, provider=setting.provider.name, kind=kind or "video")


def _longest_look(left_s: float) -> float | None:
    """How long an answer about a job may take: no longer than the job is waited for, but for the last one."""
    return None if math.isinf(left_s) else max(left_s, SHORTEST_LOOK_S)


def _updated(job: Job, seen: Job) -> Job:
    """What was learnt of a job, under the id that was asked for."""
    if seen.id and seen.id != job.id:
        raise _WrongJobError(
            f"{job.provider} was asked about one job and answered about another", provider=job.provider, job_id=job.id
        )
    transcript = seen.transcript
    cost = seen.cost or (job.cost if seen.state != "failed" else None)
    if transcript is not None:
        transcript = replace(
            transcript, model=transcript.model or job.model, cost=transcript.cost or cost, job_id=job.id
        )
    return replace(
        seen,
        id=job.id,
        kind=job.kind,
        model=seen.model or job.model,
        transcript=transcript,
        cost=cost,
        estimated_cost=seen.estimated_cost or job.estimated_cost,
    )


def _settled(setting: Setting, job: Job) -> Job:
    """The job, if it is as it should be; its failure, and a completed one that made nothing, is an error."""
    if job.state == "failed":
        raise JobFailedError(
            f"{job.provider} gave up on the {job.kind} (job {printable(job.id, 120)}, {printable(job.status, 60)}): "
            f"{printable(job.error) if job.error else 'no reason was given'}",
            provider=job.provider,
            job_id=job.id,
            request_id=job.request_id,
            code=job.status,
        )
    if job.state == "completed":
        if job.result is None:
            raise ResponseFormatError(
                f"{job.provider} reports the {job.kind} as {printable(job.status, 60)}, but there is none in the answer",
                provider=job.provider,
                job_id=job.id,
                request_id=job.request_id,
            )
        for media in job.media:
            if media.url is not None:
                check_url(media.url, setting, job_id=job.id)
    return job


class _WrongJobError(ResponseFormatError):
    pass


def _goes_on_after(error: MultiApiError, failures: int, *, was_missing: bool) -> bool:
    if failures >= MAX_FAILED_POLLS or isinstance(error, _WrongJobError):
        return False
    if isinstance(error, StatusError) and error.status is not None:
        if error.status == 404:
            return not was_missing
        return error.status in {408, 429} or error.status >= 500
    return isinstance(error, (ConnectionFailedError, RequestTimeoutError, ResponseFormatError))


def _too_late(job: Job, timeout_s: float, retry_after_s: float | None = None) -> JobTimeoutError:
    state = f"{job.provider} calls it {printable(job.status, 60)}" if job.status else "its state is unknown"
    return JobTimeoutError(
        f"the {job.kind} was not finished after {timeout_s:g} s ({state}). It goes on, so do not start it again: "
        f"client.wait(error.job_id, kind={job.kind!r}) waits for job {printable(job.id, 120)}",
        provider=job.provider,
        job_id=job.id,
        retry_after_s=retry_after_s,
        partial=job,
    )


# ------------------------------------------------------------------------------------------------ reading


def parse_status(response: HttpResponse, *, provider: str, id_names: Collection[str] = ()) -> dict[str, Any]:
    """The body of an answer about a job. Its state decides, not an `error` that stands beside it.

    The answer to a start needs no state if the id is under one of `id_names`: the job runs, and its state can be asked for.

    Raises:
        StatusError: It is not about a job but an error.
        ResponseFormatError: It has no state.
    """
    body = response.json(provider=provider)
    status = body.get("status") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(status, str) and status.strip():
        return body
    failure = error_inside(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    if isinstance(body, dict) and job_id_of(body, *id_names):
        return {**body, "status": ""}
    raise ResponseFormatError(
        f"{provider} answered about a job without saying its state",
        provider=provider,
        status=response.status,
        body=excerpt(response.body),
    )


def state_of(status: str, *, done: Collection[str], failed: Collection[str]) -> JobState:
    """What the vendor's word means: one that is not documented means that the work goes on."""
    word = status.strip().lower()
    return "completed" if word in done else "failed" if word in failed else "pending"


def job_id_of(body: Mapping[str, Any], *names: str) -> str:
    """The id of a job, a number too; empty if there is none that can be asked about."""
    for name in names:
        value = body.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and _is_id(str(value)):
            return str(value)
    return ""


def _is_id(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_ID_CHARS and text.isprintable() and text not in {".", ".."}
