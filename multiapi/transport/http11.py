"""HTTP/1.1 as bytes: the head of a request, and a response read chunk by chunk. No socket and no clock.

Strict where a wrong guess would mix up two answers (lengths, chunks), forgiving elsewhere, and bounded everywhere.

Source: RFC 9112, sections 2 to 9, https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from httpcore import LocalProtocolError, RemoteProtocolError, Response

MAX_HEAD_BYTES = 128 * 1024
MAX_CHUNK_LINE_BYTES = 4 * 1024
MAX_TRAILER_BYTES = 32 * 1024

_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = rb"[\t -~\x80-\xff]*"
_TOKEN = re.compile(_NAME)
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([0-9]{3})(?: (.*))?", re.DOTALL)
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t -~]*)?\r\n")
_CHUNK_LINE_BEGUN = re.compile(rb"[0-9A-Fa-f]{0,16}[ \t]*(?:;[\t -~]*)?\r?")
_TRAILERS = re.compile(rb"(?:%b:%b\r?\n)*\r?\n" % (_NAME, _VALUE))
_TRAILERS_BEGUN = re.compile(rb"(?:%b:%b\r?\n)*[^\r\n]*\r?" % (_NAME, _VALUE))
_DIGITS = re.compile(rb"[0-9]{1,18}")
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})

_BY_LENGTH, _CHUNKED, _UNTIL_CLOSE = range(3)
# where a chunked body stands; above zero are the bytes that the chunk still lacks
_BLANKS = (b" ", b"\t")
_CHUNK_ENDS, _CHUNK_BEGINS, _TRAILERS_BEGIN = 0, -1, -2

Headers = list[tuple[bytes, bytes]]


class ResponseHead(NamedTuple):
    """The first lines of a response; `rest` is what arrived after them."""

    http_version: bytes
    status: int
    reason: bytes
    headers: Headers
    rest: bytes


class Answer(NamedTuple):
    """The head of a response, and all of its body (bytes) or what reads it."""

    head: ResponseHead
    stream: Any

    @property
    def extensions(self) -> dict[str, Any]:
        """What httpcore and httpx say about a response beside its headers."""
        return {"http_version": self.head.http_version, "reason_phrase": self.head.reason}

    def as_httpcore(self) -> Response:
        """The response as httpcore gives it."""
        return Response(self.head.status, headers=self.head.headers, content=self.stream, extensions=self.extensions)


def request_head(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The lines before the body.

    Raises:
        LocalProtocolError: Something in it would end a line. The message holds no value, as it may be a key.
    """
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    lines += [b"%b: %b" % header for header in headers]
    head = b"\r\n".join(lines)
    ends = len(headers)
    if (
        head.count(b"\n") != ends
        or head.count(b"\r") != ends
        or b"\0" in head
        or head.count(b" ", 0, len(lines[0])) != 2
    ):
        raise LocalProtocolError("a header or the address holds a line end or another character that HTTP forbids")
    for name, _ in headers:
        if name not in _LOWER and not _lower(name):
            raise LocalProtocolError("a header has a name that HTTP forbids")
    return head + b"\r\n\r\n"


_LOWER: dict[bytes, bytes] = {}
"""Names of headers that were looked at before, in lower case: they are always the same few."""


def _lower(name: bytes) -> bytes:
    """The name in lower case, or nothing if it is none."""
    if not _TOKEN.fullmatch(name):
        return b""
    if len(_LOWER) < 1000:
        _LOWER[name] = name.lower()
    return name.lower()


