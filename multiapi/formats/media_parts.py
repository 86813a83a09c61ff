"""Media inside of messages: their kind by their bytes, checked against what the provider lists, before anything is sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

from multiapi.errors import InvalidRequestError
from multiapi.types.chat import MediaPart, TextPart
from multiapi.types.media_kinds import (
    TRACK_BYTES,
    extension_of,
    group_of,
    judged,
    mime_type_of,
    normal,
    upload_ending,
    upload_name,
)

_EXPECTED = {"image": ("image",), "audio": ("audio",), "video": ("video",), "file": ("document", "text")}
_NOUNS = {"image": "images", "audio": "recordings", "video": "videos", "file": "documents"}
_LEAST_TEXT = 6
_LEAST_BYTES = 4
"""Fewer bytes show nothing."""
_HEAD_CHARS = (TRACK_BYTES // 3 + 1) * 4

Formats = Mapping[str, Collection[str]]
"""Media types by the kind of part, where a provider lists them. Kinds that are not in it are open."""


def judged_part(part: MediaPart) -> MediaPart:
    """The part with the media type of its bytes, unchecked: `fitted` checks it for the provider that it goes to."""
    if part.data is None:
        return part
    return part._replace(mime_type=_judge(part, _decoded(part.data[:_HEAD_CHARS]), None))


def _judge(part: MediaPart, head: bytes | None, label: str | None) -> str | None:
    return judged(head, said=part.mime_type or label, name=part.filename, expected=_EXPECTED[part.kind])


def fitted(part: MediaPart, provider: str, formats: Formats) -> MediaPart | TextPart:
    """The part with the media type of its bytes. A text file becomes text where documents are not taken as text files.

    Raises:
        InvalidRequestError: Bytes of another kind, or of a format that the provider does not list.
    """
    label, text, start = _content_of(part)
    if text is None:
        return part
    head = _decoded(text[start : start + _HEAD_CHARS])
    if part.kind != "file" and head is not None and len(head) < _LEAST_TEXT and mime_type_of(head) == "text/plain":
        head = None  # a few letters are not yet a text
    found = _judge(part, head, label)
    kind = "file" if part.kind == "file" else group_of(found)
    listed = formats.get(part.kind)
    if found is None or (kind != part.kind and head is not None) or (listed is not None and found not in listed):
        if part.kind == "file" and found is not None and _is_text(found) and head is not None:
            return _as_text(part, text[start:], listed)
        raise _refused(part, provider, found, listed)
    return _labelled(part, found, label)


def _content_of(part: MediaPart) -> tuple[str | None, str | bytes | None, int]:
    """What a data URL says of its kind, the text that holds the base64, and where it begins: a large image is not copied for a look.

    The text is None where there is none.
    """
    if part.data is not None:
        return None, part.data, 0
    if part.url is None or part.url[:5].lower() != "data:":
        return None, None, 0
    start = part.url.find(",") + 1
    words = [word.strip().lower() for word in part.url[5 : start - 1].split(";")] if start else [""]
    return words[0] or None, part.url if "base64" in words[1:] else None, start


def _decoded(text: str | bytes) -> bytes | None:
    """The beginning of the bytes; None where they are too few or the text is not base64."""
    try:
        compact = b"".join((text.encode("ascii") if isinstance(text, str) else text).split())
        whole = compact[: len(compact) // 4 * 4] or compact
        data = base64.b64decode(whole + b"=" * (-len(whole) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return data if len(data) >= _LEAST_BYTES else None


def _labelled(part: MediaPart, found: str, label: str | None) -> MediaPart:
    name = part.filename
    if name is not None and part.kind == "file" and extension_of(found) != ".bin":
        suited = upload_name(name, found)
        name = name if suited.rpartition(".")[2] == name.rpartition(".")[2] else suited
    if part.data is not None:
        return part._replace(mime_type=found, filename=name)
    if normal(label) == found:
        return part._replace(filename=name)
    assert part.url is not None
    text = part.url[part.url.find(",") + 1 :]
    return part._replace(url=f"data:{found};base64,{text}", mime_type=found, filename=name)


def _is_text(mime_type: str) -> bool:
    return group_of(mime_type) == "text" or mime_type in {"image/svg+xml", "application/xml"}


def _as_text(part: MediaPart, text: str | bytes, listed: Collection[str] | None) -> MediaPart | TextPart:
    if listed is not None and "text/plain" in listed:
        label = part.url.partition(",")[0][5:].partition(";")[0] if part.url else None
        return _labelled(part, "text/plain", label)
    data = base64.b64decode(text)
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            words = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        words = data.decode("latin-1")
    return TextPart(f"{part.filename}\n{words}" if part.filename else words, part.cache_control)


def _refused(part: MediaPart, provider: str, found: str | None, listed: Collection[str] | None) -> InvalidRequestError:
    what = _NOUNS[part.kind]
    shown = found or "bytes that show no known format; state it in mime_type"
    words = dict.fromkeys(upload_ending(each)[1:] for each in listed or ())
    taken = f"{what} as {', '.join(words)}" if words else f"{what} here"
    return InvalidRequestError(f"{provider} takes {taken}, not {shown}", provider=provider)
