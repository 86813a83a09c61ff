"""`multiapi chat` at a terminal: a conversation with commands, kept for `-c`; and `--api`, `--web-search`."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from multiapi.cli import conversation
from multiapi.client.client import Client
from multiapi.simulator import Simulator
from multiapi.types.chat import ChatResponse, Citation
from tests.cli.conftest import COMMAND, Ran, RunCli

Talk = Callable[..., Ran]


@pytest.fixture
def talk(cli: RunCli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Talk:
    """A conversation of these lines at a terminal; an exception in place of a line is raised there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(conversation, "at_a_terminal", lambda: True)

    def run(*lines: str | BaseException, options: tuple[str, ...] = ("-p", "binobox", "--simulator")) -> Ran:
        rest = iter(lines)

        def read(_: str) -> str:
            line = next(rest, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line

        monkeypatch.setattr("builtins.input", read)
        return cli("chat", *options)

    return run


def test_a_conversation_knows_what_was_said(talk: Talk) -> None:
    ran = talk("My name is Ada.", "What is my name?")
    assert ran.code == 0
    assert "Your name is Ada." in ran.out
    assert ran.err.count("cost 0.18 diamonds") == 2


def test_commands(talk: Talk, tmp_path: Path) -> None:
    ran = talk(
        *("Say hello", "/cost", "/provider aimlapi", "Say one", "/model binobox:gpt-5-mini", "/save talk.md"),
        *("/save talk.json", "/system Be brief.", "//slash", "/clear", "/help", "/exit", "never read"),
    )
    assert ran.code == 0, ran.err
    assert "0.18 diamonds in 1 calls" in ran.out
    assert "now aimlapi:openai/gpt-4o" in ran.err
    assert "now binobox:gpt-5-mini" in ran.err
    assert (tmp_path / "talk.md").read_text().startswith("## user\n\nSay hello\n\n## assistant\n\nhello\n")
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert (saved["model"], len(saved["messages"])) == ("gpt-5-mini", 4)
    for command in ("/model", "/provider", "/cost", "/save", "/exit"):
        assert command in ran.out
    assert "never read" not in ran.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/nope", "/nope is not a command"),
        ("/model", "/model needs a word"),
        ("/provider nobody", "unknown provider 'nobody'"),
        ("/file missing.png", "missing.png"),
        ("/save missing/talk.md", "No such file"),
    ],
)
def test_a_wrong_command_is_told_and_sends_nothing(talk: Talk, served: Simulator, line: str, said: str) -> None:
    ran = talk(line, "Say hello", options=("-p", "binobox"))
    assert ran.code == 0
    assert said in ran.error
    assert ran.out == "hello\n\n"
    assert sum(entry.method == "POST" for entry in served.log) == 1


def test_a_failure_does_not_end_it(talk: Talk, served: Simulator, at_once: list[float]) -> None:
    served.faults.add("status=400", vendor="binobox")
    ran = talk("one", "Say hello", KeyboardInterrupt(), "Say bye", options=("-p", "binobox"))
    assert ran.code == 0
    assert ran.error.startswith("error: binobox answered 400")
    assert "hello\n" in ran.out
    assert "bye\n" in ran.out


def test_it_goes_on_where_it_ended(talk: Talk, cli: RunCli, tmp_path: Path) -> None:
    assert talk(options=("-p", "binobox", "--simulator", "-c")).code == 2
    talk("My name is Ada.", options=("-p", "binobox", "--simulator", "-s", "Be kind."))
    path = tmp_path / "state" / "multiapi" / "conversation.json"
    assert path.stat().st_mode & 0o077 == 0
    assert "Your name is Ada." in talk("What is my name?", options=("--simulator", "-c")).out
    asked = cli("chat", "--simulator", "-c", "What is my name?", "--json")
    assert (asked.json["text"], asked.json["provider"]) == ("Your name is Ada.", "binobox")
    assert len(json.loads(path.read_text())["messages"]) == 7
    path.write_text("[]")
    assert "does not hold a conversation" in cli("chat", "--simulator", "-c", "hi").error


def test_a_budget_holds_for_all_of_it(talk: Talk) -> None:
    ran = talk("Say hello", "Say bye", options=("-p", "binobox", "--simulator", "--budget", "0.2 diamonds"))
    assert ran.code == 0
    assert "hello" in ran.out
    assert "bye" not in ran.out
    assert "budget of 0.2 diamonds" in ran.error


def test_a_real_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """Forty columns, Ctrl-C at the prompt, Ctrl-D at the end."""
    main, other = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "chat", "-p", "binobox"],
        env={**environment, "COLUMNS": "40", "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path)},
        **dict.fromkeys(("stdin", "stdout", "stderr"), other),
        start_new_session=True,
    )
    os.close(other)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        while text not in seen:
            if not select.select([main], [], [], 30)[0]:  # a program that waits for ever fails here
                break
            try:
                seen += os.read(main, 4096).decode()
            except OSError:
                break
        assert text in seen, seen
        seen = seen.partition(text)[2]

    until("> ")
    os.write(main, b"Say hello\n")
    until("\r\nhello\r\n")
    until("> ")
    for _ in range(30):  # one that comes before the terminal is read is lost
        process.send_signal(signal.SIGINT)
        if select.select([main], [], [], 1)[0]:
            break
    until("Ctrl-D or /exit ends")
    until("> ")
    os.write(main, b"\x04")
    assert process.wait(30) == 0
    os.close(main)


# ------------------------------------------------------------------------------------------------ settings of a chat


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_the_protocol_can_be_chosen(cli: RunCli, served: Simulator, api: str) -> None:
    ran = cli("chat", "-p", "aimlapi", "--api", api, "Say hello")
    assert (ran.code, ran.out) == (0, "hello\n")
    assert api in served.log[-1].path
    assert cli("chat", "-p", "binobox", "--api", "messages", "hi").code == 11
    assert cli("chat", "-p", "aimlapi", "--api", "other", "hi").code == 2


def test_a_search_is_asked_for(cli: RunCli) -> None:
    shown = cli("chat", "-p", "aimlapi", "-m", "gpt-4o-search-preview", "--web-search", "news?", "--dry-run", "--json")
    assert "web_search_options" in shown.json["request"]["body"]
    assert cli("chat", "-p", "binobox", "--web-search", "news?", "--simulator").code == 11


def test_a_cache_of_prompts_is_asked_for(cli: RunCli) -> None:
    shown = cli("chat", "-p", "aicredits", "--prompt-cache", "hi", "--dry-run", "--json")
    assert shown.json["request"]["body"]["cache"] is True
    assert cli("chat", "-p", "aimlapi", "--prompt-cache", "hi", "--simulator").code == 11


def test_sources_stand_below_the_response(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Citation(url="https://example.com/a", title="A \x1b[31mtitle")
    response = ChatResponse(
        model="m", provider="aimlapi", text="It rains.", finish_reason="stop", citations=(source, source)
    )
    monkeypatch.setattr(Client, "chat", lambda *_: response)
    ran = cli("chat", "-p", "aimlapi", "--simulator", "--no-stream", "weather?")
    assert ran.out == "It rains.\n\n[1] A [31mtitle https://example.com/a\n"
    listed = cli("chat", "-p", "aimlapi", "--simulator", "weather?", "--json").json["citations"]
    assert listed[0]["url"] == "https://example.com/a"
