"""What all tests share: clean settings, and the simulator in process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from multiapi import AsyncClient, Client
from multiapi.money.prices import PRICE_BOOK
from multiapi.providers import PROVIDERS
from multiapi.sending.kept import PROCESS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator

KEY = "simulated-key-0123456789"

# The same examples in each run, so that a red run is red because of its change; `--hypothesis-profile=random` looks for others.
hypothesis.settings.register_profile("multiapi", deadline=None, derandomize=True)  # no test is decided by elapsed time
hypothesis.settings.register_profile("random", deadline=None)
hypothesis.settings.load_profile("multiapi")


LONG = (
    "reliability/test_sizes_and_redirects.py", "reliability/test_jobs.py", "reliability/test_streams.py", "reliability/test_making.py",
    "money/test_budgets_of_faces.py", "cli/test_errors.py", "docs/test_code_blocks.py", "reliability/test_connections.py",
    "reliability/test_growth.py", "reliability/test_engines.py", "transport/test_transport.py", "reliability/test_error_bodies.py",
    "cli/test_paid.py", "cassettes/test_splitting.py", "llamaindex/test_components.py",
)  # fmt: skip
"""The files that take longest, the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers (`--no-loadscope-reorder`) long files come first: none of them is what the others wait for at the end."""
    if hasattr(config, "workerinput"):
        places = {str(Path(__file__).parent / name): place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: places.get(str(item.path), len(LONG)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: a collection of garbage, of which many tests make some, need not go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key, address or proxy of the machine reaches a test, and no test what another one taught the process."""
    for provider in PROVIDERS.values():
        for name in (*provider.key_variables, *provider.base_url_variables):
            monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    PROCESS.forget()
    with PRICE_BOOK.aside():
        yield


@pytest.fixture
def simulator() -> Simulator:
    """All vendors, whose jobs take no time."""
    return Simulator(job_wait_s=0, job_run_s=0)


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """How long would have been waited; it is not."""
    with without_waiting() as noted:
        yield noted


@pytest.fixture
def client(simulator: Simulator) -> Callable[..., Client]:
    """A client of one vendor."""

    def make(vendor: str, **settings: Any) -> Client:
        transport = settings.pop("transport", simulator.transport)
        given = {"api_key": KEY, "base_url": simulator.base_url(vendor), **settings}
        return Client(vendor, http_client=httpx.Client(transport=transport), **given)

    return make


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, simulator: Simulator) -> Callable[..., Any]:
    """Call a method of a client, once in each way: `run("binobox", "image", request)`."""

    def call(vendor: str, method: str, *arguments: Any, **options: Any) -> Any:
        handler = options.pop("transport", None)
        settings = {"api_key": KEY, "base_url": simulator.base_url(vendor), **options.pop("settings", {})}
        if request.param == "sync":
            client = Client(vendor, http_client=httpx.Client(transport=handler or simulator.transport), **settings)
            return getattr(client, method)(*arguments, **options)

        async def awaited() -> Any:
            async with httpx.AsyncClient(transport=handler or simulator.async_transport) as sender:
                made = AsyncClient(vendor, http_client=sender, **settings)
                return await getattr(made, method)(*arguments, **options)

        return asyncio.run(awaited())

    return call
