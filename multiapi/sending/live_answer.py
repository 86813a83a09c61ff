"""A response whose body is still to come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from multiapi.errors import IN_FORCE
from multiapi.http.exchange import HttpResponse
from multiapi.sending.failures import Failures
from multiapi.sending.limiter import Turn
from multiapi.transport.lean_import import httpx

if TYPE_CHECKING:
    from multiapi.sending.bodies import BodyReader


class LiveAnswer:
    """Head and open body of a response, and the settings of its request that may change while it is read."""

    __slots__ = ("_response", "_turn", "deadline", "extensions", "failures", "head", "pieces")

    def __init__(
        self,
        response: httpx.Response,
        sent: httpx.Request,
        turn: Turn | None,
        failures: Failures,
        *,
        given_by_user: bool = False,
    ) -> None:
        self._response: Any = response if given_by_user else response.stream
        self._turn = turn
        self.failures = failures
        self.head = _head(response)
        self.extensions = sent.extensions
        self.deadline: float | None = sent.extensions.get("deadline")

        # One iterator for reading and draining: a second one would close the connection.
        self.pieces: Any = [response.content] if response.is_stream_consumed else response.stream
        if given_by_user:  # their client leaves the request, and so the key, on the response
            with suppress(RuntimeError, AttributeError):
                response.request = type(response.request)(sent.method, str(sent.url))

    def hand_on(self, chunk: bytes, reader: BodyReader) -> bool:
        """Hand bytes on to what reads them, and keep to the deadline also with a transport that knows none; False when it has enough.

        Raises:
            httpx.ReadTimeout: The deadline has passed.
        """
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise httpx.ReadTimeout("the time for the whole request is over")
        return reader.feed(chunk)

    def async_pieces(self) -> AsyncIterator[bytes]:
        """The body, also where a user's own client has read it already."""
        return _each(self.pieces) if isinstance(self.pieces, (list, tuple)) else aiter(self.pieces)

    def close(self) -> None:
        """Give the connection back, or close it, and forget what was read."""
        response = self._left()
        try:
            response.close()
        finally:
            self._end_turn()

    async def aclose(self) -> None:
        """As `close`."""
        response = self._left()
        try:
            await response.aclose()
        finally:
            self._end_turn()

    def _left(self) -> Any:
        response, self._response, self.pieces = self._response, _CLOSED, ()
        IN_FORCE.scrub = None
        return response

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.done()


class _Closed:
    """What there is to close of a response that was closed."""

    def close(self) -> None:
        """There is nothing left to do."""

    async def aclose(self) -> None:
        """There is nothing left to wait for."""


_CLOSED = _Closed()


async def _each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _head(response: httpx.Response) -> HttpResponse:
    raw = response.headers.raw
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in raw}
    if len(headers) != len(raw):  # some came twice: they are one, with a comma
        headers = {}
        for key, value in raw:
            name, text = key.decode("latin-1").lower(), value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return HttpResponse(response.status_code, headers)
