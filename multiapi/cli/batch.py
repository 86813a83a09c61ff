"""The command `batch`: one call for each row of a file, which can be killed at any moment and started again."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from multiapi._package import install
from multiapi.cli import kept, output
from multiapi.cli.exit_codes import BUDGET_REACHED, EXIT_CODES, SOME_ROWS_LEFT
from multiapi.cli.options import object_of
from multiapi.cli.run import MissingExtraError, Run
from multiapi.errors import InvalidRequestError, NotFoundError
from multiapi.money.units import written

if TYPE_CHECKING:
    from multiapi.bulk import BulkJob, BulkProgress, Report


def batch(
    run: Run,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Rows: .jsonl, .jsonl.gz, .csv or .parquet.")],
    target: Annotated[
        Path | None, typer.Argument(metavar="OUTPUT", help="Rows with responses: .jsonl, .jsonl.gz or .parquet.")
    ] = None,
    *,
    task: Annotated[
        Literal["chat", "embed", "image", "speech", "transcribe", "ocr", "requests"],
        typer.Option(help="What to do with each row."),
    ] = "chat",
    prompt: Annotated[str | None, typer.Option(help="The prompt; {name} stands for a column.")] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="Instructions; {name} stands for a column.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="A JSON schema; each response is then an object of it.", exists=True, dir_okay=False),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest response, in tokens.", min=1)] = None,
    text: Annotated[
        str,
        typer.Option(
            help="The column that is embedded or spoken, or names a file (--task embed, speech, transcribe, ocr)."
        ),
    ] = "text",
    id: Annotated[str | None, typer.Option(help="The column that names a row.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="The most to spend, like '20 USD', in the provider's unit.")
    ] = None,
    max_cost_per_row: Annotated[
        str | None, typer.Option(help="The most that a row can cost, where no price is known, like '0.02 USD'.")
    ] = None,
    window: Annotated[int | None, typer.Option(help="Calls at once at most.", min=1)] = None,
    ordered: Annotated[bool | None, typer.Option(help="Keep the order of the rows.", show_default=False)] = None,
    tries: Annotated[int | None, typer.Option(help="Calls of a row at most.", min=1)] = None,
    mode: Annotated[
        Literal["calls", "batch"],
        typer.Option(help="batch: the provider's own batches at half price (AI/ML API, Claude models)."),
    ] = "calls",
    batch_rows: Annotated[int | None, typer.Option(help="Rows of one such batch.", min=1)] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the provider's batches of the job of INPUT, an earlier OUTPUT.")
    ] = False,
    engine: Annotated[
        Literal["process", "ray"],
        typer.Option(help="ray: workers on the cluster that RAY_ADDRESS names, or on this machine."),
    ] = "process",
    workers: Annotated[int | None, typer.Option(help="How many workers on Ray.", min=1)] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the folder over from a job on another machine that has ended.")
    ] = False,
    retry: Annotated[
        Literal["failed", "unknown", "all"] | None,
        typer.Option(help="Send again what failed, or what may have been charged already."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before paying for unknown rows again.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it may cost; no model is asked.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say how far the job of INPUT, an earlier OUTPUT, is.")
    ] = False,
) -> None:
    """Do one call for each row of a file.

    A row whose request may have been carried out is never sent again unless you say so: start the same command again after a crash.
    """
    if status:
        _tell(run, _status(source))
        return
    if cancel:
        _cancelled(run, source)
        return
    if target is None:
        raise InvalidRequestError("name the file for the answers: multiapi batch INPUT OUTPUT")
    chat = {"prompt": prompt, "system": system, "schema": schema, "max_tokens": max_tokens}
    wanted: dict[str, Any] = {"id": id, "budget": budget, "max_cost_per_row": max_cost_per_row, "window": window}
    wanted |= {"ordered": ordered, "mode": mode, "take_over": take_over}
    wanted |= {name: value for name, value in {"tries": tries, "batch_rows": batch_rows}.items() if value is not None}
    if workers is not None and engine != "ray":
        raise InvalidRequestError("--workers needs --engine ray")
    if engine == "ray" and run.simulated:
        raise InvalidRequestError(
            "--engine ray needs a simulator that its workers reach: start `multiapi simulator` in another terminal, export what it "
            "prints, and leave --simulator out"
        )
    job = _job(run, source, target, _task(run, task, text, chat), **wanted)
    if estimate:
        _estimated(run, job)
        return
    if retry in ("unknown", "all"):
        _agreed(job, yes=yes)
    run.asked = True
    report = job.run(retry=retry, engine=engine, workers=workers or 2)
    if report.stopped == "interrupted" and mode == "batch":
        run.note("the provider goes on with its batches: the same command collects them, and this one cancels them:")
        run.command_line(shlex.join(["multiapi", "batch", str(target), "-p", run.provider.name, "--cancel"]))
    _tell(run, report)
    code = _code(report)
    if code:
        raise typer.Exit(code)


def _task(run: Run, kind: str, text: str, chat: dict[str, Any]) -> Any:
    from multiapi.bulk import Chat, Embed, Image, Ocr, Requests, Speech, Transcribe

    provider = run.provider
    if kind == "requests":
        return Requests(provider)
    if run.model_given is None:
        raise InvalidRequestError(f"{provider.name}: name a model with -m")
    if kind == "embed":
        return Embed(run.model_given, text, provider=provider)
    if kind == "speech":
        voice = {} if provider.default_voice is None else {"voice": provider.default_voice}
        return Speech(run.model_given, chat["prompt"] or f"{{{text}}}", provider=provider, **voice)
    if kind in {"transcribe", "ocr"}:
        from_file = Transcribe if kind == "transcribe" else Ocr
        return from_file(run.model_given, text, provider=provider)
    if chat["prompt"] is None:
        raise InvalidRequestError("name the prompt with --prompt, like --prompt 'Label: {text}'")
    if kind == "image":
        return Image(run.model_given, chat["prompt"], provider=provider)
    schema = chat.pop("schema")
    if schema is not None:
        chat["schema"] = object_of(schema.read_text(encoding="utf-8"), "--schema")
    return Chat(
        run.model_given, provider=provider, **{name: value for name, value in chat.items() if value is not None}
    )


def _job(run: Run, source: Path, target: Path, task: Any, **settings: Any) -> BulkJob:
    from multiapi.bulk import BulkJob

    if run.simulated:
        try:
            from multiapi.simulator import Simulator
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"--simulator needs the extra `simulator` ({error}); {install('simulator')}"
            ) from None
        import httpx

        run.note(f"simulator: nothing is sent to {run.provider.name}, and nothing is paid")
        settings |= {
            "api_key": "simulated-key",
            "base_url": run.provider.base_url,
            "http_client": httpx.AsyncClient(transport=Simulator().async_transport),
        }
    elif not any(os.environ.get(name) for name in run.provider.key_variables):
        key = kept.key_of(run.provider.name)
        settings |= {} if key is None else {"api_key": key}
    on_progress = None if run.quiet or run.json else _progress
    network: dict[str, Any] = {"timeout": run.timeout, "proxy": run.proxy, "trust_env": not run.no_proxy}
    return BulkJob(source, target, task, on_progress=on_progress, **network, **settings)


def _progress(progress: BulkProgress) -> None:
    """One line on a terminal that is written again and again; nothing into a file."""
    if not sys.stderr.isatty():
        return
    line = (
        f"{progress.done} done, {progress.failed} failed, {progress.unknown} unknown; {progress.under_way} of {progress.window} at once; "
        f"{progress.rows_per_s:.0f} rows/s; {written(progress.spent, progress.unit)}"
    )
    columns = shutil.get_terminal_size().columns
    sys.stderr.write(f"\r\x1b[K{line[: columns - 1]}")  # one that wrapped would not be written over
    sys.stderr.flush()


def _status(output_of_the_job: Path) -> Report:
    from multiapi.bulk.ledger import Ledger
    from multiapi.bulk.report import report_of

    folder = output_of_the_job.with_name(f"{output_of_the_job.name}.job")
    with Ledger(folder, read_only=True) as ledger:
        return report_of(ledger)


def _cancelled(run: Run, output_of_the_job: Path) -> None:
    """Cancel the batches that a job has with its provider; what they have done by then is collected and paid for."""
    from multiapi.bulk.ledger import Ledger

    folder = output_of_the_job.with_name(f"{output_of_the_job.name}.job")
    with Ledger(folder, read_only=True) as ledger:
        batches = [batch_id for _, batch_id in ledger.open_batches()]
    cancelled: list[str] = []
    ended: list[str] = []
    for batch_id in batches:
        client = run.client()
        try:
            client.cancel_batch(batch_id)
        except (
            InvalidRequestError,
            NotFoundError,
        ) as error:  # of one that is over: the others are still to be cancelled
            run.note(f"batch {batch_id}: {error}")
            ended.append(batch_id)
        else:
            cancelled.append(batch_id)
        run.unsaved.clear()
    if run.json:
        output.write_json({"cancelled": cancelled, "ended": ended})
        return
    over = f", {len(ended)} had ended" if ended else ""
    output.write_text(f"{len(cancelled)} {'batch' if len(cancelled) == 1 else 'batches'} cancelled{over}")


def _estimated(run: Run, job: BulkJob) -> None:
    found = job.estimate()
    if run.json:
        output.write_json(found)
        return
    most = "not known" if found.high is None else written(found.high, found.unit)
    least = "not known" if found.low is None else written(found.low, found.unit)
    output.write_text(
        f"{found.rows} rows, about {found.input_tokens} tokens of input; at least {least}, at most {most} ({found.basis})"
    )
    if found.hours is not None:
        output.write_text(f"the documented rate allows it in {found.hours:.1f} hours")


def _agreed(job: BulkJob, *, yes: bool) -> None:
    """Ask before paying for unknown rows again; without a terminal only `--yes` does."""
    from multiapi.bulk.ledger import Ledger

    if not (job.folder / "ledger.sqlite").exists():
        return
    with Ledger(job.folder, read_only=True) as ledger:
        from multiapi.bulk.report import report_of

        report = report_of(ledger)
    if report.unknown == 0 or yes:
        return
    most = f"up to {written(report.held, report.unit)}" if report.held else "an amount that is not known"
    question = f"{report.unknown} rows may have been charged already; sending them again may cost {most} a second time"
    if not sys.stdin.isatty():
        raise InvalidRequestError(f"{question}; add --yes to do it")
    typer.confirm(f"{question}. Send them?", abort=True, err=True)


def _tell(run: Run, report: Report) -> None:
    if sys.stderr.isatty() and not run.quiet and not run.json:
        sys.stderr.write("\r\x1b[K")
    if run.json:
        output.write_json(report)
    else:
        output.write_text(str(report))


def _code(report: Report) -> int:
    """Circuit first, then the budget, then rows that are left."""
    from multiapi import errors

    if report.stopped == "circuit":
        return next((code for kind, code in EXIT_CODES.items() if kind.__name__ == report.reason_class), 1)
    if report.stopped == "interrupted":
        return 130
    if report.stopped.startswith("error"):
        return EXIT_CODES.get(getattr(errors, report.stopped.rpartition(" ")[2], Exception), 1)
    if report.stopped == "budget" or report.over_budget:
        return BUDGET_REACHED
    return SOME_ROWS_LEFT if report.failed or report.unknown else 0
