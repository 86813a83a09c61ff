"""What a started simulator prints, for `python -m multiapi.simulator` and `multiapi simulator` alike, and its start in the background."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from multiapi.simulator.contract import VENDORS, base_url_of

KEY = "simulated-key"
HINT = "The keys are made up; any other will do. Ctrl-C ends it."


def environment(base_url: Callable[[str], str]) -> dict[str, str]:
    """The variables that point a program at a simulator: an address and a key for each provider."""
    made: dict[str, str] = {}
    for name in VENDORS:
        made[f"{name.upper()}_BASE_URL"] = base_url(name)
        made[f"{name.upper()}_API_KEY"] = KEY
    return made


def exports(variables: dict[str, str]) -> str:
    """The variables as a shell takes them."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def first_line(origin: str) -> str:
    """The line on stdout that programs wait for."""
    return f"multiapi simulator on {origin}"


def instructions(base_url: Callable[[str], str]) -> str:
    """What stands behind it on stderr, for a person."""
    return f"{exports(environment(base_url))}\n{HINT}"


def script_of(path: str | None) -> list[Path]:
    """The file of scripted answers, if there is one."""
    return [] if path is None else [Path(path)]


def in_background(arguments: Sequence[str]) -> str:
    """Start a simulator that goes on when this process ends, and give its variables as a shell takes them.

    Raises:
        RuntimeError: It did not start, with what it said.
    """
    command: Any = [sys.executable, "-m", "multiapi.simulator", *arguments]
    process = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline().strip()
    if not line:
        process.wait()
        raise RuntimeError(process.stderr.read().strip() or "the simulator did not start")
    origin = line.removeprefix(first_line(""))
    process.stdout.close()
    process.stderr.close()
    process.returncode = 0  # it is meant to outlive this process
    made = exports(environment(lambda name: base_url_of(name, origin)))
    return f"{made}\nexport MULTIAPI_SIMULATOR_PID={process.pid}\n# kill $MULTIAPI_SIMULATOR_PID ends it"
