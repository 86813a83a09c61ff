"""Agents from end to end on every vendor: tools, parallel tools, forms, streams, summaries, failing over, budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent, middleware
from langchain.agents.middleware import (
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi, SpendGuard, VendorFailover
from langchain_multiapi.middleware import BudgetExceededError
from multiapi.providers import PROVIDERS

from .conftest import CHAT_MODELS, VENDORS
from .wire import Server, call, delta, joined, stream, usage, whole

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def weather(place: str) -> str:
    """Tell the weather at a place."""
    return f"It is 21 degrees in {place}."


class Weather(BaseModel):
    """The weather at a place."""

    place: str
    degrees: int


def ask(agent: Any, words: str, **config: Any) -> list[Any]:
    return list(agent.invoke({"messages": [HumanMessage(words)]}, **config)["messages"])


def test_an_agent_calls_a_tool_and_answers(vendor: str, make_model: Any) -> None:
    messages = ask(create_agent(make_model(vendor), [add]), "Add 3 and 4.")
    assert [type(message) for message in messages] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert messages[1].tool_calls[0]["args"] == {"a": 3, "b": 4}
    assert messages[2].content == "7"
    assert "7" in messages[3].text


async def test_an_awaited_agent_does_the_same(vendor: str, make_model: Any) -> None:
    agent = create_agent(make_model(vendor), [add])
    messages = (await agent.ainvoke({"messages": [HumanMessage("Add 3 and 4.")]}))["messages"]
    assert "7" in messages[-1].text


def test_an_agent_calls_two_tools_at_once(vendor: str, make_model: Any) -> None:
    messages = ask(create_agent(make_model(vendor), [add, weather]), "What is the weather in Paris and in Oslo?")
    results = [message.content for message in messages if isinstance(message, ToolMessage)]
    assert sorted(results) == ["It is 21 degrees in Oslo.", "It is 21 degrees in Paris."]
    assert isinstance(messages[-1], AIMessage)
    assert not messages[-1].tool_calls


@pytest.mark.parametrize(
    "strategy", [Weather, ToolStrategy(Weather), ProviderStrategy(Weather)], ids=["auto", "tool", "provider"]
)
def test_an_agent_answers_in_a_form_by_every_strategy(vendor: str, strategy: Any, make_model: Any) -> None:
    agent = create_agent(make_model(vendor), [add], response_format=strategy)
    result = agent.invoke({"messages": [HumanMessage("It is 21 degrees in Paris.")]})
    assert result["structured_response"] == Weather(place="Paris", degrees=21)


def test_a_streamed_agent_shows_words_as_they_come_and_ends_alike(vendor: str, make_model: Any) -> None:
    agent = create_agent(make_model(vendor), [add], response_format=None)
    parts = list(agent.stream({"messages": [HumanMessage("Add 3 and 4.")]}, stream_mode=["messages", "values"]))
    shown = [part[0] for mode, part in parts if mode == "messages"]
    last = [part for mode, part in parts if mode == "values"][-1]["messages"][-1]
    assert "7" in last.text
    said = "".join(chunk.text for chunk in shown if chunk.id == last.id)
    assert said == last.text


def test_a_streamed_agent_answers_in_a_form(vendor: str, make_model: Any) -> None:
    """Streaming makes the model stream too; the JSON of the answer must be whole and bare all the same."""
    agent = create_agent(make_model(vendor), [add], response_format=ProviderStrategy(Weather))
    parts = list(
        agent.stream({"messages": [HumanMessage("It is 21 degrees in Paris.")]}, stream_mode=["messages", "values"])
    )
    assert [part for mode, part in parts if mode == "values"][-1]["structured_response"] == Weather(
        place="Paris", degrees=21
    )


def test_an_agent_keeps_its_thread(vendor: str, make_model: Any) -> None:
    """The checkpointer writes the messages out and reads them again between the runs."""
    agent = create_agent(make_model(vendor), [add], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    ask(agent, "Add 3 and 4.", config=config)
    messages = ask(agent, "Add 5 and 6.", config=config)
    assert [message.content for message in messages if isinstance(message, ToolMessage)] == ["7", "11"]


def test_a_tool_that_fails_is_reported_to_the_model(vendor: str, make_model: Any) -> None:
    @tool
    def divide(a: int, b: int) -> float:
        """Divide two numbers."""
        return a / b

    @tool
    def broken(a: int) -> str:
        """Break."""
        raise ValueError("it is broken")

    broken.handle_tool_error = True
    messages = [
        HumanMessage("Divide 4 by 2."),
        AIMessage("", tool_calls=[{"name": "divide", "args": {"a": 4, "b": 0}, "id": "c1"}]),
        ToolMessage("division by zero", tool_call_id="c1", status="error"),
    ]
    assert make_model(vendor).bind_tools([divide]).invoke(messages)


def test_a_long_conversation_is_summarized_by_reported_tokens() -> None:
    counts = {"prompt_tokens": 60_000, "completion_tokens": 1, "total_tokens": 60_001}
    server = Server(whole({"content": "noted"}, usage=counts))
    model = server.model()
    middleware = SummarizationMiddleware(model=model, trigger=("tokens", 50_000), keep=("messages", 1))
    agent = create_agent(model, middleware=[middleware], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    ask(agent, "one", config=config)
    messages = ask(agent, "two", config=config)
    assert len(server.requests) == 3
    assert "summary" in messages[0].text


def test_a_share_of_the_context_can_trigger_a_summary() -> None:
    model = Server(whole()).model(model="openai/gpt-4o")
    assert SummarizationMiddleware(model=model, trigger=("fraction", 0.5), keep=("fraction", 0.2))


def test_a_conversation_that_is_too_long_is_made_shorter_and_tried_again() -> None:
    from langchain_core.exceptions import ContextOverflowError

    refusal = httpx.Response(400, json={"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}})
    server = Server(refusal, whole({"content": "short"}))
    with pytest.raises(ContextOverflowError):
        server.model().invoke("?")


# ------------------------------------------------------------------------------------------------ failing over


BUSY = httpx.Response(503, json={"error": {"message": "overloaded"}})
WRONG = httpx.Response(400, json={"error": {"message": "no such parameter"}})
EMPTY = httpx.Response(402, json={"error": {"message": "no credits left"}})


async def test_another_vendor_is_asked_when_one_is_busy_or_the_account_is_empty() -> None:
    for answer in (BUSY, EMPTY):
        first, second = Server(answer), Server(whole({"content": "from the second"}))
        agent = create_agent(first.model("binom_router"), middleware=[VendorFailover(second.model("aicredits"))])
        assert ask(agent, "?")[-1].text == "from the second"
        awaited = await agent.ainvoke({"messages": [HumanMessage("?")]})
        assert awaited["messages"][-1].text == "from the second"


def test_what_would_fail_elsewhere_too_is_raised_at_once() -> None:
    first, second = Server(WRONG), Server(whole())
    agent = create_agent(first.model(), middleware=[VendorFailover(second.model("aicredits"))])
    with pytest.raises(ModelError, match="no such parameter"):
        ask(agent, "?")
    assert second.requests == []


def test_what_may_have_been_charged_is_not_paid_for_twice() -> None:
    def silence(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silence")

    second = Server(whole())
    agent = create_agent(Server(silence).model(), middleware=[VendorFailover(second.model("aicredits"))])
    with pytest.raises(ModelError):
        ask(agent, "?")
    assert second.requests == []


def test_failing_over_ends_with_the_last_error_and_needs_a_model() -> None:
    first, second = Server(BUSY), Server(EMPTY)
    agent = create_agent(first.model(), middleware=[VendorFailover(second.model("aicredits"))])
    with pytest.raises(ModelError, match="no credits left"):
        ask(agent, "?")
    with pytest.raises(ValueError, match="at least one model"):
        VendorFailover()
    stubborn = create_agent(first.model(), middleware=[VendorFailover(second.model(), not_on=(ModelError,))])
    with pytest.raises(ModelError, match="overloaded"):
        ask(stubborn, "?")


def test_langchains_own_retry_and_fallback_take_our_errors() -> None:
    server = Server(BUSY, whole({"content": "at last"}))
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    assert ask(create_agent(server.model(), middleware=[retry]), "?")[-1].text == "at last"
    server = Server(WRONG, whole({"content": "at last"}))
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False, on_failure="error")
    with pytest.raises(ModelError, match="no such parameter"):
        ask(create_agent(server.model(), middleware=[retry]), "?")
    other = ModelFallbackMiddleware(Server(whole({"content": "other"})).model("aicredits"))
    assert ask(create_agent(Server(BUSY).model(), middleware=[other]), "?")[-1].text == "other"


# ------------------------------------------------------------------------------------------------ budgets


def priced(usd: float, message: dict[str, Any] | None = None) -> httpx.Response:
    reason = "tool_calls" if message and message.get("tool_calls") else "stop"
    return whole(message, finish_reason=reason, meta={"usage": {"usd_spent": usd}})


LOOP = {"content": None, "tool_calls": [call(0, None, "add", '{"a": 1, "b": 2}')]}


async def test_an_agent_stops_when_its_budget_is_used_up() -> None:
    server = Server(priced(0.2, LOOP))
    agent = create_agent(server.model(), [add], middleware=[SpendGuard("0.50", unit="USD")])
    messages = ask(agent, "Add for ever.")
    assert messages[-1].text == "Stopped: the budget of 0.50 USD is used up: 0.6 were spent."
    assert [request.method for request in server.requests] == ["GET", "POST", "POST", "POST"], "prices, then answers"
    awaited = await agent.ainvoke({"messages": [HumanMessage("Add for ever.")]})
    assert awaited["messages"][-1].text.startswith("Stopped")


def test_a_used_up_budget_can_be_an_error() -> None:
    agent = create_agent(
        Server(priced(0.2, LOOP)).model(), [add], middleware=[SpendGuard(0.3, unit="USD", on_exceeded="error")]
    )
    with pytest.raises(BudgetExceededError) as raised:
        ask(agent, "Add for ever.")
    assert (raised.value.spent, raised.value.budget, raised.value.unit) == (Decimal("0.4"), Decimal("0.3"), "USD")


def test_a_budget_is_for_a_thread_or_for_each_run() -> None:
    def agent_of(**settings: Any) -> Any:
        guard = SpendGuard("0.30", unit="USD", **settings)
        return create_agent(Server(priced(0.2)).model(), middleware=[guard], checkpointer=InMemorySaver())

    config = {"configurable": {"thread_id": "1"}}
    agent = agent_of()
    assert [ask(agent, "?", config=config)[-1].text for _ in range(3)][-1].startswith("Stopped")
    assert ask(agent, "?", config={"configurable": {"thread_id": "2"}})[-1].text == "ok"
    agent = agent_of(per="run")
    assert [ask(agent, "?", config=config)[-1].text for _ in range(3)] == ["ok"] * 3


def test_costs_in_another_unit_or_none_are_not_counted_unless_wanted() -> None:
    server = Server(priced(0.2, LOOP), priced(0.2, LOOP), priced(0.2))
    agent = create_agent(server.model(), [add], middleware=[SpendGuard("0.1", unit="INR")])
    with pytest.warns(UserWarning, match="told its cost in USD"):
        assert ask(agent, "?")[-1].text == "ok"
    agent = create_agent(
        Server(whole(LOOP)).model(), [add], middleware=[SpendGuard("1", unit="USD", on_unpriced="exceeded")]
    )
    assert ask(agent, "?")[-1].text.startswith("Stopped")


@pytest.mark.parametrize("budget", ["-1", "NaN", float("inf")])
def test_a_budget_is_an_amount(budget: Any) -> None:
    with pytest.raises(ValueError, match="a budget must be zero or more"):
        SpendGuard(budget, unit="USD")


def test_the_simulated_vendors_say_what_they_cost_in_their_own_unit(make_model: Any) -> None:
    units = {"bineric": None, "aimlapi": "USD", "binobox": "diamonds"}
    for vendor, unit in units.items():
        agent = create_agent(make_model(vendor), [add], middleware=[SpendGuard(0, unit=unit)])
        assert ask(agent, "Add 3 and 4.")[-1].text.startswith("Stopped")
        agent = create_agent(make_model(vendor), [add], middleware=[SpendGuard("1000", unit=unit)])
        assert "7" in ask(agent, "Add 3 and 4.")[-1].text


# ------------------------------------------------------------------------------------------------ round trips


RICH = {
    "content": "Let me add.",
    "reasoning_content": "I should add.",
    "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "I should add.", "signature": "c2ln"}],
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}],
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}],
    "tool_calls": [
        {**call(0, "c1", "add", '{"a": 3, "b": 4}'), "extra_content": {"google": {"thought_signature": "s"}}},
        call(1, "c2", "add", '{"a": '),
    ],
}


@pytest.mark.parametrize("other", VENDORS)
@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_one_vendor_wrote_is_taken_by_every_other(
    vendor: str, other: str, version: str | None, streamed: bool, make_model: Any
) -> None:
    """The simulator checks each request against the other vendor's contract."""
    if streamed and PROVIDERS[vendor].chat_stream is not None:
        event = {key: value for key, value in RICH.items() if key != "content"}
        answer = stream(delta("Let me add."), delta(**event), delta(finish_reason="tool_calls"), usage())
    else:
        answer = whole(RICH, finish_reason="tool_calls")
    writer = Server(answer).model(vendor, output_version=version)
    message = joined(writer.stream("?")) if streamed else writer.invoke("?")
    assert [found["id"] for found in message.tool_calls] == ["c1"]
    history = [
        HumanMessage("Add 3 and 4."),
        message,
        ToolMessage("7", tool_call_id="c1"),
        *(
            ToolMessage("cannot be read", tool_call_id=found["id"], status="error")
            for found in message.invalid_tool_calls
        ),
        HumanMessage("Thank you. Hello again."),
    ]
    assert make_model(other).bind_tools([add]).invoke(history).text
    assert make_model(other).invoke(history).text


