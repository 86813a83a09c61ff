"""The tables of a run, as Markdown: on the screen, and in docs/performance.md."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from benchmarks.goals import GOALS, Goal, Round

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
BUSY_LOAD = 1.0
BUSY = (
    "**The machine had other work to do meanwhile.** Waits, answers per second and p99 are worse for that than they would be, and "
    "ratios are less certain."
)
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
Results = dict[str, dict[str, list[Round]]]


def machine() -> str:
    """Where this runs."""
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


@dataclass(frozen=True)
class Run:
    """What was measured, and under which circumstances.

    Attributes:
        results: By case and client, the figures of each round.
        load: Processes that ran or wanted to, on average, when the run began; the benchmark itself needs the cores.
        failures: Cases that a client did not get through, with the reason.
    """

    results: Results
    rounds: int
    machine: str = field(default_factory=machine)
    versions: str = field(default_factory=versions)
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))
    load: float | None = None
    failures: list[str] = field(default_factory=list)

    def measured(self, goal: Goal, framework: str) -> float | None:
        """What was measured for a goal."""
        case = self.results.get(goal.case, {})
        product = case.get(f"{framework}-multiapi", [])
        if goal.reference == "self":
            reference = self.results.get(goal.other, {}).get(f"{framework}-multiapi", [])
        elif goal.reference == "incumbent":
            reference = case.get(INCUMBENT[framework], [])
        else:
            reference = case.get(f"{framework}-floor", [])
        return goal.measured(product, reference)

    def median(self, case: str, client: str, metric: str) -> float | None:
        """The median over the rounds."""
        found = [each[metric] for each in self.results.get(case, {}).get(client, []) if metric in each]
        return statistics.median(found) if found else None


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def goals_table(run: Run, frameworks: Sequence[str] = FRAMEWORKS) -> list[str]:
    """The goals: measured, goal, and whether it holds."""
    rows = ["| case | " + " | ".join(f"{NAMES[each]} | goal | " for each in frameworks) + " |"]
    rows.append("| --- " + "| --- | --- | --- " * len(frameworks) + "|")
    for goal in GOALS:
        cells = []
        for framework in frameworks:
            limit = goal.limits[FRAMEWORKS.index(framework)]
            value = run.measured(goal, framework)
            sign = "≥" if goal.how == "least" else "≤"
            verdict = "-" if value is None else "holds" if goal.holds(value, limit) else "**missed**"
            cells += [figure(value), f"{sign}\N{NO-BREAK SPACE}{limit:,g}", verdict]
        if any(cell != "-" for cell in cells[::3]):
            rows.append(f"| {goal.label} | " + " | ".join(cells) + " |")
    return rows


def shortfalls(run: Run) -> list[str]:
    """What missed its goal, each with the reason as far as it is known, and what could not be measured."""
    found = []
    for goal in GOALS:
        for framework, limit in zip(FRAMEWORKS, goal.limits, strict=True):
            value = run.measured(goal, framework)
            if value is None or goal.holds(value, limit):
                continue
            reason = _filled(goal.reasons.get(framework, ""), run)
            line = f"- {NAMES[framework]}, {goal.label}: {figure(value)} where {limit:,g} was the goal."
            found.append(f"{line} {reason}".rstrip())
    found += [f"- Not measured: {failure}" for failure in run.failures]
    return found or ["Nothing: every goal holds in both frameworks."]


def _filled(reason: str, run: Run) -> str:
    """A reason with its figures: `{case/client/metric}` stands for a median."""
    while "{" in reason:
        head, _, rest = reason.partition("{")
        name, _, rest = rest.partition("}")
        case, client, metric = name.split("/")
        reason = head + figure(run.median(case, client, metric)) + rest
    return reason


def figures_table(run: Run, framework: str) -> list[str]:
    """Medians of the three clients of a framework, with units in the metric's name."""
    clients = [f"{framework}-floor", INCUMBENT[framework], f"{framework}-multiapi"]
    rows = [
        f"| case | figure | framework alone | {INCUMBENT_NAMES[framework]} | multiapi |",
        "| --- | --- | --- | --- | --- |",
    ]
    for case, result in run.results.items():
        keys = dict.fromkeys(key for client in reversed(clients) for each in result.get(client, []) for key in each)
        for key in keys:
            cells = " | ".join(figure(run.median(case, client, key)) for client in clients)
            rows.append(f"| {case} | {key} | {cells} |")
    return rows


def measured_part(run: Run) -> str:
    """What stands between the two marks of the page."""
    busy = f", load {run.load:.1f} before it began" if run.load is not None else ""
    rounds = "one round" if run.rounds == 1 else f"medians of {run.rounds} interleaved rounds"
    lines = [
        f"Measured on {run.date} on {run.machine}{busy}; {rounds}, server on loopback.",
        "",
        f"Versions: {run.versions}.",
        "",
        *([BUSY, ""] if run.load is not None and run.load > BUSY_LOAD else []),
        "### The goals",
        "",
        "They are this project's own. A figure without a unit is a ratio to langchain-openai or to OpenAILike: the less, the better.",
        "",
        *goals_table(run),
        "",
        "### What falls short",
        "",
        *shortfalls(run),
    ]
    for framework in FRAMEWORKS:
        lines += ["", f"### {NAMES[framework]}: the figures behind the ratios", "", *figures_table(run, framework)]
    return "\n".join(lines)


def written(page: str, run: Run) -> str:
    """The page with this run between its two marks; what stands around them is left as it is.

    Raises:
        ValueError: The page has no marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page must have the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{measured_part(run)}\n\n{END}{tail}"
