"""Rate limits, as far as the vendors document them. They are off until they are switched on."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from multiapi._package import new_lock


@dataclass
class Limit:
    """How much one key may do: requests in a window, and calls at the same time."""

    requests: int
    window_s: float
    concurrency: int | None = None


DOCUMENTED = {
    "bineric": Limit(50, 86400.0),  # the free tier's daily limit; the number is not published
    "binom_router": Limit(60, 60.0),  # set per key in the dashboard; the number is not published
    "aimlapi": Limit(300, 60.0),  # no figures are published
    "aicredits": Limit(60, 60.0, concurrency=5),
    "binobox": Limit(60, 60.0),
}


@dataclass
class Window:
    """What one key has done lately."""

    times: deque[float] = field(default_factory=deque)
    active: int = 0


@dataclass
class Limits:
    """The limits in force and how far each key has used them."""

    in_force: dict[str, Limit] = field(default_factory=dict)
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    _lock: Any = field(default_factory=new_lock, repr=False)

    def switch_on(self, vendor: str, limit: Limit | None = None) -> None:
        """Put the documented limit of a vendor in force, or another."""
        self.in_force[vendor] = limit or DOCUMENTED[vendor]

    def switch_off(self, vendor: str | None = None) -> None:
        """Take the limit of a vendor, or all, out of force."""
        for name in [vendor] if vendor else list(self.in_force):
            self.in_force.pop(name, None)
        self._windows.clear()

    def window(self, vendor: str, key: str) -> Window:
        """What a key has done lately."""
        return self._windows.setdefault((vendor, key), Window())

    def enter(self, vendor: str, key: str, now: float) -> str | None:
        """Count a request; say what is exceeded, or None."""
        limit = self.in_force.get(vendor)
        if limit is None:
            return None
        with self._lock:
            return self._entered(limit, self.window(vendor, key), now)

    def _entered(self, limit: Limit, window: Window, now: float) -> str | None:
        while window.times and window.times[0] <= now - limit.window_s:
            window.times.popleft()
        if len(window.times) >= limit.requests:
            return "Rate limit exceeded"
        if limit.concurrency is not None and window.active >= limit.concurrency:
            return "Too many concurrent requests"
        window.times.append(now)
        return None

    def left(self, vendor: str, key: str, now: float) -> tuple[int, int, int]:
        """The limit, what is left of it, and in how many seconds the window is free again."""
        limit = self.in_force.get(vendor) or DOCUMENTED[vendor]
        if vendor not in self.in_force:
            return limit.requests, limit.requests, 60
        window = self.window(vendor, key)
        oldest = window.times[0] if window.times else now
        return limit.requests, max(0, limit.requests - len(window.times)), max(0, round(oldest + limit.window_s - now))
