"""For every provider, paid operation and way of calling: the sum that is reported is what the account lost, or usage times list price."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import FallbackLLM, MultiApiLLM
from multiapi.errors import MultiApiError
from multiapi.money import set_prices, track_spending
from multiapi.money.prices import PRICE_BOOK
from multiapi.sending.waiting import without_waiting
from tests.money.paid import (
    CHAT_MODELS,
    EMBED_MODELS,
    EVERY_WAY,
    GIVEN,
    MADE,
    PAID,
    PNG,
    PROMPT,
    STORIES,
    UNITS,
    WAV,
    WAYS,
    Paid,
    World,
    check_books,
    paid_operations,
)


@pytest.fixture(autouse=True)
def _prices() -> Iterator[None]:
    """Prices that other tests have learnt are not known here."""
    with PRICE_BOOK.aside():
        yield from _known()


def _known() -> Iterator[None]:
    set_prices("binom_router", CHAT_MODELS["binom_router"], input=f"{GIVEN} credits", output=f"{MADE} credits")
    set_prices("aicredits", EMBED_MODELS["aicredits"], input=f"{GIVEN} INR")
    with without_waiting():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.png").write_bytes(PNG)
    (tmp_path / "note.wav").write_bytes(WAV)
    return tmp_path


def test_every_paid_operation_of_the_registry_is_here() -> None:
    assert {(paid.provider, paid.name) for paid in PAID} == paid_operations()


@pytest.mark.parametrize(("paid", "way"), EVERY_WAY, ids=str)
def test_every_way_adds_up(paid: Paid, way: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.client.models() if paid.name == "create_batch" else None
    with track_spending() as spent:
        for _ in range(2):
            WAYS[way](world, paid)
    assert world.lost > 0
    check_books(world, paid, spent)


# ------------------------------------------------------------------------------------------------ what goes wrong

SIMPLE = [(paid, way) for paid, way in EVERY_WAY if paid.method not in STORIES]


def attempt(way: str, world: World, paid: Paid) -> None:
    """Call, whatever comes of it: tools tell the model, the rest raises."""
    with suppress(MultiApiError):
        WAYS[way](world, paid)


def in_turn(*faults: str) -> Any:
    """Each operation and way with one of the faults."""
    return pytest.mark.parametrize(
        ("paid", "way", "fault"), [(*each, faults[place % len(faults)]) for place, each in enumerate(SIMPLE)], ids=str
    )


@in_turn("status=400", "status=403", "status=402", "status=401")
def test_what_is_refused_costs_nothing(paid: Paid, way: str, fault: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.simulator.faults.add(fault, times=20)
    with track_spending() as spent:
        attempt(way, world, paid)
    assert (world.lost, spent.calls, spent.totals, spent.under_way) == (0, 0, {}, 0)


@pytest.mark.parametrize(("paid", "way"), SIMPLE, ids=str)
def test_a_retried_call_counts_once(paid: Paid, way: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.client.models() if paid.name == "create_batch" else None
    world.simulator.faults.add("status=429; retry-after=0", times=1)
    with track_spending() as spent:
        WAYS[way](world, paid)
    assert world.lost > 0
    check_books(world, paid, spent)
    assert spent.calls == 1


@pytest.mark.parametrize("fault", ["drop", "lost"])
@pytest.mark.parametrize(("paid", "way"), SIMPLE, ids=str)
def test_a_call_without_an_answer_is_doubtful(paid: Paid, way: str, fault: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.simulator.faults.add(fault, times=1)
    with track_spending() as spent:
        attempt(way, world, paid)
    assert (spent.calls, spent.doubtful, spent.unpriced, spent.totals) == (1, 1, 1, {})
    assert (world.lost > 0) == (fault == "drop" and not paid.is_job)


@in_turn("drop-body", "malformed", "drop-body", "empty", "drop-body")
def test_an_answer_that_cannot_be_read_counts(paid: Paid, way: str, fault: str, folder: Path) -> None:
    """It was charged: what is known of it is in the sum, else it is unpriced; it is never left out."""
    world = World(paid.provider, folder)
    world.simulator.faults.add(fault, times=1)
    with track_spending() as spent:
        attempt(way, world, paid)
    unit = UNITS[paid.provider]
    if spent.unpriced:
        assert (spent.calls, spent.unpriced, spent.totals) == (1, 1, {})
    else:
        assert spent.calls == 1
        assert spent.totals == {unit: world.lost} or spent.estimated == {unit: world.listed()}


# ------------------------------------------------------------------------------------------------ streams that are left

STREAMED = [paid for paid in PAID if paid.name == "chat_stream"]


def _left_core(world: World, paid: Paid) -> None:
    deltas = world.client.chat_stream(*paid.arguments)
    next(deltas)
    deltas.close()


async def _left_core_async(world: World, paid: Paid) -> None:
    deltas = world.later.chat_stream(*paid.arguments)
    await anext(deltas)
    await deltas.aclose()


def _chat_model(world: World, **settings: Any) -> ChatMultiApi:
    return ChatMultiApi(model=f"{world.provider}:{CHAT_MODELS[world.provider]}", **world.connection, **settings)


def _llm(world: World, **settings: Any) -> MultiApiLLM:
    return MultiApiLLM(model=f"{world.provider}:{CHAT_MODELS[world.provider]}", **world.connection, **settings)


def _left_langchain(world: World, _: Paid) -> None:
    chunks: Any = _chat_model(world).stream(PROMPT)
    next(chunks)
    chunks.close()


async def _left_langchain_async(world: World, _: Paid) -> None:
    chunks: Any = _chat_model(world).astream(PROMPT)
    await anext(chunks)
    await chunks.aclose()


def _left_llamaindex(world: World, _: Paid) -> None:
    chunks: Any = _llm(world).stream_complete(PROMPT)
    next(chunks)
    chunks.close()


async def _left_llamaindex_async(world: World, _: Paid) -> None:
    chunks: Any = await _llm(world).astream_complete(PROMPT)
    await anext(chunks)
    await chunks.aclose()


LEFT: dict[str, Callable[[World, Paid], Any]] = {
    "core": _left_core,
    "core async": lambda world, paid: asyncio.run(_left_core_async(world, paid)),
    "LangChain": _left_langchain,
    "LangChain async": lambda world, paid: asyncio.run(_left_langchain_async(world, paid)),
    "LlamaIndex": _left_llamaindex,
    "LlamaIndex async": lambda world, paid: asyncio.run(_left_llamaindex_async(world, paid)),
}


@pytest.mark.parametrize("way", LEFT)
@pytest.mark.parametrize("paid", STREAMED, ids=str)
def test_a_stream_that_is_left_counts_with_what_is_known(paid: Paid, way: str) -> None:
    world = World(paid.provider)
    with track_spending() as spent:
        LEFT[way](world, paid)
    assert world.lost > 0
    assert (spent.calls, spent.doubtful) == (1, 0)
    known = [amount for sums in spent.by_basis.values() for amount in sums.values()]
    if known:  # a provider without streams gives the whole answer as one delta
        assert not spent.unpriced
        assert known[0] <= world.lost
    else:
        assert spent.unpriced == 1


# ------------------------------------------------------------------------------------------------ jobs

JOBS = [(paid, way) for paid, way in EVERY_WAY if paid.is_job and paid.name != "create_batch"]


@pytest.mark.parametrize("ending", ["fail", "cancel", "refund"])
@pytest.mark.parametrize(("paid", "way"), JOBS, ids=str)
def test_a_job_that_came_to_nothing_costs_nothing(paid: Paid, way: str, ending: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.simulator.faults.add(f"job={ending}", times=1)
    with track_spending() as spent:
        attempt(way, world, paid)
    assert (world.lost, spent.totals, spent.calls, spent.held, spent.under_way) == (0, {}, 0, {}, 0)


@pytest.mark.parametrize(("paid", "way"), JOBS, ids=str)
def test_a_job_that_still_runs_is_under_way_and_no_cost(paid: Paid, way: str, folder: Path) -> None:
    world = World(paid.provider, folder)
    world.simulator.faults.add("job=stuck", times=1)
    with track_spending() as spent:
        attempt(way, world, paid)
    assert (spent.totals, spent.calls, spent.under_way) == ({}, 0, 1)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_batch_counts_the_rows_that_were_done(is_cancelled: bool) -> None:
    (paid,) = [each for each in PAID if each.name == "create_batch"]
    world = World("aimlapi", job_run_s=100)
    world.client.models()
    with track_spending() as spent:
        batch = world.client.create_batch(*paid.arguments)
        assert (spent.calls, spent.under_way) == (0, 1)
        if is_cancelled:
            world.client.cancel_batch(batch)
        world.simulator.clock.advance(1000)
        world.client.batch(batch)
    assert spent.under_way == 0
    assert sum(spent.estimated.values(), Decimal(0)) == world.lost
    assert spent.calls == (world.lost > 0)


# ------------------------------------------------------------------------------------------------ caches


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("provider", CHAT_MODELS)
def test_an_answer_out_of_langchains_cache_is_free(provider: str, is_async: bool) -> None:
    from langchain_core.caches import InMemoryCache

    from langchain_multiapi import track_spending as track_with_langchain

    world = World(provider)
    model = _chat_model(world, cache=InMemoryCache())
    (paid,) = [each for each in PAID if (each.provider, each.name) == (provider, "chat")]
    with track_spending() as core, track_with_langchain() as spent:
        for _ in range(3):
            asyncio.run(model.ainvoke(PROMPT)) if is_async else model.invoke(PROMPT)
    for each in (core, spent):
        check_books(world, paid, each)
        assert each.calls == len(world.charges) == 1
    assert spent.cached == 2


@pytest.mark.parametrize(
    "way", ["core", "core async", "LangChain", "LangChain async", "LlamaIndex", "LlamaIndex async"]
)
def test_an_answer_out_of_the_providers_cache_is_free(way: str) -> None:
    (paid,) = [each for each in PAID if (each.provider, each.name) == ("aicredits", "chat")]
    world = World("aicredits")
    world.simulator.cache = True
    with track_spending() as spent:
        for _ in range(3):
            WAYS[way](world, paid)
    check_books(world, paid, spent)
    assert (spent.calls, spent.cached) == (1, 2)


# ------------------------------------------------------------------------------------------------ falling back


def _with_fallbacks(first: World, second: World) -> Any:
    return _chat_model(first, max_retries=0).with_fallbacks([_chat_model(second)]).invoke(PROMPT)


async def _with_fallbacks_async(first: World, second: World) -> Any:
    return await _chat_model(first, max_retries=0).with_fallbacks([_chat_model(second)]).ainvoke(PROMPT)


def _agent(first: World, second: World) -> Any:
    from langchain.agents import create_agent

    from langchain_multiapi import VendorFailover

    return create_agent(_chat_model(first, max_retries=0), [], middleware=[VendorFailover(_chat_model(second))])


def _fallback_llm(first: World, second: World) -> FallbackLLM:
    return FallbackLLM(llms=[_llm(first, max_retries=0), _llm(second)])


FALLBACKS: dict[str, Callable[[World, World], Any]] = {
    "LangChain": _with_fallbacks,
    "LangChain async": lambda first, second: asyncio.run(_with_fallbacks_async(first, second)),
    "LangChain agent": lambda first, second: _agent(first, second).invoke({"messages": [("user", PROMPT)]}),
    "LangChain agent async": lambda first, second: asyncio.run(
        _agent(first, second).ainvoke({"messages": [("user", PROMPT)]})
    ),
    "LlamaIndex": lambda first, second: _fallback_llm(first, second).complete(PROMPT),
    "LlamaIndex async": lambda first, second: asyncio.run(_fallback_llm(first, second).acomplete(PROMPT)),
    "LlamaIndex stream": lambda first, second: list(_fallback_llm(first, second).stream_complete(PROMPT)),
}


@pytest.mark.parametrize("fault", ["status=429", "status=402", "drop"])
@pytest.mark.parametrize("way", FALLBACKS)
@pytest.mark.parametrize("provider", CHAT_MODELS)
def test_who_falls_back_pays_the_one_that_answered(provider: str, way: str, fault: str) -> None:
    first = World(provider)
    second = World("binobox" if provider != "binobox" else "aimlapi")
    first.simulator.faults.add(fault, times=1)
    with track_spending() as spent, suppress(MultiApiError):
        FALLBACKS[way](first, second)
    charged = sum(1 for world in (first, second) for each in world.charges if each.amount > 0)
    assert spent.calls == charged
    if fault == "drop":
        assert spent.doubtful == 1
    else:
        assert first.lost == 0
        assert spent.totals == {UNITS[second.provider]: second.lost}
        assert (spent.doubtful, spent.unpriced) == (0, 0)
