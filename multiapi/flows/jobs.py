"""Jobs as flows: started once, asked about until they end, never started again on doubt."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from multiapi.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    MultiApiError,
    NotFoundError,
    RequestTimeoutError,
    ResponseFormatError,
    StatusError,
    one_line,
    printable,
)
from multiapi.flows.address_checks import check_media, refuses
from multiapi.flows.attempts import call, read, without_prefix
from multiapi.flows.charges import job_ended
from multiapi.flows.steps import Flow, Target, Wait
from multiapi.formats.jobs import _is_id
from multiapi.provider import operation_of
from multiapi.types.jobs import Job, JobKind, OnProgress, Progress

logger = logging.getLogger("multiapi")


DEFAULT_TIMEOUT_S = 600.0


FIRST_PAUSE_S = 2.0


PAUSE_FACTOR = 1.5


LONGEST_PAUSE_S = 15.0


PAUSE_AFTER_429_S = 5.0


MAX_FAILED_POLLS = 5


SHORTEST_LOOK_S = 10.0


NOT_YET_S = 60.0
"""So long after its start a provider may not know a job yet."""


MAX_MISSES = 3
"""How often in a row it may not know one later."""


PollEvery = float | Callable[[float], float]
"""Seconds between two looks at a job, or a function that gives them for the seconds that have been waited."""


def start(target: Target, kind: JobKind, request: Any) -> Flow[Job]:
    """Start a job; repeated only where it cannot have been started."""
    try:
        job: Job = yield from call(target, operation_of(target.provider, f"start_{kind}"), request)
    except (MultiApiError, GeneratorExit):
        raise
    except BaseException as error:
        error.add_note(
            f"{target.provider.title} may have started a job ({kind}) and may charge it: look there before starting it again"
        )
        raise
    logger.info("%s: the %s is job %s", target.provider.name, kind, one_line(job.id))  # found again after a crash
    now: float = yield Wait(0.0)
    return replace(job, kind=kind, model=job.model or without_prefix(target, request).model, created_s=now)


def ask_once(target: Target, job: Job) -> Flow[Job]:
    """How a job is doing, asked once.

    A provider may not know a new job yet: one that was started here less than a minute ago, or that was seen before and is missing for
    the first three times, comes back as it was.
    """
    with _named(job):
        try:
            seen = yield from call(target, operation_of(target.provider, f"poll_{job.kind}"), job)
        except NotFoundError as error:
            now: float = yield Wait(0.0)
            unseen = not_yet(job, error, now)
            if unseen is None:
                raise
            return unseen
        return _finished(target, _updated(job, seen), asked=1)


def wait(
    target: Target,
    job: Job,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    on_progress: OnProgress | None = None,
    poll_every: PollEvery | None = None,
) -> Flow[Job]:
    """Ask until it has ended.

    First after two seconds (at once if nobody has looked yet), then at growing distances up to 15 s, or as `poll_every` says.
    Retry-After is obeyed. A provider that does not know the job is believed at once only if nobody has seen it yet.

    Raises:
        InvalidRequestError: `timeout_s` or `poll_every` is not a valid time; nothing was sent.
        JobFailedError: The provider gave up on it.
        JobTimeoutError: It was not finished in time; it goes on, and can be waited for again.
        MultiApiError: The last of several failures in a row to learn about it. Whatever ends the wait has the job's id.
    """
    check_timeout(timeout_s)
    check_poll_every(poll_every)
    with _named(job):
        return (yield from _waited(target, job, timeout_s, on_progress, poll_every))


def _waited(
    target: Target, job: Job, timeout_s: float, on_progress: OnProgress | None, poll_every: PollEvery | None
) -> Flow[Job]:
    operation = operation_of(target.provider, f"poll_{job.kind}")
    began: float = yield Wait(0.0, _longest_look(timeout_s))
    elapsed = waited = 0.0
    pause, asked_to_wait, failures, asked = FIRST_PAUSE_S, 0.0, 0, 0
    asks_at_once = not job.status
    while job.state == "pending":
        if not asks_at_once:
            if elapsed >= timeout_s:
                raise _too_late(job, timeout_s)
            chosen = pause if poll_every is None else _pause(poll_every, elapsed, job)
            seconds = min(max(chosen, asked_to_wait), timeout_s - elapsed)
            now: float = yield Wait(seconds, _longest_look(timeout_s - elapsed - seconds))
            waited += seconds
            elapsed = max(now - began, waited)
            pause, asked_to_wait = min(pause * PAUSE_FACTOR, LONGEST_PAUSE_S), 0.0
        asks_at_once = False
        try:
            asked += 1
            response = yield operation.build(job)
            job = _updated(job, read(target, operation, response))
        except MultiApiError as error:
            error.job_id = job.id
            unseen = not_yet(job, error, began + elapsed)
            if unseen is None:
                failures += 1
                error.attempts = asked if error.status == 404 else failures
                if not _goes_on_after(error, failures):
                    raise
            job = unseen or job
            if error.status == 429 or error.retry_after_s is not None:
                asked_to_wait = PAUSE_AFTER_429_S if error.retry_after_s is None else error.retry_after_s
                if asked_to_wait > timeout_s - elapsed:
                    raise _too_late(job, timeout_s, retry_after_s=asked_to_wait) from error
            continue
        failures = 0
        if on_progress is not None:
            on_progress(Progress(job, elapsed))
    yield Wait(0.0)  # what follows, as the download of a video, has its own time
    return _finished(target, job, asked=asked)


def finish(
    target: Target,
    kind: JobKind,
    request: Any,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    on_progress: OnProgress | None = None,
    poll_every: PollEvery | None = None,
) -> Flow[Any]:
    """Start a job and wait for what it makes."""
    check_timeout(timeout_s)
    check_poll_every(poll_every)
    job = yield from start(target, kind, request)
    with _named(job):
        if on_progress is not None:
            on_progress(Progress(job, 0.0))
        job = yield from wait(target, job, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every)
        return job.result


@contextmanager
def _named(job: Job) -> Iterator[None]:
    """Whatever ends the wait for a job has its id: a typed error, a mistake in a caller's function, Ctrl-C, a cancellation."""
    try:
        yield
    except GeneratorExit:
        raise
    except MultiApiError as error:
        error.job_id = error.job_id or job.id
        raise
    except BaseException as error:
        if getattr(error, "job_id", None) != job.id:
            with suppress(AttributeError):
                error.job_id = job.id  # type: ignore[attr-defined]
            error.add_note(
                f"job {printable(job.id, 120)} of {job.provider} goes on, so do not start it again: "
                f"client.wait({printable(job.id, 120)!r}, kind={job.kind!r}) waits for it"
            )
        raise


