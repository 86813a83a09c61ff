"""Videos, music and transcripts on the command line: made at once or as a job, whichever the provider does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast, get_args

import typer

from multiapi.cli import output
from multiapi.cli.options import Waiting
from multiapi.cli.progress import working
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError
from multiapi.provider import operation_of
from multiapi.types.jobs import Job, JobKind

_DOING: dict[JobKind, str] = {"video": "filming", "music": "making music", "transcription": "writing it down"}
_AT_ONCE: dict[JobKind, str] = {"video": "start_video", "music": "music", "transcription": "transcribe"}
"""The operation that a provider lacks which has no job of this kind either."""


def job(
    run: Run,
    id: Annotated[str, typer.Argument(metavar="ID", help="The id of the job.")],
    *,
    kind: Annotated[
        str,
        typer.Option(help=f"Which: {', '.join(get_args(JobKind))}.", autocompletion=lambda: list(get_args(JobKind))),
    ] = "video",
) -> None:
    """Show how a job is doing, without waiting; `multiapi video --job ID` waits for it and saves what it made."""
    if kind not in get_args(JobKind):
        raise InvalidRequestError(f"--kind is one of {', '.join(get_args(JobKind))}, not {kind!r}")
    refuse_jobs_inside(run, "multiapi job")
    found = run.client().job(id, kind=cast("JobKind", kind))
    run.unsaved.clear()  # it can be asked for again
    if run.json:
        output.write_json({**output.plain(found), "resume": run.resume(found)})
        return
    names = ("id", "kind", "model", "status", "state", "cost", "estimated_cost", "created", "started", "finished")
    output.write(output.facts((name.replace("_", " "), getattr(found, name) or None) for name in names))
    run.note("fetch it with:" if found.state == "completed" else "wait for it with:")
    run.command_line(run.resume(found))


def refuse_jobs_inside(run: Run, what: str) -> None:
    """The simulator inside a command ends with it, and its jobs too.

    Raises:
        InvalidRequestError: That is what was asked for.
    """
    if run.simulated:
        raise InvalidRequestError(
            f"{what} needs a simulator that goes on: start `multiapi simulator` in another terminal, export what it prints, "
            "and leave --simulator out"
        )


def made_or_started(run: Run, client: Client, kind: JobKind, request: Callable[[Client], Any], waiting: Waiting) -> Any:
    """What the provider makes, waited for where it is a job; None if it was only started.

    Raises:
        UnsupportedError: The provider makes it neither at once nor as a job.
    """
    if f"start_{kind}" not in client.provider.operations:
        operation_of(client.provider, _AT_ONCE[kind])
    if waiting.no_wait or waiting.job is not None:
        refuse_jobs_inside(run, "--no-wait" if waiting.no_wait else "--job")
    every: dict[str, Any] = {} if waiting.poll_every is None else {"poll_every": waiting.poll_every}
    if waiting.job is not None:
        with working(run, _DOING[kind]) as tell:
            run.job = Job(id=waiting.job, provider=client.provider.name, kind=kind)
            return client.wait(waiting.job, kind=kind, timeout_s=waiting.wait, on_progress=tell, **every).result
    wanted = request(client)
    if waiting.no_wait:
        starts: dict[JobKind, Callable[[Any], Job]] = {
            "video": client.start_video,
            "music": client.start_music,
            "transcription": client.start_transcription,
        }
        started = starts[kind](wanted)
        if run.json:
            output.write_json({"job": started, "resume": run.resume(started)})
        else:
            output.write_text(started.id)
        run.note("started; fetch it with:")
        run.command_line(run.resume(started))
        return None
    makes: dict[JobKind, Callable[..., Any]] = {
        "video": client.video,
        "music": client.music,
        "transcription": client.transcribe,
    }
    with working(run, _DOING[kind]) as tell:
        return makes[kind](wanted, timeout_s=waiting.wait, on_progress=tell, **every)
