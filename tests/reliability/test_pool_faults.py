"""The pool of the blocking client when something goes wrong, idle sockets that nobody asks for, and addresses that do not answer."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from multiapi import AsyncClient, Client, Timeout
from multiapi.errors import ConnectionFailedError, MultiApiError
from multiapi.transport import blocking, racing, socket_connection
from multiapi.transport.asynchronous import AsyncResponseBody
from multiapi.transport.blocking import PooledTransport
from multiapi.transport.tls import DEFAULT_LIMITS
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import HostileServer, answer
from tests.reliability.interrupts import PACKAGE, at_each_line
from tests.reliability.ways import request

ROOT = Path(__file__).parents[2]
TRANSPORT = f"{PACKAGE}transport{os.sep}"
LIMITS = httpx.Limits(max_connections=2, max_keepalive_connections=2, keepalive_expiry=30.0)


def asked(url: str) -> httpx.Request:
    timeout = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
    return httpx.Request("GET", url, extensions={"timeout": timeout})


def counts(pool: Any) -> tuple[int, int]:
    """What is open and in use, as the pool has it, after it looked for what was dropped."""
    pool.sweep(time.monotonic())
    assert pool._slots.open == pool._slots.idle_count + len(pool._tickets)
    return pool._slots.open, len(pool._tickets)


# ------------------------------------------------------------------------------------------------ interrupts


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_of_take_and_give_back() -> None:
    with HostileServer(answer({"x": "y" * 200_000})) as server:
        transport = PooledTransport(limits=LIMITS)
        pool: Any = transport._pool

        def call() -> None:
            transport.handle_request(asked(server.url)).read()

        lines = 0
        with contextlib.closing(transport):
            for _ in at_each_line(call, within=TRANSPORT):
                assert counts(pool)[1] == 0
                lines += 1
            assert lines > 80
            held = [transport.handle_request(asked(server.url)) for _ in range(2)]
            assert pool._slots.open == 2
            for each in held:
                each.close()


class Idle:
    """A connection that is good for as long as nobody closes it."""

    idle_since = 0.0
    closed = False

    def is_idle(self) -> bool:
        return not self.closed

    def has_expired(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


SHORT = httpx.Limits(max_connections=3, max_keepalive_connections=2, keepalive_expiry=0.0)
LONG = httpx.Limits(max_connections=3, max_keepalive_connections=3, keepalive_expiry=60.0)
FEW = httpx.Limits(max_connections=3, max_keepalive_connections=1, keepalive_expiry=60.0)
ORIGINS = [(b"http", host, 80) for host in (b"a", b"b", b"c", b"d")]


def at_each_line_of_the_pool(limits: httpx.Limits) -> Iterator[blocking.ThreadPool]:
    """Everything that a pool counts, interrupted a line later each time; the pool as the interrupt left it."""
    pools: list[Any] = []

    def call() -> None:
        made: Any = blocking.ThreadPool(limits, lambda _: pytest.fail("no connection is wanted"))
        pools.append(made)
        leases = [blocking.Lease(made, origin) for origin in ORIGINS]
        for lease in leases[:3]:
            made.take(lease)
        made._take(leases[3])  # which has to wait
        made.give_back(leases[0], Idle())  # goes to the one that waits
        made.take(leases[3])
        for lease in leases[1:]:
            made.give_back(lease, Idle())
        made.take(blocking.Lease(made, ORIGINS[1]))
        made.take(blocking.Lease(made, ORIGINS[0]))
        made.sweep(time.monotonic() + 100)

    for _ in at_each_line(call, within=TRANSPORT):
        if pools:
            yield pools[-1]


def counts_what_it_has(pool: Any) -> bool:
    """Without a look by the pool itself, which would count again."""
    slots = pool._slots
    idle = sum(map(len, slots._idle.values()))
    return slots.idle_count == idle and slots.open == idle + len(pool._tickets)


@pytest.mark.parametrize("limits", [LONG, SHORT, FEW], ids=["long", "short", "few"])
def test_the_counts_are_right_at_once_after_an_interrupt(limits: httpx.Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking.SWEEPER, "watch", lambda _: None)
    wrong = [pool for pool in at_each_line_of_the_pool(limits) if not counts_what_it_has(pool)]
    assert [vars(pool._slots) for pool in wrong] == []


def test_an_interrupt_is_noticed_where_nothing_counts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above can fail: without the recount the counts stay wrong."""
    monkeypatch.setattr(blocking.SWEEPER, "watch", lambda _: None)
    monkeypatch.setattr(blocking.Slots, "recount", lambda *_: None)
    assert not all(map(counts_what_it_has, at_each_line_of_the_pool(SHORT)))


