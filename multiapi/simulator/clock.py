"""The simulator's clock: the real one, moved ahead as far as a test asks."""

import time


class Clock:
    """Seconds since 1970. With a start it stands still until it is moved."""

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._ahead = 0.0

    def now(self) -> float:
        """The time."""
        return (time.time() if self._start is None else self._start) + self._ahead

    @property
    def stands(self) -> bool:
        """Whether no time passes but what it is moved by."""
        return self._start is not None

    def advance(self, seconds: float) -> None:
        """Move the time ahead."""
        self._ahead += seconds
