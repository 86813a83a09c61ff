"""What an LLM sends, and to whom: keys, metadata, settings, histories."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    ToolCallBlock,
)

from llamaindex_multiapi.testing.llm_asking import (
    ADD,
    KEY,
    WAYS,
    LLMAsking,
    history_with_a_call,
    observed,
    user,
)
from llamaindex_multiapi.testing.wire import Said, Wire


class LLMRequests(LLMAsking):
    """Tests of keys, metadata and requests."""

    # ------------------------------------------------------------------------------------ secrets and keys

    def test_b02_c26_r07_key_is_not_in_what_is_shown_and_stored(self) -> None:
        llm = self.llm(self.says(Said("hi")))
        for shown in (
            repr(llm),
            str(llm),
            str(llm.to_dict()),
            llm.to_json(),
            llm.model_dump_json(),
            str(llm.to_payload()),
        ):
            assert KEY not in shown

    @pytest.mark.parametrize("way", WAYS)
    def test_b02_c26_key_is_in_no_event(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.ask(llm, way)
        assert seen.events
        for event in seen.events:
            assert KEY not in repr(event)
            assert KEY not in event.model_dump_json(fallback=repr)

    def test_b02_key_is_in_no_error(self) -> None:
        wire = Wire(self.format.error(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key"))
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(wire).chat(user())
        assert KEY not in str(failure.value)
        assert KEY not in repr(failure.value)

    def test_b03_c26_r06_another_vendors_key_is_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-this-is-for-openai-only")
        wire = self.says(Said("hi"))
        try:
            self.llm(wire, api_key=None).chat(user())
        except Exception:
            assert not wire.asked
        assert not any("sk-this-is-for-openai-only" in str(asked.headers) for asked in wire.asked)

    # ------------------------------------------------------------------------------------ metadata

    def test_b04_c01_c02_r01_any_model_name_has_metadata(self) -> None:
        wire = self.says(Said("hi"))
        metadata = self.llm(wire, model=self.unknown_model).metadata
        assert metadata.model_name == self.unknown_model
        assert isinstance(metadata.context_window, int)
        assert metadata.context_window > 0
        assert not wire.asked

    def test_b04_c03_r02_context_window_is_not_absurdly_small(self) -> None:
        llm = self.llm(self.says(Said("hi")), model=self.unknown_model)
        assert llm.metadata.context_window >= self.smallest_context_window

    def test_b04_c04_r04_chat_is_the_default(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        assert llm.metadata.is_chat_model
        assert llm.complete("hello").text == "hi"
        assert "messages" in wire.last

    def test_b04_c05_r03_tools_are_on_by_default(self) -> None:
        assert self.llm(self.says(Said("hi"))).metadata.is_function_calling_model

    # ------------------------------------------------------------------------------------ what is sent

    def test_c06_c07_r12_nothing_optional_is_sent(self) -> None:
        wire = self.says(Said("hi"))
        self.llm(wire).chat(user())
        optional = {
            "temperature",
            "max_tokens",
            "max_completion_tokens",
            "top_p",
            "n",
            "seed",
            "parallel_tool_calls",
            "user",
        }
        assert not optional & set(wire.last)
        assert None not in wire.last.values()

    @pytest.mark.parametrize("way", WAYS)
    def test_c10_r11_what_a_call_says_wins(self, way: str) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire, temperature=0.5, max_tokens=100)
        self.ask(llm, way, temperature=0.9, max_tokens=10)
        sent = wire.asked[-1].text
        assert "0.9" in sent
        assert "0.5" not in sent
        assert '"max_tokens": 10,' in sent or '"max_tokens": 10}' in sent or '"max_completion_tokens": 10' in sent

    def test_c08_nothing_is_said_of_parallel_calls_without_need(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat_with_tools([ADD], "hello", allow_parallel_tool_calls=True)
        assert "parallel_tool_calls" not in wire.last

    def test_c11_a_history_with_tool_calls_is_complete(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        self.llm(wire).chat(history_with_a_call())
        calling, result = wire.last["messages"][1:3]
        assert "content" in calling
        assert calling["tool_calls"][0]["function"] == {
            "name": "add",
            "arguments": calling["tool_calls"][0]["function"]["arguments"],
        }
        assert json.loads(calling["tool_calls"][0]["function"]["arguments"]) == {"a": 2, "b": 3}
        assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "call_1", "5")

    @pytest.mark.parametrize("kwargs", [{}, "", "null"])
    def test_c16_r28_arguments_of_a_history_are_always_an_object(self, kwargs: Any) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        call = ToolCallBlock(tool_call_id="call_1", tool_name="now", tool_kwargs=kwargs)
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
            ChatMessage(role=MessageRole.TOOL, content="noon", additional_kwargs={"tool_call_id": "call_1"}),
        ]
        self.llm(wire).chat(history)
        assert json.loads(wire.last["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {}

    def test_c18_calls_in_the_old_form_are_understood(self) -> None:
        self.need_native_tools()
        wire = self.says(Said("hi"))
        call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs={"tool_calls": [call]}),
            ChatMessage(role=MessageRole.TOOL, content="5", additional_kwargs={"tool_call_id": "call_1"}),
        ]
        llm = self.llm(wire)
        llm.chat(history)
        sent = wire.last["messages"][1]["tool_calls"]
        assert [(each["id"], json.loads(each["function"]["arguments"])) for each in sent] == [
            ("call_1", {"a": 2, "b": 3})
        ]
        response = ChatResponse(message=history[1])
        selected = llm.get_tool_calls_from_response(response)
        assert [(each.tool_id, each.tool_name, each.tool_kwargs) for each in selected] == [
            ("call_1", "add", {"a": 2, "b": 3})
        ]

    def test_a_direct_result_leaves_no_call_id_on_the_assistant(self) -> None:
        wire = self.says(Said("hi"))
        history = [
            *user(),
            ChatMessage(role=MessageRole.ASSISTANT, content="five", additional_kwargs={"tool_call_id": "call_1"}),
            *user("and now?"),
        ]
        self.llm(wire).chat(history)
        assert "call_1" not in wire.asked[-1].text

    @pytest.mark.parametrize("way", WAYS)
    def test_c12_r29_the_callers_history_is_not_touched(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        history = history_with_a_call()
        before = copy.deepcopy(history)
        self.ask(llm, way, history)
        assert history == before

    def test_c12_r29_chat_with_tools_does_not_grow_the_history(self) -> None:
        llm = self.llm(self.says(Said("hi")))
        history = user("first")
        llm.chat_with_tools([ADD], user_msg="second", chat_history=history)
        assert history == user("first")
