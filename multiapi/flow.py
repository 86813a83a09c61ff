"""Exchanges of more than one request, as generators: retry, stepping down, batches, jobs.

A flow yields what it wants done and is given the outcome; it holds no client and no clock, so both clients run it and a test can
play it by hand:

- `HttpRequest`: send it. Given back: the `HttpResponse`, or a `MultiApiError` is raised at the `yield`.
- `Sleep`: wait. Given back: None, or why there is no time (or no budget) for it.
- `Parallel`: run these flows side by side. Given back: their outcomes, in order, each a result or an exception.
- `Wait`: wait while the vendor works on a job. Given back: the time. It takes nothing from the call's total limit.
- `Work`: call a function that waits for the disk. Given back: what it returns; what it raises is raised at the `yield`.
- `multiapi.downloads.Fetch`: get a file into a sink. Given back as for an `HttpRequest`, without the body.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from multiapi.answer_facts import request_id
from multiapi.errors import (
    ConnectionFailedError,
    EmbeddingBatchError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    RequestTimeoutError,
    RequestTooLargeError,
    ResponseFormatError,
    ServerError,
    StatusError,
    one_line,
    place,
    printable,
    status_error_class,
)
from multiapi.hints import add_hints, warn_of_ignored
from multiapi.http import HttpRequest, HttpResponse, Retry, excerpt, parse_json
from multiapi.negotiation import Plan, adjusted, plan, refused_part, without_answer
from multiapi.provider import Operation, Provider, check_prefix, names, operation_of
from multiapi.refusals import Refusals
from multiapi.retry_after import retry_after_s
from multiapi.types import ChatDelta, ChatRequest, ChatResponse, Cost, EmbedRequest, EmbedResponse, Limits, Usage
from multiapi.unknown_fields import UnknownFields, check_fields

T = TypeVar("T")
Flow = Generator[Any, Any, T]

logger = logging.getLogger("multiapi")

MAX_RETRY_AFTER_S = 60.0
_BACKOFF_S = 0.5
_PERHAPS_CHARGED = "it may have been carried out and charged"
_BACKOFF_MAX_S = 8.0


class Sleep(NamedTuple):
    """Wait for a random time between these two."""

    least_s: float
    most_s: float


class Parallel(NamedTuple):
    """Run flows side by side, at most so many at once."""

    flows: Sequence[Flow[Any]]
    max_concurrency: int


class Wait(NamedTuple):
    """Wait so many seconds while the vendor works. What follows has the whole of the call's total limit again, or at most `most_s`."""

    seconds: float
    most_s: float | None = None


class Work(NamedTuple):
    """Call a function that may wait for the disk; the async client does so in a thread."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and what is repeated.

    Attributes:
        max_retries: At most this many repetitions, whatever the reason; one HTTP request more than that in all. A request that is asked
            otherwise because a part of it was refused is not a repetition, but 0 turns that off too.
        repeat_unknown: Also repeat what may have been carried out and charged. Off, unless you know that it does no harm.
        repeat_media: Also repeat paid media calls after a 5xx.
        max_retry_after_s: A longer wait than this is not obeyed but raised.
        use_budget: Stop repeating while a vendor's address fails most of the time; see `multiapi.retry_budget`.
    """

    max_retries: int = 2
    repeat_unknown: bool = False
    repeat_media: bool = False
    max_retry_after_s: float = MAX_RETRY_AFTER_S
    use_budget: bool = True


class Setting(NamedTuple):
    """What a flow needs to know of the client that runs it."""

    provider: Provider
    base_url: str
    policy: Policy
    refusals: Refusals
    limits: Limits = Limits()
    memory: dict[Any, Any] | None = None
    """What this client has learnt and nobody else needs: paths that answered, lists with their tags, warnings that were given."""
    unknown_fields: UnknownFields = "warn"


# ------------------------------------------------------------------------------------------------ one operation


