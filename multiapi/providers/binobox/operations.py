"""Binobox beside chat: media as base64 in JSON with options under `settings`, video as a job, usage with the balance.

- Speech takes `input`, the others `prompt`.
- `poll_url` is not used: the path is built from the job's id, so no key goes to another host.
- A video is charged when it is finished; the job says how much. Starting one twice can cost twice.

Facts and sources: multiapi/simulator/contracts/binobox.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError, printable
from multiapi.formats.account import get, get_models, parse_models, read_operation
from multiapi.formats.answer_facts import answer_without, decimal_of, list_at, request_id, text_at, whole_number
from multiapi.formats.jobs import error_word, job_id_of, parse_status, state_of
from multiapi.formats.media import media_operation, needs_text, parse_images, parse_sound, taken_settings, without_media
from multiapi.formats.openai.vendor import merged, parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse, path_segment
from multiapi.provider import Operation, Retry
from multiapi.providers.binobox import read_cost
from multiapi.types.account import Balance, ModelInfo, Price, UsageReport, UsageRequest
from multiapi.types.jobs import Job
from multiapi.types.media import Media
from multiapi.types.media_kinds import normal
from multiapi.types.media_requests import ImageRequest, MediaRequest, MusicRequest, SpeechRequest, VideoRequest
from multiapi.types.usage import Cost

_NAME = "binobox"
_HINT = "settings={...} takes them by name"


# ------------------------------------------------------------------------------------------------ building


def build_image(request: ImageRequest) -> HttpRequest:
    """Images from a prompt; count and ratio are the only settings that are documented by name."""
    settings = taken_settings(request, _NAME, {"prompt", "count", "aspect_ratio", "settings"}, hint=_HINT)
    return _prompted(
        "/images/generations", request, settings, {"count": "numberOfImages", "aspect_ratio": "aspectRatio"}
    )


def build_speech(request: SpeechRequest) -> HttpRequest:
    """A text in `input`, the voice under `settings`."""
    settings = taken_settings(request, _NAME, {"text", "voice", "settings"}, hint=_HINT)
    body: dict[str, Any] = {"model": request.model, "input": needs_text(request.text, _NAME, "text")}
    if tuned := _tuned(settings, {"voice": "voice"}):
        body["settings"] = tuned
    return HttpRequest("POST", "/audio/speech", json=merged(body, request.extra), headers=request.headers)


def build_music(request: MusicRequest) -> HttpRequest:
    """Music from a prompt; the length in seconds."""
    settings = taken_settings(request, _NAME, {"prompt", "duration_s", "settings"}, hint=_HINT)
    return _prompted("/audio/music", request, settings, {"duration_s": "duration"})


def build_video(request: VideoRequest) -> HttpRequest:
    """A video from a prompt, as a job; the length in seconds, which the video may miss by a little."""
    settings = taken_settings(request, _NAME, {"prompt", "duration_s", "aspect_ratio", "settings"}, hint=_HINT)
    return _prompted(
        "/videos/generations", request, settings, {"duration_s": "duration", "aspect_ratio": "aspectRatio"}
    )


def _prompted(path: str, request: MediaRequest, settings: dict[str, Any], names: dict[str, str]) -> HttpRequest:
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": needs_text(settings.get("prompt", ""), _NAME, "prompt"),
    }
    if tuned := _tuned(settings, names):
        body["settings"] = tuned
    return HttpRequest("POST", path, json=merged(body, request.extra), headers=request.headers)


def _tuned(settings: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """What stands under `settings` on the wire: ours in Binobox' names, and what is given in its own.

    Raises:
        InvalidRequestError: Both name the same setting, with different values.
    """
    tuned = {theirs: _whole(settings[ours]) for ours, theirs in names.items() if ours in settings}
    given = settings.get("settings", {})
    if not isinstance(given, Mapping):
        raise InvalidRequestError(f"{_NAME} takes settings by name, not {printable(repr(given), 80)}", provider=_NAME)
    for ours, theirs in names.items():
        if theirs in tuned and theirs in given and given[theirs] != tuned[theirs]:
            raise InvalidRequestError(
                f"{_NAME}: {ours} and {theirs} in `settings` are the same setting with two values; leave one of them out",
                provider=_NAME,
            )
    return {**given, **tuned}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def build_poll(job: Job) -> HttpRequest:
    """Ask about a job by its id, below our own address."""
    try:
        return HttpRequest("GET", f"/jobs/{path_segment(job.id)}")
    except ValueError:
        raise ResponseFormatError(f"binobox gave a job the id {job.id!r}, which is none", provider=_NAME) from None


def build_usage(request: UsageRequest | None) -> HttpRequest:
    """The last 30 days; no other time can be asked for."""
    if request is not None and request != UsageRequest() and request.period != "30d":
        raise UnsupportedError("binobox reports the last 30 days and takes no other time", provider=_NAME)
    return HttpRequest("GET", "/usage")


# ------------------------------------------------------------------------------------------------ reading


def parse_started(response: HttpResponse) -> Job:
    """The job in the response to its start. Without an id it is lost, and may run."""
    body = parse_status(response, provider=_NAME, id_names=("id",))
    job = _job(body, response)
    if not job.id:
        raise answer_without(response, _NAME, body, "a job id")
    return job


def parse_job(response: HttpResponse) -> Job:
    """How a job is doing. Only completed, failed and cancelled end it; every other word means that it goes on."""
    return _job(parse_status(response, provider=_NAME), response)


def _job(body: dict[str, Any], response: HttpResponse) -> Job:
    status = str(body["status"])
    state = state_of(status, done={"completed"}, failed={"failed", "cancelled"})
    error = body.get("error")
    estimate = decimal_of(body.get("estimated_cost_diamonds"))
    charged = decimal_of(body.get("charged_cost_diamonds"))
    refunded = decimal_of(body.get("refunded_cost_diamonds"))
    output = body.get("output")
    media = _output(output) if state == "completed" and isinstance(output, dict) else None
    return Job(
        id=job_id_of(body, "id"),
        provider=_NAME,
        model=text_at(body, "model"),
        status=status,
        state=state,
        media=() if media is None else (media,),
        error=str(error.get("message") or error)
        if isinstance(error, dict)
        else error
        if isinstance(error, str)
        else None,
        cost=Cost(charged, "diamonds") if charged is not None else None,
        estimated_cost=Cost(estimate, "diamonds") if estimate is not None else None,
        refunded=Cost(refunded, "diamonds") if refunded else None,
        error_code=error_word(error, "code", "type"),
        vendor_type=text_at(body, "type") or None,
        made_by=text_at(body, "provider") or None,
        created=text_at(body, "created_at") or None,
        started=text_at(body, "started_at") or None,
        finished=text_at(body, "completed_at") or None,
        request_id=request_id(response.headers, body),
        raw=without_media(body),
    )


def _output(output: dict[str, Any]) -> Media | None:
    """The signed address; the other one is private. What is not text counts as an address too, and is refused as one."""
    url = output.get("signed_url") or output.get("url")
    if not url:
        return None
    facts = {name: output[name] for name in ("size_bytes", "duration_seconds") if output.get(name) is not None}
    return Media(
        url=url if isinstance(url, str) else str(url),
        mime_type=normal(str(output.get("mime_type") or "")),
        metadata=facts,
    )


def read_model(entry: dict[str, Any]) -> ModelInfo:
    """A model that this key may use, with the least that a call costs."""
    least = decimal_of(entry.get("min_cost_diamonds"))
    capabilities = tuple(str(word) for word in list_at(entry, "capabilities"))
    return ModelInfo(
        id=entry["id"],
        provider=_NAME,
        kind=capabilities[0] if capabilities else None,
        developer=entry.get("owned_by"),
        capabilities=capabilities,
        prices=() if least is None else (Price(amount=least, currency="diamonds", what="call_at_least"),),
        raw=entry,
    )


def parse_usage(response: HttpResponse) -> UsageReport:
    """Counts and cost of the last 30 days, and what is left."""
    body = parse_object(response, _NAME)
    spent = decimal_of(body.get("diamonds_charged"))
    left = decimal_of(body.get("balance_remaining"))
    if spent is None and left is None and whole_number(body.get("request_count")) is None:
        raise answer_without(response, _NAME, body, "usage")
    return UsageReport(
        provider=_NAME,
        days=whole_number(body.get("period_days")),
        requests=whole_number(body.get("request_count")),
        succeeded=whole_number(body.get("success_count")),
        failed=whole_number(body.get("error_count")),
        cost=None if spent is None else Cost(spent, "diamonds", left),
        balance=left,
        raw=body,
    )


def parse_balance(response: HttpResponse) -> Balance:
    """The balance stands in the usage report."""
    body = parse_object(response, _NAME)
    left = decimal_of(body.get("balance_remaining"))
    if left is None:
        raise answer_without(response, _NAME, body, "a balance")
    return Balance(provider=_NAME, amount=left, unit="diamonds", raw=body)


OPERATIONS: dict[str, Operation[Any, Any]] = {
    "image": media_operation("image", build_image, partial(parse_images, provider=_NAME, read_cost=read_cost)),
    "speech": media_operation("speech", build_speech, partial(parse_sound, provider=_NAME, read_cost=read_cost)),
    "music": media_operation("music", build_music, partial(parse_sound, provider=_NAME, read_cost=read_cost)),
    "start_video": Operation("start_video", build_video, parse_started, Retry.JOB),
    "poll_video": read_operation("poll_video", build_poll, parse_job),
    "models": read_operation(
        "models", get_models("/models", provider=_NAME), partial(parse_models, provider=_NAME, read_model=read_model)
    ),
    "usage": read_operation("usage", build_usage, parse_usage),
    "balance": read_operation("balance", get("/usage"), parse_balance),
}
