"""The tools as an MCP server: what the official client, LangChain's adapters and LlamaIndex' tools get from it."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from langchain_mcp_adapters.client import MultiServerMCPClient
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.memory import create_connected_server_and_client_session as connected

from multiapi import Client
from multiapi.agent_tools import Toolbox
from multiapi.cli.mcp_server import http_application, mcp_server
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from tests.cli.conftest import RunCli

KEY = "a-key-that-nobody-may-see-4711"


def client_of(vendor: str, simulator: Simulator, **settings: Any) -> Client:
    http = httpx.Client(transport=simulator.transport)
    return Client(vendor, api_key=KEY, base_url=simulator.base_url(vendor), http_client=http, **settings)


def call(
    vendor: str, simulator: Simulator, tool: str, arguments: dict[str, Any], folder: Path | None = None, **settings: Any
) -> Any:
    """The result of one call, over MCP in this process."""

    async def called() -> Any:
        client = client_of(vendor, simulator, **settings)
        server = mcp_server(client, Toolbox(client.provider, output_dir=folder))
        async with connected(server) as session:
            return await session.call_tool(tool, arguments)

    return asyncio.run(called())


@pytest.mark.parametrize("vendor", PROVIDERS)
def test_a_host_is_offered_the_tools_of_the_provider(vendor: str, simulator: Simulator) -> None:
    client = client_of(vendor, simulator)
    toolbox = Toolbox(client.provider)

    async def listed() -> Any:
        async with connected(mcp_server(client, toolbox)) as session:
            return (await session.list_tools()).tools

    found = {tool.name: tool for tool in asyncio.run(listed())}
    assert sorted(found) == sorted(tool.name for tool in toolbox.tools())
    for tool in toolbox.tools():
        assert found[tool.name].description == tool.description
        assert set(found[tool.name].inputSchema["properties"]) == {
            parameter.name for parameter in tool.parameters(client.provider)
        }
        assert KEY not in found[tool.name].model_dump_json()


def test_without_a_folder_an_image_is_in_the_answer(simulator: Simulator) -> None:
    result = call("aimlapi", simulator, "generate_image", {"prompt": "a red house"})
    text, image = result.content
    assert not result.isError
    assert "made" in text.text
    assert image.type == "image"
    assert base64.b64decode(image.data)


def test_with_a_folder_a_file_is_in_it(simulator: Simulator, tmp_path: Path) -> None:
    result = call("aimlapi", simulator, "generate_image", {"prompt": "a red house"}, tmp_path)
    (text,) = result.content
    (file,) = tmp_path.iterdir()
    assert file.name in text.text


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("generate_image", {"prompt": 7}, "wrong arguments: prompt"),
        ("generate_image", {}, "wrong arguments: prompt"),
        ("no_such_tool", {}, "there is no tool"),
        ("transcribe_audio", {"audio": "../../etc/passwd"}, "there is no file"),
    ],
)
def test_a_mistake_is_told_as_an_error_and_nothing_is_sent(
    tool: str, arguments: dict[str, Any], said: str, simulator: Simulator
) -> None:
    result = call("aimlapi", simulator, tool, arguments)
    assert result.isError
    assert said in result.content[0].text
    assert not simulator.log


def test_a_failure_of_the_provider_is_told_without_the_key(simulator: Simulator) -> None:
    simulator.faults.add("status=401", vendor="aimlapi")
    result = call("aimlapi", simulator, "generate_image", {"prompt": "a red house"})
    assert result.isError
    assert KEY not in result.model_dump_json()


def test_a_budget_holds_over_all_calls(simulator: Simulator) -> None:
    client = client_of("binobox", simulator, budget="30 diamonds")

    async def called() -> list[Any]:
        async with connected(mcp_server(client, Toolbox(client.provider))) as session:
            return [await session.call_tool("generate_image", {"prompt": "a house"}) for _ in range(3)]

    results = asyncio.run(called())
    assert [each.isError for each in results] == [False, True, True]
    assert "budget" in results[-1].content[0].text
    assert len([each for each in simulator.log if each.method == "POST"]) == 1


@pytest.fixture
def address(simulator: Simulator) -> Iterator[str]:
    """Of a server on a port of this machine. Connections that the clients of others leave open are collected here, without a word."""
    client = client_of("aimlapi", simulator)
    application = http_application(mcp_server(client, Toolbox(client.provider)), "127.0.0.1")
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_the_official_client_over_http(address: str) -> None:
    async def called() -> Any:
        async with (
            streamable_http_client(address) as (incoming, outgoing, _),
            ClientSession(incoming, outgoing) as session,
        ):
            await session.initialize()
            return await session.call_tool("balance", {})

    result = asyncio.run(called())
    assert not result.isError
    assert "USD" in result.content[0].text


def test_langchain_and_llamaindex_take_the_tools_from_it(address: str) -> None:
    async def called() -> tuple[str, str]:
        hosts = MultiServerMCPClient({"made": {"transport": "streamable_http", "url": address}})
        tools = {tool.name: tool for tool in await hosts.get_tools()}
        in_langchain = await tools["generate_image"].ainvoke({"prompt": "a red house"})
        spec = McpToolSpec(BasicMCPClient(address), allowed_tools=["generate_image"])
        (tool,) = await spec.to_tool_list_async()
        in_llamaindex = await tool.acall(prompt="a red house")
        return str(in_langchain), str(in_llamaindex)

    for text in asyncio.run(called()):
        assert "made" in text


@pytest.mark.parametrize("header", ["host", "origin"])
def test_a_web_page_of_another_host_is_refused(address: str, header: str) -> None:
    headers = {
        "accept": "application/json, text/event-stream",
        header: "http://evil.example" if header == "origin" else "evil.example",
    }
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx.post(address, json=request, headers=headers).status_code in {403, 421}


def test_the_command_serves_a_host_that_starts_it(tmp_path: Path) -> None:
    """The command of the README in a process of its own, asked by the official client."""
    arguments = [
        "-m",
        "multiapi",
        "mcp",
        "-p",
        "binobox",
        "--simulator",
        "--output-dir",
        str(tmp_path),
        "--include",
        "generate_image",
    ]

    async def called() -> tuple[list[str], Any]:
        parameters = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        with open(os.devnull, "w") as nowhere:
            async with stdio_client(parameters, errlog=nowhere) as streams, ClientSession(*streams) as session:
                await session.initialize()
                tools = (await session.list_tools()).tools
                return [tool.name for tool in tools], await session.call_tool("generate_image", {"prompt": "a house"})

    names, result = asyncio.run(called())
    assert names == ["generate_image"]
    assert not result.isError
    assert [path.name for path in tmp_path.iterdir() if path.name in result.content[0].text]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0", "--port", "0"), "spend your money"),
        (("--include", "no_such_tool"), "there is no tool"),
        (("--tool-model", "flux"), "TOOL=MODEL"),
        (("--output-dir", "/dev/null/x"), "/dev/null"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_served(words: tuple[str, ...], said: str, cli: RunCli) -> None:
    ran = cli("mcp", "-p", "aimlapi", "--simulator", *words)
    assert ran.code != 0
    assert said in ran.err
