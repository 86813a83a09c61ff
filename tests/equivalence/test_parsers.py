"""Recordings and scans as documents: LangChain's parsers and LlamaIndex's readers give the same text and facts."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.documents.base import Blob

from langchain_multiapi import MultiApiOcrParser, MultiApiTranscriptParser
from llamaindex_multiapi import MultiApiOcrReader, MultiApiTranscriptReader
from multiapi import PROVIDERS, MultiApiError
from multiapi.errors import InvalidRequestError, MissingApiKeyError, UnsupportedError
from multiapi.simulator import Simulator, media
from tests.cassettes.chats import page

PAIRS: dict[str, tuple[Any, Any, tuple[str, ...], tuple[str, ...]]] = {
    "transcript": (
        MultiApiTranscriptParser,
        MultiApiTranscriptReader,
        ("transcribe", "start_transcription"),
        ("file", "segment"),
    ),
    "ocr": (MultiApiOcrParser, MultiApiOcrReader, ("ocr",), ("page", "file")),
}
EACH = [
    (kind, provider.name, split)
    for kind, (_, _, needs, splits) in PAIRS.items()
    for provider in PROVIDERS.values()
    if any(name in provider.operations for name in needs)
    for split in splits
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {"transcript": tmp_path / "talk.wav", "ocr": tmp_path / "plan.pdf"}
    found["transcript"].write_bytes(media.speak("Is the ship in?\nYes, since noon.", "audio/wav"))
    found["ocr"].write_bytes(base64.b64decode(page()))
    return found


def connection(simulator: Simulator, provider: str) -> dict[str, Any]:
    return {
        "provider": provider,
        "api_key": "any-key-1234",
        "base_url": simulator.base_url(provider),
        "http_client": httpx.Client(transport=simulator.transport),
        "http_async_client": httpx.AsyncClient(transport=simulator.async_transport),
    }


@pytest.mark.parametrize(("kind", "provider", "split"), EACH)
def test_both_give_the_same_text_and_facts(kind: str, provider: str, split: str, files: dict[str, Path]) -> None:
    parser_class, reader_class, _, _ = PAIRS[kind]
    file, simulator = files[kind], Simulator()
    options: dict[str, Any] = {"split": split}
    if kind == "transcript" and provider == "aimlapi":
        options |= {"model": "#g1_nova-2-general", "diarize": True}
    reader = reader_class(**connection(simulator, provider), **options)
    read = [(found.text, found.metadata) for found in reader.load_data(file)]
    parser = parser_class(**connection(simulator, provider), **options)

    async def awaited() -> list[Any]:
        return [found async for found in parser.alazy_parse(Blob.from_path(file))]

    for documents in (parser.parse(Blob.from_path(file)), asyncio.run(awaited())):
        assert [found.page_content for found in documents] == [text for text, _ in read]
        for document, (_, facts) in zip(documents, read, strict=True):
            assert document.metadata == {"source": str(file), **facts}
    assert any("ship" in text or "launch" in text for text, _ in read)
    if options.get("diarize") and split == "segment":
        assert len({facts["speaker"] for _, facts in read}) == 2
        assert all(facts["end_s"] > facts["start_s"] for _, facts in read)


@pytest.mark.parametrize("kind", PAIRS)
def test_a_blob_of_bytes_is_read_when_its_documents_are_asked_for(kind: str, files: dict[str, Path]) -> None:
    parser_class, simulator = PAIRS[kind][0], Simulator()
    parser = parser_class(**connection(simulator, "aimlapi"))
    blob = Blob.from_data(files[kind].read_bytes(), path="folder/a.bin", metadata={"about": "ships", "model": "mine"})
    documents = parser.lazy_parse(blob)
    assert not simulator.log
    first = next(documents)
    assert simulator.log
    assert first.metadata["source"] == "folder/a.bin" and first.metadata["file_name"] == "a.bin"
    assert (first.metadata["about"], first.metadata["model"]) == ("ships", "mine")
    bare = parser.parse(Blob.from_data(files[kind].read_bytes()))
    assert "source" not in bare[0].metadata
    assert "any-key-1234" not in repr(parser) + repr(vars(parser))


@pytest.mark.parametrize("kind", PAIRS)
def test_what_is_wrong_is_said_before_anything_is_sent(
    kind: str, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser_class, simulator = PAIRS[kind][0], Simulator()
    with pytest.raises(InvalidRequestError, match="takes split as one of"):
        parser_class(**connection(simulator, "aimlapi"), split="word")
    small = parser_class(**connection(simulator, "aimlapi"), max_file_bytes=100)
    for blob in (Blob.from_path(files[kind]), Blob.from_data(files[kind].read_bytes())):
        with pytest.raises(MultiApiError, match="more than"):
            small.parse(blob)
    with pytest.raises(UnsupportedError, match="have|has"):
        parser_class(**connection(simulator, "binom_router"), model="m").parse(Blob.from_path(files[kind]))
    assert not simulator.log
    monkeypatch.delenv("AIMLAPI_API_KEY", raising=False)
    for name in PROVIDERS["aimlapi"].other_key_envs:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingApiKeyError):
        parser_class("aimlapi")
