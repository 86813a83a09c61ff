"""How much work a call is, in counts that do not depend on the machine: modules, requests, connections, calls, blocks.

Times are measured by `make bench`; these are the limits that keep it from creeping up between two runs of it.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.clients import CLIENTS, LANGCHAIN_CORE, LLAMAINDEX_CORE, Client
from benchmarks.floors import with_fields_of
from benchmarks.server import embed_json
from multiapi import Budget, Limiter
from multiapi.formats.openai.vendor import parse_embed
from multiapi.http.exchange import HttpResponse
from multiapi.observe import instrument, uninstrument

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ["lc", "li"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The benchmark's own server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", "--max-seconds", "600"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    yield "http://127.0.0.1:" + process.stdout.readline().split()[1]
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def client(request: pytest.FixtureRequest) -> Client:
    """The product in one framework."""
    found = CLIENTS[f"{request.param}-multiapi"]
    found.load()
    return found


def stats(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url + "/__stats") as answer:
        return orjson.loads(answer.read())


def visits(url: str, work: Callable[[], Any]) -> tuple[int, int]:
    """Requests and new connections that some work leads to."""
    before = stats(url)
    work()
    after = stats(url)
    return after["requests"] - before["requests"], after["connections"] - before["connections"] - 1


def function_calls(work: Callable[[], Any]) -> int:
    """How many Python functions some work enters."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(previous)
    return count


def peak_bytes(work: Callable[[], Any]) -> int:
    """How far Python's memory rises during some work."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def modules_after(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def foreign(modules: Iterable[str]) -> set[str]:
    """The packages among some modules that are neither ours nor Python's own."""
    packages = {name.partition(".")[0] for name in modules}
    return {name for name in packages - sys.stdlib_module_names if not name.endswith("multiapi")}


def calls_of_importing(statement: str, core: str) -> int:
    """How many Python functions an import enters after the framework's own: its CPU, in a count that no machine changes."""
    code = f"""
import sys
{core}
count = 0
def note(frame, event, argument):
    global count
    count += event == "call" and not frame.f_code.co_filename.startswith("<frozen importlib")
sys.setprofile(note)
{statement}
sys.setprofile(None)
print(count)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return int(done.stdout)


# Importing


@pytest.mark.parametrize(("framework", "core"), [("lc", LANGCHAIN_CORE), ("li", LLAMAINDEX_CORE)])
def test_an_import_loads_no_package_that_the_framework_does_not(framework: str, core: str) -> None:
    """But orjson, which reads JSON: no httpx, httpcore, openai, numpy, PyYAML, not the other framework."""
    added = modules_after(CLIENTS[f"{framework}-multiapi"].imports) - modules_after(core)
    assert foreign(added) <= {"orjson"}
    assert not [
        name for name in added if name.startswith(("multiapi.simulator", "multiapi.providers.aimlapi.catalogue"))
    ]


@pytest.mark.parametrize(
    ("framework", "core", "most"), [("lc", LANGCHAIN_CORE, 33_000), ("li", LLAMAINDEX_CORE, 23_300)]
)
def test_an_import_costs_little(framework: str, core: str, most: int) -> None:
    assert calls_of_importing(CLIENTS[f"{framework}-multiapi"].imports, core) <= most


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_first_call_needs_is_loaded_by_it(framework: str) -> None:
    """The clients and the transport are not part of an import, nor of constructing a model."""
    client = CLIENTS[f"{framework}-multiapi"]
    name = client.imports.rpartition(" ")[2]
    made = f"{client.imports}; {name}(provider='aimlapi', model='m', api_key='k')"
    loaded = modules_after(made)
    assert not loaded & {"multiapi.client.client", "multiapi.flows.attempts", "multiapi.transport.blocking"}
    assert not foreign(loaded) & {"httpcore", "h11"}


@pytest.mark.parametrize(("framework", "most"), [("lc", 206), ("li", 208)])
def test_a_first_call_loads_little(framework: str, most: int, url: str) -> None:
    """Neither trio nor the command line of httpx with rich, click and pygments; the framework's own share is not counted."""
    called = "c.load(); c.invoke(c.make({url!r}, 'size-200'), c.messages([('user', 'hello')]))"
    code = f"from benchmarks.clients import CLIENTS; c = CLIENTS[{{name!r}}]; {called}"
    bare = modules_after(code.format(name=f"{framework}-floor", url=url))
    added = modules_after(code.format(name=f"{framework}-multiapi", url=url)) - bare
    assert foreign(added) <= {"orjson", "httpx", "httpcore", "h11", "certifi", "socksio", "anyio", "sniffio"}
    assert len(added) <= most


# Constructing


