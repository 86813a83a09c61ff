"""Pictures, sounds, films and files, as they come from a vendor or go to one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiapi.errors import ResponseFormatError

_EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "model/gltf-binary": ".glb",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound, film or file: its bytes, or the address they can be had from.

    Its kind follows from its bytes where it has any, else from what the vendor said.

    Attributes:
        data: The bytes, or None while there is only an address.
        url: Where the vendor keeps it; such addresses expire.
        mime_type: As found in the bytes, else as the vendor said, else None.
        metadata: What else the vendor said of it: size, seed, revised prompt, ...
    """

    data: bytes | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    mime_type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def extension(self) -> str:
        """The file name's ending that belongs to the kind, from a fixed table; `.bin` for what is not in it."""
        return _EXTENSIONS.get(self.mime_type or "", ".bin")

    def save(self, path: str | Path) -> Path:
        """Write the bytes; a path without an ending gets the right one."""
        if self.data is None:
            raise ResponseFormatError("this media has only an address; fetch it with client.download(media) first")
        target = Path(path)
        if not target.suffix:
            target = target.with_suffix(self.extension)
        target.write_bytes(self.data)
        return target


def from_base64(text: str, *, provider: str, mime_type: str | None = None) -> Media:
    """Media out of base64 text or a data URL, decoded strictly (line breaks are tolerated).

    Raises:
        ResponseFormatError: Nothing there, or no base64.
    """
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        mime_type = head[5:].partition(";")[0] or mime_type
    compact = "".join(text.split())
    try:
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ResponseFormatError(f"{provider} sent media that is no base64", provider=provider) from None
    if not data:
        raise ResponseFormatError(f"{provider} sent empty media", provider=provider)
    return Media(data=data, mime_type=mime_type)
