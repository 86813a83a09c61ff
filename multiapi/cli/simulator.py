"""The command that serves the simulator."""

from __future__ import annotations

from typing import Annotated

import typer

from multiapi.cli import output
from multiapi.cli.run import MissingExtraError, Run


def simulator(
    run: Run,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 0,
    seed: Annotated[int, typer.Option(help="Of the ids that are given out.")] = 0,
) -> None:
    """Serve all five vendors on a port of this machine, until Ctrl-C."""
    import threading
    import time

    try:
        from multiapi.simulator import Simulator
        from multiapi.simulator.server import Server
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the simulator needs the extra `simulator`: pip install 'multiapi[simulator]' ({error})"
        ) from None
    from multiapi.providers import PROVIDERS

    server = Server(Simulator(seed=seed), host, port)
    addresses = {provider.base_url_env: server.base_url(provider.name) for provider in PROVIDERS.values()}

    def announce() -> None:
        while not server.started:
            time.sleep(0.005)
        if run.json:
            output.write_json({"origin": server.origin, "environment": addresses})
            return
        output.write_text(f"multiapi simulator on {server.origin}")
        for variable, address in addresses.items():
            run.note(f"export {variable}={address}")
        run.note("Any key will do. Ctrl-C ends it.")

    threading.Thread(target=announce, daemon=True).start()
    try:
        server.run()
    except KeyboardInterrupt:
        return  # the way to end a server
