"""openevals: a model as the judge, by a string.

Needs: openevals, langchain-openai
"""

import langchain_multiapi.register  # new
from openevals.llm import create_llm_as_judge

MODEL = "aimlapi:openai/gpt-4o"  # was: MODEL = "openai:openai/gpt-4o"

judge = create_llm_as_judge(prompt="Is this output polite? {outputs}", model=MODEL, feedback_key="politeness")
result = judge(inputs="Say hello.", outputs="Hello to you.")
print(result["key"], type(result["score"]).__name__)