def call(setting: Setting, operation: Operation[Any, T], request: Any) -> Flow[T]:
    """Build, send, read; and again after each failure worth it."""
    warn_of_model(setting, getattr(request, "model", ""))
    http = operation.build(request)
    if operation.limit != http.limit:
        http = replace(http, limit=operation.limit)
    if operation.elsewhere is not None:
        return (yield from _at_either(setting, operation, http, operation.elsewhere))
    return (yield from exchange(setting, operation, http))


class ModelDeprecatedWarning(UserWarning):
    """A model still answers, and its provider has said that it is deprecated or replaced by another."""


def warn_of_model(setting: Setting, model: Any) -> None:
    """Warn, once per client, of a model that the last feed of deprecations or the packed list calls deprecated or superseded.

    Raises:
        InvalidRequestError: It is a model of another provider.
    """
    if isinstance(model, str) and ":" in model:
        check_prefix(model, setting.provider)
    look_up, memory = setting.provider.deprecation_of, setting.memory
    if look_up is None or memory is None or not isinstance(model, str):
        return
    found = memory.get("deprecated", {}).get(model) or look_up(model)
    if found is None or found.status not in {"deprecated", "superseded"} or ("warned", model) in memory:
        return
    memory["warned", model] = True
    since = f" since {found.deprecated_at}" if found.deprecated_at else ""
    until = f", and is gone from {found.shutdown_at} on" if found.shutdown_at else ""
    instead = f"; use {found.replaced_by}" if found.replaced_by else ""
    warnings.warn(
        f"{setting.provider.name}: the model {printable(model, 120)} is {found.status}{since}{until}{instead}",
        ModelDeprecatedWarning,
        stacklevel=3,
    )


def exchange(setting: Setting, operation: Operation[Any, T], http: HttpRequest) -> Flow[T]:
    """Send what was built, and again after each failure worth it."""
    attempt = 0
    while True:
        attempt += 1
        try:
            response = yield http
            return read(setting, operation, response)
        except MultiApiError as error:
            failure = error
        yield from again(setting, operation.retry, http, failure, attempt)


def _at_either(setting: Setting, operation: Operation[Any, T], http: HttpRequest, elsewhere: str) -> Flow[T]:
    """Ask the documented path, and after a 404 the other one; the client remembers which of them answered."""
    memory = {} if setting.memory is None else setting.memory
    place = ("elsewhere", http.path)
    if place not in memory:
        try:
            return (yield from exchange(setting, operation, http))
        except NotFoundError:
            pass
    try:
        result = yield from exchange(setting, operation, replace(http, path=elsewhere))
    except NotFoundError as error:
        memory.pop(place, None)
        error.message = (
            f"{setting.provider.title} seems to have no {operation.name} operation for this key: {http.path} and "
            f"{elsewhere} are not there; look at its dashboard ({error.message})"
        )
        error.args = (error.message,)
        raise
    memory[place] = elsewhere
    return result


def read(setting: Setting, operation: Operation[Any, T], response: HttpResponse) -> T:
    """The result of an answer, or its error."""
    if not 200 <= response.status < 300:
        raise refusal(setting, response)
    try:
        return operation.parse(response._replace(limits=setting.limits))
    except MultiApiError as error:
        if isinstance(error, StatusError):
            error.inside_success = True
        note_answer(setting.provider, response, error)
        raise
    except Exception as error:
        failure = unreadable(setting.provider, response, error)
    note_answer(setting.provider, response, failure)
    raise failure


def note_answer(provider: Provider, response: HttpResponse, error: MultiApiError) -> None:
    """What an answer that cannot be used says of itself: the id to ask the vendor about, and what was charged."""
    try:
        body = parse_json(response.body) if response.body else None
    except ValueError:
        body = None
    if error.request_id is None:
        error.request_id = request_id(response.headers, body)
    if error.cost is None and provider.read_cost is not None:
        with suppress(Exception):  # it may be anything, and the failure is what counts
            error.cost = provider.read_cost(body if isinstance(body, dict) else {}, response.headers)


