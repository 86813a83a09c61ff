"""`make soak`: everything at once, for so long, against five vendors that fail at random.

    python -m tests.soak.run --seconds 600 --calls 100000 --seed 7 --page docs/soak.md

Threads and tasks of several event loops share the same models. After so many seconds of all kinds of calls come so many plain calls,
for the sockets and the memory. It ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import contextlib
import gc
import logging
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from multiapi.errors import MultiApiError, RequestTimeoutError, place
from multiapi.simulator import Simulator
from multiapi.simulator.embeddings import _hash as simulated_words
from multiapi.transport.sweeper import SWEEPER
from tests.reliability.leaks import chain
from tests.soak.calls import CALLS, KEY, VENDORS, Call, Models, Question, WrongAnswerError
from tests.soak.measures import Held, held, memory_mb, slope

ROOT = Path(__file__).parents[2]
MAX_GROWTH_MB = 10.0
"""What the memory may grow by over the second half of a run, on the line of least squares: less than an allocator's noise."""
LONG_ENOUGH_S = 60.0
"""Shorter runs are still warming up in their second half, and are not judged by their memory."""
CANCELLED = 0.08
LOOPS = 2
PLAIN = ("chat", "stream")


@dataclass
class Ended:
    """A call that is over: what it was, and how it ended."""

    call: Call
    vendor: str
    mark: str
    how: str
    error: str = ""
    says_begun: bool = False


@dataclass
class Findings:
    """What a run has found out."""

    seed: int
    title: str
    seconds: float = 0.0
    ended: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    by_package: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    growth_mb: float = 0.0
    before: Held = Held(0, 0, 0)
    after: Held = Held(0, 0, 0)
    most: Held = Held(0, 0, 0)
    records: int = 0
    asked: int = 0
    started: int = 0
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Nothing wrong, nothing leaked, nothing paid twice, no key shown."""
        return not (self.wrong or self.leaks or self.keys or self.doubles)

    @property
    def calls(self) -> int:
        """How many calls have ended."""
        return sum(self.ended.values())


_PIECES = (KEY[:16], KEY[-16:], *(base64.b64encode(b"x" * before + KEY.encode()).decode()[8:24] for before in range(3)))


def shows_key(text: str) -> bool:
    """Whether a piece of the key is there that is too long to be chance, as it is or as base64."""
    return any(piece in text for piece in _PIECES)


class KeyWatch(logging.Handler):
    """Looks for the key in every record of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records = 0
        self.found: list[str] = []
        self.complaints: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records += 1
        shown = (
            f"{record.getMessage()} {record.args!r} {record.exc_info[1]!r}" if record.exc_info else record.getMessage()
        )
        if shows_key(shown) or shows_key(repr(record.args)):
            self.found.append(f"a log record of {record.name} shows the key")
        if record.name == "asyncio" and record.levelno >= logging.WARNING:
            self.complaints.append(f"asyncio: {shown[:300]}")


@contextlib.contextmanager
def watched_logs() -> Iterator[KeyWatch]:
    """All of our records, and everybody else's from INFO on."""
    watch = KeyWatch()
    root, ours = logging.getLogger(), logging.getLogger("multiapi")
    levels = root.level, ours.level
    root.addHandler(watch)
    root.setLevel(logging.INFO)
    ours.setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        root.removeHandler(watch)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


@contextlib.contextmanager
def watched_hooks(found: list[str]) -> Iterator[None]:
    """What would only be printed: errors in destructors and in threads."""
    before = sys.unraisablehook

    def unraisable(what: Any) -> None:
        found.append(f"an error where nobody sees it: {what.exc_value!r} in {what.object!r:.200}")

    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextlib.contextmanager
