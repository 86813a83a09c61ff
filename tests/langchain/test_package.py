"""What happens when something is not installed, and what is there for those who ask."""

from __future__ import annotations

import subprocess
import sys

import pytest
from langchain_core.messages import AIMessage

import langchain_multiapi
from langchain_multiapi import ChatMultiApi, register_with_langchain
from langchain_multiapi.profiles import find_profile
from multiapi._package import install

from .wire import Server, whole


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_without_langchain_core_the_extra_is_named() -> None:
    said = run("import sys; sys.modules['langchain_core'] = None; import langchain_multiapi")
    assert f"ImportError: langchain_multiapi needs langchain-core; {install('langchain')}" in said


def test_without_langchain_only_the_middleware_is_missing() -> None:
    said = run(
        "import sys; sys.modules['langchain'] = None\n"
        "from langchain_multiapi import ChatMultiApi, register_with_langchain\n"
        "assert register_with_langchain() == ()\n"
        "from langchain_multiapi import SpendGuard\n"
    )
    assert f"ImportError: the middleware needs langchain; {install('agents')}" in said


def test_the_package_tells_what_it_has() -> None:
    assert set(langchain_multiapi.__all__) <= set(dir(langchain_multiapi))
    assert langchain_multiapi.MultiApiToolkit
    for missing in ("NoSuchTool", "no_such_thing"):
        with pytest.raises(AttributeError, match=missing):
            getattr(langchain_multiapi, missing)


def test_registering_leaves_what_langchain_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain.chat_models import base as chat_models
    from langchain.embeddings import base as embeddings

    monkeypatch.setattr(chat_models, "_BUILTIN_PROVIDERS", dict(chat_models._BUILTIN_PROVIDERS))
    monkeypatch.setattr(embeddings, "_BUILTIN_PROVIDERS", dict(embeddings._BUILTIN_PROVIDERS))
    before = dict(chat_models._BUILTIN_PROVIDERS)
    assert register_with_langchain() == ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
    assert before.items() <= chat_models._BUILTIN_PROVIDERS.items()
    assert {"aimlapi", "aicredits"} <= embeddings._BUILTIN_PROVIDERS.keys()
    assert "binobox" not in embeddings._BUILTIN_PROVIDERS
    from langchain.embeddings import init_embeddings

    assert init_embeddings("aimlapi:e-1", api_key="k").model == "e-1"
    monkeypatch.delattr(chat_models, "_BUILTIN_PROVIDERS")
    with pytest.warns(UserWarning, match="no table of providers"):
        assert register_with_langchain() == ()


def test_a_vendor_of_another_package_has_a_profile_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from multiapi import provider, providers

    acme = replace(providers.AIMLAPI, name="acme", api_key_env="ACME_API_KEY")
    monkeypatch.setattr(provider, "_added", lambda: {"acme": acme})
    assert find_profile("acme", "m") == {"text_inputs": True, "text_outputs": True}
    server = Server(whole({"content": "4", "reasoning_content": "hm"}))
    model = ChatMultiApi(model="acme:m", api_key="k", **server.clients())
    assert model.invoke("?").text == "4"
    message = AIMessage("4", additional_kwargs={"refusal": "no"}, response_metadata={"model_provider": "acme"})
    assert "no" in str(message.content_blocks[1])


def test_a_model_that_was_pickled_in_another_process_makes_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle
    from dataclasses import replace

    from langchain_core.messages.block_translators import PROVIDER_TRANSLATORS

    from multiapi import provider, providers

    added = {"acme": replace(providers.AIMLAPI, name="acme", api_key_env="ACME_API_KEY")}
    monkeypatch.setattr(provider, "_added", lambda: added)
    pickled = pickle.dumps(ChatMultiApi(model="acme:m", api_key="k"))
    PROVIDER_TRANSLATORS.pop("acme", None)
    model = pickle.loads(pickled)
    model.http_client = Server(whole({"content": "4", "refusal": "no"})).clients()["http_client"]
    assert "no" in str(model.invoke("?").content_blocks[1])


def test_content_in_blocks_is_left_to_langchain() -> None:
    message = AIMessage([{"type": "text", "text": "hi"}], response_metadata={"model_provider": "aimlapi"})
    assert message.content_blocks == [{"type": "text", "text": "hi"}]


def test_a_model_is_made_from_a_mapping_of_its_own_kind() -> None:
    model = ChatMultiApi(provider="aimlapi", model="m", api_key="k", temperature=0.5)
    assert ChatMultiApi.model_validate(model) is model
    assert ChatMultiApi.model_validate({"provider": "aimlapi", "model": "m", "api_key": "k"}).model_name == "m"
