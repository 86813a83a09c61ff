"""Answers that are handed on while they come, in named events or as sound: asked for until one begins; the client then reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from multiapi.errors import MultiApiError, UnsupportedError
from multiapi.flows.attempts import refusal, wait_or_raise, warn_of_model
from multiapi.flows.charges import Charge, begin
from multiapi.flows.steps import Flow, Target
from multiapi.http.exchange import HttpResponse
from multiapi.provider import Provider, known_providers, names, operation_of
from multiapi.types.limits import Limits

if TYPE_CHECKING:
    from multiapi.provider import EventDecoder


class Begun(NamedTuple):
    """A response of which the head is there."""

    decoder: Callable[[HttpResponse, Limits], EventDecoder]
    charge: Charge
    job_id: str | None
    """The run that goes on, where the request names one."""


def open_events(target: Target, name: str, request: Any, yields: Literal["events", "sound"] = "events") -> Flow[Begun]:
    """Ask for an operation's answer in events, or as sound, until it begins.

    Raises:
        UnsupportedError: The operation has no such answer; the message names those that have.
    """
    operation = operation_of(target.provider, name)
    if operation.events is None or operation.events.yields != yields:
        raise _not_streamed(target.provider, name, yields)
    warn_of_model(target, getattr(request, "model", ""))
    http = replace(operation.events.build(request), stream=True)
    job_id = getattr(request, "ids", {}).get("run_id")
    attempt = 0
    while True:
        attempt += 1
        charge = yield from begin(target, operation, http, request)
        try:
            response = yield http if charge.tokens is None else charge.counted(http)
            if 200 <= response.status < 300:
                return Begun(operation.events.decoder, charge, job_id)
            raise refusal(target, response)
        except MultiApiError as error:
            failure = error
        except BaseException as error:
            charge.interrupted(error)
            raise
        failure.job_id = failure.job_id or job_id
        with charge.failing(failure):
            yield from wait_or_raise(
                target, operation.retry, http, failure, attempt, gone=operation.withdrawn, request=request
            )


def can_stream(provider: Provider, name: str, request: Any) -> bool:
    """Whether an operation's answer to a request can be handed on as sound while it comes.

    Raises:
        InvalidRequestError: The request cannot be sent at all.
    """
    operation = operation_of(provider, name)
    if operation.events is None or operation.events.yields != "sound":
        return False
    try:
        operation.events.build(request)
    except UnsupportedError:
        return False
    return True


def _not_streamed(provider: Provider, name: str, yields: str) -> UnsupportedError:
    if yields == "sound":
        streaming = [
            each.name
            for each in known_providers().values()
            if (other := each.operations.get(name)) is not None and other.events is not None
        ]
        message = f"{provider.name} does not stream {name}; {names(streaming)} does"
    else:
        having = [
            each
            for each, other in provider.operations.items()
            if other.events is not None and other.events.yields == yields
        ]
        message = f"{provider.name} streams no events of {name}; {names(having)} do"
    return UnsupportedError(message, provider=provider.name)
