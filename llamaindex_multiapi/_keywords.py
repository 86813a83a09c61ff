"""The arguments of this package's classes, as type checkers read them; see `multiapi.client.keywords`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from multiapi.client.keywords import ChatKeywords, ConnectionKeywords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.llms import ChatMessage
    from llama_index.core.prompts import BasePromptTemplate
    from llama_index.core.types import BaseOutputParser, PydanticProgramMode

    from multiapi.types.chat import ReasoningReplay, StructuredMethod, ToolCalling


class LLMKeywords(ChatKeywords, total=False):
    """Of `MultiApiLLM`, beside provider and model."""

    max_retries: int
    parallel_tool_calls: bool | None
    tool_calling: ToolCalling
    split_thinking: bool
    reasoning_replay: ReasoningReplay
    structured_method: StructuredMethod
    context_window: int | None
    is_function_calling_model: bool
    callback_manager: CallbackManager
    rate_limiter: Any
    system_prompt: str | None
    messages_to_prompt: Callable[[Sequence[ChatMessage]], str] | None
    completion_to_prompt: Callable[[str], str] | None
    output_parser: BaseOutputParser | None
    pydantic_program_mode: PydanticProgramMode
    query_wrapper_prompt: BasePromptTemplate | None
    api_base: str | None
    async_http_client: Any
    additional_kwargs: dict[str, Any] | None
    extra_headers: dict[str, str] | None
    extra_query: dict[str, str] | None


class EmbeddingKeywords(ConnectionKeywords, total=False):
    """Of `MultiApiEmbedding`, beside provider and model."""

    max_retries: int
    dimensions: int | None
    input_type: str | None
    encoding_format: Literal["float", "base64"] | None
    extra_body: dict[str, Any] | None
    skip_empty: bool
    embed_batch_size: int
    max_concurrency: int
    embeddings_cache: Any
    num_workers: int | None
    callback_manager: CallbackManager
    rate_limiter: Any
    api_base: str | None
    async_http_client: Any
    additional_kwargs: dict[str, Any] | None
    extra_headers: dict[str, str] | None
    extra_query: dict[str, str] | None
