"""A RAG chain with embeddings and a vector store.

Needs: langchain-core, langchain-openai
"""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore


# was: from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

# was: embeddings = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
embeddings = MultiApiEmbeddings(model="aimlapi:text-embedding-3-small")
# was: model = ChatOpenAI(model="openai/gpt-4o")
model = ChatMultiApi(model="aimlapi:openai/gpt-4o")

store = InMemoryVectorStore(embeddings)
store.add_texts(["Everybody has 25 days of leave a year.", "The canteen opens at eleven."])
prompt = ChatPromptTemplate.from_template("Answer from the context.\nContext: {context}\nQuestion: {question}")
found = store.as_retriever(search_kwargs={"k": 1}) | (lambda documents: documents[0].page_content)
chain = {"context": found, "question": RunnablePassthrough()} | prompt | model | StrOutputParser()
print(chain.invoke("How many days of leave are there?"))
