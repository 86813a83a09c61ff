"""What bulk work costs beside the calls themselves: `python -m benchmarks.bulk --rows 100000 --ledger-rows 1000000`.

Each part runs in a process of its own, against a transport that answers at once, so that CPU and memory are those of the package. CPU
times are told, not the clock's: they bear a machine with other work on it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from multiapi.bulk import BulkJob, Chat, Embed
from multiapi.client.client import AsyncClient
from multiapi.types.chat import ChatRequest, Message

WINDOW = 64
GROUP = 32
LETTERS = "x" * 180


def text_of(number: int) -> str:
    """A text of 200 bytes, different for each row."""
    return f"row {number:09d} {LETTERS}"


class Vendor:
    """Answers at once, and counts how often each row came."""

    def __init__(self, rows: int) -> None:
        self.seen = bytearray(rows)
        self.requests = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"object": "list", "data": []})
        self.requests += 1
        said = json.loads(request.content)["messages"][-1]["content"]
        self.seen[int(said[4:13])] += 1
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        usage = {"prompt_tokens": 50, "completion_tokens": 50, "total_tokens": 100}
        meta = {"usage": {"credits_used": 2, "usd_spent": 0.000001}}
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice], "usage": usage, "meta": meta})


def _job(folder: Path, rows: int) -> dict[str, Any]:
    vendor = Vendor(rows)
    source = folder / "in.jsonl"
    if not source.exists():
        with source.open("w") as file:
            file.writelines(json.dumps({"n": number, "text": text_of(number)}) + "\n" for number in range(rows))
    job = BulkJob(
        source,
        folder / "out.jsonl",
        Chat("aimlapi:m", prompt="{text}", max_tokens=60),
        id="n",
        window=WINDOW,
        api_key="benchmark-key",
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(vendor)),
    )
    report = job.run()
    with (folder / "out.jsonl").open() as file:
        written = sum(1 for _ in file)
    return {
        "requests": vendor.requests,
        "answered twice": sum(1 for count in vendor.seen if count > 1),
        "done": report.done,
        "rows out": written,
    }


class Embedder:
    """Answers embeddings at once, each of 1,536 numbers."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"object": "list", "data": []})
        self.requests += 1
        texts = json.loads(request.content)["input"]
        rows = ",".join(f'{{"index":{index},"embedding":{_VECTOR}}}' for index in range(len(texts)))
        body = f'{{"data":[{rows}],"model":"e","meta":{{"usage":{{"usd_spent":0.000001}}}}}}'
        return httpx.Response(200, content=body, headers={"content-type": "application/json"})


_VECTOR = json.dumps([round(number / 1536, 4) for number in range(1536)], separators=(",", ":"))


def _vectors(folder: Path, rows: int) -> dict[str, Any]:
    embedder = Embedder()
    source = folder / "texts.jsonl"
    with source.open("w") as file:
        file.writelines(json.dumps({"n": number, "text": text_of(number)}) + "\n" for number in range(rows))
    job = BulkJob(
        source,
        folder / "vectors.jsonl",
        Embed("aimlapi:e"),
        id="n",
        window=4,
        api_key="benchmark-key",
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(embedder)),
    )
    report = job.run()
    with (folder / "vectors.jsonl").open() as file:
        written = sum(1 for _ in file)
    return {"requests": embedder.requests, "done": report.done, "rows out": written}


def _bare(folder: Path, rows: int) -> dict[str, Any]:
    vendor = Vendor(rows)

    async def run() -> None:
        client = AsyncClient(
            "aimlapi",
            api_key="benchmark-key",
            http_client=httpx.AsyncClient(transport=httpx.MockTransport(vendor)),
        )
        numbers = iter(range(rows))
        with (folder / "bare.jsonl").open("w") as out:

            async def work() -> None:
                for number in numbers:
                    request = ChatRequest(model="m", messages=[Message("user", text_of(number))], max_tokens=60)
                    answer = await client.chat(request)
                    out.write(json.dumps({"n": number, "answer": answer.text}) + "\n")

            await asyncio.gather(*(work() for _ in range(WINDOW)))

    asyncio.run(run())
    return {"requests": vendor.requests}


def _groups(rows: int) -> Iterator[range]:
    return (range(start, min(start + GROUP, rows)) for start in range(0, rows, GROUP))


def _ledger(folder: Path, rows: int) -> dict[str, Any]:
    from multiapi.bulk.ledger import Ledger
    from multiapi.bulk.entries import Claim, Outcome, State, key_of

    payload = json.dumps({"answer": text_of(0)}).encode()
    with Ledger(folder / "only.job", {"provider": "aimlapi"}) as ledger:
        for group in _groups(rows):
            claims = [Claim(key_of([number]), str(number), number, 1_000) for number in group]
            verdicts = ledger.claim("w", claims)
            for verdict in verdicts:
                ledger.sent(verdict.call)
            ledger.commit()
            ledger.settle(
                [
                    Outcome(key=verdict.key, call=verdict.call, state=State.DONE, answer=payload, cost=500)
                    for verdict in verdicts
                ]
            )
            ledger.commit()
    return {"done": rows}


def _look_up(folder: Path, rows: int) -> dict[str, Any]:
    from multiapi.bulk.ledger import Ledger
    from multiapi.bulk.entries import key_of

    found = 0
    with Ledger(folder / "only.job", {"provider": "aimlapi"}) as ledger:
        for start in range(0, rows, 256):
            numbers = range(start, min(start + 256, rows))
            found += len(ledger.seen([(key_of([number]), number) for number in numbers]))
    return {"found": found}


PARTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "job": _job,
    "rerun": _job,
    "bare": _bare,
    "ledger": _ledger,
    "look up": _look_up,
    "vectors": _vectors,
}


def _peak_kb() -> int:
    """The most memory that this process held.

    `ru_maxrss` would not do on Linux: a process inherits it from the one that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def part(name: str, folder: Path, rows: int) -> None:
    """Run one part in this process, and print what it took."""
    before = time.process_time()
    facts = PARTS[name](folder, rows)
    used = time.process_time() - before
    peak = _peak_kb() / 1000
    print(json.dumps({"rows": rows, "cpu_us_a_row": round(used / rows * 1e6, 1), "peak_mb": round(peak), **facts}))


def main() -> int:
    """Run every part in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--ledger-rows", type=int, default=100_000)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        part(given.part, given.folder, given.rows)
        return 0
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    with tempfile.TemporaryDirectory() as folder:
        for name in PARTS:
            rows = (
                given.ledger_rows if name in {"ledger", "look up"} else given.rows // (20 if name == "vectors" else 1)
            )
            command = [sys.executable, "-m", "benchmarks.bulk", "--part", name, "--folder", folder, "--rows", str(rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"{name}: {done.stdout.strip()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
