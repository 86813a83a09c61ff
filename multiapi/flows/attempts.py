"""One request and its retries: what may be sent again after which failure, and after how long."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from multiapi.errors import (
    ConnectionFailedError,
    MultiApiError,
    NotFoundError,
    RequestTimeoutError,
    ResponseFormatError,
    StatusError,
    WithdrawnError,
    place,
    printable,
    status_error_class,
)
from multiapi.flows.charges import begin
from multiapi.flows.driving import Work
from multiapi.flows.hints import add_hints
from multiapi.flows.observing import OBSERVING, observed
from multiapi.flows.steps import Flow, Sleep, Target
from multiapi.formats.answer_facts import request_id
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt
from multiapi.http.json import parse_json
from multiapi.http.retry_after import retry_after_s
from multiapi.negotiation.plan import Plan, scope_of, without_answer
from multiapi.negotiation.tool_names import renamed
from multiapi.provider import Operation, Provider, Retry, Withdrawal, check_prefix, names
from multiapi.types.chat import ChatRequest, ChatResponse
from multiapi.types.media_fields import lies_on_disk, read_from_disk

T = TypeVar("T")


logger = logging.getLogger("multiapi")


_BACKOFF_S = 0.5


_PERHAPS_CHARGED = "it may have been carried out and charged"


_BACKOFF_MAX_S = 8.0


def call(target: Target, operation: Operation[Any, T], request: Any) -> Flow[T]:
    """Build, send, read; and again after each failure worth it. Tools of a chat go out under names that providers take."""
    flow = _call(target, operation, request)
    if OBSERVING.observer is None:
        return flow
    return observed(flow, target, operation.name, request, sends=HttpRequest)


def _call(target: Target, operation: Operation[Any, T], request: Any) -> Flow[T]:
    model = getattr(request, "model", "")
    warn_of_model(target, model)
    if isinstance(model, str) and ":" in model:
        request = without_prefix(target, request)
    if isinstance(request, ChatRequest):
        request, table = renamed(request)
        if table is not None:
            named: T = table.back_in((yield from _call(target, operation, request)))
            return named
    if lies_on_disk(request):
        request = yield Work(partial(read_from_disk, request))
    http = operation.build(request)
    if operation.limit != http.limit:
        http = replace(http, limit=operation.limit)
    if operation.elsewhere is not None:
        return (yield from _at_either(target, operation, http, operation.elsewhere))
    return (yield from exchange(target, operation, http, request))


class ModelDeprecatedWarning(UserWarning):
    """A model still answers, and its provider has said that it is deprecated or replaced by another."""


def without_prefix(target: Target, request: Any) -> Any:
    """Return the request with the model's id alone, where the name of the provider that is asked stands before it."""
    if not isinstance(request.model, str):
        return request
    name, _, model = request.model.partition(":")
    return replace(request, model=model) if name == target.provider.name and model else request


def warn_of_model(target: Target, model: Any) -> None:
    """Warn, once per client, of a model that the last feed of deprecations or the packed list calls deprecated or superseded.

    Raises:
        InvalidRequestError: It is a model of another provider.
    """
    if isinstance(model, str) and ":" in model:
        check_prefix(model, target.provider)
    look_up, memory = target.provider.deprecation_of, target.memory
    if look_up is None or memory is None or not isinstance(model, str) or model in target.provider.withdrawn_models:
        return
    found = memory.get("deprecated", {}).get(model) or look_up(model)
    if found is None or found.status not in {"deprecated", "superseded"} or ("warned", model) in memory:
        return
    memory["warned", model] = True
    since = f" since {found.deprecated_at}" if found.deprecated_at else ""
    until = f", and is gone from {found.shutdown_at} on" if found.shutdown_at else ""
    instead = f"; use {found.replaced_by}" if found.replaced_by else ""
    warnings.warn(
        f"{target.provider.name}: the model {printable(model, 120)} is {found.status}{since}{until}{instead}",
        ModelDeprecatedWarning,
        stacklevel=3,
    )


