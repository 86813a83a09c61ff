"""Chats as flows: one response or one stream, asked for in another way where the provider refuses a part."""

from __future__ import annotations

from dataclasses import replace

from multiapi.errors import (
    InvalidRequestError,
    MultiApiError,
    StatusError,
    one_line,
)
from multiapi.flows.attempts import (
    _WALL_MARGIN_S,
    MAX_STEPS_DOWN,
    learn,
    logger,
    read,
    refusal,
    wait_or_raise,
    warn_of_model,
    without_prefix,
)
from multiapi.flows.charges import begin
from multiapi.flows.hints import warn_of_ignored
from multiapi.flows.observing import OBSERVING, observed
from multiapi.flows.steps import Flow, Target
from multiapi.flows.unknown_fields import check_fields
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.negotiation.plan import Plan, adjusted, plan, refused_part, scope_of
from multiapi.provider import Retry
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse


def chat(target: Target, request: ChatRequest) -> Flow[ChatResponse]:
    """One answer; steps down from what the provider refuses, and remembers that once the request without it was taken."""
    flow = _chat(target, request)
    if OBSERVING.observer is None:
        return flow
    return observed(flow, target, "chat", request, sends=HttpRequest)


def _chat(target: Target, request: ChatRequest) -> Flow[ChatResponse]:
    warn_of_model(target, request.model)
    if ":" in request.model:
        request = without_prefix(target, request)
    operation = target.provider.chat
    attempt, stepped = 0, SteppedDown(target, request)
    if request.reasoning_effort is not None:
        warn_of_ignored(target.provider, request, target.memory)
    if request.extra:
        check_fields(target, request)
    while True:
        attempt += 1
        used = plan(target.provider, request, stepped.refused)
        try:
            http = adjusted(operation.unchecked(used.request), stepped.refused)
        except Exception:
            operation.build(used.request)  # it says which value is wrong
            raise
        charge = yield from begin(target, operation, http, used.request)
        try:
            response = yield http if charge.tokens is None else charge.counted(http)
            answer = charge.paid(used.attributed(read(target, operation, response)))
            stepped.succeeded()
            if used.format is not None:
                learn(target, used, answer)
            return used.read(answer)
        except MultiApiError as error:
            failure = error
        except BaseException as error:
            charge.interrupted(error)
            raise
        with charge.failing(failure):
            if stepped.down(failure, http, used):
                attempt -= 1
            else:
                note_wall(target, failure)
                yield from wait_or_raise(target, operation.retry, http, failure, attempt + stepped.count)


def open_stream(target: Target, request: ChatRequest) -> Flow[tuple[HttpResponse, Plan]]:
    """Ask for a streamed answer until it begins; the client then reads it."""
    warn_of_model(target, request.model)
    if ":" in request.model:
        request = without_prefix(target, request)
    operation = target.provider.chat_stream
    assert operation is not None
    attempt, stepped = 0, SteppedDown(target, request)
    if request.reasoning_effort is not None:
        warn_of_ignored(target.provider, request, target.memory)
    if request.extra:
        check_fields(target, request)
    while True:
        attempt += 1
        used = plan(target.provider, request, stepped.refused)
        http = replace(adjusted(operation.build(used.request), stepped.refused), stream=True)
        charge = yield from begin(target, None, http, used.request)
        try:
            response = yield http if charge.tokens is None else charge.counted(http)
            if 200 <= response.status < 300:
                stepped.succeeded()
                return response, replace(used, charge=charge)
            raise refusal(target, response)
        except MultiApiError as error:
            failure = error
        except BaseException as error:
            charge.interrupted(error)
            raise
        with charge.failing(failure):
            if stepped.down(failure, http, used):
                attempt -= 1
            else:
                yield from wait_or_raise(target, Retry.ANSWER, http, failure, attempt + stepped.count)


def streams_inside(target: Target, request: ChatRequest) -> bool:
    """Whether a whole response is to be put together from a stream.

    Raises:
        InvalidRequestError: A value that is not a way to stream.
    """
    name, wanted = target.provider.name, request.streaming
    if wanted not in (None, False, True, "auto"):
        raise InvalidRequestError(f"{name}: streaming must be True, False or 'auto', not {wanted!r}", provider=name)
    if not wanted or target.provider.chat_stream is None:
        return False
    return wanted is True or target.provider.unstreamed_limit_s is not None


def last_response(delta: ChatDelta) -> ChatResponse:
    """The response that the last delta of a stream carries."""
    assert delta.response is not None
    return delta.response


def note_wall(target: Target, error: MultiApiError) -> None:
    """Say so where an unstreamed chat was ended by the limit of the provider's gateway."""
    limit = target.provider.unstreamed_limit_s
    if limit is None or not isinstance(error, StatusError) or (error.status or 0) < 500 or error.after_s < limit:
        return
    error.cut_off = error.outcome_unknown = True
    after = f"about {limit + _WALL_MARGIN_S:.0f} s"
    error.add(f"{target.provider.title} ends unstreamed calls after {after} (seen, not documented): use streaming=True")


class SteppedDown:
    """What one call leaves out or says otherwise after refusals. A refused request was not carried out, so sending it is not a repetition."""

    def __init__(self, target: Target, request: ChatRequest) -> None:
        self._target = target
        self._model = scope_of(target.provider, request)
        self._tried: list[str] = []
        self.refused = target.refusals.of(target.base_url, self._model)

    @property
    def count(self) -> int:
        """How many steps were made."""
        return len(self._tried)

    def down(self, error: MultiApiError, http: HttpRequest, used: Plan) -> bool:
        """Whether the refusal was about something that can be left out or said otherwise; the next request then goes without it."""
        if self._target.policy.max_retries < 1 or self.count >= MAX_STEPS_DOWN:
            return False
        part = refused_part(error, http, used)
        if part is None or part in self.refused:
            return False
        self._tried.append(part)
        self.refused |= {part}
        logger.info(
            "%s refused %s for %s; it is asked otherwise",
            self._target.provider.name,
            one_line(part),
            one_line(self._model),
        )
        return True

    def succeeded(self) -> None:
        """The request without the refused parts was taken: they are not asked for again."""
        for part in self._tried:
            self._target.refusals.remember(self._target.base_url, self._model, part)
