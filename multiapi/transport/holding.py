"""Locks that an interrupt cannot leave locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def holding(lock: Any, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a step that is done while a lock is held.

    Between any two lines Ctrl-C may strike, also between the last line of a `with` block and its end. Here there is only one line.
    """
    with lock: return step(*args, **kwargs)  # noqa: E701  # fmt: skip
