"""deepagents by a string.

Needs: deepagents, langchain-openai
"""

import langchain_multiapi.register  # new
from deepagents import create_deep_agent

MODEL = "aimlapi:openai/gpt-4o"  # was: MODEL = "openai:openai/gpt-4o"


def add(a: int, b: int) -> int:
    """Add two integers a and b."""
    return a + b


agent = create_deep_agent(model=MODEL, tools=[add], system_prompt="You calculate.")
print(agent.invoke({"messages": [("user", "Use the tool add: what is 17 plus 25?")]})["messages"][-1].text)
