"""Every current model of AI/ML API that makes or reads media takes the one typed request, and the simulator takes what is sent."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import multiapi.simulator
from multiapi import Client
from multiapi.providers.aimlapi import catalogue
from multiapi.simulator.media import draw_image, speak
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageRequest,
    MeshRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
)
from tests.required_media import REQUIRED_MEDIA, SOUND

pytestmark = pytest.mark.usefixtures("waits")

PNG = Media.from_bytes(draw_image("a page of text", 64, 64))
LISTED = json.loads((Path(multiapi.simulator.__file__).parent / "contracts" / "aimlapi_models.json").read_bytes())

PROMPT = {"prompt": "a paper boat on a river"}
CALLS: dict[str, tuple[str, Callable[..., Any], dict[str, Any]]] = {
    "image": ("image", ImageRequest, PROMPT),
    "video": ("start_video", VideoRequest, PROMPT),
    "music": ("start_music", MusicRequest, PROMPT),
    "tts": ("speech", SpeechRequest, {"text": "Hello there."}),
    "stt": ("start_transcription", TranscriptionRequest, {"audio": SOUND}),
    "ocr": ("ocr", OcrRequest, {"document": PNG, "pages": [1]}),
    "3d": ("mesh", MeshRequest, {}),
}
MODELS = [entry for family in CALLS for entry in catalogue.models(family)]


def typed(entry: catalogue.ModelEntry) -> tuple[str, Any]:
    method, make, wanted = CALLS[entry.family]
    required = [name for name, param in entry.params.items() if param.required]
    fields = {name: value for name, value in wanted.items() if name != "prompt" or "prompt" in entry.params}
    for name in required:
        fields |= REQUIRED_MEDIA.get(name, {})
    extra = {name: entry.params[name].enum[0] for name in required if name in {"mode", "effect_scene"}}
    return method, make(model=entry.id, extra=extra, **fields)


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: f"{entry.family}-{entry.id}")
def test_a_model_takes_the_one_typed_request(entry: catalogue.ModelEntry, client: Callable[..., Client]) -> None:
    method, request = typed(entry)
    result = getattr(client("aimlapi"), method)(request)
    if method.startswith("start_"):
        assert result.id and result.state == "pending" and result.model == entry.id
    elif method == "ocr":
        assert result.pages
    else:
        assert all(media.url or media.data for media in result.media) and result.media


def test_these_are_all_of_them() -> None:
    current = Counter(model["family"] for model in LISTED if model["status"] == "current")
    assert {family: len(catalogue.models(family)) for family in CALLS} == {family: current[family] for family in CALLS}


@pytest.mark.parametrize("entry", catalogue.models("stt"), ids=lambda entry: entry.id)
def test_a_recording_from_memory_goes_as_a_file(entry: catalogue.ModelEntry, client: Callable[..., Client]) -> None:
    request = TranscriptionRequest(model=entry.id, audio=Media.from_bytes(speak("good morning", "audio/wav")))
    http = client("aimlapi").provider.operations["start_transcription"].build(request)
    assert http.json is None
    part = http.files[0]
    assert part.field == ("file" if entry.id.startswith("openai/") else "audio")
    assert (part.mime_type, part.filename) == ("audio/wav", "audio.wav")
    assert client("aimlapi").transcribe(request).text == "good morning"


def test_a_document_goes_as_each_maker_takes_it(client: Callable[..., Client]) -> None:
    def document(model: str, source: Any) -> dict[str, Any]:
        return (
            client("aimlapi")
            .provider.operations["ocr"]
            .build(OcrRequest(model=model, document=source, pages=[1, 3]))
            .json
        )

    pdf = Media.from_bytes(b"%PDF-1.4 page")
    data = base64.b64encode(b"%PDF-1.4 page").decode()
    address = "https://example.com/a.pdf"
    assert document("mistral/mistral-ocr-latest", address) == {
        "model": "mistral/mistral-ocr-latest",
        "document": {"type": "document_url", "document_url": address},
        "pages": [0, 2],
    }
    assert document("zhipu/glm-ocr", pdf)["document"] == {
        "type": "document_url",
        "document_url": f"data:application/pdf;base64,{data}",
    }
    assert document("zhipu/glm-ocr", PNG)["document"]["type"] == "image_url"
    assert document("google/gc-document-ai", pdf) == {
        "model": "google/gc-document-ai",
        "document": data,
        "mimeType": "application/pdf",
        "pages": {"type": "indices", "indices": [1, 3]},
    }
