"""What any web page may do to a simulator that runs on this machine: nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from multiapi.simulator import Simulator
from multiapi.simulator.server import Endpoint

CONTROLS = ("faults", "clock", "limits", "reset", "state", "as-seen", "")
CHANGES: dict[str, Any] = {
    "faults": {"fault": "status=503", "times": 3},
    "clock": {"advance": 30},
    "limits": {"vendor": "aicredits", "on": True},
    "reset": {},
}


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(seed=1)


@pytest.fixture
def client(simulator: Simulator) -> httpx.Client:
    found = httpx.Client(transport=simulator.transport, base_url="http://127.0.0.1:8000")
    found.get("/aimlapi/v1/models", headers={"authorization": "Bearer test-key"})
    assert simulator.answered == 1
    return found


def state(simulator: Simulator) -> Any:
    return (
        simulator.answered,
        len(simulator.faults.planned),
        simulator.clock.now() // 10,
        dict(simulator.limits.in_force),
    )


@pytest.mark.parametrize("control", CONTROLS)
def test_looking_changes_nothing(control: str, client: httpx.Client, simulator: Simulator) -> None:
    before = state(simulator)
    answer = client.get(f"/_simulator/{control}")
    assert (answer.status_code == 405) == (control == "reset")
    assert state(simulator) == before


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"host": "evil.example"},
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1.evil.example"},
    ],
    ids=str,
)
def test_pages_of_others_neither_change_nor_read(
    method: str, control: str, headers: dict[str, str], client: httpx.Client, simulator: Simulator
) -> None:
    before = state(simulator)
    content = {"json": CHANGES.get(control, {})} if method == "POST" else {}
    answer = client.request(method, f"/_simulator/{control}", headers=headers, **content)
    assert answer.status_code == 403
    assert "aimlapi" not in answer.text
    assert state(simulator) == before


@pytest.mark.parametrize("control", CHANGES)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_cannot_change_anything(control: str, kind: str, client: httpx.Client, simulator: Simulator) -> None:
    before = state(simulator)
    assert client.post(f"/_simulator/{control}", content=b"{}", headers={"content-type": kind}).status_code == 415
    assert state(simulator) == before


@pytest.mark.parametrize("control", CHANGES)
@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://127.0.0.1:8000"}, {"host": "localhost:8000"}, {"host": "[::1]:8000"}], ids=str
)
def test_its_own_may(control: str, headers: dict[str, str], client: httpx.Client, simulator: Simulator) -> None:
    before = state(simulator)
    assert client.post(f"/_simulator/{control}", json=CHANGES[control], headers=headers).status_code == 200
    assert state(simulator) != before


def test_the_page_is_for_this_machine_and_for_configured_hosts(client: httpx.Client, simulator: Simulator) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    simulator.trusted_hosts.add("lab.example")
    assert client.get("/", headers={"host": "lab.example:80"}).status_code == 200
    assert client.get("/_simulator/state", headers={"host": "lab.example"}).status_code == 200


class Counted(bytes):
    """Bytes that count how much is copied when they are joined one after the other."""

    copied = 0

    def __radd__(self, other: bytes) -> bytes:
        Counted.copied += len(other) + len(self)
        return bytes(other) + bytes(self)

    def __add__(self, other: bytes) -> bytes:
        Counted.copied += len(other) + len(self)
        return bytes(self) + bytes(other)


def test_a_body_in_many_packets_is_put_together_once(simulator: Simulator) -> None:
    packets = [Counted(b"x" * 100) for _ in range(2_000)]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": packets.pop(), "more_body": bool(packets)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/aimlapi/v1/chat/completions",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(Endpoint(simulator)(scope, receive, send))
    assert sent[0]["status"] in {400, 401}
    assert Counted.copied == 0
