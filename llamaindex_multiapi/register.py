"""Makes LlamaIndex's loaders know our classes; nothing does this unasked."""

from __future__ import annotations


def register() -> None:
    """Let `load_llm` and `load_embed_model` make our classes again from what `to_dict` gave.

    The key is not among it: it comes from the provider's environment variable.
    """
    from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS
    from llama_index.core.llms.loading import RECOGNIZED_LLMS

    from llamaindex_multiapi.embeddings import MultiApiEmbedding
    from llamaindex_multiapi.fallback import FallbackLLM
    from llamaindex_multiapi.llms import MultiApiLLM

    RECOGNIZED_LLMS[FallbackLLM.class_name()] = FallbackLLM
    RECOGNIZED_LLMS[MultiApiLLM.class_name()] = MultiApiLLM
    RECOGNIZED_EMBEDDINGS[MultiApiEmbedding.class_name()] = MultiApiEmbedding
