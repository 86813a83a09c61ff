"""The conformance kit and LlamaIndex's own components on AICredits and Bineric as their users saw them live."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from llamaindex_multiapi import MultiApiLLM
from llamaindex_multiapi.testing import OpenAIFormat
from multiapi.simulator.as_seen import PROVIDER_OF
from tests.llamaindex import test_components as components
from tests.llamaindex.simulated import SIMULATOR, simulated_llm
from tests.llamaindex.test_components import index  # noqa: F401  (a fixture)
from tests.llamaindex.test_conformance import OurLLM, Prompted

SEEN = tuple(sorted(set(PROVIDER_OF.values())))


class WithCost(OpenAIFormat):
    """Counts beside which a cost in rupees and the time stand."""

    def top(self, *, usage: tuple[int, int] | None = None) -> dict[str, Any]:
        top = super().top(usage=usage)
        if usage is not None:
            top["usage"] |= {"cost": 0.017414, "latency_ms": 2100}
        return top


class TestAicreditsAsSeen(OurLLM):
    provider = "aicredits"
    format = WithCost()
    media = frozenset({"image"})
    sends_reasoning_back = False
    has_stream_usage = False


class TestBinericAsSeen(OurLLM):
    """In `choices`, as its own client reads it."""

    provider = "bineric"
    format = Prompted()
    media = frozenset({"image", "audio", "document"})
    has_reasoning = False
    sends_reasoning_back = False


@pytest.fixture(autouse=True)
def as_seen() -> Iterator[None]:
    SIMULATOR.as_seen = True
    yield
    SIMULATOR.as_seen = False


@pytest.fixture(params=SEEN)
def llm(request: pytest.FixtureRequest) -> MultiApiLLM:
    return simulated_llm(request.param)


for _name, _test in list(vars(components).items()):
    if _name.startswith("test_") and "llm" in inspect.signature(_test).parameters:
        globals()[_name] = _test


def test_the_components_are_there() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 15


def test_the_forms_are_those_that_were_seen() -> None:
    raw: Any = simulated_llm("bineric").complete("Say hello.").raw
    assert "choices" in raw and "response" not in raw
    answer = simulated_llm("aicredits").complete("Say hello.")
    assert answer.additional_kwargs["cost"]["unit"] == "INR"
