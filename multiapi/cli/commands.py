"""All commands, in the order in which the help lists them."""

from __future__ import annotations

from typing import Annotated

import typer

from multiapi._package import __version__
from multiapi.cli import account, batch, chat, conversions, doctor, jobs, kept_commands, mcp, media, records, simulator
from multiapi.cli.command import (
    BudgetOption,
    Commands,
    CurlOption,
    DebugOption,
    DryRunOption,
    JsonOption,
    ModelOption,
    NoProxyOption,
    ProviderOption,
    ProxyOption,
    QuietOption,
    SimulatorOption,
    TimeoutOption,
    add_command,
)
from multiapi.cli.exit_codes import SUMMARY

app = typer.Typer(
    name="multiapi",
    cls=Commands,
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
    provider: ProviderOption = None,
    model: ModelOption = None,
    timeout: TimeoutOption = None,
    proxy: ProxyOption = None,
    budget: BudgetOption = None,
    no_proxy: NoProxyOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    dry_run: DryRunOption = False,
    curl: CurlOption = False,
    simulator: SimulatorOption = False,
    debug: DebugOption = False,
    version: Annotated[  # noqa: ARG001  (its callback does it)
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Ask Bineric, Binom.Router, AI/ML API, AICredits and Binobox from the terminal."""
    context.obj = {
        "provider": provider,
        "model": model,
        "timeout": timeout,
        "proxy": proxy,
        "budget": budget,
        "no_proxy": no_proxy,
        "json": json,
        "quiet": quiet,
        "dry_run": dry_run,
        "curl": curl,
        "simulator": simulator,
        "debug": debug,
    }


FREE = {"budget"}
FREE_WITHOUT_MODEL = {"budget", "model"}

add_command(app, chat.chat, example="multiapi chat -p aimlapi -f notes.txt 'Summarize this'")
add_command(app, chat.embed, example="multiapi embed -p aicredits 'a harbour' 'a boat' 'a tax form'")
add_command(app, media.image, example="multiapi image -p binobox 'a red house by the sea' -o house.png")
add_command(app, media.speech, example="multiapi speech -p aicredits 'Hello from the harbour.' -o hello.mp3")
add_command(app, media.transcribe, example="multiapi transcribe -p aicredits hello.mp3")
add_command(app, media.music, example="multiapi music -p binobox 'a calm piano' -o calm.mp3")
add_command(app, media.video, example="multiapi video -p binobox 'a cat on a roof' -o cat.mp4")
add_command(app, media.ocr, example="multiapi ocr -p aimlapi page.png -o page.md")
add_command(app, conversions.mesh, example="multiapi mesh -p aimlapi page.png -o house")
add_command(
    app,
    conversions.moderate,
    example="multiapi moderate -m aimlapi:meta-llama/Meta-Llama-Guard-3-8B 'How do I pick a lock?'",
)
add_command(app, conversions.features, example="multiapi features -p aimlapi page.png --feature LABEL_DETECTION")
add_command(app, conversions.search, example="multiapi search -p aimlapi 'opening hours of the harbour'")
add_command(app, conversions.encode, example="multiapi encode -p bineric page.png", without=FREE_WITHOUT_MODEL)
add_command(
    app, conversions.decode, example="multiapi decode -p bineric aGVsbG8= -o hello.txt", without=FREE_WITHOUT_MODEL
)
add_command(app, jobs.job, example="multiapi job JOB -p binobox", without=FREE_WITHOUT_MODEL)
add_command(
    app,
    batch.batch,
    example="multiapi batch in.jsonl out.jsonl -m aimlapi:openai/gpt-4o --prompt 'Label: {text}' --budget '5 USD'",
    without={"dry_run", "curl"},
)
add_command(app, account.models, example="multiapi models -p aimlapi gpt --limit 5", without=FREE)
add_command(app, account.balance, example="multiapi balance -p binobox", without=FREE_WITHOUT_MODEL)
add_command(app, records.credits, example="multiapi credits -p aicredits", without=FREE_WITHOUT_MODEL)
add_command(app, account.usage, example="multiapi usage -p aimlapi --period 7d --chart", without=FREE_WITHOUT_MODEL)
add_command(app, records.logs, example="multiapi logs -p aimlapi --period 24h --status failed", without=FREE)
add_command(
    app, records.transactions, example="multiapi transactions -p aimlapi --direction CHARGE", without=FREE_WITHOUT_MODEL
)
add_command(app, records.keys, example="multiapi keys -p aimlapi", without=FREE_WITHOUT_MODEL)
add_command(app, records.metrics, example="multiapi metrics -p aimlapi", without=FREE)
add_command(app, account.health, example="multiapi health -p aicredits", without=FREE_WITHOUT_MODEL)
add_command(app, doctor.doctor, example="multiapi doctor -p aimlapi", without={"dry_run", "curl"})
ABOUT_THIS_MACHINE = {"timeout", "proxy", "no_proxy", "simulator", "budget", "dry_run", "curl"}
add_command(app, kept_commands.login, example="multiapi login --list", without=ABOUT_THIS_MACHINE | {"model"})
add_command(app, kept_commands.logout, example="multiapi logout -p binobox", without=ABOUT_THIS_MACHINE | {"model"})
add_command(
    app,
    kept_commands.alias,
    example="multiapi alias fast aicredits:openai/gpt-4o-mini",
    without=ABOUT_THIS_MACHINE | {"provider", "model"},
)
add_command(
    app,
    kept_commands.template,
    example="multiapi template translate 'Translate into {language}: {input}'",
    without=ABOUT_THIS_MACHINE,
)
add_command(
    app, kept_commands.history, example="multiapi history --on", without=ABOUT_THIS_MACHINE | {"provider", "model"}
)
add_command(
    app,
    mcp.mcp,
    example="multiapi mcp -p aimlapi --output-dir made --budget '2 USD'",
    without={"model", "dry_run", "curl"},
)
add_command(
    app,
    simulator.simulator,
    example="multiapi simulator --port 8899",
    without={"provider", "model", "timeout", "proxy", "no_proxy", "simulator", "budget", "dry_run", "curl"},
)