Known = TypeVar("Known", bound="_Missable")


class _Missable(Protocol):
    """A job or a batch, as it is known here."""

    @property
    def status(self) -> str: ...
    @property
    def created_s(self) -> float | None: ...
    @property
    def misses(self) -> int: ...


def not_yet(known: Known, error: MultiApiError, now: float) -> Known | None:
    """What is known of a job that its provider does not know, if that may pass: it is new, or was seen and is missing for a short while."""
    if error.status != 404 or not known.status:
        return None
    if known.created_s is not None and 0 <= now - known.created_s <= NOT_YET_S:
        return known
    return replace(known, misses=known.misses + 1) if known.misses < MAX_MISSES else None  # type: ignore[type-var]


def check_timeout(timeout_s: float) -> None:
    """Whether a time can be waited for, asked before a job is started.

    Raises:
        InvalidRequestError: It cannot.
    """
    if not isinstance(timeout_s, (int, float)) or math.isnan(timeout_s):
        raise InvalidRequestError(f"a job is waited for some seconds (timeout_s), not {printable(str(timeout_s), 80)}")


def check_poll_every(poll_every: PollEvery | None) -> None:
    """Whether jobs can be asked about at these distances, looked at before one is started.

    Raises:
        InvalidRequestError: They cannot.
    """
    if poll_every is not None and not callable(poll_every):
        _seconds(poll_every)


def _pause(poll_every: PollEvery, elapsed_s: float, job: Job) -> float:
    try:
        return _seconds(poll_every(elapsed_s) if callable(poll_every) else poll_every)
    except InvalidRequestError as error:
        error.job_id = job.id
        raise


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise InvalidRequestError(
            f"poll_every is a number of seconds above 0, or a function that gives one for the seconds waited so far, "
            f"not {printable(repr(value), 80)}"
        )
    return float(value)


def job_of(target: Target, job: Job | str, kind: JobKind | None) -> Job:
    """A job from what users hold: a `Job`, or its id and kind."""
    if isinstance(job, Job):
        if job.provider != target.provider.name:
            raise InvalidRequestError(f"the job is one of {job.provider}, not of {target.provider.name}", job_id=job.id)
        return job
    text = str(job)
    if not _is_id(text):
        raise InvalidRequestError(f"{printable(text, 80)!r} is not a valid id of a job", provider=target.provider.name)
    return Job(id=text, provider=target.provider.name, kind=kind or "video")


def _longest_look(left_s: float) -> float | None:
    """How long a response about a job may take: no longer than the job is waited for, but for the last one."""
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
        created_s=job.created_s,
    )


def _finished(target: Target, job: Job, *, asked: int) -> Job:
    """The job, if it is as it should be; its failure, and a completed one that made nothing, is an error."""
    job_ended(job)
    if job.state == "failed":
        back = job.refunded
        refund = f"; {format(back.amount.normalize(), 'f')} {back.unit or ''} came back".rstrip() if back else ""
        raise JobFailedError(
            f"{job.provider} gave up on the {job.kind} (job {printable(job.id, 120)}, {printable(job.status, 60)}): "
            f"{printable(job.error) if job.error else 'no reason was given'}{refund}",
            provider=job.provider,
            job_id=job.id,
            request_id=job.request_id,
            code=job.error_code or job.status,
            attempts=asked,
            cost=None if job.cost is None else job.cost._replace(amount=job.cost.amount - (back.amount if back else 0)),
            partial=job,
        )
    if job.state == "completed":
        if job.result is None:
            raise ResponseFormatError(
                f"{job.provider} reports the {job.kind} as {printable(job.status, 60)}, but there is none in the response",
                provider=job.provider,
                job_id=job.id,
                request_id=job.request_id,
                attempts=asked,
                cost=job.cost,
                partial=job,
            )
        try:
            check_media(target, job.media, job_id=job.id)
        except MultiApiError as error:
            good = [media for media in job.media if not refuses(target, media)]
            error.partial, error.cost = replace(job, media=tuple(good)), job.cost
            raise
    return job


class _WrongJobError(ResponseFormatError):
    pass


def _goes_on_after(error: MultiApiError, failures: int) -> bool:
    if failures >= MAX_FAILED_POLLS or isinstance(error, _WrongJobError):
        return False
    if isinstance(error, StatusError) and error.status is not None:
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
