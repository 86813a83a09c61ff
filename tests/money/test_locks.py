"""What counts money neither waits for a thread that a fork left behind, nor for itself when the garbage collector counts."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from llamaindex_multiapi import SpendingHandler
from multiapi.flows.charges import UNDER_WAY
from multiapi.money import Budget, Spending, spending, track_spending
from multiapi.money.kept_budget import KeptBudget
from multiapi.money.locks import Locked
from multiapi.money.prices import PRICE_BOOK, PriceBook
from multiapi.negotiation.batch_sizes import BatchSizes
from multiapi.sending.retry_budget import RetryBudget
from multiapi.types.usage import Cost

COST = Cost(Decimal(1), "USD")


def count(spent: Spending) -> None:
    spent.count(COST)
    spent.count(COST._replace(basis="estimated"))
    spent.count(None)
    spent.count_doubtful()
    spent.hold_job("p", "1", COST)
    spent.count_job("p", "1", COST)
    assert spent.held == {}


def use_budget(budget: Budget) -> None:
    budget.reserve(Decimal(1), ("p", "chat", "m")).settle(Decimal(1))
    assert budget.left < budget.amount


def track(_: object) -> None:
    with track_spending() as spent:
        count(spent)


def read_prices(book: PriceBook) -> None:
    book.learn("p", ())
    assert book.reading("q") is not None
    assert book.tokens("p", "m") is None


USES: dict[str, tuple[Callable[[], Locked], Callable[[Any], object]]] = {
    "a budget": (lambda: Budget("10 USD"), use_budget),
    "a sum": (Spending, count),
    "the open sums": (lambda: spending._OPENING, track),
    "prices": (PriceBook, read_prices),
    "the prices of the process": (lambda: PRICE_BOOK, lambda book: book.prices("p", "m")),
    "jobs": (lambda: UNDER_WAY, lambda jobs: jobs.ended("p", "n", None, charged=True)),
    "repetitions": (RetryBudget, lambda held: (held.take(), held.succeeded())),
    "a sum that is kept elsewhere": (
        lambda: KeptBudget("10", "USD"),
        lambda kept: use_budget(kept.left_for("1", Decimal(0))),
    ),
    "sizes of batches": (BatchSizes, lambda sizes: sizes.note_taken("http://a", "m", 4)),
}


def test_whatever_has_such_a_lock_is_tried_here() -> None:
    def below(cls: type) -> set[type]:
        return {cls, *(each for sub in cls.__subclasses__() for each in below(sub))}

    tried = {type(make()) for make, _ in USES.values()}
    ours = {each for each in below(Locked) if each.__module__.startswith("multiapi.")} - {Locked}
    assert ours <= tried


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize(("make", "use"), USES.values(), ids=USES)
def test_a_child_does_not_wait_for_a_thread_of_its_parent(
    make: Callable[[], Any], use: Callable[[Any], object]
) -> None:
    held = make()
    use(held)
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with held._lock:
            holds.set()
            may_end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for ever
        code = 1
        try:
            use(held)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    may_end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_list_that_the_parent_reads_is_read_by_the_child_itself() -> None:
    book = PriceBook()
    first = book.reading("p")
    assert first is not None
    assert first.is_mine
    book.after_fork()
    again = book.reading("p")
    assert again is not None
    assert again.is_mine


class Left:
    """What counts when it is collected, as a stream that nobody holds."""

    def __init__(self, use: Callable[[], object]) -> None:
        self.itself = self
        self.use = use

    def __del__(self) -> None:
        self.use()


@pytest.mark.parametrize("threshold", [1, 2, 3, 5, 7, 11, 13])
def test_a_collection_may_count_in_the_middle_of_a_count(threshold: int) -> None:
    """In a thread of its own, which would wait for ever."""
    spent, budget, sizes, held = Spending(), Budget("1000000 USD"), BatchSizes(), RetryBudget()
    collected: list[int] = []

    def one_more() -> None:
        collected.append(1)
        spent.count(COST)
        spent.hold_job("q", str(len(collected)), None)
        use_budget(budget)
        UNDER_WAY.ended("p", f"{threshold}-{len(collected)}", None, charged=False)
        PRICE_BOOK.prices("p", "m")
        sizes.note_taken("http://a", "m", 4)
        held.take()

    def run() -> None:
        for number in range(500):
            Left(one_more)
            spent.count(COST)
            spent.hold_job("p", str(number), None)
            spent.count_job("p", str(number), COST)
            use_budget(budget)
            UNDER_WAY.ended("p", f"{threshold}.{number}", None, charged=False)
            PRICE_BOOK.all("p")
            sizes.most("http://a", "m")
            held.take()

    before = gc.get_threshold()
    thread = threading.Thread(target=run, daemon=True)
    try:
        gc.set_threshold(threshold, 1, 1)
        thread.start()
        thread.join(60)
    finally:
        gc.set_threshold(*before)
    assert not thread.is_alive()
    gc.collect()
    assert len(collected) == 500
    assert spent.totals == {"USD": Decimal(1500)}
    assert spent.calls == 1500
    assert budget.spent == 1000
    assert budget.reserved == 0


def test_what_makes_budgets_of_runs_may_look_at_the_runs() -> None:
    def make() -> Budget:
        assert handler.runs is not None
        return Budget("1 USD")

    handler = SpendingHandler(make)
    try:
        done = threading.Thread(target=lambda: handler.span_enter("Agent.run-" + "0" * 36, None), daemon=True)  # type: ignore[arg-type]
        done.start()
        done.join(20)
        assert not done.is_alive()
    finally:
        handler.close()
