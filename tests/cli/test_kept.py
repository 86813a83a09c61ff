"""What the command line keeps when it is told to: keys, short names, templates, and a history without texts."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiapi.cli import conversation, kept
from multiapi.errors import InvalidRequestError
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from tests.cli.conftest import COMMAND, RunCli

KEY = "kept-key-0123456789"


@pytest.fixture
def keyless(served: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The simulator on a port, with addresses and without keys."""
    for provider in PROVIDERS.values():
        for name in provider.key_variables:
            monkeypatch.delenv(name, raising=False)
    return served


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring of the system."""
    held: dict[tuple[str, str], str] = {}
    ring: Any = types.ModuleType("keyring")
    ring.get_keyring = lambda: types.SimpleNamespace(priority=5)
    ring.set_password = lambda service, name, key: held.__setitem__((service, name), key)
    ring.get_password = lambda service, name: held.get((service, name))
    ring.delete_password = lambda service, name: held.pop((service, name))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    return held


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.mark.usefixtures("no_keyring")
def test_a_kept_key_is_used_and_shows_nowhere(cli: RunCli, keyless: Simulator) -> None:
    assert cli("chat", "-p", "binobox", "hello").code == 3
    for ran in (
        cli("login", "-p", "binobox", input=f"{KEY}\n"),
        cli("login", "--list"),
        cli("login", "--list", "--json"),
    ):
        assert ran.code == 0, ran.err
        assert KEY not in ran.out + ran.err
    assert cli("chat", "-p", "binobox", "hello").code == 0
    assert keyless.log[-1].key == f"{KEY[:3]}…{KEY[-2:]}"
    assert cli("chat", "-p", "aimlapi", "hello").code == 3, "a key goes to its own provider"
    assert "from `multiapi login`" in cli("doctor", "-p", "binobox").out
    assert cli("logout", "-p", "binobox").code == 0
    assert cli("chat", "-p", "binobox", "hello").code == 3
    again = cli("logout", "-p", "binobox")
    assert (again.code, "no key of binobox is kept" in again.error) == (2, True)


@pytest.mark.usefixtures("no_keyring")
def test_files_are_for_their_owner_alone(cli: RunCli) -> None:
    cli("login", "-p", "binobox", input=KEY)
    cli("alias", "fast", "binobox:gpt-5-mini")
    cli("template", "poem", "A poem about {input}")
    cli("history", "--on")
    made = [path for folder in (kept.settings_folder(), kept.state_folder()) for path in folder.rglob("*.*")]
    assert len(made) == 4
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_keyring_of_the_system_is_taken_where_there_is_one(
    cli: RunCli, keyless: Simulator, keyring: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the system's keyring" in cli("login", "-p", "aicredits", input=KEY).err
    assert keyring == {("multiapi", "aicredits"): KEY}
    assert KEY not in kept.keys_file().read_text()
    assert cli("chat", "-p", "aicredits", "hello").code == 0
    assert keyless.log[-1].key == f"{KEY[:3]}…{KEY[-2:]}"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "keyring", None)
        ran = cli("chat", "-p", "aicredits", "hello")
        assert (ran.code, "multiapi login -p aicredits" in ran.error) == (2, True)
    assert cli("logout", "-p", "aicredits").code == 0
    assert keyring == {}


@pytest.mark.usefixtures("no_keyring", "keyless")
def test_the_environment_goes_before_a_kept_key(
    cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("login", "-p", "binobox", input=KEY)
    monkeypatch.setenv("BINOBOX_API_KEY", "from-the-environment")
    assert cli("chat", "-p", "binobox", "hello").code == 0
    assert served.log[-1].key == "fro…nt"


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize("given", ["", "\n", "two words", "schl\u00fcssel", "a\nb"])
def test_what_is_not_a_key_is_not_kept(cli: RunCli, given: str) -> None:
    ran = cli("login", "-p", "binobox", input=given)
    assert ran.code in {2, 3}
    assert not given.strip() or given.strip() not in ran.err
    assert not kept.keys_file().exists()


def test_a_key_is_typed_without_showing(tmp_path: Path) -> None:
    """At a real terminal."""
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "login", "-p", "binobox"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while b"Key of Binobox: " not in seen:
        seen += os.read(master, 1024)
    os.write(master, f"{KEY}\n".encode())
    while True:
        try:
            more = os.read(master, 1024)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(master)
    assert process.wait() == 0, seen
    assert KEY.encode() not in seen
    assert json.loads((tmp_path / "multiapi" / "keys.json").read_text())["binobox"]["key"] == KEY


# ------------------------------------------------------------------------------------------------ short names


def test_a_short_name_stands_for_a_model(cli: RunCli) -> None:
    assert cli("alias", "fast", "binobox:gpt-5-mini").code == 0
    assert cli("chat", "-m", "fast", "hello", "--simulator", "--json").json["model"] == "gpt-5-mini"
    assert "binobox:gpt-5-mini" in cli("alias").out
    assert cli("alias", "--json").json == {"aliases": {"fast": "binobox:gpt-5-mini"}}
    assert cli("chat", "-p", "aimlapi", "-m", "fast", "hello", "--simulator").code == 2
    assert cli("alias", "fast", "--remove").code == 0
    assert cli("alias", "fast", "--remove").code == 2
    assert cli("chat", "-m", "fast", "hello", "--simulator").code == 2


def test_default_is_the_model_where_none_is_named(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("alias", "default", "binobox:gpt-5-mini")
    assert cli("chat", "hello", "--simulator", "--json").json["model"] == "gpt-5-mini"
    assert cli("chat", "hello", "-p", "aimlapi", "--simulator", "--json").json["model"] == "openai/gpt-4o"
    monkeypatch.setenv("MULTIAPI_MODEL", "aimlapi:openai/gpt-4o-mini")
    assert cli("chat", "hello", "--simulator", "--json").json["model"] == "openai/gpt-4o-mini"


@pytest.mark.parametrize(
    "words",
    [
        ("binobox", "aimlapi:x"),
        ("a/b", "aimlapi:x"),
        ("a b", "aimlapi:x"),
        ("fast", "gpt-4o"),
        ("fast",),
        ("../x", "aimlapi:x"),
    ],
)
def test_a_wrong_short_name_is_refused(cli: RunCli, words: tuple[str, ...]) -> None:
    assert cli("alias", *words).code == 2
    assert kept.aliases() == {}


def test_short_names_in_a_conversation(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("alias", "fast", "binobox:gpt-5-mini")
    monkeypatch.setattr(conversation, "at_a_terminal", lambda: True)
    lines = iter(["/model fast", "/exit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    assert "now binobox:gpt-5-mini" in cli("chat", "-p", "aimlapi", "--simulator").err


# ------------------------------------------------------------------------------------------------ templates


def test_a_template_is_filled_and_asked(cli: RunCli) -> None:
    made = cli("template", "say", "Say {input} in {style}.", "-s", "Be {style}.", "-m", "binobox:gpt-5-mini")
    assert made.code == 0, made.err
    ran = cli("chat", "-t", "say", "--set", "style=Norwegian", "hello", "--dry-run")
    assert '"Say hello in Norwegian."' in ran.out
    assert "Be Norwegian." in ran.out
    assert "gpt-5-mini" in ran.out
    assert (
        '"Say piped in Norwegian."'
        in cli("chat", "-t", "say", "--set", "style=Norwegian", "--dry-run", input="piped").out
    )
    assert "Say {input} in" in cli("template").out
    assert cli("template", "say", "--json").json["system"] == "Be {style}."
    assert cli("template", "say", "--remove").code == 0
    assert cli("chat", "-t", "say", "hello", "--simulator").code == 2


def test_a_template_without_a_gap_for_the_text_stands_before_it(cli: RunCli) -> None:
    cli("template", "review", "Review this:")
    assert '"Review this:\\n\\nx = 1"' in cli("chat", "-t", "review", "x = 1", "-p", "aimlapi", "--dry-run").out
    assert '"content": "Review this:"' in cli("chat", "-t", "review", "-p", "aimlapi", "--dry-run").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-t", "say", "hello"), "template 'say' needs {style}: say --set style=..."),
        (("-t", "nope", "hello"), "'nope' is not the name of a template"),
        (("-t", "../../etc", "hello"), "is not a valid name of a template"),
        (("hello", "--set", "a=b"), "name one with -t"),
        (("-t", "say", "hello", "--set", "style"), "--set takes NAME=VALUE"),
    ],
)
def test_what_a_template_lacks_is_told_before_anything_is_sent(cli: RunCli, words: tuple[str, ...], said: str) -> None:
    cli("template", "say", "Say {input} in {style}.")
    ran = cli("chat", *words, "-p", "binobox", "--simulator")
    assert (ran.code, said in ran.error) == (2, True), ran.err


def test_a_broken_template_names_its_file(cli: RunCli) -> None:
    cli("template", "say", "x")
    path = kept.templates_folder() / "say.toml"
    for text, said in (
        ("prompt = ", "is not valid TOML"),
        ("promt = 'x'", "promt is not a valid field"),
        ("prompt = 1", "prompt is not"),
    ):
        path.write_text(text)
        ran = cli("chat", "-t", "say", "-p", "binobox", "--simulator")
        assert ran.code == 2
        assert said in ran.error
        assert str(path) in ran.error


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet=st.characters(codec="utf-8")))
def test_what_is_filled_in_is_not_looked_at_again(text: str, value: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    template = f"{escaped}{{input}}{escaped}"
    assert kept.filled(template, {"input": value, "x": "never"}, template="t") == f"{text}{value}{text}"
    made = kept.Template(prompt=template, system=value)
    import tomllib

    lines = "".join(
        f"{name} = {kept._toml_text(each)}\n" for name, each in (("prompt", made.prompt or ""), ("system", value))
    )
    assert kept.Template(**tomllib.loads(lines)) == made


# ------------------------------------------------------------------------------------------------ history


def test_a_history_is_kept_only_when_it_was_asked_for(
    cli: RunCli, keyless: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINOBOX_API_KEY", KEY)
    cli("chat", "-p", "binobox", "hello")
    assert not kept.history_file().exists()
    assert "multiapi history --on" in cli("history").error
    cli("history", "--on")
    cli("chat", "-p", "binobox", "Say the secret word.")
    cli("image", "-p", "binobox", "a cat")
    monkeypatch.setenv("BINOBOX_API_KEY", "empty-wallet")
    cli("chat", "-p", "binobox", "hello")
    cli("chat", "-p", "aimlapi", "hello", "--simulator")
    found = cli("history", "--json").json
    assert [(call["command"], call["provider"], call.get("error")) for call in found["calls"]] == [
        ("chat", "binobox", None),
        ("image", "binobox", None),
        ("chat", "binobox", "InsufficientCreditsError"),
        ("chat", "aimlapi", None),
    ]
    assert found["calls"][-1]["simulated"]
    assert found["spent"] == {"diamonds": "20.18"}
    text = kept.history_file().read_text()
    for hidden in (KEY, "secret word", "a cat", "empty-wallet"):
        assert hidden not in text
    shown = cli("history", "--limit", "1")
    assert "aimlapi" in shown.out
    assert "20.18 diamonds" in shown.err
    monkeypatch.setenv("COLUMNS", "40")
    narrow = cli("history").out
    assert max(map(len, narrow.splitlines())) <= 40
    for part in ("binobox", "aimlapi", "0.18", "20"):
        assert part in narrow
    assert cli("history", "--off").code == 0
    assert not kept.history_file().exists()
    assert cli("history", "--on", "--off").code == 2


def test_a_history_that_cannot_be_written_loses_no_response(cli: RunCli) -> None:
    kept.history_file().parent.mkdir(parents=True)
    kept.history_file().mkdir()
    ran = cli("chat", "-p", "binobox", "--simulator", "Say hello.")
    assert (ran.code, ran.out) == (0, "hello\n")
    assert "this call is not in the history" in ran.err


def test_lines_that_were_cut_off_are_left_out(cli: RunCli) -> None:
    cli("history", "--on")
    cli("chat", "-p", "binobox", "--simulator", "hello")
    with kept.history_file().open("a") as file:
        file.write('{"time": "2026')
    assert len(cli("history", "--json").json["calls"]) == 1


def test_settings_that_cannot_be_read_are_named(cli: RunCli) -> None:
    kept.write_privately(kept.aliases_file(), "[]")
    ran = cli("chat", "-m", "fast", "hello", "--simulator")
    assert (ran.code, str(kept.aliases_file()) in ran.error) == (2, True)
    with pytest.raises(InvalidRequestError):
        kept.aliases()
    assert cli("chat", "-m", "binobox:gpt-5-mini", "hello", "--simulator").code == 0
