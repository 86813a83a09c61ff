"""Keeps to what a vendor lets one user do: so many requests at once, and so many in a minute.

    Client("aicredits", limiter="documented")                 # the vendor's documented caps
    Client("aicredits", limiter=Limiter(max_concurrency=3))   # your own

One limiter serves any number of clients, threads and event loops. Every HTTP attempt is charged, repetitions too. It learns from
the answers: an announced rate, an empty allowance and a Retry-After hold up whoever comes next.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from multiapi.provider import Provider
from multiapi.retry_after import retry_after_s

WINDOW_S = 60.0
LONGEST_PAUSE_S = 120.0


class LimiterTimeoutError(Exception):
    """The turn would come after the time that there is."""


class Limiter:
    """So many requests at once and so many per minute; None is no limit.

    It may be shared by threads and event loops. A pickle holds the settings: in the process it came from it becomes this very
    limiter again, elsewhere a new one, because one process does not know what another one sends.

    Args:
        max_concurrency: Requests on their way at once; a stream counts until it is read or closed.
        requests_per_minute: Requests begun within any 60 seconds.
        adapts: Follow the vendor's `x-ratelimit-*` headers and Retry-After.
        window_s: Seconds that stand for the minute.
        clock: Seconds, growing.
    """

    def __init__(
        self,
        *,
        max_concurrency: int | None = None,
        requests_per_minute: int | None = None,
        adapts: bool = True,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value in (("max_concurrency", max_concurrency), ("requests_per_minute", requests_per_minute)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")
        self.max_concurrency = max_concurrency
        self.requests_per_minute = requests_per_minute
        self.adapts = adapts
        self.window_s = window_s
        self._clock = clock
        self._id = uuid4().hex
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[_Waiter] = deque()
        self._starts: deque[float] = deque()
        self._not_before = 0.0
        _LIMITERS[self._id] = self

    def __repr__(self) -> str:
        return f"Limiter(max_concurrency={self.max_concurrency}, requests_per_minute={self.requests_per_minute})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._id, self.max_concurrency, self.requests_per_minute, self.adapts, self.window_s)

    def __deepcopy__(self, memo: dict[int, Any]) -> Limiter:
        return self

    @property
    def running(self) -> int:
        """Requests on their way."""
        return self._running

    # ------------------------------------------------------------------------------------ taking turns

    def acquire(self, until: float | None = None) -> Turn:
        """Wait for a turn in a thread; `until` is a time of the clock.

        Raises:
            LimiterTimeoutError: It would come too late.
        """
        waiter = self._enter(None)
        if waiter is not None:
            left = None if until is None else max(0.0, until - self._clock())
            if not waiter.event.wait(left) and not self._withdraw(waiter):
                raise LimiterTimeoutError
        try:
            while (wait := self._start_in(until)) > 0:
                time.sleep(wait)
        except BaseException:
            self._leave()
            raise
        return Turn(self)

    async def aacquire(self, until: float | None = None) -> Turn:
        """The same in an event loop.

        Raises:
            LimiterTimeoutError: It would come too late.
        """
        waiter = self._enter(asyncio.get_running_loop())
        if waiter is not None:
            assert waiter.future is not None
            left = None if until is None else max(0.0, until - self._clock())
            try:
                async with asyncio.timeout(left):
                    await waiter.future
            except TimeoutError:
                if not self._withdraw(waiter):
                    raise LimiterTimeoutError from None
            except BaseException:
                if self._withdraw(waiter):
                    self._leave()
                raise
        try:
            while (wait := self._start_in(until)) > 0:  # noqa: ASYNC110 (only the clock says when)
                await asyncio.sleep(wait)
        except BaseException:
            self._leave()
            raise
        return Turn(self)

    def _enter(self, loop: asyncio.AbstractEventLoop | None) -> _Waiter | None:
        with self._lock:
            if self.max_concurrency is None or (self._running < self.max_concurrency and not self._waiting):
                self._running += 1
                return None
            waiter = _Waiter(loop)
            self._waiting.append(waiter)
            return waiter

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Leave the queue; True if the turn had come already."""
        with self._lock:
            if waiter.granted:
                return True
            self._waiting.remove(waiter)
            return False

    def _leave(self) -> None:
        """Hand the place on."""
        with self._lock:
            self._running -= 1
            while self._waiting and (self.max_concurrency is None or self._running < self.max_concurrency):
                if self._waiting.popleft().grant():
                    self._running += 1

    def _start_in(self, until: float | None) -> float:
        """Seconds until this request may begin; 0 if it begins now, which is then noted."""
        with self._lock:
            now = self._clock()
            starts = self._starts
            while starts and starts[0] <= now - self.window_s:
                starts.popleft()
            at = max(now, self._not_before)
            if self.requests_per_minute is not None and len(starts) >= self.requests_per_minute:
                at = max(at, starts[-self.requests_per_minute] + self.window_s)
            if until is not None and at > until:
                raise LimiterTimeoutError
            if at <= now:
                starts.append(now)
                return 0.0
            return min(at - now + 0.001, 1.0)

    # ------------------------------------------------------------------------------------ learning

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what an answer says about the allowance."""
        if not self.adapts:
            return
        announced = _count(headers.get("x-ratelimit-limit", headers.get("x-ratelimit-limit-requests")))
        remaining = _count(headers.get("x-ratelimit-remaining", headers.get("x-ratelimit-remaining-requests")))
        reset = reset_s(headers.get("x-ratelimit-reset", headers.get("x-ratelimit-reset-requests")))
        pause = retry_after_s(headers) if status == 429 else None
        if remaining == 0 and reset is not None:
            pause = max(pause or 0.0, reset)
        if announced is None and pause is None:
            return
        with self._lock:
            if announced and reset is not None and reset <= WINDOW_S and self.requests_per_minute is not None:
                self.requests_per_minute = announced
            if pause is not None:
                self._not_before = max(self._not_before, self._clock() + min(pause, LONGEST_PAUSE_S))

    def after_fork(self) -> None:
        """In a child process: nobody waits and nothing runs."""
        self._lock = threading.Lock()
        self._waiting.clear()
        self._running = 0


class Turn:
    """The right to have one request on its way; given back once."""

    __slots__ = ("_limiter",)

    def __init__(self, limiter: Limiter) -> None:
        self._limiter: Limiter | None = limiter

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """What the answer's head says."""
        if self._limiter is not None:
            self._limiter.learn(status, headers)

    def done(self) -> None:
        """The answer was read, or given up."""
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            limiter._leave()

    def __del__(self) -> None:
        self.done()


