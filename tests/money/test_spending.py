"""What was spent is added up once for each charge, in tasks, threads and nested trackers."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from decimal import Decimal

from multiapi.money import Charge, track_spending
from multiapi.money.spending import record


def charge(amount: str = "0.5", **facts: object) -> Charge:
    return Charge(provider="aimlapi", operation="chat", amount=Decimal(amount), unit="USD", **facts)  # type: ignore[arg-type]


def test_charges_are_summed_by_unit_and_by_how_they_are_known() -> None:
    with track_spending() as spent:
        record(charge())
        record(charge("0.25"))
        record(charge("0.1", basis="estimated"))
        record(charge("1", basis="at_least"))
        record(Charge(provider="binobox", operation="image", amount=Decimal(20), unit="diamonds"))
        record(Charge(provider="bineric", operation="chat", state="unpriced"))
        record(Charge(provider="bineric", operation="chat", state="doubtful"))
        record(Charge(provider="bineric", operation="chat", state="cached"))
    assert spent.totals == {"USD": Decimal("0.75"), "diamonds": Decimal(20)}
    assert spent.estimated == {"USD": Decimal("0.1")}
    assert spent.at_least == {"USD": Decimal(1)}
    assert (spent.calls, spent.unpriced, spent.doubtful, spent.cached) == (7, 1, 1, 1)
    assert repr(spent) == (
        "Spending(0.75 USD, about 0.1 USD, at least 1 USD, 20 diamonds in 7 calls, 1 unpriced, 1 doubtful, 1 cached)"
    )


def test_a_refund_gives_back_what_was_charged() -> None:
    with track_spending() as spent:
        record(charge())
        record(charge(state="refunded"))
    assert spent.totals == {"USD": 0}
    assert spent.calls == 1


def test_nothing_is_counted_outside() -> None:
    with track_spending() as spent:
        pass
    record(charge())
    assert spent.calls == 0


def test_trackers_inside_of_each_other_count_both() -> None:
    with track_spending() as outer:
        record(charge())
        with track_spending() as inner:
            record(charge())
    assert (outer.calls, inner.calls) == (2, 1)


async def test_tasks_count_where_they_were_started() -> None:
    async def call() -> None:
        record(charge())

    async def both() -> tuple[int, int]:
        with track_spending() as spent:
            await asyncio.gather(*(call() for _ in range(20)))
            await asyncio.to_thread(record, charge())
        return spent.calls, len(spent.totals)

    assert await asyncio.gather(both(), both()) == [(21, 1), (21, 1)]


def test_a_thread_without_a_context_counts_in_the_only_tracker() -> None:
    def in_a_thread() -> None:
        thread = threading.Thread(target=record, args=(charge(),))
        thread.start()
        thread.join()

    with track_spending() as one:
        in_a_thread()
        with track_spending() as two:
            in_a_thread()  # two are open: which one is meant cannot be known
            copied = contextvars.copy_context()
            thread = threading.Thread(target=copied.run, args=(record, charge()))
            thread.start()
            thread.join()
    assert (one.calls, two.calls) == (2, 1)
