"""Proxies: which one is asked for what, what it is told, what its failures are called, and that nobody sees its password."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import AsyncClient, Client
from multiapi.errors import ConnectionFailedError, InvalidRequestError, MultiApiError
from multiapi.sending.engines import ENGINES
from multiapi.transport.proxies import Proxy, ProxyRules, environment_rules
from tests.reliability.bodies import TEXT as ANSWER
from tests.reliability.loopback_proxy import LoopbackProxy, LoopbackSocks, Upstream
from tests.reliability.ways import request

SECRET = "s3cret-Pa55word"
CREDENTIALS = f"proxy-user:{SECRET}"
KEY = "any-key-1234"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def roots(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "roots.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("vendor.example", "127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def secured(server_side: ssl.SSLContext) -> Iterator[Upstream]:
    with Upstream(server_side) as upstream:
        yield upstream


@pytest.fixture
def plain() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def ask(is_async: bool, **settings: Any) -> str:
    settings = {"api_key": KEY, "max_retries": 0, "base_url": "https://vendor.example/v1", **settings}
    if not is_async:
        return Client("aimlapi", **settings).chat(request()).text

    async def main() -> str:
        return (await AsyncClient("aimlapi", **settings).chat(request())).text

    return asyncio.run(main())


both = pytest.mark.parametrize("is_async", [False, True], ids=["threads", "loop"])
each_engine = pytest.mark.parametrize("engine", ENGINES)


# ------------------------------------------------------------------------------------------------ through it


@both
@each_engine
def test_https_goes_through_a_tunnel(is_async: bool, engine: str, secured: Upstream, roots: str) -> None:
    with LoopbackProxy(secured.port) as proxy:
        assert ask(is_async, proxy=proxy.url, verify=roots, engine=engine) == ANSWER
    assert proxy.asked == ["CONNECT vendor.example:443"]
    assert KEY not in str(proxy.headers)
    [(path, headers)] = secured.requests
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "proxy-authorization" not in headers


@both
@each_engine
def test_plain_http_is_passed_on(is_async: bool, engine: str, plain: Upstream) -> None:
    with LoopbackProxy(plain.port, credentials=CREDENTIALS) as proxy:
        url = proxy.url_with(CREDENTIALS)
        address = "http://vendor.example:8080/v1"
        assert ask(is_async, proxy=url, base_url=address, allow_http=True, engine=engine) == ANSWER
    assert proxy.asked == ["POST http://vendor.example:8080/v1/chat/completions"]
    assert plain.requests[0][1]["host"] == "vendor.example:8080"


@both
@each_engine
def test_credentials_go_to_the_proxy_alone(is_async: bool, engine: str, secured: Upstream, roots: str) -> None:
    with LoopbackProxy(secured.port, credentials="user@office:p:ss/wörd") as proxy:
        url = proxy.url_with("user%40office:p%3Ass%2Fw%C3%B6rd")
        assert ask(is_async, proxy=url, verify=roots, engine=engine) == ANSWER
    assert "proxy-authorization" not in secured.requests[0][1]


@both
def test_a_proxy_that_is_spoken_to_by_https(
    is_async: bool, secured: Upstream, plain: Upstream, server_side: ssl.SSLContext, roots: str
) -> None:
    with LoopbackProxy(secured.port, credentials=CREDENTIALS, context=server_side) as proxy:
        assert ask(is_async, proxy=proxy.url_with(CREDENTIALS), verify=roots) == ANSWER
    with LoopbackProxy(plain.port, context=server_side) as proxy:
        assert (
            ask(is_async, proxy=proxy.url, verify=roots, base_url="http://vendor.example/v1", allow_http=True) == ANSWER
        )


@both
def test_large_bodies_pass_through_tls_within_tls(is_async: bool, server_side: ssl.SSLContext, roots: str) -> None:
    from multiapi.types.chat import ChatRequest, Message

    text = "é" * 700_000
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    asked = ChatRequest(model="m", messages=[Message("user", text)])
    settings: dict[str, Any] = {"api_key": KEY, "base_url": "https://vendor.example/v1", "verify": roots}
    with Upstream(server_side, body) as upstream, LoopbackProxy(upstream.port, context=server_side) as proxy:
        if is_async:

            async def main() -> str:
                return (await AsyncClient("aimlapi", proxy=proxy.url, **settings).chat(asked)).text

            assert asyncio.run(main()) == text
        else:
            assert Client("aimlapi", proxy=proxy.url, **settings).chat(asked).text == text


@both
def test_a_tunnel_is_used_again(is_async: bool, secured: Upstream, roots: str) -> None:
    with LoopbackProxy(secured.port) as proxy:
        settings: dict[str, Any] = {
            "api_key": KEY,
            "base_url": "https://vendor.example/v1",
            "proxy": proxy.url,
            "verify": roots,
        }
        if is_async:

            async def main() -> None:
                client = AsyncClient("aimlapi", **settings)
                for _ in range(4):
                    await client.chat(request())

            asyncio.run(main())
        else:
            with Client("aimlapi", **settings) as client:
                for _ in range(4):
                    client.chat(request())
        assert len(proxy.asked) == 1
    assert len(secured.requests) == 4


@both
def test_lengths_in_the_answer_to_connect_mean_nothing(is_async: bool, secured: Upstream, roots: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with LoopbackProxy(secured.port, answer_head=head) as proxy:
        assert ask(is_async, proxy=proxy.url, verify=roots) == ANSWER


@both
def test_socks(is_async: bool, secured: Upstream, roots: str) -> None:
    with LoopbackSocks(secured.port) as proxy:
        assert ask(is_async, proxy=proxy.url, verify=roots) == ANSWER
    assert proxy.asked == ["vendor.example:443"]


def test_socks_without_its_package_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    import multiapi.sending.connection_checks as checks

    monkeypatch.setattr(checks, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequestError, match=r"httpx\[socks\]") as caught:
        Client("aimlapi", api_key=KEY, proxy=f"socks5://{CREDENTIALS}@127.0.0.1:1080")
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(InvalidRequestError, match=r"httpx\[socks\]") as caught:
        ask(False)
    assert not caught.value.outcome_unknown


# ------------------------------------------------------------------------------------------------ its failures


def failure(is_async: bool, **settings: Any) -> MultiApiError:
    with pytest.raises(MultiApiError) as caught:
        ask(is_async, **settings)
    error = caught.value
    assert not error.outcome_unknown, error
    assert "charged" not in str(error)
    assert SECRET not in f"{error!r}{error}{error.__dict__}"
    return error


@both
@each_engine
def test_connect_refused(is_async: bool, engine: str, secured: Upstream, roots: str) -> None:
    with LoopbackProxy(secured.port, refuse=403) as proxy:
        error = failure(is_async, proxy=proxy.url_with(CREDENTIALS), verify=roots, engine=engine)
    assert isinstance(error, ConnectionFailedError)
    assert "403" in str(error)
    assert f"through the proxy http://127.0.0.1:{proxy.port}" in str(error)
    assert secured.requests == []


@both
@each_engine
@pytest.mark.parametrize("given", ["", f"wrong:{SECRET}@"])
def test_credentials_missing_or_wrong(is_async: bool, engine: str, given: str, secured: Upstream, roots: str) -> None:
    with LoopbackProxy(secured.port, credentials="right:right") as proxy:
        url = f"http://{given}127.0.0.1:{proxy.port}"
        error = failure(is_async, proxy=url, verify=roots, engine=engine)
    assert isinstance(error, ConnectionFailedError)
    assert "407" in str(error)
    if engine == "multiapi":
        assert "user and password" in str(error) or "user and a password" in str(error)


@both
@each_engine
def test_a_dead_proxy(is_async: bool, engine: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = failure(is_async, proxy=f"http://{CREDENTIALS}@127.0.0.1:{port}", engine=engine)
    assert isinstance(error, ConnectionFailedError)
    assert f"proxy http://127.0.0.1:{port}" in str(error)


@both
@each_engine
def test_a_proxy_that_says_nothing(is_async: bool, engine: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://{CREDENTIALS}@127.0.0.1:{silent.getsockname()[1]}"
        error = failure(is_async, proxy=url, timeout=0.3, engine=engine)
    assert error.phase in {"connect", "read"}  # type: ignore[attr-defined]


@both
def test_no_tls_behind_the_proxy(is_async: bool, plain: Upstream) -> None:
    with LoopbackProxy(plain.port) as proxy:
        assert isinstance(failure(is_async, proxy=proxy.url, timeout=5), ConnectionFailedError)


@pytest.mark.parametrize(
    "address",
    [
        f"ftp://{CREDENTIALS}@host",
        f"http://{CREDENTIALS}@",
        f"{CREDENTIALS}@host:8080",
        f"http://{CREDENTIALS}@host:port",
        f"http://{CREDENTIALS}@[::1",
        "",
        8080,
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(address: Any) -> None:
    with pytest.raises(InvalidRequestError, match="proxy") as caught:
        Client("aimlapi", api_key=KEY, proxy=address)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_address_of_the_environment_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://{CREDENTIALS}@host")
    error = failure(False)
    assert isinstance(error, InvalidRequestError)
    assert "environment" in str(error)


# ------------------------------------------------------------------------------------------------ the environment


@both
@each_engine
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environment_is_read(
    is_async: bool, engine: str, variable: str, secured: Upstream, roots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackProxy(secured.port, credentials=CREDENTIALS) as proxy:
        monkeypatch.setenv(variable, f"{CREDENTIALS}@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert ask(is_async, verify=roots, engine=engine) == ANSWER
    assert proxy.asked == ["CONNECT vendor.example:443"]


def test_the_setting_wins_over_the_environment(secured: Upstream, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    with LoopbackProxy(secured.port) as proxy:
        assert ask(False, verify=roots, proxy=proxy.url) == ANSWER


@both
@each_engine
def test_an_environment_that_is_not_trusted(
    is_async: bool, engine: str, plain: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = f"http://127.0.0.1:{plain.port}/v1"
    assert ask(is_async, base_url=url, trust_env=False, engine=engine) == ANSWER
    assert "127.0.0.1:9" in str(failure(is_async, base_url=url, engine=engine))
    assert "trust_env" in str(failure(is_async, base_url="http://127.0.0.1:9/v1", trust_env=False, engine=engine))


ADDRESSES = [
    *(
        "https://vendor.example/v1",
        "https://api.vendor.example/v1",
        "https://notvendor.example/",
        "http://vendor.example/",
    ),
    *(
        "https://vendor.example:8443/",
        "http://localhost:80/",
        "http://127.0.0.1:5000/",
        "http://[::1]:80/",
        "https://10.1.2.3/",
    ),
    *("https://VENDOR.example/", "https://bücher.example/"),
]
EXEMPT = [
    "",
    "*",
    "vendor.example",
    ".vendor.example",
    "*.vendor.example",
    "VENDOR.EXAMPLE",
    "vendor.example:8443",
    "localhost,127.0.0.1,::1",
    "10.0.0.0/8",
    "10.1.2.3",
    "https://vendor.example",
    "http://*.vendor.example:80",
    "other.example, vendor.example ,",
    "all://vendor.example",
    "other.example,*",
    "xn--bcher-kva.example",
]
PROXIES: list[dict[str, str]] = [
    {"HTTPS_PROXY": "http://one:1"},
    {"HTTP_PROXY": "one:1", "HTTPS_PROXY": "http://two:2", "ALL_PROXY": "http://three:3"},
    {"ALL_PROXY": "three:3"},
    {"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"},
    {"https_proxy": "", "HTTPS_PROXY": "http://upper:1", "HTTP_PROXY": "http://one:1"},
    {"HTTP_PROXY": "http://one:1", "REQUEST_METHOD": "GET"},
    {"FTP_PROXY": "http://one:1"},
    {},
]


@pytest.mark.parametrize("variables", PROXIES)
@pytest.mark.parametrize("exempt", EXEMPT)
def test_the_environment_is_read_as_httpx_reads_it(
    variables: dict[str, str], exempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", exempt)
    rules = environment_rules()
    with httpx.Client() as theirs:
        for address in ADDRESSES:
            url = httpx.URL(address)
            pool: Any = theirs._transport_for_url(url)._pool  # type: ignore[attr-defined]
            wanted = getattr(pool, "_proxy_url", None)
            found = rules.proxy_for(url)
            given = None if found is None else (Proxy.of(found).host.encode(), Proxy.of(found).port)
            assert given == (None if wanted is None else (wanted.host, wanted.port)), address


def test_the_environment_is_looked_up_once_per_client(plain: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.request

    looked: list[int] = []
    real = urllib.request.getproxies
    monkeypatch.setattr(urllib.request, "getproxies", lambda: looked.append(1) or real())
    client = Client("aimlapi", api_key=KEY, base_url=f"http://127.0.0.1:{plain.port}/v1")
    for _ in range(5):
        client.chat(request())
    assert len(looked) == 1
    assert ProxyRules({}).proxy_for(httpx.URL("https://vendor.example/")) is None


# ------------------------------------------------------------------------------------------------ never shown


def test_no_one_shows_the_credentials(tmp_path: Path) -> None:
    given = {"api_key": KEY, "proxy": f"http://{CREDENTIALS}@127.0.0.1:9", "max_retries": 0}
    held: list[Any] = [
        Client("aimlapi", **given),  # type: ignore[arg-type]
        AsyncClient("aimlapi", **given),  # type: ignore[arg-type]
        ChatMultiApi(model="aimlapi:m", **given),
        MultiApiEmbeddings(model="aimlapi:m", **given),
        MultiApiToolkit(provider="aimlapi", **given),
        MultiApiLLM(model="aimlapi:m", **given),
        MultiApiEmbedding(model="aimlapi:m", **given),
        Proxy.of(str(given["proxy"])),
    ]
    for each in held:
        shown = [repr(each), str(each)]
        for name in ("model_dump", "model_dump_json", "to_dict", "to_json"):
            dump = getattr(type(each), name, None)
            if dump is not None:
                shown.append(str(dump(each)))
        assert not [text for text in shown if SECRET in text], type(each)
    for model in held[2:3]:
        with pytest.raises(ConnectionFailedError) as caught:
            model.invoke("x")
        assert SECRET not in f"{caught.value!r}{caught.value.__dict__}"


def test_a_pickled_client_reads_the_environment_of_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("aimlapi", api_key=KEY, trust_env=False, engine="httpx")
    copied = pickle.loads(pickle.dumps(client))
    assert (copied.trust_env, copied.engine, copied.proxy) == (False, "httpx", None)
    client = Client("aimlapi", api_key=KEY)
    assert client.environment_proxies.proxy_for(httpx.URL("https://vendor.example/")) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://one:1")
    copied = pickle.loads(pickle.dumps(client))
    assert copied.environment_proxies.proxy_for(httpx.URL("https://vendor.example/")) == "http://one:1"


@pytest.mark.parametrize("given", [["--proxy", f"http://{CREDENTIALS}@127.0.0.1:1"], [], ["--no-proxy"]])
def test_the_command_line(given: list[str], plain: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from multiapi.cli.commands import app

    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    monkeypatch.setenv("AIMLAPI_BASE_URL", f"http://127.0.0.1:{plain.port}/v1")
    monkeypatch.setenv("HTTP_PROXY", f"http://{CREDENTIALS}@127.0.0.1:1")
    done = CliRunner().invoke(app, ["chat", "-m", "aimlapi:m", "hello", *given])
    assert SECRET not in done.output
    if given == ["--no-proxy"]:
        assert done.exit_code == 0, done.output
        assert len(plain.requests) == 1
    else:
        assert done.exit_code != 0
        assert "through the proxy http://127.0.0.1:1" in " ".join(done.output.split())
        assert plain.requests == []
