"""T7: bytes, name and stated type against each other, in every place that takes a file: what leaves follows the bytes and is in the
provider's list, or nothing leaves.
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from llama_index.core.llms import AudioBlock, ChatMessage, DocumentBlock, ImageBlock, TextBlock

from langchain_multiapi._messages import to_messages as of_langchain
from llamaindex_multiapi._messages import to_messages as of_llamaindex
from multiapi.errors import InvalidRequestError
from multiapi.provider import operation_of
from multiapi.providers import PROVIDERS
from multiapi.types import media_requests
from multiapi.types.chat import ChatRequest, MediaPart, Message, TextPart
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_kinds import choices_of, judged, mime_type_of_name, upload_name
from multiapi.types.media_requests import ImageEditRequest, ImageRequest, OcrRequest, TranscriptionRequest
from tests.media_samples import ENDINGS, SAMPLES

pytestmark = pytest.mark.usefixtures("waits")

NAMES = (None, "noext", "a.png", "a.webm", "a.mp4", "a.wma", "a.csv")
STATED = (None, "image/png", "audio/x-wav", "video/webm", "text/csv")
AIMLAPI_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
AIMLAPI_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg", "audio/x-aac": "audio/aac"} | {
    word: word for word in ("audio/flac", "audio/mp4", "audio/ogg", "audio/webm")
}
AICREDITS_SOUNDS = {
    "mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "webm": "audio/webm", "ogg": "audio/ogg", "flac": "audio/flac",
    "mp4": "video/mp4", "aac": "audio/aac", "aiff": "audio/aiff",
}  # fmt: skip
BINERIC_FILES = [
    "mp3",
    "wav",
    "m4a",
    "ogg",
    "aac",
    "flac",
    "wma",
    "jpg",
    "jpeg",
    "png",
    "gif",
    "webp",
    "pdf",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "txt",
    "csv",
]

# ------------------------------------------------------------------------------------------------ the places


def _data_urls(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("data:"):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _data_urls(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _data_urls(each)


def _labels(body: Any) -> list[str]:
    return [url[5:].partition(";")[0] for url in _data_urls(body)]


def _chat(provider: str, messages: Any) -> Any:
    return PROVIDERS[provider].chat.build(ChatRequest(model="m", messages=messages)).json


def core_part(provider: str, kind: str) -> Callable[..., Any]:
    def send(data: bytes, name: str | None, stated: str | None, _folder: Path) -> Any:
        part = MediaPart(kind, data=base64.b64encode(data).decode(), mime_type=stated, filename=name)  # type: ignore[arg-type]
        return _chat(provider, [Message("user", [TextPart("x"), part])])

    return send


def langchain_block(provider: str, kind: str) -> Callable[..., Any]:
    def send(data: bytes, name: str | None, stated: str | None, _folder: Path) -> Any:
        block: dict[str, Any] = {"type": kind, "base64": base64.b64encode(data).decode()}
        block |= {"mime_type": stated} if stated else {}
        block |= {"filename": name} if name else {}
        message = HumanMessage([{"type": "text", "text": "x"}, block])
        return _chat(provider, of_langchain([message], provider))

    return send


def llamaindex_block(provider: str, kind: str) -> Callable[..., Any]:
    def send(data: bytes, name: str | None, stated: str | None, folder: Path) -> Any:
        where: dict[str, Any] = {{"image": "image", "audio": "audio", "file": "data"}[kind]: data}
        if name:
            (folder / name).write_bytes(data)
            where = {"path": str(folder / name)}
        block: Any
        if kind == "image":
            block = ImageBlock(**where, image_mimetype=stated)
        elif kind == "audio":
            block = AudioBlock(**where, format=stated)
        else:
            block = DocumentBlock(**where, document_mimetype=stated)
        return _chat(provider, of_llamaindex([ChatMessage(role="user", blocks=[TextBlock(text="x"), block])]))

    return send


def operation(provider: str, name: str, make: Callable[[Media], Any]) -> Callable[..., Any]:
    def send(data: bytes, file: str | None, stated: str | None, _folder: Path) -> Any:
        media = Media.from_bytes(data, name=file, mime_type=stated)
        return operation_of(PROVIDERS[provider], name).build(make(media))

    return send


def _transcription(model: str) -> Callable[[Media], TranscriptionRequest]:
    return lambda media: TranscriptionRequest(model=model, audio=media)


# ------------------------------------------------------------------------------------------------ what may leave


def _part_of(body: Any) -> dict[str, Any]:
    return body["messages"][0]["content"][-1]  # type: ignore[no-any-return]


def image_part(body: Any) -> set[str]:
    found = set(_labels(body))
    assert len(found) == 1
    return found


def aimlapi_image(body: Any) -> set[str]:
    assert image_part(body) <= AIMLAPI_IMAGES
    return image_part(body)


def aimlapi_sound(body: Any) -> set[str]:
    return {AIMLAPI_SOUNDS[_part_of(body)["input_audio"]["format"]]}


def aimlapi_file(body: Any) -> set[str]:
    part = _part_of(body)
    if part["type"] == "text":
        return {"text/plain"}
    assert _labels(body) == ["application/pdf"] and part["file"]["filename"].endswith(".pdf")
    return {"application/pdf"}


def attachment(body: Any) -> set[str]:
    (label,) = _labels(body)
    assert label.startswith(("audio/", "text/", "application/")) or label in {*AIMLAPI_IMAGES, "image/heic"}
    assert label != "application/octet-stream"
    return {label}


def multipart(request: Any) -> set[str]:
    (part,) = request.files
    assert part.filename.isascii() and "/" not in part.filename
    endings = ENDINGS.get(part.mime_type)
    if endings:
        assert part.filename.rpartition(".")[2] in endings.split(), part
    return {part.mime_type}


def json_body(request: Any) -> set[str]:
    return set(_labels(request.json))


def aicredits_sound(request: Any) -> set[str]:
    word = request.json["input_audio"]["format"]
    kind = AICREDITS_SOUNDS.get(word) or mime_type_of_name(f"x.{word}")  # the list is open
    assert kind is not None, word
    return {kind, *(["video/webm"] if word == "webm" else [])}


def converted(request: Any) -> set[str]:
    assert request.files[0].filename.rpartition(".")[2] in BINERIC_FILES
    return multipart(request)


CHAT_PLACES = {
    "image at aimlapi": ("aimlapi", "image", aimlapi_image),
    "image at aicredits": ("aicredits", "image", image_part),
    "image at binom_router": ("binom_router", "image", image_part),
    "image at bineric": ("bineric", "image", attachment),
    "sound at aimlapi": ("aimlapi", "audio", aimlapi_sound),
    "sound at bineric": ("bineric", "audio", attachment),
    "document at aimlapi": ("aimlapi", "file", aimlapi_file),
    "document at bineric": ("bineric", "file", attachment),
}
PLACES: dict[str, tuple[Callable[..., Any], Callable[[Any], set[str]]]] = {
    f"{how.__name__} {where}": (how(provider, kind), check)
    for how in (core_part, langchain_block, llamaindex_block)
    for where, (provider, kind, check) in CHAT_PLACES.items()
} | {
    "transcription at bineric": (
        operation("bineric", "transcribe", _transcription("speech-to-text")), lambda request: attachment(request.json),
    ),
    "transcription at aicredits": (operation("aicredits", "transcribe", _transcription("openai/whisper-1")), aicredits_sound),
    "transcription at aimlapi": (
        operation("aimlapi", "start_transcription", _transcription("#g1_nova-2-general")), multipart,
    ),
    "legacy transcription at aimlapi": (
        operation("aimlapi", "transcribe_sync", lambda media: LegacyRequest(body={"model": "#g1_whisper-base"}, file=media)), multipart,
    ),
    "edit by file": (
        operation("aimlapi", "edit_image", lambda media: ImageEditRequest(model="openai/gpt-image-1", prompt="x", images=[media])), multipart,
    ),
    "edit by address": (
        operation("aimlapi", "edit_image", lambda media: ImageEditRequest(model="google/gemini-2.5-flash-image-edit", prompt="x", images=[media])), json_body,
    ),
    "image from image": (
        operation("aimlapi", "image", lambda media: ImageRequest(model="google/gemini-2.5-flash-image-edit", prompt="x", images=[media])), json_body,
    ),
    "ocr": (
        operation("aimlapi", "ocr", lambda media: OcrRequest(model="mistral/mistral-ocr-latest", document=media)), json_body,
    ),
    "converter": (operation("bineric", "file_to_base64", lambda media: media), converted),
}  # fmt: skip
"""How a file gets there, and what is read off what leaves: the media types it is sent as."""
WANTED = {
    "image": ("png", "jpeg", "gif"),
    "sound": ("mp3", "wav", "webm sound", "webm", "aac", "m4a", "iso", "ogg opus", "ogg", "flac"),
    "transcription": ("mp3", "wav", "webm sound", "webm", "aac", "m4a", "iso", "ogg opus", "ogg", "flac"),
    "edit": ("png", "jpeg"),
    "document": ("pdf", "text", "csv", "json"),
    "converter": (
        "png",
        "jpeg",
        "gif",
        "mp3",
        "wav",
        "aac",
        "m4a",
        "iso",
        "ogg opus",
        "ogg",
        "flac",
        "wma",
        "asf",
        "pdf",
        "doc",
    ),
}
"""What a place must take with any name and any stated type, by a word of the place."""


@pytest.mark.parametrize("place", PLACES)
def test_what_leaves_follows_the_bytes_and_is_listed_or_nothing_leaves(place: str, tmp_path: Path) -> None:
    send, read = PLACES[place]
    left = 0
    must = next((names for word, names in WANTED.items() if word in place.removeprefix("core_part ")), ())
    for sample, name, stated in itertools.product(SAMPLES, NAMES, STATED):
        data, allowed, _ = SAMPLES[sample]
        try:
            sent = send(data, name, stated, tmp_path)
        except InvalidRequestError as error:
            assert sample not in must, (sample, name, stated, str(error))
            assert error.provider is not None
            continue
        left += 1
        types = read(sent)
        if allowed:
            assert types & set(allowed) and len(types) <= 2, (sample, name, stated, types)
    assert left >= 50


def test_a_recording_that_nobody_can_name_is_not_called_by_a_plausible_name() -> None:
    unknown = Media.from_bytes(SAMPLES["nothing known"].data)
    with pytest.raises(InvalidRequestError):
        operation_of(PROVIDERS["aicredits"], "transcribe").build(_transcription("openai/whisper-1")(unknown))
    with pytest.raises(InvalidRequestError, match="mime_type"):
        operation_of(PROVIDERS["bineric"], "transcribe").build(
            _transcription("speech-to-text")(Media.from_bytes(bytes(range(128, 256))))
        )


def test_a_format_outside_of_an_open_list_can_be_sent_by_name() -> None:
    request = TranscriptionRequest(
        model="sarvam/saarika-v2",
        audio=Media.from_bytes(SAMPLES["wma"].data, name="a.wma"),
        extra={"input_audio": {"format": "wma"}},
    )
    assert operation_of(PROVIDERS["aicredits"], "transcribe").build(request).json["input_audio"]["format"] == "wma"


# ------------------------------------------------------------------------------------------------ one judge


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_bytes_narrow_the_kind_down_and_the_rest_chooses(sample: str) -> None:
    data, allowed, ending = SAMPLES[sample]
    for stated in allowed:
        assert judged(data, said=stated) == stated
        assert judged(data, said=stated, name="a.zip", expected=("mesh",)) == stated
    for stated in ("image/webp", "audio/amr", "application/rtf"):
        if allowed:
            assert judged(data, said=stated) in {*allowed, "audio/opus", "audio/mp4"}
        else:
            assert judged(data, said=stated) == stated
    if allowed:
        assert set(choices_of(data)) & {*allowed, "audio/opus"}
    named = Media.from_bytes(data, name=f"a.{ending}")
    assert not allowed or named.mime_type in allowed


@pytest.mark.parametrize(
    ("sample", "expected", "found"),
    [
        ("webm", "audio", "audio/webm"), ("webm", "video", "video/webm"), ("iso", "audio", "audio/mp4"), ("iso", "video", "video/mp4"),
        ("asf", "audio", "audio/x-ms-wma"), ("asf", "video", "video/x-ms-wmv"), ("ogg", "video", "video/ogg"), ("mkv", "audio", "video/x-matroska"),
    ],
)  # fmt: skip
def test_a_container_is_what_its_place_expects_where_its_bytes_allow_both(
    sample: str, expected: str, found: str
) -> None:
    for stated in (None, "video/mp4", "video/webm", "audio/mpeg"):
        assert judged(SAMPLES[sample].data, said=stated, expected=(expected,)) in {found, stated}
    assert judged(SAMPLES[sample].data, expected=(expected,)) == found


def test_an_mp4_without_a_track_of_images_is_sound() -> None:
    assert Media.from_bytes(SAMPLES["m4a"].data).mime_type == "audio/mp4"
    assert Media.from_bytes(SAMPLES["iso"].data).mime_type == "audio/mp4"
    assert Media.from_bytes(SAMPLES["iso"].data, name="a.mp4").mime_type == "video/mp4"
    assert Media.from_bytes(SAMPLES["mp4"].data, name="a.m4a").mime_type == "video/mp4"


def test_every_field_that_takes_media_says_which() -> None:
    for name, cls in vars(media_requests).items():
        if not (isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == media_requests.__name__):
            continue
        hints = typing.get_type_hints(cls)
        for item in dataclasses.fields(cls):
            holds = "Media" in str(hints[item.name])
            assert holds == ("takes" in item.metadata), f"{name}.{item.name}"


# ------------------------------------------------------------------------------------------------ names of uploads


@pytest.mark.parametrize(
    ("name", "mime_type", "sent"),
    [
        (None, "audio/wav", "audio.wav"), ("noext", "audio/wav", "noext.wav"), ("mp3.wav", "audio/mpeg", "mp3.mp3"),
        ("a.JPEG", "image/jpeg", "a.JPEG"), ("Übung 1.wav", "audio/wav", "Ubung 1.wav"), ("смех.mp3", "audio/mpeg", "audio.mp3"),
        ("my.song", "audio/mpeg", "my.song.mp3"), ("v1.2", "application/pdf", "v1.2.pdf"), (".hidden", "text/csv", "hidden.csv"),
        ("a.opus", "audio/opus", "a.ogg"), ("rec.weba", "audio/webm", "rec.webm"), ("../../a.png", "image/png", "a.png"),
        ('a"\r\n.png', "image/png", "a___.png"), ("raw", None, "raw"), ("x.oga", "audio/ogg", "x.oga"),
    ],
)  # fmt: skip
def test_uploads_have_an_ascii_name_with_the_ending_of_their_bytes(
    name: str | None, mime_type: str | None, sent: str
) -> None:
    assert upload_name(name, mime_type) == sent


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.sampled_from(["audio/wav", "image/png", "application/pdf", None]))
def test_any_name_becomes_one_that_a_server_takes(name: str, mime_type: str | None) -> None:
    sent = upload_name(name, mime_type)
    assert sent.isascii() and sent.isprintable() and 0 < len(sent) < 200
    assert not set(sent) & set('/\\":;')
    assert upload_name(sent, mime_type) == sent
