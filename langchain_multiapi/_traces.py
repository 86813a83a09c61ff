"""What of a call stands in traces, and the totals of several calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SECRET_NAMES = frozenset({"api_key", "extra_headers", "default_headers", "headers", "authorization", "server_url"})
_MASK = "**********"


def without_secrets(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a call as they may stand in a trace: headers and keys masked, also those inside of tools."""
    return {name: _masked(name, value) for name, value in params.items()}


def _masked(name: str, value: Any) -> Any:
    if name in _SECRET_NAMES and value is not None:
        return dict.fromkeys(value, _MASK) if isinstance(value, Mapping) else _MASK
    if name in {"tools", "extra_body"}:
        return _masked_inside(value)
    return value


def _masked_inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(key, _masked_inside(inner)) for key, inner in value.items()}
    return [_masked_inside(inner) for inner in value] if isinstance(value, list) else value


def combined_outputs(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """What several answers said of themselves: numbers added up, words as they came first."""
    total: dict[str, Any] = {}
    for output in outputs:
        for name, value in (output or {}).items():
            total[name] = _added(total.get(name), value)
    return total


def _added(held: Any, value: Any) -> Any:
    if value is None or held is None:
        return held if value is None else value
    if isinstance(held, Mapping) and isinstance(value, Mapping):
        return {**held, **{name: _added(held.get(name), inner) for name, inner in value.items()}}
    if isinstance(held, (int, float)) and isinstance(value, (int, float)) and not isinstance(held, bool):
        return held + value
    return held
