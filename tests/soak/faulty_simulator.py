"""The simulator in a process of its own: it fails at random, and counts what it was made to do.

    python -m tests.soak.faulty_simulator --seed 7

It behaves until `POST /_soak/share` says which share of its answers to spoil. Every question of a soak carries a mark, "soak-000123"; a text of an embedding run has one of its own, "soak-000123-2". Which fault
meets a request follows from the seed, the mark and how often that mark was seen, and not from the order in which requests arrive.
What a call was made to do is counted here, behind the vendor's own checks, because only here can it be known.
"""

from __future__ import annotations

import argparse
import random
import re
import threading
from collections import defaultdict
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import orjson

from multiapi.simulator import faults
from multiapi.simulator.exchange import Answer, Drop, Request
from multiapi.simulator.server import Server
from multiapi.simulator.simulator import Simulator
from multiapi.simulator.vendors import Vendor
from multiapi.simulator.vendors.vendor import Call
from tests.soak.twists import BROKEN, ECHOES, TWISTS, broken, echo, twisted

MARK = re.compile(rb"soak-\d{6,}(?:-\d+)?")
MARK_HEADER = "x-soak-mark"
PAGE = "body=%3Chtml%3E%3Cbody%3ESign%20in%3C%2Fbody%3E%3C%2Fhtml%3E; type=text/html"

REFUSED = (
    "status=429; retry-after=0.1",
    "status=429; retry-after=0.1",
    "status=500",
    "status=502; html",
    "status=503; retry-after=0.1",
    "status=503",
    "status=408",
    "status=400",
    "status=402",
    *(f"echo {how}" for how in ECHOES),
)
"""The vendor says no before it has done anything."""
LOST = ("drop", "drop-body", "malformed", "empty", PAGE, "delay={patience}", *(f"broken {how}" for how in BROKEN))
"""The vendor has done it, and the answer is lost or spoilt."""
HARMLESS = ("delay=0.2",)
STREAMED = (
    "cut=0", "cut=2", "cut=6", "end=0", "end=3", "error=0", "error=4", "error=2; status=429", "malformed", "malformed=4",
    "stall=2:{patience}", "drop", "drop-body", PAGE,
    "comments", "split=1", "split=7", "joined", "no-done", "slow=0.02", "comments; split=3", "delay=0.2",
)  # fmt: skip
STARTED = (f"status=504; {PAGE}", f"status=500; {PAGE}", "job=fail", "job=cancel", "job=stuck")
"""Of a job: the vendor has begun it and says it has not, or does not finish it."""
POLLED = (
    "status=500", "status=503; retry-after=0.1", "status=429; retry-after=0.1", "drop", "drop-body", "malformed", "empty", "delay=0.2",
)  # fmt: skip
FETCHED = ("drop", "drop-body", "status")

HARMLESS_ONES = frozenset(
    {*HARMLESS, "comments", "split=1", "split=7", "joined", "no-done", "slow=0.02", "comments; split=3"}
)