def refusal(setting: Setting, response: HttpResponse) -> StatusError:
    """The typed error for an answer that is no success; API calls never follow a redirect."""
    if 300 <= response.status < 400:
        return redirected(setting.provider, response)
    try:
        error = setting.provider.read_error(response)
    except Exception as failure:  # the status says enough
        logger.debug("%s: the body of a %d cannot be read (%s)", setting.provider.name, response.status, place(failure))
        error = status_error_class(response.status)(
            "an error that cannot be read", provider=setting.provider.name, status=response.status
        )
    error.retry_after_s = retry_after_s(response.headers)
    error.after_s = response.after_s
    if response.headers.get("x-should-retry", "").lower() == "false":
        error.retryable = False
    return error


def unreadable(provider: Provider, response: HttpResponse, error: Exception) -> ResponseFormatError:
    """What a reader stumbled over: which exception that was is not the caller's business, but where is ours."""
    return ResponseFormatError(
        f"{provider.name} answered in a form that cannot be read ({place(error)})",
        provider=provider.name,
        status=response.status,
        body=excerpt(response.body),
    )


def redirected(provider: Provider, response: HttpResponse) -> StatusError:
    """A redirect is not followed: key and prompt stay with the vendor."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(response.headers.get("location", "")).hostname or "an address that cannot be read"
    except ValueError:
        host = "an address that cannot be read"
    return StatusError(
        f"redirected to {printable(host, 200)}, which is not followed; if that is the vendor's new address, set base_url",
        provider=provider.name,
        status=response.status,
        retryable=False,
    )


def again(setting: Setting, kind: Retry, http: HttpRequest, error: MultiApiError, attempt: int) -> Flow[None]:
    """Wait before the next attempt, or raise the error if there is to be none."""
    error.attempts = attempt
    error.provider = error.provider or setting.provider.name
    repeatable, reason = may_repeat(setting, kind, error)
    error.retryable = repeatable
    if reason is _PERHAPS_CHARGED or (http.method != "GET" and may_have_begun(kind, error)):
        error.outcome_unknown = True
    if error.outcome_unknown and not repeatable:
        _say_where_to_look(setting.provider, error)
    wait = error.retry_after_s
    least = setting.provider.rate_limit_wait_s if error.status == 429 else 0.0
    if repeatable and attempt > setting.policy.max_retries:
        repeatable, reason = False, f"{attempt} attempts were made"
    elif repeatable and wait is not None and wait > setting.policy.max_retry_after_s:
        repeatable, reason = False, f"the vendor asks to wait {wait:.0f} s"
    if repeatable:
        most = min(_BACKOFF_MAX_S, _BACKOFF_S * 2 ** (attempt - 1))
        refused = yield Sleep(least, max(most, least + 0.1)) if wait is None else Sleep(wait, wait + 0.1)
        if not refused:
            logger.info(
                "%s %s: attempt %d after %s", setting.provider.name, http.path, attempt + 1, type(error).__name__
            )
            return
        reason = refused
    error.not_repeated = reason
    add_hints(setting.provider, http, error)
    logger.debug("%s %s: not repeated, %s", setting.provider.name, http.path, reason)
    raise error


def may_have_begun(kind: Retry, error: MultiApiError) -> bool:
    """Whether a failed start of a job, or an unreadable answer to a paid call, may stand for work that was done."""
    if isinstance(error, StatusError) and error.status is not None:
        return kind in {Retry.JOB, Retry.MEDIA} and (error.status >= 500 or error.status == 408)
    return isinstance(error, ResponseFormatError) and kind is not Retry.READ


_LOOKED_UP_IN = {"logs": "logs", "usage": "usage", "balance": "balance"}


def _say_where_to_look(provider: Provider, error: MultiApiError) -> None:
    places = [noun for capability, noun in _LOOKED_UP_IN.items() if provider.has(capability)] or ["dashboard"]
    request = f" for request {error.request_id}" if error.request_id else ""
    error.add(
        f"it may have been carried out and charged, so it is not repeated: look at {provider.title}'s {names(places)}{request}"
    )


def may_repeat(setting: Setting, kind: Retry, error: MultiApiError) -> tuple[bool, str]:
    """Whether a failure may be followed by the same request again, and why (not). The table in `docs/errors.md`."""
    policy = setting.policy
    if isinstance(error, ConnectionFailedError) and not error.outcome_unknown:
        return True, "nothing was sent"
    if isinstance(error, RequestTimeoutError) and error.phase == "connect":
        return True, "nothing was sent"
    if isinstance(error, RequestTimeoutError) and error.phase in {"pool", "total"}:
        return False, f"the {error.phase} limit passed"
    if isinstance(error, StatusError) and error.status is not None:
        return _may_repeat_status(setting, kind, error)
    if isinstance(error, (ConnectionFailedError, RequestTimeoutError, ResponseFormatError)):
        if kind is Retry.READ:
            return True, "reading changes nothing"
        if policy.repeat_unknown:
            return True, "repeat_unknown is set"
        return False, _PERHAPS_CHARGED
    return False, "it would fail again"


def _may_repeat_status(setting: Setting, kind: Retry, error: StatusError) -> tuple[bool, str]:
    provider, policy, status = setting.provider, setting.policy, error.stands_for or error.status or 0
    if error.partial is not None:
        return False, "the answer had begun"
    if error.inside_success and kind in {Retry.MEDIA, Retry.JOB}:
        return False, _PERHAPS_CHARGED
    if not error.retryable and type(error).retryable_by_default:
        return False, "the vendor says that a repetition is of no use"
    if error.cut_off:
        return policy.repeat_unknown, "the call took longer than the provider lets one run without a stream"
    if status == 429:
        if provider.rate_limit_is_final and error.retry_after_s is None:
            return False, "the limit is a daily one"
        return True, "too many requests"
    if status == 408:
        return kind is Retry.READ, "the vendor gave up waiting for the request"
    if not 500 <= status < 600:
        return False, f"{status} would come again"
    if kind is Retry.JOB:
        return status == 503 and error.retry_after_s is not None, "a second job could be started"
    if kind is Retry.MEDIA and not policy.repeat_media:
        return False, "a paid call may have been carried out"
    if status == 503 or kind is not Retry.READ:
        return status not in provider.final_statuses, f"{status} as {provider.name} documents it"
    return True, "reading changes nothing"


# ------------------------------------------------------------------------------------------------ chat


def chat(setting: Setting, request: ChatRequest) -> Flow[ChatResponse]:
    """One answer; steps down from what the provider refuses, and remembers that once the request without it was taken."""
    warn_of_model(setting, request.model)
    operation = setting.provider.chat
    attempt, stepped = 0, SteppedDown(setting, request)
    warn_of_ignored(setting.provider, request, setting.memory)
    check_fields(setting, request)
    while True:
        attempt += 1
        used = plan(setting.provider, request, stepped.refused)
        http = adjusted(operation.build(used.request), stepped.refused)
        try:
            response = yield http
            answer = read(setting, operation, response)
            stepped.succeeded()
            learn(setting, used, answer)
            return used.read(answer)
        except MultiApiError as error:
            failure = error
        if stepped.down(failure, http, used):
            attempt -= 1
        else:
            note_wall(setting, failure)
            yield from again(setting, operation.retry, http, failure, attempt + stepped.count)


def open_stream(setting: Setting, request: ChatRequest) -> Flow[tuple[HttpResponse, Plan]]:
    """Ask for a streamed answer until it begins; the client then reads it."""
    warn_of_model(setting, request.model)
    operation = setting.provider.chat_stream
    assert operation is not None
    attempt, stepped = 0, SteppedDown(setting, request)
    warn_of_ignored(setting.provider, request, setting.memory)
    check_fields(setting, request)
    while True:
        attempt += 1
        used = plan(setting.provider, request, stepped.refused)
        http = replace(adjusted(operation.build(used.request), stepped.refused), stream=True)
        try:
            response = yield http
            if 200 <= response.status < 300:
                stepped.succeeded()
                return response, used
            raise refusal(setting, response)
        except MultiApiError as error:
            failure = error
        if stepped.down(failure, http, used):
            attempt -= 1
        else:
            yield from again(setting, Retry.ANSWER, http, failure, attempt + stepped.count)


def streams_inside(setting: Setting, request: ChatRequest) -> bool:
    """Whether a whole response is to be put together from a stream.

    Raises:
        InvalidRequestError: A value that is not a way to stream.
    """
    name, wanted = setting.provider.name, request.streaming
    if wanted not in (None, False, True, "auto"):
        raise InvalidRequestError(f"{name}: streaming must be True, False or 'auto', not {wanted!r}", provider=name)
    if not wanted or setting.provider.chat_stream is None:
        return False
    return wanted is True or setting.provider.unstreamed_limit_s is not None


def last_response(deltas: Sequence[ChatDelta]) -> ChatResponse:
    """The response that the last delta of a stream carries."""
    response = deltas[-1].response
    assert response is not None
    return response


def note_wall(setting: Setting, error: MultiApiError) -> None:
    """Say so where an unstreamed chat was ended by the limit of the provider's gateway."""
    limit = setting.provider.unstreamed_limit_s
    if limit is None or not isinstance(error, StatusError) or (error.status or 0) < 500 or error.after_s < limit:
        return
    error.cut_off = error.outcome_unknown = True
    after = f"about {limit + _WALL_MARGIN_S:.0f} s"
    error.add(
        f"{setting.provider.title} ends unstreamed calls after {after} (seen, not documented): use streaming=True"
    )


