"""What kind of file some bytes are, and the name's ending that belongs to a kind: the one judge of media types.

`filetype` knows most; what it lacks or mistakes (MP3 without a tag, Opus, GLB, MP4 by brand, text) is looked at here first.

Many containers do not say in their first bytes which kind they hold. `choices_of` gives all kinds that the bytes allow, and `judged`
chooses among them: by what is expected at the place where the file goes, then by the type that was stated, then by the name's ending.
Files that a provider sends are what `mime_type_of` says; files that a user sends are what `judged` says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Literal

MediaGroup = Literal["image", "audio", "video", "mesh", "document", "text", "file"]

HEAD_BYTES = 8_192
"""How much of a file is looked at."""
TRACK_BYTES = 65_536
"""How much of a file is searched for the tracks of a container."""
MAX_BOXES = 1_000
MAX_NAME_CHARS = 150

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
    "image/x-icon": ".ico",
    "image/vnd.adobe.photoshop": ".psd",
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
    "audio/x-matroska": ".mka",
    "audio/basic": ".au",
    "audio/pcm": ".pcm",
    "audio/x-caf": ".caf",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "video/x-ms-wmv": ".wmv",
    "video/x-ms-asf": ".asf",
    "audio/3gpp": ".3gp",
    "video/3gpp": ".3gp",
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
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/html": ".html",
    "text/tab-separated-values": ".tsv",
    "application/xml": ".xml",
    "application/yaml": ".yaml",
    "application/x-ndjson": ".jsonl",
}
"""Fixed: nothing a server says becomes part of a file's name."""

IMAGES = (
    *("image/png", "image/webp", "image/jpeg", "image/gif"),
    *("image/avif", "image/heic", "image/bmp", "image/tiff"),
)
"""What counts as an image where a model looks at it: pixels in a common format. Drawings (SVG), icons and working files are not."""


def _utf_16(name: str) -> bytes:
    """A name as these containers hold it, without the codec, which would be loaded for it."""
    return b"".join(bytes((letter, 0)) for letter in name.encode("ascii"))


_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()} | {
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".tif": "image/tiff",
    ".heif": "image/heic",
    ".mpga": "audio/mpeg",
    ".oga": "audio/ogg",
    ".wave": "audio/wav",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".m4b": "audio/mp4",
    ".snd": "audio/basic",
    ".m4v": "video/mp4",
    ".3gpp": "video/3gpp",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".htm": "text/html",
    ".text": "text/plain",
    ".log": "text/plain",
    ".markdown": "text/markdown",
    ".yml": "application/yaml",
    ".ndjson": "application/x-ndjson",
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
    "audio/aacp": "audio/aac",
    "audio/mpga": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-pn-wav": "audio/wav",
    "audio/oga": "audio/ogg",
    "audio/x-ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/x-opus": "audio/opus",
    "audio/x-m4b": "audio/mp4",
    "audio/wma": "audio/x-ms-wma",
    "audio/x-wma": "audio/x-ms-wma",
    "audio/mka": "audio/x-matroska",
    "audio/aif": "audio/aiff",
    "image/heif": "image/heic",
    "image/vnd.microsoft.icon": "image/x-icon",
    "application/x-pdf": "application/pdf",
    "text/x-markdown": "text/markdown",
    "text/json": "application/json",
    "text/xml": "application/xml",
    "text/yaml": "application/yaml",
    "application/csv": "text/csv",
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
_ISO = ("video/mp4", "video/quicktime", "video/3gpp", "audio/mp4", "audio/3gpp")
_OLE_SIGN = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE = ("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint")
_OLE_SIGNS = {
    "application/msword": _utf_16("WordDocument"),
    "application/vnd.ms-excel": _utf_16("Workbook"),
    "application/vnd.ms-powerpoint": _utf_16("PowerPoint Document"),
}
_ASF_SIGN = bytes.fromhex("3026b2758e66cf11")
_ASF_SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_PICTURES = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_MATROSKA_SOUND = rb"A_(?:OPUS|VORBIS|AAC|FLAC|MPEG|PCM|E?AC3|DTS|ALAC|MS/|REAL|TRUEHD|WAVPACK|TTA|QUICKTIME)"
_MATROSKA_PICTURES = (
    rb"V_(?:VP8|VP9|AV1|MPEG|MS/|THEORA|REAL|UNCOMPRESSED|QUICKTIME|PRORES|AVC|HEVC|FFV1|MJPEG|SNOW|DIRAC)"
)
_TEXTS = frozenset(
    {
        *("application/json", "application/xml", "application/yaml", "application/x-yaml", "application/x-ndjson"),
        *("application/javascript", "application/toml", "application/sql", "application/x-sh"),
        *("model/obj", "model/stl", "model/gltf+json"),
    }
)
"""Kinds that are written as text, beside `text/*`."""
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body")
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 27}


