"""A model's id with the name of a provider before it: its own is cut off, another one is refused before anything is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiToolkit
from llamaindex_multiapi import MultiApiLLM, MultiApiToolSpec
from multiapi import PROVIDERS, AsyncClient, BatchRequest, ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.http.exchange import HttpRequest
from multiapi.simulator import Simulator
from tests.providers.test_any_value import PLAIN

NAMED = [
    (provider, name)
    for provider in PROVIDERS
    for name in ("chat", *PROVIDERS[provider].operations)
    if name in PLAIN and "model" in {field.name for field in fields(PLAIN[name])}
]
MODELS = {"mesh": "triposr", "ocr": "mistral-ocr-latest", "messages": "claude-sonnet-4-5-20250929"}


def connection(simulator: Simulator, provider: str) -> dict[str, Any]:
    """What a client is made with; `BODIES` gets what is sent."""
    BODIES.clear()
    return {
        "api_key": "any-key-1234",
        "base_url": simulator.base_url(provider),
        "http_client": httpx.Client(transport=simulator.transport, event_hooks={"request": [note]}),
    }


BODIES: list[Any] = []


def note(request: httpx.Request) -> None:
    if request.content:
        BODIES.append(json.loads(request.content))


async def note_later(request: httpx.Request) -> None:
    note(request)


def other_than(provider: str) -> str:
    return next(name for name in PROVIDERS if name != provider)


@pytest.mark.parametrize(("provider", "name"), NAMED)
def test_every_operation_refuses_the_prefix_of_another(provider: str, name: str) -> None:
    simulator = Simulator()
    client = Client(provider, **connection(simulator, provider))
    request = replace(
        PLAIN[name], model=f"{other_than(provider)}:m", **({"max_tokens": 9} if name == "messages" else {})
    )
    with pytest.raises(InvalidRequestError, match=f"is one of {other_than(provider)}"):
        getattr(client, name)(request)
    assert not simulator.log


@pytest.mark.parametrize(
    ("provider", "name"),
    [(provider, name) for provider, name in NAMED if name not in PROVIDERS[provider].apis or name == "chat"],
)
def test_every_operation_cuts_its_own_prefix_off(provider: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built has the id alone; `ModelInfo` and the price of a call are of the id too."""
    seen: list[Any] = []
    operation = PROVIDERS[provider].chat if name == "chat" else PROVIDERS[provider].operations[name]

    def build(request: Any) -> HttpRequest:
        seen.append(request.model)
        raise MultiApiError("seen")

    changed = replace(operation, build=build)
    held = PROVIDERS[provider]
    client = Client(
        replace(held, chat=changed) if name == "chat" else replace(held, operations={**held.operations, name: changed}),
        **connection(Simulator(), provider),
    )
    extra = {"max_tokens": 9} if name == "messages" else {}
    request = replace(PLAIN[name], model=f"{provider}:{MODELS.get(name, 'm')}", **extra)
    with pytest.raises(MultiApiError, match="seen"):
        getattr(client, name)(request)
    assert set(seen) == {MODELS.get(name, "m")}


ASKED = [Message("user", "x")]
WAYS: dict[str, Callable[[str, str, dict[str, Any]], Any]] = {
    "chat": lambda provider, model, given: Client(provider, **given).chat(ChatRequest(model=model, messages=ASKED)),
    "stream": lambda provider, model, given: list(
        Client(provider, **given).chat_stream(ChatRequest(model=model, messages=ASKED))
    ),
    "LangChain": lambda provider, model, given: ChatMultiApi(provider=provider, model=model, **given).invoke("x"),
    "LangChain, in a call": lambda provider, model, given: ChatMultiApi(provider=provider, model="m", **given).invoke(
        "x", model=model
    ),
    "LlamaIndex": lambda provider, model, given: MultiApiLLM(model, provider=provider, **given).complete("x"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_chat_is_asked_of_the_id_alone(provider: str, way: str) -> None:
    simulator = Simulator(known_models="any")
    WAYS[way](provider, f"{provider}:a/b:free", connection(simulator, provider))
    assert BODIES[-1]["model"] == "a/b:free"
    with pytest.raises(InvalidRequestError, match="is one of"):
        WAYS[way](provider, f"{other_than(provider)}:a/b", connection(simulator, provider))
    WAYS[way](provider, "qwen/qwen3:free", connection(simulator, provider))
    assert BODIES[-1]["model"] == "qwen/qwen3:free"


@pytest.mark.parametrize("api", ["responses", "messages"])
def test_another_protocol_is_asked_of_the_id_alone(api: Any) -> None:
    simulator = Simulator()
    model = MODELS["messages"] if api == "messages" else "openai/gpt-4o"
    request = ChatRequest(model=f"aimlapi:{model}", messages=ASKED, api=api, max_tokens=99)
    client = Client("aimlapi", **connection(simulator, "aimlapi"))
    client.chat(request)
    list(client.chat_stream(request))
    getattr(client, api)(request)
    assert [body["model"] for body in BODIES] == [model] * 3
    http = httpx.AsyncClient(transport=simulator.async_transport, event_hooks={"request": [note_later]})
    given = {**connection(simulator, "aimlapi"), "http_client": http}
    asyncio.run(AsyncClient("aimlapi", **given).chat(request))
    assert BODIES[-1]["model"] == model


def test_batches_and_single_models_too() -> None:
    simulator = Simulator()
    client = Client("aimlapi", **connection(simulator, "aimlapi"))
    asked = {"a": ChatRequest(model="openai/gpt-4o", messages=ASKED, max_tokens=9)}
    with pytest.raises(InvalidRequestError, match="is one of binobox"):
        client.create_batch(BatchRequest(requests={**asked, "b": replace(asked["a"], model="binobox:m")}))
    with pytest.raises(InvalidRequestError, match="is one of binobox"):
        client.model("binobox:m")
    assert not simulator.log
    claude = replace(asked["a"], model=f"aimlapi:{MODELS['messages']}")
    client.create_batch(BatchRequest(requests={"a": claude}))
    assert MODELS["messages"] in str(BODIES[-1]) and "aimlapi:" not in str(BODIES[-1])
    assert client.model("aimlapi:openai/gpt-4o").id == "openai/gpt-4o"


def test_tools_of_agents_too() -> None:
    given: dict[str, Any] = {"include": ["generate_image"], **connection(Simulator(), "aimlapi")}
    own, other = {"image": "aimlapi:flux/dev"}, {"image": "binobox:m"}
    call = {"type": "tool_call", "id": "1", "name": "generate_image", "args": {"prompt": "x"}}
    (tool,) = MultiApiToolkit(provider="aimlapi", models=own, **given).get_tools()
    assert tool.invoke(call).status == "success"
    (tool,) = MultiApiToolkit(provider="aimlapi", models=other, **given).get_tools()
    assert "is one of binobox" in tool.invoke(call).content
    (function,) = MultiApiToolSpec("aimlapi", models=other, **given).to_tool_list()
    with pytest.raises(InvalidRequestError, match="is one of binobox"):
        function.call(prompt="x")
