"""Folders that a developer opens for an agent's tools: files are read below one and written into another, and nowhere else.

A model's words are not trusted. A name is walked part by part, each opened relative to the one before and never through a link, so
that nothing can be exchanged between a check and the opening.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from multiapi.errors import InvalidRequestError, printable
from multiapi.types.media import Media, megabytes

MAX_NAME_CHARS = 1_000
MAX_LISTED = 30
_DRIVE = re.compile(r"[A-Za-z]:")
_BY_HANDLE = os.open in os.supports_dir_fd


class InputFolder:
    """A folder whose files may be read, also those in folders below it; links are not followed, and what is hidden is not read.

    Args:
        root: The folder.
        hard_links: Also read files that have another name somewhere, which may be outside of the folder.
    """

    def __init__(self, root: str | Path, *, hard_links: bool = False) -> None:
        self.hard_links = hard_links
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise InvalidRequestError(f"input_dir {str(root)!r} is not a folder")

    def read(self, name: str, *, max_bytes: int) -> Media:
        """A file below the folder.

        Raises:
            InvalidRequestError: The name leads elsewhere, or to something that is not a regular file, or is too large. The message is
                fit for a model: it holds no path of the machine.
        """
        parts = checked_parts(name)
        shown = printable(name, 120)
        if any(part.startswith(".") for part in parts):
            raise InvalidRequestError(f"there is no file {shown!r} that may be read")
        try:
            handle = self._open(parts)
        except OSError:
            raise InvalidRequestError(f"there is no file {shown!r} that may be read") from None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidRequestError(f"{shown!r} is not a regular file")
            if status.st_nlink > 1 and not self.hard_links:
                raise InvalidRequestError(f"there is no file {shown!r} that may be read")
            if status.st_size > max_bytes:
                raise InvalidRequestError(
                    f"{shown!r} has {megabytes(status.st_size)}; at most {megabytes(max_bytes)} are read"
                )
            with os.fdopen(handle, "rb", closefd=False) as file:
                data = file.read(max_bytes + 1)
        finally:
            os.close(handle)
        if len(data) > max_bytes:
            raise InvalidRequestError(f"{shown!r} grew above {megabytes(max_bytes)} while it was read")
        return Media.from_bytes(data, name=parts[-1])

    def names(self, limit: int = MAX_LISTED) -> list[str]:
        """Some of the files that may be read, for a model that asked for one that is not there."""
        return [name for _, name in zip(range(limit), self._walk(), strict=False)]

    def _open(self, parts: list[str]) -> int:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        if not _BY_HANDLE:
            return self._open_by_path(parts, flags)
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                stored = stored_name(part, folder)
                below = os.open(stored, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
            return os.open(stored_name(parts[-1], folder), flags, dir_fd=folder)
        finally:
            os.close(folder)

    def _open_by_path(self, parts: list[str], flags: int) -> int:
        """Where files cannot be opened relative to a folder's handle: no part may be a link."""
        path = self.root
        for part in parts:
            path /= stored_name(part, path)
            if path.is_symlink():
                raise OSError
        if path.resolve() != path:
            raise OSError
        return os.open(path, flags)

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.root, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder, name)
                if name.startswith(".") or path.is_symlink() or not path.is_file():
                    continue
                if self.hard_links or path.stat().st_nlink == 1:
                    yield path.relative_to(self.root).as_posix()


def stored_name(name: str, folder: int | Path) -> str:
    """A name as it is stored in a folder: the same letters may be written composed or decomposed, and systems differ in that.

    The exact name wins. A name that means several others stays as it is, and so does one that means none.
    """
    if name.isascii():
        return name
    try:
        names = os.listdir(folder)  # noqa: PTH208 (a handle of a folder may be given)
    except OSError:
        return name
    if name in names:
        return name
    wanted = unicodedata.normalize("NFC", name)
    same = [each for each in names if unicodedata.normalize("NFC", each) == wanted]
    return same[0] if len(same) == 1 else name


def stored_path(path: str | Path) -> Path:
    """A path as its parts are stored."""
    wanted = Path(path)
    if wanted.exists() or str(wanted).isascii():
        return wanted
    found = Path(wanted.anchor)
    for part in wanted.parts[1 if wanted.anchor else 0 :]:
        found /= stored_name(part, found)
    return found


def output_folder(root: str | Path) -> Path:
    """A folder into which tools write, made if it is not there; the names in it are made by `multiapi.types.media.new_name`."""
    path = Path(root)
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def checked_parts(name: str) -> list[str]:
    """The parts of a relative name.

    Raises:
        InvalidRequestError: It is absolute, climbs, names a home, a drive or a share, or holds control characters.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidRequestError("a file needs a name")
    shown = printable(name, 120)
    if len(name) > MAX_NAME_CHARS or not name.isprintable() or "\\" in name:
        raise InvalidRequestError(f"{shown!r} is not a file name")
    if name.startswith(("/", "~")) or _DRIVE.match(name):
        raise InvalidRequestError(f"{shown!r} is not relative; only names below the open folder are allowed")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if not parts or ".." in parts:
        raise InvalidRequestError(f"{shown!r} leads out of the open folder")
    return parts
