"""For every provider and paid operation: the sum that is reported is what the account lost, or usage times list price."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import JobFailedError, MultiApiError
from multiapi.flows.steps import Policy
from multiapi.money import track_spending
from multiapi.money.prices import PRICE_BOOK, PriceBook, set_prices, shipped_prices
from multiapi.money.spending import Spending
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Clock, Simulator
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media_requests import ImageRequest, MusicRequest, SpeechRequest, VideoRequest

KEY = "any-key-1234"
UNITS = {"aimlapi": "USD", "binobox": "diamonds", "bineric": None, "aicredits": "INR", "binom_router": "credits"}
MODELS = {
    "aimlapi": "openai/gpt-4o",
    "binobox": "gemini-3.1-flash-lite",
    "bineric": "gpt-4",
    "aicredits": "openai/gpt-4o-mini",
    "binom_router": "gpt-4o",
}


@pytest.fixture(autouse=True)
def _no_lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Prices that other tests have learnt are not known here."""
    fresh = PriceBook()
    for name in ("_lists", "_given", "_longest", "_asked"):
        monkeypatch.setattr(PRICE_BOOK, name, getattr(fresh, name))
    set_prices("binom_router", "gpt-4o", input="0.15 credits", output="0.6 credits")
    with without_waiting():
        yield


class World:
    """A simulator with both clients of one provider."""

    def __init__(self, provider: str, **settings: Any) -> None:
        self.provider = provider
        self.simulator = Simulator(clock=Clock(1_800_000_000.0))
        base_url = self.simulator.base_url(provider)
        shared = {"api_key": KEY, "base_url": base_url, **settings}
        self.client = Client(provider, http_client=httpx.Client(transport=self.simulator.transport), **shared)
        self.later = AsyncClient(
            provider, http_client=httpx.AsyncClient(transport=self.simulator.async_transport), **shared
        )

    @property
    def lost(self) -> Decimal:
        accounts = self.simulator.vendor(self.provider).accounts.values()
        return sum((account.deposit - account.balance for account in accounts), Decimal(0))

    def listed(self) -> Decimal:
        """The price list times what was used, by the simulator's own books."""
        prices = {"aicredits": shipped_prices("aicredits")[MODELS["aicredits"]]}.get(self.provider)
        given, made = (Decimal("0.15"), Decimal("0.6")) if prices is None else (prices[0].amount, prices[1].amount)
        (account,) = self.simulator.vendor(self.provider).accounts.values()
        return sum(
            (
                (given * each.input_tokens + made * each.output_tokens) / 1_000_000
                for each in account.charges
                if each.ok
            ),
            Decimal(0),
        )


def chat(provider: str, text: str = "Say hello in three words.", **settings: Any) -> ChatRequest:
    return ChatRequest(model=MODELS[provider], messages=[Message("user", text)], **settings)


class Case(NamedTuple):
    """One paid operation, by its name on a client."""

    provider: str
    method: str
    request: Any

    def __str__(self) -> str:
        return f"{self.provider}-{self.method}"


CASES = [
    *(Case(provider, "chat", chat(provider)) for provider in MODELS),
    *(Case(provider, "chat_stream", chat(provider)) for provider in MODELS),
    Case("aimlapi", "embed", EmbedRequest(model="text-embedding-3-small", texts=["a", "b c"])),
    Case("aimlapi", "responses", chat("aimlapi")),
    Case(
        "aimlapi",
        "messages",
        ChatRequest(model="anthropic/claude-sonnet-4.5", messages=[Message("user", "hi")], max_tokens=20),
    ),
    Case("aimlapi", "image", ImageRequest(model="flux/schnell", prompt="a tree")),
    Case("aimlapi", "speech", SpeechRequest(model="openai/tts-1", text="hello", voice="alloy")),
    Case("aimlapi", "video", VideoRequest(model="veo2", prompt="x")),
    Case("aimlapi", "music", MusicRequest(model="stable-audio", prompt="x")),
    Case("binobox", "image", ImageRequest(model="imagen-4-fast-generate", prompt="x")),
    Case("binobox", "speech", SpeechRequest(model="gemini-3.1-flash-tts", text="hello", voice="Kore")),
    Case("binobox", "music", MusicRequest(model="lyria-3-clip", prompt="x")),
    Case("binobox", "video", VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4)),
    Case("bineric", "image", ImageRequest(model="stability-ai", prompt="x")),
    Case("bineric", "speech", SpeechRequest(model="text-to-speech", text="hello", voice="en-US-JennyNeural")),
]


