"""A call that was cancelled or interrupted takes nothing of a budget unless a byte of it may have arrived."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, SpendTracker
from multiapi import AsyncClient, Client, Limiter, Timeout
from multiapi.errors import RequestTimeoutError
from multiapi.money import Budget, Spending, track_spending
from multiapi.types.embeddings import EmbedRequest
from tests.reliability.ways import request

KEY = "any-key-1234"
ADDRESS = "http://vendor.example/v1"
USES = ["chat", "stream", "embed"]


class Place:
    """Where a call stands when it is broken off; `was_sent` is what is right there."""

    def __init__(self, name: str, was_sent: bool) -> None:
        self.name = name
        self.was_sent = was_sent
        self.reached = asyncio.Event()
        self.settings: dict[str, Any] = {"api_key": KEY}

    async def stop(self, *_: Any, **__: Any) -> Any:
        self.reached.set()
        await asyncio.Event().wait()

    def interrupt(self, *_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt


PLACES = {"key": False, "turn": False, "turn of a user's client": False, "name": False, "answer": True}


async def use_once(client: AsyncClient, use: str) -> None:
    if use == "stream":
        async for _ in client.chat_stream(request()):
            pass
    elif use == "embed":
        await client.embed(EmbedRequest(model="e", texts=["x"]))
    else:
        await client.chat(request())


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("name", "was_sent"), PLACES.items())
async def test_a_cancelled_call(name: str, was_sent: bool, use: str) -> None:
    place = Place(name, was_sent)
    if name == "key":
        place.settings["api_key"] = place.stop
    if name in {"answer", "turn of a user's client"}:
        place.settings["http_client"] = httpx.AsyncClient(transport=httpx.MockTransport(place.stop))
    if name == "name":
        asyncio.get_running_loop().getaddrinfo = place.stop  # type: ignore[method-assign]
    limiter = Limiter(max_concurrency=1)
    budget = Budget("10 USD", max_cost_per_call="1 USD", read_prices=False)
    client = AsyncClient("aimlapi", base_url=ADDRESS, allow_http=True, budget=budget, limiter=limiter, **place.settings)
    turn = await limiter.aacquire() if "turn" in name else None
    with track_spending() as spent:
        task = asyncio.create_task(use_once(client, use))
        if turn is None:
            await place.reached.wait()
        else:
            while not limiter._waiting:
                await asyncio.sleep(0)
        assert budget.reserved == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (budget.doubtful, budget.reserved, spent.doubtful) == (int(was_sent), 0, int(was_sent))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("name", "was_sent"), [("key", False), ("name", False), ("answer", True)])
def test_an_interrupted_call(name: str, was_sent: bool, use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(name, was_sent)
    if name == "key":
        place.settings["api_key"] = place.interrupt
    elif name == "answer":
        place.settings["http_client"] = httpx.Client(transport=httpx.MockTransport(place.interrupt))
    else:
        monkeypatch.setattr(socket, "getaddrinfo", place.interrupt)
    budget = Budget("10 USD", max_cost_per_call="1 USD", read_prices=False)
    client = Client("aimlapi", base_url=ADDRESS, allow_http=True, budget=budget, **place.settings)
    calls = {
        "chat": lambda: client.chat(request()),
        "stream": lambda: list(client.chat_stream(request())),
        "embed": lambda: client.embed(EmbedRequest(model="e", texts=["x"])),
    }
    with track_spending() as spent, pytest.raises(KeyboardInterrupt):
        calls[use]()
    assert (budget.doubtful, budget.reserved, spent.doubtful) == (int(was_sent), 0, int(was_sent))


@pytest.mark.parametrize("awaits", [False, True])
async def test_who_gets_no_turn_in_time_has_sent_nothing(awaits: bool) -> None:
    """Also with a client of the user's own, of which nobody knows what it does."""
    limiter, budget = Limiter(max_concurrency=1), Budget("10 USD", max_cost_per_call="1 USD", read_prices=False)
    turn = await limiter.aacquire()
    given: dict[str, Any] = {
        "budget": budget,
        "limiter": limiter,
        "timeout": Timeout(total=0.05),
        "max_retries": 0,
        "api_key": KEY,
    }

    def refuse(_: Any) -> Any:
        raise AssertionError("it was sent")

    transport = httpx.MockTransport(refuse)
    with track_spending() as spent, pytest.raises(RequestTimeoutError) as caught:
        if awaits:
            await AsyncClient("aimlapi", http_client=httpx.AsyncClient(transport=transport), **given).chat(request())
        else:
            Client("aimlapi", http_client=httpx.Client(transport=transport), **given).chat(request())
    assert not caught.value.outcome_unknown
    turn.done()
    assert (budget.doubtful, budget.reserved, spent.calls) == (0, 0, 0)


def test_a_callback_of_langchain_counts_no_call_that_was_never_sent() -> None:
    def stop() -> str:
        raise KeyboardInterrupt

    spent = SpendTracker()
    with pytest.raises(KeyboardInterrupt):
        ChatMultiApi(model="aimlapi:m", api_key=stop).invoke("x", config={"callbacks": [spent]})
    assert isinstance(spent, Spending)
    assert spent.calls == 0
