"""What bulk work promises, counted on the simulator's side: limits, budgets, estimates, order."""

from __future__ import annotations

import asyncio
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, Embed
from multiapi.money.prices import TokenPrices
from multiapi.provider import PROVIDERS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator

MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}


PRICES_ON_THE_SIMULATOR = {
    "bineric": ("5", "15"),
    "binom_router": ("2.5", "10"),
    "aimlapi": ("2.5", "10"),
    "aicredits": ("15.05", "60.18"),
    "binobox": None,
}
"""For a million tokens of input and output, where that is how it charges."""


def rows(count: int, words: int = 3) -> list[dict[str, Any]]:
    return [{"n": number, "text": f"Say the number {number}. " + "word " * (number % words)} for number in range(count)]


def job(simulator: Simulator, folder: Path, vendor: str = "aimlapi", **settings: Any) -> BulkJob:
    source = settings.pop("source", None) or rows(settings.pop("count", 60))
    task = settings.pop("task", None) or Chat(f"{vendor}:{MODELS[vendor]}", prompt="{text}", max_tokens=30)
    return BulkJob(
        source,
        folder / "out.jsonl",
        task,
        **{
            "id": "n",
            "api_key": "any-key-1234",
            "base_url": simulator.base_url(vendor),
            "http_client": httpx.AsyncClient(transport=simulator.async_transport),
            **settings,
        },
    )


def lost(simulator: Simulator, vendor: str) -> Decimal:
    account = simulator.vendor(vendor).account("any-key-1234")
    return account.deposit - account.balance


class Narrow(httpx.AsyncBaseTransport):
    """Lets seven calls through at once and refuses the others, as no page says."""

    def __init__(self, inner: httpx.AsyncBaseTransport, most: int) -> None:
        self.inner = inner
        self.most = most
        self.at_once = 0
        self.seen: list[int] = []
        self.refused = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return await self.inner.handle_async_request(request)
        self.at_once += 1
        self.seen.append(self.at_once)
        try:
            await asyncio.sleep(0.001)
            if self.at_once > self.most:
                self.refused += 1
                return httpx.Response(429, json={"error": {"message": "too many at once"}})
            return await self.inner.handle_async_request(request)
        finally:
            self.at_once -= 1


