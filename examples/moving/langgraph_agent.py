"""A LangGraph agent that remembers: prebuilt agent, checkpointer, a form as its answer.

Needs: langgraph, langchain-openai
"""

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi  # was: from langchain_openai import ChatOpenAI


class Weather(BaseModel):
    """The weather of a place."""

    city: str
    degrees: int


def look_up(city: str) -> str:
    """Look up the weather of a city."""
    return f"It rains in {city}, 7 degrees."


# was: model = ChatOpenAI(model="openai/gpt-4o")
model = ChatMultiApi(model="aimlapi:openai/gpt-4o")
agent = create_agent(model, [look_up], response_format=ProviderStrategy(Weather), checkpointer=InMemorySaver())
thread = {"configurable": {"thread_id": "1"}}
agent.invoke({"messages": [("user", "Hello.")]}, thread)
print(agent.invoke({"messages": [("user", "Look up the weather in Oslo.")]}, thread)["structured_response"])
