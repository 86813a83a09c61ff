"""Run the cases and print the goals with what was measured.

    python -m benchmarks.run --short                       one round, about five minutes
    python -m benchmarks.run --full                        five rounds; writes docs/performance.md
    python -m benchmarks.run --cases invoke,stream --only lc --rounds 3 --json out.json
    python -m benchmarks.run --read out.json --page docs/performance.md

Clients are interleaved: in each round every client runs every case, in random order, each in a process of its own. A ratio is
taken inside a round, then the median over the rounds. Compare ratios, never absolute figures of two runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.clients import CLIENTS
from benchmarks.goals import GOALS, Round
from benchmarks.page import FRAMEWORKS, Run, figure, goals_table, written

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
ATTEMPTS = 2
"""A worker that fails is tried once more; after that its client is left out of the case."""


def python_of(venv: str) -> str:
    """The interpreter of a client: $BENCH_PYTHON_<VENV>, $BENCH_VENVS/<venv>, else this one."""
    own = os.environ.get("BENCH_PYTHON_" + venv.upper()) if venv else None
    if own:
        return own
    root = os.environ.get("BENCH_VENVS")
    path = Path(root, venv, "bin", "python") if root and venv else None
    return str(path) if path is not None and path.exists() else sys.executable


def environment() -> dict[str, str]:
    """This process' environment without anything that changes what the clients do."""
    unwanted = ("PROXY", "OPENAI", "LANGCHAIN", "LANGSMITH", "AIMLAPI")
    unwanted += ("DONTWRITEBYTECODE",)  # else every import would compile the source anew
    kept = {key: value for key, value in os.environ.items() if not any(word in key.upper() for word in unwanted)}
    return {**kept, "LANGSMITH_TRACING": "false", "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}


class ServerProcess:
    """The benchmark's server."""

    def __init__(self, max_seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server", "--max-seconds", str(max_seconds)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("PORT "), "the server did not start"
        self.url = "http://127.0.0.1:" + line.split()[1]

    def reset(self) -> None:
        urllib.request.urlopen(self.url + "/__reset", timeout=10).read()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(5)


def run_one(case: str, client: str, url: str, params: dict[str, Any], timeout_s: float) -> Round | str:
    """One worker: its figures, or why there are none."""
    command = [python_of(CLIENTS[client].venv), "-m", "benchmarks.cases", "--case", case, "--client", client]
    command += ["--url", url, "--params", json.dumps(params)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=environment(), cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result in {timeout_s:g} s"
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    return (done.stderr.strip().splitlines() or ["no result"])[-1][:300]


def run_cases(run: Run, cases: list[str], clients: list[str], *, short: bool, timeout_s: float) -> Iterator[str]:
    """All rounds of all cases, into the results of the run; names each case when it is done."""
    server = ServerProcess(max_seconds=4 * 3600)
    shuffled = random.Random(1)
    try:
        for case in cases:
            able = [client for client in clients if CLIENTS[client].supports(case) and wanted(case, client)]
            results: dict[str, list[Round]] = {client: [] for client in able}
            begin = time.monotonic()
            for _ in range(run.rounds):
                shuffled.shuffle(able)
                for client in list(able):
                    params = CASES[case].short if short else {}
                    got: Round | str = ""
                    for _ in range(ATTEMPTS):
                        server.reset()
                        got = run_one(case, client, server.url, params, timeout_s)
                        if not isinstance(got, str):
                            results[client].append(got)
                            break
                        print(f"{case} {client}: {got}", file=sys.stderr)
                    else:
                        able.remove(client)
                        run.failures.append(f"{case} with {client}: {got}")
            print_case(case, results, time.monotonic() - begin)
            run.results[case] = results
            yield case
    finally:
        server.stop()


def wanted(case: str, client: str) -> bool:
    """Floors only where a goal or a reader compares with them; some cases have no incumbent."""
    if client.endswith("floor"):
        return case in {"import", "construct", "invoke", "ainvoke", "stream", "stream10k", "astream", "history"}
    return case not in {"embed-batches", "memory"} or client.endswith("multiapi")


def print_case(case: str, result: dict[str, list[Round]], seconds: float) -> None:
    """Medians of every client, for reading along."""
    print(f"{case:18} {seconds:.0f} s")
    for client, rounds in sorted(result.items()):
        if rounds:
            medians = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
            print(
                f"{case:18} {client:14} " + "  ".join(f"{key}={figure(value)}" for key, value in medians.items()),
                flush=True,
            )


def save(path: Path, run: Run) -> None:
    """Every round's figures, with all that the page says of the run."""
    path.write_text(json.dumps(asdict(run), indent=1))


def read(path: Path) -> Run:
    """What `save` wrote."""
    return Run(**json.loads(path.read_text()))


def write_page(path: Path, run: Run) -> None:
    """Put the run's tables between the marks of the page."""
    path.write_text(written(path.read_text(), run))
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round with fewer repetitions")
    parser.add_argument("--full", action="store_true", help="five rounds, and write the page")
    parser.add_argument("--cases", default="", help="comma separated; default: those of the goals")
    parser.add_argument("--only", choices=FRAMEWORKS, help="one framework")
    parser.add_argument("--clients", default="", help="comma separated; default: floors, incumbents and the product")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one worker")
    parser.add_argument("--json", type=Path, help="write every round's figures here, after each case")
    parser.add_argument("--read", type=Path, help="measure nothing, but take what --json wrote")
    parser.add_argument("--page", type=Path, help="write the tables into this page; --full: docs/performance.md")
    options = parser.parse_args()
    frameworks = [options.only] if options.only else list(FRAMEWORKS)
    cases = options.cases.split(",") if options.cases else list(dict.fromkeys(goal.case for goal in GOALS))
    clients = (
        options.clients.split(",") if options.clients else [n for n, c in CLIENTS.items() if c.group in frameworks]
    )
    page = options.page or (PAGE if options.full else None)
    if options.read:
        run = read(options.read)
    else:
        run = Run({}, options.rounds or (5 if options.full else 1), load=os.getloadavg()[0])
        for _ in run_cases(run, cases, clients, short=options.short, timeout_s=options.timeout):
            if options.json:
                save(options.json, run)
    print(f"\n{run.machine}\n{run.versions}\n")
    print("\n".join(goals_table(run, frameworks)))
    if page:
        write_page(page, run)
    if run.failures:
        sys.exit("not measured:\n" + "\n".join(run.failures))


if __name__ == "__main__":
    main()
