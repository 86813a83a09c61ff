"""The HTTP/1.1 reader against two others: generated and damaged answers, cut anywhere.

Where all read an answer, they read the same. Where one reads what another refuses, `REASONS` says why; what stands there under no reason fails.
"""

from __future__ import annotations

import random
import re
from typing import Any, NamedTuple

import h11
import httpcore
import httptools

from multiapi.transport.http11 import ResponseReader


class Read(NamedTuple):
    """What a reader made of an answer: nothing if it refused it."""

    status: int | None = None
    body: bytes = b""

    @property
    def refused(self) -> bool:
        """Whether there is no whole answer."""
        return self.status is None


REFUSED = Read()


def ours(pieces: list[bytes]) -> Read:
    """Our reader."""
    reader, head, body = ResponseReader(b"POST"), None, b""
    try:
        for piece in pieces:
            if head is None:
                head = reader.head(piece)
                if head is not None:
                    body += reader.first(head)
            elif not reader.complete:
                body += reader.more(piece)
        if not reader.complete:
            reader.end()
    except httpcore.RemoteProtocolError:
        return REFUSED
    return REFUSED if head is None else Read(head.status, body)


def by_h11(pieces: list[bytes]) -> Read:
    """h11, which httpcore is built on."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=128 * 1024)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "h"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body = None, b""
    try:
        for piece in [*pieces, b""]:
            connection.receive_data(piece)
            while True:
                event: Any = connection.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED):
                    break
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return Read(status, body)
                elif isinstance(event, h11.ConnectionClosed):
                    return REFUSED
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return REFUSED
    return REFUSED


class _Heard:
    def __init__(self) -> None:
        self.body = b""
        self.statuses: list[int] = []
        self.complete = self.has_head = False
        self.names: set[bytes] = set()
        self.parser: Any = None

    def on_message_begin(self) -> None:
        if not self.complete:
            self.has_head, self.names = False, set()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.names.add(name.lower())

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.has_head = True
        self.statuses.append(self.parser.get_status_code())

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.body += data

    def on_message_complete(self) -> None:
        if self.statuses and self.statuses[-1] >= 200:
            self.complete = True


def by_httptools(pieces: list[bytes]) -> Read:
    """llhttp, which Node.js is built on."""
    heard = _Heard()
    heard.parser = httptools.HttpResponseParser(heard)
    try:
        for piece in pieces:
            if heard.complete:
                break
            heard.parser.feed_data(piece)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        if not heard.complete:
            return REFUSED
    status = heard.statuses[-1] if heard.statuses else None
    if status is None or status < 200 or not heard.has_head:
        return REFUSED
    until_close = not heard.names & {b"content-length", b"transfer-encoding"}
    return Read(next(s for s in heard.statuses if s >= 200), heard.body) if heard.complete or until_close else REFUSED


# ------------------------------------------------------------------------------------------------ answers

_STATUS = (
    b"200",
    b"200",
    b"200",
    b"201",
    b"204",
    b"304",
    b"404",
    b"500",
    b"100",
    b"103",
    b"101",
    b"099",
    b"20",
    b"2000",
    b"abc",
)
_VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"http/1.1",
    b"HTTP/1.10",
    b"HTTP/0.9",
    b"ICY",
)
_HEADERS = (
    b"x: y", b"X-Empty:", b"x-spaces:   y  ", b"set-cookie: a=b; c=d", b"x-latin: caf\xe9", b"x-tab: a\tb", b"Connection: close",
    b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: websocket", b"x : y", b" folded", b"\tfolded", b"no colon", b": no name",
    b"x-nul: a\0b", b"x-del: a\x7fb", b"x-cr: a\rb", b"Content-Type: application/json", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: CHUNKED", b"Content-Length: 3", b"Content-Length: 3, 3", b"Content-Length: +3",
    b"Content-Length: 0x3", b"Content-Length: -3", b"Content-Length: 3 ", b"Content-Length: 99999999999999999999", b"Content-Length:",
)  # fmt: skip


def _usually(chance: random.Random, usual: bytes, others: tuple[bytes, ...]) -> bytes:
    return usual if chance.random() < 0.8 else chance.choice(others)


def made(chance: random.Random) -> bytes:
    """An answer that is right in most of its parts."""
    data = b""
    if chance.random() < 0.1:
        data += b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    end = _usually(chance, b"\r\n", (b"\n",))
    reason = _usually(chance, b" OK", (b"", b" ", b" caf\xe9", b" a\tb", b" \x00"))
    data += _usually(chance, b"HTTP/1.1", _VERSIONS) + b" " + _usually(chance, b"200", _STATUS) + reason + end
    body = chance.randbytes(chance.choice((0, 1, 3, 20, 200)))
    lines = [chance.choice(_HEADERS) for _ in range(chance.choice((0, 0, 1, 1, 2)))]
    kind = chance.choice(("length", "chunked", "chunked", "close", "both"))
    if kind in {"length", "both"}:
        lines.append(
            b"Content-Length: %d" % (len(body) if chance.random() < 0.85 else chance.choice((0, len(body) + 1, 2)))
        )
    if kind in {"chunked", "both"}:
        lines.append(b"Transfer-Encoding: chunked")
        body = _chunked(body, chance)
    chance.shuffle(lines)
    data += b"".join(line + end for line in lines) + end + body
    if chance.random() < 0.1:
        data += chance.choice((b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"\r\n", b"x"))
    return data


def _chunked(body: bytes, chance: random.Random) -> bytes:
    data, position = b"", 0
    while position < len(body):
        size = chance.randint(1, len(body) - position)
        digits = _usually(
            chance,
            b"%x" % size,
            (b"%X" % size, b"0%x" % size, b" %x" % size, b"%x " % size, b"0x%x" % size, b"-%x" % size),
        )
        extension = _usually(chance, b"", (b";a=b", b"; a", b';a="b"', b";", b" ;a", b";\x00"))
        end = _usually(chance, b"\r\n", (b"\n", b"\r", b"\r\r\n")) if chance.random() < 0.2 else b"\r\n"
        data += digits + extension + end + body[position : position + size] + end
        position += size
    trailer = _usually(
        chance, b"", (b"x: y\r\n", b"bad trailer\r\n", b"x: \x00\r\n", b" x: y\r\n", b"Content-Length: 9\r\n")
    )
    return (
        data
        + _usually(chance, b"0", (b"00", b"0;a", b"", b"000000"))
        + b"\r\n"
        + trailer
        + _usually(chance, b"\r\n", (b"", b"\n"))
    )


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The same with a few bytes changed, left out, doubled or put in."""
    if not data or chance.random() < 0.6:
        return data
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.randrange(len(data) or 1)
        how = chance.randrange(4)
        if how == 0:
            data = data[:at] + chance.choice((b"\r", b"\n", b" ", b":", b"\0", b"0", b"\t", b"\xff")) + data[at + 1 :]
        elif how == 1:
            data = data[:at] + data[at + 1 :]
        elif how == 2:
            data = data[:at] + data[at : at + 5] + data[at:]
        else:
            data = data[: max(at, 1)]
    return data


