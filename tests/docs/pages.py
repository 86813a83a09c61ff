"""The pages of the documentation, read as programs.

A page is Markdown. Of its fenced blocks these are run, from top to bottom, in one namespace and one folder per page:

- `python`: as in a notebook, with `await` at the top level.
- `bash`: the lines that begin with `multiapi`, `pytest` or `python`. A command that serves is started, awaited and stopped.
- `output`: not run, but compared with what the block before it printed; `...` stands for anything.

Nothing that a reader does not see is run. A line of its own that is a file's name in backticks with a colon, as in `app.py`:, says that the
next block is that file: it is written, not run. A comment `<!-- not run: REASON -->` leaves the next block out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<language>[^`]*)$")
_COMMENT = re.compile(r"\s*<!-- (?P<what>not run): (?P<value>.+?) -->\s*$")
_FILE = re.compile(r"`(?P<value>[\w/-]+\.\w+)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the line its text begins at."""

    language: str
    text: str
    line: int
    file: str | None = None
    not_run: str | None = None


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, from top to bottom."""
    return list(_blocks(page.read_text(encoding="utf-8").splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if comment := _COMMENT.match(line):
            marks[comment["what"]] = comment["value"]
        elif name := _FILE.match(line):
            marks["file"] = name["value"]
        elif fence := _FENCE.match(line):
            start, indent = number, len(fence["indent"])
            while lines[number].strip() != fence["fence"]:
                number += 1
            text = "\n".join(
                each[indent:] if each[:indent].isspace() or not indent else each for each in lines[start:number]
            )
            if not fence["language"].startswith("{"):
                yield Block(fence["language"].strip(), text, start + 1, marks.get("file"), marks.get("not run"))
            marks = {}
            number += 1
