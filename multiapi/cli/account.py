"""The commands about models and money, and about the provider's health."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, get_args

import typer

from multiapi.cli import output
from multiapi.cli.exit_codes import VENDOR_FAILED, exit_code
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError, MultiApiError, ResponseFormatError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.types.account import Balance

HealthCheck = Literal["health", "ready", "live"]


def models(
    run: Run,
    words: Annotated[list[str] | None, typer.Argument(help="Only models in which each of these words occurs.")] = None,
    *,
    limit: Annotated[int | None, typer.Option(help="Maximum number.", min=1)] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only models of this kind, in the provider's word or a part of it, as in image.")
    ] = None,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Only models that are deprecated, superseded or withdrawn.")
    ] = False,
    schema: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Show what this model takes, from the provider's description of it."),
    ] = None,
) -> None:
    """List the provider's models with prices and limits; with -m, show everything about one."""
    client = run.client()
    if schema is not None:
        _schema(run, client, schema, kind)
        return
    if run.model_given is not None:
        info = client.model(run.model_given)
        if run.json:
            output.write_json(info)
            return
        pairs = [(name, value) for name, value in _facts(info).items() if name not in {"prices", "provider"}]
        output.write(output.facts([*pairs, *(("price", _price(each)) for each in info.prices)]))
        return
    if deprecated:
        _deprecations(run, client, words or [], limit)
        return
    listed = client.models()
    found = [
        info
        for info in listed
        if _matches(info, words or []) and info.is_offered and (kind is None or info.is_of(kind))
    ]
    shown = found if limit is None else found[:limit]
    if run.json:
        output.write_json(
            {"provider": client.provider.name, "models": shown, "found": len(found), "listed": len(listed)}
        )
        return
    kinds: dict[str, list[Any]] = {}
    for info in shown:
        kinds.setdefault(info.id, []).append(info)
    rows = [
        (
            name,
            ", ".join(dict.fromkeys(str(each.kind) for each in same if each.kind)) or None,
            next((each.context_tokens for each in same if each.context_tokens), None),
            list(dict.fromkeys(_price(price) for each in same for price in each.prices[:2])),
        )
        for name, same in kinds.items()
    ]
    output.write(output.table(rows, ("model", "kind", "context", "price"), right=("context",)))
    run.note(f"{len(shown)} of {len(listed)} models of {client.provider.name}")


def _deprecations(run: Run, client: Client, words: list[str], limit: int | None) -> None:
    listed = client.deprecations()
    found = [
        each for each in listed if all(word.lower() in " ".join((each.id, *each.aliases)).lower() for word in words)
    ]
    shown = found if limit is None else found[:limit]
    if run.json:
        output.write_json({"provider": client.provider.name, "deprecations": shown, "found": len(found)})
        return
    rows = [(each.id, each.status, each.deprecated_at, each.shutdown_at, each.replaced_by) for each in shown]
    output.write(output.table(rows, ("model", "status", "since", "gone from", "replaced by")))
    run.note(f"{len(shown)} of {len(listed)} entries of {client.provider.name}'s feed")


def _schema(run: Run, client: Client, model: str, kind: str | None) -> None:
    entry = client.model_schema(model, kind=kind)
    if run.json:
        output.write_json(entry)
        return
    rows = [
        (name, " or ".join(each.types), "yes" if each.required else None, _values(each))
        for name, each in entry.params.items()
    ]
    output.write(output.table(rows, ("parameter", "type", "required", "values")))
    run.note(f"{entry.endpoint}: {len(rows)} parameters of {entry.id}")


def _values(param: Any) -> str | None:
    """What a parameter may be: the words it takes, or its bounds."""
    if param.enum:
        return ", ".join(map(str, param.enum)) + (", ..." if param.open_enum else "")
    if param.minimum is None and param.maximum is None:
        return ", ".join(param.kinds) or None
    low, high = ("" if each is None else f"{each:g}" for each in (param.minimum, param.maximum))
    return f"{low}..{high}"


def _matches(info: Any, words: list[str]) -> bool:
    text = " ".join(str(part) for part in (info.id, info.name, info.kind, info.developer, *info.capabilities)).lower()
    return all(word.lower() in text for word in words)


def _facts(value: Any) -> dict[str, Any]:
    from dataclasses import fields

    return {item.name: getattr(value, item.name) for item in fields(value) if item.name not in output.LEFT_OUT}


def _price(price: Any) -> str:
    per = " " if price.per is None else "/" if price.per == 1 else f"/{_count(price.per)} "
    when = f" ({', '.join(f'{name} {value}' for name, value in price.when.items())})" if price.when else ""
    what = price.what.replace("_", " ")
    if price.what == "call_at_least":
        return f"at least {output.amount(price.amount, price.currency)} a call{when}"
    return f"{output.amount(price.amount, price.currency)}{per}{what}{when}"


def _count(number: Any) -> str:
    return {1_000: "1k", 1_000_000: "1M"}.get(int(number), output.amount(number, None))


def balance(
    run: Run,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="Of every provider that there is a key for.")] = False,
) -> None:
    """Show what is left."""
    if not all_of_them:
        write_balance(run, run.client().balance())
        return
    if run.provider_given is not None:
        raise InvalidRequestError("use -p NAME or --all, not both")
    _all_balances(run)


def write_balance(run: Run, left: Balance) -> None:
    """A balance in one line."""
    if run.json:
        output.write_json(left)
        return
    if left.amount is None:
        raise ResponseFormatError(f"{left.provider} did not say what is left", provider=left.provider)
    output.write_text(_left(left))
    from multiapi.agent_tools.tools import balance_facts

    for line in balance_facts(left):
        output.write_text(line)


