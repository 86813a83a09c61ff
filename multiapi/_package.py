"""What every room may use: the version, how the package is installed, locks that a child process finds free, and the public names of a package.

Public names are loaded when they are first asked for, and listed once, in the `__init__.pyi` of their package, where type checkers read them.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

__version__ = "0.1.0"

_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)


def exports(
    module: dict[str, Any], needed: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for a package.

    Args:
        module: The package's `globals()`; what is loaded is kept there.
        needed: Modules whose names need another package, which an extra installs, as {module: package}. Where it is not installed
            their names are not in `__all__`; asking for one says what to install.
    """
    name = module["__name__"]
    stub = str(Path(module["__file__"]).with_suffix(".pyi"))
    text = module["__spec__"].loader.get_data(stub).decode()
    homes = {
        words.split(" as ")[-1].strip(): home
        for home, many, one in _IMPORT.findall(text)
        for words in (many or one).split(",")
        if words.strip()
    }
    absent = {home for home, package in (needed or {}).items() if find_spec(package) is None}
    public = sorted(each for each, home in homes.items() if home not in absent)

    def get(wanted: str) -> Any:
        home = homes.get(wanted)
        if home is None:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        module[wanted] = found = getattr(import_module(home), wanted)
        return found

    return get, lambda: sorted({*module, *public}), public


def install(extra: str) -> str:
    """Return what to do for an extra, as the end of every sentence that says so. The package is on no index yet, and a name on one may
    belong to somebody else.
    """
    return f"install multiapi[{extra}] from a copy of the repository: pip install '.[{extra}]'"


# ------------------------------------------------------------------------------------ forks


class Forkable(Protocol):
    """What is told of a fork."""

    def after_fork(self) -> None:
        """In the child process: forget what belongs to the parent, as its calls under way and its sockets. Locks are free already."""


_LOCKS: WeakSet[Any] = WeakSet()
_TOLD: WeakSet[Forkable] = WeakSet()


def new_lock() -> threading.Lock:
    """Return a lock that is free in a child process, also if a thread of the parent held it. Every lock of the package is made here."""
    lock = threading.Lock()
    _LOCKS.add(lock)
    return lock


def new_rlock() -> threading.RLock:  # type: ignore[valid-type,unused-ignore]
    """Return a lock that its holder may take a second time, and that is free in a child process."""
    lock = threading.RLock()
    _LOCKS.add(lock)
    return lock


def tell_after_fork(thing: Forkable) -> None:
    """Call its `after_fork` in each child process, as long as it lives."""
    _TOLD.add(thing)


def _locks_of_properties() -> Iterator[Any]:
    """The locks of `functools.cached_property`, which Python 3.11 has one of for each, whatever the instance."""
    ours = tuple(f"{name}multiapi" for name in ("", "langchain_", "llamaindex_"))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ours:
            for kind in [each for each in vars(module).values() if isinstance(each, type)]:
                yield from (lock for each in vars(kind).values() if (lock := getattr(each, "lock", None)) is not None)


def _after_fork() -> None:
    for lock in [*_LOCKS, *(_locks_of_properties() if sys.version_info < (3, 12) else ())]:
        renew = getattr(lock, "_at_fork_reinit", None)  # what Python's own `logging` and `concurrent.futures` do
        if renew is not None:
            renew()
    for thing in list(_TOLD):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
