"""The cases, and the worker that runs one of them with one client in a process of its own.

    python -m benchmarks.cases --case invoke --client lc-openai --url http://127.0.0.1:PORT [--params '{"n": 300}']

prints one line `RESULT {json}`. CPU figures are `time.process_time` (user and system, all threads of this process); the
server is another process. Each worker checks that the text, vectors or arguments it got are right.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from benchmarks.clients import CLIENTS, PROMPT, Client
from benchmarks.floors import with_fields_of
from benchmarks.server import args_json, fragments, spec_of, text_of

warnings.filterwarnings("ignore")
cpu, wall, median = time.process_time, time.perf_counter, statistics.median

USER = [("user", PROMPT)]
LONG_HISTORY = [
    ("system", "You are a benchmark."),
    *[("assistant" if i % 2 else "user", f"message {i} " * 18) for i in range(499)],
]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def rss_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def give_back() -> None:
    """Have the allocator return what is free, so that memory of an earlier round does not hide that of the next."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mb() -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM"))


def server(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url + "/__stats", timeout=10) as answer:
        return json.loads(answer.read())


class Timer:
    """CPU and wall seconds of a block."""

    def __enter__(self):
        gc.collect()
        self._wall, self._cpu = wall(), cpu()
        return self

    def __exit__(self, *error):
        self.cpu, self.wall = cpu() - self._cpu, wall() - self._wall


def per_item(times: list[float], items: int) -> float:
    """Microseconds: the median of the repetitions."""
    return median(times) / items * 1e6


# ------------------------------------------------------------------------------------------------ the cases


def import_(client: Client, url: str, repetitions: int = 3) -> dict[str, float]:
    """A fresh interpreter and the client's import statement."""
    code = (
        "import time, sys\n"
        "modules = len(sys.modules); wall = time.perf_counter(); cpu = time.process_time()\n"
        f"{client.imports}\n"
        "print('R', (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3, len(sys.modules) - modules)\n"
    )
    runs = []
    for _ in range(repetitions + 1):
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
        runs.append([float(word) for word in out.stdout.split()[1:]])
    walls, cpus, modules = zip(*runs[1:], strict=True)
    return {"cpu_ms": median(cpus), "wall_ms": median(walls), "modules": modules[0]}


def construct(client: Client, url: str, n: int = 100) -> dict[str, float]:
    """The first model and call (what was put off until then shows here), further models, a model for each call."""
    client.load()
    messages = client.messages(USER)
    with Timer() as first:
        client.invoke(client.make(url, "size-200"), messages)
    again, each = [], []
    for _ in range(n):
        begin = cpu()
        client.make(url, "size-200")
        again.append(cpu() - begin)
    for _ in range(n):
        begin = cpu()
        client.invoke(client.make(url, "size-200"), messages)
        each.append(cpu() - begin)
    found = {"first_total_ms": first.cpu * 1e3, "again_us": median(again) * 1e6, "again_call_us": median(each) * 1e6}
    if not client.network:
        found["again_same_fields_us"] = construct_with_fields(client, url, n)
    return found


def construct_with_fields(floor: Client, url: str, n: int) -> float:
    """As `again_us`, for the framework's class with the fields of the product's."""
    product = CLIENTS[f"{floor.group}-multiapi"]
    product.load()
    made = with_fields_of(type(floor.make(url, "size-200")), type(product.make(url, "size-200")))
    times = []
    for _ in range(n):
        begin = cpu()
        made(provider="aimlapi", model="size-200", base_url=url + "/v1", api_key="k")
        times.append(cpu() - begin)
    return median(times) * 1e6


