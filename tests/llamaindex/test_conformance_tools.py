"""The public conformance kit, run on our own tool specs and readers of all vendors, over the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from llamaindex_multiapi import MultiApiOcrReader, MultiApiToolSpec, MultiApiTranscriptReader
from llamaindex_multiapi.testing import ReaderConformance, ToolSpecConformance
from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image, speak

KEY = "sk-conformance-0123456789abcdef"
SIMULATOR = Simulator(seed=0, job_wait_s=0.01, job_run_s=0.01)


def connection() -> dict[str, Any]:
    return {
        "api_key": KEY,
        "http_client": httpx.Client(transport=SIMULATOR.transport),
        "http_async_client": httpx.AsyncClient(transport=SIMULATOR.async_transport),
    }


class OurTools(ToolSpecConformance):
    provider: str
    secrets = (KEY,)

    def make(self) -> MultiApiToolSpec:
        return MultiApiToolSpec(self.provider, **connection())


class TestBinericTools(OurTools):
    provider = "bineric"


class TestAimlapiTools(OurTools):
    provider = "aimlapi"
    calls = {"generate_image": {"prompt": "a cat"}}


class TestAicreditsTools(OurTools):
    provider = "aicredits"
    calls = {"generate_image": {"prompt": "a cat"}, "text_to_speech": {"text": "hello"}}


class TestBinoboxTools(OurTools):
    provider = "binobox"
    calls = {"generate_image": {"prompt": "a cat"}}


class TestTranscripts(ReaderConformance):
    ending = ".wav"
    secrets = (KEY,)

    def make(self) -> MultiApiTranscriptReader:
        return MultiApiTranscriptReader(provider="aicredits", **connection())

    def data(self) -> bytes:
        return speak("Good morning to everybody.", "audio/wav")


class TestOcr(ReaderConformance):
    ending = ".png"
    secrets = (KEY,)

    def make(self) -> MultiApiOcrReader:
        return MultiApiOcrReader(provider="aimlapi", **connection())

    def data(self) -> bytes:
        return draw_image("An invoice about 40 crowns", 256, 256)


@pytest.mark.parametrize("made", [True, False])
def test_r56_media_are_blocks_where_that_is_wanted(made: bool, tmp_path: Path) -> None:
    from llama_index.core.base.llms.types import ImageBlock, TextBlock

    spec = MultiApiToolSpec("aicredits", media_blocks=made, output_dir=tmp_path, **connection())
    (tool,) = [tool for tool in spec.to_tool_list() if tool.metadata.name == "generate_image"]
    blocks = tool.call(prompt="a cat").blocks
    assert [type(block) for block in blocks] == ([TextBlock, ImageBlock] if made else [TextBlock])
