"""What was paid for is not lost, whatever becomes of the output; every command, in every encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multiapi.cli.asking import AskingClient
from multiapi.cli.commands import app
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.simulator.media import draw_image, speak
from multiapi.types.chat import ChatDelta, ChatResponse
from multiapi.types.jobs import Job
from tests.cli import samples
from tests.cli.conftest import COMMAND

TEXTS = ("日本語", "می\u200cخواهم", "👩\u200d👩\u200d👧🏖")


class Raw(io.RawIOBase):
    """Where the bytes of an output go; it may fail, or be a terminal."""

    def __init__(self, *, failure: OSError | None = None, terminal: bool = False) -> None:
        self.failure = failure
        self.terminal = terminal
        self.data = b""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.terminal

    def write(self, data: Any) -> int:
        if self.failure is not None:
            raise self.failure
        self.data += bytes(data)
        return len(data)


def run_into(raw: Raw, encoding: str, words: list[str]) -> tuple[int, str]:
    """The exit code and stderr of a command whose stdout is `raw`."""
    out = io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding)
    err = Raw()
    code = 0
    stdin = sys.stdin
    try:
        sys.stdin = io.TextIOWrapper(io.BytesIO(b""))
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(io.TextIOWrapper(io.BufferedWriter(err), encoding=encoding)),
        ):
            try:
                app(words)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            sys.stderr.flush()
    finally:
        sys.stdin = stdin
        with contextlib.suppress(OSError, ValueError):
            out.close()
    return code, err.data.decode("utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: list[float]) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MULTIAPI_PROVIDER", raising=False)
    (tmp_path / "page.png").write_bytes(draw_image("page", 64, 64))
    (tmp_path / "rows.jsonl").write_text('{"text": "Say one."}\n')
    (tmp_path / "spoken.mp3").write_bytes(speak(TEXT))
    return tmp_path


TEXT = " ".join(TEXTS)


@pytest.mark.parametrize(
    ("encoding", "terminal"), [("cp1252", False), ("ascii", False), ("cp1252", True), ("ascii", True)]
)
@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("command", [*samples.PAID, *samples.FREE])
def test_every_output_takes_every_text(
    folder: Path, command: str, options: tuple[str, ...], terminal: bool, encoding: str
) -> None:
    raw = Raw(terminal=terminal)
    code, err = run_into(raw, encoding, [*samples.words_of(command, TEXT), *options])
    assert code == 0, err
    said = raw.data.decode(encoding if terminal else "utf-8")
    if options:
        assert said.isascii()
        assert isinstance(json.loads(said), dict)
    elif command == "chat":
        assert said.strip() == (TEXT.encode(encoding, "backslashreplace").decode(encoding) if terminal else TEXT)


@pytest.mark.parametrize("options", [(), ("--json",), ("--no-stream",)])
@pytest.mark.parametrize("terminal", [False, True])
def test_half_a_character_is_escaped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], terminal: bool
) -> None:
    text = '"half \ud83d"'
    response = ChatResponse(model="m", provider="binobox", text=text, finish_reason="stop")
    monkeypatch.setattr(Client, "chat", lambda *_: response)
    monkeypatch.setattr(Client, "chat_stream", lambda *_: iter([ChatDelta(text=text), ChatDelta(response=response)]))
    raw = Raw(terminal=terminal)
    code, err = run_into(raw, "utf-8", [*samples.words_of("chat"), *options])
    assert code == 0, err
    assert "half " in raw.data.decode("utf-8")
    if "--json" in options:
        assert json.loads(raw.data)["text"] == text
    elif not terminal:
        assert "\\ud83d" in raw.data.decode("utf-8")


MADE = {"image", "speech", "music", "video", "mesh"}
KEPT = {
    "chat": "text",
    "embed": "vectors",
    "transcribe": "text",
    "ocr": "pages",
    "moderate": "safe",
    "features": "labelAnnotations",
    "encode": "media",
}
FAILURES = {
    "closed pipe": lambda: BrokenPipeError(errno.EPIPE, "Broken pipe"),
    "full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("command", list(samples.PAID))
def test_a_result_that_nobody_takes_is_kept(folder: Path, command: str, options: tuple[str, ...], failure: str) -> None:
    before = set(folder.iterdir())
    code, err = run_into(
        Raw(failure=FAILURES[failure]()), "utf-8", [*samples.words_of(command, "a red house"), *options]
    )
    assert code == 1, err
    made = sorted(set(folder.iterdir()) - before)
    assert made, err
    assert all(path.name in err for path in made if (path.suffix == ".json") != (command in MADE)), err
    written = [json.loads(path.read_text()) for path in made if path.suffix == ".json"]
    if command in MADE:
        assert any(path.suffix in {".png", ".mp3", ".mp4", ".glb"} for path in made)
    else:
        [result] = written
        assert KEPT[command] in result


@pytest.mark.parametrize(
    "command",
    sorted(
        set(samples.names())
        - samples.SERVES
        - samples.OWN
        - {"batch", "decode"}
        - set(samples.PAID)
        - set(samples.REFUSED)
    ),
)
def test_what_costs_nothing_leaves_nothing_behind(folder: Path, command: str) -> None:
    before = set(folder.iterdir())
    code, err = run_into(Raw(failure=FAILURES["closed pipe"]()), "utf-8", samples.words_of(command))
    assert (code, set(folder.iterdir())) == (1, before)
    assert "error" not in err


def test_every_command_has_a_sample() -> None:
    assert (
        set(samples.names())
        == set(samples.PAID) | set(samples.FREE) | set(samples.REFUSED) | samples.SERVES | samples.OWN
    )


@pytest.mark.parametrize("command", ["image", "speech", "ocr", "transcribe"])
def test_a_folder_that_is_gone_loses_nothing(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved elsewhere, in the folder for temporary files at last."""
    target = folder / "out"
    target.mkdir()
    elsewhere = folder / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    real = AskingClient.run

    def asked(self: AskingClient, flow: Any) -> Any:
        result = real(self, flow)
        if target.is_dir() and getattr(result, "provider", None):
            target.rmdir()
        return result

    monkeypatch.setattr(AskingClient, "run", asked)
    raw = Raw()
    code, err = run_into(raw, "utf-8", [*samples.words_of(command), "-o", str(target / "made")])
    assert code == 1, err
    [kept] = folder.glob("multiapi-*.json")
    assert kept.name in err
    result = json.loads(kept.read_text())
    if command in {"image", "speech"}:
        assert Path(result["media"][0]["path"]).stat().st_size > 100
    else:
        assert result["cost"] or result["provider"] == "aicredits"


