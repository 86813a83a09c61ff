"""A replay hands a stream over in one piece; networks do not. Every recorded stream is read in other pieces too."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from multiapi import cassettes
from multiapi.errors import MultiApiError
from multiapi.http.exchange import HttpResponse
from multiapi.negotiation.plan import plan
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatDelta, ChatRequest
from multiapi.types.limits import Limits
from tests.cassettes.readers import Reading, Refused, of_response, refused
from tests.cassettes.scenario import Scenario
from tests.cassettes.table import SCENARIOS


class Stream(NamedTuple):
    """A recorded stream and the request that it answers."""

    scenario: Scenario
    head: HttpResponse
    body: bytes


@cache
def streams() -> dict[str, Stream]:
    """All recorded streams, by the name of the scenario."""
    found = {}
    for scenario in SCENARIOS:
        if scenario.only is None or scenario.only.method != "chat_stream":
            continue
        response = cassettes.read(scenario.path).interactions[-1]["response"]
        headers = {name: value[0] for name, value in response["headers"].items()}
        if headers.get("content-type", "").startswith("text/event-stream"):
            head = HttpResponse(response["status"]["code"], headers)
            found[str(scenario)] = Stream(scenario, head, response["body"]["string"])
    return found


Read = tuple[Reading | Refused, str, str, tuple[tuple[int, str, str], ...]]


def read(stream: Stream, pieces: Iterable[bytes]) -> Read:
    """The answer, or the error, and everything that the deltas added up to before it."""
    provider = PROVIDERS[stream.scenario.provider]
    request = stream.scenario.request
    assert provider.chat_stream is not None and isinstance(request, ChatRequest)
    decoder = provider.chat_stream.decoder(stream.head, Limits())
    filters = plan(provider, request, frozenset()).filters()
    deltas: list[ChatDelta] = []

    def take(found: Any) -> None:
        for each in filters:
            found = each.take(found)
        deltas.extend(found)

    result: Reading | Refused
    try:
        for piece in pieces:
            take(decoder.feed(piece))
        take(decoder.close())
        response = deltas[-1].response
        assert response is not None
        result = of_response(response)
    except MultiApiError as error:
        result = refused(error)
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.tool_calls:
            held = calls.setdefault(call.number, ["", ""])
            held[0] += call.name or ""
            held[1] += call.arguments
    return (
        result,
        "".join(delta.text for delta in deltas),
        "".join(delta.reasoning for delta in deltas),
        tuple((number, name, arguments) for number, (name, arguments) in sorted(calls.items())),
    )


def test_there_are_streams_of_every_streaming_vendor() -> None:
    assert {name.partition("/")[0] for name in streams()} == {"aimlapi", "aicredits", "binom_router"}


@pytest.mark.parametrize("name", streams())
def test_bytes_one_by_one_in_small_and_in_random_pieces(name: str) -> None:
    stream = streams()[name]
    whole = read(stream, [stream.body])
    for size in (1, 2, 3, 7, 64):
        assert read(stream, _of_size(stream.body, size)) == whole, size
    chance = random.Random(name)
    for _ in range(25):
        assert read(stream, _at_random(stream.body, chance)) == whole


def _of_size(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def _at_random(body: bytes, chance: random.Random) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        end = start + chance.choice((1, 2, 5, 30, 200, 1000))
        yield body[start:end]
        start = end


def _shape(stream: Stream) -> frozenset[str]:
    """Which kinds of lines a stream is made of: the names of all fields, without their values."""
    lines = stream.body.decode().split("\n")
    return frozenset(_shape_of_line(line) for line in lines) | {stream.scenario.provider}


def _shape_of_line(line: str) -> str:
    if not line.startswith("data: {"):
        return line
    try:
        return str(sorted(_names(json.loads(line[6:]))))
    except ValueError:
        return "broken"


def _names(value: Any, at: str = "") -> set[str]:
    if isinstance(value, dict):
        return {at} | {name for key, inner in value.items() for name in _names(inner, f"{at}.{key}")}
    if isinstance(value, list):
        return {at} | {name for inner in value for name in _names(inner, at + "[]")}
    return {f"{at}:{type(value).__name__}"}


def one_of_each_shape() -> list[str]:
    """The shortest stream of each kind, and the one with letters of several bytes."""
    shortest: dict[frozenset[str], str] = {}
    for name, stream in streams().items():
        held = shortest.get(_shape(stream))
        if held is None or len(stream.body) < len(streams()[held].body):
            shortest[_shape(stream)] = name
    return sorted({*shortest.values(), "aimlapi/chat_stream_unicode"})


@pytest.mark.parametrize("name", one_of_each_shape())
def test_two_pieces_split_at_every_byte(name: str) -> None:
    """Streams that are made of the same kinds of events are all read byte by byte above, and one of them here."""
    stream = streams()[name]
    whole = read(stream, [stream.body])
    wrong = [at for at in range(1, len(stream.body)) if read(stream, (stream.body[:at], stream.body[at:])) != whole]
    assert wrong == []
