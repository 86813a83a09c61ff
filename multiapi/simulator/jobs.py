"""Jobs: work that the vendor does after it has answered, and that passes through states as time goes by."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from multiapi._package import new_lock

State = Literal["queued", "running", "completed", "failed", "cancelled"]
FINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


@dataclass
class Job:
    """One job. It waits, then runs, then ends as `ending` says; `stuck` never ends.

    The next `missing` questions about it find nothing; with `refunds` a failed one gives back what it took.
    """

    id: str
    kind: str
    vendor: str
    key: str
    model: str
    created_at: float
    wait_s: float
    run_s: float
    ending: Literal["completed", "failed", "cancelled", "stuck"] = "completed"
    work: Callable[[], Any] = lambda: None
    on_completed: Callable[["Job"], None] = lambda job: None
    details: dict[str, Any] = field(default_factory=dict)
    expires_at: float | None = None
    cancelled_at: float | None = None
    result: Any = None
    done: bool = False
    missing: float = 0
    refunds: bool = False
    _lock: Any = field(default_factory=new_lock, repr=False)

    @property
    def started_at(self) -> float:
        """When it began to run, or will."""
        return self.created_at + self.wait_s

    @property
    def ended_at(self) -> float:
        """When it ended, or will."""
        return self.cancelled_at if self.cancelled_at is not None else self.started_at + self.run_s

    def state(self, now: float) -> State:
        """The state at a time. The first look after the end does the work."""
        if self.cancelled_at is not None:
            return "cancelled"
        if now < self.started_at:
            return "queued"
        if now < self.started_at + self.run_s or self.ending == "stuck":
            return "running"
        if self.ending == "completed" and not self.done:
            with self._lock:  # two may look at the same time, but the work is done and charged once
                if not self.done:
                    self.result = self.work()
                    self.on_completed(self)
                    self.done = True
        return self.ending

    def cancel(self, now: float) -> None:
        """Stop it."""
        self.cancelled_at = now


@dataclass
class Jobs:
    """All jobs."""

    all: dict[str, Job] = field(default_factory=dict)

    def add(self, job: Job) -> Job:
        """Start a job."""
        self.all[job.id] = job
        return job

    def find(self, job_id: str, *, vendor: str, kind: str, key: str) -> Job | None:
        """The job of this key, or None: a job of another key does not exist for it."""
        job = self.all.get(job_id)
        if job is None or (job.vendor, job.kind, job.key) != (vendor, kind, key):
            return None
        if job.missing > 0:
            job.missing -= 1
            return None
        return job

    def hide(self, job_id: str, times: float) -> None:
        """Let the next questions about a job find nothing."""
        if job_id in self.all:
            self.all[job_id].missing = max(self.all[job_id].missing, times)

    def update_all(self, vendor: str, key: str, now: float) -> None:
        """Bring every job of a key up to date, so that what it costs is booked."""
        for job in list(self.all.values()):
            if job.vendor == vendor and job.key == key and not job.done:
                job.state(now)
