"""Common options before and behind a command, the environment, examples, and periods."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path

import pytest

from multiapi.cli.commands import app
from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image, speak
from multiapi.types.account import days_of
from tests.cli import samples
from tests.cli.conftest import RunCli


def test_common_options_may_stand_before_the_command(cli: RunCli) -> None:
    behind = cli("balance", "-p", "binobox", "--simulator", "--json", "--quiet")
    assert cli("-p", "binobox", "--simulator", "--json", "-q", "balance") == behind
    assert cli("-p", "aimlapi", "--simulator", "-q", "balance", "-p", "binobox", "--json") == behind
    assert cli("-m", "binobox:gpt-5-mini", "--simulator", "chat", "hello", "--json").json["model"] == "gpt-5-mini"


def test_the_usual_model_of_the_environment(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTIAPI_MODEL", "binobox:gpt-5-mini")
    assert cli("chat", "hello", "--simulator", "--json").json["model"] == "gpt-5-mini"
    assert cli("chat", "-p", "aimlapi", "hello", "--simulator", "--json").json["provider"] == "aimlapi"
    assert cli("image", "-p", "binobox", "a cat", "--simulator", "--json").json["model"] != "gpt-5-mini"
    assert (
        cli("chat", "-m", "binobox:gemini-3.1-pro", "hello", "--simulator", "--json").json["model"] == "gemini-3.1-pro"
    )
    monkeypatch.setenv("MULTIAPI_PROVIDER", "binobox")
    monkeypatch.setenv("MULTIAPI_MODEL", "gpt-5-mini")
    assert cli("chat", "hello", "--simulator", "--json").json["model"] == "gpt-5-mini"


@pytest.mark.parametrize("command", sorted(set(samples.names()) - samples.SERVES - samples.OWN))
def test_the_example_of_the_help_works(cli: RunCli, command: str, tmp_path: Path, at_once: list[float]) -> None:
    (tmp_path / "page.png").write_bytes(draw_image("page", 64, 64))
    if command == "transcribe":
        (tmp_path / "hello.mp3").write_bytes(speak("hello"))
    (tmp_path / "notes.txt").write_text("The harbour opens at six.")
    (tmp_path / "in.jsonl").write_text('{"text": "Say one."}\n')
    [registered] = [each for each in app.registered_commands if each.name == command]
    example = str(registered.epilog).partition("Example: ")[2].partition("\n")[0]
    program, *words = shlex.split(example)
    ran = cli(*words, "--simulator")
    code = {name: code for name, (_, code) in samples.REFUSED.items()} | {"keys": 4}
    assert (program, ran.code) == ("multiapi", code.get(command, 0)), ran.err


@pytest.mark.parametrize(
    ("period", "days"),
    [("7d", 7), ("1d", 1), ("24h", 1), ("25h", 2), ("2w", 14), ("x", None), ("9d9", None), ("d", None)],
)
def test_a_period_in_days(period: str, days: int | None) -> None:
    found = days_of(period, date(2026, 3, 1))
    assert (found and (found[1] - found[0]).days + 1) == days


def test_a_period_goes_out_as_days_where_a_provider_takes_those(
    cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = cli("usage", "-p", "bineric", "--period", "7d", "--json")
    assert ran.code == 0
    first, last = (date.fromisoformat(ran.json[name][:10]) for name in ("start", "end"))
    assert (last - first).days == 6
    assert cli("usage", "-p", "binobox", "--period", "7d").code == 11
    assert cli("usage", "-p", "bineric", "--period", "soon").code == 11
    assert cli("usage", "-p", "aimlapi", "--period", "7d", "--start", "2026-01-01").code == 2


def test_models_of_one_kind(cli: RunCli) -> None:
    listed = cli("models", "-p", "aimlapi", "--simulator", "--kind", "image", "--json").json["models"]
    assert listed
    assert all("image" in each["kind"] for each in listed)
