"""What the simulated model sees in a file: its kind, its size and, where there is text in it, the text."""

from contextlib import suppress
from typing import Any

from multiapi.simulator.minds.conversation import Attachment


def describe(attachments: tuple[Attachment, ...]) -> list[str]:
    """One description for each file."""
    return [_describe(attachment) for attachment in attachments]


def _describe(attachment: Attachment) -> str:
    if attachment.data is None:
        return f"A file of type {attachment.mime_type} at {attachment.url or attachment.name or 'an unknown address'}."
    family = attachment.mime_type.split("/")[0]
    named = f" called {attachment.name}" if attachment.name else ""
    start = f"A file{named} of type {attachment.mime_type}, {len(attachment.data)} bytes"
    with suppress(Exception):  # whatever a broken file does to a reader, the model says what it can
        return start + _inside(family, attachment)
    return f"{start}."


def _inside(family: str, attachment: Attachment) -> str:
    from multiapi.simulator import media

    assert attachment.data is not None
    if family == "image":
        facts: Any = media.describe_image(attachment.data)
        shown = f" It shows: {facts.text}" if facts.text else ""
        return f", {facts.width} x {facts.height} pixels.{shown}"
    if family == "audio":
        heard: Any = media.transcribe(attachment.data)
        said = f" It says: {heard.text}" if heard.text else ""
        return f", {heard.duration_s:.1f} seconds.{said}"
    document: Any = media.read_document(attachment.data)
    text = "\n".join(document.pages).strip()
    pages = f", {len(document.pages)} page{'s' if len(document.pages) != 1 else ''}"
    return f"{pages}.\n{text}" if text else f"{pages}."
