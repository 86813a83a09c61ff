"""What a user writes, typed strictly: every line is right. `test_types.py` hands it to mypy and pyright; it is not run."""

from typing import assert_type

from langchain_core.messages import AIMessage
from pydantic import BaseModel, SecretStr
from typing_extensions import TypedDict

from langchain_multiapi import (
    AimlApiEmbeddings,
    ChatAICredits,
    ChatMultiApi,
    MultiApiEmbeddings,
    MultiApiToolkit,
    SpendGuard,
)
from llamaindex_multiapi import AICredits, AimlApiEmbedding, Bineric, MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import PROVIDERS, AsyncClient, ChatRequest, ChatResponse, Client, Message, ProviderName


class City(BaseModel):
    name: str


class Town(TypedDict):
    name: str


name: ProviderName = "aimlapi"
client = Client(name, api_key="k", timeout=3, max_retries=1, engine="httpx")
own = AsyncClient(PROVIDERS["aimlapi"], limiter="documented", budget="20 USD")
answer = client.chat(ChatRequest(model="m", messages=[Message("user", "hello")]))
assert_type(answer, ChatResponse)

chat = ChatMultiApi(
    provider="aimlapi",
    model="openai/gpt-4o",
    api_key=SecretStr("k"),
    temperature=0,
    max_completion_tokens=50,
    stop_sequences=["END"],
    request_timeout=(3, 60),
    think="less",
    tags=["a"],
)
same = ChatMultiApi(model_name="aimlapi:openai/gpt-4o")
given = ChatMultiApi(provider=PROVIDERS["aimlapi"], model="m")
credits = ChatAICredits(model="openai/gpt-4o-mini", max_completion_tokens=5)
assert_type(chat.provider, str)
assert_type(chat.invoke("hello"), AIMessage)
assert_type(chat.with_structured_output(City).invoke("?"), City)
assert_type(credits.with_structured_output(City, method="json_schema").invoke("?"), City)
assert_type(chat.with_structured_output(Town).invoke("?"), Town)
assert_type(chat.with_structured_output({"title": "City", "type": "object"}).invoke("?")["name"] is None, bool)
raw = chat.with_structured_output(City, include_raw=True).invoke("?")["raw"]

vectors = MultiApiEmbeddings(provider="aimlapi", model="e", dimensions=3, chunk_size=9).embed_documents(["a"])
assert_type(vectors, list[list[float]])
credits_llm = AICredits(model="m", context_window=9)
assert_type(AimlApiEmbeddings(model="e").embed_query("a"), list[float])
toolkit = MultiApiToolkit(provider="binobox", output_dir="out", include=["generate_image"])
guard = SpendGuard("5", unit="USD")

llm = MultiApiLLM("openai/gpt-4o", provider="aicredits", temperature=0.5, api_base="https://api.aicredits.in/v1")
text = llm.complete("hello").text
assert_type(Bineric("gpt-4", max_tokens=5).metadata.model_name, str)
credits_llm = AICredits(model="m", context_window=9)
assert_type(AimlApiEmbedding("e", dimensions=3).get_query_embedding("a"), list[float])
other = MultiApiEmbedding(model_name="e", provider="aimlapi", embed_batch_size=5)
tools = MultiApiToolSpec("aimlapi", output_dir="out")
