"""Cases 42 to 48: connections that do not come about, break, or take their time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    ConnectionFailedError,
    MultiApiError,
    RequestTimeoutError,
    ResponseFormatError,
    StreamInterruptedError,
)
from multiapi.transport.asynchronous import AsyncPooledTransport
from multiapi.transport.blocking import PooledTransport
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Timeout
from tests.reliability.bodies import chat_body, good_for
from tests.reliability.hostile_server import (
    Exchange,
    HostileServer,
    Play,
    answer,
    dripping,
    head_bytes,
    raw,
    reset,
    silence,
)
from tests.reliability.ways import ALL as ALL_WAYS
from tests.reliability.ways import CHAT, KEYS, TEXT, Way, every, every_way, every_whole_way, request

BODY = json.dumps(chat_body()).encode()
HEAD = head_bytes(200, {"content-type": "application/json", "content-length": str(len(BODY))})
LONG_HEAD = head_bytes(200, {"content-type": "application/json", "content-length": "1000000"})


# ------------------------------------------------------------------------------------------------ 42


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@every_way
def test_case_042_refused(way: Way, waits: list[float]) -> None:
    error = way.ask(f"http://127.0.0.1:{free_port()}").failed(ConnectionFailedError)
    assert error.attempts == 3
    assert len(waits) == 2
    assert not error.outcome_unknown
    assert error.retryable


@every_way
def test_case_042_refused_once(way: Way, waits: list[float]) -> None:
    """The port opens while the client waits."""
    with HostileServer(good_for(way)) as server:
        port = free_port()
        opened: list[socket.socket] = []

        from multiapi.sending.waiting import NoWaiting, set_waiting

        class Opening(NoWaiting):
            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                forward(port, server.port, opened)

            async def asleep(self, seconds: float) -> None:
                await super().asleep(seconds)
                await asyncio.to_thread(forward, port, server.port, opened)

        set_waiting(Opening())
        try:
            assert way.ask(f"http://127.0.0.1:{port}").good().text == TEXT
        finally:
            for each in opened:
                each.close()
    assert server.count == 1


def forward(port: int, to: int, opened: list[socket.socket]) -> None:
    """Listen on a port and pass everything on to another one."""
    listener = socket.create_server(("127.0.0.1", port))
    opened.append(listener)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = listener.accept()
                outer = socket.create_connection(("127.0.0.1", to))
                opened.extend([inner, outer])
                threading.Thread(target=pump, args=(inner, outer), daemon=True).start()
                threading.Thread(target=pump, args=(outer, inner), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


@every_way
def test_case_042_no_such_name(way: Way, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if host in ("vendor.invalid", b"vendor.invalid"):
            asked.append(host)
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    error = way.ask("https://vendor.invalid").failed(ConnectionFailedError)
    assert len(asked) == error.attempts == 3
    assert "Name or service not known" in str(error)


@every_way
def test_case_042_tls_failure(way: Way, waits: list[float]) -> None:
    with HostileServer(raw(), greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        error = way.ask(server.url.replace("http://", "https://"), timeout=2).failed(
            ConnectionFailedError, RequestTimeoutError
        )
    assert not error.outcome_unknown
    assert server.count == 0
    assert error.attempts == 3


@contextlib.contextmanager
def full_listener() -> Iterator[int]:
    """A port whose queue is full, so that connecting takes for ever."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]


@every_way
def test_case_042_connect_timeout(way: Way, waits: list[float]) -> None:
    with full_listener() as port:
        outcome = way.ask(f"http://127.0.0.1:{port}", timeout=Timeout(connect=0.1))
    error = outcome.failed(RequestTimeoutError)
    assert (error.phase, error.attempts, error.outcome_unknown, error.retryable) == ("connect", 3, False, True)


@every_way
def test_case_042_within_the_budget(way: Way) -> None:
    from multiapi.sending.waiting import Waiting, set_waiting

    set_waiting(Waiting())
    with full_listener() as port:
        outcome = way.ask(f"http://127.0.0.1:{port}", timeout=Timeout(connect=0.4, total=0.6), max_retries=9)
    outcome.failed(RequestTimeoutError)


def test_case_042_for_embeddings_too(waits: list[float]) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        Client("aimlapi", api_key="k", base_url=f"http://127.0.0.1:{free_port()}").embed(
            EmbedRequest(model="e", texts=["x"])
        )
    assert caught.value.attempts == 3


# ------------------------------------------------------------------------------------------------ 43

