"""JSON read and written: bounded in depth, exact in numbers."""

from __future__ import annotations

import json as stdlib_json
import os
import re
from collections.abc import Callable
from typing import Any

import orjson
from pydantic_core import from_json

from multiapi.errors import InvalidRequestError, printable

JSON_DEPTH_LIMIT = 500


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
        suspect = _RUN_OF_DIGITS in data.translate(_DIGITS) if len(data) <= _STEP else _has_run_of_digits(data)
        return _exactly(data) if suspect and _LONG_NUMBER.search(data) else value
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
    return parse_json(data, constant=as_null)


def as_null(_: str) -> None:
    """Read a constant that JSON does not have as null."""


def _has_run_of_digits(data: bytes) -> bool:
    """A look that is much faster than a pattern, in steps, so that nothing large is copied."""
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


def parse_partial(text: str) -> Any:
    """As much as there is of JSON that was cut off or is still being written; None while it can be read as nothing."""
    try:
        return parse_text(text)
    except ValueError:
        pass
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None


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
