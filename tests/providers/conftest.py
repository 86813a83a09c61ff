"""A sixth vendor, made from the page that tells how to add one, and installed from outside of the package."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi import PROVIDERS
from multiapi import provider as registry
from multiapi.provider import Provider
from multiapi.simulator import Simulator
from tests.docs.pages import ROOT, blocks
from tests.providers.acme import AcmeServer

MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gpt-4o",
    "acme": "acme-large",
}


@pytest.fixture(scope="session")
def acme_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds Acme's package as it was installed from its wheel."""
    source = tmp_path_factory.mktemp("acme_source")
    for block in blocks(ROOT / "docs" / "adding-a-vendor.md"):
        if block.file and block.file != "use.py":
            target = source / block.file
            target.parent.mkdir(exist_ok=True)
            target.write_text(block.text + "\n", encoding="utf-8")
    installed = tmp_path_factory.mktemp("acme_installed")
    with zipfile.ZipFile(build_wheel(source, tmp_path_factory.mktemp("acme_wheel"))) as wheel:
        wheel.extractall(installed)
    return installed


def build_wheel(source: Path, into: Path) -> Path:
    """Build a package as pip does, without asking an index for the build tool."""
    from hatchling import build

    before = Path.cwd()
    os.chdir(source)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return into / build.build_wheel(str(into))
    finally:
        os.chdir(before)


@pytest.fixture
def acme(acme_package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The installed vendor."""
    monkeypatch.syspath_prepend(str(acme_package))
    monkeypatch.setenv("ACME_API_KEY", "acme-key")
    registry._added.cache_clear()
    yield importlib.import_module("acme_vendor").ACME
    registry._added.cache_clear()
    sys.modules.pop("acme_vendor")


@pytest.fixture(params=[*PROVIDERS, "acme"])
def vendor(request: pytest.FixtureRequest, acme: Provider) -> dict[str, Any]:
    """Each of the five vendors on the simulator, and the sixth on its own server: what a client is made with."""
    return connections(request.param, acme)


def connections(name: str, acme: Provider) -> dict[str, Any]:
    if name == "acme":
        package = Path(sys.modules["acme_vendor"].__file__ or "").parent
        server = AcmeServer((package / "contract.yaml").read_text(encoding="utf-8"))
        transport: Any = httpx.MockTransport(server)
        sync, awaited, base_url = transport, transport, acme.base_url
    else:
        simulator = Simulator()
        sync, awaited, base_url = simulator.transport, simulator.async_transport, simulator.base_url(name)
    return {
        "provider": name,
        "model": MODELS[name],
        "api_key": "a-key",
        "base_url": base_url,
        "http_client": httpx.Client(transport=sync),
        "http_async_client": httpx.AsyncClient(transport=awaited),
    }
