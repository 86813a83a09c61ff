"""What is in the wheel and in the source distribution, built in this process: no index is asked."""

from __future__ import annotations

import configparser
import contextlib
import io
import os
import re
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from multiapi import __version__
from tests.docs.pages import ROOT

PACKAGES = ("multiapi", "langchain_multiapi", "llamaindex_multiapi")


def built(kind: str, into: Path) -> Path:
    from hatchling import build

    before = Path.cwd()
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            name: str = getattr(build, f"build_{kind}")(str(into))
            return into / name
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    with tarfile.open(built("sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return Parser().parsestr(wheel.read(f"multiapi-{__version__}.dist-info/METADATA").decode())


def test_the_wheel_holds_the_three_packages_and_the_pytest_plugin(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {*PACKAGES, "pytest_multiapi.py", f"multiapi-{__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith((".pyc", ".orig", ".rej"))]


def test_every_module_of_the_tree_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tree = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert tree <= set(wheel.namelist())


@pytest.mark.parametrize(
    "name",
    [
        *(f"{package}/py.typed" for package in PACKAGES),
        "multiapi/providers/aimlapi/catalogue/aimlapi.json.gz",
        *(
            f"multiapi/simulator/contracts/{vendor}.yaml"
            for vendor in ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
        ),
        f"multiapi-{__version__}.dist-info/licenses/LICENSE",
    ],
)
def test_data_is_in_the_wheel(wheel: zipfile.ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 1_500_000


def test_the_metadata_says_what_an_index_shows(metadata: Message) -> None:
    assert metadata["Name"] == "multiapi"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    classifiers = metadata.get_all("Classifier") or []
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)} <= set(classifiers)


def test_each_extra_is_declared(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra") or []) >= {
        "langchain",
        "agents",
        "llamaindex",
        "cli",
        "simulator",
        "cassettes",
        "all",
    }


def test_no_framework_is_needed_without_its_extra(metadata: Message) -> None:
    plain = [entry for entry in metadata.get_all("Requires-Dist") or [] if "extra ==" not in entry]
    assert {re.split(r"[<>=!~ ;\[]", entry)[0] for entry in plain} == {"httpx", "orjson", "filetype"}


def test_one_framework_never_brings_the_other(metadata: Message) -> None:
    required = metadata.get_all("Requires-Dist") or []
    for extra, other in (("langchain", "llama"), ("agents", "llama"), ("llamaindex", "langchain")):
        brought = [entry for entry in required if f"extra == '{extra}'" in entry]
        assert brought
        assert not [entry for entry in brought if other in entry]


def test_the_entry_points_lead_somewhere(wheel: zipfile.ZipFile) -> None:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(wheel.read(f"multiapi-{__version__}.dist-info/entry_points.txt").decode())
    assert dict(parser["console_scripts"]) == {"multiapi": "multiapi.cli:main"}
    assert dict(parser["pytest11"]) == {"multiapi_simulator": "pytest_multiapi"}
    for section in parser.sections():
        for target in parser[section].values():
            module = target.partition(":")[0].replace(".", "/")
            assert {f"{module}.py", f"{module}/__init__.py"} & set(wheel.namelist()), target


def test_the_source_distribution_holds_what_is_needed_to_work_on_it(sdist: list[str]) -> None:
    for name in (
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        "Makefile",
        "docs/index.md",
    ):
        assert name in sdist
    assert "tests/packaging/test_distribution.py" in sdist
    assert "examples/demo.py" in sdist
    assert not [name for name in sdist if name.startswith((".venv", "site/", "dist/"))]
