"""gpt-researcher: its model, whose providers are listed in its code.

Needs: gpt-researcher, langchain-openai
"""

import asyncio

from gpt_researcher.llm_provider.generic.base import GenericLLMProvider
from langchain_multiapi import ChatMultiApi  # new


def from_provider(provider, chat_log=None, verbose=True, **settings):  # new
    return GenericLLMProvider(ChatMultiApi(provider=provider, **settings), chat_log, verbose)  # new


GenericLLMProvider.from_provider = from_provider  # new
provider = "aimlapi"  # was: provider = "openai"
llm = GenericLLMProvider.from_provider(provider, model="openai/gpt-4o", temperature=0.4, verbose=False)
print(asyncio.run(llm.get_chat_response([{"role": "user", "content": "Say hello in three words."}], stream=False)))
