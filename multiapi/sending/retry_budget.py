"""A bucket of repetitions, so that a provider that is down is not hammered."""

from __future__ import annotations

import time
from collections.abc import Callable

from multiapi.money.locks import Locked


class RetryBudget(Locked):
    """Each repetition takes tokens; a success gives them back, and so does time. An empty bucket means no repetition.

    One per provider address and process. A first attempt is never held up.
    """

    def __init__(
        self,
        capacity: float = 500.0,
        cost: float = 5.0,
        refill_per_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.capacity = capacity
        self.cost = cost
        self.refill_per_s = refill_per_s
        self._clock = clock
        self._tokens = capacity
        self._at = clock()

    def take(self) -> bool:
        """Whether one more repetition is allowed; if so it is paid for."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.refill_per_s)
            self._at = now
            if self._tokens < self.cost:
                return False
            self._tokens -= self.cost
            return True

    def succeeded(self) -> None:
        """Give one repetition and a little more back for a response."""
        if self._tokens < self.capacity:
            with self._lock:
                self._tokens = min(self.capacity, self._tokens + self.cost + 1)

    def refill(self) -> None:
        """Start anew."""
        with self._lock:
            self._tokens = self.capacity
