"""`multiapi models`, `balance`, `usage`, `health` and `simulator`."""

from __future__ import annotations

import json
import signal
import subprocess
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen

import pytest

from multiapi.cli import charts
from multiapi.client.client import Client
from multiapi.simulator import Simulator
from multiapi.types.account import Health, UsageEntry
from tests.cli.conftest import COMMAND, RunCli


@pytest.mark.parametrize("provider", ["bineric", "aimlapi", "aicredits", "binobox"])
def test_models_are_listed(cli: RunCli, provider: str) -> None:
    scripted = cli("models", "-p", provider, "--simulator", "--json").json
    ran = cli("models", "-p", provider, "--simulator")
    ids = [model["id"] for model in scripted["models"]]
    assert [line.split()[0] for line in ran.out.splitlines()[2:]] == ids
    assert f"{len(ids)} of {len(ids)} models of {provider}" in ran.err


def test_models_are_found_by_words(cli: RunCli) -> None:
    ran = cli("models", "-p", "aimlapi", "--simulator", "GPT-4o", "speech-to-text", "--json", "--limit", "1")
    assert [model["id"] for model in ran.json["models"]] == ["openai/gpt-4o-mini-transcribe"]
    assert ran.json["found"] == 2


def test_what_a_newer_model_takes_is_shown(cli: RunCli) -> None:
    ran = cli("models", "-p", "aimlapi", "--simulator", "--schema", "moonshot/kimi-k3")
    assert [line.split() for line in ran.out.splitlines()[2:]] == [
        ["max_tokens", "integer", "1.."],
        ["temperature", "number", "0..1"],
        ["reasoning_effort", "string", "low,", "high"],
    ]
    shown = cli("models", "-p", "aimlapi", "--simulator", "--schema", "moonshot/kimi-k3", "--json").json
    assert (shown["status"], next(iter(shown["params"]))) == ("learnt", "max_tokens")


def test_prices_have_their_unit(cli: RunCli) -> None:
    lines = cli("models", "-p", "binobox", "--simulator").out.splitlines()
    assert lines[2].split() == ["gemini-3.1-flash-lite", "chat", "at", "least", "0.18", "diamonds", "a", "call"]
    assert (
        "0.15 USD/1M input tokens, 0.6 USD/1M output tokens"
        in cli("models", "-p", "aicredits", "--simulator", "4o-mini").out
    )


def test_one_model_in_full(cli: RunCli) -> None:
    ran = cli("models", "--simulator", "-m", "aimlapi:openai/gpt-4o")
    assert "developer     OpenAI" in ran.out
    assert cli("models", "--simulator", "-m", "aimlapi:openai/gpt-4o", "--json").json["id"] == "openai/gpt-4o"
    assert cli("models", "--simulator", "-m", "binobox:no-such-model").code == 5


@pytest.mark.parametrize(
    ("provider", "shown", "unit"),
    [
        ("bineric", "100 (until ", None),
        ("aimlapi", "20 USD", "USD"),
        ("aicredits", "500 INR", "INR"),
        ("binobox", "5000 diamonds", "diamonds"),
    ],
)
def test_balance_in_the_vendors_unit(cli: RunCli, provider: str, shown: str, unit: str | None) -> None:
    assert cli("balance", "-p", provider, "--simulator").out.startswith(shown)
    assert cli("balance", "-p", provider, "--simulator", "--json").json["unit"] == unit


def test_a_balance_says_what_was_used(cli: RunCli) -> None:
    assert "The account is paid for." in cli("balance", "-p", "bineric", "--simulator").out
    told = cli("balance", "-p", "bineric", "--simulator", "--json").json
    assert (told["active"], told["today"]["requests"], told["total"]["input_tokens"]) == (True, 0, 0)


@pytest.mark.parametrize("provider", ["bineric", "aimlapi", "binobox"])
def test_usage_counts_what_was_called(cli: RunCli, served: Simulator, provider: str) -> None:
    for _ in range(3):
        assert cli("chat", "-p", provider, "hello").code == 0
    assert ["requests", "3"] in [line.split() for line in cli("usage", "-p", provider).out.splitlines()]
    scripted = cli("usage", "-p", provider, "--json").json
    assert scripted["requests"] == 3
    assert Decimal(scripted["cost"]["amount"]) > 0


