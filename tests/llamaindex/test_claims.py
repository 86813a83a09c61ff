"""B16: the conformance kit is public, it finds what is wrong, and every claim, complaint and feature has its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, ChatResponse, LLMMetadata, TextBlock

from llamaindex_multiapi import MultiApiLLM, testing
from llamaindex_multiapi.testing import Wire
from tests.llamaindex.test_conformance import TestAimlapi as Ours
from tests.llamaindex.test_conformance import TestAimlapiEmbedding as OurEmbedding

ROOT = Path(__file__).parents[2]


class Careless(MultiApiLLM):
    """Does what users complain about."""

    secret: str = ""

    @property
    def metadata(self) -> LLMMetadata:
        if self.model == "somebody/a-model-of-tomorrow":
            raise ValueError("unknown model")
        return LLMMetadata(context_window=3900)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        if isinstance(messages, list):
            messages.append(ChatMessage("and one more thing"))
        response: ChatResponse = super().chat(messages, **{"temperature": 0.1, **kwargs})
        response.message.blocks = [TextBlock(text=response.message.content or "")]
        return response


class TestedCarelessly(Ours):
    __test__ = False

    def make(self, wire: Wire, *, base_url: str | None = None, **settings: Any) -> MultiApiLLM:
        ours = super().make(wire, base_url=base_url, **settings)
        return Careless(**{**ours.__dict__, "secret": settings["api_key"]})


@pytest.mark.parametrize(
    ("test", "arguments"),
    [
        ("test_b02_c26_r07_key_is_not_in_what_is_shown_and_stored", ()),
        ("test_b04_c01_c02_r01_any_model_name_has_metadata", ()),
        ("test_b04_c03_r02_context_window_is_not_absurdly_small", ()),
        ("test_b04_c05_r03_tools_are_on_by_default", ()),
        ("test_c06_c07_r12_nothing_optional_is_sent", ()),
        ("test_c12_r29_the_callers_history_is_not_touched", ("chat",)),
        ("test_b07_r33_all_ways_give_the_same", ("astream_chat", "reasoning")),
        ("test_b08_c20_c21_c22_r32_reasoning_is_seen", ("chat", "reasoning")),
    ],
)
def test_b16_r59_the_kit_finds_what_is_wrong(test: str, arguments: tuple[Any, ...]) -> None:
    getattr(Ours(), test)(*arguments)
    with pytest.raises((AssertionError, ValueError)):
        getattr(TestedCarelessly(), test)(*arguments)


def test_b16_the_kit_is_public() -> None:
    assert set(testing.__all__) >= {
        "LLMConformance",
        "EmbeddingConformance",
        "ToolSpecConformance",
        "ReaderConformance",
    }
    assert testing.__doc__ is not None
    for name in testing.__all__:
        assert getattr(testing, name).__doc__
    with pytest.raises(NotImplementedError):
        testing.LLMConformance().make(Wire())
    with pytest.raises(NotImplementedError):
        testing.EmbeddingConformance().make(Wire())


def test_b16_the_score_page_is_of_this_kit() -> None:
    """Each test that the page lists as failed by somebody is one of the kit, so the page is not older than the kit's names."""
    page = (ROOT / "docs" / "llamaindex_conformance.md").read_text()
    listed = set(re.findall(r"^- `(test_\w+)`", page, re.MULTILINE))
    assert len(listed) > 20
    assert listed <= {name for cls in (Ours, OurEmbedding) for name in dir(cls)}
