"""Faults on demand, in process and over a socket."""

import asyncio
import json
import socket
import time
from typing import Any

import httpx
import pytest

from multiapi.simulator import Clock, Simulator
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.faults import Fault, FaultError
from multiapi.simulator.server import Server
from tests.simulator.conversing import Talk

BODY = {"model": "a-model", "messages": [{"role": "user", "content": "Count to five"}]}
STREAM = {**BODY, "stream": True}
CHAT = {"bineric": "/ai/chat/completions", "aimlapi": "/v1/chat/completions", "aicredits": "/v1/chat/completions"}


def faulty(fault: str, body: Any = BODY, vendor: str = "aicredits") -> httpx.Response:
    talk = Talk(vendor, check=False)
    return talk.post(CHAT.get(vendor, "/chat/completions"), body, headers={"x-multiapi-fault": fault})


def pieces(fault: str, vendor: str = "aicredits") -> list[bytes]:
    """What arrives of a stream, until it ends or breaks."""
    talk = Talk(vendor)
    found: list[bytes] = []
    headers = {**talk.headers(), "x-multiapi-fault": fault}
    url = talk.simulator.base_url(vendor) + CHAT.get(vendor, "/chat/completions")
    with talk.client.stream("POST", url, json=STREAM, headers=headers) as response:
        for piece in response.iter_raw():
            found.append(piece)
    return found


@pytest.mark.parametrize("vendor", VENDORS)
def test_any_status_comes_in_the_vendors_form(vendor: str) -> None:
    response = faulty("status=500; message=No%20luck; retry-after=7", vendor=vendor)
    assert response.status_code == 500
    assert response.headers["retry-after"] == "7"
    assert "No luck" in response.text or vendor == "binom_router"


def test_a_failed_call_costs_nothing() -> None:
    talk = Talk("aicredits")
    before = talk.get("/v1/credits").json()["balance"]
    assert talk.post("/v1/chat/completions", BODY, headers={"x-multiapi-fault": "status=502"}).status_code == 502
    assert talk.get("/v1/credits").json()["balance"] == before


def test_bodies_of_ones_own() -> None:
    own = faulty("status=418; body=%7B%22a%22%3A1%7D")
    assert (own.status_code, own.json()) == (418, {"a": 1})
    page = faulty("html")
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html")
    assert faulty("empty").content == b""
    with pytest.raises(json.JSONDecodeError):
        faulty("malformed").json()
    assert faulty("header=x-one: two").headers["x-one"] == "two"


def test_delays() -> None:
    begun = time.perf_counter()
    assert faulty("delay=0.1").status_code == 200
    assert time.perf_counter() - begun >= 0.1


def test_a_delay_longer_than_the_clients_patience() -> None:
    simulator = Simulator()
    client = httpx.Client(transport=simulator.transport, timeout=0.05)
    with pytest.raises(httpx.ReadTimeout):
        client.post(
            f"{simulator.base_url('aicredits')}/v1/chat/completions",
            json=BODY,
            headers={"authorization": "Bearer k", "x-multiapi-fault": "delay=30"},
        )