def test_usage_is_drawn_per_model_and_day(cli: RunCli, served: Simulator) -> None:
    for model in ("openai/gpt-4o", "openai/gpt-4o", "openai/gpt-4o-mini"):
        assert cli("chat", "-p", "aimlapi", "-m", model, "hello").code == 0
    report = cli("usage", "-p", "aimlapi", "--json", "--group-by", "day").json
    ran = cli("usage", "-p", "aimlapi", "--chart")
    lines = [line.split() for line in ran.out.splitlines() if "█" in line or "▏" in line]
    dearest, day = lines[0], lines[-1]
    assert dearest[0] == "openai/gpt-4o"
    assert dearest[1] == "█" * charts.WIDTH
    assert dearest[-1] == "USD"
    assert day[0] == report["groups"][0]["day"]
    assert "per model" in ran.out
    assert "per day" in ran.out


def test_usage_without_days_is_drawn_per_model(cli: RunCli, served: Simulator) -> None:
    assert cli("chat", "-p", "bineric", "hello").code == 0
    ran = cli("usage", "-p", "bineric", "--chart")
    assert "per model" in ran.out
    assert "per day" not in ran.out
    assert cli("chat", "-p", "binobox", "hello").code == 0
    alone = cli("usage", "-p", "binobox", "--chart")
    assert (alone.code, "█" in alone.out) == (0, False)
    assert "binobox reports only the sum" in alone.err


def test_bars_are_as_long_as_their_values() -> None:
    lengths = [charts.bar(Decimal(value), Decimal(8), width=4) for value in (0, "0.001", 1, 2, 3, 8)]
    assert lengths == ["", "▏", "▌", "█", "█▌", "████"]
    entries = [
        UsageEntry(model="a", day="2026-11-02", cost=None),
        *(UsageEntry(model=model, day=day) for model, day in [("b", None)]),
    ]
    assert charts.by_model(entries) == []


def test_usage_of_today_and_of_days(cli: RunCli) -> None:
    assert "active" in cli("usage", "-p", "bineric", "--simulator", "--today").out
    days = ("--start", "2026-11-01", "--end", "2026-11-03")
    assert cli("usage", "-p", "bineric", "--simulator", *days, "--json").json["start"] == "2026-11-01"
    refused = cli("usage", "-p", "binobox", "--simulator", *days)
    assert (refused.code, refused.error) == (11, "error: binobox reports the last 30 days and takes no other time")


def test_health(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("health", "-p", "aicredits", "--simulator").out == "aicredits is well (ok)\n"
    ready = cli("health", "-p", "aicredits", "--simulator", "--check", "ready", "--json")
    assert ready.json == {"provider": "aicredits", "ok": True, "status": "ready", "parts": {"db": "ok", "redis": "ok"}}
    assert cli("health", "-p", "aicredits", "--simulator", "--check", "alive").code == 2
    monkeypatch.setattr(Client, "health", lambda *_: Health(provider="aicredits", ok=False, status="degraded"))
    ill = cli("health", "-p", "aicredits", "--simulator")
    assert (ill.code, ill.out) == (7, "aicredits is not well (degraded)\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_simulator_serves_until_it_is_interrupted(as_json: bool, environment: dict[str, str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "simulator", *(["--json"] if as_json else [])],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        if as_json:
            text = ""
            while not text.endswith("}\n}\n"):
                text += process.stdout.readline()
            said = json.loads(text)
            address = said["environment"]["AICREDITS_BASE_URL"]
        else:
            said = process.stdout.readline()
            assert said.startswith("multiapi simulator on http://127.0.0.1:")
            address = said.split()[-1] + "/aicredits"
        with urlopen(address.removesuffix("/v1") + "/health") as answer:
            assert json.load(answer)["status"] == "ok"
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert ("export AICREDITS_BASE_URL=http://127.0.0.1:" in err) is not as_json
