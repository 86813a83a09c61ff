"""What is fuzzed: bytes and JSON in, a good result or an error of our tree out, and nothing else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from multiapi.errors import MultiApiError
from multiapi.http import HttpResponse, SseDecoder, parse_json
from multiapi.providers import PROVIDERS
from multiapi.types import ChatResponse, EmbedResponse, Limits
from tests.contracts import response_examples

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**70, 1.5, float("1e308"), "", "null", "x" * 300, "\u202e\x00", "[]", [], {}, [None], [[]], {"": None},
    [{}], {"index": "0"}, {"error": None}, {"message": {"message": []}}, "data:image/png;base64,%%%", {"url": 7}, [1, "2", None],
)  # fmt: skip

SEEDS: dict[str, list[Any]] = {
    vendor: [
        example.value
        for example in response_examples(vendor)
        if isinstance(example.value, dict) and example.media_type == "application/json"
    ]
    for vendor in PROVIDERS
}
EVENTS = [
    {
        "id": "1",
        "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}],
    },
    {
        "id": "1",
        "choices": [
            {"index": 0, "delta": {"reasoning_content": "because", "reasoning_details": [{"type": "t", "text": "x"}]}}
        ],
    },
    {
        "choices": [
            {
                "index": 0,
                "delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x'}}]},
            }
        ]
    },
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '":1}'}}]}}]},
    {"text": "lo", "response": "Hello", "success": True},
    {
        "choices": [
            {"index": 0, "delta": {"annotations": [{"url": "https://e.x"}], "images": [{"image_url": {"url": "aGk="}}]}}
        ]
    },
    {
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    },
    {"choices": [], "usage": {"total_tokens": 3}, "meta": {"usage": {"usd_spent": 0.1}}},
]


def mutated(value: Any, chance: random.Random) -> Any:
    """A copy with a few parts replaced, dropped, doubled or moved."""
    whole = [copy.deepcopy(value)]
    for _ in range(chance.randint(1, 4)):
        places = list(_places(whole))
        container, key = chance.choice(places)
        action = chance.random()
        if action < 0.6:
            container[key] = copy.deepcopy(chance.choice(ODD_VALUES))
        elif action < 0.8 and container is not whole:
            del container[key]
        elif isinstance(container, dict):
            other, other_key = chance.choice(places)
            container[str(key) + "s"] = copy.deepcopy(other[other_key])
        else:
            container.append(copy.deepcopy(container[key]))
    return whole[0] if whole else None


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, child in items:
            found.append((container, key))
            if isinstance(child, (dict, list)):
                waiting.append(child)
    return found


def cut(data: bytes, chance: random.Random) -> bytes:
    """Bytes with a few of them flipped, dropped or doubled."""
    changed = bytearray(data)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(changed)) if changed else 0
        action = chance.randint(0, 3)
        if action == 0 and changed:
            changed[at] = chance.randrange(256)
        elif action == 1:
            changed[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 6)))
        elif action == 2:
            del changed[at : at + chance.randint(1, 20)]
        else:
            changed[at:at] = changed[at : at + chance.randint(1, 40)]
    return bytes(changed)


def whole_answers(chance: random.Random) -> None:
    """A documented body of any operation, damaged, given to every reader of its vendor."""
    vendor = chance.choice(list(PROVIDERS))
    provider = PROVIDERS[vendor]
    body = json.dumps(mutated(chance.choice(SEEDS[vendor]), chance)).encode()
    response = HttpResponse(
        200, {"content-type": "application/json"}, cut(body, chance) if chance.random() < 0.3 else body
    )
    readers = [provider.chat, *provider.operations.values()]
    _only_our_errors(lambda: chance.choice(readers).parse(response))
    _only_our_errors(lambda: provider.chat.parse(response), ChatResponse)
    if "embed" in provider.operations:
        _only_our_errors(lambda: provider.operations["embed"].parse(response), EmbedResponse)


def errors(chance: random.Random) -> None:
    """A damaged body with an error status always becomes an error with that status."""
    vendor = chance.choice(list(PROVIDERS))
    status = chance.choice((400, 401, 402, 403, 404, 408, 413, 418, 429, 500, 502, 503, 529, 999))
    body = cut(json.dumps(mutated(chance.choice(SEEDS[vendor]), chance)).encode(), chance)
    error = PROVIDERS[vendor].read_error(HttpResponse(status, {"content-type": "text/html"}, body))
    assert error.status == status
    assert str(error)


def streams(chance: random.Random) -> None:
    """Damaged events in random pieces: deltas whose text is the answer's, or an error of ours that keeps what had come."""
    vendor = chance.choice([name for name, provider in PROVIDERS.items() if provider.chat_stream is not None])
    stream = PROVIDERS[vendor].chat_stream
    assert stream is not None
    events = [mutated(event, chance) if chance.random() < 0.3 else event for event in EVENTS]
    chance.shuffle(events)
    body = b"".join(
        b"data: " + json.dumps(event).encode() + chance.choice((b"\n\n", b"\r\n\r\n", b"\r\r")) for event in events
    )
    body += chance.choice((b"data: [DONE]\n\n", b"", b": bye\n\n"))
    if chance.random() < 0.3:
        body = cut(body, chance)
    pieces = []
    while body:
        size = chance.choice((1, 2, 7, 50, 1000))
        pieces.append(body[:size])
        body = body[size:]

    def read() -> Any:
        decoder = stream.decoder(HttpResponse(200, {"content-type": "text/event-stream"}), Limits(event_bytes=10_000))
        deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
        deltas += decoder.close()
        return deltas[-1].response

    _only_our_errors(read, ChatResponse)


