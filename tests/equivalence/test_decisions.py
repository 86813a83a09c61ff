"""Decisions are the core's: the same input leads to the same decision in LangChain and LlamaIndex, whole and streamed, under one name.

One row of `ROWS` for each option; what a row expects is said once and held against the core and both frameworks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import httpx
import pytest
from langchain.agents.middleware import ModelRequest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi, VendorFailover
from llamaindex_multiapi import FallbackLLM, MultiApiLLM
from multiapi import (
    AuthenticationError,
    ChatRequest,
    Client,
    ContentFilterError,
    InvalidRequestError,
    MediaPart,
    Message,
    MultiApiError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    TextPart,
    ToolCall,
    UnsupportedError,
)

OPTIONS = ("misplaced_media", "on_truncated_tool_call", "promote_reasoning_to_content", "raise_on_content_filter")
CUT = [
    {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 3, "words": ["one", "tw'},
    }
]


@dataclass
class Row:
    """An option, what the provider says, and what comes of it: (text, calls, number of invalid calls), or an error."""

    name: str
    message: dict[str, Any]
    finish: str
    options: dict[str, Any]
    expected: tuple[str, list[tuple[str, dict[str, Any]]], int] | type[MultiApiError]
    asked: list[Message] = field(default_factory=lambda: [Message("user", "x")])


ROWS = [
    Row("a cut call is invalid", {"tool_calls": CUT}, "length", {}, ("", [], 1)),
    Row(
        "a cut call is an error",
        {"tool_calls": CUT},
        "length",
        {"on_truncated_tool_call": "raise"},
        ResponseFormatError,
    ),
    Row(
        "a cut call is kept",
        {"tool_calls": CUT},
        "length",
        {"on_truncated_tool_call": "keep"},
        ("", [("add", {"a": 3, "words": ["one", "tw"]})], 0),
    ),
    Row("thoughts stay thoughts", {"reasoning_content": "Five."}, "stop", {}, ("", [], 0)),
    Row(
        "thoughts become the text",
        {"reasoning_content": "Five."},
        "stop",
        {"promote_reasoning_to_content": True},
        ("Five.", [], 0),
    ),
    Row(
        "thoughts beside a text stay thoughts",
        {"content": "5", "reasoning_content": "Five."},
        "stop",
        {"promote_reasoning_to_content": True},
        ("5", [], 0),
    ),
    Row("a filtered text is a text", {"content": "I will"}, "content_filter", {}, ("I will", [], 0)),
    Row(
        "a filtered text is an error",
        {"content": "I will"},
        "content_filter",
        {"raise_on_content_filter": True},
        ContentFilterError,
    ),
]


def transport(row: Row, seen: list[dict[str, Any]] | None = None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if seen is not None:
            seen.append(body)
        head = {"id": "a", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        if not body.get("stream"):
            message = {"role": "assistant", "content": None, **row.message}
            return httpx.Response(200, json={**head, "choices": [{"message": message, "finish_reason": row.finish}]})
        events = [{**head, "choices": [{"index": 0, "delta": row.message}]}]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": row.finish}]})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)

    return httpx.MockTransport(answer)


def connection(row: Row, seen: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"provider": "aimlapi", "api_key": "k", "http_client": httpx.Client(transport=transport(row, seen))}


def by_core(row: Row, *, stream: bool) -> Any:
    client, request = Client(**connection(row)), ChatRequest(model="m", messages=row.asked, **row.options)
    deltas = list(client.chat_stream(request)) if stream else []
    answer = deltas[-1].response if stream else client.chat(request)
    assert answer is not None
    if stream:
        assert "".join(delta.text for delta in deltas) == answer.text
    return (
        answer.text,
        [(call.name, json.loads(call.arguments)) for call in answer.tool_calls],
        len(answer.invalid_tool_calls),
    )


def by_langchain(row: Row, *, stream: bool) -> Any:
    model = ChatMultiApi(model="m", **connection(row), **row.options)
    message: Any = None
    if stream:
        for chunk in model.stream("x"):
            message = chunk if message is None else message + chunk
    else:
        message = model.invoke("x")
    return message.text, [(call["name"], call["args"]) for call in message.tool_calls], len(message.invalid_tool_calls)


def by_llamaindex(row: Row, *, stream: bool) -> Any:
    llm = MultiApiLLM(model="m", **connection(row), **row.options)
    asked = [ChatMessage(role="user", content="x")]
    response = list(llm.stream_chat(asked))[-1] if stream else llm.chat(asked)
    invalid = response.additional_kwargs.get("invalid_tool_calls") or []
    calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    spoilt = {call["id"] for call in invalid}
    found = [(call.tool_name, call.tool_kwargs) for call in calls if call.tool_id not in spoilt]
    return response.message.content or "", found, len(invalid)


FACES: list[Callable[..., Any]] = [by_core, by_langchain, by_llamaindex]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_same_response_leads_to_the_same_decision(row: Row, face: Callable[..., Any], stream: bool) -> None:
    if isinstance(row.expected, type):
        with pytest.raises(row.expected) as caught:
            face(row, stream=stream)
        assert caught.value.partial is not None, "what was paid for is on the error"
        return
    assert face(row, stream=stream) == row.expected


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_has_one_name_and_one_default(name: str) -> None:
    core = next(each for each in fields(ChatRequest) if each.name == name)
    assert core.default is not MISSING
    for kind in (ChatMultiApi, MultiApiLLM):
        assert kind.model_fields[name].default == core.default, kind


# ------------------------------------------------------------------------------------------------ misplaced media

IMAGE = "https://host.example/a.png"
HELLO = Row("hello", {"content": "hello"}, "stop", {}, ("hello", [], 0))
CALL = ToolCall("c1", "look", "{}")
LANGCHAIN = [
    HumanMessage("look"),
    AIMessage("", tool_calls=[{"id": "c1", "name": "look", "args": {}, "type": "tool_call"}]),
    ToolMessage(
        [{"type": "text", "text": "seen:"}, {"type": "image_url", "image_url": {"url": IMAGE}}], tool_call_id="c1"
    ),
]
LLAMAINDEX = [
    ChatMessage(role="user", content="look"),
    ChatMessage(
        role="assistant",
        content="",
        additional_kwargs={
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
        },
    ),
    ChatMessage(
        role="tool", blocks=[TextBlock(text="seen:"), ImageBlock(url=IMAGE)], additional_kwargs={"tool_call_id": "c1"}
    ),
]
CORE = [
    Message("user", "look"),
    Message("assistant", "", tool_calls=(CALL,)),
    Message("tool", [TextPart("seen:"), MediaPart("image", IMAGE)], tool_call_id="c1"),
]


def sent_messages(options: dict[str, Any]) -> list[Any]:
    seen: list[dict[str, Any]] = []
    Client(**connection(HELLO, seen)).chat(ChatRequest(model="m", messages=CORE, **options))
    ChatMultiApi(model="m", **connection(HELLO, seen), **options).invoke(LANGCHAIN)
    MultiApiLLM(model="m", **connection(HELLO, seen), **options).chat(LLAMAINDEX)
    return [body["messages"] for body in seen]


@pytest.mark.parametrize("options", [{}, {"misplaced_media": "hoist"}, {"misplaced_media": "url_text"}])
def test_media_of_a_tool_go_to_the_same_place(options: dict[str, Any]) -> None:
    core, langchain, llamaindex = sent_messages(options)
    assert core == langchain == llamaindex
    assert [message["role"] for message in core] == [
        "user",
        "assistant",
        "tool",
        *([] if "url_text" in options.values() else ["user"]),
    ]
    assert (core[2]["content"] == f"seen:\n{IMAGE}") == ("url_text" in options.values())


def test_media_of_a_tool_are_refused_alike() -> None:
    for ask in (
        lambda: Client(**connection(HELLO)).chat(ChatRequest(model="m", messages=CORE, misplaced_media="error")),
        lambda: ChatMultiApi(model="m", **connection(HELLO), misplaced_media="error").invoke(LANGCHAIN),
        lambda: MultiApiLLM(model="m", **connection(HELLO), misplaced_media="error").chat(LLAMAINDEX),
    ):
        with pytest.raises(
            UnsupportedError, match="aimlapi: a medium of the kind image stands in a message of the role tool"
        ):
            ask()


# ------------------------------------------------------------------------------------------------ tools and forms


class Inner(BaseModel):
    """Where it is."""

    city: str
    note: str = ""


class Place(BaseModel):
    """A place."""

    inner: Inner
    others: list[Inner]


def place(**arguments: Any) -> str:
    """A place."""
    return str(arguments)


def open_objects(schema: Any) -> list[Any]:
    """The objects of a schema that leave room for other fields, or do not demand one of theirs."""
    if isinstance(schema, list):
        return [found for each in schema for found in open_objects(each)]
    if not isinstance(schema, dict):
        return []
    found = [found for each in schema.values() for found in open_objects(each)]
    closed = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(
        schema.get("properties", ())
    )
    return [*found, schema] if schema.get("type") == "object" and not closed else found


def test_strict_closes_every_object_in_both() -> None:
    seen: list[dict[str, Any]] = []
    ChatMultiApi(model="m", **connection(HELLO, seen)).bind_tools([Place], strict=True).invoke("x")
    tool = FunctionTool.from_defaults(place, fn_schema=Place)
    MultiApiLLM(model="m", **connection(HELLO, seen)).chat_with_tools([tool], user_msg="x", strict=True)
    for body in seen:
        function = body["tools"][0]["function"]
        assert function["strict"] is True
        assert open_objects(function["parameters"]) == []


WISHES: list[dict[str, Any]] = [
    {"tool_choice": "any"},
    {"tool_choice": "f"},
    {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"tool_choice": {"type": "tool", "name": "f"}},
    {"tool_choice": {"type": "any"}},
    {"tool_choice": {"type": "auto"}},
    {"tool_choice": True},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "P", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}, "strict": True}}},
]  # fmt: skip
FUNCTION = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_openais_dicts_are_read_alike(wish: dict[str, Any]) -> None:
    seen: list[dict[str, Any]] = []
    beside = {"tools": [FUNCTION]} if "tool_choice" in wish else {}
    ChatMultiApi(model="m", **connection(HELLO, seen)).invoke("x", **beside, **wish)
    MultiApiLLM(model="m", **connection(HELLO, seen)).chat([ChatMessage(role="user", content="x")], **beside, **wish)
    assert seen[0] == seen[1]


# ------------------------------------------------------------------------------------------------ asking again

CATS = {
    "fits": ('{"city": "Oslo", "note": "a"}', ""),
    "a field is wrong": ('{"city": ["Oslo"]}', "the answer is not a valid Inner: city: Input should be a valid string"),
    "no JSON": ("I do not know.", "the text holds no JSON, or several different values; it begins 'I do not know.'"),
    "cut off": ('{"city": "Os', "it was cut off at max_tokens"),
    "refused": ("", None),
}


def talk(first: str, retries: int) -> dict[str, list[Any]]:
    """The messages of each request, in each way of each framework, where the first response is this one."""
    text, complaint = CATS[first]
    message = {"content": text} if complaint is not None else {"content": None, "refusal": "I will not."}
    finish = "length" if first == "cut off" else "stop"
    found: dict[str, list[Any]] = {}

    def model(way: str) -> dict[str, Any]:
        asked = found[way] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content)["messages"])
            said = message if len(asked) == 1 else {"content": '{"city": "Oslo"}'}
            choice = {"message": {"role": "assistant", **said}, "finish_reason": finish if len(asked) == 1 else "stop"}
            return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})

        mocked = httpx.MockTransport(answer)
        clients = {
            "http_client": httpx.Client(transport=mocked),
            "http_async_client": httpx.AsyncClient(transport=mocked),
        }
        return {"provider": "aimlapi", "api_key": "k", "model": "m", "structured_retries": retries, **clients}

    prompt = PromptTemplate("Where?")
    ways: dict[str, Callable[[str], Any]] = {
        "langchain": lambda way: ChatMultiApi(**model(way)).with_structured_output(Inner).invoke("Where?"),
        "langchain, awaited": lambda way: asyncio.run(
            ChatMultiApi(**model(way)).with_structured_output(Inner).ainvoke("Where?")
        ),
        "langchain, in a batch": lambda way: (
            ChatMultiApi(**model(way)).with_structured_output(Inner).batch(["Where?"])[0]
        ),
        "langchain, in a chain": lambda way: (
            ChatPromptTemplate.from_messages([("user", "Where?")])
            | ChatMultiApi(**model(way)).with_structured_output(Inner)
        ).invoke({}),
        "llamaindex": lambda way: MultiApiLLM(**model(way)).structured_predict(Inner, prompt),
        "llamaindex, awaited": lambda way: asyncio.run(MultiApiLLM(**model(way)).astructured_predict(Inner, prompt)),
    }
    for way, ask in ways.items():
        if complaint is None or (complaint and not retries):
            with pytest.raises(Exception, match=complaint or "refused"):
                ask(way)
        else:
            assert ask(way).city == "Oslo"
    raw = ChatMultiApi(**model("langchain, raw")).with_structured_output(Inner, include_raw=True).invoke("Where?")
    assert (raw["parsed"] is None) is (complaint is None or (complaint != "" and not retries))
    return found


@pytest.mark.parametrize("retries", [0, 1, 2])
@pytest.mark.parametrize("first", CATS)
def test_an_answer_of_the_wrong_form_is_sent_back_alike(first: str, retries: int) -> None:
    """As often as was asked for, in the same words; a refusal is not."""
    complaint = CATS[first][1]
    conversations = list(talk(first, retries).values())
    assert all(each == conversations[0] for each in conversations)
    assert len(conversations[0]) == (2 if complaint and retries else 1)
    if len(conversations[0]) == 2:
        asked, said, told = conversations[0][1]
        assert (asked["content"], said["role"], said["content"]) == ("Where?", "assistant", CATS[first][0])
        assert complaint in told["content"]
        assert "as the method" not in told["content"]


# ------------------------------------------------------------------------------------------------ failing over

FAILURES: list[tuple[Exception, bool]] = [
    (AuthenticationError("no", provider="aimlapi", status=401), True),
    (RateLimitError("slow", provider="aimlapi", status=429), True),
    (ServerError("down", provider="aimlapi", status=503), True),
    (InvalidRequestError("bad", provider="aimlapi", status=400), False),
    (UnsupportedError("has none", provider="aimlapi"), True),
    (RequestTimeoutError("late", provider="aimlapi", outcome_unknown=True, phase="read"), False),
    (ConnectionError("reset"), True),
    (ValueError("a bug"), False),
]


@pytest.mark.parametrize("on_doubt", [False, True])
@pytest.mark.parametrize(("error", "goes_on"), FAILURES, ids=lambda each: type(each).__name__)
def test_the_same_failure_leads_to_the_next_provider(error: Exception, goes_on: bool, on_doubt: bool) -> None:
    goes_on = goes_on or (on_doubt and bool(getattr(error, "outcome_unknown", False)))
    model = ChatMultiApi(model="m", **connection(HELLO))
    asked: list[Any] = []

    def handler(request: ModelRequest[Any]) -> Any:
        asked.append(request.model)
        if len(asked) == 1:
            raise error
        return "second"

    request = ModelRequest(model=model, messages=[])
    failover = VendorFailover(model, on_doubt=on_doubt)
    if goes_on:
        assert failover.wrap_model_call(request, handler) == "second"
    else:
        with pytest.raises(type(error)):
            failover.wrap_model_call(request, handler)
    fallback = FallbackLLM(llms=[MultiApiLLM(model="m", **connection(HELLO)) for _ in range(2)], on_doubt=on_doubt)
    called: list[Any] = []

    def ask(llm: Any) -> Any:
        called.append(llm)
        if len(called) == 1:
            raise error
        return "second"

    if goes_on:
        assert fallback._first(ask) == "second"
    else:
        with pytest.raises(type(error)):
            fallback._first(ask)
    assert len(called) == len(asked) == 1 + goes_on


def test_the_last_failure_tells_of_those_before_it() -> None:
    def refuse(_: Any) -> Any:
        raise RateLimitError("slow down", provider="aimlapi", status=429)

    model, llm = ChatMultiApi(model="m", **connection(HELLO)), MultiApiLLM(model="m", **connection(HELLO))
    with pytest.raises(RateLimitError) as of_langchain:
        VendorFailover(model, model).wrap_model_call(ModelRequest(model=model, messages=[]), refuse)
    with pytest.raises(RateLimitError) as of_llamaindex:
        FallbackLLM(llms=[llm, llm, llm])._first(refuse)
    for caught, name in ((of_langchain, "aimlapi"), (of_llamaindex, "m")):
        said = f"before that, {name} failed: RateLimitError: aimlapi answered 429: slow down"
        assert caught.value.__notes__[:2] == [said, said]