def cut(data: bytes, chance: random.Random) -> list[bytes]:
    """The same in pieces."""
    most = chance.choice((1, 3, 50, 1000))
    pieces, position = [], 0
    while position < len(data):
        size = chance.randint(1, most)
        pieces.append(data[position : position + size])
        position += size
    return pieces


# ------------------------------------------------------------------------------------------------ where they differ


def _heads(data: bytes) -> list[bytes]:
    return re.split(rb"\n\r?\n", data, maxsplit=2)


def _has(pattern: bytes) -> Any:
    return lambda data: re.search(pattern, data, re.IGNORECASE | re.MULTILINE | re.DOTALL) is not None


_BARE_LF = ("lines may end with a bare LF (RFC 9112, 2.2)", _has(rb"(?<!\r)\n"))
_VERSION = ("only HTTP/1.x is spoken", _has(rb"^HTTP/(?!1\.[0-9] )"))
_CONTROL = (
    "a control character stands in a head (RFC 9110, 5.5)",
    lambda data: re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", _head(data)),
)
_BOTH = (
    "there are a length and a transfer encoding (RFC 9112, 6.3)",
    _has(rb"(?=.*content-length *:)(?=.*transfer-encoding *:)"),
)
_CODING = ("a transfer encoding other than chunked", _has(rb"transfer-encoding: *(gzip|identity|(?!chunked\s*$)\S)"))
_LENGTH = ("a length that is none or is not the only one", _has(rb"content-length:(?! *\d{1,18} *\r?$)"))
_LENGTHS = ("the length stands twice", _has(rb"content-length:[^\n]*,|content-length.*content-length"))
_SWITCHING = ("101 has no meaning for a request that asked for nothing of the kind", _has(rb"^HTTP/1\.[0-9] 101"))
_STATUS_CODE = ("a status is three digits and at least 100", _has(rb"^HTTP/1\.[0-9] +(?![1-9]\d\d([ \r\n]|$))"))
_FOLDED = ("a header is folded", _has(rb"\n[ \t]"))
_NAME = (
    "a header has a name that HTTP forbids, or none",
    lambda data: re.search(rb"\n(?![!#$%&'*+\-.^_`|~0-9A-Za-z]+:)[^\r\n]+", _head(data)),
)
_CHUNK = ("a chunk has a line that HTTP forbids", _has(rb"transfer-encoding"))
_CHUNK_SPACE = (
    "a space may stand behind the size of a chunk, as some servers write it",
    _has(rb"^[0-9a-f]+[ \t]+(;|\r)"),
)
_UPGRADE = ("an upgrade that was not asked for is passed over", _has(rb"upgrade"))
_BODYLESS = ("204 and 304 have no body, whatever is announced", _has(rb"^HTTP/1\.[0-9] (204|304)"))
_TRAILER = ("trailers are passed over, and not looked into", _has(rb"\n0+(;[^\n]*)?\r\n."))
_OLD = ("HTTP/1.0 knows no chunks, but servers send them", _has(rb"^HTTP/1\.0"))
_CR = ("a CR stands alone", _has(rb"\r(?!\n)"))
_REASON = (
    "the reason may be left out or hold anything that can be printed",
    _has(rb"^HTTP/1\.[0-9] \d{3}(?! [ -~]*\r?$)"),
)
_LATIN = ("values of headers may hold bytes above 127", _has(rb"[\x80-\xff]"))


