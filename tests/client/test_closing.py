"""Clients are closed for tidiness' sake; they go on afterwards, because connections are shared."""

from __future__ import annotations

import os
from threading import Thread

import httpx

from multiapi import AsyncClient, ChatRequest, Client, Message
from multiapi.simulator.server import Server

REQUEST = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "hello")])


def sockets() -> int:
    count = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            count += "socket" in os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
    return count


async def test_no_connection_is_left_after_closing_and_the_client_goes_on() -> None:
    server = Server()
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    address = server.base_url("aimlapi")
    try:
        before = sockets()
        with Client("aimlapi", api_key="k", base_url=address) as client:
            assert client.chat(REQUEST).text
            assert sockets() > before
        async with AsyncClient("aimlapi", api_key="k", base_url=address) as awaited:
            assert (await awaited.chat(REQUEST)).text
        assert client.chat(REQUEST).text
        client.close()
    finally:
        server.stop()
        thread.join(10)
    assert sockets() <= before


def test_a_client_of_the_user_is_left_open() -> None:
    own = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={})))
    Client("aimlapi", api_key="k", http_client=own).close()
    assert not own.is_closed
