"""What rests on facts that were only seen says so: with a grade in the contract, and with a row on the provider's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multiapi.simulator.as_seen import PROVIDER_OF
from tests.contracts import contract

PAGES = Path(__file__).parents[2] / "docs" / "vendors"
GRADE = re.compile(r"[Gg]rade [ABC]|\([ABC]\)")

# Place in the contract (its end) and words of the row that tells of it.
ROWS: dict[str, dict[str, str]] = {
    "aicredits": {
        "servers/1": "on `aicredits.in`",
        "x-limits/unstreamed_call": "about 30 s",
        "x-limits/embedding_batch": "Batches of embeddings",
        "x-seen-content/multipart/form-data": "multipart",
        "/api/v1/credits/get": "The balance at",
        "responses/E404": "No endpoints found",
        "E500/content/text/plain": "a bare 500",
        "ChatRequest/properties/reasoning": "`enabled: false`",
        "ChatRequest/properties/reasoning_effort": "`reasoning_effort`",
        "Usage/properties/cost": "`usage.cost`",
        "Usage/properties/latency_ms": "`latency_ms`",
        "properties/reasoning_content": "`reasoning_content`",
        "properties/reasoning": "or `reasoning`",
        "schemas/ChatCompletionSeen": "`usage.cost`",
        "schemas/TranscriptionSegments": "`segments`",
        "schemas/TranscriptionSarvam": "Sarvam",
        "Credits/properties/data": "in `data`",
        "schemas/ModelSeen": "`context_length`",
        "schemas/Error404": "No endpoints found",
    },
    "bineric": {
        "x-known-models/seen": "ids that the list lacks",
        "properties/_bineric": "`_bineric.phrases`",
        "content/anyOf/1": "`audioContent`",
    },
}
SWITCHES = {
    "structured": "`json_schema` on Gemini",
    "wall": "about 30 s",
    "credits": "`/v1/credits` is 404",
    "models": "`context_length`",
    "hosts": "below `/v1` and `/api/v1`",
    "cost": "`usage.cost`",
    "schema": "words of a Go structure",
    "transcript": "Sarvam",
    "choices": "in `choices`",
    "sizes": "its own sizes",
    "jpeg": "JPEG",
    "upstream": "429 comes without",
    "reasoning": "`reasoning_content`",
}


def seen(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything with `x-source: seen`, and where it stands."""
    if isinstance(part, dict):
        if part.get("x-source") == "seen":
            yield place, part
        for name, inner in part.items():
            yield from seen(inner, f"{place}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from seen(inner, f"{place}/{number}")


def rows(provider: str) -> list[list[str]]:
    """The rows of the table "Seen live"."""
    text = (PAGES / f"{provider}.md").read_text(encoding="utf-8").partition("## Seen live")[2].partition("\n## ")[0]
    table = [line for line in text.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


PLACES = [(provider, place, part) for provider in ROWS for place, part in seen(contract(provider))]


@pytest.mark.parametrize(("provider", "place", "part"), PLACES, ids=[f"{each[0]}{each[1]}" for each in PLACES])
def test_each_seen_fact_has_a_grade_and_a_row(provider: str, place: str, part: dict[str, Any]) -> None:
    assert GRADE.search(str(part)), "no grade stands beside it"
    words = next((words for end, words in ROWS[provider].items() if place.endswith(end)), None)
    assert words is not None, f"{place} is new: give it a row in docs/vendors/{provider}.md and in this table"
    assert any(words in row[0] for row in rows(provider)), words


@pytest.mark.parametrize("switch", list(PROVIDER_OF))
def test_each_form_of_the_simulator_has_a_row(switch: str) -> None:
    assert any(SWITCHES[switch] in row[0] for row in rows(PROVIDER_OF[switch]))


@pytest.mark.parametrize("provider", list(ROWS))
def test_each_row_is_complete(provider: str) -> None:
    for fact, grade, day, done, otherwise in rows(provider):
        assert fact and done and otherwise
        assert re.fullmatch(r"[ABC]((,| to) [ABC])?", grade), fact
        assert re.fullmatch(r"2026(-\d\d)?(-\d\d)?", day), fact


@pytest.mark.parametrize("part", list(seen(contract("aimlapi"))), ids=lambda part: part[0][:60])
def test_each_seen_fact_of_aimlapi_has_a_grade(part: tuple[str, dict[str, Any]]) -> None:
    assert part[1].get("x-grade") in {"R", "V", "C", "M"}


@pytest.mark.parametrize("provider", ["binom_router", "binobox"])
def test_where_nobody_was_found_the_page_says_so(provider: str) -> None:
    assert "No public user found (November 2026)" in (PAGES / f"{provider}.md").read_text(encoding="utf-8")
    assert not list(seen({**contract(provider), "x-sources": {}}))
