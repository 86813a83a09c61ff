"""Every form of every operation beside chat, documented or seen, over every surface that reaches it; a new example needs no new code.

Which calls reach an operation is found by making them once on the simulator: the calls of the cassettes on both clients, the tools of
agents, embeddings, model lists and document readers of both frameworks. Then the example takes the place of the operation's response.
What the core's reader makes of an example is held by tests/providers/test_contract_examples_of_operations.py; here every other
way has to find the same.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from langchain_core.documents.base import Blob
from langchain_core.tools import ToolException

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from langchain_multiapi.parsers import MultiApiOcrParser, MultiApiTranscriptParser
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from llamaindex_multiapi.readers import MultiApiOcrReader, MultiApiTranscriptReader
from multiapi.agent_tools import TOOLS
from multiapi.cli.output import plain
from multiapi.client.client import AsyncClient, Client
from multiapi.errors import JobFailedError, MultiApiError
from multiapi.providers import PROVIDERS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.simulator.clock import Clock
from multiapi.simulator.contract import HOSTS, contract
from multiapi.types.account import Balance, ModelInfo, UsageReport
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.jobs import Job
from multiapi.types.media import Media
from multiapi.types.media_results import OcrResult, Transcript
from tests.agent_tools.test_tools import ARGUMENTS, GUARD, PNG, WAV, Caller
from tests.cassettes import operations
from tests.cassettes.scenario import Scenario, Step, run, run_async
from tests.contracts import Example, removed, response_examples

KEY = "simulated-key-0123456789"
FILES = {"png": PNG, "jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1" + bytes(64), "wav": WAV, "mp3": b"ID3" + bytes(64)}
MEDIA = {Media, *Media.__subclasses__()}

EMBEDDERS = {"aimlapi": "text-embedding-3-small", "aicredits": "openai/text-embedding-3-small"}

CHAT_EXAMPLES = {
    "speech": "speech",
    "seen_speech": "speech",
    "seen_transcript": "transcribe",
}
"""Bineric's speech and transcripts come over its chat; which of its examples belong to which call."""


def examples() -> list[Example]:
    found = []
    for vendor in PROVIDERS:
        for each in response_examples(vendor):
            if not each.status.startswith("2") or each.media_type != "application/json":
                continue
            if each.operation == "createChatCompletion" and each.name not in CHAT_EXAMPLES:
                continue
            if each.operation in removed(vendor):
                continue  # tests/client/test_withdrawn.py walks those
            if each.operation in {"editImage", "createImageWithUrl"} and "mesh" in str(each.value):
                continue  # the contract shares its examples of images with 3D models, which are no images
            found.append(each)
    return found


EXAMPLES = examples()


class Wire:
    """The simulator, of which one operation answers with an example."""

    def __init__(self, example: Example | None = None, *, job_run_s: float = 0) -> None:
        seen = example is not None and example.operation.endswith("Seen")
        self.simulator = Simulator(
            job_wait_s=0,
            job_run_s=job_run_s,
            withdrawn=True,
            as_seen="credits" if seen else False,
            seed=0,
            clock=Clock(1_780_000_000.0),
        )
        self.example = example
        self.operations: list[str] = []
        self.steps: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        vendor = HOSTS.get(request.url.host)
        if vendor is None:
            return self._file(request)
        prefix = urlsplit(contract(vendor).server).path.rstrip("/")
        matched = contract(vendor).match(
            request.method, request.url.raw_path.decode().partition("?")[0].removeprefix(prefix)
        )
        name = "" if matched is None else matched[0].id
        self.operations.append(name)
        example = self.example
        asked = "" if matched is None else next(iter(matched[1].values()), request.url.params.get("generation_id", ""))
        is_poll = request.method == "GET" and asked != ""
        first = self.operations.count(name) == 1
        if example is not None and name == example.operation and (first or not is_poll):
            return httpx.Response(int(example.status), json=self._of(example.value, asked if is_poll else ""))
        request.read()
        with httpx.Client(transport=self.simulator.transport) as http:
            answer = http.send(request)
            content = answer.read()
        if answer.status_code >= 400 and matched is None:
            return self._file(request)
        if (
            answer.status_code == 404
            and matched is not None
            and example is not None
            and (is_poll or name != "getCredits")
        ):
            found = [value for status, _, _, value in matched[0].response_examples() if status.startswith("2")]
            done = [value for value in found if '"completed"' in json.dumps(value)]
            if found:
                return httpx.Response(200, json=self._of((done or found)[0], asked if is_poll else ""))
        kept = {
            name: value for name, value in answer.headers.items() if name not in ("content-length", "content-encoding")
        }
        return httpx.Response(answer.status_code, headers=kept, content=content)

    def _file(self, request: httpx.Request) -> httpx.Response:
        """A file at an address, as long as the example says that it is."""
        ending = request.url.path.rsplit(".", 1)[-1]
        content = FILES.get(ending, ending.encode() * 40)
        output = None if self.example is None else self.example.value.get("output")
        size = output.get("size_bytes", 0) if isinstance(output, dict) else 0
        return httpx.Response(200, content=content + bytes(max(0, size - len(content))))

    @staticmethod
    def _of(value: Any, asked: str) -> Any:
        """An example about the job that was asked for."""
        names = [name for name in ("id", "generation_id") if isinstance(value, dict) and name in value]
        return {**value, **dict.fromkeys(names, asked)} if asked and names else value

    async def _later(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self(request)

    def connection(self, _vendor: str = "") -> dict[str, Any]:
        return {
            "api_key": KEY,
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(self._later)),
        }