_WALL_MARGIN_S = 5.0
"""Calls that end so long before the wall are taken as ended by it."""

MAX_STEPS_DOWN = 8


class SteppedDown:
    """What one call leaves out or says otherwise after refusals. A refused request was not carried out, so it is no repetition."""

    def __init__(self, setting: Setting, request: ChatRequest) -> None:
        self._setting = setting
        self._model = request.model
        self._tried: list[str] = []
        self.refused = setting.refusals.of(setting.base_url, request.model)

    @property
    def count(self) -> int:
        """How many steps were made."""
        return len(self._tried)

    def down(self, error: MultiApiError, http: HttpRequest, used: Plan) -> bool:
        """Whether the refusal was about something that can be left out or said otherwise; the next request then goes without it."""
        if self._setting.policy.max_retries < 1 or self.count >= MAX_STEPS_DOWN:
            return False
        part = refused_part(error, http, used)
        if part is None or part in self.refused:
            return False
        self._tried.append(part)
        self.refused |= {part}
        logger.info(
            "%s refused %s for %s; it is asked otherwise",
            self._setting.provider.name,
            one_line(part),
            one_line(self._model),
        )
        return True

    def succeeded(self) -> None:
        """The request without the refused parts was taken: they are not asked for again."""
        for part in self._tried:
            self._setting.refusals.remember(self._setting.base_url, self._model, part)


