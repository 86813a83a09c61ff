"""Images, sounds, videos, 3D models and files, as they come from a provider or go to one."""

from __future__ import annotations

import base64
import binascii
import errno
import io
import os
import secrets
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from multiapi._package import new_lock
from multiapi.errors import InvalidRequestError, ResponseFormatError, StatusError, printable
from multiapi.types.media_kinds import MediaGroup, extension_of, group_of, judged, mime_type_of_name, normal, received

M = TypeVar("M", bound="Media")

SHOWN_BYTES = 24_000_000
"""Larger media are not put into a notebook."""
MAX_NAMES_TRIED = 100
MEGABYTE = 1_000_000
"""Vendors' sizes are read as the smaller of the two megabytes."""


@dataclass(frozen=True, slots=True)
class Media:
    """An image, sound, video, 3D model or file: its bytes, or the address they can be had from.

    Its kind follows from its bytes; where they allow several (sound or video in an MP4, CSV or Markdown in a text), from the stated
    type, then from the name's ending. A notebook shows images and plays sound and video.

    Attributes:
        data: The bytes, or None while there is only an address.
        url: Where the provider keeps it; such addresses expire.
        mime_type: As found in the bytes, else as it was stated, else None.
        metadata: What else the provider said of it: size, seed, revised prompt, ...
        name: A file name for uploads.
        path: Where it lies on this machine, once it was saved.
    """

    data: bytes | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    mime_type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    name: str | None = field(default=None, repr=False)
    path: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        found = judged(self.data, said=self.mime_type, name=self.name if self.data else None)
        object.__setattr__(self, "mime_type", found)

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str | None = None, mime_type: str | None = None) -> Media:
        """Media to be sent, from memory.

        Raises:
            InvalidRequestError: There are no bytes.
        """
        if not data:
            raise InvalidRequestError("this media is empty")
        return Media(data=bytes(data), mime_type=mime_type, name=name)

    @classmethod
    def from_path(cls, path: str | Path, *, max_bytes: int | None = None) -> Media:
        """Media to be sent, from a file.

        Raises:
            InvalidRequestError: Not a regular file, empty, or larger than `max_bytes`.
            OSError: It cannot be read.
        """
        source = Path(path)
        with open(source, "rb", opener=_opened_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidRequestError(f"{source.name} is not a regular file")
            if max_bytes is not None and status.st_size > max_bytes:
                raise InvalidRequestError(
                    f"{source.name} has {megabytes(status.st_size)}, more than {megabytes(max_bytes)}"
                )
            media = cls.from_bytes(file.read(), name=source.name)
        return replace(media, path=source)

    @classmethod
    def from_url(cls, url: str, *, mime_type: str | None = None) -> Media:
        """Media at an address (nothing is fetched), or inside a data URL.

        Raises:
            InvalidRequestError: Neither an http(s) address nor a data URL.
        """
        if url[:5].lower() == "data:":
            try:
                data, said = _of_data_url(url, "the data URL")
            except ResponseFormatError as error:
                raise InvalidRequestError(error.message) from None
            return Media(data=data, mime_type=mime_type or said)
        try:
            parts = urlsplit(url)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            raise InvalidRequestError(f"{printable(url, 80)!r} is not an http(s) address")
        return Media(url=url, mime_type=mime_type or mime_type_of_name(parts.path))

    # ------------------------------------------------------------------------------------ what it is

    @property
    def kind(self) -> MediaGroup:
        """image, audio, video, 3D model, document, text or file."""
        return group_of(self.mime_type)

    @property
    def extension(self) -> str:
        """The file name's ending that belongs to the kind, from a fixed table; `.bin` for what is not in it."""
        return extension_of(self.mime_type)

    @property
    def size(self) -> int | None:
        """How many bytes it has, where they are at hand or the provider said it."""
        if self.data is not None:
            return len(self.data)
        said = self.metadata.get("size_bytes", self.metadata.get("file_size"))
        return said if isinstance(said, int) else None

    def describe(self) -> str:
        """A few words for people and models: kind, format and size."""
        form = self.extension[1:].upper() if self.extension != ".bin" else (self.mime_type or "unknown format")
        size = f", {megabytes(self.size)}" if self.size is not None else ""
        return f"{self.kind} ({form}{size})"

    # ------------------------------------------------------------------------------------ its bytes

    def read(self) -> bytes:
        """The bytes, from memory or from the file it was saved to.

        Raises:
            InvalidRequestError: There is only an address; `client.download(media)` fetches it.
        """
        if self.data is not None:
            return self.data
        if self.path is not None:
            return self.path.read_bytes()
        raise InvalidRequestError("this media has only an address; fetch it with client.download(media) first")

    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.read()).decode("ascii")

    def data_url(self, default_mime_type: str = "application/octet-stream") -> str:
        """The bytes as a data URL."""
        return f"data:{self.mime_type or default_mime_type};base64,{self.base64()}"

    def save(self, path: str | Path, *, into_folder: bool | None = None) -> Path:
        """Write the bytes to a file, whole or not at all.

        A path without an ending gets the right one; a folder gets a file with a name made here. `into_folder` says that the path is
        to be taken for a folder; None looks.

        Raises:
            InvalidRequestError: There is only an address; `client.save(media, path)` fetches it to disk.
        """
        if self.data is None and self.path is None:
            raise InvalidRequestError("this media has only an address; client.save(media, path) fetches it to disk")
        wanted = Path(path)
        is_folder = wanted.is_dir() if into_folder is None else into_folder
        with PartialFile(wanted if is_folder else wanted.parent) as partial:
            with partial.open() as file:
                file.write(self.read())
            return partial.finish(wanted, self.kind, self.extension, into_folder=is_folder)

    # ------------------------------------------------------------------------------------ how it looks

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """What a notebook shows."""
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        data = self.data if self.data is not None and len(self.data) <= SHOWN_BYTES else None
        if data is not None and self.mime_type in {"image/png", "image/jpeg"}:
            bundle[self.mime_type] = base64.b64encode(data).decode("ascii")
            return bundle
        if self.kind not in {"image", "audio", "video"}:
            return bundle
        source = self.data_url() if data is not None else self.url
        if source is None or not source.startswith(("data:", "https://", "http://")):
            return bundle
        from html import escape  # only notebooks need it

        address = escape(source, quote=True)
        bundle["text/html"] = {
            "image": f'<img src="{address}" style="max-width: 100%">',
            "audio": f'<audio controls preload="none" src="{address}"></audio>',
            "video": f'<video controls preload="none" style="max-width: 100%" src="{address}"></video>',
        }[self.kind]
        return bundle


