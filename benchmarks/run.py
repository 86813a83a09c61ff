"""Run the cases and print the goals with what was measured.

    python -m benchmarks.run --short                       one round, about five minutes
    python -m benchmarks.run --full                        five rounds; writes docs/performance.md
    python -m benchmarks.run --cases invoke,stream --only lc --rounds 3 --json out.json

Clients are interleaved: in each round every client runs every case, in random order, each in a process of its own. A ratio is
taken inside a round, then the median over the rounds. Compare ratios, never absolute figures of two runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.clients import CLIENTS
from benchmarks.goals import GOALS, Goal, Round

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
FRAMEWORKS = ("lc", "li")
NAMES = {"lc": "LangChain", "li": "LlamaIndex"}
INCUMBENT = {"lc": "lc-openai", "li": "li-openailike"}
INCUMBENT_NAMES = {"lc": "langchain-openai", "li": "OpenAILike"}
PACKAGES = (
    "multiapi",
    "langchain-core",
    "langchain-openai",
    "llama-index-core",
    "llama-index-llms-openai-like",
    "openai",
    "httpx",
    "httpcore",
    "pydantic",
    "orjson",
)
Results = dict[str, dict[str, list[Round]]]


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


def run_cases(cases: list[str], clients: list[str], *, rounds: int, short: bool, timeout_s: float) -> Results:
    """All rounds of all cases."""
    server, results = ServerProcess(max_seconds=4 * 3600), {}
    shuffled = random.Random(1)
    try:
        for case in cases:
            able = [client for client in clients if CLIENTS[client].supports(case) and wanted(case, client)]
            results[case] = {client: [] for client in able}
            for _ in range(rounds):
                shuffled.shuffle(able)
                for client in list(able):
                    server.reset()
                    got = run_one(case, client, server.url, CASES[case].short if short else {}, timeout_s)
                    if isinstance(got, str):
                        print(f"{case} {client}: {got}", file=sys.stderr)
                        able.remove(client)
                        continue
                    results[case][client].append(got)
            print_case(case, results[case])
    finally:
        server.stop()
    return results


def wanted(case: str, client: str) -> bool:
    """Floors only where a goal or a reader compares with them; some cases have no incumbent."""
    if client.endswith("floor"):
        return case in {"import", "construct", "invoke", "ainvoke", "stream", "stream10k", "astream", "history"}
    return case not in {"embed-batches", "memory"} or client.endswith("multiapi")


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def print_case(case: str, result: dict[str, list[Round]]) -> None:
    """Medians of every client, for reading along."""
    for client, rounds in sorted(result.items()):
        if rounds:
            medians = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
            print(
                f"{case:18} {client:14} " + "  ".join(f"{key}={figure(value)}" for key, value in medians.items()),
                flush=True,
            )


def measured(goal: Goal, framework: str, results: Results) -> float | None:
    """What was measured for a goal."""
    case = results.get(goal.case, {})
    product = case.get(f"{framework}-multiapi", [])
    if goal.reference == "self":
        reference = results.get(goal.other, {}).get(f"{framework}-multiapi", [])
    elif goal.reference == "incumbent":
        reference = case.get(INCUMBENT[framework], [])
    else:
        reference = case.get(f"{framework}-floor", [])
    return goal.measured(product, reference)


def goals_table(results: Results, frameworks: list[str]) -> list[str]:
    """The goals as Markdown: measured, goal, and whether it holds."""
    rows = ["| case | " + " | ".join(f"{NAMES[each]} | goal | " for each in frameworks) + " |"]
    rows.append("| --- " + "| --- | --- | --- " * len(frameworks) + "|")
    for goal in GOALS:
        cells = []
        for framework in frameworks:
            limit = goal.limits[FRAMEWORKS.index(framework)]
            value = measured(goal, framework, results)
            sign = ">=" if goal.how == "least" else "<="
            verdict = "-" if value is None else "holds" if goal.holds(value, limit) else "**missed**"
            cells += [figure(value), f"{sign} {limit:g}", verdict]
        if any(cell != "-" for cell in cells[::3]):
            rows.append(f"| {goal.label} | " + " | ".join(cells) + " |")
    return rows


def figures_table(results: Results, framework: str) -> list[str]:
    """Medians of the three clients of a framework, with units in the metric's name."""
    clients = [f"{framework}-floor", INCUMBENT[framework], f"{framework}-multiapi"]
    rows = [
        f"| case | figure | framework alone | {INCUMBENT_NAMES[framework]} | multiapi |",
        "| --- | --- | --- | --- | --- |",
    ]
    for case, result in results.items():
        product = result.get(clients[2]) or []
        for key in product[0] if product else ():
            values = [
                statistics.median(each[key] for each in result[client]) if result.get(client) else None
                for client in clients
            ]
            rows.append(f"| {case} | {key} | " + " | ".join(map(figure, values)) + " |")
    return rows


def machine() -> str:
    """Where this ran."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"


def versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_page(results: Results, rounds: int) -> None:
    """Put the tables between the two marks of docs/performance.md; what stands around them is written by hand."""
    lines = [
        BEGIN,
        "",
        f"Measured on {time.strftime('%Y-%m-%d')} on {machine()}; {versions()}; medians of {rounds} interleaved rounds, server on loopback.",
        "",
        *goals_table(results, list(FRAMEWORKS)),
    ]
    for framework in FRAMEWORKS:
        lines += ["", f"### {NAMES[framework]}: the figures behind the ratios", "", *figures_table(results, framework)]
    lines += ["", END]
    page = PAGE.read_text() if PAGE.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(head + "\n".join(lines) + rest.partition(END)[2])
    print(f"wrote {PAGE.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round with fewer repetitions")
    parser.add_argument("--full", action="store_true", help="five rounds, and write docs/performance.md")
    parser.add_argument("--cases", default="", help="comma separated; default: those of the goals")
    parser.add_argument("--only", choices=FRAMEWORKS, help="one framework")
    parser.add_argument("--clients", default="", help="comma separated; default: floors, incumbents and the product")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one worker")
    parser.add_argument("--json", default="", help="write every round's figures here")
    options = parser.parse_args()
    frameworks = [options.only] if options.only else list(FRAMEWORKS)
    cases = options.cases.split(",") if options.cases else list(dict.fromkeys(goal.case for goal in GOALS))
    clients = (
        options.clients.split(",") if options.clients else [n for n, c in CLIENTS.items() if c.group in frameworks]
    )
    rounds = options.rounds or (5 if options.full else 1)
    results = run_cases(cases, clients, rounds=rounds, short=options.short, timeout_s=options.timeout)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    print(f"\n{machine()}\n{versions()}\n")
    print("\n".join(goals_table(results, frameworks)))
    if options.full:
        write_page(results, rounds)


if __name__ == "__main__":
    main()
