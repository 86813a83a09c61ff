"""Users read the words of the glossary: in the pages, in `--help`, and in the messages of errors and warnings."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from multiapi.cli.commands import app
from tests.docs.pages import ROOT, pages

AVOIDED = {
    "vendor": "provider",
    "picture": "image",
    "film": "video",
    "anew": "again",
    "on doubt": "if unsure whether it was billed",
    "hand out": "pass",
}
"""Words that nobody searches for, and what is written instead; docs/glossary.md has the same."""
WORDS = re.compile(rf"\b(?:{'|'.join(AVOIDED)})s?\b", re.IGNORECASE)
MEASURED = {"hostile_answers.md", "llamaindex_conformance.md", "performance.md", "soak.md", "claims.md", "changelog.md"}
"""Pages that programs write, and those that quote."""
PACKAGES = ("multiapi", "langchain_multiapi", "llamaindex_multiapi")
SIMULATED = ROOT / "multiapi" / "simulator"
"""Its messages are the providers' own."""


def prose(text: str) -> str:
    """A page without code, addresses, comments and quotations."""
    text = re.sub(r"^(`{3,}|~{3,})[^`]*?^\1$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|^\[?[\w/-]+$", "", text, flags=re.MULTILINE)
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def found_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if WORDS.search(line)]


def messages(path: Path) -> Iterator[str]:
    """The texts of what is raised and warned of in a module, without what stands in backticks."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call: ast.Call | None = node.exc
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"warnings.warn", "output.note", "run.note"}:
            call = node
        else:
            call = None
        if call is not None:
            for each in call.args[:1]:
                yield "".join(
                    part.value
                    for part in ast.walk(each)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    if page.name in MEASURED or page.name == "glossary.md":
        return
    assert found_in(prose(page.read_text(encoding="utf-8"))) == []


def test_help_uses_them() -> None:
    texts = []
    for command in app.registered_commands:
        assert command.callback is not None
        declared = [str(each.annotation) for each in inspect.signature(command.callback).parameters.values()]
        options = [
            str(getattr(info, "help", "") or "")
            for each in inspect.signature(command.callback).parameters.values()
            for info in getattr(each.annotation, "__metadata__", ())
        ]
        assert declared
        texts += [f"{command.name}: {text}" for text in (command.callback.__doc__ or "", str(command.epilog), *options)]
    assert [text for text in texts if WORDS.search(re.sub(r"'[^']*'|`[^`]*`", "", text))] == []


def test_messages_use_them() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if SIMULATED not in path.parents
        for text in messages(path)
        if WORDS.search(re.sub(r"`[^`]*`", "", text))
    ]
    assert found == []


def test_the_glossary_has_the_same_words() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", text, re.MULTILINE))
    assert {word: rows.get(word) for word in AVOIDED} == AVOIDED


def test_a_planted_word_is_found() -> None:
    assert found_in(prose("The vendor draws\n`vendor`\n```\na film\n```\n[x](vendors/a.md)\nPictures too\n")) == [
        "The vendor draws",
        "Pictures too",
    ]
    assert list(messages(Path(__file__))) == []
