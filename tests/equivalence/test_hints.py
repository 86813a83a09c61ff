"""What errors tell people to do works where they are; models of other providers are refused before they are sent."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.runnables import ConfigurableField

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import ChatRequest, Client, EmbedRequest, ImageRequest, Message
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.simulator import Simulator
from multiapi.types.chat import CHAT_SETTINGS

MULTIAPI = Path(__file__).parents[2] / "multiapi"

MODELS = {
    "bineric": "gpt-4",
    "binom_router": "openai/gpt-4o-mini",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gpt-4o",
}
VALUES: dict[str, Any] = {
    "seed": 1,
    "n": 1,
    "user": "u",
    "service_tier": "auto",
    "logit_bias": {},
    "logprobs": True,
    "reasoning_effort": "low",
}


@pytest.mark.parametrize("framework", ["core", "langchain", "llamaindex"])
@pytest.mark.parametrize("setting", CHAT_SETTINGS)
@pytest.mark.parametrize("vendor", MODELS)
def test_a_hint_is_followed_with_success_or_there_is_none(vendor: str, setting: str, framework: str) -> None:
    value = VALUES.get(setting, 1 if setting == "top_k" else 0 if "penalty" in setting else 0.5)
    http_client = httpx.Client(transport=Simulator(seed=1).transport)
    made: dict[str, Any] = {"api_key": "any-key-1234", "http_client": http_client, "max_retries": 0}

    def ask(settings: dict[str, Any], extra: tuple[str, dict[str, Any]] | None = None) -> None:
        more = {} if extra is None else {extra[0]: extra[1]}
        if framework == "core":
            request = ChatRequest(model=MODELS[vendor], messages=[Message("user", "hi")], **settings, **more)
            Client(vendor, **made).chat(request)
        elif framework == "langchain":
            ChatMultiApi(provider=vendor, model=MODELS[vendor], **made).invoke("hi", **settings, **more)
        else:
            MultiApiLLM(provider=vendor, model=MODELS[vendor], **made).complete("hi", **settings, **more)

    try:
        ask({setting: value})
    except UnsupportedError as error:
        hint = re.search(r"pass it in `(\w+)`", str(error))
        assert (hint is None) == (vendor in {"bineric", "aimlapi"}), error
        if hint is not None:
            assert hint[1] == ("extra" if framework == "core" else "extra_body")
            try:
                ask({}, (hint[1], {setting: value}))
            except InvalidRequestError as refused:  # of the provider, about the value and not the field
                assert refused.status == 400
                assert "Additional properties" not in str(refused)
    except InvalidRequestError:
        pass


OF_A_CHAT = ("negotiation", "sending", "formats/openai", "formats/responses.py", "formats/messages.py", "provider.py", "flows/chat.py",
             "flows/hints.py", "flows/unknown_fields.py", "providers/*/__init__.py", "providers/*.py", "client/arguments.py")  # fmt: skip
NAMED = re.compile(r"`([A-Za-z_.]+)[(=`]|\b([a-z_]+)=[.'\"A-Za-z\[{]")
FACTS = {"response"}
"""Fields of a provider's response, which messages about a response name."""


def sentences(path: Path) -> list[tuple[str, str]]:
    """What this module raises or warns of, without what is filled in."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", ""))
        if isinstance(node, ast.Raise) or called in {"unsupported", "warn", "add"}:
            words = [
                each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            found.append((f"{path.name}:{node.lineno}", "\0".join(words)))
    return found


def named(text: str) -> set[str]:
    return {one or other for one, other in NAMED.findall(text)}


def test_arguments_named_by_messages_of_a_chat_exist_in_both_frameworks() -> None:
    files: list[Path] = []
    for pattern in OF_A_CHAT:
        for each in MULTIAPI.glob(pattern):
            files += [each] if each.is_file() else each.rglob("*.py")
    said = [(place, name) for path in files for place, text in sentences(path) for name in named(text)]
    assert len(said) > 5
    accepted = {*ChatMultiApi.model_fields, "tool_choice", "tools"} & {
        *MultiApiLLM.model_fields,
        "tool_choice",
        "tools",
    }
    assert [(place, name) for place, name in said if name not in accepted | FACTS] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("use `Client().models()`", "Client"), ("pass extra={'a': 1}", "extra"), ("budget=...", "budget")],
)
def test_names_of_arguments_are_found_in_a_message(text: str, name: str) -> None:
    assert named(text) == {name}


OTHER = "binobox:gemini-3.1-flash-lite"


def test_a_model_of_another_provider_is_refused_before_it_is_sent() -> None:
    sent: list[httpx.Request] = []
    http_client = httpx.Client(
        transport=httpx.MockTransport(lambda request: sent.append(request) or httpx.Response(500))
    )
    made: dict[str, Any] = {"api_key": "k", "http_client": http_client}
    chat = ChatMultiApi(model="aicredits:openai/gpt-4o-mini", **made)
    llm = MultiApiLLM(model="aicredits:openai/gpt-4o-mini", **made)
    client = Client("aicredits", **made)
    chosen = chat.configurable_fields(model=ConfigurableField(id="m")).with_config(configurable={"m": OTHER})
    ways: list[Any] = [
        lambda: ChatMultiApi(provider="aicredits", model=OTHER, **made),
        lambda: ChatMultiApi(model="aicredits:" + OTHER, **made).invoke("x"),
        lambda: chat.invoke("x", model=OTHER),
        lambda: chat.bind(model=OTHER).invoke("x"),
        lambda: chosen.invoke("x"),
        lambda: chat.model_copy(update={"model": OTHER}).invoke("x"),
        lambda: MultiApiLLM(provider="aicredits", model=OTHER, **made),
        lambda: llm.complete("x", model=OTHER),
        lambda: llm.model_copy(update={"model": OTHER}),
        lambda: MultiApiEmbeddings(provider="aicredits", model=OTHER, **made),
        lambda: MultiApiEmbedding(provider="aicredits", model=OTHER, **made),
        lambda: client.chat(ChatRequest(model=OTHER, messages=[Message("user", "x")])),
        lambda: list(client.chat_stream(ChatRequest(model=OTHER, messages=[Message("user", "x")]))),
        lambda: client.embed(EmbedRequest(model=OTHER, texts=["x"])),
        lambda: client.image(ImageRequest(model=OTHER, prompt="x")),
    ]
    for number, way in enumerate(ways):
        with pytest.raises(InvalidRequestError, match=r"binobox:.* is one of binobox"):
            way()
            print("way", number)
    assert not sent
    with pytest.raises(InvalidRequestError, match="configurable_alternatives") as failure:
        chat.invoke("x", model=OTHER)
    assert failure.value.belongs_to == "binobox"
    with pytest.raises(InvalidRequestError, match="name binobox as the provider") as failure:
        llm.complete("x", model=OTHER)
    assert "configurable" not in str(failure.value)


@pytest.mark.parametrize("model", ["qwen/qwen3:free", "ft:gpt-4o:team", "aicredits/x:y"])
def test_other_colons_stay(model: str) -> None:
    assert ChatMultiApi(provider="aicredits", model=model, api_key="k").model == model
    assert MultiApiLLM(provider="aicredits", model=model, api_key="k").model == model
