"""What is written about a provider is pure: it reads no file, clock, environment or network, also where a request has files."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import multiapi
from multiapi import PROVIDERS, Media
from multiapi.flows import attempts
from multiapi.flows.driving import Work
from multiapi.flows.steps import Policy, Target
from multiapi.http.exchange import HttpRequest
from multiapi.negotiation.refusals import Refusals
from multiapi.provider import Operation
from multiapi.providers.aimlapi.legacy import _BY_FORM
from multiapi.types import media_requests
from multiapi.types.legacy import LegacyRequest

ROOT = Path(multiapi.__file__).parent
ROOMS = ("providers", "formats", "negotiation")
IMPURE_MODULES = {
    *("asyncio", "contextvars", "httpx", "os", "random", "secrets", "shutil", "socket", "ssl", "subprocess", "sys"),
    *("tempfile", "threading", "time", "urllib.request", "importlib.resources", "pathlib", "io", "glob"),
    *("multiapi.client", "multiapi.sending", "multiapi.transport", "multiapi.simulator"),
}
IMPURE_CALLS = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "input", "print"}

EXCUSED = {
    "providers/aimlapi/catalogue/build.py": "run by hand: it writes the catalogue",
    "providers/aimlapi/catalogue/__init__.py": "reads the catalogue of this package, once",
    "providers/aimlapi/gone.py": "reads a list of this package, once",
    "negotiation/refusals.py": "remembers what was refused, for some time",
    "negotiation/batch_sizes.py": "remembers what was refused, for some time",
}


def impurities(source: str) -> Iterator[str]:
    """Modules that a file imports anywhere, also inside of functions, and calls that reach outside."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if any(name == each or name.startswith(f"{each}.") for each in IMPURE_MODULES):
                yield name
        if isinstance(node, ast.Call):
            function = node.func
            called = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if called in IMPURE_CALLS:
                yield f"{called}()"


def files() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


@pytest.mark.parametrize(
    "source", ["import time", "def f():\n    from pathlib import Path", "x = open('a')", "p.read_bytes()"]
)
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert list(impurities(source))


def test_what_is_written_about_a_provider_reaches_for_nothing() -> None:
    found = {name: sorted(set(impurities(source))) for name, source in files()}
    assert {name: reached for name, reached in found.items() if reached and name not in EXCUSED} == {}
    assert [name for name in EXCUSED if not found.get(name)] == [], "excused for nothing"


# ------------------------------------------------------------------------------------------------ requests with files


def with_a_file(path: Path) -> Iterator[tuple[str, Any]]:
    """Each field of each request that takes media, with a file on the disk."""
    for kind in [*vars(media_requests).values(), LegacyRequest]:
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            continue
        items = dataclasses.fields(kind)
        for item in items:
            if "takes" not in item.metadata:
                continue
            held: dict[str, Any] = {
                each.name: "x"
                for each in items
                if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
            }
            for source in (Media(path=path), path):
                held[item.name] = (
                    [source] if "Sequence" in str(item.type) and "Source |" not in str(item.type) else source
                )
                yield f"{kind.__name__}.{item.name}", kind(**held)


def target(name: str) -> Target:
    provider = PROVIDERS[name]
    return Target(provider, provider.base_url, Policy(), Refusals())


def never_built(*_: Any) -> Any:
    raise AssertionError("it was built before its file was read")


UNBUILT = Operation("never", never_built, never_built)


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be read by whoever is asked now."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a file was read on the way")

    for name in ("open", "read_bytes", "read_text"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr("builtins.open", refuse)


def test_no_field_with_a_file_is_read_outside_of_a_step_of_work(tmp_path: Path, forbidden: None) -> None:
    """Whatever is built of it, the file is asked for before, where a client reads it in a thread."""
    path = tmp_path / "a.png"
    tried = list(with_a_file(path))
    assert len({name for name, _ in tried}) > 15
    for name, request in tried:
        assert isinstance(next(attempts.call(target("aimlapi"), UNBUILT, request)), Work), name


@pytest.mark.parametrize("name", sorted(_BY_FORM))
def test_an_old_operation_is_built_from_what_was_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(40))
    flow = attempts.call(target("aimlapi"), PROVIDERS["aimlapi"].operations[name], LegacyRequest(file=path))
    step = next(flow)
    assert isinstance(step, Work)
    read = step.do(None)
    path.unlink()
    sent = flow.send(read)
    assert isinstance(sent, HttpRequest)
    assert sent.files[0].data.startswith(b"RIFF")
