"""Keeps to what a provider lets one user do: a number of requests at once and in a minute.

    Client("aicredits", limiter="documented")                 # the provider's documented caps
    Client("aicredits", limiter=Limiter(max_concurrency=3))   # your own

One limiter serves any number of clients, threads and event loops. Every HTTP attempt is charged, repetitions too. It learns from
the responses: an announced rate, an empty allowance and a Retry-After hold up the next request.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from multiapi._package import new_lock, tell_after_fork
from multiapi.flows.driving import Either, Step, Steps, adrive, drive
from multiapi.flows.tokens import ExpectedTokens
from multiapi.http.retry_after import retry_after_s
from multiapi.provider import Provider
from multiapi.sending.kept import PROCESS, Kept
from multiapi.transport.holding import holding

WINDOW_S = 60.0
LONGEST_PAUSE_S = 120.0
LOOK_EVERY_S = 0.5
"""So often those who wait look by themselves whether a place is free."""
COMES_WITHIN_S = 0.5
"""A place that was offered and not taken for so long is offered to the next one too."""
SEARCH_EVERY_S = 0.05
"""At most so often they search for places that were forgotten."""


class LimiterTimeoutError(Exception):
    """The turn would come after the time that there is."""


class Limiter:
    """A limit of requests at once and per minute; None means no limit.

    It may be shared by threads and event loops. A pickle holds the settings: in the process it came from it becomes this very
    limiter again, elsewhere a new one, because one process does not know what another one sends.

    Args:
        max_concurrency: Requests on their way at once; a stream counts until it is read or closed.
        requests_per_minute: Requests begun within any 60 seconds.
        tokens_per_minute: Tokens of chats and embeddings within any 60 seconds. A request is estimated before it is sent (four characters are
            one token, and the response as long as `max_tokens`) and corrected when the provider has counted. One above the limit waits until
            nothing else is in the window.
        adapts: Follow the provider's `x-ratelimit-*` headers and Retry-After, downward only: no response raises a limit that you set.
        window_s: Seconds that stand for the minute.
        clock: Seconds, growing.
    """

    def __init__(
        self,
        *,
        max_concurrency: int | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        adapts: bool = True,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = {
            "max_concurrency": max_concurrency,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
        }
        for name, value in limits.items():
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")
        self.max_concurrency = max_concurrency
        self._own_rate = self._rate = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self._charges: deque[ExpectedTokens] = deque()
        self._used = 0
        """The tokens of these."""
        self.adapts = adapts
        self.window_s = window_s
        self._follows_upward = False
        self._clock = clock
        self._id = uuid4().hex
        self._lock = new_lock()
        # Places are in a set and not in a number: to take one out twice does no harm, whenever an interrupt strikes. And a place whose
        # turn has ended is found by its dead reference, so that nothing has to run, and to wait for a lock, in the collector.
        self._held: set[_Place] = set()
        self._waiting: OrderedDict[_Place, None] = OrderedDict()
        self._searched_at = self._collected_at = 0.0
        self._starts: deque[float] = deque()
        self._not_before = 0.0
        _LIMITERS[self._id] = self
        tell_after_fork(self)

    def __repr__(self) -> str:
        tokens = "" if self.tokens_per_minute is None else f", tokens_per_minute={self.tokens_per_minute}"
        return (
            f"Limiter(max_concurrency={self.max_concurrency}, requests_per_minute={self.requests_per_minute}{tokens})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (
            self._id,
            self.max_concurrency,
            self._own_rate,
            self.adapts,
            self.window_s,
            self.tokens_per_minute,
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Limiter:
        return self

    @property
    def requests_per_minute(self) -> int | None:
        """Requests begun within any 60 seconds: what you set, or less while the provider announces less."""
        return self._rate

    @requests_per_minute.setter
    def requests_per_minute(self, value: int | None) -> None:
        self._own_rate = self._rate = value

    @property
    def running(self) -> int:
        """Requests on their way."""
        return holding(self._lock, self._count)

    # ------------------------------------------------------------------------------------ taking turns

    def acquire(self, until: float | None = None, tokens: ExpectedTokens | None = None) -> Turn:
        """Wait for a turn in a thread; `until` is a time of the clock, `tokens` what the request is expected to take.

        Raises:
            LimiterTimeoutError: It would come too late.
        """
        return drive(self._turn(_Place(None), until, tokens))

    async def aacquire(self, until: float | None = None, tokens: ExpectedTokens | None = None) -> Turn:
        """The same in an event loop.

        Raises:
            LimiterTimeoutError: It would come too late.
        """
        return await adrive(self._turn(_Place(asyncio.get_running_loop()), until, tokens))

    def _turn(self, place: _Place, until: float | None, tokens: ExpectedTokens | None) -> Steps[Turn]:
        turn = Turn(self, place)
        try:
            while not holding(self._lock, self._take, place):
                yield _Offer(place, self._patience_s(until))
                if place.offered_at is None:
                    self._collect()
            while (wait := holding(self._lock, self._start_in, until, tokens)) > 0:
                yield Either(time.sleep, asyncio.sleep, wait)
        except BaseException:
            turn.done()
            raise
        return turn

    def _patience_s(self, until: float | None) -> float:
        """How long to wait before looking again: what was dropped unseen wakes nobody."""
        if until is None:
            return LOOK_EVERY_S
        left = until - self._clock()
        if left <= 0:
            raise LimiterTimeoutError
        return min(left, LOOK_EVERY_S)

    def _collect(self) -> None:
        """Find turns that are lost in young reference cycles: where all wait, nothing else may set the collector off."""
        now = time.monotonic()
        import gc  # with the first wait, not with the class

        if now - self._collected_at >= LOOK_EVERY_S and gc.isenabled():
            self._collected_at = now
            gc.collect(1)

    # What follows is done while the lock is held.

    def _count(self) -> int:
        self._forget_dropped()
        self._offer()
        return len(self._held)

    def _take(self, place: _Place) -> bool:
        """Take a free place, or queue up and wait for an offer."""
        if self.max_concurrency is None or (not self._waiting and len(self._held) < self.max_concurrency):
            self._held.add(place)
            return True
        self._waiting.setdefault(place)
        now = time.monotonic()
        if now - self._searched_at > SEARCH_EVERY_S:
            self._searched_at = now
            self._forget_dropped()
        self._offer()
        if place.offered_at is not None and len(self._held) < self.max_concurrency:
            self._held.add(place)
            self._waiting.pop(place, None)
            return True
        place.offered_at = None
        place.wait_again()
        return False

    def _offer(self) -> None:
        """Wake as many as there are free places. One that does not come soon has to let the next one pass."""
        if self.max_concurrency is None:
            return
        room = self.max_concurrency - len(self._held)
        if room <= 0 or not self._waiting:
            return
        now, gone = time.monotonic(), []
        for place in self._waiting:
            if place.offered_at is None:
                if place.is_gone or place.was_dropped:
                    gone.append(place)
                    continue
                if not place.can_come or not place.wake():
                    continue
                place.offered_at = now
            elif now - place.offered_at > COMES_WITHIN_S:
                continue
            room -= 1
            if not room:
                break
        for place in gone:
            self._waiting.pop(place, None)

    def _leave(self, place: _Place) -> None:
        """Hand a place on, or leave the queue."""
        self._held.discard(place)
        self._waiting.pop(place, None)
        self._offer()

    def _forget_dropped(self) -> None:
        """Take back the places of turns that nobody has any more."""
        for place in [place for place in self._held if place.was_dropped]:
            self._held.discard(place)

    def _start_in(self, until: float | None, tokens: ExpectedTokens | None = None) -> float:
        """Seconds until this request may begin; 0 if it begins now, which is then noted."""
        now = self._clock()
        starts = self._starts
        while starts and starts[0] <= now - self.window_s:
            starts.popleft()
        at = max(now, self._not_before)
        rate = self._rate
        if rate is not None and len(starts) >= rate:
            at = max(at, starts[-rate] + self.window_s)
        if self.tokens_per_minute is None:
            tokens = None
        if tokens is not None:
            at = max(at, self._tokens_free_at(now, tokens.count))
        if until is not None and at > until:
            raise LimiterTimeoutError
        if at <= now:
            if rate is not None:
                starts.append(now)
            if tokens is not None:
                self._charge(tokens, now)
            return 0.0
        return min(at - now + 0.001, 1.0)

    def _tokens_free_at(self, now: float, count: int) -> float:
        """Find the time from which this number of tokens is free."""
        charges = self._charges
        while charges and charges[0].at + self.window_s <= now:
            left = charges.popleft()
            left.changed = None
            self._used -= left.count
        over = self._used + count - (self.tokens_per_minute or 0)
        if not charges or over <= 0:
            return now
        last = charges[0]
        for last in charges:
            over -= last.count
            if over <= 0:
                break
        return last.at + self.window_s

    def _charge(self, tokens: ExpectedTokens, now: float) -> None:
        tokens.at = now
        tokens.changed = lambda count: holding(self._lock, self._recounted, tokens, count)
        self._charges.append(tokens)
        self._used += tokens.count

    def _recounted(self, tokens: ExpectedTokens, count: int) -> None:
        if tokens.changed is not None:
            self._used += count - tokens.count
        tokens.count = count

    # ------------------------------------------------------------------------------------ learning

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """Take what a response says about the allowance."""
        if not self.adapts:
            return
        per_window = _count(headers.get("x-ratelimit-limit"))
        announced = per_window or _count(headers.get("x-ratelimit-limit-requests"))
        remaining = _count(headers.get("x-ratelimit-remaining", headers.get("x-ratelimit-remaining-requests")))
        reset = reset_s(headers.get("x-ratelimit-reset", headers.get("x-ratelimit-reset-requests")))
        pause = retry_after_s(headers) if status == 429 else None
        if remaining == 0 and reset is not None:
            pause = max(pause or 0.0, reset)
        if announced and reset is not None and reset <= WINDOW_S and self._own_rate is not None:
            rises = self._follows_upward and per_window is not None
            self._rate = announced if rises else min(self._own_rate, announced)
        if pause is not None:
            holding(self._lock, self._pause, min(pause, LONGEST_PAUSE_S))

    def _pause(self, seconds: float) -> None:
        self._not_before = max(self._not_before, self._clock() + seconds)

    def after_fork(self) -> None:
        """In a child process: nobody waits and nothing runs; what the parent's turns give back here was never taken here."""
        self._held = set()
        self._waiting = OrderedDict()
        for tokens in self._charges:
            tokens.changed = None
        self._charges, self._used = deque(), 0


