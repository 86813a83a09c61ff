"""Jobs: what is said while they run, and how one goes on with them."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.simulator import Simulator
from multiapi.types.jobs import Job
from tests.cli.conftest import COMMAND, RunCli

JOB = re.compile(r"--job (\S+)")


@pytest.fixture
def quick(served: Simulator, monkeypatch: pytest.MonkeyPatch, at_once: list[float]) -> Simulator:
    monkeypatch.setattr(served, "job_wait_s", 0.0)
    monkeypatch.setattr(served, "job_run_s", 0.0)
    return served


def test_state_time_and_expected_cost_are_told(cli: RunCli) -> None:
    ran = cli("video", "-p", "binobox", "--simulator", "a cat", "-o", "cat.mp4")
    assert ran.code == 0
    lines = [line for line in ran.err.splitlines() if line.startswith("job ")]
    assert re.fullmatch(r"job \S+: pending after 0 s, about 800 diamonds", lines[0])
    assert re.fullmatch(r"job \S+: completed after \d s, 800 diamonds", lines[-1])
    assert ran.err.splitlines()[-1] == "veo-3-lite-generate · cost 800 diamonds"


@pytest.mark.parametrize(
    ("command", "provider", "model"),
    [
        ("video", "aimlapi", "alibaba/wan-2-6-t2v"),
        ("video", "binobox", "veo-3-lite-generate"),
        ("music", "aimlapi", ""),
    ],
)
def test_a_job_is_started_now_and_fetched_later(
    cli: RunCli, quick: Simulator, tmp_path: Path, command: str, provider: str, model: str
) -> None:
    started = cli(command, "-p", provider, "a cat", "--no-wait")
    assert started.code == 0
    job = started.out.strip()
    assert f"multiapi {command} -p {provider} --job {job}" in started.err
    ran = cli(command, "-p", provider, "--job", job, "-o", "made", "--json")
    assert ran.json["job_id"] == job
    assert (tmp_path / ran.json["media"][0]["path"]).stat().st_size == ran.json["media"][0]["size_bytes"]
    assert sum(entry.method == "POST" for entry in quick.log) == 1


def test_a_transcription_is_fetched_later(cli: RunCli, quick: Simulator) -> None:
    assert cli("speech", "-p", "aimlapi", "the tide turns", "-o", "tide.mp3").code == 0
    started = cli("transcribe", "-p", "aimlapi", "tide.mp3", "--no-wait", "--json")
    job = started.json["job"]
    assert (job["kind"], job["provider"]) == ("transcription", "aimlapi")
    assert cli("transcribe", "-p", "aimlapi", "--job", job["id"]).out == "the tide turns\n"


def test_what_is_no_job_cannot_be_started_without_waiting(cli: RunCli, quick: Simulator) -> None:
    assert cli("music", "-p", "binobox", "calm piano", "--no-wait").code == 11
    assert not quick.log


def test_a_job_that_takes_too_long(cli: RunCli, served: Simulator, at_once: list[float]) -> None:
    served.faults.add("job=stuck", vendor="binobox")
    ran = cli("video", "-p", "binobox", "a cat", "--wait", "3", "--json")
    assert ran.code == 10
    job = ran.json["error"]["job_id"]
    assert ran.error == (
        f"error: the video is not finished yet. Job {job} keeps running, resume with: "
        f"multiapi video -p binobox --job {job} --json"
    )


@pytest.mark.parametrize("how", ["new", "--job"])
@pytest.mark.parametrize("seconds", [3.0, 0.5, 45.0])
def test_questions_about_a_job_come_as_often_as_is_said(
    cli: RunCli, served: Simulator, at_once: list[float], seconds: float, how: str
) -> None:
    served.faults.add("job=stuck", vendor="binobox")
    wanted = ["a cat"]
    if how == "--job":
        wanted = ["--job", cli("video", "-p", "binobox", "a cat", "--no-wait").out.strip()]
    at_once.clear()
    usual = cli("video", "-p", "binobox", *wanted, "--wait", "200")
    grows = list(at_once)
    assert grows != sorted(grows)[:1] * len(grows)
    at_once.clear()
    ran = cli("video", "-p", "binobox", *wanted, "--wait", "200", "--poll-every", str(seconds))
    assert (usual.code, ran.code) == (10, 10)
    assert set(at_once[:-1]) == {seconds}  # the last wait ends with the time that was given
    assert len(at_once) == pytest.approx(200 / seconds, abs=2)


@pytest.mark.parametrize("options", [["--json"], ["-o", "two  words.mp4", "--force", "--timeout", "20", "--quiet"], []])
@pytest.mark.parametrize("started", ["--no-wait", "too late"])
def test_printed_commands_work_as_they_are_printed(
    cli: RunCli, quick: Simulator, at_once: list[float], tmp_path: Path, options: list[str], started: str
) -> None:
    if started == "--no-wait":
        options = [option for option in options if option != "--quiet"]
        ran = cli("video", "-p", "binobox", "a cat", "--no-wait", *options)
        said = ran.json["resume"] if "--json" in options else ran.err.splitlines()[-1]
    else:
        quick.faults.add("job=stuck", vendor="binobox", times=2)
        ran = cli("video", "-p", "binobox", "a cat", "--wait", "0.001", *options)
        said = ran.error.partition("resume with: ")[2]
    for job in quick.jobs.all.values():
        job.ending = "completed"
    program, *words = shlex.split(said)
    assert program == "multiapi"
    fetched = cli(*words)
    assert fetched.code == 0, fetched.err
    assert sum(entry.method == "POST" for entry in quick.log) == 1
    if "-o" in options:
        assert fetched.out == "two  words.mp4\n"
    if "--json" in options:
        assert fetched.json["media"]


def test_a_password_of_a_proxy_is_not_printed() -> None:
    run = Run("video", proxy="http://me:s3cret@proxy:1", to_go_on=["--proxy", "http://me:s3cret@proxy:1"])
    said = run.resume(Job(id="j", provider="binobox", kind="video"))
    assert "s3cret" not in said
    assert "--proxy" in said


@pytest.mark.parametrize("option", [("--no-wait",), ("--job", "j")])
@pytest.mark.parametrize("command", ["video", "music", "transcribe"])
def test_the_simulator_inside_keeps_no_jobs(cli: RunCli, command: str, option: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    ran = cli(command, "-p", "aimlapi", "--simulator", "a.mp3", *option)
    assert ran.code == 2
    assert "`multiapi simulator`" in ran.error


def test_a_job_that_fails(cli: RunCli, quick: Simulator) -> None:
    quick.faults.add("job=fail", vendor="binobox")
    ran = cli("video", "-p", "binobox", "a cat")
    assert ran.code == 10
    assert ran.error.startswith("error: binobox gave up on the video (job ")


def test_a_job_that_is_paid_back(cli: RunCli, quick: Simulator) -> None:
    quick.faults.add("job=refund", vendor="binobox")
    assert "800 diamonds came back" in cli("video", "-p", "binobox", "a cat").err
    quick.faults.add("job=refund", vendor="binobox")
    told = cli("video", "-p", "binobox", "a cat", "--json")
    assert "800 diamonds came back" in told.out + told.err and "GENERATION_FAILED" in told.out + told.err


def test_ctrl_c_tells_how_to_go_on(environment: dict[str, str], served: Simulator, tmp_path: Path) -> None:
    """A real process, a real signal, and then the command it printed."""
    words = [*COMMAND, "video", "-p", "binobox", "a cat"]
    process = subprocess.Popen(
        words, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("job "), first
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err.startswith("error: interrupted. Job ")
    assert len(err.splitlines()) == 1
    found = JOB.search(err)
    assert found is not None
    job = found[1]

    time.sleep(1.5)
    words = [*COMMAND, "video", "-p", "binobox", "--job", job, "-o", "cat.mp4"]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "cat.mp4\n"), done.stderr
    assert len([entry for entry in served.log if entry.method == "POST"]) == 1


def test_ctrl_c_on_the_simulator_promises_nothing(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Client, request, *, timeout_s: float, on_progress) -> None:
        from multiapi.types.jobs import Job, Progress

        on_progress(Progress(Job(id="job-1", provider="binobox", status="pending"), 0.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "video", interrupted)
    ran = cli("video", "-p", "binobox", "--simulator", "a cat", "--json")
    assert ran.code == 130
    assert ran.error == "error: interrupted. Job job-1 was the simulator's and ended with it"
    assert (ran.json["error"]["type"], ran.json["error"]["job_id"]) == ("KeyboardInterrupt", "job-1")


def test_a_terminal_shows_a_bar_and_half_blocks(environment: dict[str, str], tmp_path: Path) -> None:
    """Both streams are one terminal here."""
    environment = {name: value for name, value in environment.items() if name not in {"NO_COLOR", "TMUX", "COLUMNS"}}
    environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8"}

    def shown(*words: str) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *words], env=environment, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
        assert process.wait(20) == 0
        return seen.decode()

    film = shown("video", "-p", "binobox", "a cat", "-o", "cat.mp4")
    assert "filming: pending" in film
    assert "about 800 diamonds" in film
    assert "0:00:01" in film
    assert "▀" in shown("image", "-p", "binobox", "a cat", "-o", "cat.png")
    assert "▀" not in shown("image", "-p", "binobox", "a cat", "-o", "other.png", "--no-show")


def test_a_finished_job_is_not_lost_where_the_disk_fails(
    cli: RunCli, quick: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Client, *_: object) -> None:
        raise OSError(28, "No space left on device", "cat.mp4")

    monkeypatch.setattr(Client, "save", full)
    ran = cli("video", "-p", "binobox", "a cat", "-o", "cat.mp4")
    assert ran.code == 1
    assert re.fullmatch(
        r"error: cat.mp4: No space left on device. Job (\S+) is done; fetch it with: "
        r"multiapi video -p binobox --job \1 --output cat.mp4",
        ran.error,
    )
    assert "for a while it is at http" in ran.err


def test_ctrl_c_while_a_picture_is_made(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "image", interrupted)
    ran = cli("image", "-p", "binobox", "a cat")
    assert (ran.code, ran.error) == (130, "error: interrupted; what was asked for may be carried out and charged")
