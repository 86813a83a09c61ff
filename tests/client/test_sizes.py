"""Sizes that are known before sending: nothing is uploaded to be refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from multiapi import Client
from multiapi.errors import RequestTooLargeError, ResponseFormatError
from multiapi.providers import file_limits
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
        (lambda: _part("image", PNG, 20_000_001, "image/png"), "20.0 MB"),
        (lambda: _part("image", PNG, 20_000_001, "image/png", as_bytes=True), "20.0 MB"),
        (lambda: _part("file", b"%PDF-1.4\n", 15_000_001, "application/pdf"), "15.0 MB"),
        (lambda: _part("audio", WAV, 200_000_001, "audio/wav"), "200.0 MB"),
    ],
)
def test_attachments_of_bineric(how: str, part: Callable[[], MediaPart], limit: str) -> None:
    sent: list[int] = []
    request = ChatRequest(model="gpt-4", messages=[Message("user", [TextPart("x"), part()])])
    with pytest.raises(RequestTooLargeError, match=rf"at most {limit}; 'big\.bin' has") as raised:
        found = getattr(_client("bineric", sent), how)(request)
        list(found)
    assert raised.value.status is None and raised.value.provider == "bineric" and not sent


def _read_list(files: Any) -> None:
    """As if the list of models had been read, with what it says of the files of one model."""
    entry = {"id": "listed", "file_support": files}
    http = httpx.Client(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(200, json={"success": True, "count": 1, "data": [entry]})
        )
    )
    Client("bineric", api_key="k", http_client=http).models()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Nothing is known of the files of models, before and after."""
    before = dict(file_limits.LEARNED)
    file_limits.LEARNED.clear()
    yield
    file_limits.LEARNED.clear()
    file_limits.LEARNED.update(before)


_IMAGE, _DOCUMENT = _part("image", PNG, 600_000, "image/png"), _part("file", b"%PDF-1.4\n", 600_000, "application/pdf")
_SOUND = _part("audio", WAV, 3_000_000, "audio/wav")


@pytest.mark.parametrize("how", ["chat", "chat_stream"])
@pytest.mark.parametrize(
    ("files", "parts", "refusal"),
    [
        ({"image": {"max_size_mb": 0.5}}, [_IMAGE], "kind image of at most 500.0 kB"),
        ({"document": {"max_size_mb": 0.5}}, [_DOCUMENT], "kind document of at most 500.0 kB"),
        ({"document": {"max_size_mb": 0.5}}, [_IMAGE], None),
        ({"image": {"max_size_mb": 30}}, [_part("image", PNG, 20_000_001, "image/png")], None),
        (
            {"max_files": 2},
            [_IMAGE, _DOCUMENT, _IMAGE],
            "at most 2 files with a message for this model; this one has 3",
        ),
        ({"max_files": 2}, [_IMAGE, _SOUND, _IMAGE], None),
        ({"total_max_size_mb": 1}, [_IMAGE, _DOCUMENT], "at most 1.0 MB of files"),
        ({"total_max_size_mb": 1}, [_IMAGE, _SOUND], None),
        ({"image": {}, "document": None, "max_files": 0, "total_max_size_mb": 0}, [_IMAGE, _IMAGE], None),
        ({"image": {"max_size_mb": "few"}, "max_files": True, "total_max_size_mb": -1}, [_IMAGE, _IMAGE], None),
        ({"image": {"max_size_mb": 10**400}, "max_files": float(10**300)}, [_IMAGE], None),
    ],
)
@pytest.mark.usefixtures("forgotten")
def test_the_list_of_models_says_what_a_model_of_bineric_takes(
    how: str, files: Any, parts: list[MediaPart], refusal: str | None
) -> None:
    def go(model: str) -> list[int]:
        sent: list[int] = []
        request = ChatRequest(model=model, messages=[Message("user", [TextPart("x"), *parts])])
        with suppress(ResponseFormatError):
            list(getattr(_client("bineric", sent), how)(request))
        return sent

    _read_list(files)
    if refusal is None:
        assert go("listed")
    else:
        with pytest.raises(RequestTooLargeError, match=refusal):
            go("listed")
        assert go("another")


@pytest.mark.parametrize(
    ("provider", "call", "request_"),
    [
        (
            "bineric",
            "transcribe",
            lambda: TranscriptionRequest(model="m", audio=Media.from_bytes(WAV + bytes(200_000_001))),
        ),
        ("bineric", "file_to_base64", lambda: Media.from_bytes(PNG + bytes(50_000_001))),
        (
            "aicredits",
            "transcribe",
            lambda: TranscriptionRequest(model="m", audio=Media.from_bytes(WAV + bytes(8_000_000))),
        ),
        ("aicredits", "chat", lambda: ChatRequest(model="m", messages=[Message("user", "x" * 10_000_001)])),
        ("aicredits", "image", lambda: ImageRequest(model="dall-e-2", prompt="x" * 10_000_001)),
        ("aicredits", "responses", lambda: ChatRequest(model="m", messages=[Message("user", "x" * 10_000_001)])),
        ("aicredits", "embed", lambda: EmbedRequest(model="m", texts=["x" * 10_000_001])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_too_large_is_not_sent(provider: str, call: str, request_: Callable[[], Any]) -> None:
    sent: list[int] = []
    with pytest.raises(RequestTooLargeError, match="at most") as raised:
        getattr(_client(provider, sent), call)(request_())
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
