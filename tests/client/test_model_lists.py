"""Lists of models: rows of one id, kinds, models that are not offered, and what the process learns (live 5, live_aimlapi L18)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiToolkit
from llamaindex_multiapi import MultiApiLLM, MultiApiToolSpec
from multiapi import AsyncClient, Client
from multiapi.errors import NotFoundError
from multiapi.money.prices import token_prices
from multiapi.providers.context_windows import LEARNED, known_context_window

ROWS = [
    {"id": "openai/gpt-4o", "type": "openai/chat-completions", "info": {"name": "GPT-4o", "developer": "Open AI"}},
    {"id": "openai/gpt-4o", "type": "openai/image-generations", "info": {"name": "GPT-4o", "developer": "Open AI"}},
    {"id": "flux/schnell", "type": "openai/image-generations", "info": {"name": "Flux", "developer": "Flux"}},
]
SEEN = [
    {
        "id": "made-up/model-1", "name": "M", "provider": "made-up", "context_length": 77_777, "is_active": True, "input_cost_per_token": 1.5e-7,
        "output_cost_per_token": 6e-7, "cached_input_cost_per_token": 7.5e-8, "input_cost_per_token_inr": 15.05e-6,
        "output_cost_per_token_inr": 60.18e-6,
    },
    {"id": "old/model", "name": "Old", "provider": "old", "is_active": False},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    before = dict(LEARNED)
    LEARNED.clear()
    yield
    LEARNED.clear()
    LEARNED.update(before)


def answering(rows: Any, sent: list[httpx.Request] | None = None) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        return httpx.Response(200, json={"object": "list", "data": rows})

    return httpx.MockTransport(answer)


def client(vendor: str, rows: Any) -> Client:
    return Client(vendor, api_key="any-key-1234", http_client=httpx.Client(transport=answering(rows)))


def test_one_id_two_rows_and_each_is_found() -> None:
    mine = client("aimlapi", ROWS)
    assert [(each.id, each.kind) for each in mine.models()] == [(row["id"], row["type"]) for row in ROWS]
    assert [each.id for each in mine.models(kind="image")] == ["openai/gpt-4o", "flux/schnell"]
    assert [each.id for each in mine.models(kind="openai/chat-completions")] == ["openai/gpt-4o"]
    for kind in ("openai/chat-completions", "openai/image-generations"):
        assert mine.model("openai/gpt-4o", kind=kind).kind == kind
    with pytest.raises(NotFoundError, match="'openai/gpt-4o' of the kind 'video'"):
        mine.model("openai/gpt-4o", kind="video")
    by_id_and_kind = {(each.id, each.kind): each for each in mine.models()}
    assert len(by_id_and_kind) == len(ROWS)


async def test_awaited_likewise() -> None:
    http = httpx.AsyncClient(transport=answering(ROWS))
    mine = AsyncClient("aimlapi", api_key="any-key-1234", http_client=http)
    assert len(await mine.models(kind="image")) == 2
    assert (await mine.model("openai/gpt-4o", kind="chat")).kind == "openai/chat-completions"


def test_models_that_are_not_offered_are_left_out_by_agents() -> None:
    http = {"api_key": "any-key-1234", "http_client": httpx.Client(transport=answering(SEEN))}
    (tool,) = [each for each in MultiApiToolkit(provider="aicredits", **http).get_tools() if each.name == "list_models"]
    told = tool.invoke({})
    assert "made-up/model-1" in told and "old/model" not in told
    assert "0.15 USD for input_tokens" in told and "15.05 INR" in told
    spec = MultiApiToolSpec(provider="aicredits", **http)
    (other,) = [each for each in spec.to_tool_list() if each.metadata.name == "list_models"]
    assert "old/model" not in str(other.call()) and "made-up/model-1" in str(other.call())


def test_each_currency_has_its_prices() -> None:
    info = client("aicredits", SEEN).models()[0]
    dollars, rupees = token_prices(info.prices, unit="USD"), token_prices(info.prices, unit="INR")
    assert dollars is not None and rupees is not None
    assert (dollars.input * 1_000_000, rupees.output * 1_000_000) == (Decimal("0.15"), Decimal("60.18"))  # type: ignore[operator]


LISTS: dict[str, Any] = {
    "core": lambda http, _: Client("aicredits", api_key="any-key-1234", http_client=http).models(),
    "core, one": lambda http, _: Client("aicredits", api_key="any-key-1234", http_client=http).model("made-up/model-1"),
    "core, async": lambda _, http: asyncio.run(
        AsyncClient("aicredits", api_key="any-key-1234", http_client=http).models()
    ),
    "LangChain": lambda http, _: ChatMultiApi(
        model="aicredits:m", api_key="any-key-1234", http_client=http
    ).list_models(),
    "LangChain, async": lambda _, http: asyncio.run(
        ChatMultiApi(model="aicredits:m", api_key="any-key-1234", http_async_client=http).alist_models()
    ),
    "LlamaIndex": lambda http, _: MultiApiLLM(
        model="aicredits:m", api_key="any-key-1234", http_client=http
    ).list_models(),
    "LlamaIndex, async": lambda _, http: asyncio.run(
        MultiApiLLM(model="aicredits:m", api_key="any-key-1234", http_async_client=http).alist_models()
    ),
}


@pytest.mark.parametrize("way", LISTS)
def test_every_list_tells_the_process_how_much_models_take(way: str) -> None:
    assert known_context_window("aicredits", "made-up/model-1") is None
    transport = answering(SEEN)
    LISTS[way](httpx.Client(transport=transport), httpx.AsyncClient(transport=transport))
    assert known_context_window("aicredits", "made-up/model-1") == 77_777
    assert MultiApiLLM(model="aicredits:made-up/model-1", api_key="any-key-1234").metadata.context_window == 77_777
    profile = ChatMultiApi(model="aicredits:made-up/model-1", api_key="any-key-1234").profile
    assert profile is not None and profile["max_input_tokens"] == 77_777
    assert json.dumps(profile)
