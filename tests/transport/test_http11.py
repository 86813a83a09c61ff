"""The reader of answers against h11, over whole, cut, and damaged answers in pieces of any size."""

from __future__ import annotations

import random

import h11
import httpcore
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multiapi.transport.http11 import ResponseReader, request_head
from multiapi.transport.slots import Slots

Outcome = tuple[int, bytes] | str


def read_with_ours(pieces: list[bytes]) -> Outcome:
    reader, head, body = ResponseReader(), None, b""
    try:
        for piece in pieces:
            if head is None:
                head = reader.head(piece)
                if head is not None:
                    body += reader.body(head.rest)
            elif not reader.complete:
                body += reader.body(piece)
        if not reader.complete:
            reader.end()
    except httpcore.RemoteProtocolError:
        return "error"
    assert head is not None
    return head.status, body


def read_with_h11(pieces: list[bytes]) -> Outcome:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        for piece in [*pieces, b""]:
            connection.receive_data(piece)
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return status, body
                elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                    break
    except h11.RemoteProtocolError:
        return "error"
    return "error"


def cut(data: bytes, seed: int) -> list[bytes]:
    """In pieces of random sizes, small ones being more likely."""
    chance, pieces, position = random.Random(seed), [], 0
    while position < len(data):
        size = chance.choice([1, 1, 2, 3, 7, 30, 1000])
        pieces.append(data[position : position + size])
        position += size
    return pieces


BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
HEADERS = st.sampled_from(
    [
        b"",
        b"Server: x\r\n",
        b"X-Empty:\r\nX-Blank:  \t y \r\n",
        b"Connection: close\r\n",
        b"Set-Cookie: a\r\nSet-Cookie: b\r\n",
        b"X-Latin: \xe9\r\n",
    ]
)
STATUS = st.sampled_from([b"200 OK", b"200", b"201 ", b"204 No", b"304 Not", b"500 \xe9", b"999 Odd", b"429 Too Many"])


@st.composite
def whole_answers(draw: st.DrawFn) -> bytes:
    parts = draw(BODIES)
    head = b"HTTP/1.1 " + draw(STATUS) + b"\r\n" + draw(HEADERS)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    if framing == "length":
        body = b"".join(parts)
        return interim + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if framing == "close":
        return interim + head + b"\r\n" + b"".join(parts)
    extension = draw(st.sampled_from([b"", b";a=b", b";a", b" "]))
    trailers = draw(st.sampled_from([b"", b"X-End: 1\r\n", b"a: b\r\nc: d\r\n"]))
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    return interim + head + b"Transfer-Encoding: Chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


@given(whole_answers(), st.integers())
@settings(max_examples=300, deadline=None)
def test_reads_what_h11_reads(answer: bytes, seed: int) -> None:
    pieces = cut(answer, seed)
    ours = read_with_ours(pieces)
    assert ours == read_with_h11(pieces)
    assert ours == read_with_ours([answer])
    assert ours != "error"


@given(whole_answers(), st.integers(), st.integers(min_value=0, max_value=400), st.binary(max_size=3), st.booleans())
@settings(max_examples=600, deadline=None)
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 1, 61, b"x", True)
def test_takes_no_damaged_answer_that_h11_refuses(
    answer: bytes, seed: int, place: int, damage: bytes, ends: bool
) -> None:
    """What h11 takes need not be taken, as ours is stricter in places, but if it is, it must be read alike."""
    place %= len(answer)
    damaged = answer[:place] + damage + (b"" if ends else answer[place + len(damage) :])
    pieces = cut(damaged, seed)
    ours, theirs = read_with_ours(pieces), read_with_h11(pieces)
    assert ours in (theirs, "error")


def test_memory_and_time_are_linear_in_a_dripping_head() -> None:
    reader = ResponseReader()
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000:
        assert reader.head(bytes([byte])) is None
    head = reader.head(b"\r\ncontent-length: 0\r\n\r\n")
    assert head is not None
    assert len(head.headers[0][1]) == 100_000


def test_an_endless_head_is_refused() -> None:
    reader = ResponseReader()
    with pytest.raises(httpcore.RemoteProtocolError, match="longer than"):
        for _ in range(200):
            reader.head(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000)


def test_an_answer_to_head_has_no_body() -> None:
    reader = ResponseReader(b"HEAD")
    head = reader.head(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
    assert head is not None
    assert reader.complete
    assert reader.reusable


def test_writes_the_head_of_a_request() -> None:
    head = request_head(b"POST", b"/v1/chat?a=b", [(b"Host", b"vendor.example"), (b"Api-Key", b"k")])
    assert head == b"POST /v1/chat?a=b HTTP/1.1\r\nHost: vendor.example\r\nApi-Key: k\r\n\r\n"


@pytest.mark.parametrize("target", [b"/a b", b"/a\r\nx: y", b"/\0"])
def test_refuses_an_address_that_would_end_its_line(target: bytes) -> None:
    with pytest.raises(httpcore.LocalProtocolError):
        request_head(b"POST", target, [(b"Host", b"vendor.example")])


class Kept:
    idle_since = 0.0


def test_slots_are_counted_right_whatever_happens() -> None:
    chance, slots = random.Random(7), Slots[Kept, object](max_connections=8, max_idle=3, keepalive_expiry=50.0)
    origins = [(b"https", b"a", 443), (b"https", b"b", 443)]
    in_use: list[tuple[tuple[bytes, bytes, int], Kept]] = []
    waiting: dict[object, tuple[bytes, bytes, int]] = {}
    existing = 0
    for now in range(20_000):
        origin = chance.choice(origins)
        if chance.random() < 0.5:
            grant = slots.take(origin)
            if grant is None:
                waiter = object()
                slots.wait(waiter, origin)
                waiting[waiter] = origin
            else:
                existing += (grant.connection is None) - (grant.surplus is not None)
                in_use.append((origin, grant.connection or Kept()))
        elif in_use:
            origin, connection = in_use.pop(chance.randrange(len(in_use)))
            usable = connection if chance.random() < 0.8 else None
            woken, handed, surplus = slots.give_back(origin, usable, float(now))
            existing -= len(surplus) + (usable is None)
            if woken is not None:
                wanted = waiting.pop(woken)
                existing += handed is None
                in_use.append((wanted, handed or Kept()))
        elif waiting:
            waiter = next(iter(waiting))
            del waiting[waiter]
            slots.leave(waiter)
        assert slots.open == existing == len(in_use) + slots.idle_count <= 8
        assert slots.idle_count <= 3
        assert slots.waiting == len(waiting)
        assert not waiting or len(in_use) == 8
