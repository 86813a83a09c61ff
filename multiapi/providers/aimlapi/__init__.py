"""AI/ML API: the shared format for text; the price of a call is in headers, in `meta.usage`, or in a late event.

- The API root is the host; paths carry `/v1` or `/v2`, so a configured address is taken with and without them.
- An empty account is a 403 whose message says so; there is no code.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml and aimlapi_notes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multiapi.assembly import decimal_of
from multiapi.errors import InsufficientCreditsError, PermissionDeniedError, StatusError
from multiapi.http import HttpResponse
from multiapi.openai_format import Dialect, openai_compatible
from multiapi.openai_format import read_error as read_shared_error
from multiapi.types import Cost


def settle_base_url(address: str) -> str:
    """The host's root, without a closing version."""
    root = address.rstrip("/")
    return root[:-3] if root.endswith(("/v1", "/v2")) else root


def read_cost(body: Mapping[str, Any], headers: Mapping[str, str]) -> Cost | None:
    """Dollars where the vendor says them, else its credits."""
    meta = body.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    usd = decimal_of(headers.get("x-aimlapi-usd-spent")) or decimal_of(usage.get("usd_spent"))
    if usd is not None:
        return Cost(usd, "USD")
    credits = decimal_of(headers.get("x-aimlapi-credits-used", usage.get("credits_used", usage.get("tokens_used"))))
    return None if credits is None else Cost(credits, "credits")


def read_error(response: HttpResponse) -> StatusError:
    """The shared reading; a 403 that speaks of credits is an empty account (documented so, without a code)."""
    error = read_shared_error(response, "aimlapi")
    if isinstance(error, PermissionDeniedError) and "credits" in error.message.lower():
        return error.as_class(InsufficientCreditsError)
    return error


AIMLAPI = openai_compatible(
    name="aimlapi",
    title="AI/ML API",
    base_url="https://api.aimlapi.com",
    api_key_env="AIMLAPI_API_KEY",
    base_url_env="AIMLAPI_BASE_URL",
    dialect=Dialect(
        provider="aimlapi",
        media=frozenset({"image", "audio", "file", "video"}),
        unknown_settings=frozenset({"service_tier"}),
        replay_reasoning=True,
        stream_usage=True,
        knows_developer=True,
    ),
    read_vendor_error=read_error,
    read_cost=read_cost,
    chat_path="/v1/chat/completions",
    embed_path="/v1/embeddings",
    retry_statuses=frozenset({500, 502, 503, 504}),
    settle_base_url=settle_base_url,
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
        "metrics": "documented",
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
