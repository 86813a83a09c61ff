"""What every vendor must do as a model, through the core, LangChain and LlamaIndex: the five of the package and one from outside."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, Message, ResponseFormat, Tool
from multiapi.errors import AuthenticationError, InsufficientCreditsError, MultiApiError
from multiapi.negotiation.wanted import read_structured

ADD = Tool(
    "add",
    "Add two integers.",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)


class City(BaseModel):
    """A city."""

    name: str
    country: str


def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def client_of(vendor: dict[str, Any]) -> Client:
    return Client(vendor["provider"], **{name: vendor[name] for name in ("api_key", "base_url", "http_client")})


def ask(vendor: dict[str, Any], text: str, **settings: Any) -> ChatRequest:
    return ChatRequest(model=vendor["model"], messages=[Message("user", text)], **settings)


# ------------------------------------------------------------------------------------------------ the core


def test_core_chats(vendor: dict[str, Any]) -> None:
    answer = client_of(vendor).chat(ask(vendor, "Say hello in three words.", temperature=0.5))
    assert answer.text == "hello in three words"
    assert answer.provider == vendor["provider"]
    assert answer.usage is not None


def test_core_streams(vendor: dict[str, Any]) -> None:
    deltas = list(client_of(vendor).chat_stream(ask(vendor, "Say hello in three words.")))
    assert "".join(delta.text for delta in deltas) == "hello in three words"
    assert deltas[-1].response is not None
    assert deltas[-1].response.text == "hello in three words"


async def test_core_awaits(vendor: dict[str, Any]) -> None:
    client = AsyncClient(
        vendor["provider"],
        api_key=vendor["api_key"],
        base_url=vendor["base_url"],
        http_client=vendor["http_async_client"],
    )
    assert (await client.chat(ask(vendor, "Say hello in three words."))).text == "hello in three words"
    pieces = [delta.text async for delta in client.chat_stream(ask(vendor, "Say hello in three words."))]
    assert "".join(pieces) == "hello in three words"


def test_core_calls_tools(vendor: dict[str, Any]) -> None:
    client = client_of(vendor)
    request = ask(vendor, "Add 3 and 4.", tools=[ADD])
    first = client.chat(request)
    assert [(call.name, call.arguments.replace(" ", "")) for call in first.tool_calls] == [("add", '{"a":3,"b":4}')]
    result = Message("tool", "7", name="add", tool_call_id=first.tool_calls[0].id)
    second = client.chat(
        ChatRequest(model=vendor["model"], messages=[*request.messages, first.to_message(), result], tools=[ADD])
    )
    assert "7" in second.text
    assert not second.tool_calls


def test_core_answers_by_schema(vendor: dict[str, Any]) -> None:
    wanted = ResponseFormat(City.model_json_schema(), name="City")
    answer = client_of(vendor).chat(ask(vendor, "Oslo is the capital of Norway.", response_format=wanted))
    City.model_validate(read_structured(answer, wanted))


@pytest.mark.parametrize(
    ("key", "error"), [("invalid-key", AuthenticationError), ("empty-wallet", InsufficientCreditsError)]
)
def test_core_names_what_is_wrong(vendor: dict[str, Any], key: str, error: type[MultiApiError]) -> None:
    with pytest.raises(error) as caught:
        client_of({**vendor, "api_key": key}).chat(ask(vendor, "hello"))
    assert caught.value.provider == vendor["provider"]
    assert key not in str(caught.value)


# ------------------------------------------------------------------------------------------------ LangChain


def test_langchain_chats_and_streams(vendor: dict[str, Any]) -> None:
    model = ChatMultiApi(**vendor)
    assert model.invoke("Say hello in three words.").text == "hello in three words"
    assert "".join(chunk.text for chunk in model.stream("Say hello in three words.")) == "hello in three words"


async def test_langchain_awaits(vendor: dict[str, Any]) -> None:
    model = ChatMultiApi(**vendor)
    assert (await model.ainvoke("Say hello in three words.")).text == "hello in three words"
    pieces = [chunk.text async for chunk in model.astream("Say hello in three words.")]
    assert "".join(pieces) == "hello in three words"


def test_langchain_calls_tools(vendor: dict[str, Any]) -> None:
    model = ChatMultiApi(**vendor).bind_tools([add])
    question = HumanMessage("Add 3 and 4.")
    first = model.invoke([question])
    assert isinstance(first, AIMessage)
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("add", {"a": 3, "b": 4})]
    second = model.invoke([question, first, ToolMessage("7", tool_call_id=first.tool_calls[0]["id"])])
    assert "7" in second.text


def test_langchain_answers_by_schema(vendor: dict[str, Any]) -> None:
    found = ChatMultiApi(**vendor).with_structured_output(City).invoke("Oslo is the capital of Norway.")
    assert isinstance(found, City)


# ------------------------------------------------------------------------------------------------ LlamaIndex


def test_llamaindex_chats_and_streams(vendor: dict[str, Any]) -> None:
    llm = MultiApiLLM(**vendor)
    question = [ChatMessage(role="user", content="Say hello in three words.")]
    assert llm.chat(question).message.content == "hello in three words"
    assert "".join(view.delta or "" for view in llm.stream_chat(question)) == "hello in three words"


async def test_llamaindex_awaits(vendor: dict[str, Any]) -> None:
    llm = MultiApiLLM(**vendor)
    question = [ChatMessage(role="user", content="Say hello in three words.")]
    assert (await llm.achat(question)).message.content == "hello in three words"
    views = [view async for view in await llm.astream_chat(question)]
    assert views[-1].message.content == "hello in three words"


def test_llamaindex_calls_tools(vendor: dict[str, Any]) -> None:
    answer = MultiApiLLM(**vendor).predict_and_call([FunctionTool.from_defaults(add)], user_msg="Add 3 and 4.")
    assert "7" in str(answer)


def test_llamaindex_answers_by_schema(vendor: dict[str, Any]) -> None:
    found = MultiApiLLM(**vendor).structured_predict(City, PromptTemplate("Oslo is the capital of Norway."))
    assert isinstance(found, City)
