"""Odd answers that servers and gateways are known to give, as tests of the conformance kit; `LLMConformance` has them all.

Each is in OpenAI's form, so a format without tool calls of its own skips them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from llamaindex_multiapi.testing.llm_asking import LLMAsking
from llamaindex_multiapi.testing.wire import Called, Reply, Said, Wire, events_reply, json_reply

WHOLE = ("chat", "achat")
STREAMS = ("stream_chat", "astream_chat")
WAYS = (*WHOLE, *STREAMS)
LONG = 25_000_000_000_000_000_001
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look.",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
}

Fragments = Sequence[dict[str, Any]]


def piece(
    index: int | None = None, id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    """A tool call, or a fragment of one; what is None is not there."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fragment: dict[str, Any] = {"function": function}
    if index is not None:
        fragment["index"] = index
    if id is not None:
        fragment |= {"id": id, "type": "function"}
    return fragment


ONE, BOTH = [{"n": 1}], [{"n": 1}, {"n": 2}]
FRAGMENTS: Mapping[str, tuple[Sequence[Fragments], list[dict[str, Any]]]] = {
    "calls that share an id": (
        [[piece(0, "same", "look", '{"n": 1}')], [piece(1, "same", "look", '{"n": 2}')]],
        BOTH,
    ),
    "calls that share an id, in one event": (
        [[piece(0, "same", "look", '{"n": 1}'), piece(1, "same", "look", '{"n": 2}')]],
        BOTH,
    ),
    "two fragments of one call in one event": (
        [[piece(0, "c1", "look", ""), piece(0, arguments='{"n": 1}')]],
        ONE,
    ),
    "index 0 for all, with ids": (
        [[piece(0, "c1", "look", '{"n": 1}')], [piece(0, "c2", "look", '{"n": 2}')]],
        BOTH,
    ),
    "index 0 for all, without ids": (
        [[piece(0, None, "look", '{"n": 1}')], [piece(0, None, "look", '{"n": 2}')]],
        BOTH,
    ),
    "no index": (
        [[piece(None, "c1", "look", '{"n"')], [piece(arguments=": 1}")], [piece(None, "c2", "look", '{"n": 2}')]],
        BOTH,
    ),
    "no id": ([[piece(0, None, "look", '{"n"')], [piece(0, arguments=": 1}")]], ONE),
    "an id that comes behind the name": ([[piece(0, None, "look", "")], [piece(0, "c1", arguments='{"n": 1}')]], ONE),
    "an empty id in later fragments": (
        [[piece(0, "c1", "look", "")], [piece(0, "", arguments='{"n"')], [piece(0, "null", arguments=": 1}")]],
        ONE,
    ),
    "a new id in every fragment": (
        [[piece(0, "x1", "look", '{"n"')], [piece(0, "x2", arguments=": ")], [piece(0, "x3", arguments="1}")]],
        ONE,
    ),
    "a name in every fragment": ([[piece(0, "c1", "look", '{"n"')], [piece(0, "c1", "look", ": 1}")]], ONE),
    "arguments as an object": ([[piece(0, "c1", "look", {"n": 1})]], ONE),
    "interleaved": (
        [
            [piece(0, "c1", "look", "")],
            [piece(1, "c2", "look", "")],
            [piece(0, arguments='{"n": ')],
            [piece(1, arguments='{"n": ')],
            [piece(0, arguments="1}")],
            [piece(1, arguments="2}")],
        ],
        BOTH,
    ),
}
"""Fragments by event, and the arguments of the calls that they are."""

BODIES: Mapping[str, dict[str, Any]] = {
    "no id, no creation time": {"id": None, "created": None, "model": None, "object": None},
    "fields of odd types": {"created": "2026-11-20T10:00:00Z", "system_fingerprint": 7, "service_tier": {"name": "x"}},
    "usage null": {"usage": None},
    "details of usage that are null": {
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": None}
    },
    "an error in which everything is empty": {"error": {"code": "", "message": "", "type": "", "param": ""}},
}
"""What may stand beside a good answer."""