def withdrawn(
    target: Target, http: HttpRequest, error: MultiApiError, operation: Withdrawal | None = None, request: Any = None
) -> MultiApiError:
    """The error as it is, or as `WithdrawnError` where it refuses a model or an operation that is known to be withdrawn."""
    if not isinstance(error, StatusError) or isinstance(error, WithdrawnError):
        return error
    body = http.json if isinstance(http.json, dict) else {}
    model, name = body.get("model"), target.provider.name
    is_gone = isinstance(error, NotFoundError) or error.status == 410
    if isinstance(model, str) and (is_gone or (error.status == 400 and model in error.message)):
        system = target.provider.withdrawn_models.get(model)
        if system is not None:
            made = error.as_class(WithdrawnError, since=system.since)
            made.add(f"{name} has withdrawn the model {printable(model, 120)}{_since(system.since)}: {system.instead}")
            return made
        feed = {} if target.memory is None else target.memory.get("deprecated", {})
        look_up = target.provider.deprecation_of
        found = feed.get(model) or (None if look_up is None else look_up(model))
        if found is not None and found.status == "withdrawn":
            since = found.shutdown_at or found.deprecated_at
            made = error.as_class(WithdrawnError, since=since, replaced_by=found.replaced_by)
            instead = f"use {found.replaced_by}" if found.replaced_by else "models() lists those there are"
            made.add(f"{name} has withdrawn the model {printable(model, 120)}{_since(since)}: {instead}")
            return made
    if operation is not None and is_gone and not (operation.is_guess and _is_about_an_id(http, error, request)):
        made = error.as_class(WithdrawnError, since=operation.since)
        does = "seems to have" if operation.is_guess else "has"
        made.add(f"{name} {does} withdrawn this operation{_since(operation.since)}: {operation.instead}")
        return made
    return error


def _is_about_an_id(http: HttpRequest, error: StatusError, request: Any) -> bool:
    """Whether a 404 says that something with an id of the request is not there; one that names the path is about the operation."""
    if error.status == 410 or http.path in error.message:
        return False
    body = http.json if isinstance(http.json, dict) else {}
    named = [value for name, value in body.items() if name.endswith("_id")]
    ids = (*getattr(request, "ids", {}).values(), *named)
    return any(
        re.search(rf"(?<!\w){re.escape(each)}(?!\w)", error.message) for each in ids if isinstance(each, str) and each
    )


def _since(day: str | None) -> str:
    return f" (since {day})" if day else ""


def exchange(target: Target, operation: Operation[Any, T], http: HttpRequest, request: Any = None) -> Flow[T]:
    """Send what was built, and again after each failure worth it."""
    attempt = 0
    while True:
        attempt += 1
        charge = yield from begin(target, operation, http, request)
        try:
            response = yield http if charge.tokens is None else charge.counted(http)
            return charge.paid(read(target, operation, response))
        except MultiApiError as error:
            failure = error
        except BaseException as error:
            charge.interrupted(error)
            raise
        with charge.failing(failure):
            yield from wait_or_raise(
                target, operation.retry, http, failure, attempt, gone=operation.withdrawn, request=request
            )


def _at_either(target: Target, operation: Operation[Any, T], http: HttpRequest, elsewhere: str) -> Flow[T]:
    """Ask the documented path, and after a 404 the other one; the client remembers which of them answered."""
    memory = {} if target.memory is None else target.memory
    place = ("elsewhere", http.path)
    if place not in memory:
        try:
            return (yield from exchange(target, operation, http))
        except NotFoundError:
            pass
    try:
        result = yield from exchange(target, operation, replace(http, path=elsewhere))
    except NotFoundError as error:
        memory.pop(place, None)
        error.message = (
            f"{target.provider.title} seems to have no {operation.name} operation for this key: {http.path} and "
            f"{elsewhere} are not there; look at its dashboard ({error.message})"
        )
        error.args = (error.message,)
        raise
    memory[place] = elsewhere
    return result


def read(target: Target, operation: Operation[Any, T], response: HttpResponse) -> T:
    """The result of a response, or its error."""
    if not 200 <= response.status < 300:
        raise refusal(target, response)
    try:
        return operation.parse(HttpResponse(*response[:4], target.limits, response.after_s))
    except MultiApiError as error:
        if isinstance(error, StatusError):
            error.inside_success = True
        note_answer(target.provider, response, error)
        raise
    except Exception as error:
        failure = unreadable(target.provider, response, error)
    note_answer(target.provider, response, failure)
    raise failure


def note_answer(provider: Provider, response: HttpResponse, error: MultiApiError) -> None:
    """What a response that cannot be used says of itself: the id to ask the provider about, and what was charged."""
    try:
        body = parse_json(response.body) if response.body else None
    except ValueError:
        body = None
    if error.request_id is None:
        error.request_id = request_id(response.headers, body)
    if error.cost is None and provider.read_cost is not None:
        with suppress(Exception):  # it may be anything, and the failure is what counts
            error.cost = provider.read_cost(body if isinstance(body, dict) else {}, response.headers)


