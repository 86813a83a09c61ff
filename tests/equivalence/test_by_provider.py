"""The classes of one provider each: what they are called, that they are the general ones, and that nothing else is taken with them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import httpx
import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.load import dumps, loads

import langchain_multiapi
import llamaindex_multiapi
from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import PROVIDERS, InvalidRequestError
from multiapi.simulator import Simulator
from tests.packaging import named_classes

LANGCHAIN = {"bineric": "ChatBineric", "binom_router": "ChatBinomRouter", "aimlapi": "ChatAimlApi", "aicredits": "ChatAICredits",
             "binobox": "ChatBinobox"}  # fmt: skip
LLAMAINDEX = {
    "bineric": "Bineric",
    "binom_router": "BinomRouter",
    "aimlapi": "AimlApi",
    "aicredits": "AICredits",
    "binobox": "Binobox",
}
MODELS = {"bineric": "gpt-4", "binobox": "gemini-3.1-flash-lite"}
NAMED = [
    *((langchain_multiapi, name, provider, ChatMultiApi) for provider, name in LANGCHAIN.items()),
    *((llamaindex_multiapi, name, provider, MultiApiLLM) for provider, name in LLAMAINDEX.items()),
    (langchain_multiapi, "AimlApiEmbeddings", "aimlapi", MultiApiEmbeddings),
    (langchain_multiapi, "AICreditsEmbeddings", "aicredits", MultiApiEmbeddings),
    (llamaindex_multiapi, "AimlApiEmbedding", "aimlapi", MultiApiEmbedding),
    (llamaindex_multiapi, "AICreditsEmbedding", "aicredits", MultiApiEmbedding),
]


def asked(model: Any) -> Any:
    if isinstance(model, ChatMultiApi):
        return model.invoke("Say hello in three words.").text
    if isinstance(model, MultiApiLLM):
        return model.complete("Say hello in three words.").text
    return (model.embed_query if isinstance(model, MultiApiEmbeddings) else model.get_query_embedding)("hello")


@pytest.mark.parametrize(
    ("package", "name", "provider", "general"), NAMED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_class_of_one_provider_is_the_general_one_with_the_provider_set(
    package: Any, name: str, provider: str, general: Any
) -> None:
    simulator = Simulator()
    made = {
        "model": MODELS.get(provider, "openai/gpt-4o"),
        "api_key": "any-key-1234",
        "base_url": simulator.base_url(provider),
    }
    clients = {"http_client": httpx.Client(transport=simulator.transport)}
    kind = getattr(package, name)
    assert name in package.__all__
    assert issubclass(kind, general)
    model = kind(**made, **clients)
    assert model.provider == provider
    assert asked(model) == asked(general(provider=provider, **made, **clients))
    assert kind(**{**made, "model": f"{provider}:{made['model']}"}).model == made["model"]
    again = pickle.loads(pickle.dumps(model))
    assert type(again) is kind
    assert again.provider == provider
    assert kind(provider=PROVIDERS[provider], **made).provider == provider


@pytest.mark.parametrize(
    ("package", "name", "provider", "general"), NAMED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_another_provider_is_refused_by_name(package: Any, name: str, provider: str, general: Any) -> None:
    kind, other = getattr(package, name), "aicredits" if provider == "aimlapi" else "aimlapi"
    with pytest.raises(InvalidRequestError, match=f"{name} is for {provider} and not for {other}"):
        kind(model="m", api_key="k", provider=other)
    with pytest.raises(InvalidRequestError, match=f"{other}:m' is one of {other}"):
        kind(model=f"{other}:m", api_key="k")
    if general is not MultiApiEmbeddings:
        model = kind(model="m", api_key="k")
        with pytest.raises(InvalidRequestError, match=f"not for {other}"):
            model.provider = other
        assert model.provider == provider


@pytest.mark.parametrize("name", LANGCHAIN.values())
def test_a_named_class_goes_through_langchains_serialization(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = getattr(langchain_multiapi, name)
    monkeypatch.setenv(PROVIDERS[kind.model_fields["provider"].default].api_key_env, "any-key-1234")
    written = dumps(kind(model="m", temperature=0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        again = loads(written, allowed_objects=[kind], valid_namespaces=["langchain_multiapi"], secrets_from_env=True)
    assert type(again) is kind
    assert again.temperature == 0.5


@pytest.mark.parametrize("package", named_classes.KINDS)
def test_the_classes_are_as_their_table_says(package: str) -> None:
    text = (named_classes.ROOT / package / "by_provider.py").read_text(encoding="utf-8")
    assert text == named_classes.module(package), "run: make tables"
    listed = (named_classes.ROOT / package / "__init__.pyi").read_text(encoding="utf-8")
    assert listed == named_classes.stub(package, listed), "run: make tables"


def test_every_provider_has_a_name() -> None:
    assert (
        set(named_classes.STEMS) == {"bineric", "binom_router", "aimlapi", "aicredits", "binobox"} <= PROVIDERS.keys()
    )


PROGRAM = """
import os
import langchain_multiapi.register
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings

