"""What is used of httpx, httpcore and asyncio that they do not promise: each by name, and what happens where it is gone."""

from __future__ import annotations

import ast
import asyncio
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import httpx2
import pytest

import multiapi
from multiapi import AsyncClient, Client
from multiapi.sending import engines
from multiapi.transport import internals
from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import HostileServer, answer
from tests.reliability.ways import TEXT, request

ROOT = Path(multiapi.__file__).parent
FOREIGN = {"httpx", "httpcore", "httpx2", "httpcore2", "asyncio", "ssl", "h11"}


@pytest.fixture(autouse=True)
def checked_anew() -> Iterator[None]:
    """Let each test see the first use."""
    internals.missing.cache_clear()
    engines.engine_in_use.cache_clear()
    yield
    internals.missing.cache_clear()
    engines.engine_in_use.cache_clear()


def private_uses(source: str) -> list[str]:
    """Names with an underscore that a file reaches for in these packages, or on what it does not own."""
    found: list[str] = []
    tree = ast.parse(source)
    owned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
    }
    owned |= {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    owned |= {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOREIGN:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            found += [name for name in names if name.startswith("_")]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in FOREIGN:
                    found += [part for part in alias.name.split(".") if part.startswith("_")]
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if node.attr not in owned:
                found.append(node.attr)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"getattr", "setattr", "hasattr"}
        ):
            name = node.args[1] if len(node.args) > 1 else None
            if (
                isinstance(name, ast.Constant)
                and str(name.value).startswith("_")
                and not str(name.value).startswith("__")
            ):
                found.append(str(name.value))
    return found


def test_the_search_finds_what_it_is_for() -> None:
    assert private_uses("from httpcore._backends.sync import SyncStream") == ["_backends"]
    assert private_uses("transport._pool = pool") == ["_pool"]
    assert private_uses("getattr(response, '_request', None)") == ["_request"]
    assert private_uses("self._own = other._own") == []


def test_one_file_alone_reaches_behind_the_underscores() -> None:
    files = [*(ROOT / "transport").glob("*.py"), *(ROOT / "sending").glob("*.py"), *(ROOT / "client").glob("*.py")]
    found = {
        path.name: names for path in files if path.name != "internals.py" and (names := private_uses(path.read_text()))
    }
    assert {name: set(names) - OTHERS for name, names in found.items() if set(names) - OTHERS} == {}


OTHERS = {"_replace", "_fields", "_attribution"}
"""Of named tuples and of our own classes."""

USED = {"_pool", "_list", "_connection", "_request_lock", "_ssl_protocol", "_transport", "_sock", "_closed"}


def test_all_that_is_used_is_named_here() -> None:
    source = (ROOT / "transport" / "internals.py").read_text()
    attributes = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    asked = set(private_uses(source))
    assert {name for name in attributes | asked if name.startswith("_") and not name.startswith("__")} == USED


# ------------------------------------------------------------------------------------------------ each by its name


def test_all_is_there() -> None:
    assert internals.missing() is None


@pytest.mark.parametrize(
    ("cls", "make"), [(httpx.HTTPTransport, PooledTransport), (httpx.AsyncHTTPTransport, AsyncPooledTransport)]
)
def test_pool_of_httpx(cls: Any, make: Any) -> None:
    assert hasattr(cls(), "_pool")
    assert type(make()._pool).__module__.startswith("multiapi.")


@pytest.mark.parametrize("cls", [httpcore.HTTPConnection, httpcore.AsyncHTTPConnection])
def test_connection_and_request_lock_of_httpcore(cls: Any) -> None:
    made = cls(httpcore.Origin(b"http", b"host", 80))
    assert made._connection is None
    assert hasattr(made, "_request_lock")


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_transport_of_a_client(module: Any) -> None:
    assert internals.opens_sockets(module.Client())
    assert internals.opens_sockets(module.AsyncClient())
    assert not internals.opens_sockets(module.Client(transport=module.MockTransport(lambda _: module.Response(200))))


def test_socket_of_a_transport_of_asyncio() -> None:
    """A socket is closed after its event loop was, without a word."""

    async def opened(port: int) -> Any:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
        return transport

    with HostileServer(answer(chat_body())) as server:
        loop = asyncio.new_event_loop()
        transport = loop.run_until_complete(opened(server.port))
        loop.close()
        own = transport._sock
        internals.bury(transport)
        assert own.fileno() == -1
        assert transport._sock is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del transport
            gc.collect()


# ------------------------------------------------------------------------------------------------ where it is gone


def without_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "put_pool", lambda transport, pool: None)


def without_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals.HeldConnection, "__init__", httpcore.HTTPConnection.__init__)


def without_awaited_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals.AsyncHeldConnection, "__init__", httpcore.AsyncHTTPConnection.__init__)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (without_pool, "httpx.HTTPTransport._pool"),
        (without_connection, "httpcore.HTTPConnection._connection"),
        (without_awaited_connection, "httpcore.AsyncHTTPConnection._connection"),
    ],
)
def test_where_it_is_gone_httpx_sends_and_one_warning_says_so(
    spoil: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    with HostileServer(answer(chat_body())) as server:
        settings: dict[str, Any] = {"api_key": "any-key-1234", "base_url": server.url}
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert internals.missing() == name
            assert not Client("aimlapi", **settings).keeps_deadlines
            assert Client("aimlapi", **settings).chat(request()).text == TEXT

            async def main() -> str:
                return (await AsyncClient("aimlapi", **settings).chat(request())).text

            assert asyncio.run(main()) == TEXT
        mine = [each for each in warned if "engine='httpx'" in str(each.message)]
        assert len(mine) == 1
        assert name in str(mine[0].message)
