"""What an image, recording or document may be given as: each field, each vendor, each right and wrong type (live 13)."""

from __future__ import annotations

import io
import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi import PROVIDERS, AsyncClient, Client
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.types import media_requests
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(30)
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(30)
PDF = b"%PDF-1.4\n" + bytes(30)
MP4 = b"\0\0\0\x18ftypisom" + bytes(30)
GLB = b"glTF\x02\0\0\0" + bytes(30)
SAMPLES = {"image": PNG, "audio": WAV, "video": MP4, "mesh": GLB, "document": PDF}
CALLS = {
    "ImageRequest": "image",
    "ImageEditRequest": "edit_image",
    "TranscriptionRequest": "transcribe",
    "MusicRequest": "music",
    "VideoRequest": "video",
    "MeshRequest": "mesh",
    "OcrRequest": "ocr",
    "VisionFeaturesRequest": "vision_features",
    "ModerationRequest": "moderate",
}
STARTED = {"video", "music"}
WRONG = [3, 2.5, True, object(), {"url": "https://a.test/a.png"}, {1, 2}, b"", bytearray(), io.BytesIO(), io.StringIO("x"), (x for x in "ab"),
         Path("/no/such/file.png"), Path("."), "no address", "", range(3), float("nan"), Exception, b"RIFF".hex]  # fmt: skip


def _fields() -> list[tuple[type[Any], str]]:
    made = [
        each
        for each in vars(media_requests).values()
        if isinstance(each, type) and each.__module__ == media_requests.__name__
    ]
    return [(cls, item.name) for cls in made for item in fields(cls) if "takes" in item.metadata]


FIELDS = _fields()
CASES = [
    (provider, cls, name)
    for provider in PROVIDERS.values()
    for cls, name in FIELDS
    if {CALLS[cls.__name__], f"start_{CALLS[cls.__name__]}", f"start_{CALLS[cls.__name__]}".replace("transcribe", "transcription")}
    & provider.operations.keys()
]  # fmt: skip
each_case = pytest.mark.parametrize(
    ("provider", "cls", "name"), CASES, ids=[f"{p.name}-{c.__name__}-{n}" for p, c, n in CASES]
)


def _request(cls: type[Any], name: str, value: Any) -> Any:
    given: dict[str, Any] = {}
    for item in fields(cls):
        if item.default is MISSING and item.default_factory is MISSING:
            kinds = item.metadata.get("takes")
            sample = None if kinds is None else Media(data=SAMPLES[kinds[0]])
            given[item.name] = "x" if sample is None else [sample] if "Sequence" in str(item.type) else sample
    given[name] = value
    return cls(**given)


def _ask(provider: Any, cls: type[Any], name: str, value: Any) -> tuple[list[httpx.Request], Exception | None]:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        request.read()
        return httpx.Response(400, json={"error": {"message": "that is enough"}})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = Client(provider, api_key="k-123456", http_client=http)
        try:
            getattr(client, CALLS[cls.__name__])(_request(cls, name, value))
        except Exception as error:
            return sent, error
    return sent, None


def _bodies(sent: list[httpx.Request]) -> list[Any]:
    found: list[Any] = []
    for request in sent:
        kind = request.headers.get("content-type", "")
        boundary = kind.partition("boundary=")[2].encode()
        found.append(request.content.replace(boundary, b"-") if boundary else json.loads(request.content or b"null"))
    return found


def test_the_walk_finds_the_fields() -> None:
    assert len(FIELDS) >= 19 and len(CASES) >= 30
    assert {cls.__name__ for cls, _ in FIELDS} == CALLS.keys()


@each_case
def test_bytes_in_every_form_are_sent_as_media_are(provider: Any, cls: type[Any], name: str, tmp_path: Path) -> None:
    kinds = next(item.metadata["takes"] for item in fields(cls) if item.name == name)
    data = SAMPLES[kinds[0]]
    file = tmp_path / "file"
    file.write_bytes(data)
    expected, refusal = _ask(provider, cls, name, Media.from_bytes(data))
    assert isinstance(refusal, MultiApiError)
    for form in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        sent, error = _ask(provider, cls, name, form)
        assert (type(error), _bodies(sent)) == (type(refusal), _bodies(expected)), form
        if "Sequence" in str(next(item.type for item in fields(cls) if item.name == name)):
            assert _bodies(_ask(provider, cls, name, [form])[0]) == _bodies(expected)
    sent, error = _ask(provider, cls, name, file)
    assert (type(error), len(sent)) == (type(refusal), len(expected))
    assert _bodies(sent) == _bodies(_ask(provider, cls, name, Media.from_path(file))[0])


@each_case
def test_no_wrong_type_gives_an_error_of_another_kind(provider: Any, cls: type[Any], name: str) -> None:
    for wrong in WRONG:
        for value in (wrong, [wrong]):
            sent, error = _ask(provider, cls, name, value)
            if value == "" or (value is wrong and isinstance(wrong, str) and not wrong):
                continue  # an empty text is not set
            assert isinstance(error, MultiApiError), (value, error)
            assert sent == [], value


@pytest.mark.parametrize("wrong", [3, {"a": 1}, None, object()])
def test_files_of_other_calls(wrong: Any) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500)))
    with pytest.raises(InvalidRequestError, match="must be a Media"):
        Client("bineric", api_key="k-123456", http_client=http).file_to_base64(wrong)
    if wrong is not None:
        with pytest.raises(InvalidRequestError, match="must be a Media"):
            Client("aimlapi", api_key="k-123456", http_client=http).legacy("upload_file", LegacyRequest(file=wrong))


async def test_the_async_client_reads_a_file_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    readers: list[str] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        readers.append(threading.current_thread().name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(400, json={})))
    client = AsyncClient("aimlapi", api_key="k-123456", http_client=http)
    with pytest.raises(InvalidRequestError):
        await client.edit_image(
            media_requests.ImageEditRequest(model="m", prompt="x", images=[Media(path=file, mime_type="image/png")])
        )
    assert readers and threading.main_thread().name not in readers