def _head(data: bytes) -> bytes:
    """The lines before the body, interim answers included, and the trailers, as far as they look like text."""
    parts = re.split(rb"\n\r?\n", data)
    heads = [part for part in parts[:2] if part.startswith(b"HTTP/")] or parts[:1]
    return b"\n".join(head.removesuffix(b"\r") for head in heads).replace(b"\r\n", b"\n")


REASONS: dict[str, list[tuple[str, Any]]] = {
    "ours reads, httptools refuses": [
        _BARE_LF,
        _CHUNK_SPACE,
        _UPGRADE,
        _FOLDED,
        _TRAILER,
        _REASON,
        _LENGTHS,
        _BODYLESS,
    ],
    "httptools reads, ours refuses": [
        _VERSION,
        _CONTROL,
        _BOTH,
        _CODING,
        _LENGTH,
        _SWITCHING,
        _STATUS_CODE,
        _FOLDED,
        _NAME,
        _CHUNK,
    ],
    "ours reads, h11 refuses": [_CHUNK_SPACE, _TRAILER, _REASON, _CR, _LENGTHS],
    "h11 reads, ours refuses": [_VERSION, _CONTROL, _BOTH, _SWITCHING, _CODING, _FOLDED, _CHUNK, _LENGTH],
}
"""By `who reads it, who refuses it`: the reasons, and how an answer is known that one of them may be about."""


def differences(data: bytes, pieces: list[bytes]) -> list[tuple[str, bytes]]:
    """Where the three do not agree, and no reason is known."""
    found = []
    mine = ours(pieces)
    if mine != ours([data]):
        found.append(("ours, cut and whole", data))
    for name, other in (("h11", by_h11(pieces)), ("httptools", by_httptools(pieces))):
        if mine == other:
            continue
        if mine.refused or other.refused:
            pair = f"{name} reads, ours refuses" if mine.refused else f"ours reads, {name} refuses"
        else:
            pair = f"ours and {name} read differently"
        if not any(known(data) for _, known in REASONS.get(pair, ())):
            found.append((pair, data))
    return found


def http_answers(chance: random.Random) -> None:
    """One answer, by all three."""
    data = damaged(made(chance), chance)
    found = differences(data, cut(data, chance))
    assert not found, found
