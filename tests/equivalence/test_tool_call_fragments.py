"""Tool calls in fragments of every form, through both frameworks: the same calls, however they are asked for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from tests.tool_call_fragments import Sent, sent_calls

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")


class Vendor:
    """Says the same calls whole and as events, and keeps what it was asked."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.bodies: list[dict[str, Any]] = []
        self.clients = {
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(self)),
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        if not body.get("stream"):
            return httpx.Response(200, json=self.sent.body)
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in self.sent.events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)

    def made(self, model: Any, **settings: Any) -> Any:
        return model(provider="aimlapi", model="m", api_key="k", max_retries=0, **self.clients, **settings)

    def pairs(self) -> list[tuple[str, str]]:
        """The calls of the last request, each with what stands in the result that has its id."""
        messages = self.bodies[-1]["messages"]
        calls = next(message for message in messages if message.get("tool_calls"))["tool_calls"]
        results = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
        return [(call["function"]["name"], results[call["id"]]) for call in calls]


def added(chunks: list[Any]) -> Any:
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sent_calls())
def test_langchain_reads_the_same_calls_in_every_way(sent: Sent) -> None:
    vendor = Vendor(sent)
    model = vendor.made(ChatMultiApi)
    in_blocks = vendor.made(ChatMultiApi, output_version="v1")

    async def awaited() -> list[Any]:
        return [await model.ainvoke("x"), added([chunk async for chunk in model.astream("x")])]

    whole, streamed = asyncio.run(awaited())
    ways: dict[str, AIMessage] = {
        "invoke": model.invoke("x"),
        "ainvoke": whole,
        "stream": added(list(model.stream("x"))),
        "astream": streamed,
        "stream v1": added(list(in_blocks.stream("x"))),
        "invoke by streaming": vendor.made(ChatMultiApi, streaming=True).invoke("x"),
        "v3 events": model.stream_events("x", version="v3").output,
    }
    for way, message in ways.items():
        assert not message.invalid_tool_calls, f"{way}, {sent.form}"
        fault = sent.fault([(call["id"], call["name"], call["args"]) for call in message.tool_calls])
        assert not fault, f"{way}, {sent.form}: {fault}"
        history = [HumanMessage("x"), message]
        history += [ToolMessage(f"result {n}", tool_call_id=call["id"]) for n, call in enumerate(message.tool_calls)]
        model.invoke(history)
        assert vendor.pairs() == [(name, f"result {n}") for n, name in enumerate(sent.names)], f"{way}, {sent.form}"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sent_calls())
def test_llamaindex_reads_the_same_calls_in_every_way(sent: Sent) -> None:
    vendor = Vendor(sent)
    model = vendor.made(MultiApiLLM)
    asked = [ChatMessage(role=MessageRole.USER, content="x")]

    async def awaited() -> list[ChatResponse]:
        return [await model.achat(asked), [each async for each in await model.astream_chat(asked)][-1]]

    whole, streamed = asyncio.run(awaited())
    ways = {
        "chat": model.chat(asked),
        "achat": whole,
        "stream_chat": list(model.stream_chat(asked))[-1],
        "astream_chat": streamed,
    }
    for way, response in ways.items():
        found = model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        fault = sent.fault([(each.tool_id, each.tool_name, each.tool_kwargs) for each in found])
        assert not fault, f"{way}, {sent.form}: {fault}"
        blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        results = [
            ChatMessage(
                role=MessageRole.TOOL, content=f"result {n}", additional_kwargs={"tool_call_id": block.tool_call_id}
            )
            for n, block in enumerate(blocks)
        ]
        model.chat([*asked, response.message, *results])
        assert vendor.pairs() == [(name, f"result {n}") for n, name in enumerate(sent.names)], f"{way}, {sent.form}"
