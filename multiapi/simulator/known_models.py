"""Which model ids a simulated provider knows. A misspelt one is refused, as every provider refuses it.

AI/ML API publishes its whole list, so there an id that neither list nor documents name is unknown. The lists of the others are short or missing:
there an id is refused that nobody lists and that looks like a slip of the pen: nearly one that is listed somewhere.
"""

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from multiapi.simulator.contract import VENDORS, aimlapi_catalogue, contract

_WITH_A_WHOLE_LIST = frozenset({"aimlapi"})
_NEAR, _MOST = 0.88, 5


@cache
def named_by(provider: str) -> frozenset[str]:
    """The ids that a provider's documents name."""
    named = frozenset(_named(contract(provider).document))
    if provider != "aimlapi":
        return named
    entries = aimlapi_catalogue().values()
    return named | {str(entry[name]) for entry in entries for name in ("id", "schema_id") if entry.get(name)}


@cache
def _anywhere() -> frozenset[str]:
    """The ids that any provider names, with and without their developer."""
    named = frozenset().union(*map(named_by, VENDORS))
    return named | {model.rpartition("/")[2] for model in named}


def _named(value: Any, listed: bool = False) -> Iterator[str]:
    """Each text in a document that stands as a model's id: under `model` in examples and schemas, and in the list of models."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if (name == "model" or (listed and name == "id")) and isinstance(inner, str):
                yield inner
            elif name == "model" and isinstance(inner, dict):
                yield from _values(inner)
            yield from _named(inner, listed or name == "x-known-models")
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, listed)


def _values(schema: dict[str, Any]) -> Iterator[str]:
    several = (value for name in ("enum", "examples", "x-known-values") for value in schema.get(name) or ())
    for value in (*several, *(schema.get(name) for name in ("example", "default", "const"))):
        if isinstance(value, str):
            yield value


def unknown(provider: str, model: str, listed: Iterable[str]) -> list[str] | None:
    """None for an id that is taken; else the ids that it may have meant, best first. `listed` are those of the provider's own list."""
    own = named_by(provider).union(listed)
    if model in own or _in_other_words(model, own) or (provider not in _WITH_A_WHOLE_LIST and model in _anywhere()):
        return None
    candidates = sorted(own if provider in _WITH_A_WHOLE_LIST else own | _anywhere())
    slips = [one for one in candidates if _one_slip(model, one)]
    near = difflib.get_close_matches(model, candidates, _MOST, _NEAR)
    found = list(dict.fromkeys([*(one for one in near if one in slips), *slips, *near]))[:_MOST]
    return found if found or provider in _WITH_A_WHOLE_LIST else None


def _in_other_words(model: str, own: Iterable[str]) -> bool:
    """Whether an id is known with another known developer in front, or with none: `gpt-4o` and `openai/gpt-4o` are one."""
    developers = {one.partition("/")[0] for one in own if "/" in one}
    first, slash, last = model.rpartition("/")
    return (not slash or first in developers) and any(last == one.rpartition("/")[2] for one in own)


def _one_slip(first: str, second: str) -> bool:
    """Whether one sign was changed, left out, put in, or changed places with its neighbour."""
    if abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    one, other = first[start:], second[start:]
    return (
        one[1:] == other[1:]
        or one == other[1:]
        or one[1:] == other
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )
