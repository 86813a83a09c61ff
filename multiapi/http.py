"""Requests, answers and server-sent events as values: no sending, no clock."""

from __future__ import annotations

import json as stdlib_json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from multiapi.errors import InvalidRequestError, ResponseFormatError, ResponseTooLargeError, printable

if TYPE_CHECKING:
    from multiapi.types import Limits

JSON_DEPTH_LIMIT = 500
BODY_EXCERPT_CHARS = 500


class Retry(Enum):
    """What may be repeated; the columns of the table in `docs/errors.md`."""

    READ = "read"
    """GET and HEAD: nothing is charged."""
    ANSWER = "answer"
    """Chat, embeddings, transcription, moderation: charged per answer."""
    MEDIA = "media"
    """Images, speech, music that come at once: paid, expensive."""
    JOB = "job"
    """Starts a job: a repetition may start, and later charge, a second one."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a multipart body."""

    field: str
    filename: str
    data: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a vendor, without host and key.

    Attributes:
        path: Below the vendor's API root, or an absolute path from the host's root when `from_host_root` is set.
        json: A body for `orjson`; None means no JSON body.
        form: Text fields of a multipart body, with `files`.
        stream: Whether the answer is to be read event by event.
        from_host_root: The path starts at the host's root and not at the API root.
        public: The operation needs no key; none is sent.
        limit: Which of `Limits` bounds the answer.
        holds_vectors: The answer does; they are taken out of it while it arrives, see `multiapi.vectors`.
    """

    method: str
    path: str
    json: Any = None
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[FilePart, ...] = ()
    stream: bool = False
    from_host_root: bool = False
    public: bool = False
    limit: str = "answer_bytes"
    holds_vectors: bool = False

    def target(self) -> str:
        """Path and query, percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def path_segment(value: str) -> str:
    """One value as one segment of a path, nothing in it able to climb out."""
    if value in {"", ".", ".."}:
        raise ValueError(value)
    return quote(value, safe="")


class HttpResponse(NamedTuple):
    """One answer, decoded to plain bytes. Header names are lower case.

    `vectors` were taken out of the body, where marks stand for them. `limits` bound what an answer may hold, if they are not the usual.
    `after_s` says how long after the request a 5xx came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    vectors: Mapping[str, list[float]] = {}
    limits: Limits | None = None
    after_s: float = 0.0

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self, *, provider: str) -> Any:
        """The body as JSON; every failure is a `ResponseFormatError`."""
        try:
            return parse_answer(self.body)
        except ValueError as error:
            kind = self.content_type or "no content type"
            raise ResponseFormatError(
                f"{provider} answered {self.status} with a body that is no JSON ({kind}, {len(self.body)} bytes): {error}",
                provider=provider,
                status=self.status,
                body=excerpt(self.body),
            ) from None


def excerpt(body: bytes, limit: int = BODY_EXCERPT_CHARS) -> str:
    """The beginning of a body as printable text without markup."""
    text = body[: limit * 8].decode("utf-8", "replace")
    if "<" in text[:200] and ("<html" in text[:2000].lower() or "<!doctype" in text[:200].lower()):
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)", " ", text)
        text = re.sub(r"(?s)<[^>]*(>|$)", " ", text)
        text = " ".join(text.split())
    return printable(text, limit)


_DIGITS = bytes.maketrans(bytes(range(256)), bytes(48 if 48 <= byte <= 57 else 46 for byte in range(256)))
_RUN_OF_DIGITS = b"0" * 19
_LONG_NUMBER = re.compile(rb"(?:^|[\s:,\[])-?[0-9]{19,}+(?=[\s,\]}]|$)")
_MOST_DIGITS = 4300
"""Of an integer; Python reads and writes no longer ones, because that takes quadratic time."""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def parse_json(data: bytes, *, constant: Callable[[str], Any] = _refuse_constant) -> Any:
    """JSON from bytes: UTF-8 with or without a BOM, whatever the label says. Integers are exact, however long they are.

    Text that no UTF-8 writer can hold (lone surrogates) and raw control characters are tolerated by a second, slower reading. An
    integer of more than 4,300 digits is given as its text.

    Raises:
        ValueError: Nothing that can be read: not JSON, nested too deeply, a number that is none.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    else:
        return _exactly(data) if _has_run_of_digits(data) and _LONG_NUMBER.search(data) else value
    if data[:3] == b"\xef\xbb\xbf":
        return parse_json(data[3:], constant=constant)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return parse_json(data.decode("utf-16", "replace").encode("utf-8", "surrogatepass"), constant=constant)
    if _depth_above(data, JSON_DEPTH_LIMIT):
        raise ValueError(f"nested more than {JSON_DEPTH_LIMIT} levels deep")
    try:
        return stdlib_json.loads(
            data.decode("utf-8", "replace"), strict=False, parse_constant=constant, parse_int=_whole_number
        )
    except (ValueError, RecursionError, MemoryError):
        raise ValueError(reason) from None


def parse_answer(data: bytes) -> Any:
    """JSON of a provider. NaN and the infinities, which Python servers write, are null: what was paid for is not lost with them."""
    return parse_json(data, constant=_no_number)


def _no_number(_: str) -> None:
    return None


def _has_run_of_digits(data: bytes) -> bool:
    """A look that is much faster than a pattern, in steps, so that nothing large is copied."""
    if len(data) <= _STEP:
        return _RUN_OF_DIGITS in data.translate(_DIGITS)
    overlap = len(_RUN_OF_DIGITS)
    return any(
        _RUN_OF_DIGITS in data[at : at + _STEP + overlap].translate(_DIGITS) for at in range(0, len(data), _STEP)
    )