def learn(setting: Setting, used: Plan, answer: ChatResponse) -> None:
    """A way to structured output that gave nothing is not taken again, as after a refusal. The call itself was paid, and is not repeated."""
    part = without_answer(answer, used)
    if part is not None:
        setting.refusals.remember(setting.base_url, used.asked.model, part)


# ------------------------------------------------------------------------------------------------ embeddings

MAX_BATCH_TEXTS = 256
MAX_BATCH_CHARS = 600_000

_HALVED = frozenset({400, 413, 422})
"""Refusals that may be about one text, or about how many there are."""

_TEXT_WORDS = frozenset({"input", "inputs", "text", "texts", "content", "contents"})


def texts_per_request(setting: Setting, request: EmbedRequest) -> int:
    """How many texts go into one request at most: as the caller or the vendor says, and no more than the vendor takes."""
    asked = request.batch_size or setting.provider.embed_batch_size or MAX_BATCH_TEXTS
    known = setting.refusals.sizes.most(setting.base_url, request.model)
    return asked if known is None else min(asked, known)


def embed(setting: Setting, request: EmbedRequest, *, max_concurrency: int = 4) -> Flow[EmbedResponse]:
    """Vectors for any number of texts, in batches side by side.

    A refused batch is halved, one half after the other, until it shows whether one text, the number of texts or the request is at
    fault; at most log2 of the number of texts and three requests are spent on that in one call. What no other batch can escape
    (a key, an empty account, an unknown model) ends the call: what has not begun is not sent. A number of texts that was refused is
    remembered for the model, and the first batch of a model goes ahead of the others.

    Raises:
        InvalidRequestError: A text that is empty or none; nothing was sent.
        EmbeddingBatchError: One batch failed; the vectors of the others are on it.
    """
    operation = operation_of(setting.provider, "embed")
    for index, text in enumerate(request.texts):
        if not isinstance(text, str) or not text:
            what = "is empty" if isinstance(text, str) else f"is {type(text).__name__}, not text"
            raise InvalidRequestError(f"{setting.provider.name}: text {index} {what}", provider=setting.provider.name)
    if not request.model:
        raise InvalidRequestError(
            f"{setting.provider.name} needs a model for embeddings", provider=setting.provider.name
        )
    if not request.texts:
        return EmbedResponse(provider=setting.provider.name, model=request.model, vectors=[])
    warn_of_model(setting, request.model)
    run = _EmbeddingRun(setting, operation, request)
    concurrency = min(max_concurrency, setting.provider.max_concurrency or max_concurrency)
    pending = run.spans(0, len(request.texts))
    goes_ahead = not request.batch_size and not run.is_known(pending[0])
    while pending and not run.is_over:
        wave, pending = (pending[:1], pending[1:]) if goes_ahead else (pending, [])
        goes_ahead, run.is_held_up = False, False
        outcomes = yield from _side_by_side([run.batch(*span) for span in wave], concurrency)
        found = list(zip(wave, outcomes, strict=True))
        run.taken |= {span[0]: outcome for span, outcome in found if isinstance(outcome, EmbedResponse)}
        pending += [span for span, outcome in found if outcome is None]
        for span, outcome in found:
            if isinstance(outcome, BaseException):
                if run.is_over or not _may_be_halved(outcome):
                    run.failed.append((*span, outcome, None))
                else:
                    pending += yield from _search(run, *span, outcome)
        pending = [part for start, end in _joined(pending) for part in run.spans(start, end)]
    if run.failed:
        raise run.error()
    return _together(setting, [response for _, response in sorted(run.taken.items())])


