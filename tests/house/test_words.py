"""Prose that a stranger reads at first sight: the worst patterns stay out of docstrings, messages, comments and pages."""

from __future__ import annotations

import re

from tests.house.measure import PACKAGES, ROOT

PATTERNS = re.compile(r"(?<![Tt]here )\b(?:is|are) no [a-z]|\b[Ww]hoever\b|\bof (?:ours|yours)\b|\b[Ss]o many\b")
ALLOWED: frozenset[str] = frozenset()
"""Lines that may stay, as they are written; five at most."""


def found_in(text: str) -> list[str]:
    """Return the lines that a stranger has to read twice."""
    return [line.strip() for line in text.splitlines() if PATTERNS.search(line) and line.strip() not in ALLOWED]


def test_no_sentence_has_to_be_read_twice() -> None:
    sources = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    pages = [
        *sorted((ROOT / "docs").rglob("*.md")),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in (*sources, *pages)
        for line in found_in(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_patterns_are_seen_and_the_list_is_short() -> None:
    assert found_in("bytes that are no image\nfine\nWhoever reads this\na client of yours\nat most so many") != []
    assert len(found_in("x is no y\nWhoever\nof ours\nso many")) == 4
    assert len(ALLOWED) <= 5
