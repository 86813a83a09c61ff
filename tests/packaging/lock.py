"""Writes `requirements-dev.lock`: the versions of everything that is developed and tested with.

    python -m tests.packaging.lock

What is locked is what `pyproject.toml` names (the package with all extras, and all groups) with everything that these need, in the
versions of this environment. `make install LOCKED=1` installs just those.
"""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-dev.lock"
OWN = "multiapi"
UNLOCKED = frozenset({OWN, "pip", "setuptools"})


def named() -> dict[str, list[Requirement]]:
    """What `pyproject.toml` names, by the place where it does; only what this Python needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    places: dict[str, list[str]] = {
        "build": project["build-system"]["requires"],
        "dependencies": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
        **project["dependency-groups"],
    }
    return {
        place: [
            found
            for line in lines
            if isinstance(line, str) and (found := Requirement(line)).name != OWN and _applies(found)
        ]
        for place, lines in places.items()
    }


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Name and installed version of these and of all that they need."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if name in UNLOCKED or (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{requirement} is not installed: make lock installs everything first") from None
        versions[name] = found.version
        waiting += [need for line in found.requires or () if _applies(need := Requirement(line), extras)]
    return versions


def locked() -> Iterator[tuple[str, str]]:
    """Name and version of each line of the lock."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            yield name, version


def _applies(requirement: Requirement, extras: frozenset[str] = frozenset()) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def main() -> int:
    """Write the lock."""
    versions = closure(requirement for found in named().values() for requirement in found)
    head = f"# What is developed and tested with, on Python {platform.python_version()}. Renewed by `make lock`, used by `make install LOCKED=1`.\n"
    LOCK.write_text(head + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions)), encoding="utf-8")
    print(f"{len(versions)} packages in {LOCK.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
