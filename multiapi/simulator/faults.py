"""Faults on demand: what a vendor, a proxy or a network can do to an answer.

Ask for a fault with the header `x-multiapi-fault` of one request, or beforehand for requests to come, with
`simulator.faults.add("status=503; retry-after=2", vendor="aicredits", times=2)` or with
`POST /_simulator/faults` and `{"fault": "...", "vendor": "...", "operation": "...", "times": 1}`
(`GET` lists them, `DELETE` removes them). With `rate=0.05, seed=1` in place of `times`, a share of the requests has it, the same ones each time.

A fault is a list of steps, separated by semicolons:

| step | what happens |
| --- | --- |
| `status=503` | the vendor's error form with this status |
| `message=TEXT` | the message of that error (percent-encoded) |
| `body=TEXT` | this body instead (percent-encoded); with `type=text/html` of that media type |
| `html` | a proxy's HTML page; the status is 502 if none is given |
| `retry-after=7` | this `Retry-After` header: seconds or, percent-encoded, a date |
| `header=NAME:VALUE` | one more header |
| `delay=0.5` | wait this many seconds before the answer |
| `drop` | close the connection without an answer, after the request was carried out and charged |
| `lost` | close the connection before anything was carried out or charged |
| `drop-body` | close the connection in the middle of the body, or of the stream |
| `cut=3` | close the connection after 3 events of a stream |
| `end=3` | end the stream properly after 3 events, as if there were no more to come |
| `stall=3:30` | wait 30 seconds after 3 events of a stream |
| `slow=0.1` | wait before every event |
| `error=3` | after 3 events of a stream comes the vendor's error as an event, then the end; with `status=` of that status |
| `malformed` | the body is not JSON; in a stream the first event is not |
| `malformed=3` | the event after 3 events is not JSON |
| `comments` | comment lines and empty lines between the events, and CRLF line ends |
| `split=5` | the stream comes in pieces of 5 bytes |
| `joined` | the stream comes in one piece |
| `no-done` | the closing `[DONE]` is left out |
| `empty` | an empty body |
| `job=fail` | the job that this request starts fails; also `job=stuck`, `job=cancel`, and `job=refund` for one that gives back what it took (Binobox) |
| `poll=missing:3` | the vendor does not know the job that this request starts, or asks about, for the next 3 questions; without a number it never does |
| `refuses=NAME` | a request that has this field is refused, with status 400 or the one of `status=`; others are answered |
| `form=2024` | AI/ML API only: errors have the body of 2024 instead of that of 2026 |
| `openai-style` | Bineric only: the undocumented form with `choices` |
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from urllib.parse import unquote

from multiapi.simulator.exchange import DONE, NAMED_DONE, Answer, Drop, Pause, Piece

HEADER = "x-multiapi-fault"

_KNOWN = frozenset(
    [
        "status",
        "message",
        "body",
        "type",
        "html",
        "retry-after",
        "header",
        "delay",
        "drop",
        "lost",
        "drop-body",
        "cut",
        "end",
        "stall",
        "slow",
        "error",
        "malformed",
        "comments",
        "split",
        "joined",
        "no-done",
        "empty",
        "job",
        "poll",
        "form",
        "refuses",
        "openai-style",
    ]
)


class FaultError(ValueError):
    """A fault that cannot be read."""


@dataclass(frozen=True)
class Fault:
    """The steps of one fault."""

    steps: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, text: str) -> "Fault":
        """Read the text of a fault."""
        steps = []
        for part in filter(None, (piece.strip() for piece in text.split(";"))):
            name, _, value = part.partition("=")
            name = name.strip().lower()
            if name not in _KNOWN:
                raise FaultError(f"unknown fault {name!r}; known are {', '.join(sorted(_KNOWN))}")
            value = unquote(value.strip())
            if name in ("status", "cut", "end", "error", "split") and not value.isdigit():
                raise FaultError(f"{name} needs a number")
            if name == "poll" and not re.fullmatch(r"missing(:\d+)?", value):
                raise FaultError("poll is missing, or missing:3")
            if name in ("delay", "slow") and not re.fullmatch(r"\d+(\.\d+)?", value):
                raise FaultError(f"{name} needs seconds")
            steps.append((name, value))
        return cls(tuple(steps))

    def get(self, name: str) -> str | None:
        """The value of a step, or None when it is not there."""
        return next((value for step, value in self.steps if step == name), None)

    def __contains__(self, name: str) -> bool:
        return any(step == name for step, _ in self.steps)

    @property
    def status(self) -> int | None:
        """The status asked for, of the whole answer."""
        if "error" in self or "refuses" in self:
            return None
        text = self.get("status")
        return int(text) if text else 502 if "html" in self and "body" not in self else None

    @property
    def missing_polls(self) -> float:
        """How many questions about a job find nothing."""
        word, _, count = (self.get("poll") or "").partition(":")
        return 0 if not word else float(count or "inf")

    @property
    def before(self) -> list[Pause | Drop]:
        """What happens before any answer."""
        steps: list[Pause | Drop] = []
        if delay := self.get("delay"):
            steps.append(Pause(float(delay)))
        if "drop" in self or "lost" in self:
            steps.append(Drop())
        return steps


@dataclass
class Planned:
    """A fault for requests to come."""

    fault: Fault
    text: str
    vendor: str | None = None
    operation: str | None = None
    times: int | None = None
    rate: float | None = None
    chance: Random = field(default_factory=Random, repr=False)

    def suits(self, vendor: str, operation: str) -> bool:
        """Whether it is for this request."""
        if self.vendor not in (None, vendor) or self.operation not in (None, operation):
            return False
        return self.rate is None or self.chance.random() < self.rate


@dataclass
class Faults:
    """The faults that wait for requests."""

    planned: list[Planned] = field(default_factory=list)

    def add(
        self,
        fault: str,
        *,
        vendor: str | None = None,
        operation: str | None = None,
        times: int | None = 1,
        rate: float | None = None,
        seed: int = 0,
    ) -> None:
        """Plan a fault for the next `times` requests (None: for all) of a vendor and operation (None: of any).

        With `rate`, a share of all requests from now on has it, chosen by chance from `seed`.
        """
        if rate is not None and not 0 <= rate <= 1:
            raise FaultError(f"rate must be from 0 to 1, not {rate}")
        left = None if rate is not None else times
        self.planned.append(Planned(Fault.read(fault), fault, vendor, operation, left, rate, Random(seed)))

    def clear(self) -> None:
        """Plan nothing any more."""
        self.planned.clear()

    def take(self, vendor: str, operation: str, header: str | None) -> Fault | None:
        """The fault for a request: the one in its header, else the first that is planned for it."""
        if header is not None:
            return Fault.read(header)
        for planned in self.planned:
            if planned.suits(vendor, operation):
                if planned.times is not None:
                    planned.times -= 1
                    if planned.times <= 0:
                        self.planned.remove(planned)
                return planned.fault
        return None


def apply(fault: Fault, answer: Answer, error_event: bytes) -> None:
    """Change an answer; `error_event` is the vendor's error as an event of a stream."""
    answer.before = [*fault.before, *answer.before]
    if (wait := fault.get("retry-after")) is not None:
        answer.headers["retry-after"] = wait
    for step, value in fault.steps:
        if step == "header":
            name, _, text = value.partition(":")
            answer.headers[name.strip().lower()] = text.strip()
    body = fault.get("body")
    if body is not None or "html" in fault or "empty" in fault:
        answer.pieces = None
        answer.headers["content-type"] = fault.get("type") or ("text/html" if "html" in fault else "application/json")
        page = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
        answer.body = (body or ("" if "empty" in fault else page)).encode()
    if answer.pieces is not None:
        answer.pieces = _changed(fault, answer.pieces, error_event)
    elif "malformed" in fault:
        answer.body = answer.body[: max(1, len(answer.body) // 2)] if answer.body else b"{"
    if answer.pieces is None and "drop-body" in fault:
        half = answer.body[: len(answer.body) // 2]
        answer.headers["content-length"] = str(len(answer.body))
        answer.pieces = [half, Drop()]


def _changed(fault: Fault, pieces: Iterable[Piece], error_event: bytes) -> Iterator[Piece]:
    events = _events(fault, pieces, error_event)
    if "comments" in fault:
        events = _commented(events)
    if "joined" in fault:
        return _joined(events)
    if (size := fault.get("split")) is not None:
        return _split(events, int(size))
    return events


def _events(fault: Fault, pieces: Iterable[Piece], error_event: bytes) -> Iterator[Piece]:
    cut, end, error = (int(fault.get(name) or -1) if name in fault else -1 for name in ("cut", "end", "error"))
    malformed = int(fault.get("malformed") or 0) if "malformed" in fault else -1
    after, _, seconds = (fault.get("stall") or "").partition(":")
    stall = int(after) if after.isdigit() else -1
    if "drop-body" in fault:
        cut = 2
    number = 0
    for piece in pieces:
        if number == cut:
            yield Drop()
            return
        if number == end:
            return
        if number == stall:
            yield Pause(float(seconds or 30))
            stall = -1
        if number == error:
            yield b"event: error\n" + error_event if _is_named(piece) else error_event
            return
        if slow := fault.get("slow"):
            yield Pause(float(slow))
        if number == malformed:
            yield b'data: {"id": "broken", "choices": [{"del\n\n'
            malformed = -1
        elif not ("no-done" in fault and piece in (DONE, NAMED_DONE)):
            yield piece
        number += 1
    if cut >= number:
        yield Drop()


def _is_named(piece: Piece) -> bool:
    return isinstance(piece, bytes) and piece.startswith(b"event: ")


def _commented(events: Iterator[Piece]) -> Iterator[Piece]:
    yield b": comment\r\n\r\n"
    for piece in events:
        yield piece.replace(b"\n", b"\r\n") if isinstance(piece, bytes) else piece
        yield b": keep-alive\r\n\r\n"


def _joined(events: Iterator[Piece]) -> Iterator[Piece]:
    whole = b""
    for piece in events:
        if isinstance(piece, bytes):
            whole += piece
        else:
            yield whole
            whole = b""
            yield piece
    if whole:
        yield whole


def _split(events: Iterator[Piece], size: int) -> Iterator[Piece]:
    for piece in events:
        if isinstance(piece, bytes):
            yield from (piece[start : start + size] for start in range(0, len(piece), max(1, size)))
        else:
            yield piece
