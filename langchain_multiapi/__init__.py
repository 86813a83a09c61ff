"""LangChain chat models, embeddings and tools over five providers: Bineric, Binom.Router, AI/ML API, AICredits, Binobox.

    from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

    model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o")

Everything is loaded when it is first asked for. The names are listed in `__init__.pyi`.
"""

from importlib.util import find_spec

from multiapi._package import exports, install

if find_spec("langchain_core") is None:
    raise ImportError(f"langchain_multiapi needs langchain-core; {install('langchain')}")

__getattr__, __dir__, __all__ = exports(globals(), {"langchain_multiapi.middleware": "langchain"})
