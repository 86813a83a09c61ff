"""Work that is the same with and without `await`: a generator says what is to be done next, and one of these two does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Step(NamedTuple):
    """One thing to do, in both ways."""

    do: Callable[[], Any]
    begin: Callable[[], Awaitable[Any]]


Steps = Generator[Step, Any, T]


def done(steps: Steps[T]) -> T:
    """What comes out of some steps; what fails is raised where the step was asked for."""
    answer: Any = None
    failure: BaseException | None = None
    try:
        while True:
            step = steps.send(answer) if failure is None else steps.throw(failure)
            answer = failure = None
            try:
                answer = step.do()
            except BaseException as error:
                failure = error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        failure = None  # else it and this frame would hold each other


async def awaited(steps: Steps[T]) -> T:
    """As `done`."""
    answer: Any = None
    failure: BaseException | None = None
    try:
        while True:
            step = steps.send(answer) if failure is None else steps.throw(failure)
            answer = failure = None
            try:
                answer = await step.begin()
            except BaseException as error:
                failure = error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        failure = None
