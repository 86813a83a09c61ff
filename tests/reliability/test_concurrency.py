"""Cases 106 to 108: many threads, tasks, loops and processes over one model; cancelling; a vendor that is down."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import ConnectionFailedError, RequestTimeoutError, ServerError
from multiapi.flows.steps import Policy
from multiapi.sending.kept import PROCESS
from multiapi.sending.retry_budget import RetryBudget
from multiapi.sending.waiting import Waiting, set_waiting
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Timeout
from tests.reliability.bodies import chat_body, delta, event, text_events
from tests.reliability.hostile_server import Exchange, HostileServer, answer, endless, silence, status, stream
from tests.reliability.leaks import watched_logs
from tests.reliability.ways import KEYS, PROMPT, request


async def echo(exchange: Exchange) -> None:
    """Answers with the question, as a whole or as a stream."""
    body = exchange.request.json
    text = f"to {body['messages'][-1]['content']}"
    await asyncio.sleep(0.002)
    await (stream(*text_events(text)) if body.get("stream") else answer(chat_body(text)))(exchange)


def chat_model(url: str, **more: Any) -> Any:
    from langchain_multiapi import ChatMultiApi

    return ChatMultiApi(provider="aimlapi", model="m", api_key="k", base_url=url, **more)


def llm(url: str, **more: Any) -> Any:
    from llamaindex_multiapi import MultiApiLLM

    return MultiApiLLM(provider="aimlapi", model="m", api_key="k", base_url=url, context_window=9, **more)


def ask(model: Any, text: str) -> str:
    """One question to any kind of model."""
    if isinstance(model, Client):
        return model.chat(request(prompt=text)).text
    if hasattr(model, "invoke"):
        return model.invoke(text).text  # type: ignore[no-any-return]
    return model.complete(text).text  # type: ignore[no-any-return]


async def aask(model: Any, text: str) -> str:
    if isinstance(model, AsyncClient):
        return (await model.chat(request(prompt=text))).text
    if hasattr(model, "ainvoke"):
        return (await model.ainvoke(text)).text  # type: ignore[no-any-return]
    return (await model.acomplete(text)).text  # type: ignore[no-any-return]


KINDS = ["core", "langchain", "llamaindex"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def model_of(kind: str, url: str, *, awaits: bool = False, **more: Any) -> Any:
    if kind == "core":
        return (AsyncClient if awaits else Client)("aimlapi", api_key="k", base_url=url, **more)
    return {"langchain": chat_model, "llamaindex": llm}[kind](url, **more)


# ------------------------------------------------------------------------------------------------ 106


@every_kind
def test_case_106_64_threads(kind: str) -> None:
    with HostileServer(echo) as server:
        model = model_of(kind, server.url)
        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(lambda number: ask(model, str(number)), range(640)))
        assert found == [f"to {number}" for number in range(640)]
        assert server.count == 640
        assert server.connections <= 64


@every_kind
async def test_case_106_1000_tasks(kind: str) -> None:
    with HostileServer(echo) as server:
        model = model_of(kind, server.url, awaits=True)
        found = await asyncio.gather(*(aask(model, str(number)) for number in range(1000)))
        assert found == [f"to {number}" for number in range(1000)]
        assert server.count == 1000


async def test_case_106_1000_streams() -> None:
    with HostileServer(echo) as server:
        model = AsyncClient("aimlapi", api_key="k", base_url=server.url)

        async def read(number: int) -> str:
            return [each async for each in model.chat_stream(request(prompt=str(number)))][-1].response.text  # type: ignore[union-attr]

        assert await asyncio.gather(*map(read, range(1000))) == [f"to {number}" for number in range(1000)]


@every_kind
def test_case_106_many_loops_one_after_the_other(kind: str) -> None:
    with HostileServer(echo) as server:
        model = model_of(kind, server.url, awaits=True)
        for number in range(12):
            assert asyncio.run(aask(model, str(number))) == f"to {number}"
        assert server.settle() == 0


@every_kind
def test_case_106_loops_in_threads_at_once(kind: str) -> None:
    async def many(model: Any, start: int) -> list[str]:
        return await asyncio.gather(*(aask(model, str(number)) for number in range(start, start + 20)))

    with HostileServer(echo) as server:
        model = model_of(kind, server.url, awaits=True)
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda start: asyncio.run(many(model, start)), range(0, 640, 20)))
        assert [text for part in found for text in part] == [f"to {number}" for number in range(640)]


@every_kind
def test_case_106_threads_and_tasks_mixed_with_failures(kind: str) -> None:
    """Failures of some calls do no harm to others."""

    async def fickle(exchange: Exchange) -> None:
        number = int(exchange.request.json["messages"][-1]["content"])
        if number % 5 == 0:
            exchange.reset()
        elif number % 7 == 0:
            await status(400)(exchange)
        else:
            await echo(exchange)

    with HostileServer(fickle) as server:
        model = model_of(kind, server.url)

        def one(number: int) -> str | None:
            try:
                return ask(model, str(number))
            except Exception as error:
                return type(error).__name__

        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(one, range(300)))
    for number, text in enumerate(found):
        expected = (
            "ConnectionFailedError" if number % 5 == 0 else "InvalidRequestError" if number % 7 == 0 else f"to {number}"
        )
        assert text == expected


def in_a_child(model: Any, number: int) -> str:
    return ask(model, str(number))


@every_kind
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_case_106_processes(kind: str, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no fork here")
    with HostileServer(echo) as server:
        model = model_of(kind, server.url)
        assert ask(model, "parent") == "to parent"  # its connections are open when the children begin
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
            found = list(pool.map(in_a_child, [model] * 8, range(8)))
        assert found == [f"to {number}" for number in range(8)]
        assert ask(model, "again") == "to again"


def fork_and_ask(model: Any, pipe: Any) -> None:
    pipe.send(ask(model, "child"))
    pipe.close()


@every_kind
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_case_106_a_forked_child_shares_no_connection(kind: str) -> None:
    with HostileServer(echo) as server:
        model = model_of(kind, server.url)
        ask(model, "parent")
        here, there = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=fork_and_ask, args=(model, there))
        child.start()
        assert here.recv() == "to child"
        child.join()
        assert ask(model, "parent") == "to parent"
        assert [seen.connection for seen in server.requests][::2] == [1, 1]
        assert server.requests[1].connection != 1


def sockets() -> int:
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="sockets are counted in /proc")
def test_case_106_sockets_go_back_to_where_they_were() -> None:
    with HostileServer(echo) as server:
        asyncio.run(aask(model_of("core", server.url, awaits=True), "x"))
        gc.collect()
        before = sockets()
        for _ in range(3):

            async def many() -> None:
                model = model_of("core", server.url, awaits=True)
                await asyncio.gather(*(aask(model, str(number)) for number in range(300)))

            asyncio.run(many())
        server.settle()
        gc.collect()
        assert sockets() <= before + 2


@pytest.mark.slow
def test_case_106_memory_is_flat_over_many_calls() -> None:
    """The long form, over 100,000 calls, is a part of the soak."""
    import tracemalloc

    with HostileServer(answer(chat_body())) as server:
        model = Client("aimlapi", api_key="k", base_url=server.url)
        asked = request()

        def some(count: int) -> None:
            for _ in range(count):
                model.chat(asked)
                server.requests.clear()

        some(200)
        gc.collect()
        tracemalloc.start()
        some(50)
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        some(1500)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - first
        tracemalloc.stop()
    assert grown < 60_000, grown


# ------------------------------------------------------------------------------------------------ 107


@every_kind
@pytest.mark.parametrize("how", ["cancel", "timeout", "wait_for"])
@pytest.mark.parametrize("play", ["silence", "slow body"])
async def test_case_107_cancelled_from_outside(kind: str, how: str, play: str) -> None:
    plays = {"silence": silence(), "slow body": endless(b" ", every_s=0.02)}
    with HostileServer(plays[play]) as server, watched_logs() as watch:
        model = model_of(kind, server.url, awaits=True)
        if how == "cancel":
            task = asyncio.create_task(aask(model, PROMPT))
            await asyncio.sleep(0.15)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(TimeoutError):
                if how == "timeout":
                    async with asyncio.timeout(0.15):
                        await aask(model, PROMPT)
                else:
                    await asyncio.wait_for(aask(model, PROMPT), 0.15)
        until = time.monotonic() + 1
        while server.open and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert server.open == 0, "the connection is still open a second after the call was cancelled"
        await asyncio.sleep(0.05)
        assert server.count == 1, "something was sent again"
    assert not [
        line
        for record, line in zip(watch.records, watch.lines, strict=True)
        if record.levelno >= logging.WARNING and "asyncio" not in record.name
    ], watch.text()


async def test_case_107_cancelled_between_attempts() -> None:
    set_waiting(Waiting())
    with HostileServer(status(429, headers={"retry-after": "30"})) as server:
        task = asyncio.create_task(AsyncClient("aimlapi", api_key="k", base_url=server.url).chat(request()))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert server.count == 1


async def test_case_107_cancelled_batches() -> None:
    with HostileServer(silence()) as server:
        client = AsyncClient("aimlapi", api_key="k", base_url=server.url)
        task = asyncio.create_task(client.embed(EmbedRequest(model="e", texts=["x"] * 40, batch_size=4)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        until = time.monotonic() + 1
        while server.open and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert server.open == 0
        assert server.count == 4


async def test_case_107_other_calls_go_on() -> None:
    async def by_text(exchange: Exchange) -> None:
        if exchange.request.json["messages"][0]["content"] == "slow":
            await exchange.until_gone(5)
        else:
            await echo(exchange)

    with HostileServer(by_text) as server:
        model = AsyncClient("aimlapi", api_key="k", base_url=server.url)
        slow = [asyncio.create_task(model.chat(request(prompt="slow"))) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in slow:
            task.cancel()
        found = await asyncio.gather(*(aask(model, str(number)) for number in range(50)))
        assert found == [f"to {number}" for number in range(50)]
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*slow, return_exceptions=True)
        )


# ------------------------------------------------------------------------------------------------ 108


@every_kind
def test_case_108_the_bucket_empties_under_a_dead_vendor(kind: str, waits: list[float]) -> None:
    now = [0.0]
    with HostileServer(status(500)) as server:
        PROCESS.retry_budgets[server.url] = RetryBudget(capacity=50, cost=5, refill_per_s=1, clock=lambda: now[0])
        model = model_of(kind, server.url)
        requests = []
        for _ in range(20):
            before = server.count
            with pytest.raises(ServerError) as caught:
                ask(model, "x")
            requests.append(server.count - before)
        assert requests[:5] == [3] * 5, "ten repetitions are there"
        assert requests[6:] == [1] * 14, "later calls fail after the first attempt"
        assert caught.value.not_repeated == "too many retries have failed lately"
        assert caught.value.retryable, "that is a matter of the time, not of the call"
        now[0] = 20.0
        before = server.count
        with pytest.raises(ServerError):
            ask(model, "x")
        assert server.count - before == 3, "it refills with time"


def test_case_108_successes_refill_it(waits: list[float]) -> None:
    with HostileServer(
        route=lambda seen: status(500) if "bad" in seen.body.decode() else answer(chat_body())
    ) as server:
        PROCESS.retry_budgets[server.url] = RetryBudget(capacity=10, cost=5, refill_per_s=0, clock=lambda: 0.0)
        model = Client("aimlapi", api_key="k", base_url=server.url)
        for _ in range(2):
            with pytest.raises(ServerError):
                ask(model, "bad")
        with pytest.raises(ServerError) as caught:
            ask(model, "bad")
        assert caught.value.attempts == 1
        for _ in range(3):
            ask(model, "good")
        with pytest.raises(ServerError) as caught:
            ask(model, "bad")
        assert caught.value.attempts == 3


def test_case_108_first_attempts_are_never_held_up_and_it_can_be_switched_off(waits: list[float]) -> None:
    with HostileServer(status(500)) as server:
        PROCESS.retry_budgets[server.url] = RetryBudget(capacity=0)
        with pytest.raises(ServerError) as caught:
            Client("aimlapi", api_key="k", base_url=server.url).chat(request())
        assert caught.value.attempts == 1
        with pytest.raises(ServerError) as caught:
            Client("aimlapi", api_key="k", base_url=server.url, policy=Policy(use_budget=False)).chat(request())
        assert caught.value.attempts == 3


def test_case_108_one_vendors_bucket_is_not_anothers(waits: list[float]) -> None:
    with HostileServer(status(500)) as dead, HostileServer(status(500)) as other:
        PROCESS.retry_budgets[dead.url] = RetryBudget(capacity=0)
        for server, attempts in ((dead, 1), (other, 3)):
            with pytest.raises(ServerError) as caught:
                Client("aimlapi", api_key="k", base_url=server.url).chat(request())
            assert caught.value.attempts == attempts


def test_case_108_the_bucket_in_many_threads() -> None:
    bucket = RetryBudget(capacity=500, cost=5, refill_per_s=0, clock=lambda: 0.0)
    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(lambda _: bucket.take(), range(1000))) == 100


def test_one_switch_turns_all_repetitions_off() -> None:
    with HostileServer(status(500)) as server, pytest.raises(ServerError) as caught:
        Client("aimlapi", api_key="k", base_url=server.url, max_retries=0).chat(request())
    assert (server.count, caught.value.attempts) == (1, 1)


def test_the_anchors_behaviour_only_when_it_is_asked_for(waits: list[float]) -> None:
    from tests.reliability.hostile_server import reset

    with HostileServer(reset(), answer(chat_body())) as server:
        with pytest.raises(ConnectionFailedError):
            Client("aimlapi", api_key="k", base_url=server.url).chat(request())
        assert server.count == 1
    with HostileServer(reset(), answer(chat_body())) as server:
        Client("aimlapi", api_key="k", base_url=server.url, policy=Policy(repeat_unknown=True)).chat(request())
        assert server.count == 2


def test_clients_pickle_with_policy_timeout_and_limits() -> None:
    client = Client("aimlapi", api_key=KEYS["aimlapi"], policy=Policy(max_retries=7), timeout=Timeout(total=3))
    again = pickle.loads(pickle.dumps(client))
    assert (again.policy, again.timeout, again.limits) == (client.policy, client.timeout, client.limits)


async def test_a_stream_that_is_never_read_sends_nothing() -> None:
    with HostileServer(stream(event(delta("x")))) as server:
        pieces = Client("aimlapi", api_key="k", base_url=server.url).chat_stream(request())
        del pieces
        apieces = AsyncClient("aimlapi", api_key="k", base_url=server.url).chat_stream(request())
        await apieces.aclose()
    assert server.count == 0


def test_a_timeout_of_one_thread_does_not_hold_up_the_others() -> None:
    async def by_text(exchange: Exchange) -> None:
        await (silence() if "slow" in exchange.request.body.decode() else echo)(exchange)

    with HostileServer(by_text) as server:
        model = Client("aimlapi", api_key="k", base_url=server.url, timeout=0.5)
        failures: list[BaseException] = []

        def slow() -> None:
            try:
                ask(model, "slow")
            except RequestTimeoutError as error:
                failures.append(error)

        threads = [threading.Thread(target=slow) for _ in range(10)]
        for thread in threads:
            thread.start()
        for number in range(20):
            assert ask(model, str(number)) == f"to {number}"
        for thread in threads:
            thread.join()
        assert len(failures) == 10
