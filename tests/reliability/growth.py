"""Every reader of what a provider sends or a model writes, with the input that makes it work hardest; and how work is counted.

Work is counted, not timed: lines of the packages that are run, characters and bytes in new long texts and lists that these lines make (so
that a copy of what is held counts each time), and characters that patterns run over. What patterns do inside, by going back, shows only
in processor time: `python -m benchmarks.growth`.
"""

from __future__ import annotations

import gc
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(str(ROOT / name) + "/" for name in ("multiapi", "langchain_multiapi", "llamaindex_multiapi"))
LONG = 16

# ------------------------------------------------------------------------------------------------ counting


class CountedPattern:
    """A compiled pattern that adds up what it runs over."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self._pattern = pattern

    @property
    def _work(self) -> Any:
        return _on[-1] if _on else _NOBODY

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pattern, name)

    def _found(self, found: re.Match[Any] | None, text: Any, at: int, end: int | None, *, anywhere: bool) -> Any:
        last = len(text) if end is None else min(end, len(text))
        if found is not None:
            self._work.done += found.end() - at + 1
        elif anywhere:
            self._work.done += last - at + 1
        else:  # how far it came is not known; blanks are what patterns run over in vain
            rest = text[at : at + 1]
            while rest and rest.isspace() and at < last:
                at += 1
                self._work.done += 1
                rest = text[at : at + 1]
            self._work.done += 1
        return found

    def match(self, text: Any, at: int = 0, *end: int) -> Any:
        return self._found(self._pattern.match(text, at, *end), text, at, *(end or (None,)), anywhere=False)

    def fullmatch(self, text: Any, at: int = 0, *end: int) -> Any:
        return self._found(self._pattern.fullmatch(text, at, *end), text, at, *(end or (None,)), anywhere=False)

    def search(self, text: Any, at: int = 0, *end: int) -> Any:
        return self._found(self._pattern.search(text, at, *end), text, at, *(end or (None,)), anywhere=True)

    def sub(self, new: Any, text: Any, *rest: Any) -> Any:
        self._work.done += len(text)
        return self._pattern.sub(new, text, *rest)

    def finditer(self, text: Any, *rest: Any) -> Iterator[Any]:
        self._work.done += len(text)
        return self._pattern.finditer(text, *rest)

    def findall(self, text: Any, *rest: Any) -> list[Any]:
        self._work.done += len(text)
        return self._pattern.findall(text, *rest)


class Work:
    """Counts while it is on; what it has seen is kept, so that nothing that is new is taken for something old."""

    def __init__(self) -> None:
        self.done = 0
        self._seen: dict[int, Any] = {}

    @contextmanager
    def counting(self) -> Iterator[Work]:
        before = sys.gettrace()
        _on.append(self)
        sys.settrace(self._trace)
        try:
            yield self
        finally:
            sys.settrace(before)
            _on.remove(self)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        ours = _OURS.get(frame.f_code)
        if ours is None:
            ours = _OURS[frame.f_code] = frame.f_code.co_filename.startswith(PACKAGES)
        if not ours:
            return None
        self._look(frame)
        return self._line

    def _line(self, frame: FrameType, event: str, value: Any) -> Any:
        self.done += 1
        self._look(frame)
        if event == "return":
            self._take((value,))
        return self._line

    def _look(self, frame: FrameType) -> None:
        names = frame.f_locals
        self._take(names.values())
        if "self" in names:
            held = names["self"]
            values = getattr(held, "__dict__", None)
            if values is not None:
                self._take(values.values())
            else:
                self._take([getattr(held, name, None) for name in getattr(type(held), "__slots__", ())])

    def _take(self, values: Iterable[Any]) -> None:
        """Runs with every line: without a call for each value."""
        for value in values:
            if type(value) in _COPIED and len(value) > LONG and id(value) not in self._seen:
                self._seen[id(value)] = value
                self.done += len(value)


class _Nobody:
    done = 0


_NOBODY = _Nobody()
_on: list[Work] = []


@contextmanager
def counted_patterns() -> Iterator[None]:
    """All compiled patterns of the packages count what they run over."""
    with ExitStack() as stack:
        for module in _modules():
            for name, value in list(vars(module).items()):
                if (counted := _counted(value)) is not value:
                    stack.enter_context(mock.patch.object(module, name, counted))
        yield


def _counted(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        return CountedPattern(value)
    if isinstance(value, dict) and any(isinstance(inner, re.Pattern) for inner in value.values()):
        return {key: _counted(inner) for key, inner in value.items()}
    if hasattr(value, "cache_info") and getattr(value, "__annotations__", {}).get("return") == "re.Pattern[str]":
        counted = CountedPattern(value())  # compiled with its first use
        return lambda: counted
    return value


_COPIED = frozenset({str, bytes, bytearray, list, tuple, dict, set})
_OURS: dict[CodeType, bool] = {}
"""Whether a function is one of the packages."""


def _modules() -> list[ModuleType]:
    names = ("multiapi", "langchain_multiapi", "llamaindex_multiapi")
    return [module for name, module in list(sys.modules.items()) if name.split(".")[0] in names and module is not None]


def work_of(read: Callable[[], object]) -> int:
    """How much a reading works."""
    work = Work()
    with work.counting():
        read()
    return work.done


def peak_of(read: Callable[[], object]) -> int:
    """The most memory that a reading holds beside its input, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
