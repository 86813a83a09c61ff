"""A name that changes its address between the look at it and the connection, with a client of the user's own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.types.media import Media

PUBLIC, INSIDE = "93.184.216.34", "127.0.0.1"


@pytest.mark.parametrize("kind", ["threads", "loop"])
def test_the_connection_goes_to_the_address_that_was_looked_at(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    connected: list[str] = []
    known = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if "rebinding.example" in str(host):
            looked.append(str(host))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC if len(looked) == 1 else INSIDE, port))]
        return known(host, port, *args, **more)

    def refuse(_: Any, address: Any) -> None:
        connected.append(str(address[0]))
        raise OSError("this test opens no connection")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    media = Media(url="https://rebinding.example/a.png")
    settings: dict[str, Any] = {"api_key": "any-key-1234", "max_retries": 0}
    with pytest.raises(MultiApiError):
        if kind == "threads":
            with httpx.Client(trust_env=False) as own:
                Client("aimlapi", http_client=own, **settings).download(media)
        else:

            async def main() -> None:
                async with httpx.AsyncClient(trust_env=False) as own:
                    await AsyncClient("aimlapi", http_client=own, **settings).download(media)

            asyncio.run(main())
    assert INSIDE not in connected
    assert connected == [PUBLIC]
