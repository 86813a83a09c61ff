"""The classes of this package for one provider each; written by `make tables`.

    AICredits(model="openai/gpt-4o")  # as MultiApiLLM(provider="aicredits", model="openai/gpt-4o")

Each takes what the general class takes, and refuses the name of another provider.
"""

from __future__ import annotations

from typing import Literal

from llamaindex_multiapi.embeddings import MultiApiEmbedding
from llamaindex_multiapi.llms import MultiApiLLM


class Bineric(MultiApiLLM):
    """An LLM of Bineric: `MultiApiLLM` with the provider set."""

    provider: Literal["bineric"] = "bineric"


class BinomRouter(MultiApiLLM):
    """An LLM of Binom.Router: `MultiApiLLM` with the provider set."""

    provider: Literal["binom_router"] = "binom_router"


class AimlApi(MultiApiLLM):
    """An LLM of AI/ML API: `MultiApiLLM` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"


class AICredits(MultiApiLLM):
    """An LLM of AICredits: `MultiApiLLM` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"


class Binobox(MultiApiLLM):
    """An LLM of Binobox: `MultiApiLLM` with the provider set."""

    provider: Literal["binobox"] = "binobox"


class AimlApiEmbedding(MultiApiEmbedding):
    """Embeddings of AI/ML API: `MultiApiEmbedding` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"


class AICreditsEmbedding(MultiApiEmbedding):
    """Embeddings of AICredits: `MultiApiEmbedding` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"
