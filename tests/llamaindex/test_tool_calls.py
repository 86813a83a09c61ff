"""Tools on their way into a call, and calls that must not be carried out."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.tools import FunctionTool

from llamaindex_multiapi._tool_calls import NoToolCallError, prepare, selections
from llamaindex_multiapi.testing import Called, Said
from multiapi.errors import ResponseFormatError
from multiapi.formats.tool_arguments import INVALID_ARGUMENTS
from tests.llamaindex.scripted import llm_on, says


def deletes(target: str = "all") -> str:
    """Delete something."""
    return f"deleted {target}"


DELETES = FunctionTool.from_defaults(deletes)


def prepared(tools: Any = (DELETES,), **options: Any) -> dict[str, Any]:
    usual = {"allow_parallel_tool_calls": True, "tool_required": False, "options": {}}
    return prepare(tools, "hi", [ChatMessage("before")], **{**usual, **options})


def test_r30_what_is_said_of_the_choice() -> None:
    assert "tool_choice" not in prepared()
    assert "tool_choice" not in prepared(options={"tool_choice": "auto"})
    assert prepared(tool_required=True)["tool_choice"] == "required"
    assert prepared(tool_required=True, options={"tool_choice": "deletes"})["tool_choice"] == "deletes"
    assert "tool_choice" not in prepared((), options={"tool_choice": "required"})
    assert "tools" not in prepared(())


def test_r30_strict_tools_are_asked_for_by_call() -> None:
    (tool,) = prepared(options={"strict": True})["tools"]
    assert tool["function"]["strict"] is True
    assert tool["function"]["parameters"]["additionalProperties"] is False
    assert "strict" not in prepared()["tools"][0]["function"]
    assert "strict" not in prepared((), options={"strict": True})
    wire = says(Said("hi"))
    llm_on(wire).chat_with_tools([DELETES], "hi", strict=True)
    assert "strict" not in wire.last
    assert wire.last["tools"][0]["function"]["strict"] is True


def test_c08_one_call_is_asked_for_by_reading_only_one() -> None:
    assert prepared(allow_parallel_tool_calls=False)["allow_parallel_tool_calls"] is False
    wire = says(Said("hi"))
    llm_on(wire).chat_with_tools([DELETES], "hi")
    assert "parallel_tool_calls" not in wire.last
    llm_on(wire, parallel_tool_calls=False).chat_with_tools([DELETES], "hi")
    assert wire.last["parallel_tool_calls"] is False


def test_the_message_may_be_a_message() -> None:
    message = ChatMessage("hi")
    found = prepare([], message, None, allow_parallel_tool_calls=True, tool_required=False, options={"x": 1})
    assert found == {"messages": [message], "x": 1}


async def test_b06_a_cut_off_call_is_not_carried_out_with_its_defaults() -> None:
    """`{"target": "tmp` must not become a call of `deletes()`, which would delete everything."""
    done: list[str] = []

    def deletes(target: str = "all") -> str:
        """Delete something."""
        done.append(target)
        return f"deleted {target}"

    cut = Said(calls=(Called("1", "deletes", '{"target": "tmp'),), finish_reason="length")
    wire = says(cut, Said("I could not delete it."))
    agent = FunctionAgent(tools=[deletes], llm=llm_on(wire))
    handler = agent.run("Delete the temporary files.")
    results = [event.tool_output async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    assert str(await handler) == "I could not delete it."
    assert not done
    assert results[0].is_error
    assert INVALID_ARGUMENTS in wire.asked[1].text


def test_c19_what_was_demanded_and_did_not_come_is_named() -> None:
    llm = llm_on(says(Said("I would rather not.")))
    response = llm.chat_with_tools([DELETES], "delete", tool_required=True)
    with pytest.raises(NoToolCallError, match="answered in words: 'I would rather not.'") as failure:
        llm.get_tool_calls_from_response(response)
    assert isinstance(failure.value, ResponseFormatError)
    assert isinstance(failure.value, ValueError)  # what the framework's own classes raise
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"finish_reason": "length"}, "cut off at max_tokens"),
        ({"refusal": "no"}, "the model refused: no"),
        ({"invalid_tool_calls": [{"id": "1", "error": "the arguments are no JSON"}]}, "the arguments are no JSON"),
        ({}, "the response is empty"),
    ],
)
def test_c19_reasons(facts: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoToolCallError, match=reason):
        selections(ChatResponse(message=ChatMessage(role="assistant"), additional_kwargs=facts), demanded=True)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", {}),
        ("{", {}),
        ('{"a', {}),
        ('{"a": ', {}),
        ('{"a": "x', {"a": "x"}),
        ('{"a": 1, "b": [1, 2', {"a": 1, "b": [1, 2]}),
        ("no json", {INVALID_ARGUMENTS: "no json"}),
        ("[1]", {INVALID_ARGUMENTS: "[1]"}),
    ],
)
def test_half_written_arguments(written: str, read: dict[str, Any]) -> None:
    calls = [{"id": "1", "function": {"name": "f", "arguments": written}}]
    message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": calls})
    found = selections(ChatResponse(message=message), demanded=False)
    got = found[0].tool_kwargs
    assert got == read or (written == '{"a": 1, "b": [1, 2' and got == {"a": 1, "b": [1]})


def test_what_is_selected_is_the_callers_own() -> None:
    calls = [{"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    response = ChatResponse(message=ChatMessage(role="assistant", additional_kwargs={"tool_calls": calls}))
    selections(response, demanded=True)[0].tool_kwargs["mine"] = 2
    assert selections(response, demanded=True)[0].tool_kwargs == {"a": 1}