@pytest.mark.parametrize("fault", ["drop", "drop-body"])
def test_dropped_connections(fault: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        faulty(fault)


def test_streams_that_are_cut() -> None:
    assert b"".join(pieces("end=3")).count(b"data: ") == 3
    with pytest.raises(httpx.RemoteProtocolError):
        pieces("cut=3")
    with pytest.raises(httpx.RemoteProtocolError):
        pieces("drop-body")


def test_an_error_inside_a_stream() -> None:
    last = pieces("error=3; status=502")[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["type"] == "upstream_error"


def test_malformed_events() -> None:
    broken = pieces("malformed=2")[2]
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.removeprefix(b"data: "))


def test_other_ways_to_write_the_same_stream() -> None:
    plain = b"".join(pieces("comments")).replace(b"\r\n", b"\n")
    events = [line for line in plain.split(b"\n") if line.startswith(b"data: ")]
    assert len(events) > 5
    assert b": keep-alive" in plain
    assert len(pieces("joined")) == 1
    assert all(len(piece) <= 5 for piece in pieces("split=5"))
    assert b"[DONE]" not in b"".join(pieces("no-done"))


def test_stalls() -> None:
    begun = time.perf_counter()
    assert pieces("stall=2:0.1")[-1] == b"data: [DONE]\n\n"
    assert time.perf_counter() - begun >= 0.1
    begun = time.perf_counter()
    pieces("slow=0.005")
    assert time.perf_counter() - begun >= 0.05


def test_the_undocumented_form_of_bineric() -> None:
    assert faulty("openai-style", vendor="bineric").json()["choices"][0]["message"]["content"] == "1, 2, 3, 4, 5"


def test_faults_can_be_planned() -> None:
    talk = Talk("aicredits")
    talk.simulator.faults.add("status=503", vendor="aicredits", operation="createChatCompletion", times=2)
    path = "/v1/chat/completions"
    assert talk.get("/v1/credits").status_code == 200
    assert [talk.post(path, BODY).status_code for _ in range(3)] == [503, 503, 200]


def test_the_controls() -> None:
    simulator = Simulator(clock=Clock(1_780_000_000.0))
    client = httpx.Client(transport=simulator.transport, base_url="http://127.0.0.1/_simulator")
    planned = client.post("/faults", json={"fault": "status=429", "vendor": "binobox"})
    assert planned.json()["faults"] == [{"fault": "status=429", "vendor": "binobox", "operation": None, "times": 1}]
    assert Talk("binobox", simulator).get("/models").status_code == 429
    assert client.get("/faults").json()["faults"] == []
    assert client.post("/faults", json={"fault": "nonsense"}).status_code == 400
    assert client.post("/faults", json={"fault": "drop", "vendor": "nobody"}).status_code == 400
    assert client.post("/faults", json={}).status_code == 400
    client.post("/faults", json={"fault": "drop", "times": None})
    assert client.request("DELETE", "/faults").json()["faults"] == []
    assert client.post("/clock", json={"advance": 30}).json()["now"] == 1_780_000_030.0
    state = client.get("/state").json()
    assert state["requests"][0]["status"] == 429
    assert "sk-test-0123456789" not in json.dumps(state)
    assert client.post("/reset").json() == {"reset": True}
    assert client.get("/state").json()["requests"] == []
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("text", ["status=x", "delay=soon", "explode", "cut=", "status=5O3"])
def test_faults_that_cannot_be_read(text: str) -> None:
    with pytest.raises(FaultError):
        Fault.read(text)
    assert faulty(text).status_code == 400


# ---------------------------------------------------------------- limits


def test_limits_are_off_until_they_are_switched_on() -> None:
    talk = Talk("binobox")
    assert {talk.get("/models").status_code for _ in range(70)} == {200}
    talk.simulator.limits.switch_on("binobox")
    statuses = [talk.get("/models").status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    refused = talk.get("/models")
    assert refused.headers["retry-after"] == "60"
    talk.simulator.clock.advance(61)
    assert talk.get("/models").status_code == 200


def test_aicredits_tells_how_much_is_left() -> None:
    talk = Talk("aicredits")
    talk.simulator.limits.switch_on("aicredits")
    left = [int(talk.get("/v1/credits").headers["x-ratelimit-remaining"]) for _ in range(3)]
    assert left == [59, 58, 57]
    for _ in range(57):
        talk.get("/v1/credits")
    refused = talk.get("/v1/credits")
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert refused.headers["x-ratelimit-reset"] == "60"


async def test_only_so_many_calls_at_a_time() -> None:
    simulator = Simulator()
    simulator.limits.switch_on("aicredits")
    url = f"{simulator.base_url('aicredits')}/v1/chat/completions"
    async with httpx.AsyncClient(transport=simulator.async_transport, headers={"authorization": "Bearer k"}) as client:

        async def ask() -> int:
            return (await client.post(url, json=BODY, headers={"x-multiapi-fault": "delay=0.1"})).status_code

        assert sorted(await asyncio.gather(*(ask() for _ in range(7)))) == [200] * 5 + [429] * 2
        assert await ask() == 200


def test_limits_by_the_controls() -> None:
    talk = Talk("binom_router")
    client = httpx.Client(transport=talk.simulator.transport, base_url="http://127.0.0.1/_simulator")
    client.post("/limits", json={"vendor": "binom_router", "requests": 1})
    assert [talk.post("/chat/completions", BODY).status_code for _ in range(2)] == [200, 429]
    client.post("/limits", json={"vendor": "binom_router", "on": False})
    assert talk.post("/chat/completions", BODY).status_code == 200


# ---------------------------------------------------------------- over a socket


def post(server: Server, fault: str, body: Any = BODY, timeout: float = 5.0) -> httpx.Response:
    headers = {"authorization": "Bearer k", "x-multiapi-fault": fault}
    return httpx.post(
        f"{server.base_url('aicredits')}/v1/chat/completions", json=body, headers=headers, timeout=timeout
    )


def test_over_a_socket_too(server: Server) -> None:
    assert post(server, "status=504").status_code == 504
    for fault in ("drop", "drop-body"):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            post(server, fault)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(server, "cut=2", STREAM)
    with pytest.raises(httpx.ReadTimeout):
        post(server, "stall=2:30", STREAM, timeout=0.2)
    assert post(server, "end=2", STREAM).text.count("data: ") == 2


def test_every_event_is_flushed_by_itself(server: Server) -> None:
    """On a raw socket, with a pause between the events, each of them arrives alone."""
    body = json.dumps(STREAM).encode()
    head = f"POST /aicredits/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\nx-multiapi-fault: slow=0.02\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        arrived: list[bytes] = []
        while not arrived or b"[DONE]" not in arrived[-1]:
            arrived.append(connection.recv(65536))
    assert max(piece.count(b"data: ") for piece in arrived) == 1
    assert sum(piece.count(b"data: ") for piece in arrived) == 12
