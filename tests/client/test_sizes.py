"""Sizes that are known before sending: nothing is uploaded to be refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from multiapi import Client
from multiapi.errors import RequestTooLargeError
from multiapi.types.chat import ChatRequest, MediaPart, Message, TextPart
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media import Media, sizes
from multiapi.types.media_requests import ImageRequest, TranscriptionRequest
from tests.media_samples import SAMPLES

pytestmark = pytest.mark.usefixtures("waits")

PNG, WAV = SAMPLES["png"].data, SAMPLES["wav"].data


def _client(provider: str, sent: list[int]) -> Client:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(len(request.content))
        texts = json.loads(request.content).get("input")
        data = [{"index": index, "embedding": [1.0]} for index in range(len(texts))] if texts else []
        return httpx.Response(200, json={"data": data, "model": "m"})

    return Client(provider, api_key="k", max_retries=2, http_client=httpx.Client(transport=httpx.MockTransport(answer)))


def _part(kind: Any, head: bytes, size: int, mime_type: str, as_bytes: bool = False) -> MediaPart:
    data = base64.b64encode(head + bytes(size))
    return MediaPart(kind, data=data if as_bytes else data.decode(), mime_type=mime_type, filename="big.bin")


@pytest.mark.parametrize("how", ["chat", "chat_stream"])
@pytest.mark.parametrize(
    ("part", "limit"),
    [
        (_part("image", PNG, 20_000_001, "image/png"), "20.0 MB"),
        (_part("image", PNG, 20_000_001, "image/png", as_bytes=True), "20.0 MB"),
        (_part("file", b"%PDF-1.4\n", 15_000_001, "application/pdf"), "15.0 MB"),
        (_part("audio", WAV, 200_000_001, "audio/wav"), "200.0 MB"),
    ],
)
def test_attachments_of_bineric(how: str, part: MediaPart, limit: str) -> None:
    sent: list[int] = []
    request = ChatRequest(model="gpt-4", messages=[Message("user", [TextPart("x"), part])])
    with pytest.raises(RequestTooLargeError, match=rf"at most {limit}; 'big\.bin' has") as raised:
        found = getattr(_client("bineric", sent), how)(request)
        list(found)
    assert raised.value.status is None and raised.value.provider == "bineric" and not sent


@pytest.mark.parametrize(
    ("provider", "call", "request_"),
    [
        ("bineric", "transcribe", TranscriptionRequest(model="m", audio=Media.from_bytes(WAV + bytes(200_000_001)))),
        ("bineric", "file_to_base64", Media.from_bytes(PNG + bytes(50_000_001))),
        ("aicredits", "transcribe", TranscriptionRequest(model="m", audio=Media.from_bytes(WAV + bytes(8_000_000)))),
        ("aicredits", "chat", ChatRequest(model="m", messages=[Message("user", "x" * 10_000_001)])),
        ("aicredits", "image", ImageRequest(model="dall-e-2", prompt="x" * 10_000_001)),
        ("aicredits", "responses", ChatRequest(model="m", messages=[Message("user", "x" * 10_000_001)])),
        ("aicredits", "embed", EmbedRequest(model="m", texts=["x" * 10_000_001])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_too_large_is_not_sent(provider: str, call: str, request_: Any) -> None:
    sent: list[int] = []
    with pytest.raises(RequestTooLargeError, match="at most") as raised:
        getattr(_client(provider, sent), call)(request_)
    assert raised.value.status is None and not sent


def test_embeddings_above_the_limit_are_split_and_only_what_fits_is_sent() -> None:
    sent: list[int] = []
    found = _client("aicredits", sent).embed(EmbedRequest(model="m", texts=["x" * 4_000_000] * 5))
    assert len(found.vectors) == 5
    assert all(size <= 10_000_000 for size in sent) and sum(sent) > 20_000_000


@pytest.mark.parametrize(
    ("size", "shown"), [(20_000_001, ("20,000,001 bytes", "20.0 MB")), (21_000_000, ("21.0 MB", "20.0 MB"))]
)
def test_a_size_never_looks_like_the_limit_that_it_exceeds(size: int, shown: tuple[str, str]) -> None:
    assert sizes(size, 20_000_000) == shown


def test_a_body_of_exactly_the_limit_is_sent() -> None:
    sent: list[int] = []
    client = _client("aicredits", sent)
    envelope = len(json.dumps({"model": "m", "prompt": ""}, separators=(",", ":")))
    with pytest.raises(RequestTooLargeError):
        client.image(ImageRequest(model="m", prompt="x" * (10_000_001 - envelope)))
    assert not sent
    try:
        client.image(ImageRequest(model="m", prompt="x" * (10_000_000 - envelope)))
    except Exception as error:
        assert not isinstance(error, RequestTooLargeError)
    assert sent == [10_000_000]
