"""Every class that can be said reaches each provider with an object at the root, and comes back as the class, in both frameworks."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

import httpx
import jsonschema
import pytest
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, Field, RootModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM

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
    wanted = kind.model_validate(value)
    if framework == "langchain":
        model = ChatMultiApi(**server.settings(vendor)).with_structured_output(kind, method=method)
        found = list(model.stream("x"))[-1] if streamed else model.invoke("x")
    else:
        llm = MultiApiLLM(**server.settings(vendor), structured_method=method)
        prompt = PromptTemplate("x")
        found = (
            list(llm.stream_structured_predict(kind, prompt))[-1] if streamed else llm.structured_predict(kind, prompt)
        )
    assert found == wanted
    assert server.roots[0]["type"] == "object"
    assert len(server.roots) == 1
