"""The limiter: a vendor's caps, kept across threads, tasks, loops and frameworks, and learnt from its answers."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import RateLimitError, RequestTimeoutError, ServerError
from multiapi.providers import PROVIDERS
from multiapi.sending import limiter as limiters
from multiapi.sending.limiter import Limiter, LimiterTimeoutError, documented_limiter, reset_s
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Timeout
from tests.reliability.bodies import chat_body, delta, event, good_for
from tests.reliability.hostile_server import HostileServer, answer, endless, reset, silence, status
from tests.reliability.ways import CHAT, KEYS, request

SLOW = answer(chat_body(), after_s=0.03)


def test_at_most_so_many_at_once_in_threads() -> None:
    with HostileServer(SLOW) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=Limiter(max_concurrency=5))
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda _: client.chat(request()), range(60)))
        assert server.most_at_once == 5
        assert client.limiter is not None
        assert client.limiter.running == 0


async def test_at_most_so_many_at_once_in_a_loop() -> None:
    with HostileServer(SLOW) as server:
        client = AsyncClient("aicredits", api_key="k", base_url=server.url, limiter=Limiter(max_concurrency=5))
        await asyncio.gather(*(client.chat(request()) for _ in range(100)))
        assert server.most_at_once == 5


def test_threads_and_loops_share_one() -> None:
    limiter = Limiter(max_concurrency=4)
    with HostileServer(SLOW) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "limiter": limiter}

        async def many() -> None:
            client = AsyncClient("aicredits", **settings)
            await asyncio.gather(*(client.chat(request()) for _ in range(15)))

        def blocking() -> None:
            client = Client("aicredits", **settings)
            for _ in range(8):
                client.chat(request())

        threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(3)]
        threads += [threading.Thread(target=blocking) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.count == 85
        assert server.most_at_once == 4
        assert limiter.running == 0


def test_a_stream_counts_until_it_is_closed() -> None:
    limiter = Limiter(max_concurrency=1)
    with HostileServer(endless(event(delta("x")), every_s=0.01)) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter, timeout=Timeout(total=0.3))
        pieces = client.chat_stream(request())
        next(pieces)
        assert limiter.running == 1
        with pytest.raises(RequestTimeoutError, match="total") as caught:
            client.chat(request())
        assert not caught.value.outcome_unknown or caught.value.phase == "total"
        pieces.close()
        assert limiter.running == 0
        assert server.count == 1


@pytest.mark.parametrize(
    "play", [status(500), reset(), answer(b"<html>"), answer(b"{}", headers={"content-encoding": "br"})]
)
def test_failures_give_their_place_back(play: Any) -> None:
    limiter = Limiter(max_concurrency=1)
    with HostileServer(play) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        for _ in range(5):
            with pytest.raises(Exception, match="aicredits"):
                client.chat(request())
    assert limiter.running == 0


async def test_cancelled_tasks_give_their_place_back() -> None:
    limiter = Limiter(max_concurrency=2)
    with HostileServer(silence()) as server:
        client = AsyncClient("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        tasks = [asyncio.create_task(client.chat(request())) for _ in range(10)]
        await asyncio.sleep(0.1)
        assert server.count == 2
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.running == 0
    with HostileServer(answer(chat_body())) as server:
        await AsyncClient("aicredits", api_key="k", base_url=server.url, limiter=limiter).chat(request())


def test_each_attempt_is_charged() -> None:
    limiter = Limiter(requests_per_minute=100)
    with HostileServer(status(500)) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        with pytest.raises(ServerError):
            client.chat(request())
        assert server.count == 3
    assert len(limiter._starts) == 3


class Moved:
    """A clock that stands still but for those who sleep by it, and all starts that were noted by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limiter: Limiter) -> None:
        self.now = 0.0
        self.starts: list[float] = []
        starts = self.starts

        class Noted(deque[float]):
            def append(self, at: float) -> None:
                starts.append(at)
                super().append(at)

        limiter._clock = lambda: self.now
        limiter._starts = Noted()
        monkeypatch.setattr(limiters, "time", SimpleNamespace(sleep=self.sleep, monotonic=time.monotonic))
        # Its own, since the server sleeps too.
        monkeypatch.setattr(limiters, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": self.asleep}))

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.now += seconds
        await REAL_SLEEP(0)

    def most_within(self, window_s: float) -> int:
        """The most starts within any window."""
        return max(sum(first <= at < first + window_s for at in self.starts) for first in self.starts)


REAL_SLEEP = asyncio.sleep


def test_so_many_in_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(requests_per_minute=10)
    clock = Moved(monkeypatch, limiter)
    with HostileServer(answer(chat_body())) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.chat(request()), range(35)))
    assert (len(clock.starts), clock.most_within(60.0)) == (35, 10)
    assert clock.now >= 180


