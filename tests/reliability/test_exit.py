"""The end of a process says nothing: whatever a user's program left open is closed without a word on its standard error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.reliability.bodies import delta, event, good_for
from tests.reliability.hostile_server import HostileServer, endless
from tests.reliability.ways import CHAT

PROGRAMS = {
    "a call": """
client = multiapi.Client("aimlapi", api_key="k", base_url=address, engine=engine)
client.chat(request)
""",
    "a call, and nothing kept": """
multiapi.Client("aimlapi", api_key="k", base_url=address, engine=engine).chat(request)
""",
    "a call that is awaited": """
client = multiapi.AsyncClient("aimlapi", api_key="k", base_url=address, engine=engine)
asyncio.run(client.chat(request))
""",
    "calls in two event loops": """
client = multiapi.AsyncClient("aimlapi", api_key="k", base_url=address, engine=engine)
asyncio.run(client.chat(request))
asyncio.run(client.chat(request))
""",
}
BEGIN = """
import asyncio, sys, multiapi
engine, address = sys.argv[1:]
request = multiapi.ChatRequest(model="m", messages=[multiapi.Message("user", "hello")])
"""


def said(program: str, engine: str, address: str) -> str:
    """What a process prints to its standard error where Python tells what was left open."""
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", BEGIN + program, engine, address]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("engine", ["multiapi", "httpx", "httpx2"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process_ends_without_a_word(name: str, engine: str) -> None:
    with HostileServer(good_for(CHAT)) as server:
        assert said(PROGRAMS[name], engine, server.url) == ""


@pytest.mark.parametrize("engine", ["multiapi", "httpx", "httpx2"])
def test_a_stream_that_is_open_at_the_end(engine: str) -> None:
    program = """
client = multiapi.Client("aimlapi", api_key="k", base_url=address, engine=engine)
chunks = client.chat_stream(request)
next(chunks)
"""
    with HostileServer(endless(event(delta("x")), every_s=0.05)) as server:
        assert said(program, engine, server.url) == ""
