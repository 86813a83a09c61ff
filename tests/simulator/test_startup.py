"""What a started simulator prints is enough for a program in that shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import httpx
from multiapi import Client, PROVIDERS, ChatRequest, Message
for provider in PROVIDERS.values():
    assert Client(provider.name).chat(ChatRequest(model={models}[provider.name], messages=[Message("user", "What is 3 + 4?")])).text == "3 + 4 = 7", provider
print("good")
"""
MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}


@pytest.mark.parametrize("command", ["multiapi.simulator", "multiapi simulator"])
def test_a_shell_that_takes_the_exports_runs_a_program(command: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(models=MODELS), "utf-8")
    starts = (
        f'"{sys.executable}" -m multiapi.simulator'
        if "." in command
        else f'"{sys.executable}" -c "from multiapi.cli import main; main()" simulator'
    )
    shell = f'eval "$({starts} --env)" && "{sys.executable}" program.py; code=$?; kill "$MULTIAPI_SIMULATOR_PID"; exit $code'
    clean = {name: value for name, value in os.environ.items() if not name.endswith(("_BASE_URL", "_API_KEY"))}
    done = subprocess.run(
        ["/bin/sh", "-c", shell],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


@pytest.mark.parametrize(
    "option",
    [
        ["--brain", "http://example.com/v1", "--brain-model", "m"],
        ["--answers", "nowhere.yaml"],
        ["--as-seen", "nothing"],
    ],
)
def test_a_mistake_is_said_before_it_starts(option: list[str]) -> None:
    for extra in ([], ["--env"]):
        done = subprocess.run(
            [sys.executable, "-m", "multiapi.simulator", *option, *extra],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0
        assert done.stdout == ""
        assert option[1] in done.stderr or "as_seen does not know nothing" in done.stderr
