"""The command line as a function: what it printed, and how it ended."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from multiapi.cli.commands import app
from multiapi.providers import PROVIDERS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.simulator.server import Server

COMMAND = [sys.executable, "-c", "from multiapi.cli import main; main()"]


class Ran(NamedTuple):
    """One run of the command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout, which must be one JSON object and nothing else."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        [line] = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return line


RunCli = Callable[..., Ran]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunCli:
    """Run a command in an empty folder; `input` is piped in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MULTIAPI_PROVIDER", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path.with_name(f"{tmp_path.name}-config")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path.with_name(f"{tmp_path.name}-state")))

    def run(*words: str, input: str | bytes | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(word) for word in words], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def served(multiapi_simulator: Server, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator on a port, to which keys and addresses of the environment lead."""
    for provider in PROVIDERS.values():
        monkeypatch.setenv(provider.api_key_env, f"simulated-{provider.name}-key")
        monkeypatch.setenv(provider.base_url_env, multiapi_simulator.base_url(provider.name))
    return multiapi_simulator.simulator


@pytest.fixture
def environment(served: Simulator) -> dict[str, str]:
    """The same for another process."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Retries and polls without their waits, and simulated jobs that are done at once."""
    for name in ("job_wait_s", "job_run_s"):
        monkeypatch.setitem(Simulator.__init__.__kwdefaults__, name, 0.0)
    with without_waiting() as waits:
        yield waits