def test_another_model_costs_little_beyond_its_fields(client: Client, url: str) -> None:
    floor = CLIENTS[f"{client.group}-floor"]
    floor.load()
    product = lambda: client.make(url, "size-200")
    bare = with_fields_of(type(floor.make(url, "m")), type(product()))
    of_the_framework = lambda: bare(provider="aimlapi", model="m", base_url=url + "/v1", api_key="k")
    product(), of_the_framework()
    assert function_calls(product) - function_calls(of_the_framework) <= {"lc": 70, "li": 51}[client.group]


# Requests and connections


def test_twenty_calls_are_twenty_requests_on_one_connection(client: Client, url: str) -> None:
    model, messages = client.make(url, "size-200"), client.messages([("user", "hello")])
    client.invoke(model, messages)
    assert visits(url, lambda: [client.invoke(model, messages) for _ in range(20)]) == (20, 0)


def test_models_share_connections(client: Client, url: str) -> None:
    messages = client.messages([("user", "hello")])
    client.invoke(client.make(url, "size-200"), messages)
    again = lambda: [client.invoke(client.make(url, f"size-{size}"), messages) for size in (10, 20, 30)]
    assert visits(url, again) == (3, 0)


def test_six_streams_are_one_connection(client: Client, url: str) -> None:
    model, messages = client.make(url, "stream-50"), client.messages([("user", "hello")])
    client.invoke(client.make(url, "size-200"), messages)
    assert visits(url, lambda: [list(client.stream(model, messages)) for _ in range(6)]) == (6, 0)


def test_six_streams_are_one_connection_in_a_loop(client: Client, url: str) -> None:
    model, messages = client.make(url, "stream-50"), client.messages([("user", "hello")])

    async def main() -> None:
        for _ in range(6):
            assert len([chunk async for chunk in await client.astream(model, messages)]) >= 50

    assert visits(url, lambda: asyncio.run(main())) == (6, 1)


def test_a_hundred_calls_at_once_are_a_hundred_connections_at_most(client: Client, url: str) -> None:
    model, messages = client.make(url, "size-200.sleep-20ms"), client.messages([("user", "hello")])

    async def main() -> None:
        for _ in range(3):
            await asyncio.gather(*[client.ainvoke(model, messages) for _ in range(100)])

    requests, connections = visits(url, lambda: asyncio.run(main()))
    assert requests == 300
    assert connections <= 100


# Growth


def stream_calls(client: Client, url: str, model: str) -> int:
    made, messages = client.make(url, model), client.messages([("user", "hello")])
    list(client.stream(made, messages))
    return function_calls(lambda: list(client.stream(made, messages)))


def test_chunks_cost_the_same_however_many_there_are(client: Client, url: str) -> None:
    floor = CLIENTS[f"{client.group}-floor"]
    floor.load()
    short, middle, long = (stream_calls(client, url, f"stream-{n}") for n in (200, 400, 800))
    of_the_framework = (stream_calls(floor, url, "stream-400") - stream_calls(floor, url, "stream-200")) / 200
    per_chunk = (middle - short) / 200
    assert per_chunk - of_the_framework <= {"lc": 15.5, "li": 11.5}[client.group]
    assert (long - middle) / 400 == pytest.approx(per_chunk, rel=0.1)  # how many chunks come with one read is chance


def test_tool_arguments_cost_the_same_per_fragment_however_long_they_are(client: Client, url: str) -> None:
    messages = client.messages([("user", "hello")])

    def calls(size: int) -> int:
        model = client.with_tools(client.make(url, f"tools-{size}.frag-2-20"))
        client.run_tools(model, messages, "read")
        # Into how many reads a response is cut is chance, and each read costs calls: the least is the one that counts.
        return min(function_calls(lambda: client.run_tools(model, messages, "read")) for _ in range(7))

    short, middle, long = calls(5_000), calls(10_000), calls(20_000)
    assert (long - middle) / 2 <= (middle - short) * 1.1
    assert (middle - short) / 5_000 <= 2.4  # a fragment has eleven bytes


def test_a_message_of_the_history_costs_a_handful_of_calls(client: Client, url: str) -> None:
    model = client.make(url, "size-200")

    def calls(count: int) -> int:
        messages = client.messages([("assistant" if i % 2 else "user", f"message {i}") for i in range(count)])
        client.invoke(model, messages)
        return function_calls(lambda: client.invoke(model, messages))

    short, middle, long = calls(50), calls(250), calls(450)
    assert (middle - short) / 200 <= {"lc": 5, "li": 6.5}[client.group]
    assert long - middle == pytest.approx(middle - short, rel=0.05)


def test_a_call_enters_few_functions(client: Client, url: str) -> None:
    model, messages = client.make(url, "size-200"), client.messages([("user", "hello")])
    for _ in range(3):
        client.invoke(model, messages)
    # At times a call starts the thread that closes idle connections.
    fewest = min(function_calls(lambda: client.invoke(model, messages)) for _ in range(3))
    assert fewest <= {"lc": 405, "li": 361}[client.group]