def test_an_answer_that_is_forgotten_gives_its_slot_back() -> None:
    with HostileServer(answer({"x": "y" * 2_000_000})) as server:
        transport = PooledTransport(limits=LIMITS)
        with contextlib.closing(transport):
            for _ in range(5):
                transport.handle_request(asked(server.url))
            assert counts(transport._pool)[1] == 0


# ------------------------------------------------------------------------------------------------ the collector


class Refusing:
    """In place of a lock: whoever takes it from within the collector fails."""

    def __enter__(self) -> None:
        raise AssertionError("a lock is taken where the collector may come by")

    def __exit__(self, *_: object) -> None: ...


def collected_body() -> None:
    pool = blocking.ThreadPool(DEFAULT_LIMITS, lambda _: pytest.fail("no connection is wanted"))
    lease = blocking.Lease(pool, (b"http", b"host", 80))
    pool.take(lease)
    assert counts(pool) == (1, 1)
    connection = socket_connection.SocketConnection(None, True)  # type: ignore[arg-type]
    body = socket_connection.ResponseBody(connection, None, b"", None)  # type: ignore[arg-type]
    body.lease = lease
    lock, pool._lock = pool._lock, Refusing()  # type: ignore[assignment]
    body.__del__()
    connection.__del__()
    del body, lease
    pool._lock = lock
    assert counts(pool) == (0, 0)


def collected_async_body() -> None:
    """It only asks its event loop to close the connection."""

    class Wire:
        loop = asyncio.new_event_loop()

    closed: list[int] = []
    body = AsyncResponseBody(None, Wire, None, b"", None)  # type: ignore[arg-type]
    body._connection = type("Connection", (), {"close": lambda _: closed.append(1)})()
    body.on_close = lambda: closed.append(2)
    body.__del__()
    body._open = False
    assert not closed
    Wire.loop.run_until_complete(asyncio.sleep(0))
    Wire.loop.close()
    assert closed == [1, 2]


def collected_transport() -> None:
    from multiapi.sending import engines

    class Locked:
        def close(self) -> None:
            pytest.fail("a lock is taken")

    made = engines._OfThreads(Locked())
    made.__del__()
    assert type(engines._LEFT.pop()) is Locked
    made._transport = httpx.HTTPTransport()


COLLECTED: dict[str, Callable[[], None]] = {
    "ResponseBody": collected_body,
    "SocketConnection": collected_body,
    "AsyncResponseBody": collected_async_body,
    "_OfThreads": collected_transport,
}