def mime_type_of(data: bytes) -> str | None:
    """The kind that the bytes show, or None where they show none (raw sound, for one)."""
    return _by_signature(data) or _by_library(data) or _by_text(data)


def choices_of(data: bytes) -> tuple[str, ...]:
    """All kinds that the bytes allow, the likeliest first; none where they show nothing.

    Text, archives and the old office files may be of further kinds, see `allows`.
    """
    found = mime_type_of(data)
    if found is None:
        return ()
    if data[:8] == _ASF_SIGN:
        sound, pictures = _ASF_SOUND in data[:TRACK_BYTES], _ASF_PICTURES in data[:TRACK_BYTES]
        return _by_tracks(sound, pictures, ("audio/x-ms-wma",), ("video/x-ms-wmv", "video/x-ms-asf"))
    if data[:4] == b"OggS":
        return _ogg(data[:TRACK_BYTES])
    if found in {"video/webm", "video/x-matroska"}:
        head = data[:TRACK_BYTES]
        kind = found.partition("/")[2]
        sound, pictures = re.search(_MATROSKA_SOUND, head) is not None, re.search(_MATROSKA_PICTURES, head) is not None
        return _by_tracks(sound, pictures, (f"audio/{kind}",), (found,))
    if data[4:8] == b"ftyp" and found in _ISO and found != "audio/mp4":
        return _iso(data, found)
    return (found,)


def allows(data: bytes, mime_type: str) -> bool:
    """Whether the bytes may be of this kind. Bytes that show nothing may be of any."""
    found = mime_type_of(data)
    if found is None or mime_type in choices_of(data):
        return True
    if _is_text(found):
        if mime_type == "application/vnd.ms-excel":  # what Excel itself writes as HTML, XML or CSV
            return True
        if mime_type == "image/svg+xml":
            return data[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        return _is_text(mime_type) if found != "image/svg+xml" else mime_type in {"text/plain", "application/xml"}
    return found == "application/zip" and (
        mime_type.endswith("+zip")
        or mime_type == "application/java-archive"
        or mime_type.startswith(("application/vnd.openxmlformats-", "application/vnd.oasis.", "application/vnd.apple."))
    )


def judged(
    data: bytes | None, *, said: str | None = None, name: str | None = None, expected: Collection[str] = ()
) -> str | None:
    """The kind of a file that is to be sent. The bytes decide; where they allow several kinds, the expected groups (image, audio, ...)
    do, then the type that was stated, then the ending of the name.
    """
    words = [word for word in (normal(said), mime_type_of_name(name) if name else None) if word is not None]
    found = mime_type_of(data) if data else None
    if data and found is None and data[:8] == _OLE_SIGN:
        return next((word for word in words if word in _OLE or word.startswith("application/vnd.ms-")), _OLE[0])
    if data is None or found is None:
        return words[0] if words else None
    choices = choices_of(data)
    fitting = [choice for choice in choices if group_of(choice) in expected] or list(choices)
    for word in words:
        if word in fitting or (word not in choices and len(fitting) == len(choices) and allows(data, word)):
            return word
    if not words and len(fitting) == len(choices) > 1 and "audio/mp4" in choices:
        return "audio/mp4"  # no track of images was found, and nothing says that there is one
    return fitting[0]


def received(data: bytes, said: str | None) -> str | None:
    """The kind of a file that a provider sent: what its bytes say, and only where they show nothing, what the provider said."""
    found, word = mime_type_of(data), normal(said)
    # Text shows that it is text, but only its sender knows whether it is CSV or Markdown.
    if found is None or (found == "text/plain" and word is not None and group_of(word) == "text"):
        return word
    return found


def upload_ending(mime_type: str | None) -> str:
    """The ending that providers know a kind by: `.ogg` for Opus, `.webm` for sound too."""
    return _UPLOAD_ENDINGS.get(mime_type or "", extension_of(mime_type))


def upload_name(name: str | None, mime_type: str | None) -> str:
    """A file's name for an upload: ASCII, its stem kept, with the ending of its bytes. One that fits stays as it is.

    Providers go by the ending. Where one kind has several, it is the one that they list, see `upload_ending`.
    """
    ending = upload_ending(mime_type)
    plain = _ascii(name or "")
    stem, dot, held = plain.rpartition(".")
    if not dot or not stem:
        stem, held = plain.strip("."), ""
    stem = stem if any(character.isalnum() for character in stem) else group_of(mime_type)
    if ending == ".bin":
        return f"{stem}.{held}" if held else f"{stem}.bin" if not name else stem
    meant = _TYPES.get(f".{held.lower()}")
    fits = (
        meant is not None
        and f".{held.lower()}" not in {".opus", ".weba"}
        and (meant == mime_type or _same_file(meant, mime_type))
    )
    if fits:
        return f"{stem}.{held}"
    is_ending = meant is not None or held.lower() in {"bin", "dat", "tmp"}
    return f"{stem if not held or is_ending else f'{stem}.{held}'}{ending}"


def sound_ending(mime_type: str | None, name: str | None) -> str | None:
    """Return the ending, without its dot, that names a recording where the list of formats is open; None for another kind of file.

    The name's own ending is taken where it fits the kind, or where nothing tells the kind; else the ending of the kind is.
    """
    ending = (name or "").rpartition(".")[2].lower() if "." in (name or "") else ""
    meant = _TYPES.get(f".{ending}")
    if mime_type is None:
        is_format = re.fullmatch("[a-z0-9]{2,8}", ending) is not None and not ending.isdigit()
        return ending if is_format and meant is None and ending not in {"bin", "dat", "tmp"} else None
    if not mime_type.startswith(("audio/", "video/")):
        return None
    if meant is not None and (meant == mime_type or _same_file(meant, mime_type)):
        return ending
    known = EXTENSIONS.get(mime_type)
    return known[1:] if known else None


def container_of(mime_type: str) -> str:
    """The kind as a label: Opus is a codec, and its container is Ogg."""
    return "audio/ogg" if mime_type == "audio/opus" else mime_type


_UPLOAD_ENDINGS = {"audio/opus": ".ogg", "audio/webm": ".webm"}
_ONE_FILE = (
    frozenset({"video/webm", "audio/webm"}),
    frozenset({"audio/ogg", "audio/opus"}),
    frozenset({"audio/x-matroska", "video/x-matroska"}),
    frozenset({"video/x-ms-wmv", "video/x-ms-asf"}),
    frozenset({"audio/mp4", "audio/3gpp"}),
)
"""Kinds whose endings fit each other's files."""


def _same_file(one: str, other: str | None) -> bool:
    return any(one in kinds and other in kinds for kinds in _ONE_FILE)


_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "ð": "d", "þ": "th"}
)


