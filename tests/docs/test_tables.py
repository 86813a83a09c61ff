"""The tables of the documentation are what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from benchmarks import page as benchmark_page
from benchmarks.goals import GOALS
from multiapi import PROVIDERS, errors
from multiapi.client.operations import Operations
from tests.docs.pages import ROOT, pages

CPU_OF_A_CALL = {"lc-openai": 1000.0, "lc-multiapi": 250.0, "li-openailike": 500.0, "li-multiapi": 200.0}
TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_tables_of_a_page_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == TABLES["rewritten"](text), "run: python docs/tables.py"
    assert text.count("<!-- table: ") == text.count("<!-- end of table -->")


def test_every_capability_has_a_word() -> None:
    listed = {name for provider in PROVIDERS.values() for name in provider.capabilities}
    assert listed <= set(TABLES["CAPABILITIES"])


def test_every_vendor_has_a_page() -> None:
    for name in PROVIDERS:
        text = (ROOT / "docs" / "vendors" / f"{name}.md").read_text(encoding="utf-8")
        assert f"<!-- table: details {name} -->" in text
        assert f"<!-- table: features {name} -->" in text


def test_a_stale_table_is_noticed() -> None:
    stale = "<!-- table: features binobox -->\n| old |\n<!-- end of table -->\n"
    assert "old" not in TABLES["rewritten"](stale)
    assert TABLES["rewritten"](stale).startswith("<!-- table: features binobox -->\n| feature | Binobox |")


def test_ratios_are_taken_out_of_the_page_on_performance() -> None:
    run = benchmark_page.Run(
        {"invoke": {client: [{"cpu_us": cpu, "requests_per_call": 1.0}] for client, cpu in CPU_OF_A_CALL.items()}}, 1
    )
    page = benchmark_page.written(f"# Performance\n\n{benchmark_page.BEGIN}\n{benchmark_page.END}\n", run)
    assert TABLES["ratios"](page)["invoke / chat"] == ["25 %", "40 %"]
    assert TABLES["ratios"]("# Performance\n\nNot measured yet.\n") == {}


def test_every_row_that_the_readme_shows_is_measured() -> None:
    labels = {goal.label for goal in GOALS if goal.how == "ratio"}
    assert set(TABLES["COMPARED"]) <= labels


def test_every_operation_of_every_vendor_is_on_its_page() -> None:
    methods = {name for name, value in vars(Operations).items() if type(value).__name__ == "operation"}
    assert methods - {"download", "save", "legacy", "search"} == set(TABLES["METHODS"])
    for name, provider in PROVIDERS.items():
        text = (ROOT / "docs" / "vendors" / f"{name}.md").read_text(encoding="utf-8")
        assert f"<!-- table: operations {name} -->" in text
        if older := TABLES["legacy_names"](provider):
            assert name == "aimlapi", f"{name} has operations without a method: {older}"
            assert f"<!-- table: legacy {name} -->" in text


def test_the_readme_leads_to_every_vendor() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(docs/vendors/{name}.md)" in text for name in PROVIDERS)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_from_the_root_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_readme_leads_to_every_page() -> None:
    """In one step, or by a page that it leads to."""
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if "://" not in link and target.exists() and target not in reached:
                ahead.append(target)
    assert {page.name for page in pages() if page not in reached} <= {"index.md", "changelog.md", "simulator.md"}


def test_the_page_on_errors_says_what_to_do_for_each() -> None:
    _, _, what_to_do = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").partition("## What to do")
    concrete = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    }
    assert {f"`{name}`" for name in concrete - {"MultiApiError", "StatusError"}} <= set(
        re.findall(r"`\w+`", what_to_do)
    )


def test_what_is_old_or_gone_leads_to_its_call() -> None:
    """A section with that heading, and an example in it that the tests of the pages run."""
    text = (ROOT / "docs" / "vendors" / "index.md").read_text(encoding="utf-8")
    links = re.findall(r"\[(?:old|gone)\]\(([^)#]+)#([^)]+)\)", text)
    marked = [
        each
        for provider in PROVIDERS.values()
        for each in provider.capabilities.values()
        if each in ("legacy", "removed")
    ]
    assert len(links) == len(marked)
    for page, anchor in links:
        sections = re.split(r"^#+ ", (ROOT / "docs" / "vendors" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
        found = [each for each in sections if each.partition("\n")[0].lower().replace(" ", "-") == anchor]
        assert found and "```python" in found[0], (page, anchor)


def test_every_setting_has_a_meaning() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.endswith("|  |")] == []


def test_a_setting_without_a_meaning_shows() -> None:
    class Bare:
        """Says nothing."""

        def __init__(self, colour: str = "red") -> None: ...

    assert TABLES["arguments"](Bare) == [("colour", "str", "'red'")]
    assert TABLES["argument_meanings"](Bare) == {}
