"""Keys and addresses under the names that other packages of AI/ML API use (live_aimlapi L14)."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import PROVIDERS, AsyncClient, Client
from multiapi.client.pair import ClientPair
from multiapi.errors import MissingApiKeyError
from multiapi.sending import keys

KEYS = ("AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY")
ADDRESSES = ("AIMLAPI_BASE_URL", "AIMLAPI_API_BASE", "AIML_API_BASE")


def _secret_of(made: Any) -> str:
    return str((made.client if isinstance(made, ChatMultiApi) else made).key.reveal())


MAKERS: dict[str, Callable[[], Any]] = {
    "Client": lambda: Client("aimlapi"),
    "AsyncClient": lambda: AsyncClient("aimlapi"),
    "ClientPair": lambda: ClientPair("aimlapi"),
    "ChatMultiApi": lambda: ChatMultiApi(model="aimlapi:m").client,
    "MultiApiEmbeddings": lambda: MultiApiEmbeddings(model="aimlapi:m").client,
    "MultiApiLLM": lambda: MultiApiLLM(model="aimlapi:m")._client({}),
    "MultiApiEmbedding": lambda: MultiApiEmbedding(model="aimlapi:m")._client({}),
}


@pytest.fixture(autouse=True)
def _not_told_before() -> None:
    keys._warn_of_difference.cache_clear()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("maker", MAKERS)
def test_each_name_alone(maker: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "key-of-" + name)
    assert _secret_of(MAKERS[maker]()) == "key-of-" + name


@pytest.mark.parametrize("maker", MAKERS)
def test_the_order_and_one_warning_that_shows_nothing(maker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, "key-of-" + name)
    for first in range(3):
        keys._warn_of_difference.cache_clear()
        if first:
            monkeypatch.setenv(KEYS[first - 1], "")
        if first == 2:
            assert _secret_of(MAKERS[maker]()) == "key-of-" + KEYS[2]  # alone: nothing to tell
            return
        with pytest.warns(UserWarning) as told:
            assert _secret_of(MAKERS[maker]()) == "key-of-" + KEYS[first]
            MAKERS[maker]()
        assert len(told) == 1
        assert "key-of" not in str(told[0].message)
        assert all(name in str(told[0].message) for name in KEYS[first:])


def test_equal_values_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, "the-same-key")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Client("aimlapi")


@pytest.mark.parametrize("maker", MAKERS)
def test_a_missing_key_names_all_of_them(maker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIML_API_KEY", "")
    with pytest.raises(Exception) as caught:
        made = MAKERS[maker]()
        made.key.reveal()  # a client asks for it when a request needs one
    assert isinstance(caught.value, MissingApiKeyError)
    assert all(name in str(caught.value) for name in KEYS)


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("maker", MAKERS)
def test_addresses_likewise(maker: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", "k-123456")
    monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
    made = MAKERS[maker]()
    client = made.blocking if isinstance(made, ClientPair) else made
    assert client.base_url == "http://127.0.0.1:9"


def test_a_pickle_has_the_name_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIML_API_KEY", "first-key")
    client, model = Client("aimlapi"), ChatMultiApi(model="aimlapi:m")
    data = pickle.dumps([client, model])
    assert b"first-key" not in data
    monkeypatch.setenv("AIML_API_KEY", "second-key")
    assert [_secret_of(each) for each in pickle.loads(data)] == ["second-key", "second-key"]


def test_no_name_stands_for_two_providers() -> None:
    names = [name for each in PROVIDERS.values() for name in (*each.key_variables, *each.base_url_variables)]
    assert len(names) == len(set(names))