class FaultySimulator(Simulator):
    """Breaks a share of its answers, and knows what it did for each mark."""

    def __init__(self, seed: int, patience_s: float) -> None:
        super().__init__(seed=seed, job_wait_s=0.3, job_run_s=0.7)
        self.share = 0.0
        self.patience_s = patience_s
        self.seen_marks: defaultdict[str, int] = defaultdict(int)
        self.done: defaultdict[str, int] = defaultdict(int)
        self.sent: defaultdict[str, int] = defaultdict(int)
        self.twice: list[str] = []
        self.broken: defaultdict[str, list[str]] = defaultdict(list)
        self.slowed: defaultdict[str, list[str]] = defaultdict(list)
        self.job_marks: dict[str, str] = {}
        self.tally: defaultdict[str, int] = defaultdict(int)
        self.starts: defaultdict[str, int] = defaultdict(int)
        self._counting = threading.Lock()

    def vendor(self, name: str) -> Vendor:
        """One of the five, which counts what it carries out and whose accounts do not run dry."""
        new = name not in self._vendors
        found: Any = super().vendor(name)
        if new and "counted" not in found.__dict__:
            found.counted = True
            found.deposit = Decimal(10**12)
            carry_out, start_job = found.answer, found.start_job

            def answer(call: Call) -> Answer:
                answered: Answer = carry_out(call)
                if call.request.method == "POST":
                    with self._counting:
                        self.starts[f"{name} {call.operation.id}"] += 1
                        for mark in marks_of(call.request):
                            self.done[mark] += 1
                            if self.done[mark] == 2:
                                self.twice.append(mark)
                return answered

            def started(call: Call, kind: str, job_id: str, *rest: Any) -> Any:
                for mark in marks_of(call.request):
                    self.job_marks[job_id] = mark
                job = start_job(call, kind, job_id, *rest)
                if job.ending == "stuck":  # for ever would mean that the vendor soon takes no more of them
                    job.ending, job.run_s = "completed", self.patience_s * 3
                return job

            found.answer, found.start_job = answer, started
        return found  # type: ignore[no-any-return]

    def answer(self, request: Request) -> Answer:
        """Answer, and break it or not."""
        if request.path.startswith("/_soak/"):
            return self._report(request)
        marks = marks_of(request) or self._marks_of_target(request)
        if not marks:
            return super().answer(request)
        with self._counting:
            self.tally["requests"] += 1
            for mark in marks:
                self.seen_marks[mark] += 1
                self.sent[mark] += request.method == "POST"
            chance = random.Random(f"{self.seed}:{marks[0]}:{self.seen_marks[marks[0]]}")
            fault = self._chosen(request, chance) if chance.random() < self.share else None
            if fault is not None:
                self.tally["faults"] += 1
                for mark in marks:
                    (self.slowed if fault in HARMLESS_ONES else self.broken)[mark].append(fault)
        if fault is None:
            answer = super().answer(request)
            if self.share and "chat/completions" in request.path:
                twist = chance.choice((None, *TWISTS))
                if twist is not None:
                    with self._counting:
                        self.tally["twists"] += 1
                    answer = twisted(answer, twist, marks[0])
            if answer.status == 429:  # too many films at once: the vendor's own limit
                with self._counting:
                    for mark in marks:
                        self.broken[mark].append("busy")
            return answer
        if self._is_file(request):
            return _spoilt(super().answer(request), fault)
        kind, _, how = fault.partition(" ")
        if kind == "echo":
            return echo(request.headers.get("authorization", "").rpartition(" ")[2], how, chance)
        if kind == "broken":
            return broken(super().answer(request), how)
        request.headers[faults.HEADER] = fault
        return super().answer(request)

    def _chosen(self, request: Request, chance: random.Random) -> str:
        if self._is_file(request):
            return chance.choice(FETCHED)
        if request.method == "GET":
            return chance.choice(POLLED)
        if b'"stream":true' in request.body:
            options: tuple[str, ...] = REFUSED + STREAMED
        elif re.search(r"video|generate/audio|/stt/create", request.path):
            options = REFUSED + LOST + HARMLESS + STARTED * 2
        else:
            options = REFUSED + LOST + HARMLESS
        return chance.choice(options).format(patience=self.patience_s)

    def _is_file(self, request: Request) -> bool:
        return request.method == "GET" and self.files.get(request.path.rsplit("/", 1)[-1]) is not None

    def _marks_of_target(self, request: Request) -> list[str]:
        """Whose job or file it is about."""
        if (file := self.files.get(request.path.rsplit("/", 1)[-1])) is not None:
            return [found.decode() for found in MARK.findall(file.about.encode())]
        target = unquote(f"{request.path}?{request.query_string}")
        return [mark for part in re.split(r"[/&?=]", target) if (mark := self.job_marks.get(part))] or [
            mark for job, mark in self.job_marks.items() if "/" in job and job in target
        ]

    def _report(self, request: Request) -> Answer:
        """What is wrong with these marks, seen from here; and the totals."""
        body = orjson.loads(request.body)
        if request.path.endswith("/share"):
            self.share = body["share"]
            return Answer.json({})
        ended = body["answered"] + body["failed"]
        with self._counting:
            return Answer.json(
                {
                    "not_done_once": [mark for mark in body["answered"] if self.done.get(mark) != 1],
                    "unexplained": [
                        mark for mark in body["failed"] if not any(self.broken.get(each) for each in family(mark))
                    ],
                    "sent_too_often": [
                        mark for mark in ended if "-" not in mark[5:] and self.sent[mark] > body["attempts"]
                    ],
                    "slowed": [mark for mark in body["failed"] if any(self.slowed.get(each) for each in family(mark))],
                    "failed_but_done": [mark for mark in body["failed"] if self.done.get(mark)],
                    "done_twice": self.twice,
                    "done": sum(self.done.values()),
                    "starts": dict(self.starts),
                    "counts": dict(self.tally),
                }
            )


def family(mark: str) -> list[str]:
    """A call's mark with those of its texts."""
    return [mark, *(f"{mark}-{number}" for number in range(8))]


def marks_of(request: Request) -> list[str]:
    """The marks that a request carries, in order."""
    if (given := request.headers.get(MARK_HEADER)) is not None:
        return [given]
    return list(dict.fromkeys(found.decode() for found in MARK.findall(request.body)))


def _spoilt(answer: Answer, fault: str) -> Answer:
    """A file that does not arrive, or not whole."""
    if fault == "status":
        return Answer.json({"error": "try again"}, 503, retry_after="0.1")
    if fault == "drop":
        answer.before = [Drop()]
    else:
        answer.headers["content-length"] = str(len(answer.body))
        answer.pieces = [answer.body[: len(answer.body) // 2], Drop()]
    return answer


def main() -> None:
    """Serve until interrupted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--patience", type=float, default=8.0, help="seconds that a silent vendor stays silent")
    chosen = options.parse_args()
    server = Server(FaultySimulator(chosen.seed, chosen.patience))
    server._socket.listen(2048)
    print(server.origin, flush=True)
    server.run()


if __name__ == "__main__":
    main()
