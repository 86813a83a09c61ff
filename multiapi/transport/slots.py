"""The bookkeeping of a connection pool: who has a connection, who waits for one. Constant time, no I/O, no lock."""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from multiapi.transport.lean_import import httpcore, httpx

Origin = tuple[bytes, bytes, int]

_NO_LIMIT = 1_000_000


def origin_of(request: httpcore.Request) -> tuple[httpcore.Origin, Origin]:
    """To which server a request goes, and by which key its connections are kept.

    Raises:
        UnsupportedProtocol: The address is not a web address.
    """
    url = request.url
    return _origin_of(url.scheme, url.host, url.port)


@lru_cache(maxsize=256)
def _origin_of(scheme: bytes, host: bytes, port: int | None) -> tuple[httpcore.Origin, Origin]:
    if scheme not in (b"http", b"https"):
        raise httpcore.UnsupportedProtocol("the address begins neither with http:// nor with https://")
    origin = httpcore.URL(scheme=scheme, host=host, port=port, target=b"/").origin
    return origin, (origin.scheme, origin.host, origin.port)


class Reusable(Protocol):
    """What the bookkeeping has to know of a connection."""

    idle_since: float
    """`time.monotonic()` of the moment it was given back."""


C = TypeVar("C", bound=Reusable)
W = TypeVar("W")


class Grant(NamedTuple, Generic[C]):
    """Leave to send: on this idle connection, or on a new one if it is None. `surplus` is to be closed first."""

    connection: C | None
    surplus: C | None = None


class Returned(NamedTuple, Generic[C, W]):
    """Whom to wake with a connection, or with the right to open one, and what to close."""

    waiter: W | None
    connection: C | None
    surplus: tuple[C, ...]


class Slots(Generic[C, W]):
    """Counts connections, keeps idle ones per origin (the newest is used first) and a queue of those who wait."""

    def __init__(self, max_connections: int, max_idle: int, keepalive_expiry: float) -> None:
        self.max_connections = max_connections
        self.max_idle = max_idle
        self.keepalive_expiry = keepalive_expiry
        self.open = 0
        self.idle_count = 0
        self._idle: dict[Origin, deque[C]] = {}
        self._waiting: OrderedDict[W, Origin] = OrderedDict()

    @classmethod
    def of(cls, limits: httpx.Limits) -> Self:
        """As many as the limits say, where no number means no limit."""
        most, idle, expiry = limits.max_connections, limits.max_keepalive_connections, limits.keepalive_expiry
        return cls(most or _NO_LIMIT, _NO_LIMIT if idle is None else idle, float("inf") if expiry is None else expiry)

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._waiting)

    def take(self, origin: Origin) -> Grant[C] | None:
        """An idle connection or the right to open one; None means that all are in use."""
        stack = self._idle.get(origin)
        if stack:
            self.idle_count -= 1
            return Grant(stack.pop())
        if self.open < self.max_connections:
            self.open += 1
            return Grant(None)
        if self.idle_count:  # all of them lead elsewhere: one of those gives way
            for other in self._idle.values():
                if other:
                    self.idle_count -= 1
                    return Grant(None, other.popleft())
        return None

    def wait(self, waiter: W, origin: Origin) -> None:
        """Queue up."""
        self._waiting[waiter] = origin

    def leave(self, waiter: W) -> None:
        """Leave the queue; nothing happens if the turn had come already."""
        self._waiting.pop(waiter, None)

    def give_back(self, origin: Origin, connection: C | None, now: float) -> Returned[C, W]:
        """Return a connection that can be used again, or only its slot (None) because it is closed."""
        if connection is not None:
            connection.idle_since = now
        if self._waiting:
            waiter, wanted = self._waiting.popitem(last=False)
            if connection is None or wanted == origin:
                return Returned(waiter, connection, ())
            return Returned(waiter, None, (connection,))
        if connection is None:
            self.open -= 1
            return Returned(None, None, ())
        # The origin that was used last stands last, so that what has been idle for longest gives way, wherever it leads.
        stack: deque[C] = self._idle.pop(origin) if origin in self._idle else deque()
        self._idle[origin] = stack
        stack.append(connection)
        self.idle_count += 1
        surplus: list[C] = []
        while stack and now - stack[0].idle_since > self.keepalive_expiry:
            surplus.append(stack.popleft())
        while self.idle_count - len(surplus) > self.max_idle:
            surplus.append(self._longest_idle())
        self.idle_count -= len(surplus)
        self.open -= len(surplus)
        return Returned(None, None, tuple(surplus))

    def _longest_idle(self) -> C:
        while True:
            origin, stack = next(iter(self._idle.items()))
            if stack:
                return stack.popleft()
            del self._idle[origin]

    def expired(self, now: float) -> list[C]:
        """Take out all connections that were idle for too long."""
        found: list[C] = []
        for stack in self._idle.values():
            while stack and now - stack[0].idle_since >= self.keepalive_expiry:
                found.append(stack.popleft())
        self.idle_count -= len(found)
        self.open -= len(found)
        return found

    def discard(self, origin: Origin, connection: C) -> bool:
        """Take out an idle connection that its server has closed; False if it was not idle."""
        stack = self._idle.get(origin)
        if stack is None or connection not in stack:
            return False
        stack.remove(connection)
        self.idle_count -= 1
        self.open -= 1
        return True

    def next_expiry(self, now: float) -> float | None:
        """Seconds until an idle connection expires; None if none will."""
        ages = [now - stack[0].idle_since for stack in self._idle.values() if stack]
        return None if not ages or self.keepalive_expiry == float("inf") else self.keepalive_expiry - max(ages)

    def recount(self, in_use: int) -> None:
        """Count anew, after an interrupt in the middle of something."""
        self.idle_count = sum(map(len, self._idle.values()))
        self.open = self.idle_count + in_use

    def clear(self) -> list[C]:
        """Take out all idle connections."""
        found = [connection for stack in self._idle.values() for connection in stack]
        self._idle.clear()
        self.idle_count = 0
        self.open -= len(found)
        return found