def source_of(value: Any, *, name: str = "media") -> Media:
    """What users pass as an image, sound or document: `Media`, bytes, a path, or an address or data URL as text.

    Raises:
        InvalidRequestError: It is none of these, empty, or a file that cannot be read.
    """
    if isinstance(value, Media):
        return value
    if isinstance(value, str):
        return Media.from_url(value)
    if isinstance(value, io.BytesIO):
        value = value.getvalue()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Media.from_bytes(bytes(value))
    if isinstance(value, os.PathLike):
        try:
            return Media.from_path(Path(value))
        except (OSError, TypeError, ValueError) as error:
            raise InvalidRequestError(f"{name}: {printable(str(value), 200)} cannot be read: {error}") from None
    raise InvalidRequestError(f"{name} must be a Media, bytes, a path or an address, not {type(value).__name__}")


def from_base64(text: Any, *, provider: str, mime_type: str | None = None) -> Media:
    """Media out of base64 text or a data URL, decoded strictly (line breaks are tolerated).

    Raises:
        ResponseFormatError: Nothing there, or no base64.
    """
    if not isinstance(text, str):
        raise ResponseFormatError(f"{provider} sent {type(text).__name__} where media should be", provider=provider)
    if text[:5].lower() == "data:":
        return from_data_url(text, provider=provider, mime_type=mime_type)
    return from_provider(_decoded(text, provider), mime_type)


def from_data_url(url: str, *, provider: str, mime_type: str | None = None) -> Media:
    """Media out of a data URL, base64 or percent-encoded.

    Raises:
        ResponseFormatError: Nothing there, or no base64.
    """
    data, said = _of_data_url(url, provider)
    return from_provider(data, said or mime_type)


def from_provider(
    data: bytes, mime_type: str | None, *, metadata: dict[str, Any] | None = None, name: str | None = None
) -> Media:
    """Media that a provider sent: a file is what its bytes say, whatever its sender and its name say."""
    return Media(data=data, mime_type=received(data, mime_type), metadata=metadata or {}, name=name)


def _of_data_url(url: str, provider: str) -> tuple[bytes, str | None]:
    head, comma, rest = url[5:].partition(",")
    if not comma:
        raise ResponseFormatError(f"{provider} sent a data URL without data", provider=provider)
    words = head.split(";")
    if "base64" in (word.strip().lower() for word in words[1:]):
        data = _decoded(rest, provider)
    else:
        data = unquote_to_bytes(rest)
        if not data:
            raise ResponseFormatError(f"{provider} sent empty media", provider=provider)
    return data, normal(words[0])


