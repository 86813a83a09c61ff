"""The site tells machines what there is: llms.txt, the Markdown of each page, a sitemap."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.docs.pages import ROOT

MACHINES = runpy.run_path(str(ROOT / "docs" / "machines.py"))


def test_every_page_is_in_llms_txt_with_a_sentence(tmp_path: Path) -> None:
    MACHINES["write"](ROOT / "docs", tmp_path, "")
    lines = [line for line in (tmp_path / "llms.txt").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    found = {re.match(r"- \[.+\]\((.+\.md)\): \S.*\.$", line)[1] for line in lines}  # type: ignore[index]
    assert found == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert all((tmp_path / name).is_file() for name in found)
    assert not (tmp_path / "sitemap.xml").exists()


def test_a_site_with_an_address_has_a_sitemap(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "a.md").write_text("# A & B\n\nSays [this](b.md) first. And more.\n", encoding="utf-8")
    MACHINES["write"](folder, tmp_path / "site", "https://docs.example")
    tree = ET.parse(tmp_path / "site" / "sitemap.xml")
    assert [place.text for place in tree.iter() if place.tag.endswith("loc")] == ["https://docs.example/guides/a.html"]
    text = (tmp_path / "site" / "llms.txt").read_text(encoding="utf-8")
    assert "- [A & B](https://docs.example/guides/a.md): Says this first." in text
