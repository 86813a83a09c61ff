"""`budget=` on every class: the same budget for all, the cap holds, and a wrong unit is an error at once."""

from __future__ import annotations

import asyncio
import copy
import pickle
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import AsyncClient, Client
from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.money import Budget, BudgetExceededError
from multiapi.money.prices import PRICE_BOOK, PriceBook
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media_requests import ImageRequest, VideoRequest

KEY = "any-key-1234"
MODEL = "openai/gpt-4o"


@pytest.fixture(autouse=True)
def _no_lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fresh = PriceBook()
    for name in ("_lists", "_given", "_longest", "_asked"):
        monkeypatch.setattr(PRICE_BOOK, name, getattr(fresh, name))
    with without_waiting():
        yield


class World:
    def __init__(self, provider: str = "aimlapi") -> None:
        self.provider = provider
        self.simulator = Simulator()
        self.connection = {
            "api_key": KEY,
            "base_url": self.simulator.base_url(provider),
            "http_client": httpx.Client(transport=self.simulator.transport),
            "http_async_client": httpx.AsyncClient(transport=self.simulator.async_transport),
        }

    def client(self, **settings: Any) -> Client:
        given = {name: value for name, value in self.connection.items() if name != "http_async_client"}
        return Client(self.provider, **given, **settings)

    def later(self, **settings: Any) -> AsyncClient:
        given = {name: value for name, value in self.connection.items() if name != "http_client"}
        http = given.pop("http_async_client")
        return AsyncClient(self.provider, **given, http_client=http, **settings)

    @property
    def lost(self) -> Decimal:
        accounts = self.simulator.vendor(self.provider).accounts.values()
        return sum((account.deposit - account.balance for account in accounts), Decimal(0))


def chat(text: str = "Say hello in three words.", max_tokens: int | None = 50) -> ChatRequest:
    return ChatRequest(model=MODEL, messages=[Message("user", text)], max_tokens=max_tokens)


WAYS: dict[str, Callable[[World, Budget], Any]] = {
    "client": lambda world, budget: world.client(budget=budget).chat(chat()),
    "stream": lambda world, budget: list(world.client(budget=budget).chat_stream(chat())),
    "async client": lambda world, budget: asyncio.run(world.later(budget=budget).chat(chat())),
    "embed": lambda world, budget: world.client(budget=budget).embed(
        EmbedRequest(model="text-embedding-3-small", texts=["a", "b"])
    ),
    "image": lambda world, budget: world.client(budget=budget).image(ImageRequest(model="flux/schnell", prompt="x")),
    "ChatMultiApi": lambda world, budget: ChatMultiApi(
        model=f"aimlapi:{MODEL}", budget=budget, max_tokens=50, **world.connection
    ).invoke("hi"),
    "MultiApiEmbeddings": lambda world, budget: MultiApiEmbeddings(
        model="aimlapi:text-embedding-3-small", budget=budget, **world.connection
    ).embed_documents(["a", "b"]),
    "MultiApiToolkit": lambda world, budget: (
        MultiApiToolkit(provider="aimlapi", include=["generate_image"], budget=budget, **world.connection)
        .get_tools()[0]
        .invoke({"prompt": "x"})
    ),
    "MultiApiLLM": lambda world, budget: MultiApiLLM(
        model=f"aimlapi:{MODEL}", budget=budget, max_tokens=50, **world.connection
    ).complete("hi"),
    "MultiApiEmbedding": lambda world, budget: MultiApiEmbedding(
        model="aimlapi:text-embedding-3-small", budget=budget, **world.connection
    ).get_text_embedding_batch(["a", "b"]),
    "MultiApiToolSpec": lambda world, budget: (
        MultiApiToolSpec("aimlapi", include=["generate_image"], budget=budget, **world.connection)
        .to_tool_list()[0]
        .call(prompt="x")
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_class_spends_from_its_budget(way: str) -> None:
    world, budget = World(), Budget("5 USD")
    WAYS[way](world, budget)
    assert world.lost > 0
    assert (budget.spent, budget.reserved, budget.calls) == (world.lost, 0, 1)


@pytest.mark.parametrize("way", [name for name in WAYS if "Tool" not in name])
def test_each_class_refuses_what_does_not_fit_before_it_is_sent(way: str) -> None:
    world, budget = World(), Budget("0 USD")
    with pytest.raises(BudgetExceededError):
        WAYS[way](world, budget)
    assert (world.lost, budget.refused) == (0, 1)


def test_a_tool_tells_the_model_that_the_budget_is_used_up() -> None:
    world, budget = World(), Budget("0 USD")
    assert "budget of 0 USD is used up" in str(WAYS["MultiApiToolkit"](world, budget))
    with pytest.raises(BudgetExceededError):  # LlamaIndex makes words of it in an agent
        WAYS["MultiApiToolSpec"](world, budget)
    assert world.lost == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda unit: Client("binobox", api_key=KEY, budget=f"1 {unit}"),
        lambda unit: ChatMultiApi(model="binobox:m", api_key=KEY, budget=f"1 {unit}"),
        lambda unit: MultiApiEmbeddings(model="aimlapi:m", api_key=KEY, budget="1 diamonds"),
        lambda unit: MultiApiToolkit(provider="binobox", api_key=KEY, budget=f"1 {unit}").get_tools(),
        lambda unit: MultiApiLLM(model="binobox:m", api_key=KEY, budget=f"1 {unit}"),
        lambda unit: MultiApiEmbedding(model="aimlapi:m", api_key=KEY, budget="1 diamonds"),
        lambda unit: MultiApiToolSpec("binobox", api_key=KEY, budget=f"1 {unit}"),
    ],
)
def test_a_unit_that_the_provider_does_not_use_is_an_error_at_once(make: Any) -> None:
    with pytest.raises(InvalidRequestError, match="counts in"):
        make("USD")


