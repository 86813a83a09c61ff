"""The arguments of this package's classes, as type checkers read them; see `multiapi.client.keywords`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from multiapi.client.keywords import ChatKeywords, ConnectionKeywords, ToolKeywords

if TYPE_CHECKING:
    from langchain_core.caches import BaseCache
    from langchain_core.callbacks import Callbacks
    from langchain_core.language_models.model_profile import ModelProfile
    from langchain_core.rate_limiters import BaseRateLimiter

    from multiapi.types.chat import ReasoningReplay, ToolCalling


class ChatModelKeywords(ChatKeywords, total=False):
    """Of `ChatMultiApi`, beside provider and model."""

    max_retries: int | None
    n: int | None
    reasoning: dict[str, Any] | None
    stream_chunk_timeout: float | None
    tool_calling: ToolCalling | None
    split_thinking: bool | None
    reasoning_replay: ReasoningReplay | None
    include_response_headers: bool
    model_kwargs: dict[str, Any] | None
    disabled_params: dict[str, Any] | None
    max_completion_tokens: int | None
    request_timeout: Any
    stop_sequences: list[str] | str | None
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None


class EmbeddingsKeywords(ConnectionKeywords, total=False):
    """Of `MultiApiEmbeddings`, beside provider and model."""

    max_retries: int | None
    dimensions: int | None
    input_type: str | None
    batch_size: int | None
    chunk_size: int | None
    max_concurrency: int
    encoding_format: Literal["float", "base64"] | None
    user: str | None
    skip_empty: bool
    show_progress_bar: bool
    rate_limiter: BaseRateLimiter | None
    extra_body: dict[str, Any] | None
    model_kwargs: dict[str, Any] | None
    request_timeout: Any


class ToolkitKeywords(ToolKeywords, total=False):
    """Of `MultiApiToolkit`, beside the provider."""

    max_retries: int | None
    models: Mapping[str, str]
    include: Sequence[str] | None
