"""What people see while they wait: a bar with state, time and expected cost; without a terminal, a line when the state changes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from multiapi.cli.output import console_for, money, one_line
from multiapi.cli.run import Run
from multiapi.types.jobs import Job, OnProgress, Progress


@contextmanager
def working(run: Run, what: str) -> Iterator[OnProgress]:
    """Show that something is being done. What is yielded is told of a job's progress; the run learns of the job by it."""
    run.asked = not run.simulated
    if run.quiet or not sys.stderr.isatty():
        with _lines(run) as tell:
            yield tell
        return
    with _bar(run, what) as tell:
        yield tell


@contextmanager
def _lines(run: Run) -> Iterator[OnProgress]:
    said = ""

    def tell(progress: Progress) -> None:
        nonlocal said
        run.job = progress.job
        state = _state(progress.job)
        if state != said:
            said = state
            run.note(f"job {progress.job.id}: {state} after {progress.elapsed_s:.0f} s{_expected(progress.job)}")

    yield tell


@contextmanager
def _bar(run: Run, what: str) -> Iterator[OnProgress]:
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[expected]}", markup=False, style="dim"),
    )
    with Bar(*columns, console=console_for(sys.stderr), transient=True) as bar:
        task = bar.add_task(what, total=None, expected="")

        def tell(progress: Progress) -> None:
            run.job = progress.job
            bar.update(
                task, description=f"{what}: {_state(progress.job)}", expected=_expected(progress.job).removeprefix(", ")
            )

        yield tell


def _state(job: Job) -> str:
    return one_line(job.status)[:40] or "started"


def _expected(job: Job) -> str:
    if job.cost is not None:
        return f", {money(job.cost)}"
    return f", about {money(job.estimated_cost)}" if job.estimated_cost is not None else ""
