"""`<think>` at the beginning of an answer becomes reasoning, the same whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi.negotiation.thoughts import ThoughtFilter, split_thoughts
from multiapi.types.chat import ChatDelta, ChatResponse, Reasoning

ANSWERS = [
    "<think>two and two</think>four",
    "\n<think>\ntwo</think>\n\nfour",
    "<thinking>a</thinking><think>b</think> text",
    "<think>never closed",
    "no thoughts, and <think>this</think> is quoted",
    "<thin ice>",
    "  <thin ice>",
    " \n<THINK>x</Think> y",
    "<think></think>",
    "",
    "  ",
    "<think>a < b </thin </think>ok",
]


def whole(text: str) -> ChatResponse:
    return ChatResponse(provider="acme", text=text)


def played(pieces: list[str]) -> tuple[str, str, ChatResponse]:
    thoughts = ThoughtFilter()
    deltas = [delta for piece in pieces for delta in thoughts.take([ChatDelta(piece)])]
    deltas += thoughts.take([ChatDelta(response=whole("".join(pieces)))])
    response = deltas[-1].response
    assert response is not None
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas), response


def test_thoughts_become_reasoning() -> None:
    answer = split_thoughts(whole("<think>two and two</think>\n\nfour"))
    assert answer.text == "four"
    assert answer.reasoning == Reasoning("two and two", provider="acme", model="")


def test_a_tag_inside_of_the_text_stays() -> None:
    answer = whole("write <think>so</think>")
    assert split_thoughts(answer) is answer


@pytest.mark.parametrize("text", ANSWERS)
def test_every_cut_of_a_stream_gives_what_the_whole_gives(text: str) -> None:
    expected = split_thoughts(whole(text))
    for cut in range(len(text) + 1):
        shown, thought, response = played([text[:cut], text[cut:]])
        assert response == expected
        assert shown == expected.text
        assert thought == (expected.reasoning.text if expected.reasoning else "")


@settings(deadline=None)
@given(st.sampled_from(ANSWERS), st.randoms(use_true_random=False))
def test_any_number_of_pieces_gives_what_the_whole_gives(text: str, random: object) -> None:
    pieces = []
    while text:
        size = random.randint(1, 5)  # type: ignore[attr-defined]
        pieces.append(text[:size])
        text = text[size:]
    expected = split_thoughts(whole("".join(pieces)))
    shown, thought, response = played(pieces)
    assert (shown, response) == (expected.text, expected)
    assert thought == (expected.reasoning.text if expected.reasoning else "")
