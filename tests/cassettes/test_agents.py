"""The agents' tools of both frameworks ask for the same bytes as the core, and get the same from them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from llamaindex_multiapi import MultiApiTranscriptReader
from multiapi.agent_tools import TOOLS
from multiapi.cassettes import replay
from tests.cassettes.agents import AGENT_CALLS, TOOL_READERS, told, with_files
from tests.cassettes.readers import core
from tests.cassettes.scenario import KEY
from tests.cassettes.table import SCENARIOS

BY_NAME = {str(scenario): scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("reader", TOOL_READERS)
@pytest.mark.parametrize("name", AGENT_CALLS)
def test_a_tool_replays_what_the_core_recorded(name: str, reader: str, tmp_path: Path) -> None:
    scenario, call = BY_NAME[name], AGENT_CALLS[name]
    with replay(scenario.path):
        expected: Any = core(scenario)
    with replay(scenario.path):
        results = TOOL_READERS[reader](scenario.provider, call, with_files(tmp_path))
    assert told(results[-1]) == told(expected[-1] if isinstance(expected, list) else expected)


@pytest.mark.parametrize("awaited", [False, True])
def test_the_transcript_reader_replays_a_transcription(awaited: bool, tmp_path: Path) -> None:
    scenario, file = BY_NAME["aicredits/transcribe"], with_files(tmp_path) / "silence.wav"
    settings: dict[str, Any] = {"provider": "aicredits", "api_key": KEY, "language": "en"}
    reader = MultiApiTranscriptReader(**settings)
    with replay(scenario.path):
        expected = core(scenario).text
    with replay(scenario.path):
        (document,) = asyncio.run(reader.aload_data(file)) if awaited else reader.load_data(file)
    assert document.text == expected


def test_every_tool_is_played_by_a_cassette() -> None:
    assert set(TOOLS) == {tool for call in AGENT_CALLS.values() for tool, _ in call.calls}
