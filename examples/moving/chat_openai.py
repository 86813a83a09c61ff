"""A chain on `ChatOpenAI` with a `base_url`.

Needs: langchain-core, langchain-openai
"""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi  # was: from langchain_openai import ChatOpenAI


class City(BaseModel):
    """A city."""

    city: str


# was: model = ChatOpenAI(model="openai/gpt-4o", temperature=0, max_completion_tokens=200, timeout=30, max_retries=1)
model = ChatMultiApi(model="aimlapi:openai/gpt-4o", temperature=0, max_completion_tokens=200, timeout=30, max_retries=1)
chain = ChatPromptTemplate.from_messages([("user", "Say {what} in three words.")]) | model | StrOutputParser()
print(chain.invoke({"what": "hello"}))
print(model.with_structured_output(City).invoke("I live in Oslo."))