def invoke(client: Client, url: str, n: int = 200, repetitions: int = 5) -> dict[str, float]:
    """One call after the other."""
    client.load()
    model, messages = client.make(url, "size-200"), client.messages(USER)
    for _ in range(20):
        answer = client.invoke(model, messages)
    assert client.text(answer)
    before, cpus, walls = server(url), [], []
    for _ in range(repetitions):
        with Timer() as timer:
            for _ in range(n):
                client.invoke(model, messages)
        cpus.append(timer.cpu)
        walls.append(timer.wall)
    after = server(url)
    return {
        "cpu_us": per_item(cpus, n),
        "wall_us": per_item(walls, n),
        "requests_per_call": (after["requests"] - before["requests"]) / (n * repetitions),
    }


def ainvoke(client: Client, url: str, n: int = 200, repetitions: int = 5) -> dict[str, float]:
    """One awaited call after the other."""
    client.load()

    async def main():
        model, messages = client.make(url, "size-200"), client.messages(USER)
        for _ in range(20):
            answer = await client.ainvoke(model, messages)
        assert client.text(answer)
        cpus, walls = [], []
        for _ in range(repetitions):
            with Timer() as timer:
                for _ in range(n):
                    await client.ainvoke(model, messages)
            cpus.append(timer.cpu)
            walls.append(timer.wall)
        return {"cpu_us": per_item(cpus, n), "wall_us": per_item(walls, n)}

    return asyncio.run(main())


def check_stream(client: Client, text: str, model: str) -> None:
    if client.network:
        spec = spec_of(model)
        assert text == text_of(spec.stream * spec.chunk), f"the text of the stream differs: {text[:80]!r}"


def stream(client: Client, url: str, n: int = 1000, repetitions: int = 5, how: str = "write-all") -> dict[str, float]:
    """CPU per chunk of a stream, and how many connections all streams together needed."""
    client.load()
    name = f"stream-{n}.{how}"
    model, messages = client.make(url, name), client.messages(USER)
    before = server(url)
    check_stream(client, "".join(client.delta(chunk) for chunk in client.stream(model, messages)), name)
    cpus = []
    for _ in range(repetitions):
        with Timer() as timer:
            for _ in client.stream(model, messages):
                pass
        cpus.append(timer.cpu)
    connections = server(url)["connections"] - before["connections"] - 1
    return {"cpu_us_chunk": per_item(cpus, n), "connections": connections}


def astream(client: Client, url: str, n: int = 1000, repetitions: int = 5, how: str = "write-all") -> dict[str, float]:
    """The same, awaited."""
    client.load()
    name = f"stream-{n}.{how}"

    async def main():
        model, messages = client.make(url, name), client.messages(USER)
        before = server(url)
        chunks = [client.delta(chunk) async for chunk in await client.astream(model, messages)]
        check_stream(client, "".join(chunks), name)
        cpus = []
        for _ in range(repetitions):
            with Timer() as timer:
                async for _ in await client.astream(model, messages):
                    pass
            cpus.append(timer.cpu)
        connections = server(url)["connections"] - before["connections"] - 1
        return {"cpu_us_chunk": per_item(cpus, n), "connections": connections}

    return asyncio.run(main())


def first_chunk(client: Client, url: str, n: int = 60) -> dict[str, float]:
    """Wall time from the call to the first text; the stream is 20 chunks, 2 ms apart."""
    client.load()
    model, messages = client.make(url, "stream-20.pace-2ms"), client.messages(USER)
    waits = []
    for _ in range(n):
        begin, waited = wall(), None
        for chunk in client.stream(model, messages):
            if waited is None and client.delta(chunk):
                waited = wall() - begin
        waits.append(waited)
    return {"wait_us": median(waits[5:]) * 1e6, "connections_per_stream": (server(url)["connections"] - 1) / n}


def paced_streams(client: Client, url: str, concurrent: int = 50, n: int = 100) -> dict[str, float]:
    """Many streams at once in one event loop, a chunk every 5 ms each, as a chat server has them."""
    client.load()

    async def main():
        model, messages = client.make(url, f"stream-{n}.pace-5ms"), client.messages(USER)

        async def one():
            async for _ in await client.astream(model, messages):
                pass

        await one()
        with Timer() as timer:
            await asyncio.gather(*[one() for _ in range(concurrent)])
        return {"cpu_us_chunk": timer.cpu / (concurrent * n) * 1e6, "wall_over_ideal": timer.wall / (n * 0.005)}

    return asyncio.run(main())


