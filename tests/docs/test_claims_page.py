"""The page of the codes in test names: each code that a name uses has its line, and each line has a test."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"(?<![a-z0-9])(?:[bcr]\d\d|case_\d\d\d)(?![a-z0-9])")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def names_of_tests() -> Iterator[str]:
    for folder in (ROOT / "tests", ROOT / "llamaindex_multiapi" / "testing"):
        for file in folder.rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            yield from (node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS) and "test_" in node.name)


def codes_in(name: str) -> set[str]:
    return set(CODE.findall(name.replace("_", " ").replace("case ", "case_")))


def lines() -> list[str]:
    return re.findall(r"^- \*\*(\w+)\*\* \S", (ROOT / "docs" / "claims.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_codes_are_found_in_names() -> None:
    assert codes_in("test_b01_c39_r09_few_modules") == {"b01", "c39", "r09"}
    assert codes_in("test_case_097_speech") == {"case_097"}
    assert not codes_in("test_r2d2_abc12_case_1")


def test_each_code_has_its_line_and_each_line_its_test() -> None:
    used = {code for name in names_of_tests() for code in codes_in(name)}
    assert used == set(lines())


def test_no_code_has_two_lines() -> None:
    assert [code for code, count in Counter(lines()).items() if count > 1] == []
