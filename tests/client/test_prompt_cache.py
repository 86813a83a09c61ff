"""`prompt_cache`: AICredits' switch for keeping the beginning of a prompt, apart from every cache of a framework."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage, SystemMessage
from llama_index.core.base.llms.types import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import PROVIDERS, AsyncClient, ChatRequest, ChatResponse, Client, Message
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.simulator import Simulator

MODEL = "anthropic/claude-sonnet-4.6"
RULES = "You answer questions about a very long contract. " * 200
ASKED = [Message("system", RULES), Message("user", "What does it say of notice?")]


class Place:
    """A simulator, and the bodies that came to it."""

    def __init__(self, provider: str) -> None:
        self.simulator = Simulator()
        self.bodies: list[dict[str, Any]] = []
        self.given: dict[str, Any] = {
            "api_key": "any-key-1234",
            "base_url": self.simulator.base_url(provider),
            "http_client": httpx.Client(transport=self.simulator.transport, event_hooks={"request": [self._note]}),
        }

    def _note(self, request: httpx.Request) -> None:
        if request.method == "POST":
            self.bodies.append(orjson.loads(request.read()))


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place("aicredits")
    yield made
    made.given["http_client"].close()


def ask(**settings: Any) -> ChatRequest:
    return ChatRequest(model=MODEL, messages=ASKED, max_tokens=20, **settings)


def read_from_cache(response: ChatResponse | None) -> int | None:
    assert response is not None and response.usage is not None
    return response.usage.cached_input_tokens


@pytest.mark.parametrize("streamed", [False, True])
def test_the_second_call_reads_what_the_first_one_wrote(place: Place, streamed: bool) -> None:
    client = Client("aicredits", **place.given)

    def spent(**settings: Any) -> tuple[int | None, Decimal]:
        before = client.balance().amount
        asked = ask(**settings)
        answer = [*client.chat_stream(asked)][-1].response if streamed else client.chat(asked)
        after = client.balance().amount
        assert before is not None and after is not None
        return read_from_cache(answer), before - after

    cached, plain = spent()
    assert cached is None and "cache" not in place.bodies[-1]
    cached, first = spent(prompt_cache=True)
    assert cached is None and first > plain
    cached, second = spent(prompt_cache=True)
    assert cached is not None and cached > 1024 and second < plain
    assert spent(prompt_cache=False)[0] is None


def test_both_frameworks_and_the_async_client_send_it_as_cache(place: Place) -> None:
    async def one() -> None:
        async with httpx.AsyncClient(transport=place.simulator.async_transport) as http:
            client = AsyncClient("aicredits", **{**place.given, "http_client": http})
            await client.chat(ask(prompt_cache=True))

    asyncio.run(one())
    talk = [SystemMessage(RULES), HumanMessage("And of rent?")]
    model = ChatMultiApi(provider="aicredits", model=MODEL, prompt_cache=True, **place.given)
    message: Any = model.invoke(talk)
    assert place.bodies[-1]["cache"] is True
    assert message.usage_metadata["input_token_details"]["cache_read"] > 1024  # written by the async client's call
    ChatMultiApi(provider="aicredits", model=MODEL, **place.given).invoke(talk, prompt_cache=False)
    assert place.bodies[-1]["cache"] is False
    llm = MultiApiLLM(provider="aicredits", model=MODEL, prompt_cache=True, **place.given)
    said = [ChatMessage(role="system", content=RULES), ChatMessage(role="user", content="And of pets?")]
    answer = llm.chat(said)
    assert place.bodies[-1]["cache"] is True
    assert "prompt_cache" not in json.dumps(place.bodies)
    assert answer.raw is not None and answer.raw["usage"]["prompt_tokens_details"]["cached_tokens"] > 1024
    MultiApiLLM(provider="aicredits", model=MODEL, **place.given).chat(said, prompt_cache=False)
    assert place.bodies[-1]["cache"] is False


def test_the_word_of_extra_wins(place: Place) -> None:
    Client("aicredits", **place.given).chat(ask(prompt_cache=True, extra={"cache": False, "no_cache": True}))
    assert place.bodies[-1]["cache"] is False and place.bodies[-1]["no_cache"] is True


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "aicredits"])
def test_a_provider_without_the_switch_refuses_it_unsent(provider: str, switch: bool) -> None:
    place = Place(provider)
    with pytest.raises(UnsupportedError, match="prompt_cache; aicredits has"):
        Client(provider, **place.given).chat(ask(prompt_cache=switch))
    assert not place.bodies


def test_what_is_not_a_switch_and_what_another_protocol_has_not_is_refused_unsent(place: Place) -> None:
    client = Client("aicredits", **place.given)
    with pytest.raises(InvalidRequestError, match="True or False, not 'ttl'"):
        client.chat(ask(prompt_cache="ttl"))
    with pytest.raises(UnsupportedError, match="use api='chat'"):
        client.chat(ask(prompt_cache=True, api="responses"))
    assert not place.bodies


def test_each_framework_says_which_cache_is_meant(place: Place) -> None:
    with pytest.warns(UserWarning, match="prompt_cache is the argument"):
        llm = MultiApiLLM(provider="aicredits", model=MODEL, cache=True, **place.given)
    llm.complete("x")
    assert place.bodies[-1]["cache"] is True
    with pytest.warns(UserWarning, match="prompt_cache=True"):
        ChatMultiApi(provider="aicredits", model=MODEL, cache=True, **place.given)
    model = ChatMultiApi(provider="aicredits", model=MODEL, cache=InMemoryCache(), **place.given)
    model.invoke("x")
    assert "cache" not in place.bodies[-1]
