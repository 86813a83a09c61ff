"""AICredits tells no cost, and lists no price in the wallet's currency: what rows cost is what the wallet has lost."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, Image
from multiapi.errors import ServerError, UnsupportedError
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator

KEY = "any-key-1234"
MODEL = "anthropic/claude-sonnet-4.6"


@pytest.fixture(autouse=True)
def _no_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiapi.sending.limiter.documented_limiter", lambda *_: None)  # 60 a minute take their minute


def job(simulator: Simulator, folder: Path, task: Any = None, vendor: str = "aicredits", **settings: Any) -> BulkJob:
    count = settings.pop("count", 45)
    return BulkJob(
        [{"n": number, "text": f"Say the number {number}. " + "word " * (number % 5)} for number in range(count)],
        folder / "out.jsonl",
        task or Chat(f"{vendor}:{MODEL}", prompt="{text}", max_tokens=20),
        **{
            "id": "n",
            "api_key": KEY,
            "base_url": simulator.base_url(vendor),
            "http_client": httpx.AsyncClient(transport=simulator.async_transport),
            "window": 5,
            **settings,
        },
    )


def lost(simulator: Simulator) -> Decimal:
    account = simulator.vendor("aicredits").account(KEY)
    return account.deposit - account.balance


@pytest.mark.parametrize("count", [1, 19, 20, 21, 150])
def test_what_the_wallet_lost_is_what_was_spent(tmp_path: Path, count: int) -> None:
    simulator = Simulator()
    done = job(simulator, tmp_path, budget="100 INR", count=count)
    report = done.run()
    assert report.done == count
    assert 0 < report.spent == lost(simulator)
    costs = [Decimal(row["cost"]) for row in done.results()]
    assert sum(costs) == lost(simulator)
    assert len(set(costs)) > 1 or count == 1  # the first rows each have their own


@pytest.mark.parametrize("seed", range(12))
def test_a_cap_is_passed_by_no_more_than_the_window(tmp_path: Path, seed: int) -> None:
    simulator = Simulator()
    cap = Decimal(random.Random(seed).randint(1, 60)) / 100
    report = job(simulator, tmp_path, budget=f"{cap} INR", count=150).run()
    dearest = max(each.amount for each in simulator.vendor("aicredits").account(KEY).charges)
    assert lost(simulator) <= cap + 5 * dearest
    assert report.spent == lost(simulator)
    more = job(simulator, tmp_path, budget="100 INR", count=150).run()
    assert (more.done, simulator.counts.paid_twice) == (150, 0)
    assert more.spent == lost(simulator)


@pytest.mark.parametrize("fault", ["drop", "status=500", "status=429;retry-after=0"])
def test_failures_among_them_lose_no_money_from_sight(tmp_path: Path, fault: str) -> None:
    """What a doubtful row was charged is missing in the wallet too, so the sum is never too low."""
    simulator = Simulator()
    simulator.faults.add(fault, vendor="aicredits", operation="createChatCompletion", rate=0.1, seed=4)
    with without_waiting():
        report = job(simulator, tmp_path, budget="100 INR", count=80).run()
    assert report.done + report.failed + report.unknown == 80
    assert report.spent + report.held >= lost(simulator) > 0
    assert simulator.counts.paid_twice == 0


def test_images_too(tmp_path: Path) -> None:
    simulator = Simulator()
    task = Image("aicredits:google/gemini-2.5-flash-image", prompt="{text}")
    report = job(simulator, tmp_path, task, budget="400 INR", count=5).run()
    assert report.done == 5
    assert 0 < report.spent == lost(simulator)


def test_without_a_balance_nothing_is_sent(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.faults.add("status=500", vendor="aicredits", operation="getCredits", times=99)
    with without_waiting(), pytest.raises(ServerError):
        job(simulator, tmp_path, budget="1 INR").run()
    assert lost(simulator) == 0


def test_where_neither_cost_nor_balance_is_told_a_budget_needs_the_cost_of_a_row(tmp_path: Path) -> None:
    simulator = Simulator()
    task = Chat("binom_router:gpt-4o", prompt="{text}", max_tokens=20)
    with pytest.raises(UnsupportedError, match="max_cost_per_row"):
        job(simulator, tmp_path, task, "binom_router", budget="5 credits").run()
    assert simulator.counts.requests <= 1  # the list of models