def is_chunked(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request's body goes out in chunks, because its length was not known."""
    for name, value in headers:
        if len(name) == 17 and name.lower() == b"transfer-encoding":
            return b"chunked" in value.lower()
    return False


def chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A body of unknown length, as chunks."""
    for part in parts:
        if part:
            yield chunk(part)
    yield LAST_CHUNK


def chunk(part: bytes) -> bytes:
    """A piece of such a body; none may be empty, as that is the last one."""
    return b"%x\r\n%b\r\n" % (len(part), part)


LAST_CHUNK = b"0\r\n\r\n"


class ResponseReader:
    """Reads one response. First `head` until it returns one, then `body` until `complete`; `end` when the server closed.

    Attributes:
        complete: The response is there to its last byte.
        reusable: The connection may serve another request, once the response is complete.
    """

    __slots__ = (
        "_buffer",
        "_is_tunnel",
        "_left",
        "_mode",
        "_no_body",
        "_received",
        "complete",
        "reusable",
    )

    def __init__(self, method: bytes = b"POST") -> None:
        self.complete = False
        self.reusable = True
        self._is_tunnel = method == b"CONNECT"
        self._no_body = method in (b"HEAD", b"CONNECT")
        self._mode = -1
        self._left = 0
        self._received = 0
        self._buffer: bytes | bytearray = b""

    @property
    def missing(self) -> int:
        """Bytes that the body or the chunk at hand still lacks, as far as that is known."""
        return max(self._left, 0)

    def head(self, data: bytes) -> ResponseHead | None:
        """Take in bytes; the head, once it is whole. Interim answers (1xx) are passed over."""
        if self._buffer:
            searched = max(len(self._buffer) - 3, 0)
            assert isinstance(self._buffer, bytearray)
            self._buffer += data
            raw: bytes | bytearray = self._buffer
        else:
            searched = 0
            raw = data
        while True:
            if raw[:5] != b"HTTP/"[: len(raw)]:
                raise RemoteProtocolError("the server did not answer in HTTP")
            end = _HEAD_END.search(raw, searched)
            if end is None:
                if len(raw) > MAX_HEAD_BYTES:
                    raise RemoteProtocolError(f"the head of the response is longer than {MAX_HEAD_BYTES} bytes")
                self._buffer = raw if isinstance(raw, bytearray) else bytearray(raw)
                return None
            if end.start() > MAX_HEAD_BYTES:
                raise RemoteProtocolError(f"the head of the response is longer than {MAX_HEAD_BYTES} bytes")
            head = self._parse(bytes(raw[: end.start()]), bytes(raw[end.end() :]))
            if head.status >= 200:
                self._buffer = b""
                return head
            raw, searched = head.rest, 0
            if not raw:
                self._buffer = b""
                return None

    def _parse(self, raw: bytes, rest: bytes) -> ResponseHead:
        text = raw.replace(b"\r\n", b"\n").removesuffix(b"\r")
        lines = text.split(b"\n")
        status_line = _STATUS_LINE.fullmatch(lines[0])
        if status_line is None or _FORBIDDEN.search(text):
            raise RemoteProtocolError("the head of the response is not valid HTTP")
        headers: Headers = []
        framing: dict[bytes, list[bytes]] = {}
        for line in lines[1:]:
            if line[:1] in _BLANKS and headers:
                name, value = headers.pop()
                headers.append((name, value + b" " + line.strip()))
                if name.lower() in _FRAMING:
                    raise RemoteProtocolError("a header about the length of the response is folded")
                continue
            name, colon, value = line.partition(b":")
            lower = _LOWER.get(name) or _lower(name)
            if not colon or not lower:
                raise RemoteProtocolError("a header line of the response is not valid HTTP")
            value = value.strip(b" \t")
            headers.append((name, value))
            if lower in _FRAMING:
                framing.setdefault(lower, []).append(value)
        status = int(status_line[2])
        if status < 100 or status == 101:
            raise RemoteProtocolError(f"the server answered with the status {status}, which has no meaning here")
        if status >= 200:
            self._frame(status, status_line[1], framing)
        return ResponseHead(b"HTTP/1." + status_line[1], status, status_line[3] or b"", headers, rest)

    def _frame(self, status: int, minor_version: bytes, framing: dict[bytes, list[bytes]]) -> None:
        if (
            self._is_tunnel and status < 300
        ):  # RFC 9112, section 6.3, rule 2: what follows is the tunnel, whatever is announced
            self.complete = True
            return
        connection = b",".join(framing.get(b"connection", ())).lower()
        if minor_version == b"0" or b"close" in connection.replace(b" ", b"").split(b","):
            self.reusable = False
        encodings = framing.get(b"transfer-encoding", [])
        if encodings and (len(encodings) > 1 or encodings[0].lower() != b"chunked"):
            raise RemoteProtocolError("the response has a transfer encoding other than chunked")
        lengths = {value.strip() for item in framing.get(b"content-length", ()) for value in item.split(b",")}
        if len(lengths) > 1 or not all(map(_DIGITS.fullmatch, lengths)):
            raise RemoteProtocolError("the response announces a length that is none, or several")
        if encodings and lengths:  # RFC 9112, section 6.3: two opinions about the end are how answers are smuggled
            raise RemoteProtocolError("the response has both a length and a transfer encoding")
        if self._no_body or status in (204, 304):
            self.complete = True
        elif encodings:
            self._mode, self._left = _CHUNKED, _CHUNK_BEGINS
        elif lengths:
            self._mode, self._left = _BY_LENGTH, int(lengths.pop())
            self.complete = self._left == 0
        else:
            self._mode = _UNTIL_CLOSE
            self.reusable = False

    def first(self, head: ResponseHead) -> bytes:
        """What of the body arrived with the head."""
        return self.body(head.rest) if head.rest or self.complete else b""

    def more(self, data: bytes) -> bytes:
        """What of the body is in the bytes that were received; none at all means that the server closed.

        Raises:
            RemoteProtocolError: It closed too early, or the bytes are not what they should be.
        """
        if data:
            return self.body(data)
        self.end()
        return b""

    def body(self, data: bytes) -> bytes:
        """Take in bytes after the head; what of the body is in them, without the chunk lines."""
        if self.complete:
            if data:
                self.reusable = False
            return b""
        if self._mode == _CHUNKED:
            return self._dechunk(bytes(self._buffer) + data if self._buffer else data)
        self._received += len(data)
        if self._mode == _UNTIL_CLOSE:
            return data
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self._left, self.complete = 0, True
        if left < 0:
            self.reusable = False
            return data[:left]
        return data

    def _dechunk(self, data: bytes) -> bytes:
        position, left, size = 0, self._left, len(data)
        parts: list[bytes] = []
        while True:
            if left == _CHUNK_BEGINS:
                line = _CHUNK_LINE.match(data, position)
                if line is None:
                    if size - position > MAX_CHUNK_LINE_BYTES or not _CHUNK_LINE_BEGUN.fullmatch(data, position):
                        raise RemoteProtocolError("the response has a chunk of invalid size")
                    break
                left = int(line[1], 16) or _TRAILERS_BEGIN
                position = line.end()
            if left > 0:
                end = position + left
                if end > size:
                    if position < size:
                        parts.append(data[position:])
                        left = end - size
                        position = size
                    break
                parts.append(data[position:end])
                position, left = end, _CHUNK_ENDS
            if left == _CHUNK_ENDS:
                line_end = data[position : position + 2]
                if line_end == b"\r\n":
                    position += 2
                    left = _CHUNK_BEGINS
                    continue
                if line_end not in (b"", b"\r"):
                    raise RemoteProtocolError("a chunk of the response is longer than it says")
                break
            trailers = _TRAILERS.match(data, position)
            if trailers is not None:
                self.complete = True
                if trailers.end() < size:
                    self.reusable = False
                position = size
            elif size - position > MAX_TRAILER_BYTES or not _TRAILERS_BEGUN.fullmatch(data, position):
                raise RemoteProtocolError("the response ends with trailers that are not valid HTTP, or too long")
            break
        self._left = left
        self._buffer = data[position:]
        if len(parts) == 1:
            return parts[0]
        return b"".join(parts)

    def end(self) -> None:
        """The server closed the connection.

        Raises:
            RemoteProtocolError: The response was not complete.
        """
        self.reusable = False
        if self.complete:
            return
        if self._mode == _UNTIL_CLOSE:
            self.complete = True
        elif self._mode == -1:
            raise RemoteProtocolError(
                "the server closed the connection without a response"
                if not self._buffer
                else "the server closed the connection within the head of the response"
            )
        elif self._mode == _BY_LENGTH:
            raise RemoteProtocolError(
                f"the server closed the connection {self._left} bytes before the end of the response"
            )
        else:
            raise RemoteProtocolError("the server closed the connection before the last chunk of the response")
