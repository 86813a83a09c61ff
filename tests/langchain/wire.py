"""Answers written by hand, for what no honest server sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

Handler = Callable[[httpx.Request], httpx.Response]


def whole(message: dict[str, Any] | None = None, *, finish_reason: str = "stop", **body: Any) -> httpx.Response:
    """A whole answer in OpenAI's form."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"} if message is None else message}
    return httpx.Response(
        200,
        json={
            "id": "answer-1",
            "model": "m-1",
            "choices": [choice | {"finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        }
        | body,
    )


def delta(content: str | None = None, *, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """One event of a stream in OpenAI's form."""
    inner = ({} if content is None else {"content": content}) | fields
    return {
        "id": "answer-1",
        "model": "m-1",
        "choices": [{"index": 0, "delta": inner, "finish_reason": finish_reason}],
    }


def usage(inputs: int = 5, outputs: int = 7, **more: Any) -> dict[str, Any]:
    """The event with token counts."""
    counts = {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs}
    return {"id": "answer-1", "model": "m-1", "choices": [], "usage": counts | more}


def call(
    index: int | None = 0, id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    """A piece of a tool call."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    piece: dict[str, Any] = {"type": "function", "function": function}
    if index is not None:
        piece["index"] = index
    if id is not None:
        piece["id"] = id
    return piece


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in these pieces, and knows whether it was closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.given = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.given += 1
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.given += 1
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def stream(*events: Any, done: bool = True) -> httpx.Response:
    """A streamed answer, one packet per event; text stands for itself."""
    pieces = [event.encode() if isinstance(event, str) else sse(event) for event in events]
    return httpx.Response(
        200,
        headers={"content-type": "text/event-stream"},
        stream=Pieces([*pieces, *([b"data: [DONE]\n\n"] if done else [])]),
    )


def sse(event: Any) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


class Server:
    """Answers requests one after the other (the last answer goes on) and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | Handler) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not isinstance(answer, httpx.Response):
            return answer(request)
        if isinstance(answer.stream, Pieces):
            return httpx.Response(answer.status_code, headers=answer.headers, stream=Pieces(answer.stream.pieces))
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def clients(self) -> dict[str, Any]:
        return {
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(self)),
        }

    def model(self, vendor: str = "aimlapi", **settings: Any) -> ChatMultiApi:
        return ChatMultiApi(
            **{
                "provider": vendor,
                "model": "m-1",
                "api_key": "test-key",
                "max_retries": 0,
                **self.clients(),
                **settings,
            }
        )

    def embeddings(self, vendor: str = "aimlapi", **settings: Any) -> MultiApiEmbeddings:
        return MultiApiEmbeddings(
            **{
                "provider": vendor,
                "model": "e-1",
                "api_key": "test-key",
                "max_retries": 0,
                **self.clients(),
                **settings,
            }
        )


def joined(chunks: Any) -> Any:
    """The sum of a stream's chunks."""
    chunks = list(chunks)
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total
