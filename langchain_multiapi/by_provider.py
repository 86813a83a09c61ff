"""The classes of this package for one provider each; written by `make tables`.

    ChatAICredits(model="openai/gpt-4o")  # as ChatMultiApi(provider="aicredits", model="openai/gpt-4o")

Each takes what the general class takes, and refuses the name of another provider.
"""

from __future__ import annotations

from typing import Literal

from langchain_multiapi.chat_models import ChatMultiApi
from langchain_multiapi.embeddings import MultiApiEmbeddings


class ChatBineric(ChatMultiApi):
    """A chat model of Bineric: `ChatMultiApi` with the provider set."""

    provider: Literal["bineric"] = "bineric"


class ChatBinomRouter(ChatMultiApi):
    """A chat model of Binom.Router: `ChatMultiApi` with the provider set."""

    provider: Literal["binom_router"] = "binom_router"


class ChatAimlApi(ChatMultiApi):
    """A chat model of AI/ML API: `ChatMultiApi` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"


class ChatAICredits(ChatMultiApi):
    """A chat model of AICredits: `ChatMultiApi` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"


class ChatBinobox(ChatMultiApi):
    """A chat model of Binobox: `ChatMultiApi` with the provider set."""

    provider: Literal["binobox"] = "binobox"


class AimlApiEmbeddings(MultiApiEmbeddings):
    """Embeddings of AI/ML API: `MultiApiEmbeddings` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"


class AICreditsEmbeddings(MultiApiEmbeddings):
    """Embeddings of AICredits: `MultiApiEmbeddings` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"
