"""Whether another provider may be asked after a failure: one rule, for `FallbackLLM`, `VendorFailover` and for your own code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from multiapi.errors import (
    ContextLengthError,
    InvalidRequestError,
    JobTimeoutError,
    MissingApiKeyError,
    MultiApiError,
    UnsupportedError,
    is_doubtful,
)
from multiapi.flows.driving import Step, Steps

M = TypeVar("M")

logger = logging.getLogger("multiapi")

_WORTH_A_STATUS = frozenset({401, 402, 403, 404, 408, 429})


def worth_another_provider(error: BaseException, *, on_doubt: bool = False) -> bool:
    """Whether another provider may do better, and nothing is paid for twice.

    Not after a request that cannot be right anywhere, and not after one that may have been carried out and charged. What one
    provider lacks, and a conversation that is too long for one model, may be fine with the next.

    Errors of other packages are judged by their HTTP status, then by what they say of themselves, and by their names.

    Args:
        on_doubt: Also after a failure that may have been charged: for those who prefer a response to a call that is paid for once.
    """
    if is_doubtful(error):
        return on_doubt
    if isinstance(error, (ContextLengthError, UnsupportedError, MissingApiKeyError)):
        return True
    if isinstance(error, MultiApiError):
        return not isinstance(error, (InvalidRequestError, JobTimeoutError))
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in _WORTH_A_STATUS or status >= 500
    retryable = getattr(error, "is_retryable", None)
    if isinstance(retryable, bool):
        return retryable
    name = type(error).__name__
    return isinstance(error, (ConnectionError, TimeoutError)) or "Timeout" in name or "Connection" in name


def falls_back(
    error: BaseException,
    *,
    on_doubt: bool = False,
    also: tuple[type[BaseException], ...] = (),
    not_on: tuple[type[BaseException], ...] = (),
    rule: Callable[[BaseException], bool] = worth_another_provider,
) -> bool:
    """Whether to ask the next one, with what a caller says beside the rule; never on doubt but with `on_doubt`.

    Args:
        also: Further errors to fall back on, if they cannot have been charged.
        not_on: Errors that end it.
        rule: The rule itself.
    """
    if isinstance(error, not_on):
        return False
    if rule(error):
        return True
    return on_doubt if is_doubtful(error) else isinstance(error, also)


def in_turn(
    ask: Callable[[M], Step],
    choices: Sequence[M],
    *,
    goes_on: Callable[[BaseException], bool],
    name: Callable[[M], str],
) -> Steps[Any]:
    """Return what the first of the choices gives that gives something.

    Raises:
        Exception: The first failure after which the next one is not asked, or the last; with what the earlier ones said in its notes.
    """
    failures: list[str] = []
    for number, choice in enumerate(choices, 1):
        try:
            return (yield ask(choice))
        except Exception as error:
            if number == len(choices) or not goes_on(error):
                for told in failures:
                    error.add_note(f"before that, {told}")
                raise
            failures.append(f"{name(choice)} failed: {type(error).__name__}: {error}")
            logger.info("falling back to %s after %s", name(choices[number]), type(error).__name__)
    raise AssertionError("unreachable")