MESSAGES: Mapping[str, dict[str, Any]] = {
    "a function_call in which everything is empty": {
        "content": "hello",
        "function_call": {"name": "", "arguments": ""},
    },
    "tool calls in which everything is empty": {
        "content": "hello",
        "tool_calls": [{"id": "", "type": "", "function": {"name": "", "arguments": "{}"}}],
    },
    "empty lists and objects": {"content": "hello", "tool_calls": [], "audio": {}, "annotations": [], "refusal": ""},
    "content as a list of parts": {"content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]},
}
"""Messages that say "hello" and nothing else."""


class HostileAnswers(LLMAsking):
    """Answers that are odd and still answers; part of `LLMConformance`."""

    def need_openai_form(self) -> None:
        """Skip where answers have a form of their own."""
        if not (self.format.native_tools and self.format.streams):
            pytest.skip("another form on the wire")

    def _message(self, message: dict[str, Any], finish_reason: str = "stop", **top: Any) -> Reply:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
        body = {**self.format.top(usage=(7, 5)), "object": "chat.completion", "choices": [choice], **top}
        return json_reply({key: value for key, value in body.items() if value is not None or key == "usage"})

    def _called(self, llm: Any, response: Any) -> list[dict[str, Any]]:
        """The arguments of the calls; each has an id of its own, and goes back with its result."""
        selected = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        ids = [each.tool_id for each in selected]
        assert all(ids)
        assert len(set(ids)) == len(ids)
        assert {each.tool_name for each in selected} <= {"look"}
        return [each.tool_kwargs for each in selected]

    @pytest.mark.parametrize("way", STREAMS)
    @pytest.mark.parametrize("shape", FRAGMENTS)
    def test_odd_fragments_of_calls_are_put_together(self, shape: str, way: str) -> None:
        self.need_openai_form()
        events, expected = FRAGMENTS[shape]
        written = [self.format.event({"tool_calls": list(fragments)}) for fragments in events]
        llm = self.llm(Wire(events_reply([*written, self.format.finish("tool_calls")])))
        assert self._called(llm, self.ask(llm, way, tools=[TOOL])) == expected

    @pytest.mark.parametrize("way", WHOLE)
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [('{"n": 1}', {"n": 1}), ({"n": 1}, {"n": 1}), (json.dumps('{"n": 1}'), {"n": 1}), ("", {}), (None, {})],
    )
    def test_odd_arguments_of_whole_calls(self, way: str, arguments: Any, expected: dict[str, Any]) -> None:
        self.need_openai_form()
        call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": arguments}}
        llm = self.llm(Wire(self._message({"content": None, "tool_calls": [call]}, "tool_calls")))
        assert self._called(llm, self.ask(llm, way, tools=[TOOL])) == [expected]

    @pytest.mark.parametrize("way", WHOLE)
    def test_odd_whole_calls_that_share_an_id(self, way: str) -> None:
        self.need_openai_form()
        calls = [piece(None, "same", "look", f'{{"n": {number}}}') for number in (1, 2)]
        llm = self.llm(Wire(self._message({"content": None, "tool_calls": calls}, "tool_calls")))
        assert self._called(llm, self.ask(llm, way, tools=[TOOL])) == BOTH

    @pytest.mark.parametrize("way", STREAMS)
    def test_odd_a_whole_message_at_the_end_of_a_stream_repeats_nothing(self, way: str) -> None:
        self.need_openai_form()
        call = piece(0, "c1", "look", '{"n": 1}')
        last = self.format.finish("tool_calls")
        last["choices"][0] |= {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}
        llm = self.llm(Wire(events_reply([self.format.event({"tool_calls": [call]}), last])))
        assert self._called(llm, self.ask(llm, way, tools=[TOOL])) == ONE

    @pytest.mark.parametrize("way", STREAMS)
    @pytest.mark.parametrize("before", [True, False])
    def test_odd_an_empty_function_call_beside_a_call_is_none(self, way: str, before: bool) -> None:
        self.need_openai_form()
        empty = {"function_call": {"name": "", "arguments": ""}}
        calls = {"tool_calls": [piece(0, "c1", "look", '{"n": 1}')]}
        delta = {**empty, **calls} if before else {**calls, **empty}
        llm = self.llm(Wire(events_reply([self.format.event(delta), self.format.finish("tool_calls")])))
        response = self.ask(llm, way, tools=[TOOL])
        assert self._called(llm, response) == ONE
        assert [each.tool_id for each in llm.get_tool_calls_from_response(response)] == ["c1"]

    @pytest.mark.parametrize("way", WHOLE)
    @pytest.mark.parametrize("what", MESSAGES)
    def test_odd_what_is_empty_is_not_there(self, what: str, way: str) -> None:
        self.need_openai_form()
        llm = self.llm(Wire(self._message(MESSAGES[what])))
        response = self.ask(llm, way, tools=[TOOL])
        assert response.message.content == "hello"
        assert self._called(llm, response) == []

    @pytest.mark.parametrize("way", WHOLE)
    @pytest.mark.parametrize("what", BODIES)
    def test_odd_what_stands_beside_an_answer_does_no_harm(self, what: str, way: str) -> None:
        self.need_openai_form()
        llm = self.llm(Wire(self._message({"content": "hello"}, **BODIES[what])))
        assert self.ask(llm, way).message.content == "hello"

    @pytest.mark.parametrize("way", STREAMS)
    @pytest.mark.parametrize("odd", [{"choices": []}, {"choices": None}, {"choices": [{"index": 0, "delta": None}]}])
    def test_odd_events_that_say_nothing_are_passed_over(self, odd: dict[str, Any], way: str) -> None:
        self.need_openai_form()
        events = [self.format.event({"content": "hel"}), {**self.format.top(), **odd}]
        events += [self.format.event({"content": "lo"}), self.format.finish("stop")]
        assert self.ask(self.llm(Wire(events_reply(events))), way).message.content == "hello"

    @pytest.mark.parametrize("way", STREAMS)
    def test_odd_counts_may_stand_in_the_last_choice(self, way: str) -> None:
        self.need_openai_form()
        last = self.format.finish("stop")
        last["choices"][0]["usage"] = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        llm = self.llm(Wire(events_reply([self.format.event({"content": "hello"}), last])))
        facts = self.ask(llm, way).additional_kwargs
        assert (facts.get("prompt_tokens"), facts.get("completion_tokens")) == (7, 5)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("number", [str(LONG), "0.1234567890123456789"])
    def test_odd_numbers_keep_their_digits_into_the_history(self, number: str, way: str) -> None:
        self.need_openai_form()
        said = Said(calls=(Called("c1", "look", f'{{"n": {number}}}'),))
        wire = Wire(lambda asked: self.format.answer(said, asked))
        llm = self.llm(wire)
        response = self.ask(llm, way, tools=[TOOL])
        if "." not in number:
            assert self._called(llm, response) == [{"n": int(number)}]
        result = ChatMessage(role=MessageRole.TOOL, content="r", additional_kwargs={"tool_call_id": "c1"})
        self.ask(llm, way, [ChatMessage(role="user", content="q"), response.message, result], tools=[TOOL])
        assert number in json.dumps(wire.last["messages"])

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("reason", ["length", "tool_calls"])
    def test_odd_a_call_that_was_cut_off_is_not_carried_out(self, way: str, reason: str) -> None:
        self.need_openai_form()
        said = Said(calls=(Called("c1", "look", '{"target": "all", "dry_run'),), finish_reason=reason)
        llm = self.llm(Wire(lambda asked: self.format.answer(said, asked)))
        response = self.ask(llm, way, tools=[TOOL])
        try:
            selected = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        except ValueError:
            return
        assert all("target" not in each.tool_kwargs for each in selected)

    @pytest.mark.parametrize("way", WHOLE)
    def test_odd_an_answer_without_words_does_not_spoil_the_history(self, way: str) -> None:
        """Servers refuse an assistant's message without content and calls."""
        self.need_openai_form()
        wire = Wire(self._message({"content": None}, "length"), self._message({"content": "hello"}))
        llm = self.llm(wire)
        first = self.ask(llm, way)
        asked = [ChatMessage(role="user", content="q"), first.message, ChatMessage(role="user", content="go on")]
        self.ask(llm, way, asked)
        for message in wire.last["messages"]:
            assert message.get("content") or message.get("tool_calls")

    def test_odd_a_call_with_its_result_is_sent_under_one_id(self) -> None:
        self.need_openai_form()
        calls = [piece(None, "same", "look", f'{{"n": {number}}}') for number in (1, 2)]
        wire = Wire(
            self._message({"content": None, "tool_calls": calls}, "tool_calls"), self._message({"content": "ok"})
        )
        llm = self.llm(wire)
        message = self.ask(llm, "chat", tools=[TOOL]).message
        ids = [block.tool_call_id for block in message.blocks if isinstance(block, ToolCallBlock)]
        results = [
            ChatMessage(role=MessageRole.TOOL, content=f"r{number}", additional_kwargs={"tool_call_id": id})
            for number, id in enumerate(ids)
        ]
        self.ask(llm, "chat", [ChatMessage(role="user", content="q"), message, *results])
        sent = wire.last["messages"]
        assert [call["id"] for call in sent[1]["tool_calls"]] == [each["tool_call_id"] for each in sent[2:]]
        assert len({each["tool_call_id"] for each in sent[2:]}) == 2
