"""Clients on the simulator, called both ways, without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator

KEY = "simulated-key-0123456789"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(job_wait_s=0, job_run_s=0)


@pytest.fixture(autouse=True)
def waits() -> Iterator[list[float]]:
    with without_waiting() as noted:
        yield noted


@pytest.fixture
def client(simulator: Simulator) -> Callable[..., Client]:
    """A client of one vendor."""

    def make(vendor: str, **settings: Any) -> Client:
        transport = settings.pop("transport", simulator.transport)
        given = {"api_key": KEY, "base_url": simulator.base_url(vendor), **settings}
        return Client(vendor, http_client=httpx.Client(transport=transport), **given)

    return make


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, simulator: Simulator) -> Callable[..., Any]:
    """Call a method of a client, once in each way: `run("binobox", "image", request)`."""

    def call(vendor: str, method: str, *arguments: Any, **options: Any) -> Any:
        handler = options.pop("transport", None)
        settings = {"api_key": KEY, "base_url": simulator.base_url(vendor), **options.pop("settings", {})}
        if request.param == "sync":
            client = Client(vendor, http_client=httpx.Client(transport=handler or simulator.transport), **settings)
            return getattr(client, method)(*arguments, **options)

        async def awaited() -> Any:
            async with httpx.AsyncClient(transport=handler or simulator.async_transport) as sender:
                made = AsyncClient(vendor, http_client=sender, **settings)
                return await getattr(made, method)(*arguments, **options)

        return asyncio.run(awaited())

    return call
