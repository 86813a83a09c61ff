"""Streams: what each item holds, that it stays what it was, and what a long one costs."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llamaindex_multiapi import _views
from llamaindex_multiapi._requests import Call
from llamaindex_multiapi._views import Views
from llamaindex_multiapi.testing import Called, Said, Wire, events_reply
from multiapi import ChatRequest
from multiapi.errors import ContentFilterError, StreamInterruptedError
from multiapi.types.chat import ChatDelta, ToolCallDelta
from multiapi.types.chat import ChatResponse as Answer
from tests.llamaindex.scripted import FORMAT, llm_on, says, user

CALL = Call(ChatRequest(model="m", messages=[]))


def views(*deltas: ChatDelta, call: Call = CALL) -> list[ChatResponse]:
    view = Views(call).view
    return [view(delta) for delta in deltas]


# ------------------------------------------------------------------------------------------------ what an item is


def test_an_item_is_what_its_constructors_make() -> None:
    """To the last slot: it can be compared, copied, pickled and dumped as one that a caller makes."""
    call = ToolCallDelta(0, "1", "add", '{"a"')
    built = views(ChatDelta("Hi", "hmm", (call,)))[0]
    dicts = [{"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a"'}}]
    made = ChatResponse(
        message=ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=[
                ThinkingBlock(content="hmm"),
                TextBlock(text="Hi"),
                ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs='{"a"'),
            ],
            additional_kwargs={"tool_calls": dicts},
        ),
        delta="Hi",
        additional_kwargs={"thinking_delta": "hmm"},
    )
    assert built == made
    assert repr(built) == repr(made)
    assert built.model_dump() == made.model_dump()
    assert built.model_dump_json() == made.model_dump_json()
    assert built.model_dump(exclude_unset=True) == made.model_dump(exclude_unset=True)
    assert copy.deepcopy(built) == pickle.loads(pickle.dumps(built)) == made
    assert built.message.blocks[1].model_fields_set == made.message.blocks[1].model_fields_set


def test_items_do_not_change_after_they_were_handed_out() -> None:
    deltas = [
        ChatDelta("", "a"),
        ChatDelta("", "b"),
        ChatDelta("One "),
        ChatDelta("two"),
        ChatDelta("", "", (ToolCallDelta(0, "1", "add"),)),
        ChatDelta("", "", (ToolCallDelta(0, None, None, '{"a":'),)),
        ChatDelta("", "", (ToolCallDelta(0, None, None, " 1}"), ToolCallDelta(1, "2", "now", "{}"))),
    ]
    view = Views(CALL).view
    items, dumps = [], []
    for delta in deltas:
        items.append(view(delta))
        dumps.append(items[-1].model_dump())
    assert [item.model_dump() for item in items] == dumps
    last: Any = items[-1]
    last.message.additional_kwargs["mine"] = 1
    last.message.blocks.append(TextBlock(text="mine"))
    assert "mine" not in str(items[-2])


# ------------------------------------------------------------------------------------------------ properties

PIECES = st.lists(st.text(max_size=8), max_size=12)


@given(text=PIECES, thoughts=PIECES)
@settings(deadline=None, max_examples=60)
def test_deltas_join_to_the_text(text: list[str], thoughts: list[str]) -> None:
    deltas = [ChatDelta("", piece) for piece in thoughts] + [ChatDelta(piece) for piece in text]
    items = views(*deltas, ChatDelta(response=Answer(provider="aimlapi", text="".join(text))))
    assert "".join(item.delta or "" for item in items) == "".join(text)
    assert items[-1].message.content == "".join(text)
    assert "".join(item.additional_kwargs.get("thinking_delta", "") for item in items) == "".join(thoughts)
    contents = [item.message.content or "" for item in items]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(contents))


@given(
    arguments=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=6),
    size=st.integers(1, 9),
)
@settings(deadline=None, max_examples=60)
def test_arguments_grow_to_what_the_model_wrote(arguments: dict[str, Any], size: int) -> None:
    written = json.dumps(arguments)
    pieces = [written[start : start + size] for start in range(0, len(written), size)]
    deltas = [ChatDelta("", "", (ToolCallDelta(0, "1", "f"),))]
    deltas += [ChatDelta("", "", (ToolCallDelta(0, None, None, piece),)) for piece in pieces]
    shown = [item.message.additional_kwargs["tool_calls"][0]["function"]["arguments"] for item in views(*deltas)]
    assert shown == ["", *(written[: end * size] for end in range(1, len(pieces) + 1))]


# ------------------------------------------------------------------------------------------------ cost


class _Counting(list):  # type: ignore[type-arg]
    """Counts the characters that are joined."""


def test_r25_long_arguments_cost_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the arguments are at most five times the characters copied; below the threshold each item is exact."""

    def copied(fragments: int) -> int:
        total = 0
        really = _views._GrowingCall.text

        def text(self: Any) -> str:
            nonlocal total
            found = really(self)
            total += len(found)
            return found

        monkeypatch.setattr(_views._GrowingCall, "text", text)
        first = ChatDelta("", "", (ToolCallDelta(0, "1", "f", '{"x": "'),))
        items = views(first, *(ChatDelta("", "", (ToolCallDelta(0, None, None, "y" * 40),)) for _ in range(fragments)))
        monkeypatch.setattr(_views._GrowingCall, "text", really)
        shown: Any = items[-1].message.blocks[-1]
        assert len(shown.tool_kwargs) * 1.05 >= fragments * 40
        return total

    assert copied(10_000) <= 5 * copied(2_500)


