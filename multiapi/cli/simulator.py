"""The command that serves the simulator."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from multiapi._package import install
from multiapi.cli import output
from multiapi.cli.run import MissingExtraError, Run


def simulator(
    run: Run,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 0,
    seed: Annotated[int, typer.Option(help="Of the ids that are given out.")] = 0,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Also serve operations that their provider has withdrawn.")
    ] = False,
    as_seen: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Also answer in forms that users saw live: all, or names with commas."),
    ] = None,
    unknown: Annotated[
        Literal["refuse", "drop"], typer.Option(help="What AI/ML API does about fields that it does not know.")
    ] = "refuse",
    answers: Annotated[str | None, typer.Option(help="What the models say: a YAML file of scripted answers.")] = None,
    brain: Annotated[
        str | None, typer.Option(help="The address of an OpenAI-compatible server that thinks for the models.")
    ] = None,
    brain_model: Annotated[str, typer.Option(help="The model of that server.")] = "",
    brain_remote: Annotated[bool, typer.Option(help="Let that server be on another machine.")] = False,
    strict: Annotated[bool, typer.Option(help="Refuse prompts that the simulated model does not understand.")] = False,
    delay: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long each provider takes for a response.", min=0.0)
    ] = 0.0,
    logs_after: Annotated[
        float, typer.Option(metavar="SECONDS", help="After how long AI/ML API's logs show a call.", min=0.0)
    ] = 0.0,
    env: Annotated[bool, typer.Option(help='Start in the background and print exports, for eval "$(...)".')] = False,
) -> None:
    """Serve all five providers on a port of this machine, until Ctrl-C."""
    import threading
    import time

    try:
        from multiapi.simulator import Simulator, startup
        from multiapi.simulator.server import Server
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the simulator needs the extra `simulator` ({error}); {install('simulator')}"
        ) from None
    from multiapi.errors import InvalidRequestError

    if env:
        options = {"host": host, "port": port, "seed": seed, "answers": answers, "brain": brain}
        options["brain-model"] = brain_model
        given = [f"--{name}={value}" for name, value in options.items() if value not in (None, "")]
        further = {
            "as-seen": None if as_seen == "all" else as_seen,
            "unknown": unknown if unknown != "refuse" else None,
            "delay": delay or None,
            "logs-after": logs_after or None,
        }
        given += [f"--{name}={value}" for name, value in further.items() if value is not None]
        given += ["--as-seen"] * (as_seen == "all")
        given += ["--withdrawn"] * withdrawn
        given += ["--brain-remote"] * brain_remote + ["--strict"] * strict
        try:
            output.write_text(startup.in_background(given))
        except RuntimeError as error:
            raise InvalidRequestError(str(error)) from None
        return
    try:
        simulated = Simulator(
            seed=seed,
            brain=brain,
            brain_model=brain_model,
            brain_remote=brain_remote,
            strict=strict,
            withdrawn=withdrawn,
            as_seen=True if as_seen == "all" else as_seen or False,
            unknown=unknown,
            delay=delay,
            logs_after=logs_after,
        )
        simulated.answers(*startup.script_of(answers))
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None
    server = Server(simulated, host, port)

    def announce() -> None:
        while not server.started:
            time.sleep(0.005)
        if run.json:
            output.write_json({"origin": server.origin, "environment": startup.environment(server.base_url)})
            return
        output.write_text(startup.first_line(server.origin))
        run.note(startup.instructions(server.base_url))

    threading.Thread(target=announce, daemon=True).start()
    try:
        server.run()
    except KeyboardInterrupt:
        return  # the way to end a server