def test_one_text_is_one_budget_for_both_clients_and_for_copies() -> None:
    world = World()
    model = ChatMultiApi(model=f"aimlapi:{MODEL}", budget="5 USD", max_tokens=50, **world.connection)
    model.invoke("hi")
    asyncio.run(model.ainvoke("hi"))
    copy.deepcopy(model).invoke("hi")
    model.model_copy().invoke("hi")
    assert (model.budget.calls, model.budget.spent) == (4, world.lost)
    with pytest.raises(TypeError, match="a budget of its own"):
        pickle.dumps(model)


def test_what_is_applied_around_counts_for_every_client_inside() -> None:
    world, budget = World(), Budget("5 USD")
    with budget.applied():
        for way in ("client", "MultiApiLLM", "MultiApiToolkit"):
            WAYS[way](world, budget)
    assert (budget.spent, budget.calls) == (world.lost, 3)


def test_a_call_whose_cost_will_not_be_known_is_refused_unless_it_is_allowed() -> None:
    world = World("binom_router")
    request = ChatRequest(model="unknown", messages=[Message("user", "hi")], max_tokens=5)
    with pytest.raises(UnsupportedError, match="on_unpriced='allow'"):
        world.client(budget="1 credits").chat(request)
    allowing = Budget("1 credits", on_unpriced="allow")
    world.client(budget=allowing).chat(request)
    assert (allowing.unpriced, allowing.exact) == (1, False)


def test_a_cancelled_call_stays_taken_and_a_refused_one_does_not() -> None:
    world, budget = World(), Budget("5 USD")
    client = world.client(budget=budget)
    client.models()
    world.simulator.faults.add("drop")
    with pytest.raises(MultiApiError):
        client.chat(chat())
    assert budget.doubtful > 0
    before = budget.left
    world.simulator.faults.add("status=403")
    with pytest.raises(MultiApiError):
        client.chat(chat())
    assert (budget.left, budget.reserved) == (before, 0)


@pytest.mark.parametrize("ending", ["done", "fail"])
def test_a_job_is_held_until_it_has_ended(ending: str) -> None:
    from multiapi.errors import JobFailedError
    from multiapi.simulator import Clock

    world, budget = World("binobox"), Budget("1000 diamonds")
    world.simulator.clock = Clock(1_800_000_000.0)
    client = world.client(budget=budget)
    client.models()
    if ending == "fail":
        world.simulator.faults.add("job=fail")
    job = client.start_video(VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4))
    assert (budget.reserved, budget.spent) == (800, 0)
    with pytest.raises(BudgetExceededError):
        client.start_video(VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4))
    world.simulator.clock.advance(30)
    if ending == "fail":
        with pytest.raises(JobFailedError):
            client.wait(job)
    else:
        client.wait(job)
    assert (budget.reserved, budget.spent) == (0, world.lost)


