"""Both frameworks ask for structured output by the same way, learn the same of an empty response, and say the same of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi.sending.kept import PROCESS

PROMPT = PromptTemplate("x")


class City(BaseModel):
    """A city."""

    city: str


class Loose(BaseModel):
    """A city, perhaps."""

    city: str | None = None


@pytest.fixture(autouse=True)
def nothing_is_known() -> Any:
    PROCESS.refusals.forget()
    yield
    PROCESS.refusals.forget()


def way_of(body: dict[str, Any]) -> str:
    if body.get("tools"):
        return "function_calling"
    kind = body.get("response_format", {}).get("type")
    return {"json_schema": "json_schema", "json_object": "json_mode"}.get(kind, "prompted")


def answered(body: dict[str, Any], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body.get("tools") and text:
        name = body["tools"][-1]["function"]["name"]
        message = {
            **message,
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": text}}],
        }
    return {"id": "a", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


class Server:
    def __init__(self, text: Callable[[dict[str, Any]], str], finish: str = "stop") -> None:
        self.text, self.finish, self.sent = text, finish, []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent.append(body)
        answer = answered(body, self.text(body))
        answer["choices"][0]["finish_reason"] = self.finish
        if not body.get("stream"):
            return httpx.Response(200, json=answer)
        event = {**answer, "choices": [{**choice, "delta": choice["message"]} for choice in answer["choices"]]}
        return httpx.Response(
            200, text=f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n", headers={"content-type": "text/event-stream"}
        )

    async def later(self, request: httpx.Request) -> httpx.Response:
        return self(request)


WAYS = [
    "langchain",
    "langchain_async",
    "langchain_stream",
    "langchain_dict",
    "llamaindex",
    "llamaindex_async",
    "llamaindex_stream",
]


async def ask(way: str, server: Server, provider: str, model: str, cls: type[BaseModel] = City) -> Any:
    both: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "api_key": "k",
        "http_client": httpx.Client(transport=httpx.MockTransport(server)),
        "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(server.later)),
    }
    if way.startswith("langchain"):
        schema: Any = cls.model_json_schema() if way.endswith("dict") else cls
        asked = ChatMultiApi(**both).with_structured_output(schema)
        if way.endswith("stream"):
            return list(asked.stream("x"))[-1]
        return await asked.ainvoke("x") if way.endswith("async") else asked.invoke("x")
    llm = MultiApiLLM(context_window=8_000, **both)
    if way.endswith("stream"):
        return list(llm.stream_structured_predict(cls, PROMPT))[-1]
    return await llm.astructured_predict(cls, PROMPT) if way.endswith("async") else llm.structured_predict(cls, PROMPT)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-4o-mini", "json_schema"),
        ("o3", "json_schema"),
        ("google/gemini-2.5-flash", "function_calling"),
        ("anthropic/claude-haiku-4.5", "function_calling"),
    ],
)
async def test_the_way_at_aicredits_is_the_same(way: str, model: str, expected: str) -> None:
    server = Server(lambda body: '{"city":"Oslo"}')
    found = await ask(way, server, "aicredits", model)
    assert (found["city"] if isinstance(found, dict) else found.city) == "Oslo"
    assert [way_of(body) for body in server.sent] == [expected]


LADDER = {
    "aimlapi": ["json_schema", "function_calling", "json_mode", "prompted"],
    "aicredits": ["function_calling", "json_mode", "prompted"],
    "binom_router": ["json_schema", "function_calling", "json_mode", "prompted"],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("provider", LADDER)
@pytest.mark.parametrize("empty", ["", "{}"])
async def test_an_empty_response_fails_once_and_is_learnt_from(way: str, provider: str, empty: str) -> None:
    """Each call is one request: what was paid is not paid twice by itself."""
    server = Server(lambda body: empty if way_of(body) != "prompted" else '{"city":"Oslo"}')
    rungs = LADDER[provider]
    for rung in rungs[:-1]:
        with pytest.raises(Exception, match="ways to ask are json_schema, function_calling, json_mode and prompted"):
            await ask(way, server, provider, "google/gemini-2.5-flash")
        assert way_of(server.sent[-1]) == rung
    await ask(way, server, provider, "google/gemini-2.5-flash")
    assert [way_of(body) for body in server.sent] == rungs


@pytest.mark.parametrize("way", ["langchain", "llamaindex"])
async def test_a_cut_off_response_and_a_loose_schema_teach_nothing(way: str) -> None:
    cut = Server(lambda body: "", "length")
    for _ in range(2):
        with pytest.raises(Exception, match="cut off"):
            await ask(way, cut, "aimlapi", "m")
    loose = Server(lambda body: "{}")
    for _ in range(2):
        await ask(way, loose, "aimlapi", "m", Loose)
    assert [way_of(body) for body in (*cut.sent, *loose.sent)] == ["json_schema"] * 4
