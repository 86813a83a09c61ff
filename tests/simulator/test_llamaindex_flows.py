"""Whole flows of LlamaIndex arrive where they should, on each provider."""

from typing import Any

import httpx
import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_multiapi import MultiApiLLM
from multiapi.simulator import Simulator
from tests.simulator.test_abilities import MODELS


class Total(BaseModel):
    """A sum."""

    total: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def model_of(name: str) -> Any:
    simulator = Simulator()
    return MultiApiLLM(
        model=name,
        api_key="any-key-1234",
        base_url=simulator.base_url(name.split(":")[0]),
        http_client=httpx.Client(transport=simulator.transport),
        http_async_client=httpx.AsyncClient(transport=simulator.async_transport),
    )


@pytest.mark.parametrize("name", MODELS)
async def test_a_question_is_handed_to_the_agent_that_was_named(name: str) -> None:
    model = model_of(name)
    front = FunctionAgent(
        name="front", description="Answers people.", llm=model, tools=[], can_handoff_to=["calc", "poet"]
    )
    calc = FunctionAgent(name="calc", description="Does sums.", llm=model, tools=[FunctionTool.from_defaults(add)])
    poet = FunctionAgent(name="poet", description="Writes poems.", llm=model, tools=[])
    flow = AgentWorkflow(agents=[front, calc, poet], root_agent="front")
    assert "7" in str(await flow.run(user_msg="Hand off to calc: what is 3 plus 4?"))


@pytest.mark.parametrize("name", MODELS)
async def test_an_object_is_filled_from_what_the_tool_said(name: str) -> None:
    agent = FunctionAgent(llm=model_of(name), tools=[FunctionTool.from_defaults(multiply)], output_cls=Total)
    answer = await agent.run("How much is 6 times 7? Use the tool.")
    assert answer.structured_response == {"total": 42}
