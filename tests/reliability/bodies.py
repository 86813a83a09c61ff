"""Answers as the vendors give them, and events of streams."""

from __future__ import annotations

import json
from typing import Any

from tests.reliability.hostile_server import Play, answer, stream
from tests.reliability.ways import TEXT

DONE = b"data: [DONE]\n\n"


def chat_body(text: Any = TEXT, *, vendor: str = "aimlapi", **message: Any) -> dict[str, Any]:
    """A whole answer in the vendor's form."""
    if vendor == "bineric":
        return {"response": text, "usage": {"total_cost": 0.01}}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }
    if vendor == "binobox":
        body["binobox"] = {"diamonds_charged": 0.5, "balance_remaining": 9.5}
    return body


def event(value: Any, *, name: str | None = None) -> bytes:
    """One server-sent event."""
    data = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def delta(content: Any = None, *, index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """One chunk of a stream."""
    added = {**({} if content is None else {"content": content}), **fields}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": index, "delta": added, "finish_reason": finish}],
    }


def call_delta(**call: Any) -> dict[str, Any]:
    """A chunk with one fragment of a tool call."""
    return delta(tool_calls=[call])


def usage_chunk(inputs: int = 3, outputs: int = 5) -> dict[str, Any]:
    """The last chunk of a stream that says what was used."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs},
    }


def pieces_of(text: str = TEXT, size: int = 4) -> list[bytes]:
    """A text as events, without an end."""
    return [event(delta(text[i : i + size])) for i in range(0, len(text), size)]


def text_events(text: str = TEXT) -> list[bytes]:
    """A whole stream."""
    return [
        event(delta("", role="assistant")),
        *pieces_of(text),
        event(delta(finish="stop")),
        event(usage_chunk()),
        DONE,
    ]


def good(*, stream_asked: bool, text: str = TEXT, vendor: str = "aimlapi") -> Play:
    """A good answer in the way that it is asked for."""
    return stream(*text_events(text)) if stream_asked else answer(chat_body(text, vendor=vendor))


def good_for(way: Any, vendor: str = "aimlapi", text: str = TEXT) -> Play:
    """A good answer for this way of calling this vendor."""
    return good(
        stream_asked=way.is_stream and vendor in {"aimlapi", "aicredits", "binom_router"}, vendor=vendor, text=text
    )
