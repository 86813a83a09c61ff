"""`import langchain_multiapi.register`: LangChain's factories know the providers from then on, as after `register_with_langchain()`.

import langchain_multiapi.register

create_agent("aicredits:openai/gpt-4o-mini", tools)
"""

from langchain_multiapi.factories import register_with_langchain

REGISTERED = register_with_langchain()
"""The names of the providers that models can be made of now."""
