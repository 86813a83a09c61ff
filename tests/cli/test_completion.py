"""Completion, driven in a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from multiapi.cli.completion import joined_words
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi.catalogue import ids_for

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What bash offers behind a command line; words are parted as bash parts them."""
    monkeypatch.delenv("MULTIAPI_PROVIDER", raising=False)
    program = tmp_path / "multiapi"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m multiapi "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = subprocess.run(
        ["multiapi"],
        env={**environment, "_MULTIAPI_COMPLETE": "source_bash"},
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    (tmp_path / "completion.bash").write_text(script)
    name = script.split("(")[0].strip()

    def offer(*words: str, **variables: str) -> list[str]:
        done = subprocess.run(
            [
                *("bash", "--norc", "-c"),
                f'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); {name} multiapi; printf "%s\\n" "${{COMPREPLY[@]}}"',
                str(tmp_path / "completion.bash"),
                *("multiapi", *words),
            ],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.split()

    return offer


@bash
def test_models_of_the_provider_that_was_named(offered) -> None:
    found = offered("chat", "-p", "aimlapi", "-m", "")
    assert set(ids_for("chat")) == set(found)
    assert not any(":" in each and each.partition(":")[0] in PROVIDERS for each in found)
    found = offered("chat", "-p", "aimlapi", "-m", "openai/gpt")
    assert "openai/gpt-4o" in found
    assert all(each.startswith("openai/gpt") for each in found)
    assert offered("chat", "-p", "bineric", "-m", "") == ["gpt-4"]
    assert offered("-p", "bineric", "speech", "-m", "") == ["text-to-speech"]
    assert offered("chat", "-m", "", MULTIAPI_PROVIDER="binobox") == ["gemini-3.1-flash-lite"]


@bash
def test_only_models_that_the_command_takes(offered) -> None:
    found = offered("chat", "-m", "bin")
    assert "bineric:gpt-4" in found
    assert "bineric:speech-to-text" not in found
    assert "bineric:speech-to-text" in offered("transcribe", "-m", "bin")


@bash
def test_a_colon_ends_a_word_in_bash(offered) -> None:
    """Only what stands behind the colon is replaced there, so only that may be offered."""
    found = offered("chat", "-m", "aimlapi", ":", "openai/gpt-4")
    assert "openai/gpt-4o" in found
    assert all(each.startswith("openai/gpt-4") for each in found)
    assert "gpt-4" in offered("chat", "-m", "bineric", ":", "")
    assert "openai/gpt-4o" in offered("chat", "--model", "=", "aimlapi", ":", "openai/gpt-4o")


@bash
def test_words_of_settings(offered) -> None:
    assert offered("usage", "--group-by", "") == ["day", "model", "day,model"]
    assert offered("health", "--check", "r") == ["ready"]
    assert offered("chat", "-p", "bin") == ["bineric", "binom_router", "binobox"]


@pytest.mark.parametrize(
    ("words", "place", "joined", "at"),
    [
        (["m", "chat", "-m", "a", ":", "b/c"], 5, ["m", "chat", "-m", "a:b/c"], 3),
        (["m", "chat", "-m", "a", ":"], 4, ["m", "chat", "-m", "a:"], 3),
        (["m", "chat", "-m", "a", ":", "b", ":", "free"], 7, ["m", "chat", "-m", "a:b:free"], 3),
        (["m", "chat", "--model", "=", "a", ":", "b"], 6, ["m", "chat", "--model=a:b"], 2),
        (["m", "chat", "-m", "a", ":", "b", "hi"], 6, ["m", "chat", "-m", "a:b", "hi"], 4),
        (["m", "chat", "x", "=", "y"], 4, ["m", "chat", "x", "=", "y"], 4),
    ],
)
def test_words_are_joined_as_they_were_written(words: list[str], place: int, joined: list[str], at: int) -> None:
    assert joined_words(words, place) == (joined, at)
