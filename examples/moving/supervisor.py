"""langgraph-supervisor: one agent that hands work to others.

Needs: langgraph-supervisor, langchain-openai
"""

from langchain.agents import create_agent
from langgraph_supervisor import create_supervisor

from langchain_multiapi import ChatMultiApi  # was: from langchain_openai import ChatOpenAI


def add(a: int, b: int) -> int:
    """Add two integers a and b."""
    return a + b


# was: model = ChatOpenAI(model="openai/gpt-4o")
model = ChatMultiApi(model="aimlapi:openai/gpt-4o")
calculator = create_agent(model, [add], name="calculator", system_prompt="You calculate.")
app = create_supervisor([calculator], model=model, prompt="You answer, or hand over to the calculator.").compile()
print(len(app.invoke({"messages": [("user", "What is 17 plus 25?")]})["messages"]) > 1)