def carry_out(world: World, case: Case, *, is_async: bool) -> None:
    client = world.later if is_async else world.client
    advance = (
        {"poll_every": lambda _: world.simulator.clock.advance(5) or 1.0} if case.method in {"video", "music"} else {}
    )

    async def later() -> None:
        found = getattr(client, case.method)(case.request, **advance)
        if case.method == "chat_stream":
            async for _ in found:
                pass
        else:
            await found

    if is_async:
        asyncio.run(later())
    elif case.method == "chat_stream":
        list(client.chat_stream(case.request))
    else:
        getattr(client, case.method)(case.request, **advance)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sum_is_what_the_account_lost_or_usage_times_the_list(case: Case, is_async: bool) -> None:
    world = World(case.provider)
    with track_spending() as spent:
        for _ in range(2):
            carry_out(world, case, is_async=is_async)
    unit = UNITS[case.provider]
    assert world.lost > 0
    if world.client.provider.tells_cost:
        assert (spent.totals, spent.estimated) == ({unit: world.lost}, {})
    else:
        assert (spent.totals, spent.estimated) == ({}, {unit: world.listed()})
    assert (spent.calls, spent.unpriced, spent.doubtful, spent.held) == (2, 0, 0, {})


# ------------------------------------------------------------------------------------------------ what is not all


def test_a_stream_that_is_left_is_counted_with_what_is_known() -> None:
    world = World("binom_router")
    with track_spending() as spent:
        pieces = world.client.chat_stream(chat("binom_router"))
        next(pieces)
        pieces.close()
    assert (spent.calls, spent.unpriced, spent.doubtful, spent.estimated) == (1, 1, 0, {})


@pytest.mark.parametrize("provider", MODELS)
def test_a_cancelled_call_is_doubtful(provider: str) -> None:
    """The task is cancelled while the answer is awaited."""
    sent = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        sent.set()
        await asyncio.sleep(3600)
        raise AssertionError("it was cancelled")

    async def cancel() -> None:
        client = AsyncClient(provider, api_key=KEY, http_client=httpx.AsyncClient(transport=httpx.MockTransport(never)))
        task = asyncio.create_task(client.chat(chat(provider)))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with track_spending() as spent:
        asyncio.run(cancel())
    assert (spent.calls, spent.unpriced, spent.doubtful, spent.totals) == (1, 1, 1, {})


def test_each_attempt_that_may_have_been_charged_counts_and_refused_ones_do_not() -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        if len(asked) == 1:
            return httpx.Response(429, json={"error": {"message": "slow down"}})
        if len(asked) == 2:
            raise httpx.ReadTimeout("", request=request)
        body = {"choices": [{"message": {"content": "hi"}}], "meta": {"usage": {"usd_spent": 0.5}}}
        return httpx.Response(200, json=body)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with track_spending() as spent:
        Client("aimlapi", api_key=KEY, http_client=http, policy=Policy(repeat_unknown=True)).chat(chat("aimlapi"))
    assert (spent.calls, spent.doubtful, spent.totals) == (2, 1, {"USD": Decimal("0.5")})


def test_an_answer_out_of_the_providers_cache_adds_nothing() -> None:
    world = World("aicredits")
    world.simulator.cache = True
    with track_spending() as spent:
        for _ in range(3):
            world.client.chat(chat("aicredits"))
    assert (spent.calls, spent.cached) == (1, 2)
    assert spent.estimated == {"INR": world.listed()}


# ------------------------------------------------------------------------------------------------ jobs and batches


def start_film(world: World) -> Any:
    return world.client.start_video(VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4))


