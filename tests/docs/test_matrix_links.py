"""Each mark of the matrix leads to a section with an example, which `test_code_blocks.py` runs."""

from __future__ import annotations

import re
import runpy

import pytest

from multiapi import PROVIDERS
from tests.docs.pages import ROOT

TABLES = runpy.run_path(str(ROOT / "docs/tables.py"), run_name="tables")
SHOWN = [
    name
    for name in TABLES["CAPABILITIES"]
    if any(provider.capabilities.get(name) in {"documented", "assumed"} for provider in PROVIDERS.values())
]


def slug(title: str) -> str:
    """The anchor of a heading, as GitHub and the built pages make it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def section(place: str) -> str:
    """The text below the heading that a link points to."""
    path, anchor = place.split("#")
    parts = re.split(r"^(#{2,4}) (.+)$", (ROOT / "docs" / path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [(parts[at], parts[at + 2], at) for at in range(1, len(parts), 3) if slug(parts[at + 1]) == anchor]
    assert len(found) == 1, f"{path} has {len(found)} headings {anchor}"
    level, text, at = found[0]
    for further in range(at + 3, len(parts), 3):
        if len(parts[further]) <= len(level):
            break
        text += parts[further + 2]
    return text


@pytest.mark.parametrize("capability", SHOWN)
def test_a_mark_leads_to_a_tested_example(capability: str) -> None:
    assert capability in TABLES["SECTIONS"], "name the section in docs/tables.py"
    code = "".join(re.findall(r"```(?:python|bash)\n(.*?)```", section(TABLES["SECTIONS"][capability]), re.DOTALL))
    assert TABLES["EXAMPLES"][capability] in code


@pytest.mark.parametrize(
    ("page", "table", "rows"),
    [
        ("README.md", "summary", len(TABLES["SUMMARY"])),
        ("docs/index.md", "summary", len(TABLES["SUMMARY"])),
        ("docs/vendors/index.md", "matrix", len(SHOWN)),
    ],
)
def test_a_matrix_has_a_link_for_each_row_with_a_mark(page: str, table: str, rows: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = text.split(f"<!-- table: {table}", 1)[1].split("<!-- end of table", 1)[0]
    marked = [line for line in shown.splitlines() if "✓" in line]
    assert len(marked) == rows
    for row in marked:
        target = re.match(r"\| \[[^]]+\]\(([^)#]+)#[^)]+\) \|", row)
        assert target is not None, row
        assert ((ROOT / page).parent / target[1]).is_file(), row