class Turn:
    """The right to have one request on its way; given back once, also by being forgotten."""

    __slots__ = ("__weakref__", "_limiter", "_place")

    def __init__(self, limiter: Limiter, place: _Place) -> None:
        self._place = place
        place.turn = weakref.ref(self)
        self._limiter: Limiter | None = limiter

    def learn(self, status: int, headers: Mapping[str, str]) -> None:
        """What the response's head says."""
        if self._limiter is not None:
            self._limiter.learn(status, headers)

    def done(self) -> None:
        """The response was read, or given up."""
        limiter = self._limiter
        if limiter is not None:
            holding(limiter._lock, limiter._leave, self._place)
            self._limiter = None


class _Place:
    """A place among those that are on their way, or in the queue for one."""

    __slots__ = ("event", "future", "loop", "offered_at", "turn")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.offered_at: float | None = None
        self.event: threading.Event = _NO_EVENT
        self.future: asyncio.Future[None] | None = None
        self.turn: weakref.ref[Turn] | None = None

    @property
    def was_dropped(self) -> bool:
        """Nobody has the turn any more."""
        return self.turn is None or self.turn() is None

    @property
    def is_gone(self) -> bool:
        """Its event loop has ended."""
        return self.loop is not None and self.loop.is_closed()

    @property
    def can_come(self) -> bool:
        """It is in a thread, or its event loop runs; in notebooks, loops stand still between two cells."""
        return self.loop is None or self.loop.is_running()

    def wait_again(self) -> None:
        """Be ready to be woken (a thread)."""
        if self.loop is None:
            self.event = threading.Event()

    async def woken(self, seconds: float) -> None:
        """Wait to be woken (a task), but only for so long."""
        assert self.loop is not None
        self.future = self.loop.create_future()
        timer = self.loop.call_later(seconds, self._resolve)
        try:
            await self.future
        finally:
            timer.cancel()

    def wake(self) -> bool:
        """Say that a place is free; False if nobody hears it."""
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


