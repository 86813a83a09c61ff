"""The simulator on a port: a lean ASGI application in a Starlette one, run by uvicorn."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from multiapi.simulator.exchange import Answer, Drop, Pause, Request
from multiapi.simulator.simulator import Simulator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


_QUICK = ("/completions", "/embeddings", "/models", "/responses", "/messages", "/credits", "/balance", "/usage", "/")


MOST_BODY_BYTES = 256_000_000


class Endpoint:
    """The simulator as an ASGI application."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > MOST_BODY_BYTES:
                await deliver(Answer.json({"error": f"a body may have {MOST_BODY_BYTES} bytes at most"}, 413), send)
                return
            if not message.get("more_body"):
                break
        body = b"".join(pieces)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0]
        origin = f"{scope['scheme']}://{headers.get('host', '127.0.0.1')}"
        request = Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body, origin=origin)
        # What makes or reads media takes long, and must not hold up the others.
        slow = self.simulator.brain is not None or not path.endswith(_QUICK)
        answer = await asyncio.to_thread(self.simulator.answer, request) if slow else self.simulator.answer(request)
        try:
            await deliver(answer, send)
        except Dropped:
            scope.get(ABORT, lambda: None)()
        finally:
            answer.closed()


class Dropped(Exception):
    """The connection is to be closed."""


ABORT = "multiapi.abort"


def with_abort(app: ASGIApp) -> ASGIApp:
    """The application with a way to close the connection under the client, which ASGI itself has not."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[ABORT] = transport.abort
        await app(scope, receive, send)

    return wrapped


async def deliver(answer: Answer, send: Send) -> None:
    """Send an answer, each piece with a flush of its own."""
    for step in answer.before:
        await _act(step)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if answer.pieces is None:
        if "content-length" not in answer.headers:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for number, piece in enumerate(answer.pieces):
        if isinstance(piece, bytes):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if number % 16 == 15:
                await asyncio.sleep(0)
        else:
            await _act(piece)
    await send({"type": "http.response.body", "body": b""})


async def _act(step: Pause | Drop) -> None:
    if isinstance(step, Drop):
        raise Dropped
    await asyncio.sleep(step.seconds)


def application(simulator: Simulator) -> Starlette:
    """The whole application."""
    return Starlette(routes=[Mount("/", app=Endpoint(simulator))])


class Server:
    """A simulator on a port of this machine."""

    def __init__(self, simulator: Simulator | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.simulator = simulator or Simulator()
        if host not in {"127.0.0.1", "localhost", "::1", "0.0.0.0", "::"}:  # noqa: S104
            self.simulator.trusted_hosts.add(host)
        self.host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol named, asyncio sends small pieces at once instead of waiting for an acknowledgement.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            why = f"{error.strerror}: port {port} of {host}; port 0 takes a free one"
            raise OSError(error.errno, why) from None
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            with_abort(application(self.simulator)),
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)

    @property
    def origin(self) -> str:
        """The address of the simulator."""
        return f"http://{self.host}:{self.port}"

    def base_url(self, vendor: str) -> str:
        """The address of a vendor's API on this simulator."""
        return self.simulator.base_url(vendor, self.origin)

    def run(self) -> None:
        """Serve until interrupted."""
        self._socket.listen(2048)
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask a running server to end."""
        self._server.should_exit = True

    @property
    def started(self) -> bool:
        """Whether it accepts requests."""
        return self._server.started
