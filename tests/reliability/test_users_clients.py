"""Clients of the user's own: of httpx and httpx2, looked at when they are given, and seen by what records and mocks."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import respx
import vcr

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import AsyncClient, Client
from multiapi.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    MultiApiError,
    RequestTimeoutError,
)
from multiapi.sending.engines import ENGINES
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media import Media
from tests.reliability.bodies import chat_body, good
from tests.reliability.hostile_server import HostileServer, answer, raw, reset, silence
from tests.reliability.ways import TEXT, request

KEY = "any-key-1234"
MODULES: list[Any] = [httpx, httpx2]
modules = pytest.mark.parametrize("module", MODULES, ids=["httpx", "httpx2"])
both = pytest.mark.parametrize("is_async", [False, True], ids=["threads", "loop"])


def with_client(module: Any, is_async: bool, url: str, use: str = "chat", **settings: Any) -> Any:
    """What one call gives with a client of this package."""
    settings = {"api_key": KEY, "base_url": url, "max_retries": 0, **settings}
    if not is_async:
        with module.Client(trust_env=False) as own:
            client = Client("aimlapi", http_client=own, **settings)
            if use == "stream":
                return list(client.chat_stream(request()))[-1].response.text  # type: ignore[union-attr]
            if use == "embed":
                return client.embed(EmbedRequest(model="e", texts=["x"]))
            return client.chat(request()).text

    async def main() -> Any:
        async with module.AsyncClient(trust_env=False) as own:
            client = AsyncClient("aimlapi", http_client=own, **settings)
            if use == "stream":
                return [delta async for delta in client.chat_stream(request())][-1].response.text  # type: ignore[union-attr]
            if use == "embed":
                return await client.embed(EmbedRequest(model="e", texts=["x"]))
            return (await client.chat(request())).text

    return asyncio.run(main())


@modules
@both
@pytest.mark.parametrize("use", ["chat", "stream"])
def test_a_users_client_sends_what_ours_sends(module: Any, is_async: bool, use: str) -> None:
    with HostileServer(good(stream_asked=use == "stream")) as server:
        assert with_client(module, is_async, server.url, use) == TEXT
        ours = Client("aimlapi", api_key=KEY, base_url=server.url)
        assert list(ours.chat_stream(request())) if use == "stream" else ours.chat(request())
    theirs, own = server.requests
    assert (theirs.path, theirs.body, theirs.keys) == (own.path, own.body, own.keys)
    differing = {"x-client-request-id", "x-request-id", "accept-encoding", "connection"}
    assert {k: v for k, v in theirs.headers.items() if k not in differing} == {
        k: v for k, v in own.headers.items() if k not in differing
    }


@modules
@both
def test_its_errors_are_ours(module: Any, is_async: bool) -> None:
    cases: list[tuple[Any, type[MultiApiError], bool]] = [
        (answer({"error": {"message": "no"}}, status=401), AuthenticationError, False),
        (reset(), ConnectionFailedError, True),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), ConnectionFailedError, True),
        (silence(), RequestTimeoutError, True),
    ]
    for play, kind, unknown in cases:
        with HostileServer(play) as server, pytest.raises(kind) as caught:
            with_client(module, is_async, server.url, timeout=0.3)
        assert caught.value.outcome_unknown is unknown, play
    with pytest.raises(ConnectionFailedError) as caught:
        with_client(module, is_async, "http://127.0.0.1:1")
    assert not caught.value.outcome_unknown


# ------------------------------------------------------------------------------------------------ looked at when given


class Lookalike:
    def send(self, *_: Any, **__: Any) -> None: ...


@pytest.mark.parametrize("unsuitable", [object(), "httpx", 5, Lookalike(), httpx.Client, httpx.HTTPTransport(), Client])
@pytest.mark.parametrize("cls", [Client, AsyncClient])
def test_what_is_no_client_is_refused_at_once(cls: Any, unsuitable: Any) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"an httpx\.(Async)?Client or an httpx2\.(Async)?Client, not"
    ) as caught:
        cls("aimlapi", api_key=KEY, http_client=unsuitable)
    assert not caught.value.outcome_unknown


@modules
def test_the_other_kind_is_refused_at_once(module: Any) -> None:
    with module.Client() as blocking, pytest.raises(InvalidRequestError, match="http_async_client"):
        AsyncClient("aimlapi", api_key=KEY, http_client=blocking)
    with pytest.raises(InvalidRequestError, match="http_async_client"):
        Client("aimlapi", api_key=KEY, http_client=module.AsyncClient())


@modules
def test_the_frameworks_take_both(module: Any) -> None:
    embedded = {"data": [{"index": 0, "embedding": [1.0]}], "model": "e"}

    def play(seen: Any) -> Any:
        return answer(embedded) if "embeddings" in seen.path else answer(chat_body())

    with HostileServer(route=play) as server, module.Client(trust_env=False) as own:
        given: dict[str, Any] = {"api_key": KEY, "base_url": server.url, "http_client": own}
        assert ChatMultiApi(model="aimlapi:m", **given).invoke("x").text == TEXT
        assert MultiApiEmbeddings(model="aimlapi:e", **given).embed_query("x") == [1.0]
        assert MultiApiLLM(model="aimlapi:m", **given).complete("x").text == TEXT
        assert MultiApiEmbedding(model="aimlapi:e", **given).get_text_embedding("x") == [1.0]
        for pair in (
            MultiApiToolkit(provider="aimlapi", **given).clients,
            MultiApiToolSpec("aimlapi", **given).clients,
        ):
            assert pair.blocking.chat(request()).text == TEXT
    assert server.count == 6


def test_httpx2_is_not_needed() -> None:
    program = (
        "import sys; sys.modules['httpx2'] = None\n"
        "import httpx, multiapi\n"
        "from multiapi.simulator import Simulator\n"
        "from multiapi.types.chat import ChatRequest, Message\n"
        "own = httpx.Client(transport=Simulator().transport)\n"
        "client = multiapi.Client('aimlapi', api_key='any-key-1234', http_client=own)\n"
        "print(bool(client.chat(ChatRequest(model='openai/gpt-4o', messages=[Message('user', 'x')])).text))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True", done.stderr


# ------------------------------------------------------------------------------------------------ recorded and mocked

ADDRESS = "https://vendor.example/v1"


@both
@pytest.mark.parametrize("engine", ["multiapi", "httpx"])
def test_respx_sees_the_request(is_async: bool, engine: str) -> None:
    with respx.mock() as mock:
        route = mock.post(f"{ADDRESS}/chat/completions").respond(200, json=chat_body())
        assert ask(is_async, engine=engine) == TEXT
        assert route.call_count == 1


@both
@pytest.mark.parametrize("engine", ["multiapi", "httpx"])
def test_pytest_httpx_sees_the_request(is_async: bool, engine: str, httpx_mock: Any) -> None:
    httpx_mock.add_response(url=f"{ADDRESS}/chat/completions", json=chat_body())
    assert ask(is_async, engine=engine) == TEXT
    assert json.loads(httpx_mock.get_request().content)["model"] == "m"


@both
@pytest.mark.parametrize("engine", ["multiapi", "httpx"])
def test_vcrpy_records_and_replays(is_async: bool, engine: str, tmp_path: Path) -> None:
    path = str(tmp_path / "tape.yaml")
    with HostileServer(answer(chat_body())) as server:
        for _ in range(2):
            with vcr.use_cassette(path, filter_headers=["authorization"]):  # type: ignore[attr-defined]
                assert ask(is_async, engine=engine, base_url=server.url) == TEXT
        assert server.count == 1


@modules
def test_a_client_of_the_users_is_mocked_by_its_transport(module: Any) -> None:
    def respond(asked: Any) -> Any:
        return module.Response(200, json=chat_body() | {"model": json.loads(asked.content)["model"]})

    with module.Client(transport=module.MockTransport(respond)) as own:
        assert Client("aimlapi", api_key=KEY, http_client=own).chat(request()).text == TEXT


def ask(is_async: bool, **settings: Any) -> str:
    settings = {"api_key": KEY, "base_url": ADDRESS, **settings}
    if not is_async:
        return Client("aimlapi", **settings).chat(request()).text

    async def main() -> str:
        return (await AsyncClient("aimlapi", **settings).chat(request())).text

    return asyncio.run(main())


# ------------------------------------------------------------------------------------------------ certain words


def certain(error: MultiApiError) -> None:
    """Nothing was sent, and the error does not leave that open."""
    assert not error.outcome_unknown, error
    assert "charged" not in str(error)


@pytest.mark.parametrize("engine", ENGINES)
@both
def test_a_blocked_socket(is_async: bool, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    class Blocked(RuntimeError):
        pass

    def refuse(*_: Any, **__: Any) -> Any:
        raise Blocked("sockets are not allowed here")

    if is_async:
        real = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda me, to: real(me, to) if to == 0 else refuse())
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", refuse)
    else:
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(MultiApiError) as caught:
        ask(is_async, engine=engine, max_retries=0)
    certain(caught.value)


@modules
def test_a_blocked_socket_under_a_users_client(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("sockets are not allowed here")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(MultiApiError) as caught:
        with_client(module, False, ADDRESS)
    certain(caught.value)


def test_trio() -> None:
    import trio

    async def main() -> None:
        with pytest.raises(MultiApiError, match="asyncio") as caught:
            await AsyncClient("aimlapi", api_key=KEY, base_url="http://127.0.0.1:1", max_retries=0).chat(request())
        certain(caught.value)

    trio.run(main)


@modules
def test_a_users_client_works_under_trio(module: Any) -> None:
    import trio

    async def main(url: str) -> str:
        async with module.AsyncClient(trust_env=False) as own:
            return (await AsyncClient("aimlapi", api_key=KEY, base_url=url, http_client=own).chat(request())).text

    with HostileServer(answer(chat_body())) as server:
        assert trio.run(main, server.url) == TEXT


@both
def test_a_closed_client(is_async: bool) -> None:
    if is_async:

        async def main() -> None:
            own = httpx.AsyncClient()
            await own.aclose()
            await AsyncClient("aimlapi", api_key=KEY, http_client=own, max_retries=0).chat(request())

        with pytest.raises(MultiApiError, match="closed") as caught:
            asyncio.run(main())
    else:
        own = httpx.Client()
        own.close()
        with pytest.raises(MultiApiError, match="closed") as caught:
            Client("aimlapi", api_key=KEY, http_client=own, max_retries=0).chat(request())
    certain(caught.value)


@pytest.mark.parametrize("engine", ["other", "", "HTTPX", 5])
def test_an_engine_that_there_is_not(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequestError, match="multiapi, httpx, httpx2"):
        Client("aimlapi", api_key=KEY, engine=engine)
    monkeypatch.setenv("MULTIAPI_ENGINE", "other")
    with pytest.raises(InvalidRequestError, match="MULTIAPI_ENGINE"):
        Client("aimlapi", api_key=KEY)
    monkeypatch.setenv("MULTIAPI_ENGINE", "httpx2")
    assert Client("aimlapi", api_key=KEY).engine == "httpx2"


def test_a_file_is_fetched_without_the_key_by_each_engine() -> None:
    with HostileServer(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", then="keep")) as server:
        for engine in ENGINES:
            client = Client("aimlapi", api_key=KEY, base_url=server.url, engine=engine)
            client.download(Media(url=f"{server.url}/a.txt"))
    assert [seen.keys for seen in server.requests] == [()] * 3


REQUEST = ChatRequest(model="m", messages=[Message("user", "x")])
