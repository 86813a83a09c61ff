"""What was asked and answered, counted on the simulator's side and never forgotten until a reset: the proof of a test, not a log."""

from bisect import bisect_left
from collections import Counter
from typing import Any

import orjson

from multiapi._package import new_lock
from multiapi.simulator.exchange import Answer, Request

MINUTE_S = 60.0


class Counts:
    """Counts of one simulator.

    A text is what a request asks about: the messages of a chat, each input of embeddings, else the prompt; as JSON text.

    Attributes:
        requests: How many requests came.
        by_status: How many were answered with each status.
        answered: How often each text was answered with a success, and so charged.
        by_own_id: How often each id that a client sent with its request came.
        most_at_once: The most requests under way at one time.
    """

    def __init__(self) -> None:
        self._lock = new_lock()
        self.requests = 0
        self.by_status: Counter[int] = Counter()
        self.answered: Counter[str] = Counter()
        self.by_own_id: Counter[str] = Counter()
        self.most_at_once = 0
        self._at_once = 0
        self._times: dict[str, list[float]] = {}

    @property
    def paid_twice(self) -> int:
        """How many answers were given, and charged, for a text that had one already."""
        return sum(times - 1 for times in self.answered.values())

    def most_in_a_minute(self, vendor: str | None = None) -> int:
        """The most requests that came within any 60 seconds of the simulator's clock."""
        times = sorted(at for name, held in self._times.items() if vendor in (None, name) for at in held)
        return max((index - bisect_left(times, at - MINUTE_S + 1e-9) + 1 for index, at in enumerate(times)), default=0)

    def begun(self, vendor: str, now: float) -> None:
        """A request came."""
        with self._lock:
            self.requests += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._times.setdefault(vendor, []).append(now)

    def ended(self, request: Request, answer: Answer, body: Any, *, charged: bool) -> None:
        """A request was answered; it is under way until its answer was delivered."""
        own_id = request.headers.get("x-client-request-id")
        texts = list(texts_of(body)) if charged else []
        with self._lock:
            self.by_status[answer.status] += 1
            if own_id:
                self.by_own_id[own_id] += 1
            self.answered.update(texts)
        before = answer.on_close

        def delivered() -> None:
            with self._lock:
                self._at_once -= 1
            if before is not None:
                before()

        answer.on_close = delivered

    def as_json(self) -> dict[str, Any]:
        """All of it, for `GET /_simulator/counts`."""
        with self._lock:
            return {
                "requests": self.requests,
                "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
                "answered": dict(self.answered),
                "texts": len(self.answered),
                "paid_twice": sum(times - 1 for times in self.answered.values()),
                "most_at_once": self.most_at_once,
                "by_own_id": dict(self.by_own_id),
                "most_in_a_minute": {name: self.most_in_a_minute(name) for name in sorted(self._times)},
            }


def texts_of(body: Any) -> list[str]:
    """What a request asks about."""
    if not isinstance(body, dict):
        return []
    if "messages" in body:
        return [orjson.dumps(body["messages"]).decode()]
    if "input" in body:
        given = body["input"]
        listed = given if isinstance(given, list) else [given]
        return [each if isinstance(each, str) else orjson.dumps(each).decode() for each in listed]
    return [str(body[name]) for name in ("prompt", "text", "requests") if name in body][:1]