def vendors(seed: int, patience_s: float) -> Iterator[str]:
    """The address of a simulator in a process of its own."""
    command = [sys.executable, "-m", "tests.soak.faulty_simulator", "--seed", str(seed), "--patience", str(patience_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        origin = process.stdout.readline().strip()
        if not origin:
            raise RuntimeError("the simulator did not start")
        yield origin
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Soak:
    """One run: workers that ask, and the account of what came of it."""

    def __init__(
        self,
        origin: str,
        *,
        seed: int,
        title: str,
        kinds: Sequence[str] | None = None,
        threads: int = 12,
        tasks: int = 24,
        share: float = 0.25,
        patience_s: float = 8.0,
        job_s: float = 12.0,
        cancelled: float = CANCELLED,
    ) -> None:
        self.origin = origin
        self.findings = Findings(seed, title)
        self.calls = [call for call in CALLS if kinds is None or call.kind in kinds]
        self.threads, self.tasks = threads, tasks
        self.cancelled = cancelled
        simulator = Simulator()
        self.models = Models(
            {name: simulator.base_url(name, origin) for name in VENDORS}, read_s=patience_s * 0.6, job_s=job_s
        )
        self._share = share
        self._marks = count(1)
        self._until = 0.0
        self._most_calls: int | None = None
        self._asked = 0
        self._ended: collections.deque[Ended] = collections.deque()

    # ------------------------------------------------------------------------------------ the run

    def run(self, *, seconds: float | None = None, calls: int | None = None) -> Findings:
        """Ask for so many seconds, or so many calls."""
        findings = self.findings
        with (
            watched_logs() as watch,
            watched_hooks(findings.leaks),
            httpx.Client(base_url=self.origin, timeout=60) as auditor,
        ):
            self._warm_up()
            auditor.post("/_soak/share", json={"share": self._share})
            findings.before = held()
            began = time.monotonic()
            self._until = began + (seconds if seconds is not None else 3_600.0)
            self._most_calls = calls
            workers = [
                *(
                    threading.Thread(target=self._work, args=(self._ask_in_thread, number))
                    for number in range(self.threads)
                ),
                *(threading.Thread(target=self._work, args=(self._ask_in_loops, number)) for number in range(LOOPS)),
            ]
            for worker in workers:
                worker.start()
            while any(worker.is_alive() for worker in workers):
                time.sleep(1.0)
                self._audit(auditor)
                self._measure(time.monotonic() - began)
            for worker in workers:
                worker.join()
            findings.seconds = time.monotonic() - began
            self._audit(auditor)
            self._close()
            findings.after = held()
            for what, more in findings.after.more_than(findings.before).items():
                findings.leaks.append(f"{more} more {what} than before")
            findings.keys += watch.found
            findings.leaks += watch.complaints
            findings.records = watch.records
        self._judge_memory()
        return findings

    def _warm_up(self) -> None:
        """Once of everything while the vendors behave, so that what is made once in a process is there."""

        def once(call: Call) -> None:
            question = self._question(call, call.vendors[-1], random.Random(1))
            self._note(
                call,
                question,
                asyncio.run(call.run(self.models, question)) if call.is_async else call.run(self.models, question),
            )

        slow = [call for call in self.calls if call.kind == "jobs" or call.run.__name__ == "core_transcript"]
        for call in self.calls:  # one after the other, as modules are imported and models are made
            if call not in slow:
                once(call)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(once, slow))
        self._close()

    def _close(self) -> None:
        """Give up all idle connections of this process."""
        for vendor in VENDORS:
            self.models.client(vendor).close()
        gc.collect()
        time.sleep(0.5)  # the other side closes too
        until = time.monotonic() + 60
        while SWEEPER.runs and time.monotonic() < until:  # it goes when it has seen that nothing is idle
            time.sleep(0.05)

    def _question(self, call: Call, vendor: str, chance: random.Random) -> Question:
        return Question(f"soak-{next(self._marks):06d}", vendor, random.Random(chance.random()))

    def _goes_on(self) -> bool:
        if self._most_calls is not None and self._asked >= self._most_calls:
            return False
        self._asked += 1
        return time.monotonic() < self._until

    def _work(self, ask: Callable[[int], None], number: int) -> None:
        """One worker; if it dies that is a finding and not a run with less to do."""
        try:
            ask(number)
        except BaseException as error:
            self.findings.wrong.append(f"a worker died: {error!r}")
            raise

    def _ask_in_thread(self, number: int) -> None:
        chance = random.Random(f"{self.findings.seed}: thread {number}")
        calls = [call for call in self.calls if not call.is_async]
        weights = [call.weight for call in calls]
        while self._goes_on():
            (call,) = chance.choices(calls, weights)
            question = self._question(call, chance.choice(call.vendors), chance)
            try:
                self._note(call, question, call.run(self.models, question))
            except Exception as error:
                self._note(call, question, error)

    def _ask_in_loops(self, number: int) -> None:
        """Event loops one after the other, each for a while: what belongs to one must go with it."""
        chance = random.Random(f"{self.findings.seed}: loop {number}")
        if not any(call.is_async for call in self.calls):
            return
        while time.monotonic() < self._until and (self._most_calls is None or self._asked < self._most_calls):
            asyncio.run(self._ask_in_tasks(chance, lasts_s=5 + 5 * chance.random()))

    async def _ask_in_tasks(self, chance: random.Random, lasts_s: float) -> None:
        until = time.monotonic() + lasts_s
        calls = [call for call in self.calls if call.is_async]
        weights = [call.weight for call in calls]

        async def ask() -> None:
            while time.monotonic() < until and self._goes_on():
                (call,) = chance.choices(calls, weights)
                question = self._question(call, chance.choice(call.vendors), chance)
                limit = chance.random() * 0.1 if chance.random() < self.cancelled else None
                try:
                    async with asyncio.timeout(limit):
                        how = await call.run(self.models, question)
                except TimeoutError as error:
                    self._note(call, question, "cancelled" if limit is not None else error)
                except Exception as error:
                    self._note(call, question, error)
                else:
                    self._note(call, question, how)

        await asyncio.gather(*(ask() for _ in range(self.tasks // LOOPS)))
        await asyncio.sleep(0.05)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            self.findings.leaks.append(f"a task is left: {task!r:.200}")

    # ------------------------------------------------------------------------------------ the account

    def _note(self, call: Call, question: Question, outcome: str | Exception) -> None:
        if isinstance(outcome, str):
            self._ended.append(Ended(call, question.vendor, question.mark, outcome))
            return
        # Not as a traceback is printed: Python 3.11 parses the lines for that, and stumbles when several threads do so at once.
        shown = "\n".join(f"{each!r} {each} {each.args!r}" for each in chain(outcome)) + f" {place(outcome)}"
        facts = vars(_ours(outcome) or outcome)
        if shows_key(shown) or shows_key(repr(facts)):
            self.findings.keys.append(f"{call.name} {question.vendor}: the key is in {type(outcome).__name__}")
        how = "wrong" if isinstance(outcome, WrongAnswerError) else "refused" if _ours(outcome) is not None else "wrong"
        name = type(_ours(outcome) or outcome).__name__
        text = f"{name}: {outcome}" if how == "refused" else shown
        says_begun = bool(facts.get("outcome_unknown") or facts.get("job_id"))
        self._ended.append(Ended(call, question.vendor, question.mark, how, text, says_begun))

    def _audit(self, auditor: httpx.Client) -> None:
        """Compare what ended with what the vendors have done."""
        findings, ended = self.findings, []
        while self._ended:
            ended.append(self._ended.popleft())
        for each in ended:
            findings.ended[each.call.kind, each.how] += 1
            findings.by_package[each.call.name.partition("_")[0], each.how] += 1
            if each.how == "wrong":
                findings.wrong.append(f"{each.call.name} {each.vendor} {each.mark}: {each.error}")
            elif each.how == "refused":
                findings.errors[each.error.partition(":")[0]] += 1
        refused = {each.mark: each for each in ended if each.how == "refused"}
        answered = [mark for each in ended if each.how == "answered" for mark in each.call.marks(each.mark)]
        body = {"answered": answered, "failed": list(refused), "attempts": self.models.max_retries + 1}
        report = auditor.post("/_soak/report", json=body).json()
        findings.wrong += [f"{mark}: answered, but the vendor has not done it once" for mark in report["not_done_once"]]
        for mark in report["unexplained"]:
            each = refused[mark]
            if each.error.startswith(RequestTimeoutError.__name__) and mark in report["slowed"]:
                continue  # a stream byte by byte may take too long on a machine that is busy
            findings.wrong.append(f"{each.call.name} {each.vendor} {mark}: failed without a fault: {each.error}")
        findings.wrong += [f"{mark}: sent more often than allowed" for mark in report["sent_too_often"]]
        for mark in report["failed_but_done"]:
            each = refused[mark]
            if each.call.kind == "jobs" and not each.says_begun:
                findings.wrong.append(f"{each.call.name} {each.vendor} {mark}: begun, but not said: {each.error}")
        findings.doubles = [f"{mark} was carried out more than once" for mark in report["done_twice"]]
        findings.started = report["done"]
        findings.report = report

    def _measure(self, at: float) -> None:
        findings = self.findings
        simulated_words.cache_clear()  # what the expected vectors are worked out with is no part of what is measured
        findings.memory.append((at, memory_mb()))
        if len(findings.memory) % 10 == 0:
            now = held()
            findings.most = Held(*map(max, zip(findings.most, now, strict=True)))

    def _judge_memory(self) -> None:
        findings = self.findings
        end = findings.memory[-1][0] if findings.memory else 0.0
        half = [(at, mb) for at, mb in findings.memory if end / 2 <= at]
        findings.growth_mb = slope(half) * end / 2
        if end >= LONG_ENOUGH_S and findings.growth_mb > MAX_GROWTH_MB:
            findings.leaks.append(f"memory grew by {findings.growth_mb:.1f} MB over the second half")


def _ours(error: BaseException) -> MultiApiError | None:
    """The error as one of ours: itself, or what a framework's tool wrapped."""
    from langchain_core.tools import ToolException

    if isinstance(error, ToolException):
        return error.__cause__ if isinstance(error.__cause__, MultiApiError) else None
    return error if isinstance(error, MultiApiError) else None


# ------------------------------------------------------------------------------------------------ what is shown


def table(findings: Findings) -> list[str]:
    """How the calls ended, by kind and by package."""
    ways = ("answered", "left", "cancelled", "refused", "wrong")
    heads = ("answered", "left on purpose", "cancelled", "typed error", "wrong")
    lines = [f"| | calls | {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) + 1)}"]
    rows: list[tuple[str, collections.Counter[tuple[str, str]], str]] = [
        *((kind, findings.ended, kind) for kind in dict.fromkeys(kind for kind, _ in sorted(findings.ended))),
        *((PACKAGES[name], findings.by_package, name) for name in PACKAGES),
    ]
    for title, counter, key in rows:
        numbers = [counter[key, way] for way in ways]
        if any(numbers):
            lines.append(f"| {title} | {sum(numbers):,} | {' | '.join(f'{number:,}' for number in numbers)} |")
    numbers = [sum(found for (_, how), found in findings.ended.items() if how == way) for way in ways]
    lines.append(f"| **all** | {sum(numbers):,} | {' | '.join(f'{number:,}' for number in numbers)} |")
    return lines


PACKAGES = {"core": "multiapi", "langchain": "langchain_multiapi", "llamaindex": "llamaindex_multiapi"}


def verdict(findings: Findings) -> list[str]:
    """What was found, in figures."""
    counts = findings.report.get("counts", {})
    end = findings.memory[-1][0] if findings.memory else 0.0
    late = [mb for at, mb in findings.memory if at >= end / 2] or [0.0]
    before, after, most = findings.before, findings.after, findings.most
    return [
        "| checked | found |",
        "| --- | --- |",
        f"| wrong answers | **{len(findings.wrong)}** in {findings.calls:,} calls, {findings.calls / max(findings.seconds, 0.001):.0f} a second |",
        f"| carried out twice, counted at the vendor | **{len(findings.doubles)}** of {findings.started:,} requests carried out |",
        f"| requests that arrived, and faults among them | {counts.get('requests', 0):,}, {counts.get('faults', 0):,} |",
        f"| odd but right responses, each read rightly | {counts.get('twists', 0):,} |",
        f"| sockets before, at most, after | {before.sockets}, {most.sockets}, **{after.sockets}** |",
        f"| file descriptors before, at most, after | {before.descriptors}, {most.descriptors}, **{after.descriptors}** |",
        f"| threads before, at most, after | {before.threads}, {most.threads}, **{after.threads}** |",
        f"| memory over the second half | {min(late):.0f} to {max(late):.0f} MB, trend **{findings.growth_mb:+.1f} MB** |",
        f"| keys in {findings.records:,} log records and {sum(findings.errors.values()):,} errors | **{len(findings.keys)}** |",
    ]


def page(runs: Sequence[Findings]) -> str:
    """The page of the documentation."""
    packages = ("multiapi", "langchain-core", "llama-index-core", "httpx", "httpcore")
    used = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [
        "# Soak test",
        "",
        "What happens to a program that runs for a long time against vendors that fail all the time. `make soak` starts the simulator",
        "in a process of its own, which spoils a quarter of its answers at random: refusals, dropped connections, cut and stalled",
        "streams, garbage, HTML pages, unreadable bodies, errors that repeat the key, jobs that fail or take too long. Other responses are odd:",
        "calls that are only quoted, calls that share an id, integers of 40 digits, empty fillers, NaN. The keys rotate. Threads and tasks of changing event loops ask all five vendors",
        "through the core, LangChain and LlamaIndex at the same time, share the same models, cancel some calls and leave some streams.",
        "",
        "Every question has one right answer. An answer to another question, a cut one that passes for whole, an error that is none of",
        "`multiapi.errors`, or an error although the vendor did nothing wrong counts as *wrong*. What was carried out and would be",
        "charged is counted at the vendor. An error that a vendor sends instead of carrying something out costs nothing and may be",
        "repeated; what may have been carried out is not.",
        "",
        f"Run on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on {platform.system()} {platform.machine()}, {_cores()} shared with other work{_commit()}: {used}.",
        "",
    ]
    for findings in runs:
        lines += [f"## {findings.title}", "", f"{findings.seconds:,.0f} seconds, seed {findings.seed}.", ""]
        lines += [*verdict(findings), "", *table(findings), ""]
        if findings.errors:
            named = ", ".join(f"`{name}` {number:,}" for name, number in findings.errors.most_common())
            lines += [f"The typed errors: {named}.", ""]
    lines += [
        "`make soak SECONDS=60 SEED=7` runs it for a minute with a seed of your choice; only a run of ten minutes and 100,000 plain",
        "calls writes this page.",
        "",
    ]
    return "\n".join(lines)


def _cores() -> str:
    found = os.cpu_count() or 1
    return f"{found} core{'s' if found > 1 else ''}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f", at commit {done.stdout.strip()}" if done.returncode == 0 else ""


def report(findings: Findings) -> None:
    """Print it all."""
    print(f"\n{findings.title}: {findings.seconds:.0f} s, seed {findings.seed}")
    print("\n".join(verdict(findings)[2:]))
    print("\n".join(table(findings)))
    print("typed errors:", dict(findings.errors.most_common()))
    for name in ("wrong", "doubles", "leaks", "keys"):
        for each in getattr(findings, name)[:10]:
            print(f"{name}: {each}")


def soaked(*, seconds: float, calls: int, seed: int, share: float = 0.25) -> Iterator[Findings]:
    """Both parts: everything for so long, and so many plain calls."""
    if seconds:
        with vendors(seed, 8.0) as origin:
            soak = Soak(origin, seed=seed, title="Everything at once", share=share, threads=24, tasks=48)
            yield soak.run(seconds=seconds)
    if calls:
        with vendors(seed, 60.0) as origin:
            title = f"{calls:,} plain calls"
            soak = Soak(
                origin,
                seed=seed,
                title=title,
                kinds=PLAIN,
                share=0.0,
                threads=6,
                tasks=16,
                patience_s=60,
                cancelled=0.0,
            )
            yield soak.run(calls=calls)


def main() -> int:
    """Run, show, and write the page if it was long enough."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=600.0)
    options.add_argument("--calls", type=int, default=0, help="plain calls afterwards")
    options.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options.add_argument("--share", type=float, default=0.25, help="of the answers that are spoilt")
    options.add_argument("--page", type=Path, help="write the findings to this page")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    runs = []
    for findings in soaked(seconds=chosen.seconds, calls=chosen.calls, seed=chosen.seed, share=chosen.share):
        report(findings)
        runs.append(findings)
    if chosen.page is not None and chosen.seconds >= 600 and chosen.calls >= 100_000:
        chosen.page.write_text(page(runs), encoding="utf-8")
    return 0 if all(findings.is_good for findings in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
