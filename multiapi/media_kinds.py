"""What kind of file some bytes are, and the name's ending that belongs to a kind.

`filetype` knows most; what it lacks or mistakes (MP3 without a tag, Opus, GLB, MP4 by brand, text) is looked at here first.
"""

from __future__ import annotations

from typing import Literal

MediaGroup = Literal["image", "audio", "video", "mesh", "document", "text", "file"]

HEAD_BYTES = 8_192
"""How much of a file is looked at."""

EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/svg+xml": ".svg",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/webm": ".weba",
    "audio/aiff": ".aiff",
    "audio/amr": ".amr",
    "audio/x-ms-wma": ".wma",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
    "model/gltf-binary": ".glb",
    "model/gltf+json": ".gltf",
    "model/obj": ".obj",
    "model/stl": ".stl",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/html": ".html",
}
"""Fixed: nothing a server says becomes part of a file's name."""

_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()} | {
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".mpga": "audio/mpeg",
    ".oga": "audio/ogg",
    ".mpeg": "video/mpeg",
    ".htm": "text/html",
}
_SAME = {
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/x-aiff": "audio/aiff",
    "audio/x-aac": "audio/aac",
    "image/jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "video/x-m4v": "video/mp4",
}
_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
}
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body")
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 27}


def mime_type_of(data: bytes) -> str | None:
    """The kind that the bytes show, or None where they show none (raw sound, for one)."""
    return _by_signature(data) or _by_library(data) or _by_text(data)


def normal(mime_type: str | None) -> str | None:
    """A media type as this library writes it: lower case, without parameters, one word for one kind; None if it is none."""
    if not mime_type:
        return None
    word = mime_type.partition(";")[0].strip().lower()
    if (
        not word.isascii()
        or word.count("/") != 1
        or not word.replace("/", "").replace("-", "").replace(".", "").replace("+", "").replace("_", "").isalnum()
    ):
        return None
    return _SAME.get(word, word)


def mime_type_of_name(name: str) -> str | None:
    """The kind that a file name's ending stands for."""
    _, dot, ending = name.rpartition(".")
    return _TYPES.get(f".{ending.lower()}") if dot else None


def extension_of(mime_type: str | None) -> str:
    """The ending that belongs to a kind; `.bin` for what is not in the table."""
    return EXTENSIONS.get(normal(mime_type) or "", ".bin")


def group_of(mime_type: str | None) -> MediaGroup:
    """What a kind is to people: a picture, a sound, a film, a mesh, a document, text, or just a file."""
    word = mime_type or ""
    head = word.partition("/")[0]
    if head in {"image", "audio", "video"}:
        return head  # type: ignore[return-value]
    if head == "model":
        return "mesh"
    if head == "text" or word == "application/json":
        return "text"
    if (
        word == "application/pdf"
        or "officedocument" in word
        or word.startswith("application/vnd.ms-")
        or word == "application/msword"
    ):
        return "document"
    return "file"


def _by_signature(data: bytes) -> str | None:
    head = data[:64]
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[:4] == b"OggS":
        return "audio/opus" if b"OpusHead" in head else "audio/ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in data[:256] else "video/x-matroska"
    if head[:4] == b"glTF":
        return "model/gltf-binary"
    if head[:3] == b"ID3":
        return "audio/mpeg"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08:
        if head[1] & 0x06 == 0:
            return "audio/aac" if head[1] & 0xF0 == 0xF0 else None
        is_layer_2_or_3 = head[1] & 0x06 != 0x06
        return "audio/mpeg" if is_layer_2_or_3 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C else None
    return None


def _by_library(data: bytes) -> str | None:
    import filetype

    found = filetype.guess(data[:HEAD_BYTES])
    if found is None:
        return None
    word = normal(found.mime)
    return _office(data) if word == "application/zip" else word


def _office(data: bytes) -> str:
    head = data[:HEAD_BYTES]
    for folder, part in (
        (b"word/", "wordprocessingml.document"),
        (b"xl/", "spreadsheetml.sheet"),
        (b"ppt/", "presentationml.presentation"),
    ):
        if b"[Content_Types].xml" in head and folder in head:
            return f"application/vnd.openxmlformats-officedocument.{part}"
    return "application/zip"


def _by_text(data: bytes) -> str | None:
    head = data[:HEAD_BYTES]
    if not head or not _CONTROLS.isdisjoint(head):
        return None
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) <= HEAD_BYTES or error.start < len(text) - 4:
            return None
    lowered = text[:256].lower()
    if lowered.startswith(_MARKUP):
        return "text/html"
    if lowered.startswith(b"<svg") or (lowered.startswith(b"<?xml") and b"<svg" in text[:2048].lower()):
        return "image/svg+xml"
    if text[:1] in (b"{", b"["):
        return (
            "model/gltf+json"
            if b'"asset"' in text and b'"version"' in text and b'"scenes"' in text
            else "application/json"
        )
    return "text/plain"
