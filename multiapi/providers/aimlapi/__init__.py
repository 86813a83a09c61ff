"""AI/ML API: the shared format for text; the price of a call is in headers, in `meta.usage`, or in a late event.

- The API root is the host; paths carry `/v1` or `/v2`, so a configured address is taken with and without them.
- An empty account is a 403 whose message says so, without a code.
- Three protocols carry a chat, see `multiapi.formats.apis`. Some models speak only the Responses API: for them `chat` and `chat_stream` go there.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml and aimlapi_notes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from multiapi.errors import InsufficientCreditsError, PermissionDeniedError, StatusError, UnsupportedError, printable
from multiapi.formats.answer_facts import decimal_of
from multiapi.formats.apis import chosen_api, with_apis
from multiapi.formats.openai import vendor as openai_format
from multiapi.formats.openai.vendor import Dialect, merged, openai_compatible
from multiapi.formats.openai.vendor import read_error as read_shared_error
from multiapi.formats.schemas import SchemaStyle
from multiapi.http.exchange import HttpResponse
from multiapi.provider import Withdrawal
from multiapi.types.chat import ChatRequest
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.usage import Cost

SCHEMAS = SchemaStyle(references=False)
"""The provider's own SDK sends neither titles nor definitions; see the contract's notes."""

# Models that have a schema for `/v1/responses` and none for chat; written by `catalogue.build` from the list of the contract:
RESPONSES_ONLY = frozenset(
    {
        "openai/gpt-5-1-codex",
        "openai/gpt-5-1-codex-mini",
        "openai/gpt-5-2-codex",
        "openai/gpt-5-2-pro",
        "openai/gpt-5-3-codex",
        "openai/gpt-5-4",
        "openai/gpt-5-4-pro",
        "openai/gpt-5-5-pro",
        "openai/gpt-5-pro",
        "openai/o3-pro",
    }
)


_AUDIO_WORDS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/aac": "audio/x-aac",
    "audio/flac": "audio/flac",
    "audio/mp4": "audio/mp4",
    "audio/ogg": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/pcm": "audio/pcm",
    "audio/webm": "audio/webm",
}
"""The words of the contract for `format` of recordings in messages; others are refused with a 400."""


GUARDS = (
    "meta-llama/Llama-Guard-3-11B-Vision-Turbo",
    "meta-llama/Meta-Llama-Guard-3-8B",
    "meta-llama/LlamaGuard-2-8b",
    "Meta-Llama/Llama-Guard-7b",
)
NO_SEARCH = Withdrawal(
    "2026-02-05", "perplexity/sonar, or another model with web_search_options in a chat, searches today"
)
NO_GUARD = Withdrawal("2026-03-29", "no guard model is offered today; ask a chat model for a verdict as JSON")


@lru_cache(maxsize=512)
def deprecation_of(model: str) -> Any:
    """What the catalogue says of a model that is not current any more."""
    from multiapi.providers.aimlapi import gone

    return gone.deprecation_of(model)


def limit_name(model: str) -> str:
    """`max_completion_tokens` where the model's schema has it: the provider calls `max_tokens` deprecated, and some models know only that."""
    from multiapi.providers.aimlapi import catalogue

    found = catalogue.find(model)
    return "max_tokens" if found is None or "max_completion_tokens" not in found.params else "max_completion_tokens"


def preload() -> None:
    """Read the packed list of models."""
    from multiapi.providers.aimlapi import catalogue

    catalogue.find("")


def searching(request: ChatRequest) -> ChatRequest:
    """A chat that searches the web first."""
    from multiapi.providers.aimlapi import web_search

    return web_search.searching(request)


_FIELDS = frozenset(
    [
        "audio",
        "echo",
        "enable_search",
        "enable_thinking",
        "frequency_penalty",
        "ip",
        "last_updated_after_filter",
        "last_updated_before_filter",
        "length_penalty",
        "logit_bias",
        "logprobs",
        "mask_sensitive_info",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "min_p",
        "modalities",
        "model",
        "n",
        "normalize_tool_schemas",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "provider",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "return_images",
        "return_related_questions",
        "search_after_date_filter",
        "search_before_date_filter",
        "search_domain_filter",
        "search_mode",
        "search_options",
        "search_recency_filter",
        "seed",
        "stop",
        "stop_sequences",
        "stream",
        "stream_options",
        "system",
        "temperature",
        "thinking",
        "thinking_budget",
        "tool_choice",
        "tools",
        "top_a",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "web_search_options",
    ]
)
"""The fields of chats of all models, as the contract lists them."""


