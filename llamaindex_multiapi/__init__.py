"""Bineric, Binom.Router, AI/ML API, AICredits and Binobox as LlamaIndex models, embeddings, tools and readers.

```
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM

Settings.llm = MultiApiLLM(provider="aicredits", model="anthropic/claude-sonnet-4.6")
Settings.embed_model = MultiApiEmbedding(provider="aimlapi", model="text-embedding-3-small")
```

Keys come from the environment (`AICREDITS_API_KEY`, ...) or from `api_key=`. Each name is loaded when it is first used;
the names are listed in `__init__.pyi`.
"""

from importlib.util import find_spec

from multiapi._package import exports, install

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError(f"llamaindex_multiapi needs llama-index-core; {install('llamaindex')}")

__getattr__, __dir__, __all__ = exports(globals())
