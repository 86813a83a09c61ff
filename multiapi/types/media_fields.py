"""Which kinds of media each field of a request takes, checked in one place for the core, agents' tools and the command line.

The kinds stand beside the fields, in `multiapi.types.media_requests`. What a provider lists beyond that (formats, sizes) stands with it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import Any

from multiapi.errors import InvalidRequestError
from multiapi.types.media import Media, source_of
from multiapi.types.media_kinds import IMAGES, extension_of, group_of, judged

UNKNOWN = "unknown"
"""Stands for bytes that show no kind and of which nobody said one, such as raw sound."""
_NOUNS = {
    "image": f"an image ({', '.join(extension_of(each)[1:] for each in IMAGES)})",
    "audio": "a recording (mp3, wav, m4a, ogg, webm, ...)",
    "video": "a video (mp4, webm, mov, ...)",
    "mesh": "a 3D model (glb, obj, ...)",
    "document": "a document (pdf, docx, ...)",
    "text": "a text",
}


def takes(*kinds: str) -> dict[str, Any]:
    """What is noted of a field that takes media of these kinds; the first is preferred where bytes allow several."""
    return {"takes": kinds}


def settings_of(request: Any, provider: str) -> dict[str, Any]:
    """What is set in a request, its media checked and judged by the field they stand in.

    Raises:
        InvalidRequestError: A file of a kind that the field does not take.
    """
    settings: dict[str, Any] = request.asked()
    for item in fields(request):
        kinds = item.metadata.get("takes")
        if kinds and item.name in settings:
            given = settings[item.name]
            takes_one, takes_many = str(item.type).startswith("Source"), "Sequence[" in str(item.type)
            if isinstance(given, (list, tuple)) and takes_many:
                settings[item.name] = [fitting(each, kinds, provider, item.name) for each in given]
            else:
                media = fitting(given, kinds, provider, item.name)
                settings[item.name] = media if takes_one else [media]
    return settings


def lies_on_disk(request: Any) -> bool:
    """Whether a file has to be read for a request."""
    return any(_is_on_disk(each) for _, given in _given(request) for each in _listed(given))


def read_from_disk(request: Any) -> Any:
    """The request with the bytes of its files. What cannot be read stays as it is, and is refused where the request is built."""
    held = {
        name: [_read(each) for each in given] if isinstance(given, (list, tuple)) else _read(given)
        for name, given in _given(request)
    }
    return replace(request, **held)


def _given(request: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(request) and not isinstance(request, type):
        for item in fields(request):
            if "takes" in item.metadata:
                yield item.name, getattr(request, item.name)


def _listed(given: Any) -> Any:
    return given if isinstance(given, (list, tuple)) else (given,)


def _is_on_disk(source: Any) -> bool:
    if isinstance(source, Media):
        return source.data is None and source.path is not None
    return isinstance(source, os.PathLike)


def _read(source: Any) -> Any:
    if not _is_on_disk(source):
        return source
    with suppress(InvalidRequestError, OSError):
        return replace(source, data=source.read()) if isinstance(source, Media) else source_of(source)
    return source


def fitting(source: Any, kinds: Collection[str], provider: str, name: str) -> Media:
    """Media for a field, its kind judged by what the field takes. What lies at an address is not looked at.

    Raises:
        InvalidRequestError: It is of another kind.
    """
    try:
        media = source_of(source, name=f"`{name}`")
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{provider}: {error.message}", provider=provider) from None
    if media.data is None and media.path is None:
        return media
    found = judged(media.data, said=media.mime_type, name=media.name, expected=tuple(kinds)[:1])
    if not _is_taken(found, kinds):
        nouns = " or ".join(_NOUNS[kind] for kind in kinds if kind in _NOUNS)
        shown = found or "bytes that show no known format; state it in mime_type"
        raise InvalidRequestError(f"{provider} takes {nouns} in `{name}`, not {shown}", provider=provider)
    return media if found == media.mime_type else replace(media, mime_type=found)


def _is_taken(mime_type: str | None, kinds: Collection[str]) -> bool:
    if mime_type is None or mime_type == "application/octet-stream":
        return UNKNOWN in kinds
    kind = group_of(mime_type)
    return kind in kinds and (kind != "image" or mime_type in IMAGES)
