"""What is fuzzed: bytes and JSON in, a good result or an error of our tree out, and nothing else."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import zlib
from array import array
from collections.abc import Callable
from typing import Any

from multiapi.errors import MultiApiError
from multiapi.http.exchange import HttpResponse
from multiapi.http.json import parse_json
from multiapi.http.retry_after import retry_after_s
from multiapi.http.sse import SseDecoder
from multiapi.http.vectors import VectorReader, floats
from multiapi.negotiation.json_answers import JsonAnswerFilter, as_json_answer, json_text, partial_json
from multiapi.negotiation.prompted_tools import PromptedStream, read_prompted
from multiapi.negotiation.thoughts import ThoughtFilter, split_thoughts
from multiapi.negotiation.wanted import read_structured
from multiapi.providers import PROVIDERS
from multiapi.sending.bodies import BodyReader
from multiapi.sending.limiter import Limiter, reset_s
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, ResponseFormat, Tool
from multiapi.types.embeddings import EmbedResponse
from multiapi.types.limits import Limits
from multiapi.types.media import Media, from_base64
from tests.contracts import response_examples
from tests.fuzz.http11 import http_answers

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


def pieces_of(data: Any, chance: random.Random) -> list[Any]:
    """Text or bytes in pieces of random length."""
    pieces = []
    while data:
        size = chance.choice((1, 2, 3, 7, 50, 1000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def any_bytes(chance: random.Random) -> None:
    """Bytes without any form: the event decoder gives the same wherever they are cut, and no reader of answers stumbles."""
    alphabet = chance.choice(
        (bytes(range(256)), b'data: \r\n{}[]",:\\e\xef\xbb\xbf', b'{}[]":,truefalsn0123456789.eE+-\\u')
    )
    data = bytes(chance.choice(alphabet) for _ in range(chance.randint(0, 200)))

    def read(pieces: list[bytes]) -> list[Any]:
        decoder = SseDecoder()
        return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())

    assert read([data]) == read(pieces_of(data, chance))
    vendor = chance.choice(list(PROVIDERS))
    response = HttpResponse(200, {"content-type": "application/json"}, data)
    _only_our_errors(lambda: PROVIDERS[vendor].chat.parse(response), ChatResponse)


MODEL_TEXTS = (
    '{"tool_calls": [{"name": "add", "arguments": {"a": 1, "b": "}\\"]"}}]}',
    'I look it up.\n```json\n{"name": "add", "arguments": {"a": 1}}\n```\nThen more.',
    '<think>what {"now"</think> {"a": 1, "b": [1, {"c": "x\\\\"}]} that is all',
    "  <thinking>one</thinking><thought>two</thought>three <think>four</think>",
    '```\n{"a": {"b": "```"}}\n``` and `code` and {"name": "other"}',
    "Just words { with [ brackets ` and <think> tags.",
    '{ "a" : 1 , "c": "\\u00e9 é 日本" }',
    '{}{"a": 1}',
)


def model_texts(chance: random.Random) -> None:
    """What models write for calls, JSON and thoughts: read while it comes as it is read whole, wherever it is cut."""
    text = cut(chance.choice(MODEL_TEXTS).encode(), chance).decode("utf-8", "replace")
    if chance.random() < 0.3:
        text += chance.choice(MODEL_TEXTS)
    response = ChatResponse(provider="aimlapi", model="m", text=text, id="1")
    choice = chance.choice((None, "auto", "required", "add"))
    request = ChatRequest(model="m", messages=[], tools=[Tool("add", "", {"type": "object"})], tool_choice=choice)
    pieces = pieces_of(text, chance)
    deltas = [ChatDelta(piece) for piece in pieces] + [ChatDelta(response=response)]

    shown = PromptedStream(request).take(deltas)
    whole = read_prompted(response, request)
    assert shown[-1].response == whole
    calls = [call for delta in shown for call in delta.tool_calls]
    assert len(calls) == len(whole.tool_calls) + len(whole.invalid_tool_calls)
    if not calls:
        assert "".join(delta.text for delta in shown) == whole.text

    shown = ThoughtFilter().take(deltas)
    split = split_thoughts(response)
    assert "".join(delta.text for delta in shown) == split.text
    assert "".join(delta.reasoning for delta in shown) == (split.reasoning.text if split.reasoning else "")

    wanted = ResponseFormat({"type": "object"}, "answer")
    shown = JsonAnswerFilter(wanted).take(deltas)
    answer = as_json_answer(response, wanted)
    assert shown[-1].response == answer
    begins = text.lstrip()
    if json_text(text) is not None and (begins.startswith(answer.text) or not begins.startswith("{")):
        # What begins like JSON is passed on at once, and cannot be taken back when it turns out to be broken.
        assert "".join(delta.text for delta in shown).strip() == answer.text.strip()
    _only_our_errors(lambda: read_structured(response, wanted))
    partial_json(text)


def compressed(chance: random.Random) -> None:
    """Compressed bodies, whole or damaged: the same bytes wherever they are cut, or an error of ours."""
    encoding = chance.choice(("gzip", "deflate", "x-gzip"))
    plain = bytes(chance.choice(b"ab{}") for _ in range(chance.choice((0, 1, 40, 3000))))
    data = gzip.compress(plain) if encoding != "deflate" else zlib.compress(plain)
    if encoding == "deflate" and chance.random() < 0.5:
        data = data[2:-4]
    if chance.random() < 0.6:
        data = cut(data, chance)

    def read(pieces: list[bytes]) -> bytes | str:
        reader = BodyReader(HttpResponse(200, {"content-encoding": encoding}), 2_000, "aimlapi")
        try:
            for piece in pieces:
                reader.feed(piece)
            return reader.answer().body
        except MultiApiError as error:
            return type(error).__name__

    assert read([data] if data else []) == read(pieces_of(data, chance))


def vectors(chance: random.Random) -> None:
    """Vectors that are taken out while the answer arrives: put back they give the same JSON."""
    numbers: list[Any] = [round(chance.random(), 6) for _ in range(chance.choice((1, 8, 30)))]
    if chance.random() < 0.3:
        numbers[0] = chance.choice((None, True, "1", 1e999, [1], 2**80, -0.0))
    embedding: Any = numbers if chance.random() < 0.7 else base64.b64encode(array("f", range(20)).tobytes()).decode()
    body = {
        "data": [{"index": 0, "embedding": embedding}, {"embedding": numbers}],
        "text": '"embedding": [1, 2]',
        "embedding": "x",
    }
    data = json.dumps(mutated(body, chance) if chance.random() < 0.5 else body).encode()
    if chance.random() < 0.3:
        data = cut(data, chance)
    reader = VectorReader()
    for piece in pieces_of(data, chance):
        reader.feed(piece)
    rest = reader.finish()
    for mark, vector in reader.vectors.items():
        rest = rest.replace(f'"{mark}"'.encode(), json.dumps(vector).encode())
    try:
        wanted = json.loads(data)
    except (ValueError, RecursionError):
        return
    assert _floats_as_text(json.loads(rest)) == _floats_as_text(wanted)


def _floats_as_text(value: Any) -> Any:
    """Numbers without the difference between 1 and 1.0, and base64 of floats as those."""
    if isinstance(value, dict):
        return {key: _floats_as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats_as_text(each) for each in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(float(value)) if abs(value) < 1e300 else repr(value)
    if isinstance(value, str) and len(value) > 60:
        try:
            return [repr(number) for number in floats(base64.b64decode(value, validate=True))]
        except ValueError:
            return value
    return value


def headers(chance: random.Random) -> None:
    """What a vendor says of time is a sensible number of seconds or nothing."""
    said = cut(
        chance.choice((b"7", b"0.25", b"Wed, 21 Oct 2026 07:28:00 GMT", b"1m30s", b"250ms", b"-1", b"1e9", b"nan")),
        chance,
    )
    text = said.decode("latin-1")
    for name in ("retry-after", "retry-after-ms"):
        found = retry_after_s({name: text})
        assert found is None or 0 <= found < float("inf")
    found = reset_s(text)
    assert found is None or 0 <= found < float("inf")
    Limiter(requests_per_minute=5).learn(
        chance.choice((200, 429)),
        {"x-ratelimit-limit": text, "x-ratelimit-remaining": "0", "x-ratelimit-reset": text, "retry-after": text},
    )


def media(chance: random.Random) -> None:
    """Base64 and data URLs, whole or damaged: media with bytes, or an error of ours."""
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(40)))
    text = cut(
        chance.choice((png, b"data:image/png;base64," + png, b"data:text/plain,a%20b", b"data:;base64,")), chance
    )
    _only_our_errors(lambda: from_base64(text.decode("latin-1"), provider="aimlapi"), Media)
    _only_our_errors(lambda: Media.from_url(text.decode("latin-1")), Media)


def llamaindex_messages(chance: random.Random) -> None:
    """Histories of LlamaIndex with odd blocks become a request, or a typed refusal."""
    from llama_index.core.base.llms.types import (
        AudioBlock,
        ChatMessage,
        CitationBlock,
        DocumentBlock,
        ImageBlock,
        TextBlock,
        ThinkingBlock,
        ToolCallBlock,
    )

    from llamaindex_multiapi._messages import to_messages

    odd = chance.choice(("", "x", "\u202e", "a" * 500, "{}", '{"a": [1]}', "[]", "nul\x00l"))
    raw = cut(b"\x89PNG\r\n\x1a\n0123456789", chance)
    blocks = (
        lambda: TextBlock(text=odd),
        lambda: ImageBlock(image=raw) if raw else ImageBlock(url="https://e.x/a.png"),
        lambda: AudioBlock(audio=raw or b"x", format=odd),
        lambda: DocumentBlock(data=raw or b"x", title=odd),
        lambda: ThinkingBlock(content=odd, additional_information={"details": [odd]}),
        lambda: ToolCallBlock(tool_name=odd, tool_kwargs=chance.choice((odd, {"a": odd}, {})), tool_call_id=odd),
        lambda: CitationBlock(cited_content=TextBlock(text=odd), source=odd, title=odd, additional_location_info={}),
    )
    history = []
    for _ in range(chance.randint(1, 4)):
        role = chance.choice(("system", "user", "assistant", "tool", "developer", "function", "model", "chatbot"))
        known = chance.choice(
            ({}, {"tool_call_id": odd}, {"name": odd}, {"tool_calls": [{"id": odd}]}, {"refusal": odd})
        )
        history.append(
            ChatMessage(
                role=role,
                blocks=[chance.choice(blocks)() for _ in range(chance.randint(0, 3))],
                additional_kwargs=copy.deepcopy(known),
            )
        )
    _only_our_errors(lambda: to_messages(history), list)


TARGETS: dict[str, Callable[[random.Random], None]] = {
    "http answers": http_answers,
    "whole answers": whole_answers,
    "errors": errors,
    "streams": streams,
    "events": events,
    "numbers": numbers,
    "messages": messages,
    "messages of LlamaIndex": llamaindex_messages,
    "any bytes": any_bytes,
    "model texts": model_texts,
    "compressed": compressed,
    "vectors": vectors,
    "headers": headers,
    "media": media,
}


def _only_our_errors(read: Callable[[], Any], kind: type | None = None) -> None:
    try:
        result = read()
    except MultiApiError as error:
        assert str(error), "an error without words"
    else:
        assert kind is None or isinstance(result, kind)