def tools(
    client: Client, url: str, size: int = 100_000, mode: str = "accumulate", budget_s: float = 60.0
) -> dict[str, float]:
    """One streamed tool call with so many bytes of arguments, in fragments of 2 to 20 bytes."""
    client.load()
    wanted = json.loads(args_json(size))
    count = len(fragments(args_json(size), 2, 20))
    settings = {"streaming": True} if mode == "invoke" and client.group == "lc" else {}
    messages = client.messages(USER)
    client.run_tools(client.with_tools(client.make(url, "tools-200.frag-2-20", **settings)), messages, mode)
    model = client.with_tools(client.make(url, f"tools-{size}.frag-2-20", **settings))
    begin, cpus, got = wall(), [], None
    for _ in range(3):
        with Timer() as timer:
            got = client.run_tools(model, messages, mode)
        cpus.append(timer.cpu)
        if wall() - begin > budget_s / 3:
            break
    got = json.loads(got) if isinstance(got, str) else got
    assert mode == "read" or got == wanted, "the arguments differ"
    return {"cpu_ms": median(cpus) * 1e3, "cpu_us_fragment": per_item(cpus, count)}


def concurrent(client: Client, url: str, calls: int = 200, rounds: int = 3) -> dict[str, float]:
    """So many awaited calls at once to a server that answers after 50 ms."""
    client.load()

    async def main():
        model, messages = client.make(url, "size-200.sleep-50ms"), client.messages(USER)
        for _ in range(5):
            await client.ainvoke(model, messages)
        waits: list[float] = []

        async def one():
            begin = wall()
            answer = await client.ainvoke(model, messages)
            waits.append(wall() - begin)
            return answer

        cpus, walls = [], []
        for number in range(rounds + 1):
            with Timer() as timer:
                answers = await asyncio.gather(*[one() for _ in range(calls)])
            assert all(client.text(answer) for answer in answers)
            if number == 0:  # opens the connections
                waits.clear()
                continue
            cpus.append(timer.cpu)
            walls.append(timer.wall)
        return {
            "cpu_us": per_item(cpus, calls),
            "answers_per_s": calls / median(walls),
            "p50_ms": percentile(waits, 0.5) * 1e3,
            "p99_ms": percentile(waits, 0.99) * 1e3,
            "most_connections": server(url)["peak_open"] - 1,
        }

    return asyncio.run(main())


def threads(client: Client, url: str, number: int = 32, n: int = 20) -> dict[str, float]:
    """Many threads on one model; the server answers after 5 ms."""
    client.load()
    model, messages = client.make(url, "size-200.sleep-5ms"), client.messages(USER)
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(lambda _: client.invoke(model, messages), range(number * 2)))
        with Timer() as timer:
            answers = list(pool.map(lambda _: client.invoke(model, messages), range(number * n)))
    assert all(client.text(answer) for answer in answers)
    return {"cpu_us": timer.cpu / (number * n) * 1e6, "answers_per_s": number * n / timer.wall}


def embed(
    client: Client,
    url: str,
    texts: int = 2048,
    batch: int = 2048,
    repetitions: int = 3,
    dimensions: int = 1536,
    encoding: str = "base64",
) -> dict[str, float]:
    """Vectors for short texts: CPU per vector, and how far the memory rises. The incumbents always ask for base64."""
    client.load()
    model = client.make_embed(url, f"dims-{dimensions}", batch, encoding_format=encoding)
    data = [f"text number {i}" for i in range(texts)]
    client.embed(model, data[: min(batch, texts)])
    cpus, peaks = [], []
    for _ in range(repetitions):
        give_back()
        reset_peak()
        base = rss_mb()
        with Timer() as timer:
            vectors = client.embed(model, data)
        peaks.append(peak_mb() - base)
        cpus.append(timer.cpu)
        assert len(vectors) == texts
        assert len(vectors[0]) == len(vectors[-1]) == dimensions
        assert abs(vectors[0][1] - ((2654435761 % 2000003) / 1000001.5 - 1.0)) < 1e-6
        del vectors
    return {"cpu_us_vector": per_item(cpus, texts), "peak_mb": median(peaks)}