class Way(NamedTuple):
    """One call of one surface."""

    name: str
    call: Callable[[Wire, Path], Any]


# ------------------------------------------------------------------------------------------------ the surfaces


def of_core(scenario: Scenario) -> Iterator[Way]:
    settings = {"max_retries": 0, **scenario.settings}

    def whole(wire: Wire, _: Path) -> Any:
        def of(step: Step) -> Client:
            http = wire.connection()["http_client"]
            return Client(scenario.provider, api_key=step.key or KEY, http_client=http, **settings)

        return run(scenario, of, lambda _: wire.steps.append(len(wire.operations)))

    def awaited(wire: Wire, _: Path) -> Any:
        def of(step: Step) -> AsyncClient:
            http = wire.connection()["http_async_client"]
            return AsyncClient(scenario.provider, api_key=step.key or KEY, http_client=http, **settings)

        return asyncio.run(run_async(scenario, of))

    yield Way(f"core {scenario.name}", whole)
    yield Way(f"core async {scenario.name}", awaited)


def of_tools(vendor: str) -> Iterator[Way]:
    for name, tool in TOOLS.items():
        if not tool.fits(PROVIDERS[vendor]) or name in {"check_job", "search_web"}:
            continue
        for way in ("langchain", "langchain async", "llamaindex", "llamaindex async"):

            def call(wire: Wire, folder: Path, name: str = name, way: str = way) -> Any:
                (folder / "in").mkdir(exist_ok=True)
                (folder / "in" / "page.png").write_bytes(PNG)
                (folder / "in" / "note.wav").write_bytes(WAV)
                folders = {"input_dir": folder / "in", "output_dir": folder / "out" / way}
                named = {"include": [name]} if TOOLS[name].only_named else {}
                kit = Caller(way, wire, vendor, models={"moderate_text": GUARD}, **named, **folders)  # type: ignore[arg-type]
                return kit(name, **ARGUMENTS[name])

            yield Way(f"{way} tool {name}", call)


def of_frameworks(vendor: str) -> Iterator[Way]:
    model = EMBEDDERS.get(vendor)
    if model is not None:

        def texts(wire: Wire) -> list[str]:
            return list(operations.TEXTS[: 1 if wire.example is None else len(wire.example.value["data"])])

        def embedder(make: Any, wire: Wire) -> Any:
            return make(provider=vendor, model=model, **wire.connection())

        yield Way("langchain embed", lambda w, _: embedder(MultiApiEmbeddings, w).embed_documents(texts(w)))
        yield Way(
            "langchain async embed",
            lambda w, _: asyncio.run(embedder(MultiApiEmbeddings, w).aembed_documents(texts(w))),
        )
        yield Way("llamaindex embed", lambda w, _: embedder(MultiApiEmbedding, w).get_text_embedding_batch(texts(w)))
        yield Way(
            "llamaindex async embed",
            lambda w, _: asyncio.run(embedder(MultiApiEmbedding, w).aget_text_embedding_batch(texts(w))),
        )
    if "models" in PROVIDERS[vendor].operations:
        for name, make in (("langchain", ChatMultiApi), ("llamaindex", MultiApiLLM)):

            def listed(wire: Wire, _: Path, make: Any = make) -> Any:
                return make(provider=vendor, model="m", **wire.connection()).list_models()

            def listed_later(wire: Wire, _: Path, make: Any = make) -> Any:
                return asyncio.run(make(provider=vendor, model="m", **wire.connection()).alist_models())

            yield Way(f"{name} models", listed)
            yield Way(f"{name} async models", listed_later)
    for kind, fits, parser, reader, data, mime_type in (
        (
            "transcript",
            {"transcribe", "start_transcription"},
            MultiApiTranscriptParser,
            MultiApiTranscriptReader,
            WAV,
            "audio/wav",
        ),
        ("ocr", {"ocr"}, MultiApiOcrParser, MultiApiOcrReader, PNG, "image/png"),
    ):
        if not fits & set(PROVIDERS[vendor].operations):
            continue

        def parsed(wire: Wire, _: Path, parser: Any = parser, data: bytes = data, mime: str = mime_type) -> Any:
            return [
                each.page_content
                for each in parser(vendor, **wire.connection()).parse(Blob.from_data(data, mime_type=mime))
            ]

        def parsed_later(wire: Wire, _: Path, parser: Any = parser, data: bytes = data, mime: str = mime_type) -> Any:
            found = asyncio.run(parser(vendor, **wire.connection()).aparse(Blob.from_data(data, mime_type=mime)))
            return [each.page_content for each in found]

        def read(wire: Wire, folder: Path, reader: Any = reader, data: bytes = data) -> Any:
            (folder / "file.bin").write_bytes(data)
            return [each.text for each in reader(vendor, **wire.connection()).load_data(folder / "file.bin")]

        def read_later(wire: Wire, folder: Path, reader: Any = reader, data: bytes = data) -> Any:
            (folder / "file.bin").write_bytes(data)
            return [
                each.text for each in asyncio.run(reader(vendor, **wire.connection()).aload_data(folder / "file.bin"))
            ]

        yield Way(f"langchain {kind}", parsed)
        yield Way(f"langchain async {kind}", parsed_later)
        yield Way(f"llamaindex {kind}", read)
        yield Way(f"llamaindex async {kind}", read_later)


