"""One value against one parameter of a model's schema: put into its type and spelling, or refused with what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.providers.aimlapi.catalogue import ModelEntry, Param
from multiapi.providers.aimlapi.catalogue.places import SAME, UNSAID

PROVIDER = "aimlapi"


def checked(model: str, setting: str, param: Param, value: Any) -> Any:
    """The value as the schema has it: 5.0 as 5 for an integer, "720P" for "720p" where the list says so.

    Raises:
        InvalidRequestError: The schema does not take it.
    """
    if isinstance(value, (list, tuple)) and param.item_types:
        return _checked_items(model, setting, param, list(value))
    if isinstance(value, Mapping):
        return _checked_object(model, setting, param, value)
    if isinstance(value, str) and param.item_types and "string" not in param.types:
        return _checked_items(model, setting, param, [value])
    value = _typed(model, setting, param, value)
    if param.enum is not None and not param.open_enum:
        return _spelled(model, setting, param.enum, value)
    if isinstance(value, str):
        _check_range(model, setting, len(value), param.min_length, param.max_length, unit=" characters")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(model, setting, value, param.minimum, param.maximum)
    return value


def value_refused(
    model: str, setting: str, value: Any, allowed: Iterable[Any], *, quotable: bool | None = None
) -> InvalidRequestError:
    """The error that names model, setting, value and what is allowed. Texts and files are not quoted."""
    allowed = tuple(allowed)
    if quotable is None:
        quotable = setting.split(".", maxsplit=1)[0] not in UNSAID
    shown = f"{setting} {shortened(value)}" if quotable else f"this {setting}"
    return InvalidRequestError(
        f"{PROVIDER}: {model} does not take {shown}; allowed: {', '.join(str(choice) for choice in allowed)}",
        provider=PROVIDER,
        model=model,
        setting=setting,
        value=value if quotable else None,
        allowed=allowed,
    )


def setting_refused(entry: ModelEntry, setting: str) -> UnsupportedError:
    """The error for a setting that the model has no field for."""
    return UnsupportedError(
        f"{PROVIDER}: {entry.id} has no field for {setting}; its fields are {', '.join(entry.params)}",
        provider=PROVIDER,
        model=entry.id,
        setting=setting,
        allowed=tuple(entry.params),
    )


def same(asked: Any, member: Any) -> bool:
    """The same value in another spelling: 720P and 720p, jpg and jpeg, 2 and "2"."""
    left, right = str(asked).lower(), str(member).lower()
    return left == right or any(left in words and right in words for words in SAME)


def shortened(value: Any) -> str:
    """A value as it may stand in a message."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _checked_items(model: str, setting: str, param: Param, values: list[Any]) -> list[Any]:
    _check_range(model, setting, len(values), param.min_items, param.max_items, unit=" items")
    item = replace(param, types=param.item_types, enum=param.item_enum, min_items=None, max_items=None)
    return [checked(model, setting, item, value) for value in values]


def _checked_object(model: str, setting: str, param: Param, value: Mapping[str, Any]) -> dict[str, Any]:
    if "object" not in param.types and "any" not in param.types:
        raise value_refused(model, setting, dict(value), param.types)
    missing = [name for name, prop in param.props.items() if prop.required and name not in value]
    if missing:
        raise value_refused(model, setting, dict(value), (f"an object with {name}" for name in missing))
    return {
        name: checked(model, f"{setting}.{name}", param.props[name], inner) if name in param.props else inner
        for name, inner in value.items()
    }


def _typed(model: str, setting: str, param: Param, value: Any) -> Any:
    types = param.types
    if "any" in types or ("binary" in types and not isinstance(value, str)):
        return value
    if isinstance(value, bool):
        fits = "boolean" in types
    elif isinstance(value, int | float):
        if "string" in types and not {"integer", "number"} & set(types):
            return str(value)
        if float(value).is_integer() and {"integer", "number"} & set(types):
            return int(value)
        fits = "number" in types
    else:
        fits = isinstance(value, str) and ("string" in types or _names_member(value, param))
    if not fits:
        raise value_refused(model, setting, value, param.enum or types)
    return value


def _names_member(value: str, param: Param) -> bool:
    """A word for one of the numbers in a list, as "720p" is for 720."""
    return param.enum is not None and any(same(value, member) for member in param.enum)


def _spelled(model: str, setting: str, allowed: Sequence[Any], value: Any) -> Any:
    for member in allowed:
        if type(member) is type(value) and member == value:
            return member
    for member in allowed:
        if isinstance(member, bool) == isinstance(value, bool) and same(value, member):
            return member
    raise value_refused(model, setting, value, allowed)


def _check_range(
    model: str, setting: str, value: float, low: float | None, high: float | None, *, unit: str = ""
) -> None:
    if (low is None or value >= low) and (high is None or value <= high):
        return
    if low is not None and high is not None:
        allowed = f"{low} to {high}{unit}"
    else:
        allowed = f"at least {low}{unit}" if high is None else f"at most {high}{unit}"
    raise value_refused(model, setting, f"{value}{unit}" if unit else value, (allowed,), quotable=True)
