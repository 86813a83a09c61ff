"""For the same conversation the core, LangChain and LlamaIndex send the same bytes, to every vendor."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool as langchain_tool
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import (
    PROVIDERS,
    ChatRequest,
    Client,
    MediaPart,
    Message,
    MultiApiError,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ENCODED = base64.b64encode(PNG).decode()
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}

FORM = {"type": "json_schema", "json_schema": {"name": "Sum", "description": "Two numbers.", "schema": SCHEMA}}


@dataclass
class Case:
    """One conversation in three languages, with settings that all have by the same name."""

    core: list[Message]
    langchain: list[Any]
    llamaindex: list[ChatMessage]
    settings: dict[str, Any] = field(default_factory=dict)
    tools: bool = False
    structured: bool = False
    choice: str | None = None


CASES = {
    "plain": Case([Message("user", "hi ünï 🦊")], [HumanMessage("hi ünï 🦊")], [ChatMessage("hi ünï 🦊")]),
    "system": Case(
        [Message("system", "Be brief."), Message("user", "hi")],
        [SystemMessage("Be brief."), HumanMessage("hi")],
        [ChatMessage(role="system", content="Be brief."), ChatMessage("hi")],
    ),
    "turns": Case(
        [Message("user", "hi"), Message("assistant", "Hello!"), Message("user", "and you?")],
        [HumanMessage("hi"), AIMessage("Hello!"), HumanMessage("and you?")],
        [ChatMessage("hi"), ChatMessage(role="assistant", content="Hello!"), ChatMessage("and you?")],
    ),
    "settings": Case(
        [Message("user", "hi")],
        [HumanMessage("hi")],
        [ChatMessage("hi")],
        {"temperature": 0.5, "max_tokens": 100, "top_p": 0.9, "stop": ["END"], "extra_body": {"x": {"y": 1}}},
    ),
    "tools": Case([Message("user", "2+3?")], [HumanMessage("2+3?")], [ChatMessage("2+3?")], tools=True),
    "forced tool": Case(
        [Message("user", "2+3?")], [HumanMessage("2+3?")], [ChatMessage("2+3?")], tools=True, choice="add"
    ),
    "tool results": Case(
        [
            Message("user", "2+3 and 4+5?"),
            Message(
                "assistant",
                "Let me see.",
                tool_calls=[ToolCall("one", "add", '{"a":2,"b":3}'), ToolCall("two", "add", '{"a":4,"b":5}')],
            ),
            Message("tool", "5", tool_call_id="one"),
            Message("tool", "9", tool_call_id="two"),
        ],
        [
            HumanMessage("2+3 and 4+5?"),
            AIMessage(
                "Let me see.",
                tool_calls=[
                    {"id": "one", "name": "add", "args": {"a": 2, "b": 3}},
                    {"id": "two", "name": "add", "args": {"a": 4, "b": 5}},
                ],
            ),
            ToolMessage("5", tool_call_id="one"),
            ToolMessage("9", tool_call_id="two"),
        ],
        [
            ChatMessage("2+3 and 4+5?"),
            ChatMessage(
                role="assistant",
                blocks=[
                    TextBlock(text="Let me see."),
                    ToolCallBlock(tool_call_id="one", tool_name="add", tool_kwargs={"a": 2, "b": 3}),
                    ToolCallBlock(tool_call_id="two", tool_name="add", tool_kwargs={"a": 4, "b": 5}),
                ],
            ),
            ChatMessage(role="tool", content="5", additional_kwargs={"tool_call_id": "one"}),
            ChatMessage(role="tool", content="9", additional_kwargs={"tool_call_id": "two"}),
        ],
        tools=True,
    ),
    "image": Case(
        [Message("user", [TextPart("what?"), MediaPart("image", data=ENCODED, mime_type="image/png")])],
        [
            HumanMessage(
                [{"type": "text", "text": "what?"}, {"type": "image", "base64": ENCODED, "mime_type": "image/png"}]
            )
        ],
        [ChatMessage(role="user", blocks=[TextBlock(text="what?"), ImageBlock(image=PNG)])],
    ),
    "image in a tool result": Case(
        [
            Message("user", "draw"),
            Message("assistant", "", tool_calls=[ToolCall("one", "add", "{}")]),
            Message(
                "tool", [TextPart("here"), MediaPart("image", data=ENCODED, mime_type="image/png")], tool_call_id="one"
            ),
        ],
        [
            HumanMessage("draw"),
            AIMessage("", tool_calls=[{"id": "one", "name": "add", "args": {}}]),
            ToolMessage(
                [{"type": "text", "text": "here"}, {"type": "image", "base64": ENCODED, "mime_type": "image/png"}],
                tool_call_id="one",
            ),
        ],
        [
            ChatMessage("draw"),
            ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="one", tool_name="add", tool_kwargs={})]),
            ChatMessage(
                role="tool",
                blocks=[TextBlock(text="here"), ImageBlock(image=PNG)],
                additional_kwargs={"tool_call_id": "one"},
            ),
        ],
    ),
    "structured": Case([Message("user", "2+3?")], [HumanMessage("2+3?")], [ChatMessage("2+3?")], structured=True),
}


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Keeps what is sent and answers in a way that every reader takes."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((str(request.url), request.read()))
        message = {"role": "assistant", "content": '{"a": 2, "b": 3}'}
        body = {"id": "1", "response": '{"a": 2, "b": 3}', "choices": [{"message": message, "finish_reason": "stop"}]}
        return httpx.Response(200, json=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle_request(request)


class Sum(BaseModel):
    """Two numbers."""

    a: int
    b: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def from_core(provider: str, case: Case, recorder: Recorder, *, stream: bool) -> None:
    given = {name: value for name, value in case.settings.items() if name != "extra_body"}
    request = ChatRequest(
        model="m",
        messages=case.core,
        tools=[Tool("add", "Add two numbers.", SCHEMA)] if case.tools else (),
        tool_choice=case.choice,
        response_format=ResponseFormat(SCHEMA, "Sum", description="Two numbers.") if case.structured else None,
        extra=case.settings.get("extra_body", {}),
        **given,
    )
    client = Client(provider, api_key="k", http_client=httpx.Client(transport=recorder))
    list(client.chat_stream(request)) if stream else client.chat(request)


def _langchain(provider: str, case: Case, recorder: Recorder) -> Any:
    model: Any = ChatMultiApi(
        provider=provider,
        model="m",
        api_key="k",
        http_client=httpx.Client(transport=recorder),
        http_async_client=httpx.AsyncClient(transport=recorder),
        **case.settings,
    )
    if case.tools:
        schema = {"name": "add", "description": "Add two numbers.", "parameters": SCHEMA}
        model = model.bind_tools([{"type": "function", "function": schema}], tool_choice=case.choice)
    if case.structured:
        model = model.bind(response_format=FORM)
    return model


def from_langchain(provider: str, case: Case, recorder: Recorder, *, stream: bool) -> None:
    model = _langchain(provider, case, recorder)
    list(model.stream(case.langchain)) if stream else model.invoke(case.langchain)


def from_langchain_async(provider: str, case: Case, recorder: Recorder, *, stream: bool) -> None:
    model = _langchain(provider, case, recorder)

    async def run() -> None:
        if stream:
            _ = [chunk async for chunk in model.astream(case.langchain)]
        else:
            await model.ainvoke(case.langchain)

    asyncio.run(run())


def _llamaindex(provider: str, case: Case, recorder: Recorder) -> tuple[MultiApiLLM, dict[str, Any]]:
    llm = MultiApiLLM(
        provider=provider,
        model="m",
        api_key="k",
        http_client=httpx.Client(transport=recorder),
        http_async_client=httpx.AsyncClient(transport=recorder),
        **case.settings,
    )
    options: dict[str, Any] = {}
    if case.tools:
        schema = {"name": "add", "description": "Add two numbers.", "parameters": SCHEMA}
        options = {"tools": [{"type": "function", "function": schema}], "tool_choice": case.choice}
    if case.structured:
        options = {"response_format": FORM}
    return llm, options


def from_llamaindex(provider: str, case: Case, recorder: Recorder, *, stream: bool) -> None:
    llm, options = _llamaindex(provider, case, recorder)
    list(llm.stream_chat(case.llamaindex, **options)) if stream else llm.chat(case.llamaindex, **options)


def from_llamaindex_async(provider: str, case: Case, recorder: Recorder, *, stream: bool) -> None:
    llm, options = _llamaindex(provider, case, recorder)

    async def run() -> None:
        if stream:
            _ = [item async for item in await llm.astream_chat(case.llamaindex, **options)]
        else:
            await llm.achat(case.llamaindex, **options)

    asyncio.run(run())


Ask = Callable[..., None]


def outcome(ask: Ask, provider: str, case: Case, *, stream: bool) -> Any:
    """What was sent, or what was refused before anything was."""
    recorder = Recorder()
    try:
        ask(provider, case, recorder, stream=stream)
    except MultiApiError as error:
        if recorder.sent:
            raise
        return re.sub(r"in `\w+` to send", "in `...` to send", str(error))  # each way has its own name for it
    return recorder.sent


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_r60_all_ways_send_the_same_bytes(provider: str, case: str, stream: bool) -> None:
    expected = outcome(from_core, provider, CASES[case], stream=stream)
    for ask in (from_langchain, from_langchain_async, from_llamaindex, from_llamaindex_async):
        assert outcome(ask, provider, CASES[case], stream=stream) == expected, ask.__name__


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binom_router"])
def test_tools_made_of_a_function_are_the_same(provider: str) -> None:
    """Titles that the frameworks put into the schemas of their tools are theirs; everything else is the same."""
    recorder = Recorder()
    case = Case([], [HumanMessage("2+3?")], [ChatMessage("2+3?")])
    llm, _ = _llamaindex(provider, case, recorder)
    llm.chat_with_tools([FunctionTool.from_defaults(add, description="Add two numbers.")], "2+3?")
    _langchain(provider, case, recorder).bind_tools([langchain_tool(add)]).invoke(case.langchain)
    first, second = (_without_titles(json.loads(body)) for _, body in recorder.sent)
    assert first == second


def _without_titles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_titles(inner) for key, inner in value.items() if key != "title"}
    if isinstance(value, list):
        return [_without_titles(inner) for inner in value]
    return value


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binom_router"])
def test_a_pydantic_class_asks_for_the_same_form(provider: str) -> None:
    from llama_index.core.prompts import PromptTemplate

    recorder = Recorder()
    case = Case([], [HumanMessage("2+3?")], [ChatMessage("2+3?")])
    llm, _ = _llamaindex(provider, case, recorder)
    llm.structured_predict(Sum, PromptTemplate("2+3?"))
    _langchain(provider, case, recorder).with_structured_output(Sum).invoke(case.langchain)
    first, second = (_without_titles(json.loads(body)) for _, body in recorder.sent)
    assert first["messages"] == second["messages"]
    assert first["response_format"]["json_schema"]["name"] == second["response_format"]["json_schema"]["name"]


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits"])
def test_texts_are_embedded_by_the_same_bytes(provider: str) -> None:
    from langchain_multiapi import MultiApiEmbeddings
    from llamaindex_multiapi import MultiApiEmbedding
    from multiapi import EmbedRequest

    class Vectors(Recorder):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            self.sent.append((str(request.url), request.read()))
            return httpx.Response(200, json={"data": [{"index": n, "embedding": [1.0, 2.0]} for n in range(2)]})

    recorder = Vectors()
    connection = {"api_key": "k", "http_client": httpx.Client(transport=recorder)}
    Client(provider, **connection).embed(EmbedRequest(model="m", texts=["a", "b"], dimensions=2))
    MultiApiEmbeddings(provider=provider, model="m", dimensions=2, **connection).embed_documents(["a", "b"])
    MultiApiEmbedding(provider=provider, model="m", dimensions=2, **connection).get_text_embedding_batch(["a", "b"])
    assert len(recorder.sent) == 3
    assert len(set(recorder.sent)) == 1