CHUNKED = head_bytes(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
BROKEN: dict[str, Play] = {
    "reset": reset(),
    "closed": raw(),
    "closed in the status line": raw(b"HTTP/1.1 2"),
    "reset in the headers": raw(b"HTTP/1.1 200 OK\r\ncontent-ty", then="reset"),
    "closed in the headers": raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"),
    "reset in the body": raw(HEAD + BODY[:20], then="reset"),
    "closed in the body": raw(HEAD + BODY[:20]),
    "closed before the body": raw(HEAD),
    "short of the length": raw(head_bytes(200, {"content-length": str(len(BODY) + 5)}) + BODY),
    "chunks without end": raw(CHUNKED + b"%x\r\n%b\r\n" % (len(BODY), BODY)),
    "a chunk cut short": raw(CHUNKED + b"fff\r\n" + BODY),
    "a chunk of invalid size": raw(CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of negative size": raw(CHUNKED + b"-5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk longer than it says": raw(CHUNKED + b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n" + b"\x00\xff" * 50),
    "another protocol": raw(b"\x15\x03\x01\x00\x02\x02\x16"),
    "invalid status": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "several lengths": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
    "invalid length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
    "a header with a NUL": raw(b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}"),
    "switching protocols": raw(b"HTTP/1.1 101 Switching\r\n\r\n" + HEAD + BODY),
}


@every_way
@pytest.mark.parametrize("how", BROKEN)
def test_case_043_broken_off(way: Way, how: str) -> None:
    with HostileServer(BROKEN[how], good_for(way)) as server:
        error = way.ask(server.url).failed(ConnectionFailedError, ResponseFormatError, StreamInterruptedError)
    assert server.count == 1
    assert error.outcome_unknown or isinstance(error, ResponseFormatError)
    assert not error.retryable
    assert error.not_repeated or way.is_stream


@every_whole_way
def test_case_043_the_error_says_what_to_look_at(way: Way) -> None:
    with HostileServer(reset()) as server:
        error = way.ask(server.url, "aimlapi").failed(ConnectionFailedError)
    sent = server.requests[0].headers["x-client-request-id"]
    assert error.request_id == sent
    assert sent in str(error)
    assert "logs" in str(error)
    assert "charged" in str(error)


def test_case_043_each_attempt_has_its_own_client_request_id() -> None:
    with HostileServer(answer({}, status=500), answer(chat_body())) as server:
        CHAT.ask(server.url, "aimlapi").good()
    ids = [seen.headers["x-client-request-id"] for seen in server.requests]
    assert len(set(ids)) == 2


# ------------------------------------------------------------------------------------------------ 44 to 46


@every_way
def test_case_044_no_byte_at_all(way: Way) -> None:
    with HostileServer(silence(), good_for(way)) as server:
        outcome = way.ask(server.url, timeout=0.3)
    error = outcome.failed(RequestTimeoutError)
    assert outcome.seconds > 0.25
    assert server.count == 1
    assert error.phase == "read"
    assert error.outcome_unknown
    assert not error.retryable


@every_way
@pytest.mark.parametrize("begun", [b"HTTP/1.1 20", HEAD, HEAD + BODY[:30]], ids=["head", "body", "middle"])
def test_case_044_silence_in_the_middle(way: Way, begun: bytes) -> None:
    with HostileServer(raw(begun, then="hang"), good_for(way)) as server:
        outcome = way.ask(server.url, timeout=0.3)
    error = outcome.failed(RequestTimeoutError)
    assert outcome.seconds > 0.25
    assert server.count == 1
    assert error.outcome_unknown


@every_whole_way
def test_case_045_slow_with_small_gaps(way: Way) -> None:
    pieces = [(HEAD + BODY)[i : i + 60] for i in range(0, len(HEAD + BODY), 60)]
    with HostileServer(raw(*pieces, pause_s=0.12, then="keep")) as server:
        outcome = way.ask(server.url, timeout=0.3)
    assert outcome.good().text == TEXT
    assert outcome.seconds > 0.5


FAST_ENOUGH_FOR_READ = Timeout(read=0.3, total=0.8)


@every_whole_way
@pytest.mark.parametrize("part", ["head", "body"])
def test_case_046_a_byte_now_and_then_for_ever(way: Way, part: str) -> None:
    begun, unit = (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n") if part == "head" else (LONG_HEAD, b" ")
    with HostileServer(dripping(begun, unit, every_s=0.05)) as server:
        outcome = way.ask(server.url, timeout=FAST_ENOUGH_FOR_READ)
    error = outcome.failed(RequestTimeoutError)
    assert outcome.seconds > 0.7
    assert error.phase == "total"
    assert error.outcome_unknown
    assert server.count == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_case_046_with_a_client_of_the_users(is_async: bool) -> None:
    """Its transport knows no deadline: it is kept between the pieces."""
    with HostileServer(dripping(LONG_HEAD, b" ", every_s=0.01)) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "timeout": Timeout(read=0.3, total=2.5)}
        with pytest.raises(RequestTimeoutError) as caught:
            if is_async:

                async def main() -> None:
                    async with httpx.AsyncClient() as own:
                        await AsyncClient("aimlapi", http_client=own, **settings).chat(request())

                asyncio.run(main())
            else:
                with httpx.Client() as own:
                    Client("aimlapi", http_client=own, **settings).chat(request())
        assert caught.value.phase == "total"


# ------------------------------------------------------------------------------------------------ 47


def then_close(play: Play, how: str) -> Play:
    async def both(exchange: Exchange) -> None:
        await play(exchange)
        await asyncio.sleep(0.06)
        exchange.reset() if how == "reset" else exchange.close()

    return both


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_case_047_kept_alive_connection_closed_between_calls(how: str, is_async: bool, streamed: bool) -> None:
    from tests.reliability.bodies import good

    with HostileServer(then_close(good(stream_asked=streamed), how)) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": server.url, "max_retries": 0}
        texts = []
        if is_async:

            async def main() -> None:
                client = AsyncClient("aimlapi", **settings)
                for _ in range(5):
                    if streamed:
                        texts.append([delta async for delta in client.chat_stream(request())][-1].response.text)  # type: ignore[union-attr]
                    else:
                        texts.append((await client.chat(request())).text)
                    await asyncio.to_thread(server.settle)
                    await asyncio.sleep(0.1)

            asyncio.run(main())
        else:
            client = Client("aimlapi", **settings)
            for _ in range(5):
                if streamed:
                    texts.append(list(client.chat_stream(request()))[-1].response.text)  # type: ignore[union-attr]
                else:
                    texts.append(client.chat(request()).text)
                server.settle()
                time.sleep(0.1)
    assert texts == [TEXT] * 5
    assert server.count == 5


def test_case_047_connections_are_kept_when_the_server_keeps_them() -> None:
    with HostileServer(answer(chat_body())) as server:
        client = Client("aimlapi", api_key="k", base_url=server.url)
        for _ in range(10):
            client.chat(request())
    assert server.connections == 1


# ------------------------------------------------------------------------------------------------ 48


def test_case_048_pool_exhausted() -> None:
    with HostileServer(answer(chat_body(), after_s=1.0)) as server:
        with httpx.Client(transport=PooledTransport(limits=httpx.Limits(max_connections=1))) as own:
            client = Client("aimlapi", api_key="k", base_url=server.url, http_client=own, timeout=Timeout(pool=0.2))
            first = threading.Thread(target=client.chat, args=(request(),))
            first.start()
            time.sleep(0.1)
            with pytest.raises(RequestTimeoutError, match="pool") as caught:
                client.chat(request())
            first.join()
    assert caught.value.phase == "pool"
    assert not caught.value.outcome_unknown
    assert server.count == 1


async def test_case_048_pool_exhausted_in_a_loop() -> None:
    with HostileServer(answer(chat_body(), after_s=0.8)) as server:
        async with httpx.AsyncClient(transport=AsyncPooledTransport(limits=httpx.Limits(max_connections=1))) as own:
            client = AsyncClient(
                "aimlapi", api_key="k", base_url=server.url, http_client=own, timeout=Timeout(pool=0.2)
            )
            first = asyncio.create_task(client.chat(request()))
            await asyncio.sleep(0.1)
            with pytest.raises(RequestTimeoutError, match="pool") as caught:
                await client.chat(request())
            assert (await first).text == TEXT
    assert caught.value.phase == "pool"
    assert server.count == 1


# ------------------------------------------------------------------------------------------------ and


@every(ALL_WAYS)
def test_every_connection_is_given_back_after_failures(way: Way) -> None:
    plays = [*BROKEN.values(), answer({}, status=400), answer(b"<html>", type="text/html")]
    with HostileServer(*plays, good_for(way)) as server:
        for _ in plays:
            with contextlib.suppress(MultiApiError):
                way.ask(server.url, max_retries=0, timeout=0.5)
        way.ask(server.url).good()
        assert server.settle() <= 1


def test_the_key_goes_only_into_its_header() -> None:
    from tests.reliability.hostile_server import fingerprint

    for vendor in KEYS:
        with HostileServer(good_for(CHAT, vendor)) as server:
            CHAT.ask(server.url, vendor).good()
        seen = server.requests[0]
        assert seen.keys == (fingerprint(KEYS[vendor]),)
        assert KEYS[vendor] not in seen.path + str(seen.headers) + seen.body.decode()