def known_models(call: str) -> tuple[str, ...]:
    """The ids of the models for a call, from the packed list."""
    from multiapi.providers.aimlapi.catalogue import ids_for

    return ids_for(call)


def known_fields(model: str) -> frozenset[str]:
    """The fields that a chat with a model may have: those of all models, and those of its own schema."""
    from multiapi.providers.aimlapi import catalogue

    found = catalogue.find(model)
    return _FIELDS if found is None else _FIELDS | found.params.keys()


def normalize_base_url(address: str) -> str:
    """The host's root, without a closing version."""
    root = address.rstrip("/")
    return root[:-3] if root.endswith(("/v1", "/v2")) else root


def read_cost(body: Mapping[str, Any], headers: Mapping[str, str]) -> Cost | None:
    """Dollars where the provider says them, else its credits."""
    meta = body.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    usd = decimal_of(headers.get("x-aimlapi-usd-spent")) or decimal_of(usage.get("usd_spent"))
    if usd is not None:
        return Cost(usd, "USD")
    credits = decimal_of(headers.get("x-aimlapi-credits-used", usage.get("credits_used", usage.get("tokens_used"))))
    return None if credits is None else Cost(credits, "credits")


def read_error(response: HttpResponse) -> StatusError:
    """The shared reading; a 403 without a code that speaks of money is for want of it.

    The kind `err_insufficent_credits` (so spelt; recorded 2026-04-14) is in the shared table. "Credits" is documented and recorded,
    "funds" and "balance" are in the code of clients.
    """
    error = read_shared_error(response, "aimlapi")
    said = error.message.lower()
    if isinstance(error, PermissionDeniedError) and any(word in said for word in ("credits", "funds", "balance")):
        error = error.as_class(InsufficientCreditsError)
    if isinstance(error, InsufficientCreditsError) and response.status == 403:
        error.add("that is said of this request: one with a lower price may still be taken")
    return error


_GOOGLE_TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}


def embed_body(request: EmbedRequest) -> dict[str, Any]:
    """The shared body with the fields that a model has: what tells queries from documents is `task_type` at Google's models.

    Raises:
        UnsupportedError: A field that no model of the provider has, or not this one; `extra` sends anything.
    """
    from multiapi.providers.aimlapi import catalogue

    entry = catalogue.find(request.model)
    known = None if entry is None else frozenset(entry.params)
    translated = known is not None and "task_type" in known and request.input_type in _GOOGLE_TASKS
    for name in ("user", "dimensions", "encoding_format", "input_type"):
        if getattr(request, name) is None or (name == "input_type" and translated):
            continue
        if name == "user" or (known is not None and name not in known):
            has = "has no embedding model with" if name == "user" else f"has {printable(request.model, 120)} without"
            raise UnsupportedError(
                f"aimlapi {has} the setting {name}; leave it out, or send it all the same as an extra field of the body",
                provider="aimlapi",
            )
        if name == "input_type" and request.input_type != "document" and known is not None:
            raise UnsupportedError(
                f"aimlapi takes input_type 'document' alone with {printable(request.model, 120)}, not {printable(str(request.input_type), 60)!r}; "
                "leave it out for queries",
                provider="aimlapi",
            )
    if not translated:
        return openai_format.embed_body(request)
    body = openai_format.embed_body(replace(request, input_type=None, extra={}))
    return merged({**body, "task_type": _GOOGLE_TASKS[str(request.input_type)]}, request.extra)


