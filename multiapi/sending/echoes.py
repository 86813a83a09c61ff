"""The key in what a provider says beside its answers: debugging fields, headers, ids, and whatever else repeats a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
Scrub = Callable[[str], str]

_SAID_FIELDS = frozenset(
    {
        *("text", "reasoning", "refusal", "tool_calls", "invalid_tool_calls", "citations", "logprobs", "vectors"),
        *("segments", "words", "annotation", "data", "url", "path", "key"),
    }
)
"""The attributes of results that have what the model said, or what was asked for; they are not touched."""
_SAID = frozenset(
    {
        *(
            "content",
            "text",
            "output_text",
            "response",
            "answer",
            "reasoning",
            "reasoning_content",
            "thinking",
            "refusal",
        ),
        *("transcript", "markdown", "html", "url", "image_url", "data", "output", "b64_json", "signature"),
        *(
            "image_annotation",
            "document_annotation",
            "arguments",
            "input",
            "parsed",
            "logprobs",
            "annotations",
            "citations",
        ),
        *("tool_calls", "function_call", "embedding", "embeddings", "words"),
    }
)
"""Where the body of a response has the same. Of objects there, only what is in none of these places is looked at."""
_LEADS_ON = frozenset(
    {
        *("choices", "message", "delta", "content", "output", "outputs", "data", "response", "result", "results"),
        *("candidates", "parts", "pages", "segments", "images", "image", "audio", "video"),
    }
)
"""Where the places above are, in a body. Whatever else it has is looked at as a whole."""
_TOO_DEEP = "(not shown: it repeats the key, nested too deeply to mask it)"


def without_key(result: T, scrub: Scrub) -> T:
    """A result as it may leave: with `scrub` applied to what stands beside what the model said; the same object if that changes nothing."""
    entries = result if isinstance(result, list | tuple) else (result,)
    if not any(is_dataclass(each) for each in entries) or not _holds_some(result, scrub):
        return result
    try:
        return _rebuilt(result, scrub)  # type: ignore[no-any-return]
    except RecursionError:
        return _flattened(result)


def scrubbed(value: Any, scrub: Scrub) -> Any:
    """A value of parsed JSON with every text scrubbed; the same object if that changes nothing."""
    if not _holds_some(value, scrub):
        return value
    try:
        return _rebuilt(value, scrub)
    except RecursionError:
        return _TOO_DEEP


def _facts_of(value: Any) -> tuple[str, ...]:
    """The attributes of a result that are looked at."""
    kind: Any = type(value)
    return _facts_of_class(kind)


@lru_cache(maxsize=256)
def _facts_of_class(kind: Any) -> tuple[str, ...]:
    names = [each.name for each in fields(kind)] if is_dataclass(kind) else getattr(kind, "_fields", ())
    return tuple(name for name in names if name not in _SAID_FIELDS)


def _holds_some(value: Any, scrub: Scrub) -> bool:
    """Whether a text in a value would be changed; all of them are looked at in one go."""
    texts: list[str] = []
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        each, is_body = waiting.pop()
        kind = type(each)
        if kind is str:
            texts.append(each)
        elif kind is dict:
            texts += [name for name in each if type(name) is str]
            waiting += [(held, is_body and name in _LEADS_ON) for name, held in _looked_at(each, is_body)]
        elif kind is list or kind is tuple:
            waiting += [(held, is_body) for held in each if not (is_body and type(held) is str)]
        elif facts := _facts_of(each):
            waiting += [(getattr(each, name), name == "raw") for name in facts]
    whole = "\n\n".join(texts)
    return scrub(whole) != whole


def _looked_at(held: Mapping[Any, Any], is_body: bool) -> list[tuple[Any, Any]]:
    if not is_body:
        return list(held.items())
    return [
        (name, each)
        for name, each in held.items()
        if name not in _SAID or (name in _LEADS_ON and type(each) in (dict, list))
    ]


def _rebuilt(value: Any, scrub: Scrub, is_body: bool = False) -> Any:
    kind = type(value)
    if kind is str:
        return scrub(value)
    if kind is dict:
        changed = {
            name: _rebuilt(each, scrub, is_body and name in _LEADS_ON) for name, each in _looked_at(value, is_body)
        }
        return {_rebuilt(name, scrub): changed.get(name, each) for name, each in value.items()}
    if kind is list or kind is tuple:
        return kind([each if is_body and type(each) is str else _rebuilt(each, scrub, is_body) for each in value])
    if facts := _facts_of(value):
        held = {name: getattr(value, name) for name in facts}
        made = {name: _rebuilt(each, scrub, name == "raw") for name, each in held.items()}
        made = {name: each for name, each in made.items() if each is not held[name]}
        change: Any = replace if is_dataclass(value) else type(value)._replace
        return change(value, **made)
    return value


def _flattened(result: T) -> T:
    """A result without its free-form parts, which are nested too deeply."""
    if not is_dataclass(result) or isinstance(result, type):
        return result
    held = {name: getattr(result, name) for name in _facts_of(result)}
    return replace(
        result, **{name: dict.fromkeys(each, _TOO_DEEP) for name, each in held.items() if type(each) is dict}
    )
