"""A vendor from another package: found by its entry point, asked as its contract says, and named like the five."""

from __future__ import annotations

import pickle
import runpy
from pathlib import Path
from typing import Any

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import PROVIDERS, Client, EmbedRequest
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


def test_without_its_package_it_is_unknown() -> None:
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
