"""The page for somebody who tests an app: bodies, copies that run, forms that do what they say, and for no page of another site."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from multiapi.simulator import Simulator
from multiapi.simulator.seen import LONGEST, MOST
from multiapi.simulator.server import Server
from tests.simulator.test_server import busy, looked_at

KEY = "sk-secret-key-0001"
ORIGIN = "http://127.0.0.1:8000"
SAID = 'Say "it\'s {key}" and 日本語 $HOME `x` \\n {braces}'


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(seed=1)


@pytest.fixture
def client(simulator: Simulator) -> httpx.Client:
    return httpx.Client(transport=simulator.transport, base_url=ORIGIN)


def chat(client: httpx.Client, text: str = "Count to five.", **more: Any) -> httpx.Response:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": text}], **more}
    return client.post("/aimlapi/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"})


def blocks(page: str) -> list[str]:
    """What the blocks of the chosen request hold."""
    section = page.partition('<section id="request">')[2].partition("</section>")[0]
    return [unescape(found) for found in re.findall(r"<pre[^>]*>(.*?)</pre>", section, re.DOTALL)]


def test_a_request_is_shown_with_its_bodies_its_cost_and_its_tokens(simulator: Simulator, client: httpx.Client) -> None:
    answered = chat(client, "Count to <b>five</b>.").json()
    page = client.get("/?request=1").text
    sent, received = blocks(page)[:2]
    assert json.loads(sent)["messages"][0]["content"] == "Count to <b>five</b>."
    assert json.loads(received) == answered
    entry = simulator.log[-1]
    usage = answered["usage"]
    assert (entry.input_tokens, entry.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert entry.cost.endswith(" USD")
    for fact in (entry.cost, f"{entry.input_tokens} tokens in", "said by the simulated model"):
        assert fact in page
    assert "<b>" not in page
    looked_at(simulator, "?request=1")


def test_a_streamed_response_is_shown_as_far_as_it_went_out(simulator: Simulator, client: httpx.Client) -> None:
    streamed = chat(client, stream=True).text
    assert blocks(client.get("/?request=1").text)[1].strip() == streamed.strip()


def test_long_bodies_and_old_requests_are_not_kept(simulator: Simulator, client: httpx.Client) -> None:
    chat(client, "long " * LONGEST)
    page = client.get("/?request=1").text
    assert "bytes in all" in page
    assert "As curl" not in page
    assert len(page) < 10 * LONGEST
    for _ in range(MOST):
        client.get("/aimlapi/v1/models/no", headers={"authorization": f"Bearer {KEY}"})
    assert "Not kept" in client.get("/?request=1").text
    assert len(simulator.seen) == MOST


@pytest.mark.parametrize("vendor", ["aimlapi", "bineric"])
def test_no_key_is_on_the_page_wherever_it_stood(simulator: Simulator, client: httpx.Client, vendor: str) -> None:
    headers = {"authorization": f"Bearer {KEY}"} if vendor == "aimlapi" else {"api-key": KEY}
    client.post(f"/{vendor}/v1/{KEY}?key={KEY}", json={"said": KEY}, headers=headers)
    for query in ("", "?request=1"):
        assert "secret" not in client.get(f"/{query}").text
    assert "secret" not in json.dumps(client.get("/_simulator/state").json())


@pytest.mark.parametrize("vendor", ["aimlapi", "binobox", "bineric", "aicredits", "binom_router"])
def test_each_copy_asks_the_same_again(server: Server, tmp_path: Path, pytester: pytest.Pytester, vendor: str) -> None:
    simulator = server.simulator
    simulator.reset()
    path, model = {
        "aimlapi": ("/v1/chat/completions", "openai/gpt-4o"),
        "aicredits": ("/v1/chat/completions", "openai/gpt-4o-mini"),
        "binom_router": ("/chat/completions", "gpt-4o"),
        "binobox": ("/chat/completions", "gemini-3.1-flash-lite"),
        "bineric": ("/ai/chat/completions", "gpt-4"),
    }[vendor]
    carried = {"api-key": KEY} if vendor == "bineric" else {"authorization": f"Bearer {KEY}"}
    body = {"model": model, "messages": [{"role": "user", "content": SAID}]}
    first = httpx.post(server.base_url(vendor) + path, json=body, headers=carried)
    assert first.status_code == 200, first.text
    _, _, curl, program, test = blocks(httpx.get(f"{server.origin}/?request=1").text)
    environment = {**os.environ, f"{vendor.upper()}_API_KEY": KEY}
    told = subprocess.run(["bash", "-c", curl], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert SAID in told.stdout or json.loads(told.stdout)
    subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60, check=True)
    entries = list(simulator.seen)
    assert len(entries) == 3
    assert {json.dumps(json.loads(entry.body)) for entry in entries} == {json.dumps(body)}
    assert {(entry.method, entry.path, entry.status) for entry in entries} == {("POST", entries[0].path, 200)}
    compile(test, "test_copy.py", "exec")
    if vendor == "aimlapi":
        pytester.makepyfile(test)
        pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"
        ).assert_outcomes(passed=1)


# ---------------------------------------------------------------- forms


def act(client: httpx.Client, origin: str | None = ORIGIN, **fields: str) -> str:
    """Send a form as the page does, and give what it says then."""
    response = client.post("/", data=fields, headers={"origin": origin} if origin else {})
    if response.status_code != 303:
        return f"refused with {response.status_code}"
    place = response.headers["location"]
    assert parse_qs(urlsplit(place).query)["said"][0][:20] in unescape(client.get(place).text)
    return parse_qs(urlsplit(place).query)["said"][0]


def test_every_form_does_what_it_says(simulator: Simulator, client: httpx.Client) -> None:
    assert "Planned" in act(client, do="fault", fault="status=503", vendor="aimlapi", times="1")
    assert chat(client).status_code == 503
    assert "next chat" in act(client, do="answer", text="It <b>rains</b>.")
    assert chat(client).json()["choices"][0]["message"]["content"] == "It <b>rains</b>."
    assert "1, 2, 3, 4, 5" in chat(client).text
    before = simulator.clock.now()
    assert "60 seconds" in act(client, do="clock", advance="60")
    assert simulator.clock.now() >= before + 60
    assert "are on" in act(client, do="limits", vendor="aicredits")
    assert list(simulator.limits.in_force) == ["aicredits"]
    assert "are off" in act(client, do="limits", vendor="aicredits")
    act(client, do="account", vendor="aimlapi", key=KEY, deposit="0")
    assert chat(client).status_code == 403
    act(client, do="fault", fault="status=503")
    assert "forgotten" in act(client, do="reset")
    assert (len(simulator.log), len(simulator.faults.planned)) == (0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "fault", "fault": "nonsense=1"},
        {"do": "fault", "fault": "status=503", "vendor": "nobody"},
        {"do": "fault", "fault": "status=503", "times": "many"},
        {"do": "fault"},
        {"do": "clock", "advance": "soon"},
        {"do": "limits", "vendor": "<script>"},
        {"do": "account", "vendor": "aimlapi", "key": "k", "deposit": "much"},
        {"do": "account", "vendor": "aimlapi", "key": "k", "deposit": "NaN"},
        {"do": "dance"},
    ],
)
def test_what_cannot_be_done_is_said(simulator: Simulator, client: httpx.Client, fields: dict[str, str]) -> None:
    assert act(client, **fields).startswith("Not done: ")
    assert not simulator.faults.planned


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:9999", "http://127.0.0.1:8000.evil.example"]
)
def test_no_other_site_can_send_a_form(simulator: Simulator, client: httpx.Client, origin: str | None) -> None:
    chat(client)
    assert act(client, origin, do="reset") == "refused with 403"
    assert simulator.answered == 1


def test_the_page_has_addresses_to_copy_and_says_what_is_prompted(simulator: Simulator, client: httpx.Client) -> None:
    busy(simulator)
    text = looked_at(simulator).text
    assert "export AIMLAPI_BASE_URL=http://127.0.0.1/aimlapi\n" in text
    assert text.count("tools: prompted") == 2
