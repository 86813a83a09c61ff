"""Places of a framework in which calls happen, as the run of an agent, and what is counted and capped there beside the context's own."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any, NamedTuple, Protocol


class Scope(NamedTuple):
    """Who adds up (each a `Spending`), and what calls have to fit into (each a `Budget`)."""

    spendings: tuple[Any, ...] = ()
    budgets: tuple[Any, ...] = ()


class KnowsScope(Protocol):
    """Something that knows where the running code is."""

    def scope(self) -> Scope:
        """Return what holds at the place of the running code."""


WATCHING: list[weakref.ref[KnowsScope]] = []
"""Those who are asked at each call; empty for nearly everybody."""


def watch(knows: KnowsScope) -> None:
    """Ask it at each call from now on, as long as it lives."""
    unwatch(knows)
    WATCHING.append(weakref.ref(knows))


def unwatch(knows: KnowsScope) -> None:
    """Ask it no longer."""
    for each in tuple(WATCHING):
        if each() is None or each() is knows:
            _forget(each)


def scopes() -> list[Scope]:
    """Return the places of the running code."""
    found: list[Scope] = []
    for each in tuple(WATCHING):
        knows = each()
        if knows is None:
            _forget(each)
        else:
            found.append(knows.scope())
    return found


def _forget(each: weakref.ref[KnowsScope]) -> None:
    """Take one out by itself, since other threads add and remove theirs."""
    with suppress(ValueError):
        WATCHING.remove(each)
