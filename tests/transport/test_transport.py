"""The transports against servers that behave well, badly, and not at all."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import vcr

from multiapi.sending.transports import shared_async_transport, shared_transport
from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from multiapi.transport.tls import DEFAULT_LIMITS, tls_context

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Visit:
    """One connection, as the server sees it."""

    def __init__(self, server: Server, connection: socket.socket, number: int) -> None:
        self.server, self.connection, self.number = server, connection, number
        self._rest = b""

    def request(self) -> bytes:
        """The next request with its body, or nothing if the client closed."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            more = self.connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        whole = bytearray(body)
        while len(whole) < length:
            more = self.connection.recv(65536)
            if not more:
                return b""
            whole += more
        self._rest = bytes(whole[length:])
        self.server.requests.append(head + b"\r\n\r\n" + whole[:length])
        return self.server.requests[-1]

    def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        for piece in pieces:
            self.connection.sendall(piece)
            if pause_s:
                time.sleep(pause_s)

    def closed_by_client(self, within_s: float = 1.0) -> bool:
        self.connection.settimeout(within_s)
        try:
            while self.connection.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


Script = Callable[[Visit], None]


class Server:
    """Runs a script for each connection, in a thread of its own."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self._script, self._context = script, context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/v1/chat"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._visit, args=(connection, self.connections), daemon=True).start()

    def _visit(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            try:
                self._script(Visit(self, connection, number))
            except AssertionError as error:
                self.failures.append(error)
            finally:
                connection.close()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()
        assert not self.failures


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answers(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Gives the same answer to every request."""

    def script(visit: Visit) -> None:
        while visit.request():
            visit.send(*pieces, pause_s=pause_s)

    return script


