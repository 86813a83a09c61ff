"""Each optional field of chats and embeddings, at each provider and model: documented and sent, or refused before anything is sent."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import Client
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi import catalogue
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract
from multiapi.types.chat import CHAT_SETTINGS, ChatRequest, Message, Tool
from multiapi.types.embeddings import EmbedRequest

VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 64,
    "seed": 7,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "reasoning_effort": "low",
    "n": 2,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 1},
    "user": "u",
    "service_tier": "auto",
    "dimensions": 64,
    "encoding_format": "float",
    "input_type": "document",
    "stop": ["x"],
    "metadata": {"a": "b"},
    "parallel_tool_calls": True,
}
CHAT_FIELDS = [each.name for each in fields(ChatRequest) if each.name in VALUES]
EMBED_FIELDS = [each.name for each in fields(EmbedRequest) if each.name in VALUES]
EMBEDS = [
    (provider.name, "openai/text-embedding-3-small")
    for provider in PROVIDERS.values()
    if "embed" in provider.operations and provider.name != "aimlapi"
]
EMBEDS += [("aimlapi", each.id) for each in catalogue.models("embedding", None)] + [("aimlapi", "new/unknown-embedder")]


def known(provider: str, operation: str) -> frozenset[str]:
    found: frozenset[str] = contract(provider).operations[operation].known_fields("application/json")
    return found


def is_open(provider: str, operation: str) -> bool:
    """Whether the provider's body takes whatever OpenAI's takes, as the contract has it."""
    document = contract(provider)
    schema = document.resolve(document.operations[operation].body_schemas["application/json"])
    return schema.get("additionalProperties", True) is not False and provider != "aimlapi"


def below(body: Any) -> set[str]:
    """The names at the top, and those of Bineric's options."""
    return set(body) | set(body.get("options") or ())


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("field", CHAT_FIELDS)
def test_a_field_of_a_chat_is_documented_and_sent_or_refused(provider: str, field: str) -> None:
    plain = ChatRequest(
        model="m", messages=[Message("user", "x")], tools=[Tool("t")] if field == "parallel_tool_calls" else ()
    )
    if provider in ("bineric", "binobox") and plain.tools:
        plain = replace(plain, tools=())
    build = PROVIDERS[provider].chat.build
    before = below(build(plain).json)
    try:
        after = below(build(replace(plain, **{field: VALUES[field]})).json)
    except (UnsupportedError, InvalidRequestError):
        return
    if provider == "bineric" or is_open(provider, "createChatCompletion"):
        return  # compatible with OpenAI by its own word, or open `options`
    assert after - before <= known(provider, "createChatCompletion")


def test_binobox_takes_the_four_documented_fields_alone() -> None:
    plain = ChatRequest(model="m", messages=[Message("user", "x")])
    build = PROVIDERS["binobox"].chat.build
    for field in set(CHAT_SETTINGS) - {"temperature", "max_tokens"}:
        if field in VALUES:
            with pytest.raises(UnsupportedError, match=field):
                build(replace(plain, **{field: VALUES[field]}))
    assert build(replace(plain, extra={"top_p": 0.5})).json["top_p"] == 0.5


@pytest.mark.filterwarnings("ignore::multiapi.ModelDeprecatedWarning")
@pytest.mark.parametrize(("provider", "model"), EMBEDS)
@pytest.mark.parametrize("field", EMBED_FIELDS)
def test_a_field_of_embeddings_is_taken_by_the_provider_or_refused_unsent(
    provider: str, model: str, field: str
) -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    client = Client(
        provider, api_key="any-key-1234", base_url=simulator.base_url(provider), http_client=http, max_retries=0
    )
    request = EmbedRequest(model=model, texts=["a"], **{field: VALUES[field]})
    try:
        built = PROVIDERS[provider].operations["embed"].build(request).json
    except UnsupportedError as error:
        assert field in str(error) and "extra" in str(error) and not simulator.log
        with pytest.raises(UnsupportedError):
            client.embed(request)
        assert not simulator.log
        return
    if not is_open(provider, "createEmbedding"):
        assert set(built) - {"model", "input"} <= known(provider, "createEmbedding")
    if model in {each.id for each in catalogue.models("embedding")}:
        client.embed(request)  # the simulator refuses what the model's schema does not have


@pytest.mark.parametrize("input_type", ["query", "document"])
def test_googles_models_get_their_own_word(input_type: str) -> None:
    build = PROVIDERS["aimlapi"].operations["embed"].build
    body = build(EmbedRequest(model="text-multilingual-embedding-002", texts=["a"], input_type=input_type)).json
    assert body["task_type"] == f"RETRIEVAL_{input_type.upper()}" and "input_type" not in body
    own = EmbedRequest(
        model="text-multilingual-embedding-002", texts=["a"], input_type=input_type, extra={"task_type": "CLUSTERING"}
    )
    assert build(own).json["task_type"] == "CLUSTERING"


@pytest.mark.parametrize("model", ["voyage-2", "text-embedding-3-small"])
def test_a_query_is_refused_where_only_documents_are_known(model: str) -> None:
    with pytest.raises(UnsupportedError, match="input_type"):
        PROVIDERS["aimlapi"].operations["embed"].build(EmbedRequest(model=model, texts=["a"], input_type="query"))


def test_both_frameworks_refuse_the_same_unsent() -> None:
    simulator = Simulator()
    given: dict[str, Any] = {"api_key": "any-key-1234", "http_client": httpx.Client(transport=simulator.transport)}
    aimlapi, binobox = simulator.base_url("aimlapi"), simulator.base_url("binobox")
    with pytest.raises(Exception, match="dimensions"):
        MultiApiEmbeddings(provider="aimlapi", model="voyage-2", dimensions=64, base_url=aimlapi, **given).embed_query(
            "a"
        )
    with pytest.raises(Exception, match="dimensions"):
        MultiApiEmbedding(
            provider="aimlapi", model="voyage-2", dimensions=64, base_url=aimlapi, **given
        ).get_query_embedding("a")
    with pytest.raises(Exception, match="top_p"):
        ChatMultiApi(provider="binobox", model="gemini-3.1-flash-lite", top_p=0.5, base_url=binobox, **given).invoke(
            "x"
        )
    with pytest.raises(Exception, match="top_p"):
        MultiApiLLM(provider="binobox", model="gemini-3.1-flash-lite", top_p=0.5, base_url=binobox, **given).complete(
            "x"
        )
    assert not simulator.log