def finalizers() -> set[str]:
    """Whatever runs in the collector: classes with `__del__`, and calls that hang a function on a weak reference."""
    found: set[str] = set()
    for package in ("multiapi", "langchain_multiapi", "llamaindex_multiapi"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    names = {item.name for item in node.body if isinstance(item, (ast.FunctionDef))}
                    found |= {node.name} if "__del__" in names else set()
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    if name == "finalize" or (
                        "weakref" in ast.dump(node.func) and name == "ref" and len(node.args) > 1
                    ):
                        found.add(f"{path.name}:{node.lineno}")
    return found


def test_nothing_that_runs_in_the_collector_takes_a_lock() -> None:
    assert finalizers() == set(COLLECTED)
    for check in set(COLLECTED.values()):
        check()


# ------------------------------------------------------------------------------------------------ idle sockets


def test_idle_sockets_are_closed_though_nobody_asks_for_one() -> None:
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=20, keepalive_expiry=0.05)
    with HostileServer(answer({}, after_s=0.05)) as server:
        transport = PooledTransport(limits=limits)
        threads = [
            threading.Thread(target=lambda: transport.handle_request(asked(server.url)).read()) for _ in range(9)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until = time.monotonic() + 30
        while transport._pool._slots.open and time.monotonic() < until:  # type: ignore[attr-defined]
            time.sleep(0.02)
        assert transport._pool._slots.open == 0  # type: ignore[attr-defined]


def test_a_sweep_closes_what_has_expired_and_says_when_to_come_again() -> None:
    closed: list[int] = []

    class Connection:
        idle_since = 0.0

        def __init__(self, number: int) -> None:
            self.number = number

        def is_idle(self) -> bool:
            return True

        def close(self) -> None:
            closed.append(self.number)

    pool: Any = blocking.ThreadPool(httpx.Limits(max_connections=9, keepalive_expiry=30.0), lambda _: pytest.fail())  # type: ignore[arg-type]
    leases = [blocking.Lease(pool, (b"http", b"%d" % number, 80)) for number in range(3)]
    for number, lease in enumerate(leases):
        pool.take(lease)
        pool.give_back(lease, Connection(number))
    for number, stack in enumerate(pool._slots._idle.values()):
        stack[0].idle_since = 100.0 + number
    assert pool.sweep(101.0) == pytest.approx(29.0)
    assert closed == []
    assert pool.sweep(131.5) == pytest.approx(0.5)
    assert closed == [0, 1]
    assert pool.sweep(133.0) is None
    assert closed == [0, 1, 2]
    assert counts(pool) == (0, 0)


def test_what_is_kept_idle_leaves_descriptors_for_the_rest() -> None:
    """`ulimit -n` is 1,024 on most machines; the blocking and the async pool may both be full of idle sockets."""
    assert (DEFAULT_LIMITS.max_keepalive_connections or 0) * 2 <= 1024 - 256


# ------------------------------------------------------------------------------------------------ addresses


@contextlib.contextmanager
def silent(port: int, ip: str) -> Iterator[None]:
    """An address that answers no SYN, because its queue is full."""
    with contextlib.ExitStack() as opened:
        dead = opened.enter_context(socket.socket())
        dead.bind((ip, port))
        dead.listen(0)
        for _ in range(6):
            each = opened.enter_context(socket.socket())
            each.setblocking(False)
            each.connect_ex((ip, port))
        yield


CASES = {
    "dead first": (["127.0.0.2", "127.0.0.1"], True),
    "dead second": (["127.0.0.1", "127.0.0.2"], True),
    "first refuses": (["127.0.0.3", "127.0.0.1"], True),
    "two dead, one refuses": (["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.1"], True),
    "all refuse": (["127.0.0.3", "127.0.0.4"], False),
}


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"])
@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127.0.0.0/8, and a queue that is full")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["threads", "loop", "proxy", "loop proxy"])
def test_an_address_that_does_not_answer_is_passed_over(case: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ips, is_reached = CASES[case]
    known = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if "two.example" not in str(host):
            return known(host, port, *args, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with HostileServer(answer(chat_body("reached"))) as server:
        port = httpx.URL(server.url).port or 0
        with silent(port, "127.0.0.2"):
            settings: dict[str, Any] = {
                "api_key": "k",
                "base_url": f"http://two.example:{port}/v1",
                "allow_http": True,
                "timeout": Timeout(connect=20, read=20),
                "max_retries": 0,
            }
            if "proxy" in kind:
                settings |= {"proxy": f"http://two.example:{port}", "base_url": "http://vendor.example/v1"}
            try:
                if "loop" in kind:
                    text = asyncio.run(AsyncClient("aimlapi", **settings).chat(request())).text
                else:
                    text = Client("aimlapi", **settings).chat(request()).text
            except MultiApiError as error:
                assert isinstance(error, ConnectionFailedError)
                assert not error.outcome_unknown
                text = ""
    assert text == ("reached" if is_reached else "")


def test_addresses_are_tried_by_turns_and_each_is_looked_at_first() -> None:
    found = [
        (family, 1, 6, "", (ip, 1)) for family, ip in ((10, "a"), (10, "b"), (10, "c"), (2, "d"), (2, "e"), (10, "a"))
    ]
    seen: list[str] = []
    assert [each[4][0] for each in racing.in_turn(found, seen.append)] == ["a", "d", "b", "e", "c"]
    assert set(seen) == set("abcde")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_of_a_connect_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    class Noted(socket.socket):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.add(self)

    with HostileServer(answer({})) as server:
        port = httpx.URL(server.url).port or 0

        def call() -> None:
            racing.connect("127.0.0.1", port, time.monotonic() + 5).close()

        monkeypatch.setattr(racing.socket, "socket", Noted)
        call()
        assert len(made) <= 1
        lines = sum(1 for _ in at_each_line(call, within=f"{TRANSPORT}racing"))
        gc.collect()
        assert lines > 20
        assert [each for each in made if each.fileno() != -1] == []


def test_too_late_is_too_late_however_many_addresses_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9)) for _ in range(3)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: places)
    with pytest.raises(TimeoutError):
        racing.connect("any.example", 9, time.monotonic() - 1)


def test_the_pool_says_that_it_is_full() -> None:
    pool = blocking.ThreadPool(httpx.Limits(max_connections=1), lambda _: pytest.fail())  # type: ignore[arg-type]
    key = (b"http", b"host", 80)
    first = blocking.Lease(pool, key)
    pool.take(first)
    with pytest.raises(httpcore.PoolTimeout, match="all 1 connections"):
        pool.take(blocking.Lease(pool, key), {"timeout": {"pool": 0.01}})
    first.end(None)
    assert counts(pool) == (0, 0)
