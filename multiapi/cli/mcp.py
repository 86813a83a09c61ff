"""The command that offers a provider's tools to any agent host, over the Model Context Protocol (MCP)."""

from __future__ import annotations

from typing import Annotated

import typer

from multiapi._package import install
from multiapi.cli.run import MissingExtraError, Run
from multiapi.errors import InvalidRequestError

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def mcp(
    run: Run,
    *,
    output_dir: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where files are written; without it they are in the answers.")
    ] = None,
    input_dir: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="The folder whose files tools may read; without it none.")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="TOOL", help="Only this tool, as in generate_image; repeat for more.")
    ] = None,
    tool_model: Annotated[
        list[str] | None, typer.Option(metavar="TOOL=MODEL", help="The model of a tool, as in generate_image=flux/dev.")
    ] = None,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Let an agent name addresses as inputs.")] = False,
    host: Annotated[str, typer.Option(help="The address of this machine to listen on, with --port.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(help="Serve streamable HTTP on this port instead of stdio; 0 takes a free one.", min=0, max=65535),
    ] = None,
) -> None:
    """Serve a provider's tools to agent hosts over MCP, on stdin and stdout or on a port of this machine."""
    try:
        from multiapi.agent_tools import Toolbox
        from multiapi.cli.mcp_server import mcp_server, serve_http, serve_stdio
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the MCP server needs the extra `mcp` ({error}); {install('mcp')}") from None
    if host not in LOOPBACK:
        raise InvalidRequestError(
            f"--host {host} would let everybody who can reach it spend your money; use 127.0.0.1, and a proxy that asks for a password"
        )
    client = run.client()
    client.told = lambda _: None  # type: ignore[attr-defined] # a server keeps nothing for its end
    toolbox = Toolbox(
        client.provider,
        output_dir=output_dir,
        input_dir=input_dir,
        models=_models(tool_model or []),
        allow_urls=allow_urls,
    )
    server = mcp_server(client, toolbox, include)
    if port is None:
        run.note(f"the tools of {client.provider.name} are served on stdin and stdout; Ctrl-C ends it")
        serve_stdio(server)
    else:
        serve_http(run, server, host, port)


def _models(given: list[str]) -> dict[str, str]:
    models = {}
    for each in given:
        tool, sign, model = each.partition("=")
        if not (tool and sign and model):
            raise InvalidRequestError(f"--tool-model takes TOOL=MODEL, as in generate_image=flux/dev, not {each!r}")
        models[tool] = model
    return models