_STEP = 65_536


def _exactly(data: bytes) -> Any:
    """JSON that is known to be valid, with every digit of its integers: orjson makes floats of those that 64 bits do not hold."""
    try:
        return stdlib_json.loads(data, parse_int=_whole_number)
    except (RecursionError, MemoryError):
        raise ValueError("nested too deeply to read its long numbers") from None


def _whole_number(text: str) -> int | str:
    return int(text) if len(text) <= _MOST_DIGITS else text


def parse_text(text: str) -> Any:
    """JSON out of a model's or user's text, exactly.

    Raises:
        ValueError: As in `parse_json`, and for an integer of more than 4,300 digits.
    """
    value = parse_json(text.encode("utf-8", "replace"))
    if len(text) > _MOST_DIGITS and _TOO_LONG.search(text):
        try:
            stdlib_json.loads(text, strict=False)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    return value


_TOO_LONG = re.compile(rf"[0-9]{{{_MOST_DIGITS + 1}}}")


def rewritten(text: str) -> Any:
    """JSON whose numbers `dump_json` writes as they stand in the text, digit by digit.

    Raises:
        ValueError: The text is not JSON, or is nested too deeply.
    """
    try:
        return _AS_WRITTEN.decode(text.strip())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole_as_written(text: str) -> Any:
    return int(text) if len(text) < 19 and text != "-0" else orjson.Fragment(text)


def _decimal_as_written(text: str) -> Any:
    value = float(text)
    return value if orjson.dumps(value) == text.encode() else orjson.Fragment(text)


_AS_WRITTEN = stdlib_json.JSONDecoder(
    strict=False, parse_int=_whole_as_written, parse_float=_decimal_as_written, parse_constant=_refuse_constant
)


def _depth_above(data: bytes, limit: int) -> bool:
    """An upper bound of the nesting depth is enough to keep the recursive parser from overflowing."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    depth = 0
    for character in re.finditer(rb"[\[\]{}]", data):
        depth += 1 if character.group() in b"[{" else -1
        if depth > limit:
            return True
    return False


class LargeText:
    """Text in a body that is known to need no escapes (base64), as bytes: it is copied once, when the body is put together.

    Attributes:
        head: What stands before it in the same string.
    """

    __slots__ = ("data", "head")

    def __init__(self, data: bytes, head: str = "") -> None:
        self.data = data
        self.head = head

    def __str__(self) -> str:
        return self.head + self.data.decode("ascii")


_PLACE = f"place-{os.urandom(16).hex()}-"
"""Stands for large text while the rest is written; nobody outside can know it."""


def dump_json(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """A body as UTF-8 JSON; non-ASCII text stays as it is, lone surrogates become U+FFFD, integers keep all of their digits.

    Args:
        default: Makes something that can be written of a value that cannot.

    Raises:
        UnwritableError: A value that JSON cannot hold; the message says where it stands.
    """
    large: list[LargeText] = []

    def place(item: Any) -> Any:
        if isinstance(item, LargeText):
            large.append(item)
            return f"{_PLACE}{len(large) - 1}"
        if default is None:
            raise TypeError
        return default(item)

    try:
        body = orjson.dumps(value, place, orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):
        large.clear()
        body = _dumped_slowly(value, place)
    if not large:
        return body
    pieces: list[bytes] = []
    for number, item in enumerate(large):
        before, _, body = body.partition(b'"%b%d"' % (_PLACE.encode(), number))
        pieces += [before, orjson.dumps(item.head)[:-1], item.data, b'"']
    return b"".join([*pieces, body])


class UnwritableError(InvalidRequestError, TypeError):
    """A value that JSON cannot hold."""


def _dumped_slowly(value: Any, place: Callable[[Any], Any]) -> bytes:
    """As orjson does, after what it refuses and JSON can hold was made writable."""
    try:
        return orjson.dumps(_writable(value, (), place), place, orjson.OPT_NON_STR_KEYS)
    except RecursionError:
        raise UnwritableError("the request cannot be written: it is nested too deeply") from None
    except TypeError as error:
        if isinstance(error, UnwritableError):
            raise
        raise UnwritableError(f"the request cannot be written: {error}") from None


def _writable(value: Any, path: tuple[Any, ...], place: Callable[[Any], Any]) -> Any:
    if isinstance(value, str):
        return _encodable(value)
    if value is None or isinstance(value, bool | float | orjson.Fragment):
        return value
    if isinstance(value, dict):
        return {_writable_key(key, path): _writable(inner, (*path, key), place) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(inner, (*path, number), place) for number, inner in enumerate(value)]
    if isinstance(value, LargeText):
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 64 else orjson.Fragment(_digits(value, path))
    try:
        orjson.dumps(value, place, orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
    except (TypeError, RecursionError):
        try:
            made = place(value)
        except TypeError:
            raise _unwritable(path, f"is of type {type(value).__name__}, which JSON does not have") from None
        return _writable(made, path, place)
    return value


def _writable_key(key: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(key, str):
        return _encodable(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return _digits(key, path)
    return key


def _encodable(text: str) -> str:
    """The text without lone surrogates."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _digits(value: int, path: tuple[Any, ...]) -> str:
    try:
        return int.__repr__(value)
    except ValueError:
        raise _unwritable(path, f"is an integer of more than {_MOST_DIGITS} digits; give it as text") from None


def _unwritable(path: tuple[Any, ...], why: str) -> UnwritableError:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return UnwritableError(f"the request cannot be written: {printable(where, 200) or 'the value'} {why}")


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
