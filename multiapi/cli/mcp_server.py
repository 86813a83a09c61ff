"""A provider's tools as a server of the Model Context Protocol (MCP), on stdin and stdout or on a port."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from multiapi._package import __version__
from multiapi.agent_tools import AgentTool, ToolAnswer, Toolbox, arguments_model, failure_text
from multiapi.cli import output
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError
from multiapi.types.media import Media

MAX_SHOWN_BYTES = 5_000_000
"""Larger media are named in the response and not part of it."""


def mcp_server(client: Client, toolbox: Toolbox, include: list[str] | None = None) -> Server[Any, Any]:
    """Return an MCP server with the tools of a provider.

    Args:
        client: Asks the provider, within its budget.
        toolbox: The folders, models and limits of the tools.
        include: Names of tools; None: all that the provider has.

    Raises:
        InvalidRequestError: A name that no tool has.
        UnsupportedError: The provider does not have what a tool needs.
    """
    provider = client.provider
    tools = {tool.name: tool for tool in toolbox.tools(include)}
    schemas = {name: arguments_model(tool, provider) for name, tool in tools.items()}
    instructions = f"Tools of {provider.title}. They cost money: {client.budget or 'there is no budget'}."
    server: Server[Any, Any] = Server(f"multiapi-{provider.name}", __version__, instructions)

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def list_tools() -> list[types.Tool]:
        return [
            types.Tool(name=name, description=tool.description, inputSchema=schemas[name].model_json_schema())
            for name, tool in tools.items()
        ]

    @server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
    async def call_tool(name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        tool = tools.get(name)
        if tool is None:
            return _result(ToolAnswer(f"there is no tool {name!r}; there are {', '.join(tools)}"), is_error=True)
        return await anyio.to_thread.run_sync(_called, client, toolbox, tool, schemas[name], arguments)

    return server


def _called(
    client: Client, toolbox: Toolbox, tool: AgentTool, schema: Any, arguments: Mapping[str, Any]
) -> types.CallToolResult:
    from pydantic import ValidationError

    try:
        given = dict(schema.model_validate(dict(arguments or {})))
        answer: ToolAnswer = client.as_method(lambda target: toolbox.run(tool, target, given))()
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)
        )
        return _result(ToolAnswer(f"{tool.name} was called with wrong arguments: {wrong}"), is_error=True)
    except Exception as error:
        return _result(ToolAnswer(failure_text(error)), is_error=True)
    return _result(answer, shows_media=toolbox.output is None)


def _result(answer: ToolAnswer, *, is_error: bool = False, shows_media: bool = False) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=answer.text)]
    if shows_media:
        content += [shown for each in answer.media if (shown := _shown(each)) is not None]
    return types.CallToolResult(content=content, isError=is_error)


def _shown(media: Media) -> Any:
    """A medium as a part of a response; None where hosts cannot show it."""
    if media.data is None or len(media.data) > MAX_SHOWN_BYTES or media.mime_type is None:
        return None
    data = base64.b64encode(media.data).decode("ascii")
    if media.kind == "image":
        return types.ImageContent(type="image", data=data, mimeType=media.mime_type)
    return types.AudioContent(type="audio", data=data, mimeType=media.mime_type) if media.kind == "audio" else None


def serve_stdio(server: Server[Any, Any]) -> None:
    """Serve a host that started this process, until it goes."""

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    try:
        anyio.run(serve)
    except KeyboardInterrupt:
        return  # the way to end a server


def http_application(server: Server[Any, Any], host: str) -> Any:
    """Return the ASGI application that serves a server's tools at `/mcp`; it refuses requests that a web page of another host makes."""
    import contextlib
    from collections.abc import AsyncIterator

    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette
    from starlette.routing import Route

    hosts = [f"[{host}]" if ":" in host else host, "localhost"]
    manager = StreamableHTTPSessionManager(
        server,
        security_settings=TransportSecuritySettings(
            allowed_hosts=[f"{each}:*" for each in hosts], allowed_origins=[f"http://{each}:*" for each in hosts]
        ),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    class Endpoint:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await manager.handle_request(scope, receive, send)

    return Starlette(routes=[Route("/mcp", Endpoint())], lifespan=lifespan)


def serve_http(run: Run, server: Server[Any, Any], host: str, port: int) -> None:
    """Serve hosts of this machine, until Ctrl-C, and print the address."""
    import socket

    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InvalidRequestError(f"port {port} of {host} cannot be listened on: {error.strerror}") from None
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/mcp"
    if run.json:
        output.write_json({"address": address})
    else:
        output.write_text(address)
    logging.getLogger("mcp").setLevel(logging.WARNING)
    config = uvicorn.Config(http_application(server, host), log_level="warning", lifespan="on")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return  # the way to end a server
