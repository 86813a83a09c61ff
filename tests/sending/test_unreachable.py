"""A connection that cannot be made says where to, and who named the place, in every face of the package."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from multiapi import AsyncClient, ChatRequest, Client, ConnectionFailedError, EmbedRequest, Message
from multiapi.providers import PROVIDERS


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address of this machine at which nobody listens, with a secret in its path, in every provider's variable."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for provider in PROVIDERS.values():
        monkeypatch.setenv(provider.base_url_env, f"{origin}/secret-path/v1")
        monkeypatch.setenv(provider.api_key_env, "the-key-of-a-test")
    return origin


REQUEST = ChatRequest(model="m", messages=[Message("user", "hello")])


def core(provider: str) -> Any:
    return Client(provider, max_retries=0).chat(REQUEST)


def streamed(provider: str) -> Any:
    return list(Client(provider, max_retries=0).chat_stream(REQUEST))


def embedded(provider: str) -> Any:
    name = provider if "embed" in PROVIDERS[provider].operations else "aimlapi"
    return Client(name, max_retries=0).embed(EmbedRequest(model="m", texts=["a"]))


def awaited(provider: str) -> Any:
    import asyncio

    async def ask() -> Any:
        async with AsyncClient(provider, max_retries=0) as client:
            return await client.chat(REQUEST)

    return asyncio.run(ask())


def langchain(provider: str) -> Any:
    from langchain_multiapi import ChatMultiApi

    return ChatMultiApi(provider=provider, model="m", max_retries=0).invoke("hello")


def llamaindex(provider: str) -> Any:
    from llamaindex_multiapi import MultiApiLLM

    return MultiApiLLM(provider=provider, model="m", max_retries=0).complete("hello")


@pytest.mark.parametrize("ask", [core, streamed, embedded, awaited, langchain, llamaindex])
@pytest.mark.parametrize("provider", list(PROVIDERS)[:5])
def test_an_unreachable_address_is_named(closed: str, provider: str, ask: Callable[[str], Any]) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        ask(provider)
    error = caught.value
    variable = PROVIDERS[str(error.provider)].base_url_env
    assert f"cannot be reached at {closed} (from {variable})" in str(error)
    assert "is the simulator running?" in str(error)
    assert (error.address, error.address_variable) == (closed, variable)
    assert "secret" not in str(error) + repr(vars(error))


def test_an_address_that_was_passed_has_no_variable(closed: str) -> None:
    with pytest.raises(ConnectionFailedError, match=f"at {closed}: ") as caught:
        Client("aimlapi", base_url=f"{closed}/other", max_retries=0).chat(REQUEST)
    assert caught.value.address_variable is None
