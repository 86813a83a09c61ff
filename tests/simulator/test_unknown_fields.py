"""AI/ML API drops fields that it does not know; the simulator does so on demand (live_aimlapi L4)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError
from multiapi.simulator import Simulator

HELLO = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}


def post(simulator: Simulator, body: dict[str, Any], vendor: str = "aimlapi") -> httpx.Response:
    path = {"aimlapi": "/v1/chat/completions"}.get(vendor, "/chat/completions")
    with httpx.Client(transport=simulator.transport) as http:
        return http.post(simulator.base_url(vendor) + path, headers={"authorization": "Bearer any-key-1234"}, json=body)


def test_strict_is_the_default() -> None:
    assert post(Simulator(), HELLO | {"banana_toggle": True}).status_code == 400


@pytest.mark.parametrize("extra", [{"banana_toggle": True}, {"a": {"b": 1}, "c": []}, {"top_pp": 0.5}])
def test_dropped_as_if_it_were_not_there(extra: dict[str, Any]) -> None:
    bare, more = post(Simulator(unknown="drop"), HELLO), post(Simulator(unknown="drop"), HELLO | extra)
    assert more.status_code == bare.status_code
    assert more.json()["choices"] == bare.json()["choices"]
    assert more.json()["meta"] == bare.json()["meta"]


def test_what_is_known_and_wrong_is_refused_all_the_same() -> None:
    simulator = Simulator(unknown="drop")
    assert post(simulator, HELLO | {"temperature": "hot"}).status_code == 400
    assert post(simulator, {"model": "openai/gpt-4o", "banana": 1}).status_code == 400


def test_other_providers_are_as_before() -> None:
    for vendor in ("aicredits", "binom_router"):
        strict, lenient = (
            post(each, HELLO | {"banana": 1}, vendor) for each in (Simulator(), Simulator(unknown="drop"))
        )
        assert strict.status_code == lenient.status_code


def test_the_client_warns_of_what_is_dropped() -> None:
    simulator = Simulator(unknown="drop")
    client = Client(
        "aimlapi",
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.Client(transport=simulator.transport),
    )
    ask = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "x")], extra={"banana_toggle": True})
    with pytest.warns(UserWarning, match="banana_toggle"):
        assert client.chat(ask).text
    strict = Client(
        "aimlapi",
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.Client(transport=Simulator().transport),
        unknown_fields="pass",
    )
    with pytest.raises(InvalidRequestError):
        strict.chat(ask)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="'refuse' or 'drop'"):
        Simulator(unknown="ignore")  # type: ignore[arg-type]
