"""Drives steps: a generator says what takes time and decides what follows, one of these loops does it, on the spot or awaited.

    def answer(question: str) -> Steps[str]:
        text = yield Either(ask, aask, question)
        return text.strip()

    drive(answer("...")), await adrive(answer("..."))

Whatever a step fails with is thrown into the generator where it asked for the step; an interrupt, a cancellation and the end of a stream
that nobody reads any more too, so that it can close what it has opened. The loops decide nothing.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Step(ABC):
    """One thing that takes time: how it is done at once, and how it is awaited; `client` is what drives, or None."""

    __slots__ = ()

    items: Sequence[Any] = ()
    """What goes to the reader of a stream before the step is done."""

    @abstractmethod
    def do(self, client: Any, /) -> Any:
        """Do it and wait for it."""

    @abstractmethod
    async def ado(self, client: Any, /) -> Any:
        """Do it in an event loop."""


Steps = Generator[Step, Any, T]


class Either(Step):
    """A function that is called, and one whose result is awaited, with the same arguments."""

    __slots__ = ("_arguments", "_at_once", "_awaited", "_named")

    def __init__(
        self, at_once: Callable[..., Any], awaited: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any
    ) -> None:
        self._at_once = at_once
        self._awaited = awaited
        self._arguments = arguments
        self._named = named

    def do(self, _: Any, /) -> Any:
        """Call the one."""
        return self._at_once(*self._arguments, **self._named)

    async def ado(self, _: Any, /) -> Any:
        """Await the other."""
        return await self._awaited(*self._arguments, **self._named)


class Work(Step):
    """Call a function that may wait for the disk; the async client does so in a thread."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def do(self, _: Any, /) -> Any:
        """Call it here."""
        return self.function()

    async def ado(self, _: Any, /) -> Any:
        """Call it in a thread."""
        return await asyncio.to_thread(self.function)


class Items(Step):
    """Nothing but `items` for the reader of a stream."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def do(self, _: Any, /) -> None:
        """There is nothing to do."""

    async def ado(self, _: Any, /) -> None:
        """There is nothing to wait for."""


# In these loops a name is forgotten as soon as it was used: an error that leaves them shows their frames, and a step may hold the key.
# The inner loop stands inside of the `try`, so that an interrupt between two steps reaches the generator too.


def drive(steps: Steps[T], client: Any = None) -> T:
    """Return the result of steps, each of them done on the spot."""
    step = outcome = failure = None
    try:
        while True:
            try:
                while True:
                    step = steps.send(outcome) if failure is None else steps.throw(failure)
                    outcome = failure = None
                    outcome = step.do(client)
            except BaseException as error:
                if steps.gi_frame is not None:  # type: ignore[attr-defined]  # they have not ended, so it is the step that failed
                    failure = error
                elif isinstance(error, StopIteration):
                    return error.value  # type: ignore[no-any-return]
                else:
                    raise
    finally:
        step = outcome = failure = None


async def adrive(steps: Steps[T], client: Any = None) -> T:
    """Return the result of steps, each of them awaited."""
    step = outcome = failure = None
    try:
        while True:
            try:
                while True:
                    step = steps.send(outcome) if failure is None else steps.throw(failure)
                    outcome = failure = None
                    outcome = await step.ado(client)
            except BaseException as error:
                if steps.gi_frame is not None:  # type: ignore[attr-defined]  # they have not ended, so it is the step that failed
                    failure = error
                elif isinstance(error, StopIteration):
                    return error.value  # type: ignore[no-any-return]
                else:
                    raise
    finally:
        step = outcome = failure = None


class Witness:
    """Sees steps while they are handed on. It is entered before the first one; what ends them is what leaves it: a StopIteration with the
    result, a GeneratorExit where nobody reads on, or an error.
    """

    def __enter__(self) -> None:
        """They begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """They have ended."""

    def asked(self, step: Any) -> None:
        """This is what they ask for next."""

    def came(self, outcome: Any) -> None:
        """This is what came of it: a result, or an error."""


_UNSEEN = Witness()


def handed_on(
    steps: Generator[Any, Any, T], first: Step | None = None, witness: Witness = _UNSEEN
) -> Generator[Any, Any, T]:
    """Hand on steps, after another one, and let a witness see them. Where `yield from` would close them when nobody reads on, they are told,
    and close what is open by steps of their own.
    """
    step, outcome, was_thrown = None, cast("Any", None), False
    try:
        with witness:
            if first is not None:
                yield first
            while True:
                step = steps.throw(outcome) if was_thrown else steps.send(outcome)
                witness.asked(step)
                try:
                    outcome, was_thrown = (yield step), False
                except BaseException as error:
                    outcome, was_thrown = error, True
                witness.came(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        step = outcome = None  # a step may hold the key, and a frame of an error must not
        steps.close()


def drive_stream(steps: Steps[Any], client: Any = None) -> Generator[Any, None, None]:
    """Yield the items of steps, each of them done on the spot."""
    step = outcome = failure = None
    try:
        while True:
            try:
                while True:
                    step = steps.send(outcome) if failure is None else steps.throw(failure)
                    outcome = failure = None
                    yield from step.items
                    outcome = step.do(client)
            except BaseException as error:
                if steps.gi_frame is not None:  # type: ignore[attr-defined]  # they have not ended, so it is the step that failed
                    failure = error
                elif isinstance(error, StopIteration):
                    return
                else:
                    raise
    finally:
        step = outcome = failure = None


async def adrive_stream(steps: Steps[Any], client: Any = None) -> AsyncGenerator[Any, None]:
    """Yield the items of steps, each of them awaited."""
    step = outcome = failure = None
    try:
        while True:
            try:
                while True:
                    step = steps.send(outcome) if failure is None else steps.throw(failure)
                    outcome = failure = None
                    for item in step.items:
                        yield item
                    outcome = await step.ado(client)
            except BaseException as error:
                if steps.gi_frame is not None:  # type: ignore[attr-defined]  # they have not ended, so it is the step that failed
                    failure = error
                elif isinstance(error, StopIteration):
                    return
                else:
                    raise
    finally:
        step = outcome = failure = item = None
