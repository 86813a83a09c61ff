"""A job on Ray: the same rows, states and spending as here, one limit for all workers, nothing paid for twice when workers die.

Ray is installed by the extra `ray`; without it these tests are skipped, and the error for a missing Ray is tested instead.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiapi.bulk import BulkJob, Chat
from multiapi.bulk.rows import MissingExtraError
from multiapi.errors import InvalidRequestError
from tests.bulk.test_kill import Counting, serving

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
    process.communicate()
    time.sleep(5)  # the promise is two seconds; what is shown here is that it ends at all, and for good
    last = server.requests
    time.sleep(3)
    assert server.requests == last
    assert len(server.answered) < 3000
    said, wrong = start(tmp_path / "job", server, 3000).communicate()
    assert "of 3000 rows done" in said, wrong[-2000:]
    assert max(server.answered.values()) == 1, "a text was answered, and so charged, twice"
    found = Counter(states(tmp_path / "job").values())
    assert sum(found.values()) == 3000
    assert found["unknown"] <= 2 * 16


EQUAL = PROGRAM.replace('f"text {number}"}', 'f"text {number // 2}"}').replace('id="n",', "")
"""Each text twice, and no ids: equal rows are told apart by how often they came, over all workers."""


def actors(session: int) -> list[int]:
    """The processes of the workers of a driver."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                name, its = (each / "cmdline").read_text(errors="replace"), os.getsid(int(each.name))
            except OSError:
                continue
            if name.startswith("ray::WorkerActor") and its == session:
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