@pytest.mark.parametrize("other", VENDORS)
def test_a_whole_agents_history_moves_to_every_other_vendor(vendor: str, other: str, make_model: Any) -> None:
    history = ask(create_agent(make_model(vendor), [add, weather]), "Add 3 and 4.")
    moved = create_agent(make_model(other), [add, weather])
    result = moved.invoke({"messages": [*history, HumanMessage("Add 5 and 6.")]})
    assert [message.content for message in result["messages"] if isinstance(message, ToolMessage)] == ["7", "11"]


def test_a_history_of_another_vendor_keeps_no_signed_thoughts() -> None:
    written = Server(whole(RICH, finish_reason="tool_calls")).model("aimlapi", model="thinker").invoke("?")
    server = Server(whole())
    result = ToolMessage("7", tool_call_id="c1")
    for vendor, model in (("aicredits", "thinker"), ("aimlapi", "other"), ("aimlapi", "thinker")):
        server.model(vendor, model=model).invoke([HumanMessage("?"), written, result])
    sent = [str(body["messages"][1]) for body in server.bodies]
    assert ["c2ln" in text for text in sent] == [False, False, True]
    assert ["thought_signature" in text for text in sent] == [False, True, True]


def test_models_of_every_vendor_have_a_name_that_agents_can_use(vendor: str) -> None:
    model = ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], api_key="k")
    assert model._llm_type == f"{vendor}-chat"
    assert model.profile is not None
    assert model.profile["text_outputs"]


@pytest.mark.skipif(not hasattr(middleware, "ModelRefusalMiddleware"), reason="it came with langchain 1.5")
def test_langchains_refusal_middleware_sees_our_refusals() -> None:
    server = Server(whole({"content": None, "refusal": "I cannot help with that"}))
    agent = create_agent(server.model(), middleware=[middleware.ModelRefusalMiddleware()])
    with pytest.raises(ModelError, match="I cannot help with that"):
        ask(agent, "?")
