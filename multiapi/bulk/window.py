"""How many calls are under way: a window that grows while nothing is refused, and a circuit that opens when nothing can succeed."""

from __future__ import annotations

import time
from collections.abc import Callable

GATES = frozenset({"AuthenticationError", "InsufficientCreditsError", "PermissionDeniedError"})
"""Classes of errors after which no other row can succeed either."""

ROWS_UNTIL_OPEN = 20
FIRST = 8
MOST = 64
STEADY_WINDOWS = 10
"""Windows without a refusal after which one more is tried above a ceiling that a refusal has set."""

SLOW_DOWN_S = 900.0


class Window:
    """The number of calls that may be under way.

    Grows by one after a window of responses without a refusal, is halved by a refusal (429) at most once per round trip, and keeps below
    what was refused: waiting does not cure a limit of calls at once.

    Args:
        most: Never more than this.
        first: How many at the beginning.
    """

    def __init__(self, most: int = MOST, *, first: int = FIRST, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.size = min(first, most)
        self.refusals = 0
        self._clock = clock
        self._ceiling = most
        self._answers = 0
        self._steady = 0
        self._halved_at = -1.0
        self._slow_until = -1.0

    @property
    def ceiling(self) -> int:
        """What the window grows to at present."""
        if self._clock() < self._slow_until:
            return max(1, self._ceiling // 2)
        return self._ceiling

    def answered(self) -> None:
        """Note a response that was not a refusal."""
        self._answers += 1
        if self._answers < self.size:
            return
        self._answers = 0
        if self.size < self.ceiling:
            self.size += 1
        elif self._ceiling < self.most:
            self._steady += 1
            if self._steady >= STEADY_WINDOWS:
                self._steady = 0
                self._ceiling += 1

    def refused(self, begun: float, at_once: int) -> None:
        """Note a 429 of a request that was begun at this time, with the number under way."""
        self.refusals += 1
        if begun <= self._halved_at:
            return  # it was under way when the window was halved: it tells nothing new
        self._halved_at = self._clock()
        self._answers = self._steady = 0
        self._ceiling = max(1, min(self._ceiling, max(at_once, 1) - 1))
        self.size = max(1, min(self.size // 2, self._ceiling))

    def slow_down(self) -> None:
        """Note a 503 that asks to slow down: half the ceiling for a quarter of an hour."""
        self._slow_until = self._clock() + SLOW_DOWN_S
        self.size = max(1, min(self.size, self.ceiling))


class Circuit:
    """Opens after a run of rows that failed for a reason that every other row shares: a wrong key, an empty account."""

    def __init__(self, rows: int = ROWS_UNTIL_OPEN) -> None:
        self.rows = rows
        self.error_class = ""
        self.message = ""
        self._run = 0

    @property
    def is_open(self) -> bool:
        """Whether no further row should be sent."""
        return self._run >= self.rows

    def note(self, error_class: str, message: str = "") -> None:
        """Note how a row ended; the empty text is a success."""
        if error_class in GATES:
            self._run += 1
            self.error_class, self.message = error_class, message
        elif not self.is_open:
            self._run = 0
