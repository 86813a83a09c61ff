"""Lets one observer see each operation of this process: what is asked for, each request, the first chunk, how it ends.

While there is no observer, an operation runs as it is. `multiapi.observe` brings one that writes OpenTelemetry. What an observer fails with
goes into the log: an operation that was paid for gives its result all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from multiapi.errors import IN_FORCE, place
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


def observed(
    make: Callable[[], Generator[Any, Any, R]],
    target: Target,
    name: str,
    request: Any,
    *,
    sends: type[Any],
    stream: bool = False,
    scrub: Scrub | None = None,
) -> Generator[Any, Any, R]:
    """Run a flow, or the steps of a stream, and let the observer see it. It begins when the first step is asked for.

    Args:
        make: Makes the flow.
        target: Of the client that runs it.
        name: The operation's name.
        request: What was asked for.
        sends: The class of the steps that are requests.
        stream: Whether the steps have `items` that go to a reader.
        scrub: Takes the keys that are known by now out of texts; None: the one in force does.
    """
    watch = _begun(target, name, request, stream, scrub)
    steps = make()
    step: Any = None
    outcome: Any = None
    before: Sent | None = None
    was_thrown, awaits_chunk, is_open = False, stream, True
    try:
        while True:
            step = steps.throw(outcome) if was_thrown else steps.send(outcome)
            is_request = type(step) is sends
            if is_request:
                scrub = IN_FORCE.scrub  # which knows the key of the request by now
                _tell(scrub, watch.requested, before)
            elif awaits_chunk and step.items:
                awaits_chunk = False
                _tell(scrub, watch.first_chunk)
            try:
                outcome, was_thrown = (yield step), False
            except (
                BaseException
            ) as error:  # the end of a stream that nobody reads on, too: the steps then close what is open
                outcome, was_thrown = error, True
            if is_request:
                before = Sent.of(outcome)
    except StopIteration as end:
        is_open = False
        result: R = end.value
        _tell(scrub, watch.ended, result)
        return result
    except GeneratorExit:
        raise
    except BaseException as error:
        is_open = False
        _tell(scrub, watch.failed, error)
        raise
    finally:
        step = outcome = None  # a step may hold the key, and a frame of an error must not
        steps.close()
        if is_open:
            _tell(scrub, watch.left)


def _begun(target: Target, name: str, request: Any, stream: bool, scrub: Scrub | None) -> Watch:
    observer = OBSERVING.observer
    assert observer is not None
    return _tell(scrub, observer.begin, target, name, request, stream) or Watch()


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
