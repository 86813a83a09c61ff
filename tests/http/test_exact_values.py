"""Numbers are the user's data: they come out with the digits that they went in with, on every way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message, Tool, ToolCall
from multiapi.errors import InvalidRequestError
from multiapi.http.json import dump_json, parse_json, parse_text, rewritten

NUMBERS = [
    *(sign * number for number in (2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64) for sign in (1, -1)),
    -(2**63) - 1,
    10**18,
    int("1234567890" * 4),
    int("7" * 400),
    int("1" * 4300),
]
LONG = [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, int("1234567890" * 4), int("7" * 400)]
DECIMALS = ["1.10", "0.1234567890123456789012345678901234567890", "12345678901234567890.5", "1E400", "-0", "1e2"]
NATIVE = ["aimlapi", "aicredits", "binom_router"]
ASCII = st.characters(max_codepoint=127)
PROMPTED = ["bineric", "binobox"]


class Wei(BaseModel):
    """An amount."""

    wei: int


def pay(wei: int) -> str:
    """Pay an amount."""
    return str(wei)


def wire(provider: str, message: dict[str, Any], sent: list[bytes], *, streamed: bool = False) -> dict[str, Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        if streamed:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=events(message))
        if provider == "bineric":
            return httpx.Response(200, json={"success": True, "response": message["content"]})
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [{"index": 0, "message": message}]})

    transport = httpx.MockTransport(answer)
    return {
        "api_key": "k",
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
        "max_retries": 0,
    }


def events(message: dict[str, Any]) -> str:
    calls = [{**call, "index": number} for number, call in enumerate(message.get("tool_calls") or ())]
    deltas: list[dict[str, Any]] = []
    for call in calls:
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "function": {**call["function"], "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": call["index"], "function": {"arguments": arguments[at : at + 7]}}]}
            for at in range(0, len(arguments), 7)
        ]
    text = message.get("content") or ""
    deltas += [{"content": text[at : at + 7]} for at in range(0, len(text), 7)]
    if message.get("refusal"):
        deltas.append({"refusal": message["refusal"]})
    all_events: list[Any] = [{"id": "a", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    all_events.append({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in all_events) + "data: [DONE]\n\n"


def calling(provider: str, arguments: str, name: str = "pay") -> dict[str, Any]:
    if provider in PROMPTED:
        return {"role": "assistant", "content": f'{{"tool_calls": [{{"name": "{name}", "arguments": {arguments}}}]}}'}
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def summed(chunks: Any) -> Any:
    whole: AIMessageChunk | None = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


# ------------------------------------------------------------------------------------------------ the mechanism


SCALARS = st.integers() | st.sampled_from(NUMBERS) | st.text() | st.booleans() | st.none()


@settings(deadline=None, max_examples=200)
@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_whatever_holds_integers_is_read_and_written_exactly(value: Any) -> None:
    written = dump_json(value)
    assert parse_json(written) == json.loads(json.dumps(value))
    assert json.loads(written) == parse_json(written)
    assert dump_json(parse_json(written)) == written


@pytest.mark.parametrize("number", [*map(str, NUMBERS), *DECIMALS])
def test_numbers_keep_their_text_where_json_is_put_together_anew(number: str) -> None:
    assert dump_json(rewritten(f'{{"a": [{number}, "{number}"]}}')).decode() == f'{{"a":[{number},"{number}"]}}'


@pytest.mark.parametrize("around", ['{"a": %s}', "[%s]", "%s", "[1, %s]", '{"a":\n%s\n}', '{"b": "x", "a":%s}'])
def test_integers_are_read_exactly_wherever_they_stand(around: str) -> None:
    for number in NUMBERS:
        assert parse_json((around % number).encode()) == json.loads(around % number)


def test_what_python_cannot_hold_is_refused_with_its_place() -> None:
    assert parse_json(b'{"a": ' + b"9" * 5000 + b"}") == {"a": "9" * 5000}
    with pytest.raises(ValueError, match="4300 digits"):
        parse_text('{"a": ' + "9" * 5000 + "}")
    for value, place in (
        ({"a": [1, {"b": 10**5000}]}, r"a\[1\]\.b is an integer of more than 4300 digits"),
        ({"a": {"b": {1, 2}}}, r"a\.b is of type set"),
        ([object()], r"\[0\] is of type object"),
    ):
        with pytest.raises(InvalidRequestError, match=place):
            dump_json(value)


# ------------------------------------------------------------------------------------------------ answers


@pytest.mark.parametrize("provider", ["aimlapi", "bineric", "binobox"])
@pytest.mark.parametrize("number", LONG)
def test_arguments_of_calls_are_exact_whole_and_streamed(provider: str, number: int) -> None:
    message, sent = calling(provider, f'{{"wei": {number}}}'), []  # type: ignore[var-annotated]
    for streamed in (False, True):
        model = ChatMultiApi(model=f"{provider}:m", **wire(provider, message, sent, streamed=streamed)).bind_tools(
            [pay]
        )

        async def later(model: Any = model) -> Any:
            return await model.ainvoke("x")

        for answer in (summed(model.stream("x")), *(() if streamed else (model.invoke("x"), asyncio.run(later())))):
            assert [call["args"] for call in answer.tool_calls] == [{"wei": number}]
        llm = MultiApiLLM(provider=provider, model="m", **wire(provider, message, sent, streamed=streamed))
        tools = [FunctionTool.from_defaults(pay)]
        said = list(llm.stream_chat_with_tools(tools, "x"))[-1] if streamed else llm.chat_with_tools(tools, "x")
        assert [call.tool_kwargs for call in llm.get_tool_calls_from_response(said)] == [{"wei": number}]


@pytest.mark.parametrize("provider", [*NATIVE, *PROMPTED])
@pytest.mark.parametrize("number", DECIMALS)
def test_the_core_gives_the_text_of_arguments_as_it_came(provider: str, number: str) -> None:
    arguments = f'{{"wei":{number}}}'
    client = Client(
        provider, **{k: v for k, v in wire(provider, calling(provider, arguments), []).items() if "async" not in k}
    )
    asked = ChatRequest(model="m", messages=[Message("user", "x")], tools=[Tool("pay")])
    assert [call.arguments for call in client.chat(asked).tool_calls] == [arguments]
    last = list(client.chat_stream(asked))[-1].response
    assert last is not None
    assert [call.arguments for call in last.tool_calls] == [arguments]


@pytest.mark.parametrize("provider", ["aimlapi", "bineric"])
@pytest.mark.parametrize("method", ["auto", "json_mode", "json_schema", "function_calling", "prompted"])
def test_structured_answers_are_exact(provider: str, method: str) -> None:
    if provider in PROMPTED and method in {"json_mode", "json_schema"}:
        return
    for number in LONG:
        written = f'{{"wei": {number}}}'
        message = calling(provider, written, "Wei") if method == "function_calling" else {"content": written}
        for streamed in (False, True):
            model = ChatMultiApi(model=f"{provider}:m", **wire(provider, message, [], streamed=streamed))
            chain = model.with_structured_output(Wei, method=method)
            assert list(chain.stream("x"))[-1] == Wei(wei=number)
            if not streamed:
                assert chain.invoke("x") == Wei(wei=number)


@pytest.mark.parametrize("provider", ["aimlapi", "bineric"])
def test_structured_answers_of_llamaindex_are_exact(provider: str) -> None:
    for number in LONG:
        message = {"content": f'```json\n{{"wei": {number}}}\n```'}
        llm = MultiApiLLM(provider=provider, model="m", **wire(provider, message, []))
        assert llm.structured_predict(Wei, PromptTemplate("x")) == Wei(wei=number)
        llm = MultiApiLLM(provider=provider, model="m", **wire(provider, message, [], streamed=True))
        assert list(llm.stream_structured_predict(Wei, PromptTemplate("x")))[-1] == Wei(wei=number)


def test_a_number_that_python_cannot_hold_makes_an_invalid_call_and_no_untyped_error() -> None:
    for provider in ("aimlapi", "bineric"):
        message = calling(provider, f'{{"wei": {"9" * 5000}}}')
        for streamed in (False, True):
            model = ChatMultiApi(model=f"{provider}:m", **wire(provider, message, [], streamed=streamed)).bind_tools(
                [pay]
            )
            answer = summed(model.stream("x"))
            assert answer.tool_calls == []
            assert len(answer.invalid_tool_calls) == 1


# ------------------------------------------------------------------------------------------------ requests


@pytest.mark.parametrize("provider", ["aimlapi", "bineric", "binobox"])
@pytest.mark.parametrize("number", LONG)
@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # fields that are made up
def test_histories_schemas_and_extra_fields_go_out_exactly(provider: str, number: int) -> None:
    sent: list[bytes] = []
    digits = str(number).encode()
    model = ChatMultiApi(model=f"{provider}:m", **wire(provider, {"content": "ok"}, sent))
    call = AIMessage("", tool_calls=[{"name": "pay", "args": {"wei": number}, "id": "c1"}])
    model.invoke([HumanMessage("q"), call, ToolMessage("r", tool_call_id="c1")])
    model.invoke([HumanMessage("q"), call, ToolMessage([{"rows": [{"id": number}]}], tool_call_id="c1")])
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": number}}}
    tool = {"type": "function", "function": {"name": "num", "description": "d", "parameters": schema}}
    model.bind_tools([tool]).invoke("x")
    model.invoke("x", extra_body={"limit": number})
    llm = MultiApiLLM(provider=provider, model="m", **wire(provider, {"content": "ok"}, sent))
    asked = ChatMessage(role="assistant", content="", additional_kwargs={})
    asked.blocks = [_call_block(number)]
    llm.chat(
        [
            ChatMessage(role="user", content="q"),
            asked,
            ChatMessage(role="tool", content="r", additional_kwargs={"tool_call_id": "c1"}),
        ]
    )
    llm.chat([ChatMessage(role="user", content="q")], extra_body={"limit": number})
    assert [digits in body for body in sent] == [True] * 6
    assert all(b"e+" not in body for body in sent)


def _call_block(number: int) -> Any:
    from llama_index.core.base.llms.types import ToolCallBlock

    return ToolCallBlock(tool_call_id="c1", tool_name="pay", tool_kwargs={"wei": number})


@pytest.mark.parametrize("provider", [*NATIVE, *PROMPTED])
@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # fields that are made up
def test_what_cannot_be_written_is_a_typed_error_that_names_the_place(provider: str) -> None:
    sent: list[bytes] = []
    model = ChatMultiApi(model=f"{provider}:m", **wire(provider, {"content": "ok"}, sent))
    long = 10**5000
    call = AIMessage("", tool_calls=[{"name": "pay", "args": {"wei": long}, "id": "c1"}])
    with pytest.raises(InvalidRequestError, match="wei is an integer"):
        model.invoke([HumanMessage("q"), call, ToolMessage("r", tool_call_id="c1")])
    tool = {
        "type": "function",
        "function": {"name": "num", "description": "d", "parameters": {"type": "object", "x": long}},
    }
    with pytest.raises(InvalidRequestError, match=r"parameters\.x is an integer"):
        model.bind_tools([tool]).invoke("x")
    with pytest.raises(InvalidRequestError, match=r"limit\[1\] is of type set"):
        model.invoke("x", extra_body={"limit": [1, {2}]})
    assert sent == []


def test_a_call_that_came_goes_back_as_it_came() -> None:
    arguments = '{"a": 1.10, "b": 0.1234567890123456789, "c": 25000000000000000001}'
    for provider in NATIVE:
        sent: list[bytes] = []
        model = ChatMultiApi(model=f"{provider}:m", **wire(provider, calling(provider, arguments), sent))
        client = Client(provider, api_key="k", http_client=model.http_client)
        history = [
            Message("user", "q"),
            Message("assistant", "", tool_calls=[ToolCall("c1", "pay", arguments)]),
            Message("tool", "r", tool_call_id="c1"),
        ]
        client.chat(ChatRequest(model="m", messages=history))
        assert json.dumps(arguments).encode() in sent[-1]


def server_of(arguments: str, sent: list[bytes]) -> dict[str, Any]:
    """Calls `pay` with these arguments, whole or streamed, and takes its result."""
    call = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": arguments}}

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        body = json.loads(request.content)
        message: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
        if len(body["messages"]) > 1:
            message = {"role": "assistant", "content": "paid"}
        if body.get("stream"):
            head = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=head, text=events(message))
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})

    async def later(request: httpx.Request) -> httpx.Response:
        return answer(request)

    return {
        "http_client": httpx.Client(transport=httpx.MockTransport(answer)),
        "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(later)),
        "api_key": "k",
    }


def _of_langchain(way: str, provider: str, arguments: str, sent: list[bytes]) -> Any:
    """What LangChain makes of a call, put back into the history, as a message or as what stores it."""
    output = {"output_version": "v1"} if "v1" in way else {}
    model = ChatMultiApi(model=f"{provider}:m", **server_of(arguments, sent), **output)
    if "events" in way:
        answer = model.stream_events("x", version="v3").output
    else:
        answer = summed(model.stream("x")) if "stream" in way else model.invoke("x")
    if "stored" in way:
        (answer,) = messages_from_dict(messages_to_dict([answer]))
    return model, [HumanMessage("q"), answer, ToolMessage("r", tool_call_id="c1")]


LANGCHAIN_WAYS = ["invoke", "stream", "v1", "v1 stream", "events", "stored", "stored stream"]
WRITTEN = [*DECIMALS, "-0.30000000000000000000001", "1e5", "1E-7", "100000000000000000000.5", "-1.0e+2"]


@pytest.mark.parametrize("number", WRITTEN)
@pytest.mark.parametrize("way", LANGCHAIN_WAYS)
@pytest.mark.parametrize("provider", NATIVE)
def test_decimals_go_back_as_they_came_in_langchain(provider: str, way: str, number: str) -> None:
    arguments = '{"rate": [' + number + '], "note": "1.50"}'
    sent: list[bytes] = []
    model, history = _of_langchain(way, provider, arguments, sent)
    model.invoke(history)
    assert json.dumps(arguments).encode() in sent[-1]


@pytest.mark.parametrize("number", WRITTEN)
@pytest.mark.parametrize("way", ["whole", "streamed", "stored"])
@pytest.mark.parametrize("provider", NATIVE)
def test_decimals_go_back_as_they_came_in_llamaindex(provider: str, way: str, number: str) -> None:
    arguments = '{"rate": [' + number + '], "note": "1.50"}'
    sent: list[bytes] = []
    llm = MultiApiLLM(model=f"{provider}:m", **server_of(arguments, sent))
    asked = [ChatMessage(role="user", content="q")]
    answer = list(llm.stream_chat(asked))[-1] if way == "streamed" else llm.chat(asked)
    message = answer.message
    if way == "stored" and number != "1E400":  # pydantic stores infinity as null
        message = ChatMessage.model_validate_json(message.model_dump_json())
    result = ChatMessage(role="tool", content="r", additional_kwargs={"tool_call_id": "c1"})
    llm.chat([*asked, message, result])
    assert json.dumps(arguments).encode() in sent[-1]


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True, alphabet=ASCII))
@settings(deadline=None, max_examples=80)
def test_any_number_goes_back_as_it_came(number: str) -> None:
    arguments = f'{{"a":{number}}}'
    for way in ("invoke", "stream"):
        sent: list[bytes] = []
        model, history = _of_langchain(way, "aimlapi", arguments, sent)
        model.invoke(history)
        assert json.dumps(arguments).encode() in sent[-1]


def test_a_changed_call_goes_out_as_it_was_changed() -> None:
    """Who edits the arguments of a call in the history sends what they wrote."""
    sent: list[bytes] = []
    model, history = _of_langchain("invoke", "aimlapi", '{"rate": 0.1234567890123456789}', sent)
    history[1].tool_calls[0]["args"]["rate"] = 0.5
    model.invoke(history)
    assert json.dumps('{"rate":0.5}').encode() in sent[-1]

    llm = MultiApiLLM(model="aimlapi:m", **server_of('{"rate": 0.1234567890123456789}', sent))
    message = llm.chat([ChatMessage(role="user", content="q")]).message
    (block,) = [block for block in message.blocks if block.block_type == "tool_call"]
    block.tool_kwargs["rate"] = 0.5
    llm.chat([ChatMessage(role="user", content="q"), message])
    assert json.dumps('{"rate":0.5}').encode() in sent[-1]
