"""The classes of this package for one provider each; written by `make tables`.

    AICredits(model="openai/gpt-4o")  # as MultiApiLLM(provider="aicredits", model="openai/gpt-4o")

Each takes what the general class takes, and refuses the name of another provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from llamaindex_multiapi.embeddings import MultiApiEmbedding
from llamaindex_multiapi.llms import MultiApiLLM

if TYPE_CHECKING:
    from llamaindex_multiapi._keywords import EmbeddingKeywords, LLMKeywords
    from multiapi.provider import Provider


class Bineric(MultiApiLLM):
    """An LLM of Bineric: `MultiApiLLM` with the provider set."""

    provider: Literal["bineric"] = "bineric"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["bineric"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["bineric"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class BinomRouter(MultiApiLLM):
    """An LLM of Binom.Router: `MultiApiLLM` with the provider set."""

    provider: Literal["binom_router"] = "binom_router"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["binom_router"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["binom_router"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AimlApi(MultiApiLLM):
    """An LLM of AI/ML API: `MultiApiLLM` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AICredits(MultiApiLLM):
    """An LLM of AICredits: `MultiApiLLM` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class Binobox(MultiApiLLM):
    """An LLM of Binobox: `MultiApiLLM` with the provider set."""

    provider: Literal["binobox"] = "binobox"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["binobox"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["binobox"] | Provider = ...,
            **settings: Unpack[LLMKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AimlApiEmbedding(MultiApiEmbedding):
    """Embeddings of AI/ML API: `MultiApiEmbedding` with the provider set."""

    provider: Literal["aimlapi"] = "aimlapi"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[EmbeddingKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aimlapi"] | Provider = ...,
            **settings: Unpack[EmbeddingKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...


class AICreditsEmbedding(MultiApiEmbedding):
    """Embeddings of AICredits: `MultiApiEmbedding` with the provider set."""

    provider: Literal["aicredits"] = "aicredits"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            model: str,
            *,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[EmbeddingKeywords],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["aicredits"] | Provider = ...,
            **settings: Unpack[EmbeddingKeywords],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...