def test_an_agent_reads_unchanged_calls_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents ask for the calls with every item; arguments that did not grow are not parsed again."""
    from llamaindex_multiapi import _tool_calls

    parsed: list[str] = []
    really = _tool_calls.parse_partial

    def count(text: str) -> Any:
        parsed.append(text)
        return really(text)

    monkeypatch.setattr(_tool_calls, "parse_partial", count)
    _tool_calls._read.cache_clear()
    items = views(ChatDelta("", "", (ToolCallDelta(0, "1", "f", '{"a": 1'),)), *(ChatDelta("word ") for _ in range(50)))
    for item in items:
        assert _tool_calls.selections(item, demanded=False)[0].tool_kwargs == {"a": 1}
    assert parsed == ['{"a": 1']


# ------------------------------------------------------------------------------------------------ whole streams


def test_b09_the_last_item_has_everything() -> None:
    *_, last = llm_on(says(Said("Hello there.", usage=(7, 5)))).stream_chat(user())
    assert last.delta == ""
    assert last.message.content == "Hello there."
    assert last.additional_kwargs["finish_reason"] == "stop"
    assert last.additional_kwargs["total_tokens"] == 12
    assert last.raw is not None
    assert last.raw["usage"]["total_tokens"] == 12


def test_b15_a_broken_stream_says_what_had_arrived() -> None:
    wire = Wire(events_reply(FORMAT.deltas(Said("half an answer")), done=False, breaks_off=True))
    shown = []
    with pytest.raises(StreamInterruptedError) as failure:
        for item in llm_on(wire).stream_chat(user()):
            shown.append(item.delta)
    assert failure.value.partial.text == "half an answer"
    assert "".join(shown) == "half an answer"


def test_r31_only_one_call_is_shown_where_one_is_wanted() -> None:
    said = Said(calls=(Called("1", "add", '{"a": 1}'), Called("2", "add", '{"a": 2}')))
    items = list(llm_on(says(said)).stream_chat(user(), allow_parallel_tool_calls=False, tools=[]))
    assert all(len(item.message.additional_kwargs.get("tool_calls", [])) <= 1 for item in items)


async def test_a_stream_that_is_cancelled_is_closed() -> None:
    import asyncio

    wire = says(Said("a long answer that nobody reads to its end"))
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in await llm_on(wire).astream_chat(user()):
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.open == 0


def test_c20_r32_thoughts_in_tags_are_taken_out_of_the_text() -> None:
    for way in ("chat", "stream_chat"):
        llm = llm_on(says(Said("<think>two and three</think>Five.")))
        last = llm.chat(user()) if way == "chat" else list(llm.stream_chat(user()))[-1]
        assert last.message.content == "Five."
        assert [block.content for block in last.message.blocks if isinstance(block, ThinkingBlock)] == ["two and three"]
    kept = llm_on(says(Said("<think>x</think>Five.")), split_thinking=False).chat(user())
    assert kept.message.content == "<think>x</think>Five."


@pytest.mark.parametrize("where", ["details", "thinking_blocks", "content_parts"])
def test_c20_other_spellings_of_reasoning(where: str) -> None:
    from llamaindex_multiapi.testing import json_reply

    message: dict[str, Any] = {"role": "assistant", "content": "Five."}
    if where == "details":
        message["reasoning_details"] = [{"type": "reasoning.text", "text": "hmm", "signature": "s"}]
    elif where == "thinking_blocks":
        message["thinking_blocks"] = [{"type": "thinking", "thinking": "hmm", "signature": "s"}]
    else:
        message["content"] = [{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "Five."}]
    body = {**FORMAT.top(), "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    response = llm_on(Wire(json_reply(body))).chat(user())
    assert response.message.content == "Five."
    assert isinstance(response.message.blocks[0], ThinkingBlock)
    assert response.message.blocks[0].content == "hmm"


def test_c23_an_answer_in_the_reasoning_only_can_be_promoted() -> None:
    llm = llm_on(says(Said(reasoning="Five.")), promote_reasoning_to_content=True)
    items = list(llm.stream_chat(user()))
    assert items[-1].message.content == "Five."
    assert "".join(item.delta or "" for item in items) == "Five."


@pytest.mark.parametrize("way", ["chat", "stream_chat"])
def test_r36_an_answer_that_a_filter_stopped_can_be_an_error(way: str) -> None:
    stopped = says(Said("I will", finish_reason="content_filter"))

    def ask(llm: Any) -> ChatResponse:
        return llm.chat(user()) if way == "chat" else list(llm.stream_chat(user()))[-1]

    told = ask(llm_on(stopped))
    assert (told.message.content, told.additional_kwargs["finish_reason"]) == ("I will", "content_filter")
    with pytest.raises(ContentFilterError, match="content filter") as failure:
        ask(llm_on(stopped, raise_on_content_filter=True))
    assert failure.value.partial.text == "I will"
