"""Tools on the simulator, without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator

KEY = "simulated-key-0123456789"


class Vendors:
    """What is needed to talk to the simulated vendors."""

    def __init__(self) -> None:
        self.simulator = Simulator(job_wait_s=0, job_run_s=0, withdrawn=True)

    def connection(self, vendor: str) -> dict[str, Any]:
        return {
            "api_key": KEY,
            "base_url": self.simulator.base_url(vendor),
            "http_client": httpx.Client(transport=self.simulator.transport),
            "http_async_client": httpx.AsyncClient(transport=self.simulator.async_transport),
        }


@pytest.fixture
def vendors() -> Vendors:
    return Vendors()


@pytest.fixture(autouse=True)
def waits() -> Iterator[list[float]]:
    with without_waiting() as noted:
        yield noted