class _EmbeddingRun:
    """What has become of the texts of one call so far."""

    def __init__(self, setting: Setting, operation: Operation[Any, EmbedResponse], request: EmbedRequest) -> None:
        self.setting = setting
        self.operation = operation
        self.request = request
        self.taken: dict[int, EmbedResponse] = {}
        self.failed: list[tuple[int, int, BaseException, int | None]] = []
        self.is_over = False  # a failure that no other batch can escape
        self.is_held_up = False  # a refusal whose reason is to be found before more is sent
        self.refused_alone = 0
        self._searches_left = math.ceil(math.log2(max(len(request.texts), 2))) + 3
        self._troubles = 0

    def spans(self, start: int, end: int) -> list[tuple[int, int]]:
        """These texts in batches of the size that is known to be right."""
        found = batches(self.request.texts[start:end], texts_per_request(self.setting, self.request))
        return [(start + first, start + last) for first, last in found]

    def is_known(self, span: tuple[int, int]) -> bool:
        """Whether so many texts were taken lately."""
        return self.setting.refusals.sizes.has_worked(self.setting.base_url, self.request.model, span[1] - span[0])

    def may_search(self) -> bool:
        """Whether one more request may go into finding out what was refused; counts it."""
        self._searches_left -= 1
        return self._searches_left >= 0

    def batch(self, start: int, end: int) -> Flow[EmbedResponse | None]:
        """One batch; None if it is not worth sending any more, or not yet. A repetition is not worth it either then."""
        flow = call(self.setting, self.operation, replace(self.request, texts=self.request.texts[start:end]))
        try:
            step = next(flow)
            while not (isinstance(step, HttpRequest) and (self.is_over or self.is_held_up)):
                try:
                    outcome = yield step
                except MultiApiError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end_of_flow:
            response: EmbedResponse = end_of_flow.value
        except MultiApiError as error:
            self._note(error)
            raise
        else:
            return None
        finally:
            flow.close()
        if len(response.vectors) != end - start:
            failure = ResponseFormatError(
                f"{self.setting.provider.name} answered {end - start} texts with {len(response.vectors)} vectors",
                provider=self.setting.provider.name,
                request_id=response.request_id,
                outcome_unknown=True,
                cost=response.cost,
            )
            self._note(failure)
            raise failure
        self._troubles = 0
        self.setting.refusals.sizes.note_taken(self.setting.base_url, self.request.model, end - start)
        return response

    def _note(self, error: MultiApiError) -> None:
        """What a failure means for the batches that have not begun."""
        if _may_be_halved(error):
            self.is_held_up = True
        elif _is_inescapable(error) or error.status in self.setting.provider.final_statuses:
            self.is_over = True
        else:
            self._troubles += 1
            self.is_over = self.is_over or self._troubles > 1  # two in a row are no chance

    def error(self) -> BaseException:
        """The first failure, together with every vector that there is; the failure itself if there is none."""
        start, end, cause, at = min(self.failed, key=lambda each: each[0])
        if not isinstance(cause, MultiApiError):
            return cause
        _hint_at_other_id(cause, self.request.model)
        done = {
            index: vector
            for first, response in sorted(self.taken.items())
            for index, vector in enumerate(response.vectors, first)
        }
        if at is not None:
            cause.failed_index = at  # type: ignore[attr-defined]
        if not done:
            return cause
        failed = sum(last - first for first, last, _, _ in self.failed)
        unsent = len(self.request.texts) - len(done) - failed
        kept = ("message", "partial", "done", "failed_index", "cost")
        error = EmbeddingBatchError(
            f"{len(done)} texts are embedded{f' and {unsent} were not sent' if unsent > 0 else ''}, but "
            f"{f'text {at}' if at is not None else f'the batch of texts {start} to {end - 1}'} failed: {cause}",
            **{name: value for name, value in cause.__dict__.items() if name not in kept},
            partial=done,
            done=done,
            failed_index=start if at is None else at,
            cost=added_cost(list(self.taken.values())),
        )
        error.__cause__ = cause
        return error