def test_no_one_waits_longer_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(requests_per_minute=10)
    clock = Moved(monkeypatch, limiter)
    with (
        HostileServer(answer(chat_body())) as server,
        Client("aicredits", api_key="k", base_url=server.url, limiter=limiter) as client,
    ):
        for _ in range(35):
            client.chat(request())
    assert (len(clock.starts), clock.most_within(60.0)) == (35, 10)
    assert 180 <= clock.now < 181


async def test_so_many_in_any_window_in_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(requests_per_minute=20, window_s=30.0)
    clock = Moved(monkeypatch, limiter)
    turns = await asyncio.gather(*(limiter.aacquire() for _ in range(70)))
    assert len(turns) == 70
    assert (len(clock.starts), clock.most_within(30.0)) == (70, 20)
    assert clock.now >= 90


def test_batches_of_embeddings_are_charged_each() -> None:
    limiter = Limiter(max_concurrency=2)

    async def vectors(exchange: Any) -> None:
        data = [{"index": n, "embedding": [1.0]} for n in range(len(exchange.request.json["input"]))]
        await answer({"data": data}, after_s=0.02)(exchange)

    with HostileServer(vectors) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        client.embed(EmbedRequest(model="e", texts=["x"] * 40, batch_size=2), max_concurrency=8)
        assert server.count == 20
        assert server.most_at_once == 2


# ------------------------------------------------------------------------------------------------ learning


def test_an_empty_allowance_holds_up_the_next_request() -> None:
    told = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0.4"}
    limiter = Limiter(requests_per_minute=60)
    with HostileServer(answer(chat_body(), headers=told), answer(chat_body())) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter)
        client.chat(request())
        client.chat(request())
        assert server.requests[1].at - server.requests[0].at > 0.35


def test_a_retry_after_holds_up_everybody() -> None:
    limiter = Limiter(max_concurrency=9)
    with HostileServer(status(429, headers={"retry-after": "0.4"}), answer(chat_body())) as server:
        client = Client("aicredits", api_key="k", base_url=server.url, limiter=limiter, max_retries=0)
        with pytest.raises(RateLimitError):
            client.chat(request())
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: client.chat(request()), range(4)))
        assert all(seen.at - server.requests[0].at > 0.35 for seen in server.requests[1:])


@pytest.mark.parametrize(("own", "announced", "then"), [(60, 600, 60), (60, 20, 20), (10, 300, 10)])
def test_an_announced_rate_is_taken_over_only_downward(own: int, announced: int, then: int) -> None:
    limiter = Limiter(requests_per_minute=own)
    told = {"x-ratelimit-limit": str(announced), "x-ratelimit-remaining": "19", "x-ratelimit-reset": "60"}
    with HostileServer(answer(chat_body(), headers=told)) as server:
        Client("aicredits", api_key="k", base_url=server.url, limiter=limiter).chat(request())
    assert limiter.requests_per_minute == then


def test_it_learns_nothing_if_it_is_told_so() -> None:
    limiter = Limiter(requests_per_minute=60, adapts=False)
    limiter.learn(429, {"retry-after": "100", "x-ratelimit-limit": "1", "x-ratelimit-reset": "1"})
    assert limiter.requests_per_minute == 60
    assert limiter._start_in(None) == 0.0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-limit": "many"},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000000000"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "-5"},
        {"x-ratelimit-limit": "0", "x-ratelimit-reset": "1"},
        {"x-ratelimit-limit": "9" * 50, "x-ratelimit-reset": "1"},
        {"x-ratelimit-remaining": "\u0660", "x-ratelimit-reset": "\u0661"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"},
    ],
)
def test_headers_that_make_no_sense_change_nothing(headers: dict[str, str]) -> None:
    limiter = Limiter(requests_per_minute=60)
    limiter.learn(200, headers)
    assert limiter.requests_per_minute == 60
    assert limiter._start_in(None) == 0.0


def test_a_pause_is_bounded() -> None:
    now = [0.0]
    limiter = Limiter(requests_per_minute=60, clock=lambda: now[0])
    limiter.learn(429, {"retry-after": "999999"})
    now[0] = 121.0
    assert limiter._start_in(None) == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12),
        ("0.5", 0.5),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("1h2m3s", 3723),
        ("7m", 420),
        ("", None),
        ("x", None),
        ("-1", None),
        (None, None),
        ("\u0663", None),
        ("\x1e1", 1),
    ],
)
def test_times_until_the_reset(text: str | None, seconds: float | None) -> None:
    assert reset_s(text) == seconds


