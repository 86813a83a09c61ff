"""Labels of files against their bytes: media types, format words and endings of names. A file that is called what it is not is refused,
as models do ("specified using the image/jpeg media type, but the image appears to be a image/png image").

Bytes that show nothing, and labels that say nothing, are let through.
"""

import re
from collections.abc import Iterator
from typing import Any

from multiapi.simulator.vendors.vendor import Call, Refusal

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?,")
_HEAD_CHARS = 400

_MP3 = frozenset({"audio/mpeg", "audio/mp3", "audio/mpga", "audio/mpeg3", "audio/x-mp3"})
_WAV = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"})
_ISO = frozenset(
    {"video/mp4", "audio/mp4", "audio/m4a", "audio/x-m4a", "video/quicktime", "video/3gpp", "audio/3gpp", "video/x-m4v"}
)
_SIGNS: tuple[tuple[int, bytes, frozenset[str]], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", frozenset({"image/png", "image/apng"})),
    (0, b"\xff\xd8\xff", frozenset({"image/jpeg", "image/jpg"})),
    (0, b"GIF8", frozenset({"image/gif"})),
    (8, b"WEBP", frozenset({"image/webp"})),
    (0, b"8BPS", frozenset({"image/vnd.adobe.photoshop"})),
    (4, b"ftyphei", frozenset({"image/heic", "image/heif"})),
    (4, b"ftypmif1", frozenset({"image/heic", "image/heif"})),
    (4, b"ftypavi", frozenset({"image/avif"})),
    (4, b"ftyp", _ISO),
    (8, b"WAVE", _WAV),
    (0, b"ID3", _MP3),
    (0, b"\xff\xfb", _MP3),
    (0, b"\xff\xf3", _MP3),
    (0, b"\xff\xf1", frozenset({"audio/aac", "audio/x-aac", "audio/aacp"})),
    (0, b"fLaC", frozenset({"audio/flac", "audio/x-flac"})),
    (8, b"AIFF", frozenset({"audio/aiff", "audio/x-aiff"})),
    (0, b"OggS", frozenset({"audio/ogg", "audio/opus", "audio/oga", "video/ogg", "application/ogg"})),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", frozenset({"audio/x-ms-wma", "audio/wma", "video/x-ms-wmv", "video/x-ms-asf"})),
    (0, b"%PDF-", frozenset({"application/pdf", "application/x-pdf"})),
)  # fmt: skip
_WEBM = frozenset({"audio/webm", "video/webm"})
_MATROSKA = frozenset({"audio/x-matroska", "video/x-matroska", "audio/mka", "video/mkv"})
_WORDS = {"mp3": "audio/mpeg", "oga": "audio/ogg", "jpg": "image/jpeg", "mov": "video/quicktime", "weba": "audio/webm", "m4v": "video/mp4", "mpga": "audio/mpeg", "mpeg": "audio/mpeg", "wma": "audio/x-ms-wma", "mka": "audio/x-matroska", "mkv": "video/x-matroska"}  # fmt: skip
_IMAGE_FIELDS = ("image", "image_url", "image_urls", "images", "mask", "last_image_url", "first_frame_image")
_NO_DOCUMENT = ("audio/", "video/", "text/csv", "image/svg", "image/vnd", "image/x-icon")


def shown_by(data: bytes) -> frozenset[str]:
    """The media types that the bytes allow; none where they show nothing."""
    if data[:4] == b"\x1aE\xdf\xa3":
        return _WEBM if b"webm" in data[:64] else _MATROSKA
    return next((types for at, sign, types in _SIGNS if data[at : at + len(sign)] == sign), frozenset())


def check_labels(call: Call) -> None:
    """Refuse a request whose files are called what they are not, or stand where their kind does not belong."""
    for parts in call.files.values():
        for part in parts:
            _check(part.mime_type, part.data, part.name)
            _, dot, ending = part.name.rpartition(".")
            if dot and (label := _type_of(ending.lower())) is not None:
                _check(label, part.data, part.name, any_kind=True)
    if not isinstance(call.body, dict):
        return
    for label, data in _labelled(call.body):
        _check(label, data, "data URL")
    for sound in _sounds(call.body):
        word, text = sound.get("format"), sound.get("data")
        if isinstance(word, str) and isinstance(text, str) and "://" not in text[:10]:
            label = word if "/" in word else _type_of(word) or f"audio/{word}"
            head = text[:_HEAD_CHARS].rpartition(",")[2]
            _check(label, _head(head), "input_audio", any_kind="/" not in word)
    if call.operation.id in ("createImage", "createImageWithUrl"):
        for name in _IMAGE_FIELDS:
            for label, _ in _labelled(call.body.get(name)):
                if not label.startswith("image/") or label.startswith(("image/svg", "image/vnd", "image/x-icon")):
                    raise Refusal(400, f"{name}: {label} is not an image that can be read")
    if call.operation.id == "createOcr":
        for label, data in _labelled(call.body.get("document")):
            if label.startswith(_NO_DOCUMENT) or any(each.startswith(_NO_DOCUMENT) for each in shown_by(data)):
                raise Refusal(400, f"document: {label} is neither a document nor an image")


def check_documents(body: dict[str, Any]) -> None:
    """Refuse documents in messages that are not PDF."""
    for message in body.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "file":
                for label, _ in _labelled(part):
                    if label != "application/pdf":
                        raise Refusal(400, f"messages: file_data takes PDF only, not {label}")


def _check(label: str, data: bytes, where: str, *, any_kind: bool = False) -> None:
    label = label.partition(";")[0].strip().lower()
    shown = shown_by(data)
    if not shown or label in ("", "application/octet-stream") or label.endswith("/*") or label in shown:
        return
    if any_kind and label.partition("/")[2] in {each.partition("/")[2] for each in shown}:
        return
    raise Refusal(400, f"{where}: the file was sent as {label}, but appears to be {min(shown)}")


def _type_of(word: str) -> str | None:
    """The media type of an ending or a format word; None where it says nothing certain."""
    if word in _WORDS:
        return _WORDS[word]
    for _, _, types in (*_SIGNS, (0, b"", _WEBM)):
        for each in sorted(types):
            if each.partition("/")[2] == word:
                return each
    return None


def _labelled(value: Any) -> Iterator[tuple[str, bytes]]:
    """Every data URL in a body: its label and the beginning of its bytes."""
    waiting = [value]
    while waiting:
        place = waiting.pop()
        if isinstance(place, dict):
            waiting += place.values()
        elif isinstance(place, list):
            waiting += place
        elif isinstance(place, str) and (found := _DATA_URL.match(place[:200])) and ";base64" in found[0]:
            yield found[1].lower(), _head(place[found.end() : found.end() + _HEAD_CHARS])


def _sounds(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        place = waiting.pop()
        if isinstance(place, dict):
            if isinstance(place.get("input_audio"), dict):
                yield place["input_audio"]
            waiting += place.values()
        elif isinstance(place, list):
            waiting += place


def _head(text: str) -> bytes:
    from multiapi.simulator.minds.conversation import decoded

    return decoded(text[:_HEAD_CHARS])
