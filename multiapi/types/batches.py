"""Many conversations at once, at a discount, answered within a day: what is sent and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from multiapi.types.chat import ChatRequest, ChatResponse

BatchState = Literal["pending", "completed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """Conversations by ids that you choose, by which the responses are told apart."""

    requests: Mapping[str, ChatRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The response to one of them.

    Attributes:
        outcome: succeeded, errored, canceled or expired.
        response: The response, if it succeeded.
        error: The provider's reason, if it did not.
    """

    custom_id: str
    outcome: str
    response: ChatResponse | None = None
    error: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it was when it was looked at.

    Attributes:
        status: The provider's word.
        counts: How many are processing, succeeded, errored, canceled, expired.
        results: One per conversation, in any order, once it is completed.
        created_s, misses: As for `multiapi.types.jobs.Job`.
        names: By your ids, your names of tools whose names had to be changed. They come back in results that are asked for with this
            object, and not in those that are asked for with its id alone.
    """

    id: str
    provider: str
    status: str = ""
    state: BatchState = "pending"
    counts: Mapping[str, int] = field(default_factory=dict)
    results: tuple[BatchResult, ...] = ()
    created: str | None = None
    expires: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    created_s: float | None = field(default=None, repr=False, compare=False)
    misses: int = field(default=0, repr=False, compare=False)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def by_id(self) -> dict[str, BatchResult]:
        """The results by your ids."""
        return {result.custom_id: result for result in self.results}
