"""What stands around the code: links of the README, the metadata that an index shows, workflows, forms, and what may not be named."""

from __future__ import annotations

import re
import runpy
import subprocess
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
import yaml

from multiapi import __version__
from tests.docs.pages import ROOT
from tests.packaging.test_distribution import built

HOOK = runpy.run_path(str(ROOT / "hatch_build.py"))
ADDRESS = "https://git.example.org/team/multiapi"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def targets(text: str) -> list[str]:
    """Where the links and pictures of a Markdown text lead, read by another parser."""
    from markdown_it import MarkdownIt

    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for inner in token.children or ():
            found += [str(inner.attrs[name]) for name in ("href", "src") if name in inner.attrs]
    return found


def test_the_readme_of_the_package_has_no_link_that_is_dead_away_from_the_repository() -> None:
    before, after = targets(README), targets(HOOK["with_absolute_links"](README, ADDRESS, ROOT))
    assert len(before) == len(after) > 30
    assert [target for target in after if not re.match(r"https?://|#", target)] == []
    for target in after:
        path = re.sub(r"#.*", "", target.removeprefix(f"{ADDRESS}/blob/main/").removeprefix(f"{ADDRESS}/tree/main/"))
        assert target.startswith("#") or (ROOT / path).exists(), target


def test_without_an_address_only_the_words_of_a_link_stay() -> None:
    text = HOOK["with_absolute_links"](README, None, ROOT)
    assert [target for target in targets(text) if not re.match(r"https?://|#", target)] == []
    assert "docs/guides/agents.md" not in text
    assert " agents, " in text


def test_code_is_left_as_it_is() -> None:
    text = "[a](b)\n```python\ncall[name](target)\n```\n[c](d)\n"
    assert HOOK["with_absolute_links"](text, None, ROOT) == "a\n```python\ncall[name](target)\n```\nc\n"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://git.example.org/team/multiapi.git", ADDRESS),
        ("https://me:SECRET@git.example.org/team/multiapi", ADDRESS),
        ("git@git.example.org:team/multiapi.git", ADDRESS),
        ("ssh://git@git.example.org:22/team/multiapi.git", ADDRESS),
        ("/somewhere/multiapi", None),
        ("../multiapi", None),
        ("", None),
    ],
)
def test_the_address_of_a_remote_holds_no_password(remote: str, address: str | None) -> None:
    assert HOOK["of_remote"](remote) == address


def test_the_address_of_what_builds_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    find = HOOK["repository"]
    assert find(tmp_path) is None
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert find(tmp_path) is None
    subprocess.run(
        ["git", "-C", str(tmp_path), "remote", "add", "origin", "git@git.example.org:team/multiapi.git"], check=True
    )
    assert find(tmp_path) == ADDRESS
    (tmp_path / "PKG-INFO").write_text("Name: multiapi\nProject-URL: Source, https://packed.example.org/multiapi\n\nx")
    assert find(tmp_path) == "https://packed.example.org/multiapi"
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/multiapi")
    assert find(tmp_path) == ADDRESS


def test_the_built_package_says_where_it_lives_and_who_made_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import zipfile

    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/multiapi")
    wheel = zipfile.ZipFile(built("wheel", tmp_path))
    metadata = Parser().parsestr(wheel.read(f"multiapi-{__version__}.dist-info/METADATA").decode())
    urls = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL") or [])
    assert urls.keys() == {"Source", "Documentation", "Issues", "Changelog"}
    assert all(address.startswith(ADDRESS) for address in urls.values())
    assert metadata["Author"]
    assert metadata["Maintainer"]
    assert f"]({ADDRESS}/blob/main/docs/start/langchain.md)" in str(metadata.get_payload())
    assert f"[![tests]({ADDRESS}/actions/workflows/tests.yml/badge.svg)]" in str(metadata.get_payload())


WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / ".github/workflows").glob("*.yml")
}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_workflows_run_what_the_makefile_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    run = {
        made
        for workflow in WORKFLOWS.values()
        for step in steps(workflow)
        for made in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))
    }
    assert {"test", "lint", "docs", "package-check", "compat"} <= run <= known


@pytest.mark.parametrize("name", ["tests", "compat"])
def test_the_matrix_has_every_python_that_is_named(name: str) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", project)
    assert WORKFLOWS[name]["jobs"][name]["strategy"]["matrix"]["python"] == named


def test_workflows_may_do_no_more_than_they_need() -> None:
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {"contents": "read"}, name
    publish = WORKFLOWS["release"]["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert not re.search(r"secrets\.|password", (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))


def test_forms_and_settings_can_be_read() -> None:
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        read = yaml.safe_load(form.read_text(encoding="utf-8"))
        if form.name != "config.yml":
            assert {"name", "description", "body"} <= read.keys()
            ids = [part["id"] for part in read["body"] if "id" in part]
            assert len(ids) == len(set(ids)) > 0
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert {"title", "authors", "license", "message", "cff-version"} <= citation.keys()
    assert yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["version"] == 2
    assert (
        ROOT / yaml.safe_load((ROOT / ".readthedocs.yaml").read_text(encoding="utf-8"))["sphinx"]["configuration"]
    ).is_file()


HOSTS = re.compile(r"\b(?:test\.)?(?:pypi\.(?:org|python\.org)|pythonhosted\.org|npmjs\.(?:com|org)|crates\.io)\b")


def test_no_host_of_a_package_registry_is_named() -> None:
    listed = subprocess.run(["git", "ls-files"], check=False, capture_output=True, text=True, cwd=ROOT)
    files = [ROOT / name for name in listed.stdout.splitlines()] or [
        *ROOT.glob("*.*"),
        *(ROOT / ".github").rglob("*.yml"),
    ]
    texts = {".md", ".py", ".toml", ".yml", ".yaml", ".cff", ".lock", ".cfg", ".ini"}
    named = [
        str(file.relative_to(ROOT))
        for file in files
        if file.suffix in texts
        and file.is_file()
        and file != Path(__file__)
        and HOSTS.search(file.read_text(encoding="utf-8"))
    ]
    assert named == []
    assert HOSTS.search("see " + "pypi" + ".org")
