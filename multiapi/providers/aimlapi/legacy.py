"""AI/ML API's older operations, in the provider's own words: assistants and threads, files, the routes before the unified ones.

They are described but superseded, hidden or announced for retirement, so they have no types: ids, body and query go in as
they are documented, and the body of the response comes back. A 404 means that the provider does not offer the route any more.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml, operations with `x-status: legacy` and `removed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError
from multiapi.formats.named_events import NamedEvents
from multiapi.formats.openai.vendor import parse_object, read_event_error
from multiapi.http.exchange import FilePart, HttpRequest, HttpResponse, path_segment
from multiapi.provider import EventOperation, Operation, Retry, Withdrawal
from multiapi.providers.aimlapi import NO_SEARCH
from multiapi.types.legacy import LegacyRequest
from multiapi.types.limits import Limits
from multiapi.types.media import needs_bytes
from multiapi.types.media_fields import UNKNOWN, fitting
from multiapi.types.media_kinds import container_of, upload_name

_NAME = "aimlapi"

ROUTES: Mapping[str, tuple[str, str]] = {
    "create_assistant": ("POST", "/assistants"),
    "list_assistants": ("GET", "/assistants"),
    "get_assistant": ("GET", "/assistants/{assistant_id}"),
    "update_assistant": ("POST", "/assistants/{assistant_id}"),
    "delete_assistant": ("DELETE", "/assistants/{assistant_id}"),
    "create_thread": ("POST", "/threads"),
    "get_thread": ("GET", "/threads/{thread_id}"),
    "update_thread": ("POST", "/threads/{thread_id}"),
    "delete_thread": ("DELETE", "/threads/{thread_id}"),
    "create_thread_message": ("POST", "/threads/{thread_id}/messages"),
    "list_thread_messages": ("GET", "/threads/{thread_id}/messages"),
    "get_thread_message": ("GET", "/threads/{thread_id}/messages/{message_id}"),
    "update_thread_message": ("POST", "/threads/{thread_id}/messages/{message_id}"),
    "delete_thread_message": ("DELETE", "/threads/{thread_id}/messages/{message_id}"),
    "create_run": ("POST", "/threads/{thread_id}/runs"),
    "list_runs": ("GET", "/threads/{thread_id}/runs"),
    "create_thread_and_run": ("POST", "/threads/runs"),
    "get_run": ("GET", "/threads/{thread_id}/runs/{run_id}"),
    "update_run": ("POST", "/threads/{thread_id}/runs/{run_id}"),
    "submit_tool_outputs": ("POST", "/threads/{thread_id}/runs/{run_id}/submit_tool_outputs"),
    "cancel_run": ("POST", "/threads/{thread_id}/runs/{run_id}/cancel"),
    "list_run_steps": ("GET", "/threads/{thread_id}/runs/{run_id}/steps"),
    "get_run_step": ("GET", "/threads/{thread_id}/runs/{run_id}/steps/{step_id}"),
    "upload_file": ("POST", "/v1/files"),
    "get_file": ("GET", "/v1/files/{file_id}"),
    "delete_file": ("DELETE", "/v1/files/{file_id}"),
    "create_image_with_url": ("POST", "/v1/images/generations/with-url"),
    "create_video_legacy": ("POST", "/v2/generate/video/{vendor}/generation"),
    "get_video_legacy": ("GET", "/v2/generate/video/{vendor}/generation"),
    "upload_music_reference": ("POST", "/v2/generate/audio/minimax/upload"),
    "generate_music_01": ("POST", "/v2/generate/audio/minimax/generate"),
    "transcribe_sync": ("POST", "/v1/stt"),
    # Withdrawn, as they were documented last:
    "bagoodex_links": ("GET", "/v1/bagoodex/links"),
    "bagoodex_images": ("GET", "/v1/bagoodex/images"),
    "bagoodex_videos": ("GET", "/v1/bagoodex/videos"),
    "bagoodex_weather": ("GET", "/v1/bagoodex/weather"),
    "bagoodex_local_map": ("GET", "/v1/bagoodex/local-map"),
    "bagoodex_knowledge": ("GET", "/v1/bagoodex/knowledge"),
    "get_balance_legacy": ("GET", "/v1/billing/balance"),
    "create_completion": ("POST", "/v1/completions"),
    "suno_v1_generate": ("POST", "/v1/generate"),
    "suno_v1_custom": ("POST", "/v1/generate/custom-mode"),
    "suno_v1_extend": ("POST", "/v1/extend"),
    "suno_v1_get": ("GET", "/v1"),
    "suno_v2_create_clip": ("POST", "/v2/generate/audio/suno-ai/clip"),
    "suno_v2_get_clip": ("GET", "/v2/generate/audio/suno-ai/clip"),
    "suno_v2_list_clips": ("GET", "/v2/generate/audio/suno-ai/clips"),
    "suno_v2_create_lyric": ("POST", "/v2/generate/audio/suno-ai/lyric"),
    "suno_v2_get_lyric": ("GET", "/v2/generate/audio/suno-ai/lyric"),
    "luma_v1_create": ("POST", "/v1/luma-ai/generations"),
    "luma_v1_list": ("GET", "/v1/luma-ai/generations"),
    "luma_v1_extend": ("POST", "/v1/luma-ai/generations/{taskId}/extend"),
    "luma_v1_get": ("GET", "/v1/luma-ai/generation"),
    "luma_v1_upload": ("POST", "/v1/luma-ai/generations/file-upload"),
    "luma_v2_list_generations": ("GET", "/v2/generate/video/luma-ai/generations"),
    "create_key_old": ("POST", "/api-keys"),
    "list_keys_old": ("GET", "/api-keys"),
    "disable_key_old": ("PUT", "/api-keys/{id}/disable"),
    "enable_key_old": ("PUT", "/api-keys/{id}/enable"),
}
"""Method and path by the name of the operation; ids in braces are those of `LegacyRequest.ids`."""

_ASSISTANTS = Withdrawal(None, "chat() with tools does it today", is_guess=True)
_SONGS = "music() makes songs today"
_VIDEOS = "video() makes videos today"
_KEYS = "create_key, keys and update_key do it today"

WITHDRAWN: Mapping[str, Withdrawal] = {
    "create_image_with_url": Withdrawal("2026-08-21", "image() takes what models need, an address too"),
    "get_balance_legacy": Withdrawal("2026-04-15", "balance() says it today"),
    "create_completion": Withdrawal("2026-08-21", "chat() is asked today"),
    **{name: _ASSISTANTS for name, (_, path) in ROUTES.items() if path.startswith(("/assistants", "/threads"))},
    **{name: NO_SEARCH for name in ROUTES if name.startswith("bagoodex_")},
    **{name: Withdrawal(None, _SONGS) for name in ROUTES if name.startswith("suno_v1_")},
    **{name: Withdrawal("2025-02-26", _SONGS) for name in ROUTES if name.startswith("suno_v2_")},
    **{name: Withdrawal(None, _VIDEOS) for name in ROUTES if name.startswith("luma_")},
    **{name: Withdrawal(None, _KEYS) for name in ROUTES if name.endswith("_old")},
}
"""Since when each is withdrawn, as far as the contract knows it, and what to use; its 404 is a `WithdrawnError`."""
_PAID = frozenset(
    {
        "create_run",
        "create_thread_and_run",
        "submit_tool_outputs",
        "create_completion",
        "create_image_with_url",
        "create_video_legacy",
        "generate_music_01",
        "luma_v1_create",
        "luma_v1_extend",
        "suno_v1_custom",
        "suno_v1_extend",
        "suno_v1_generate",
        "suno_v2_create_clip",
        "suno_v2_create_lyric",
        "transcribe_sync",
    }
)
"""Those that make something; the others keep or remove what there is."""

_BY_FORM = {
    "upload_file": ("file", "assistants"),
    "upload_music_reference": ("file", "song"),
    "transcribe_sync": ("audio", None),
}
_WITHOUT_BODY = frozenset({"cancel_run", "create_key_old", "disable_key_old", "enable_key_old"})
_TAKEN = {
    "upload_file": ("document", "text", "image", "audio", "video", "mesh", "file", UNKNOWN),
    "upload_music_reference": ("audio",),
    "transcribe_sync": ("audio", "video", UNKNOWN),
}


STREAMED = ("create_run", "create_thread_and_run", "submit_tool_outputs")
"""Those whose responses are documented as events too."""


def build(request: LegacyRequest | None, *, name: str, stream: bool = False) -> HttpRequest:
    """The request as it is documented; with `stream` the one whose answer comes in events.

    Raises:
        InvalidRequestError: An id in the path is missing, or is one that would change the path; or the body asks for events by itself.
    """
    wanted = request or LegacyRequest()
    if stream:
        wanted = replace(wanted, body={**wanted.body, "stream": True})
    elif wanted.body.get("stream"):
        instead = f"call legacy_stream({name!r}, ...)" if name in STREAMED else "no such response is documented"
        raise InvalidRequestError(
            f"aimlapi: legacy({name!r}) reads a whole response, so its body cannot have 'stream': {instead}",
            provider=_NAME,
        )
    method, template = ROUTES[name]
    needed = re.findall(r"{(\w+)}", template)
    missing = [each for each in needed if each not in wanted.ids]
    if missing or set(wanted.ids) - set(needed):
        raise InvalidRequestError(
            f"aimlapi: {name} takes the ids {', '.join(needed) or 'none'}, not {', '.join(wanted.ids) or 'none'}",
            provider=_NAME,
        )
    try:
        path = template.format(**{each: path_segment(str(wanted.ids[each])) for each in needed})
    except ValueError as error:
        raise InvalidRequestError(f"aimlapi: {error} is not a valid id", provider=_NAME) from None
    query = tuple(
        (key, str(each))
        for key, value in wanted.query.items()
        for each in (value if isinstance(value, (list, tuple)) else (value,))
    )
    if wanted.file is not None:
        return _with_file(wanted, name, method, path, query)
    body = None if method not in {"POST", "PUT"} or (name in _WITHOUT_BODY and not wanted.body) else dict(wanted.body)
    headers = {"openai-beta": "assistants=v2"} if path.startswith(("/assistants", "/threads")) else {}
    return HttpRequest(method, path, json=body, query=query, headers=headers)


def _with_file(
    wanted: LegacyRequest, name: str, method: str, path: str, query: tuple[tuple[str, str], ...]
) -> HttpRequest:
    if name not in _BY_FORM:
        raise InvalidRequestError(f"aimlapi: {name} takes no file", provider=_NAME)
    field, purpose = _BY_FORM[name]
    assert wanted.file is not None
    source = fitting(wanted.file, _TAKEN[name], _NAME, "file")
    media = needs_bytes(source, provider=_NAME, what="a file")
    mime_type = container_of(media.mime_type or "application/octet-stream")
    part = FilePart(field, upload_name(media.name or "file", media.mime_type), media.read(), mime_type)
    fields = {**({"purpose": purpose} if purpose else {}), **wanted.body}
    form = tuple((key, str(value)) for key, value in fields.items())
    return HttpRequest(method, path, query=query, form=form, files=(part,))


def parse(response: HttpResponse, *, may_be_empty: bool = False) -> Any:
    """The body as it is; a job that failed is a state and not an error."""
    if may_be_empty and not response.body.strip():  # as the old operations on keys answer
        return {}
    body = response.json(provider=_NAME)
    if isinstance(body, list):
        return body
    if isinstance(body, dict) and isinstance(body.get("status"), str) and ("id" in body or "generation_id" in body):
        return body
    return parse_object(response, _NAME)


def decoder(head: HttpResponse, limits: Limits) -> NamedEvents:
    """Reads a run in events."""
    return NamedEvents(head, limits, provider=_NAME, read_event_error=partial(read_event_error, provider=_NAME))


OPERATIONS: dict[str, Operation[Any, Any]] = {
    name: Operation(
        name,
        partial(build, name=name),
        partial(parse, may_be_empty=name.endswith("key_old")),
        Retry.READ if method == "GET" else Retry.JOB,
        limit="media_answer_bytes",
        withdrawn=WITHDRAWN.get(name),
        free=name not in _PAID,
        events=EventOperation(partial(build, name=name, stream=True), decoder) if name in STREAMED else None,
    )
    for name, (method, _) in ROUTES.items()
}
