"""`SpendingHandler`: each run of LlamaIndex is added up and capped by itself, whoever spends in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.tools import FunctionTool

from llamaindex_multiapi import MultiApiLLM, MultiApiToolSpec, SpendingHandler
from multiapi.errors import InvalidRequestError
from multiapi.money import Budget, BudgetExceededError, set_prices, track_spending
from multiapi.money.prices import PRICE_BOOK
from multiapi.money.scopes import WATCHING
from multiapi.sending.waiting import without_waiting
from tests.money.paid import CHAT_MODELS, GIVEN, MADE, PROMPT, UNITS, World


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with PRICE_BOOK.aside():
        yield from _known()


def _known() -> Iterator[None]:
    set_prices("binom_router", CHAT_MODELS["binom_router"], input=f"{GIVEN} credits", output=f"{MADE} credits")
    before = list(get_dispatcher().span_handlers)
    with without_waiting():
        yield
    assert get_dispatcher().span_handlers == before
    assert WATCHING == []


def llm(world: World, **settings: Any) -> MultiApiLLM:
    return MultiApiLLM(model=f"{world.provider}:{CHAT_MODELS[world.provider]}", **world.connection, **settings)


@pytest.mark.parametrize("way", ["complete", "acomplete", "stream", "astream"])
@pytest.mark.parametrize("provider", CHAT_MODELS)
def test_a_call_is_a_run(provider: str, way: str) -> None:
    world = World(provider)
    model = llm(world)

    async def later() -> None:
        if way == "acomplete":
            await model.acomplete(PROMPT)
        else:
            async for _ in await model.astream_complete(PROMPT):
                pass

    with SpendingHandler() as spent:
        for _ in range(2):
            if way == "complete":
                model.complete(PROMPT)
            elif way == "stream":
                list(model.stream_complete(PROMPT))
            else:
                asyncio.run(later())
    unit = UNITS[provider]
    reported = spent.total.totals.get(unit, Decimal(0)) + spent.total.estimated.get(unit, Decimal(0))
    assert reported == (world.lost if model.vendor.tells_cost else world.listed()) > 0
    if "stream" in way:  # its body runs where it is read, which is outside of every run here
        assert (spent.total.calls, spent.runs) == (2, [])
    else:
        assert [run.spending.calls for run in spent.runs] == [1, 1]
        assert spent.runs[0].name.startswith("MultiApiLLM.")
    model.complete(PROMPT)
    assert spent.total.calls == 2  # it has left the dispatcher


def paid_agent(world: World, **settings: Any) -> FunctionAgent:
    """An agent that asks a weather tool which asks another model, which is paid too."""
    inner = llm(world, max_tokens=20)

    async def weather(city: str) -> str:
        """The weather in a city."""
        return "\n".join([str(await inner.acomplete(f"weather in {city} {number}")) for number in range(30)])

    return FunctionAgent(llm=llm(world, max_tokens=60, **settings), tools=[weather])


def ask(agent: FunctionAgent, question: str = "What is the weather in Oslo?") -> Any:
    async def run() -> Any:
        return await agent.run(question)

    return asyncio.run(run())


def test_a_run_of_an_agent_holds_what_its_tools_spend() -> None:
    world = World("aimlapi")
    with SpendingHandler() as spent, track_spending() as tracked:
        ask(paid_agent(world))
        ask(paid_agent(world))
    assert len(spent.runs) == 2
    assert sum((run.spending.totals["USD"] for run in spent.runs), Decimal(0)) == world.lost
    assert spent.total.totals == tracked.totals
    assert spent.total.calls == tracked.calls == len(world.charges) > 60


@pytest.mark.parametrize("seed", range(25))
def test_each_run_of_an_agent_keeps_to_its_cap(seed: int) -> None:
    world = World("aimlapi")
    world.client.models()
    cap = Decimal(random.Random(seed).randint(12, 60)) / 10_000
    with SpendingHandler(f"{cap} USD") as spent:
        for _ in range(2):
            before = world.lost
            try:
                ask(paid_agent(world))
            except BudgetExceededError as error:
                assert "does not fit" in str(error) or "used up" in str(error)
            assert world.lost - before <= cap
    for run in spent.runs:
        assert run.budget is not None
        assert run.budget.exact
        assert run.budget.spent == run.spending.totals.get("USD", 0) <= cap


def test_a_tool_that_does_not_fit_is_told_to_the_model() -> None:
    """The media tool would pass the cap; the model reads why, and goes on."""
    world = World("binobox")
    world.client.models()
    tools = MultiApiToolSpec("binobox", include=["generate_image"], **world.connection).to_tool_list()
    agent = FunctionAgent(llm=llm(world), tools=tools)
    with SpendingHandler("5 diamonds") as spent:
        answer = ask(agent, "Make a picture of a red house by the sea.")
    told = " ".join(str(call.tool_output.content) for call in answer.tool_calls)
    assert "does not fit into the budget of 5 diamonds" in told
    assert world.lost == spent.total.totals["diamonds"] <= 5


def test_a_sub_agent_spends_from_the_run_that_asked_it() -> None:
    world = World("aimlapi")
    inner = paid_agent(world)

    async def expert(question: str) -> str:
        """Ask an expert for the weather."""
        return str(await inner.run(question))

    agent = FunctionAgent(llm=llm(world, max_tokens=60), tools=[FunctionTool.from_defaults(async_fn=expert)])
    with SpendingHandler() as spent:
        ask(agent, "Ask the expert for the weather in Oslo.")
    (run,) = spent.runs
    assert run.spending.totals == {"USD": world.lost}
    assert run.spending.calls > 30


def test_runs_side_by_side_are_apart() -> None:
    world = World("aimlapi")
    model = llm(world)

    async def run() -> None:
        await asyncio.gather(*(model.acomplete(f"{PROMPT} {number}") for number in range(20)))

    with SpendingHandler() as spent:
        asyncio.run(run())
    assert [each.spending.calls for each in spent.runs] == [1] * 20
    assert spent.total.totals == {"USD": world.lost}


def test_one_budget_for_all_runs() -> None:
    world, budget = World("aimlapi"), Budget("0.0006 USD")
    model = llm(world, max_tokens=20)
    with SpendingHandler(budget, per="all"), pytest.raises(BudgetExceededError):
        for _ in range(20):
            model.complete(PROMPT)
    assert world.lost == budget.spent <= budget.amount


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_outside_of_every_run_is_capped_by_itself(is_async: bool) -> None:
    world = World("aimlapi")
    world.client.models()
    model = llm(world, max_tokens=50)

    async def later() -> None:
        async for _ in await model.astream_complete(PROMPT):
            pass

    def read() -> None:
        asyncio.run(later()) if is_async else list(model.stream_complete(PROMPT))

    with SpendingHandler("0.0001 USD"), pytest.raises(BudgetExceededError):
        read()
    assert world.lost == 0
    with SpendingHandler("0.002 USD") as spent:
        for _ in range(40):
            read()
    assert spent.total.totals == {"USD": world.lost}


def test_a_model_with_the_same_budget_holds_it_once() -> None:
    world, budget = World("aimlapi"), Budget("1 USD")
    with SpendingHandler(budget, per="all"):
        llm(world, max_tokens=20, budget=budget).complete(PROMPT)
    assert (budget.spent, budget.calls) == (world.lost, 1)


@pytest.mark.parametrize(
    ("budget", "per", "words"),
    [("1 USDD", "run", "USD"), (Budget("1 USD"), "run", "per='all'"), ("1 USD", "day", "'run' or 'all'")],
)
def test_a_handler_that_cannot_be_right_is_refused(budget: Any, per: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        SpendingHandler(budget, per=per)


def test_a_function_makes_the_budget_of_each_run() -> None:
    world = World("aimlapi")
    with SpendingHandler(lambda: Budget("1 USD", max_cost_per_call="0.1 USD")) as spent:
        llm(world).complete(PROMPT)
        llm(world).complete(PROMPT)
    first, second = (run.budget for run in spent.runs)
    assert first is not None and second is not None and first is not second
    assert first.spent + second.spent == world.lost


def test_long_programs_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import llamaindex_multiapi.spending as module

    monkeypatch.setattr(module, "MAX_SPANS", 50)
    world = World("aimlapi")
    model = llm(world)
    with SpendingHandler() as spent:
        for _ in range(60):
            model.complete(PROMPT)
        assert len(spent._by_span) <= 50
    assert spent.total.totals == {"USD": world.lost}