# ------------------------------------------------------------------------------------------------ random caps


def cap_of(seed: int) -> Budget:
    """From a cap that lets nothing through to one that lets dozens of calls through."""
    return Budget(Decimal(f"{10 ** random.Random(seed).uniform(-4, -2.3):.6f}"), "USD")


class Crowd:
    """Fifty threads and a thousand tasks that want to spend from one budget at the same time."""

    def __init__(self, seed: int, *, max_tokens: int | None = 60) -> None:
        self.world, self.budget = World(), cap_of(seed)
        chance = random.Random(seed)
        self.requests = [
            chat("word " * chance.randint(1, 20), max_tokens and chance.randint(1, max_tokens)) for _ in range(1_000)
        ]
        self.client = self.world.client(budget=self.budget, max_retries=0)
        self.later = self.world.later(budget=self.budget, max_retries=0)
        self.refused = 0
        self.asked = 0
        self.dearest = Decimal(0)
        self._lock = threading.Lock()

    def _note(self, answer: Any) -> None:
        with self._lock:
            self.asked += 1
            if answer is None:
                self.refused += 1
            else:
                self.dearest = max(self.dearest, answer.cost.amount)

    def ask(self, request: ChatRequest) -> None:
        try:
            answer = self.client.chat(request)
        except BudgetExceededError:
            answer = None
        self._note(answer)

    async def ask_later(self, request: ChatRequest) -> None:
        try:
            answer = await self.later.chat(request)
        except BudgetExceededError:
            answer = None
        self._note(answer)

    def threads(self) -> None:
        with ThreadPoolExecutor(50) as pool:
            list(pool.map(self.ask, self.requests[:200]))

    def tasks(self) -> None:
        async def all_of() -> None:
            await asyncio.gather(*(self.ask_later(request) for request in self.requests))

        asyncio.run(all_of())

    def both(self) -> None:
        with ThreadPoolExecutor(1) as pool:
            tasks = pool.submit(self.tasks)
            self.threads()
            tasks.result()


CROWDS = [(seed, "both") for seed in range(50)] + [(50 + seed, ("threads", "tasks")[seed % 2]) for seed in range(20)]


@pytest.mark.parametrize(("seed", "who"), CROWDS)
def test_a_crowd_keeps_to_a_cap_that_can_be_computed(seed: int, who: str) -> None:
    crowd = Crowd(seed)
    getattr(crowd, who)()
    budget = crowd.budget
    assert crowd.world.lost <= budget.amount
    assert (budget.spent, budget.reserved, budget.exact) == (crowd.world.lost, 0, True)
    assert budget.calls + crowd.refused == crowd.asked
    assert crowd.refused == budget.refused


