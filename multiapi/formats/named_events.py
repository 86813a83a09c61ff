"""Reads a response in named events, as runs of assistants are streamed: bytes in, events out.

Each event is handed on as it is. Here is known only when the response is complete, and which run it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from multiapi.errors import (
    MultiApiError,
    ResponseFormatError,
    ResponseTooLargeError,
    StatusError,
    StreamInterruptedError,
)
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.http.json import parse_answer
from multiapi.http.sse import SseDecoder, SseEvent
from multiapi.types.legacy import LegacyEvent
from multiapi.types.limits import Limits

_EXCERPT_BYTES = 2_000
_CLOSING = frozenset(
    f"thread.run.{state}" for state in ("requires_action", "completed", "incomplete", "failed", "cancelled", "expired")
)
"""What a run streams last, before `done`: nothing is lost where that is all."""


class NamedEvents:
    """The decoder of one response.

    Args:
        head: Status and headers of the response.
        limits: How much is read at most.
        provider: Name of the provider.
        read_event_error: Finds an error inside an event.
    """

    def __init__(
        self,
        head: HttpResponse,
        limits: Limits,
        *,
        provider: str,
        read_event_error: Callable[[str, Any, HttpResponse], StatusError | None],
    ) -> None:
        self.done = False
        self.last: Mapping[str, Any] = {}
        """The run as the newest event shows it."""
        self._head = head._replace(limits=limits)
        self._limits = limits
        self._provider = provider
        self._read_event_error = read_event_error
        self._sse = SseDecoder(limits.event_bytes)
        self._body: list[bytes] | None = [] if head.content_type.endswith("json") else None
        self._sniffed = self._body is not None
        self._excerpt = bytearray()
        self._size = 0
        self._eventless = 0
        self._come: list[LegacyEvent] = []
        self._failure: MultiApiError | None = None

    @property
    def events(self) -> int:
        """How many events were read."""
        return len(self._come)

    @property
    def is_complete(self) -> bool:
        """The run has come to rest: what breaks now takes nothing away."""
        return self._failure is None and (self.done or (bool(self._come) and self._come[-1].name in _CLOSING))

    def partial(self) -> tuple[LegacyEvent, ...]:
        """What has arrived so far."""
        return tuple(self._come)

    def feed(self, chunk: bytes) -> list[LegacyEvent]:
        """The events that became complete with these bytes. An error behind some is raised by `close`; `done` then says that there is no more.

        Raises:
            StatusError: An event reports an error; `partial` has those before it.
            ResponseFormatError: An event that is not JSON.
            ResponseTooLargeError: More than the limits allow.
        """
        self._size += len(chunk)
        if self._size > self._limits.stream_bytes:
            raise self._failed(_too_large("the stream", self._limits.stream_bytes))
        if not self._sniffed:
            self._sniff(chunk)
        if self._body is not None:
            if self._size > self._limits.answer_bytes:
                self._body.clear()
                raise self._failed(_too_large("the response", self._limits.answer_bytes))
            self._body.append(chunk)
            return []
        before = self.events
        try:
            for event in self._sse.feed(chunk):
                self._take(event)
            self._eventless = self._eventless + len(chunk) if self.events == before else 0
            if self._eventless > self._limits.event_bytes:
                raise _too_large("what came without an event", self._limits.event_bytes)
        except MultiApiError as error:
            failure = self._failed(error)
            if self.events == before:
                raise failure from None
            self._failure, self.done = failure, True
        return self._come[before:]

    def close(self) -> list[LegacyEvent]:
        """The end of the body.

        Raises:
            StreamInterruptedError: It came before the run had come to rest.
            ResponseFormatError: There were no events at all.
            MultiApiError: What the last chunk held behind its events.
        """
        if self._failure is not None:
            raise self._failure
        if self.done:
            return []
        if self._body is not None:
            return self._whole(b"".join(self._body))
        before = self.events
        try:
            for event in self._sse.close():
                self._take(event)
        except MultiApiError as error:
            raise self._failed(error) from None
        if not self._come:
            raise self._no_events(bytes(self._excerpt))
        if not self.is_complete:
            raise StreamInterruptedError(
                f"{self._provider} ended the stream before the run had come to rest",
                provider=self._provider,
                status=self._head.status,
                partial=self.partial(),
                outcome_unknown=True,
            )
        self.done = True
        return self._come[before:]

    def _sniff(self, chunk: bytes) -> None:
        """Find out what comes: it is not an event stream if it begins like JSON or markup, whatever its label says."""
        if len(self._excerpt) < _EXCERPT_BYTES:
            self._excerpt += chunk[:_EXCERPT_BYTES]
        start = chunk.lstrip(b"\xef\xbb\xbf \t\r\n")
        if start:
            self._sniffed = True
            if start[:1] in (b"{", b"[", b"<"):
                self._body = []

    def _take(self, event: SseEvent) -> None:
        if self.done:
            return
        text = event.data.strip()
        if text == b"[DONE]":
            if not self._come:
                raise self._no_events(b"[DONE]")
            self._come.append(LegacyEvent(event.event if event.event != "message" else "done", "[DONE]"))
            self.done = True
            return
        if event.event == "ping" or (not text and event.event in ("message", "done")):
            return
        try:
            value = parse_answer(event.data)
        except ValueError as error:
            if event.event != "error":
                raise ResponseFormatError(
                    f"{self._provider} sent an event that is not JSON: {error}", body=excerpt(event.data)
                ) from None
            value = event.data.decode("utf-8", "replace")
        failure = self._read_event_error(event.event, value, self._head)
        if failure is not None:
            raise failure
        if self.events >= self._limits.stream_events:
            raise _too_large("the stream", self._limits.stream_events, "events")
        self._note(value)
        self._come.append(LegacyEvent(event.event, value))

    def _note(self, value: Any) -> None:
        """Keep what a value says of its run."""
        if not isinstance(value, dict):
            return
        if value.get("object") == "thread.run":
            self.last = value
        elif not self.last and isinstance(value.get("run_id"), str):
            self.last = {"id": value["run_id"], "thread_id": value.get("thread_id")}

    def _whole(self, body: bytes) -> list[LegacyEvent]:
        """A body that is not a stream: the run as it is without one, under the name that its state has in a stream."""
        if not body.strip() or body.lstrip()[:1] == b"<":
            raise self._no_events(body)
        try:
            value = parse_answer(body)
        except ValueError:
            raise self._no_events(body) from None
        failure = self._read_event_error("message", value, self._head)
        if failure is not None:
            raise self._failed(failure)
        if not isinstance(value, dict) or value.get("object") != "thread.run":
            raise self._no_events(body)
        self._note(value)
        self._come.append(LegacyEvent(f"thread.run.{value.get('status')}", value))
        self.done = True
        return self._come[:]

    def _no_events(self, body: bytes) -> ResponseFormatError:
        kind = self._head.content_type or "no content type"
        return ResponseFormatError(
            f"{self._provider} answered {self._head.status} with a stream that holds no events ({kind}): "
            f"{excerpt(body, 200) or 'nothing'}",
            provider=self._provider,
            status=self._head.status,
            body=excerpt(body),
        )

    def _failed(self, error: MultiApiError) -> MultiApiError:
        error.provider = self._provider
        error.status = error.status or self._head.status
        if self._come:
            error.partial = self.partial()
            error.retryable = False
        return error


def _too_large(what: str, most: int, unit: str = "bytes") -> ResponseTooLargeError:
    return ResponseTooLargeError(f"{what} is longer than {most} {unit}")
