"""What goes in and what comes out, as plain values: nothing here knows of sockets.

An answer is either one body or pieces that are delivered one after the other, each with a flush of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson


@dataclass(slots=True)
class Request:
    """A request as it arrived. Header names are in lower case; the path is still percent-encoded."""

    method: str
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = ""
    origin: str = ""

    @property
    def query(self) -> dict[str, list[str]]:
        """Each query parameter with all of its values."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query_string, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next piece."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without a proper end."""


Piece = bytes | Pause | Drop


@dataclass(slots=True)
class Answer:
    """What is sent back."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    pieces: Iterable[Piece] | None = None
    before: list[Pause | Drop] = field(default_factory=list)
    on_close: Callable[[], None] | None = None

    def closed(self) -> None:
        """Say that the answer has been delivered, or that nobody wants it any more."""
        if self.on_close is not None:
            self.on_close()
            self.on_close = None

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> "Answer":
        """An answer with a JSON body."""
        sent = {"content-type": "application/json"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return cls(status, sent, orjson.dumps(body))

    @classmethod
    def events(cls, pieces: Iterable[Piece], **headers: str) -> "Answer":
        """An answer of server-sent events."""
        sent = {"content-type": "text/event-stream", "cache-control": "no-cache"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return cls(200, sent, pieces=pieces)


def event(value: Any) -> bytes:
    """One server-sent event with a JSON value."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"

NAMED_DONE = b"event: done\ndata: [DONE]\n\n"
