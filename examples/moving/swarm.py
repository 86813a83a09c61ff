"""langgraph-swarm: agents that hand over to each other.

Needs: langgraph-swarm, langchain-openai
"""

from langchain.agents import create_agent
from langgraph_swarm import create_handoff_tool, create_swarm

from langchain_multiapi import ChatMultiApi  # was: from langchain_openai import ChatOpenAI


def add(a: int, b: int) -> int:
    """Add two integers a and b."""
    return a + b


# was: model = ChatOpenAI(model="openai/gpt-4o")
model = ChatMultiApi(model="aimlapi:openai/gpt-4o")
ann = create_agent(model, [add, create_handoff_tool(agent_name="bob")], name="ann")
bob = create_agent(model, [create_handoff_tool(agent_name="ann")], name="bob")
app = create_swarm([ann, bob], default_active_agent="ann").compile()
print(app.invoke({"messages": [("user", "What is 17 plus 25?")]})["messages"][-1].text)
