"""Jobs as values: what the provider goes on with after it has answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from multiapi.errors import (
    InvalidRequestError,
)
from multiapi.types.media import Media
from multiapi.types.media_results import MediaResult, Transcript
from multiapi.types.usage import Cost

JobKind = Literal["video", "music", "transcription"]


JobState = Literal["pending", "completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of the provider's work, as it was when it was last looked at.

    Attributes:
        status: The provider's word for its state; empty if it was never looked at.
        state: What that word means; a word nobody documents means pending.
        media: What it made, once it is completed.
        transcript: The same for transcriptions.
        error: The provider's reason, if it failed; `error_code` its word for that, where it has one.
        cost: What it cost in the end; `estimated_cost` what the provider expects, `refunded` what it gave back.
        vendor_type: The provider's word for what is made; `made_by` who makes it for the provider, where it says so.
        created_s: When it was started, by the clock of the client that started it; not written down for other processes.
        misses: How often in a row the provider said that it knows no such job.
    """

    id: str
    provider: str
    kind: JobKind = "video"
    model: str = ""
    status: str = ""
    state: JobState = "pending"
    media: tuple[Media, ...] = ()
    transcript: Transcript | None = None
    error: str | None = None
    cost: Cost | None = None
    estimated_cost: Cost | None = None
    refunded: Cost | None = None
    error_code: str | None = None
    vendor_type: str | None = None
    made_by: str | None = None
    created: str | None = None
    started: str | None = None
    finished: str | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    created_s: float | None = field(default=None, repr=False, compare=False)
    misses: int = field(default=0, repr=False, compare=False)

    @property
    def result(self) -> MediaResult | Transcript | None:
        """What it made, with what it cost; None as long as there is nothing."""
        if self.transcript is not None:
            return self.transcript
        if not self.media:
            return None
        first, *more = self.media
        return MediaResult(
            data=first.data,
            url=first.url,
            mime_type=first.mime_type,
            metadata=first.metadata,
            provider=self.provider,
            model=self.model,
            cost=self.cost,
            more=tuple(more),
            job_id=self.id,
            request_id=self.request_id,
            raw=self.raw,
        )

    def to_dict(self) -> dict[str, str]:
        """What another process needs to wait for it."""
        return {"id": self.id, "provider": self.provider, "kind": self.kind, "model": self.model, "status": self.status}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The job that `to_dict` wrote down.

        Raises:
            InvalidRequestError: It is none.
        """
        try:
            job = cls(**{name: str(values[name]) for name in ("id", "provider", "kind", "model")})  # type: ignore[arg-type]
        except KeyError as error:
            raise InvalidRequestError(f"a job needs {error.args[0]}") from None
        if job.kind not in {"video", "music", "transcription"}:
            raise InvalidRequestError(f"{job.kind!r} is not a kind of job")
        return job


class Progress(NamedTuple):
    """What `on_progress` is told after each look: the job, and how long it has been waited for."""

    job: Job
    elapsed_s: float


OnProgress = Callable[[Progress], None]
