"""Server-sent events, cut in every way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi.errors import ResponseTooLargeError
from multiapi.http.sse import SseDecoder, SseEvent

BODY = (
    b"\xef\xbb\xbf: a comment\n\ndata: one\n\ndata:two\ndata: lines\n\nevent: error\ndata: {}\n\n"
    b"id: 7\nretry: 10\nunknown: x\n\ndata: caf\xc3\xa9 \xe2\x80\xa8 here\n\ndata: last"
)
EVENTS = [
    SseEvent("message", b"one"),
    SseEvent("message", b"two\nlines"),
    SseEvent("error", b"{}"),
    SseEvent("message", b"caf\xc3\xa9 \xe2\x80\xa8 here"),
    SseEvent("message", b"last"),
]


def decode(*pieces: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_the_same_events_wherever_the_bytes_are_cut(newline: bytes) -> None:
    body = BODY.replace(b"\n", newline)
    assert decode(body) == EVENTS
    for at in range(len(body) + 1):
        assert decode(body[:at], body[at:]) == EVENTS
    assert decode(*(body[i : i + 1] for i in range(len(body)))) == EVENTS


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_the_same_events_in_random_pieces(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    assert decode(*(BODY[a:b] for a, b in itertools.pairwise(edges))) == EVENTS


@given(st.binary(max_size=300))
def test_garbage_never_crashes(body: bytes) -> None:
    assert all(isinstance(event, SseEvent) for event in decode(body))


def test_a_line_without_end_is_refused() -> None:
    decoder = SseDecoder(max_event_bytes=1000)
    with pytest.raises(ResponseTooLargeError, match="longer than 1000 bytes"):
        for _ in range(20):
            list(decoder.feed(b"x" * 100))


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b": c", b"event: e", b"id: 1", b"\n", b"\n\n", b"\r\n", b"\r", b"x"]
)


@given(st.lists(LINES, max_size=30).map(b"".join), st.lists(st.integers(0, 60), max_size=4))
def test_any_lines_in_any_pieces_are_the_same_as_byte_by_byte(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(*pieces) == decode(*(body[i : i + 1] for i in range(len(body))))