def test_a_vector_costs_three_calls(client: Client, url: str) -> None:
    embedder = client.make_embed(url, "dims-64", 2048, encoding_format="base64")

    def calls(count: int) -> int:
        texts = [f"text {i}" for i in range(count)]
        client.embed(embedder, texts)
        return function_calls(lambda: client.embed(embedder, texts))

    short, middle, long = calls(400), calls(800), calls(1_600)
    assert (middle - short) / 400 <= 3.2
    assert (long - middle) / 800 <= 3.2


def test_a_budget_a_limiter_and_tracing_cost_few_calls(client: Client, url: str) -> None:
    messages = client.messages([("user", "hello")])

    def fewest(**settings: Any) -> int:
        model = client.make(url, "size-200", **settings)
        for _ in range(3):
            client.invoke(model, messages)
        return min(function_calls(lambda: client.invoke(model, messages)) for _ in range(3))

    plain, budget = fewest(), Budget(1_000, "USD", on_unpriced="allow")
    assert fewest(limiter=Limiter(requests_per_minute=1e9)) - plain <= 24
    assert fewest(budget=budget) - plain <= 34
    instrument()
    try:
        assert fewest() - plain <= 64
    finally:
        uninstrument()


# Memory


def test_an_idle_model_is_small_and_leaves_nothing(client: Client, url: str) -> None:
    """A model that is dropped goes at once, without the garbage collector."""
    client.make(url, "size-200")
    gc.collect()
    tracemalloc.start()
    gc.disable()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = [client.make(url, "size-200") for _ in range(100)]
        assert (tracemalloc.get_traced_memory()[0] - before) / 100 <= {"lc": 3_500, "li": 3_100}[client.group]
        made.clear()
        for count in (200, 1_000):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(count):
                client.make(url, "size-200")
        assert tracemalloc.get_traced_memory()[0] - before < 5_000
    finally:
        gc.enable()
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads the peak of resident memory in /proc")
def test_a_large_image_is_copied_once(client: Client, url: str) -> None:
    command = [sys.executable, "-m", "benchmarks.cases", "--case", "image", "--client", f"{client.group}-multiapi"]
    done = subprocess.run([*command, "--url", url], capture_output=True, text=True, check=True, cwd=ROOT)
    assert orjson.loads(done.stdout.partition("RESULT ")[2])["peak_mb"] < 12  # the image has ten


@pytest.mark.parametrize("base64", [False, True])
def test_reading_vectors_needs_little_beside_the_vectors(base64: bool) -> None:
    answer = embed_json(256, 512, base64, "m")
    response = HttpResponse(200, {}, answer[answer.index(b"\r\n\r\n") + 4 :])
    read = lambda: parse_embed(response, provider="aimlapi")
    vectors = 256 * 512 * (sys.getsizeof(0.5) + 8)
    assert peak_bytes(read) < vectors * 1.25


def test_nothing_is_left_behind(client: Client, url: str) -> None:
    messages = client.messages([("user", "hello")])
    called, streamed, refused = (client.make(url, name) for name in ("size-200", "stream-20", "status-400"))

    def mix(count: int) -> None:
        for _ in range(count):
            client.invoke(called, messages)
            list(client.stream(streamed, messages))
            with pytest.raises(Exception, match="bench"):
                client.invoke(refused, messages)

    mix(20)
    gc.collect()
    before = sys.getallocatedblocks()
    mix(100)
    gc.collect()
    assert sys.getallocatedblocks() - before < 500  # three hundred calls


def test_nothing_is_left_behind_in_a_loop(client: Client, url: str) -> None:
    messages = client.messages([("user", "hello")])
    called, streamed, refused = (client.make(url, name) for name in ("size-200", "stream-20", "status-400"))

    async def mix(count: int) -> None:
        for _ in range(count):
            await client.ainvoke(called, messages)
            async for _ in await client.astream(streamed, messages):
                pass
            with pytest.raises(Exception, match="bench"):
                await client.ainvoke(refused, messages)

    async def main() -> int:
        await mix(20)
        gc.collect()
        before = sys.getallocatedblocks()
        await mix(100)
        gc.collect()
        return sys.getallocatedblocks() - before

    assert asyncio.run(main()) < 500


def test_a_call_on_its_way_holds_few_objects(client: Client, url: str) -> None:
    """Each is one more for the garbage collector to look at, whenever many calls wait at once."""
    model, messages = client.make(url, "size-200.sleep-300ms"), client.messages([("user", "hello")])

    async def main() -> float:
        await asyncio.gather(*[client.ainvoke(model, messages) for _ in range(20)])
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            calls = [asyncio.ensure_future(client.ainvoke(model, messages)) for _ in range(20)]
            await asyncio.sleep(0.15)
            held = len(gc.get_objects()) - before
        finally:
            gc.enable()
        await asyncio.gather(*calls)
        return held / len(calls)

    assert asyncio.run(main()) <= 120