def _decoded(text: str, provider: str) -> bytes:
    compact = text if text.isalnum() else "".join(text.split())
    try:
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ResponseFormatError(f"{provider} sent media that is not base64", provider=provider) from None
    if not data:
        raise ResponseFormatError(f"{provider} sent empty media", provider=provider)
    return data


# ------------------------------------------------------------------------------------------------ before sending


def check_upload(
    media: Media,
    *,
    provider: str,
    what: str,
    formats: Collection[str] = (),
    max_bytes: int | None = None,
    too_large: type[StatusError] = InvalidRequestError,
) -> None:
    """Whether a provider takes this file, by format (as an ending without its dot) and size, before it is sent.

    Raises:
        InvalidRequestError: It does not; the message says what is taken. A file above the size is a `too_large`.
    """
    ending = media.extension[1:]
    if formats and ending not in formats:
        shown = media.mime_type or "a format that its bytes do not show"
        raise InvalidRequestError(f"{provider} takes {what} as {', '.join(formats)}, not {shown}", provider=provider)
    if max_bytes is not None and media.size is not None and media.size > max_bytes:
        named = f"{printable(media.name, 120)!r}" if media.name else "this"
        size, limit = sizes(media.size, max_bytes)
        raise too_large(
            f"{provider} takes {what} of at most {limit}; {named} has {size}",
            provider=provider,
        )


def needs_bytes(media: Media, *, provider: str, what: str) -> Media:
    """The media, if its bytes are at hand.

    Raises:
        InvalidRequestError: There is only an address, which the provider does not take.
    """
    if media.data is None and media.path is None:
        raise InvalidRequestError(
            f"{provider} takes {what} as data, not by address; fetch it with client.download(media) first",
            provider=provider,
        )
    return media


def sizes(size: int, most: int) -> tuple[str, str]:
    """Return a size and the limit that it exceeds as people read them, the size in bytes where they would look alike."""
    shown = megabytes(size), megabytes(most)
    return (f"{size:,} bytes", shown[1]) if shown[0] == shown[1] else shown


def megabytes(size: int) -> str:
    """A size as people read it."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.1f} kB" if size < MEGABYTE else f"{size / MEGABYTE:.1f} MB"


# ------------------------------------------------------------------------------------------------ on disk


def new_name(kind: str, extension: str) -> str:
    """A file name that is made here and nowhere else: the kind, six random bytes, and an ending from the fixed table."""
    return f"{kind}-{secrets.token_hex(6)}{extension}"


class PartialFile:
    """A file that is there in full once it is finished, and not at all if that fails.

    It is written beside its place under a name of its own. A thread that gives it up while another one still opens or finishes it leaves
    nothing behind.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f".{secrets.token_hex(8)}.part"
        self._file: IO[bytes] | None = None
        self._given_up = False
        self._lock = new_lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._give_up()

    def open(self) -> IO[bytes]:
        """The file, to be written; it was not there before, and no link leads away from it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with self._lock:
            self._check()
            self._file = os.fdopen(os.open(self.path, flags, 0o644), "wb")
            return self._file

    def finish(self, wanted: Path, kind: str, extension: str, *, into_folder: bool) -> Path:
        """Give it its name: the wanted one (with an ending, if it has none), or in a folder a new one, which replaces nothing."""
        with self._lock:
            self._check()
            if into_folder:
                return self._finish_in(wanted, kind, extension)
            target = wanted if wanted.suffix else wanted.with_suffix(extension)
            self.path.replace(target)
            return target

    def _finish_in(self, folder: Path, kind: str, extension: str) -> Path:
        for _ in range(MAX_NAMES_TRIED):
            target = folder / new_name(kind, extension)
            try:
                os.link(self.path, target, follow_symlinks=False)
            except FileExistsError:
                continue
            except (OSError, NotImplementedError):  # a file system without hard links
                if os.path.lexists(target):
                    continue
                self.path.replace(target)
            else:
                self.path.unlink()
            return target
        raise FileExistsError(errno.EEXIST, "no name is free")

    def _check(self) -> None:
        if self._given_up:
            raise FileNotFoundError(errno.ENOENT, "it was given up")

    def _give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
                with suppress(OSError):
                    self.path.unlink()


def _opened_without_waiting(path: str, flags: int) -> int:
    """A FIFO would otherwise be waited for until somebody writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
