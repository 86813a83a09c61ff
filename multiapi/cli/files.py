"""Where the command line reads what it is given, and puts what is made."""

from __future__ import annotations

import locale
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from multiapi.agent_tools.folders import stored_path
from multiapi.cli.output import note
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError
from multiapi.types.media import Media
from multiapi.types.media_kinds import mime_type_of_name

M = TypeVar("M", bound=Media)

STANDARD = "-"
"""Stdin or stdout, where a file is wanted."""
MOST_NUMBER = 1_000
"""Above this, a file keeps the name that was made for it."""
OPENED_KINDS = frozenset({"image", "audio", "video", "mesh"})
"""What `--open` hands to the system. A provider's HTML or scripts are not opened, and SVG can hold scripts."""
OPENERS = {"darwin": "open", "linux": "xdg-open", "freebsd": "xdg-open", "openbsd": "xdg-open"}


# ------------------------------------------------------------------------------------------------ what goes in


def text_of(words: list[str] | None, *, what: str, piped_too: bool = False) -> str:
    """A text from the arguments, from stdin where they are `-` or missing, or from both where `piped_too`.

    Raises:
        InvalidRequestError: There is none.
    """
    text = " ".join(words or ())
    if text in {"", STANDARD}:
        text = read_stdin()
    elif piped_too and _is_piped():
        text = f"{text}\n\n{read_stdin()}"
    if not text.strip():
        raise InvalidRequestError(f"no {what}: write it behind the command, or pipe it in")
    return text.strip()


def read_stdin() -> str:
    """What is piped in: UTF-8, else in the encoding of this machine. Empty at a terminal, where nobody would know what is waited for."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(locale.getpreferredencoding(False), "replace")


def _is_piped() -> bool:
    """Whether somebody wrote into stdin; not so where it is merely closed or a device."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def media_of(given: str) -> Media:
    """What is to be sent: a file, an http(s) address or data URL, or `-` for stdin.

    Raises:
        InvalidRequestError: No such file.
    """
    if given == STANDARD:
        return Media.from_bytes(sys.stdin.buffer.read())
    if given.startswith(("http://", "https://", "data:")):
        return Media.from_url(given)
    try:
        return Media.from_path(stored_path(given))
    except OSError as error:
        raise InvalidRequestError(f"{given}: {error.strerror}") from None


# ------------------------------------------------------------------------------------------------ what comes out


@dataclass(frozen=True)
class Destination:
    """A place for what is made, looked at before anything is paid for.

    Attributes:
        folder: Where files go.
        name: The file's name, or None for one made here.
        to_stdout: The bytes go there instead.
    """

    folder: Path
    name: str | None = None
    to_stdout: bool = False
    force: bool = False

    @classmethod
    def of(cls, output: str | None, *, force: bool, as_json: bool = False) -> Destination:
        """From `--output` and `--force`.

        Raises:
            InvalidRequestError: The file is there already, its folder is not, or bytes and JSON would mix on stdout.
        """
        if output is None:
            return cls(Path())
        if output == STANDARD:
            if as_json:
                raise InvalidRequestError("-o - and --json both want stdout")
            return cls(Path(), to_stdout=True)
        path = Path(output)
        if path.is_dir():
            return cls(path)
        if not path.parent.is_dir():
            raise InvalidRequestError(f"{path.parent} is not a folder")
        if path.exists() and not force:
            raise InvalidRequestError(f"{path} is there already; --force overwrites it")
        return cls(path.parent, path.name, force=force)

    def write_text(self, text: str) -> Path:
        """A text as a file."""
        assert self.name is not None
        path = self.folder / self.name
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path

    def put(self, client: Client, media: tuple[M, ...]) -> tuple[M, ...]:
        """Each of them on the disk, with the ending that belongs to it; or on stdout."""
        if self.to_stdout:
            for each in media:
                sys.stdout.buffer.write(client.download(Media(data=each.data, url=each.url, path=each.path)).read())
            sys.stdout.buffer.flush()
            return media
        return tuple(
            self._put(client, each, number if len(media) > 1 else None) for number, each in enumerate(media, 1)
        )

    def _put(self, client: Client, media: M, number: int | None) -> M:
        try:
            saved = client.save(media, self.folder)
        except BaseException:
            if media.url is not None and media.data is None:
                note(f"it was made, but not saved; for a while it is at {media.url}", style="yellow")
            raise
        path = saved if self.name is None else self._named(saved, number)
        found = Media(mime_type=mime_type_of_name(saved.name))
        return replace(media, path=path, data=None, mime_type=media.mime_type or found.mime_type)

    def _named(self, saved: Path, number: int | None) -> Path:
        """The saved file under the name that was asked for. What was paid for is kept beside a file that came in between."""
        wanted = self.folder / str(self.name)
        ending = wanted.suffix or saved.suffix
        stem = wanted.stem if wanted.suffix else wanted.name
        target = self.folder / (f"{stem}{ending}" if number is None else f"{stem}-{number}{ending}")
        if target.exists() and not self.force:
            stem = target.stem if number is not None else stem
            numbered = (self.folder / f"{stem}-{count}{ending}" for count in range(2, MOST_NUMBER))
            free = next((path for path in numbered if not path.exists()), saved)
            note(f"{target} is there already; saved as {free} instead", style="yellow")
            if free == saved:
                return saved
            target = free
        saved.replace(target)
        if ending != saved.suffix and mime_type_of_name(f"x{ending}") != mime_type_of_name(saved.name):
            note(f"{target} is a {saved.suffix[1:].upper()} file by its content", style="yellow")
        return target


def open_file(media: Media) -> None:
    """Show a saved file with the system's own program."""
    is_script = media.mime_type == "image/svg+xml" or (media.path is not None and media.path.suffix.lower() == ".svg")
    if media.path is None or media.kind not in OPENED_KINDS or is_script:
        note(f"not opened: {media.path or 'not saved'} is not an image, sound, video or 3D model", style="yellow")
        return
    start = getattr(os, "startfile", None)
    try:
        if start is not None:
            start(media.path)
            return
        opener = OPENERS.get(sys.platform, "xdg-open")
        subprocess.Popen(  # noqa: S603  (a fixed program, and a file that was made here)
            [opener, str(media.path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        note(f"cannot open {media.path}: {error.filename or 'the opener'}: {error.strerror}", style="yellow")
