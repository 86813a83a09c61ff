"""The simulator as an httpx transport: no socket, and streams still come piece by piece."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpx

from multiapi.simulator.exchange import Answer, Drop, Pause, Request

if TYPE_CHECKING:
    from multiapi.simulator.state import State


def to_request(request: httpx.Request, body: bytes) -> Request:
    """An httpx request as the simulator takes it."""
    return Request(
        method=request.method,
        path=request.url.raw_path.split(b"?")[0].decode(),
        query_string=request.url.query.decode(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        host=request.url.host,
        origin=f"{request.url.scheme}://{request.url.netloc.decode()}",
    )


def _from_answer(
    answer: Answer, request: httpx.Request, stream: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    headers = list(answer.headers.items())
    if answer.pieces is None and "content-length" not in answer.headers:
        headers.append(("content-length", str(len(answer.body))))
    return httpx.Response(answer.status, headers=headers, stream=stream, request=request)


def _timed_out(request: httpx.Request, seconds: float) -> float | None:
    """How long to wait before giving up, when the wait is longer than the client's read timeout."""
    limit = (request.extensions.get("timeout") or {}).get("read")
    return float(limit) if limit is not None and seconds > limit else None


def _pieces_of(answer: Answer) -> Iterable[Any]:
    if answer.pieces is None:
        return [answer.body] if answer.body else []
    return answer.pieces


class _Pieces(httpx.SyncByteStream):
    def __init__(self, answer: Answer, request: httpx.Request) -> None:
        self._answer, self._request = answer, request

    def __iter__(self) -> Iterator[bytes]:
        for piece in _pieces_of(self._answer):
            if isinstance(piece, bytes):
                yield piece
            else:
                _act(piece, self._request)

    def close(self) -> None:
        self._answer.closed()


class _AsyncPieces(httpx.AsyncByteStream):
    def __init__(self, answer: Answer, request: httpx.Request) -> None:
        self._answer, self._request = answer, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in _pieces_of(self._answer):
            if isinstance(piece, bytes):
                yield piece
                await asyncio.sleep(0)
            else:
                await _act_async(piece, self._request)

    async def aclose(self) -> None:
        self._answer.closed()


def _act(piece: Pause | Drop, request: httpx.Request) -> None:
    if isinstance(piece, Drop):
        raise httpx.RemoteProtocolError("the simulator dropped the connection", request=request)
    limit = _timed_out(request, piece.seconds)
    time.sleep(piece.seconds if limit is None else limit)
    if limit is not None:
        raise httpx.ReadTimeout("the simulator did not answer in time", request=request)


async def _act_async(piece: Pause | Drop, request: httpx.Request) -> None:
    if isinstance(piece, Drop):
        raise httpx.RemoteProtocolError("the simulator dropped the connection", request=request)
    limit = _timed_out(request, piece.seconds)
    await asyncio.sleep(piece.seconds if limit is None else limit)
    if limit is not None:
        raise httpx.ReadTimeout("the simulator did not answer in time", request=request)


class SimulatorTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=...)`."""

    def __init__(self, simulator: "State") -> None:
        self.simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        answer = self.simulator.answer(to_request(request, request.read()))
        for step in answer.before:
            _act(step, request)
        return _from_answer(answer, request, _Pieces(answer, request))


class AsyncSimulatorTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=...)`."""

    def __init__(self, simulator: "State") -> None:
        self.simulator = simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        answer = self.simulator.answer(to_request(request, await request.aread()))
        for step in answer.before:
            await _act_async(step, request)
        return _from_answer(answer, request, _AsyncPieces(answer, request))
