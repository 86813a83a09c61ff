"""The soak, short; and that it sees what it is there to see."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from multiapi import Client
from multiapi.flows.steps import Policy
from multiapi.simulator.exchange import Answer
from tests.soak import run
from tests.soak.calls import CALLS, KEY, WEATHER, Models, Question, WrongAnswerError, check_call, check_text
from tests.soak.measures import DESCRIPTORS, held, slope
from tests.soak.run import Soak, vendors
from tests.soak.twists import AGAIN, ECHOES, TWISTS, echo, long_integer, quotation, twisted

pytestmark = [
    pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted in /proc"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with vendors(seed=11, patience_s=2.0) as found:
        yield found


def test_a_short_soak_finds_nothing() -> None:
    with vendors(seed=7, patience_s=8.0) as found:
        findings = Soak(found, seed=7, title="short", threads=12, tasks=24, job_s=5.0).run(seconds=3)
    assert findings.is_good, (findings.wrong[:3], findings.doubles[:3], findings.leaks, findings.keys)
    kinds = {kind for kind, how in findings.ended if how in ("answered", "left")}
    assert kinds == {call.kind for call in CALLS}
    packages = {name for name, how in findings.by_package if how == "answered"}
    assert packages == {"core", "langchain", "llamaindex"}
    assert findings.report["counts"]["faults"] > 20
    assert findings.report["counts"]["twists"] > 20
    assert sum(findings.errors.values()) > 5
    assert findings.calls > 100
    shown = run.page([findings])
    assert "| wrong answers | **0**" in shown and "llamaindex_multiapi" in shown


def test_case_106_sockets_go_back_and_memory_stays_flat_over_many_plain_calls() -> None:
    """The short form; `make soak` makes 100,000 of them."""
    with vendors(seed=7, patience_s=60.0) as found:
        soak = Soak(found, seed=7, title="plain", kinds=run.PLAIN, share=0.0, threads=4, tasks=8, patience_s=60)
        soak.cancelled = 0.0
        findings = soak.run(calls=1_500)
    assert findings.is_good, (findings.wrong[:3], findings.doubles[:3], findings.leaks, findings.keys)
    assert {how for _, how in findings.ended} == {"answered"}
    assert findings.calls >= 1_500
    assert findings.started == findings.calls
    assert findings.after.sockets <= findings.before.sockets
    assert findings.growth_mb < run.MAX_GROWTH_MB


def soak_of(origin: str, monkeypatch: pytest.MonkeyPatch, call: Any, **settings: Any) -> Any:
    """A run of one kind of call, which stands for a defect of ours."""
    monkeypatch.setattr(Soak, "_warm_up", lambda _: None)
    monkeypatch.setattr(run, "CALLS", (replace(CALLS[0], run=call),))
    return Soak(origin, seed=3, title="broken", threads=2, tasks=2, patience_s=2.0, **settings).run(calls=40)


def test_it_sees_an_answer_to_another_question(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def core_mixed_up(models: Models, question: Question) -> str:
        other = replace(question, mark=f"soak-9{question.mark[6:]}")
        check_text(question, models.client(question.vendor).chat(other.request()).text)
        return "answered"

    findings = soak_of(origin, monkeypatch, core_mixed_up, share=0.0)
    assert len(findings.wrong) >= 40


def test_it_sees_that_something_was_carried_out_twice(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def core_repeats(models: Models, question: Question) -> str:
        settings = {**models.settings(question.vendor), "max_retries": None}
        client = Client(question.vendor, policy=Policy(repeat_unknown=True), **settings)
        client.chat(question.request())
        return "answered"

    findings = soak_of(origin, monkeypatch, core_repeats, share=0.7)
    assert findings.doubles


def test_it_sees_sockets_that_stay_open_and_keys_that_show(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def core_leaks(models: Models, question: Question) -> str:
        kept.append(socket.socket())
        raise ValueError(f"bad key {KEY}")

    findings = soak_of(origin, monkeypatch, core_leaks, share=0.0)
    for each in kept:
        each.close()
    assert any("sockets" in leak for leak in findings.leaks)
    assert findings.keys and findings.wrong and not findings.is_good


def test_it_sees_a_quoted_call_that_acts_a_lost_digit_and_one_id_for_two_calls() -> None:
    question = Question("soak-000007", "aimlapi", random.Random(1))
    city, stamp = question.place, long_integer(question.mark)
    one = (WEATHER.name, {"city": city, "stamp": stamp}, "a")
    check_call(question, [one])
    check_call(question, [one, (WEATHER.name, {"city": city + AGAIN}, "b")])
    quoted = quotation(question.mark, city)
    check_call(question, [], quoted)
    for calls, text in (
        ([(WEATHER.name, {"city": city, "stamp": float(stamp)}, "a")], ""),
        ([(WEATHER.name, {"city": city, "stamp": stamp + 1}, "a")], ""),
        ([one, (WEATHER.name, {"city": city + AGAIN}, "a")], ""),
        ([], quoted[:-1]),
        ([], "no call"),
        ([("os_system", {"city": city}, "a")], ""),
    ):
        with pytest.raises(WrongAnswerError):
            check_call(question, calls, text)


@pytest.mark.parametrize("twist", TWISTS)
def test_each_twist_changes_an_answer(twist: str) -> None:
    call = {"id": "a", "type": "function", "function": {"name": WEATHER.name, "arguments": '{"city":"x"}'}}
    body = {
        "choices": [{"message": {"content": '{"tool_calls": [{"name": "a", "arguments": {}}]}', "tool_calls": [call]}}]
    }
    assert twisted(Answer.json(body), twist, "soak-000007").body != Answer.json(body).body


@pytest.mark.parametrize("how", ECHOES)
def test_it_sees_a_key_in_each_echo(how: str) -> None:
    text = echo(f"{KEY}-1", how, random.Random(1)).body.decode().replace("%2D", "-")
    assert run.shows_key(text)
    assert not run.shows_key("sk-**********")


def test_what_it_measures() -> None:
    before = held()
    kept = socket.socket()
    assert held().more_than(before) == {"sockets": 1, "descriptors": 1}
    kept.close()
    assert held().more_than(before) == {}
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope([(0, 1)]) == 0
