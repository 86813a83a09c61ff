"""Scripted answers on the wire: what a model says, in the form of a provider, as an httpx transport or a server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from multiapi._package import new_lock


@dataclass(frozen=True)
class Called:
    """A tool call that the model makes. `arguments` is the text as the model writes it; None and "" are what some providers send."""

    id: str
    name: str
    arguments: str | None


@dataclass(frozen=True)
class Said:
    """What the model answers; a format turns it into a body or into the events of a stream."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    reasoning: str = ""
    usage: tuple[int, int] | None = (7, 5)
    finish_reason: str | None = None

    @property
    def reason(self) -> str:
        """The finish reason that goes with what was said."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; a stream may come in several pieces."""

    status: int = 200
    pieces: tuple[bytes, ...] = ()
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: bool = False


@dataclass(frozen=True)
class Asked:
    """One HTTP request as it arrived."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def text(self) -> str:
        """The body with all JSON escapes resolved, for looking for words in it."""
        return json.dumps(self.json, ensure_ascii=False)


Script = Reply | Callable[[Asked], Reply]


class OpenAIFormat:
    """OpenAI's chat completions and embeddings, as most providers speak them."""

    streams = True
    native_tools = True

    def answer(self, said: Said, asked: Asked) -> Reply:
        """A response in the way that was asked for."""
        return self.stream(said) if asked.json.get("stream") else self.whole(said)

    def whole(self, said: Said) -> Reply:
        """The response in one body."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [self.call(call) for call in said.calls]
        choice = {"index": 0, "message": message, "finish_reason": said.reason}
        return json_reply(self.top(usage=said.usage) | {"object": "chat.completion", "choices": [choice]})

    def stream(self, said: Said) -> Reply:
        """The response in events: reasoning, text by words, calls with their arguments in chunks, finish reason, counts."""
        return events_reply([*self.deltas(said), self.finish(said.reason), *self.counts(said.usage)])

    def deltas(self, said: Said) -> list[dict[str, Any]]:
        """The events before the finish reason."""
        deltas: list[dict[str, Any]] = []
        if said.reasoning:
            half = len(said.reasoning) // 2
            deltas += [{"reasoning_content": said.reasoning[:half]}, {"reasoning_content": said.reasoning[half:]}]
        deltas += [{"content": piece} for piece in pieces_of(said.text)]
        for index, call in enumerate(said.calls):
            deltas.append({"tool_calls": [{"index": index, **self.call(call, arguments="")}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                for piece in pieces_of(call.arguments or "")
            ]
        return [self.event(delta) for delta in deltas]

    def top(self, *, usage: tuple[int, int] | None = None) -> dict[str, Any]:
        """What every body and event has in common."""
        top: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "test-model"}
        if usage is not None:
            top["usage"] = {
                "prompt_tokens": usage[0],
                "completion_tokens": usage[1],
                "total_tokens": usage[0] + usage[1],
            }
        return top

    def event(self, delta: dict[str, Any], **choice: Any) -> dict[str, Any]:
        """One event with a delta."""
        return {
            **self.top(),
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}],
        }

    def finish(self, reason: str, *, usage: tuple[int, int] | None = None) -> dict[str, Any]:
        """The event with the finish reason."""
        return {**self.event({}, finish_reason=reason), **({"usage": self.top(usage=usage)["usage"]} if usage else {})}

    def counts(self, usage: tuple[int, int] | None) -> list[dict[str, Any]]:
        """The event with the token counts, if they are said."""
        return [] if usage is None else [{**self.top(usage=usage), "object": "chat.completion.chunk", "choices": []}]

    def call(self, call: Called, *, arguments: str | None = None) -> dict[str, Any]:
        """A tool call."""
        given = call.arguments if arguments is None else arguments
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": given}}

    def object(self, value: dict[str, Any], asked: Asked, *, around: str = "{}") -> Said:
        """A JSON answer, where the request wants it: as arguments of a tool that it demands, else as text."""
        body = asked.json
        text = json.dumps(value)
        if body.get("tools") and not body.get("response_format"):
            choice = body.get("tool_choice")
            named = choice["function"]["name"] if isinstance(choice, dict) else None
            name = named or body["tools"][0]["function"]["name"]
            return Said(calls=(Called("call_1", name, text),))
        return Said(text=around.replace("{}", text))

    def error(self, status: int, message: str, code: str | None = None, **headers: str) -> Reply:
        """A refusal."""
        body = {"error": {"message": message, "type": code or "error", "code": code}}
        return json_reply(body, status=status, **headers)

    def vectors(self, vectors: Sequence[Any], *, indexes: Sequence[int] | None = None) -> Reply:
        """Embeddings, with the indexes that are given, in that order."""
        numbered = zip(indexes if indexes is not None else range(len(vectors)), vectors, strict=True)
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in numbered]
        return json_reply(
            {"object": "list", "data": data, "model": "test-model", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
        )


def json_reply(body: Any, *, status: int = 200, **headers: str) -> Reply:
    """A reply with a JSON body; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, (json.dumps(body).encode(),), headers=named)


def events_reply(events: Sequence[Any], *, done: bool = True, breaks_off: bool = False) -> Reply:
    """Server-sent events, each in a piece of its own, and the closing word."""
    pieces = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    closing = (b"data: [DONE]\n\n",) if done else ()
    return Reply(200, (*pieces, *closing), "text/event-stream", breaks_off=breaks_off)


def pieces_of(text: str, length: int = 5) -> list[str]:
    """A text in chunks of a few letters."""
    return [text[start : start + length] for start in range(0, len(text), length)]


class Wire:
    """Plays answers in turn, the last one again and again, and keeps the requests.

    `client()` and `async_client()` are httpx clients that reach it without a socket; inside of `with wire.served() as address:`
    it is a server on this machine as well.
    """

    def __init__(self, *script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.open = 0
        """Answers that have been begun and neither read to the end nor closed."""
        self._lock = new_lock()

    def reply(self, asked: Asked) -> Reply:
        """The next answer."""
        with self._lock:
            self.asked.append(asked)
            script = self.script[min(len(self.asked), len(self.script)) - 1]
        return script(asked) if callable(script) else script

    @property
    def last(self) -> Any:
        """The body of the last request."""
        return self.asked[-1].json

    def client(self) -> httpx.Client:
        """A client that reaches nothing but this."""
        return httpx.Client(transport=_Transport(self))

    def async_client(self) -> httpx.AsyncClient:
        """As `client`, for async code."""
        return httpx.AsyncClient(transport=_Transport(self))

    def served(self) -> Served:
        """A server on this machine that plays the same answers."""
        return Served(self)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, wire: Wire, reply: Reply) -> None:
        self._wire = wire
        self._reply = reply
        self._is_open = True
        wire.open += 1

    def __iter__(self) -> Iterator[bytes]:
        yield from self._reply.pieces
        if self._reply.breaks_off:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._wire.open -= 1

    async def aclose(self) -> None:
        self.close()


class _Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        reply = self._wire.reply(Asked(str(request.url), dict(request.headers), body))
        headers = {"content-type": reply.content_type, **reply.headers}
        return httpx.Response(reply.status, headers=headers, stream=_Body(self._wire, reply))


class Served:
    """A wire as a server on this machine, which keeps its connections open as real ones do."""

    def __init__(self, wire: Wire) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                reply = wire.reply(asked)
                whole = b"".join(reply.pieces)
                self.send_response(reply.status)
                self.send_header("content-type", reply.content_type)
                self.send_header("content-length", str(len(whole)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(whole)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
