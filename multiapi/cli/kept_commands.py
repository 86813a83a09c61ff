"""The commands about what is kept for their user: `login`, `logout`, `alias`, `template` and `history`."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from typing import Annotated, Any

import typer

from multiapi.cli import kept, output
from multiapi.cli.run import Run
from multiapi.errors import InvalidRequestError
from multiapi.sending.keys import ApiKey

MOST_NARROW = 60
"""A terminal with fewer columns shows time, model and cost alone."""


def login(
    run: Run,
    *,
    shows: Annotated[bool, typer.Option("--list", help="List the providers whose keys are kept.")] = False,
) -> None:
    """Keep a provider's key for this command line: it is read from the terminal without showing, or from stdin."""
    if shows:
        held = kept.kept_keys()
        if run.json:
            output.write_json({"keys": held})
        elif not held:
            run.note("no key is kept")
        else:
            output.write(output.table(list(held.items()), ("provider", "kept in")))
        return
    provider = run.provider
    key = _key_from_the_user(provider.title)
    ApiKey(key, provider=provider.name)
    where = kept.keep_key(provider.name, key)
    if run.json:
        output.write_json({"provider": provider.name, "kept_in": where})
    run.note(f"the key of {provider.name} is kept in {where}; {provider.api_key_env} goes before it while it is set")


def _key_from_the_user(title: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        try:
            found = getpass(f"Key of {title}: ", stream=sys.stderr)
        except EOFError:
            found = ""
    else:
        found = sys.stdin.read(10_000) if sys.stdin is not None else ""
    found = found.strip()
    if not found:
        raise InvalidRequestError("no key was given: type or paste it, or pipe it in")
    return found


def logout(run: Run) -> None:
    """Forget the key that is kept for a provider."""
    name = run.provider.name
    if not kept.forget_key(name):
        raise InvalidRequestError(f"no key of {name} is kept; `multiapi login --list` lists them", provider=name)
    if run.json:
        output.write_json({"provider": name, "kept_in": None})
    run.note(f"the key of {name} is forgotten here; it is still valid at the provider")


def alias(
    run: Run,
    name: Annotated[str | None, typer.Argument(help="The short name.", show_default=False)] = None,
    stands_for: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="What it stands for, as PROVIDER:MODEL.", show_default=False)
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the short name.")] = False,
) -> None:
    """Give a model a short name for `-m`, or list the short names. `default` is taken where no model is named."""
    if name is None:
        _list(run, "aliases", kept.aliases(), ("name", "model"), "no short name is set")
        return
    if remove == (stands_for is not None):
        raise InvalidRequestError("write NAME and PROVIDER:MODEL, or NAME and --remove")
    kept.set_alias(name, stands_for)
    if run.json:
        output.write_json({"aliases": kept.aliases()})


def template(
    run: Run,
    name: Annotated[str | None, typer.Argument(help="The name of the template.", show_default=False)] = None,
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt, with gaps like {input} and {language}.", show_default=False)
    ] = None,
    *,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the template.")] = False,
) -> None:
    """Keep a prompt for `multiapi chat -t NAME`, show it, or list all of them."""
    if name is None:
        found = {each: _first_words(made) for each, made in kept.templates().items()}
        _list(run, "templates", found, ("name", "prompt"), "no template is kept")
        return
    if remove:
        kept.forget_template(name)
        return
    if prompt is None and system is None:
        made = kept.template(name)
        facts = {field: getattr(made, field) for field in kept.TEMPLATE_FIELDS}
        if run.json:
            output.write_json(facts)
        else:
            for field, value in facts.items():
                if value is not None:
                    output.write_text(f"{field}: {value}")
        return
    model = run.model_given
    if model is not None and run.provider_given is not None:
        model = f"{run.provider.name}:{run.model_given}"
    path = kept.keep_template(name, kept.Template(model=model, system=system, prompt=prompt))
    if run.json:
        output.write_json({"path": str(path)})
    run.note(f"kept in {path}")


def _first_words(made: kept.Template) -> str:
    words = output.one_line(made.prompt or made.system or "")
    return words if len(words) <= 60 else f"{words[:57]}..."


def _list(run: Run, what: str, rows: dict[str, str], columns: tuple[str, str], nothing: str) -> None:
    if run.json:
        output.write_json({what: rows})
    elif not rows:
        run.note(nothing)
    else:
        output.write(output.table(list(rows.items()), columns))


def history(
    run: Run,
    *,
    limit: Annotated[int, typer.Option(help="How many of the last calls.", min=1)] = 20,
    on: Annotated[bool, typer.Option("--on", help="Keep a history from now on.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Keep none any more, and delete what is there.")] = False,
) -> None:
    """Show what was asked and paid, newest last. It is off until `--on`, and holds no prompts, responses or keys."""
    if on and off:
        raise InvalidRequestError("--on and --off do not go together")
    path = kept.history_file()
    if on:
        if not path.exists():
            kept.write_privately(path, "")
        run.note(f"what is asked and paid is noted down in {path}, without texts; `multiapi history --off` ends it")
        return
    if off:
        path.unlink(missing_ok=True)
        run.note("no history is kept")
        return
    calls = list(kept.history())
    spent: dict[str, Decimal] = {}
    for call in calls:
        if call.get("cost") is not None and not call.get("simulated"):
            unit = str(call.get("unit") or "")
            spent[unit] = spent.get(unit, Decimal(0)) + Decimal(str(call["cost"]))
    shown = calls[-limit:]
    if run.json:
        output.write_json({"calls": shown, "spent": {unit: str(amount) for unit, amount in spent.items()}})
        return
    columns: tuple[str, ...] = ("time", "command", "model", "tokens", "cost")
    rows: list[tuple[str, ...]] = [_row(call) for call in shown]
    if shutil.get_terminal_size().columns < MOST_NARROW:
        columns, rows = ("time", "model", "cost"), [(row[0][5:], row[2], row[4].partition(" (")[0]) for row in rows]
    output.write(output.table(rows, columns, right=columns[-2:] if len(columns) > 3 else ()))
    sums = ", ".join(output.amount(amount, unit or None) for unit, amount in spent.items())
    run.note(f"{len(calls)} calls; paid: {sums or 'nothing that is known'}")


def _row(call: dict[str, Any]) -> tuple[str, ...]:
    cost = call.get("error") or (
        "" if call.get("cost") is None else output.amount(Decimal(str(call["cost"])), call.get("unit"))
    )
    if call.get("simulated"):
        cost = f"{cost} (simulated)".strip()
    tokens = call.get("tokens")
    model = ":".join(str(call[name]) for name in ("provider", "model") if call.get(name))
    time = str(call.get("time") or "")[:16].replace("T", " ")
    return time, str(call.get("command") or ""), model, "" if tokens is None else str(tokens), str(cost)
