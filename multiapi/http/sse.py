"""Server-sent events, read from bytes as they arrive."""

from __future__ import annotations

from typing import NamedTuple

from multiapi.errors import ResponseTooLargeError


class SseEvent(NamedTuple):
    """One event: its `event:` word (`message` if none was sent) and its data."""

    event: str
    data: bytes


class SseDecoder:
    """Cuts bytes into server-sent events, whatever the packets were.

    Takes LF, CR and CRLF, several `data:` lines, comments, a BOM, and knows no `id` or `retry`. Only bytes are split, so a
    character cut in two by a packet, or U+2028 inside of JSON, does no harm. Cost is linear in the bytes fed.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    __slots__ = ("_buffer", "_data", "_event", "_last_was_cr", "_limit", "_size", "_started")

    def __init__(self, max_event_bytes: int = 16_000_000) -> None:
        self._buffer: list[bytes] = []
        self._size = 0
        self._data: list[bytes] = []
        self._event = ""
        self._limit = max_event_bytes
        self._started = False
        self._last_was_cr = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that became complete with these bytes.

        Raises:
            ResponseTooLargeError: A line or an event is longer than the limit.
        """
        if not self._started and chunk:
            self._started = True
            if chunk.startswith(b"\xef\xbb\xbf"):
                chunk = chunk[3:]
        if self._last_was_cr and chunk:
            self._last_was_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._last_was_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = chunk.rfind(b"\n\n")
        if end < 0 or self._data or self._event:
            return self._partial(chunk)
        whole = chunk[:end]
        if self._buffer:
            self._buffer.append(whole)
            whole = b"".join(self._buffer)
            self._buffer.clear()
        self._size = 0
        found: list[SseEvent] = []
        for block in whole.split(b"\n\n"):
            # Most events are one `data:` line; there is no need to look for more.
            if block[:6] == b"data: " and b"\n" not in block:
                found.append(SseEvent("message", block[6:]))
            elif block:
                found += self._events([*block.split(b"\n"), b""])
        if end + 2 < len(chunk):
            found += self._partial(chunk[end + 2 :])
        return found

    def _partial(self, chunk: bytes) -> list[SseEvent]:
        """Line by line, where an event has begun and its end may not be here."""
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            if chunk:
                self._buffer.append(chunk)
                self._size += len(chunk)
                if self._size > self._limit:
                    raise ResponseTooLargeError(f"an event is longer than {self._limit} bytes")
            return []
        if self._buffer:
            self._buffer.append(head)
            head = b"".join(self._buffer)
            self._buffer.clear()
        lines = rest.split(b"\n")
        tail = lines.pop()
        lines.insert(0, head)
        found = self._events(lines)
        self._size = len(tail) + sum(map(len, self._data))
        if self._size > self._limit:
            raise ResponseTooLargeError(f"an event is longer than {self._limit} bytes")
        if tail:
            self._buffer.append(tail)
        return found

    def _events(self, lines: list[bytes]) -> list[SseEvent]:
        found: list[SseEvent] = []
        data = self._data
        for line in lines:
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if data:
                    found.append(SseEvent(self._event or "message", data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                elif self._event:
                    found.append(SseEvent(self._event, b""))
                self._event = ""
            elif line[:6] == b"event:":
                self._event = line[6:].strip().decode("utf-8", "replace")
            elif line == b"data":
                data.append(b"")
        return found

    def close(self) -> list[SseEvent]:
        """An event that the end of the body completed without its blank line."""
        found = self._events([b"".join(self._buffer), b""])
        self._buffer.clear()
        return found