class _Waiter:
    """A thread or a task in the queue."""

    __slots__ = ("event", "future", "granted", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.granted = False
        self.event = threading.Event()
        self.future = None if loop is None else loop.create_future()

    def grant(self) -> bool:
        """Wake it; False if its event loop is no more."""
        self.granted = True
        if self.loop is None:
            self.event.set()
            return True
        try:
            self.loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            return False
        return True

    def _resolve(self) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_result(None)


_LIMITERS: weakref.WeakValueDictionary[str, Limiter] = weakref.WeakValueDictionary()
_DOCUMENTED: dict[tuple[str, int], Limiter] = {}
_DOCUMENTED_LOCK = threading.Lock()


def documented_limiter(provider: Provider, user: int = 0) -> Limiter | None:
    """The process' limiter with a vendor's documented caps for one user (a hash of the key); None if the vendor states none."""
    if provider.max_concurrency is None and provider.requests_per_minute is None:
        return None
    with _DOCUMENTED_LOCK:
        found = _DOCUMENTED.get((provider.name, user))
        if found is None:
            found = _DOCUMENTED[provider.name, user] = Limiter(
                max_concurrency=provider.max_concurrency, requests_per_minute=provider.requests_per_minute
            )
        return found


def reset_s(text: str | None) -> float | None:
    """Seconds until an allowance is full again: a number of seconds, or a length of time like 1m30s or 250ms."""
    if text is None or not text.isascii():
        return None
    text = text.strip()
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", text)
    if parts is not None and any(parts.groups()):
        hours, minutes, seconds, milliseconds = (float(part or 0) for part in parts.groups())
        return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return None
    return float(text)


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _again(
    id: str, max_concurrency: int | None, requests_per_minute: int | None, adapts: bool, window_s: float
) -> Limiter:
    return _LIMITERS.get(id) or Limiter(
        max_concurrency=max_concurrency, requests_per_minute=requests_per_minute, adapts=adapts, window_s=window_s
    )


def _after_fork() -> None:
    for limiter in list(_LIMITERS.values()):
        limiter.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
