"""Every class that opens a connection takes the same settings for it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec, MultiApiTranscriptReader
from multiapi import AsyncClient, Client
from multiapi.flows.steps import Policy
from multiapi.sending.settings import Settings
from multiapi.types.limits import Limits

CONNECTION = {
    *("api_key", "base_url", "timeout", "max_retries", "policy", "limits", "default_headers", "default_query"),
    *("http_client", "proxy", "verify", "trust_env", "engine", "allow_http", "limiter", "attribution"),
}
CLASSES = (ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit, MultiApiLLM, MultiApiEmbedding)


def test_the_list_is_what_a_client_takes() -> None:
    assert (
        set(inspect.signature(Settings.__init__).parameters) - {"self", "provider", "unknown_fields", "budget"}
        == CONNECTION
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_each_class_has_all_of_them(cls: Any) -> None:
    assert CONNECTION | {"http_async_client"} <= cls.model_fields.keys()


POLICY, LIMITS = Policy(repeat_media=True, max_retries=7), Limits(answer_bytes=12_345)
GIVEN: dict[str, Any] = {
    "api_key": "any-key-1234",
    "base_url": "http://127.0.0.1:9/v1",
    "policy": POLICY,
    "limits": LIMITS,
    "default_headers": {"x-mine": "1"},
    "default_query": {"a": "b"},
    "proxy": "http://127.0.0.1:8",
    "verify": False,
    "trust_env": False,
    "engine": "httpx",
    "allow_http": True,
    "limiter": None,
}


def clients_of(kind: str) -> tuple[Any, Any]:
    if kind == "core":
        return Client("aimlapi", **GIVEN), AsyncClient("aimlapi", **GIVEN)
    if kind == "chat":
        model = ChatMultiApi(model="aimlapi:m", **GIVEN)
        return model.client, model.async_client
    if kind == "embeddings":
        embeddings = MultiApiEmbeddings(model="aimlapi:m", **GIVEN)
        return embeddings.client, embeddings.async_client
    if kind == "toolkit":
        pair: Any = MultiApiToolkit(provider="aimlapi", **GIVEN).clients
        return pair.blocking, pair.awaiting
    if kind == "tool":
        pair = MultiApiToolkit(provider="aimlapi", **GIVEN).get_tools()[0].clients  # type: ignore[attr-defined]
        return pair.blocking, pair.awaiting
    if kind == "tool spec":
        pair = MultiApiToolSpec("aimlapi", **GIVEN).clients
        return pair.blocking, pair.awaiting
    if kind == "reader":
        pair = MultiApiTranscriptReader(provider="aimlapi", **GIVEN)._clients
        return pair.blocking, pair.awaiting
    other: Any = (MultiApiLLM if kind == "llm" else MultiApiEmbedding)(model="aimlapi:m", **GIVEN)
    return other._client({}), other._async_client({})


@pytest.mark.parametrize(
    "kind", ["core", "chat", "embeddings", "toolkit", "tool", "tool spec", "reader", "llm", "embedding"]
)
def test_they_arrive_at_the_clients(kind: str) -> None:
    for client in clients_of(kind):
        assert client.policy == POLICY
        assert client.limits == LIMITS
        assert (client.proxy, client.verify, client.default_query) == ("http://127.0.0.1:8", False, (("a", "b"),))
        assert (client.trust_env, client.engine) == (False, "httpx")
        assert client.default_headers["x-mine"] == "1"


def test_max_retries_is_the_last_word_on_a_policy() -> None:
    assert Client("aimlapi", api_key="any-key-1234", policy=POLICY, max_retries=1).policy == Policy(
        repeat_media=True, max_retries=1
    )
