"""The classes of this package for one provider each; written by `make tables`.

    ChatAICredits(model="openai/gpt-4o")  # as ChatMultiApi(provider="aicredits", model="openai/gpt-4o")

Each takes what the general class takes, and refuses the name of another provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from langchain_multiapi.chat_models import ChatMultiApi
from langchain_multiapi.embeddings import MultiApiEmbeddings

if TYPE_CHECKING:
    from langchain_multiapi._keywords import ChatModelKeywords, EmbeddingsKeywords
    from multiapi.provider import Provider


class ChatBineric(ChatMultiApi):
    """A chat model of Bineric: `ChatMultiApi` with the provider set."""

    provider: Literal["bineric"] = "bineric"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["bineric"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["bineric"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class ChatBinomRouter(ChatMultiApi):
    """A chat model of Binom.Router: `ChatMultiApi` with the provider set."""

    provider: Literal["binom_router"] = "binom_router"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["binom_router"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["binom_router"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class ChatAimlApi(ChatMultiApi):
    """A chat model of AI/ML API: `ChatMultiApi` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class ChatAICredits(ChatMultiApi):
    """A chat model of AICredits: `ChatMultiApi` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class ChatBinobox(ChatMultiApi):
    """A chat model of Binobox: `ChatMultiApi` with the provider set."""

    provider: Literal["binobox"] = "binobox"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["binobox"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["binobox"] | Provider = ...,
            **settings: Unpack[ChatModelKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AimlApiEmbeddings(MultiApiEmbeddings):
    """Embeddings of AI/ML API: `MultiApiEmbeddings` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[EmbeddingsKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[EmbeddingsKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AICreditsEmbeddings(MultiApiEmbeddings):
    """Embeddings of AICredits: `MultiApiEmbeddings` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            *,
            model: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[EmbeddingsKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[EmbeddingsKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...
