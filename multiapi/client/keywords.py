"""The arguments of constructors, as type checkers read them: those that all classes share, and those of chat models.

Type checkers take the arguments of a class from its fields, and there are other names, positions and types that it takes as well. The
classes of the faces state them with these; nothing here is used when a program runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from pathlib import Path

    from multiapi.flows.jobs import PollEvery
    from multiapi.flows.steps import Policy, UnknownFields
    from multiapi.money.budget import Budget
    from multiapi.sending.limiter import Limiter
    from multiapi.types.attribution import Attribution
    from multiapi.types.chat import ChatApi, MisplacedMedia, OnTruncated
    from multiapi.types.limits import Limits


class ConnectionKeywords(TypedDict, total=False):
    """How requests are sent."""

    api_key: Any
    base_url: str | None
    timeout: Any
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, str] | None
    http_client: Any
    http_async_client: Any
    allow_http: bool
    limiter: Limiter | Literal["documented"] | None
    proxy: str | None
    verify: Any
    trust_env: bool
    engine: Literal["multiapi", "httpx", "httpx2"] | None
    policy: Policy | None
    limits: Limits | None
    attribution: Attribution | None
    budget: Budget | str | None


class ChatKeywords(ConnectionKeywords, total=False):
    """What chat models of both frameworks take."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] | None
    stop: list[str] | str | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    logit_bias: dict[str, float] | None
    logprobs: bool | None
    top_logprobs: int | None
    reasoning_effort: str | None
    user: str | None
    service_tier: str | None
    extra_body: dict[str, Any] | None
    api: ChatApi | None
    web_search: bool | dict[str, Any] | None
    prompt_cache: bool | None
    streaming: bool | Literal["auto"] | None
    stream_usage: bool | None
    think: Literal["less", "off"] | None
    structured_retries: int
    misplaced_media: MisplacedMedia
    on_truncated_tool_call: OnTruncated
    promote_reasoning_to_content: bool
    raise_on_content_filter: bool
    unknown_fields: UnknownFields


class ToolKeywords(ConnectionKeywords, total=False):
    """What tools of agents take beside."""

    input_dir: str | Path | None
    output_dir: str | Path | None
    options: Mapping[str, Mapping[str, Any]]
    allow_urls: bool
    job_timeout_s: float
    poll_every: PollEvery | None
    max_input_bytes: int
