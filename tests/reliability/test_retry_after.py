"""Cases 15 to 21: how long the provider asks to wait, and what is made of it."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from multiapi.errors import RateLimitError, StatusError
from multiapi.sending.waiting import Waiting, set_waiting
from multiapi.types.limits import Timeout
from tests.reliability.bodies import chat_body, good_for
from tests.reliability.hostile_server import HostileServer, answer, head_bytes, raw, status
from tests.reliability.ways import CHAT, TEXT, Way, every_way


def busy(**headers: str) -> object:
    return status(429, headers={name.replace("_", "-"): value for name, value in headers.items()})


@every_way
@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("0.25", 0.25), (" 3 ", 3.0), ("0", 0.0), ("1e0", 1.0)])
def test_case_015_seconds(way: Way, text: str, seconds: float, waits: list[float]) -> None:
    with HostileServer(busy(retry_after=text), busy(retry_after=text), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert server.count == 3
    assert waits == [seconds, seconds]


def test_case_015_each_time_at_least_that_long() -> None:
    set_waiting(Waiting())
    with HostileServer(busy(retry_after="0.3"), busy(retry_after="0.3"), answer(chat_body())) as server:
        CHAT.ask(server.url).good()
    gaps = [b.at - a.at for a, b in zip(server.requests, server.requests[1:], strict=False)]
    assert all(0.3 <= gap < 0.6 for gap in gaps), gaps


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tehran", "Asia/Kolkata", "America/Los_Angeles"])
@every_way
def test_case_016_date_in_the_future(way: Way, zone: str, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        then = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
        with HostileServer(busy(retry_after=then), good_for(way)) as server:
            assert way.ask(server.url).good().text == TEXT
        assert 17 < waits[0] <= 20
    finally:
        monkeypatch.undo()
        os.environ.pop("TZ", None)
        time.tzset()


@pytest.mark.parametrize(
    "form",
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%d %b %Y %H:%M:%S +0000"],
)
def test_case_016_every_form_of_a_date(form: str, waits: list[float]) -> None:
    then = (datetime.now(UTC) + timedelta(seconds=30)).strftime(form)
    with HostileServer(busy(retry_after=then), answer(chat_body())) as server:
        CHAT.ask(server.url).good()
    assert 27 < waits[0] <= 30


@every_way
def test_case_016_date_in_the_past(way: Way, waits: list[float]) -> None:
    with HostileServer(busy(retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert waits == [0.0]


@every_way
def test_case_017_milliseconds(way: Way, waits: list[float]) -> None:
    with HostileServer(busy(retry_after_ms="1500", retry_after="9"), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert waits == [1.5]


FAR = [
    ("61", 61.0),
    ("86400", 86_400.0),
    ("31536000", 31_536_000.0),
    ("12345678901234567890123", 12345678901234567890123.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", None),
]


@every_way
@pytest.mark.parametrize(("text", "seconds"), FAR)
def test_case_018_far_beyond_the_cap(way: Way, text: str, seconds: float | None, waits: list[float]) -> None:
    with HostileServer(busy(retry_after=text), good_for(way)) as server:
        outcome = way.ask(server.url)
    error = outcome.failed(RateLimitError)
    assert server.count == 1
    assert waits == []
    assert error.retry_after_s == seconds if seconds is not None else error.retry_after_s > 1e9
    assert error.retryable
    assert "asks to wait" in error.not_repeated


@every_way
def test_case_018_beyond_the_time_that_is_left(way: Way, waits: list[float]) -> None:
    with HostileServer(busy(retry_after="30"), good_for(way)) as server:
        error = way.ask(server.url, timeout=Timeout(total=5.0)).failed(RateLimitError)
    assert (error.retry_after_s, server.count, waits) == (30.0, 1, [])


UNREADABLE = [
    "",
    "soon",
    "-5",
    "inf",
    "-inf",
    "nan",
    "1,5",
    "\u0663\u0660",
    "0x10",
    "1_0",
    "5s",
    "Wed, 99 Foo",
    "None",
    "+1",
    "1 2",
]


@every_way
@pytest.mark.parametrize("text", UNREADABLE)
def test_case_019_unreadable_is_as_if_absent(way: Way, text: str, waits: list[float]) -> None:
    with HostileServer(busy(retry_after=text, retry_after_ms=text), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert waits == [0.0]
    assert server.count == 2


@every_way
def test_case_019_twice(way: Way, waits: list[float]) -> None:
    head = head_bytes(429, [("retry-after", "7"), ("retry-after", "9"), ("content-length", "2")])
    with HostileServer(raw(head + b"{}", then="keep"), good_for(way)) as server:
        assert way.ask(server.url).good().text == TEXT
    assert waits == [0.0]


@every_way
@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 422])
def test_case_020_ignored_on_refusals(way: Way, code: int, waits: list[float]) -> None:
    with HostileServer(status(code, headers={"retry-after": "1"}), good_for(way)) as server:
        error = way.ask(server.url).failed(StatusError)
    assert (server.count, waits, error.retryable) == (1, [], False)
