"""The commands about what a provider has written down: credits, calls, movements of money, keys, speeds of models."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from multiapi.cli import output
from multiapi.cli.account import write_balance
from multiapi.cli.run import Run
from multiapi.errors import InvalidRequestError

Start = Annotated[str | None, typer.Option(help="The first day, as in 2026-11-01.")]
End = Annotated[str | None, typer.Option(help="The last day.")]
Limit = Annotated[int | None, typer.Option(help="Maximum number.", min=1)]


def credits(run: Run) -> None:
    """Show the credits that are left (AICredits)."""
    write_balance(run, run.client().credits())


def logs(
    run: Run,
    *,
    start: Start = None,
    end: End = None,
    period: Annotated[str | None, typer.Option(help="Instead of days, as in 24h or 30d.")] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help="succeeded or failed.", autocompletion=lambda: ["succeeded", "failed"]),
    ] = None,
    limit: Limit = None,
    offset: Annotated[int | None, typer.Option(help="How many to leave out first.", min=0)] = None,
) -> None:
    """List the account's calls with status and cost (AI/ML API); -m only those of one model."""
    from multiapi.types.account import LogsRequest

    client = run.client()
    models = () if run.model_given is None else (run.model_given,)
    request = LogsRequest(
        start=start, end=end, period=period, models=models, statuses=status or (), limit=limit, offset=offset
    )
    page = client.logs(request)
    if run.json:
        output.write_json(page)
        return
    columns = ("time", "status", "model", "input tokens", "output tokens", "cost", "request")
    rows = [
        (
            each.created,
            each.status,
            each.model,
            each.input_tokens,
            each.output_tokens,
            each.cost,
            each.client_request_id or each.request_id,
        )
        for each in page.items
    ]
    output.write(output.table(rows, columns, right=("input tokens", "output tokens", "cost")))
    _more(run, page, f"--offset {page.next_offset}" if page.next_offset is not None else None)


def transactions(
    run: Run,
    *,
    start: Start = None,
    end: End = None,
    direction: Annotated[
        str | None, typer.Option(help="TOPUP or CHARGE.", autocompletion=lambda: ["TOPUP", "CHARGE"])
    ] = None,
    kind: Annotated[str | None, typer.Option(help="The provider's own word for the kind.")] = None,
    limit: Limit = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
) -> None:
    """List the movements of the account's money (AI/ML API)."""
    from multiapi.types.account import TransactionsRequest

    request = TransactionsRequest(start=start, end=end, direction=direction, kind=kind, limit=limit, cursor=cursor)
    page = run.client().transactions(request)
    if run.json:
        output.write_json(page)
        return
    columns = ("time", "direction", "kind", "amount", "model", "reference")
    rows = [
        (each.created, each.direction, each.kind, each.amount, each.model, each.reference_id) for each in page.items
    ]
    output.write(output.table(rows, columns, right=("amount",)))
    _more(run, page, f"--cursor {page.next_cursor}" if page.next_cursor is not None else None)


def _more(run: Run, page: Any, option: str | None) -> None:
    total = "" if page.total is None else f" of {page.total}"
    run.note(
        f"{len(page.items)}{total} {'entry' if len(page.items) == 1 else 'entries'}"
        + (f"; the next ones: {option}" if option else "")
    )


def keys(
    run: Run,
    *,
    current: Annotated[bool, typer.Option("--current", help="Only the key in use.")] = False,
    create: Annotated[str | None, typer.Option(metavar="NAME", help="Make a new key with this name.")] = None,
    update: Annotated[str | None, typer.Option(metavar="PREFIX", help="Change the key that begins so.")] = None,
    replace: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="The same, and reset what is not given.")
    ] = None,
    delete: Annotated[str | None, typer.Option(metavar="PREFIX", help="Delete the key that begins so.")] = None,
    name: Annotated[str | None, typer.Option(help="The new name (with --update, --replace).")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it can be used (with --update, --replace).")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do, in the provider's words.")] = None,
    limit_usd: Annotated[float | None, typer.Option(help="Refuse it above this amount.", min=0.0)] = None,
    limit_period: Annotated[
        str | None,
        typer.Option(help="day, week, month or no_reset.", autocompletion=lambda: ["day", "week", "month", "no_reset"]),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
) -> None:
    """List, make, change and delete the account's API keys (AI/ML API, needs a management key)."""
    from multiapi.types.account import KeyChange

    wanted = [each for each in (current or None, create, update, replace, delete) if each is not None]
    if len(wanted) > 1:
        raise InvalidRequestError("use one of --current, --create, --update, --replace and --delete")
    settings: dict[str, Any] = {
        "disabled": None if enabled is None else not enabled,
        "scopes": tuple(scope) if scope else None,
        "limit_usd": limit_usd,
        "limit_period": limit_period,
    }
    client = run.client()
    if delete is not None:
        _agreed_to_delete(delete, yes=yes)
        done = client.delete_key(delete)
        if run.json:
            output.write_json({"deleted": done, "prefix": delete})
        else:
            output.write_text(f"{delete} is deleted" if done else f"{delete} was not deleted")
        return
    if create is not None:
        _write_key(run, client.create_key(KeyChange(name=create, **settings)))
    elif update is not None:
        _write_key(run, client.update_key(KeyChange(prefix=update, name=name, **settings)))
    elif replace is not None:
        _write_key(run, client.replace_key(KeyChange(prefix=replace, name=name, **settings)))
    elif current:
        _write_key(run, client.current_key())
    else:
        _list_keys(run, client.keys())


def _agreed_to_delete(prefix: str, *, yes: bool) -> None:
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidRequestError("add --yes to delete a key without being asked")
    typer.confirm(f"Delete the key that begins with {prefix}?", abort=True, err=True)


def _write_key(run: Run, key: Any) -> None:
    from dataclasses import fields

    if run.json:
        output.write_json(key)
        return
    pairs = [(item.name, getattr(key, item.name)) for item in fields(key) if item.name not in output.LEFT_OUT]
    output.write(output.facts((name.replace("_", " "), value) for name, value in pairs))
    if key.key is not None:
        run.note("the whole key is shown this once and never again")


def _list_keys(run: Run, found: Any) -> None:
    if run.json:
        output.write_json({"keys": found})
        return
    columns = ("key", "name", "disabled", "limit", "per", "spent this month", "created")
    rows = [
        (
            f"{each.prefix}...",
            each.name,
            each.disabled,
            each.limit_usd,
            each.limit_period,
            each.spent_this_month_usd,
            each.created,
        )
        for each in found
    ]
    output.write(output.table(rows, columns, right=("limit", "spent this month")))


def metrics(run: Run) -> None:
    """Show how fast models were lately (AI/ML API); -m names one, or several with commas."""
    client = run.client()
    found = client.metrics(None if run.model_given is None else run.model_given.split(","))
    if run.json:
        output.write_json({"provider": client.provider.name, "metrics": found})
        return
    columns = ("model", "endpoint", "measure", "p50", "p75", "p90", "p99")
    rows = [
        (each.model, each.endpoint, measure, *(_number(values.get(name)) for name in columns[3:]))
        for each in found
        for measure, values in each.percentiles.items()
    ]
    output.write(output.table(rows, columns, right=columns[3:]))


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"
