"""Clients that others wrote, pointed at the three addresses in the OpenAI form: they chat, stream and call tools."""

import json
from typing import Any

import httpx
import openai
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from multiapi.simulator.server import Server

VENDORS = {"aimlapi": "/v1", "aicredits": "/v1", "binom_router": ""}
MODEL = "openai/gpt-4o"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


@pytest.fixture(params=VENDORS)
def address(request: pytest.FixtureRequest, server: Server) -> str:
    return server.base_url(request.param) + VENDORS[request.param]


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"{city}: 4 degrees"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


# ---------------------------------------------------------------- the official SDK


def test_openai_chats_streams_and_calls_tools(address: str) -> None:
    with openai.OpenAI(base_url=address, api_key="k") as client:
        asked: list[Any] = [{"role": "user", "content": "Count to five"}]
        whole = client.chat.completions.create(model=MODEL, messages=asked)
        assert whole.choices[0].message.content == "1, 2, 3, 4, 5"
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=asked, stream=True, stream_options={"include_usage": True}
            )
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "1, 2, 3, 4, 5"
        assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [whole.usage.total_tokens]
        asked = [{"role": "user", "content": "What is the weather in Oslo?"}]
        called = client.chat.completions.create(model=MODEL, messages=asked, tools=[WEATHER]).choices[0]  # type: ignore[list-item]
        assert called.finish_reason == "tool_calls"
        call = called.message.tool_calls[0]  # type: ignore[index]
        assert json.loads(call.function.arguments) == {"city": "Oslo"}  # type: ignore[union-attr]
        asked += [
            called.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"},
        ]
        answer = client.chat.completions.create(model=MODEL, messages=asked, tools=[WEATHER])  # type: ignore[list-item]
        assert "4 degrees" in (answer.choices[0].message.content or "")


class City(BaseModel):
    name: str
    people: int


def test_openai_parses(address: str) -> None:
    with openai.OpenAI(base_url=address, api_key="k") as client:
        asked: Any = [{"role": "user", "content": "Oslo has 700000 people."}]
        parsed = client.chat.completions.parse(model=MODEL, messages=asked, response_format=City)
        assert parsed.choices[0].message.parsed == City(name="Oslo", people=700000)


async def test_openai_async(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=address, api_key="k") as client:
        asked: Any = [{"role": "user", "content": "Count to three"}]
        stream = await client.chat.completions.create(model=MODEL, messages=asked, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]) == "1, 2, 3"


