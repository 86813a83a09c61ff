"""Limits on requests and tokens: what is charged, what is learned, what a pickle keeps."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from typing import Any

import pytest

from llamaindex_multiapi import AdaptiveRateLimiter
from llamaindex_multiapi.testing import Said, Wire
from tests.llamaindex.scripted import FORMAT, embedding_on, llm_on, says, user

REALLY = time.sleep


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():  # what else runs here does not move this clock
            REALLY(seconds)
            return
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        made.sleep(seconds)
        await really(0)

    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(time, "sleep", made.sleep)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return made


def limiter_on(clock: Clock, **limits: Any) -> AdaptiveRateLimiter:
    limiter = AdaptiveRateLimiter(**limits)
    limiter.limiter._clock = lambda: clock.now
    return limiter


def test_c29_every_attempt_is_charged_once(clock: Clock) -> None:
    """Two attempts of one call and one of the next: the fourth request of the minute has to wait."""
    limiter = limiter_on(clock, requests_per_minute=3)
    wire = Wire(FORMAT.error(500, "not now"), FORMAT.whole(Said("hi")))
    llm = llm_on(wire, rate_limiter=limiter, max_retries=1)
    llm.chat(user())
    llm.chat(user())
    assert len(wire.asked) == 3
    before = clock.now
    llm.chat(user())
    assert 55 < clock.now - before < 61


async def test_c29_models_share_a_limiter(clock: Clock) -> None:
    limiter = limiter_on(clock, requests_per_minute=2)
    wire = says(Said("hi"))
    vectors = Wire(lambda asked: FORMAT.vectors([[1.0]] * len(asked.json["input"])))
    llm, embedding = llm_on(wire, rate_limiter=limiter), embedding_on(vectors, rate_limiter=limiter)
    await llm.achat(user())
    await embedding.aget_text_embedding("a")
    before = clock.now
    llm.chat(user())
    assert clock.now - before > 55


def test_c29_it_learns_from_the_answers(clock: Clock) -> None:
    limiter = limiter_on(clock)
    busy = FORMAT.error(429, "slow down", retry_after="20")
    wire = Wire(busy, FORMAT.whole(Said("hi")))
    llm = llm_on(wire, rate_limiter=limiter)
    with pytest.raises(Exception, match="slow down"):
        llm.chat(user())
    before = clock.now
    llm.chat(user())
    assert 19 < clock.now - before < 22


def test_c29_classes_of_others_charge_their_calls(clock: Clock) -> None:
    limiter = limiter_on(clock, requests_per_minute=1, tokens_per_minute=100)
    limiter.acquire(num_tokens=50)
    before = clock.now
    limiter.acquire(num_tokens=10)
    assert 55 < clock.now - before < 62
    asyncio.run(limiter.async_acquire(num_tokens=95))
    assert limiter.for_attempts().for_attempts().charges_attempts
    limiter.for_attempts().acquire(num_tokens=10_000)  # what the framework asks for our models is free


def test_r50_tokens_per_minute_work(clock: Clock) -> None:
    limiter = limiter_on(clock, tokens_per_minute=100)
    wire = says(Said("hi", usage=(30, 30)))
    llm = llm_on(wire, rate_limiter=limiter)
    llm.chat(user())  # counted 60 by the vendor
    before = clock.now
    llm.chat(user("x" * 200))  # estimated 51
    assert clock.now - before > 55


@pytest.mark.parametrize("way", ["achat", "stream_chat", "astream_chat", "embed", "aembed"])
async def test_r50_tokens_are_charged_in_every_way(way: str) -> None:
    limiter = AdaptiveRateLimiter(tokens_per_minute=1_000_000)
    llm = llm_on(says(Said("hi", usage=(7, 5))), rate_limiter=limiter)
    vectors = Wire(lambda asked: FORMAT.vectors([[1.0]] * len(asked.json["input"])))
    embedding = embedding_on(vectors, rate_limiter=limiter)
    if way == "achat":
        await llm.achat(user())
    elif way == "stream_chat":
        list(llm.stream_chat(user()))
    elif way == "astream_chat":
        _ = [item async for item in await llm.astream_chat(user())]
    elif way == "embed":
        embedding.get_text_embedding("a")
    else:
        await embedding.aget_text_embedding("a")
    assert limiter.limiter._used == (3 if "embed" in way else 12)


def test_r50_it_survives_a_pickle() -> None:
    limiter = AdaptiveRateLimiter(requests_per_minute=3, max_concurrency=2, tokens_per_minute=100)
    llm = llm_on(says(Said("hi")), rate_limiter=limiter)
    again = pickle.loads(pickle.dumps(llm)).rate_limiter
    assert again.limiter is limiter.limiter  # in this process it stays this very limiter
    assert repr(again) == "AdaptiveRateLimiter(requests_per_minute=3, max_concurrency=2, tokens_per_minute=100)"
    assert again.charges_attempts
