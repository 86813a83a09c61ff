"""What a user gets wrong: each line that ends with a mark must be an error of the type checker, and no other line. It is not run."""

from pydantic import BaseModel

from langchain_multiapi import ChatAICredits, ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import Bineric, MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import Client


class City(BaseModel):
    name: str


Client("aimlapy")  # wrong
Client("aimlapi", timout=3)  # wrong
ChatMultiApi(provider="aimlapy", model="m")  # wrong
ChatMultiApi(provider="aimlapi")  # wrong
ChatMultiApi(model="aimlapi:m", temprature=0)  # wrong
ChatMultiApi(model="aimlapi:m", temperature="warm")  # wrong
ChatMultiApi(model="aimlapi:m", max_tokens="5")  # wrong
ChatAICredits(model="m", provider="aimlapi")  # wrong
ChatAICredits(model="m", streaming="no")  # wrong
print(ChatMultiApi(model="aimlapi:m").with_structured_output(City).invoke("?").nmae)  # wrong
ChatMultiApi(model="aimlapi:m").with_structured_output(City, method="json")  # wrong
MultiApiEmbeddings(provider="aicredit", model="e")  # wrong
MultiApiEmbeddings(provider="aicredits", model="e", dimension=3)  # wrong
MultiApiToolkit(provider="binobx")  # wrong
MultiApiLLM("m", provider="bineri")  # wrong
MultiApiLLM("m", max_token=5)  # wrong
Bineric("gpt-4", provider="aimlapi")  # wrong
MultiApiEmbedding("e", provider="aimlapi", embed_batch=5)  # wrong
MultiApiToolSpec("aimlap")  # wrong
