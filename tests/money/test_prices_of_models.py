"""Prices of a model are told apart: no two say the same of different amounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi import Client
from multiapi.providers.aimlapi.account import read_model
from multiapi.simulator import Simulator
from multiapi.types.account import ModelInfo, Price

pytestmark = pytest.mark.usefixtures("waits")


def unit(**facts: Any) -> dict[str, Any]:
    return {"type": "charge", "price": 0.65, "per": 1_000_000, **facts}


def told(*units: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    row = {"id": "a/b", "pricing": {"kind": "fixed", "currency": "USD", "units": list(units)}}
    return [(price.what, dict(price.when)) for price in read_model(row).prices]


def distinct(info: ModelInfo) -> bool:
    amounts: dict[tuple[str, str | None, str], set[Decimal]] = {}
    for price in info.prices:
        amounts.setdefault((price.what, price.currency, repr(sorted(price.when.items()))), set()).add(price.amount)
    return all(len(each) == 1 for each in amounts.values())


def test_live_units_are_told_apart_by_their_origin() -> None:
    units = [unit(name="token", content="text", origin=origin) for origin in ("provided", "generated", "cached")]
    assert [what for what, _ in told(*units)] == ["input_tokens", "output_tokens", "cached_input_tokens"]


@pytest.mark.parametrize(
    ("facts", "what", "when"),
    [
        ({"measure": "input_tokens"}, "input_tokens", {}),
        ({"name": "output", "measure": "tokens"}, "output_tokens", {}),
        ({"name": "token", "origin": "provided", "content": "audio"}, "input_tokens", {"content": "audio"}),
        ({"name": "token", "origin": "generated", "content": "image"}, "output_tokens", {"content": "image"}),
        ({"name": "token", "origin": "searched"}, "searched", {}),
        ({"name": "token"}, "token", {}),
        ({"name": "image", "origin": "generated"}, "image", {}),
        ({"unit": "second", "when": {"resolution": "720p"}}, "second", {"resolution": "720p"}),
    ],
)
def test_what_a_unit_is_about(facts: dict[str, Any], what: str, when: dict[str, Any]) -> None:
    assert told(unit(**facts)) == [(what, when)]


def test_what_else_a_unit_says_tells_it_apart() -> None:
    first, second = told(unit(name="image", tier="a", price=1), unit(name="image", tier="b", price=2))
    assert (first[1]["tier"], second[1]["tier"]) == ("a", "b")


WORDS = st.sampled_from(["token", "provided", "generated", "cached", "text", "audio", "input", "second", None, 7])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"price": st.sampled_from([0, 0.5, "1.25", 3])},
            optional=dict.fromkeys(("name", "origin", "measure", "content", "unit", "per", "type"), WORDS),
        ),
        max_size=6,
    )
)
def test_no_two_prices_say_the_same_of_different_amounts(units: list[dict[str, Any]]) -> None:
    row = {"id": "a/b", "pricing": {"currency": "USD", "units": units}}
    info = read_model(row)
    assert len(info.prices) == len(units)
    assert distinct(info)


@pytest.mark.parametrize("vendor", ["bineric", "aimlapi", "aicredits", "binobox"])
@pytest.mark.parametrize("as_seen", [False, True])
def test_the_lists_of_the_simulator_keep_to_it(vendor: str, as_seen: bool) -> None:
    simulator = Simulator(as_seen=as_seen)
    http = httpx.Client(transport=simulator.transport)
    client = Client(vendor, api_key="any-key-1234", base_url=simulator.base_url(vendor), http_client=http)
    listed = client.models()
    assert all(distinct(info) for info in listed)
    assert any(isinstance(price, Price) for info in listed for price in info.prices)