@pytest.mark.parametrize("command", sorted(MADE))
def test_bytes_that_nobody_takes_are_kept(folder: Path, command: str) -> None:
    words = [*samples.words_of(command), "-o", "-"]
    code, err = run_into(Raw(failure=FAILURES["closed pipe"]()), "utf-8", words)
    [kept] = folder.glob("multiapi-*.json")
    assert (code, kept.name in err) == (1, True)
    [media] = json.loads(kept.read_text())["media"]
    assert (folder / media["path"]).stat().st_size == media["size_bytes"] > 100


def test_a_started_job_is_not_lost(folder: Path) -> None:
    run = Run("video", simulated=True)
    run.got(Job(id="job-1", provider="binobox", kind="video"))

    def work() -> None:
        raise BrokenPipeError

    assert run.end(work) == 1
    [kept] = folder.glob("multiapi-video-*.json")
    assert json.loads(kept.read_text())["id"] == "job-1"


def test_files_of_what_was_kept_are_for_their_owner_alone(folder: Path) -> None:
    run_into(Raw(failure=FAILURES["closed pipe"]()), "utf-8", samples.words_of("embed"))
    [kept] = folder.glob("multiapi-embed-*.json")
    assert kept.stat().st_mode & 0o077 == 0


# ------------------------------------------------------------------------------------------------ terminals


@pytest.mark.parametrize("command", sorted(set(samples.PAID) | set(samples.FREE)))
@pytest.mark.parametrize(("term", "terminal"), [("dumb", True), ("xterm", False)])
def test_no_command_writes_escapes_where_they_are_not_wanted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, term: str, terminal: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "40")
    raw = Raw(terminal=terminal)
    code, err = run_into(raw, "utf-8", samples.words_of(command))
    assert code == 0, err
    assert "\x1b" not in raw.data.decode() + err


@pytest.mark.parametrize("command", sorted({*samples.FREE, "embed", "ocr"} - {"decode", "batch"}))
def test_tables_fit_into_forty_columns(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    raw = Raw(terminal=True)
    code, err = run_into(raw, "utf-8", samples.words_of(command))
    assert code == 0, err
    plain = re.sub(r"\x1b\[[0-9;]*m", "", raw.data.decode())
    assert max(map(len, plain.splitlines()), default=0) <= 40 or command == "ocr"


@pytest.mark.parametrize("command", sorted((set(samples.PAID) | set(samples.FREE)) - {"batch"}))
def test_ctrl_c_ends_every_command(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("run", "chat", "chat_stream"):
        monkeypatch.setattr(AskingClient, name, interrupted)
    code, err = run_into(Raw(), "utf-8", samples.words_of(command))
    assert code == 130
    assert [line for line in err.splitlines() if line.startswith("error: ")] == ["error: interrupted"]
    assert "Traceback" not in err


# ------------------------------------------------------------------------------------------------ as a process


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_process_writes_utf8_into_a_pipe(encoding: str, folder: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    words = ["chat", "-p", "binobox", "--simulator", "-"]
    done = subprocess.run(
        [*COMMAND, *words], env=environment, capture_output=True, input=f"Say {TEXT}".encode(), timeout=60
    )
    assert (done.returncode, done.stdout.decode("utf-8")) == (0, f"{TEXT}\n")


@pytest.mark.parametrize("shell", ["{} | true", "{} > /dev/full", "{} >&-", "{} >&- 2>&- <&-"])
def test_a_process_keeps_what_nobody_takes(shell: str, folder: Path) -> None:
    words = f"{sys.executable} -c 'from multiapi.cli import main; main()' chat -p binobox --simulator 'Say hello'"
    subprocess.run(
        ["sh", "-c", f"{{ sleep 0.2; {shell.format('( ' + words + ' ; echo code $? >&2 )')}; }} 2>err"],
        capture_output=True,
        timeout=60,
    )
    [kept] = folder.glob("multiapi-chat-*.json")
    assert json.loads(kept.read_text())["text"] == "hello"
    if "2>&-" not in shell:
        assert "code 1" in (folder / "err").read_text()
        assert kept.name in (folder / "err").read_text()
