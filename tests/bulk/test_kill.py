"""A job that is killed at any moment and started again: counts are taken on the server's side."""

from __future__ import annotations

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

WINDOW = 8
PROGRAM = (
    """
import sys
from multiapi.bulk import BulkJob, Chat
folder, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
source = [{"n": number, "text": f"text {number}"} for number in range(count)]
job = BulkJob(source, f"{folder}/out.jsonl", Chat("aimlapi:m", prompt="{text}", max_tokens=5), id="n", api_key="key-of-a-test-1",
              base_url=f"http://127.0.0.1:{port}/v1", window=%d)
print(job.run(), flush=True)
"""
    % WINDOW
)


class Counting(ThreadingHTTPServer):
    """Answers chats, now and then not as wished; remembers how often each text was answered with 200."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, faults: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = faults
        self.chance = random.Random(7)
        self.lock = threading.Lock()
        self.answered: Counter[str] = Counter()
        self.requests = 0
        self.last = 0.0
        """When the last request came, by the monotonic clock."""

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._say(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][-1]["content"]
        with server.lock:
            server.requests += 1
            server.last = time.monotonic()
            fault = server.chance.random() if server.faults else 1.0
        if fault < 0.02:
            self._say(429, {"error": {"message": "slow"}})
            return
        if fault < 0.05:
            self._say(500, {"error": {"message": "broken"}})
            return
        time.sleep(0.002)
        with server.lock:
            server.answered[text] += 1  # from here on it was carried out and charged
        if fault < 0.06:
            self.close_connection = True
            self.connection.close()
            return
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
        self._say(200, {"id": "a", "model": "m", "choices": [choice]})

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(params=[False, True], ids=["plain", "faults"])
def server(request: pytest.FixtureRequest) -> Iterator[Counting]:
    yield from serving(faults=request.param)


def serving(*, faults: bool) -> Iterator[Counting]:
    """A server while it is needed."""
    counting = Counting(faults)
    thread = threading.Thread(target=counting.serve_forever, daemon=True)
    thread.start()
    yield counting
    counting.shutdown()
    counting.server_close()
    thread.join()


def start(folder: Path, server: Counting, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(server.server_address[1]), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_no_text_is_paid_for_twice_however_often_the_job_is_killed(tmp_path: Path, server: Counting) -> None:
    rows, kills = 600, 20
    chance = random.Random(3)
    for number in range(1, kills + 1):
        process = start(tmp_path, server, rows)
        goal = int(rows * (number - chance.random() / 2) / (kills + 2))
        while process.poll() is None and len(server.answered) < goal:
            time.sleep(0.001)  # waits for the server's count, not for a time
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(tmp_path, server, rows)
    said, wrong = process.communicate()
    assert process.returncode == 0, wrong
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    states = Counter(row["state"] for row in out)
    assert max(server.answered.values()) == 1, "a text was answered, and so charged, twice"
    assert sum(states.values()) == rows
    lost = int(server.requests * 0.03) if server.faults else 0
    assert states["unknown"] <= kills * WINDOW + lost, said
    done = {row["text"] for row in out if row["state"] == "done"}
    assert done <= set(server.answered)
    assert len(set(server.answered) - done) <= states["unknown"] + states["failed"]


def test_a_second_job_on_a_living_one_is_refused(tmp_path: Path, server: Counting) -> None:
    process = start(tmp_path, server, 2000)
    while not (tmp_path / "out.jsonl.job" / "lock").exists() or len(server.answered) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    second = start(tmp_path, server, 2000)
    _, wrong = second.communicate()
    process.kill()
    process.communicate()
    assert second.returncode == 1
    assert f"is in use by process {process.pid}" in wrong
