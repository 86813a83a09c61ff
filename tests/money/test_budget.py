"""A budget reserves before a call, settles after it, and holds among threads and tasks."""

from __future__ import annotations

import asyncio
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.money import Budget, BudgetExceededError, parse_amount


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20 USD", (Decimal(20), "USD")),
        ("0.5 credits", (Decimal("0.5"), "credits")),
        (" 500INR ", (Decimal(500), "INR")),
        ("5000 diamonds", (Decimal(5000), "diamonds")),
        ("3", (Decimal(3), None)),
        (2, (Decimal(2), None)),
        (0.1, (Decimal("0.1"), None)),
        (Decimal("1.25"), (Decimal("1.25"), None)),
    ],
)
def test_amounts_are_read_as_people_write_them(text: object, found: tuple[Decimal, str | None]) -> None:
    assert parse_amount(text) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("20 usd", "USD"),
        ("1 diamond", "diamonds"),
        ("5 $", "USD"),
        ("7 rupees", "INR"),
        ("1 USDD", "USD"),
        ("3 credit", "credits"),
    ],
)
def test_a_mistyped_unit_names_the_right_one(text: str, meant: str) -> None:
    with pytest.raises(InvalidRequestError, match=meant):
        parse_amount(text)


@pytest.mark.parametrize("text", ["", "USD", "-1 USD", "1 2 USD", "1e5 USD", "nan", "inf USD", "1,5 USD", "0x10"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_amount(text)


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf"), True, None, [], object()])
def test_what_is_not_a_number_is_refused(number: object) -> None:
    with pytest.raises(InvalidRequestError):
        parse_amount(number)  # type: ignore[arg-type]


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=300)
def test_any_text_is_an_amount_or_a_typed_error(text: str) -> None:
    try:
        number, _ = parse_amount(text)
    except MultiApiError as error:
        assert len(str(error)) < 400
    else:
        assert number >= 0


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    budget = Budget("1 USD")
    first = budget.reserve(Decimal("0.6"))
    with pytest.raises(BudgetExceededError) as caught:
        budget.reserve(Decimal("0.5"))
    error = caught.value
    assert (error.spent, error.reserved, error.budget, error.needed, error.fits) == (
        0,
        Decimal("0.6"),
        1,
        Decimal("0.5"),
        Decimal("0.4"),
    )
    assert "0.4 USD would fit" in str(error)
    first.settle(Decimal("0.1"))
    budget.reserve(Decimal("0.5")).release()
    assert (budget.spent, budget.reserved, budget.left) == (Decimal("0.1"), 0, Decimal("0.9"))
    assert pickle.loads(pickle.dumps(error)).fits == error.fits


def test_a_hold_ends_once() -> None:
    budget = Budget("1 USD")
    hold = budget.reserve(Decimal("0.5"))
    hold.settle(Decimal("0.2"))
    hold.release()
    hold.doubt()
    hold.settle(Decimal("0.2"))
    assert (budget.spent, budget.reserved, budget.doubtful, budget.calls) == (Decimal("0.2"), 0, 0, 1)


def test_a_doubtful_call_stays_taken_apart_from_what_was_spent() -> None:
    budget = Budget("1 USD")
    budget.reserve(Decimal("0.7")).doubt()
    assert (budget.spent, budget.doubtful, budget.left) == (0, Decimal("0.7"), Decimal("0.3"))
    with pytest.raises(BudgetExceededError):
        budget.reserve(Decimal("0.4"))


def test_a_call_whose_cost_will_not_be_known_is_refused_unless_allowed() -> None:
    with pytest.raises(UnsupportedError, match="max_cost_per_call"):
        Budget("1 USD").reserve(None, ("binom_router", "chat", "m"), priced=False)
    allowing = Budget("1 USD", on_unpriced="allow")
    allowing.reserve(None, ("binom_router", "chat", "m"), priced=False).settle(None)
    assert (allowing.unpriced, allowing.spent, allowing.exact) == (1, 0, False)
    assert "unpriced" in repr(allowing)
    capped = Budget("1 USD", max_cost_per_call="0.4 USD")
    capped.reserve(None, priced=False).settle(None)
    capped.reserve(None, priced=False).settle(None)
    with pytest.raises(BudgetExceededError):
        capped.reserve(None, priced=False)


def test_what_calls_have_cost_is_expected_of_the_next() -> None:
    budget = Budget("10 USD")
    for cost in ("0.9", "1.1", "1.0"):
        budget.reserve(None, ("p", "image", "m")).settle(Decimal(cost))
    hold = budget.reserve(None, ("p", "image", "m"))
    assert Decimal("1.1") <= hold.amount < Decimal("1.4")
    assert budget.reserve(None, ("p", "image", "other")).amount == 0
    assert not budget.exact


def test_a_budget_renews_on_its_clock() -> None:
    now = [100.0]
    budget = Budget("1 USD", per="hour", clock=lambda: now[0])
    budget.reserve(Decimal(1)).settle(Decimal(1))
    with pytest.raises(BudgetExceededError):
        budget.reserve(Decimal("0.1"))
    now[0] += 3601
    budget.reserve(Decimal("0.1")).settle(Decimal("0.1"))
    assert budget.spent == Decimal("0.1")


@pytest.mark.parametrize("per", ["month", -1, 0, True, []])
def test_an_unknown_period_is_refused(per: object) -> None:
    with pytest.raises(InvalidRequestError, match="per must be"):
        Budget("1 USD", per=per)  # type: ignore[arg-type]


def test_a_foreign_unit_is_an_error_when_it_is_attached() -> None:
    with pytest.raises(InvalidRequestError, match="binobox counts in diamonds"):
        Budget("1 USD").attach("binobox", ("diamonds",))
    with pytest.raises(InvalidRequestError, match="bare number"):
        Budget("1 USD").attach("bineric", (None,))
    Budget("1 USD").attach("aimlapi", ("USD", "credits"))


def _bounds(seed: int, count: int) -> list[tuple[Decimal, Decimal]]:
    chance = random.Random(seed)
    return [
        (bound, bound * chance.randint(0, 100) / 100)
        for bound in (Decimal(chance.randint(1, 900)) / 1000 for _ in range(count))
    ]


@pytest.mark.parametrize("seed", range(25))
def test_fifty_threads_stay_below_the_cap(seed: int) -> None:
    budget = Budget(Decimal(random.Random(seed).randint(1, 60)), "USD")

    def call(each: tuple[Decimal, Decimal]) -> None:
        bound, cost = each
        try:
            hold = budget.reserve(bound)
        except BudgetExceededError:
            return
        assert budget.spent + budget.reserved <= budget.amount
        hold.settle(cost)

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(call, _bounds(seed, 400)))
    assert budget.spent <= budget.amount
    assert budget.reserved == 0
    assert budget.calls + budget.refused == 400


