"""The beginnings of files of many kinds, written by hand, and the media types that their bytes allow (the label names the container)."""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """A file, the types that its bytes allow, and whether each of them is sound, an image, ..."""

    data: bytes
    allowed: tuple[str, ...]
    ending: str


def _box(kind: bytes, *inner: bytes) -> bytes:
    content = b"".join(inner)
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def _iso(brand: bytes, *handlers: bytes, last: bool = False) -> bytes:
    tracks = [_box(b"trak", _box(b"mdia", _box(b"hdlr", bytes(8), each, bytes(13)))) for each in handlers]
    boxes = [_box(b"moov", _box(b"mvhd", bytes(100)), *tracks), _box(b"mdat", bytes(300))]
    return _box(b"ftyp", brand, bytes(4), b"isom") + b"".join(reversed(boxes) if last else boxes)


def _matroska(kind: bytes, *codecs: bytes) -> bytes:
    start = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f3810842") + b"\x82" + bytes([0x80 + len(kind)]) + kind
    return (
        start
        + bytes.fromhex("18538067")
        + bytes(8)
        + b"".join(b"\x86" + bytes([0x80 + len(c)]) + c for c in codecs)
        + bytes(60)
    )


ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
WAV = (
    b"RIFF"
    + (236).to_bytes(4, "little")
    + b"WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"
    + bytes(204)
)

SAMPLES: dict[str, Sample] = {
    "png": Sample(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40), ("image/png",), "png"),
    "jpeg": Sample(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1" + bytes(40), ("image/jpeg",), "jpg"),
    "gif": Sample(b"GIF89a" + bytes(40), ("image/gif",), "gif"),
    "heic": Sample(_box(b"ftyp", b"heic", bytes(4), b"mif1") + bytes(40), ("image/heic",), "heic"),
    "svg": Sample(b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>', ("image/svg+xml", "text/plain"), "svg"),
    "psd": Sample(b"8BPS\0\1" + bytes(40), ("image/vnd.adobe.photoshop",), "psd"),
    "ico": Sample(b"\0\0\1\0\1\0\x10\x10" + bytes(40), ("image/x-icon",), "ico"),
    "mp3": Sample(b"ID3\4\0\0\0\0\0\0" + bytes.fromhex("fffb9064") + bytes(400), ("audio/mpeg",), "mp3"),
    "wav": Sample(WAV, ("audio/wav",), "wav"),
    "flac": Sample(b"fLaC\0\0\0\x22" + bytes(60), ("audio/flac",), "flac"),
    "aac": Sample(bytes.fromhex("fff15080021ffc") + bytes(200), ("audio/aac",), "aac"),
    "aiff": Sample(b"FORM\0\0\1\0AIFFCOMM" + bytes(100), ("audio/aiff",), "aiff"),
    "au": Sample(b".snd\0\0\0\x18" + bytes(100), ("audio/basic",), "au"),
    "ogg opus": Sample(b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead\1\2" + bytes(100), ("audio/ogg",), "ogg"),
    "ogg vorbis": Sample(b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis" + bytes(100), ("audio/ogg",), "ogg"),
    "ogg": Sample(b"OggS\0\2" + bytes(120), ("audio/ogg", "video/ogg"), "ogg"),
    "ogg video": Sample(b"OggS\0\2" + bytes(20) + b"\1\x2a\x80theora" + bytes(100), ("video/ogg",), "ogv"),
    "webm sound": Sample(_matroska(b"webm", b"A_OPUS"), ("audio/webm",), "webm"),
    "webm video": Sample(_matroska(b"webm", b"V_VP9", b"A_OPUS"), ("video/webm",), "webm"),
    "webm": Sample(_matroska(b"webm"), ("audio/webm", "video/webm"), "webm"),
    "mka": Sample(_matroska(b"matroska", b"A_FLAC"), ("audio/x-matroska",), "mka"),
    "mkv": Sample(_matroska(b"matroska", b"V_MPEG4/ISO/AVC"), ("video/x-matroska",), "mkv"),
    "m4a": Sample(_iso(b"isom", b"soun"), ("audio/mp4",), "m4a"),
    "m4a by brand": Sample(_box(b"ftyp", b"M4A ", bytes(4)) + bytes(40), ("audio/mp4",), "m4a"),
    "mp4": Sample(_iso(b"isom", b"vide", b"soun", last=True), ("video/mp4", "video/quicktime", "video/3gpp"), "mp4"),
    "iso": Sample(_box(b"ftyp", b"mp42", bytes(4)) + bytes(40), ("video/mp4", "audio/mp4", "video/3gpp", "video/quicktime"), "mp4"),
    "wma": Sample(ASF + bytes(60) + ASF_SOUND + bytes(40), ("audio/x-ms-wma",), "wma"),
    "wmv": Sample(ASF + bytes(60) + ASF_VIDEO + ASF_SOUND + bytes(40), ("video/x-ms-wmv", "video/x-ms-asf"), "wmv"),
    "asf": Sample(ASF + bytes(200), ("video/x-ms-wmv", "audio/x-ms-wma", "video/x-ms-asf"), "wmv"),
    "pdf": Sample(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", ("application/pdf",), "pdf"),
    "doc": Sample(OLE + bytes(600) + "WordDocument".encode("utf-16-le") + bytes(60), ("application/msword",), "doc"),
    "zip": Sample(b"PK\3\4" + bytes(26) + b"a.txt" + bytes(60), ("application/zip",), "zip"),
    "text": Sample(b"Only words, in two lines.\nNo more.\n", ("text/plain", "text/csv", "text/markdown"), "txt"),
    "csv": Sample(b"[id],name\n1,a\n", ("text/plain", "text/csv", "application/json"), "csv"),
    "json": Sample(b'{"a": 1, "b": [2]}', ("application/json", "text/plain", "text/csv"), "json"),
    "glb": Sample(b"glTF\2\0\0\0" + bytes(60), ("model/gltf-binary",), "glb"),
    "nothing known": Sample(bytes(range(128, 256)) * 2, (), "bin"),
}  # fmt: skip
"""By a word for each. `ending` is that of the likeliest type."""

ENDINGS = {
    "audio/mpeg": "mp3 mpga",
    "audio/wav": "wav",
    "audio/ogg": "ogg oga",
    "audio/webm": "webm",
    "audio/mp4": "m4a mp4",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/aiff": "aiff aif",
    "audio/x-ms-wma": "wma",
    "audio/basic": "au",
    "audio/x-matroska": "mka mkv",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/ogg": "ogv ogg",
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/3gpp": "3gp",
    "video/x-ms-wmv": "wmv asf",
    "video/x-ms-asf": "asf wmv",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/webp": "webp",
    "image/gif": "gif",
    "application/octet-stream": "",
}
"""Which endings a name may have beside a media type."""