def test_a_limit_that_nobody_documents_is_found_and_kept(tmp_path: Path) -> None:
    simulator = Simulator()
    narrow = Narrow(simulator.async_transport, 7)
    with without_waiting():
        report = job(simulator, tmp_path, count=600, window=64, http_client=httpx.AsyncClient(transport=narrow)).run()
    assert report.done == 600
    assert simulator.counts.paid_twice == 0
    assert narrow.refused <= 0.05 * 600, narrow.refused
    second_half = sorted(narrow.seen[len(narrow.seen) // 2 :])
    assert 4 <= second_half[len(second_half) // 2] <= 8


def test_the_documented_calls_at_once_are_kept(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.limits.switch_on("aicredits")
    limiter_rows = 40  # below the documented 60 a minute, so that no real minute has to pass
    report = job(simulator, tmp_path, "aicredits", count=limiter_rows, window=64).run()
    assert (report.done, report.refused) == (limiter_rows, 0)
    assert simulator.counts.most_at_once <= 5


@pytest.mark.parametrize("seed", range(50))
def test_a_computed_cap_is_never_passed_and_a_higher_one_goes_on(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    simulator = Simulator()
    whole = Decimal("0.02")
    cap = (whole * chance.randint(0, 120) / 100).quantize(Decimal("0.000001"))
    prices = TokenPrices(unit="USD", input=Decimal("0.0000025"), output=Decimal("0.00001"))
    report = job(simulator, tmp_path, budget=f"{cap} USD", prices=prices).run()
    assert lost(simulator, "aimlapi") <= cap
    assert report.done + report.over_budget <= 60
    again = job(simulator, tmp_path, budget="5 USD", prices=prices).run()
    assert (again.done, simulator.counts.paid_twice) == (60, 0)
    assert again.spent == lost(simulator, "aimlapi")


NOT_COMPUTED = {
    "a lower bound": ("binobox", "diamonds", {}, 14),
    "no price": ("bineric", "", {}, 0.004),
    "neither price nor cost": ("binom_router", "credits", {"max_cost_per_row": "0.001 credits"}, 0.05),
}
"""Provider, unit, settings, and about what all rows cost; AICredits is in `test_wallet`."""


@pytest.mark.parametrize(("vendor", "unit", "settings", "whole"), NOT_COMPUTED.values(), ids=NOT_COMPUTED)
@pytest.mark.parametrize("seed", range(17))
def test_a_measured_cap_is_passed_by_no_more_than_the_window(
    tmp_path: Path,
    vendor: str,
    unit: str,
    settings: dict[str, Any],
    whole: float,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("multiapi.sending.limiter.documented_limiter", lambda *_: None)  # 60 a minute take their minute
    chance = random.Random(seed)
    simulator = Simulator()
    cap = Decimal(str(round(whole * chance.random() * 1.1, 6)))
    given = {"window": 4, "count": 50, **settings}  # below 60 a minute
    report = job(simulator, tmp_path, vendor, budget=f"{cap} {unit}".strip(), **given).run()
    charges = [each.amount for each in simulator.vendor(vendor).account("any-key-1234").charges] or [Decimal(0)]
    bound = Decimal(settings["max_cost_per_row"].split()[0]) if settings else Decimal(0)
    assert lost(simulator, vendor) <= cap + 4 * max(max(charges) - bound, Decimal(0))
    assert report.done + report.over_budget <= 50
    again = job(
        simulator, tmp_path, vendor, budget=f"{1000 if unit != 'credits' else 10} {unit}".strip(), **given
    ).run()
    assert (again.done, simulator.counts.paid_twice) == (50, 0)


@pytest.mark.parametrize("vendor", MODELS)
def test_the_bill_lies_within_the_estimate(tmp_path: Path, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiapi.sending.limiter.documented_limiter", lambda *_: None)  # 60 a minute take their minute
    simulator = Simulator()
    each = PRICES_ON_THE_SIMULATOR[vendor]
    settings: dict[str, Any] = {"max_cost_per_row": "0.4 diamonds"}
    if each is not None:
        given, made = (Decimal(price) / 1_000_000 for price in each)
        settings = {"prices": TokenPrices(unit=PROVIDERS[vendor].units[0], input=given, output=made)}
    planned = job(simulator, tmp_path, vendor, **settings)
    found = planned.estimate()
    assert found.basis == ("computed" if each else "measured")
    assert found.high is not None
    report = planned.run()
    bill = lost(simulator, vendor)
    assert report.done == 60
    assert (found.low or 0) / 4 <= bill <= found.high


async def test_the_output_keeps_the_order_of_the_input_whatever_comes_first(tmp_path: Path) -> None:
    simulator = Simulator()
    chance = random.Random(3)

    class Late(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(chance.random() / 200)
            return await simulator.async_transport.handle_async_request(request)

    source = rows(400)
    chance.shuffle(source)
    report = await job(simulator, tmp_path, source=source, http_client=httpx.AsyncClient(transport=Late())).arun()
    assert report.done == 400
    out = [json.loads(line)["n"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert out == [row["n"] for row in source]


def test_bad_rows_among_good_ones_are_exactly_those_that_fail(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.add("status=400", vendor="aimlapi", operation="createChatCompletion", times=3)
    source = [*rows(100), {"n": 100, "text": ""}, {"n": 101}]
    report = job(simulator, tmp_path, source=source).run()
    assert (report.done, report.failed) == (97, 5)
    report = job(simulator, tmp_path, source=source).run(retry="failed")
    assert (report.done, report.failed, report.sent) == (100, 2, 3)
    assert simulator.counts.paid_twice == 0


@pytest.mark.parametrize("fault", ["status=500", "status=429;retry-after=0", "drop", "drop-body", "lost"])
def test_a_share_of_failures_makes_nothing_be_paid_for_twice(tmp_path: Path, fault: str) -> None:
    simulator = Simulator()
    simulator.faults.add(fault, vendor="aimlapi", operation="createChatCompletion", rate=0.05, seed=2)
    reports = [job(simulator, tmp_path, count=150).run() for _ in range(3)]
    assert simulator.counts.paid_twice == 0
    last = reports[-1]
    assert last.done + last.failed + last.unknown == 150
    if fault.startswith("status=429"):
        assert last.done == 150


def test_embeddings_in_bulk_and_their_cost(tmp_path: Path) -> None:
    simulator = Simulator()
    source = [{"n": number, "text": f"text {number}"} for number in range(700)]
    report = job(simulator, tmp_path, source=source, task=Embed("aimlapi:text-embedding-3-small")).run()
    assert (report.done, report.sent) == (700, 3)
    assert report.spent == lost(simulator, "aimlapi")
