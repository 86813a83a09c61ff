"""Runs flows, for both clients alike.

What takes time (sending, reading, sleeping) is left to the client. The methods are `async` for `AsyncClient`; on `Client` what they
await is done when it returns, so that they run through without an event loop: see `at_once`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from multiapi.errors import IN_FORCE, MultiApiError
from multiapi.flows import attempts, chat
from multiapi.flows.steps import Flow, Parallel, Sleep, Wait, Work
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.negotiation.plan import Plan
from multiapi.sending.bodies import BodyReader
from multiapi.sending.downloads import Disk, needs_pin, pin_address
from multiapi.sending.echoes import without_key
from multiapi.sending.failures import Failures
from multiapi.sending.limiter import Limiter, Turn
from multiapi.sending.settings import Settings
from multiapi.types.chat import ChatRequest

if TYPE_CHECKING:
    import httpx

    from multiapi.flows.downloads import Fetch
    from multiapi.sending.live_answer import LiveAnswer

T = TypeVar("T")

FILE = HttpRequest("GET", "/")


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise AssertionError("a coroutine of the blocking client waits for an event loop")


def _tell(flow: Flow[Any], error: BaseException) -> None:
    """Let a flow that was waiting say what is lost with it; the exception itself goes on as it is."""
    if getattr(flow, "gi_frame", None) is not None:
        with suppress(BaseException):
            flow.throw(error)


class FlowRunner(Settings, ABC):
    """What both clients do with a flow."""

    async def _run(self, flow: Flow[T], deadline: float | None, opened: list[LiveAnswer] | None = None) -> T:
        outcome: Any = None
        step: Any = None
        failures = self._failures_of_a_call()
        try:
            while True:
                failures.in_force()
                try:
                    step = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
                except StopIteration as end:
                    self._budget.succeeded()
                    return without_key(end.value, failures.scrubber.echo)  # type: ignore[no-any-return]
                except MultiApiError as error:
                    failure = failures.settled(error)
                    break
                if type(step) is HttpRequest:
                    outcome = await self._send(step, deadline, opened, failures)
                elif type(step) is Sleep:
                    seconds, outcome = self._sleep_s(step, deadline)
                    if outcome is None:
                        await self._sleep(seconds)
                elif type(step) is Parallel:
                    outcome = await self._side_by_side(step, deadline)
                elif type(step) is Wait:
                    if step.seconds > 0:
                        await self._sleep(step.seconds)
                    outcome, deadline = time.monotonic(), self._deadline(step.most_s)
                elif type(step) is Work:
                    outcome = await self._worked(step)
                else:
                    outcome = await self._fetch(step, deadline, failures)
        except BaseException as error:  # Ctrl-C, a cancellation, a mistake in a caller's function
            _tell(flow, error)
            raise
        finally:
            IN_FORCE.scrub = None
            flow.close()
        outcome = step = None  # an answer may repeat the key
        raise failure

    async def _counted(self, flow: Flow[T]) -> T:
        """Run a flow of a caller to its end."""
        return await self._run(flow, self._deadline())

    async def _outcome(self, flow: Flow[Any], deadline: float | None) -> Any:
        """The result of a flow, or its error as a value."""
        try:
            return await self._run(flow, deadline)
        except MultiApiError as error:
            return error

    async def _worked(self, step: Work) -> Any:
        try:
            return await self._work(step.function)
        except Exception as error:
            return error

    async def _opened(self, request: ChatRequest) -> tuple[LiveAnswer, Plan]:
        """A streamed answer that has begun."""
        opened: list[LiveAnswer] = []
        _, plan = await self._run(chat.open_stream(self._setting, request), self._deadline(), opened)
        return opened[-1], plan

    async def _send(
        self, request: HttpRequest, deadline: float | None, opened: list[LiveAnswer] | None, failures: Failures
    ) -> HttpResponse | MultiApiError:
        """One request and its answer, or the failure as a value: no frame that saw the key is in a traceback."""
        live = await self._open(request, deadline, failures)
        if isinstance(live, MultiApiError):
            return live
        head = live.head
        if request.stream and opened is not None and 200 <= head.status < 300:
            opened.append(live)
            return head
        limit = request.limit if head.status < 400 else "error_bytes"
        try:
            try:
                most = getattr(self.limits, limit)
                failures.in_force()
                reader = BodyReader(head, most, self.provider.name, holds_vectors=request.holds_vectors)
                await self._read_into(reader, live)
            finally:
                await self._close(live)
            answer = failures.answered(reader.answer())
            return answer if head.status < 500 else answer._replace(after_s=head.after_s)
        except Exception as error:
            if head.status >= 400:
                return failures.answered(head)
            failure = failures.on_the_way(error, request=request, deadline=deadline)
            attempts.note_answer(self.provider, head, failure)
            return failures.settled(failure)

    async def _open(
        self, request: HttpRequest, deadline: float | None, failures: Failures
    ) -> LiveAnswer | MultiApiError:
        from multiapi.sending.live_answer import LiveAnswer
        from multiapi.sending.requests import httpx_request

        try:
            key = self.key.reveal()
            if not isinstance(key, str):
                key = await self._resolved(key)
        except Exception as error:
            return failures.without_key(error)
        failures.scrubber.add_key(key)
        failures.scrubber.add_headers(request.headers)
        try:
            sent = httpx_request(self, request, key, deadline)
        except Exception as error:
            return failures.unwritten(error)
        turn: Turn | None = None
        try:
            limiter = self._limiter_of(key)
            if limiter is not None:
                turn = await self._turn(limiter, deadline)
            begun = time.monotonic()
            response = await self._transmit(sent)
        except BaseException as error:
            if turn is not None:
                turn.done()
            if not isinstance(error, Exception):
                raise
            return failures.on_the_way(error, request=request, deadline=deadline, sent=sent)
        live = LiveAnswer(response, sent, turn, failures, given_by_user=self.http_client is not None)
        if live.head.status >= 500:
            live.head = live.head._replace(after_s=time.monotonic() - begun)
        if turn is not None:
            turn.learn(live.head.status, live.head.headers)
        return live

    async def _fetch(self, step: Fetch, deadline: float | None, failures: Failures) -> HttpResponse | Exception:
        from multiapi.sending.live_answer import LiveAnswer
        from multiapi.sending.requests import file_request

        disk = Disk(step)
        try:
            sent = file_request(self, step, deadline)
            if step.check_address is not None and needs_pin(self, sent):
                await self._work(lambda: pin_address(step, sent))
            response = await self._transmit(sent, **({} if self.http_client is None else {"auth": None}))
            live = LiveAnswer(response, sent, None, failures, given_by_user=self.http_client is not None)
            try:
                reader = disk.reader(live.head, self)
                if not 300 <= live.head.status < 400:
                    await self._read_into(reader, live)
            finally:
                await self._close(live)
            return reader.answer()
        except Exception as error:
            return disk.failure or failures.on_the_way(error, request=FILE, deadline=deadline)

    # ------------------------------------------------------------------------------------ what takes time

    @abstractmethod
    async def _sleep(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    async def _work(self, function: Callable[[], T]) -> T:
        """Call a function that waits for the disk or for names to be looked up."""

    @abstractmethod
    async def _side_by_side(self, step: Parallel, deadline: float | None) -> list[Any]:
        """The outcomes of several flows."""

    @abstractmethod
    async def _resolved(self, key: Any) -> str | None:
        """The key that an async function gives."""

    @abstractmethod
    async def _turn(self, limiter: Limiter, deadline: float | None) -> Turn:
        """Wait until the limiter lets the next request go."""

    @abstractmethod
    async def _transmit(self, sent: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request; given back when the head of the answer is there."""

    @abstractmethod
    async def _read_into(self, reader: BodyReader, live: LiveAnswer) -> None:
        """Read a body until its end, or until the reader has enough."""

    @abstractmethod
    async def _close(self, live: LiveAnswer) -> None:
        """Give the connection back, or close it."""
