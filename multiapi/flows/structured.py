"""Asks for a value of one form, and once more with what was wrong where the response is not of that form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from multiapi.flows.driving import Step, Steps
from multiapi.negotiation.json_answers import OTHER_WAYS
from multiapi.negotiation.wanted import Unfit
from multiapi.types.chat import Message

R = TypeVar("R")


def ask_until_fit(
    ask: Callable[[Sequence[Message]], Step], fault: Callable[[R], Unfit | None], *, retries: int
) -> Steps[R]:
    """Return the first response that is of the wanted form, else the last one.

    Args:
        ask: Asks with these messages after the user's.
        fault: Says what is wrong with a response; None where it fits.
        retries: How often the model is told what was wrong, at most.
    """
    corrections: tuple[Message, ...] = ()
    while True:
        response = yield ask(corrections)
        unfit = fault(response)
        if unfit is None or unfit.is_refusal or retries < 1:
            return response  # type: ignore[no-any-return]
        retries -= 1
        corrections += correction(unfit)


def correction(unfit: Unfit) -> tuple[Message, Message]:
    """Return what the model said, and what is wrong with it."""
    return (
        Message("assistant", unfit.said or "(no answer)"),
        Message(
            "user",
            f"That answer cannot be used: {unfit.why.replace(OTHER_WAYS, '')}. Answer again, in the demanded form only.",
        ),
    )
