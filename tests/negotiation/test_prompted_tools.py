"""Tools for vendors that document none: asked for in the prompt, read back out of the text."""

from __future__ import annotations

import itertools
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi import Client
from multiapi.errors import UnsupportedError
from multiapi.negotiation.prompted_tools import PromptedStream, find_calls, with_prompted_tools
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, Message, ResponseFormat, TextPart, Tool, ToolCall

ADD = Tool("add", "Add numbers", {"type": "object", "properties": {"a": {"type": "integer"}}})
MULTIPLY = Tool("multiply", "Multiply numbers")
ASK = ChatRequest(model="m", messages=[Message("user", "2 + 2?")], tools=[ADD, MULTIPLY])
CALL = '{"tool_calls": [{"name": "add", "arguments": {"a": 1}}]}'


def found(text: str, **changes) -> tuple[str, list, list]:
    from dataclasses import replace

    words, valid, invalid = find_calls(text, replace(ASK, **changes), stem="r1")
    return words, [(c.name, json.loads(c.arguments)) for c in valid], [(c.name, c.error) for c in invalid]


def test_the_prompt_holds_schemas_form_and_history() -> None:
    history = [
        Message("system", "Be kind."),
        Message("user", "2 + 2?"),
        Message(
            "assistant", "Let me see.", tool_calls=[ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "multiply", "{}")]
        ),
        Message("tool", "4", tool_call_id="c1"),
        Message("tool", "no such thing", tool_call_id="c2", is_error=True),
    ]
    asked = with_prompted_tools(ChatRequest(model="m", messages=history, tools=[ADD, MULTIPLY]))
    assert asked.tools == ()
    system, user, assistant, results = asked.messages
    assert system.content == "Be kind."
    assert user.content == '{"user_message":"2 + 2?"}'
    assert (
        assistant.content
        == 'Let me see.\n{"tool_calls":[{"name":"add","arguments":{"a":1}},{"name":"multiply","arguments":{}}]}'
    )
    assert assistant.tool_calls == ()
    first, second, told = results.content.split("\n", 2)
    assert json.loads(first) == {"tool_result": {"id": "c1", "name": "add", "content": "4"}}
    assert json.loads(second) == {
        "tool_result": {"id": "c2", "name": "multiply", "is_error": True, "content": "no such thing"}
    }
    assert '"name":"add"' in told
    assert '{"tool_calls": [{"name": "TOOL_NAME"' in told


@pytest.mark.parametrize(
    ("choice", "sentence"), [("required", "You must call a tool now."), ("add", "You must call the tool add now.")]
)
def test_a_forced_call_is_said_so(choice: str, sentence: str) -> None:
    asked = with_prompted_tools(ChatRequest(model="m", messages=ASK.messages, tools=[ADD], tool_choice=choice))
    assert asked.messages[0].content.endswith(sentence)


def test_without_a_choice_of_tools_there_are_no_instructions() -> None:
    asked = with_prompted_tools(ChatRequest(model="m", messages=ASK.messages, tools=[ADD], tool_choice="none"))
    assert list(asked.messages) == list(ASK.messages)


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"```json\n{CALL}\n```",
        f"```\n{CALL}\n```\n",
        '{"name": "add", "arguments": {"a": 1}}',
        '{"tool_calls": [{"name": "add", "arguments": "{\\"a\\": 1}"}]}',
        '{"tool_calls": [{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}]}',
        '{"tool_calls": [{"name": "add", "arguments": {"a": 1,}},]}',
        "{\"tool_calls\": [{'name': 'add', 'arguments': {'a': 1}}]}",
        '{ "tool_calls" :\n [ {"name": "add", "parameters": {"a": 1}} ] }',
    ],
)
def test_a_call_is_read_in_the_forms_that_models_write(text: str) -> None:
    assert found(text) == ("", [("add", {"a": 1})], [])


@pytest.mark.parametrize(
    "before", ["I will add.\n", "I will add. ", "Code:\n```python\nx = {}\n```\nNow:\n\n", '<think>hm {"a"</think>\n']
)
def test_words_before_a_call_stay_words(before: str) -> None:
    for text in (before + CALL, f"{before}```json\n{CALL}\n```\n"):
        assert found(text) == (before.rstrip(), [("add", {"a": 1})], [])


def test_several_calls_at_once() -> None:
    text = '{"tool_calls": [{"name": "add", "arguments": {"a": 1}}, {"name": "multiply"}]}'
    assert found(text)[1] == [("add", {"a": 1}), ("multiply", {})]


