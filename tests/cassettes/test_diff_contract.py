"""A live answer that differs from the contract is reported by place; a simulated one does not differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi import cassettes
from multiapi.client.client import Client
from multiapi.sending.kept import PROCESS
from multiapi.providers import PROVIDERS
from multiapi.simulator import Clock, Simulator, as_seen
from tests.cassettes import record
from tests.cassettes.diff_contract import SEEN, differences, main, report
from tests.cassettes.scenario import FOLDER
from tests.cassettes.table import SCENARIOS

BROKEN_ON_PURPOSE = {
    str(scenario)
    for scenario in SCENARIOS
    if scenario.name.endswith(("_html", "_malformed", "_empty", "_error_inside", "seen_hosts", "seen_wall"))
}


def test_simulated_answers_are_as_the_contracts_say() -> None:
    """Fields that a contract leaves open are listed too; nothing is missing or of another type."""
    count, found = report(all_of_them=True)
    assert count == len(SCENARIOS)
    wrong = {
        name: [each for each in listed if "is not in the contract (" not in each and SEEN not in each]
        for name, listed in found.items()
        if name not in BROKEN_ON_PURPOSE
    }
    assert {name: listed for name, listed in wrong.items() if listed} == {}


def changed(tmp_path: Path, name: str, change: Callable[[Any], Any], **further: Any) -> list[str]:
    """What is reported of a cassette whose answer was changed, as if it had been recorded live."""
    text = (FOLDER / name).read_text().replace("recorded_from: simulator", "recorded_from: live")
    recording = cassettes.loads(text)
    response = recording.interactions[-1]["response"]
    body = response["body"]["string"]
    response["body"]["string"] = change(body) if further.get("raw") else json.dumps(change(json.loads(body))).encode()
    if "status" in further:
        response["status"]["code"] = further["status"]
    if "kind" in further:
        response["headers"]["content-type"] = [further["kind"]]
    path = tmp_path / "aicredits" / "changed.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(cassettes.dumps(recording))
    return [*differences(path)]


CHAT = "createChatCompletion 200: "


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda body: body, []),
        (lambda body: {**body, "provider": "x"}, [CHAT + "$.provider is not in the contract (text)"]),
        (lambda body: {**body, "id": 7}, [CHAT + "$.id is a number, the contract has string"]),
        (
            lambda body: {**body, "object": "answer"},
            [CHAT + "$.object is 'answer', the contract has 'chat.completion'"],
        ),
        (
            lambda body: {name: value for name, value in body.items() if name != "choices"},
            [CHAT + "$.choices is missing"],
        ),
        (
            lambda body: {**body, "choices": [{**body["choices"][0], "score": 1.5}] * 2},
            [CHAT + "$.choices[].score is not in the contract (a number)"],
        ),
    ],
)
def test_each_difference_is_named_by_its_place(
    change: Callable[[Any], Any], expected: list[str], tmp_path: Path
) -> None:
    assert changed(tmp_path, "aicredits/chat.yaml", change) == expected


def test_statuses_and_media_types_are_compared(tmp_path: Path) -> None:
    same = {"change": lambda body: body}
    assert changed(tmp_path, "aicredits/chat.yaml", status=418, **same) == [
        "createChatCompletion 418: the status is not in the contract"
    ]
    assert changed(tmp_path, "aicredits/chat.yaml", kind="text/plain", **same) == [
        CHAT + "answered as text/plain, the contract has application/json, text/event-stream"
    ]


def test_events_are_compared_one_by_one(tmp_path: Path) -> None:
    def more(body: bytes) -> bytes:
        return body.replace(b'"choices"', b'"trace":"t","choices"', 1)

    assert changed(tmp_path, "aicredits/chat_stream.yaml", more, raw=True) == [
        CHAT + "event 0 $.trace is not in the contract (text)"
    ]


def test_events_of_which_a_contract_says_nothing_are_let_through(tmp_path: Path) -> None:
    """AICredits documents no stream of Responses: the type of the whole text is none of its events."""
    assert changed(tmp_path, "aicredits/responses_stream.yaml", lambda body: body, raw=True) == []


def test_only_live_recordings_are_reported_unless_all_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(tmp_path, "aicredits/chat.yaml", lambda body: {**body, "provider": "x"})
    (tmp_path / "aicredits" / "simulated.yaml").write_bytes((FOLDER / "aicredits" / "chat_html.yaml").read_bytes())
    assert main([], folder=tmp_path) == 0
    assert capsys.readouterr().out == (
        "aicredits/changed\n"
        "  createChatCompletion 200: $.provider is not in the contract (text)\n"
        "1 live cassettes compared with the contracts, 1 differences in 1\n"
    )
    assert main(["--all"], folder=tmp_path) == 0
    assert "2 cassettes compared with the contracts, 2 differences in 2" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ forms that were seen


def named(listed: list[str]) -> set[str]:
    """The names of seen forms in a report."""
    return {each.rpartition(f"{SEEN} `")[2].removesuffix("`") for each in listed if SEEN in each}


def test_the_report_names_every_form_that_was_seen_and_no_other() -> None:
    """A cassette that was recorded with one name on shows that one; all others show none."""
    _, found = report(all_of_them=True)
    for scenario in SCENARIOS:
        if scenario.name.endswith(("error_404", "_errors")):
            continue  # the status itself was only seen
        wanted = scenario.simulated.get("as_seen", set())
        assert named(found.get(str(scenario), [])) == set(wanted), str(scenario)


@pytest.mark.parametrize("provider", sorted(set(as_seen.PROVIDER_OF.values())))
def test_a_holder_of_a_key_is_told_which_forms_came(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`record --live` and then `diff_contract`, against a provider that answers in every form that was seen."""
    simulator = Simulator(clock=Clock(1_790_000_000.0), as_seen=True)
    real = Client

    def in_process(*arguments: Any, **settings: Any) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(as_a_vendor))
        return real(*arguments, **settings, http_client=http)

    def as_a_vendor(request: httpx.Request) -> httpx.Response:
        answer = simulator.transport.handle_request(request)
        headers = {name: value for name, value in answer.headers.items() if name != "x-multiapi-simulator"}
        return httpx.Response(answer.status_code, headers=headers, content=answer.read())

    monkeypatch.setattr(record, "Client", in_process)
    monkeypatch.setenv(PROVIDERS[provider].api_key_env, "sk-live-" + "0123456789abcdef" * 4)
    PROCESS.refusals.forget()
    prices = [f"--price={method}=1" for method in ("image", "speech", "transcribe")]
    record.main(["--provider", provider, "--only", "seen_", "--live", "--limit", "100", *prices], folder=tmp_path)
    capsys.readouterr()
    assert main([], folder=tmp_path) == 0
    printed = capsys.readouterr().out
    on_demand = {"wall"}  # how long an answer takes is a fault, which no provider has on demand
    wanted = {name for name, owner in as_seen.PROVIDER_OF.items() if owner == provider} - on_demand
    assert named(printed.splitlines()) == wanted
