"""Fields of a response that come in chunks: what is added costs what it is long, however much is there already."""

from __future__ import annotations

from typing import Any

from multiapi.formats.answer_facts import is_filler


class GrowingText:
    """A text in chunks, joined when it is asked for."""

    __slots__ = ("_pieces", "_size")

    def __init__(self, first: str) -> None:
        self._pieces = [first]
        self._size = len(first)

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def says(self, text: str) -> bool:
        """Whether this is all of it."""
        return len(text) == self._size and str(self) == text

    def __str__(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]


class GrowingFields:
    """The fields of an object that comes in chunks. Texts in `joined` fields are put together, whatever they say."""

    __slots__ = ("_joined", "_own", "_values")

    def __init__(self, joined: frozenset[str] = frozenset()) -> None:
        self._joined = joined
        self._values: dict[str, Any] = {}
        self._own: set[str] = set()
        """Lists and objects that are copies, and may grow in their place."""

    def add(self, key: str, value: Any) -> None:
        """Keep a field that has no place of its own: lists, objects and texts that come in chunks are put together."""
        if value is None or value == "":
            return
        earlier = self._values.get(key)
        if isinstance(value, str):
            if not isinstance(earlier, GrowingText):
                self._values[key] = GrowingText(value)
            elif not earlier.says(value):
                earlier.add(value)
        elif isinstance(value, list) and isinstance(earlier, list):
            if key not in self._own:
                earlier = self._values[key] = earlier.copy()
                self._own.add(key)
            earlier.extend(value)
        elif isinstance(value, dict) and isinstance(earlier, dict):
            if key not in self._own:
                earlier = self._values[key] = earlier.copy()
                self._own.add(key)
            earlier.update(value)
        else:
            self._values[key] = value
            self._own.discard(key)

    def replace(self, key: str, value: Any) -> None:
        """Keep the latest of a field that is not `joined`; what only fills its place takes nothing away."""
        earlier = self._values.get(key)
        if key in self._joined and type(value) is str:
            if isinstance(earlier, GrowingText):
                earlier.add(value)
            elif value or earlier is None:
                self._values[key] = GrowingText(value)
        elif key not in self._values or not is_filler(value):
            self._values[key] = value
            self._own.discard(key)

    def result(self) -> dict[str, Any]:
        """The fields so far."""
        return {
            key: str(value) if isinstance(value, GrowingText) else value.copy() if key in self._own else value
            for key, value in self._values.items()
        }
