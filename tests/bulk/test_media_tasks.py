"""Pictures, speech, transcripts and documents by the hundred: paid once, kept as files, and lost in no failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Image, Ocr, Speech, Task, Transcribe
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image, speak

COUNT = 12


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nor for the minute of a documented rate, which the tests of this process would share."""
    monkeypatch.setattr("multiapi.sending.limiter.documented_limiter", lambda *_: None)
    with without_waiting():
        yield


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"note{number}.wav").write_bytes(speak(f"the weather is number {number}", "audio/wav"))
        (folder / f"page{number}.png").write_bytes(draw_image(f"page number {number}", 64, 64))
    return folder


TASKS: dict[str, Any] = {
    "binobox image": lambda _: Image("binobox:imagen-4-fast-generate", prompt="a {thing}"),
    "aimlapi image": lambda _: Image("aimlapi:flux/schnell", prompt="a {thing}"),
    "bineric image": lambda _: Image("bineric:stability-ai", prompt="a {thing}"),
    "aicredits image": lambda _: Image("aicredits:openai/dall-e-3", prompt="a {thing}"),
    "binobox speech": lambda _: Speech("binobox:gemini-3.1-flash-tts", text="say {thing}", voice="Kore"),
    "aimlapi speech": lambda _: Speech("aimlapi:openai/tts-1", text="say {thing}", voice="alloy"),
    "aicredits transcribe": lambda folder: Transcribe("aicredits:openai/whisper-1", audio="sound", input_dir=folder),
    "bineric transcribe": lambda folder: Transcribe("bineric:whisper-large", audio="sound", input_dir=folder),
    "aimlapi transcribe": lambda folder: Transcribe("aimlapi:#g1_whisper-large", audio="sound", input_dir=folder),
    "aimlapi ocr": lambda folder: Ocr("aimlapi:mistral-ocr-latest", document="scan", input_dir=folder),
}


def job(simulator: Simulator, folder: Path, task: Task, count: int = COUNT, **settings: Any) -> BulkJob:
    rows = [
        {"n": number, "thing": f"boat number {number}", "sound": f"note{number}.wav", "scan": f"page{number}.png"}
        for number in range(count)
    ]
    return BulkJob(
        rows,
        folder / "out.jsonl",
        task,
        id="n",
        api_key="any-key-1234",
        base_url=simulator.base_url(task.provider.name),
        http_client=httpx.AsyncClient(transport=simulator.async_transport),
        **settings,
    )


def lost(simulator: Simulator, provider: str) -> Decimal:
    accounts = simulator.vendor(provider).accounts.values()
    return sum((account.deposit - account.balance for account in accounts), Decimal(0))


@pytest.mark.parametrize("name", TASKS)
def test_each_row_is_made_once_and_kept(tmp_path: Path, inputs: Path, name: str) -> None:
    simulator = Simulator(job_wait_s=0, job_run_s=0)
    task = TASKS[name](inputs)
    report = job(simulator, tmp_path, task).run()
    assert (report.done, report.failed, report.unknown) == (COUNT, 0, 0)
    paid = lost(simulator, task.provider.name)
    assert paid > 0
    if task.provider.tells_cost:
        assert report.spent == paid
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    if isinstance(task, Image | Speech):
        paths = [Path(row["file"]) for row in rows]
        assert len(set(paths)) == COUNT
        assert {path.parent for path in paths} == {tmp_path / "out.jsonl.files"}
        assert all(path.stat().st_size > 0 for path in paths)
        assert {path.suffix for path in paths} <= {".png", ".jpg", ".mp3", ".wav"}
    else:
        assert all(f"number {row['n']}" in row["answer"] or row["answer"] for row in rows)
    again = job(simulator, tmp_path, TASKS[name](inputs)).run()
    assert (again.sent, again.done) == (0, COUNT)
    assert lost(simulator, task.provider.name) == paid


@pytest.mark.parametrize("fault", ["status=429;retry-after=0", "status=500", "drop", "lost", "drop-body"])
@pytest.mark.parametrize("name", TASKS)
def test_no_failure_makes_a_row_be_paid_for_twice(tmp_path: Path, inputs: Path, name: str, fault: str) -> None:
    """Also where the failure hits a question about a job, or the file that was made."""
    simulator = Simulator(job_wait_s=0, job_run_s=0)
    simulator.faults.add(fault, rate=0.3, seed=5)
    task = TASKS[name](inputs)
    report = job(simulator, tmp_path, task).run()
    assert report.done + report.failed + report.unknown == COUNT
    (account,) = simulator.vendor(task.provider.name).accounts.values()
    charged = [charge for charge in account.charges if charge.ok and charge.amount > 0]
    assert len(charged) <= COUNT
    assert len(charged) <= report.done + report.unknown + report.failed
    if fault.startswith("status=429"):
        assert report.done == COUNT


