"""A job on Ray: the same rows, states and spending as here, one limit for all workers, nothing paid for twice when workers die.

Ray is installed by the extra `ray`; without it these tests are skipped, and the error for a missing Ray is tested instead.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from multiapi.bulk import BulkJob, Chat
from multiapi.bulk.row_files import MissingExtraError
from multiapi.errors import InvalidRequestError
from multiapi.simulator.server import Server
from tests.bulk.test_kill import Counting, serving

LARGE = bool(os.environ.get("MULTIAPI_LARGE"))
HAS_RAY = importlib.util.find_spec("ray") is not None
with_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed (extra `ray`)")

PROGRAM = """
import os, sys
import ray
from multiapi.bulk import BulkJob, Chat
folder, port, count, engine = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.environ["AIMLAPI_API_KEY"] = "key-of-a-test-1"
source = [{"n": number, "text": f"text {number}"} for number in range(count)]
job = BulkJob(source, f"{folder}/out.jsonl", Chat("aimlapi:m", prompt="{text}", max_tokens=5), id="n",
              base_url=f"http://127.0.0.1:{port}/v1", window=16)
if engine == "ray":
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, configure_logging=False)
    print(job.run(engine="ray", workers=2), flush=True)
else:
    print(job.run(), flush=True)
"""


@pytest.fixture
def server() -> Iterator[Counting]:
    yield from serving(faults=False)


def start(
    folder: Path, server: Counting, count: int, engine: str = "ray", program: str = PROGRAM
) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder), str(server.server_address[1]), str(count), engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def states(folder: Path) -> dict[int, str]:
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    return {row["n"]: row["state"] for row in rows}


@with_ray
@pytest.mark.slow
def test_the_same_rows_here_and_on_ray(tmp_path: Path, server: Counting) -> None:
    said, wrong = start(tmp_path / "ray", server, 400).communicate()
    assert "400 of 400 rows done; 400 requests" in said, wrong[-2000:]
    assert set(server.answered.values()) == {1}
    server.answered.clear()
    start(tmp_path / "here", server, 400, "process").communicate()
    assert states(tmp_path / "ray") == states(tmp_path / "here") == dict.fromkeys(range(400), "done")


@with_ray
@pytest.mark.slow
def test_nothing_is_asked_for_after_the_drivers_death(tmp_path: Path, server: Counting) -> None:
    process = start(tmp_path / "job", server, 3000)
    while len(server.answered) < 300:
        assert process.poll() is None, process.communicate()[1][-2000:]
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    process.communicate()
    time.sleep(5)  # what is shown on any machine is that it ends at all, and for good
    last = server.requests
    time.sleep(3)
    assert server.requests == last
    if LARGE:  # the promise
        assert server.last - killed_at <= 2
    print(f"the last request came {server.last - killed_at:.2f} s after the driver's death")
    assert len(server.answered) < 3000
    said, wrong = start(tmp_path / "job", server, 3000).communicate()
    assert "of 3000 rows done" in said, wrong[-2000:]
    assert max(server.answered.values()) == 1, "a text was answered, and so charged, twice"
    found = Counter(states(tmp_path / "job").values())
    assert sum(found.values()) == 3000
    assert found["unknown"] <= 2 * 16


EQUAL = PROGRAM.replace('f"text {number}"}', 'f"text {number // 2}"}').replace('id="n",', "")
"""Each text twice, and no ids: equal rows are told apart by how often they came, over all workers."""


def actors(session: int, kind: str = "WorkerActor") -> list[int]:
    """The processes of the workers of a driver, or that of its owner."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                name, its = (each / "cmdline").read_text(errors="replace"), os.getsid(int(each.name))
            except OSError:
                continue
            if name.startswith(f"ray::{kind}") and its == session:
                found.append(int(each.name))
    return sorted(found)


@with_ray
@pytest.mark.slow
def test_the_rows_of_workers_that_die_are_neither_lost_nor_paid_for_twice(tmp_path: Path, server: Counting) -> None:
    rows = 2000
    process = start(tmp_path / "job", server, rows, program=EQUAL)
    for goal in (200, 500, 900):
        while server.requests < goal:  # waits for the server's count, not for a time
            assert process.poll() is None, process.communicate()[1][-2000:]
            time.sleep(0.005)
        os.kill(actors(process.pid)[0], signal.SIGKILL)
    said, wrong = process.communicate()
    assert f"of {rows} rows done" in said, wrong[-2000:]
    assert max(server.answered.values()) <= 2, "a row was answered, and so charged, twice"
    found = Counter(states(tmp_path / "job").values())
    assert sum(found.values()) == found["done"] + found["unknown"] == rows
    assert found["unknown"] <= 3 * 16


