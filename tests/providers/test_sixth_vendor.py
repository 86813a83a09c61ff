"""A vendor from another package: found by its entry point, asked as its contract says, and named like the five."""

from __future__ import annotations

import copy
import pickle
import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import FallbackLLM, MultiApiEmbedding, MultiApiLLM, MultiApiOcrReader, MultiApiToolSpec
from multiapi import PROVIDERS, Client, EmbedRequest
from multiapi import provider as registry
from multiapi.errors import InvalidRequestError
from multiapi.provider import Provider
from multiapi.providers import find_provider, split_model
from tests.docs.pages import ROOT, blocks
from tests.providers.conftest import connections


def test_it_is_found_by_its_entry_point(acme: Provider) -> None:
    assert "acme" not in PROVIDERS
    assert find_provider("acme") is acme
    assert split_model("acme:acme-large", None) == (acme, "acme-large")
    assert pickle.loads(pickle.dumps(acme)) is acme


def test_without_its_package_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests handed over under this name: a provider is known for as long as something holds it, an exception perhaps."""
    monkeypatch.setattr(registry, "_HANDED_OVER", WeakValueDictionary())
    monkeypatch.setattr(registry, "_added", cache(registry._added.__wrapped__))
    with pytest.raises(InvalidRequestError, match="unknown provider 'acme'; it must be one of bineric, "):
        find_provider("acme")


def test_its_name_is_listed_among_the_known_ones(acme: Provider) -> None:
    with pytest.raises(InvalidRequestError, match="binobox, acme"):
        find_provider("acmee")


def test_the_page_makes_models_of_it(acme: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = next(block.text for block in blocks(ROOT / "docs" / "adding-a-vendor.md") if block.file == "use.py")
    monkeypatch.setattr(Client, "chat", lambda self, request: (self.provider.name, request.model))
    path = tmp_path / "use.py"
    path.write_text(text)
    made = runpy.run_path(str(path))
    assert made["answer"] == ("acme", "acme-large")
    assert isinstance(made["chain"], ChatMultiApi)
    assert (made["chain"].provider, made["chain"].model) == ("acme", "acme-large")
    assert isinstance(made["llm"], MultiApiLLM)


def test_its_key_comes_from_its_own_variable(acme: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-acme")
    assert Client("acme").key.reveal() == "acme-key"


def test_what_its_contract_does_not_know_is_refused(acme: Provider) -> None:
    settings = connections("acme", acme)
    with pytest.raises(InvalidRequestError, match="seed"):
        ChatMultiApi(**settings, seed=7).invoke("hello")


def test_it_embeds_through_everything(acme: Provider) -> None:
    settings: dict[str, Any] = {**connections("acme", acme), "model": "acme-embed"}
    texts = ["first", "second", "third"]
    core = Client("acme", api_key="k", http_client=settings["http_client"]).embed(
        EmbedRequest(model="acme-embed", texts=texts)
    )
    assert [len(vector) for vector in core.vectors] == [64, 64, 64]
    assert MultiApiEmbeddings(**settings).embed_documents(texts) == core.vectors
    assert MultiApiEmbedding(**settings).get_text_embedding_batch(texts) == core.vectors


# ------------------------------------------------------------------------------------------------ as an object


@pytest.fixture
def handed(acme: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Acme as a program makes it for itself: no entry point, no registration."""
    monkeypatch.setattr(registry, "_added", cache(dict))
    return replace(acme)


def held(of: Any) -> list[Provider]:
    """The provider of something, of its copies and of its pickle."""
    return [each.vendor for each in (of, copy.copy(of), copy.deepcopy(of), pickle.loads(pickle.dumps(of)))]


def test_an_object_goes_into_models_and_embeddings_of_both_frameworks(handed: Provider) -> None:
    settings: dict[str, Any] = {**connections("acme", handed), "provider": handed}
    for made in (ChatMultiApi(**settings), MultiApiLLM(**settings)):
        assert (made.provider, made.model) == ("acme", "acme-large")
        assert held(made) == [handed] * 4
    for embeds in (MultiApiEmbeddings(**settings), MultiApiEmbedding(**settings)):
        assert held(embeds) == [handed] * 4
    assert ChatMultiApi(**settings).invoke("Say hello in three words.").text == "hello in three words"
    llm = MultiApiLLM(**settings)
    assert llm.complete("Say hello in three words.").text == "hello in three words"
    assert FallbackLLM(llms=[llm]).complete("Say hello in three words.").text == "hello in three words"
    assert llm.metadata.context_window == 128_000
    assert ChatMultiApi(**settings).profile["max_input_tokens"] == 128_000  # type: ignore[index]


def test_an_object_goes_into_tools_and_readers(handed: Provider) -> None:
    settings = {name: value for name, value in connections("acme", handed).items() if name not in {"provider", "model"}}
    (tool,) = MultiApiToolkit(provider=handed, **settings).get_tools()
    answer = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": {"prompt": "a cat"}})
    assert answer.artifact.mime_type == "image/png"
    assert pickle.loads(pickle.dumps(tool)).vendor is handed
    spec = MultiApiToolSpec(handed, **settings)
    assert spec.generate_image(prompt="a cat").media[0].mime_type == "image/png"
    assert MultiApiOcrReader(handed, **settings).provider == "acme"


def test_what_is_dumped_names_it(handed: Provider) -> None:
    settings = {**connections("acme", handed), "provider": handed}
    assert ChatMultiApi(**settings).model_dump()["provider"] == "acme"
    llm = MultiApiLLM(**settings)
    assert llm.to_dict()["provider"] == "acme"
    assert MultiApiLLM.from_dict({**llm.to_dict(), "api_key": "k"}).vendor is handed


def test_a_changed_provider_of_this_package_stays_the_changed_one() -> None:
    changed = replace(PROVIDERS["aicredits"], embed_batch_size=2)
    model = ChatMultiApi(provider=changed, model="m", api_key="k")
    assert model.client.provider is changed
    assert copy.deepcopy(model).client.provider is changed
    assert MultiApiLLM(provider=changed, model="m", api_key="k").vendor is changed
    assert ChatMultiApi(provider="aicredits", model="m", api_key="k").client.provider is PROVIDERS["aicredits"]


def test_a_model_moves_to_an_object_and_back(handed: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "k")
    for made in (ChatMultiApi(provider="aimlapi", model="m", api_key="k"), MultiApiLLM(provider="aimlapi", model="m")):
        made.provider = handed  # type: ignore[assignment]
        assert (made.provider, made.vendor) == ("acme", handed)
        made.provider = "aimlapi"
        assert made.vendor is PROVIDERS["aimlapi"]


def test_its_object_is_forgotten_with_the_last_that_holds_it(handed: Provider) -> None:
    import gc

    other = replace(handed, name="acme_too")
    model = ChatMultiApi(provider=other, model="m", api_key="k")
    assert find_provider("acme_too") is other
    del model, other
    gc.collect()
    with pytest.raises(InvalidRequestError, match="unknown provider 'acme_too'"):
        find_provider("acme_too")
