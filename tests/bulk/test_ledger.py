"""The ledger: what a row's request may do is written before it leaves, and no crash makes an answer count twice or get lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi.bulk.entries import Claim, Outcome, State, amount_of, key_of, nano
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.lock import FolderInUseError
from multiapi.bulk.segments import DamagedLedgerError, Segments
from multiapi.errors import InvalidRequestError


def claim(number: int, bound: int = 0) -> Claim:
    return Claim(key_of(["p", number]), str(number), number, bound)


def done(verdict_key: bytes, call: int, text: str = "answer", cost: int | None = 5) -> Outcome:
    return Outcome(key=verdict_key, call=call, state=State.DONE, answer=text.encode(), cost=cost)


def test_a_row_goes_from_claim_to_answer_and_is_not_sent_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "job") as ledger:
        (go,) = ledger.claim("w", [claim(1, 10)])
        assert go.go
        assert (ledger.held, ledger.counts[State.CLAIMED]) == (10, 1)
        ledger.sent(go.call)
        ledger.commit()
        ledger.settle([done(go.key, go.call)])
        ledger.commit()
        assert (ledger.held, ledger.spent) == (0, 5)
    with Ledger(tmp_path / "job") as ledger:
        (known,) = ledger.claim("w", [claim(1)])
        assert (known.go, known.state) == (False, State.DONE)
        row = ledger.row(known.key)
        assert row is not None
        assert ledger.answer(row) == b"answer"
        assert (row.spent, row.tries, row.charged) == (5, 1, True)


@pytest.mark.parametrize(("reached", "then"), [("claimed", State.FREE), ("sent", State.UNKNOWN)])
def test_what_a_dead_process_left_is_free_or_unknown(tmp_path: Path, reached: str, then: State) -> None:
    ledger = Ledger(tmp_path / "job")
    (go,) = ledger.claim("w", [claim(1, 7)])
    if reached == "sent":
        ledger.sent(go.call)
    ledger.commit()
    shutil.copytree(tmp_path / "job", tmp_path / "copy")
    (tmp_path / "copy" / "lock").unlink()
    ledger.close()
    with Ledger(tmp_path / "copy") as after:
        assert after.state_of(go.key) is then
        assert after.held == (7 if then is State.UNKNOWN else 0)
        (again,) = after.claim("w", [claim(1)])
        assert again.go is (then is State.FREE)


def test_a_whole_answer_without_its_outcome_is_adopted_and_a_torn_one_is_cut_off(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "job")
    first, second = ledger.claim("w", [claim(1, 3), claim(2, 4)])
    ledger.sent(first.call)
    ledger.sent(second.call)
    ledger.commit()
    ledger.segments.append(first.key, first.call, b"whole")
    ledger.segments.append(second.key, second.call, b"torn off")
    ledger.segments.flush()
    shutil.copytree(tmp_path / "job", tmp_path / "copy")
    (tmp_path / "copy" / "lock").unlink()
    ledger.close()
    segment = tmp_path / "copy" / "answers" / "1.seg"
    os.truncate(segment, segment.stat().st_size - 3)
    with Ledger(tmp_path / "copy") as after:
        assert after.state_of(first.key) is State.DONE
        row = after.row(first.key)
        assert row is not None
        assert after.answer(row) == b"whole"
        assert after.state_of(second.key) is State.UNKNOWN
        assert (after.spent, after.held) == (3, 4)
        after.settle([done(second.key, second.call, "late")])  # its outcome arrives late, by its call
        after.commit()
        late = after.row(second.key)
        assert late is not None
        assert after.answer(late) == b"late"


def test_an_outcome_counts_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "job") as ledger:
        (go,) = ledger.claim("w", [claim(1, 10)])
        ledger.sent(go.call)
        for _ in range(3):
            ledger.settle([done(go.key, go.call)])
        ledger.settle([Outcome(key=go.key, call=go.call + 9, state=State.FAILED)])
        assert (ledger.spent, ledger.held, ledger.counts[State.DONE]) == (5, 0, 1)


def test_what_was_refused_for_now_is_claimed_again_and_keeps_its_hold(tmp_path: Path) -> None:
    with Ledger(tmp_path / "job") as ledger:
        (go,) = ledger.claim("w", [claim(1, 10)])
        ledger.sent(go.call)
        ledger.put_back(go.call, 12.5)
        row = ledger.row(go.key)
        assert row is not None
        assert (row.state, row.not_before, row.tries, ledger.held) == (State.CLAIMED, 12.5, 1, 10)
        ledger.sent(go.call)
        row = ledger.row(go.key)
        assert row is not None
        assert row.tries == 2


def test_only_what_is_asked_for_is_sent_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "job") as ledger:
        for number, state in enumerate((State.DONE, State.FAILED, State.UNKNOWN)):
            (go,) = ledger.claim("w", [claim(number, 2)])
            ledger.sent(go.call)
            ledger.settle(
                [Outcome(key=go.key, call=go.call, state=state, answer=b"x" if state is State.DONE else None)]
            )
        ledger.unsent(claim(3), State.BUDGET)
        assert ledger.free_all(State.FAILED) == 1
        assert [ledger.claim("w", [claim(number)])[0].go for number in range(4)] == [False, True, False, False]
        assert ledger.free_all(State.UNKNOWN) == 1
        assert ledger.free_all(State.BUDGET) == 1
        assert [ledger.claim("w", [claim(number)])[0].go for number in (2, 3)] == [True, True]


def test_a_second_job_on_the_folder_is_refused_with_its_holder(tmp_path: Path) -> None:
    with Ledger(tmp_path / "job"), pytest.raises(FolderInUseError, match=f"process {os.getpid()} on "):
        Ledger(tmp_path / "job")
    Ledger(tmp_path / "job").close()


def test_the_lock_of_a_dead_process_is_taken_over_and_that_of_another_machine_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    import socket

    (folder / "lock").write_text(json.dumps({"pid": dead.pid, "host": socket.gethostname(), "began": "1"}))
    Ledger(folder).close()
    (folder / "lock").write_text(json.dumps({"pid": 1, "host": "another-machine"}))
    with pytest.raises(FolderInUseError, match="take_over=True"):
        Ledger(folder)
    Ledger(folder, take_over=True).close()


def test_another_job_and_a_newer_ledger_are_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "job", {"provider": "aimlapi", "unit": "USD"}).close()
    with pytest.raises(InvalidRequestError, match="provider 'aimlapi', not 'binobox'"):
        Ledger(tmp_path / "job", {"provider": "binobox", "unit": "diamonds"})
    with sqlite3.connect(tmp_path / "job" / "ledger.sqlite") as database:
        database.execute("UPDATE job SET value = '99' WHERE name = 'format'")
    with pytest.raises(InvalidRequestError, match="newer version"):
        Ledger(tmp_path / "job")


def test_a_file_that_is_not_a_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "ledger.sqlite").write_bytes(b"not a database at all, whatever its name says" * 100)
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path / "job")
    assert not (tmp_path / "job" / "lock").exists()


def test_keys_follow_the_request_and_not_the_order_of_its_fields() -> None:
    assert key_of(["p", {"a": 1, "b": 2}]) == key_of(["p", {"b": 2, "a": 1}])
    assert key_of(["p", {"a": 1}]) != key_of(["p", {"a": 2}])
    assert key_of(["p", b"x"]) != key_of(["p", b"y"])
    assert key_of(["p", "\ud800"]) != key_of(["p", "\ud801"])


@given(st.decimals(min_value=0, max_value=10**9, places=12, allow_nan=False))
@settings(deadline=None)
def test_amounts_are_rounded_up(amount: Decimal) -> None:
    assert amount <= amount_of(nano(amount)) < amount + Decimal("1e-9")


@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(0, 400))
@settings(deadline=None, max_examples=60)
def test_segments_give_back_what_is_whole_wherever_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], lost: int
) -> None:
    folder = tmp_path_factory.mktemp("segments")
    segments = Segments(folder, segment_bytes=500)
    places = [segments.append(bytes([number]) * 16, number, payload) for number, payload in enumerate(payloads)]
    segments.close()
    assert [segments.read(place) for place in places] == payloads
    numbers = segments.numbers()
    if not numbers:
        return
    last = folder / f"{numbers[-1]}.seg"
    os.truncate(last, max(last.stat().st_size - lost, 0))
    found = segments.repair()
    assert [record.call for record in found] == list(range(len(found)))
    assert [segments.read(record.place) for record in found] == payloads[: len(found)]
    place = segments.append(b"k" * 16, 99, b"next")
    segments.close()
    assert segments.read(place) == b"next"
    assert [record.payload for record in segments.records()] == [*payloads[: len(found)], b"next"]


@pytest.mark.parametrize("seed", range(30))
def test_random_steps_and_crashes_keep_the_books(tmp_path: Path, seed: int) -> None:
    """No row that was sent and did not fail is ever given out again, the counts are those of the table, sums are right."""
    chance = random.Random(seed)
    folder = tmp_path / "job"
    ledger = Ledger(folder)
    running: dict[bytes, int] = {}
    left: set[bytes] = set()
    charged: dict[bytes, int] = {}
    for step in range(300):
        action = chance.choice(["claim", "claim", "sent", "done", "fail", "unknown", "again", "commit", "crash"])
        if action == "claim":
            for verdict in ledger.claim("w", [claim(chance.randint(0, 60), chance.randint(0, 9))]):
                if verdict.go:
                    assert verdict.key not in left, "a row that may have been carried out was given out again"
                    running[verdict.key] = verdict.call
        elif action == "commit":
            ledger.commit()
        elif action == "crash":
            ledger.commit()
            copy = tmp_path / f"job{step}"
            shutil.copytree(folder, copy)
            (copy / "lock").unlink()
            ledger.close()
            folder, running, ledger = copy, {}, Ledger(copy)
        elif running:
            key = chance.choice(sorted(running))
            call = running[key]
            if action == "sent":
                ledger.sent(call)
                left.add(key)
            elif key in left:
                if action == "again":
                    ledger.put_back(call)
                    left.discard(key)
                    continue
                running.pop(key)
                if action == "done":
                    ledger.settle([done(key, call, cost=3)])
                    charged[key] = charged.get(key, 0) + 3
                elif action == "fail":
                    ledger.settle([Outcome(key=key, call=call, state=State.FAILED)])
                else:
                    ledger.settle([Outcome(key=key, call=call, state=State.UNKNOWN)])
    ledger.commit()
    rows = list(ledger.rows(this_run=False))
    for state in State:
        assert ledger.counts[state] == sum(row.state is state for row in rows), state
    assert ledger.spent == sum(row.spent for row in rows) == sum(charged.values())
    assert ledger.held == sum(row.held for row in rows)
    ledger.close()


def test_no_step_of_a_row_looks_at_every_row(tmp_path: Path) -> None:
    """Each statement that a row or call needs finds its rows by an index, so that a million rows cost a million times as much."""
    said: list[str] = []
    with Ledger(tmp_path / "job") as ledger:
        ledger._db.set_trace_callback(said.append)
        for start in (0, 10):
            verdicts = ledger.claim("w", [claim(number, 10) for number in range(start, start + 10)])
            call, _ = ledger.regroup("w", [each.key for each in verdicts[:4]])
            for number in (call, *(each.call for each in verdicts[4:])):
                ledger.sent(number)
                ledger.sent(number)
                ledger.put_back(number)
                ledger.sent(number)
            ledger.commit()
            ledger.keys_of(call)
            ledger.key_with_id("3")
            ledger.seen([(each.key, 0) for each in verdicts])
            ledger.abandon(verdicts[4].call, left=True)
            ledger.settle([done(each.key, each.call) for each in verdicts[5:]])
            ledger.settle([done(each.key, call) for each in verdicts[:4]])
            ledger.charge([verdicts[4].key], 3)
            ledger.free([verdicts[4].key], expected={State.UNKNOWN})
            ledger.unsent(claim(start + 100), State.FAILED)
            ledger.row(verdicts[0].key)
            ledger.commit()
        ledger._db.set_trace_callback(None)
        plans = {
            statement: [row[3] for row in ledger._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in said
            if statement.split()[0] in {"SELECT", "UPDATE", "INSERT", "DELETE"}
        }
    assert len(plans) > 30
    assert {statement: plan for statement, plan in plans.items() if any("SCAN" in step for step in plan)} == {}