def _ascii(name: str) -> str:
    """The last part of a path, in letters that every server takes; accents go, all else becomes `_`."""
    last = re.split(r"[/\\]", name)[-1][-MAX_NAME_CHARS:]
    bare = unicodedata.normalize("NFKD", last.translate(_LETTERS))
    kept = "".join(character for character in bare if not unicodedata.combining(character))
    return re.sub(r"[^A-Za-z0-9 ._()+-]", "_", kept).strip()


def _is_text(mime_type: str) -> bool:
    return mime_type.startswith("text/") or mime_type in _TEXTS or mime_type == "image/svg+xml"


def _by_tracks(sound: bool, pictures: bool, heard: tuple[str, ...], seen: tuple[str, ...]) -> tuple[str, ...]:
    """What a container may be by the tracks that were found in it."""
    if pictures:
        return seen
    return heard if sound else (*seen, *heard)


def _ogg(head: bytes) -> tuple[str, ...]:
    if b"\x80theora" in head:
        return ("video/ogg",)
    if b"OpusHead" in head:
        return ("audio/opus", "audio/ogg")
    return (
        ("audio/ogg",)
        if any(sign in head for sign in (b"\x01vorbis", b"\x7fFLAC", b"Speex   "))
        else (
            "audio/ogg",
            "audio/opus",
            "video/ogg",
        )
    )


def _iso(data: bytes, found: str) -> tuple[str, ...]:
    """What an MP4, MOV or 3GP may be, by the tracks in its `moov`, wherever that stands."""
    handlers = _handlers(data)
    others = tuple(kind for kind in _ISO if kind != found)
    if b"vide" in handlers:
        return tuple(kind for kind in (found, *others) if kind.startswith("video/"))
    if b"soun" in handlers:
        return ("audio/mp4", "audio/3gpp")
    return (found, *others)


def _handlers(data: bytes) -> set[bytes]:
    place = 0
    for _ in range(MAX_BOXES):
        size = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        end = len(data) if size == 0 else place + size
        if kind == b"moov":
            return set(_HANDLER.findall(data, place, min(end, len(data))))
        if (size != 0 and size < 8) or end >= len(data):
            break
        place = end
    return set()


_HANDLER = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)


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
    """What a kind is to people: an image, a sound, a video, a 3D model, a document, text, or just a file."""
    word = mime_type or ""
    head = word.partition("/")[0]
    if head in {"image", "audio", "video"}:
        return head  # type: ignore[return-value]
    if head == "model":
        return "mesh"
    if head == "text" or word in _TEXTS:
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
    if head[:8] == _OLE_SIGN:
        return next((kind for kind, sign in _OLE_SIGNS.items() if sign in data), None)
    if head[:4] == b".snd":
        return "audio/basic"
    if head[:4] == b"caff":
        return "audio/x-caf"
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
