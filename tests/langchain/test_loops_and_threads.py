"""One model in many event loops and threads."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from langchain_multiapi import ChatMultiApi
from multiapi.simulator.server import Server


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server()
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield server.base_url("aimlapi")
    server.stop()
    thread.join(10)


def model_at(address: str) -> ChatMultiApi:
    return ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key="k", base_url=address)


def sockets() -> int:
    count = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            count += "socket" in os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
    return count


def test_two_hundred_loops_one_after_the_other(address: str) -> None:
    model = model_at(address)
    before = sockets()

    async def ask() -> str:
        return (await model.ainvoke("hello")).text

    assert all(asyncio.run(ask()) for _ in range(200))
    gc.collect()
    assert sockets() - before <= 2


def test_thirty_two_threads_with_loops_of_their_own(address: str) -> None:
    model = model_at(address)

    async def ask() -> str:
        texts = [chunk.text async for chunk in model.astream("hello")]
        return "".join(texts) + (await model.ainvoke("hello")).text

    with ThreadPoolExecutor(32) as pool:
        said = set(pool.map(lambda _: asyncio.run(ask()), range(64)))
    assert len(said) == 1


def test_thirty_two_threads_share_one_model(address: str) -> None:
    model = model_at(address)
    with ThreadPoolExecutor(32) as pool:
        assert len(set(pool.map(lambda _: model.invoke("hello").text, range(128)))) == 1


async def test_no_socket_is_left_after_closing(address: str) -> None:
    model = model_at(address)
    model.close()
    await model.aclose()
    before = sockets()
    async with model:
        await asyncio.gather(*(model.ainvoke("hello") for _ in range(20)))
        model.invoke("hello")
        model.close()
    gc.collect()
    for _ in range(50):
        if sockets() <= before:
            break
        await asyncio.sleep(0.05)
    assert sockets() <= before