def _left(left: Balance) -> str:
    expires = f" (until {left.expires})" if left.expires else ""
    return f"{output.amount(left.amount, left.unit) if left.amount is not None else 'not said'}{expires}"


def _all_balances(run: Run) -> None:
    """One line for each provider; one that fails is told, and its code is the exit code."""
    rows: list[tuple[str, str]] = []
    found: dict[str, Any] = {}
    worst = 0
    for provider in PROVIDERS.values():
        has_key = run.simulated or any(os.environ.get(name) for name in provider.key_variables)
        if "balance" not in provider.operations or not has_key:
            missing = "has no balance" if "balance" not in provider.operations else f"no key: {provider.api_key_env}"
            rows.append((provider.name, missing))
            found[provider.name] = {"missing": missing}
            continue
        try:
            left = run.other(provider.name).client().balance()
        except MultiApiError as error:
            worst = worst or exit_code(error)
            rows.append((provider.name, f"error: {error}"))
            found[provider.name] = {"error": {"type": type(error).__name__, "message": str(error)}}
        else:
            rows.append((provider.name, _left(left)))
            found[provider.name] = left
    if run.json:
        output.write_json({"balances": found})
    else:
        output.write(output.table(rows, ("provider", "left")))
    if worst:
        raise typer.Exit(worst)


def usage(
    run: Run,
    *,
    start: Annotated[str | None, typer.Option(help="The first day, as in 2026-11-01.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day.")] = None,
    period: Annotated[str | None, typer.Option(help="Instead of days, as in 24h or 30d.")] = None,
    group_by: Annotated[
        str | None, typer.Option(help="day, model or day,model.", autocompletion=lambda: ["day", "model", "day,model"])
    ] = None,
    today: Annotated[bool, typer.Option("--today", help="Only today.")] = False,
    chart: Annotated[bool, typer.Option("--chart", help="Draw what was spent, per model and day.")] = False,
) -> None:
    """Show what was used and spent."""
    from multiapi.types.account import UsageRequest

    client = run.client()
    if today:
        _today(run, client)
        return
    if period is not None and (start is not None or end is not None):
        raise InvalidRequestError("give --period, or --start and --end, not both")
    wanted = UsageRequest(start=start, end=end, period=period, group_by=group_by)
    report = _report(client, wanted, by_day=chart and group_by is None)
    if run.json:
        output.write_json(report)
        return
    totals = [(name, value) for name, value in _facts(report).items() if name not in {"by_model", "groups", "balance"}]
    balance = None if report.balance is None or (report.cost and report.cost.balance is not None) else report.balance
    output.write(output.facts([*((name.replace("_", " "), value) for name, value in totals), ("balance", balance)]))
    entries = report.groups if report.groups and group_by is not None else report.by_model
    if chart:
        _charts(run, report)
    elif entries:
        columns = ("day", "model", "requests", "input tokens", "output tokens", "cost")
        rows = [
            (entry.day, entry.model, entry.requests, entry.input_tokens, entry.output_tokens, entry.cost)
            for entry in entries
        ]
        output.write("", output.table(rows, columns, right=columns[-4:]))


def _report(client: Client, wanted: Any, *, by_day: bool) -> Any:
    """The report in the first form that the provider takes: by day, for the period, or for its days. A refusal comes before anything is sent."""
    from dataclasses import replace
    from datetime import datetime

    from multiapi.types.account import days_of

    days = None if wanted.period is None else days_of(wanted.period, datetime.now().astimezone().date())
    dated = [] if days is None else [replace(wanted, period=None, start=days[0], end=days[1])]
    forms = [*([replace(wanted, group_by="day")] if by_day else []), wanted, *dated]
    refusal: UnsupportedError | InvalidRequestError | None = None
    for form in forms:
        try:
            return client.usage(form)
        except (UnsupportedError, InvalidRequestError) as error:  # of the package itself: nothing was sent
            if error.status is not None or "usage" not in client.provider.operations:
                raise
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _charts(run: Run, report: Any) -> None:
    from multiapi.cli import charts

    unit = charts.unit_of([*report.by_model, *report.groups]) or (report.cost.unit if report.cost else None)
    groups = {
        "per model": charts.by_model(report.by_model or report.groups),
        "per day": charts.by_day(report.groups),
    }
    drawn = {title: bars for title, bars in groups.items() if bars}
    if not drawn and report.cost is not None and not report.cost.amount:
        run.note("nothing was spent: there is nothing to draw")
    elif not drawn:
        run.note(f"{report.provider} reports only the sum, neither models nor days: there is nothing to draw")
    for title, bars in drawn.items():
        output.write("", charts.spending(title, bars, unit))


def _today(run: Run, client: Client) -> None:
    daily = client.daily_usage()
    if run.json:
        output.write_json(daily)
        return
    output.write(output.facts((name.replace("_", " "), value) for name, value in _facts(daily).items()))


def health(
    run: Run,
    *,
    check: Annotated[
        str,
        typer.Option(
            help=f"Which: {', '.join(get_args(HealthCheck))}.", autocompletion=lambda: list(get_args(HealthCheck))
        ),
    ] = "health",
) -> None:
    """Check the provider's health; ends with 7 if it is not well."""
    if check not in get_args(HealthCheck):
        raise InvalidRequestError(f"--check is one of {', '.join(get_args(HealthCheck))}, not {check!r}")
    client = run.client()
    found = client.health(check)  # type: ignore[arg-type]
    if run.json:
        output.write_json(found)
    else:
        output.write_text(f"{found.provider} {'is well' if found.ok else 'is not well'} ({found.status or 'no state'})")
        output.write(output.facts(found.parts.items()))
    if not found.ok:
        raise typer.Exit(VENDOR_FAILED)