@pytest.mark.parametrize("looks_inside", [False, True])
def test_a_job_is_held_while_it_runs_and_counted_once_it_is_done(looks_inside: bool) -> None:
    world = World("binobox")
    with track_spending() as spent:
        job = start_film(world)
        assert (spent.calls, spent.totals, spent.held, spent.under_way) == (0, {}, {"diamonds": Decimal(800)}, 1)
        world.simulator.clock.advance(30)
        if looks_inside:
            world.client.job(job)
    for _ in range(3):
        world.client.wait(job)  # the tracker that heard of its start hears of its end
    assert (spent.calls, spent.totals, spent.held, spent.under_way) == (1, {"diamonds": world.lost}, {}, 0)


@pytest.mark.parametrize("ending", ["fail", "cancel", "refund"])
def test_a_job_that_failed_or_was_refunded_is_released(ending: str) -> None:
    world = World("binobox")
    world.simulator.faults.add(f"job={ending}")
    with track_spending() as spent:
        job = start_film(world)
        world.simulator.clock.advance(30)
        with pytest.raises(JobFailedError):
            world.client.wait(job)
    assert (world.lost, spent.totals, spent.held, spent.calls) == (0, {}, {}, 0)


def test_a_batch_costs_half_of_the_list() -> None:
    world = World("aimlapi")
    model = "anthropic/claude-sonnet-4.5"
    world.client.models()
    request = ChatRequest(model=model, messages=[Message("user", "hi")], max_tokens=30)
    with track_spending() as spent:
        batch = world.client.create_batch(BatchRequest(requests={"a": request, "b": request}))
        assert (spent.calls, spent.under_way) == (0, 1)
        world.simulator.clock.advance(100)
        for _ in range(2):
            done = world.client.batch(batch)
    assert done.state == "completed"
    assert (spent.calls, spent.totals, spent.under_way) == (1, {}, 0)
    assert abs(spent.estimated["USD"] - world.lost) < Decimal("0.000001")


# ------------------------------------------------------------------------------------------------ threads


def run_in_thread(function: Callable[[], Any]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_a_thread_without_its_parents_context_counts_in_the_only_tracker() -> None:
    world = World("binobox")

    def ask() -> None:
        world.client.chat(chat("binobox"))

    with track_spending() as spent:
        run_in_thread(ask)
        with track_spending() as inner:
            run_in_thread(ask)
    assert (spent.calls, inner.calls) == (2, 1)
    assert spent.totals == {"diamonds": world.lost}
    run_in_thread(ask)
    assert spent.calls == 2


def test_of_two_trackers_side_by_side_a_foreign_thread_counts_in_neither() -> None:
    world = World("binobox")
    both = threading.Barrier(3)
    found: list[Spending] = []

    def track() -> None:
        with track_spending() as spent:
            both.wait()
            both.wait()
        found.append(spent)

    threads = [threading.Thread(target=track) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait()
    run_in_thread(lambda: world.client.chat(chat("binobox")))
    both.wait()
    for thread in threads:
        thread.join()
    assert [spent.calls for spent in found] == [0, 0]


def test_a_thread_that_ran_before_does_not_count() -> None:
    world = World("binobox")
    go = threading.Event()

    def ask() -> None:
        go.wait()
        world.client.chat(chat("binobox"))

    thread = threading.Thread(target=ask)
    thread.start()
    with track_spending() as spent:
        go.set()
        thread.join()
    assert spent.calls == 0


def test_batches_of_embeddings_side_by_side_are_heard() -> None:
    world = World("aimlapi")
    texts = [f"text {number}" for number in range(20)]
    with track_spending() as spent:
        world.client.embed(EmbedRequest(model="text-embedding-3-small", texts=texts, batch_size=3))
    assert (spent.totals, spent.calls) == ({"USD": world.lost}, 7)


def test_a_failed_batch_of_embeddings_counts_what_was_charged() -> None:
    world = World("aimlapi")
    with track_spending() as spent, pytest.raises(MultiApiError):
        world.client.embed(
            EmbedRequest(model="text-embedding-3-small", texts=["a", "b", "c" * 400_000], batch_size=1),
            max_concurrency=1,
        )
    assert spent.totals.get("USD", Decimal(0)) == world.lost
