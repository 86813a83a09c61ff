"""Runs flows, for both clients alike: generators that decide, and yield what takes time to the client that drives them.

What is yielded stands in `multiapi.sending.primitives`, and the loops that do it on the spot or await it in `multiapi.flows.driving`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from multiapi.errors import IN_FORCE, MultiApiError, never_sent
from multiapi.flows import attempts, chat
from multiapi.flows.driving import Either, Items, Step, Steps, Work, handed_on
from multiapi.flows.observing import OBSERVING, observed
from multiapi.flows.steps import Flow, Parallel, Sleep, Wait
from multiapi.formats.stream import whole_answer
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.sending.bodies import BodyReader
from multiapi.sending.downloads import FileSink, needs_pin, pin_address
from multiapi.sending.echoes import without_key
from multiapi.sending.engines import was_written
from multiapi.sending.failures import Failures
from multiapi.sending.limiter import Turn
from multiapi.sending.loading import LOADED, load
from multiapi.sending.primitives import Close, Next, Pause, Read, ResolveKey, SideBySide, TakeTurn, Transmit
from multiapi.sending.settings import Settings
from multiapi.sending.streams import MAX_DRAINED_CHUNKS, BodyReading, EventReading, StreamReading
from multiapi.types.chat import ChatRequest, ChatResponse

if TYPE_CHECKING:
    from multiapi.flows.downloads import Fetch
    from multiapi.sending.live_answer import LiveAnswer

T = TypeVar("T")

FILE = HttpRequest("GET", "/")


def _tell(flow: Flow[Any], error: BaseException) -> None:
    """Let a flow that was waiting say what is lost with it; the exception itself goes on as it is."""
    if getattr(flow, "gi_frame", None) is not None:
        with suppress(BaseException):
            flow.throw(error)


_CHAT = ("auto", "chat")
_WORKED = (Work, Either)


class FlowRunner(Settings):
    """What both clients do with a flow."""

    def _called(self, flow: Flow[T]) -> Steps[T]:
        """A flow of a caller."""
        steps = self._run(flow, self._deadline())
        return self._loaded_first(steps, only_chat=False) if self.awaits else steps

    def _loaded_first(self, steps: Steps[T], *, only_chat: bool) -> Steps[T]:
        """Steps after everything that they may import or read: an event loop does not wait for the disk."""
        if (self.provider.name, only_chat, self._roots, self.engine) in LOADED:
            return steps
        needed = partial(load, self.provider, only_chat=only_chat, roots=self._roots, engine=self.engine)
        return handed_on(steps, Work(needed))

    def _run(self, flow: Flow[T], deadline: float | None, opened: list[LiveAnswer] | None = None) -> Steps[T]:
        outcome: Any = None
        step: Any = None
        failures = self._failures_of_a_call()
        may_echo = False
        try:
            while True:
                IN_FORCE.scrub = failures.scrubber.beginning
                try:
                    step = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
                except StopIteration as end:
                    self._budget.succeeded()
                    result: T = end.value
                    return without_key(result, failures.scrubber.echo) if may_echo else result
                except MultiApiError as error:
                    failure = failures.scrubbed_error(error)
                    break
                if type(step) is HttpRequest:
                    outcome = yield from self._send(step, deadline, opened, failures)
                    may_echo = may_echo or (
                        type(outcome) is HttpResponse and failures.scrubber.may_echo(outcome.headers, outcome.body)
                    )
                elif type(step) is Sleep:
                    seconds, outcome = self._sleep_s(step, deadline)
                    if outcome is None:
                        yield Pause(seconds)
                elif type(step) is Parallel:
                    parts = [self._outcome(each, deadline) for each in step.flows]
                    outcome = yield SideBySide(parts, step.max_concurrency)
                elif type(step) is Wait:
                    if step.seconds > 0:
                        yield Pause(step.seconds)
                    outcome, deadline = time.monotonic(), self._deadline(step.most_s)
                elif type(step) in _WORKED:
                    outcome = yield from _worked(step)
                else:
                    outcome = yield from self._fetch(step, deadline, failures)
                    may_echo = True
        except BaseException as error:  # Ctrl-C, a cancellation, a mistake in a caller's function
            _tell(flow, error)
            raise
        finally:
            IN_FORCE.scrub = None
            flow.close()
        outcome = step = None  # a response may repeat the key
        raise failure

    def _outcome(self, flow: Flow[Any], deadline: float | None) -> Steps[Any]:
        """The result of a flow, or its error as a value."""
        try:
            return (yield from self._run(flow, deadline))
        except MultiApiError as error:
            return error

    # ------------------------------------------------------------------------------------ a chat, whole or as a stream

    def _chat(self, request: ChatRequest) -> Steps[ChatResponse]:
        """One answer, which may come as a stream inside."""
        if request.streaming and chat.streams_inside(self._target, request):
            return self._stream(request)
        answered = self._run(chat.chat(self._target, request), self._deadline())
        return self._loaded_first(answered, only_chat=request.api in _CHAT) if self.awaits else answered

    def _stream(self, request: ChatRequest) -> Steps[ChatResponse]:
        """A streamed answer; the result is the response of its last delta."""
        if self.provider.chat_stream is None:
            return self._in_one_piece(request)

        steps = self._read(self._opened(request))
        if self.awaits:
            steps = self._loaded_first(steps, only_chat=request.api in _CHAT)
        if OBSERVING.observer is None:
            return steps
        scrub = self._failures_of_a_call().scrubber.beginning
        return observed(steps, self._target, "chat", request, sends=Transmit, stream=True, scrub=scrub)

    def _in_one_piece(self, request: ChatRequest) -> Steps[ChatResponse]:
        """A response of a provider that streams none, as a stream would give it."""
        last = whole_answer((yield from self._called(chat.chat(self._target, request))))
        yield Items(last)
        return chat.last_response(last[-1])

    def _events(self, name: str, request: Any, yields: Literal["events", "sound"] = "events") -> Steps[None]:
        """A response that is handed on while it comes, in named events or as sound."""
        steps = self._read(self._opened_events(name, request, yields))
        if self.awaits:
            steps = self._loaded_first(steps, only_chat=False)
        if OBSERVING.observer is None:
            return steps
        return observed(steps, self._target, name, request, sends=Transmit, stream=True)

    def _read(self, opening: Steps[BodyReading]) -> Steps[Any]:
        """Open a response, read it, hand on what comes, drain, close."""
        reading: BodyReading | None = yield from opening
        assert reading is not None
        live = reading.live
        try:
            following = Next(live)
            try:
                while (chunk := (yield following)) is not None:
                    following.items = reading.feed(chunk)
                    if reading.done:
                        yield Items(following.items)
                        break
                if ending := reading.close():
                    yield Items(ending)
            except Exception as error:
                failure = reading.failure(error)
                rest = () if failure else reading.close()
            else:
                failure, rest = None, ()
                if self.keeps_deadlines:  # only our transport stops waiting when it is told to
                    yield from _drained(following)
            if failure is not None:
                chunk = following = reading = None  # type: ignore[assignment] # they may hold the key, if the vendor repeated it
                yield Close(live)
                raise failure
            if rest:
                yield Items(rest)
            return reading.result()
        finally:
            if reading is not None:
                reading.left()
            yield Close(live)

    def _opened(self, request: ChatRequest) -> Steps[BodyReading]:
        """A streamed chat that has begun."""
        opened: list[LiveAnswer] = []
        _, plan = yield from self._run(chat.open_stream(self._target, request), self._deadline(), opened)
        return (yield from _closed_on_failure(opened[-1], lambda: StreamReading(self, plan, opened[-1])))

    def _opened_events(self, name: str, request: Any, yields: Literal["events", "sound"]) -> Steps[BodyReading]:
        """A response in named events, or as sound, that has begun."""
        from multiapi.flows import events

        opened: list[LiveAnswer] = []
        begun = yield from self._run(events.open_events(self._target, name, request, yields), self._deadline(), opened)
        return (
            yield from _closed_on_failure(
                opened[-1],
                lambda: EventReading(
                    self, opened[-1], begun.decoder(opened[-1].head, self.limits), begun.charge, begun.job_id
                ),
            )
        )

    # ------------------------------------------------------------------------------------ one request

    def _send(
        self, request: HttpRequest, deadline: float | None, opened: list[LiveAnswer] | None, failures: Failures
    ) -> Steps[HttpResponse | MultiApiError]:
        """One request and its response, or the failure as a value: no frame that saw the key is in a traceback."""
        live = yield from self._open(request, deadline, failures)
        if isinstance(live, MultiApiError):
            return live
        head = live.head
        if request.stream and opened is not None and 200 <= head.status < 300:
            opened.append(live)
            return head
        try:
            most = getattr(self.limits, request.limit if head.status < 400 else "error_bytes")
            IN_FORCE.scrub = failures.scrubber.beginning
            reader = BodyReader(head, most, self.provider.name, holds_vectors=request.holds_vectors)
            yield Read(live, reader)
            answer = reader.answer()
            if head.status < 400:
                return answer
            answer = failures.answered(answer)
            return answer if head.status < 500 else answer._replace(after_s=head.after_s)
        except BaseException as error:
            yield Close(live)  # of one that was not read
            if not isinstance(error, Exception):
                raise
            if head.status >= 400:
                return failures.answered(head)
            failure = failures.on_the_way(error, request=request, deadline=deadline)
            attempts.note_answer(self.provider, head, failure)
            return failures.scrubbed_error(failure)

    def _open(
        self, request: HttpRequest, deadline: float | None, failures: Failures
    ) -> Steps[LiveAnswer | MultiApiError]:
        from multiapi.sending.live_answer import LiveAnswer
        from multiapi.sending.requests import httpx_request

        key: Any = None
        if self.key.is_fixed or not request.public:
            try:
                key = self.key.reveal()
                if not isinstance(key, str):
                    key = yield ResolveKey(key)
            except BaseException as error:
                if not isinstance(error, Exception):
                    never_sent(error)
                    raise
                return failures.without_key(error)
            if not self.key.is_fixed:  # a fixed one is known from the start
                failures.scrubber.add_key(key)
        if request.headers:
            failures.scrubber.add_headers(request.headers)
        try:
            sent = httpx_request(self, request, key, deadline)
        except Exception as error:
            return failures.unwritten(error)
        turn: Turn | None = None
        is_on_its_way = False
        try:
            limiter = self._limiter_of(key) if self._keeps_to_documents and key is not None else self.limiter
            if limiter is not None:
                turn = yield TakeTurn(limiter, deadline, request.tokens)
            begun = time.monotonic()
            is_on_its_way = True
            response = yield Transmit(sent)
        except BaseException as error:
            if turn is not None:
                turn.done()
            if not isinstance(error, Exception):
                if not (is_on_its_way and was_written(sent)):
                    never_sent(error)
                raise
            if not is_on_its_way:
                sent.extensions["written"] = False
            return failures.on_the_way(error, request=request, deadline=deadline, sent=sent)
        live = LiveAnswer(response, sent, turn, failures, given_by_user=self.http_client is not None)
        if live.head.status >= 500:
            live.head = live.head._replace(after_s=time.monotonic() - begun)
        if turn is not None:
            turn.learn(live.head.status, live.head.headers)
        return live

    def _fetch(self, step: Fetch, deadline: float | None, failures: Failures) -> Steps[HttpResponse | Exception]:
        from multiapi.sending.live_answer import LiveAnswer
        from multiapi.sending.requests import file_request

        sink = FileSink(step)
        try:
            sent = file_request(self, step, deadline)
            if step.check_address is not None and needs_pin(self, sent):
                yield Work(lambda: pin_address(step, sent))
            response = yield Transmit(sent, **({} if self.http_client is None else {"auth": None}))
            live = LiveAnswer(response, sent, None, failures, given_by_user=self.http_client is not None)
            try:
                reader = sink.reader(live.head, self)
                if not 300 <= live.head.status < 400:
                    yield Read(live, reader)
            finally:
                yield Close(live)
            return reader.answer()
        except Exception as error:
            return sink.failure or failures.on_the_way(error, request=FILE, deadline=deadline)


def _worked(step: Step) -> Steps[Any]:
    """What a function gives, or what it fails with as a value."""
    try:
        return (yield step)
    except Exception as error:
        return error


def _closed_on_failure(live: LiveAnswer, make: Callable[[], BodyReading]) -> Steps[BodyReading]:
    """What reads a response, or the response closed where that cannot be made."""
    try:
        return make()
    except BaseException:
        yield Close(live)
        raise


def _drained(following: Next) -> Steps[None]:
    """Read what little remains after the provider's last word, so that the connection can be used again."""
    following.items = ()
    try:
        for _ in range(MAX_DRAINED_CHUNKS):
            if (yield following) is None:
                return
    except Exception:
        attempts.logger.debug("the connection was not kept: its body did not end")
