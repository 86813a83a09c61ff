"""The reference names everything that is public, by the path that people import, with types and meanings."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
PACKAGES = (
    "multiapi",
    "multiapi.bulk",
    "multiapi.cassettes",
    "multiapi.simulator",
    "multiapi.agent_tools",
    "langchain_multiapi",
    "llamaindex_multiapi",
    "llamaindex_multiapi.testing",
)


def described(text: str) -> set[str]:
    """Public paths that a page describes: in a heading, in the first cell of a row, or by a directive of Sphinx."""
    heads = re.findall(r"^### `([\w.]+)`$", text, re.MULTILINE)
    rows = re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)
    directives = re.findall(r"^\.\. (?:auto\w+|py:\w+):: ([\w.]+)$", text, re.MULTILINE)
    settings = re.findall(r"^## `([\w.]+)`$", text, re.MULTILINE)
    return {*heads, *rows, *directives, *settings}


@pytest.fixture(scope="module")
def found() -> set[str]:
    return {name for page in REFERENCE.glob("*.md") for name in described(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package: str, found: set[str]) -> None:
    names = [name for name in import_module(package).__all__ if not name.startswith("__")]
    short = {
        name for name in found if "." not in name
    }  # classes of one provider stand in a table without their package
    assert [name for name in names if f"{package}.{name}" not in found and name not in short] == []


def test_a_missing_name_would_be_seen() -> None:
    assert described("### `multiapi.Tool`\n| `multiapi.Job` | a job |\n.. autoclass:: multiapi.Client\n") == {
        "multiapi.Tool",
        "multiapi.Job",
        "multiapi.Client",
    }


def is_public(path: str) -> bool:
    """Whether the package itself has what stands at a path."""
    module, name = path.rsplit(".", 1)
    package = import_module(path.split(".")[0])
    return name in package.__all__ and getattr(package, name) is getattr(import_module(module), name)


def test_every_field_has_a_meaning() -> None:
    empty = [
        f"{page.name}: {line}"
        for page in sorted(REFERENCE.glob("*.md"))
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| `", line) and re.search(r"\|\s*\|$", line)
    ]
    assert empty == []


def test_paths_are_those_that_people_import() -> None:
    """A module below a package stands there only for what the package itself does not have."""
    inner = [
        path
        for page in sorted(REFERENCE.glob("*.md"))
        for path in described(page.read_text(encoding="utf-8"))
        if path.count(".") > 1 and path.rsplit(".", 1)[0] not in PACKAGES and is_public(path)
    ]
    assert inner == []