# ------------------------------------------------------------------------------------------------ who reaches what


def plain_scenarios(vendor: str) -> list[Scenario]:
    return [
        each
        for each in operations.scenarios()
        if each.provider == vendor and not any(step.raises or step.fault for step in each.steps)
    ]


def run_s(scenario: Scenario) -> float:
    """How long jobs run: a batch that is to be cancelled has to be there long enough."""
    return 600.0 if scenario.name.startswith("batch") else 0.0


@cache
def reaching(vendor: str) -> dict[str, list[Way]]:
    """The ways by the operation that they reach: of the core the shortest call, of the others all."""
    from tempfile import TemporaryDirectory

    found: dict[str, list[Way]] = {}
    with without_waiting(), TemporaryDirectory() as folder:
        for scenario in sorted(plain_scenarios(vendor), key=lambda each: len(each.steps)):
            wire = Wire(job_run_s=run_s(scenario))
            next(of_core(scenario)).call(wire, Path(folder))
            for number, begin in enumerate(wire.steps):
                for name in dict.fromkeys(wire.operations[begin : (*wire.steps, None)[number + 1]]):
                    if name not in found:
                        found[name] = list(of_core(replace(scenario, steps=scenario.steps[: number + 1])))
        for way in [*of_tools(vendor), *of_frameworks(vendor)]:
            wire = Wire()
            way.call(wire, Path(folder))
            for name in dict.fromkeys(wire.operations):
                found.setdefault(name, []).append(way)
    if "getCredits" in found:
        found["getCreditsSeen"] = found["getCredits"]
    return found


def ways_to(example: Example) -> list[Way]:
    ways = reaching(example.vendor).get(example.operation, [])
    if example.operation == "createChatCompletion":
        wanted = CHAT_EXAMPLES[example.name]
        words = {"speech": ("speech",), "transcribe": ("transcri",)}[wanted]
        scenario = next(each for each in plain_scenarios(example.vendor) if each.name == wanted)
        others = [way for way in ways if not way.name.startswith("core") and any(word in way.name for word in words)]
        return [*of_core(scenario), *others]
    if example.operation == "createEmbedding":
        request = EmbedRequest(model=EMBEDDERS[example.vendor], texts=operations.TEXTS[: len(example.value["data"])])
        one = Scenario(provider=example.vendor, name="embed", steps=(operations.step("embed", request),))
        return [*of_core(one), *(way for way in ways if not way.name.startswith("core"))]
    if example.operation == "createImage" and "mesh" in str(example.value):
        scenario = next(each for each in plain_scenarios(example.vendor) if each.name == "mesh")
        return [*of_core(scenario), *(way for way in ways if "3d" in way.name)]
    if example.operation == "createImage":
        return [way for way in ways if "3d" not in way.name]
    return ways


# ------------------------------------------------------------------------------------------------ the table


def words_of_failure(example: Example) -> str:
    told = example.value.get("error")
    return str(
        told.get("message") or told.get("detail") or next(iter(told.values())) if isinstance(told, dict) else told
    )


