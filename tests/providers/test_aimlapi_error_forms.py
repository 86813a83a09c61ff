"""AI/ML API's error bodies of 2024 and of 2026 say the same, and the simulator speaks both."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import yaml

from multiapi import ChatRequest, Client, Message
from multiapi.errors import InsufficientCreditsError, StatusError
from multiapi.simulator import Simulator
from tests.contracts import FOLDER

STATUSES = sorted(yaml.safe_load((FOLDER / "aimlapi.yaml").read_text())["x-errors"]["classes"])
HELLO = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "x")])


def refused(fault: str, key: str = "any-key-1234") -> tuple[StatusError, dict[str, Any]]:
    simulator = Simulator()
    simulator.faults.add(fault, vendor="aimlapi")
    bodies: list[Any] = []
    http = httpx.Client(transport=simulator.transport, event_hooks={"response": [lambda answer: keep(answer, bodies)]})
    client = Client("aimlapi", api_key=key, base_url=simulator.base_url("aimlapi"), http_client=http, max_retries=0)
    with pytest.raises(StatusError) as raised:
        client.chat(HELLO)
    return raised.value, bodies[-1]


def keep(answer: httpx.Response, bodies: list[Any]) -> None:
    answer.read()
    bodies.append(answer.json())


@pytest.mark.parametrize("status", STATUSES)
def test_both_forms_of_every_status_are_read_equally(status: int) -> None:
    newer, body = refused(f"status={status}; message=It%20broke")
    older, body_of_2024 = refused(f"status={status}; message=It%20broke; form=2024")
    assert "statusCode" not in body and body["status"] == status and body["error"]["name"].endswith("Exception")
    assert sorted(body_of_2024) == ["message", "path", "requestId", "statusCode", "timestamp"]
    assert type(newer) is type(older)
    assert (newer.status, newer.message, newer.code) == (older.status, older.message, older.code)
    assert (newer.request_id, older.request_id) == (body["requestId"], body_of_2024["requestId"])


def test_an_empty_account_is_told_by_its_kind() -> None:
    error, body = refused("slow=0", key="empty-wallet")
    assert isinstance(error, InsufficientCreditsError)
    assert body["error"]["data"] == {"kind": "err_insufficent_credits"}


@pytest.mark.parametrize(
    ("body", "headers", "wanted"),
    [
        ({"requestId": "r1"}, {"x-inference-id": "i1", "x-request-id": "q1"}, "r1"),
        ({}, {"x-inference-id": "i1", "x-request-id": "q1"}, "i1"),
        ({}, {"x-request-id": "q1"}, "q1"),
    ],
)
def test_the_id_of_a_request_is_in_the_body_or_in_one_of_two_headers(
    body: dict[str, Any], headers: dict[str, str], wanted: str
) -> None:
    answer = httpx.Response(400, json={"status": 400, "message": "no", **body}, headers=headers)
    http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    with pytest.raises(StatusError) as raised:
        Client("aimlapi", api_key="any-key-1234", http_client=http).chat(HELLO)
    assert raised.value.request_id == wanted
