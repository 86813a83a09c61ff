"""Cases 57 to 76: streams that end oddly, are written oddly, fail in the middle, or never end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import time
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
    StatusError,
    StreamInterruptedError,
)
from multiapi.types.limits import Limits, Timeout
from tests.reliability.bodies import (
    DONE,
    call_delta,
    chat_body,
    delta,
    event,
    pieces_of,
    text_events,
    usage_chunk,
)
from tests.reliability.growth import work_of
from tests.reliability.hostile_server import (
    SSE_UNTIL_CLOSE,
    Exchange,
    HostileServer,
    answer,
    chunk,
    endless,
    raw,
    silence,
    stream,
)
from tests.reliability.ways import (
    CORE,
    KEYS,
    PROMPT,
    STREAMED,
    TEXT,
    Outcome,
    Way,
    every,
    every_stream,
    request,
)

FINISH = event(delta(finish="stop"))
STREAM, ASTREAM = CORE[2], CORE[3]
every_core_stream = every((STREAM, ASTREAM))


def same_arguments(way: Way, outcome: Outcome, expected: str) -> bool:
    """Whether the one invalid call has these arguments. LangChain puts the pieces of a message together itself and would mend what is
    cut off, so there something is appended that cannot be mended.
    """
    ((_, text),) = outcome.invalid_calls
    return text.startswith(expected) if way.name.startswith("langchain") else text == expected


# ------------------------------------------------------------------------------------------------ endings


@every_stream
@pytest.mark.parametrize(
    "end", [[FINISH], [DONE], [FINISH, event(usage_chunk()), DONE], [FINISH, b": bye\n\n"]], ids=range(4)
)
def test_case_057_complete(way: Way, end: list[bytes]) -> None:
    with HostileServer(stream(*pieces_of(), *end)) as server:
        assert way.ask(server.url).good().text == TEXT


@every_stream
def test_case_057_a_last_event_without_blank_line(way: Way) -> None:
    with HostileServer(stream(*pieces_of(), FINISH.rstrip(b"\n"))) as server:
        assert way.ask(server.url).good().text == TEXT


@every_stream
@pytest.mark.parametrize("head", ["chunked", "until close"])
def test_case_058_neither(way: Way, head: str) -> None:
    pieces = [*pieces_of(), event(usage_chunk(7, 2))]
    play = stream(*pieces) if head == "chunked" else raw(SSE_UNTIL_CLOSE, *pieces)
    with HostileServer(play) as server:
        error = way.ask(server.url).failed(StreamInterruptedError)
    assert error.partial.text == TEXT
    assert error.partial.usage.input_tokens == 7
    assert error.partial.finish_reason is None
    assert not error.retryable
    assert error.outcome_unknown
    assert server.count == 1


@every_stream
@pytest.mark.parametrize("reason", [None, "length"])
def test_case_058_inside_of_tool_arguments(way: Way, reason: str | None) -> None:
    pieces = [
        event(call_delta(index=0, id="c1", function={"name": "get_weather", "arguments": '{"city": "Oslo"}'})),
        event(call_delta(index=1, id="c2", function={"name": "get_weather", "arguments": '{"city": "Ber'})),
    ]
    end = [event(delta(finish=reason)), DONE] if reason else []
    with HostileServer(stream(*pieces, *end)) as server:
        outcome = way.ask(server.url, tools=True)
    if reason:
        assert outcome.good().calls == [("get_weather", {"city": "Oslo"})]
        assert same_arguments(way, outcome, '{"city": "Ber')
        return
    error = outcome.failed(StreamInterruptedError)
    assert [call.id for call in error.partial.tool_calls] == ["c1"]
    assert [(call.id, call.arguments) for call in error.partial.invalid_tool_calls] == [("c2", '{"city": "Ber')]


# ------------------------------------------------------------------------------------------------ noise


@every_stream
def test_case_059_noise_is_ignored(way: Way) -> None:
    noise = [
        b": comment\n\n",
        b":\n",
        b"\n\n\n",
        b"id: 7\n\n",
        b"retry: 100\n\n",
        b"unknown: field\n\n",
        b"justaword\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: ping\n\n",
        b"event: ping\ndata: not json\n\n",
        b"data:\n\n",
        b"data: \n\n",
        b"data\n\n",
        b"data: {}\n\n",
        b'event: keepalive\ndata: {"type": "ping"}\n\n',
        b"id: x\nretry: y\nevent: message\n" + event(delta("")),
    ]
    pieces: list[bytes] = []
    for number, piece in enumerate(text_events()):
        pieces += [noise[number % len(noise)], piece]
    with HostileServer(stream(*noise, *pieces)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == TEXT
    assert outcome.usage == (3, 5)


WHOLE = b"".join(text_events())
MULTILINE = WHOLE.replace(b', "object"', b',\ndata: "object"')


def mixed(data: bytes) -> bytes:
    """Lines that end in all three ways."""
    endings = [b"\n", b"\r\n", b"\r"]
    lines = data.split(b"\n")
    return b"".join(line + endings[i // 2 % 3] for i, line in enumerate(lines[:-1])) + lines[-1]


SPELLINGS = {
    "LF": WHOLE,
    "CRLF": WHOLE.replace(b"\n", b"\r\n"),
    "CR": WHOLE.replace(b"\n", b"\r"),
    "mixed": mixed(WHOLE),
    "several data lines": MULTILINE,
    "several data lines, CRLF": MULTILINE.replace(b"\n", b"\r\n"),
    "no blank": WHOLE.replace(b"data: ", b"data:"),
    "BOM": b"\xef\xbb\xbf" + WHOLE,
    "BOM and comment": b"\xef\xbb\xbf: hi\n\n" + WHOLE,
    "blank lines first": b"\n\r\n\n" + WHOLE,
}


@every_stream
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("cut", ["whole", "bytes", "sevens", "after CR"])
def test_case_060_spellings_and_packets(way: Way, spelling: str, cut: str) -> None:
    data = SPELLINGS[spelling]
    if cut == "after CR":
        pieces = [piece for part in data.split(b"\r") for piece in (part, b"\r")][:-1]
    else:
        size = {"whole": len(data), "bytes": 1, "sevens": 7}[cut]
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
    with HostileServer(stream(*pieces)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == TEXT
    assert outcome.usage == (3, 5)


UNICODE = 'ünï — 日本語 \U0001f600 \u2028 \u2029 \u0085 فارسی "quoted" \\ end'


@every_stream
@pytest.mark.parametrize("ascii_only", [True, False])
def test_case_061_characters_cut_between_packets(way: Way, ascii_only: bool) -> None:
    pieces = []
    for letter in UNICODE:
        pieces.append(b"data: " + json.dumps(delta(letter), ensure_ascii=ascii_only).encode() + b"\n\n")
    data = b"".join([*pieces, FINISH, DONE])
    with HostileServer(stream(*[data[i : i + 1] for i in range(len(data))])) as server:
        assert way.ask(server.url).good().text == UNICODE


@every_stream
def test_case_061_halves_of_a_surrogate_pair_in_two_deltas(way: Way) -> None:
    halves = [
        rb'data: {"choices": [{"delta": {"content": "a\ud83d"}}]}',
        rb'data: {"choices": [{"delta": {"content": "\ude00b"}}]}',
    ]
    alone = rb'data: {"choices": [{"delta": {"content": "\ud83d!"}}]}'
    with HostileServer(stream(*[half + b"\n\n" for half in halves], alone + b"\n\n", FINISH, DONE)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == "a\U0001f600b\ufffd!"
    "".join(text for _, text in outcome.pieces).encode()


@every_stream
def test_case_061_bytes_that_are_no_utf8(way: Way) -> None:
    piece = b'data: {"choices": [{"delta": {"content": "caf\xe9 \xff"}}]}\n\n'
    with HostileServer(stream(piece, FINISH, DONE)) as server:
        outcome = way.ask(server.url)
    if outcome.error is None:
        assert outcome.text.startswith("caf")
        outcome.text.encode()
    else:
        outcome.failed(ResponseFormatError)


# ------------------------------------------------------------------------------------------------ errors inside

STREAM_ERRORS: list[tuple[bytes, type[StatusError], str]] = [
    (event({"error": {"message": "WORDS", "code": 429}}), RateLimitError, "WORDS"),
    (event({"error": {"message": "WORDS", "type": "invalid_request_error"}}), InvalidRequestError, "WORDS"),
    (event({"error": {"message": "WORDS"}}, name="error"), ServerError, "WORDS"),
    (event({"message": "WORDS", "code": 401}, name="error"), AuthenticationError, "WORDS"),
    (event("WORDS in plain", name="error"), ServerError, "WORDS in plain"),
    (event("", name="error"), ServerError, ""),
    (event({"error": "WORDS"}), ServerError, "WORDS"),
    (event({**delta("more"), "error": {"message": "WORDS", "code": 402}}), InsufficientCreditsError, "WORDS"),
    (event({"choices": [{"delta": {}, "error": {"message": "WORDS", "code": 502}}]}), ServerError, "WORDS"),
    (event({"success": False, "message": "WORDS"}), ServerError, "WORDS"),
    (event({"type": "error", "error": {"type": "overloaded_error", "message": "WORDS"}}), ServerError, "WORDS"),
    (event({"object": "error", "message": "WORDS"}), ServerError, "WORDS"),
    (b'event: error\ndata: {"error": {"mess\n\n', ServerError, ""),
]


@every_stream
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("number", range(len(STREAM_ERRORS)))
def test_case_062_errors_in_a_stream(way: Way, number: int, first: bool) -> None:
    data, kind, words = STREAM_ERRORS[number]
    before = [] if first else pieces_of()
    with HostileServer(stream(*before, data, *pieces_of(" never "), FINISH, DONE)) as server:
        outcome = way.ask(server.url)
    error = outcome.failed(kind)
    assert words in str(error)
    assert server.count == 1
    assert error.partial.text == ("" if first else TEXT)
    assert "never" not in "".join(text for _, text in outcome.pieces)
    if not first:
        assert not error.retryable
        assert "".join(text for _, text in outcome.pieces) == TEXT


@every_stream
def test_case_062_all_in_one_packet(way: Way) -> None:
    """What came before the error is delivered, then the error."""
    with HostileServer(stream(b"".join([*pieces_of(), STREAM_ERRORS[0][0]]))) as server:
        outcome = way.ask(server.url)
    assert outcome.failed(RateLimitError).partial.text == TEXT
    assert "".join(text for _, text in outcome.pieces) == TEXT


@every_stream
def test_case_062_the_key_inside(way: Way) -> None:
    with HostileServer(stream(*pieces_of(), event({"error": {"message": f"bad key {KEYS['aimlapi']}"}}))) as server:
        error = way.ask(server.url).failed(ServerError)
    assert KEYS["aimlapi"] not in str(error) + str(error.body)


EMPTY_CHUNKS: list[Any] = [
    {"choices": []},
    {"choices": None},
    {"choices": [{"delta": None}]},
    {"choices": [{"index": 0}]},
    {"choices": [{"delta": {}}]},
    {"choices": [{"delta": {"content": None}}]},
    {"choices": [{"delta": {"role": "assistant"}}]},
    {"choices": [{"delta": {"content": ""}, "finish_reason": ""}]},
    {"choices": [None, 3, "x"]},
    {"choices": "x"},
    {"choices": {}},
    {"choices": [{"delta": "x"}]},
    {"choices": [{"delta": []}]},
    {"x": 1},
    {},
    [],
    [1],
    3,
    '"text"',
    None,
    True,
]


@every_stream
def test_case_063_chunks_with_nothing_in_them(way: Way) -> None:
    pieces = [
        piece for number, each in enumerate(EMPTY_CHUNKS) for piece in (event(each), event(delta(str(number % 10))))
    ]
    with HostileServer(stream(*pieces, FINISH, DONE)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == "".join(str(number % 10) for number in range(len(EMPTY_CHUNKS)))


def counted(inputs: Any, outputs: Any, text: str) -> bytes:
    return event({**delta(text), "usage": {"prompt_tokens": inputs, "completion_tokens": outputs}})


@every_stream
@pytest.mark.parametrize(
    ("pieces", "usage"),
    [
        ([*pieces_of(), FINISH, event(usage_chunk(4, 6)), DONE], (4, 6)),
        ([counted(4, n, "x") for n in range(1, 7)] + [FINISH, DONE], (4, 6)),
        (
            [
                *pieces_of(),
                event({**delta(finish="stop"), "usage": None}),
                event(usage_chunk(4, 6)),
                event({**delta(), "usage": None}),
                DONE,
            ],
            (4, 6),
        ),
        (
            [
                *pieces_of(),
                event({**delta(finish="stop"), "usage": {"prompt_tokens": 4, "completion_tokens": 6}}),
                DONE,
            ],
            (4, 6),
        ),
        ([*pieces_of(), event({**delta(finish="stop"), "usage": None}), DONE], None),
    ],
    ids=["last chunk", "every chunk", "nulls around", "with the finish", "never"],
)
def test_case_064_usage(way: Way, pieces: list[bytes], usage: Any) -> None:
    with HostileServer(stream(*pieces)) as server:
        assert way.ask(server.url).good().usage == usage


@every_stream
def test_case_065_repeated_ends_and_what_comes_after(way: Way) -> None:
    after = [
        event(delta("LATER")),
        event({"error": {"message": "late"}}),
        b"garbage\n\n",
        event("{not json"),
        DONE,
        FINISH,
    ]
    with HostileServer(stream(*pieces_of(), FINISH, FINISH, FINISH, DONE, DONE, *after)) as server:
        assert way.ask(server.url).good().text == TEXT
    with HostileServer(stream(b"".join([*pieces_of(), FINISH, DONE, *after]))) as server:
        assert way.ask(server.url).good().text == TEXT


@every_stream
def test_case_066_other_choices_and_reasoning(way: Way) -> None:
    pieces = [
        event(delta(reasoning_content="let me ")),
        event(delta(reasoning_content="think")),
        event(delta("good")),
        event(delta("STRAY", index=1)),
        event({"choices": [{"index": 1, "delta": {"content": "STRAY"}}, {"index": 0, "delta": {"content": "bye"}}]}),
        event(delta("STRAY", index=7)),
        event({"choices": [{"index": "x", "delta": {"content": "STRAY"}}]}),
        FINISH,
        DONE,
    ]
    with HostileServer(stream(*pieces)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == "goodbye"
    assert outcome.reasoning == "let me think"
    assert "STRAY" not in "".join(text for _, text in outcome.pieces)


@every_stream
def test_case_067_an_event_that_is_no_json(way: Way) -> None:
    with HostileServer(stream(*pieces_of(), event('{"choices": [{"del'), FINISH, DONE)) as server:
        error = way.ask(server.url).failed(ResponseFormatError)
    assert error.partial.text == TEXT
    assert server.count == 1


@every_stream
@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"<html><body>log in</body></html>", "text/event-stream"),
        (b"<html><body>log in</body></html>", "text/html"),
        (b"", "text/event-stream"),
        (b"", None),
        (b"\n\n\n", "text/event-stream"),
        (b": only a comment\n\n", "text/event-stream"),
        (b"data: [DONE]\n\n", "text/event-stream"),
        (b"plain words", "text/event-stream"),
        (b"{}", "text/event-stream"),
        (b"data: <html>\n\n", "text/event-stream"),
    ],
)
def test_case_067_no_stream_at_all(way: Way, body: bytes, type: str | None) -> None:
    with HostileServer(answer(body, type=type)) as server:
        error = way.ask(server.url).failed(ResponseFormatError)
    assert error.status == 200
    assert server.count == 1


@every_stream
@pytest.mark.parametrize("type", ["application/json", "text/event-stream", "text/plain", None])
def test_case_067_plain_json_although_a_stream_was_asked_for(way: Way, type: str | None) -> None:
    with HostileServer(answer(chat_body(), type=type)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == TEXT
    assert [text for _, text in outcome.pieces if text] == [TEXT]


# ------------------------------------------------------------------------------------------------ broken off


@every_stream
@pytest.mark.parametrize("how", ["reset", "close", "hang", "half an event"])
def test_case_068_broken_off_after_text(way: Way, how: str) -> None:
    pieces = pieces_of()
    if how == "half an event":
        pieces, then = [*pieces, b'data: {"choices": [{"delta": {"cont'], "close"
    else:
        then = how
    with HostileServer(stream(*pieces, then=then), stream(*text_events())) as server:
        outcome = way.ask(server.url, timeout=0.4)
    error = outcome.failed(RequestTimeoutError if how == "hang" else StreamInterruptedError)
    assert error.partial.text == TEXT
    assert "".join(text for _, text in outcome.pieces) == TEXT
    assert server.count == 1
    assert not error.retryable
    assert error.outcome_unknown


@every_stream
@pytest.mark.parametrize("how", ["reset", "close", "hang"])
def test_case_069_broken_off_before_the_first_event(way: Way, how: str) -> None:
    with HostileServer(stream(then=how), stream(*text_events())) as server:
        outcome = way.ask(server.url, timeout=0.4)
    error = outcome.failed(RequestTimeoutError if how == "hang" else StreamInterruptedError)
    assert error.partial.text == ""
    assert not "".join(text for _, text in outcome.pieces)
    assert server.count == 1


@every_stream
@pytest.mark.parametrize("how", ["reset", "close", "hang"])
def test_case_070_broken_off_after_the_finish_reason(way: Way, how: str) -> None:
    with HostileServer(stream(*pieces_of(), FINISH, then=how)) as server:
        outcome = way.ask(server.url, timeout=0.4)
    assert outcome.good().text == TEXT


NEVER_S = 3_600
"""A limit that does not end a test: what waits for it hangs."""


@every_stream
def test_case_071_done_and_the_server_keeps_the_response_open(way: Way) -> None:
    with HostileServer(stream(*text_events(), then="hang")) as server:
        outcome = way.ask(server.url, timeout=NEVER_S)
        assert outcome.good().text == TEXT
        assert server.settle() == 0


@pytest.mark.parametrize("is_async", [False, True])
def test_case_071_with_a_client_of_the_users(is_async: bool) -> None:
    with HostileServer(stream(*text_events(), then="hang")) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "timeout": NEVER_S}
        if is_async:

            async def main() -> str:
                async with httpx.AsyncClient() as own:
                    deltas = [
                        d async for d in AsyncClient("aimlapi", http_client=own, **settings).chat_stream(request())
                    ]
                return deltas[-1].response.text  # type: ignore[union-attr]

            text = asyncio.run(main())
        else:
            with httpx.Client() as own:
                text = [*Client("aimlapi", http_client=own, **settings).chat_stream(request())][-1].response.text  # type: ignore[union-attr]
        assert text == TEXT


@every_stream
def test_case_072_each_piece_when_it_arrives(way: Way) -> None:
    """20 pieces over twice the read timeout."""
    sent: list[float] = []

    async def play(exchange: Exchange) -> None:
        from tests.reliability.hostile_server import SSE_HEAD

        await exchange.write(SSE_HEAD)
        for number in range(20):
            sent.append(time.monotonic())
            await exchange.write(chunk(event(delta(f"<{number}>"))))
            await asyncio.sleep(0.05)
        await exchange.write(chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n")

    with HostileServer(play) as server:
        outcome = way.ask(server.url, timeout=0.5).good()
    assert outcome.text == "".join(f"<{number}>" for number in range(20))
    seen = {text: at for at, text in outcome.pieces if text}
    late = [seen[f"<{number}>"] - at for number, at in enumerate(sent)]
    assert sorted(late)[15] < 0.04, late
    assert max(late) < 0.4, late


@every_stream
def test_case_073_only_keep_alives(way: Way) -> None:
    with HostileServer(endless(b": keep-alive\n\n", every_s=0.05, first=[event(delta("hi"))])) as server:
        outcome = way.ask(server.url, timeout=Timeout(read=0.3, idle=0.6))
        error = outcome.failed(RequestTimeoutError)
        assert error.phase == "idle"
        assert error.partial.text == "hi"
        assert outcome.seconds > 0.5
        assert server.settle() == 0


@every_stream
def test_case_073_empty_events_are_no_events(way: Way) -> None:
    with HostileServer(endless(b"data: {}\n\nevent: ping\ndata: {}\n\n", every_s=0.05)) as server:
        outcome = way.ask(server.url, timeout=Timeout(read=0.3, idle=0.5))
        assert outcome.failed(RequestTimeoutError).phase == "idle"


ENDLESS = endless(event(delta("x")), every_s=0.001)


def sync_streams(way: str, url: str) -> Any:
    """An open stream of pieces."""
    if way == "core":
        return Client("aimlapi", api_key="k", base_url=url).chat_stream(request())
    if way == "langchain":
        from langchain_multiapi import ChatMultiApi

        return ChatMultiApi(provider="aimlapi", model="m", api_key="k", base_url=url).stream(PROMPT)
    from llama_index.core.llms import ChatMessage

    from llamaindex_multiapi import MultiApiLLM

    llm = MultiApiLLM(provider="aimlapi", model="m", api_key="k", base_url=url, context_window=9)
    return llm.stream_chat([ChatMessage(content=PROMPT)])


async def async_streams(way: str, url: str) -> Any:
    if way == "core":
        return AsyncClient("aimlapi", api_key="k", base_url=url).chat_stream(request())
    if way == "langchain":
        from langchain_multiapi import ChatMultiApi

        return ChatMultiApi(provider="aimlapi", model="m", api_key="k", base_url=url).astream(PROMPT)
    from llama_index.core.llms import ChatMessage

    from llamaindex_multiapi import MultiApiLLM

    llm = MultiApiLLM(provider="aimlapi", model="m", api_key="k", base_url=url, context_window=9)
    return await llm.astream_chat([ChatMessage(content=PROMPT)])


@pytest.mark.parametrize("way", ["core", "langchain", "llamaindex"])
@pytest.mark.parametrize("close", [True, False])
def test_case_073_the_caller_leaves(way: str, close: bool) -> None:
    times = 120 if close else 12
    with HostileServer(ENDLESS) as server:
        for _ in range(times):
            pieces = sync_streams(way, server.url)
            for number, _piece in enumerate(pieces):
                if number == 3:
                    break
            if close:
                pieces.close()
            del pieces, _piece
            if not close:
                gc.collect()
            assert server.settle() == 0, "the connection is still open a second after the caller left"
        assert server.most_open <= 2
        assert server.count == times


@pytest.mark.parametrize("way", ["core", "langchain", "llamaindex"])
async def test_case_073_the_caller_leaves_in_a_loop(way: str) -> None:
    with HostileServer(ENDLESS) as server:
        for _ in range(120):
            pieces = await async_streams(way, server.url)
            count = 0
            async for _piece in pieces:
                count += 1
                if count == 3:
                    break
            await pieces.aclose()
            await asyncio.sleep(0)
        until = time.monotonic() + 1
        while server.open and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert server.open == 0
        assert server.most_open <= 3


@pytest.mark.parametrize("way", ["core", "langchain", "llamaindex"])
async def test_case_073_by_cancelling_the_task(way: str) -> None:
    with HostileServer(ENDLESS) as server:

        async def read() -> None:
            async for _ in await async_streams(way, server.url):
                pass

        for _ in range(120):
            task = asyncio.create_task(read())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        until = time.monotonic() + 1
        while server.open and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert server.open == 0


# ------------------------------------------------------------------------------------------------ sizes


@every_core_stream
def test_case_074_one_event_of_5_megabytes_in_small_packets(way: Way) -> None:
    data = event(delta("x" * 5_000_000)) + FINISH + DONE
    pieces = [data[i : i + 1_000] for i in range(0, len(data), 1_000)]
    with HostileServer(raw(SSE_UNTIL_CLOSE, *pieces)) as server:
        assert len(way.ask(server.url).good().text) == 5_000_000


def test_case_074_the_decoder_is_linear() -> None:
    from multiapi.http.sse import SseDecoder

    def read(size: int) -> None:
        data = b"data: " + b"x" * size + b"\n\n"
        decoder = SseDecoder()
        for i in range(0, len(data), 50):
            for _event in decoder.feed(data[i : i + 50]):
                pass

    assert work_of(lambda: read(200_000)) < 4.4 * work_of(lambda: read(50_000))


@every_stream
def test_case_074_a_line_that_never_ends(way: Way) -> None:
    with HostileServer(raw(SSE_UNTIL_CLOSE, b"data: {", *[b"x" * 500_000] * 100)) as server:
        outcome = way.ask(server.url)
    outcome.failed(ResponseTooLargeError)
    assert server.count == 1


@every_core_stream
def test_case_074_many_data_lines_in_one_event(way: Way) -> None:
    with HostileServer(raw(SSE_UNTIL_CLOSE, *[b"data: " + b"x" * 100_000 + b"\n"] * 400)) as server:
        way.ask(server.url).failed(ResponseTooLargeError)


@every_core_stream
def test_case_074_blank_lines_and_small_events(way: Way) -> None:
    small = b"".join(event(delta("x")) for _ in range(20_000))
    play = raw(SSE_UNTIL_CLOSE, b"\n" * 500_000, small + FINISH + DONE)
    with HostileServer(play) as server:
        outcome = way.ask(server.url)
    assert len(outcome.good().text) == 20_000


@every_core_stream
def test_case_074_the_limits_are_the_users(way: Way) -> None:
    for limits in (Limits(event_bytes=1_000), Limits(stream_bytes=1_500), Limits(stream_events=3)):
        pieces = [*[event(delta("y" * 500))] * 3, event(delta("y" * 300_000)), FINISH, DONE]
        with HostileServer(stream(*pieces, pause_s=0.02)) as server:
            error = way.ask(server.url, limits=limits).failed(ResponseTooLargeError)
        assert "y" * 500 in error.partial.text


# ------------------------------------------------------------------------------------------------ tool calls

OSLO = ("get_weather", {"city": "Oslo"})
BERN = ("get_weather", {"city": "Bern"})


def named(**call: Any) -> dict[str, Any]:
    arguments = call.pop("arguments", None)
    name = call.pop("name", None)
    function = {
        **({"name": name} if name is not None else {}),
        **({} if arguments is None else {"arguments": arguments}),
    }
    return {**call, **({"function": function} if function else {})}


def fragments(*calls: Any) -> list[bytes]:
    return [event(delta(tool_calls=each if isinstance(each, list) else [each])) for each in calls]


ESCAPED = '{"city": "O\\"s\\u006c\\no"}'
ODD_PIECES = [ESCAPED[i : i + 1] for i in range(len(ESCAPED))]

CALLS: dict[str, tuple[list[bytes], list[Any]]] = {
    "whole": (fragments(named(index=0, id="a", name="get_weather", arguments='{"city": "Oslo"}')), [OSLO]),
    "in odd pieces": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments=""), *[named(index=0, arguments=p) for p in ODD_PIECES]
        ),
        [("get_weather", {"city": 'O"sl\no'})],
    ),
    "no index": (
        fragments(named(id="a", name="get_weather"), named(arguments='{"city": '), named(arguments='"Oslo"}')),
        [OSLO],
    ),
    "null index": (
        fragments(
            named(index=None, id="a", name="get_weather", arguments='{"city": '), named(index=None, arguments='"Oslo"}')
        ),
        [OSLO],
    ),
    "no id": (
        fragments(named(index=0, name="get_weather", arguments='{"city": '), named(index=0, arguments='"Oslo"}')),
        [OSLO],
    ),
    "id in each": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments='{"city": '),
            named(index=0, id="a", arguments='"Oslo"}'),
        ),
        [OSLO],
    ),
    "empty id later": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments='{"city": '),
            named(index=0, id="", arguments='"Oslo"}'),
        ),
        [OSLO],
    ),
    "name in each": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments='{"city": '),
            named(index=0, id="a", name="get_weather", arguments='"Oslo"}'),
        ),
        [OSLO],
    ),
    "index from 1": (fragments(named(index=1, id="a", name="get_weather", arguments='{"city": "Oslo"}')), [OSLO]),
    "interleaved": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments='{"city": '),
            named(index=1, id="b", name="get_weather", arguments='{"ci'),
            named(index=0, arguments='"Oslo"}'),
            named(index=1, arguments='ty": "Bern"}'),
        ),
        [OSLO, BERN],
    ),
    "both in one chunk": (
        fragments(
            [
                named(index=0, id="a", name="get_weather", arguments='{"city": "Oslo"}'),
                named(index=1, id="b", name="get_weather", arguments='{"city": "Bern"}'),
            ]
        ),
        [OSLO, BERN],
    ),
    "two without index": (
        fragments(
            named(id="a", name="get_weather", arguments='{"city": "Oslo"}'),
            named(id="b", name="get_weather", arguments='{"city": "Bern"}'),
        ),
        [OSLO, BERN],
    ),
    "two with the same index": (
        fragments(
            named(index=0, id="a", name="get_weather", arguments='{"city": "Oslo"}'),
            named(index=0, id="b", name="get_weather", arguments='{"city": "Bern"}'),
        ),
        [OSLO, BERN],
    ),
    "null in the list": (
        fragments([None, named(index=0, id="a", name="get_weather", arguments='{"city": "Oslo"}'), None]),
        [OSLO],
    ),
    "arguments as an object": (
        fragments(named(index=0, id="a", name="get_weather", arguments={"city": "Oslo"})),
        [OSLO],
    ),
    "no arguments": (fragments(named(index=0, id="a", name="get_weather")), [("get_weather", {})]),
}


@every_stream
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
def test_case_075_tool_calls(way: Way, name: str, reason: str) -> None:
    pieces, expected = CALLS[name]
    with HostileServer(stream(*pieces, event(delta(finish=reason)), DONE)) as server:
        outcome = way.ask(server.url, tools=True).good()
    assert outcome.calls == expected
    assert not outcome.invalid_calls
    assert server.count == 1


@every_stream
@pytest.mark.parametrize(
    "arguments", ['{"city": "Oslo"', "Oslo", '{"city": Oslo}', '["Oslo"]', '{"a": 1}{"b": 2}', '{"a": NaN}']
)
def test_case_076_arguments_that_end_as_invalid_json(way: Way, arguments: str) -> None:
    pieces = fragments(
        named(index=0, id="a", name="get_weather", arguments=arguments[:5]), named(index=0, arguments=arguments[5:])
    )
    with HostileServer(stream(*pieces, event(delta(finish="tool_calls")), DONE)) as server:
        outcome = way.ask(server.url, tools=True).good()
    assert outcome.calls == []
    assert same_arguments(way, outcome, arguments)


# ------------------------------------------------------------------------------------------------ Bineric's own form


@every(STREAMED)
def test_bineric_streams_that_nobody_asked_for(way: Way) -> None:
    pieces = [event({"text": "gladly: ANSWER-"}), event({"text": "MARK-"}), event({"response": TEXT})]
    with HostileServer(stream(*pieces)) as server:
        assert way.ask(server.url, "bineric").good().text == TEXT


@every(STREAMED)
def test_bineric_stream_broken_off(way: Way) -> None:
    with HostileServer(stream(event({"text": "half"}), then="reset")) as server:
        error = way.ask(server.url, "bineric", timeout=1).failed(StreamInterruptedError)
    assert error.partial.text == "half"
    assert server.count == 1


def test_sixty_four_readers_of_one_client() -> None:
    """Streams of one client in many threads do not mix."""
    texts: dict[int, str] = {}
    with HostileServer(route=lambda seen: stream(*text_events(f"to {seen.json['messages'][0]['content']}"))) as server:
        client = Client("aimlapi", api_key="k", base_url=server.url)

        def read(number: int) -> None:
            with contextlib.suppress(MultiApiError):
                last = [*client.chat_stream(request(prompt=str(number)))][-1]
                texts[number] = last.response.text  # type: ignore[union-attr]

        threads = [threading.Thread(target=read, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == {number: f"to {number}" for number in range(64)}


def test_silence_and_a_stream_for_the_wrong_vendor_are_told_apart() -> None:
    with HostileServer(silence()) as server:
        STREAM.ask(server.url, timeout=0.2).failed(RequestTimeoutError)
