"""An answer that was asked for as JSON is JSON, whichever way the vendor was asked, whole and in pieces."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multiapi import ChatRequest, Client, Message, ResponseFormat, Tool
from multiapi.negotiation.json_answers import JsonAnswerFilter, as_json_answer, json_text
from multiapi.negotiation.plan import plan
from multiapi.negotiation.wanted import read_structured
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatDelta, ChatResponse, InvalidToolCall, ToolCall, ToolCallDelta

WANTED = ResponseFormat({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, "Answer")
TEXTS = [
    '{"a": 1}',
    '  {"a": {"b": "}\\"{"}} and some words',
    '```json\n{"a": 1}\n```',
    'Here it is: {"a": [1, 2, {"c": "\\\\"}]} as asked',
    '<think>{no}</think>{"a": 1}',
    '{thoughts} first, then {"a": 1}',
    '{"a": 1,}',
    json.dumps('{"a": 1}'),
    "nothing of the kind",
    "",
]


def whole(text: str, **facts: object) -> ChatResponse:
    return ChatResponse(provider="acme", text=text, **facts)  # type: ignore[arg-type]


def played(pieces: list[str]) -> tuple[str, ChatResponse]:
    answers = JsonAnswerFilter(WANTED)
    deltas = [delta for piece in pieces for delta in answers.take([ChatDelta(piece)])]
    deltas += answers.take([ChatDelta(response=whole("".join(pieces)))])
    response = deltas[-1].response
    assert response is not None
    return "".join(delta.text for delta in deltas), response


@pytest.mark.parametrize("text", TEXTS)
def test_every_cut_of_a_stream_gives_what_the_whole_gives(text: str) -> None:
    expected = as_json_answer(whole(text), WANTED)
    for cut in range(len(text) + 1):
        shown, response = played([text[:cut], text[cut:]])
        assert response == expected
        assert shown.strip() == expected.text.strip()


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.text(max_size=10) | st.integers(),
        lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.data(),
)
def test_json_passes_through_a_stream_unchanged_and_words_after_it_do_not(value: object, data: st.DataObject) -> None:
    text = json.dumps({"a": value}, ensure_ascii=data.draw(st.booleans()))
    said = text + data.draw(st.sampled_from(["", " That is it.", "\n```", " {}"]))
    pieces = []
    while said:
        size = data.draw(st.integers(1, 12))
        pieces.append(said[:size])
        said = said[size:]
    shown, _ = played(pieces)
    assert shown == text


def test_an_answer_that_begins_with_json_is_streamed_as_it_comes() -> None:
    answers = JsonAnswerFilter(WANTED)
    assert answers.take([ChatDelta('{"a"')]) == [ChatDelta('{"a"')]
    assert answers.take([ChatDelta(": 1}")]) == [ChatDelta(": 1}")]
    assert answers.take([ChatDelta(" Anything else?")]) == []


def test_the_arguments_of_the_tool_that_stands_for_the_answer_are_its_text() -> None:
    call = ToolCall("c1", "Answer", '{"a": 1}')
    answer = as_json_answer(whole("", tool_calls=(call,), finish_reason="tool_calls"), WANTED)
    assert (answer.text, answer.tool_calls, answer.finish_reason) == ('{"a": 1}', (), "stop")
    cut = InvalidToolCall("c1", "Answer", '{"a"', "cut off")
    answer = as_json_answer(whole("", invalid_tool_calls=(cut,), finish_reason="length"), WANTED)
    assert (answer.text, answer.invalid_tool_calls, answer.finish_reason) == ('{"a"', (), "length")


def test_other_calls_are_left_alone() -> None:
    answer = whole("", tool_calls=(ToolCall("c1", "search", "{}"),), finish_reason="tool_calls")
    assert as_json_answer(answer, WANTED) is answer
    answers = JsonAnswerFilter(WANTED)
    delta = ChatDelta(tool_calls=(ToolCallDelta(0, "c1", "search", "{}"),))
    assert answers.take([delta]) == [delta]


def test_streamed_arguments_of_that_tool_are_text() -> None:
    answers = JsonAnswerFilter(WANTED)
    pieces = [ToolCallDelta(0, "c1", "Answer", '{"a"'), ToolCallDelta(0, None, None, ": 1}")]
    shown = [delta for piece in pieces for delta in answers.take([ChatDelta(tool_calls=(piece,))])]
    assert [(delta.text, delta.tool_calls) for delta in shown] == [('{"a"', ()), (": 1}", ())]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], "b": "x,]",}', {"a": [1, 2], "b": "x,]"}),
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ("{'a': 'it\\'s \"x\"', \"b\": 'True,}'}", {"a": 'it\'s "x"', "b": "True,}"}),
        ("```json\n{'a': 1,\n}\n```", {"a": 1}),
        (json.dumps(json.dumps({"a": 'say "x"'})), {"a": 'say "x"'}),
    ],
)
def test_small_slips_are_mended_when_the_answer_is_read(text: str, value: object) -> None:
    assert read_structured(whole(text)) == value


@pytest.mark.parametrize(
    "text", ["{1, 2}", "{'a': {1}}", "{a: 1}", '"only text"', "{'a': __import__('os')}", "{" * 5000]
)
def test_what_is_no_json_is_not_mended_into_some(text: str) -> None:
    assert json_text(text) is None


def test_an_object_inside_of_one_that_was_cut_off_is_not_the_answer() -> None:
    assert json_text('{"a": {"b": 1}, "c": "un') is None
    assert json_text('{"a": {"b": 1}, "c"') is None
    assert json_text('use {x}, as in {"b": 1}') == '{"b": 1}'


def test_thoughts_are_passed_over_but_not_taken_out_of_values() -> None:
    assert json_text('<think>{"a": 0}</think>\n{"a": 1}') == '{"a": 1}'
    assert json_text('{"html": "<think>x</think>"}') == '{"html": "<think>x</think>"}'


def test_tools_and_a_form_together_are_asked_for_without_contradiction() -> None:
    request = ChatRequest(
        model="m", messages=[Message("user", "hello")], tools=[Tool("add", "Add.")], response_format=WANTED
    )
    told = plan(PROVIDERS["bineric"], request, frozenset()).request.messages[0].content
    assert isinstance(told, str)
    assert "plain text" not in told
    assert told.index("You can use these tools") < told.index("When you have what you need, answer with only one JSON")


def test_a_form_that_is_enforced_does_not_go_with_prompted_tools() -> None:
    request = ChatRequest(
        model="m",
        messages=[Message("user", "hello")],
        tools=[Tool("add", "Add.")],
        response_format=WANTED,
        tool_calling="prompted",
    )
    assert plan(PROVIDERS["aimlapi"], request, frozenset()).method == "prompted"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_refused_schema_steps_down_to_a_tool_and_still_answers_in_text(streamed: bool) -> None:
    """The second request asks with a tool; the caller sees JSON as text all the same."""
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        bodies.append(body)
        if "response_format" in body:
            return httpx.Response(400, json={"error": {"message": "response_format is not supported by this model"}})
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "Answer", "arguments": '{"a": 7}'}}
        choice = {"index": 0, "finish_reason": "tool_calls", "delta" if streamed else "message": {"tool_calls": [call]}}
        if streamed:
            data = f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n"
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)
        return httpx.Response(200, json={"choices": [choice]})

    model = f"steps-down-{streamed}"
    client = Client("binom_router", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    request = ChatRequest(model=model, messages=[Message("user", "hello")], response_format=WANTED)
    if streamed:
        deltas = list(client.chat_stream(request))
        assert "".join(delta.text for delta in deltas) == '{"a": 7}'
        response = deltas[-1].response
        assert response is not None
    else:
        response = client.chat(request)
    assert (response.text, response.tool_calls) == ('{"a": 7}', ())
    assert ["response_format" in body for body in bodies] == [True, False]
    client.chat(request) if not streamed else list(client.chat_stream(request))
    assert len(bodies) == 3