@pytest.mark.parametrize("who", ["threads", "tasks", "both"])
@pytest.mark.parametrize("seed", range(70, 74))
def test_a_crowd_without_a_bound_passes_the_cap_by_no_more_than_the_calls_under_way(seed: int, who: str) -> None:
    crowd = Crowd(seed, max_tokens=None)
    getattr(crowd, who)()
    budget = crowd.budget
    at_once = {"threads": 50, "tasks": 1_000, "both": 1_050}[who]
    assert crowd.world.lost == budget.spent <= budget.amount + at_once * crowd.dearest
    assert budget.calls == 0 or not budget.exact
    assert budget.calls == 0 or "not exact" in repr(budget)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_an_agent_with_paid_tools_keeps_to_its_cap(seed: int) -> None:
    """The tool asks another model again and again; the price of all of them can be computed."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    from langchain_multiapi import SpendGuard

    world = World()
    world.client().models()
    cap = Decimal(random.Random(seed).randint(1, 40)) / 10_000 + Decimal("0.0015")  # the model's own call fits
    inner = MultiApiLLM(model=f"aimlapi:{MODEL}", max_tokens=20, **world.connection)

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return "\n".join(str(inner.complete(f"weather in {city} {number}")) for number in range(60))

    model = ChatMultiApi(model=f"aimlapi:{MODEL}", max_tokens=60, **world.connection)
    agent = create_agent(model, [weather], middleware=[SpendGuard(cap, unit="USD")])
    asked = {"messages": [("user", "What is the weather in Oslo?")]}
    done = agent.invoke(asked, {"recursion_limit": 40})
    assert Decimal("0.001") < world.lost <= cap
    assert any("does not fit" in str(each.content) or "is used up" in str(each.content) for each in done["messages"])


LISTED = {
    "an image for each request": ("aimlapi", "generate_image", {"prompt": "a cat"}, "flux/schnell", "USD", "0.03"),
    "a voice for each character": (
        "aimlapi",
        "text_to_speech",
        {"text": "word " * 40},
        "#g1_aura-asteria-en",
        "USD",
        "0.002",
    ),
    "an image at least": ("binobox", "generate_image", {"prompt": "a cat"}, "imagen-4-fast-generate", "diamonds", "19"),
}


@pytest.mark.parametrize(("vendor", "name", "arguments", "model", "unit", "cap"), LISTED.values(), ids=LISTED)
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_a_guard_knows_prices_that_stand_only_in_the_providers_list(
    vendor: str, name: str, arguments: dict[str, Any], model: str, unit: str, cap: str
) -> None:
    """The tool is not carried out, the agent's model is told why, and nothing was paid for it."""
    from langchain.agents import create_agent
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    from langchain_multiapi import MultiApiToolkit, SpendGuard

    class Asks(GenericFakeChatModel):
        def bind_tools(self, *_: Any, **__: Any) -> Any:
            return self

    simulator = Simulator()
    connection = {
        "api_key": KEY,
        "base_url": simulator.base_url(vendor),
        "http_client": httpx.Client(transport=simulator.transport),
    }
    call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
    asked = Asks(messages=iter([AIMessage("", tool_calls=[call], id="a"), AIMessage("So be it.", id="b")]))
    operation = {"generate_image": "image", "text_to_speech": "speech"}[name]
    tools = MultiApiToolkit(provider=vendor, include=[name], models={operation: model}, **connection).get_tools()
    with PRICE_BOOK.aside(), pytest.warns(UserWarning, match="told no cost"):  # that of the model, which is not ours
        agent = create_agent(asked, tools, middleware=[SpendGuard(cap, unit=unit)])
        done = agent.invoke({"messages": [("user", "Make something.")]})["messages"]
    account = simulator.vendor(vendor).account(KEY)
    assert account.balance == account.deposit
    assert any("does not fit" in str(each.content) for each in done)


def test_a_guard_says_in_the_log_that_calls_went_without_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    from multiapi.money.kept_budget import KeptBudget

    kept = KeptBudget("1", "USD")
    for bound in (Decimal("0.1"), None, None):
        step = kept.left(Decimal(0))
        step.reserve(bound).settle(Decimal("0.1"))
        kept.ended(step)
    assert caplog.text.count("may be passed by the calls under way") == 1


@pytest.mark.parametrize("seed", range(50))
def test_a_workflow_of_llamaindex_keeps_to_its_cap(seed: int) -> None:
    from llama_index.core.workflow import Context, StartEvent, StopEvent, Workflow, step

    world, budget = World(), cap_of(seed)
    llm = MultiApiLLM(model=f"aimlapi:{MODEL}", max_tokens=30, budget=budget, **world.connection)

    class Ask(Workflow):
        @step
        async def all_at_once(self, ctx: Context, event: StartEvent) -> StopEvent:
            found = await asyncio.gather(*(llm.acomplete(f"question {n}") for n in range(40)), return_exceptions=True)
            return StopEvent(result=[each for each in found if isinstance(each, BudgetExceededError)])

    async def run() -> Any:
        return await Ask(timeout=None).run()

    refused = asyncio.run(run())
    assert world.lost == budget.spent <= budget.amount
    assert budget.calls + len(refused) == 40
    assert budget.exact
