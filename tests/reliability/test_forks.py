"""A child process waits for no thread of its parent, and takes over nothing that is the parent's: its calls under way, its connections.

All locks of the package are made in one place, which renews them in a child; a lock that is made anywhere else fails here.
"""

from __future__ import annotations

import ast
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import langchain_multiapi
import llamaindex_multiapi
import multiapi
from langchain_multiapi import SpendGuard
from llamaindex_multiapi import SpendingHandler
from multiapi import _package
from multiapi.agent_tools import Toolbox
from multiapi.bulk import BulkJob, Chat
from multiapi.bulk.shared_calls import Address, SharedCall
from multiapi.money import Budget
from multiapi.money.locks import Locked
from multiapi.provider import PROVIDERS
from multiapi.sending.limiter import Limiter
from multiapi.simulator import Simulator
from multiapi.types.usage import Cost

PACKAGES: tuple[ModuleType, ...] = (multiapi, langchain_multiapi, llamaindex_multiapi)
LOCKS = {
    "Lock",
    "RLock",
    "Condition",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "allocate_lock",
    "Queue",
    "SimpleQueue",
    "LifoQueue",
}
EVENTS = {
    "multiapi/money/prices.py": "of a reading, which a child forgets unless it is done",
    "multiapi/sending/limiter.py": "of a place, which a child forgets",
    "multiapi/transport/blocking.py": "of a ticket, which a child forgets",
}
"""An event has a lock inside: where one may be, and why no child waits for it."""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_text(encoding="utf-8")


def made_in(text: str) -> Iterator[str]:
    """The names of what a module makes out of `threading`, `queue`, `multiprocessing` and the like, asyncio's own apart."""
    tree = ast.parse(text)
    homes = {"threading", "_thread", "queue", "multiprocessing"}
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in homes
        for alias in node.names
    }
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in homes
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
            yield names[node.id]


def strangers(name: str, text: str) -> set[str]:
    made = set(made_in(text))
    return (made & LOCKS) | ({"Event"} if "Event" in made and name not in EVENTS else set())


def test_every_lock_is_made_where_forks_are_known() -> None:
    found = {name: there for name, text in sources() if (there := strangers(name, text))}
    assert found == {"multiapi/_package.py": {"Lock", "RLock"}}, "make locks by multiapi._package.new_lock"
    told = {name for name, text in sources() if "register_at_fork" in text}
    assert told == {"multiapi/_package.py"}, "use multiapi._package.tell_after_fork"


@pytest.mark.parametrize(
    "text",
    [
        "import threading\nx = threading.Lock()",
        "import threading as t\nx = t.RLock()",
        "from threading import Condition as C\nx = C()",
        "from queue import Queue\nx = Queue()",
        "import threading\nfrom dataclasses import field\nx = field(default_factory=threading.Lock)",
        "from threading import Event\nx = Event()",
    ],
)
def test_a_lock_made_elsewhere_is_seen(text: str) -> None:
    assert strangers("multiapi/new.py", text)


def in_child(check: Callable[[], object]) -> int:
    """The exit code of a child that checks something: 0 if that ends without an error."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for ever
        code = 1
        try:
            check()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def holders(folder: Path) -> dict[str, Any]:
    """Things with locks, of each room."""
    return {
        "a guard": SpendGuard("1", unit="USD"),
        "a handler": SpendingHandler("1 USD"),
        "a toolbox": Toolbox(PROVIDERS["aimlapi"]),
        "a wrapped job": BulkJob([], None, Chat("aimlapi:m", prompt="{text}"), ledger_dir=folder / "job").wrap(),
        "a shared job": SharedCall(Address(str(folder / "door"), b"word")),
        "a budget": Budget("1 USD"),
        "a limiter": Limiter(max_concurrency=1),
        "a simulator": Simulator(),
    }


@needs_fork
def test_in_a_child_every_lock_is_free(tmp_path: Path) -> None:
    kept = holders(tmp_path)
    locks = list(_package._LOCKS)
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        holds.set()
        may_end.wait()
        for lock in locks:
            lock.release()

    def check() -> None:
        assert len(locks) >= len(kept)
        for lock in locks:
            assert lock.acquire(blocking=False)
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        assert in_child(check) == 0
    finally:
        may_end.set()
        thread.join()


@needs_fork
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="such a property has no lock any more")
def test_a_property_that_the_parent_computes_is_computed_in_the_child() -> None:
    from multiapi.client.pair import ClientPair

    found = next(each for each in vars(ClientPair).values() if isinstance(each, cached_property))
    lock: Any = found.lock  # type: ignore[attr-defined,unused-ignore]
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holds.set()
            may_end.wait()

    def check() -> None:
        assert lock.acquire(blocking=False)

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        assert in_child(check) == 0
    finally:
        may_end.set()
        thread.join()


@needs_fork
def test_what_a_budget_holds_for_calls_of_the_parent_is_not_held_in_a_child() -> None:
    budget = Budget("10 USD")
    budget.reserve(Decimal(1)).settle(Decimal(1))
    holds = [budget.reserve(Decimal(2)) for _ in range(4)]

    def check() -> None:
        assert (budget.spent, budget.reserved, budget.left) == (1, 0, 9)
        holds[0].settle(Decimal(2))  # as when the collector ends what the parent's thread had begun
        holds[1].doubt()
        holds[2].release()
        holds[3].expect(Cost(Decimal(5), "USD"))
        assert (budget.spent, budget.reserved, budget.doubtful, budget.calls) == (1, 0, 0, 1)
        budget.reserve(Decimal(9)).settle(Decimal(9))
        assert (budget.spent, budget.reserved, budget.left) == (10, 0, 0)

    assert in_child(check) == 0
    assert (budget.spent, budget.reserved) == (1, 8)
    for hold in holds:
        hold.settle(Decimal(1))
    assert (budget.spent, budget.reserved) == (5, 0)


@needs_fork
def test_a_child_reads_from_no_connection_of_its_parent() -> None:
    shared = SharedCall(Address("door", b"word"))
    shared._free.append(object())  # type: ignore[arg-type]

    def check() -> None:
        assert shared._free == []

    assert in_child(check) == 0
    assert len(shared._free) == 1
    shared._free.clear()


def test_what_counts_money_is_told_of_forks() -> None:
    made = Budget("1 USD")
    assert isinstance(made, Locked)
    assert made in _package._TOLD
    assert made._lock in _package._LOCKS
