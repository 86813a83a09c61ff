"""Each call of a conversation has an id of its own on the wire, and its result has the same, wherever the history came from."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Message
from multiapi.negotiation.call_ids import with_unique_ids
from multiapi.types.chat import ToolCall

_IDS = st.sampled_from(["", "c1", "c1_1", "c2", "call_0", "x" * 60])


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages = [Message("user", "go")]
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        calls = []
        for id in draw(st.lists(_IDS, min_size=1, max_size=4)):
            calls.append(ToolCall(id, "look", json.dumps({"n": number})))
            number += 1
        messages.append(Message("assistant", "", tool_calls=calls))
        for call in calls:
            messages.append(Message("tool", call.arguments, tool_call_id=call.id))
    return messages


@settings(deadline=None)
@given(conversations())
def test_results_stay_with_their_calls(messages: list[Message]) -> None:
    request = ChatRequest(model="m", messages=messages)
    made = with_unique_ids(request)
    calls = [call for message in made.messages for call in message.tool_calls]
    results = {message.tool_call_id: message.content for message in made.messages if message.role == "tool"}
    assert len({call.id for call in calls}) == len(calls) == len(results)
    assert {call.id: call.arguments for call in calls} == results
    given_ids = [call.id for message in messages for call in message.tool_calls]
    for number, (id, call) in enumerate(zip(given_ids, calls, strict=True)):
        assert call.id
        assert (call.id == id) == (bool(id) and id not in [other.id for other in calls[:number]])
        assert call.id == id or len(call.id) <= 40
    assert with_unique_ids(made) is made
    end = 1 + next(number for number, message in enumerate(messages) if message.role == "tool")
    shorter = with_unique_ids(ChatRequest(model="m", messages=messages[:end]))
    assert [list(each.tool_calls) for each in shorter.messages] == [
        list(each.tool_calls) for each in made.messages[:end]
    ]


def sent_by(model: Any, ask: Any) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "a", "choices": [choice], "response": "ok"})

    wire = httpx.Client(transport=httpx.MockTransport(handle))
    ask(model(provider="aimlapi", model="m", api_key="k", http_client=wire))
    return list(bodies[0]["messages"])


@pytest.mark.parametrize("id", ["c1", ""])
def test_a_history_with_one_id_for_two_calls_is_the_same_in_both_frameworks(id: str) -> None:
    calls = [{"name": "look", "args": {"n": n}, "id": id} for n in range(2)]
    of_langchain = sent_by(
        ChatMultiApi,
        lambda model: model.invoke(
            [
                HumanMessage("q"),
                AIMessage("", tool_calls=calls),
                *(ToolMessage(f"r{n}", tool_call_id=id) for n in range(2)),
            ]
        ),
    )
    blocks = [ToolCallBlock(tool_call_id=id, tool_name="look", tool_kwargs={"n": n}) for n in range(2)]
    of_llamaindex = sent_by(
        MultiApiLLM,
        lambda model: model.chat(
            [
                ChatMessage(role=MessageRole.USER, content="q"),
                ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks),
                *(
                    ChatMessage(role=MessageRole.TOOL, content=f"r{n}", additional_kwargs={"tool_call_id": id})
                    for n in range(2)
                ),
            ]
        ),
    )
    for messages in (of_langchain, of_llamaindex):
        ids = [call["id"] for call in messages[1]["tool_calls"]]
        assert len(set(ids)) == 2
        assert all(ids)
        results = {message["tool_call_id"]: message["content"] for message in messages[2:]}
        assert [results[each] for each in ids] == ["r0", "r1"]


@pytest.mark.parametrize("provider", ["aimlapi", "binobox", "bineric"])
@pytest.mark.parametrize("blank", ["  \n", "\t", [{"type": "text", "text": " "}]], ids=str)
def test_an_answer_of_blanks_is_left_out(provider: str, blank: Any) -> None:
    messages = sent_by(
        lambda **fields: ChatMultiApi(**{**fields, "provider": provider}),
        lambda model: model.invoke([HumanMessage("q"), AIMessage(blank), HumanMessage("go on")]),
    )
    assert [message["role"] for message in messages] == ["user", "user"]
