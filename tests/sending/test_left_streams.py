"""An async stream that nobody reads on is closed by steps, whatever stands around them: loading at the first call, an observer."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, ChatRequest, Message
from multiapi.flows.observing import OBSERVING, Observer, Watch
from multiapi.sending import loading
from multiapi.simulator import Simulator

MODELS = {"aicredits": "openai/gpt-4o-mini", "aimlapi": "openai/gpt-4o", "bineric": "gpt-4", "binom_router": "gpt-4o"}


class Noting(Observer):
    """Does nothing, as an observer."""

    def begin(self, target: Any, name: str, request: Any, stream: bool) -> Watch:
        return Watch()


@pytest.fixture(params=["first", "later"])
def first_or_later(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether something has to be loaded before the call."""
    if request.param == "first":
        monkeypatch.setattr(loading, "LOADED", set())
        monkeypatch.setattr("multiapi.sending.runner.LOADED", set())


@pytest.fixture(params=["seen", "unseen"])
def seen_or_not(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whether an observer sees it."""
    OBSERVING.observer = Noting() if request.param == "seen" else None
    yield
    OBSERVING.observer = None


class Body(httpx.AsyncByteStream):
    """The body of an answer, which notes that it was closed."""

    def __init__(self, inner: Any, closed: list[bool]) -> None:
        self.inner, self.closed = inner, closed

    async def __aiter__(self) -> Any:
        async for chunk in self.inner:
            yield chunk

    async def aclose(self) -> None:
        self.closed.append(True)
        await self.inner.aclose()


class Transport(httpx.AsyncBaseTransport):
    """The simulator, with bodies that note their end."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.closed: list[bool] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        response.stream = Body(response.stream, self.closed)
        return response


@pytest.mark.usefixtures("first_or_later", "seen_or_not")
@pytest.mark.parametrize("how", ["closed", "collected", "cancelled", "broken"])
@pytest.mark.parametrize("provider", MODELS)
def test_a_stream_that_is_left_closes_its_answer(provider: str, how: str, simulator: Simulator) -> None:
    transport = Transport(simulator.async_transport)
    troubles: list[Any] = []

    async def leave() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
        async with httpx.AsyncClient(transport=transport) as http:
            client = AsyncClient(
                provider, api_key="a-key-of-tests-1234", base_url=simulator.base_url(provider), http_client=http
            )
            request = ChatRequest(model=MODELS[provider], messages=[Message("user", "Say hello to everybody.")])
            stream = client.chat_stream(request)

            async def first() -> None:
                async for _ in stream:
                    if how == "cancelled":
                        await asyncio.sleep(3600)
                    if how == "broken":
                        raise LookupError
                    return

            task = asyncio.ensure_future(first())
            if how == "cancelled":
                while not transport.closed and simulator.log == []:
                    await asyncio.sleep(0)
                for _ in range(200):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if how == "collected":
                del stream, first
                gc.collect()
                for _ in range(50):
                    await asyncio.sleep(0)
            else:
                await stream.aclose()

    asyncio.run(leave())
    assert troubles == []
    assert transport.closed
