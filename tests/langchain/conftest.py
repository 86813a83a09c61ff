"""Models of all vendors on the simulator, without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from multiapi.simulator import Simulator

CHAT_MODELS = {
    "bineric": "gpt-4",
    "binom_router": "openai/gpt-4o-mini",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gpt-4o",
}
VENDORS = tuple(CHAT_MODELS)
EMBEDDING_VENDORS = ("aimlapi", "aicredits")
SKIPS = json.loads(Path(__file__).with_name("standard_skips.json").read_text())


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> str:
    """Each of the five."""
    return str(request.param)


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(seed=7)


@pytest.fixture
def make_model(simulator: Simulator) -> Iterator[Callable[..., ChatMultiApi]]:
    """Makes chat models of a vendor that are answered by the simulator."""

    def make(vendor: str, **settings: Any) -> ChatMultiApi:
        return ChatMultiApi(**{"provider": vendor, "model": CHAT_MODELS[vendor], **on_simulator(simulator), **settings})

    yield make


def on_simulator(simulator: Simulator) -> dict[str, Any]:
    """The arguments that let the simulator answer."""
    return {
        "api_key": "test-key",
        "http_client": httpx.Client(transport=simulator.transport),
        "http_async_client": httpx.AsyncClient(transport=simulator.async_transport),
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In LangChain's own suites a test may be skipped only if the committed list says so, and must be if it does."""
    report = yield
    if item.module.__name__.rpartition(".")[2].startswith("test_standard") and call.when == "call":
        name = item.nodeid.partition("::")[2].replace("::", ".")
        if report.skipped and not hasattr(report, "wasxfail") and name not in SKIPS:
            report.outcome = "failed"
            report.longrepr = f"{name} was skipped, but standard_skips.json does not say so: {report.longrepr}"
        elif report.passed and name in SKIPS:
            report.outcome = "failed"
            report.longrepr = f"{name} ran, but standard_skips.json says that it is skipped"
    return report