def embed_batches(client: Client, url: str, texts: int = 2048, batch: int = 128) -> dict[str, float]:
    """Batches side by side against one by one, with a server that answers after 50 ms: wall time."""
    client.load()
    data = [f"text number {i}" for i in range(texts)]
    walls = {}
    for concurrency in (1, 4):
        model = client.make_embed(url, "dims-64.sleep-50ms", batch, max_concurrency=concurrency)
        client.embed(model, data)
        with Timer() as timer:
            client.embed(model, data)
        walls[concurrency] = timer.wall
    return {"wall_ms": walls[4] * 1e3, "share_of_one_by_one": walls[4] / walls[1]}


def history(client: Client, url: str, n: int = 15, repetitions: int = 3) -> dict[str, float]:
    """A call after 500 messages of 200 characters."""
    client.load()
    model, messages = client.make(url, "size-200"), client.messages(LONG_HISTORY)
    client.invoke(model, messages)
    cpus = []
    for _ in range(repetitions):
        with Timer() as timer:
            for _ in range(n):
                client.invoke(model, messages)
        cpus.append(timer.cpu)
    return {"cpu_us": per_item(cpus, n)}


def history_stream(client: Client, url: str, n: int = 500, repetitions: int = 3) -> dict[str, float]:
    """A stream after 500 messages; they must not cost anything per chunk."""
    client.load()
    model, messages = client.make(url, f"stream-{n}"), client.messages(LONG_HISTORY)
    list(client.stream(model, messages))
    cpus = []
    for _ in range(repetitions):
        with Timer() as timer:
            for _ in client.stream(model, messages):
                pass
        cpus.append(timer.cpu)
    return {"cpu_us_chunk": per_item(cpus, n)}