@with_ray
@pytest.mark.slow
def test_workers_driver_and_owner_are_killed_in_one_job(tmp_path: Path, server: Counting) -> None:
    rows = 2000
    process = start(tmp_path / "job", server, rows)

    def until(goal: int) -> None:
        while server.requests < goal:  # waits for the server's count, not for a time
            assert process.poll() is None, process.communicate()[1][-2000:]
            time.sleep(0.005)

    for goal in (150, 350):  # each of the two
        until(goal)
        os.kill(actors(process.pid)[0], signal.SIGKILL)
    until(600)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    time.sleep(5)
    process = start(tmp_path / "job", server, rows)
    until(server.requests + 200)
    os.kill(actors(process.pid, "OwnerActor")[0], signal.SIGKILL)
    process.communicate()
    time.sleep(3)
    said, wrong = start(tmp_path / "job", server, rows).communicate()
    assert f"of {rows} rows done" in said, wrong[-2000:]
    assert max(server.answered.values()) == 1, "a text was answered, and so charged, twice"
    found = Counter(states(tmp_path / "job").values())
    assert sum(found.values()) == found["done"] + found["unknown"] == rows
    assert found["unknown"] <= 5 * 16


LIMITED = """
import os, sys
import ray
from multiapi.bulk import BulkJob, Chat
folder, base_url, model, rows, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
provider = model.partition(":")[0]
os.environ[f"{provider.upper()}_API_KEY"] = "key-of-a-test-1"
source = [{"n": number, "text": f"Say the number {number}."} for number in range(rows)]
job = BulkJob(source, f"{folder}/out.jsonl", Chat(model, prompt="{text}", max_tokens=20), id="n", base_url=base_url, window=64,
              budget=sys.argv[6] if len(sys.argv) > 6 else None)
ray.init(num_cpus=workers + 1, include_dashboard=False, log_to_driver=False, configure_logging=False)
print(job.run(engine="ray", workers=workers), flush=True)
"""


@pytest.fixture
def simulated() -> Iterator[Server]:
    """A simulator on a port, in a thread of this process."""
    serving = Server()
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    yield serving
    serving.stop()
    thread.join()


def limited(folder: Path, serving: Server, model: str, rows: int, workers: int, *budget: str) -> str:
    command = [sys.executable, "-c", LIMITED, str(folder), serving.base_url(model.partition(":")[0]), model]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [*command, str(rows), str(workers), *budget], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@with_ray
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize(
    ("vendor", "model"), [("aicredits", "openai/gpt-4o-mini"), ("binobox", "gemini-3.1-flash-lite")]
)
def test_all_workers_keep_one_documented_limit(
    tmp_path: Path, simulated: Server, vendor: str, model: str, workers: int
) -> None:
    """More rows than a minute lets through, and so more than a minute long, only where that is wanted."""
    simulated.simulator.limits.switch_on(vendor)
    rows = 75 if LARGE else 40
    said = limited(tmp_path, simulated, f"{vendor}:{model}", rows, workers)
    counts = simulated.simulator.counts
    assert f"{rows} of {rows} rows done" in said
    assert 429 not in counts.by_status
    assert counts.most_in_a_minute(vendor) <= 60
    if vendor == "aicredits":
        assert counts.most_at_once <= 5
    assert counts.paid_twice == 0


@with_ray
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10 if LARGE else 1))
def test_a_cap_holds_for_two_workers(tmp_path: Path, simulated: Server, seed: int) -> None:
    cap = Decimal(random.Random(seed).randint(10, 110)) / 10_000
    limited(tmp_path, simulated, "aimlapi:openai/gpt-4o", 60, 2, f"{cap} USD")
    account = simulated.simulator.vendor("aimlapi").account("key-of-a-test-1")
    assert 0 < account.deposit - account.balance <= cap
    limited(tmp_path, simulated, "aimlapi:openai/gpt-4o", 60, 2, "5 USD")
    assert Counter(states(tmp_path).values()) == {"done": 60}
    assert simulated.simulator.counts.paid_twice == 0


@with_ray
@pytest.mark.slow
def test_the_command_runs_on_ray(tmp_path: Path, server: Counting) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"n": number, "text": f"text {number}"}) + "\n" for number in range(60)))
    command = ["batch", str(source), str(tmp_path / "out.jsonl"), "-m", "aimlapi:m", "--prompt", "{text}", "--id", "n"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AIMLAPI_API_KEY": "key-of-a-test-1",
        "AIMLAPI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "multiapi", *command, "--engine", "ray", "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert Counter(states(tmp_path).values()) == {"done": 60}
    assert set(server.answered.values()) == {1}


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_error_names_the_extra(tmp_path: Path) -> None:
    job = BulkJob([{"text": "x"}], tmp_path / "out.jsonl", Chat("aimlapi:m", prompt="{text}"))
    with pytest.raises(MissingExtraError, match=r"multiapi\[ray\]"):
        job.run(engine="ray")


@with_ray
def test_a_key_does_not_travel(tmp_path: Path) -> None:
    job = BulkJob(
        [{"text": "x"}], tmp_path / "out.jsonl", Chat("aimlapi:m", prompt="{text}"), api_key="key-of-a-test-1"
    )
    with pytest.raises(InvalidRequestError, match="environment variable"):
        job.run(engine="ray")
