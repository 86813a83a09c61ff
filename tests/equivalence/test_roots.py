"""Every class that can be said reaches each provider with an object at the root, and comes back as the class, in both frameworks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import httpx
import jsonschema
import pytest
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, Field, RootModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi.sending.kept import PROCESS

T = TypeVar("T")


class Tree(BaseModel):
    """A tree."""

    name: str
    kids: list[Tree] = []


class Left(BaseModel):
    right: Right | None = None


class Right(BaseModel):
    left: Left | None = None
    value: int = 0


class Box(BaseModel, Generic[T]):
    content: T


class Aliased(BaseModel):
    inner: int = Field(alias="the inner")


class Numbers(RootModel[list[int]]): ...


class Trees(RootModel[list[Tree]]): ...


class Either(RootModel[Left | Aliased]): ...


class Number(RootModel[int]): ...


CASES: list[tuple[type[BaseModel], Any]] = [
    (Tree, {"name": "a", "kids": [{"name": "b", "kids": []}]}),
    (Left, {"right": {"left": {"right": None}, "value": 2}}),
    (Box[Tree], {"content": {"name": "a", "kids": []}}),
    (Box[list[int]], {"content": [1]}),
    (Aliased, {"the inner": 3}),
    (Numbers, [1, 2]),
    (Trees, [{"name": "a", "kids": [{"name": "b", "kids": []}]}]),
    (Either, {"the inner": 3}),
    (Number, 7),
]
VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")


class Strict:
    """Refuses roots that are no object, in OpenAI's words; answers with the value, in the form that the schema demands."""

    def __init__(self, value: Any, *, streamed: bool = False) -> None:
        self.value = value
        self.roots: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        form = body.get("response_format", {}).get("json_schema", {}).get("schema")
        tool = body["tools"][0]["function"] if body.get("tools") else None
        schema = form or (tool or {}).get("parameters")
        if schema is None:
            told = "\n".join(message["content"] for message in body["messages"])
            schema = json.JSONDecoder().raw_decode(told, told.index("{", told.index("JSON schema")))[0]
        self.roots.append(schema)
        if schema.get("type") != "object":
            words = f"Invalid schema: schema must be of 'type: \"object\"', got {schema.get('type')!r}"
            return httpx.Response(400, json={"error": {"message": words, "param": "response_format"}})
        fits = jsonschema.Draft202012Validator(schema).is_valid(self.value)
        (only,) = [*schema.get("properties", {}), "?"][:1]
        text = json.dumps(self.value if fits else {only: self.value})
        jsonschema.validate(json.loads(text), schema)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if tool:
            used = {"id": "c", "type": "function", "function": {"name": tool["name"], "arguments": text}}
            message = {"role": "assistant", "content": None, "tool_calls": [used]}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})
        pieces = [message] if tool else [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
        if tool:
            pieces = [{"tool_calls": [{**used, "index": 0}]}]
        events = [{"id": "a", "choices": [{"index": 0, "delta": piece}]} for piece in pieces]
        events.append({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=lines)

    def settings(self, vendor: str) -> dict[str, Any]:
        http_client = httpx.Client(transport=httpx.MockTransport(self))
        return {"provider": vendor, "model": "m", "api_key": "k", "max_retries": 0, "http_client": http_client}


def asked(framework: str, settings: dict[str, Any], kind: type[BaseModel], method: str, *, streamed: bool) -> Any:
    """What one framework gives for a class; the last object of a stream."""
    if framework == "langchain":
        model = ChatMultiApi(**settings).with_structured_output(kind, method=method)
        return list(model.stream("x"))[-1] if streamed else model.invoke("x")
    llm, prompt = MultiApiLLM(**settings, structured_method=method), PromptTemplate("x")
    return list(llm.stream_structured_predict(kind, prompt))[-1] if streamed else llm.structured_predict(kind, prompt)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", ["auto", "json_schema", "function_calling", "prompted"])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("kind", "value"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_a_class_is_asked_for_with_an_object_and_comes_back(
    kind: type[BaseModel], value: Any, vendor: str, framework: str, method: str, streamed: bool
) -> None:
    if vendor in {"bineric", "binobox"} and method in {"json_schema", "function_calling"}:
        pytest.skip("only in the prompt")
    server = Strict(value)
    assert asked(framework, server.settings(vendor), kind, method, streamed=streamed) == kind.model_validate(value)
    assert server.roots[0]["type"] == "object"
    assert len(server.roots) == 1


WAYS = {
    "aimlapi": ("json_schema", "function_calling", "json_mode", "prompted"),
    "binom_router": ("json_schema", "function_calling", "json_mode", "prompted"),
    "aicredits": ("json_schema", "function_calling", "json_mode", "prompted"),
}
"""The ways to structured output in their order, at the providers that have several."""

REFUSALS_OF_WAYS = {
    "the form": {
        "json_schema": {"message": "response_format json_schema is not supported by this model"},
        "function_calling": {"message": "This model does not support function calling"},
        "json_mode": {"message": "json mode is not supported", "param": "response_format"},
    },
    "the schema": {
        "json_schema": {"message": "Invalid schema for response_format", "code": "invalid_json_schema"},
        "function_calling": {"message": "Invalid schema for function 'x'", "param": "tools[0].function.parameters"},
        "json_mode": {"message": "response_format: only 'text' is supported"},
    },
}


def way_of(body: dict[str, Any]) -> str:
    """The way to structured output that a request takes."""
    if body.get("tools"):
        return "function_calling"
    kind = body.get("response_format", {}).get("type")
    return {"json_schema": "json_schema", "json_object": "json_mode"}.get(kind, "prompted")


class Refusing(Strict):
    """Refuses some ways to structured output as well."""

    def __init__(self, value: Any, refused: tuple[str, ...], words: dict[str, dict[str, str]]) -> None:
        super().__init__(value)
        self.refused, self.words = refused, words
        self.ways: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        way = way_of(json.loads(request.content))
        self.ways.append(way)
        if way in self.refused:
            return httpx.Response(400, json={"error": self.words[way]})
        return super().__call__(request)


@pytest.fixture
def nothing_is_known() -> Iterator[None]:
    PROCESS.refusals.forget()
    yield
    PROCESS.refusals.forget()


@pytest.mark.usefixtures("nothing_is_known")
@pytest.mark.parametrize("words", REFUSALS_OF_WAYS)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.parametrize("vendor", WAYS)
@pytest.mark.parametrize(("kind", "value"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_a_class_comes_back_whichever_ways_are_refused(
    kind: type[BaseModel], value: Any, vendor: str, framework: str, streamed: bool, count: int, words: str
) -> None:
    """Each refusal leads to the next way, with an object at the root in each, and the last is words in the prompt."""
    ways = WAYS[vendor]
    server = Refusing(value, ways[:count], REFUSALS_OF_WAYS[words])
    settings = {**server.settings(vendor), "model": "gpt-4o", "max_retries": 2}
    assert asked(framework, settings, kind, "auto", streamed=streamed) == kind.model_validate(value)
    assert server.ways == list(ways[: count + 1])
    assert [root["type"] for root in server.roots] == ["object"]
