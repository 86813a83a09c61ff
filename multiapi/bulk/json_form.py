"""Requests and results as JSON, and back: what a ledger keeps and what an input file may hold."""

from __future__ import annotations

import base64
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from multiapi.errors import InvalidRequestError

T = TypeVar("T")

_BYTES = "base64"
_CLASS = "class"


def to_dict(value: Any) -> Any:
    """Return a request or a result as JSON: fields that have their default are left out.

    Raises:
        InvalidRequestError: It holds something that JSON has no form for.
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, str | int | float | bool):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names, defaults, read = _fields_of(type(value))
        return {
            name: to_dict(held)
            for name, held, default in zip(names, read(value), defaults, strict=True)
            if held is not None and held is not default and not _same(held, default)
        }
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        of_tuple: Mapping[str, Any] = getattr(value, "_field_defaults", {})
        return {
            name: to_dict(held)
            for name, held in zip(getattr(value, "_fields", ()), value, strict=True)
            if held is not None and not (name in of_tuple and _same(held, of_tuple[name]))
        }
    if isinstance(value, Mapping):
        return {str(name): to_dict(held) for name, held in value.items()}
    if isinstance(value, Sequence):
        return [_tagged(each) for each in value]
    raise InvalidRequestError(f"{type(value).__name__} has no form in JSON")


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return names and defaults of a dataclass's fields, and what reads them all. The defaults are compared with, and given to nobody."""
    fields = [each for each in dataclasses.fields(kind) if each.init]
    names = tuple(each.name for each in fields)
    if len(names) < 2:
        return names, tuple(map(_default, fields)), lambda value: tuple(getattr(value, name) for name in names)
    return names, tuple(map(_default, fields)), attrgetter(*names)


def _same(held: Any, default: Any) -> bool:
    return type(held) is type(default) and bool(held == default)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _tagged(value: Any) -> Any:
    """Return the member of a list; one of several classes says which it is."""
    found = to_dict(value)
    if isinstance(found, dict) and type(value).__name__ in {"TextPart", "MediaPart", "RawPart"}:
        return {_CLASS: type(value).__name__, **found}
    return found


def from_dict(cls: type[T], found: Any) -> T:
    """Return what `to_dict` wrote, as the class that it was.

    Raises:
        InvalidRequestError: It is not such a value; the message names the place.
    """
    return typing.cast("T", _read(cls, found, cls.__name__))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _read(kind: Any, found: Any, place: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object or isinstance(kind, TypeVar):
        return _plain(found)
    if origin is typing.Literal:
        if found not in inner:
            raise InvalidRequestError(f"{place} must be one of {', '.join(map(repr, inner))}, not {found!r:.80}")
        return found
    if origin in (typing.Union, types.UnionType):
        return _read_union(inner, found, place)
    if found is None:
        if kind is type(None):
            return None
        raise InvalidRequestError(f"{place} is missing")
    if dataclasses.is_dataclass(kind) or (
        isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")
    ):
        return _read_object(kind, found, place)
    if isinstance(found, Mapping) and set(found) == {_BYTES} and kind in (bytes, bytearray):
        return base64.b64decode(found[_BYTES])
    if kind is Decimal:
        return Decimal(str(found))
    if kind is Path:
        return Path(found)
    if kind is float and isinstance(found, int | float) and not isinstance(found, bool):
        return float(found) if isinstance(found, float) else found
    if isinstance(kind, type) and issubclass(kind, str | int | float | bool) and not issubclass(kind, Enum):
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise InvalidRequestError(f"{place} must be {kind.__name__}, not {type(found).__name__}")
        return found
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(found)
    if origin is tuple or kind is tuple:
        return tuple(
            _read(inner[0] if inner else Any, each, f"{place}[{index}]")
            for index, each in enumerate(_list(found, place))
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(found, Mapping):
            raise InvalidRequestError(f"{place} must be an object, not {type(found).__name__}")
        return {name: _read(inner[1], each, f"{place}.{name}") for name, each in found.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [_read(inner[0], each, f"{place}[{index}]") for index, each in enumerate(_list(found, place))]
    return _plain(found)


def _list(found: Any, place: str) -> Sequence[Any]:
    if not isinstance(found, list | tuple):
        raise InvalidRequestError(f"{place} must be a list, not {type(found).__name__}")
    return found


def _read_union(members: tuple[Any, ...], found: Any, place: str) -> Any:
    if found is None and type(None) in members:
        return None
    classes = [each for each in members if each is not type(None)]
    if isinstance(found, Mapping) and _CLASS in found:
        named = next((each for each in classes if getattr(each, "__name__", "") == found[_CLASS]), None)
        if named is not None:
            return _read(named, {name: each for name, each in found.items() if name != _CLASS}, place)
    troubles = []
    for each in classes:
        try:
            return _read(each, found, place)
        except InvalidRequestError as error:
            troubles.append(error)
    raise troubles[0] if troubles else InvalidRequestError(f"{place} is not a value that is known here")


def _read_object(cls: Any, found: Any, place: str) -> Any:
    if not isinstance(found, Mapping):
        raise InvalidRequestError(f"{place} must be an object, not {type(found).__name__}")
    hints = _hints(cls)
    names = {each.name for each in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set(cls._fields)
    unknown = sorted(set(found) - names)
    if unknown:
        raise InvalidRequestError(f"{place} has no field {unknown[0]!r:.80}; it has {', '.join(sorted(names))}")
    values = {name: _read(hints[name], each, f"{place}.{name}") for name, each in found.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise InvalidRequestError(f"{place} is incomplete: {error}") from None


def _plain(found: Any) -> Any:
    if isinstance(found, Mapping):
        if set(found) == {_BYTES} and isinstance(found[_BYTES], str):
            return base64.b64decode(found[_BYTES])
        return {name: _plain(each) for name, each in found.items()}
    return [_plain(each) for each in found] if isinstance(found, list) else found