def image(client: Client, url: str, mb: int = 10, n: int = 4) -> dict[str, float]:
    """A base64 image in the prompt: CPU, and memory beyond the prompt itself."""
    client.load()
    model = client.make(url, "size-200")
    messages = client.image_messages("iVBORw0KGgoAAAANSUhEUgAA" * (mb * 1_000_000 // 24))
    client.invoke(model, messages)
    cpus, peaks = [], []
    for _ in range(n):
        give_back()
        reset_peak()
        base = rss_mb()
        with Timer() as timer:
            client.invoke(model, messages)
        peaks.append(peak_mb() - base)
        cpus.append(timer.cpu)
    if client.network:
        assert server(url)["bytes_in"] > mb * 0.99e6
    return {"cpu_ms": median(cpus) * 1e3, "peak_mb": median(peaks)}


def memory(client: Client, url: str, n: int = 10_000, warm_up: int = 3_000) -> dict[str, float]:
    """What is left of many calls, streams and errors, half of them awaited.

    The first few thousand fill pools and caches, and lay out the allocator's arenas; what comes after has to be flat. The
    blocks that Python's allocator holds show a leak of a single object per call; resident memory shows one outside of Python.
    """
    client.load()
    messages = client.messages(USER)
    called, streamed, refused = (client.make(url, name) for name in ("size-200", "stream-20", "status-400"))

    def mix(count: int) -> None:
        for number in range(count):
            if number % 5 < 3:
                client.invoke(called, messages)
            elif number % 5 == 3:
                for _ in client.stream(streamed, messages):
                    pass
            else:
                try:
                    client.invoke(refused, messages)
                except Exception:
                    continue
                raise AssertionError("an error was expected")

    async def async_mix(count: int) -> None:
        for number in range(count):
            if number % 5 < 3:
                await client.ainvoke(called, messages)
            elif number % 5 == 3:
                async for _ in await client.astream(streamed, messages):
                    pass
            else:
                try:
                    await client.ainvoke(refused, messages)
                except Exception:
                    continue
                raise AssertionError("an error was expected")

    async def main() -> dict[str, float]:
        mix(warm_up // 2)
        await async_mix(warm_up // 2)
        give_back()
        resident, blocks = rss_mb(), sys.getallocatedblocks()
        mix(n // 2)
        await async_mix(n // 2)
        give_back()
        return {
            "growth_kb": (rss_mb() - resident) * 1e3,
            "blocks_per_1000": (sys.getallocatedblocks() - blocks) * 1e3 / n,
        }

    return asyncio.run(main())


@dataclass(frozen=True)
class Case:
    """A case with its parameters, those of a short run, and its first figure."""

    run: Callable[..., dict[str, float]]
    metric: str
    params: dict[str, Any] = field(default_factory=dict)
    short: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "import": Case(import_, "cpu_ms", short={"repetitions": 1}),
    "construct": Case(construct, "first_total_ms"),
    "invoke": Case(invoke, "cpu_us", short={"repetitions": 3}),
    "ainvoke": Case(ainvoke, "cpu_us", short={"repetitions": 3}),
    "stream": Case(stream, "cpu_us_chunk", {"n": 1000}),
    "stream10k": Case(stream, "cpu_us_chunk", {"n": 10000, "repetitions": 3}, {"repetitions": 1}),
    "stream-each": Case(stream, "cpu_us_chunk", {"how": "write-each"}),
    "stream-paced": Case(stream, "cpu_us_chunk", {"how": "pace-400us", "repetitions": 3}),
    "astream": Case(astream, "cpu_us_chunk", {"n": 1000}),
    "astream-paced": Case(astream, "cpu_us_chunk", {"how": "pace-400us", "repetitions": 3}),
    "first-chunk": Case(first_chunk, "wait_us", short={"n": 30}),
    "paced-streams": Case(paced_streams, "cpu_us_chunk"),
    "tools10k": Case(tools, "cpu_ms", {"size": 10_000}),
    "tools10k-read": Case(tools, "cpu_ms", {"size": 10_000, "mode": "read"}),
    "tools100k-read": Case(tools, "cpu_ms", {"size": 100_000, "mode": "read"}),
    "tools400k-read": Case(tools, "cpu_ms", {"size": 400_000, "mode": "read", "budget_s": 12.0}, {"budget_s": 3.0}),
    "tools100k-invoke": Case(tools, "cpu_ms", {"size": 100_000, "mode": "invoke"}),
    "conc200": Case(concurrent, "cpu_us", {"calls": 200}, {"rounds": 1}),
    "conc1000": Case(concurrent, "p99_ms", {"calls": 1000, "rounds": 1}),
    "threads": Case(threads, "cpu_us"),
    "embed2k": Case(embed, "cpu_us_vector", {"texts": 2048, "batch": 2048}, {"repetitions": 1}),
    "embed2k-floats": Case(
        embed, "cpu_us_vector", {"texts": 2048, "batch": 2048, "encoding": "float"}, {"repetitions": 1}
    ),
    "embed20k": Case(embed, "cpu_us_vector", {"texts": 20000, "batch": 2000, "repetitions": 1}),
    "embed-batches": Case(embed_batches, "wall_ms"),
    "history": Case(history, "cpu_us", short={"n": 10}),
    "history-stream": Case(history_stream, "cpu_us_chunk"),
    "image": Case(image, "cpu_ms"),
    "memory": Case(memory, "growth_kb", short={"n": 4000}),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", required=True)
    parser.add_argument("--client", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--params", default="{}")
    options = parser.parse_args()
    case = CASES[options.case]
    result = case.run(CLIENTS[options.client], options.url, **{**case.params, **json.loads(options.params)})
    print("RESULT " + json.dumps(result), flush=True)
    os._exit(0)  # neither the interpreter's end nor threads that hang are of interest


if __name__ == "__main__":
    main()
