"""Every format that a provider documents is taken with the right name, the right type, both and neither; see also `test_kinds`."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from multiapi.errors import InvalidRequestError
from multiapi.provider import operation_of
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatRequest, MediaPart, Message, TextPart
from multiapi.types.media import Media
from multiapi.types.media_requests import TranscriptionRequest
from tests.contracts import contract
from tests.media_samples import OLE, SAMPLES

pytestmark = pytest.mark.usefixtures("waits")

OFFICE = "application/vnd.openxmlformats-officedocument."


def _zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


FILES: dict[str, list[tuple[bytes, str]]] = {
    "mp3": [(SAMPLES["mp3"].data, "audio/mpeg"), (b"\xff\xfb\x90\x64" + bytes(400), "audio/mp3")],
    "wav": [(SAMPLES["wav"].data, "audio/x-wav")],
    "m4a": [(SAMPLES[name].data, "audio/mp4") for name in ("m4a", "m4a by brand", "iso")]
    + [(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isommp42" + bytes(50), "audio/x-m4a") for brand in (b"isom", b"mp42", b"iso5", b"3gp4", b"dash")],
    "ogg": [(SAMPLES[name].data, "audio/ogg") for name in ("ogg", "ogg opus", "ogg vorbis")],
    "aac": [(SAMPLES["aac"].data, "audio/aac")],
    "flac": [(SAMPLES["flac"].data, "audio/flac")],
    "wma": [(SAMPLES[name].data, "audio/x-ms-wma") for name in ("wma", "asf")],
    "webm": [(SAMPLES[name].data, "audio/webm") for name in ("webm", "webm sound")] + [(SAMPLES["webm"].data, "video/webm")],
    "jpg": [(SAMPLES["jpeg"].data, "image/jpeg")],
    "jpeg": [(SAMPLES["jpeg"].data, "image/jpg")],
    "png": [(SAMPLES["png"].data, "image/png")],
    "gif": [(SAMPLES["gif"].data, "image/gif")],
    "webp": [(b"RIFF\x40\0\0\0WEBPVP8 " + bytes(60), "image/webp")],
    "heic": [(SAMPLES["heic"].data, "image/heic")],
    "pdf": [(SAMPLES["pdf"].data, "application/pdf")],
    "doc": [(SAMPLES["doc"].data, "application/msword"), (OLE + bytes(600), "application/msword")],
    "xls": [(OLE + bytes(600) + "Workbook".encode("utf-16-le") + bytes(9), "application/vnd.ms-excel")],
    "docx": [(_zipped("[Content_Types].xml", "word/document.xml"), f"{OFFICE}wordprocessingml.document")],
    "xlsx": [(_zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet")],
    "txt": [(SAMPLES["text"].data, "text/plain"), (b'{"a": 1}', "text/plain"), (b"# Title\n", "text/plain")],
    "csv": [(b"a,b\n1,2\n", "text/csv"), (b"[id],name\n1,a\n", "text/csv")],
    "md": [(b"# Title\n\nWords.\n", "text/markdown")],
    "json": [(b'{"a": 1}', "application/json")],
    "html": [(b"<html><table></table></html>", "text/html")],
}  # fmt: skip
"""By ending: bytes, and the type that a user may state."""
CALLED = {"xls": [(b"<html><table></table></html>", "application/vnd.ms-excel")]}
"""Files that only their name or type tells."""
HOW = {"name": (True, False), "type": (False, True), "both": (True, True), "neither": (False, False)}


def _media(ending: str, data: bytes, mime_type: str, how: str) -> Media:
    named, typed = HOW[how]
    return Media.from_bytes(data, name=f"file.{ending}" if named else None, mime_type=mime_type if typed else None)


def _cases(endings: Any) -> list[Any]:
    return [
        (ending, how)
        for ending in endings
        for how in HOW
    ]  # fmt: skip


LIMITS = contract("bineric")["x-limits"]
CONVERTER = [ending for kind in ("audio", "image", "document") for ending in LIMITS["file_conversion"][kind]]


@pytest.mark.parametrize(("ending", "how"), _cases(CONVERTER))
def test_the_converter_of_bineric(ending: str, how: str) -> None:
    files = FILES[ending] + (CALLED.get(ending, []) if how != "neither" else [])
    for data, mime_type in files:
        request = operation_of(PROVIDERS["bineric"], "file_to_base64").build(_media(ending, data, mime_type, how))
        sent = request.files[0].filename.rpartition(".")[2]
        assert sent in ({ending, "jpg"} if ending == "jpeg" else {ending, "txt"} if ending == "csv" else {ending}), (
            how,
            data[:20],
        )


CHAT = {
    "image": LIMITS["chat_image"]["formats"],
    "file": LIMITS["chat_document"]["formats"],
    "audio": LIMITS["file_conversion"]["audio"],
}


@pytest.mark.parametrize(
    ("kind", "ending", "how"), [(kind, *case) for kind, endings in CHAT.items() for case in _cases(endings)]
)
def test_attachments_of_bineric(kind: Any, ending: str, how: str) -> None:
    named, typed = HOW[how]
    for data, mime_type in FILES[ending] + (CALLED.get(ending, []) if how != "neither" else []):
        media = Media(data=data)
        part = MediaPart(
            kind, data=media.base64(), mime_type=mime_type if typed else None, filename=f"a.{ending}" if named else None
        )
        body = (
            PROVIDERS["bineric"]
            .chat.build(ChatRequest(model="m", messages=[Message("user", [TextPart("x"), part])]))
            .json
        )
        label = body["messages"][0]["attachments"][0]
        assert str(label).startswith(
            "data:audio/"
            if kind == "audio"
            else "data:image/"
            if kind == "image"
            else ("data:application/", "data:text/")
        )


@pytest.mark.parametrize(("ending", "how"), _cases(LIMITS["file_conversion"]["audio"] + ["webm"]))
def test_transcription_at_bineric(ending: str, how: str) -> None:
    for data, mime_type in FILES[ending]:
        request = TranscriptionRequest(model="speech-to-text", audio=_media(ending, data, mime_type, how))
        body = operation_of(PROVIDERS["bineric"], "transcribe").build(request).json
        assert body["messages"][0]["attachments"][0].startswith("data:audio/")


AICREDITS = contract("aicredits")["components"]["schemas"]["TranscriptionRequest"]["properties"]["input_audio"][
    "properties"
]["format"]


@pytest.mark.parametrize(("ending", "how"), _cases([*AICREDITS["x-known-values"], "ogg", "flac"]))
def test_transcription_at_aicredits(ending: str, how: str) -> None:
    for data, mime_type in FILES[ending]:
        request = TranscriptionRequest(model="openai/whisper-1", audio=_media(ending, data, mime_type, how))
        assert operation_of(PROVIDERS["aicredits"], "transcribe").build(request).json["input_audio"]["format"] == ending


OPEN = {
    "wma": (SAMPLES["wma"].data, "audio/x-ms-wma"),
    "amr": (b"#!AMR\n" + bytes(40), "audio/amr"),
    "caf": (b"caff\0\1\0\0desc" + bytes(40), "audio/x-caf"),
    "au": (b".snd" + bytes(60), "audio/basic"),
    "mka": (b"\x1aE\xdf\xa3" + bytes(10) + b"matroska" + bytes(20) + b"A_OPUS", "audio/x-matroska"),
}
"""Formats that no list of AICredits names; its list ends with "etc."."""


@pytest.mark.parametrize("how", ["name", "both"])
@pytest.mark.parametrize("ending", OPEN)
def test_a_format_outside_of_an_open_list_goes_out_under_its_own_ending(ending: str, how: str) -> None:
    request = TranscriptionRequest(model="openai/whisper-1", audio=_media(ending, *OPEN[ending], how))
    assert operation_of(PROVIDERS["aicredits"], "transcribe").build(request).json["input_audio"]["format"] == ending


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [("a.xyz", bytes(range(60)), "xyz"), ("A.GSM", bytes(range(60)), "gsm"), ("a.b.spx", bytes(range(60)), "spx")]
    + [(name, SAMPLES["wma"].data, "wma") for name in (None, "a.xyz", "a.bin", "noise")]
    + [(name, bytes(range(60)), None) for name in (None, "noise", "a.bin", "a.2024", "a.x-y", "a.", "a.txt", "a.pdf")]
    + [(name, SAMPLES[kind].data, None) for name in ("a.wma", "a.xyz", "a.mp3") for kind in ("png", "pdf", "text")],
)
def test_what_tells_no_recording_is_refused_before_it_is_sent(name: str | None, data: bytes, word: str | None) -> None:
    request = TranscriptionRequest(model="openai/whisper-1", audio=Media.from_bytes(data, name=name))
    build = operation_of(PROVIDERS["aicredits"], "transcribe").build
    if word is not None:
        assert build(request).json["input_audio"]["format"] == word
        return
    with pytest.raises(InvalidRequestError, match="aicredits takes (a )?recording"):
        build(request)
    if request.audio.mime_type is None:
        own = replace(request, extra={"input_audio": {"format": "gsm"}})
        assert build(own).json["input_audio"]["format"] == "gsm"


@pytest.mark.parametrize(("ending", "how"), _cases(["mp3", "wav", "m4a", "ogg", "webm", "flac", "aac", "wma"]))
def test_transcription_at_aimlapi(ending: str, how: str) -> None:
    for data, mime_type in FILES[ending]:
        request = TranscriptionRequest(model="#g1_nova-2-general", audio=_media(ending, data, mime_type, how))
        (part,) = operation_of(PROVIDERS["aimlapi"], "start_transcription").build(request).files
        assert part.filename.rpartition(".")[2] == ending
        assert part.mime_type.startswith("audio/")
