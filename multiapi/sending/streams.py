"""One streamed answer while it is read: bytes in, deltas or events out, with the clock that the decoder lacks."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from multiapi.errors import IN_FORCE, MultiApiError, RequestTimeoutError, ResponseFormatError, one_line
from multiapi.flows.attempts import learn, note_answer
from multiapi.flows.charges import Charge
from multiapi.flows.chat import last_response
from multiapi.http.exchange import HttpRequest
from multiapi.negotiation.plan import DeltaFilter, Plan
from multiapi.sending.bodies import INFLATED_PIECE_BYTES, inflater
from multiapi.sending.echoes import without_key
from multiapi.sending.settings import Settings
from multiapi.types.chat import ChatDelta, ChatResponse

if TYPE_CHECKING:
    from multiapi.provider import EventDecoder
    from multiapi.sending.live_answer import LiveAnswer
    from multiapi.types.legacy import LegacyEvent

STREAM = HttpRequest("POST", "/", stream=True)

DRAIN_S = 0.1
"""How long the end of a body is waited for after the provider said that the stream is done."""

MAX_DRAINED_CHUNKS = 10


class BodyReading:
    """Reads the body of one `LiveAnswer` with a decoder."""

    _filters: Sequence[DeltaFilter] = ()

    def __init__(self, settings: Settings, live: LiveAnswer, decoder: Any, charge: Charge) -> None:
        self._settings = settings
        self.live = live
        self._head = live.head
        self._charge = charge
        self._provider = settings.provider.name
        self.done = False
        """The provider said that this was all."""
        self._failures = live.failures
        self._scrub = IN_FORCE.scrub = self._failures.scrubber.beginning
        self._decoder = decoder
        self._idle = settings.timeout.idle
        self._last_event_at = time.monotonic()
        self._inflater = inflater(live.head, self._provider)
        self._extensions = live.extensions
        # The total limit was for the beginning of the response; from here on the limit between events holds.
        live.extensions.pop("deadline", None)

    def feed(self, chunk: bytes) -> Sequence[Any]:
        """What these bytes complete.

        Raises:
            RequestTimeoutError: Only keep-alives for longer than the idle limit; `partial` is what had arrived.
        """
        decoder = self._decoder
        IN_FORCE.scrub = self._scrub
        events = decoder.events
        if self._inflater is None:
            items = decoder.feed(chunk)
        else:
            pieces = self._inflater.pieces(chunk, lambda: INFLATED_PIECE_BYTES)
            items = [item for piece in pieces for item in decoder.feed(piece)]
        if decoder.events != events:
            self._last_event_at = time.monotonic()
        elif self._idle is not None and time.monotonic() - self._last_event_at > self._idle:
            raise RequestTimeoutError(
                f"{self._provider}: no event for {self._idle:g} s",
                provider=self._provider,
                partial=decoder.partial(),
                outcome_unknown=True,
                phase="idle",
            )
        if decoder.done:
            self.done = True
            self._extensions["deadline"] = time.monotonic() + DRAIN_S
            return self._ended(items)
        return self._filtered(items) if self._filters else items

    def close(self) -> Sequence[Any]:
        """The end of the body."""
        IN_FORCE.scrub = self._scrub
        return self._ended(self._decoder.close())

    def failure(self, error: Exception) -> MultiApiError | None:
        """What to raise after a failure, with what had arrived; None if it came after the last word, where nothing is lost."""
        IN_FORCE.scrub = None
        if not isinstance(error, MultiApiError):
            if getattr(self._decoder, "is_complete", False):
                return None
            error = self._failures.in_a_stream(error, STREAM, self._decoder)
        if isinstance(error, ResponseFormatError):
            error.outcome_unknown = True
        self._add_facts(error)
        note_answer(self._settings.provider, self._head, error)
        self._charge.failed(error)
        return self._failures.scrubbed_error(error)

    def result(self) -> Any:
        """What the whole stream was."""
        return None

    def left(self) -> None:
        """Nobody reads on; nothing happens after an end or a failure. A process that ends counts nothing any more, nor could it import."""
        if not sys.is_finalizing():
            self._charge.left(self._decoder.partial)

    def _ended(self, items: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError

    def _add_facts(self, error: MultiApiError) -> None:
        raise NotImplementedError

    def _filtered(self, items: Sequence[Any]) -> Sequence[Any]:
        for each in self._filters:
            items = each.take(items)
        return items


class StreamReading(BodyReading):
    """Reads a streamed chat: deltas, the last of them with the whole response."""

    def __init__(self, settings: Settings, plan: Plan, live: LiveAnswer) -> None:
        assert settings.provider.chat_stream is not None
        self._plan = plan
        self._target = settings._target
        self._filters = plan.filters()
        self._last = ChatDelta()
        super().__init__(settings, live, settings.provider.chat_stream.decoder(live.head, settings.limits), plan.charge)

    def result(self) -> ChatResponse:
        """The response that the last delta carried."""
        return last_response(self._last)

    def _add_facts(self, error: MultiApiError) -> None:
        error.cost = error.cost or getattr(error.partial, "cost", None)
        error.request_id = error.request_id or getattr(error.partial, "request_id", None)
        if self._plan.names is not None and isinstance(error.partial, ChatResponse):
            error.partial = self._plan.names.back(error.partial)

    def _ended(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        handed = self._filtered(self._attributed(deltas))
        if handed:
            self._last = handed[-1]
        return handed

    def _attributed(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        if not deltas or deltas[-1].response is None:
            return deltas
        response = self._charge.paid(self._plan.attributed(deltas[-1].response))
        learn(self._target, self._plan, response)
        answer = without_key(response, self._failures.scrubber.echo)
        return [*deltas[:-1], deltas[-1]._replace(response=answer)]


class EventReading(BodyReading):
    """Reads a run in named events, which are handed on as they are."""

    def __init__(
        self, settings: Settings, live: LiveAnswer, decoder: EventDecoder, charge: Charge, job_id: str | None
    ) -> None:
        self._job_id = job_id
        super().__init__(settings, live, decoder, charge)

    def _ended(self, events: Sequence[LegacyEvent]) -> Sequence[LegacyEvent]:
        if self._decoder.is_complete:
            self._charge.paid(dict(self._decoder.last))
        return events

    def _add_facts(self, error: MultiApiError) -> None:
        error.job_id = self._decoder.last.get("id") or self._job_id
        error.outcome_unknown = True
        if error.job_id:
            error.add(f"the run {one_line(error.job_id)} may go on: legacy('get_run', ...) looks at it")