class _Offer(Step):
    """Wait for the offer of a place, but only for so long."""

    __slots__ = ("_place", "_seconds")

    def __init__(self, place: _Place, seconds: float) -> None:
        self._place = place
        self._seconds = seconds

    def do(self, _: Any, /) -> None:
        """Wait in a thread."""
        self._place.event.wait(self._seconds)

    async def ado(self, _: Any, /) -> None:
        """Wait in a task."""
        await self._place.woken(self._seconds)


_NO_EVENT = threading.Event()
_LIMITERS: weakref.WeakValueDictionary[str, Limiter] = weakref.WeakValueDictionary()
_DOCUMENTED: Kept[tuple[str, int], Limiter] = PROCESS.limiters


def documented_limiter(provider: Provider, user: int = 0) -> Limiter | None:
    """The process' limiter with a provider's documented caps for one user (a hash of the key); None if the provider states none."""
    if provider.max_concurrency is None and provider.requests_per_minute is None:
        return None

    def make() -> Limiter:
        made = Limiter(max_concurrency=provider.max_concurrency, requests_per_minute=provider.requests_per_minute)
        made._follows_upward = provider.announces_per_minute
        return made

    return _DOCUMENTED.get((provider.name, user), make)


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


def _unpickled(  # noqa: PLR0917
    id: str,
    max_concurrency: int | None,
    requests_per_minute: int | None,
    adapts: bool,
    window_s: float,
    tokens_per_minute: int | None = None,
) -> Limiter:
    return _LIMITERS.get(id) or Limiter(
        max_concurrency=max_concurrency,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        adapts=adapts,
        window_s=window_s,
    )
