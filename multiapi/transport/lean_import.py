"""Imports httpx and httpcore without what they load only because it is installed.

httpcore loads trio, which takes longer than all the rest of a first call, and httpx loads click, rich and pygments for its command line. Our
modules take both from here, and these are loaded when they are used: under trio, by `httpx.main`, by `httpcore.TrioBackend`. Where httpx or httpcore
is loaded already, nothing is done.

Imports in other threads see nothing of it, and nothing wrong stays in `sys.modules`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["httpcore", "httpx"]

_TRIO = "trio"
_COMMAND_LINE = "httpx._main"


class _Refusing:
    """A finder that refuses some modules to the thread that made it."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: Any) -> None:
        """Nothing, so that the next finder is asked.

        Raises:
            ModuleNotFoundError: This one is put off.
        """
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is put off until it is used", name=name)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Imports of this thread do not find these modules."""
    finder = _Refusing(*names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _WhenUsed:
    """Stands for a module in another one until its first attribute is asked for."""

    def __init__(self, name: str, holder: ModuleType, attribute: str) -> None:
        self._put_off = (name, holder, attribute)

    def __getattr__(self, wanted: str) -> Any:
        name, holder, attribute = self._put_off
        module = import_module(name)
        setattr(holder, attribute, module)
        return getattr(module, wanted)


def _found_later(module: ModuleType, name: str, source: str) -> None:
    """Have a module take one of its names from another when it is asked for; where that cannot be imported, what it put in its place."""
    if "__getattr__" in vars(module) or source in sys.modules:
        return
    substitute = vars(module).pop(name)

    def find(wanted: str) -> Any:
        if wanted != name:
            raise AttributeError(f"module {module.__name__!r} has no attribute {wanted!r}")
        try:
            found = getattr(import_module(source), name)
        except ImportError:
            found = substitute
        setattr(module, name, found)
        return found

    vars(module)["__getattr__"] = find


def _put_off(httpcore: ModuleType, httpx: ModuleType) -> None:
    """Have both find later what they did not find."""
    for name, module in list(sys.modules.items()):
        if name.startswith("httpcore.") and vars(module).get(_TRIO, ...) is None:
            vars(module)[_TRIO] = _WhenUsed(_TRIO, module, _TRIO)
    _found_later(httpcore, "TrioBackend", "httpcore._backends.trio")
    _found_later(httpx, "main", _COMMAND_LINE)


_first = "httpx" not in sys.modules and "httpcore" not in sys.modules
with _without(_TRIO, _COMMAND_LINE):
    import httpcore
    import httpx
if _first:
    _put_off(httpcore, httpx)
