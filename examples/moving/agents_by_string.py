"""Models by a string: `init_chat_model` and `create_agent`.

Needs: langchain, langchain-openai
"""

import langchain_multiapi.register  # new
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model

MODEL = "aimlapi:openai/gpt-4o"  # was: MODEL = "openai:openai/gpt-4o"


def add(a: int, b: int) -> int:
    """Add two integers a and b."""
    return a + b


agent = create_agent(MODEL, [add])
print(agent.invoke({"messages": [("user", "What is 17 plus 25?")]})["messages"][-1].text)
print(init_chat_model(MODEL, temperature=0).invoke("Say hello in three words.").text)
