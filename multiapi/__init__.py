"""LangChain and LlamaIndex integrations for five AI API providers: Bineric, Binom.Router, AI/ML API, AICredits and Binobox.

This is the framework-free core; `langchain_multiapi` and `llamaindex_multiapi` stand beside it. The names are listed in `__init__.pyi`.
"""

import multiapi.providers  # noqa: F401 (fills the registry, whichever module is asked for first)
from multiapi._package import exports

__getattr__, __dir__, __all__ = exports(globals())
