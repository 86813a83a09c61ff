"""Cases 22 to 28: the body of an error may be anything; the status decides."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from multiapi.errors import AuthenticationError, MultiApiError, PermissionDeniedError, RateLimitError, ServerError
from tests.reliability.bodies import good_for
from tests.reliability.hostile_server import HostileServer, answer, head_bytes, raw
from tests.reliability.ways import CHAT, TEXT, VENDORS, Way, every_way

PAGE = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>b{c:d}</style><script>var x = 1;</script></head>"
    "<body><h1>Bad gateway</h1><p>cloud &amp; edge</p>" + "<div class='x'>filler</div>" * 1000 + "</body></html>"
)


@every_way
@pytest.mark.parametrize(("code", "kind"), [(502, ServerError), (403, PermissionDeniedError), (429, RateLimitError)])
def test_case_022_page_of_a_proxy(way: Way, code: int, kind: type[MultiApiError]) -> None:
    with HostileServer(answer(PAGE, status=code, type="text/html")) as server:
        error = way.ask(server.url, max_retries=0).failed(kind)
    assert error.status == code
    assert len(str(error)) < 700
    assert "Bad gateway" in str(error)
    assert not {"<", "var x", "c:d"} & set(str(error).split())
    assert "<" not in str(error)
    assert "<" not in error.body


@every_way
@pytest.mark.parametrize("type", [None, "application/json", "text/html"])
def test_case_023_empty_body(way: Way, type: str | None) -> None:
    with HostileServer(answer(b"", status=401, type=type)) as server:
        error = way.ask(server.url).failed(AuthenticationError)
    assert error.status == 401
    assert error.message


HALF = b'{"error": {"message": "the WORDS are her'
JSON = json.dumps({"error": {"message": "the WORDS are here"}}).encode()


@every_way
@pytest.mark.parametrize(
    ("body", "type"),
    [
        (HALF, "application/json"),
        (JSON, "text/plain"),
        (b"the WORDS are here", "application/json"),
        (JSON, None),
        (JSON, "text/html"),
    ],
    ids=["cut", "json-as-text", "text-as-json", "no-type", "json-as-html"],
)
def test_case_024_other_labels(way: Way, body: bytes, type: str | None) -> None:
    with HostileServer(answer(body, status=429, type=type)) as server:
        error = way.ask(server.url, max_retries=0).failed(RateLimitError)
    assert error.status == 429
    assert "WORDS" in str(error)


FORMS: list[tuple[Any, str]] = [
    ([{"x": 1}, 2, {"message": "WORDS"}], "WORDS"),
    ([], ""),
    ("WORDS", "WORDS"),
    (7, ""),
    (True, ""),
    (None, ""),
    ({}, ""),
    ({"error": "WORDS"}, "WORDS"),
    ({"error": ["WORDS"]}, "WORDS"),
    ({"error": [{"msg": "WORDS", "loc": ["body", 1]}]}, "WORDS"),
    ({"error": None, "message": "WORDS"}, "WORDS"),
    ({"error": {"message": None}}, ""),
    ({"error": {"message": {"text": "x"}, "code": None}}, ""),
    ({"error": {"message": ["WORDS"]}}, "WORDS"),
    ({"errors": [{"detail": "WORDS"}]}, "WORDS"),
    ({"errors": {"field": ["must be"]}}, ""),
    ({"detail": [{"msg": "WORDS", "type": "missing"}]}, "WORDS"),
    ({"detail": "WORDS"}, "WORDS"),
    ({"error": {"code": 12, "message": "WORDS"}}, "WORDS"),
    ({"error": {"code": "x" * 5000, "message": "WORDS", "type": {}}}, "WORDS"),
    ({"error": {"code": {"a": 1}, "type": [1], "message": "WORDS"}, "request_id": {"a": 1}}, "WORDS"),
    ({"error": {"error": {"error": {"error": "WORDS"}}}}, "WORDS"),
    ({"message": "WORDS", "requestId": 12345}, "WORDS"),
    ({"error": "x" * 100_000}, "xxx"),
    ({"error": {"message": "tab\x00\x1b[31m\u202e WORDS"}}, "WORDS"),
    ({"error": False, "success": False, "msg": "WORDS"}, "WORDS"),
]


@every_way
@pytest.mark.parametrize(("body", "words"), FORMS)
def test_case_025_other_forms(way: Way, body: Any, words: str) -> None:
    with HostileServer(answer(body, status=429)) as server:
        error = way.ask(server.url, max_retries=0).failed(RateLimitError)
    assert error.status == 429
    assert words in str(error)
    assert error.message
    assert len(str(error)) < 2_500
    assert len(str(error.code)) < 200
    assert str(error).isprintable()
    assert "\u202e" not in str(error)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("body", "words"), FORMS)
@pytest.mark.parametrize("code", [400, 402, 403, 500])
def test_case_025_in_every_vendors_reader(vendor: str, body: Any, words: str, code: int) -> None:
    with HostileServer(answer(body, status=code)) as server:
        error = CHAT.ask(server.url, vendor, max_retries=0).failed()
    assert error.status == code
    assert words in str(error)


DEEP = b'{"error": ' * 100_000 + b"1" + b"}" * 100_000


def test_case_025_deeply_nested() -> None:
    with HostileServer(answer(DEEP, status=500)) as server:
        assert CHAT.ask(server.url, max_retries=0).failed(ServerError).status == 500


@every_way
@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (JSON, "klingon"),
        (JSON, "hex"),
        (JSON, "zlib"),
        (JSON, "undefined"),
        (JSON, '"utf-8'),
        (JSON.decode().encode("utf-16"), "utf-16"),
        (JSON.decode().encode("utf-16"), "utf-8"),
        (b'{"error": {"message": "WORDS \xff\xfe\x80 caf\xe9"}}', "utf-8"),
        (b"\xff\xfe\xfd WORDS", "utf-8"),
        (b"\xef\xbb\xbf" + JSON, "utf-8"),
    ],
)
def test_case_026_charsets(way: Way, body: bytes, charset: str) -> None:
    with HostileServer(answer(body, status=429, type=f"application/json; charset={charset}")) as server:
        error = way.ask(server.url, max_retries=0).failed(RateLimitError)
    assert "WORDS" in str(error)
    str(error).encode()


BOMB = gzip.compress(b"x" * 400_000_000, 9)


@pytest.mark.parametrize("compressed", [False, True])
@every_way
def test_case_027_huge_error_bodies(way: Way, compressed: bool) -> None:
    if compressed:
        play = answer(BOMB, status=500, headers={"content-encoding": "gzip"})
    else:
        head = head_bytes(500, {"content-type": "application/json", "content-length": "60000000"})
        play = raw(head, b'{"error": {"message": "', *[b"x" * 1_000_000] * 60)
    with HostileServer(play) as server:
        tracemalloc.start()
        try:
            error = way.ask(server.url, max_retries=0).failed(ServerError)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert error.status == 500
    assert len(error.body) < 3_000
    assert peak < 8_000_000, peak


@every_way
@pytest.mark.parametrize("then", ["reset", "close"])
def test_case_028_reset_while_the_error_is_read(way: Way, then: str, waits: list[float]) -> None:
    head = head_bytes(429, {"retry-after": "4", "content-length": "5000", "content-type": "application/json"})
    with HostileServer(raw(head + b'{"error": {"mess', then=then), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert waits == [4.0]
    assert server.count == 2


@every_way
@pytest.mark.parametrize(
    "broken",
    [
        {"content-encoding": "gzip"},
        {"content-encoding": "br"},
        {"content-encoding": "gzip, gzip"},
        {"content-encoding": "\x00"},
        {"content-encoding": "deflate"},
    ],
)
def test_case_028_error_bodies_that_cannot_be_decoded(way: Way, broken: dict[str, str]) -> None:
    with HostileServer(answer(b"this is not compressed", status=429, headers=broken)) as server:
        error = way.ask(server.url, max_retries=0).failed()
    if broken["content-encoding"] != "\x00":
        assert error.status == 429
