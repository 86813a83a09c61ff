"""What a router model tells of its cost is not all of it (live_aimlapi L12)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from langchain_multiapi.spending import SpendTracker, cost_of
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, Cost, Message, Tool
from multiapi.cli.output import money
from multiapi.money.spending import track_spending
from multiapi.providers import PROVIDERS
from multiapi.sending.requests import httpx_request
from multiapi.simulator import Simulator
from multiapi.simulator.vendors.aimlapi import ROUTERS

SIMULATOR = Simulator()
HTTP = {
    "api_key": "any-key-1234",
    "base_url": SIMULATOR.base_url("aimlapi"),
    "http_client": httpx.Client(transport=SIMULATOR.transport),
}
ASYNC = {**HTTP, "http_client": httpx.AsyncClient(transport=SIMULATOR.async_transport)}
LATER = {**HTTP, "http_async_client": ASYNC["http_client"]}
TOOL = Tool("look_up", parameters={"type": "object", "properties": {"a": {"type": "string"}}})


def ask(model: str, **more: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message("user", "Say hello.")], **more)


async def _astream(model: str) -> Any:
    return [each async for each in AsyncClient("aimlapi", **ASYNC).chat_stream(ask(model))][-1].response


CORE: dict[str, Callable[[str], Any]] = {
    "whole": lambda model: Client("aimlapi", **HTTP).chat(ask(model)),
    "streamed": lambda model: [*Client("aimlapi", **HTTP).chat_stream(ask(model))][-1].response,
    "async": lambda model: asyncio.run(AsyncClient("aimlapi", **ASYNC).chat(ask(model))),
    "async, streamed": lambda model: asyncio.run(_astream(model)),
    "with a tool": lambda model: Client("aimlapi", **HTTP).chat(ask(model, tools=[TOOL], tool_choice="required")),
    "with a changed name": lambda model: Client("aimlapi", **HTTP).chat(
        ask(model, tools=[Tool("look up/it", parameters=TOOL.parameters)])
    ),
}


@pytest.mark.parametrize("way", CORE)
def test_the_core_says_so(way: str) -> None:
    for router in ROUTERS:
        cost = CORE[way](router).cost
        assert cost.complete is False and cost.amount > 0
        assert repr(cost).endswith("complete=False)")
        assert money(cost).startswith("at least ")
    assert CORE[way]("openai/gpt-4o").cost.complete is True


def _sum(messages: Any) -> Any:
    made = list(messages)
    total = made[0]
    for each in made[1:]:
        total += each
    return total


LANGCHAIN: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda model: model.invoke("Say hello."),
    "stream": lambda model: _sum(model.stream("Say hello.")),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Say hello.")),
}


@pytest.mark.parametrize("way", LANGCHAIN)
def test_langchain_says_so(way: str) -> None:
    for router in ROUTERS:
        message = LANGCHAIN[way](ChatMultiApi(model=f"aimlapi:{router}", **LATER))
        assert message.response_metadata["cost"]["complete"] is False
        assert message.response_metadata["answered_by"] == ROUTERS[router]
        found = cost_of(message)
        assert found is not None and found.complete is False
    assert (
        "complete" not in LANGCHAIN[way](ChatMultiApi(model="aimlapi:openai/gpt-4o", **LATER)).response_metadata["cost"]
    )


LLAMAINDEX: dict[str, Callable[[Any], Any]] = {
    "complete": lambda llm: llm.complete("Say hello."),
    "stream": lambda llm: list(llm.stream_complete("Say hello."))[-1],
    "acomplete": lambda llm: asyncio.run(llm.acomplete("Say hello.")),
}


@pytest.mark.parametrize("way", LLAMAINDEX)
def test_llamaindex_says_so(way: str) -> None:
    for router in ROUTERS:
        answer = LLAMAINDEX[way](MultiApiLLM(model=f"aimlapi:{router}", **LATER))
        assert answer.additional_kwargs["cost"]["complete"] is False
        assert answer.additional_kwargs["answered_by"] == ROUTERS[router]
    answer = LLAMAINDEX[way](MultiApiLLM(model="aimlapi:openai/gpt-4o", **LATER))
    assert "complete" not in answer.additional_kwargs["cost"]


def test_sums_say_that_they_are_the_least(caplog: pytest.LogCaptureFixture) -> None:
    router = next(iter(ROUTERS))
    with caplog.at_level(logging.WARNING, "multiapi"), track_spending() as spent:
        CORE["whole"](router)
        CORE["streamed"](router)
        CORE["whole"]("openai/gpt-4o")
    assert (spent.calls, spent.incomplete, spent.unpriced) == (3, 2, 0)
    assert "2 of 3 paid calls cost more than they told" in caplog.text
    tracker = SpendTracker()
    ChatMultiApi(model=f"aimlapi:{router}", **LATER).invoke("x", config={"callbacks": [tracker]})
    assert (tracker.calls, tracker.incomplete) == (1, 1)


def test_a_cost_is_complete_unless_it_is_said_otherwise() -> None:
    assert Cost(Decimal(1), "USD") == Cost(Decimal(1), "USD", None, True)
    assert repr(Cost(Decimal(1), "USD")) == "Cost(amount=Decimal('1'), unit='USD', balance=None)"


@pytest.mark.parametrize("stream", [False, True])
def test_a_router_has_a_minute_for_its_judgement(stream: bool) -> None:
    provider = PROVIDERS["aimlapi"]
    assert provider.routers == ROUTERS.keys()
    client = Client("aimlapi", api_key="any-key-1234")
    for router in provider.routers:
        made = (
            provider.chat_stream.build(ask(router))
            if stream and provider.chat_stream
            else provider.chat.build(ask(router))
        )
        assert httpx_request(client, made, "any-key-1234", None).extensions["timeout"]["read"] >= 60
