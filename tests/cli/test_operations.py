"""The command line has what the client has; and what the rarer commands show."""

from __future__ import annotations

import ast
import base64
import inspect
import re
import shlex
from pathlib import Path

import httpx
import pytest

import multiapi.cli
from multiapi.cli import run as runs
from multiapi.client.client import Client
from multiapi.client.operations import Operations
from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image
from tests.cli.conftest import RunCli

WITHOUT_A_COMMAND = {
    "legacy": "assistants, threads and old routes are conversations of programs; the client takes them in the vendor's own words",
    "legacy_stream": "the same",
    "responses": "`chat` goes there for the models that speak nothing else",
    "messages": "`chat` goes another way to the same models",
    "create_batch": "`multiapi batch` does it, with a ledger",
    "batch": "`multiapi batch` does it, with a ledger",
    "call": "the commands call the operations by their own names",
    "run": "it runs flows of programs",
    "close": "a command ends with its process",
}
"""Methods of the client without a command, and why."""


def methods() -> set[str]:
    """The public methods of a client."""
    own = {name for name, each in vars(Client).items() if inspect.isfunction(each)}
    return {name for name in own | set(vars(Operations)) if not name.startswith("_")}


def called_by_commands() -> set[str]:
    """The methods of a client that the sources of the command line call."""
    found = set()
    for path in Path(multiapi.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and (
                (isinstance(node.value, ast.Name) and node.value.id == "client")
                or (isinstance(node.value, ast.Call) and ast.unparse(node.value).endswith(".client()"))
            ):
                found.add(node.attr)
    return found


def test_each_method_of_the_client_has_a_command_or_a_reason() -> None:
    without = methods() - called_by_commands()
    assert without == set(WITHOUT_A_COMMAND)
    assert all(WITHOUT_A_COMMAND.values())


# ------------------------------------------------------------------------------------------------ the rarer commands


def test_a_3d_model(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "front.png").write_bytes(draw_image("a house", 64, 64))
    ran = cli("mesh", "-p", "aimlapi", "front.png", "-o", "house", "--simulator", "--json")
    [media] = ran.json["media"]
    assert (media["path"], media["kind"]) == ("house.glb", "mesh")
    assert cli("mesh", "-p", "aimlapi", "--simulator").code == 2


def test_base64_there_and_back(cli: RunCli, tmp_path: Path) -> None:
    data = draw_image("a house", 16, 16)
    (tmp_path / "a.png").write_bytes(data)
    encoded = cli("encode", "-p", "bineric", "a.png", "--simulator")
    assert base64.b64decode(encoded.out) == data
    assert cli("encode", "-p", "bineric", "a.png", "--simulator", "--json").json["base64"] == encoded.out.strip()
    assert cli("encode", "-p", "bineric", "a.png", "--simulator", "-o", "a.txt").out == "a.txt\n"
    for given in ([encoded.out.strip()], ["a.txt"], ["-"]):
        ran = cli("decode", "-p", "bineric", *given, "-o", "b.png", "--force", "--simulator", input=encoded.out)
        assert ran.code == 0, ran.err
        assert (tmp_path / "b.png").read_bytes() == data
    assert cli("decode", "-p", "bineric", "--simulator", input="").code == 2


@pytest.mark.parametrize(("said", "shown"), [("safe", "safe"), ("unsafe\nS2,S9", "unsafe: S2, S9")])
def test_moderation(cli: RunCli, monkeypatch: pytest.MonkeyPatch, said: str, shown: str) -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    monkeypatch.setattr(runs.Run, "client", lambda self: Client("aimlapi", api_key="a-key", http_client=http))
    words = ("moderate", "-p", "aimlapi", "-m", "meta-llama/Llama-Guard-4-12B")
    assert cli(*words, "hello").out == f"{shown}\n"
    assert cli(*words, "hello", "--json").json["safe"] is (said == "safe")
    assert "name a model for moderate" in cli("moderate", "-p", "aimlapi", "hello").error


def test_credits_logs_and_transactions(cli: RunCli, served: Simulator) -> None:
    assert cli("credits", "-p", "aicredits").out == "500 INR\n"
    cli("chat", "-p", "aimlapi", "hello")
    listed = cli("logs", "-p", "aimlapi", "--json").json["items"]
    assert [(each["model"], each["status"]) for each in listed] == [("openai/gpt-4o", "succeeded")]
    shown = cli("logs", "-p", "aimlapi")
    assert "openai/gpt-4o" in shown.out
    assert "1 of 1 entry" in shown.err
    assert cli("logs", "-p", "aimlapi", "-m", "flux/schnell", "--json").json["items"] == []
    assert (
        cli("transactions", "-p", "aimlapi", "--direction", "TOPUP", "--json").json["items"][0]["direction"] == "TOPUP"
    )
    assert "TOPUP" in cli("transactions", "-p", "aimlapi").out


def test_keys(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("keys", "-p", "aimlapi").code == 4
    monkeypatch.setenv("AIMLAPI_API_KEY", "management-key-1234")
    assert cli("keys", "-p", "aimlapi").code == 0
    made = cli("keys", "-p", "aimlapi", "--create", "for a test", "--limit-usd", "5", "--json").json
    assert (made["name"], float(made["limit_usd"])) == ("for a test", 5.0)
    prefix = made["prefix"]
    assert made["key"].startswith(prefix)
    assert cli("keys", "-p", "aimlapi", "--update", prefix, "--disable", "--json").json["disabled"] is True
    assert cli("keys", "-p", "aimlapi", "--replace", prefix, "--name", "other", "--json").json["name"] == "other"
    assert prefix in cli("keys", "-p", "aimlapi").out
    asked = cli("keys", "-p", "aimlapi", "--delete", prefix)
    assert (asked.code, "--yes" in asked.error) == (2, True)
    assert cli("keys", "-p", "aimlapi", "--delete", prefix, "--yes", "--json").json == {
        "deleted": True,
        "prefix": prefix,
    }
    assert cli("keys", "-p", "aimlapi", "--delete", prefix, "--create", "x").code == 2


def test_metrics(cli: RunCli) -> None:
    ran = cli("metrics", "-p", "aimlapi", "-m", "openai/gpt-4o", "--simulator", "--json")
    assert (ran.code, ran.json["provider"]) == (0, "aimlapi")


def test_a_job_by_its_id(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch, at_once: list[float]) -> None:
    started = cli("video", "-p", "binobox", "a cat", "--no-wait").out.strip()
    shown = cli("job", started, "-p", "binobox")
    assert re.search(rf"id +{started}", shown.out)
    told = cli("job", started, "-p", "binobox", "--json").json
    assert (told["id"], told["kind"]) == (started, "video")
    for job in served.jobs.all.values():
        job.run_s = job.wait_s = 0.0
    assert cli("job", started, "-p", "binobox", "--json").json["state"] == "completed"
    assert cli(*shlex.split(told["resume"])[1:]).code == 0
    assert cli("job", started, "-p", "binobox", "--kind", "film").code == 2


def test_all_balances(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = cli("balance", "--all", "--json")
    assert ran.code == 0
    left = ran.json["balances"]
    assert (left["binobox"]["amount"], left["aicredits"]["unit"]) == ("5000", "INR")
    assert "missing" in left["binom_router"]
    monkeypatch.delenv("BINOBOX_API_KEY")
    served.faults.add("status=401", vendor="aimlapi", times=5)
    ran = cli("balance", "--all")
    assert ran.code == 3
    assert "no key: BINOBOX_API_KEY" in ran.out
    assert "500 INR" in ran.out
    assert cli("balance", "--all", "-p", "aimlapi").code == 2


# ------------------------------------------------------------------------------------------------ budgets


PAID = {
    "chat": ("hello",),
    "image": ("a cat",),
    "speech": ("hello",),
    "music": ("calm",),
    "video": ("a cat",),
}


@pytest.mark.parametrize("command", PAID)
def test_a_budget_refuses_what_does_not_fit(cli: RunCli, served: Simulator, command: str, at_once: list[float]) -> None:
    ran = cli(command, "-p", "binobox", *PAID[command], "--budget", "0.01 diamonds", "--json")
    assert (ran.code, ran.json["error"]["type"]) == (13, "BudgetExceededError")
    assert not [entry for entry in served.log if entry.method == "POST"]
    for job in ("job_wait_s", "job_run_s"):
        setattr(served, job, 0.0)
    assert cli(command, "-p", "binobox", *PAID[command], "--budget", "2000 diamonds").code == 0
    assert cli("--budget", "0.01 diamonds", command, "-p", "binobox", *PAID[command]).code == 13


@pytest.mark.parametrize("amount", ["5 pounds", "5 USD", "-1 diamonds", "much"])
def test_a_budget_that_cannot_be_right(cli: RunCli, served: Simulator, amount: str) -> None:
    ran = cli("chat", "-p", "binobox", "hello", f"--budget={amount}")
    assert (ran.code, ran.out) == (2, "")
    assert not served.log


def test_commands_that_cost_something_take_a_budget() -> None:
    from typer.main import get_command

    from multiapi.cli.commands import app
    from tests.cli import samples

    commands = get_command(app).commands  # type: ignore[attr-defined]
    takes = {name for name, each in commands.items() if any("--budget" in option.opts for option in each.params)}
    free = set(samples.FREE) - {"batch", "doctor"} | {
        "simulator",
        "job",
        "encode",
        "alias",
        "history",
        "login",
        "logout",
        "template",
    }
    assert takes == set(commands) - free
