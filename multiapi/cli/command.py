"""How a function becomes a command: the options that all commands share, and those that it declares itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import is_dataclass, replace
from typing import Annotated, Any

import typer

from multiapi.cli.exit_codes import SUMMARY
from multiapi.cli.run import PROVIDER_VARIABLE, Run
from multiapi.providers import PROVIDERS, known_providers

# ------------------------------------------------------------------------------------------------ common options


def provider_names(incomplete: str) -> list[str]:
    """Vendors, for the shell's completion."""
    return [name for name in known_providers() if name.startswith(incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Vendors and their usual models, for the shell's completion."""
    known = [
        f"{provider.name}:{model}"
        for provider in known_providers().values()
        for model in dict.fromkeys(provider.default_models.values())
    ]
    return [name for name in known if name.startswith(incomplete)]


ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        "-p",
        help=f"The vendor: {', '.join(PROVIDERS)}. Else from {PROVIDER_VARIABLE}, or written before the model.",
        autocompletion=provider_names,
        rich_help_panel="Common options",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="The model, as MODEL or PROVIDER:MODEL. Else one from the vendor's own examples.",
        autocompletion=model_names,
        rich_help_panel="Common options",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(help="How long an answer may be silent, in seconds.", min=0.001, rich_help_panel="Common options"),
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
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Common options")
]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "provider": (ProviderOption, None),
    "model": (ModelOption, None),
    "timeout": (TimeoutOption, None),
    "proxy": (ProxyOption, None),
    "no_proxy": (NoProxyOption, False),
    "json": (JsonOption, False),
    "quiet": (QuietOption, False),
    "simulator": (SimulatorOption, False),
    "debug": (DebugOption, False),
}
"""What every command takes after its own options: how it is declared, and its default."""


# ------------------------------------------------------------------------------------------------ making commands


def add_command(app: typer.Typer, function: Callable[..., None], *, without: Collection[str] = ()) -> None:
    """Make a command of a function whose first argument is the `Run`; the common options are added to its own.

    An argument whose type is a dataclass stands for the options that are its fields.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
    options = [
        *(option for each in own for option in (_options_of(groups[each.name]) if each.name in groups else [each])),
        *(
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for option, (kind, default) in _OPTIONS.items()
            if option not in without
        ),
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    shown = [context, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in options)]

    def called(context: typer.Context, **values: Any) -> None:
        given = {option: values.pop(option, default) for option, (_, default) in _OPTIONS.items()}
        run = Run(
            command=function.__name__,
            provider_given=given["provider"],
            model_given=given["model"],
            timeout=given["timeout"],
            proxy=given["proxy"],
            no_proxy=given["no_proxy"],
            json=given["json"],
            quiet=given["quiet"],
            simulated=given["simulator"],
            debug=given["debug"],
        )
        everywhere = context.obj if isinstance(context.obj, Run) else None
        if everywhere is not None:
            run = replace(run, simulated=run.simulated or everywhere.simulated, debug=run.debug or everywhere.debug)
        for group, kind in groups.items():
            values[group] = kind(**{option.name: values.pop(option.name) for option in _options_of(kind)})
        code = run.end(functools.partial(function, run, **values))
        if code:
            raise typer.Exit(code)

    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in shown}
    called.__doc__ = function.__doc__
    app.command(function.__name__, epilog=SUMMARY)(called)


def _options_of(group: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(group, eval_str=True).parameters.values())
