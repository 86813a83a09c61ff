"""Speakers are told apart: by the simulator in both shapes, by the readers of every shape, and where a provider cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from llamaindex_multiapi import MultiApiTranscriptReader
from multiapi import Client
from multiapi.errors import UnsupportedError
from multiapi.simulator import Simulator
from multiapi.simulator.media import speak
from multiapi.types.media import Media
from multiapi.types.media_requests import TranscriptionRequest

pytestmark = pytest.mark.usefixtures("waits")

TWO = speak("Is the ship in?\nYes, since noon.", "audio/wav")
MODELS = ("#g1_nova-2-general", "aai/universal")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("diarize", [True, None])
def test_two_speakers_with_a_pause_between_them(
    client: Callable[..., Client], model: str, diarize: bool | None
) -> None:
    heard = client("aimlapi").transcribe(
        TranscriptionRequest(model=model, audio=Media.from_bytes(TWO), diarize=diarize)
    )
    speakers = list(dict.fromkeys(word.speaker for word in heard.words))
    if diarize is None:
        assert speakers == [None] and heard.segments == ()
        return
    assert len(speakers) == 2 and None not in speakers
    assert [(each.text, each.speaker) for each in heard.segments] == [
        ("Is the ship in?", speakers[0]),
        ("Yes, since noon.", speakers[1]),
    ]
    assert heard.segments[0].end_s <= heard.segments[1].start_s  # type: ignore[operator]


@pytest.mark.parametrize("model", MODELS)
def test_the_reader_gives_a_document_for_each_turn(simulator: Simulator, tmp_path: Path, model: str) -> None:
    (tmp_path / "two.wav").write_bytes(TWO)
    reader = MultiApiTranscriptReader(
        provider="aimlapi", model=model, diarize=True, split="segment", api_key="k",
        base_url=simulator.base_url("aimlapi"), http_client=httpx.Client(transport=simulator.transport),
    )  # fmt: skip
    documents = reader.load_data(tmp_path / "two.wav")
    assert [each.text for each in documents] == ["Is the ship in?", "Yes, since noon."]
    assert len({each.metadata["speaker"] for each in documents}) == 2


def test_bineric_is_asked_in_words() -> None:
    with pytest.raises(UnsupportedError, match="in `prompt`"):
        Client("bineric", api_key="k").transcribe(
            TranscriptionRequest(model="speech-to-text", audio=Media.from_bytes(TWO), diarize=True)
        )
