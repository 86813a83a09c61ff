"""What every LlamaIndex tool spec and reader should do, for ours and each vendor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from llamaindex_multiapi.readers import MultiApiOcrReader, MultiApiTranscriptReader
from llamaindex_multiapi.testing.readers import ReaderConformance
from llamaindex_multiapi.testing.tools import ToolSpecConformance
from llamaindex_multiapi.tools import MultiApiToolSpec
from multiapi.agent_tools import TOOLS
from multiapi.errors import InvalidRequestError, MissingApiKeyError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.simulator.media import draw_image, speak
from tests.agent_tools.conftest import KEY, Vendors
from tests.agent_tools.test_tools import ARGUMENTS, PNG, WAV


def spec_tests(vendor: str) -> type[ToolSpecConformance]:
    class Conformance(ToolSpecConformance):
        secrets = (KEY,)
        calls = {
            name: ARGUMENTS[name]
            for name, tool in TOOLS.items()
            if tool.fits(PROVIDERS[vendor]) and not tool.only_named and name not in {"check_job", "moderate_text"}
        }

        @pytest.fixture(autouse=True)
        def _simulated(self, vendors: Vendors, tmp_path: Path) -> None:
            (tmp_path / "page.png").write_bytes(PNG)
            (tmp_path / "note.wav").write_bytes(WAV)
            self.settings = {"input_dir": tmp_path, **vendors.connection(vendor)}

        def make(self) -> Any:
            return MultiApiToolSpec(vendor, **self.settings)

    return Conformance


for _vendor in ("bineric", "aimlapi", "aicredits", "binobox"):
    globals()[f"TestToolSpec{_vendor.title()}"] = spec_tests(_vendor)


def reader_tests(kind: type, vendor: str, ending: str, content: bytes) -> type[ReaderConformance]:
    class Conformance(ReaderConformance):
        secrets = (KEY,)

        @pytest.fixture(autouse=True)
        def _simulated(self, vendors: Vendors) -> None:
            self.connection = vendors.connection(vendor)

        def make(self) -> Any:
            return kind(provider=vendor, **self.connection)

        def data(self) -> bytes:
            return content

    Conformance.ending = ending
    return Conformance


for _vendor in ("bineric", "aimlapi", "aicredits"):
    globals()[f"TestTranscriptReader{_vendor.title()}"] = reader_tests(MultiApiTranscriptReader, _vendor, ".wav", WAV)
TestOcrReader = reader_tests(MultiApiOcrReader, "aimlapi", ".png", PNG)


# ------------------------------------------------------------------------------------------------ beyond


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "note.mp3"
    path.write_bytes(speak("the weather is fine", "audio/mpeg"))
    return path


def test_a_transcript_says_where_it_comes_from_and_what_it_cost(vendors: Vendors, recording: Path) -> None:
    (document,) = MultiApiTranscriptReader(provider="bineric", **vendors.connection("bineric")).load_data(recording)
    assert document.text == "the weather is fine"
    assert document.metadata["provider"] == "bineric" and document.metadata["model"] == "speech-to-text"
    assert float(document.metadata["cost"]) > 0 and document.metadata["cost_unit"] is None
    assert "cost" not in document.get_content("embed") and "note.mp3" in document.get_content("llm")


def test_one_document_per_utterance(vendors: Vendors, recording: Path) -> None:
    utterances = [
        {"start": 0.0, "end": 1.5, "transcript": "Hello.", "speaker": 0},
        {"start": 1.6, "end": 2.0, "transcript": "Hi.", "speaker": 1},
    ]
    result = {"metadata": {"duration": 2.0}, "results": {"channels": [], "utterances": utterances}}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"generation_id": "g1", "status": "completed", "result": result})

    connection = {**vendors.connection("aimlapi"), "http_client": httpx.Client(transport=httpx.MockTransport(answer))}
    reader = MultiApiTranscriptReader(
        provider="aimlapi", model="#g1_nova-2-general", split="segment", diarize=True, **connection
    )
    documents = reader.load_data(recording)
    assert [(each.text, each.metadata["start_s"], each.metadata["speaker"]) for each in documents] == [
        ("Hello.", 0.0, "0"),
        ("Hi.", 1.6, "1"),
    ]
    assert documents[0].id_ != documents[1].id_ and documents[0].metadata["duration_s"] == 2.0


def test_one_document_per_page_or_one_in_all(vendors: Vendors, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(draw_image("a page", 32, 32))
    (page,) = MultiApiOcrReader(provider="aimlapi", **vendors.connection("aimlapi")).load_data(path)
    assert (page.text, page.metadata["page_label"]) == ("a page", "1")
    reader = MultiApiOcrReader(provider="aimlapi", split="file", pages=[1], **vendors.connection("aimlapi"))
    assert asyncio.run(reader.aload_data(path))[0].metadata["pages"] == 1


def test_what_a_reader_cannot_do_is_a_typed_error(vendors: Vendors, recording: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingApiKeyError, match="AIMLAPI_API_KEY"):
        MultiApiOcrReader(provider="aimlapi")
    with pytest.raises(UnsupportedError, match="binobox has no transcription; aicredits, aimlapi and bineric have"):
        MultiApiTranscriptReader(provider="binobox", model="m", **vendors.connection("binobox")).load_data(recording)
    small = MultiApiTranscriptReader(provider="aicredits", max_file_bytes=100, **vendors.connection("aicredits"))
    with pytest.raises(InvalidRequestError, match="more than 100 bytes"):
        small.load_data(recording)
    assert not vendors.simulator.log