_SHARED = openai_compatible(
    name="aimlapi",
    title="AI/ML API",
    base_url="https://api.aimlapi.com",
    api_key_env="AIMLAPI_API_KEY",
    base_url_env="AIMLAPI_BASE_URL",
    other_key_envs=("AIML_API_KEY", "AIMLAPI_KEY"),
    other_base_url_envs=("AIMLAPI_API_BASE", "AIML_API_BASE"),
    attribution={
        "source": "X-AIMLAPI-Source",
        "partner": "X-AIMLAPI-Partner-ID",
        "referer": "HTTP-Referer",
        "title": "X-Title",
    },
    units=("USD", "credits"),
    batch_share=Decimal("0.5"),
    dialect=Dialect(
        provider="aimlapi",
        media=frozenset({"image", "audio", "file", "video"}),
        unknown_settings=frozenset({"service_tier"}),
        replay_reasoning=True,
        stream_usage=True,
        knows_developer=True,
        formats={
            "image": ("image/jpeg", "image/png", "image/gif", "image/webp"),
            "audio": tuple(_AUDIO_WORDS),
            "file": ("application/pdf",),
        },
        audio_words=_AUDIO_WORDS,
        cache_marks=True,
        schemas=SCHEMAS,
        open_bodies=False,
        limit_name=limit_name,
    ),
    read_vendor_error=read_error,
    read_cost=read_cost,
    default_models={
        "chat": "openai/gpt-4o",
        "embed": "text-embedding-3-small",
        "image": "flux/schnell",
        "edit_image": "flux/kontext-pro/image-to-image",
        "speech": "openai/tts-1",
        "transcribe": "openai/gpt-4o-transcribe",
        "music": "elevenlabs/eleven_music",
        "video": "alibaba/wan-2-6-t2v",
        "video_from_image": "alibaba/wan-2-6-i2v",
        "mesh": "triposr",
        "ocr": "mistral/mistral-ocr-latest",
        "web_search": "perplexity/sonar",
    },
    chat_path="/v1/chat/completions",
    embed_path="/v1/embeddings",
    embed_batch=embed_body,
    operation_paths=(
        "/chat/completions",
        "/responses",
        "/messages",
        "/embeddings",
        "/models",
        "/images/generations",
        "/images/edits",
        "/video/generations",
        "/generate/audio",
        "/stt/create",
        "/tts",
        "/ocr",
        "/batches",
        "/billing",
        "/logs",
    ),
    normalize_base_url=normalize_base_url,
    searching=searching,
    routers=frozenset({"liquid/d1-router", "typesafe/jev-router"}),
    deprecation_of=deprecation_of,
    withdrawn_models={**dict.fromkeys(GUARDS, NO_GUARD), "bagoodex/bagoodex-search-v1": NO_SEARCH},
    preload=preload,
    known_fields=known_fields,
    known_models=known_models,
    request_id_header="x-client-request-id",
    operations="multiapi.providers.aimlapi.operations",
    capabilities={
        "chat": "documented",
        "streaming": "documented",
        "tools": "documented",
        "structured_output": "documented",
        "json_mode": "documented",
        "reasoning": "documented",
        "vision": "documented",
        "documents": "documented",
        "audio_in": "documented",
        "video_in": "documented",
        "audio_out": "documented",
        "embeddings": "documented",
        "image": "documented",
        "image_edit": "documented",
        "speech": "documented",
        "transcription": "documented",
        "music": "documented",
        "music_jobs": "documented",
        "transcription_jobs": "documented",
        "video": "documented",
        "3d": "documented",
        "ocr": "documented",
        "vision_features": "legacy",
        "moderation": "removed",
        "web_search": "documented",
        "search_engine": "removed",
        "assistants": "legacy",
        "batches": "documented",
        "files": "legacy",
        "models": "documented",
        "model": "documented",
        "model_schema": "assumed",
        "metrics": "documented",
        "deprecations": "documented",
        "usage": "documented",
        "balance": "documented",
        "logs": "documented",
        "transactions": "documented",
        "keys": "documented",
        "responses": "documented",
        "messages": "documented",
        "jobs": "documented",
    },
)


AIMLAPI = with_apis(
    _SHARED,
    ("responses", "messages"),
    choose=partial(chosen_api, responses_only=RESPONSES_ONLY),
    schemas=SCHEMAS,
    read_cost=read_cost,
)