def test_a_job_whose_end_nobody_saw_is_unknown_with_its_id(tmp_path: Path, inputs: Path) -> None:
    simulator = Simulator(job_wait_s=0, job_run_s=0)
    simulator.faults.add("job=stuck", operation="createTranscription", times=1)
    report = job(simulator, tmp_path, TASKS["aimlapi transcribe"](inputs), count=3, window=1).run()
    assert (report.done, report.unknown) == (2, 1)
    (row,) = job(simulator, tmp_path, TASKS["aimlapi transcribe"](inputs), count=3).unknown()
    assert row["error_class"] == "JobTimeoutError"
    assert "job" in row["error"]


@pytest.mark.parametrize("answer", ["never connected", "429", "404", "500"])
def test_what_happens_to_questions_about_a_job_does_not_start_it_again(
    tmp_path: Path, inputs: Path, answer: str
) -> None:
    simulator = Simulator(job_wait_s=0, job_run_s=0)
    started: list[str] = []

    async def send(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            started.append(str(request.url))
        elif "/stt/" in request.url.path:
            if answer == "never connected":
                raise httpx.ConnectError("refused", request=request)
            return httpx.Response(int(answer), headers={"retry-after": "0"}, json={"message": "not now"})
        return await simulator.async_transport.handle_async_request(request)

    made = job(simulator, tmp_path, TASKS["aimlapi transcribe"](inputs), count=2)
    made.http_client = httpx.AsyncClient(transport=httpx.MockTransport(send))
    report = made.run()
    assert len(started) == 2
    assert (report.done, report.unknown) == (0, 2)
    assert made.run().sent == 0
    assert len(started) == 2


def test_two_pictures_of_one_prompt_are_two_files(tmp_path: Path) -> None:
    simulator = Simulator()
    task = Image("binobox:imagen-4-fast-generate", prompt="a boat")
    job(simulator, tmp_path, task, count=3).run()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert all(Path(row["file"]).is_file() for row in rows)


@pytest.mark.parametrize("named", ["../secret.wav", "/etc/hostname", "no.wav", "", 7, None])
def test_a_file_outside_of_the_folder_or_missing_fails_its_row_unsent(tmp_path: Path, inputs: Path, named: Any) -> None:
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    simulator = Simulator()
    made = BulkJob(
        [{"n": 1, "sound": "note1.wav"}, {"n": 2, "sound": named}],
        tmp_path / "out.jsonl",
        Transcribe("aicredits:openai/whisper-1", audio="sound", input_dir=inputs),
        id="n",
        api_key="any-key-1234",
        base_url=simulator.base_url("aicredits"),
        http_client=httpx.AsyncClient(transport=simulator.async_transport),
    )
    report = made.run()
    assert (report.done, report.failed) == (1, 1)
    (account,) = simulator.vendor("aicredits").accounts.values()
    assert len(account.charges) == 1


def test_a_changed_file_is_a_new_row_and_a_renamed_one_is_not(inputs: Path) -> None:
    task = Transcribe("aicredits:openai/whisper-1", audio="sound", input_dir=inputs)
    first = task.prepare({"sound": "note1.wav"}).identity
    (inputs / "renamed.wav").write_bytes((inputs / "note1.wav").read_bytes())
    assert task.prepare({"sound": "renamed.wav"}).identity == first
    (inputs / "note1.wav").write_bytes((inputs / "note2.wav").read_bytes())
    assert task.prepare({"sound": "note1.wav"}).identity != first


def test_what_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(UnsupportedError, match="no ocr"):
        Ocr("binobox:m")
    with pytest.raises(InvalidRequestError, match="no setting 'colour'"):
        Image("binobox:m", prompt="x", colour="red")
    with pytest.raises(InvalidRequestError, match="template"):
        Speech("binobox:m", text="{")


def test_a_picture_that_cannot_be_fetched_keeps_its_address(tmp_path: Path) -> None:
    simulator = Simulator()

    async def send(request: httpx.Request) -> httpx.Response:
        if "/images" in request.url.path and request.method == "POST":
            return await simulator.async_transport.handle_async_request(request)
        if request.method == "GET" and "/models" not in request.url.path:
            return httpx.Response(404)
        return await simulator.async_transport.handle_async_request(request)

    task = Image("aimlapi:flux/schnell", prompt="a {thing}")
    made = BulkJob(
        [{"n": 1, "thing": "boat"}],
        tmp_path / "out.jsonl",
        task,
        id="n",
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(send)),
    )
    report = made.run()
    assert (report.done, report.sent >= 1) == (1, True)
    (row,) = made.results()
    assert row["file"] is None
    assert row["urls"][0].startswith("http")
