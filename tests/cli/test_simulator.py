"""`multiapi simulator`: each option reaches the simulator, in the foreground and, with `--env`, in the background."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from multiapi import simulator as simulator_module
from multiapi.simulator import Simulator, __main__, as_seen, server, startup
from multiapi.simulator import simulator as simulator_file
from tests.cli.conftest import RunCli


class Captured:
    """Stands in for the server; keeps the simulator that would have been served."""

    served: list[Simulator]
    facts: list[dict[str, Any]]

    def __init__(self) -> None:
        self.served, self.facts = [], []

    def simulator(self, **facts: Any) -> Simulator:
        """Make the simulator, and note with what."""
        self.facts.append(facts)
        return Simulator(**facts)

    def server(self, simulated: Simulator, host: str, port: int) -> Captured:
        """Serve nothing."""
        self.served.append(simulated)
        self.facts[-1] |= {"host": host, "port": port}
        return self

    started = True
    origin = "http://127.0.0.1:1"

    def base_url(self, provider: str) -> str:
        """An address that nobody asks."""
        return f"{self.origin}/{provider}"

    def run(self) -> None:
        """Come to an end once the address was told."""
        for thread in threading.enumerate():
            if thread.name.endswith("(announce)"):
                thread.join()


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Captured:
    made = Captured()
    monkeypatch.setattr(simulator_module, "Simulator", made.simulator)
    monkeypatch.setattr(simulator_file, "Simulator", made.simulator)
    monkeypatch.setattr(server, "Server", made.server)
    return made


def ask(simulated: Simulator, path: str, body: Any = None) -> int:
    with httpx.Client(transport=simulated.transport) as http:
        address = simulated.base_url("aimlapi").removesuffix("/v1") + path
        headers = {"authorization": "Bearer any-key-1234"}
        return http.request("GET" if body is None else "POST", address, headers=headers, json=body).status_code


HELLO = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}


def test_withdrawn_operations_are_served_on_demand(cli: RunCli, captured: Captured) -> None:
    for words in ((), ("--withdrawn",)):
        assert cli("simulator", *words).code == 0
    assert [ask(each, "/v1/billing/balance") for each in captured.served] == [404, 200]


def test_fields_that_aimlapi_does_not_know_are_refused_or_dropped(cli: RunCli, captured: Captured) -> None:
    for words in ((), ("--unknown", "refuse"), ("--unknown", "drop")):
        assert cli("simulator", *words).code == 0
    body = HELLO | {"banana": 1}
    assert [ask(each, "/v1/chat/completions", body) for each in captured.served] == [400, 400, 200]
    assert cli("simulator", "--unknown", "banana").code == 2


ALL = sorted(as_seen.PROVIDER_OF)


@pytest.mark.parametrize(
    ("given", "on"), [(None, []), ("all", ALL), ("models", ["models"]), (", ".join(ALL[:2]), ALL[:2])]
)
def test_forms_seen_live_are_on_by_name(cli: RunCli, captured: Captured, given: str | None, on: list[str]) -> None:
    assert cli("simulator", *(() if given is None else ("--as-seen", given))).code == 0
    assert sorted(as_seen.read(captured.facts[0]["as_seen"])) == on


def test_a_form_that_nobody_saw_is_wrong_usage(cli: RunCli, captured: Captured) -> None:
    ran = cli("simulator", "--as-seen", "models,banana")
    assert ran.code == 2
    assert "banana" in ran.error
    assert not captured.served


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--withdrawn",),
        ("--as-seen", "all"),
        ("--as-seen", "models"),
        ("--unknown", "drop"),
        ("--seed", "7", "--port", "4711", "--strict"),
        ("--brain", "http://127.0.0.1:11434/v1", "--brain-model", "m"),
        ("--withdrawn", "--as-seen", "all", "--unknown", "drop", "--strict"),
        ("--delay", "1.5", "--logs-after", "30"),
    ],
)
def test_the_background_gets_what_the_foreground_gets(
    cli: RunCli, captured: Captured, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(startup, "in_background", lambda options: given.append(options) or "export X=1")
    assert cli("simulator", *words).code == 0
    assert cli("simulator", "--env", *words).out == "export X=1\n"
    assert __main__.main(given[0]) == 0
    foreground, background = captured.facts
    for facts in (foreground, background):
        facts["as_seen"] = as_seen.read(facts["as_seen"] or False)
    assert background == foreground
