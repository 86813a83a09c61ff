"""Cases 49 to 56: bodies and headers of any size and encoding, and redirects, which are not followed."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from functools import cache
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    ConnectionFailedError,
    MultiApiError,
    ResponseFormatError,
    ResponseTooLargeError,
    StatusError,
)
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Limits
from tests.reliability.bodies import chat_body, event, good_for, text_events
from tests.reliability.hostile_server import (
    HostileServer,
    answer,
    chunk,
    head_bytes,
    raw,
    stream,
)
from tests.reliability.ways import CHAT, KEYS, PROMPT, TEXT, Way, every_stream, every_vendor, every_way, every_whole_way

MEGABYTE = b"x" * 1_000_000
START = b'{"choices": [{"message": {"content": "'


def peak_of(way: Way, server: HostileServer, **settings: Any) -> tuple[Any, int]:
    """The outcome, and the most memory that Python used for it."""
    tracemalloc.start()
    try:
        outcome = way.ask(server.url, **settings)
        return outcome, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@every_way
@pytest.mark.parametrize("announced", [True, False])
def test_case_049_200_megabytes(way: Way, announced: bool) -> None:
    kind = {"content-type": "application/json"}
    if announced:
        play = raw(head_bytes(200, kind | {"content-length": "200000000"}), START, *[MEGABYTE] * 200)
    else:
        play = raw(head_bytes(200, kind | {"transfer-encoding": "chunked"}), chunk(START), *[chunk(MEGABYTE)] * 200)
    with HostileServer(play) as server:
        outcome, peak = peak_of(way, server)
    error = outcome.failed(ResponseTooLargeError)
    assert server.count == 1
    assert not error.retryable
    assert peak < (20_000_000 if announced else 100_000_000), peak


def test_case_049_the_limit_is_the_users() -> None:
    limits = Limits(answer_bytes=5_000)
    with HostileServer(answer(chat_body("y" * 6_000))) as server:
        CHAT.ask(server.url, limits=limits).failed(ResponseTooLargeError)
    with HostileServer(answer(chat_body("y" * 4_000))) as server:
        assert len(CHAT.ask(server.url, limits=limits).good().text) == 4_000


def test_case_049_embeddings_have_a_limit_of_their_own() -> None:
    vectors = {"data": [{"index": 0, "embedding": [0.5] * 2_000}]}
    with HostileServer(answer(vectors)) as server:
        client = Client(
            "aimlapi", api_key="k", base_url=server.url, limits=Limits(answer_bytes=10, embeddings_bytes=50_000)
        )
        assert len(client.embed(EmbedRequest(model="e", texts=["x"])).vectors[0]) == 2_000
        small = Client("aimlapi", api_key="k", base_url=server.url, limits=Limits(embeddings_bytes=500))
        with pytest.raises(ResponseTooLargeError):
            small.embed(EmbedRequest(model="e", texts=["x"]))


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


BODY = json.dumps(chat_body()).encode()
GOOD_ENCODINGS = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "x-gzip": ("x-gzip", gzip.compress(BODY)),
    "GZIP": (" GZIP ", gzip.compress(BODY)),
    "gzip in two members": ("gzip", gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])),
    "gzip with padding": ("gzip", gzip.compress(BODY) + b"\0" * 20),
    "deflate": ("deflate", zlib.compress(BODY)),
    "raw deflate": ("deflate", raw_deflate(BODY)),
    "identity": ("identity", BODY),
    "empty": ("", BODY),
}


@every_whole_way
@pytest.mark.parametrize("name", GOOD_ENCODINGS)
@pytest.mark.parametrize("size", [1_000_000, 7])
def test_case_050_encodings(way: Way, name: str, size: int) -> None:
    encoding, data = GOOD_ENCODINGS[name]
    head = head_bytes(200, {"content-encoding": encoding, "transfer-encoding": "chunked"})
    pieces = [chunk(data[i : i + size]) for i in range(0, len(data), size)]
    with HostileServer(raw(head + pieces[0], *pieces[1:], b"0\r\n\r\n", then="keep")) as server:
        assert way.ask(server.url).good().text == TEXT


@every_stream
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_case_050_encodings_in_a_stream(way: Way, encoding: str) -> None:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    pieces = [squeeze.compress(each) + squeeze.flush(zlib.Z_SYNC_FLUSH) for each in text_events()] + [squeeze.flush()]
    head = head_bytes(
        200, {"content-type": "text/event-stream", "content-encoding": encoding, "transfer-encoding": "chunked"}
    )
    with HostileServer(stream(*pieces, head=head)) as server:
        assert way.ask(server.url).good().text == TEXT


BAD_ENCODINGS = {
    "broken": ("gzip", gzip.compress(BODY)[:20] + b"\xff" * 50),
    "cut": ("gzip", gzip.compress(BODY)[:-12]),
    "not compressed": ("gzip", BODY),
    "deflate, not compressed": ("deflate", BODY),
    "unknown": ("br", BODY),
    "zstd": ("zstd", BODY),
    "stacked": ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
    "named twice": ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
    "nonsense": ("\u00e9\u00e9", BODY),
    "long": ("x" * 5_000, BODY),
}


@every_way
@pytest.mark.parametrize("name", BAD_ENCODINGS)
def test_case_050_encodings_that_are_none(way: Way, name: str) -> None:
    encoding, data = BAD_ENCODINGS[name]
    with HostileServer(answer(data, headers={"content-encoding": encoding})) as server:
        error = way.ask(server.url).failed(ResponseFormatError)
    assert server.count == 1
    assert len(str(error)) < 400


@cache
def bomb(wbits: int, unit: bytes = b"x" * 100_000, times: int = 4_000) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join(squeeze.compress(unit) for _ in range(times)) + squeeze.flush()


BOMBS = {
    "gzip": ("gzip", bomb(31)),
    "deflate": ("deflate", bomb(15)),
    "raw deflate": ("deflate", bomb(-15)),
    "gzip in gzip": ("gzip", gzip.compress(bomb(31))),
    "gzip of many members": ("gzip", gzip.compress(b"x" * 1_000_000) * 400),
}


@every_way
@pytest.mark.parametrize("name", BOMBS)
def test_case_051_bombs(way: Way, name: str) -> None:
    encoding, data = BOMBS[name]
    with HostileServer(answer(data, headers={"content-encoding": encoding})) as server:
        outcome, peak = peak_of(way, server)
    outcome.failed(ResponseFormatError if name == "gzip in gzip" else ResponseTooLargeError)
    assert peak < 90_000_000, peak
    assert server.count == 1


@every_stream
@pytest.mark.parametrize(
    "unit", [b"x" * 100_000, b"\n" * 100_000, b": keep-alive\n\n" * 5_000, b"data: x" * 10_000], ids=range(4)
)
def test_case_051_bomb_inside_of_an_event_stream(way: Way, unit: bytes) -> None:
    head = head_bytes(
        200, {"content-type": "text/event-stream", "content-encoding": "gzip", "transfer-encoding": "chunked"}
    )
    with HostileServer(stream(bomb(31, unit, 40_000_000_0 // len(unit)), head=head)) as server:
        way.ask(server.url).failed(ResponseTooLargeError)


@pytest.mark.parametrize("unit", [b"x" * 100_000, b"data: {}\n\n" * 5_000], ids=range(2))
def test_case_051_memory_of_a_bomb_in_a_stream(unit: bytes) -> None:
    from tests.reliability.ways import CORE

    head = head_bytes(
        200, {"content-type": "text/event-stream", "content-encoding": "gzip", "transfer-encoding": "chunked"}
    )
    with HostileServer(stream(bomb(31, unit, 300_000_000 // len(unit)), head=head)) as server:
        outcome, peak = peak_of(CORE[2], server, limits=Limits(event_bytes=1_000_000))
    outcome.failed(ResponseFormatError)
    assert peak < 90_000_000, peak


@every_way
@pytest.mark.parametrize("size", [60_000, 200_000])
def test_case_052_a_huge_header(way: Way, size: int) -> None:
    head = head_bytes(200, {"x-huge": "h" * size, "content-length": str(len(BODY)), "content-type": "application/json"})
    with HostileServer(raw(head + BODY, then="keep")) as server:
        outcome = way.ask(server.url)
    if outcome.error is None:
        assert outcome.text == TEXT
    else:
        outcome.failed(ConnectionFailedError)
    assert server.count == 1


@every_way
def test_case_052_headers_for_ever(way: Way) -> None:
    with HostileServer(raw(b"HTTP/1.1 200 OK\r\n", *[b"x: " + b"y" * 1_000 + b"\r\n"] * 2_000)) as server:
        way.ask(server.url).failed(ConnectionFailedError)
    assert server.count == 1


# ------------------------------------------------------------------------------------------------ redirects

CODES = [301, 302, 303, 307, 308]


@every_way
@pytest.mark.parametrize("code", CODES)
def test_case_053_to_the_same_origin(way: Way, code: int) -> None:
    with HostileServer(answer(status=code, headers={"location": "/v2/chat/completions"}), good_for(way)) as server:
        error = way.ask(server.url).failed(StatusError)
    assert server.count == 1
    assert error.status == code
    assert "base_url" in str(error)
    assert not error.retryable


def foreign_urls(port: int) -> dict[str, str]:
    return {
        "another port": f"http://127.0.0.1:{port}/v1/chat/completions",
        "another host": f"http://localhost:{port}/v1/chat/completions",
        "scheme-relative": f"//127.0.0.1:{port}/v1/chat/completions",
        "user info": f"http://127.0.0.1@127.0.0.1:{port}/v1",
        "user and password": f"http://key:word@127.0.0.1:{port}/v1",
        "backslashes": f"http:\\\\127.0.0.1:{port}\\v1",
        "upper case": f"HTTP://127.0.0.1:{port}/",
        "number": f"http://2130706433:{port}/",
    }


@every_way
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("where", foreign_urls(0))
def test_case_054_abroad(way: Way, code: int, where: str) -> None:
    with HostileServer(good_for(way)) as foreign:
        headers = {"location": foreign_urls(foreign.port)[where]}
        with HostileServer(answer(b"moved", status=code, headers=headers)) as server:
            error = way.ask(server.url).failed(StatusError)
    assert foreign.count == 0
    assert foreign.connections == 0
    assert server.count == 1
    assert "PROMPT" not in str(error)
    assert "word" not in str(error).replace("words", "")


@pytest.mark.parametrize("vendor", KEYS)
@pytest.mark.parametrize("follow", [False, True])
def test_case_054_with_a_client_of_the_users_that_follows_redirects(vendor: str, follow: bool) -> None:
    import httpx

    with HostileServer(answer(chat_body())) as foreign:
        moved = answer(b"", status=307, headers={"location": f"{foreign.url}/x"})
        with HostileServer(moved) as server, httpx.Client(follow_redirects=follow) as own:
            CHAT.ask(server.url, vendor, http_client=own).failed(StatusError)
    assert foreign.connections == 0


LOCATIONS = [
    None,
    "",
    "/loop",
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "data:text/plain,hi",
    "javascript:alert(1)",
    "http://",
    "http://[::1",
    "http://[not-an-address]/",
    "http://\u0661.example/",
    "://",
    "\x7f",
    "http://a" + "b" * 100_000,
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://[::ffff:169.254.169.254]/",
    "http://metadata.google.internal/",
    "https://127.0.0.1:99999/",
]


@every_way
@pytest.mark.parametrize("location", LOCATIONS, ids=range(len(LOCATIONS)))
def test_case_055_locations_of_all_kinds(way: Way, location: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    connected: list[Any] = []
    real = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, address: connected.append(address) or real(self, address)
    )
    headers = {} if location is None else {"location": location}
    with HostileServer(answer(b"", status=307, headers=headers)) as server:
        error = way.ask(server.url).failed(MultiApiError)
    assert server.count <= 1 or error.retryable
    assert {address[1] for address in connected if isinstance(address, tuple)} <= {server.port}
    assert len(str(error)) < 600


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("vendor", KEYS)
async def test_case_056_get_redirected_abroad(vendor: str, is_async: bool) -> None:
    from multiapi.providers import PROVIDERS

    names = [name for name in ("models", "balance", "usage", "credits") if name in PROVIDERS[vendor].operations]
    if not names:
        pytest.skip("the vendor has nothing to be read")
    with HostileServer(answer({})) as foreign:
        for name in names:
            with HostileServer(answer(b"", status=302, headers={"location": f"{foreign.url}/x"})) as server:
                settings = {"api_key": KEYS[vendor], "base_url": server.url}
                with pytest.raises(StatusError, match="base_url"):
                    if is_async:
                        await AsyncClient(vendor, **settings).call(name)
                    else:
                        Client(vendor, **settings).call(name)
                assert server.count == 1
    assert foreign.connections == 0


@every_vendor
def test_the_prompt_goes_to_the_vendor_only(vendor: str) -> None:
    """The control: without a redirect the prompt and the key do arrive."""
    with HostileServer(good_for(CHAT, vendor)) as server:
        Client(vendor, api_key=KEYS[vendor], base_url=server.url).chat(
            ChatRequest(model="m", messages=[Message("user", PROMPT)])
        )
    assert PROMPT in server.requests[0].body.decode()
    assert len(server.requests[0].keys) == 1


def test_events_helper_is_what_it_says() -> None:
    assert event({"a": 1}) == b'data: {"a": 1}\n\n'
