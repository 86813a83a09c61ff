"""What the process touched while somebody watched: addresses connected to, names looked up, files opened. Asked of the interpreter itself."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Touched:
    """Notes of one watch."""

    connected: set[str] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self.connected.add(str(arguments[1][0]) if isinstance(arguments[1], tuple) else str(arguments[1]))
        elif event == "socket.getaddrinfo":
            self.looked_up.add(_text(arguments[0]))
        elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            self.opened.add(os.fsdecode(arguments[0]))

    def nothing_foreign(self) -> None:
        """Only our own loopback server was talked to, and none of the files that hostile addresses name was opened."""
        assert self.connected <= {"127.0.0.1"}, self.connected
        assert self.looked_up <= {"127.0.0.1"}, self.looked_up
        read = {
            path for path in self.opened if path.startswith(("/etc/passwd", "/proc/self/environ")) or "/.ssh" in path
        }
        assert not read, read


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


_watching: list[Touched] = []


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    for each in _watching:
        each.note(event, arguments)


sys.addaudithook(_heard)


@contextlib.contextmanager
def touched() -> Iterator[Touched]:
    """Watch for a while."""
    watch = Touched()
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)
