"""Router models of AI/ML API: what answered is told, and the judgement is a second row of the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, Client, Message
from multiapi.simulator import Clock, Simulator
from multiapi.simulator.vendors.aimlapi import JUDGEMENT_USD, ROUTERS
from multiapi.types import LogsRequest


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("router", list(ROUTERS))
def test_a_router_says_what_answered_and_is_billed_twice(router: str, stream: bool) -> None:
    simulator = Simulator(clock=Clock(1_780_000_000.0))
    settings: dict[str, Any] = {"api_key": "any-key-1234", "base_url": simulator.base_url("aimlapi")}
    client = Client("aimlapi", http_client=httpx.Client(transport=simulator.transport), **settings)
    before = client.balance().amount
    request = ChatRequest(model=router, messages=[Message("user", "Say hello in three words.")])
    answer = [*client.chat_stream(request)][-1].response if stream else client.chat(request)
    assert answer is not None and answer.cost is not None
    assert answer.text == "hello in three words"
    assert answer.model == ROUTERS[router].rsplit("/", 1)[-1]
    assert (answer.answered_by, answer.served_by) == (ROUTERS[router], ROUTERS[router].split("/")[0])
    rows = client.logs(LogsRequest(period="24h")).items
    assert [row.model for row in rows] == [router, router]
    spent = sum((row.cost.amount for row in rows if row.cost), Decimal(0))
    assert spent == answer.cost.amount + JUDGEMENT_USD
    after = client.balance().amount
    assert before is not None and after is not None and before - after == spent
