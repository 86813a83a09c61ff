"""How long a simulated provider takes, when its logs show a call, and what is in a new account; no test waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from multiapi.simulator import Clock, Simulator
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.exchange import Pause, Request
from multiapi.types.account import LogsRequest
from multiapi.types.chat import ChatRequest, Message
from tests.simulator.test_prices import client

SPAN = LogsRequest(start=datetime.fromtimestamp(1_699_999_000, UTC), end=datetime.fromtimestamp(1_700_009_000, UTC))


def waits(simulator: Simulator, provider: str, path: str = "/nothing") -> list[Any]:
    """What happens before the answer to any request."""
    return simulator.answer(Request("GET", f"/{provider}{path}", headers={"host": "127.0.0.1"})).before


def posted(simulator: Simulator, body: Mapping[str, Any]) -> httpx.Response:
    with httpx.Client(transport=simulator.transport) as http:
        return http.post("http://127.0.0.1/_simulator/delays", json=body)


def test_a_provider_takes_as_long_as_it_is_told_to() -> None:
    simulator = Simulator(delay={"aicredits": 0.25})
    assert waits(simulator, "aicredits") == [Pause(0.25)]
    assert not waits(simulator, "aimlapi")
    everybody = Simulator(delay=2)
    assert [waits(everybody, name) for name in VENDORS] == [[Pause(2.0)]] * 5


def test_a_clock_that_stands_is_moved_instead() -> None:
    simulator = Simulator(clock=Clock(1_700_000_000.0), delay={"binobox": 3})
    assert not waits(simulator, "binobox")
    assert simulator.clock.now() == 1_700_000_003.0


def test_delays_over_the_port() -> None:
    simulator = Simulator()
    assert posted(simulator, {"vendor": "bineric", "delay": 0.5}).json()["delay"] == {"bineric": 0.5}
    assert posted(simulator, {"delay": 1, "logs_after": 60}).json() == {
        "delay": dict.fromkeys(("bineric", *(name for name in VENDORS if name != "bineric")), 1.0),
        "logs_after": 60.0,
    }
    assert waits(simulator, "aimlapi") == [Pause(1.0)]
    with httpx.Client(transport=simulator.transport) as http:
        assert http.delete("http://127.0.0.1/_simulator/delays").json() == {"delay": {}, "logs_after": 0.0}
    assert not waits(simulator, "aimlapi")


@pytest.mark.parametrize(
    "body", [{}, {"vendor": "acme", "delay": 1}, {"delay": -1}, {"delay": "long"}, {"delay": True}, {"logs_after": -2}]
)
def test_a_wrong_delay_is_refused(body: dict[str, Any]) -> None:
    simulator = Simulator()
    assert posted(simulator, body).status_code == 400
    assert (simulator.delay, simulator.logs_after) == ({}, 0.0)


@pytest.mark.parametrize(
    "settings", [{"delay": {"acme": 1}}, {"delay": -1}, {"logs_after": -1}, {"deposits": {"acme": 1}}]
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"acme|from 0 on"):
        Simulator(**settings)


def test_the_logs_show_a_call_later() -> None:
    simulator = Simulator(clock=Clock(1_700_000_000.0), logs_after=60)
    caller = client(simulator, "aimlapi")
    caller.chat(ChatRequest(model="openai/gpt-4o", messages=[Message("user", "hello")]))
    seen = []
    for _ in range(3):
        seen.append(len(caller.logs(SPAN).items))
        simulator.clock.advance(30)
    assert seen == [0, 0, 1]


def test_deposits_of_new_accounts() -> None:
    simulator = Simulator(deposits={"aimlapi": "0.5"})
    assert simulator.vendor("aimlapi").account("any-key-1234").balance == simulator.deposits["aimlapi"]
    assert simulator.vendor("aimlapi").account("empty-wallet").balance == 0
    assert simulator.vendor("aicredits").account("any-key-1234").balance == 500
