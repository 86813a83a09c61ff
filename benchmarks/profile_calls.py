"""Where one client spends its time: own time by package (C functions are charged to their caller), and the dearest calls.

    python -m benchmarks.profile_calls --client lc-multiapi --what invoke|stream|astream|history|tools|embed|conc|image [--n 200]

The profiler makes Python look about twice as dear as it is beside C: use it to find costs, and the cases to measure them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
from collections import defaultdict
from pathlib import Path

from benchmarks.cases import LONG_HISTORY, USER
from benchmarks.clients import CLIENTS, Client
from benchmarks.run import ROOT, ServerProcess


def package(path: str) -> str:
    """The package that a file belongs to."""
    if path.startswith(("~", "<")):
        return path[0] if path.startswith("~") else path
    if "site-packages" in path:
        parts = Path(path.split("site-packages" + os.sep, 1)[1]).parts
        return "/".join(parts[:2]) if parts[0] in {"llama_index", "langchain_core", "openai"} else parts[0]
    if path.startswith(str(ROOT)):
        return str(Path(path).relative_to(ROOT))
    return "std:" + Path(path).stem


def work(client: Client, what: str, url: str, n: int):
    """A function that does the work once, and how many items that are."""
    messages = client.messages(USER)
    if what == "conc":

        async def calls() -> None:
            model = client.make(url, "size-200.sleep-50ms")
            await asyncio.gather(*[client.ainvoke(model, messages) for _ in range(n)])

        return lambda: asyncio.run(calls()), n
    if what == "astream":

        async def chunks() -> None:
            async for _ in await client.astream(client.make(url, f"stream-{n}"), messages):
                pass

        return lambda: asyncio.run(chunks()), n
    if what == "ainvoke":

        async def awaited() -> None:
            model = client.make(url, "size-200")
            for _ in range(n):
                await client.ainvoke(model, messages)

        return lambda: asyncio.run(awaited()), n
    if what == "embed":
        embedder = client.make_embed(url, "dims-1536", 2048)
        return lambda: client.embed(embedder, [f"t{i}" for i in range(n)]), n
    if what == "tools":
        tooled = client.with_tools(client.make(url, "tools-10000.frag-2-20"))
        return lambda: client.run_tools(tooled, messages, "read"), 914
    if what == "stream":
        model = client.make(url, f"stream-{n}")
        return lambda: [None for _ in client.stream(model, messages)], n
    if what == "image":
        messages = client.image_messages("iVBORw0KGgoAAAANSUhEUgAA" * 416_666)
    if what == "history":
        messages = client.messages(LONG_HISTORY)
    model = client.make(url, "size-200")
    return lambda: [client.invoke(model, messages) for _ in range(n)], n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", required=True)
    parser.add_argument("--what", default="invoke")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--top", type=int, default=30)
    parser.add_argument("--own", action="store_true", help="sort functions by their own time")
    options = parser.parse_args()
    server = ServerProcess(600)
    try:
        client = CLIENTS[options.client]
        client.load()
        run, items = work(client, options.what, server.url, options.n)
        run()
        profile = cProfile.Profile()
        profile.enable()
        run()
        profile.disable()
    finally:
        server.stop()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    by_package: dict[str, float] = defaultdict(float)
    for (path, _, _), (_, _, own, _, callers) in stats.items():
        if path.startswith("~") and callers:
            for (caller, _, _), (_, _, share, _) in callers.items():
                by_package[package(caller)] += share
        else:
            by_package[package(path)] += own
    print(f"{options.client} {options.what}: {total / items * 1e6:.1f} us per item under the profiler, {items} items")
    for name, seconds in sorted(by_package.items(), key=lambda pair: -pair[1])[:15]:
        print(f"  {seconds / total * 100:5.1f}%  {seconds / items * 1e6:8.1f} us  {name}")
    column = 2 if options.own else 3
    rows = sorted(stats.items(), key=lambda pair: -pair[1][column])[: options.top]
    print("  own us/item  cumulative us/item  calls/item")
    for (path, line, name), (_, calls, own, cumulative, _) in rows:
        print(
            f"  {own / items * 1e6:9.1f} {cumulative / items * 1e6:9.1f} {calls / items:7.1f}  {package(path)}:{line} {name}"
        )


if __name__ == "__main__":
    main()
