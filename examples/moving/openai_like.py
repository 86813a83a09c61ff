"""LlamaIndex' `OpenAILike` and `OpenAILikeEmbedding`.

Needs: llama-index-core, llama-index-llms-openai-like, llama-index-embeddings-openai-like
"""

import os

from llama_index.core import Document, Settings, VectorStoreIndex

# was: from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llamaindex_multiapi import MultiApiEmbedding as OpenAILikeEmbedding

# was: from llama_index.llms.openai_like import OpenAILike
from llamaindex_multiapi import MultiApiLLM as OpenAILike

Settings.llm = OpenAILike(
    model="openai/gpt-4o",
    provider="aimlapi",  # new
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=128_000,
    additional_kwargs={"extra_body": {"user": "me"}},
)
Settings.embed_model = OpenAILikeEmbedding(
    model_name="text-embedding-3-small",
    provider="aimlapi",  # new
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
)
index = VectorStoreIndex.from_documents([Document(text="Everybody has 25 days of leave a year.")])
print(index.as_query_engine().query("How many days of leave are there?"))
