"""How a function becomes a command: the options that all commands share, and those that it declares itself."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from multiapi.cli import kept, output
from multiapi.cli.completion import VARIABLE, complete_in_bash, model_names, provider_names
from multiapi.cli.exit_codes import OTHER
from multiapi.cli.run import MODEL_VARIABLE, PROVIDER_VARIABLE, Run, no_facts, silence_stdout
from multiapi.money.budget import Budget
from multiapi.providers import PROVIDERS

# ------------------------------------------------------------------------------------------------ common options


ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        "-p",
        help=f"The provider: {', '.join(PROVIDERS)}. Else from {PROVIDER_VARIABLE}, or written before the model.",
        autocompletion=provider_names,
        rich_help_panel="Common options",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help=f"The model, as MODEL or PROVIDER:MODEL. Else from {MODEL_VARIABLE}, else one from the provider's own examples.",
        autocompletion=model_names,
        rich_help_panel="Common options",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(help="How long a response may be silent, in seconds.", min=0.001, rich_help_panel="Common options"),
]
ProxyOption = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="ADDRESS",
        help="Go through this proxy, as in http://127.0.0.1:8080. Else as HTTPS_PROXY and NO_PROXY say.",
        rich_help_panel="Common options",
    ),
]
NoProxyOption = Annotated[
    bool,
    typer.Option(
        "--no-proxy", help="Go through no proxy, whatever the environment says.", rich_help_panel="Common options"
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout, nothing else.", rich_help_panel="Common options")
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Nothing on stderr but errors.", rich_help_panel="Common options"),
]
SimulatorOption = Annotated[
    bool,
    typer.Option(
        "--simulator",
        help="Ask a simulator inside this process: no key, no network, no bill.",
        rich_help_panel="Common options",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="AMOUNT",
        help="Send nothing that may cost more than this, as in '0.50 USD', in the provider's unit.",
        rich_help_panel="Common options",
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Show the request instead of sending it; no key is needed.", rich_help_panel="Common options"
    ),
]
CurlOption = Annotated[
    bool, typer.Option("--curl", help="The same as a command of curl.", rich_help_panel="Common options")
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Common options")
]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "provider": (ProviderOption, None),
    "model": (ModelOption, None),
    "timeout": (TimeoutOption, None),
    "proxy": (ProxyOption, None),
    "no_proxy": (NoProxyOption, False),
    "budget": (BudgetOption, None),
    "json": (JsonOption, False),
    "quiet": (QuietOption, False),
    "dry_run": (DryRunOption, False),
    "curl": (CurlOption, False),
    "simulator": (SimulatorOption, False),
    "debug": (DebugOption, False),
}
"""What every command takes after its own options: how it is declared, and its default."""


# ------------------------------------------------------------------------------------------------ making commands

RESUMED = ("into", "force", "open_it")
"""Options of a command that are said again where it goes on with a job."""


class _PlainFlags:
    """Shows flags without a type in the help."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters of a command, `--help` among them."""
        found = super().get_params(ctx)  # type: ignore[misc]
        for each in found:
            if getattr(each, "is_flag", False):
                each.metavar = ""
        return found


class Command(_PlainFlags, TyperCommand):
    """A command."""


class Commands(_PlainFlags, TyperGroup):
    """The program: an error in its words, too, is one line, and one object with `--json`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program."""
        extra["windows_expand_args"] = windows_expand_args
        if os.environ.get(VARIABLE) == "complete_bash" and "COMP_WORDS" in os.environ:
            complete_in_bash(partial(super().main, args, prog_name, complete_var, **extra))
        given = sys.argv[1:] if args is None else list(args)
        output.prepare_streams()
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except USAGE_ERROR as error:
            code = _wrong_usage(error, given)
        except typer.Abort:
            output.note("aborted", style="bold red")
            code = OTHER
        except BrokenPipeError:
            silence_stdout()
            code = OTHER
        sys.exit(code if isinstance(code, int) else 0)


USAGE_ERROR: Any = typer.BadParameter.__mro__[2]
"""The class of all errors in the words of a command; where it comes from depends on Typer's version."""


def _wrong_usage(error: Any, given: list[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "multiapi"
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    text = error.format_message()
    sentence = f"{text[:1].lower()}{text[1:].rstrip('.')}; see {path} --help"
    output.note(f"error: {sentence}", style="bold red")
    end = given.index("--") if "--" in given else len(given)
    if "--json" in given[:end]:
        output.write_json({"error": no_facts("UsageError", sentence, int(error.exit_code))})
    return int(error.exit_code)


def add_command(
    app: typer.Typer, function: Callable[..., None], *, example: str, without: Collection[str] = ()
) -> None:
    """Make a command of a function whose first argument is the `Run`; the common options are added to its own.

    An argument whose type is a dataclass stands for the options that are its fields.
    """
    name = function.__name__.rstrip("_").replace("_", "-")
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
    options = [
        *(option for each in own for option in (_options_of(groups[each.name]) if each.name in groups else [each])),
        *(
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for option, (kind, default) in _OPTIONS.items()
            if option not in without and option not in {each.name for each in own}
        ),
    ]
    own_names = {each.name for each in own}
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    shown = [context, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in options)]

    def called(context: typer.Context, **values: Any) -> None:
        before = context.obj if isinstance(context.obj, dict) else {}
        given = {
            option: values.pop(option) if values.get(option, default) != default else before.get(option, default)
            for option, (_, default) in _OPTIONS.items()
        }
        for option in _OPTIONS:
            values.pop(option, None)
        budget = given.pop("budget")
        run = Run(
            command=name,
            provider_given=given["provider"],
            model_given=given["model"],
            timeout=given["timeout"],
            proxy=given["proxy"],
            no_proxy=given["no_proxy"],
            json=given["json"],
            quiet=given["quiet"],
            simulated=given["simulator"],
            debug=given["debug"],
            shows="curl" if given["curl"] else "http" if given["dry_run"] else None,
            to_go_on=[*_said_again(context, values), *_said_again(context, given, common=True)],
        )
        if "budget" in own_names:
            values["budget"] = budget
            budget = None
        for group, kind in groups.items():
            values[group] = kind(**{option.name: values.pop(option.name) for option in _options_of(kind)})

        def work() -> None:
            run.model_given = kept.expanded(run.model_given)
            run.budget = None if budget is None else Budget(budget)
            function(run, **values)

        code = run.end(work)
        if code:
            raise typer.Exit(code)

    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in shown}
    called.__doc__ = function.__doc__
    app.command(name, cls=Command, epilog=f"Example: {example}\n\nExit codes: see multiapi --help")(called)


_SAID_AGAIN = ("timeout", "proxy", "no_proxy", "json", "quiet")


def _said_again(context: typer.Context, values: Mapping[str, Any], *, common: bool = False) -> list[str]:
    """The options among these that matter where a command goes on with a job, as they are written."""
    words: list[str] = []
    declared: Mapping[str, Any] = {str(each.name): each for each in context.command.params}
    for name in _SAID_AGAIN if common else RESUMED:
        each, value = declared.get(name), values.get(name)
        if each is None or value in {None, False} or value == each.default:
            continue
        option = max(each.opts, key=len)
        words += [option] if value is True else [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def _options_of(group: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(group, eval_str=True).parameters.values())
