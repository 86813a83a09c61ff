"""When a request is the recorded one: by method, address and body, JSON as values and forms part by part."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multiapi.cassettes.forms import form_parts
from multiapi.cassettes.recording import as_bytes, flat
from multiapi.sending.scrubbing import MASK

MATCHED = ("method", "host", "path", "query", "headers", "body")

_COMPARED_HEADERS = ("openai-beta",)
"""Headers that belong to what is asked, and not to who asks or how it is sent."""


def register_matchers(vcr: Any) -> None:
    """Teach an instance of `vcr.VCR` our way of comparing."""
    for name, matcher in {
        "host": _same_host,
        "query": _same_query,
        "headers": _same_headers,
        "body": _same_body,
    }.items():
        vcr.register_matcher(name, _named(matcher, name))
    vcr.match_on = MATCHED


def _named(matcher: Callable[[Any, Any], None], name: str) -> Callable[[Any, Any], None]:
    matcher.__name__ = name
    return matcher


def same_json(first: Any, second: Any) -> bool:
    """Whether two parsed values say the same: numbers by value, but true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same_json(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same_json, first, second))
    return bool(first == second)


def _same_host(first: Any, second: Any) -> None:
    one, other = urlsplit(first.uri), urlsplit(second.uri)
    _must(one[:2] == other[:2], f"the host is not {other.netloc}")


def _same_query(first: Any, second: Any) -> None:
    one, other = (sorted(parse_qsl(urlsplit(each.uri).query, keep_blank_values=True)) for each in (first, second))
    hidden = {name for each in (one, other) for name, value in each if value == MASK}
    one, other = ([(name, MASK if name in hidden else value) for name, value in each] for each in (one, other))
    _must(one == other, f"the query is {one}, recorded {other}")


def _same_headers(first: Any, second: Any) -> None:
    one, other = flat(first.headers), flat(second.headers)
    for name in _COMPARED_HEADERS:
        _must(one.get(name) == other.get(name), f"the header {name} is {one.get(name)}, recorded {other.get(name)}")


def _same_body(first: Any, second: Any) -> None:
    sent, recorded = _comparable(first), _comparable(second)
    if not same_json(sent, recorded):
        raise AssertionError(_difference(recorded, sent))


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _comparable(request: Any) -> Any:
    body, kind = as_bytes(request.body), str(flat(request.headers).get("content-type", ""))
    if kind.startswith("multipart/form-data"):
        return [list(part) for part in form_parts(body, kind)]
    try:
        return json.loads(body) if "json" in kind else body
    except ValueError:
        return body


def _difference(recorded: Any, sent: Any, at: str = "$") -> str:
    """The first place where two bodies differ."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*recorded, *(name for name in sent if name not in recorded)]:
            if name not in sent:
                return f"{at}.{name} is recorded and was not sent"
            if name not in recorded:
                return f"{at}.{name} was sent and is not recorded"
            if not same_json(recorded[name], sent[name]):
                return _difference(recorded[name], sent[name], f"{at}.{name}")
    if isinstance(recorded, list) and isinstance(sent, list) and len(recorded) == len(sent):
        for index, (one, other) in enumerate(zip(recorded, sent, strict=True)):
            if not same_json(one, other):
                return _difference(one, other, f"{at}[{index}]")
    return f"{at}: recorded {_short(recorded)}, sent {_short(sent)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
