"""LangChain's own suite and agents on AICredits and Bineric as their users saw them live: `Simulator(as_seen=True)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from langchain_multiapi import ChatMultiApi
from multiapi.simulator import Simulator
from multiapi.simulator.as_seen import PROVIDER_OF

from . import test_agents as agents
from . import test_standard as standard
from .conftest import CHAT_MODELS, on_simulator

files_from_here = standard.files_from_here
pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")


class AsSeen:
    """The simulator sends every form that was seen."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        vendor = self.vendor  # type: ignore[attr-defined]
        return {"provider": vendor, "model": CHAT_MODELS[vendor], "stream_usage": True} | on_simulator(
            Simulator(as_seen=True)
        )

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        simulator = Simulator(as_seen=True)
        return {"provider": "aicredits", "model": "text-embedding-3-small"} | on_simulator(simulator)


class TestBinericAsSeen(AsSeen, standard.Bineric, standard.ChatIntegration, ChatModelIntegrationTests):
    @property
    def returns_usage_metadata(self) -> bool:
        """The form with `choices` was seen without token counts."""
        return False


class TestAiCreditsAsSeen(AsSeen, standard.AiCredits, standard.ChatIntegration, ChatModelIntegrationTests): ...


class TestAiCreditsEmbeddingsAsSeen(AsSeen, standard.EmbeddingSwitches, EmbeddingsIntegrationTests):
    vendor = "aicredits"


@pytest.fixture(params=sorted(set(PROVIDER_OF.values())))
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(seed=7, as_seen=True)


test_an_agent_calls_a_tool_and_answers = agents.test_an_agent_calls_a_tool_and_answers
test_an_awaited_agent_does_the_same = agents.test_an_awaited_agent_does_the_same
test_an_agent_calls_two_tools_at_once = agents.test_an_agent_calls_two_tools_at_once
test_an_agent_answers_in_a_form_by_every_strategy = agents.test_an_agent_answers_in_a_form_by_every_strategy
test_a_streamed_agent_answers_in_a_form = agents.test_a_streamed_agent_answers_in_a_form
test_an_agent_keeps_its_thread = agents.test_an_agent_keeps_its_thread


@pytest.mark.parametrize("model", ["google/gemini-2.5-flash", "openai/gpt-4o", "deepseek/deepseek-r1"])
def test_structured_answers_of_every_developer(model: str, make_model: Callable[..., ChatMultiApi]) -> None:
    """Google's `json_schema` is empty there, so that a tool has to be taken by itself."""
    made = make_model("aicredits", model=model).with_structured_output(standard_city())
    assert made.invoke("Oslo is a city with 717710 inhabitants.").name == "Oslo"


def standard_city() -> Any:
    from tests.cassettes.chats import City

    return City