os.environ.update({name + "_API_KEY": "k" for name in ("BINERIC", "BINOM_ROUTER", "AIMLAPI", "AICREDITS", "BINOBOX")})
for provider in langchain_multiapi.register.REGISTERED:
    model = init_chat_model(provider + ":openai/gpt-4o-mini")
    assert (model.provider, model.model) == (provider, "openai/gpt-4o-mini")
    assert init_chat_model("openai/gpt-4o-mini", model_provider=provider).provider == provider
    create_agent(provider + ":openai/gpt-4o-mini", [])
    chosen = init_chat_model("aimlapi:m", configurable_fields="any")
    assert chosen.with_config(configurable={"model": provider + ":n"})._model().provider
assert init_embeddings("aicredits:e").provider == "aicredits"
print(len(langchain_multiapi.register.REGISTERED))
"""


def test_one_import_makes_strings_work() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr


def test_without_langchain_the_import_says_what_is_missing() -> None:
    program = "import sys; sys.modules['langchain'] = None; import langchain_multiapi.register"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "no table of providers" in done.stderr


@pytest.mark.parametrize("name", ["dimensoins", "batch_sizes"])
@pytest.mark.parametrize("package", [langchain_multiapi, llamaindex_multiapi])
def test_a_typing_error_is_told_with_the_name_that_was_meant_and_the_class_that_was_made(
    package: Any, name: str
) -> None:
    class_ = "AimlApiEmbeddings" if package is langchain_multiapi else "AimlApiEmbedding"
    meant = {"dimensoins": "dimensions", "batch_sizes": "batch_size"}[name]
    if package is llamaindex_multiapi and name == "batch_sizes":
        name, meant = "embed_batch_sizes", "embed_batch_size"
    with pytest.raises(Exception, match=f"{name} is not an argument of {class_}; {meant} is"):
        getattr(package, class_)(model="m", api_key="k", **{name: 3})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_typing_error_in_a_call_names_no_other_class(provider: str) -> None:
    words = {
        "bineric": "Bineric",
        "binom_router": "BinomRouter",
        "aimlapi": "AimlApi",
        "aicredits": "AICredits",
        "binobox": "Binobox",
    }
    chat = getattr(langchain_multiapi, f"Chat{words[provider]}")
    llm = getattr(llamaindex_multiapi, words[provider])
    with pytest.raises(Exception, match=f"temprature is not an argument of Chat{words[provider]}; temperature is"):
        chat(model="m", api_key="k", temprature=1)
    for call in (chat(model="m", api_key="k").invoke, llm("m", api_key="k").complete):
        with pytest.raises(Exception, match="temprature is not an argument of a call; temperature is"):
            call("x", temprature=1)
