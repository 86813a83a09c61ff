"""What is asked for in the prompt (a form, tools) is found however long the conversation is: it stands in the last user message."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.llms import ChatMessage
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi.simulator import Simulator

MODELS = {
    "bineric": "gpt-4",
    "binobox": "gemini-3.1-flash-lite",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binom_router": "gpt-4o",
}
ASKED = "Rain in Oslo, 7 degrees."


class Weather(BaseModel):
    """The weather of a place."""

    city: str
    degrees: int


def look_up(city: str) -> str:
    """Look up the weather of a city."""
    return f"It rains in {city}, 7 degrees."


def history(turns: int, *, system: bool, loop: bool) -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage("Be kind.")] if system else []
    for number in range(turns // 2):
        messages += [HumanMessage(f"hi {number}"), AIMessage("hello")]
    if loop:
        call = AIMessage("", tool_calls=[{"name": "look_up", "args": {"city": "Oslo"}, "id": "c1"}])
        return [*messages, HumanMessage("Weather in Oslo?"), call, ToolMessage(look_up("Oslo"), tool_call_id="c1")]
    return [*messages, HumanMessage(ASKED)]


def simulated(provider: str) -> dict[str, Any]:
    simulator = Simulator()
    return {
        "api_key": "any-key-1234",
        "base_url": simulator.base_url(provider),
        "http_client": httpx.Client(transport=simulator.transport),
        "http_async_client": httpx.AsyncClient(transport=simulator.async_transport),
    }


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("turns", [1, 3, 31])
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("loop", [False, True])
def test_a_form_is_filled_in_a_conversation(provider: str, turns: int, system: bool, loop: bool) -> None:
    model = ChatMultiApi(model=f"{provider}:{MODELS[provider]}", **simulated(provider))
    chain = model.with_structured_output(Weather)
    messages = history(turns, system=system, loop=loop)

    async def later() -> Any:
        return await chain.ainvoke(messages)

    for found in (chain.invoke(messages), asyncio.run(later()), list(chain.stream(messages))[-1]):
        assert found == Weather(city="Oslo", degrees=7)
    llm = MultiApiLLM(provider=provider, model=MODELS[provider], **simulated(provider))
    if not loop:
        asked = [
            ChatMessage(role={"human": "user", "ai": "assistant"}.get(message.type, "system"), content=message.text)
            for message in messages
        ]
        assert llm.as_structured_llm(Weather).chat(asked).raw == Weather(city="Oslo", degrees=7)


@pytest.mark.parametrize("provider", MODELS)
def test_agents_with_a_form_answer_after_earlier_turns(provider: str) -> None:
    model = ChatMultiApi(model=f"{provider}:{MODELS[provider]}", **simulated(provider))
    agent = create_agent(model, [look_up], response_format=ProviderStrategy(Weather))
    earlier = [("user", "hi"), ("assistant", "hello")]
    said = agent.invoke({"messages": [*earlier, ("user", "Look up the weather in Oslo.")]})
    assert said["structured_response"] == Weather(city="Oslo", degrees=7)


@pytest.mark.parametrize("provider", ["bineric", "binobox"])
@pytest.mark.parametrize("turns", [1, 3, 31])
@pytest.mark.parametrize("loop", [False, True])
def test_the_last_user_message_of_the_body_holds_form_and_tools(provider: str, turns: int, loop: bool) -> None:
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        text = '{"city": "Oslo", "degrees": 7}'
        if provider == "bineric":
            return httpx.Response(200, json={"success": True, "response": text})
        return httpx.Response(200, json={"id": "a", "choices": [{"index": 0, "message": {"content": text}}]})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    model = ChatMultiApi(model=f"{provider}:m", api_key="k", http_client=client)
    messages = history(turns, system=True, loop=loop)
    model.with_structured_output(Weather).invoke(messages)
    model.bind_tools([look_up], tool_choice="any").invoke(messages)
    for body, words in zip(sent, ('"degrees"', "You must call a tool now."), strict=True):
        last = [message for message in body["messages"] if message["role"] == "user"][-1]
        assert words in last["content"]
        assert sum(words in message["content"] for message in body["messages"]) == 1
