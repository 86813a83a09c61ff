"""One wrapped job for several processes of this machine: one ledger, one budget, one limit, one key that stays where it is."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, Embed, OwnerGoneError, SharedCall
from multiapi.errors import BudgetExceededError, InvalidRequestError
from multiapi.simulator import Simulator
from multiapi.types.chat import ChatRequest, Message

KEY = "key-that-stays-1234"


def job(simulator: Simulator, folder: Path, task: Any = None, vendor: str = "aimlapi", **settings: Any) -> BulkJob:
    return BulkJob(
        [],
        None,
        task or Chat("aimlapi:openai/gpt-4o", prompt="{text}", max_tokens=20),
        id="n",
        ledger_dir=folder,
        api_key=KEY,
        base_url=simulator.base_url(vendor),
        http_client=httpx.AsyncClient(transport=simulator.async_transport),
        **settings,
    )


def ask(call: Any, number: int) -> str:
    """Runs in a process of its own."""
    try:
        return str(call.sync(f"row {number}", {"text": f"Say the number {number}."})["finish_reason"])
    except BudgetExceededError:
        return "over budget"


def pool(workers: int = 3) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def test_processes_share_one_limit_budget_and_ledger(tmp_path: Path) -> None:
    simulator = Simulator()
    simulator.limits.switch_on("aicredits")
    task = Chat("aicredits:openai/gpt-4o-mini", prompt="{text}", max_tokens=20)
    with job(simulator, tmp_path / "job", task, "aicredits", window=64).wrap() as call, pool() as processes:
        numbers = [*range(30), *range(10)]  # ten of them are asked for twice
        found = list(processes.map(functools.partial(ask, call), numbers))
    assert found == ["stop"] * 40
    assert sum(simulator.counts.answered.values()) == 30
    assert simulator.counts.paid_twice == 0
    assert simulator.counts.most_at_once <= 5


def test_a_budget_holds_for_all_processes(tmp_path: Path) -> None:
    simulator, cap = Simulator(), Decimal("0.002")
    with job(simulator, tmp_path / "job", budget=f"{cap} USD").wrap() as call, pool() as processes:
        found = list(processes.map(functools.partial(ask, call), range(60)))
    (account,) = simulator.vendor("aimlapi").accounts.values()
    assert 0 < account.deposit - account.balance <= cap
    assert "stop" in found
    assert "over budget" in found


async def test_what_was_pickled_answers_as_the_call_itself(tmp_path: Path) -> None:
    simulator = Simulator()
    with job(simulator, tmp_path / "job").wrap() as call:
        other = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(call))))
        assert isinstance(other, SharedCall)
        request = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "Say hello.")], max_tokens=9)
        rows = [("a", {"text": "one"}), ("b", {"text": "two"}), ("c", request)]
        assert await other.many(rows) == await call.many(rows)
        assert await other("a", {"text": "one"}) == await call("a", {"text": "one"})
        at_once = await asyncio.gather(*(other(f"d{number}", {"text": f"t {number}"}) for number in range(20)))
        assert len(at_once) == 20
        with pytest.raises(InvalidRequestError, match="id that is not empty"):
            await other("", {"text": "x"})
        with pytest.raises(InvalidRequestError, match="no field 'text'"):
            await other("e", {"words": "x"})
        other.close()
        assert (await other("a", {"text": "one"}))["finish_reason"] == "stop"
    assert simulator.counts.paid_twice == 0


async def test_vectors_travel(tmp_path: Path) -> None:
    simulator = Simulator()
    with job(simulator, tmp_path / "job", Embed("aimlapi:text-embedding-3-small")).wrap() as call:
        other = pickle.loads(pickle.dumps(call))
        (here,), (there,) = await call.many([("a", {"text": "one"})]), await other.many([("a", {"text": "one"})])
    assert here == there
    assert len(there["vector"]) == 1536


def test_a_closed_job_says_so_and_a_stranger_is_not_let_in(tmp_path: Path) -> None:
    simulator = Simulator()
    call = job(simulator, tmp_path / "job").wrap()
    other = pickle.loads(pickle.dumps(call))
    assert ask(other, 1) == "stop"
    with pytest.raises(multiprocessing.AuthenticationError):
        Client(other._address.path, "AF_UNIX", authkey=b"guessed")
    assert ask(other, 2) == "stop"
    call.close()
    with pytest.raises(OwnerGoneError, match="closed it or is gone"):
        ask(other, 3)
    assert not Path(other._address.path).exists()
    assert sum(simulator.counts.answered.values()) == 2


def test_no_byte_of_the_key_is_in_the_pickle(tmp_path: Path) -> None:
    with job(Simulator(), tmp_path / "job").wrap() as call:
        assert KEY.encode() not in pickle.dumps(call)
        assert "word" not in repr(pickle.loads(pickle.dumps(call)))


def test_a_forked_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with job(Simulator(), tmp_path / "job").wrap() as call:
        monkeypatch.setattr(call, "_pid", -1)
        with pytest.raises(InvalidRequestError, match="forked"):
            call.sync("a", {"text": "x"})
