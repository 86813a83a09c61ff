"""No reader works or holds more than its input is long: n to 2n may cost twice, in one chunk and in chunks of one unit."""

from __future__ import annotations

import ast
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from multiapi.sending import bodies
from multiapi.types.limits import Limits
from tests.reliability import readers
from tests.reliability.growth import ROOT, counted_patterns, peak_of, work_of
from tests.reliability.readers import quietly

N = 40
MOST = 2.2
SIZES = {
    "langchain_multiapi._structured.AnswerParser": 400,
    "multiapi.negotiation.wanted.Growing": 400,
    "llamaindex_multiapi._structured.Question": 400,
}
"""Where a short input is read again with each chunk, up to a fixed length."""
CUMULATIVE = {"llamaindex_multiapi._structured.Question"}
"""LlamaIndex hands over all of the text with each chunk."""
SPARE = 1_500
"""Work that does not grow with the input: tables that are made at the first use and the like."""


@pytest.fixture(scope="module", autouse=True)
def _patterns_are_counted() -> Iterator[None]:
    with counted_patterns():
        yield


def text_inputs(units: Sequence[Any], heads: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each unit behind nothing and behind one of the heads in turn."""
    return [
        pair
        for place, unit in enumerate(units)
        for pair in ((heads[0], unit), (heads[1 + place % (len(heads) - 1)], unit))
    ]


def cuts(whole: Any, unit: int) -> dict[str, list[Any]]:
    """The input in one chunk, and in chunks of a unit."""
    sizes = {"one chunk": len(whole), "a unit": max(1, unit)}
    return {name: [whole[at : at + size] for at in range(0, len(whole), size)] for name, size in sizes.items()}


def grows(read: Callable[[int], Callable[[], object]], n: int) -> str | None:
    """What is wrong with how the work grows from n to 2n, if anything."""
    half, whole = work_of(read(n)), work_of(read(2 * n))
    return f"work {half} -> {whole}" if whole > MOST * half + SPARE else None


def assert_linear(read: Callable[[int], Callable[[], object]], where: str) -> None:
    size = SIZES.get(where.partition(",")[0], N)
    wrong = grows(read, size)
    if wrong is not None:  # at a small size what is constant may hide in it; the larger one decides
        wrong = grows(read, 4 * size)
    assert wrong is None, f"{where}: {wrong}"


@pytest.mark.parametrize("name", [*readers.TEXT_READERS, *readers.BYTE_READERS])
def test_work_over_text_and_bytes_grows_with_the_input(name: str) -> None:
    feed = readers.TEXT_READERS.get(name) or readers.BYTE_READERS[name]
    is_text = name in readers.TEXT_READERS
    heads = readers.TEXT_HEADS if is_text else [b"", b"data: ", b'{"data": [', b"  "]
    for head, unit in text_inputs(readers.TEXT_UNITS if is_text else readers.BYTE_UNITS, heads):
        for cut in ["a unit" if head == heads[0] and name not in CUMULATIVE else "one chunk"]:

            def read(n: int, head: Any = head, unit: Any = unit, cut: str = cut) -> Callable[[], object]:
                return quietly(feed, cuts(head + unit * n, len(unit))[cut])

            assert_linear(read, f"{name}, {head!r} + n * {unit!r} in {cut}")


@pytest.mark.parametrize("name", [*readers.EVENT_READERS, *readers.RESPONSES_READERS, *readers.LIST_READERS])
def test_work_over_events_and_lists_grows_with_the_input(name: str) -> None:
    for table, units in (
        (readers.EVENT_READERS, readers.EVENT_UNITS),
        (readers.RESPONSES_READERS, readers.RESPONSES_UNITS),
        (readers.LIST_READERS, readers.LIST_UNITS),
    ):
        if name not in table:
            continue
        for number, unit in enumerate(units):

            def read(n: int, unit: Any = unit, table: Any = table) -> Callable[[], object]:
                return quietly(table[name], [unit(place) for place in range(n)])

            assert_linear(read, f"{name}, unit {number}: {unit(1)}")


FED = [
    name
    for name in readers.BYTE_READERS
    if name.endswith((".SseDecoder", ".ChatStream", ".BodyReader", ".VectorReader"))
]
PACKETS = {10: 40, 1_000: 1_000}
"""Bytes of a packet, and how often a unit comes."""


@pytest.mark.parametrize("packet", PACKETS)
@pytest.mark.parametrize("name", FED)
def test_work_over_packets_grows_with_the_input(name: str, packet: int) -> None:
    """Blank lines before the first event among them, which are looked at for what the stream is."""
    for unit in readers.BYTE_UNITS[:: 1 if packet == 10 else 6]:

        def read(n: int, unit: bytes = unit) -> Callable[[], object]:
            whole = unit * n * (PACKETS[packet] // N)
            return quietly(readers.BYTE_READERS[name], [whole[at : at + packet] for at in range(0, len(whole), packet)])

        assert_linear(read, f"{name}, n * {unit!r} in packets of {packet}")


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(gzip.compress, mtime=0),
    "deflate": zlib.compress,
    "bare deflate": lambda plain: zlib.compress(plain)[2:-4],
    "stored": partial(zlib.compress, level=0),
    "many members": lambda plain: b"".join(
        gzip.compress(plain[at : at + 50], mtime=0) for at in range(0, len(plain), 50)
    ),
}
PLAIN: dict[str, Callable[[int], bytes]] = {
    "one byte again and again": bytes,
    "noise": lambda size: Random(1).randbytes(size),
}


@pytest.mark.parametrize("packet", [1, 10, 1_000, 10**9])
@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("form", COMPRESSED)
def test_work_of_inflating_grows_with_what_comes_out(form: str, plain: str, packet: int) -> None:
    encoding = "deflate" if form in {"deflate", "bare deflate", "stored"} else "gzip"

    def read(n: int) -> Callable[[], object]:
        data = COMPRESSED[form](PLAIN[plain](n * 100))
        chunks = [data[at : at + packet] for at in range(0, len(data), packet)]

        def inflate() -> None:
            inflater, out = bodies.Inflater(encoding, "acme"), 0
            for chunk in chunks:
                for piece in inflater.pieces(chunk, lambda: 2_000):
                    out += len(piece)
            inflater.finish()
            assert out == n * 100

        return inflate

    half, whole = work_of(read(N * 4)), work_of(read(N * 8))
    assert whole <= MOST * half + SPARE, f"work {half} -> {whole}"


MOST_BYTES = 20
LISTED = [
    (name, number)
    for table, units in (
        (readers.EVENT_READERS, readers.EVENT_UNITS),
        (readers.RESPONSES_READERS, readers.RESPONSES_UNITS),
        (readers.LIST_READERS, readers.LIST_UNITS),
    )
    for name in table
    for number in range(len(units))
]


@pytest.mark.parametrize("name", {name: None for name, _ in LISTED})
def test_an_answer_takes_a_bounded_amount_of_memory_per_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limits that are in force, for every list in an answer: at most 20 bytes for a byte, beside those that its JSON takes as
    Python's objects.
    """
    monkeypatch.setattr(readers, "MANY", Limits())
    table, units = next(
        (table, units)
        for table, units in (
            (readers.EVENT_READERS, readers.EVENT_UNITS),
            (readers.RESPONSES_READERS, readers.RESPONSES_UNITS),
            (readers.LIST_READERS, readers.LIST_UNITS),
        )
        if name in table
    )
    for number, unit in enumerate(units):
        per_byte = bytes_per_byte(name, table[name], unit, 300)
        if per_byte > MOST_BYTES:  # at a small size what is constant may hide in it; the larger one decides
            per_byte = bytes_per_byte(name, table[name], unit, 1_200)
        assert per_byte <= MOST_BYTES, f"{name}, unit {number} {unit(1)}: {per_byte:.1f} bytes for a byte"


def bytes_per_byte(name: str, feed: readers.Feed, unit: Callable[[int], Any], n: int) -> float:
    entries = [unit(place) for place in range(n)]
    text = json.dumps(entries).encode()
    times = COPIES.get(name, 1)
    quietly(feed, entries[:3])()
    parsing = peak_of(lambda: json.loads(text)) if name in readers.LIST_READERS.keys() - OF_OBJECTS else 0
    return (peak_of(quietly(feed, entries)) - times * parsing) / (len(text) * times)


COPIES = {
    "multiapi.formats.media.parse_images": 2,
    "multiapi.formats.media.parse_sound": 2,
    "multiapi.formats.jobs.parse_status": 2,
    "multiapi.formats.openai.answers.read_error of lists": 3,
    "multiapi.formats.messages.MessagesAssembly": 4,
}
"""How many lists of a body the same entries stand in, or how much longer the events are that they are made into."""
OF_OBJECTS = {"multiapi.formats.messages.MessagesAssembly"}
"""Readers of lists that get events which somebody else has parsed."""


@pytest.mark.parametrize("name", readers.TEXT_READERS)
def test_memory_grows_with_the_input(name: str) -> None:
    for unit in readers.TEXT_UNITS[::4]:
        peaks = []
        for n in (300, 600):
            chunks = cuts(unit * n, len(unit))["a unit"]
            quietly(readers.TEXT_READERS[name], chunks[:10])()
            peaks.append(peak_of(quietly(readers.TEXT_READERS[name], chunks)))
        assert peaks[1] < MOST * peaks[0] + 20_000, f"{name}, n * {unit!r}: {peaks}"


# ------------------------------------------------------------------------------------------------ the list is whole


MODULES = [
    "formats.assembly", "sending.bodies", "negotiation.call_reader", "formats.error_words", "http.json", "http.exchange", "http.sse", "formats.media",
    "formats.messages", "negotiation.prompted_tools", "formats.responses", "formats.stream", "negotiation.json_answers", "negotiation.thoughts",
    "negotiation.wanted",
    "formats.tool_arguments", "formats.tool_calls", "http.vectors",
]  # fmt: skip
NO_READERS = {
    "multiapi.sending.bodies.Inflater": "has a test of its own above",
    "multiapi.sending.bodies.inflater": "makes it",
    "multiapi.http.json.dump_json": "writes",
    "multiapi.http.exchange.path_segment": "writes",
    "multiapi.formats.stream.all_calls": "joins two lists",
    "multiapi.formats.stream.whole_answer": "takes an answer apart that is read",
    "multiapi.negotiation.json_answers.demands_fields": "looks at the caller's schema",
    "multiapi.negotiation.wanted.Said": "holds what was read",
    "multiapi.negotiation.wanted.Unfit": "says what is wrong",
    "multiapi.negotiation.wanted.misfit": "looks at what pydantic says",
    "multiapi.negotiation.wanted.why_no_json": "quotes the beginning of a text",
    "multiapi.negotiation.wanted.why_no_call": "quotes the beginning of a text",
    "multiapi.formats.media.one_named": "looks at the caller's setting",
    "multiapi.formats.tool_calls.says_something": "looks at one call",
    "multiapi.formats.tool_calls.joined_calls": "joins fragments of one delta",
    "multiapi.formats.tool_calls.made_call_id": "looks at an id",
    "multiapi.http.vectors.floats": "reads numbers of a fixed size",
    "multiapi.formats.assembly.joined_deltas": "joins two deltas",
    "multiapi.formats.assembly.more_counts": "looks at the counts of one event",
    "multiapi.formats.assembly.assembled": "is what parse_messages and parse_responses end in",
    "multiapi.formats.responses.response_of": "is what parse_responses ends in",
    "multiapi.formats.messages.message_of": "is what parse_messages ends in",
    "multiapi.formats.media.media_in": "is what parse_images ends in",
    "multiapi.formats.media.media_result": "is what parse_sound ends in",
    "multiapi.formats.media.sound_body": "passes bytes on",
    "multiapi.formats.media.entry_media": "is what parse_images ends in",
    "multiapi.formats.media.seconds_of": "reads one number",
    "multiapi.formats.media.text_media": "passes a text on",
    "multiapi.formats.media.without_media": "goes through a value that is read",
    "multiapi.formats.error_words.word": "looks at one word",
    "multiapi.formats.error_words.bounded": "goes through a value that is read",
    "multiapi.formats.error_words.numeric_status": "looks at one number",
}
WRITERS = ("build", "with_", "tool_instructions", "format_instructions", "messages_body", "taken_settings", "needs_text", "one_of", "media_operation", "mime_type_of_url")  # fmt: skip


def takes_foreign_input(node: ast.stmt) -> bool:
    """Whether a definition may be a reader: a class with a method that is fed, or a function with parameters that are no request."""
    if isinstance(node, ast.ClassDef):
        return any(
            isinstance(inner, ast.FunctionDef) and inner.name in {"feed", "take", "add", "is_due", "pieces"}
            for inner in node.body
        )
    return isinstance(node, ast.FunctionDef) and not node.name.startswith(WRITERS)


def found_readers() -> set[str]:
    found: set[str] = set()
    for package in ("multiapi", "langchain_multiapi", "llamaindex_multiapi"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if any(part in module.split(".") for part in ("simulator", "cassettes", "testing", "cli", "bulk")):
                continue
            is_listed = module.removeprefix("multiapi.") in MODULES
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                    continue
                fed = isinstance(node, ast.ClassDef) and any(
                    isinstance(inner, ast.FunctionDef) and inner.name in {"feed", "take"} for inner in node.body
                )
                if fed or (is_listed and takes_foreign_input(node)):
                    found.add(f"{module}.{node.name}")
    return found


ELSEWHERE = {
    "multiapi.formats.media.whole_or_partial": "takes media that are read",
    "multiapi.negotiation.answer_options.OptionsFilter": "decides about a response that is read; its text goes through readers above",
    "multiapi.provider.StreamDecoder": "a protocol",
    "multiapi.formats.stream.Accumulator": "a protocol",
    "multiapi.http.json.as_null": "takes the name of one constant",
    "multiapi.negotiation.tool_names.NameFilter": "looks at names of calls, one at a time",
    "multiapi.transport.loop_wire.Wire": "hands bytes on to BodyReader",
    "multiapi.transport.blocking.ThreadPool": "runs functions",
    "multiapi.transport.slots.Slots": "counts connections",
    "multiapi.negotiation.plan.DeltaFilter": "a protocol",
    "multiapi.sending.retry_budget.RetryBudget": "counts retries",
    "multiapi.sending.streams.BodyReading": "hands bytes on to ChatStream and NamedEvents",
    "multiapi.provider.EventDecoder": "a protocol",
}


def test_every_reader_is_registered() -> None:
    registered = {
        name.split(" ")[0]
        for table in (
            readers.TEXT_READERS,
            readers.BYTE_READERS,
            readers.EVENT_READERS,
            readers.RESPONSES_READERS,
            readers.LIST_READERS,
        )
        for name in table
    }
    missing = found_readers() - registered - set(NO_READERS) - set(ELSEWHERE)
    assert not missing, (
        f"register them in tests/reliability/readers.py, or say why they read nothing: {sorted(missing)}"
    )