def said_to_fail(example: Example) -> bool:
    return example.name == "failed"


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_form_reads_the_same_over_every_surface(example: Example, tmp_path: Path) -> None:
    with without_waiting():
        ways = ways_to(example)
        assert [way.name.split()[:2] == ["core", "async"] for way in ways].count(True) == 1, f"nobody reaches {example}"
        core: Any = None
        for way in ways:
            wire = Wire(example, job_run_s=600.0 if "Batch" in example.operation else 0.0)
            try:
                found = way.call(wire, tmp_path)
            except (MultiApiError, ToolException) as error:
                assert said_to_fail(example), f"{way.name} refuses {example}: {error!r}"
                assert words_of_failure(example) in str(error), f"{way.name}: {error!r}"
                assert "core" not in way.name or isinstance(error, JobFailedError)
                continue
            assert example.operation in wire.operations, f"{way.name} asked for {wire.operations}"
            if said_to_fail(example):
                assert words_of_failure(example) in str(found), f"{way.name}: {found}"
            elif core is None:
                core = found
            elif example.name in PENDING and not way.name.startswith("core"):
                continue  # what comes at last is the simulator's own result
            else:
                assert not lost(way.name, core, found, wire), f"{way.name}: {lost(way.name, core, found, wire)}"


def lost(way: str, core: list[Any], found: Any, wire: Wire) -> str:
    """What a way did not find of what the core found; empty where that is nothing."""
    if way.startswith("core"):
        mine, theirs = (json.dumps(without_times(plain(each)), sort_keys=True, default=str) for each in (core, found))
        return "" if mine == theirs else f"{theirs} instead of {mine}"
    result = core[0] if media_of(core[0]) else core[-1]
    if isinstance(result, Job) and result.result is not None:
        result = result.result
    if isinstance(result, EmbedResponse):
        same = [[round(x, 6) for x in each] for each in found] == [
            [round(x, 6) for x in each] for each in result.vectors
        ]
        return "" if same else f"{found} instead of {result.vectors}"
    if way.endswith("models") and not isinstance(found[0], str):
        return "" if plain(found) == plain(result) else f"{found} instead of {result}"
    if isinstance(found, list):
        words = " ".join(found)
        return "" if isinstance(result, (Transcript, OcrResult)) and result.text.strip() in words else f"{words!r}"
    text, artifact = found
    if isinstance(result, (Transcript, OcrResult)):
        return "" if result.text.strip() in text else f"{text!r} without {result.text!r}"
    if isinstance(result, Balance):
        return "" if result.amount is None or told_in(result.amount, text) else f"{text!r} without {result.amount}"
    if isinstance(result, UsageReport):
        amount = result.balance if "balance" in way else result.cost.amount if result.cost else None
        return "" if amount is None or told_in(amount, text) else f"{text!r} without {amount}"
    if isinstance(result, tuple) and result and isinstance(result[0], ModelInfo):
        wanted = [info.id for info in result if info.is_offered and "a" in info.id.lower()]
        return "" if all(name in text for name in wanted) else f"{text!r} without one of {wanted}"
    if isinstance(artifact, Job):
        return "" if artifact.id in text else f"{text!r} without {artifact.id}"
    if way.endswith("start_video"):
        return "" if text and str(getattr(artifact, "id", "")) in text else f"{text!r}"
    wanted_files = sorted(bytes_of(each, wire) for each in media_of(result))
    held = sorted(each.read() for each in media_of(artifact))
    if wanted_files and not isinstance(result, Job):
        return (
            ""
            if held == wanted_files
            else f"{[each[:20] for each in held]} instead of {[each[:20] for each in wanted_files]}"
        )
    return "" if text else "no words"


def told_in(amount: Decimal, text: str) -> bool:
    return str(amount.normalize()) in text.replace(",", "") or f"{amount:f}" in text.replace(",", "")


def media_of(result: Any) -> list[Media]:
    if isinstance(result, Media):
        return [result, *getattr(result, "more", ())]
    if isinstance(result, (list, tuple)):
        return [each for item in result for each in media_of(item)]
    inside = getattr(result, "media", ())
    return [inside] if isinstance(inside, Media) else [each for each in inside if isinstance(each, Media)]


def bytes_of(media: Media, wire: Wire) -> bytes:
    """What a file holds, or what is at its address."""
    return wire(httpx.Request("GET", media.url)).content if media.data is None and media.url else media.read()


def without_times(value: Any) -> Any:
    """A result without what the clock or a folder says."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, (list, tuple)) else value


PENDING = {"running", "pending", "queued", "older_id", "new", "old", "cat"}
"""Names of examples of jobs that are not done yet."""

TIMES = {"created_s", "seen_s", "waited_s", "request_id", "path"}


def test_the_table_is_as_large_as_the_contracts() -> None:
    """Cells by surface, so that a way that is not found any more is noticed."""
    with without_waiting():
        cells = [way.name for example in EXAMPLES for way in ways_to(example)]
    for start, least in (("core ", 240), ("langchain ", 80), ("llamaindex ", 80)):
        assert sum(name.startswith(start) for name in cells) >= least, start
    assert any("Seen" in each.operation or each.name.startswith("seen") for each in EXAMPLES)
    assert inspect.isfunction(lost)
