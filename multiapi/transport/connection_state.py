"""Where a connection stands, as a pool asks for it, httpcore's included."""

from __future__ import annotations

from multiapi.transport.lean_import import httpcore


class ConnectionState:
    """New, in use, idle or closed, and to which server."""

    def __init__(self, origin: httpcore.Origin) -> None:
        self._origin = origin
        self._idle = False
        self._closed = False

    def is_idle(self) -> bool:
        return self._idle

    def is_available(self) -> bool:
        return self._idle

    def is_closed(self) -> bool:
        return self._closed

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return origin == self._origin

    def info(self) -> str:
        return "idle" if self._idle else "closed" if self._closed else "active"
