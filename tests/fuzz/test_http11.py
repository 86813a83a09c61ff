"""A bounded run of the HTTP/1.1 reader against two others, and that it would find something."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from multiapi.transport import http11 as reader
from tests.fuzz import http11


def test_the_readers_agree_or_there_is_a_reason() -> None:
    for seed in range(1500):
        http11.http_answers(random.Random(seed))


def test_most_answers_are_read_by_all() -> None:
    """Else the generator would say little."""
    read = 0
    for seed in range(300):
        data = http11.made(random.Random(seed))
        read += not any(
            each.refused for each in (http11.ours([data]), http11.by_h11([data]), http11.by_httptools([data]))
        )
    assert read > 40


@pytest.mark.parametrize("pair", http11.REASONS)
def test_no_reason_stands_there_for_nothing(pair: str) -> None:
    """Each tells apart what differs from most of what does not."""
    plain = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-y: z\r\n\r\nok"
    assert not [reason for reason, known in http11.REASONS[pair] if known(plain)]


def shorter(method: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda *args: method(*args)[:-1]


def test_a_reader_that_loses_a_byte_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.ResponseReader, "body", shorter(reader.ResponseReader.body))
    with pytest.raises(AssertionError, match="differently|cut and whole"):
        for seed in range(200):
            http11.http_answers(random.Random(seed))


@pytest.mark.parametrize("fault", ["no length is checked", "chunks of any size"])
def test_a_reader_that_is_too_lenient_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "no length is checked":
        monkeypatch.setattr(reader.ResponseReader, "end", lambda self: setattr(self, "complete", True))
    else:
        import re

        monkeypatch.setattr(reader, "_CHUNK_LINE", re.compile(rb"[^0-9A-Fa-f]*([0-9A-Fa-f]{1,16})[^\n]*\n"))
    with pytest.raises(AssertionError, match="ours"):
        for seed in range(1500):
            http11.http_answers(random.Random(seed))
