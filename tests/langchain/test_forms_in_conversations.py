"""What is asked for in the prompt (a form, tools) is found however long the conversation is: it stands in the last user message."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
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


WISHES: dict[str, dict[str, Any]] = {
    "a form": {"form": True},
    "a JSON object": {"json": True},
    "tools": {"tools": True},
    "any tool": {"tools": True, "tool_choice": "required"},
    "one tool": {"tools": True, "tool_choice": "look_up"},
    "one call": {"tools": True, "parallel_tool_calls": False},
}
WORDS = {
    "a form": '"degrees"',
    "a JSON object": "with only one JSON object",
    "tools": '"description":"Look up the weather of a city."',
    "any tool": "You must call a tool now.",
    "one tool": "You must call the tool look_up now.",
    "one call": "Call one tool at a time.",
}


class Wire:
    """Keeps the bodies, and answers each with something that all of these wishes can read."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.bodies: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        text = '{"city": "Oslo", "degrees": 7}'
        if self.provider == "bineric":
            return httpx.Response(200, json={"success": True, "response": text})
        message = {"role": "assistant", "content": text}
        if body.get("stream"):
            events = [{"index": 0, "delta": message}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
            lines = [f"data: {json.dumps({'id': 'a', 'choices': [event]})}\n\n" for event in events]
            return httpx.Response(
                200, headers={"content-type": "text/event-stream"}, text="".join(lines) + "data: [DONE]\n\n"
            )
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "a", "choices": [choice]})

    def settings(self) -> dict[str, Any]:
        transport = httpx.MockTransport(self)
        return {
            "provider": self.provider,
            "model": "m",
            "api_key": "k",
            "tool_calling": "prompted",
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }


def told(wish: dict[str, Any]) -> dict[str, Any]:
    """The wish as arguments of a call of either framework."""
    call = {name: value for name, value in wish.items() if name in {"tool_choice", "parallel_tool_calls"}}
    if "tools" in wish:
        call["tools"] = [convert_to_openai_tool(look_up)]
    if "form" in wish:
        schema = {"name": "Weather", "schema": Weather.model_json_schema()}
        call["response_format"] = {"type": "json_schema", "json_schema": schema}
    if "json" in wish:
        call["response_format"] = {"type": "json_object"}
    return call


def from_langchain(messages: list[BaseMessage]) -> list[ChatMessage]:
    roles = {"human": "user", "ai": "assistant"}
    made = []
    for message in messages:
        extra: dict[str, Any] = {}
        if isinstance(message, ToolMessage):
            extra = {"tool_call_id": message.tool_call_id}
        elif isinstance(message, AIMessage) and message.tool_calls:
            function = {"name": "look_up", "arguments": '{"city": "Oslo"}'}
            extra = {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
        role = roles.get(message.type, message.type)
        made.append(ChatMessage(role=role, content=message.text, additional_kwargs=extra))
    return made


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("wish", WISHES)
def test_the_last_user_message_holds_whatever_is_asked_for_in_the_prompt(provider: str, wish: str) -> None:
    """In every length of conversation, streamed or not, awaited or not, in both frameworks: where the prompt asks, it asks at the end."""
    wire = Wire(provider)
    chat, llm = ChatMultiApi(**wire.settings()), MultiApiLLM(**wire.settings())
    call = told(WISHES[wish])

    async def later(messages: list[BaseMessage]) -> None:
        await chat.ainvoke(messages, **call)
        [_ async for _ in chat.astream(messages, **call)]
        await llm.achat(from_langchain(messages), **call)
        [_ async for _ in await llm.astream_chat(from_langchain(messages), **call)]

    for turns, system, loop in itertools.product((1, 3, 31), (False, True), (False, True)):
        messages = history(turns, system=system, loop=loop)
        wire.bodies.clear()
        chat.invoke(messages, **call)
        list(chat.stream(messages, **call))
        llm.chat(from_langchain(messages), **call)
        list(llm.stream_chat(from_langchain(messages), **call))
        asyncio.run(later(messages))
        assert len(wire.bodies) == 8
        for body in wire.bodies:
            if "form" in wish and "response_format" in body and body["response_format"]["type"] == "json_schema":
                continue  # asked for in the provider's own field
            if wish == "a JSON object" and "response_format" in body:
                continue
            last = [message for message in body["messages"] if message["role"] == "user"][-1]
            assert WORDS[wish] in json.loads(json.dumps(last["content"])), (turns, system, loop, body)
            assert sum(WORDS[wish] in str(message["content"]) for message in body["messages"]) == 1
