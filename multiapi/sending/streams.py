"""One streamed answer while it is read: bytes in, deltas out, with the clock that the decoder lacks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from multiapi.errors import IN_FORCE, MultiApiError, RequestTimeoutError, ResponseFormatError
from multiapi.flows.attempts import learn, note_answer
from multiapi.http.exchange import HttpRequest
from multiapi.negotiation.plan import DeltaFilter, Plan
from multiapi.sending.bodies import INFLATED_PIECE_BYTES, inflater
from multiapi.sending.echoes import without_key
from multiapi.sending.settings import Settings
from multiapi.types.chat import ChatDelta, ChatResponse

if TYPE_CHECKING:
    from multiapi.sending.live_answer import LiveAnswer

STREAM = HttpRequest("POST", "/", stream=True)

DRAIN_S = 0.1
"""How long the end of a body is waited for after the vendor said that the stream is done."""

MAX_DRAINED_CHUNKS = 10


class StreamReading:
    """Reads the body of one `LiveAnswer`."""

    def __init__(self, settings: Settings, plan: Plan, live: LiveAnswer) -> None:
        assert settings.provider.chat_stream is not None
        self._settings = settings
        self._head = live.head
        self._charge = plan.charge
        self._provider = settings.provider.name
        self.done = False
        """The provider said that this was all."""
        self.last = ChatDelta()
        """The delta that the stream ended with."""
        self._failures = live.failures
        self._scrub = IN_FORCE.scrub = self._failures.scrubber.beginning
        self._decoder = settings.provider.chat_stream.decoder(live.head, settings.limits)
        self._plan = plan
        self._setting = settings._setting
        self._filters: list[DeltaFilter] = plan.filters()
        self._idle = settings.timeout.idle
        self._last_event_at = time.monotonic()
        self._inflater = inflater(live.head, self._provider)
        self._extensions = live.extensions
        # The total limit was for the beginning of the answer; from here on the limit between events holds.
        live.extensions.pop("deadline", None)

    def feed(self, chunk: bytes) -> Sequence[ChatDelta]:
        """The deltas that these bytes complete.

        Raises:
            RequestTimeoutError: Only keep-alives for longer than the idle limit; `partial` is what had arrived.
        """
        decoder = self._decoder
        IN_FORCE.scrub = self._scrub
        events = decoder.events
        if self._inflater is None:
            deltas = decoder.feed(chunk)
        else:
            pieces = self._inflater.pieces(chunk, lambda: INFLATED_PIECE_BYTES)
            deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
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
            return self._ended(deltas)
        return self._filtered(deltas) if self._filters else deltas

    def close(self) -> Sequence[ChatDelta]:
        """The end of the body."""
        IN_FORCE.scrub = self._scrub
        return self._ended(self._decoder.close())

    def failure(self, error: Exception) -> MultiApiError | None:
        """What to raise after a failure, with what had arrived; None if it came after the finish reason, where nothing is lost."""
        IN_FORCE.scrub = None
        if not isinstance(error, MultiApiError):
            if getattr(self._decoder, "is_complete", False):
                return None
            error = self._failures.in_a_stream(error, STREAM, self._decoder)
        if isinstance(error, ResponseFormatError):
            error.outcome_unknown = True
        error.cost = error.cost or getattr(error.partial, "cost", None)
        error.request_id = error.request_id or getattr(error.partial, "request_id", None)
        note_answer(self._settings.provider, self._head, error)
        self._charge.failed(error)
        if self._plan.names is not None and isinstance(error.partial, ChatResponse):
            error.partial = self._plan.names.back(error.partial)
        return self._failures.settled(error)

    def _ended(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        handed = self._filtered(self._attributed(deltas))
        if handed:
            self.last = handed[-1]
        return handed

    def _attributed(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        if not deltas or deltas[-1].response is None:
            return deltas
        response = self._charge.paid(self._plan.attributed(deltas[-1].response))
        learn(self._setting, self._plan, response)
        answer = without_key(response, self._failures.scrubber.echo)
        return [*deltas[:-1], deltas[-1]._replace(response=answer)]

    def left(self) -> None:
        """Nobody reads on; nothing happens after an end or a failure."""
        self._charge.left(self._decoder.partial)

    def _filtered(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        for each in self._filters:
            deltas = each.take(deltas)
        return deltas