def test_openai_understands_the_errors(address: str) -> None:
    asked: Any = [{"role": "user", "content": "Hello"}]
    with (
        openai.OpenAI(base_url=address, api_key="invalid-key", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model=MODEL, messages=asked)
    with openai.OpenAI(base_url=address, api_key="k", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model=MODEL, messages=asked, temperature=7)
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(
                model=MODEL, messages=asked, extra_headers={"x-multiapi-fault": "status=429"}
            )


def test_openai_responses_embeddings_and_models(server: Server) -> None:
    for vendor in ("aimlapi", "aicredits"):
        with openai.OpenAI(base_url=f"{server.base_url(vendor)}/v1", api_key="k") as client:
            made = client.responses.create(model=MODEL, input="Count to three", max_output_tokens=64)
            assert made.output_text == "1, 2, 3"
            pieces = [
                event.delta
                for event in client.responses.create(model=MODEL, input="Count to three", stream=True)
                if event.type == "response.output_text.delta"
            ]
            assert "".join(pieces) == "1, 2, 3"
            vectors = client.embeddings.create(
                model="text-embedding-3-small", input=["a cat sat", "the cat sits", "quantum physics"], dimensions=256
            )
            near, far = (
                sum(x * y for x, y in zip(vectors.data[0].embedding, entry.embedding, strict=True))
                for entry in vectors.data[1:]
            )
            assert near > 0.4 > far
            assert sum(x * x for x in vectors.data[0].embedding) == pytest.approx(1, abs=1e-5)
    with openai.OpenAI(base_url=f"{server.base_url('aimlapi')}/v1", api_key="k") as client:
        assert "text-embedding-3-small" in {model.id for model in client.models.list()}


def test_openai_responses_go_on_and_call_tools(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.base_url('aimlapi')}/v1", api_key="k") as client:
        first = client.responses.create(model=MODEL, input="My name is Bob.", store=True)
        assert (
            client.responses.create(model=MODEL, input="What is my name?", previous_response_id=first.id).output_text
            == "Your name is Bob."
        )
        function: Any = {"type": "function", "strict": True, **WEATHER["function"]}  # type: ignore[dict-item]
        called = client.responses.create(model=MODEL, input="What is the weather in Oslo?", tools=[function])
        call: Any = called.output[0]
        assert (call.type, json.loads(call.arguments)) == ("function_call", {"city": "Oslo"})
        more: Any = [
            {"role": "user", "content": "What is the weather in Oslo?"},
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        ]
        more.append({"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"})
        assert "4 degrees" in client.responses.create(model=MODEL, input=more, tools=[function]).output_text


# ---------------------------------------------------------------- LangChain


def test_langchain_openai(address: str) -> None:
    model = ChatOpenAI(base_url=address, api_key="k", model=MODEL)  # type: ignore[arg-type]
    assert model.invoke("Count to three").content == "1, 2, 3"
    whole: Any = None
    for chunk in model.stream("Count to three"):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole.content == "1, 2, 3"
    streamed: Any = None
    for part in model.bind_tools([get_weather]).stream("What is the weather in Oslo?"):
        streamed = part if streamed is None else streamed + part
    assert [call["args"] for call in streamed.tool_calls] == [{"city": "Oslo"}]
    answer = create_agent(model, [get_weather]).invoke({"messages": [HumanMessage("What is the weather in Oslo?")]})
    assert "4 degrees" in answer["messages"][-1].content
    assert model.with_structured_output(City).invoke("Oslo has 700000 people.") == City(name="Oslo", people=700000)


def test_an_agent_that_ends_in_a_form(server: Server) -> None:
    model = ChatOpenAI(base_url=f"{server.base_url('aimlapi')}/v1", api_key="k", model=MODEL)  # type: ignore[arg-type]

    class WeatherReport(BaseModel):
        city: str
        degrees: int

    agent = create_agent(model, [get_weather], response_format=WeatherReport)
    answer = agent.invoke({"messages": [HumanMessage("What is the weather in Oslo?")]})
    assert answer["structured_response"] == WeatherReport(city="Oslo", degrees=4)


# ---------------------------------------------------------------- LlamaIndex


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_llama_index_openai_like(address: str) -> None:
    model = OpenAILike(model=MODEL, api_base=address, api_key="k", is_chat_model=True, is_function_calling_model=True)
    assert model.complete("Count to three").text == "1, 2, 3"
    assert (
        "".join(part.delta or "" for part in model.stream_chat([ChatMessage(role="user", content="Count to three")]))
        == "1, 2, 3"
    )
    tools = [FunctionTool.from_defaults(add), FunctionTool.from_defaults(multiply)]
    called = model.chat_with_tools(tools, user_msg="What is 3 + 4?")
    assert [call.tool_kwargs for call in model.get_tool_calls_from_response(called)] == [{"a": 3, "b": 4}]
    for agent in (FunctionAgent(tools=tools, llm=model), ReActAgent(tools=tools, llm=model)):
        assert "33" in str(await agent.run("Multiply 5 and 6, then add 3 to the result."))


# ---------------------------------------------------------------- Anthropic's form


def test_messages(server: Server) -> None:
    headers = {"authorization": "Bearer k"}
    url = f"{server.base_url('aimlapi')}/v1/messages"
    body = {
        "model": "anthropic/claude-sonnet-4.5",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
    }
    tools = [
        {"name": "get_weather", "description": "Get the weather", "input_schema": WEATHER["function"]["parameters"]}
    ]  # type: ignore[index]
    called = httpx.post(url, json={**body, "tools": tools}, headers=headers).json()
    assert called["stop_reason"] == "tool_use"
    use = called["content"][0]
    assert use["input"] == {"city": "Oslo"}
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "4 degrees"}
    body["messages"] += [{"role": "assistant", "content": called["content"]}, {"role": "user", "content": [result]}]  # type: ignore[operator]
    answer = httpx.post(url, json={**body, "tools": tools, "stream": True}, headers=headers).text
    names = [line.removeprefix("event: ") for line in answer.splitlines() if line.startswith("event: ")]
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-2:] == ["message_delta", "message_stop"]
    assert "4" in answer
    assert "degrees" in answer
