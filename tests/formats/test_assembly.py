"""The shapes that servers really send: each put together into the answer that was meant."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi.errors import ResponseFormatError, ServerError, StreamInterruptedError
from multiapi.formats.answer_facts import read_usage
from multiapi.formats.assembly import Assembly
from multiapi.formats.openai.vendor import chat_stream_decoder, parse_chat
from multiapi.formats.tool_calls import made_call_id
from multiapi.http.exchange import HttpResponse
from multiapi.types.chat import ChatResponse, ToolCall
from multiapi.types.limits import Limits

HEAD = HttpResponse(200, {"content-type": "text/event-stream"})


def event(delta: dict | None = None, *, finish: str | None = None, **top) -> dict:
    choices = [] if delta is None and finish is None else [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {"id": "r1", "model": "m", "choices": choices, **top}


def calls(*fragments: dict) -> dict:
    return event({"tool_calls": list(fragments)})


def fragment(index=..., id=..., name=..., arguments=...) -> dict:
    found: dict = {"type": "function", "function": {}}
    for key, value in (("index", index), ("id", id)):
        if value is not ...:
            found[key] = value
    for key, value in (("name", name), ("arguments", arguments)):
        if value is not ...:
            found["function"][key] = value
    return found


def stream(*events: dict | str, done: bool = True, finish: str | None = "stop") -> ChatResponse:
    lines = [f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in events]
    if finish:
        lines.append(f"data: {json.dumps(event(finish=finish))}\n\n")
    if done:
        lines.append("data: [DONE]\n\n")
    decoder = chat_stream_decoder(HEAD, Limits(), provider="aimlapi")
    deltas = [*decoder.feed("".join(lines).encode()), *decoder.close()]
    response = deltas[-1].response
    assert "".join(d.text for d in deltas) == response.text
    return response


def pairs(response: ChatResponse) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in response.tool_calls]


A, B = ("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([calls(fragment(0, *A), fragment(1, *B))], id="both-in-one-chunk"),
        pytest.param([calls(fragment(0, *A)), calls(fragment(0, *B))], id="all-on-index-0"),
        pytest.param([calls(fragment(..., *A)), calls(fragment(..., *B))], id="no-index"),
        pytest.param([calls(fragment(None, *A), fragment(None, *B))], id="null-index"),
        pytest.param([calls(fragment(5, *A)), calls(fragment(9, *B))], id="indexes-not-from-0"),
        pytest.param(
            [
                calls(fragment(0, "a", "f", ""), fragment(1, "b", "g", "")),
                calls(fragment(1, ..., ..., '{"y"')),
                calls(fragment(0, ..., ..., '{"x"')),
                calls(fragment(1, ..., ..., ":2}")),
                calls(fragment(0, ..., ..., ":1}")),
            ],
            id="interleaved",
        ),
        pytest.param(
            [
                calls(fragment(0, "a", "f", '{"x"'), fragment(1, "b", "g", '{"y"')),
                calls(fragment(0, "a", "f", ":1}"), fragment(1, "b", "g", ":2}")),
            ],
            id="id-and-name-in-each-piece",
        ),
        pytest.param(
            [
                calls(fragment(0, "a", "f", '{"x"')),
                calls(fragment(0, "null", ..., ":1}")),
                calls(fragment(1, "b", "g", '{"y"')),
                calls(fragment(1, "", None, ":2}")),
            ],
            id="placeholder-ids-later",
        ),
        pytest.param(
            [
                calls(fragment(..., "a", "f", '{"x"')),
                calls(fragment(..., ..., ..., ":1}")),
                calls(fragment(..., "b", "g", '{"y":2}')),
            ],
            id="no-index-in-pieces",
        ),
        pytest.param([calls(None, fragment(0, *A), None, fragment(1, *B))], id="null-in-the-list"),
        pytest.param(
            [calls(fragment(0, "a", "f", {"x": 1}), fragment(1, "b", "g", {"y": 2}))], id="arguments-as-objects"
        ),
    ],
)
def test_two_calls_whatever_their_pieces_look_like(events: list[dict]) -> None:
    response = stream(*events, finish="tool_calls")
    assert [(i, n, json.loads(a)) for i, n, a in pairs(response)] == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]
    assert not response.invalid_tool_calls


@pytest.mark.parametrize("empty", ["", None, "null", "{}"])
def test_a_call_without_arguments_is_an_empty_object(empty: str | None) -> None:
    assert stream(calls(fragment(0, "a", "f", empty))).tool_calls == (ToolCall("a", "f", "{}"),)


def test_a_call_without_an_id_gets_one_that_does_not_depend_on_the_pieces() -> None:
    in_pieces = stream(calls(fragment(0, ..., "f", "{")), calls(fragment(0, ..., ..., "}")))
    whole = parse_chat(
        HttpResponse(
            200,
            {},
            json.dumps({"id": "r1", "choices": [{"message": {"tool_calls": [fragment(0, None, "f", "{}")]}}]}).encode(),
        ),
        provider="aimlapi",
    )
    assert in_pieces.tool_calls == whole.tool_calls
    assert in_pieces.tool_calls[0].id


@pytest.mark.parametrize(
    "arguments", ['{"target":"all","dry', '{"a":[1,2', '{"a":"x\\', '{"a":', "[1]", "nonsense", '"text"']
)
def test_arguments_that_are_no_object_make_an_invalid_call_with_the_raw_text(arguments: str) -> None:
    response = stream(calls(fragment(0, "a", "f", arguments)), finish="length")
    assert response.tool_calls == ()
    assert response.invalid_tool_calls[0].arguments == arguments
    assert response.invalid_tool_calls[0].error


@pytest.mark.parametrize(
    ("answer_id", "made"),
    [
        ("r1", "call_r1_0"),
        ("chatcmpl-BqZ4yT0fWcS8hX1kLm9nOpQrStUvW", "call_BqZ4yT0fWcS8hX1kLm9nOpQrStUvW_0"),
        ("gen-1763676000-AbCdEfGhIjKlMnOpQrSt", "call_1763676000AbCdEfGhIjKlMnOpQrSt_0"),
        ("chatcmpl-0b1d4c52-3f0e-4a51-9d0c-8f6f0b7f1a2e", "call_0b1d4c523f0e4a519d0c8f6f0b7f1a2e_0"),
    ],
)
def test_a_made_id_is_no_longer_than_openais_may_be_and_has_no_word_of_the_answers_id(
    answer_id: str, made: str
) -> None:
    assert made_call_id(answer_id, 0) == made
    assert len(made) <= 40


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_arguments_that_were_encoded_twice_are_handed_on_once_they_are_whole(size: int) -> None:
    inner = json.dumps({"quote": 'she said "yes"', "path": "a\\b"})
    outer = " " + json.dumps(inner) + " "
    assembly = Assembly("aimlapi")
    assembly.add(calls(fragment(0, "c1", "f", "")))
    pieces = [outer[at : at + size] for at in range(0, len(outer), size)]
    deltas = [assembly.add(calls(fragment(0, arguments=piece))) for piece in pieces]
    told = [delta.tool_calls[0].arguments for delta in deltas if delta is not None]
    assert "".join(told).strip() == inner
    assert [text for text in told if text.strip()] == [inner]
    assert assembly.response().tool_calls == (ToolCall("c1", "f", inner),)


def test_arguments_that_never_become_whole_are_in_the_answer_only() -> None:
    assembly = Assembly("aimlapi")
    first = assembly.add(calls(fragment(0, "c1", "f", json.dumps('{"a": 1')[:-1])))
    assert first is not None
    assert (first.tool_calls[0].id, first.tool_calls[0].arguments) == ("c1", "")
    (invalid,) = assembly.response().invalid_tool_calls
    assert invalid.arguments == json.dumps('{"a": 1')[:-1]


def test_a_call_that_was_cut_before_its_arguments_is_invalid() -> None:
    response = stream(calls(fragment(0, "a", "f", "")), finish="length")
    assert response.tool_calls == ()
    assert "cut off" in response.invalid_tool_calls[0].error


def test_opaque_data_of_a_call_is_kept() -> None:
    one = {**fragment(0, "a", "f", "{}"), "extra_content": {"google": {"thought_signature": "s"}}}
    assert stream(calls(one)).tool_calls[0].extra == {"extra_content": {"google": {"thought_signature": "s"}}}


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "because"},
        {"reasoning": "because"},
        {"reasoning": {"content": "because"}},
        {"reasoning_details": [{"type": "reasoning.text", "text": "because", "index": 0}]},
        {"reasoning": "because", "reasoning_details": [{"type": "reasoning.text", "text": "because", "index": 0}]},
        {"reasoning_content": "because", "reasoning": "because"},
        {"thinking": "because"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "because", "signature": "s"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "because"}]}]},
    ],
)
def test_reasoning_in_every_spelling(delta: dict) -> None:
    response = stream(event(delta), event({"content": "so"}))
    assert (response.reasoning.text, response.text) == ("because", "so")
    assert (response.reasoning.provider, response.reasoning.model) == ("aimlapi", "m")


def test_signed_reasoning_is_put_together_by_kind_and_index() -> None:
    def piece(**fields) -> dict:
        return event({"reasoning_details": [{"type": "reasoning.text", "index": 0, **fields}]})

    response = stream(piece(text="be"), piece(text="cause"), piece(signature="s"), event({"content": "x"}))
    assert response.reasoning.details == ({"type": "reasoning.text", "index": 0, "text": "because", "signature": "s"},)


def test_usage_that_grows_with_every_chunk_is_not_added_up() -> None:
    response = stream(*(event({"content": "x"}, usage={"prompt_tokens": 5, "completion_tokens": n}) for n in (1, 2, 3)))
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (5, 3, 8)


def test_what_comes_twice_counts_once() -> None:
    response = stream(
        event({"content": "x"}, finish="stop"),
        event({}, finish="stop", usage={"total_tokens": 3}),
        "[DONE]",
        event({"content": "late"}),
    )
    assert (response.text, response.finish_reason, response.usage.total_tokens) == ("x", "stop", 3)


def test_claude_over_a_gateway() -> None:
    response = stream(
        event({"content": "", "role": "assistant"}),
        event({"content": "two", "role": "assistant"}, id=""),
        {
            "id": "",
            "model": "claude",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "end_turn"}],
            "usage": {"total_tokens": 9},
        },
        {"id": "", "model": "claude", "choices": [{"index": 0, "finish_reason": "stop"}], "usage": None},
        {"meta": {"usage": {"usd_spent": 0.1}}},
        finish=None,
    )
    assert (response.id, response.text, response.finish_reason) == ("r1", "two", "end_turn")
    assert response.usage.total_tokens == 9


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"index": 0}]},
        {"choices": [{"index": 0, "delta": {"content": None}}]},
        {"choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {"choices": [{"index": 1, "delta": {"content": "stray"}}]},
        "[]",
        "null",
        '"text"',
        "{}",
    ],
)
def test_chunks_with_nothing_for_the_reader_are_passed_over(odd: dict | str) -> None:
    assert stream(event({"content": "a"}), odd, event({"content": "b"})).text == "ab"


def test_halves_of_a_surrogate_pair_meet() -> None:
    pieces = ['{"choices":[{"delta":{"content":"\\ud83d"}}]}', '{"choices":[{"delta":{"content":"\\ude00!"}}]}']
    assert stream(*pieces).text == "😀!"
    assert stream('{"choices":[{"delta":{"content":"a\\ud83d b"}}]}').text == "a\ufffd b"


@pytest.mark.parametrize(
    "citing",
    [
        {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://e.x", "title": "T"}}]},
        {"annotations": [{"type": "url_citation", "url": "https://e.x", "title": "T"}]},
    ],
)
def test_citations_in_the_message(citing: dict) -> None:
    found = stream(event({"content": "x", **citing})).citations
    assert [(c.url, c.title) for c in found] == [("https://e.x", "T")]


def test_citations_beside_the_choices() -> None:
    response = stream(
        event({"content": "x"}, citations=["https://e.x"], search_results=[{"title": "T", "url": "https://f.x"}])
    )
    assert [c.url for c in response.citations] == ["https://e.x", "https://f.x"]


def test_pictures_and_sounds_in_the_answer() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    response = stream(
        event({"content": "x", "images": [picture]}),
        event({"audio": {"id": "a1", "data": "aG", "transcript": "Hel"}}),
        event({"audio": {"data": "k=", "transcript": "lo"}}),
    )
    assert [medium.data for medium in response.media] == [b"hi", b"hi"]
    assert response.text == "xHello"


@pytest.mark.parametrize(
    "body",
    ['{"choices": null}', '{"choices": []}', '{"choices": "x"}', "{}", '{"choices":[{"index":0}]}', "[]", "null", ""],
)
def test_an_answer_without_choices_is_an_error_that_names_what_was_there(body: str) -> None:
    with pytest.raises(ResponseFormatError, match="aimlapi answered"):
        parse_chat(HttpResponse(200, {}, body.encode()), provider="aimlapi")


@pytest.mark.parametrize("content", [None, "", []])
def test_empty_content_is_empty_text(content) -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}
    assert parse_chat(HttpResponse(200, {}, json.dumps(body).encode()), provider="aimlapi").text == ""


@pytest.mark.parametrize(
    "failing",
    [
        '{"error":{"message":"boom","code":503}}',
        '{"error":"boom"}',
        '{"success":false,"message":"boom"}',
        '{"choices":[{"error":{"message":"boom"}}]}',
    ],
)
def test_an_error_inside_a_stream_keeps_what_had_arrived(failing: str) -> None:
    with pytest.raises(ServerError, match="boom") as caught:
        stream(event({"content": "par"}), event({"content": "tial"}), failing)
    assert caught.value.partial.text == "partial"


def test_a_stream_that_ends_too_early_is_interrupted() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        stream(event({"content": "par"}), calls(fragment(0, "a", "f", '{"x":')), done=False, finish=None)
    partial = caught.value.partial
    assert (partial.text, partial.tool_calls, partial.invalid_tool_calls[0].name) == ("par", (), "f")


@pytest.mark.parametrize(("done", "finish"), [(True, None), (False, "stop")])
def test_one_of_the_two_endings_is_enough(done: bool, finish: str | None) -> None:
    assert stream(event({"content": "x"}), done=done, finish=finish).text == "x"


@pytest.mark.parametrize(
    "given",
    [
        {"prompt_tokens": "3", "completion_tokens": 2.0},
        {"input_tokens": 3, "output_tokens": 2},
        {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": None},
    ],
)
def test_usage_in_other_words(given: dict) -> None:
    usage = read_usage(given)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 2, 5)


@pytest.mark.parametrize("given", [None, {}, [], "x", {"prompt_tokens": None}, {"prompt_tokens": "many"}])
def test_no_usage_is_none_and_never_zero(given) -> None:
    assert read_usage(given) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=150)
@given(st.lists(TEXT, max_size=6), st.lists(TEXT, max_size=3), st.lists(st.tuples(TEXT, st.integers(1, 5)), max_size=3))
def test_a_split_answer_equals_the_whole_one(
    texts: list[str], thoughts: list[str], made: list[tuple[str, int]]
) -> None:
    """For any splitting of one answer, the streamed and the whole reading agree."""
    events = [event({"reasoning_content": thought}) for thought in thoughts] + [
        event({"content": text}) for text in texts
    ]
    tool_calls = []
    for index, (value, size) in enumerate(made):
        arguments = json.dumps({"v": value})
        tool_calls.append(
            {"id": f"c{index}", "type": "function", "function": {"name": f"f{index}", "arguments": arguments}}
        )
        events.append(calls(fragment(index, f"c{index}", f"f{index}", "")))
        events += [calls(fragment(index, ..., ..., arguments[i : i + size])) for i in range(0, len(arguments), size)]
    message = {
        "role": "assistant",
        "content": "".join(texts),
        "reasoning_content": "".join(thoughts),
        "tool_calls": tool_calls,
    }
    assembly = Assembly("aimlapi")
    assembly.add_body(
        {"id": "r1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    )
    whole, streamed = assembly.response(), stream(*events)
    for name in ("text", "reasoning", "tool_calls", "invalid_tool_calls", "finish_reason", "usage", "id", "model"):
        assert getattr(whole, name) == getattr(streamed, name)


def test_parts_that_change_their_kind_in_the_middle_of_a_stream_do_no_harm() -> None:
    """Found by fuzzing."""
    response = stream(
        event({"reasoning_details": [{"type": "t", "index": 0, "text": 1.5}], "audio": {"data": 7}}),
        event({"reasoning_details": [{"type": "t", "index": 0, "text": "so"}], "audio": {"data": "aGk="}}),
        event({"content": "x"}),
    )
    assert (response.text, response.reasoning.details[0]["text"], response.media[0].data) == ("x", "so", b"hi")