def once(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Answers one request and closes."""

    def script(visit: Visit) -> None:
        visit.request()
        visit.send(*pieces, pause_s=pause_s)

    return script


def ask(url: str, content: bytes = b"{}", deadline_s: float | None = None, **timeout: float) -> httpx.Request:
    extensions: dict[str, Any] = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 60.0) | timeout}
    if deadline_s is not None:
        extensions["deadline"] = time.monotonic() + deadline_s
    return httpx.Request("POST", url, content=content, extensions=extensions)


def fetch(transport: httpx.HTTPTransport, request: httpx.Request) -> tuple[int, bytes]:
    response = transport.handle_request(request)
    assert isinstance(response.stream, httpx.SyncByteStream)
    try:
        return response.status_code, b"".join(response.stream)
    finally:
        response.stream.close()


async def afetch(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> tuple[int, bytes]:
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        return response.status_code, b"".join([part async for part in response.stream])
    finally:
        await response.stream.aclose()


class Blocking:
    """Sends from this thread."""

    def __init__(self, **settings: Any) -> None:
        self.transport = PooledTransport(**settings)

    def fetch(self, *requests: httpx.Request) -> list[tuple[int, bytes]]:
        """One after the other."""
        return [fetch(self.transport, request) for request in requests]

    def close(self) -> None:
        self.transport.close()


class InLoop:
    """Sends from an event loop."""

    def __init__(self, **settings: Any) -> None:
        self.transport = AsyncPooledTransport(**settings)
        self._runner = asyncio.Runner()

    def fetch(self, *requests: httpx.Request) -> list[tuple[int, bytes]]:
        async def all_of_them() -> list[tuple[int, bytes]]:
            return [await afetch(self.transport, request) for request in requests]

        return self._runner.run(all_of_them())

    def close(self) -> None:
        self._runner.run(self.transport.aclose())
        self._runner.close()


Sender = Blocking | InLoop


@pytest.fixture(params=[Blocking, InLoop])
def sender(request: pytest.FixtureRequest) -> Iterator[Sender]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture(params=[Blocking, InLoop])
def sender_with(request: pytest.FixtureRequest) -> Iterator[Callable[..., Sender]]:
    made: list[Sender] = []

    def make(**settings: Any) -> Sender:
        made.append(request.param(**settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


# Answers


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", b"hello", b" world"],
        [CHUNKED + b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nx: y\r\n\r\n"],
        [CHUNKED, b"5\r\nhel", b"lo\r", b"\n", b"6\r\n world\r\n", b"0\r\n", b"\r\n"],
        [bytes([byte]) for byte in CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200\r\ncontent-length: 11, 11\r\n\r\nhello world"],
        [b"HTTP/1.1 200 OK\ncontent-length: 11\n\nhello world"],
        [b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nx-folded: a\r\n b\r\ncontent-length: 11\r\n\r\nhello world"],
    ],
)
def test_reads_an_answer_and_keeps_the_connection(
    sender: Sender, serve: Callable[..., Server], pieces: list[bytes]
) -> None:
    server = serve(answers(*pieces))
    assert sender.fetch(*[ask(server.url) for _ in range(5)]) == [(200, b"hello world")] * 5
    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nhello world",
        b"HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world and more than was announced",
    ],
)
def test_opens_a_new_connection_where_the_old_one_cannot_go_on(
    sender: Sender, serve: Callable[..., Server], answer: bytes
) -> None:
    server = serve(once(answer))
    assert sender.fetch(ask(server.url), ask(server.url)) == [(200, b"hello world")] * 2
    assert server.connections == 2


@pytest.mark.parametrize("status", [204, 304])
def test_reads_answers_that_have_no_body(sender: Sender, serve: Callable[..., Server], status: int) -> None:
    server = serve(answers(b"HTTP/1.1 %d Nothing\r\ncontent-length: 7\r\n\r\n" % status))
    assert sender.fetch(ask(server.url), ask(server.url)) == [(status, b"")] * 2
    assert server.connections == 1


def test_sends_a_request_as_httpx_made_it(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    sender.fetch(ask(server.url + "?a=%20b", b'{"model": "x"}'))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v1/chat?a=%20b HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % server.port in head and b"Content-Length: 14" in head
    assert body == b'{"model": "x"}'


def test_sends_a_large_body_whole(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    body = os.urandom(7_000_000)
    assert sender.fetch(ask(server.url, body), ask(server.url, body)) == [(200, b"ok")] * 2
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [body, body]


def test_reads_a_large_body_whole(sender: Sender, serve: Callable[..., Server]) -> None:
    body = os.urandom(9_000_000)
    server = serve(answers(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body))
    assert sender.fetch(ask(server.url), ask(server.url)) == [(200, body)] * 2
    assert server.connections == 1


def test_takes_the_answer_of_a_server_that_refuses_the_body_half_way(
    sender: Sender, serve: Callable[..., Server]
) -> None:
    def script(visit: Visit) -> None:
        visit.connection.recv(65536)
        visit.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
        visit.connection.shutdown(socket.SHUT_WR)
        visit.closed_by_client()

    assert sender.fetch(ask(serve(script).url, b"x" * 3_000_000)) == [(413, b"no")]


def test_sends_a_body_of_unknown_length_in_chunks(serve: Callable[..., Server]) -> None:
    def script(visit: Visit) -> None:
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += visit.connection.recv(65536)
        assert received.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        visit.send(OK)

    server = serve(script)
    request = httpx.Request("POST", server.url, content=iter([b"abc", b"", b"de"]))
    transport = PooledTransport()
    assert fetch(transport, request) == (200, b"ok")

    async def main() -> None:
        async def parts() -> Any:
            for part in (b"abc", b"", b"de"):
                yield part

        assert await afetch(AsyncPooledTransport(), httpx.Request("POST", server.url, content=parts())) == (200, b"ok")

    asyncio.run(main())
    transport.close()


# Case 43: connections that break, and answers that are none


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\nconte"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello"], httpx.RemoteProtocolError),
        ([CHUNKED + b"5\r\nhello\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"5\r\nhello\r\n0\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"4\r\nhello\r\n0\r\n\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"1" * 30 + b"\r\n"], httpx.RemoteProtocolError),
        ([CHUNKED + b"1;" + b"x" * 9000], httpx.RemoteProtocolError),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], httpx.RemoteProtocolError),
        ([b"<html>go away</html>"], httpx.RemoteProtocolError),
        ([b"HTTP/2 200\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 20 OK\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 1_0\r\n\r\n0123456789"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"], httpx.RemoteProtocolError),
        (
            [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
            httpx.RemoteProtocolError,
        ),
        ([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"], httpx.RemoteProtocolError),
    ],
)
def test_a_broken_answer_is_an_error_of_httpx_and_is_not_asked_for_twice(
    sender: Sender, serve: Callable[..., Server], pieces: list[bytes], error: type[Exception]
) -> None:
    server = serve(once(*pieces))
    with pytest.raises(error):
        sender.fetch(ask(server.url))
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED + b"5\r\nhello\r\n"])
def test_a_reset_is_a_read_error(sender: Sender, serve: Callable[..., Server], begun: bytes) -> None:
    def script(visit: Visit) -> None:
        visit.request()
        visit.send(begun)
        time.sleep(0.05)
        visit.reset()

    server = serve(script)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        sender.fetch(ask(server.url))
    assert len(server.requests) == 1


def test_what_was_read_before_a_break_is_handed_over_first(serve: Callable[..., Server]) -> None:
    server = serve(once(CHUNKED + b"5\r\nhello\r\n"))
    response = PooledTransport().handle_request(ask(server.url))
    assert isinstance(response.stream, httpx.SyncByteStream)
    parts = iter(response.stream)
    assert next(parts) == b"hello"
    with pytest.raises(httpx.RemoteProtocolError, match="before the last chunk"):
        next(parts)


# Case 42: never connected


def test_a_refused_connection_is_a_connect_error(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        sender.fetch(ask(f"http://127.0.0.1:{port}/"))


def test_a_name_that_nobody_knows_is_a_connect_error(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpx.ConnectError):
        sender.fetch(ask("http://vendor.example/"))


def test_a_server_that_speaks_no_tls_is_a_connect_error(sender: Sender, serve: Callable[..., Server]) -> None:
    def script(visit: Visit) -> None:
        visit.connection.recv(65536)
        visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = serve(script)
    with pytest.raises(httpx.ConnectError):
        sender.fetch(ask(server.url.replace("http:", "https:")))


def test_a_server_that_is_silent_while_tls_is_set_up_is_a_connect_timeout(
    sender: Sender, serve: Callable[..., Server]
) -> None:
    server = serve(lambda visit: time.sleep(2))
    with pytest.raises(httpx.ConnectTimeout):
        sender.fetch(ask(server.url.replace("http:", "https:"), connect=0.2))
    with pytest.raises(httpx.ConnectTimeout):
        sender.fetch(ask(server.url.replace("http:", "https:"), deadline_s=0.2))


def test_a_certificate_is_checked(
    sender_with: Callable[..., Sender], serve: Callable[..., Server], tmp_path: Path
) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    server = serve(answers(OK), context)
    with pytest.raises(httpx.ConnectError, match="(?i)certificate"):
        sender_with().fetch(ask(server.url))
    assert server.requests == []
    trusting = sender_with(verify=str(roots))
    assert trusting.fetch(*[ask(server.url) for _ in range(3)]) == [(200, b"ok")] * 3
    assert server.connections == 2
    assert sender_with(verify=False).fetch(ask(server.url)) == [(200, b"ok")]


def test_large_bodies_and_streams_pass_through_tls(
    sender_with: Callable[..., Sender], serve: Callable[..., Server]
) -> None:
    trustme = pytest.importorskip("trustme")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    body = os.urandom(3_000_000)
    server = serve(answers(CHUNKED, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n"), context)
    assert sender_with(verify=False).fetch(ask(server.url, body), ask(server.url, body)) == [(200, body)] * 2
    assert server.connections == 1
    assert server.requests[0].endswith(body)


def test_the_tls_context_is_made_once() -> None:
    assert tls_context() is tls_context(True)
    assert tls_context(False) is not tls_context(True)
    own = ssl.create_default_context()
    assert tls_context(own) is own


# Time: cases 44 to 46 and 73


def silence(visit: Visit) -> None:
    visit.request()
    visit.closed_by_client(2)


def test_silence_is_a_read_timeout(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(silence)
    with pytest.raises(httpx.ReadTimeout):
        sender.fetch(ask(server.url, read=0.2))
    assert len(server.requests) == 1


def test_a_slow_answer_with_short_gaps_succeeds(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(answers(CHUNKED, *[b"1\r\nx\r\n"] * 8, b"0\r\n\r\n", pause_s=0.06))
    assert sender.fetch(ask(server.url, read=0.3, deadline_s=10)) == [(200, b"x" * 8)]


@pytest.mark.parametrize(
    ("begun", "drop"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"y"),
        (CHUNKED + b"fffff\r\n", b"y"),
        (CHUNKED + b"1;", b"y"),
        (CHUNKED + b"0\r\nx: ", b"y"),
        (CHUNKED, b"3\r\n: \n\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"y"),
    ],
)
def test_a_dripping_answer_ends_at_the_deadline(
    sender: Sender, serve: Callable[..., Server], begun: bytes, drop: bytes
) -> None:
    def script(visit: Visit) -> None:
        visit.request()
        visit.send(begun)
        while True:
            visit.send(drop, pause_s=0.03)

    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        sender.fetch(ask(serve(script).url, deadline_s=0.4))
    assert time.monotonic() - began > 0.3


def test_a_deadline_may_be_moved_while_the_answer_is_read(serve: Callable[..., Server]) -> None:
    server = serve(answers(CHUNKED, *[b"1\r\nx\r\n"] * 10, b"0\r\n\r\n", pause_s=0.02))
    for moved in (False, True):
        request = ask(server.url, deadline_s=60)
        response = PooledTransport().handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        request.extensions["deadline"] = time.monotonic() - 1
        if moved:
            del request.extensions["deadline"]
            assert b"".join(response.stream) == b"x" * 10
        else:
            with pytest.raises(httpx.ReadTimeout):
                list(response.stream)


async def test_a_deadline_may_be_moved_while_the_answer_is_read_in_a_loop(serve: Callable[..., Server]) -> None:
    server = serve(answers(CHUNKED, *[b"1\r\nx\r\n"] * 10, b"0\r\n\r\n", pause_s=0.02))
    for moved in (False, True):
        request = ask(server.url, deadline_s=60)
        response = await AsyncPooledTransport().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        request.extensions["deadline"] = time.monotonic() - 1
        if moved:
            del request.extensions["deadline"]
            assert b"".join([part async for part in response.stream]) == b"x" * 10
        else:
            with pytest.raises(httpx.ReadTimeout):
                [part async for part in response.stream]


def test_a_server_that_does_not_read_is_a_write_timeout(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(lambda visit: time.sleep(2))
    with pytest.raises(httpx.WriteTimeout):
        sender.fetch(ask(server.url, b"x" * 30_000_000, write=0.2))
    with pytest.raises(httpx.WriteTimeout):
        sender.fetch(ask(server.url, b"x" * 30_000_000, deadline_s=0.2))


def test_a_deadline_that_has_passed_sends_nothing(sender: Sender, serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    with pytest.raises(httpx.ConnectTimeout):
        sender.fetch(ask(server.url, deadline_s=-1))
    assert server.requests == []


# Case 47: a connection that was kept, but not by the server


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_kept_connection_that_the_server_closed_is_not_used(
    sender: Sender, serve: Callable[..., Server], end: str
) -> None:
    def script(visit: Visit) -> None:
        visit.request()
        visit.send(OK)
        if end == "reset":
            visit.reset()

    server = serve(script)
    for _ in range(10):
        assert sender.fetch(ask(server.url)) == [(200, b"ok")]
        time.sleep(0.02)
    assert (server.connections, len(server.requests)) == (10, 10)


def test_a_connection_that_idled_for_too_long_is_not_used(
    sender_with: Callable[..., Sender], serve: Callable[..., Server]
) -> None:
    server = serve(answers(OK))
    sender = sender_with(limits=httpx.Limits(keepalive_expiry=0.05))
    sender.fetch(ask(server.url), ask(server.url))
    assert server.connections == 1
    time.sleep(0.1)
    sender.fetch(ask(server.url))
    assert server.connections == 2


# Leaving before the end


def endless(visit: Visit) -> None:
    visit.request()
    visit.send(CHUNKED)
    with contextlib.suppress(OSError):
        while True:
            visit.send(b"6\r\ndata: \r\n", pause_s=0.005)
    visit.server.requests.append(b"closed")


def wait_until(condition: Callable[[], bool], within_s: float = 1.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_leaving_an_endless_answer_closes_its_connection_at_once(serve: Callable[..., Server]) -> None:
    server = serve(endless)
    transport = PooledTransport(limits=httpx.Limits(max_connections=1))
    for _ in range(5):
        response = transport.handle_request(ask(server.url))
        assert isinstance(response.stream, httpx.SyncByteStream)
        next(iter(response.stream))
        response.stream.close()
    assert wait_until(lambda: server.requests.count(b"closed") == 5)


async def test_leaving_an_endless_answer_closes_its_connection_at_once_in_a_loop(
    serve: Callable[..., Server],
) -> None:
    server = serve(endless)
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=1))
    for _ in range(5):
        response = await transport.handle_async_request(ask(server.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for _ in response.stream:
            break
        await response.stream.aclose()
    assert await asyncio.to_thread(wait_until, lambda: server.requests.count(b"closed") == 5)


def test_an_answer_that_is_dropped_unread_leaks_nothing(serve: Callable[..., Server]) -> None:
    server = serve(endless)
    transport = PooledTransport(limits=httpx.Limits(max_connections=1))
    for _ in range(5):
        transport.handle_request(ask(server.url, pool=1.0))
        gc.collect()
    assert wait_until(lambda: server.requests.count(b"closed") == 5)


async def test_an_answer_that_is_dropped_unread_leaks_nothing_in_a_loop(serve: Callable[..., Server]) -> None:
    server = serve(endless)
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=1))
    for _ in range(5):
        await transport.handle_async_request(ask(server.url, pool=1.0))
        gc.collect()
    assert await asyncio.to_thread(wait_until, lambda: server.requests.count(b"closed") == 5)


def test_an_answer_that_is_left_after_its_last_byte_keeps_its_connection(serve: Callable[..., Server]) -> None:
    server = serve(answers(CHUNKED + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"))
    transport = PooledTransport()
    for _ in range(3):
        response = transport.handle_request(ask(server.url))
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream.close()
    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED + b"1\r\nx\r\n"])
async def test_cancelling_a_task_closes_its_connection(serve: Callable[..., Server], begun: bytes) -> None:
    seen: list[bool] = []

    def script(visit: Visit) -> None:
        visit.request()
        visit.send(begun)
        seen.append(visit.closed_by_client())

    server = serve(script)
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=1))
    for number in range(1, 6):
        task = asyncio.create_task(afetch(transport, ask(server.url)))
        assert await asyncio.to_thread(wait_until, lambda: len(server.requests) == number)  # noqa: B023
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await asyncio.to_thread(wait_until, lambda: len(seen) == 5)
    assert all(seen)


# Case 48 and the limits


def test_a_full_pool_is_a_pool_timeout(serve: Callable[..., Server]) -> None:
    server = serve(endless)
    transport = PooledTransport(limits=httpx.Limits(max_connections=2))
    held = [transport.handle_request(ask(server.url)) for _ in range(2)]
    with pytest.raises(httpx.PoolTimeout, match="2 connections"):
        transport.handle_request(ask(server.url, pool=0.1))
    with pytest.raises(httpx.PoolTimeout):
        transport.handle_request(ask(server.url, deadline_s=0.1))
    held[0].close()
    transport.handle_request(ask(server.url, pool=0.1)).close()
    held[1].close()


async def test_a_full_pool_is_a_pool_timeout_in_a_loop(serve: Callable[..., Server]) -> None:
    server = serve(endless)
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=2))
    held = [await transport.handle_async_request(ask(server.url)) for _ in range(2)]
    with pytest.raises(httpx.PoolTimeout, match="2 connections"):
        await transport.handle_async_request(ask(server.url, pool=0.1))
    with pytest.raises(httpx.PoolTimeout):
        await transport.handle_async_request(ask(server.url, deadline_s=0.1))
    waiting = asyncio.create_task(transport.handle_async_request(ask(server.url)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await held[0].aclose()
    await (await transport.handle_async_request(ask(server.url, pool=0.1))).aclose()
    await held[1].aclose()


def test_those_who_wait_are_served_in_turn(serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    transport = PooledTransport(limits=httpx.Limits(max_connections=3))
    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(lambda _: fetch(transport, ask(server.url)), range(200)))
    assert results == [(200, b"ok")] * 200
    assert server.connections == 3


async def test_those_who_wait_are_served_in_turn_in_a_loop(serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=3))
    results = await asyncio.gather(*[afetch(transport, ask(server.url)) for _ in range(200)])
    assert results == [(200, b"ok")] * 200
    assert server.connections == 3
    await transport.aclose()


async def test_no_more_idle_connections_than_allowed_are_kept(serve: Callable[..., Server]) -> None:
    closed: list[bool] = []

    def script(visit: Visit) -> None:
        while visit.request():
            time.sleep(0.05)
            visit.send(OK)
        closed.append(True)

    server = serve(script)
    transport = AsyncPooledTransport(limits=httpx.Limits(max_connections=20, max_keepalive_connections=5))
    await asyncio.gather(*[afetch(transport, ask(server.url)) for _ in range(20)])
    assert server.connections == 20
    assert await asyncio.to_thread(wait_until, lambda: len(closed) == 15)
    await transport.aclose()


async def test_idle_connections_end_also_where_nothing_happens_any_more(serve: Callable[..., Server]) -> None:
    closed: list[bool] = []

    def script(visit: Visit) -> None:
        while visit.request():
            time.sleep(0.02)
            visit.send(OK)
        closed.append(True)

    server = serve(script)
    transport = AsyncPooledTransport(limits=httpx.Limits(keepalive_expiry=0.1))
    await asyncio.gather(*[afetch(transport, ask(server.url)) for _ in range(5)])
    assert not closed
    assert await asyncio.to_thread(wait_until, lambda: len(closed) == 5)


def test_an_idle_connection_gives_way_to_one_for_another_host(
    sender_with: Callable[..., Sender], serve: Callable[..., Server]
) -> None:
    one, other = serve(answers(OK)), serve(answers(OK))
    sender = sender_with(limits=httpx.Limits(max_connections=1))
    for _ in range(3):
        sender.fetch(ask(one.url), ask(other.url))
    assert (one.connections, other.connections) == (3, 3)


# Case 106: threads, tasks, event loops, processes


def echo(visit: Visit) -> None:
    while request := visit.request():
        body = request.partition(b"\r\n\r\n")[2]
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)


def test_threads_get_their_own_answers(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    transport = PooledTransport()
    bodies = [b"%d" % number * 50 for number in range(600)]
    with ThreadPoolExecutor(32) as threads:
        results = list(threads.map(lambda body: fetch(transport, ask(server.url, body)), bodies))
    assert [body for _, body in results] == bodies
    assert server.connections <= 32
    transport.close()


def test_tasks_get_their_own_answers(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    bodies = [b"%d" % number * 50 for number in range(500)]

    async def main() -> list[tuple[int, bytes]]:
        transport = AsyncPooledTransport()
        return await asyncio.gather(*[afetch(transport, ask(server.url, body)) for body in bodies])

    assert [body for _, body in asyncio.run(main())] == bodies
    assert server.connections == 500


def open_sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts file descriptors in /proc")


@needs_proc
def test_event_loops_that_end_leave_no_sockets(serve: Callable[..., Server]) -> None:
    server = serve(answers(OK))
    transport = AsyncPooledTransport()
    asyncio.run(afetch(transport, ask(server.url)))
    gc.collect()
    before = open_sockets()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(200):
            assert asyncio.run(afetch(transport, ask(server.url))) == (200, b"ok")
        gc.collect()
    assert wait_until(lambda: open_sockets() <= before)


@needs_proc
@pytest.mark.parametrize("tls", [False, True])
def test_event_loops_that_are_closed_without_ceremony_leave_no_sockets(
    serve: Callable[..., Server], recwarn: pytest.WarningsRecorder, tls: bool
) -> None:
    context = None
    if tls:
        trustme = pytest.importorskip("trustme")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = serve(answers(OK), context)
    transport = AsyncPooledTransport(verify=False)
    before = open_sockets()
    for _ in range(20):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(afetch(transport, ask(server.url))) == (200, b"ok")
        loop.close()
    asyncio.run(transport.aclose())
    gc.collect()
    assert wait_until(lambda: open_sockets() <= before + 1)
    assert [str(warning.message) for warning in recwarn if warning.category is ResourceWarning] == []


def test_event_loops_in_threads_share_a_transport(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    transport = AsyncPooledTransport()

    def run(number: int) -> list[bytes]:
        async def main() -> list[bytes]:
            bodies = [b"%d-%d" % (number, each) for each in range(20)]
            results = await asyncio.gather(*[afetch(transport, ask(server.url, body)) for body in bodies])
            assert [body for _, body in results] == bodies
            return bodies

        return asyncio.run(main())

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(run, range(24)))) == 24


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_opens_its_own_connections(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    transport, in_loop = shared_transport(), shared_async_transport()
    with asyncio.Runner() as runner:
        assert fetch(transport, ask(server.url, b"parent")) == (200, b"parent")
        assert runner.run(afetch(in_loop, ask(server.url, b"parent"))) == (200, b"parent")

        def child(results: Any) -> None:
            results.put(fetch(transport, ask(server.url, b"child")))
            results.put(asyncio.run(afetch(in_loop, ask(server.url, b"child"))))

        context = multiprocessing.get_context("fork")
        results = context.Queue()
        process = context.Process(target=child, args=(results,))
        process.start()
        assert [results.get(timeout=10), results.get(timeout=10)] == [(200, b"child")] * 2
        process.join(10)
        assert fetch(transport, ask(server.url, b"parent")) == (200, b"parent")
        assert runner.run(afetch(in_loop, ask(server.url, b"parent"))) == (200, b"parent")
    assert server.connections == 4
    transport.close()


def test_a_process_has_one_transport_for_a_setting() -> None:
    assert shared_transport() is shared_transport()
    assert shared_transport(verify=False) is not shared_transport()
    assert shared_async_transport() is shared_async_transport(limits=DEFAULT_LIMITS)
    assert shared_async_transport(limits=httpx.Limits(max_connections=5)) is not shared_async_transport()


# What records, mocks and wraps httpx


def test_a_cassette_records_and_replays(sender: Sender, serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(answers(CHUNKED + b"9\r\ndata: {}\n\r\n0\r\n\r\n"))
    path = str(tmp_path / "cassette.yaml")
    with vcr.use_cassette(path, record_mode="once"):
        assert sender.fetch(ask(server.url)) == [(200, b"data: {}\n")]
    with vcr.use_cassette(path, record_mode="none") as cassette:
        assert sender.fetch(ask(server.url)) == [(200, b"data: {}\n")]
        assert cassette.play_count == 1
        with pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException):
            sender.fetch(ask(server.url + "/other"))
    assert len(server.requests) == 1


def test_respx_mocks(sender_with: Callable[..., Sender]) -> None:
    sender = sender_with(limits=httpx.Limits(max_connections=1))
    with respx.mock:
        route = respx.post("https://vendor.example/v1/chat").respond(201, json={"a": 1})
        assert sender.fetch(*[ask("https://vendor.example/v1/chat") for _ in range(3)]) == [(201, b'{"a":1}')] * 3
    assert route.call_count == 3


def test_a_client_of_httpx_works_on_top(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    with httpx.Client(transport=PooledTransport()) as client:
        assert client.post(server.url, json={"a": 1}).json() == {"a": 1}
        with client.stream("POST", server.url, content=b"xyz") as response:
            assert response.read() == b"xyz"
            assert response.http_version == "HTTP/1.1"
            assert response.reason_phrase == "OK"
    assert server.connections == 1


async def test_an_asynchronous_client_of_httpx_works_on_top(serve: Callable[..., Server]) -> None:
    server = serve(echo)
    async with httpx.AsyncClient(transport=AsyncPooledTransport()) as client:
        assert (await client.post(server.url, json={"a": 1})).json() == {"a": 1}
        async with client.stream("POST", server.url, content=b"xyz") as response:
            assert [part async for part in response.aiter_raw()] == [b"xyz"]
    assert server.connections == 1


# Proxies


def test_a_plain_request_goes_through_a_proxy(sender_with: Callable[..., Sender], serve: Callable[..., Server]) -> None:
    proxy = serve(answers(OK))
    sender = sender_with(proxy=f"http://user:secret@127.0.0.1:{proxy.port}")
    assert sender.fetch(*[ask("http://vendor.example/v1/chat") for _ in range(3)]) == [(200, b"ok")] * 3
    assert proxy.requests[0].startswith(b"POST http://vendor.example/v1/chat HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " in proxy.requests[0]
    assert proxy.connections == 1


def test_tls_goes_through_a_tunnel(sender_with: Callable[..., Sender], serve: Callable[..., Server]) -> None:
    trustme = pytest.importorskip("trustme")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("vendor.example").configure_cert(context)

    def script(visit: Visit) -> None:
        visit.request()
        visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(visit.connection, server_side=True) as visit.connection:
            while visit.request():
                visit.send(OK)

    proxy = serve(script)
    sender = sender_with(proxy=f"http://127.0.0.1:{proxy.port}", verify=False)
    assert sender.fetch(*[ask("https://vendor.example/v1/chat") for _ in range(3)]) == [(200, b"ok")] * 3
    assert proxy.requests[0].startswith(b"CONNECT vendor.example:443 HTTP/1.1\r\n")
    assert [request.split(b"\r\n")[0] for request in proxy.requests[1:]] == [b"POST /v1/chat HTTP/1.1"] * 3


def test_a_dripping_answer_through_a_proxy_ends_at_the_deadline(
    sender_with: Callable[..., Sender], serve: Callable[..., Server]
) -> None:
    proxy = serve(answers(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", *[b"y"] * 100, pause_s=0.03))
    sender = sender_with(proxy=f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(httpx.ReadTimeout):
        sender.fetch(ask("http://vendor.example/", deadline_s=0.3))


# Requests that must not go out


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "secret\r\nx: y"},
        {"api-key": "secret\n"},
        {"api-key": "secret\0"},
        {"a b": "secret"},
        {"": "secret"},
    ],
)
def test_a_header_that_would_end_a_line_is_refused_without_showing_it(
    sender: Sender, serve: Callable[..., Server], headers: dict[str, str]
) -> None:
    server = serve(answers(OK))
    with pytest.raises(httpx.LocalProtocolError) as caught:
        sender.fetch(httpx.Request("POST", server.url, headers=headers))
    assert "secret" not in str(caught.value)
    assert server.requests == []


def test_nothing_is_logged(sender: Sender, serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server = serve(answers(OK))
    request = httpx.Request("POST", server.url, headers={"api-key": "secret"})
    sender.fetch(request)
    assert "secret" not in caplog.text
