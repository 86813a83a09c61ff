"""What the command line writes: results on stdout, everything about them on stderr."""

from __future__ import annotations

import io
import math
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from multiapi.types.media import Media, megabytes
from multiapi.types.usage import Cost, Usage

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LEFT_OUT = frozenset({"raw", "headers"})
"""The provider's own form is not repeated in what scripts read."""
PIPE_WIDTH = 10_000
"""Into a pipe or file, nothing is cut or broken."""

# What could move the cursor, colour the terminal, send it commands or turn the direction of writing, and what is not a character at all.
_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs"})
_LONE = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no encoding has."""
_LINES_AND_PARAGRAPHS = frozenset({"Zl", "Zp"})
_SHOWN = frozenset("\n\t\u200c\u200d")
"""Line ends and tabs; and what joins letters of Persian and Indic scripts, and emoji."""


def shown(text: str) -> str:
    """Text of a provider as a terminal may get it: without control characters, whichever Unicode calls so."""
    text = text.replace("\r\n", "\n")
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _SHOWN:
        return character
    category = unicodedata.category(character)
    return " " if category in _LINES_AND_PARAGRAPHS else "" if category in _NEVER_SHOWN else character


def one_line(text: str) -> str:
    """The same in one line."""
    return " ".join(shown(text).split())


class _Closed(io.TextIOBase):
    """Stands for a stream that was closed before the program began; Python has None there."""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:  # noqa: ARG002
        raise BrokenPipeError("the output is closed")


def prepare_streams() -> None:
    """Make stdout and stderr take every character: as UTF-8 into pipes and files, escaped where a terminal cannot show it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _Closed())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                encoding=stream.encoding if stream.isatty() else "utf-8",
                errors="backslashreplace",
            )


def write_text(text: str, *, end: str = "\n") -> None:
    """Text on stdout: unchanged into a pipe, without control characters into a terminal."""
    sys.stdout.write((shown(text) if sys.stdout.isatty() else text) + end)
    sys.stdout.flush()


def console_for(file: TextIO) -> Console:
    """A console that knows whether its file is a terminal."""
    from rich.console import Console as RichConsole

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError("nobody reads the output any more")  # Rich ends the program here

    wide = None if file.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=file, highlight=False, markup=False, emoji=False, width=wide)


def write(*renderables: RenderableType) -> None:
    """Tables and the like on stdout."""
    console = console_for(sys.stdout)
    for renderable in renderables:
        console.print(renderable)


def note(text: str, style: str = "dim") -> None:
    """One line on stderr. What cannot be said there is no reason to fail."""
    exact(one_line(text), style)


def exact(text: str, style: str = "dim") -> None:
    """The same with every blank as it is, for commands that are copied."""
    with suppress(OSError, ValueError):
        console_for(sys.stderr).print(shown(text), style=style, soft_wrap=True)


# ------------------------------------------------------------------------------------------------ for scripts


def json_text(value: Any, *, escaped: bool = True) -> str:
    """A result as JSON; `escaped` in ASCII alone, which every program and terminal takes."""
    import json

    text = json.dumps(plain(value), indent=2, ensure_ascii=escaped, allow_nan=False, default=str)
    return json_text(value) if not escaped and _LONE.search(text) else text


def write_json(value: Any, *, escaped: bool = True) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json_text(value, escaped=escaped) + "\n")
    sys.stdout.flush()


def facts_of(result: Any) -> dict[str, Any]:
    """What a result says about the call that made it."""
    names = ("provider", "model", "cost", "usage", "job_id", "request_id")
    return {name: getattr(result, name) for name in names if hasattr(result, name)}


def plain(value: Any) -> Any:
    """A result as JSON has it. Amounts of money are text, so that no digit is lost; media are where and what they are."""
    if isinstance(value, Media):
        return _plain_media(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value) if item.name not in LEFT_OUT}
    if isinstance(value, Cost):
        usual = {("complete", True), ("basis", "charged")}
        return {name: plain(item) for name, item in value._asdict().items() if (name, item) not in usual}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (Path, date)):
        return str(value)
    if isinstance(value, bytes):
        return {"size_bytes": len(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _plain_media(media: Media) -> dict[str, Any]:
    facts = {
        "path": None if media.path is None else str(media.path),
        "kind": media.kind,
        "mime_type": media.mime_type,
        "size_bytes": media.path.stat().st_size if media.path is not None else media.size,
        "url": media.url if media.url is not None and not media.url.startswith("data:") else None,
        "metadata": plain(media.metadata),
    }
    return {name: value for name, value in facts.items() if value not in (None, {})}


# ------------------------------------------------------------------------------------------------ for people


def money(cost: Cost) -> str:
    """An amount in the provider's unit, with what is left where it says so."""
    text = cost.about + amount(cost.amount, cost.unit)
    return text if cost.balance is None else f"{text}, {amount(cost.balance, None)} left"


def amount(value: Decimal, unit: str | None) -> str:
    """An amount without zeros at its end."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {unit}" if unit else text


def tokens(usage: Usage | None) -> str | None:
    """Token counts in a few words."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    parts = [f"{usage.input_tokens} tokens in"] if usage.input_tokens is not None else []
    parts += [f"{usage.output_tokens} out"] if usage.output_tokens is not None else []
    return ", ".join(parts)


def price(result: Any) -> str:
    """What a result cost, in one line: model, tokens, money."""
    cost = getattr(result, "cost", None)
    said = f"cost {money(cost)}" if cost is not None else f"{result.provider} does not say what it cost"
    parts = [getattr(result, "model", ""), tokens(getattr(result, "usage", None)), said]
    return " · ".join(part for part in parts if part)


def size_of(media: Media) -> str:
    """Kind and size of a saved file."""
    return megabytes(media.path.stat().st_size) if media.path is not None else media.describe()


def cell(value: Any) -> str:
    """A value as it stands in a table; empty where it is unknown."""
    if value is None:
        return ""
    if isinstance(value, Cost):
        return money(value)
    if isinstance(value, Decimal):
        return amount(value, None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    return one_line(str(value))


def table(rows: Iterable[Sequence[Any]], columns: Sequence[str], *, right: Iterable[str] = ()) -> RenderableType:
    """Rows under a headline; columns that are empty throughout are left out."""
    from rich import box
    from rich.table import Table

    cells = [[cell(value) for value in row] for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    numeric = frozenset(right)
    for index in kept:
        name = columns[index]
        made.add_column(name, justify="right" if name in numeric else "left", overflow="fold", no_wrap=index == kept[0])
    for row in cells:
        made.add_row(*(row[index] for index in kept))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> RenderableType:
    """Names and values below each other; unknown ones are left out."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != ():
            made.add_row(name, cell(value))
    return made
