"""Our classes over the simulator in process."""

from __future__ import annotations

from typing import Any

import httpx

from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi.simulator import Simulator

VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
SIMULATOR = Simulator(seed=0)


def connection(vendor: str, simulator: Simulator = SIMULATOR) -> dict[str, Any]:
    """What reaches the simulator instead of the vendor."""
    return {
        "provider": vendor,
        "api_key": "not-a-key",
        "http_client": httpx.Client(transport=simulator.transport),
        "http_async_client": httpx.AsyncClient(transport=simulator.async_transport),
    }


def simulated_llm(vendor: str, **settings: Any) -> MultiApiLLM:
    """An LLM of a vendor."""
    return MultiApiLLM(**{"model": "gpt-4o", **connection(vendor), **settings})


def simulated_embedding(vendor: str = "aimlapi", **settings: Any) -> MultiApiEmbedding:
    """An embedding of a vendor that has them."""
    return MultiApiEmbedding(**{"model": "text-embedding-3-small", **connection(vendor), **settings})