def refusal(target: Target, response: HttpResponse) -> StatusError:
    """The typed error for a response that is not a success; API calls never follow a redirect."""
    if 300 <= response.status < 400:
        return redirected(target.provider, response)
    try:
        error = target.provider.read_error(response)
    except Exception as failure:  # the status says enough
        logger.debug("%s: the body of a %d cannot be read (%s)", target.provider.name, response.status, place(failure))
        error = status_error_class(response.status)(
            "an error that cannot be read", provider=target.provider.name, status=response.status
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
    """A redirect is not followed: key and prompt stay with the provider."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(response.headers.get("location", "")).hostname or "an address that cannot be read"
    except ValueError:
        host = "an address that cannot be read"
    return StatusError(
        f"redirected to {printable(host, 200)}, which is not followed; if that is the provider's new address, set base_url",
        provider=provider.name,
        status=response.status,
        retryable=False,
    )


def wait_or_raise(
    target: Target,
    kind: Retry,
    http: HttpRequest,
    error: MultiApiError,
    attempt: int,
    *,
    gone: Withdrawal | None = None,
    request: Any = None,
) -> Flow[None]:
    """Wait before the next attempt, or raise the error if there is to be none."""
    error.attempts = attempt
    error.provider = error.provider or target.provider.name
    repeatable, reason = may_repeat(target, kind, error)
    error.retryable = repeatable
    if reason is _PERHAPS_CHARGED or (http.method != "GET" and may_have_begun(kind, error)):
        error.outcome_unknown = True
    if error.outcome_unknown and not repeatable:
        _say_where_to_look(target.provider, error)
    wait = error.retry_after_s
    least = target.provider.rate_limit_wait_s if error.status == 429 else 0.0
    if repeatable and attempt > target.policy.max_retries:
        repeatable, reason = False, f"{attempt} attempts were made"
    elif repeatable and wait is not None and wait > target.policy.max_retry_after_s:
        repeatable, reason = False, f"the provider asks to wait {wait:.0f} s"
    if repeatable:
        most = min(_BACKOFF_MAX_S, _BACKOFF_S * 2 ** (attempt - 1))
        refused = yield Sleep(least, max(most, least + 0.1)) if wait is None else Sleep(wait, wait + 0.1)
        if not refused:
            logger.info(
                "%s %s: attempt %d after %s", target.provider.name, http.path, attempt + 1, type(error).__name__
            )
            return
        reason = refused
    error = withdrawn(target, http, error, gone, request)
    error.not_repeated = reason
    add_hints(target.provider, http, error)
    logger.debug("%s %s: not repeated, %s", target.provider.name, http.path, reason)
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


def may_repeat(target: Target, kind: Retry, error: MultiApiError) -> tuple[bool, str]:
    """Whether a failure may be followed by the same request again, and why (not). The table in `docs/errors.md`."""
    policy = target.policy
    if isinstance(error, ConnectionFailedError) and not error.outcome_unknown:
        return True, "nothing was sent"
    if isinstance(error, RequestTimeoutError) and error.phase == "connect":
        return True, "nothing was sent"
    if isinstance(error, RequestTimeoutError) and error.phase in {"pool", "total"}:
        return False, f"the {error.phase} limit passed"
    if isinstance(error, StatusError) and error.status is not None:
        return _may_repeat_status(target, kind, error)
    if isinstance(error, (ConnectionFailedError, RequestTimeoutError, ResponseFormatError)):
        if kind is Retry.READ:
            return True, "reading changes nothing"
        if policy.repeat_unknown:
            return True, "repeat_unknown is set"
        return False, _PERHAPS_CHARGED
    return False, "it would fail again"


def _may_repeat_status(target: Target, kind: Retry, error: StatusError) -> tuple[bool, str]:
    provider, policy, status = target.provider, target.policy, error.stands_for or error.status or 0
    if error.partial is not None:
        return False, "the answer had begun"
    if error.inside_success and kind in {Retry.MEDIA, Retry.JOB}:
        return False, _PERHAPS_CHARGED
    if not error.retryable and type(error).retryable_by_default:
        return False, "the provider says that a retry is of no use"
    if error.cut_off:
        return policy.repeat_unknown, "the call took longer than the provider lets one run without a stream"
    if status == 429:
        if provider.rate_limit_is_final and error.retry_after_s is None:
            return False, "the limit is a daily one"
        return True, "too many requests"
    if status == 408:
        return kind is Retry.READ, "the provider gave up waiting for the request"
    if not 500 <= status < 600:
        return False, f"{status} would come again"
    if kind is Retry.JOB:
        return status == 503 and error.retry_after_s is not None, "a second job could be started"
    if kind is Retry.MEDIA and not policy.repeat_media:
        return False, "a paid call may have been carried out"
    if status == 503 or kind is not Retry.READ:
        return status not in provider.final_statuses, f"{status} as {provider.name} documents it"
    return True, "reading changes nothing"


_WALL_MARGIN_S = 5.0
"""Calls that end so long before the wall are taken as ended by it."""


MAX_STEPS_DOWN = 8


def learn(target: Target, used: Plan, answer: ChatResponse) -> None:
    """A way to structured output that gave nothing is not taken again, as after a refusal. The call itself was paid, and is not repeated."""
    part = without_answer(answer, used)
    if part is not None:
        target.refusals.remember(target.base_url, scope_of(target.provider, used.asked), part)


_HALVED = frozenset({400, 413, 422})
"""Refusals that may be about one text, or about how many there are."""


_TEXT_WORDS = frozenset({"input", "inputs", "text", "texts", "content", "contents"})
