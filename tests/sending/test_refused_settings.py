"""Settings of connections that cannot be right are refused when a client is made, with what would work; values are not shown."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import ConnectionFailedError, InvalidRequestError, MultiApiError
from multiapi.providers import PROVIDERS
from multiapi.sending.connection_checks import FRAMING
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import HostileServer, answer
from tests.reliability.ways import request

both = pytest.mark.parametrize("make", [Client, AsyncClient])


@both
@pytest.mark.parametrize("name", sorted(FRAMING))
@pytest.mark.parametrize("spelled", [str.lower, str.title, str.upper])
def test_headers_about_the_length_are_refused(make: Any, name: str, spelled: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"aimlapi: the header .* leave it out"):
        make("aimlapi", api_key="k", default_headers={spelled(name): "chunked"})


@both
@pytest.mark.parametrize("number", [*range(32), 127])
def test_control_characters_are_refused_in_every_value(make: Any, number: int) -> None:
    if number == 9:
        return
    with pytest.raises(InvalidRequestError, match="control character") as caught:
        make("aimlapi", api_key="k", default_headers={"x-own": f"a-value{chr(number)}b"})
    assert "a-value" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", "\u00e4"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="name"):
        Client("aimlapi", api_key="k", default_headers={name: "x"})


REFUSED = [
    *((name, "x") for name in sorted(FRAMING)),
    ("x-own", "a\x0bb"),
    ("x-own", "a\r\nb: c"),
    ("x-own", "\u00e4"),
    ("a b", "x"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
@pytest.mark.parametrize("streamed", [True, False])
def test_headers_of_one_request_are_looked_at_like_those_of_all(name: str, value: str, streamed: bool) -> None:
    with HostileServer(answer(chat_body())) as server:
        client = Client("aimlapi", api_key="k", base_url=server.url)
        asked = replace(request(), headers={name.title(): value})
        with pytest.raises(InvalidRequestError, match="aimlapi: the header"):
            list(client.chat_stream(asked)) if streamed else client.chat(asked)
        assert server.requests == []


def test_a_secret_in_the_headers_of_one_request_is_in_no_error() -> None:
    def echo(sent: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": {"message": str(dict(sent.headers))}})

    client = Client("aimlapi", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(echo)))
    with pytest.raises(InvalidRequestError) as caught:
        client.chat(replace(request(), headers={"x-gateway-token": "gateway-secret-1", "x-team": "a-team-of-ours"}))
    assert "gateway-secret" not in f"{caught.value} {vars(caught.value)}"
    assert "a-team-of-ours" in str(caught.value)


def test_what_a_server_sees_is_framed_once() -> None:
    with HostileServer(answer(chat_body())) as server:
        client = Client("aimlapi", api_key="k", base_url=server.url, default_headers={"X-Own": "tab\tis fine"})
        client.chat(request())
        seen = {name.lower() for name in server.requests[0].headers}
    assert "x-own" in seen
    assert "content-length" in seen
    assert not seen & (FRAMING - {"content-length"})


@pytest.mark.parametrize("wrong", [object(), "client", httpx.AsyncClient])
def test_a_wrong_http_client_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"http_client must be an httpx\.Client"):
        Client("aimlapi", api_key="k", http_client=wrong() if callable(wrong) else wrong)


def test_a_blocking_http_client_is_refused_where_it_is_awaited() -> None:
    with httpx.Client() as wrong, pytest.raises(InvalidRequestError, match=r"must be an httpx\.AsyncClient"):
        AsyncClient("aimlapi", api_key="k", http_client=wrong)


@both
@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "127.0.0.1:1", "http://", "http://user:PASSWORD@host:port"])
def test_a_proxy_that_is_none_is_refused_without_its_password(make: Any, proxy: str) -> None:
    with pytest.raises(InvalidRequestError, match="proxy must be an address like") as caught:
        make("aimlapi", api_key="k", proxy=proxy)
    assert "PASSWORD" not in str(caught.value)


@both
def test_a_proxy_whose_package_is_missing_names_it(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiapi.sending.connection_checks.find_spec", lambda _: None)
    with pytest.raises(InvalidRequestError, match=r"httpx\[socks\]"):
        make("aimlapi", api_key="k", proxy="socks5://127.0.0.1:1")


@pytest.mark.parametrize("error", [RuntimeError, ValueError, ImportError, AttributeError, OSError])
def test_what_failed_before_the_first_byte_was_never_sent(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise error("no socket is to be had")

    with HostileServer(answer(chat_body())) as server:
        monkeypatch.setattr(socket.socket, "connect", fails)
        with pytest.raises(MultiApiError) as caught:
            Client("aimlapi", api_key="k", base_url=server.url, max_retries=0).chat(request())
        assert server.count == 0
    assert not caught.value.outcome_unknown
    assert "charged" not in str(caught.value)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_proxy_of_the_environment_is_named(trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:PASSWORD@127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    words = r"through the proxy http://127\.0\.0\.1:1\b" if trusted else "HTTP_PROXY .* trust_env=False"
    with pytest.raises(ConnectionFailedError, match=words) as caught:
        Client("aimlapi", api_key="k", base_url=url, max_retries=0, trust_env=trusted).chat(request())
    assert "PASSWORD" not in str(caught.value)
    assert PROVIDERS["aimlapi"].name in str(caught.value)
