"""`limiter=`: the vendor's caps kept by all models of a process together, whichever threads and event loops they are used in."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.load import dumps

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from multiapi.providers import PROVIDERS
from multiapi.sending.limiter import Limiter, documented_limiter
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import Exchange, HostileServer, answer


class Crowd:
    """Answers slowly, and knows how many requests were there at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    async def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        await asyncio.sleep(0.03)
        with self._lock:
            self.now -= 1
        body = exchange.request.json
        if "messages" in body:
            await answer(chat_body(f"to {body['messages'][-1]['content']}"))(exchange)
        else:
            vectors = [{"index": index, "embedding": [float(text)]} for index, text in enumerate(body["input"])]
            await answer({"data": vectors, "model": "e"})(exchange)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def url(crowd: Crowd) -> Iterator[str]:
    with HostileServer(crowd) as server:
        yield server.url


def model(url: str, limiter: Any) -> ChatMultiApi:
    return ChatMultiApi(provider="aicredits", model="m", api_key="k", base_url=url, limiter=limiter)


def embeddings(url: str, limiter: Any, **more: Any) -> MultiApiEmbeddings:
    return MultiApiEmbeddings(provider="aicredits", model="e", api_key="k", base_url=url, limiter=limiter, **more)


def test_threads_and_event_loops_share_one_limiter(url: str, crowd: Crowd) -> None:
    limiter = Limiter(max_concurrency=3)
    models = [model(url, limiter) for _ in range(4)]

    def in_a_loop(start: int) -> list[str]:
        async def ask() -> list[str]:
            found = await asyncio.gather(*(models[n % 4].ainvoke(str(n)) for n in range(start, start + 8)))
            return [message.text for message in found]

        return asyncio.run(ask())

    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(lambda n=n: models[n % 4].invoke(str(n)).text) for n in range(16)]
        looped = [pool.submit(in_a_loop, start) for start in (16, 24)]
        found = [future.result() for future in asked] + [text for future in looped for text in future.result()]
    assert found == [f"to {number}" for number in range(32)]
    assert crowd.most == 3
    assert limiter.running == 0


async def test_streams_take_turns_until_they_are_left(url: str) -> None:
    limiter = Limiter(max_concurrency=1)
    asked = model(url, limiter)
    pieces = asked.astream("1")
    assert (await anext(pieces)).text
    await pieces.aclose()  # type: ignore[attr-defined]
    assert limiter.running == 0
    assert [piece.text for piece in asked.stream("2") if piece.text] == ["to 2"]
    assert limiter.running == 0


@pytest.mark.parametrize("cap", [2, 4])
async def test_batches_of_embeddings_still_go_side_by_side(url: str, crowd: Crowd, cap: int) -> None:
    limiter = Limiter(max_concurrency=cap)
    texts = [str(number) for number in range(24)]
    vectors = await embeddings(url, limiter, batch_size=2, max_concurrency=6).aembed_documents(texts)
    assert vectors == [[float(number)] for number in range(24)]
    assert crowd.most == cap


def test_chat_and_embeddings_of_one_vendor_keep_to_its_documented_caps_together(url: str, crowd: Crowd) -> None:
    chat, embeds = model(url, "documented"), embeddings(url, "documented", batch_size=1, max_concurrency=8)
    assert chat.client.limiter is embeds.async_client.limiter
    assert chat.client.limiter is documented_limiter(PROVIDERS["aicredits"], hash(chat.client.key))
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(lambda n=n: chat.invoke(str(n)).text) for n in range(12)]
        vectors = embeds.embed_documents([str(number) for number in range(12)])
        assert [future.result() for future in asked] == [f"to {number}" for number in range(12)]
    assert vectors == [[float(number)] for number in range(12)]
    assert crowd.most == 5


def test_every_attempt_counts(url: str) -> None:
    limiter = Limiter(requests_per_minute=2, window_s=0.4)
    asked = model(url, limiter)
    began = time.monotonic()
    for number in range(4):
        asked.invoke(str(number))
    assert time.monotonic() - began > 0.35


@pytest.mark.parametrize("make", [model, embeddings])
def test_copies_and_pickles_keep_it_and_nothing_shows_it(url: str, make: Any) -> None:
    limiter = Limiter(max_concurrency=3)
    made = make(url, limiter)
    for other in (copy.copy(made), copy.deepcopy(made), made.model_copy(), pickle.loads(pickle.dumps(made))):
        assert other.limiter is limiter
        assert other.client.limiter is limiter
    assert "Limiter(" not in repr(made)
    assert "limiter" not in made.model_dump()
    if make is model:
        assert "max_concurrency" not in dumps(made)


def test_a_limiter_that_is_set_later_is_used(url: str, crowd: Crowd) -> None:
    asked = model(url, None)
    assert asked.client.limiter is None
    asked.limiter = limiter = Limiter(max_concurrency=1)
    assert asked.client.limiter is limiter
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: asked.invoke(str(number)), range(6)))
    assert crowd.most == 1


def test_what_is_no_limiter_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="limiter"):
        model(url, "the documented one")
