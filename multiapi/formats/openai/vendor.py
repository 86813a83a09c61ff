"""The wire format that most providers share, OpenAI's, and a whole provider that speaks it.

A provider that differs takes the functions named here and changes what differs; see `multiapi/providers/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from multiapi.errors import StatusError
from multiapi.formats.answer_facts import ReadCost
from multiapi.formats.openai.answers import (
    chat_stream_decoder,
    error_from_body,
    error_inside,
    error_words,
    parse_chat,
    parse_object,
    read_error,
    read_event_error,
    status_inside,
    usage_cost,
)
from multiapi.formats.openai.embeddings import embed_body, parse_embed
from multiapi.formats.openai.requests import (
    Dialect,
    chat_body,
    check_request,
    data_url,
    merged,
    messages_to_wire,
    no_message,
    part_to_wire,
    response_format_to_wire,
    same_model,
    says_something,
    tool_choice_to_wire,
    tool_to_wire,
    without_media,
)
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.provider import LateOperations, Operation, Provider, Retry, Status, StreamOperation
from multiapi.types.chat import ChatRequest, StructuredMethod
from multiapi.types.embeddings import EmbedRequest

__all__ = [
    "Dialect",
    "chat_body",
    "chat_stream_decoder",
    "check_request",
    "data_url",
    "embed_body",
    "error_from_body",
    "error_inside",
    "error_words",
    "merged",
    "messages_to_wire",
    "no_message",
    "openai_compatible",
    "parse_chat",
    "parse_embed",
    "parse_object",
    "part_to_wire",
    "read_error",
    "read_event_error",
    "response_format_to_wire",
    "same_model",
    "says_something",
    "status_inside",
    "tool_choice_to_wire",
    "tool_to_wire",
    "usage_cost",
    "without_media",
]


def openai_compatible(
    *,
    name: str,
    base_url: str,
    title: str = "",
    api_key_env: str = "",
    base_url_env: str = "",
    dialect: Dialect | None = None,
    build_body: Callable[[ChatRequest, Dialect], dict[str, Any]] = chat_body,
    read_vendor_error: Callable[[HttpResponse], StatusError] | None = None,
    read_cost: ReadCost | None = None,
    rest_is_reasoning: bool = False,
    chat_path: str = "/chat/completions",
    embed_path: str | None = None,
    embed_batch: Callable[[EmbedRequest], dict[str, Any]] = embed_body,
    image_path: str | None = None,
    operations: Mapping[str, Operation[Any, Any]] | str | None = None,
    streaming: bool = True,
    capabilities: Mapping[str, Status] | None = None,
    structured: tuple[StructuredMethod, ...] = ("json_schema", "function_calling", "json_mode", "prompted"),
    **facts: Any,
) -> Provider:
    """Return a provider that speaks the shared format; only what differs is given.

    Args:
        name: What users type.
        base_url: The API root as documented.
        title: What the provider calls itself; the name unless it is given.
        api_key_env, base_url_env: The environment variables of the key and of another address; NAME_API_KEY and NAME_BASE_URL unless they
            are given.
        embed_path, image_path: Where embeddings and images are made, for a provider that has them.
        rest_is_reasoning: What a total counts beyond input and output are thoughts, where nothing else is said of them.
        operations: Further operations by name, or the name of a module that has them as `OPERATIONS`; it is imported when one of them is
            first used.
        capabilities: What the provider has. Unless they are given: chat, tools, structured output, and what the other arguments say.
        facts: Further fields of `Provider`.
    """
    used = dialect or Dialect(provider=name)
    variable = name.upper().replace("-", "_")

    def build(request: ChatRequest) -> HttpRequest:
        return HttpRequest("POST", chat_path, json=build_body(request, used), headers=request.headers)

    def build_stream(request: ChatRequest) -> HttpRequest:
        body = {**build_body(request, used), "stream": True}
        wants_usage = used.stream_usage if request.stream_usage is None else request.stream_usage
        if wants_usage:
            body.setdefault("stream_options", {"include_usage": True})
        return HttpRequest("POST", chat_path, json=body, headers=request.headers, stream=True)

    def build_embed(request: EmbedRequest) -> HttpRequest:
        assert embed_path is not None
        return HttpRequest("POST", embed_path, json=embed_batch(request), headers=request.headers, holds_vectors=True)

    reading: dict[str, Any] = {"provider": name, "read_cost": read_cost, "rest_is_reasoning": rest_is_reasoning}
    known: dict[str, Operation[Any, Any]] = {}
    if embed_path is not None:
        known["embed"] = Operation(
            "embed", build_embed, partial(parse_embed, provider=name, read_cost=read_cost), limit="embeddings_bytes"
        )
    if image_path is not None:
        from multiapi.formats.openai.images import image_operation

        known["image"] = image_operation(image_path, provider=name, read_cost=read_cost)
    if capabilities is None:
        has = {"streaming": streaming, "embeddings": embed_path is not None, "image": image_path is not None}
        always: tuple[str, ...] = ("chat", "tools", "structured_output", "json_mode")
        capabilities = dict.fromkeys([*always, *(each for each, there in has.items() if there)], "documented")
    return Provider(
        name=name,
        title=title or name,
        base_url=base_url,
        api_key_env=api_key_env or f"{variable}_API_KEY",
        base_url_env=base_url_env or f"{variable}_BASE_URL",
        chat=Operation("chat", build, partial(parse_chat, **reading), Retry.ANSWER),
        chat_stream=StreamOperation(build_stream, partial(chat_stream_decoder, **reading)) if streaming else None,
        operations=LateOperations(operations, known)
        if isinstance(operations, str)
        else {**(operations or {}), **known},
        read_error=read_vendor_error or partial(read_error, provider=name),
        capabilities=capabilities,
        structured=structured,
        read_cost=read_cost,
        **facts,
    )
