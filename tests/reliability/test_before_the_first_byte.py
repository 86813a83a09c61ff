"""Every step of a call, failing: what the error says, and what a server saw of it. And the ways to trust a certificate."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import truststore

from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.sending.engines import ENGINES
from tests.reliability.hostile_server import HostileServer, head_bytes, raw, reset, silence
from tests.reliability.loopback_proxy import LoopbackProxy, Upstream
from tests.reliability.ways import TEXT, request

both = pytest.mark.parametrize("is_async", [False, True], ids=["threads", "loop"])
each_engine = pytest.mark.parametrize("engine", ENGINES)
KEY = "any-key-1234"


def ask(is_async: bool, **settings: Any) -> str:
    settings = {"api_key": KEY, "max_retries": 0, **settings}
    if not is_async:
        return Client("aimlapi", **settings).chat(request()).text

    async def main() -> str:
        return (await AsyncClient("aimlapi", **settings).chat(request())).text

    return asyncio.run(main())


class Step:
    """One step that fails: how to make it fail, and whether the server may have begun to work."""

    def __init__(
        self, name: str, begun: bool, make: Callable[[], AbstractContextManager[Any]], **settings: Any
    ) -> None:
        self.name, self.begun, self.make, self.settings = name, begun, make, settings


def url_of(server: Any, step: str) -> dict[str, Any]:
    if step.startswith("proxy"):
        return {"base_url": "https://vendor.example/v1", "proxy": server.url}
    if step.startswith("tls"):
        return {"base_url": server.url.replace("http://", "https://")}
    if step == "name":
        return {"base_url": "https://no-such-name.invalid/v1"}
    if step == "connect":
        return {"base_url": "http://127.0.0.1:1/v1"}
    return {"base_url": server.url}


CUT = head_bytes(200, {"content-type": "application/json", "content-length": "500"}) + b'{"choices": ['
STEPS = [
    Step("name", False, lambda: HostileServer(silence())),
    Step("connect", False, lambda: HostileServer(silence())),
    Step("tls: silence", False, lambda: HostileServer(silence()), timeout=0.3),
    Step("tls: no TLS", False, lambda: HostileServer(raw(), greeting=b"HTTP/1.1 400 Bad\r\n\r\n"), timeout=2),
    Step("proxy: refused", False, lambda: LoopbackProxy(1, refuse=502)),
    Step("proxy: wants a password", False, lambda: LoopbackProxy(1, credentials="a:b")),
    Step("head: reset", True, lambda: HostileServer(reset())),
    Step("head: silence", True, lambda: HostileServer(silence()), timeout=0.3),
    Step("head: broken", True, lambda: HostileServer(raw(b"HTTP/1.1 2"))),
    Step("body: closed", True, lambda: HostileServer(raw(CUT))),
    Step("body: silence", True, lambda: HostileServer(raw(CUT, then="hang")), timeout=0.3),
]


@both
@each_engine
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_only_what_a_server_saw_may_have_been_charged(is_async: bool, engine: str, step: Step) -> None:
    with step.make() as server, pytest.raises(MultiApiError) as caught:
        ask(is_async, engine=engine, **url_of(server, step.name), **step.settings)
    saw = isinstance(server, HostileServer) and server.count > 0
    assert saw is step.begun
    assert caught.value.outcome_unknown is step.begun
    assert ("charged" in str(caught.value)) is step.begun


# ------------------------------------------------------------------------------------------------ certificates


class Trust:
    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.roots = str(folder / "roots.pem")
        self.authority.cert_pem.write_to_path(self.roots)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.context)
        self.folder = folder


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path)


@pytest.fixture
def server(trust: Trust) -> Iterator[Upstream]:
    with Upstream(trust.context) as upstream:
        yield upstream


def url(upstream: Upstream) -> str:
    return f"https://127.0.0.1:{upstream.port}/v1"


@both
@each_engine
def test_an_authority_of_ones_own(is_async: bool, engine: str, trust: Trust, server: Upstream) -> None:
    with pytest.raises(MultiApiError, match="certificate") as caught:
        ask(is_async, base_url=url(server), engine=engine)
    assert not caught.value.outcome_unknown
    assert ask(is_async, base_url=url(server), verify=trust.roots, engine=engine) == TEXT
    assert (
        ask(is_async, base_url=url(server), verify=ssl.create_default_context(cafile=trust.roots), engine=engine)
        == TEXT
    )
    assert ask(is_async, base_url=url(server), verify=False, engine=engine) == TEXT


@both
@each_engine
def test_a_client_certificate(is_async: bool, engine: str, trust: Trust, server: Upstream) -> None:
    trust.context.verify_mode = ssl.CERT_REQUIRED
    trust.context.load_verify_locations(trust.roots)
    own = ssl.create_default_context(cafile=trust.roots)
    trust.authority.issue_cert("client.example").configure_cert(own)
    assert ask(is_async, base_url=url(server), verify=own, engine=engine) == TEXT
    assert server.certificates[0]["subjectAltName"] == (("DNS", "client.example"),)
    with pytest.raises(MultiApiError):
        ask(is_async, base_url=url(server), verify=trust.roots, engine=engine)


@both
def test_roots_of_the_environment(
    is_async: bool, trust: Trust, server: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    from multiapi.transport import tls

    monkeypatch.setenv("SSL_CERT_FILE", trust.roots)
    tls._make_context.cache_clear()
    own = tls.tls_context()  # read once per process, so that it is made here and passed on
    tls._make_context.cache_clear()
    assert ask(is_async, base_url=url(server), verify=own) == TEXT
    with pytest.raises(MultiApiError, match="certificate"):
        ask(is_async, base_url=url(server), trust_env=False)
    tls._make_context.cache_clear()


@both
def test_the_roots_of_the_system(is_async: bool, trust: Trust, server: Upstream) -> None:
    own = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.load_verify_locations(trust.roots)
    assert ask(is_async, base_url=url(server), verify=own) == TEXT


def test_the_trace_of_httpcore_is_as_it_documents_it() -> None:
    """The trace that tells when the first byte goes out is an extension that httpcore documents."""
    events: list[str] = []
    with Upstream() as upstream:
        asked = httpx.Request(
            "POST",
            f"http://127.0.0.1:{upstream.port}/",
            content=b"{}",
            extensions={"trace": lambda name, _: events.append(name)},
        )
        with httpx.Client() as own:
            own.send(asked)
    assert "connection.connect_tcp.started" in events
    assert "http11.send_request_headers.started" in events


# ------------------------------------------------------------------------------------------------ idle sockets


@both
def test_a_burst_leaves_no_socket_behind(is_async: bool) -> None:
    """Once the time of idle sockets is over, although no further call comes."""
    from multiapi.transport.asynchronous import AsyncPooledTransport
    from multiapi.transport.blocking import PooledTransport

    limits = httpx.Limits(max_connections=300, max_keepalive_connections=300, keepalive_expiry=0.2)
    with HostileServer(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", after_s=0.3, then="keep")) as server:

        def asked() -> httpx.Request:
            return httpx.Request("POST", server.url, content=b"{}", extensions={"timeout": {}})

        if is_async:

            async def main() -> int:
                transport: Any = AsyncPooledTransport(limits=limits)

                async def one() -> None:
                    response = await transport.handle_async_request(asked())
                    await response.aread()

                await asyncio.gather(*(one() for _ in range(300)))
                pool = transport._pool._last[1]
                for _ in range(300):
                    if not pool.slots.open:
                        break
                    await asyncio.sleep(0.05)
                return int(pool.slots.open)

            assert asyncio.run(main()) == 0
        else:
            transport: Any = PooledTransport(limits=limits)
            with ThreadPoolExecutor(300) as threads:
                list(threads.map(lambda _: transport.handle_request(asked()).read(), range(300)))
            for _ in range(300):
                if not transport._pool._slots.open:
                    break
                time.sleep(0.05)
            assert transport._pool._slots.open == 0
        assert server.connections > 100