# ------------------------------------------------------------------------------------------------ the documented caps


def test_the_documented_caps() -> None:
    limiter = Client("aicredits", api_key=KEYS["aicredits"], limiter="documented").limiter
    assert limiter is not None
    assert (limiter.max_concurrency, limiter.requests_per_minute) == (5, 60)
    box = Client("binobox", api_key="k", limiter="documented").limiter
    assert box is not None
    assert (box.max_concurrency, box.requests_per_minute) == (None, 60)
    assert Client("aimlapi", api_key="k", limiter="documented").limiter is None
    assert Client("aicredits", api_key="k").limiter is None


def test_clients_of_one_user_share_the_documented_one() -> None:
    first = Client("aicredits", api_key="one", limiter="documented")
    second = AsyncClient("aicredits", api_key="one", limiter="documented")
    other = Client("aicredits", api_key="two", limiter="documented")
    assert first.limiter is second.limiter
    assert first.limiter is not other.limiter
    assert documented_limiter(PROVIDERS["binom_router"]) is None


def test_it_travels() -> None:
    limiter = Limiter(max_concurrency=3, requests_per_minute=7)
    assert pickle.loads(pickle.dumps(limiter)) is limiter
    assert copy.deepcopy(limiter) is limiter
    data = pickle.dumps(limiter)
    client = Client("aicredits", api_key="k", limiter=limiter)
    assert pickle.loads(pickle.dumps(client)).limiter is limiter
    del limiter, client
    again = pickle.loads(data)
    assert (again.max_concurrency, again.requests_per_minute) == (3, 7)


def test_it_refuses_limits_that_are_none() -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="1 or more"):
            Limiter(max_concurrency=wrong)
        with pytest.raises(ValueError, match="1 or more"):
            Limiter(requests_per_minute=wrong)


# ------------------------------------------------------------------------------------------------ turns


def test_turns_come_in_order_and_on_time() -> None:
    limiter = Limiter(max_concurrency=1)
    first = limiter.acquire()
    order: list[int] = []

    def wait(number: int) -> None:
        turn = limiter.acquire()
        order.append(number)
        turn.done()

    threads = []
    for number in range(5):
        thread = threading.Thread(target=wait, args=(number,))
        thread.start()
        threads.append(thread)
        time.sleep(0.02)
    first.done()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_turn_that_would_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(max_concurrency=1)
    with pytest.raises(LimiterTimeoutError):
        held = limiter.acquire()
        try:
            limiter.acquire(time.monotonic() + 0.1)
        finally:
            held.done()
    limiter.acquire(time.monotonic() + 0.1).done()
    assert limiter.running == 0
    rate = Limiter(requests_per_minute=1)
    clock = Moved(monkeypatch, rate)
    rate.acquire().done()
    with pytest.raises(LimiterTimeoutError):
        rate.acquire(clock.now + 5)
    assert clock.now == 0, "what cannot be in time is refused at once"
    assert rate.running == 0


async def test_a_turn_that_would_come_too_late_in_a_loop() -> None:
    limiter = Limiter(max_concurrency=1)
    held = await limiter.aacquire()
    with pytest.raises(LimiterTimeoutError):
        await limiter.aacquire(time.monotonic() + 0.05)
    held.done()
    held.done()
    assert limiter.running == 0
    (await limiter.aacquire()).done()


def test_a_loop_that_has_ended_does_not_keep_its_place() -> None:
    limiter = Limiter(max_concurrency=1)
    held = limiter.acquire()

    async def wait_in_vain() -> None:
        task = asyncio.create_task(limiter.aacquire())
        await asyncio.sleep(0.02)
        assert len(limiter._waiting) == 1
        task.cancel()

    asyncio.run(wait_in_vain())
    held.done()
    limiter.acquire(time.monotonic() + 1).done()


def test_a_forgotten_turn_is_given_back() -> None:
    limiter = Limiter(max_concurrency=1)
    turn = limiter.acquire()
    del turn
    assert limiter.running == 0


@pytest.mark.parametrize("vendor", ["aicredits", "binobox"])
def test_with_documented_caps_everything_works_as_before(vendor: str) -> None:
    with HostileServer(good_for(CHAT, vendor)) as server:
        CHAT.ask(server.url, vendor, limiter="documented").good()