def _side_by_side(flows: list[Flow[EmbedResponse | None]], concurrency: int) -> Flow[list[Any]]:
    """The outcomes of some batches; a single one needs no company."""
    if len(flows) > 1:
        return (yield Parallel(flows, concurrency))  # type: ignore[no-any-return]
    try:
        return [(yield from flows[0])]
    except MultiApiError as error:
        return [error]


def _search(run: _EmbeddingRun, start: int, end: int, error: BaseException) -> Flow[list[tuple[int, int]]]:
    """What a refusal is about: a text, the number of texts, or the request. Given back: the texts that are still to be sent.

    The left half is asked first. If it is taken, the right one is asked once: when that is taken too, there were too many texts. After
    that a half that is taken leaves the fault in the other one.
    """
    low, high, may_be_the_number = start, end, True
    while high - low > 1:
        middle = (low + high) // 2
        outcome = yield from _searched(run, low, middle)
        if isinstance(outcome, EmbedResponse) and may_be_the_number:
            may_be_the_number = False
            low, outcome = middle, (yield from _searched(run, middle, high))
            if isinstance(outcome, EmbedResponse):
                run.setting.refusals.sizes.note_limit(run.setting.base_url, run.request.model, high - middle)
                return [(high, end)] if high < end else []
            middle = high
        if isinstance(outcome, EmbedResponse):
            low = middle
        elif outcome is not None and _may_be_halved(outcome):
            high, error = middle, outcome
        else:  # another failure, or no request left for the search
            run.failed.append((low, high, outcome or error, None))
            return []
    if not run.taken:
        other = end - 1
        outcome = (yield from _searched(run, other, end)) if other > low else None
        if isinstance(outcome, EmbedResponse):
            end = other
        else:
            run.refused_alone += 1 if outcome is None else 2
    if run.refused_alone > 1:  # two texts that have nothing in common but the request
        run.is_over = True
        run.failed.append((start, end, error, None))
        return []
    run.failed.append((low, low + 1, error, low))
    return [(low + 1, end)] if low + 1 < end and run.may_search() else []


