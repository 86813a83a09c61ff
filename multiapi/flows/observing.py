"""Lets one observer see each operation of this process: what is asked for, each request, the first chunk, how it ends.

While there is no observer, an operation runs as it is. `multiapi.observe` brings one that writes OpenTelemetry. What an observer fails with
goes into the log: an operation that was paid for gives its result all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

from multiapi.errors import IN_FORCE, place
from multiapi.flows.driving import Witness, handed_on
from multiapi.flows.steps import Target

R = TypeVar("R")
T = TypeVar("T")
Scrub = Callable[[str, int], str]

logger = logging.getLogger("multiapi")


class Sent:
    """What came of one request: the status of its response, or the name of the error's class."""

    __slots__ = ("error", "status")

    def __init__(self, status: int | None, error: str | None = None) -> None:
        self.status = status
        self.error = error

    @classmethod
    def of(cls, outcome: Any) -> Sent:
        """Return it without the response or the error, which may hold what nobody else is to see."""
        if isinstance(outcome, BaseException):
            return cls(getattr(outcome, "status", None), type(outcome).__name__)
        return cls(getattr(outcome, "status", None) or getattr(outcome, "status_code", None))


class Watch:
    """Sees one operation. Exactly one of `ended`, `failed` and `left` is called, once."""

    def requested(self, before: Sent | None) -> None:
        """A request goes out; `before` is what came of the one before it, None for the first."""

    def first_chunk(self) -> None:
        """The first chunk of a stream has arrived."""

    def ended(self, result: Any) -> None:
        """It gave this result."""

    def failed(self, error: BaseException) -> None:
        """It ended with this error."""

    def left(self) -> None:
        """Nobody reads on."""


class Observer:
    """Makes a `Watch` for each operation."""

    def begin(self, target: Target, name: str, request: Any, stream: bool) -> Watch:
        """An operation of this name begins."""
        raise NotImplementedError


class _Observing:
    """Holds the observer of this process."""

    observer: Observer | None = None


OBSERVING = _Observing()


class _Watching(Witness):
    """Tells a watch what it is to know of the steps of one operation."""

    def __init__(self, begin: Callable[[], Watch], sends: type[Any], *, stream: bool, scrub: Scrub | None) -> None:
        self._begin = begin
        self._sends = sends
        self._awaits_chunk = stream
        self._scrub = scrub
        self._is_request = False
        self._before: Sent | None = None

    def __enter__(self) -> None:
        self._watch = _tell(self._scrub, self._begin) or Watch()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, StopIteration):
            _tell(self._scrub, self._watch.ended, error.value)
        elif error is None or isinstance(error, GeneratorExit):
            _tell(self._scrub, self._watch.left)
        else:
            _tell(self._scrub, self._watch.failed, error)

    def asked(self, step: Any) -> None:
        self._is_request = type(step) is self._sends
        if self._is_request:
            self._scrub = IN_FORCE.scrub  # which knows the key of the request by now
            _tell(self._scrub, self._watch.requested, self._before)
        elif self._awaits_chunk and step.items:
            self._awaits_chunk = False
            _tell(self._scrub, self._watch.first_chunk)

    def came(self, outcome: Any) -> None:
        if self._is_request:
            self._before = Sent.of(outcome)


def observed(
    steps: Generator[Any, Any, R],
    target: Target,
    name: str,
    request: Any,
    *,
    sends: type[Any],
    stream: bool = False,
    scrub: Scrub | None = None,
) -> Generator[Any, Any, R]:
    """Let the observer see a flow or the steps of a stream. It begins when the first step is asked for.

    Args:
        steps: The flow, or the steps.
        target: Of the client that runs it.
        name: The operation's name.
        request: What was asked for.
        sends: The class of the steps that are requests.
        stream: Whether the steps have `items` that go to a reader.
        scrub: Takes the keys that are known by now out of texts; None: the one in force does.
    """
    observer = OBSERVING.observer
    assert observer is not None
    begin = partial(observer.begin, target, name, request, stream)
    return handed_on(steps, witness=_Watching(begin, sends, stream=stream, scrub=scrub))


def _tell(scrub: Scrub | None, told: Callable[..., T], *facts: Any) -> T | None:
    """Let an observer read texts, with what takes the keys of the operation's requests out of them, and fail without the operation."""
    before = IN_FORCE.scrub
    IN_FORCE.scrub = scrub or before
    try:
        return told(*facts)
    except Exception as error:
        logger.warning("what observes the operations failed: %s", place(error))
        return None
    finally:
        IN_FORCE.scrub = before
