"""Whatever tools are called, vendors see names they take, no two alike, and the user gets the own names back: in every call, whole and
streamed, choice and history, of the core and both frameworks, natively and in the prompt.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, create_model

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import BatchRequest, ChatRequest, Client, Message, Tool, ToolCall
from multiapi.negotiation.tool_names import NameFilter, ToolNames
from multiapi.types.chat import ChatDelta, ToolCallDelta

PATTERN = re.compile(r"[a-zA-Z0-9_-]{1,64}")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
LETTERS = st.sampled_from('ab_-. /äß天🌧"\\\n${}')
NAMES = st.lists(
    st.one_of(
        st.text(LETTERS, min_size=1, max_size=4),
        st.text(LETTERS, min_size=60, max_size=80),
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
    ),
    min_size=1,
    max_size=6,
    unique=True,
).filter(lambda names: all(name not in {"auto", "none", "required", "any"} for name in names))
MANY = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


class Vendor:
    """Calls the tools that it is shown, in this order, in OpenAI's form or as the prompt asks; streams when it is asked to."""

    def __init__(self, *, prompted: bool = False) -> None:
        self.prompted = prompted
        self.bodies: list[dict[str, Any]] = []
        self.shown: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        if self.prompted:
            told = json.dumps(body["messages"], ensure_ascii=False)
            listed = re.search(r"parameters:\\n(\[.*?\])\\nTo call", told)
            assert listed is not None, told
            self.shown = [tool["name"] for tool in json.loads(json.loads(f'"{listed[1]}"'))]
            calls = {"tool_calls": [{"name": name, "arguments": {"city": name}} for name in self.shown]}
            message: dict[str, Any] = {"role": "assistant", "content": json.dumps(calls)}
        else:
            self.shown = [tool["function"]["name"] for tool in body["tools"]]
            message = {"role": "assistant", "content": None, "tool_calls": list(self._calls())}
        if not body.get("stream"):
            return _json({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
        events = [
            {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}
            for number, call in enumerate(message["tool_calls"])
            for piece in (
                {**call, "index": number, "function": {"name": call["function"]["name"], "arguments": ""}},
                {"index": number, "function": {"arguments": call["function"]["arguments"]}},
            )
        ]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)

    def _calls(self) -> Iterator[dict[str, Any]]:
        for number, name in enumerate(self.shown):
            arguments = json.dumps({"city": name})
            yield {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}

    def settings(self) -> dict[str, Any]:
        wire = httpx.MockTransport(self)
        return {
            "provider": "bineric" if self.prompted else "aimlapi",
            "model": "m",
            "api_key": "k",
            "http_client": httpx.Client(transport=wire),
            "http_async_client": httpx.AsyncClient(transport=wire),
        }

    def check(self, count: int) -> None:
        """What it was shown are names it takes, and no two alike."""
        assert all(PATTERN.fullmatch(name) for name in self.shown), self.shown
        assert len(set(self.shown)) == len(self.shown) == count


def _json(body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"id": "a", "model": "m", **body})


def core_calls(vendor: Vendor, request: ChatRequest, *, streamed: bool) -> list[str]:
    client = Client(vendor.settings()["provider"], api_key="k", http_client=vendor.settings()["http_client"])
    if not streamed:
        return [call.name for call in client.chat(request).tool_calls]
    names: dict[int, str] = {}
    last = None
    for last in client.chat_stream(request):
        for piece in last.tool_calls:
            names[piece.number] = names.get(piece.number, "") + (piece.name or "")
    assert last is not None and last.response is not None
    assert list(names.values()) == [call.name for call in last.response.tool_calls]
    return list(names.values())


@MANY
@example(["a b", "a.b", "a_b", "größe", "天", "雨", "a" * 70, "a" * 71])
@given(NAMES)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("prompted", [False, True])
def test_the_core_shows_names_that_vendors_take_and_gives_back_the_users(
    prompted: bool, streamed: bool, names: list[str]
) -> None:
    vendor = Vendor(prompted=prompted)
    tools = [Tool(name, "d", SCHEMA) for name in names]
    request = ChatRequest(model="m", messages=[Message("user", "x")], tools=tools)
    assert core_calls(vendor, request, streamed=streamed) == names
    vendor.check(len(names))


@MANY
@given(NAMES, NAMES)
def test_choice_and_history_go_out_under_the_names_that_the_tools_have(names: list[str], gone: list[str]) -> None:
    vendor = Vendor()
    called = [*names, *gone]
    history = [
        Message("user", "x"),
        Message("assistant", tool_calls=[ToolCall(f"h{n}", name, "{}") for n, name in enumerate(called)]),
        *(Message("tool", "r", name, tool_call_id=f"h{n}") for n, name in enumerate(called)),
    ]
    tools = [Tool(name, "d", SCHEMA) for name in names]
    core_calls(vendor, ChatRequest(model="m", messages=history, tools=tools, tool_choice=names[-1]), streamed=False)
    body = vendor.bodies[0]
    vendor.check(len(names))
    assert body["tool_choice"] == {"type": "function", "function": {"name": vendor.shown[-1]}}
    said = [call["function"]["name"] for call in body["messages"][1]["tool_calls"]]
    assert said[: len(names)] == vendor.shown
    assert all(PATTERN.fullmatch(name) for name in said)
    assert len(set(said)) == len(set(called))


