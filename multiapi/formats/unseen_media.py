"""Media that a model cannot take, where it was not the user who sent them.

An image that the user sends to a model without eyes is refused. One that a tool or another model brought stands in the conversation for
good, and every further request would fail: a note takes its place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from multiapi.errors import InvalidRequestError
from multiapi.formats.media_parts import fitted
from multiapi.provider import Provider
from multiapi.types.chat import ChatRequest, MediaPart, Message, Part, TextPart

logger = logging.getLogger("multiapi")

CAPABILITY_OF_KIND = {"image": "vision", "audio": "audio_in", "file": "documents", "video": "video_in"}
_NOTES = {
    "image": "[an image that this model cannot see]",
    "audio": "[a sound that this model cannot hear]",
    "video": "[a video that this model cannot see]",
    "file": "[a document that this model cannot read]",
}
_SAID: set[tuple[str, str]] = set()


def with_notes(provider: Provider, request: ChatRequest) -> ChatRequest:
    """The request, with notes for what tools and assistants brought and the provider has no input for. Said once in the log."""
    changed: dict[int, Message] = {}
    for number, message in enumerate(request.messages):
        if type(message.content) is not str and message.role in {"tool", "assistant"}:
            parts = [_note(provider, part) for part in message.content]
            if parts != list(message.content):
                changed[number] = message._replace(content=_content(parts))
    if not changed:
        return request
    return replace(request, messages=[changed.get(number, each) for number, each in enumerate(request.messages)])


def _content(parts: Sequence[Part]) -> str | Sequence[Part]:
    """A single text is text alone, as everywhere."""
    only = parts[0] if len(parts) == 1 else None
    return only.text if isinstance(only, TextPart) and only.cache_control is None else parts


def _note(provider: Provider, part: Part | str) -> Part:
    if isinstance(part, str):
        return TextPart(part)
    if not isinstance(part, MediaPart):
        return part
    if provider.has(CAPABILITY_OF_KIND[part.kind]):
        if part.data is not None or provider.media_urls or (part.url or "").startswith("data:"):
            return part
        return note_of(part)
    if part.kind == "file" and (part.data is not None or (part.url or "").startswith("data:")):
        with suppress(InvalidRequestError):
            found = fitted(part, provider.name, {"file": ()})
            if isinstance(found, TextPart):
                return found
    if (provider.name, part.kind) not in _SAID:
        _SAID.add((provider.name, part.kind))
        logger.warning(
            "%s has no input for media of the kind %s; those in results of tools and in answers are told as a note",
            provider.name,
            part.kind,
        )
    return note_of(part)


def note_of(part: MediaPart) -> TextPart:
    """What is told instead of a medium: that there is one, and its address if it has one."""
    note = _NOTES[part.kind]
    is_address = part.url is not None and not part.url.startswith("data:")
    return TextPart(f"{note} {part.url}" if is_address else note, part.cache_control)
