"""The limit of tokens goes out under the name that a model of AICredits takes, from the first call on (live 20)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import PROVIDERS, AsyncClient, ChatRequest, Client, Message
from multiapi.providers.aimlapi import catalogue

ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}
SAMPLING = {"temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "n", "logprobs"}
FAMILIES = ("o1", "o1-mini", "o1-preview", "o3", "o3-mini", "o3-pro", "o4-mini", "gpt-5", "gpt-5-nano", "gpt-5-mini", "gpt-5.1", "gpt-5.2-pro")  # fmt: skip
THINKERS = [f"{maker}{family}" for maker in ("", "openai/") for family in FAMILIES]
OTHERS = [
    "openai/gpt-4o", "gpt-4o-mini", "openai/gpt-4.1", "gpt-4-turbo", "o10", "openai/o2x", "gpt-50", "google/gemini-2.5-flash", "deepseek/deepseek-r1",
    "anthropic/claude-haiku-4.5", "someone/gpt-5", "someone/o3-mini", "gpt-oss-120b",
]  # fmt: skip
SENT: list[dict[str, Any]] = []


def _answer(request: httpx.Request) -> httpx.Response:
    SENT.append(json.loads(request.content))
    return httpx.Response(200, json=ANSWER)


def http() -> dict[str, Any]:
    return {"api_key": "k-123456", "http_client": httpx.Client(transport=httpx.MockTransport(_answer))}


def later() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(_answer))


def ask(model: str) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message("user", "x")], max_tokens=50)


WAYS: dict[str, Callable[[str], Any]] = {
    "core": lambda model: Client("aicredits", **http()).chat(ask(model)),
    "core, async": lambda model: asyncio.run(
        AsyncClient("aicredits", api_key="k-1", http_client=later()).chat(ask(model))
    ),
    "core, streamed": lambda model: list(Client("aicredits", **http()).chat_stream(ask(model))),
    "LangChain": lambda model: ChatMultiApi(provider="aicredits", model=model, max_tokens=50, **http()).invoke("x"),
    "LangChain, streamed": lambda model: list(
        ChatMultiApi(provider="aicredits", model=model, max_tokens=50, **http()).stream("x")
    ),
    "LangChain, async": lambda model: asyncio.run(
        ChatMultiApi(
            provider="aicredits", model=model, max_tokens=50, api_key="k-1", http_async_client=later()
        ).ainvoke("x")
    ),
    "LlamaIndex": lambda model: MultiApiLLM(provider="aicredits", model=model, max_tokens=50, **http()).complete("x"),
    "LlamaIndex, streamed": lambda model: list(
        MultiApiLLM(provider="aicredits", model=model, max_tokens=50, **http()).stream_complete("x")
    ),
    "LlamaIndex, async": lambda model: asyncio.run(
        MultiApiLLM(
            provider="aicredits", model=model, max_tokens=50, api_key="k-1", http_async_client=later()
        ).acomplete("x")
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ids_by_body(way: str) -> None:
    for model in [*THINKERS, *OTHERS]:
        SENT.clear()
        WAYS[way](model)
        (body,) = SENT
        name, other = (
            ("max_completion_tokens", "max_tokens") if model in THINKERS else ("max_tokens", "max_completion_tokens")
        )
        assert body[name] == 50 and other not in body, model
        assert not SAMPLING & body.keys(), model


def test_binom_router_takes_the_old_name() -> None:
    SENT.clear()
    Client("binom_router", **http()).chat(ask("openai/gpt-4o"))
    assert SENT[0]["max_tokens"] == 50


def test_every_model_of_aimlapi_gets_the_name_that_its_schema_has() -> None:
    """The new name where the catalogue has it, the old one elsewhere and for models that it does not know."""
    found: dict[str, int] = {"max_tokens": 0, "max_completion_tokens": 0}
    entries = [entry for entry in catalogue.models("text", None) if entry.endpoint.endswith("/chat/completions")]
    for entry in entries:
        body = PROVIDERS["aimlapi"].chat.build(ask(entry.id)).json
        (name,) = body.keys() & found.keys()
        assert name in entry.params or not entry.params.keys() & found.keys(), entry.id
        assert (name == "max_completion_tokens") == ("max_completion_tokens" in entry.params), entry.id
        found[name] += 1
    assert min(found.values()) > 100
    assert PROVIDERS["aimlapi"].chat.build(ask("newer/than-the-list")).json["max_tokens"] == 50


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("model", ["openai/gpt-4o", "newer/than-the-list"])
def test_a_name_that_the_caller_chose_goes_out(model: str, name: Any) -> None:
    given = {"provider": "aimlapi", "model": model}
    calls: list[Callable[[], Any]] = [
        lambda: Client("aimlapi", **http()).chat(
            ChatRequest(model=model, messages=[Message("user", "x")], max_tokens=50, max_tokens_name=name)
        ),
        lambda: MultiApiLLM(**given, max_tokens=50, max_tokens_name=name, **http()).complete("x"),
        lambda: ChatMultiApi(**given, max_tokens=50, max_tokens_name=name, **http()).invoke("x"),
    ]
    if name == "max_completion_tokens":
        calls += [
            lambda: ChatMultiApi(**given, max_completion_tokens=50, **http()).invoke("x"),
            lambda: ChatMultiApi(**given, **http()).invoke("x", max_completion_tokens=50),
        ]
    for call in calls:
        SENT.clear()
        call()
        assert SENT[0][name] == 50
        assert len(SENT[0].keys() & {"max_tokens", "max_completion_tokens"}) == 1