def events(chance: random.Random) -> None:
    """The event decoder takes any bytes, and gives the same events wherever they are cut."""
    data = cut(b"data: a\n\nevent: e\rdata: b\r\n\r\ndata:c\ndata:d\n\n: x\n\n", chance)
    at = chance.randint(0, len(data))

    def read(*pieces: bytes) -> list[Any]:
        decoder = SseDecoder()
        return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())

    assert read(data) == read(data[:at], data[at:])


def numbers(chance: random.Random) -> None:
    """The JSON reader gives a value or a ValueError for any bytes."""
    depth = chance.choice((1, 50, 2_000, 50_000))
    data = cut(
        b"[" * depth
        + b'{"a":'
        + chance.choice((b"1", b"1" * 9_000, b"NaN", b'"\\ud800"', b"\xff"))
        + b"}"
        + b"]" * depth,
        chance,
    )
    try:
        parse_json(data)
    except ValueError:
        pass


def messages(chance: random.Random) -> None:
    """Histories with odd blocks become a request of each framework, or a typed refusal."""
    from langchain_core.messages import AIMessage, HumanMessage

    from langchain_multiapi._messages import to_messages

    kinds = (
        "text",
        "image",
        "image_url",
        "audio",
        "file",
        "video",
        "reasoning",
        "tool_call",
        "refusal",
        "text-plain",
        "citation",
    )
    block = {
        "type": chance.choice(kinds),
        "text": "x",
        "url": "https://e.x/a.png",
        "base64": "aGk=",
        "mime_type": "image/png",
    }
    content = [
        part if isinstance(part := mutated(block, chance), (str, dict)) else str(part)
        for _ in range(chance.randint(1, 3))
    ]
    message = chance.choice((HumanMessage, AIMessage))(content=content)
    _only_our_errors(lambda: to_messages([message], chance.choice(list(PROVIDERS))))


TARGETS: dict[str, Callable[[random.Random], None]] = {
    "whole answers": whole_answers,
    "errors": errors,
    "streams": streams,
    "events": events,
    "numbers": numbers,
    "messages": messages,
}


def _only_our_errors(read: Callable[[], Any], kind: type | None = None) -> None:
    try:
        result = read()
    except MultiApiError as error:
        assert str(error), "an error without words"  # noqa: PT017
    else:
        assert kind is None or isinstance(result, kind)
