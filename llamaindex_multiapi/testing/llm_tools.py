"""Tool calls of an LLM: put together, chosen, carried out by agents."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
)

from llamaindex_multiapi.testing.llm_asking import (
    ADD,
    NOW,
    WAYS,
    LLMAsking,
    user,
)
from llamaindex_multiapi.testing.wire import Called, OpenAIFormat, Said, Wire, events_reply, json_reply


class LLMTools(LLMAsking):
    """Tests of tool calls."""

    # ------------------------------------------------------------------------------------ tool calls

    @pytest.mark.parametrize("way", WAYS[2:])
    @pytest.mark.parametrize(
        "shape", ["several_in_one_event", "new_id_same_index", "interleaved", "no_index", "whole_arguments"]
    )
    def test_b06_c15_r25_r26_r27_calls_are_put_together(self, way: str, shape: str) -> None:
        self.need_native_tools()
        wire = Wire(events_reply([*_call_events(self.format, shape), self.format.finish("tool_calls")]))
        llm = self.llm(wire)
        last = self.ask(llm, way, tools=[ADD.metadata.to_openai_tool()])
        selected = llm.get_tool_calls_from_response(last)
        assert [(each.tool_name, each.tool_kwargs) for each in selected] == [
            ("add", {"a": 1, "b": 2}),
            ("add", {"a": 3, "b": 4}),
        ]
        assert len({each.tool_id for each in selected}) == 2

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("arguments", ["", None, "{}"])
    def test_b06_c16_r28_a_tool_without_arguments(self, way: str, arguments: str | None) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "now", arguments),)))
        llm = self.llm(wire)
        last = self.ask(llm, way, tools=[NOW.metadata.to_openai_tool()])
        assert [(each.tool_name, each.tool_kwargs) for each in llm.get_tool_calls_from_response(last)] == [("now", {})]

    def test_c18_messages_with_calls_are_json(self) -> None:
        self.need_native_tools()
        llm = self.llm(self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'),))))
        message = llm.chat_with_tools([ADD], "two and three").message
        again = ChatMessage.model_validate_json(json.dumps(message.model_dump()))
        assert json.dumps(message.additional_kwargs)
        selected = llm.get_tool_calls_from_response(ChatResponse(message=again))
        assert [(each.tool_id, each.tool_kwargs) for each in selected] == [("call_1", {"a": 2, "b": 3})]

    def test_c17_r35_what_came_with_a_call_goes_back(self) -> None:
        self.need_native_tools()
        call = self.format.call(Called("call_1", "add", '{"a": 2, "b": 3}'))
        signed = {**call, "extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
        message = {"role": "assistant", "content": None, "tool_calls": [signed]}
        body = {**self.format.top(), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        wire = Wire(json_reply(body), self._saying(Said("five")))
        llm = self.llm(wire)
        said = llm.chat_with_tools([ADD], "two and three").message
        kept = ChatMessage.model_validate_json(said.model_dump_json())
        result = ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"})
        llm.chat([*user(), kept, result])
        assert "c2lnbmVk" in wire.asked[-1].text

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, (None, "auto")),
            ({"tool_required": True}, ("required",)),
            ({"tool_choice": "none"}, ("none",)),
            ({"tool_choice": "add"}, ({"type": "function", "function": {"name": "add"}},)),
            (
                {"tool_choice": {"type": "function", "function": {"name": "add"}}},
                ({"type": "function", "function": {"name": "add"}},),
            ),
        ],
    )
    def test_c19_r30_tool_choice(self, options: dict[str, Any], expected: tuple[Any, ...]) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        self.llm(wire).chat_with_tools([ADD, NOW], "hello", **options)
        assert wire.last.get("tool_choice") in expected

    @pytest.mark.parametrize("way", ["chat", "achat", "stream_chat", "astream_chat"])
    def test_r31_one_call_where_one_is_wanted(self, way: str) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'), Called("call_2", "now", "{}"))))
        llm = self.llm(wire)
        last = self.with_tools(llm, way, allow_parallel_tool_calls=False)
        assert [each.tool_id for each in llm.get_tool_calls_from_response(last)] == ["call_1"]

    def with_tools(self, llm: Any, way: str, **options: Any) -> ChatResponse:
        """The last response of one of the four ways to chat with tools."""
        if way == "chat":
            return llm.chat_with_tools([ADD, NOW], "hello", **options)  # type: ignore[no-any-return]
        if way == "stream_chat":
            return list(llm.stream_chat_with_tools([ADD, NOW], "hello", **options))[-1]  # type: ignore[no-any-return]

        async def ask() -> ChatResponse:
            if way == "achat":
                return await llm.achat_with_tools([ADD, NOW], "hello", **options)  # type: ignore[no-any-return]
            stream = await llm.astream_chat_with_tools([ADD, NOW], "hello", **options)
            return [response async for response in stream][-1]  # type: ignore[no-any-return]

        return asyncio.run(ask())

    def test_half_written_arguments_are_tolerated(self) -> None:
        self.need_native_tools()
        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3333333}'),)))
        llm = self.llm(wire)
        seen = [
            each.tool_kwargs
            for item in llm.stream_chat_with_tools([ADD], "hello", allow_parallel_tool_calls=True)
            for each in llm.get_tool_calls_from_response(item, error_on_no_tool_call=False)
        ]
        assert seen[-1] == {"a": 2, "b": 3333333}
        assert all(isinstance(kwargs, dict) for kwargs in seen)

    def test_predict_and_call(self) -> None:
        wire = Wire(lambda asked: self.format.answer(self.format.object({"a": 2, "b": 3}, asked), asked))
        response = self.llm(wire).predict_and_call([ADD], "two and three", tool_required=True)
        assert str(response) == "5"

    def test_an_agent_calls_a_tool_and_answers(self) -> None:
        from llama_index.core.agent.workflow import FunctionAgent

        wire = self.says(Said(calls=(Called("call_1", "add", '{"a": 2, "b": 3}'),)), Said("It is five."))
        agent = FunctionAgent(tools=[ADD], llm=self.llm(wire))

        async def run() -> str:
            return str(await agent.run("What is two and three?"))

        assert asyncio.run(run()) == "It is five."
        assert len(wire.asked) == 2
        assert "5" in wire.asked[1].text

    def test_a_react_agent_calls_a_tool_and_answers(self) -> None:
        from llama_index.core.agent.workflow import ReActAgent

        wire = self.says(
            Said('Thought: I add.\nAction: add\nAction Input: {"a": 2, "b": 3}'),
            Said("Thought: I can answer without using any more tools.\nAnswer: It is five."),
        )
        agent = ReActAgent(tools=[ADD], llm=self.llm(wire))

        async def run() -> str:
            return str(await agent.run("What is two and three?"))

        assert asyncio.run(run()) == "It is five."


def _call_events(format: OpenAIFormat, shape: str) -> list[dict[str, Any]]:
    """Two calls of `add` in one of the shapes that servers are known to send."""
    first, second = '{"a": 1, "b": 2}', '{"a": 3, "b": 4}'

    def piece(arguments: str, *, id: str | None = None, index: int | None = None) -> dict[str, Any]:
        function = {"arguments": arguments} if id is None else {"name": "add", "arguments": arguments}
        fragment: dict[str, Any] = {"function": function}
        if id is not None:
            fragment |= {"id": id, "type": "function"}
        return fragment if index is None else {"index": index, **fragment}

    shapes = {
        "several_in_one_event": [[piece(first, id="one", index=0), piece(second, id="two", index=1)]],
        "new_id_same_index": [
            [piece(first[:5], id="one", index=0)],
            [piece(first[5:], index=0)],
            [piece(second[:5], id="two", index=0)],
            [piece(second[5:], index=0)],
        ],
        "interleaved": [
            [piece("", id="one", index=0)],
            [piece("", id="two", index=1)],
            [piece(first[:5], index=0)],
            [piece(second[:5], index=1)],
            [piece(first[5:], index=0)],
            [piece(second[5:], index=1)],
        ],
        "no_index": [[piece(first, id="one")], [piece(second, id="two")]],
        "whole_arguments": [[piece(first, id="one", index=0)], [piece(second, id="two", index=1)]],
    }
    return [format.event({"tool_calls": fragments}) for fragments in shapes[shape]]
