"""Places of a framework in which calls happen, as the run of an agent, and what is counted and capped there beside the context's own."""

from __future__ import annotations

import weakref
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
    WATCHING.append(weakref.ref(knows, _forget))


def unwatch(knows: KnowsScope) -> None:
    """Ask it no longer."""
    WATCHING[:] = [each for each in WATCHING if each() is not knows]


def _forget(gone: weakref.ref[KnowsScope]) -> None:
    WATCHING[:] = [each for each in WATCHING if each is not gone]


def scopes() -> list[Scope]:
    """Return the places of the running code."""
    watching = [each() for each in WATCHING]
    return [each.scope() for each in watching if each is not None]
