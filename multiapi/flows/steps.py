"""What a flow yields, and what it is told of its way: a request, a pause, several flows at once, work in a thread."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from multiapi.money.budget import Budget
from multiapi.negotiation.refusals import Refusals
from multiapi.provider import Provider
from multiapi.types.limits import Limits

UnknownFields = Literal["warn", "error", "pass"]


T = TypeVar("T")


Flow = Generator[Any, Any, T]


MAX_RETRY_AFTER_S = 60.0


class Sleep(NamedTuple):
    """Wait for a random time between these two."""

    least_s: float
    most_s: float


class Parallel(NamedTuple):
    """Run flows side by side, at most this many at once."""

    flows: Sequence[Flow[Any]]
    max_concurrency: int


class Wait(NamedTuple):
    """Wait this many seconds while the provider works. What follows has the whole of the call's total limit again, or at most `most_s`."""

    seconds: float
    most_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and what is repeated.

    Attributes:
        max_retries: At most this many repetitions, whatever the reason; one HTTP request more than that in all. A request that is asked
            otherwise because a part of it was refused is not a repetition, but 0 turns that off too.
        repeat_unknown: Also repeat what may have been carried out and charged. Off, unless you know that it does no harm.
        repeat_media: Also repeat paid media calls after a 5xx.
        max_retry_after_s: A longer wait than this is not obeyed but raised.
        use_budget: Stop repeating while a provider's address fails most of the time; see `multiapi.sending.retry_budget`.
    """

    max_retries: int = 2
    repeat_unknown: bool = False
    repeat_media: bool = False
    max_retry_after_s: float = MAX_RETRY_AFTER_S
    use_budget: bool = True


class Target(NamedTuple):
    """What a flow needs to know of the client that runs it."""

    provider: Provider
    base_url: str
    policy: Policy
    refusals: Refusals
    limits: Limits = Limits()
    memory: dict[Any, Any] | None = None
    """What this client has learnt and nobody else needs: paths that answered, lists with their tags, warnings that were given."""
    unknown_fields: UnknownFields = "warn"
    budget: Budget | None = None
    """What calls have to fit into, with the budgets that are applied around them."""
    counts_tokens: bool = False
    """Its limiter does."""
