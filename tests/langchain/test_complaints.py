"""What users of other integrations complain about, one test for each line of the list, by its number."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)
from langchain_core.load import dumps, load, loads
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator

from .conftest import CHAT_MODELS, VENDORS, on_simulator
from .wire import Pieces, Server, call, delta, joined, sse, stream, usage, whole

beta = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

THINKING = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def now() -> str:
    """Tell the time."""
    return "noon"


def without_index(blocks: list[Any]) -> list[Any]:
    return [{key: value for key, value in block.items() if key != "index"} for block in blocks]


# ------------------------------------------------------------------------------------------------ reasoning


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_c01_fields_of_other_vendors_are_kept(field: str) -> None:
    model = Server(whole({"content": "4", field: "two and two"})).model()
    message = model.invoke("2+2?")
    assert message.content_blocks == [{"type": "reasoning", "reasoning": "two and two"}, {"type": "text", "text": "4"}]
    streamed = joined(
        Server(stream(delta(**{field: "two "}), delta(**{field: "and two"}), delta("4"))).model().stream("?")
    )
    assert streamed.content_blocks == message.content_blocks


def test_c02_reasoning_goes_back_to_the_model_that_wrote_it_and_to_no_other() -> None:
    server = Server(whole({"content": "4", "reasoning_content": "two and two"}))
    history = [HumanMessage("2+2?"), server.model(model="thinker").invoke("2+2?"), HumanMessage("and 3+3?")]
    server.model(model="thinker").invoke(history)
    assert server.bodies[-1]["messages"][1]["reasoning_content"] == "two and two"
    server.model(model="other").invoke(history)
    assert "reasoning_content" not in server.bodies[-1]["messages"][1]
    other = Server(whole())
    other.model("aicredits", model="thinker").invoke(history)
    assert other.bodies[0]["messages"][1] == {"role": "assistant", "content": "4"}


def test_c03_signed_reasoning_is_merged_and_goes_back_unchanged() -> None:
    pieces = [
        {**THINKING, "text": "two "},
        {**THINKING, "text": "and two"},
        {**THINKING, "signature": "c2lnbmVk"},
        {"type": "reasoning.encrypted", "index": 1, "data": "b3BhcXVl"},
    ]
    server = Server(
        stream(*(delta(reasoning_details=[piece]) for piece in pieces), delta("4", finish_reason="stop")), whole()
    )
    model = server.model()
    answer = joined(model.stream("2+2?"))
    model.invoke(["2+2?", answer, "and 3+3?"])
    assert server.bodies[1]["messages"][1]["reasoning_details"] == [
        {**THINKING, "text": "two and two", "signature": "c2lnbmVk"},
        {"type": "reasoning.encrypted", "index": 1, "data": "b3BhcXVl"},
    ]


MIXED = (
    delta(reasoning_content="let "),
    delta(reasoning_content="me see"),
    delta("I will "),
    delta("add."),
    delta(tool_calls=[call(0, "c1", "add", "")]),
    delta(tool_calls=[call(0, None, None, '{"a": 1, ')]),
    delta(tool_calls=[call(0, None, None, '"b": 2}')]),
    delta(tool_calls=[call(1, "c2", "now", "{}")]),
    delta(finish_reason="tool_calls"),
    usage(),
)
MIXED_BLOCKS = [
    {"type": "reasoning", "reasoning": "let me see"},
    {"type": "text", "text": "I will add."},
    {"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1, "b": 2}},
    {"type": "tool_call", "id": "c2", "name": "now", "args": {}},
]


@beta
async def test_c04_reasoning_text_and_two_calls_stay_apart_in_v0_v1_and_v3() -> None:
    server = Server(stream(*MIXED))
    v0 = joined(server.model().stream("?"))
    assert v0.content == "I will add."
    assert without_index(v0.content_blocks) == MIXED_BLOCKS
    v1 = joined(server.model(output_version="v1").stream("?"))
    assert without_index(v1.content) == MIXED_BLOCKS
    v3 = server.model().stream_events("?", version="v3")
    assert str(v3.reasoning) == "let me see"
    assert str(v3.text) == "I will add."
    assert without_index(v3.output.content) == MIXED_BLOCKS
    awaited = await server.model().astream_events("?", version="v3")
    assert without_index((await awaited.output).content) == MIXED_BLOCKS
    assert [c["name"] for c in v3.output.tool_calls] == [c["name"] for c in v0.tool_calls] == ["add", "now"]


def test_c05_reasoning_is_a_block_for_every_vendor() -> None:
    from langchain_core.messages.block_translators import get_translator

    for name in PROVIDERS:
        assert get_translator(name) is not None
        message = AIMessage(
            "4", additional_kwargs={"reasoning_content": "hm"}, response_metadata={"model_provider": name}
        )
        assert message.content_blocks[0] == {"type": "reasoning", "reasoning": "hm"}


# ------------------------------------------------------------------------------------------------ tool calls


def streamed_calls(*events: Any) -> list[tuple[str, dict[str, Any]]]:
    message = joined(Server(stream(*events, delta(finish_reason="tool_calls"))).model().stream("?"))
    assert message.invalid_tool_calls == []
    assert len({call["id"] for call in message.tool_calls}) == len(message.tool_calls)
    assert all(call["id"] for call in message.tool_calls)
    return [(call["name"], call["args"]) for call in message.tool_calls]


def test_c06_calls_without_index_are_told_apart() -> None:
    assert streamed_calls(
        delta(tool_calls=[call(None, "c1", "add", '{"a": 1')]),
        delta(tool_calls=[call(None, None, None, ', "b": 2}')]),
        delta(tool_calls=[call(None, "c2", "now", "{}")]),
    ) == [("add", {"a": 1, "b": 2}), ("now", {})]


def test_c07_parallel_calls_that_all_say_index_0_are_told_apart() -> None:
    assert streamed_calls(
        delta(tool_calls=[call(0, "c1", "add", '{"a": 1, "b": 2}')]),
        delta(tool_calls=[call(0, "c2", "add", '{"a": 3, "b": 4}')]),
    ) == [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]


@pytest.mark.parametrize("id", ["", "null", "None", None])
def test_c08_fragments_without_an_id_belong_to_the_open_call(id: str | None) -> None:
    fragments = [call(0, id, None, '{"a": 1, '), call(0, id, None, '"b": 2}')]
    assert streamed_calls(
        delta(tool_calls=[call(0, "c1", "add")]), *(delta(tool_calls=[fragment]) for fragment in fragments)
    ) == [("add", {"a": 1, "b": 2})]


def test_c09_a_new_id_for_every_fragment_is_still_one_call() -> None:
    assert streamed_calls(
        delta(tool_calls=[call(0, "x1", "add", '{"a": 1')]),
        delta(tool_calls=[call(0, "x2", None, ', "b"')]),
        delta(tool_calls=[call(0, "x3", None, ": 2}")]),
    ) == [("add", {"a": 1, "b": 2})]


@pytest.mark.parametrize("arguments", ["", None, "null", {}])
def test_c10_a_tool_without_arguments_is_called_with_none(arguments: Any) -> None:
    function = {"name": "now", "arguments": arguments}
    message = Server(whole({"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}))
    assert message.model().invoke("?").tool_calls[0]["args"] == {}
    piece = {"index": 0, "id": "c1", "type": "function", "function": function}
    assert streamed_calls(delta(tool_calls=[piece])) == [("now", {})]


CUTS = [
    '{"target": "all but',
    '{"target":',
    '{"target": ["a", "b"',
    '{"target": "a\\',
    "",
    '{"target": "a", "n": tru',
    "{",
]


@beta
@pytest.mark.parametrize("arguments", CUTS)
def test_c11_truncated_arguments_are_invalid(arguments: str) -> None:
    piece = call(0, "c1", "delete", arguments)
    invoked = Server(whole({"content": None, "tool_calls": [piece]}, finish_reason="length")).model().invoke("?")
    assert invoked.tool_calls == []
    assert [(c["id"], c["name"], c["args"]) for c in invoked.invalid_tool_calls] == [("c1", "delete", arguments)]
    assert "cut off" in (invoked.invalid_tool_calls[0]["error"] or "")
    server = Server(stream(delta(tool_calls=[piece]), delta(finish_reason="length")))
    for settings in ({}, {"output_version": "v1"}):
        streamed = joined(server.model(**settings).stream("?"))
        assert streamed.tool_calls == []
        assert [(c["id"], c["name"]) for c in streamed.invalid_tool_calls] == [("c1", "delete")]
        assert (streamed.invalid_tool_calls[0]["args"] or "").startswith(arguments)
    output = server.model().stream_events("?", version="v3").output
    assert (output.tool_calls, len(output.invalid_tool_calls)) == ([], 1)


RUINED = {
    "cut": '{"target": "all", "dry',
    "too much": '{"a": 1}}',
    "list": "[1]",
    "single quotes": "{'a': 1}",
    "no number": '{"a": NaN}',
    "encoded twice and cut": json.dumps('{"a": 1'),
}


@pytest.mark.parametrize("arguments", RUINED.values(), ids=RUINED)
@pytest.mark.parametrize("version", [None, "v1"])
async def test_c11_invalid_calls_have_the_vendors_own_words_and_the_reason_in_every_way(
    arguments: str, version: Any
) -> None:
    words = {"output_version": version}
    told = whole({"content": "let me", "tool_calls": [call(0, "c1", "f", arguments)]}, finish_reason="tool_calls")
    pieces = [call(0, "c1", "f", "")] + [
        call(0, arguments=arguments[at : at + 5]) for at in range(0, len(arguments), 5)
    ]
    streamed = stream(
        delta("let me"), *(delta(tool_calls=[piece]) for piece in pieces), delta(finish_reason="tool_calls")
    )
    expected = Server(told).model(**words).invoke("?")
    assert expected.invalid_tool_calls[0]["args"] == arguments
    assert expected.invalid_tool_calls[0]["error"]
    model = Server(streamed).model(**words)
    answers = [
        joined(model.stream("?")),
        joined([chunk async for chunk in model.astream("?")]),
        Server(streamed).model(streaming=True, **words).invoke("?"),
        await Server(streamed).model(streaming=True, **words).ainvoke("?"),
    ]
    for answer in answers:
        assert (answer.tool_calls, answer.invalid_tool_calls) == ([], expected.invalid_tool_calls)
        assert without_index(answer.content_blocks) == expected.content_blocks
        assert answer.additional_kwargs == {}


def test_c11_a_sum_of_chunks_that_is_read_again_carries_nothing_out() -> None:
    pieces = [delta(tool_calls=[call(0, "c1", "f", '{"target": "all", "dry')]), delta(finish_reason="length")]
    chunks = list(Server(stream(*pieces)).model().stream("?"))
    assert chunks[-1].invalid_tool_calls == joined(chunks).invalid_tool_calls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain calls its own loads a beta
        stored = [loads(dumps(message), allowed_objects="messages") for message in (joined(chunks), chunks[-1])]
    assert [type(message) for message in stored] == [AIMessageChunk, AIMessageChunk]
    for message in (*stored, chunks[0] + chunks[1:], AIMessageChunk(**joined(chunks).model_dump())):
        assert message.tool_calls == []
        assert len(message.invalid_tool_calls) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_c11_arguments_that_were_encoded_twice_are_read_in_every_way(size: int) -> None:
    arguments = json.dumps(json.dumps({"quote": 'she said "yes"', "path": "a\\b"}))
    pieces = [call(0, "c1", "f", "")] + [
        call(0, arguments=arguments[at : at + size]) for at in range(0, len(arguments), size)
    ]
    streamed = stream(*(delta(tool_calls=[piece]) for piece in pieces), delta(finish_reason="tool_calls"))
    expected = Server(whole({"content": "", "tool_calls": [call(0, "c1", "f", arguments)]})).model().invoke("?")
    assert expected.tool_calls[0]["args"] == {"quote": 'she said "yes"', "path": "a\\b"}
    model = Server(streamed).model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain calls version 3 a beta
        events = model.stream_events("?", version="v3").output
    for answer in (joined(model.stream("?")), await Server(streamed).model(streaming=True).ainvoke("?"), events):
        assert (answer.tool_calls, answer.invalid_tool_calls) == (expected.tool_calls, [])


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_c11_line_ends_inside_of_arguments_are_read_in_every_way(size: int) -> None:
    arguments = '{\n"code": "if x:\n\tprint(\\"a\\\\\\")",\r\n"more": 1}'
    pieces = [call(0, "c1", "f", "")] + [
        call(0, arguments=arguments[at : at + size]) for at in range(0, len(arguments), size)
    ]
    streamed = stream(*(delta(tool_calls=[piece]) for piece in pieces), delta(finish_reason="tool_calls"))
    expected = Server(whole({"content": "", "tool_calls": [call(0, "c1", "f", arguments)]})).model().invoke("?")
    assert expected.tool_calls[0]["args"] == {"code": 'if x:\n\tprint("a\\")', "more": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain calls version 3 a beta
        events = Server(streamed).model().stream_events("?", version="v3").output
    for answer in (joined(Server(streamed).model().stream("?")), events):
        assert (answer.tool_calls, answer.invalid_tool_calls) == (expected.tool_calls, [])


def test_c11_truncated_arguments_are_an_error_or_kept_where_that_was_asked_for() -> None:
    piece = call(0, "c1", "delete", '{"target": "all but')
    answers = (
        whole({"content": None, "tool_calls": [piece]}, finish_reason="length"),
        stream(delta(tool_calls=[piece]), delta(finish_reason="length")),
    )
    raising = Server(*answers).model(on_truncated_tool_call="raise")
    with pytest.raises(ModelAPIError, match="cut the call of delete off"):
        raising.invoke("?")
    with pytest.raises(ModelAPIError, match="cut the call of delete off"):
        joined(raising.stream("?"))
    keeping = Server(*answers).model(on_truncated_tool_call="keep")
    assert keeping.invoke("?").tool_calls[0]["args"] == {"target": "all but"}
    assert joined(keeping.stream("?")).tool_calls[0]["args"] == {"target": "all but"}


def test_c11_a_server_that_hides_the_cut_behind_tool_calls_changes_nothing() -> None:
    piece = call(0, "c1", "delete", '{"target": "all but')
    server = Server(stream(delta(tool_calls=[piece]), delta(finish_reason="tool_calls")))
    streamed = joined(server.model().stream("?"))
    assert (streamed.tool_calls, streamed.invalid_tool_calls[0]["name"]) == ([], "delete")


@beta
def test_c12_text_and_call_in_one_v1_stream_stay_two_blocks() -> None:
    events = (
        delta("Let me see."),
        delta(tool_calls=[call(0, "c1", "add", '{"a": 1, "b": 2}')]),
        delta(finish_reason="tool_calls"),
    )
    expected = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1, "b": 2}},
    ]
    server = Server(stream(*events))
    assert without_index(joined(server.model(output_version="v1").stream("?")).content) == expected
    assert without_index(server.model().stream_events("?", version="v3").output.content) == expected


# ------------------------------------------------------------------------------------------------ bodies and events


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "the upstream is down", "code": 502}}, "the upstream is down"),
        ({"choices": None, "error": {"message": "quota"}}, "quota"),
        ({"id": "1", "choices": None}, "without choices"),
        ({"id": "1", "choices": []}, "without choices"),
        ({}, "without choices"),
        ({"success": False, "message": "no luck"}, "no luck"),
    ],
)
def test_c13_an_error_inside_of_a_success_is_typed_and_says_what_the_vendor_said(body: Any, words: str) -> None:
    server = Server(httpx.Response(200, json=body))
    with pytest.raises(ModelError, match=words):
        server.model().invoke("?")
    with pytest.raises(ModelError, match=words):
        joined(server.model().stream("?"))


@pytest.mark.parametrize(
    "event",
    [
        'data: {"error": {"message": "overloaded", "code": 503}}\n\n',
        'event: error\ndata: {"message": "overloaded", "statusCode": 503}\n\n',
        'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "overloaded", "code": 503}}]}\n\n',
    ],
)
async def test_c14_an_error_in_the_middle_of_a_stream_is_typed_and_the_part_is_kept(event: str) -> None:
    class Seen(list[Any]):
        pass

    from langchain_core.callbacks import BaseCallbackHandler

    told: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_llm_error(self, error: BaseException, *, response: Any = None, **_: Any) -> None:
            told.append(response)

    server = Server(stream(delta("Once upon"), event, done=False))
    seen = []
    with pytest.raises(ModelAPIError, match="overloaded") as raised:
        for chunk in server.model().stream("?", config={"callbacks": [Handler()]}):
            seen.append(chunk.text)
    assert seen == ["Once upon"]
    assert raised.value.partial.text == "Once upon"  # type: ignore[attr-defined]
    assert not raised.value.is_retryable
    assert told[0].generations[0][0].text == "Once upon"
    with pytest.raises(ModelAPIError, match="overloaded"):
        async for _ in server.model().astream("?"):
            pass


def test_c15_comments_empty_events_and_data_of_several_lines_are_read() -> None:
    event = json.dumps(delta("hello")).replace(", ", ",\ndata: ", 1)
    server = Server(
        stream(
            ": OPENROUTER PROCESSING\n\n",
            "event: ping\ndata: {}\n\n",
            f"data: {event}\n\n",
            ":\n",
            'data: {"id": "answer-1", "choices": []}\r\n\r\n',
            delta(finish_reason="stop"),
        )
    )
    assert joined(server.model().stream("?")).text == "hello"


def test_c16_token_counts_of_streams_are_asked_for_and_no_more_after_a_refusal() -> None:
    counted = stream(delta("hello"), delta(finish_reason="stop"), usage())
    server = Server(counted)
    assert joined(server.model().stream("?")).usage_metadata == {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
    }
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    for vendor in ("binom_router", "aicredits"):
        server = Server(counted)
        joined(server.model(vendor).stream("?"))
        assert server.bodies[0]["stream_options"] == {"include_usage": True}
        joined(server.model(vendor, stream_usage=False).stream("?"))
        assert "stream_options" not in server.bodies[1]
    refusal = httpx.Response(400, json={"error": {"message": "Unrecognized request argument: stream_options"}})
    server = Server(refusal, counted)
    model = server.model(model="refuses-stream-options", max_retries=1)
    assert joined(model.stream("?")).text == "hello"
    joined(model.stream("?"))
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]


def test_c17_invoke_and_stream_have_the_same_metadata() -> None:
    more = {"created": 1_700_000_000, "system_fingerprint": "fp", "service_tier": "default"}
    counts = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    invoked = Server(whole({"content": "hello"}, **more, meta={"usage": {"usd_spent": 0.001}})).model().invoke("?")
    events = [delta("hel") | more, delta("lo", finish_reason="stop") | more]
    events.append(
        {"id": "answer-1", "model": "m-1", "choices": [], "usage": counts, "meta": {"usage": {"usd_spent": 0.001}}}
    )
    streamed = joined(Server(stream(*events)).model().stream("?"))
    assert streamed.response_metadata == invoked.response_metadata
    assert streamed.usage_metadata == invoked.usage_metadata
    assert streamed.additional_kwargs == invoked.additional_kwargs


def test_c18_name_and_finish_reason_are_said_once() -> None:
    events = (delta("a", finish_reason="stop"), delta("", finish_reason="stop"), delta(finish_reason="stop"), usage())
    message = joined(Server(stream(*events)).model().stream("?"))
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "m-1"
    assert message.response_metadata["id"] == "answer-1"


def test_c19_numbers_with_a_point_do_not_break_the_sum_of_chunks() -> None:
    events = [
        delta("a"),
        delta("b", finish_reason="stop"),
        usage(cost=0.1),
        usage(cost=0.3, cost_details={"upstream": 0.25}),
    ]
    message = joined(Server(stream(*events)).model("binom_router").stream("?"))
    assert message.response_metadata["cost"] == {"amount": "0.3", "unit": "credits"}
    assert all(isinstance(count, int) for count in message.usage_metadata.values())


def test_c20_the_vendor_has_one_name_in_traces_and_answers(vendor: str) -> None:
    model = ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], **on_simulator(Simulator()))
    message = model.invoke("hello")
    assert model._get_ls_params()["ls_provider"] == message.response_metadata["model_provider"] == vendor
    assert message.response_metadata["model_name"]


def test_c20_summarization_trusts_the_reported_tokens() -> None:
    from langchain.agents.middleware import SummarizationMiddleware

    counts = {"prompt_tokens": 90_000, "completion_tokens": 10_000, "total_tokens": 100_000}
    model = Server(whole({"content": "a summary"}, usage=counts)).model()
    answer = model.invoke("?")
    middleware = SummarizationMiddleware(model=model, trigger=("tokens", 50_000), keep=("messages", 1))
    state = {"messages": [HumanMessage("one", id="1"), answer, HumanMessage("two", id="3")]}
    assert middleware.before_model(state, None) is not None  # type: ignore[arg-type]


def test_c21_what_it_cost_is_kept() -> None:
    from langchain_multiapi import SpendTracker

    spent = SpendTracker()
    headers = {"x-aimlapi-usd-spent": "0.00123", "content-type": "application/json"}
    answer = whole()
    model = Server(httpx.Response(200, headers=headers, content=answer.content)).model()
    for _ in range(3):
        message = model.invoke("?", config={"callbacks": [spent]})
    assert message.response_metadata["cost"] == {"amount": "0.00123", "unit": "USD"}
    assert {unit: str(amount) for unit, amount in spent.totals.items()} == {"USD": "0.00369"}


# ------------------------------------------------------------------------------------------------ connections


def test_c22_a_model_lives_through_many_event_loops() -> None:
    from multiapi.simulator.server import Server as Simulated

    with running(Simulated) as address:
        model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key="k", base_url=f"{address}/aimlapi")
        for _ in range(20):
            assert asyncio.run(model.ainvoke("hello")).text


def test_c23_many_models_share_their_connections() -> None:
    from multiapi.simulator.server import Server as Simulated

    with running(Simulated) as address:
        before = open_sockets()
        for _ in range(30):
            model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key="k", base_url=f"{address}/aimlapi")
            model.invoke("hello")
            joined(model.stream("hello"))
        gc.collect()
        # A connection has two ends in this process; one may be replaced while the other is still being read to its end.
        assert open_sockets() - before <= 4


def test_c24_a_stream_that_falls_silent_ends_in_both_worlds() -> None:
    from .hostile.server import HostileServer

    keepalives = [sse(delta("one")), *[b": keep-alive\n\n"] * 40]
    with HostileServer(lambda request: (200, {"content-type": "text/event-stream"}, keepalives, 0.05)) as server:
        model = ChatMultiApi(
            provider="aimlapi", model="m", api_key="k", base_url=server.address, stream_chunk_timeout=0.3, max_retries=0
        )
        with pytest.raises(ModelError, match="no event for 0.3 s"):
            joined(model.stream("?"))

        async def consume() -> None:
            async for _ in model.astream("?"):
                pass

        with pytest.raises(ModelError, match="no event for 0.3 s"):
            asyncio.run(consume())


async def test_c25_a_consumer_that_stops_closes_the_answer() -> None:
    bodies: list[Pieces] = []

    def answer(_: httpx.Request) -> httpx.Response:
        bodies.append(Pieces([sse(delta("word ")) for _ in range(1000)]))
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=bodies[-1])

    model = Server(answer).model()
    chunks = model.stream("?")
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert bodies[0].closed
    assert bodies[0].given < 10
    awaited = model.astream("?")
    await anext(awaited)
    await awaited.aclose()  # type: ignore[attr-defined]
    assert bodies[1].closed
    assert bodies[1].given < 10


def test_c26_retry_after_is_kept_and_repetitions_are_counted() -> None:
    busy = httpx.Response(429, headers={"retry-after": "0"}, json={"error": {"message": "slow down"}})
    server = Server(busy, busy, whole())
    assert server.model(max_retries=2).invoke("?").text == "ok"
    assert len(server.requests) == 3
    server = Server(httpx.Response(429, headers={"retry-after": "7200"}, json={"error": {"message": "slow down"}}))
    with pytest.raises(ModelRateLimitError) as raised:
        server.model(max_retries=5).invoke("?")
    assert raised.value.retry_after == 7200  # type: ignore[attr-defined]
    assert len(server.requests) == 1
    server = Server(stream(delta("one"), 'data: {"error": {"message": "x", "code": 503}}\n\n', done=False))
    with pytest.raises(ModelAPIError):
        joined(server.model(max_retries=5).stream("?"))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, ModelInvalidRequestError, False),
        (401, ModelAuthenticationError, False),
        (402, ModelError, False),
        (403, ModelPermissionDeniedError, False),
        (404, ModelNotFoundError, False),
        (422, ModelInvalidRequestError, False),
        (429, ModelRateLimitError, True),
        (500, ModelAPIError, True),
        (503, ModelAPIError, True),
    ],
)
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_c27_every_status_is_typed(status: int, expected: type[ModelError], retryable: bool, way: str) -> None:
    headers = {"x-request-id": "req-7"}
    model = Server(httpx.Response(status, headers=headers, json={"error": {"message": "no"}})).model()
    with pytest.raises(expected) as raised:
        await asked(model, way)
    error: Any = raised.value
    assert (error.is_retryable, error.status_code, error.request_id) == (retryable, status, "req-7")
    assert (error.response.status_code, error.response.json()) == (status, {"error": {"message": "no"}})


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Your input exceeds the context window of this model",
        "litellm.ContextWindowExceededError: too much",
        "The input token count (1200000) exceeds the maximum number of tokens allowed",
        "context_length_exceeded",
    ],
)
def test_c27_a_conversation_that_is_too_long_is_told_by_every_familys_words(words: str) -> None:
    model = Server(httpx.Response(400, json={"error": {"message": words}})).model()
    with pytest.raises(ContextOverflowError):
        model.invoke("?")


SECRET = "sk-very-secret-0123456789"


def test_c28_the_key_shows_itself_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    from langchain_core.tracers import BaseTracer

    class Tracer(BaseTracer):
        runs: list[Any] = []

        def _persist_run(self, run: Any) -> None:
            self.runs.append(run)

    caplog.set_level("DEBUG")
    headers = {"authorization-extra": SECRET}
    tracer = Tracer()
    model = Server(httpx.Response(401, json={"error": {"message": f"bad key {SECRET}"}})).model(
        api_key=SECRET, default_headers=headers
    )
    with pytest.raises(ModelAuthenticationError) as raised:
        model.invoke("?", config={"callbacks": [tracer]}, extra_headers=headers)
    shown = [
        repr(model),
        str(model),
        dumps(model),
        str(model.asdict()),
        str(model.model_dump()),
        model.model_dump_json(),
    ]
    shown += [repr(raised.value), str(raised.value), caplog.text, str(raised.value.response.headers)]  # type: ignore[attr-defined]
    shown += [run.json() if hasattr(run, "json") else str(run) for run in tracer.runs]
    shown += [repr(MultiApiEmbeddings(provider="aimlapi", model="e", api_key=SECRET))]
    for text in shown:
        assert SECRET not in text


def test_c28_a_key_from_the_environment_is_pickled_as_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", SECRET)
    model = ChatMultiApi(provider="aimlapi", model="m")
    packed = pickle.dumps(model)
    assert SECRET.encode() not in packed
    monkeypatch.setenv("AIMLAPI_API_KEY", "another")
    assert pickle.loads(packed).api_key.get_secret_value() == "another"


def test_c29_models_pickle_copy_and_fork() -> None:
    server = Server(whole())
    model = server.model(temperature=0.5, stop=["x"])
    assert model.invoke("?").text == "ok"
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model), model.model_copy()):
        assert copied.asdict() == model.asdict()
        assert copied.api_key.get_secret_value() == "test-key"
    assert copy.deepcopy(model).invoke("?").text == "ok"
    embeddings = server.embeddings()
    assert pickle.loads(pickle.dumps(embeddings)).model == copy.deepcopy(embeddings).model == "e-1"
    # A model that was used is used again in a child of this process.
    if pid := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    else:
        try:
            os._exit(0 if model.invoke("?").text == "ok" else 1)
        finally:
            os._exit(2)


def test_c30_importing_loads_nothing_that_is_not_needed() -> None:
    program = (
        "import sys, langchain_core.language_models, langchain_core.messages\n"
        "from langchain_core.language_models import BaseChatModel\n"
        "before = set(sys.modules)\n"
        "from langchain_multiapi import ChatMultiApi\n"
        "added = set(sys.modules) - before\n"
        "ours = {name for name in added if name.partition('.')[0] in {'multiapi', 'langchain_multiapi'}}\n"
        "assert added == ours, added - ours\n"
        "assert 'multiapi.simulator' not in added and 'multiapi.transport.blocking' not in added, sorted(added)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ------------------------------------------------------------------------------------------------ embeddings


def embedded(vectors: list[list[float]], order: list[int] | None = None) -> httpx.Response:
    rows = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return httpx.Response(200, json={"model": "e-1", "data": [rows[at] for at in order or range(len(rows))]})


def test_c31_texts_are_sent_as_text_and_vectors_are_read_in_both_forms() -> None:
    import base64
    from array import array

    server = Server(embedded([[1.0, 2.0]]))
    assert server.embeddings().embed_query("hello") == [1.0, 2.0]
    assert server.bodies[0] == {"model": "e-1", "input": ["hello"]}
    packed = base64.b64encode(array("f", [1.0, 2.0]).tobytes()).decode()
    server = Server(httpx.Response(200, json={"data": [{"index": 0, "embedding": packed}]}))
    assert server.embeddings().embed_query("hello") == [1.0, 2.0]


def test_c32_vectors_are_put_in_order_and_counted() -> None:
    server = Server(embedded([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], order=[2, 0, 1]))
    assert server.embeddings().embed_documents(["a", "b", "c"]) == [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    with pytest.raises(ModelAPIError, match="3 texts with 2 vectors"):
        Server(embedded([[1.0], [2.0]])).embeddings().embed_documents(["a", "b", "c"])
    with pytest.raises(ModelAPIError, match="different lengths"):
        Server(embedded([[1.0], [2.0, 3.0]])).embeddings().embed_documents(["a", "b"])


def test_c33_batches_are_bounded_and_a_refused_one_is_split() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        if len(texts) > 2:
            return httpx.Response(413, json={"error": {"message": "too many inputs"}})
        return embedded([[float(text)] for text in texts])

    server = Server(answer)
    texts = [str(number) for number in range(10)]
    assert server.embeddings(batch_size=4).embed_documents(texts) == [[float(text)] for text in texts]
    assert max(len(body["input"]) for body in server.bodies) == 4
    server = Server(answer)
    assert server.embeddings().embed_documents(["x" * 400_000 + "1"] * 0 + texts[:2]) == [[0.0], [1.0]]


# ------------------------------------------------------------------------------------------------ requests


def test_c34_a_refused_schema_is_asked_for_otherwise_and_that_is_remembered() -> None:
    schema = {"title": "Sum", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    refusal = httpx.Response(400, json={"error": {"message": "response_format json_schema is not supported"}})
    called = whole({"content": None, "tool_calls": [call(0, "c1", "Sum", '{"a": 4}')]}, finish_reason="tool_calls")
    server = Server(refusal, called)
    model = server.model("binom_router", model="refuses-schemas", max_retries=1).with_structured_output(schema)
    assert model.invoke("?") == {"a": 4}
    assert model.invoke("?") == {"a": 4}
    assert ["response_format" in body for body in server.bodies] == [True, False, False]
    ignoring = Server(whole({"content": 'Sure!\n```json\n{"a": 4}\n```'})).model()
    assert ignoring.with_structured_output(schema).invoke("?") == {"a": 4}


def test_c35_parallel_tool_calls_is_sent_only_when_asked_for() -> None:
    server = Server(whole())
    model = server.model()
    model.bind_tools([add]).invoke("?")
    assert "parallel_tool_calls" not in server.bodies[0]
    model.bind_tools([add], parallel_tool_calls=False).invoke("?")
    assert server.bodies[1]["parallel_tool_calls"] is False
    server.model(disabled_params={"parallel_tool_calls": None}).bind_tools([add], parallel_tool_calls=False).invoke("?")
    assert "parallel_tool_calls" not in server.bodies[2]
    refusal = httpx.Response(400, json={"error": {"message": "unknown parameter", "param": "parallel_tool_calls"}})
    server = Server(refusal, whole())
    model = server.model(model="refuses-parallel", max_retries=1)
    assert model.bind_tools([add], parallel_tool_calls=False).invoke("?").text == "ok"
    assert "parallel_tool_calls" not in server.bodies[1]


def test_c36_max_tokens_has_one_name_at_a_time() -> None:
    server = Server(whole())
    server.model(max_completion_tokens=9).invoke("?")
    assert server.bodies[0]["max_completion_tokens"] == 9  # the name that the caller chose
    assert "max_tokens" not in server.bodies[0]
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server = Server(httpx.Response(400, json={"error": {"message": words, "param": "max_tokens"}}), whole())
    server.model(model="renames-max-tokens", max_tokens=9, max_retries=1).invoke("?")
    assert (server.bodies[1]["max_completion_tokens"], "max_tokens" in server.bodies[1]) == (9, False)


@pytest.mark.parametrize("name", ["o1", "openai/o3-mini", "gpt-5", "openai/gpt-5-chat", "deepseek-reasoner"])
def test_c37_nothing_is_removed_because_of_a_models_name(name: str) -> None:
    server = Server(whole())
    server.model(model=name, temperature=0.2, top_p=0.9).invoke("?")
    assert (server.bodies[0]["temperature"], server.bodies[0]["top_p"]) == (0.2, 0.9)
    assert server.bodies[0]["model"] == name


def test_c38_langchains_own_arguments_never_reach_the_wire() -> None:
    from pydantic import BaseModel

    class Sum(BaseModel):
        """A sum."""

        a: int

    server = Server(whole({"content": '{"a": 4}'}), stream(delta('{"a": 4}'), delta(finish_reason="stop")))
    model = server.model().with_structured_output(Sum)
    model.invoke("?")
    list(model.stream("?"))
    list(server.model().stream("?", ls_provider="x", ls_anything=1, config={"tags": ["t"]}))
    allowed = {"model", "messages", "response_format", "stream", "stream_options"}
    for body in server.bodies:
        assert body.keys() <= allowed


def test_c39_pictures_of_tools_follow_in_a_user_message() -> None:
    server = Server(whole())
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    history = [
        HumanMessage("draw"),
        AIMessage("", tool_calls=[{"name": "draw", "args": {}, "id": "c1"}]),
        ToolMessage([{"type": "text", "text": "done"}, image], tool_call_id="c1"),
    ]
    server.model().invoke(history)
    tool, user = server.bodies[0]["messages"][2:]
    assert (tool["role"], tool["tool_call_id"]) == ("tool", "c1")
    assert tool["content"].startswith("done")
    assert user["role"] == "user"
    assert user["content"][-1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


@pytest.mark.parametrize("vendor", VENDORS)
def test_c40_models_are_made_by_our_factory_and_by_langchains_once_registered(vendor: str) -> None:
    model = ChatMultiApi(model=f"{vendor}:some/model:free", api_key="k", temperature=0.5)
    assert (model.provider, model.model, model.temperature) == (vendor, "some/model:free", 0.5)
    program = (
        "from langchain.chat_models import init_chat_model\n"
        "import langchain_multiapi\n"
        "try:\n"
        f"    init_chat_model('{vendor}:m')\n"
        "except ValueError: pass\n"
        "else: raise SystemExit('registered without being asked to')\n"
        f"assert '{vendor}' in langchain_multiapi.register_with_langchain()\n"
        f"model = init_chat_model('{vendor}:some/model', api_key='k', temperature=0)\n"
        f"assert (type(model).__name__, model.provider, model.model) == ('ChatMultiApi', '{vendor}', 'some/model')\n"
    )
    if vendor == "aimlapi":
        subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-5", "claude-sonnet-4.5", "grok-4", "some-model"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_c41_agents_answer_in_a_form_whatever_the_model_is_called(vendor: str, name: str) -> None:
    from langchain.agents import create_agent
    from pydantic import BaseModel

    class Weather(BaseModel):
        """The weather at a place."""

        place: str
        degrees: int

    model = ChatMultiApi(provider=vendor, model=name, **on_simulator(Simulator(known_models="any")))
    agent = create_agent(model, [add], response_format=Weather)
    answer = agent.invoke({"messages": [("user", "It is 21 degrees in Paris.")]})
    assert answer["structured_response"] == Weather(place="Paris", degrees=21)


@beta
def test_c42_a_serialized_model_is_loaded_by_the_documented_recipe() -> None:
    model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key=SECRET, temperature=0.5, stop=["x"])
    text = dumps(model)
    assert SECRET not in text
    loaded = load(
        json.loads(text),
        secrets_map={"AIMLAPI_API_KEY": "given"},
        valid_namespaces=["langchain_multiapi"],
        allowed_objects=[ChatMultiApi],
    )
    assert isinstance(loaded, ChatMultiApi)
    assert loaded.asdict() == model.asdict()
    assert loaded.api_key.get_secret_value() == "given"  # type: ignore[union-attr]


def test_c43_our_tests_open_no_connection_to_anywhere() -> None:
    from pytest_socket import SocketConnectBlockedError

    with pytest.raises((SocketConnectBlockedError, ModelError)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ChatMultiApi(
            provider="aimlapi",
            model="m",
            api_key="k",
            base_url="http://192.0.2.1",
            allow_http=True,
            timeout=1,
            max_retries=0,
        ).invoke("?")


def test_c44_everything_that_is_exported_can_be_imported() -> None:
    import langchain_multiapi

    for name in langchain_multiapi.__all__:
        assert getattr(langchain_multiapi, name) is not None


def test_c45_vendors_that_have_embeddings_have_them_here_and_the_others_say_who_has() -> None:
    for provider in PROVIDERS.values():
        if provider.has("embeddings"):
            assert MultiApiEmbeddings(provider=provider.name, model="e", api_key="k").provider == provider.name
        else:
            with pytest.raises(ModelInvalidRequestError, match="aicredits and aimlapi have"):
                MultiApiEmbeddings(provider=provider.name, model="e", api_key="k")


@pytest.mark.parametrize("vendor", VENDORS)
def test_c46_no_key_or_address_of_another_vendor_is_used(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = {
        f"{name.upper()}_API_KEY": "foreign-secret"
        for name in (*VENDORS, "openai", "openrouter", "anthropic", "litellm")
    }
    foreign |= {
        "OPENAI_ORG_ID": "foreign-secret",
        "OPENAI_BASE_URL": "https://foreign.example",
        "OPENAI_PROJECT_ID": "foreign-secret",
    }
    own = PROVIDERS[vendor].api_key_env
    for name, value in foreign.items():
        if name != own:
            monkeypatch.setenv(name, value)
    monkeypatch.delenv(own, raising=False)
    with pytest.raises(ModelAuthenticationError, match=own):
        ChatMultiApi(provider=vendor, model="m")
    server = Server(whole())
    server.model(vendor).invoke("?")
    request = server.requests[0]
    assert request.url.host == httpx.URL(PROVIDERS[vendor].base_url).host
    assert "foreign-secret" not in str(request.headers.raw) + request.content.decode()
    assert not [name for name in request.headers if name.startswith("openai")]


def test_c46_a_key_is_not_taken_along_to_another_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_core.runnables import ConfigurableField

    monkeypatch.setenv("AICREDITS_API_KEY", "key-of-aicredits")
    server = Server(whole())
    model = server.model("aimlapi", api_key="key-of-aimlapi").configurable_fields(
        provider=ConfigurableField(id="vendor")
    )
    model.invoke("?")
    model.invoke("?", config={"configurable": {"vendor": "aicredits"}})
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer key-of-aimlapi",
        "Bearer key-of-aicredits",
    ]
    with pytest.raises(ModelAuthenticationError):
        model.invoke("?", config={"configurable": {"vendor": "binobox"}})


# ------------------------------------------------------------------------------------------------ asking


async def asked(model: ChatMultiApi, way: str) -> Any:
    if way == "invoke":
        return model.invoke("?")
    if way == "ainvoke":
        return await model.ainvoke("?")
    if way == "stream":
        return joined(model.stream("?"))
    return joined([chunk async for chunk in model.astream("?")])


class running:
    """A server in a thread, for as long as the block runs."""

    def __init__(self, make: Any) -> None:
        self.server = make()

    def __enter__(self) -> str:
        from threading import Thread

        self.thread = Thread(target=self.server.run, daemon=True)
        self.thread.start()
        return str(self.server.base_url("aimlapi")).rpartition("/aimlapi")[0]

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.thread.join(10)


def open_sockets() -> int:
    return sum(1 for entry in os.listdir("/proc/self/fd") if "socket" in link(entry))


def link(entry: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{entry}")
    except OSError:
        return ""
