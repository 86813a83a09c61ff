"""The limiter when something goes wrong: interrupts at each line, the collector at any moment, forks, loops that stand still."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.providers import PROVIDERS
from multiapi.sending import limiter as limiters
from multiapi.sending import transports as shared
from multiapi.sending.kept import PROCESS, Kept
from multiapi.sending.keys import ApiKey
from multiapi.sending.limiter import Limiter, LimiterTimeoutError, documented_limiter
from tests.reliability.bodies import chat_body
from tests.reliability.interrupts import at_each_line
from tests.reliability.ways import request

ROOT = Path(__file__).parents[2]


def free(limiter: Limiter) -> bool:
    """Whether all places can be had at once, and no more."""
    turns = [limiter.acquire(limiter._clock() + 5) for _ in range(limiter.max_concurrency or 0)]
    full = limiter.running == limiter.max_concurrency
    for turn in turns:
        turn.done()
    return full and limiter.running == 0


# ------------------------------------------------------------------------------------------------ interrupts


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait look often, and the collector need not look at all that the tests have loaded."""
    monkeypatch.setattr(limiters, "LOOK_EVERY_S", 0.005)
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("most", [1, 3, None])
def test_an_interrupt_at_any_line_of_a_turn(most: int | None) -> None:
    limiter = Limiter(max_concurrency=most, requests_per_minute=1_000_000)

    def call() -> None:
        turn = limiter.acquire()
        turn.learn(200, {"x-ratelimit-limit": "60", "x-ratelimit-reset": "60"})
        turn.done()

    lines = sum(1 for _ in at_each_line(call) if limiter.running == 0)
    assert lines > 20
    assert most is None or free(limiter)


@pytest.mark.usefixtures("quick")
def test_an_interrupt_at_any_line_while_others_wait() -> None:
    """Whoever is interrupted while it hands its place on: those who wait get it all the same."""
    limiter = Limiter(max_concurrency=1)
    served: list[int] = []

    def wait() -> None:
        turn = limiter.acquire()
        served.append(1)
        turn.done()

    def call() -> None:
        turn = limiter.acquire()
        waiter = threading.Thread(target=wait)
        threads.append(waiter)
        waiter.start()
        while not limiter._waiting and not served:
            time.sleep(0)
        turn.done()

    threads: list[threading.Thread] = []
    for _ in at_each_line(call):
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive(), "it waits for ever"
        threads.clear()
        served.clear()
        assert limiter.running == 0
    for thread in threads:
        thread.join()
    assert free(limiter)


@pytest.mark.usefixtures("quick")
def test_an_interrupt_at_any_line_while_it_waits_itself() -> None:
    limiter = Limiter(max_concurrency=1)

    def call() -> None:
        held = limiter.acquire()
        timer = threading.Timer(0.01, held.done)
        timer.start()
        try:
            limiter.acquire().done()
        finally:
            timer.join()
            held.done()

    assert sum(1 for _ in at_each_line(call) if limiter.running == 0) > 30
    assert free(limiter)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("waits", [False, True])
def test_an_interrupt_at_any_line_in_a_loop(waits: bool) -> None:
    limiter = Limiter(max_concurrency=1)

    async def both() -> None:
        turn = await limiter.aacquire()
        if waits:
            asyncio.get_running_loop().call_later(0.005, turn.done)
            turn = await limiter.aacquire()
        turn.done()

    def call() -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(both())
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
                loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            loop.close()

    lines = 0
    for _ in at_each_line(call):
        gc.collect()  # the interrupted task's exception has its frames, and these the turn
        assert free(limiter)
        lines += 1
    assert lines > 10


# ------------------------------------------------------------------------------------------------ the collector

COLLECTED = """
import faulthandler, gc
from multiapi.sending import limiter as limiters
from multiapi.sending.limiter import Limiter

faulthandler.dump_traceback_later(120, exit=True)

class Answer:
    pass

def given_up(limiter):  # an answer in a reference cycle, as an exception's traceback makes one
    answer = Answer()
    answer.myself, answer.turn = answer, limiter.acquire()

limiters.LOOK_EVERY_S = 0.01
for threshold in range(1, 41):
    limiter = Limiter(max_concurrency=2)
    gc.collect()
    gc.disable()
    given_up(limiter)
    given_up(limiter)
    gc.set_threshold(threshold, 100, 100)
    gc.enable()
    limiter.acquire().done()
    gc.set_threshold(700, 10, 10)
    gc.collect()
    assert limiter.running == 0, threshold
print("no deadlock")
"""


def test_the_collector_may_come_by_at_any_moment() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "no deadlock\n", done.stderr


# ------------------------------------------------------------------------------------------------ what the user wrote

