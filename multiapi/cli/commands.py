"""All commands, in the order in which the help lists them."""

from __future__ import annotations

from typing import Annotated

import typer

from multiapi._version import __version__
from multiapi.cli import account, batch, chat, media, simulator
from multiapi.cli.command import DebugOption, SimulatorOption, add_command
from multiapi.cli.exit_codes import SUMMARY
from multiapi.cli.run import Run

app = typer.Typer(
    name="multiapi",
    help="Ask Bineric, Binom.Router, AI/ML API, AICredits and Binobox from the terminal.",
    epilog=SUMMARY,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and so keys and prompts
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    *,
    simulator: SimulatorOption = False,
    debug: DebugOption = False,
    version: Annotated[  # noqa: ARG001  (its callback does it)
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Ask Bineric, Binom.Router, AI/ML API, AICredits and Binobox from the terminal."""
    context.obj = Run("", simulated=simulator, debug=debug)


add_command(app, chat.chat)
add_command(app, chat.embed)
add_command(app, media.image)
add_command(app, media.speech)
add_command(app, media.transcribe)
add_command(app, media.music)
add_command(app, media.video)
add_command(app, media.ocr)
add_command(app, batch.batch)
add_command(app, account.models)
add_command(app, account.balance, without={"model"})
add_command(app, account.usage, without={"model"})
add_command(app, account.health, without={"model"})
add_command(app, simulator.simulator, without={"provider", "model", "timeout", "proxy", "no_proxy", "simulator"})
