"""AI/ML API's other ways to talk to a model: the Responses API, Anthropic's messages, batches of those, guard models.

- A batch is asked about and its results are read at the same address: one object while it runs, one line per result after that.
- The schema of a batch demands a model at the top that no sample sends; it is left out.
- Guard models answer a chat with "safe", or "unsafe" and the categories. The provider offers none today.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, MultiApiError, ResponseFormatError, printable
from multiapi.formats.answer_facts import answer_without, is_filler, object_at, request_id, whole_number
from multiapi.formats.media import needs_text
from multiapi.formats.messages import build_messages, message_of, messages_body, parse_messages
from multiapi.formats.openai.vendor import parse_chat, parse_object
from multiapi.formats.responses import build_responses, parse_responses
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt, path_segment
from multiapi.http.json import parse_answer
from multiapi.provider import Operation, Retry
from multiapi.providers.aimlapi import AIMLAPI, GUARDS, SCHEMAS, read_cost
from multiapi.types.batches import Batch, BatchRequest, BatchResult, BatchState
from multiapi.types.chat import ChatRequest, MediaPart, Message, TextPart
from multiapi.types.media import Media, needs_bytes
from multiapi.types.media_fields import settings_of
from multiapi.types.media_requests import ModerationRequest
from multiapi.types.media_results import Moderation

_NAME = "aimlapi"
_MAX_BATCH = 100_000

# ------------------------------------------------------------------------------------------------ batches


def build_batch(request: BatchRequest) -> HttpRequest:
    """Conversations with Claude models, each by its id.

    Raises:
        InvalidRequestError: None, or more than 100,000.
    """
    if not 1 <= len(request.requests) <= _MAX_BATCH:
        raise InvalidRequestError(
            f"aimlapi takes 1 to {_MAX_BATCH} conversations in a batch, not {len(request.requests)}", provider=_NAME
        )
    entries = [
        {"custom_id": custom_id, "params": messages_body(each, provider=_NAME, schemas=SCHEMAS)}
        for custom_id, each in request.requests.items()
    ]
    return HttpRequest("POST", "/v1/batches", json={"requests": entries})


def build_get_batch(batch: Batch | str) -> HttpRequest:
    """State or results."""
    return HttpRequest("GET", "/v1/batches", query=(("batch_id", _batch_id(batch)),))


def build_cancel_batch(batch: Batch | str) -> HttpRequest:
    """No further conversation of it is begun."""
    return HttpRequest("POST", f"/v1/batches/cancel/{path_segment(_batch_id(batch))}")


def _batch_id(batch: Batch | str) -> str:
    found = batch.id if isinstance(batch, Batch) else batch
    if not found or found in {".", ".."}:
        raise InvalidRequestError(f"{printable(found, 80)!r} is not a valid id of a batch", provider=_NAME)
    return found


def parse_batch(response: HttpResponse) -> Batch:
    """A batch that was taken, or is being cancelled."""
    body = parse_object(response, _NAME)
    if not isinstance(body.get("id"), str):
        raise answer_without(response, _NAME, body, "a batch id")
    return _batch(body)


def parse_batch_state(response: HttpResponse) -> Batch:
    """One object with the state, or results line by line.

    Raises:
        ResponseFormatError: Neither.
    """
    lines = [line for line in response.body.split(b"\n") if line.strip()]
    try:
        bodies = [parse_answer(line) for line in lines]
    except ValueError:
        bodies = [response.json(provider=_NAME)]
    if len(bodies) == 1 and isinstance(bodies[0], list):
        bodies = bodies[0]
    results = [body for body in bodies if isinstance(body, dict) and isinstance(body.get("custom_id"), str)]
    if results:
        return Batch(
            id="",
            provider=_NAME,
            status="ended",
            state="completed",
            results=tuple(_result(body, response) for body in results),
        )
    if len(bodies) == 1 and isinstance(bodies[0], dict):
        if not isinstance(bodies[0].get("id"), str):
            parse_object(response, _NAME)
            raise answer_without(response, _NAME, bodies[0], "a batch")
        return _batch(bodies[0])
    raise ResponseFormatError(
        f"{_NAME} answered about a batch with neither a state nor results", provider=_NAME, body=excerpt(response.body)
    )


def _batch(body: dict[str, Any]) -> Batch:
    status = str(body.get("status") or body.get("processing_status") or "")
    counts = object_at(body, "request_counts")
    is_cancelled = "cancelled" in (body.get("status"), body.get("processing_status"))
    state: BatchState = "cancelled" if is_cancelled else "pending"
    return Batch(
        id=body["id"],
        provider=_NAME,
        status=status,
        state=state,
        counts={name: count for name, value in counts.items() if (count := whole_number(value)) is not None},
        created=body.get("created_at"),
        expires=body.get("expires_at"),
        raw=body,
    )


def _result(body: dict[str, Any], response: HttpResponse) -> BatchResult:
    result = object_at(body, "result")
    message, error = result.get("message"), result.get("error")
    if isinstance(error, dict):
        inner = error.get("error")
        error = (inner if isinstance(inner, dict) else error).get("message") or error.get("type")
    head = HttpResponse(response.status, {}, b"")
    answer = None
    if isinstance(message, dict):
        try:
            answer = message_of(message, head, provider=_NAME, read_cost=read_cost)
        except MultiApiError as failure:  # one that cannot be read takes none of the others away
            error = failure.message
    return BatchResult(
        custom_id=body["custom_id"],
        outcome=str(result.get("type") or "unknown"),
        response=answer,
        error=None if is_filler(error) else printable(str(error)),
        raw=body,
    )


# ------------------------------------------------------------------------------------------------ guard models


def build_moderation(request: ModerationRequest) -> HttpRequest:
    """The text, the images or the conversation as a chat with the guard model.

    Raises:
        InvalidRequestError: There is no model, or nothing to be judged.
    """
    if not request.model:
        raise InvalidRequestError(
            f"aimlapi offers no guard model of its own any more; pass the id of one that you may use, as in {GUARDS[0]}",
            provider=_NAME,
        )
    text = needs_text(request.text, _NAME, "text") if request.text or not (request.images or request.messages) else ""
    images = [_image_part(each) for each in settings_of(request, _NAME).get("images", ())]
    messages = list(request.messages)
    if images:
        messages.append(Message("user", [*([TextPart(text)] if text else []), *images]))
    elif text:
        messages.append(Message("user", text))
    return AIMLAPI.chat.build(
        ChatRequest(model=request.model, messages=messages, extra=request.extra, headers=request.headers)
    )


def _image_part(media: Media) -> MediaPart:
    if media.data is None and media.url is not None:
        return MediaPart("image", url=media.url)
    return MediaPart(
        "image", data=needs_bytes(media, provider=_NAME, what="an image").base64(), mime_type=media.mime_type
    )


def parse_moderation(response: HttpResponse) -> Moderation:
    """The first word decides; the categories stand on the lines below.

    Raises:
        ResponseFormatError: The model says neither.
    """
    answer = parse_chat(response, provider=_NAME, read_cost=read_cost)
    first, _, rest = answer.text.strip().partition("\n")
    word = first.strip().lower().strip(".")
    if word not in {"safe", "unsafe"}:
        raise ResponseFormatError(
            f"the guard model answered neither safe nor unsafe but {printable(answer.text, 120)!r}; moderate() takes guard models "
            f"alone, as in {GUARDS[0]}",
            provider=_NAME,
        )
    return Moderation(
        provider=_NAME,
        model=answer.model,
        safe=word == "safe",
        categories=tuple(part.strip() for part in rest.replace("\n", ",").split(",") if part.strip()),
        text=answer.text,
        cost=answer.cost,
        request_id=request_id(response.headers, answer.raw),
        raw=answer.raw,
    )


OPERATIONS: dict[str, Operation[Any, Any]] = {
    "responses": Operation(
        "responses",
        partial(build_responses, provider=_NAME, schemas=SCHEMAS),
        partial(parse_responses, provider=_NAME, read_cost=read_cost),
        Retry.ANSWER,
    ),
    "messages": Operation(
        "messages",
        partial(build_messages, provider=_NAME, schemas=SCHEMAS),
        partial(parse_messages, provider=_NAME, read_cost=read_cost),
        Retry.ANSWER,
    ),
    "create_batch": Operation("create_batch", build_batch, parse_batch, Retry.JOB),
    "get_batch": Operation("get_batch", build_get_batch, parse_batch_state, Retry.READ, limit="media_answer_bytes"),
    "cancel_batch": Operation("cancel_batch", build_cancel_batch, parse_batch, Retry.JOB, free=True),
    "moderate": Operation("moderate", build_moderation, parse_moderation, Retry.ANSWER),
}
