"""Images in the terminal: by Kitty's or iTerm2's protocol where the environment says so, else as half blocks.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

Protocol = Literal["kitty", "iterm2", "blocks"]

MAX_COLUMNS = 60
MAX_ROWS = 20
MAX_PIXELS = 40_000_000
"""A larger image is not decoded for half blocks."""
CHUNK_CHARS = 4096
"""The longest piece that Kitty's protocol takes."""

_ITERM2_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "mintty"})
_KITTY_PROGRAMS = frozenset({"ghostty"})


def protocol_of(environment: Mapping[str, str]) -> Protocol | None:
    """What the terminal understands; None where it wants no more than text."""
    term = environment.get("TERM", "")
    if term == "dumb" or environment.get("NO_COLOR"):
        return None
    if environment.get("TMUX") or term.startswith("screen"):
        return "blocks"  # a multiplexer swallows the protocols
    program = environment.get("TERM_PROGRAM", "")
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term or program in _KITTY_PROGRAMS:
        return "kitty"
    if program in _ITERM2_PROGRAMS or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return "blocks"


def show(path: Path) -> None:
    """Show an image if stdout is a terminal that can; else nothing happens."""
    protocol = protocol_of(os.environ) if sys.stdout.isatty() else None
    if protocol is None:
        return
    if protocol == "blocks" and not sys.stdout.encoding.lower().startswith("utf"):
        return
    drawn = DRAWN[protocol](path.read_bytes())
    if drawn:
        sys.stdout.write(drawn + "\n")
        sys.stdout.flush()


def kitty(data: bytes) -> str:
    """An image in Kitty's protocol, as PNG in chunks."""
    png = data if data.startswith(b"\x89PNG") else _as_png(data)
    if png is None:
        return ""
    text = base64.b64encode(png).decode("ascii")
    pieces = [text[start : start + CHUNK_CHARS] for start in range(0, len(text), CHUNK_CHARS)]
    last = len(pieces) - 1
    return "".join(
        f"\x1b_G{f'a=T,f=100,c={MAX_COLUMNS // 2},' if number == 0 else ''}m={int(number < last)};{piece}\x1b\\"
        for number, piece in enumerate(pieces)
    )


def iterm2(data: bytes) -> str:
    """An image in iTerm2's protocol."""
    text = base64.b64encode(data).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(data)};width={MAX_COLUMNS // 2};preserveAspectRatio=1:{text}\x07"


def blocks(data: bytes) -> str:
    """An image of half blocks, two pixels to a character; empty without Pillow or where it cannot read it.

    Whatever goes wrong here, the image itself is saved: it is not worth an error.
    """
    picture = _decoded(data)
    if picture is None:
        return ""
    columns, lines = shutil.get_terminal_size()
    try:
        return half_blocks(picture, max(2, min(MAX_COLUMNS, columns - 1)), max(4, min(MAX_ROWS, lines - 4)))
    except Exception:
        return ""


def half_blocks(picture: Any, columns: int, rows: int) -> str:
    """The image, shrunk to fit."""
    shrunk = picture.convert("RGB")
    shrunk.thumbnail((columns, rows * 2))
    width, height = shrunk.size
    pixel = shrunk.getpixel
    lines = []
    for y in range(0, height - height % 2, 2):
        line = "".join(
            "\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*pixel((x, y)), *pixel((x, y + 1))) for x in range(width)
        )
        lines.append(f"{line}\x1b[0m")
    return "\n".join(lines)


def _decoded(data: bytes) -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return None
    try:
        picture = Image.open(io.BytesIO(data))
        return picture if picture.width * picture.height <= MAX_PIXELS else None
    except Exception:
        return None


def _as_png(data: bytes) -> bytes | None:
    picture = _decoded(data)
    if picture is None:
        return None
    made = io.BytesIO()
    try:
        picture.convert("RGB").save(made, "PNG")
    except Exception:
        return None
    return made.getvalue()


DRAWN: dict[Protocol, Callable[[bytes], str]] = {"kitty": kitty, "iterm2": iterm2, "blocks": blocks}