HEADS = [
    {"x-ratelimit-limit": "300", "x-ratelimit-reset": "30"},
    {"x-ratelimit-limit": "300", "x-ratelimit-reset": "60"},
    {"x-ratelimit-limit-requests": "10000", "x-ratelimit-reset-requests": "6ms"},
    {"x-ratelimit-limit": "11", "x-ratelimit-remaining": "11", "x-ratelimit-reset": "0"},
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_no_answer_raises_a_cap_that_the_user_wrote(head: dict[str, str], status: int) -> None:
    limiter = Limiter(requests_per_minute=10, max_concurrency=2)
    limiter.learn(status, head)
    assert (limiter.requests_per_minute, limiter.max_concurrency) == (10, 2)
    limiter.learn(200, {"x-ratelimit-limit": "4", "x-ratelimit-reset": "30"})
    assert limiter.requests_per_minute == 4
    limiter.learn(status, head)
    assert limiter.requests_per_minute == 10
    unlimited = Limiter(max_concurrency=2)
    unlimited.learn(status, head)
    assert unlimited.requests_per_minute is None


def test_only_a_documented_rate_whose_window_is_a_minute_goes_up() -> None:
    documented = {name: documented_limiter(PROVIDERS[name], 7) for name in ("aicredits", "binobox")}
    rates = {}
    for name, limiter in documented.items():
        assert limiter is not None
        limiter.learn(200, {"x-ratelimit-limit-requests": "10000", "x-ratelimit-reset-requests": "6ms"})
        assert limiter.requests_per_minute == 60
        limiter.learn(200, {"x-ratelimit-limit": "600", "x-ratelimit-reset": "60"})
        rates[name] = limiter.requests_per_minute
    assert rates == {"aicredits": 600, "binobox": 60}


# ------------------------------------------------------------------------------------------------ what is kept


def answering(seen: list[Any]) -> httpx.Client:
    def answer(sent: httpx.Request) -> httpx.Response:
        seen.append(sent)
        return httpx.Response(200, json=chat_body())

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_a_thousand_settings_leave_a_bounded_number() -> None:
    for number in range(1_000):
        Client("aicredits", api_key=f"key-{number:04}-0123456789", limiter="documented", base_url=f"https://{number}.x")
        shared.shared_transport(proxy=f"http://user:{number}@127.0.0.1:1")
        shared.shared_async_transport(proxy=f"http://user:{number}@127.0.0.1:1")
    assert len(PROCESS.limiters) <= 256
    assert len(PROCESS.retry_budgets) <= 64
    assert len(PROCESS.transports) <= 32
    assert len(PROCESS.async_transports) <= 32


def test_what_is_used_is_never_forgotten() -> None:
    kept: Kept[int, Limiter] = Kept(2)
    first = kept.get(1, Limiter)
    for number in range(2, 9):
        kept.get(number, Limiter)
    assert kept.get(1, Limiter) is first
    assert len(kept) == 2


def test_a_documented_cap_belongs_to_the_value_of_the_key() -> None:
    """Fifty functions that give one key have one limiter; a function that gives another key has another one."""
    seen: list[Any] = []
    before = len(PROCESS.limiters)
    for _ in range(50):
        client = Client(
            "aicredits", api_key=lambda: "key-of-many-functions", limiter="documented", http_client=answering(seen)
        )
        client.chat(request())
    assert len(seen) == 50
    assert len(PROCESS.limiters) <= before + 1
    limiter = documented_limiter(PROVIDERS["aicredits"], hash(ApiKey("key-of-many-functions", provider="aicredits")))
    assert limiter is not None
    assert len(limiter._starts) == 50
    assert Client("aicredits", api_key="key-of-many-functions", limiter="documented").limiter is limiter
    assert AsyncClient("aicredits", api_key="another-key-0123", limiter="documented").limiter is not limiter


# ------------------------------------------------------------------------------------------------ forks and loops


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_lets_through_as_many_as_the_cap_says() -> None:
    limiter = Limiter(max_concurrency=2)
    turns = [limiter.acquire(), limiter.acquire()]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for turn in turns:
                turn.done()
            turns.clear()
            held = [limiter.acquire(), limiter.acquire()]
            code = 0 if limiter.running == 2 and _is_full(limiter) and len(held) == 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.running == 2


def _is_full(limiter: Limiter) -> bool:
    try:
        limiter.acquire(time.monotonic())
    except LimiterTimeoutError:
        return True
    return False


def test_a_place_is_not_kept_for_a_loop_that_stands_still() -> None:
    limiter, loop = Limiter(max_concurrency=1), asyncio.new_event_loop()
    turn = limiter.acquire()
    task = loop.create_task(limiter.aacquire())
    loop.run_until_complete(asyncio.sleep(0.01))
    turn.done()
    limiter.acquire(time.monotonic() + 60).done()
    later = loop.run_until_complete(task)
    assert limiter.running == 1
    later.done()
    loop.close()
    assert free(limiter)


def test_a_place_is_not_kept_for_a_loop_that_is_held_up() -> None:
    """The loop runs, but a call in it blocks: who comes next need not wait for that."""
    limiter, waits, goes_on = Limiter(max_concurrency=1), threading.Event(), threading.Event()
    turn = limiter.acquire()

    async def main() -> None:
        task = asyncio.ensure_future(limiter.aacquire())
        await asyncio.sleep(0)
        waits.set()
        goes_on.wait()
        (await task).done()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    waits.wait()
    turn.done()
    limiter.acquire(time.monotonic() + 60).done()
    goes_on.set()
    thread.join()
    assert free(limiter)
