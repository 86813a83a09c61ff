"""What a provider shows to everybody is asked for without a key; a key is looked for by the first request that needs one."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import AsyncClient, ChatRequest, Client, Message
from multiapi.errors import MissingApiKeyError
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator

ASK = ChatRequest(model="m", messages=[Message("user", "x")])


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in provider.key_variables:
            monkeypatch.delenv(name, raising=False)


def made(provider: str, kind: Any = Client, **settings: Any) -> tuple[list[httpx.Headers], Any]:
    """A client without a key, and the headers of what it sends."""
    simulator = Simulator()
    sent: list[httpx.Headers] = []

    def seen(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return simulator.transport.handle_request(request)

    http = (httpx.Client if kind is Client else httpx.AsyncClient)(transport=httpx.MockTransport(seen))
    return sent, kind(provider, base_url=simulator.base_url(provider), http_client=http, **settings)


def public(provider: str) -> list[str]:
    operations = PROVIDERS[provider].operations
    return [
        name
        for name in ("models", "model", "metrics", "deprecations", "health", "ready", "live")
        if name in operations and operations[name].build("openai/gpt-4o" if name == "model" else None).public
    ]


EACH = [(provider, name) for provider in PROVIDERS for name in public(provider)]


def test_the_list_is_the_documented_one() -> None:
    assert {provider for provider, _ in EACH} == {"aicredits", "aimlapi"}
    assert len(EACH) >= 8


@pytest.mark.parametrize(("provider", "name"), EACH)
def test_public_operations_work_without_a_key_and_send_none(provider: str, name: str) -> None:
    for settings in ({}, {"api_key": "any-key-1234"}, {"api_key": lambda: "any-key-1234"}):
        sent, client = made(provider, **settings)
        assert client.call(name, "openai/gpt-4o" if name == "model" else None) is not None
        assert sent and "authorization" not in sent[0] and "any-key-1234" not in str(sent)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_that_needs_a_key_names_the_variable_and_is_not_sent(provider: str) -> None:
    sent, client = made(provider)
    with pytest.raises(MissingApiKeyError, match=PROVIDERS[provider].api_key_env) as caught:
        client.chat(ASK)
    assert not caught.value.outcome_unknown and not sent
    with pytest.raises(MissingApiKeyError):
        list(client.chat_stream(ASK))
    _, mine = made(provider, AsyncClient)
    with pytest.raises(MissingApiKeyError):
        asyncio.run(mine.chat(ASK))
    assert pickle.loads(pickle.dumps(client)).provider is client.provider


def test_the_key_is_looked_for_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, client = made("aicredits")
    monkeypatch.setenv("AICREDITS_API_KEY", "found-later-1234")
    client.chat(ChatRequest(model="openai/gpt-4o-mini", messages=[Message("user", "x")]))
    assert sent[-1]["authorization"] == "Bearer found-later-1234"
    assert "found-later" not in repr(client) + str(vars(client))


@pytest.mark.parametrize("make", [ChatMultiApi, MultiApiEmbeddings, MultiApiLLM, MultiApiEmbedding])
def test_models_of_both_frameworks_ask_when_they_are_made(make: Any) -> None:
    with pytest.raises(Exception, match="AICREDITS_API_KEY"):
        make(provider="aicredits", model="openai/gpt-4o-mini")


@pytest.mark.parametrize(
    ("provider", "tools"), [("aicredits", ["list_models", "health"]), ("aimlapi", ["list_models"])]
)
def test_tools_that_only_list_need_no_key(provider: str, tools: list[str]) -> None:
    simulator = Simulator()
    given = {"base_url": simulator.base_url(provider), "http_client": httpx.Client(transport=simulator.transport)}
    for tool in MultiApiToolkit(provider=provider, include=tools, **given).get_tools():
        assert "MissingApiKey" not in tool.invoke({}) and simulator.log[-1].status == 200
    for function in MultiApiToolSpec(provider, include=tools, **given).to_tool_list():
        assert function.call().content
    for include in (None, ["balance"], [*tools, "balance"]):
        with pytest.raises(Exception, match=PROVIDERS[provider].api_key_env):
            MultiApiToolkit(provider=provider, include=include, **given)
        with pytest.raises(MissingApiKeyError):
            MultiApiToolSpec(provider, include=include, **given)
    with pytest.raises(MissingApiKeyError):
        MultiApiToolSpec("bineric", include=["list_models"])
