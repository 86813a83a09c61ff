"""Bineric, Binom.Router, AI/ML API, AICredits and Binobox as LlamaIndex models, embeddings, tools and readers.

```
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM

Settings.llm = MultiApiLLM(provider="aicredits", model="anthropic/claude-sonnet-4.6")
Settings.embed_model = MultiApiEmbedding(provider="aimlapi", model="text-embedding-3-small")
```

Keys come from the environment (`AICREDITS_API_KEY`, ...) or from `api_key=`. Each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("llama_index") is None or find_spec("llama_index.core") is None:
    raise ImportError("llamaindex_multiapi needs llama-index-core; install it with: pip install 'multiapi[llamaindex]'")

if TYPE_CHECKING:
    from llamaindex_multiapi.embeddings import EmbeddingUsageEvent, MultiApiEmbedding
    from llamaindex_multiapi.fallback import FallbackLLM
    from llamaindex_multiapi.limiter import AdaptiveRateLimiter
    from llamaindex_multiapi.llms import MultiApiLLM
    from llamaindex_multiapi.readers import MultiApiOcrReader, MultiApiTranscriptReader
    from llamaindex_multiapi.register import register
    from llamaindex_multiapi.store import EmbeddingStore
    from llamaindex_multiapi.tools import MultiApiToolSpec

__all__ = [
    "AdaptiveRateLimiter",
    "EmbeddingStore",
    "EmbeddingUsageEvent",
    "FallbackLLM",
    "MultiApiEmbedding",
    "MultiApiLLM",
    "MultiApiOcrReader",
    "MultiApiToolSpec",
    "MultiApiTranscriptReader",
    "register",
]

_MODULES = {
    "AdaptiveRateLimiter": "limiter",
    "EmbeddingStore": "store",
    "EmbeddingUsageEvent": "embeddings",
    "FallbackLLM": "fallback",
    "MultiApiEmbedding": "embeddings",
    "MultiApiLLM": "llms",
    "MultiApiOcrReader": "readers",
    "MultiApiToolSpec": "tools",
    "MultiApiTranscriptReader": "readers",
    "register": "register",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