class Protocols:
    """Calls the tools that it is shown, in the forms of the Responses API, of Anthropic's messages, and of batches of those."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            results = [
                {
                    "custom_id": entry["custom_id"],
                    "result": {"type": "succeeded", "message": self._message(entry["params"])},
                }
                for entry in self.bodies[-1]["requests"]
            ]
            return httpx.Response(200, text="\n".join(map(json.dumps, results)))
        body = json.loads(request.content)
        self.bodies.append(body)
        if "requests" in body:
            return httpx.Response(200, json={"id": "b1", "processing_status": "in_progress"})
        if "messages" in body:
            return httpx.Response(200, json=self._message(body))
        output = [
            {"type": "function_call", "call_id": f"c{number}", "name": tool["name"], "arguments": "{}"}
            for number, tool in enumerate(body["tools"])
        ]
        return httpx.Response(200, json={"id": "r", "model": "m", "status": "completed", "output": output})

    @staticmethod
    def _message(body: dict[str, Any]) -> dict[str, Any]:
        content = [
            {"type": "tool_use", "id": f"c{number}", "name": tool["name"], "input": {}}
            for number, tool in enumerate(body["tools"])
        ]
        return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content}

    def client(self, provider: str) -> Client:
        return Client(provider, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(self)))

    def check(self, body: dict[str, Any], called: list[str]) -> list[str]:
        """The names of tools in a body: names that are taken, no two alike, and those of the history under them."""
        shown = [tool["name"] for tool in body["tools"]]
        assert all(PATTERN.fullmatch(name) for name in shown)
        assert len(set(shown)) == len(shown) == len(called)
        history = [item["name"] for item in body.get("input", ()) if item.get("type") == "function_call"]
        for message in body.get("messages", ()):
            if isinstance(message["content"], list):
                history += [part["name"] for part in message["content"] if part["type"] == "tool_use"]
        assert history == shown
        return shown


def asked_of_all(names: list[str]) -> ChatRequest:
    calls = [ToolCall(f"h{number}", name, "{}") for number, name in enumerate(names)]
    history = [
        Message("user", "x"),
        Message("assistant", tool_calls=calls),
        *(Message("tool", "r", name, tool_call_id=f"h{number}") for number, name in enumerate(names)),
    ]
    tools = [Tool(name, "d", SCHEMA) for name in names]
    return ChatRequest(model="m", messages=history, tools=tools, tool_choice=names[-1], max_tokens=9)


@MANY
@example(["a b", "a.b", "a_b", "größe", "a" * 70])
@given(NAMES)
@pytest.mark.parametrize(
    ("provider", "protocol"), [("aimlapi", "responses"), ("aicredits", "responses"), ("aimlapi", "messages")]
)
@pytest.mark.parametrize("way", ["call", "method"])
def test_other_protocols_have_the_same_table(way: str, provider: str, protocol: str, names: list[str]) -> None:
    server = Protocols()
    client, request = server.client(provider), asked_of_all(names)
    answer = client.call(protocol, request) if way == "call" else getattr(client, protocol)(request)
    assert [call.name for call in answer.tool_calls] == names
    (body,) = server.bodies
    shown = server.check(body, names)
    assert body["tool_choice"]["name"] == shown[-1]


@MANY
@example(["a b", "a.b"], ["a b"])
@given(NAMES, NAMES)
def test_batches_have_the_same_table(names: list[str], others: list[str]) -> None:
    """The object that was made knows the names; an id alone does not."""
    server = Protocols()
    client = server.client("aimlapi")
    wanted = {"1": names, "2": others}
    batch = client.create_batch(BatchRequest(requests={key: asked_of_all(own) for key, own in wanted.items()}))
    for entry in server.bodies[0]["requests"]:
        server.check(entry["params"], wanted[entry["custom_id"]])
    found = client.batch(batch)
    for looked in (found, client.batch(found)):
        assert {key: [call.name for call in each.response.tool_calls] for key, each in looked.by_id.items()} == wanted


@MANY
@given(NAMES)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("prompted", [False, True])
def test_langchain(prompted: bool, streamed: bool, names: list[str]) -> None:
    vendor = Vendor(prompted=prompted)
    tools = [
        {"type": "function", "function": {"name": name, "description": "d", "parameters": SCHEMA}} for name in names
    ]
    model = ChatMultiApi(**vendor.settings()).bind_tools(tools, tool_choice=names[0])
    if streamed:
        total: Any = None
        for chunk in model.stream("x"):
            total = chunk if total is None else total + chunk
        assert isinstance(total, AIMessageChunk)
        answer: AIMessage = total
    else:
        answer = model.invoke("x")
    assert [call["name"] for call in answer.tool_calls] == names
    vendor.check(len(names))
    if not prompted:
        results = [ToolMessage("r", tool_call_id=call["id"]) for call in answer.tool_calls]
        model.invoke([HumanMessage("x"), answer, *results])
        said = [call["function"]["name"] for call in vendor.bodies[-1]["messages"][1]["tool_calls"]]
        assert said == vendor.shown


def weather(city: str) -> str:
    "The weather in a city."
    return "rain in " + city


@MANY
@given(NAMES)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("prompted", [False, True])
def test_llamaindex(prompted: bool, streamed: bool, names: list[str]) -> None:
    vendor = Vendor(prompted=prompted)
    tools = [FunctionTool.from_defaults(weather, name=name) for name in names]
    model = MultiApiLLM(**vendor.settings())
    asked: dict[str, Any] = {"tool_choice": names[0], "allow_parallel_tool_calls": True}
    if streamed:
        *_, answer = model.stream_chat_with_tools(tools, "x", **asked)
    else:
        answer = model.chat_with_tools(tools, "x", **asked)
    assert [block.tool_name for block in answer.message.blocks if isinstance(block, ToolCallBlock)] == names
    assert [call.tool_name for call in model.get_tool_calls_from_response(answer)] == names
    vendor.check(len(names))
    model.chat_with_tools(tools, chat_history=[ChatMessage(role="user", blocks=[TextBlock(text="x")]), answer.message])
    if not prompted:
        said = [call["function"]["name"] for call in vendor.bodies[-1]["messages"][1]["tool_calls"]]
        assert said == vendor.shown


@pytest.mark.parametrize("name", ["get weather", "weather.get", "mcp/weather", "größe", "天気", "a" * 70])
@pytest.mark.parametrize("streaming", [False, True])
def test_an_agent_runs_the_tool(name: str, streaming: bool) -> None:
    vendor = Vendor()

    def answer(request: httpx.Request) -> httpx.Response:
        last = json.loads(request.content)["messages"][-1]
        if last["role"] != "tool":
            return vendor(request)
        said = {"role": "assistant", "content": last["content"]}
        if not json.loads(request.content).get("stream"):
            return _json({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]})
        event = {"choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, text=f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n"
        )

    wire = httpx.MockTransport(answer)
    model = MultiApiLLM(provider="aimlapi", model="m", api_key="k", http_async_client=httpx.AsyncClient(transport=wire))
    tools = [FunctionTool.from_defaults(weather, name=name)]
    agent = FunctionAgent(llm=model, tools=tools, streaming=streaming)

    async def run() -> str:
        return str(await agent.run("x"))

    assert asyncio.run(run()) == f"rain in {vendor.shown[0]}"


@pytest.mark.parametrize("method", ["json_schema", "function_calling", None])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.parametrize("title", ["Stadt_größe", "Page[int]", "天"])
def test_the_form_of_an_answer_has_a_name_that_vendors_take(title: str, framework: str, method: str | None) -> None:
    kind: type[BaseModel] = create_model(title, city=(str, ...))
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        bodies.append(body)
        arguments = '{"city": "Oslo"}'
        message: dict[str, Any] = {"role": "assistant", "content": arguments}
        if body.get("tools"):
            call = {"name": body["tools"][0]["function"]["name"], "arguments": arguments}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": call}],
            }
        return _json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    made: dict[str, Any] = {
        "provider": "aimlapi", "model": "m", "api_key": "k", "http_client": httpx.Client(transport=httpx.MockTransport(answer))
    }  # fmt: skip
    if framework == "langchain":
        found = ChatMultiApi(**made).with_structured_output(kind, method=method).invoke("x")
    else:
        found = MultiApiLLM(**made, structured_method=method or "auto").structured_predict(kind, PromptTemplate("x"))
    assert found == kind(city="Oslo")
    body = bodies[0]
    form = body["tools"][0]["function"] if body.get("tools") else body["response_format"]["json_schema"]
    assert PATTERN.fullmatch(form["name"])


def test_a_name_that_comes_in_pieces_is_passed_on_when_it_is_whole() -> None:
    names = ToolNames(["a b", "a b c"], [], [])
    pieces = [ToolCallDelta(0, "c", "a_"), ToolCallDelta(0, None, "b"), ToolCallDelta(0, None, None, "{}")]
    shown = NameFilter(names).take([ChatDelta(tool_calls=(piece,)) for piece in pieces])
    assert "".join(piece.name or "" for delta in shown for piece in delta.tool_calls) == "a b"
    assert [piece.id for delta in shown for piece in delta.tool_calls] == ["c", None, None]


def test_names_do_not_depend_on_the_order_of_the_tools() -> None:
    one, other = ToolNames(["a b", "a.b", "ok"], [], []), ToolNames(["ok", "a.b", "a b"], [], ["gone now"])
    assert [one.wire(name) for name in ("a b", "a.b", "ok")] == [other.wire(name) for name in ("a b", "a.b", "ok")]
