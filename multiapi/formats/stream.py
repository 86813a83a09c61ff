"""Reads a streamed answer: bytes in, deltas out, and the whole response with the last one.

What comes is decided by what it is, not by what was asked for: events, or a plain JSON body although a stream was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from multiapi.errors import (
    MultiApiError,
    ResponseFormatError,
    ResponseTooLargeError,
    StatusError,
    StreamInterruptedError,
)
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.http.json import as_null, parse_json
from multiapi.http.sse import SseDecoder, SseEvent
from multiapi.types.chat import ChatDelta, ChatResponse, InvalidToolCall, ToolCall, ToolCallDelta
from multiapi.types.limits import Limits

_EXCERPT_BYTES = 2_000


class Accumulator(Protocol):
    """Puts a response together from parsed events; `multiapi.formats.assembly.Assembly` is the usual one."""

    provider: str

    @property
    def finished(self) -> bool: ...

    @property
    def answered(self) -> bool:
        """Whether anything came that belongs to a response."""
        ...

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None: ...

    def rest(self) -> ChatDelta | None:
        """What is to be told at the end that nothing told before."""
        ...

    def response(self, *, interrupted: bool = False) -> ChatResponse: ...


class ChatStream:
    """The decoder of one streamed answer.

    Args:
        head: Status and headers of the response.
        limits: How much is read at most.
        accumulator: Takes the events.
        parse: Reads a whole body, if that is what comes.
        read_event_error: Finds an error inside an event.
        needs_finish: An end without `[DONE]` and finish reason is a broken stream. False where no ending is documented.
    """

    def __init__(
        self,
        head: HttpResponse,
        limits: Limits,
        *,
        accumulator: Accumulator,
        parse: Callable[[HttpResponse], ChatResponse],
        read_event_error: Callable[[str, Any, HttpResponse], StatusError | None],
        needs_finish: bool = True,
    ) -> None:
        self.done = False
        self.events = 0
        self._head = head._replace(limits=limits)
        self._limits = limits
        self._accumulator = accumulator
        self._parse = parse
        self._read_event_error = read_event_error
        self._needs_finish = needs_finish
        self._sse = SseDecoder(limits.event_bytes)
        self._body: list[bytes] | None = [] if head.content_type.endswith("json") else None
        self._sniffed = self._body is not None
        self._excerpt = bytearray()
        self._size = 0
        self._eventless = 0
        self._fragments = 0
        self._failure: MultiApiError | None = None

    def feed(self, chunk: bytes) -> list[ChatDelta]:
        """The deltas that became complete with these bytes; of very many fragments of one tool call, some together.

        An error behind deltas is raised by `close`; `done` then says that there is nothing more to feed.

        Raises:
            StatusError: The provider reports an error inside the stream; `partial` is what had arrived.
            ResponseFormatError: An event that is no JSON.
            ResponseTooLargeError: More than the limits allow.
        """
        self._size += len(chunk)
        if self._size > self._limits.stream_bytes:
            raise self._failed(_too_large("the stream", self._limits.stream_bytes))
        if not self._sniffed:
            self._sniff(chunk)
        if self._body is not None:
            length = self._head.headers.get("content-length", "")
            announced = int(length[:18]) if length.isascii() and length.isdigit() else 0
            if max(self._size, announced) > self._limits.answer_bytes:
                self._body.clear()
                raise self._failed(_too_large("the answer", self._limits.answer_bytes))
            self._body.append(chunk)
            return []
        deltas: list[ChatDelta] = []
        events = self.events
        try:
            for event in self._sse.feed(chunk):
                self._take(event, deltas)
            self._eventless = self._eventless + len(chunk) if self.events == events else 0
            if self._eventless > self._limits.event_bytes:
                raise _too_large("what came without an event", self._limits.event_bytes)
        except MultiApiError as error:
            failure = self._failed(error) if error.partial is None else error
            if not deltas:
                raise failure from None
            # What came before it in the same piece is handed on; nothing after it is of interest, and `close` raises it.
            self._failure, self.done = failure, True
        return deltas

    def close(self) -> list[ChatDelta]:
        """The end of the body.

        Raises:
            StreamInterruptedError: It came before the response was complete.
            ResponseFormatError: There was no response at all.
            MultiApiError: What the last chunk held behind its deltas.
        """
        if self._failure is not None:
            raise self._failure
        if self.done:
            return []
        if self._body is not None:
            return self._whole(b"".join(self._body))
        deltas: list[ChatDelta] = []
        for event in self._sse.close():
            self._take(event, deltas)
        if self.done:
            return deltas
        if self.events == 0:
            raise self._no_answer(bytes(self._excerpt))
        if self._needs_finish and not self._accumulator.finished:
            raise StreamInterruptedError(
                f"{self._accumulator.provider} ended the stream before the response was complete",
                provider=self._accumulator.provider,
                status=self._head.status,
                partial=self.partial(),
                outcome_unknown=True,
            )
        self._finish(deltas)
        return deltas

    def partial(self) -> ChatResponse:
        """What has arrived so far; calls that are not complete are among the invalid ones."""
        return self._accumulator.response(interrupted=True)

    @property
    def is_complete(self) -> bool:
        """The provider gave a finish reason: what breaks now takes nothing away."""
        return self.done or (self._body is None and self._accumulator.finished)

    def _sniff(self, chunk: bytes) -> None:
        """What comes is not an event stream if it begins like JSON or markup, whatever its label says."""
        if len(self._excerpt) < _EXCERPT_BYTES:
            self._excerpt += chunk[:_EXCERPT_BYTES]
        start = chunk.lstrip(b"\xef\xbb\xbf \t\r\n")
        if start:
            self._sniffed = True
            if start[:1] in (b"{", b"[", b"<"):
                self._body = []

    def _take(self, event: SseEvent, deltas: list[ChatDelta]) -> None:
        if self.done:
            return
        data = event.data
        if data[:1] != b"{":
            stripped = data.strip()
            if stripped == b"[DONE]":
                if self.events == 0:
                    raise self._no_answer(b"[DONE]")
                self._finish(deltas)
                return
            if not stripped and event.event != "error":
                return
        try:
            value = parse_json(data, constant=as_null)
        except ValueError as error:
            if event.event == "error":
                value = data.decode("utf-8", "replace")
            elif event.event == "ping":
                return
            else:
                raise self._failed(
                    ResponseFormatError(
                        f"{self._accumulator.provider} sent an event that is no JSON: {error}", body=excerpt(data)
                    )
                ) from None
        failure = self._read_event_error(event.event, value, self._head)
        if failure is not None:
            raise self._failed(failure)
        if type(value) is not dict or not value or event.event == "ping":
            return
        self.events += 1
        if self.events > self._limits.stream_events:
            raise _too_large("the stream", self._limits.stream_events, "events")
        delta = self._accumulator.add(value)
        if delta is None:
            return
        if delta.tool_calls and deltas and self._joins(deltas[-1], delta):
            deltas[-1] = _with_more_arguments(deltas[-1], delta)
        else:
            deltas.append(delta)

    def _joins(self, first: ChatDelta, second: ChatDelta) -> bool:
        """Whether fragments of one call that came together become one delta: those of a short call are handed on one by one."""
        if not _same_call(first, second):
            self._fragments = 0
            return False
        self._fragments += 1
        return self._fragments > _FRAGMENTS and self._fragments % _FRAGMENTS != 0

    def _finish(self, deltas: list[ChatDelta]) -> None:
        if not self._accumulator.answered:
            raise self._no_answer(bytes(self._excerpt))
        self.done = True
        rest = self._accumulator.rest()
        if rest is not None:
            deltas.append(rest)
        deltas.append(ChatDelta(response=self._accumulator.response()))

    def _whole(self, body: bytes) -> list[ChatDelta]:
        if not body.strip() or body.lstrip()[:1] == b"<":
            raise self._no_answer(body)
        response = self._parse(self._head._replace(body=body))
        self.done = True
        self.events += 1
        return whole_answer(response)

    def _no_answer(self, body: bytes) -> ResponseFormatError:
        kind = self._head.content_type or "no content type"
        return ResponseFormatError(
            f"{self._accumulator.provider} answered {self._head.status} with a stream that holds no response ({kind}): "
            f"{excerpt(body, 200) or 'nothing'}",
            provider=self._accumulator.provider,
            status=self._head.status,
            body=excerpt(body),
        )

    def _failed(self, error: MultiApiError) -> MultiApiError:
        error.provider = self._accumulator.provider
        error.status = error.status or self._head.status
        error.partial = partial = self.partial()
        if partial.text or partial.reasoning or partial.tool_calls or partial.invalid_tool_calls:
            error.retryable = False
        return error


def _too_large(what: str, most: int, unit: str = "bytes") -> ResponseTooLargeError:
    return ResponseTooLargeError(f"{what} is longer than {most} {unit}")


def whole_answer(response: ChatResponse) -> list[ChatDelta]:
    """A response that came in one piece, as a stream would give it."""
    pieces = ChatDelta(
        response.text,
        response.reasoning.text if response.reasoning else "",
        tuple(
            ToolCallDelta(index, call.id, call.name, call.arguments) for index, call in enumerate(all_calls(response))
        ),
        response.refusal or "",
        response.logprobs,
    )
    return [pieces, ChatDelta(response=response)] if pieces != ChatDelta() else [ChatDelta(response=response)]


def all_calls(response: ChatResponse) -> list[ToolCall | InvalidToolCall]:
    """Valid and invalid calls."""
    return [*response.tool_calls, *response.invalid_tool_calls]


def _same_call(first: ChatDelta, second: ChatDelta) -> bool:
    return (
        len(first.tool_calls) == 1
        and len(second.tool_calls) == 1
        and first.tool_calls[0].number == second.tool_calls[0].number
        and second.tool_calls[0].id is None
        and second.tool_calls[0].name is None
        and not (second.text or second.reasoning or second.refusal or second.logprobs)
    )


def _with_more_arguments(first: ChatDelta, second: ChatDelta) -> ChatDelta:
    call = first.tool_calls[0]
    return first._replace(tool_calls=(call._replace(arguments=call.arguments + second.tool_calls[0].arguments),))


_FRAGMENTS = 64