@pytest.mark.parametrize(
    "text",
    [
        '{"tool_calls": [{"name": "add", "arguments": {"a": 1',
        '{"tool_calls": [{"name": "add", "arguments": [1]}]}',
        '{"tool_calls": [{"name": "add", "arguments": "nonsense"}]}',
        '{"tool_calls": [{"arguments": {}}]}',
        '{"tool_calls": ["add"]}',
    ],
)
def test_what_is_nearly_a_call_is_an_invalid_one(text: str) -> None:
    words, valid, invalid = found(text)
    assert (words, valid) == (text, [])
    assert len(invalid) == 1
    assert invalid[0][1]


@pytest.mark.parametrize(
    "text",
    ["Four.", '{"answer": 4}', "Use {braces} and `code`.", '{"name": "Ada", "born": 1815}', "```python\nprint(1)\n```"],
)
def test_a_plain_answer_stays_one(text: str) -> None:
    assert found(text) == (text, [], [])


@pytest.mark.parametrize("choice", ["required", "add"])
def test_words_instead_of_a_demanded_call_are_an_invalid_call(choice: str) -> None:
    words, valid, invalid = found("I would rather not.", tool_choice=choice)
    assert (words, valid) == ("I would rather not.", [])
    assert invalid[0][0] == "add"


def test_bare_arguments_answer_a_call_that_was_demanded_by_name() -> None:
    assert found('{"a": 3}', tool_choice="add") == ("", [("add", {"a": 3})], [])


TEXTS = [
    "Four.",
    CALL,
    f"I will add. {CALL}",
    f"```json\n{CALL}\n```",
    "Use {braces}, `code` and ```python\nx\n``` too.",
    '{"answer": 4}',
]


@given(st.sampled_from(TEXTS), st.lists(st.integers(0, 60), max_size=6))
def test_a_stream_shows_text_and_no_call_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [ChatDelta(text[a:b]) for a, b in itertools.pairwise(edges)]
    whole = ChatResponse(provider="bineric", id="r1", text=text)
    shown = PromptedStream(ASK).take([*pieces, ChatDelta(response=whole)])
    response = shown[-1].response
    words, valid, _ = find_calls(text, ASK, stem="r1")
    assert response.text == words
    assert response.tool_calls == valid
    text_shown = "".join(delta.text for delta in shown)
    assert "tool_calls" not in text_shown
    assert text_shown == words
    assert [call.name for delta in shown for call in delta.tool_calls] == [call.name for call in valid]


def test_plain_text_streams_through_as_it_comes() -> None:
    reader = PromptedStream(ASK)
    assert reader.take([ChatDelta("Hel")]) == [ChatDelta("Hel")]
    assert reader.take([ChatDelta("lo {x}")]) == [ChatDelta("lo {x}")]


@pytest.mark.parametrize("name", ["bineric", "binobox"])
def test_a_client_turns_tools_into_a_prompt_and_text_into_calls(name: str) -> None:
    sent: list[dict] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        reply = (
            {"success": True, "response": CALL} if name == "bineric" else {"choices": [{"message": {"content": CALL}}]}
        )
        return httpx.Response(200, json=reply)

    client = Client(name, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    response = client.chat(ASK)
    assert [(c.name, c.arguments) for c in response.tool_calls] == [("add", '{"a":1}')]
    assert response.finish_reason == "tool_calls"
    assert "tools" not in sent[0]
    streamed = list(client.chat_stream(ASK))[-1].response
    assert [(c.name, c.arguments) for c in streamed.tool_calls] == [("add", '{"a":1}')]


def test_native_tools_are_refused_where_there_are_none() -> None:
    from dataclasses import replace

    with pytest.raises(UnsupportedError, match="bineric has no native tools; aicredits, aimlapi and binom_router have"):
        Client("bineric", api_key="k").chat(replace(ASK, tool_calling="native"))


def test_a_json_answer_is_asked_for_in_the_prompt() -> None:
    sent: list[dict] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"choices": [{"message": {"content": '```json\n{"a": 1}\n```'}}]})

    client = Client("binobox", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    wanted = ResponseFormat({"type": "object", "properties": {"a": {"type": "integer"}}})
    response = client.chat(ChatRequest(model="m", messages=[Message("user", [TextPart("x")])], response_format=wanted))
    assert "matches this JSON schema" in sent[0]["messages"][0]["content"]
    assert "response_format" not in sent[0]
    from multiapi.negotiation.wanted import read_structured

    assert read_structured(response, wanted) == {"a": 1}
