"""`multiapi doctor`: what is there, what is wrong, and what to do about it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from multiapi.cli import doctor
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from tests.cli.conftest import RunCli


def checks(found: dict[str, Any]) -> dict[str, str]:
    """The state of each check of the only provider."""
    [provider] = found["providers"]
    return {check["name"]: check["state"] for check in provider["checks"]}


def test_all_is_well(cli: RunCli, served: Simulator) -> None:
    ran = cli("doctor", "--json")
    assert ran.code == 0, ran.out
    assert ran.json["installed"]["multiapi"]
    assert [each["provider"] for each in ran.json["providers"]] == list(PROVIDERS)
    assert all(check["state"] == "ok" for each in ran.json["providers"] for check in each["checks"])
    for provider in ran.json["providers"]:
        assert provider["key_from"] == PROVIDERS[provider["provider"]].api_key_env
        assert provider["address_from"] == PROVIDERS[provider["provider"]].base_url_env
    assert not [entry for entry in served.log if entry.method == "POST"]


def test_no_key_is_ever_shown(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s3cret@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for ran in (cli("doctor"), cli("doctor", "--json"), cli("doctor", "-p", "aimlapi", "--debug")):
        said = ran.out + ran.err
        assert "s3cret" not in said
        assert not any(f"simulated-{name}-key" in said for name in PROVIDERS)
        assert "http://***@127.0.0.1:1" in said


@pytest.mark.parametrize(
    ("fault", "code", "advice"),
    [
        ("status=401", 3, "set it in BINOBOX_API_KEY"),
        ("status=402", 4, "top it up"),
        ("status=429", 6, "wait"),
        ("status=404", 5, "unset BINOBOX_BASE_URL"),
    ],
)
def test_each_fault_has_an_advice(
    cli: RunCli, served: Simulator, at_once: list[float], fault: str, code: int, advice: str
) -> None:
    served.faults.add(fault, vendor="binobox", times=20)
    ran = cli("doctor", "-p", "binobox")
    assert ran.code == code
    assert "FAULT: " in ran.out
    assert advice in ran.out
    assert cli("doctor", "-p", "binobox", "--json").code == code


def test_nobody_answers(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BINOBOX_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/secret")
        ran = cli("doctor", "-p", "binobox")
    assert ran.code == 8
    assert "check BINOBOX_BASE_URL" in ran.out
    assert "secret" not in ran.out


def test_a_missing_key_and_a_wrong_clock(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINOBOX_API_KEY")
    ran = cli("doctor", "-p", "binobox")
    assert ran.code == 0
    assert "set BINOBOX_API_KEY, run `multiapi login -p binobox`, or try --simulator" in ran.out
    monkeypatch.setattr(doctor, "_skew_s", lambda _: -300.0)
    ran = cli("doctor", "-p", "binobox")
    assert (ran.code, "set the clock" in ran.out) == (1, True)


def test_the_clock_is_compared() -> None:
    skew = doctor._skew_s("Mon, 30 Nov 2020 10:00:00 GMT")
    assert skew is not None
    assert abs(skew - (datetime.now(UTC) - datetime(2020, 11, 30, 10, tzinfo=UTC)).total_seconds()) < 3600
    assert doctor._skew_s(None) is None
    assert doctor._skew_s("soon") is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_live_check_makes_one_cheap_call_each(cli: RunCli, provider: str, at_once: list[float]) -> None:
    unit = PROVIDERS[provider].units[0] or ""
    ran = cli("doctor", "-p", provider, "--simulator", "--live-check", "--budget", f"60 {unit}".strip(), "--json")
    assert ran.code == 0, ran.out
    assert checks(ran.json)["chat"] == ("skipped" if provider == "binom_router" else "ok")  # no price is known there
    assert "tried on the simulator on 20" in ran.json["providers"][0]["row"]


def test_a_live_check_keeps_to_its_budget_and_tells_what_differs(
    cli: RunCli, served: Simulator, at_once: list[float]
) -> None:
    ran = cli("doctor", "-p", "binobox", "--live-check", "--budget", "1 diamonds", "--json")
    assert checks(ran.json) | {"chat": "ok", "speech": "skipped", "image": "skipped"} == checks(ran.json)
    assert "verified live on" in ran.json["providers"][0]["row"]
    assert "not tried: speech, image" in ran.json["providers"][0]["row"]
    served.faults.add("malformed", vendor="binobox", operation="chat", times=5)
    served.faults.add("malformed", vendor="binobox", operation="createChatCompletion", times=5)
    ran = cli("doctor", "-p", "binobox", "--live-check", "--budget", "1 diamonds")
    assert (ran.code, "differs: chat" in ran.out) == (9, True), ran.out
    assert cli("doctor", "--live-check", "--budget", "1 USD").code == 2
    assert cli("doctor", "-p", "binobox", "--live-check").code == 2
