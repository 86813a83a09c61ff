"""One setting for less thinking or none, in the words of each provider and model, equal in core and frameworks (live 18)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.model_facts import MODEL_FACTS

ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}
SENT: list[dict[str, Any]] = []


def _answer(request: httpx.Request) -> httpx.Response:
    SENT.append(json.loads(request.content))
    return httpx.Response(200, json=ANSWER)


def http() -> dict[str, Any]:
    return {"api_key": "k-123456", "http_client": httpx.Client(transport=httpx.MockTransport(_answer))}


def later() -> dict[str, Any]:
    return {"api_key": "k-123456", "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(_answer))}


def ask(model: str, **settings: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message("user", "x")], **settings)


def _awaited(vendor: str, model: str, **settings: Any) -> Any:
    mine = AsyncClient(vendor, api_key="k-123456", http_client=later()["http_async_client"])
    return asyncio.run(mine.chat(ask(model, **settings)))


WAYS: dict[str, Callable[..., Any]] = {
    "core": lambda vendor, model, **s: Client(vendor, **http()).chat(ask(model, **s)),
    "core, async": _awaited,
    "core, streamed": lambda vendor, model, **s: list(Client(vendor, **http()).chat_stream(ask(model, **s))),
    "LangChain": lambda vendor, model, **s: ChatMultiApi(provider=vendor, model=model, **http(), **s).invoke("x"),
    "LangChain, in a call": lambda vendor, model, **s: ChatMultiApi(provider=vendor, model=model, **http()).invoke(
        "x", **s
    ),
    "LangChain, async": lambda vendor, model, **s: asyncio.run(
        ChatMultiApi(provider=vendor, model=model, **later(), **s).ainvoke("x")
    ),
    "LangChain, streamed": lambda vendor, model, **s: list(
        ChatMultiApi(provider=vendor, model=model, **http(), **s).stream("x")
    ),
    "LlamaIndex": lambda vendor, model, **s: MultiApiLLM(provider=vendor, model=model, **http(), **s).complete("x"),
    "LlamaIndex, in a call": lambda vendor, model, **s: MultiApiLLM(provider=vendor, model=model, **http()).complete(
        "x", **s
    ),
    "LlamaIndex, async": lambda vendor, model, **s: asyncio.run(
        MultiApiLLM(provider=vendor, model=model, **later(), **s).acomplete("x")
    ),
    "LlamaIndex, streamed": lambda vendor, model, **s: list(
        MultiApiLLM(provider=vendor, model=model, **http(), **s).stream_complete("x")
    ),
}
NAMES = ("reasoning_effort", "reasoning", "think", "thinking", "enable_thinking")
EFFORT = {word: {"reasoning_effort": word} for word in ("none", "minimal", "low")}
DISABLED = {"reasoning": {"enabled": False}}
TABLE = [
    ("aicredits", "qwen/qwen3-32b", DISABLED, DISABLED),
    ("aicredits", "openai/gpt-5-nano", EFFORT["minimal"], EFFORT["low"]),
    ("aicredits", "gpt-5.2", EFFORT["minimal"], EFFORT["low"]),
    ("aicredits", "deepseek/deepseek-r1", EFFORT["low"], EFFORT["low"]),
    ("aimlapi", "deepseek/deepseek-v4-pro", EFFORT["none"], EFFORT["low"]),
    ("aimlapi", "anthropic/claude-sonnet-5", EFFORT["none"], EFFORT["low"]),
    ("aimlapi", "google/gemini-3.7-flash", EFFORT["low"], EFFORT["low"]),
    ("aimlapi", "openai/gpt-6-sol", EFFORT["none"], EFFORT["low"]),
    ("aimlapi", "openai/gpt-6.1-sol", EFFORT["low"], EFFORT["low"]),
    ("aimlapi", "unheard/of", EFFORT["low"], EFFORT["low"]),
    ("binom_router", "some/model", EFFORT["low"], EFFORT["low"]),
]


def sent_by(way: str, vendor: str, model: str, **settings: Any) -> dict[str, Any]:
    SENT.clear()
    WAYS[way](vendor, model, **settings)
    (body,) = SENT
    return {name: body[name] for name in NAMES if name in body}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("vendor", "model", "off", "less"), TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_each_model_in_its_own_words(way: str, vendor: str, model: str, off: Any, less: Any) -> None:
    assert sent_by(way, vendor, model, think="off") == off
    assert sent_by(way, vendor, model, think="less") == less
    assert sent_by(way, vendor, model) == {}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", ["bineric", "binobox"])
def test_providers_without_such_a_field_refuse_it_unsent(way: str, vendor: str) -> None:
    SENT.clear()
    with pytest.raises(UnsupportedError):
        WAYS[way](vendor, "m", think="off")
    assert SENT == []


@pytest.mark.parametrize("way", ["core", "LangChain", "LlamaIndex"])
def test_what_cannot_be_meant_is_refused(way: str) -> None:
    SENT.clear()
    with pytest.raises((InvalidRequestError, ValueError), match="think"):
        WAYS[way]("aicredits", "openai/gpt-5-nano", think="more")
    with pytest.raises(InvalidRequestError, match="set think or reasoning_effort, not both"):
        WAYS[way]("aicredits", "openai/gpt-5-nano", think="less", reasoning_effort="high")
    assert SENT == []


def test_every_row_has_both_words_a_source_a_day_and_a_grade() -> None:
    rows = [fact for fact in MODEL_FACTS if fact.topic == "think"]
    assert rows
    for fact in rows:
        assert fact.value.keys() == {"off", "less"}
        assert fact.source and fact.read and fact.grade in "VA"
