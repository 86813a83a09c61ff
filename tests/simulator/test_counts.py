"""What the simulator counts, over its port and in process: the ground that tests of bulk work stand on."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from multiapi.simulator import Simulator


def ask(simulator: Simulator, text: str = "hi", **headers: str) -> httpx.Response:
    with httpx.Client(transport=simulator.transport) as client:
        return client.post(
            simulator.base_url("aimlapi") + "/v1/chat/completions",
            headers={"authorization": "Bearer any-key-1234", **headers},
            json={"model": "openai/gpt-4o", "messages": [{"role": "user", "content": text}]},
        )


def control(simulator: Simulator, path: str, body: Any = None) -> Any:
    with httpx.Client(transport=simulator.transport, base_url="http://127.0.0.1") as client:
        answer = client.get(f"/_simulator/{path}") if body is None else client.post(f"/_simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_what_is_answered_twice_was_paid_twice() -> None:
    simulator = Simulator()
    for text in ("a", "b", "a", "a"):
        ask(simulator, text, **{"x-client-request-id": f"own-{text}"})
    ask(simulator, "refused", authorization="")
    counts = control(simulator, "counts")
    assert (counts["requests"], counts["texts"], counts["paid_twice"]) == (5, 2, 2)
    assert counts["by_status"] == {"200": 4, "401": 1}
    assert counts["by_own_id"] == {"own-a": 3, "own-b": 1}
    assert simulator.counts.paid_twice == 2
    simulator.reset()
    assert simulator.counts.requests == 0


def test_each_text_of_embeddings_counts() -> None:
    simulator = Simulator()
    with httpx.Client(transport=simulator.transport) as client:
        for texts in (["a", "b"], ["b", "c"]):
            client.post(
                simulator.base_url("aimlapi") + "/v1/embeddings",
                headers={"authorization": "Bearer any-key-1234"},
                json={"model": "text-embedding-3-small", "input": texts},
            )
    assert simulator.counts.answered == {"a": 1, "b": 2, "c": 1}


@pytest.mark.parametrize(("fault", "charged"), [("lost", False), ("drop", True)])
def test_lost_is_before_the_charge_and_drop_behind_it(fault: str, charged: bool) -> None:
    simulator = Simulator()
    simulator.faults.add(fault, vendor="aimlapi")
    with pytest.raises(httpx.TransportError):
        ask(simulator)
    account = simulator.vendor("aimlapi").account("any-key-1234")
    assert (account.balance < account.deposit) is charged
    assert sum(simulator.counts.answered.values()) == charged


def test_a_share_of_requests_fails_and_the_same_ones_each_time() -> None:
    def statuses() -> list[int]:
        simulator = Simulator()
        control(simulator, "faults", {"fault": "status=500", "vendor": "aimlapi", "rate": 0.3, "seed": 5})
        return [ask(simulator, str(number)).status_code for number in range(60)]

    first = statuses()
    assert first == statuses()
    assert 8 <= first.count(500) <= 30
    with httpx.Client(transport=Simulator().transport, base_url="http://127.0.0.1") as client:
        assert client.post("/_simulator/faults", json={"fault": "drop", "rate": 2}).status_code == 400


def test_an_account_is_opened_with_any_balance() -> None:
    simulator = Simulator()
    control(simulator, "accounts", {"vendor": "aimlapi", "key": "poor-key-1234", "deposit": "0.5"})
    assert simulator.vendor("aimlapi").account("poor-key-1234").balance == Decimal("0.5")


async def test_the_most_at_once_and_the_most_in_a_minute_are_counted() -> None:
    simulator = Simulator()
    simulator.clock.freeze() if hasattr(simulator.clock, "freeze") else None
    simulator.faults.add("delay=0.05", vendor="aicredits", times=None)
    async with httpx.AsyncClient(transport=simulator.async_transport) as client:

        async def one() -> None:
            await client.post(
                simulator.base_url("aicredits") + "/v1/chat/completions",
                headers={"authorization": "Bearer any-key-1234"},
                json={"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]},
            )

        await asyncio.gather(*(one() for _ in range(7)))
        simulator.clock.advance(61)
        await one()
    assert simulator.counts.most_at_once == 7
    assert simulator.counts.most_in_a_minute("aicredits") == 7
