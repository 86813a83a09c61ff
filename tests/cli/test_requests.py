"""`--dry-run` and `--curl`: every command shows its request, sends nothing and reads no key."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from multiapi.cli.commands import app
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image, speak
from tests.cli import samples
from tests.cli.conftest import RunCli

SHOWING = sorted(
    name
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    if any("--curl" in option.opts for option in command.params)
)
OFFLINE = {"search", "moderate"}
"""What sends nothing, or has no sample."""


@pytest.mark.parametrize("command", sorted(set(SHOWING) - OFFLINE))
def test_every_command_shows_its_request(cli: RunCli, served: Simulator, command: str, tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(draw_image("page", 64, 64))
    (tmp_path / "spoken.mp3").write_bytes(speak("hello"))
    words = [word for word in samples.words_of(command) if word != "--simulator"]
    shown = cli(*words, "--dry-run")
    assert shown.code == 0, shown.err
    method, _, url = shown.out.splitlines()[0].partition(" ")
    assert method in {"GET", "POST"}
    assert url.startswith("http://127.0.0.1")
    facts = cli(*words, "--dry-run", "--json").json["request"]
    assert (facts["method"], facts["url"]) == (method, url)
    curl = cli(*words, "--curl").out
    assert curl.startswith(f"curl -X {method} ")
    everything = shown.out + json.dumps(facts) + curl
    assert not any(f"simulated-{provider}-key" in everything for provider in PROVIDERS)
    assert not served.log


def test_no_key_is_needed(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in provider.key_variables:
            monkeypatch.delenv(name, raising=False)
        ran = cli("chat", "-p", provider.name, "hello", "--dry-run", "--json")
        assert f"${provider.api_key_env}" in ran.json["request"]["headers"][provider.auth_header[0].lower()]
        assert ran.json["request"]["url"].startswith(provider.base_url.removesuffix("/v1"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_command_of_curl_works(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    command = cli("chat", "-p", "binobox", 'Say it\'s `$HOME` "here"', "--curl").out
    done = subprocess.run(["sh", "-c", f"{command.strip()} -s"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert served.log[-1].status == 200
    assert shlex.split(command)[0] == "curl"