def _searched(run: _EmbeddingRun, start: int, end: int) -> Flow[EmbedResponse | MultiApiError | None]:
    """What comes of one part of a refused batch; None if enough was asked."""
    if not run.may_search():
        return None
    run.is_held_up = False
    try:
        response = yield from run.batch(start, end)
    except MultiApiError as error:
        return error
    if response is not None:
        run.taken[start] = response
    return response


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _may_be_halved(error: BaseException) -> bool:
    """Whether a refusal may be about one of the texts, or about how many there are."""
    if isinstance(error, RequestTooLargeError) and error.status is None:
        return True  # refused on this side; halves cost nothing
    if not isinstance(error, StatusError) or error.status not in _HALVED:
        return False
    field = getattr(error, "param", None)
    return not isinstance(field, str) or not _TEXT_WORDS.isdisjoint(re.split(r"[^a-z_]+", field.lower()))


def _is_inescapable(error: MultiApiError) -> bool:
    """Whether every other batch would fail in the same way."""
    if isinstance(error, ConnectionFailedError):
        return not error.outcome_unknown
    if isinstance(error, RequestTimeoutError):
        return error.phase in {"connect", "pool", "total"}
    return not isinstance(error, (ServerError, ResponseFormatError))


def _hint_at_other_id(error: MultiApiError, model: str) -> None:
    """Vendors know OpenAI's embedding models with or without the developer's name; seen both ways."""
    bare = model.removeprefix("openai/")
    if error.status in {404, 503} and bare.startswith("text-embedding-"):
        error.add(f"the vendor may know this model as {bare if bare != model else f'openai/{bare}'!r}")


def batches(texts: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Where each batch begins and ends: bounded by count and by size."""
    spans: list[tuple[int, int]] = []
    start = chars = 0
    for index, text in enumerate(texts):
        if index > start and (index - start >= most or chars + len(text) > MAX_BATCH_CHARS):
            spans.append((start, index))
            start, chars = index, 0
        chars += len(text)
    spans.append((start, len(texts)))
    return spans


def _together(setting: Setting, parts: Sequence[EmbedResponse]) -> EmbedResponse:
    first = parts[0]
    if len(parts) == 1:
        return first
    lengths = {len(part.vectors[0]) for part in parts}
    if len(lengths) != 1:
        raise ResponseFormatError(
            f"{setting.provider.name} answered batches with vectors of different lengths: {sorted(lengths)}",
            provider=setting.provider.name,
            outcome_unknown=True,
            cost=added_cost(parts),
            partial=dict(enumerate(vector for part in parts for vector in part.vectors)),
        )
    return replace(
        first,
        vectors=[vector for part in parts for vector in part.vectors],
        usage=added_usage(parts),
        cost=added_cost(parts),
    )


def added_cost(parts: Sequence[EmbedResponse]) -> Cost | None:
    """What all batches cost; None where one did not say."""
    costs = [part.cost for part in parts if part.cost is not None]
    if not costs or len(costs) != len(parts):
        return None
    return costs[-1]._replace(amount=sum((cost.amount for cost in costs), Decimal(0)))


def added_usage(parts: Sequence[EmbedResponse]) -> Usage | None:
    """Token counts of all batches; None where one did not say."""
    counted = [part.usage for part in parts]
    if any(usage is None for usage in counted):
        return None

    def total(name: str) -> int | None:
        values = [getattr(usage, name) for usage in counted]
        return None if None in values else sum(values)

    return Usage(total("input_tokens"), total("output_tokens"), total("total_tokens"))
