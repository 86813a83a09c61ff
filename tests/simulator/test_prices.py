"""Tokens are charged by the price that the simulated provider's own list shows, and models differ in price."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from multiapi import Client
from multiapi.simulator import Simulator
from multiapi.simulator.contract import aimlapi_catalogue
from multiapi.simulator.prices import price_of
from multiapi.types.account import ModelsRequest
from multiapi.types.chat import ChatRequest, Message


def client(simulator: Simulator, provider: str) -> Client:
    http = httpx.Client(transport=simulator.transport)
    return Client(provider, api_key="any-key-1234", base_url=simulator.base_url(provider), http_client=http)


def test_chat_models_of_aimlapi_differ_in_price() -> None:
    """A budget that is tested with a small model and used with a large one has to notice."""
    texts = [model for model, entry in aimlapi_catalogue().items() if entry["family"] == "text"]
    prices = {model: price_of("aimlapi", model).input for model in texts}
    assert len(set(prices.values())) > 20
    assert prices["gpt-4o-mini"] < prices["gpt-4o"] < prices["gpt-4"]
    assert all(0 < price_of("aimlapi", model).input <= price_of("aimlapi", model).output for model in texts)


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o", "gpt-4o-mini", "claude-opus-4-5", "google/gemini-3-pro-image", "o1"]
)
def test_a_chat_costs_what_the_list_says(model: str) -> None:
    simulator = Simulator()
    caller = client(simulator, "aimlapi")
    listed = {
        price.what: price.amount for each in caller.models(ModelsRequest()) if each.id == model for price in each.prices
    }
    response = caller.chat(ChatRequest(model=model, messages=[Message("user", "Say hello to everybody here.")]))
    assert response.usage is not None and response.cost is not None
    wanted = (
        listed["input_tokens"] * response.usage.input_tokens + listed["output_tokens"] * response.usage.output_tokens
    )
    assert abs(response.cost.amount - wanted / 1_000_000) <= Decimal("0.0000005")


def test_the_documented_prices_are_taken() -> None:
    assert price_of("aicredits", "openai/gpt-4o-mini").documented
    assert (price_of("aicredits", "gpt-4o-mini").input, price_of("aicredits", "gpt-4o-mini").output) == (
        Decimal("15.05"),
        Decimal("60.18"),
    )
    assert not price_of("aimlapi", "openai/gpt-4o").documented
    assert price_of("aicredits", "openai/gpt-4o").input == Decimal("2.5") * Decimal("100.3")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("openai/gpt-4.1-mini-2025-04-14", "gpt-4-1-mini"),
        ("anthropic/claude-sonnet-4.6", "claude-sonnet-4"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
    ],
)
def test_dates_and_developers_do_not_count(one: str, other: str) -> None:
    assert price_of("aimlapi", one).input == price_of("aimlapi", other).input


SAYS = {
    "aimlapi": ("/v1/chat/completions", {"openai/gpt-4o": "assumed", "google/gemini-3-pro-image": "documented"}),
    "aicredits": ("/v1/chat/completions", {"openai/gpt-4o-mini": "documented", "openai/gpt-4o": "assumed"}),
    "binom_router": ("/chat/completions", {"gpt-4o": "assumed"}),
    "bineric": ("/ai/chat/completions", {"gpt-4": "documented", "claude-3.7-sonnet": "assumed"}),
    "binobox": ("/chat/completions", {"gemini-3.1-flash-lite": "documented", "gpt-5-mini": "assumed"}),
}


@pytest.mark.parametrize("provider", SAYS)
def test_every_response_with_a_price_says_whether_it_is_documented(provider: str) -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    path, models = SAYS[provider]
    key = {"api-key": "any-key-1234", "authorization": "Bearer any-key-1234"}
    for model, grade in models.items():
        body = {"model": model, "messages": [{"role": "user", "content": "Count to three."}]}
        answer = http.post(simulator.base_url(provider) + path, json=body, headers=key)
        assert answer.status_code == 200, answer.text
        assert (answer.headers["x-multiapi-price"], simulator.log[-1].price) == (grade, grade)
    refused = http.post(simulator.base_url(provider) + path, json={"model": 3}, headers=key)
    assert "x-multiapi-price" not in refused.headers


def test_what_costs_more_than_the_least_is_assumed_at_binobox() -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    body = {"model": "gemini-3.1-flash-lite", "messages": [{"role": "user", "content": "many words " * 2000}]}
    answer = http.post(simulator.base_url("binobox") + "/chat/completions", json=body, headers={"authorization": "Bearer any-key-1234"})  # fmt: skip
    assert answer.json()["binobox"]["diamonds_charged"] > 0.18
    assert answer.headers["x-multiapi-price"] == "assumed"


def test_lists_of_prices_say_that_they_are_assumed_and_media_too() -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport, headers={"authorization": "Bearer any-key-1234"})
    assert http.get(f"{simulator.base_url('aimlapi')}/v1/models").headers["x-multiapi-price"] == "assumed"
    drawn = http.post(f"{simulator.base_url('aimlapi')}/v1/images/generations", json={"model": "flux/schnell", "prompt": "a boat"})  # fmt: skip
    assert drawn.headers["x-multiapi-price"] == "assumed"
