"""Every hostile answer, for our models."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

from .cases import CASES, Case


class MultiApi:
    name = "langchain_multiapi"

    def model(
        self, address: str, *, stall_s: float | None = None, replays_reasoning: bool = False, **settings: Any
    ) -> ChatMultiApi:
        """Reasoning goes back where the vendor documents it."""
        vendor = "aimlapi" if replays_reasoning else "binom_router"
        held = {"provider": vendor, "model": "m-1", "api_key": "test-key", "max_retries": 0, "base_url": address}
        return ChatMultiApi(**{**held, "stream_chunk_timeout": stall_s, **settings})

    def embeddings(self, address: str, **settings: Any) -> MultiApiEmbeddings:
        held = {"provider": "aimlapi", "model": "e-1", "api_key": "test-key", "max_retries": 0, "base_url": address}
        return MultiApiEmbeddings(**{**held, **settings})


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_answer(case: Case) -> None:
    case.check(MultiApi())


def test_there_are_at_least_sixty_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