@pytest.mark.parametrize("seed", range(25))
async def test_a_thousand_tasks_stay_below_the_cap(seed: int) -> None:
    budget = Budget(Decimal(random.Random(seed).randint(1, 120)), "USD")

    async def call(bound: Decimal, cost: Decimal) -> None:
        try:
            hold = budget.reserve(bound)
        except BudgetExceededError:
            return
        await asyncio.sleep(0)
        hold.settle(cost)

    await asyncio.gather(*(call(*each) for each in _bounds(seed, 1000)))
    assert budget.spent <= budget.amount
    assert budget.reserved == 0


@pytest.mark.parametrize("seed", range(10))
async def test_without_prices_the_cap_is_passed_by_no_more_than_the_calls_under_way(seed: int) -> None:
    budget = Budget(Decimal(random.Random(seed).randint(5, 60)), "USD")
    most_at_once, running, dearest = 0, 0, Decimal(0)

    async def call(cost: Decimal) -> None:
        nonlocal most_at_once, running, dearest
        try:
            hold = budget.reserve(None, ("p", "chat", "m"))
        except BudgetExceededError:
            return
        running += 1
        most_at_once, dearest = max(most_at_once, running), max(dearest, cost)
        await asyncio.sleep(0)
        running -= 1
        hold.settle(cost)

    for start in range(0, 600, 20):
        await asyncio.gather(*(call(cost) for _, cost in _bounds(seed * 1000 + start, 20)))
    assert budget.spent <= budget.amount + most_at_once * dearest
    assert not budget.exact
