"""How many answers and stream chunks the simulator gives per second, with validation on, from one process.

    python benchmarks/simulator_throughput.py [--seconds 5]

The simulator runs in a process of its own. The load comes from this process over raw sockets, because an HTTP client
that parses every answer would be the slower half. Each answer is counted only if its status is 200 and its body is
whole: by Content-Length, or by the closing chunk and `[DONE]`.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 16


def request(origin: str, body: dict[str, object]) -> bytes:
    """A chat request to AI/ML API as it stands on the wire."""
    host = urlsplit(origin).netloc
    data = json.dumps(body).encode()
    head = (
        "POST /aimlapi/v1/chat/completions HTTP/1.1\r\n"
        f"host: {host}\r\nauthorization: Bearer sk-benchmark-key\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def whole_answers(origin: str, until: float) -> int:
    """Ask for whole answers on one connection until a time; how many came."""
    url = urlsplit(origin)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    ask = request(
        origin, {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Name one prime number."}]}
    )
    count = 0
    while time.perf_counter() < until:
        writer.write(ask)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert body.endswith(b"}")
        count += 1
    writer.close()
    return count


async def stream_chunks(origin: str, until: float) -> int:
    """Ask for streamed answers on one connection until a time; how many events came."""
    url = urlsplit(origin)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=2**22)
    prompt = "Write 900 words about the sea."
    ask = request(origin, {"model": "openai/gpt-4o", "stream": True, "messages": [{"role": "user", "content": prompt}]})
    count = 0
    while time.perf_counter() < until:
        writer.write(ask)
        answer = await reader.readuntil(b"\r\n0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        assert b"data: [DONE]" in answer
        count += answer.count(b"data: ")
    writer.close()
    return count


async def measured(work: object, origin: str, seconds: float) -> float:
    """How much per second, over all connections."""
    begun = time.perf_counter()
    counts = await asyncio.gather(*(work(origin, begun + seconds) for _ in range(CONNECTIONS)))  # type: ignore[operator]
    return sum(counts) / (time.perf_counter() - begun)


def main() -> int:
    """Measure and print; the exit status says whether both figures are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="how long each figure is measured (default: %(default)s)"
    )
    options = parser.parse_args()
    command = [sys.executable, "-m", "multiapi.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            origin = server.stdout.readline().strip().removeprefix("multiapi simulator on ")
            asyncio.run(measured(whole_answers, origin, 0.5))
            answers = asyncio.run(measured(whole_answers, origin, options.seconds))
            chunks = asyncio.run(measured(stream_chunks, origin, options.seconds))
        finally:
            server.terminate()
    print(f"whole answers per second: {answers:8.0f}   (wanted: at least  1000)")
    print(f"stream chunks per second: {chunks:8.0f}   (wanted: at least 20000)")
    return 0 if answers >= 1000 and chunks >= 20_000 else 1


if __name__ == "__main__":
    sys.exit(main())
