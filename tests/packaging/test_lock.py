"""The lock has everything that `pyproject.toml` names, in versions that it allows, and nothing of this machine."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packaging.lock import LOCK, closure, locked, named

PLACES = named()


@pytest.mark.parametrize("place", PLACES)
def test_the_lock_covers_what_is_named(place: str) -> None:
    versions = dict(locked())
    for requirement in PLACES[place]:
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} of {place} is not in {LOCK.name}: make lock"
        assert requirement.specifier.contains(Version(version), prereleases=True), (
            f"{version} for {requirement}: make lock"
        )


def test_all_groups_and_extras_are_named() -> None:
    assert {"build", "dependencies", "test", "lint", "docs", "langchain", "llamaindex", "simulator"} <= PLACES.keys()
    assert sum(map(len, PLACES.values())) > 30


def test_the_lock_has_what_these_need_too() -> None:
    versions = dict(locked())
    needed = closure([Requirement("httpx"), Requirement("langchain-core"), Requirement("pytest")])
    assert {"httpcore", "anyio", "pydantic", "pluggy"} <= needed.keys() <= versions.keys()
    assert len(versions) > 100


def test_each_line_is_a_name_and_a_version_once() -> None:
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.!+]*", line) for line in lines), lines
    assert len(set(lines)) == len(dict(locked())) == len(lines)
    assert "multiapi" not in dict(locked())
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
