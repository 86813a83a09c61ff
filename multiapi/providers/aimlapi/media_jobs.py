"""AI/ML API's jobs: videos, music and transcripts, started and asked about by id.

The state of a job decides, not an `error` beside it; unknown states mean that it goes on.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml and aimlapi_notes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from multiapi.errors import ResponseFormatError, printable
from multiapi.formats.answer_facts import answer_without, request_id, text_at
from multiapi.formats.jobs import error_word, job_id_of, parse_status, state_of
from multiapi.formats.media import media_in, mime_type_of_url, without_media
from multiapi.formats.openai.vendor import parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse, path_segment
from multiapi.provider import Operation, Retry
from multiapi.providers.aimlapi import catalogue, read_cost
from multiapi.providers.aimlapi.media import NAME, build_music, build_transcription, build_video, path_of
from multiapi.providers.aimlapi.transcripts import transcript_of
from multiapi.types.jobs import Job, JobKind
from multiapi.types.media import Media

_DONE = frozenset({"completed", "succeeded", "success"})
_FAILED = frozenset({"error", "failed", "cancelled", "canceled", "expired"})
_FAMILY = {"video": "video", "music": "music", "transcription": "stt"}
"""What the catalogue calls the models of a kind of job."""


def build_poll(job: Job) -> HttpRequest:
    """Ask about a job by its id, which may hold slashes and colons, as one value."""
    if job.kind == "transcription":
        try:
            return HttpRequest("GET", f"/v1/stt/{path_segment(job.id)}")
        except ValueError:
            raise ResponseFormatError(f"aimlapi gave a job the id {job.id!r}, which is none", provider=NAME) from None
    entry = catalogue.find(job.model) if job.model else None
    known = entry if entry is not None and entry.poll_endpoint is not None else None
    endpoint = (known or catalogue.unknown("", _FAMILY[job.kind])).poll_endpoint or ""
    return HttpRequest("GET", path_of(endpoint).partition("?")[0], query=(("generation_id", job.id),))


def parse_started(response: HttpResponse, *, kind: JobKind) -> Job:
    """The job in the response to its start; older transcription answers have no state, only the id."""
    body = response.json(provider=NAME)
    if isinstance(body, dict) and not body.get("status") and job_id_of(body, "generation_id", "id"):
        if "statusCode" in body or body.get("error"):
            parse_object(response, NAME)
        return Job(
            id=job_id_of(body, "generation_id", "id"),
            provider=NAME,
            kind=kind,
            status="queued",
            cost=read_cost(body, response.headers),
            estimated_cost=read_cost(body, response.headers),
            request_id=request_id(response.headers, body),
            raw=without_media(body),
        )
    job = _job(parse_status(response, provider=NAME), response, kind)
    if not job.id:
        raise answer_without(response, NAME, job.raw, "a job id")
    return job


def parse_job(response: HttpResponse, *, kind: JobKind) -> Job:
    """How a job is doing."""
    return _job(parse_status(response, provider=NAME), response, kind)


def _job(body: dict[str, Any], response: HttpResponse, kind: JobKind) -> Job:
    status = str(body["status"])
    state = state_of(status, done=_DONE, failed=_FAILED)
    cost = read_cost(body, response.headers)
    done = state == "completed"
    return Job(
        id=job_id_of(body, "id", "generation_id"),
        provider=NAME,
        kind=kind,
        model=text_at(body, "model"),
        status=status,
        state=state,
        media=_media_in(body, kind) if done and kind != "transcription" else (),
        transcript=transcript_of(body, cost, response) if done and kind == "transcription" else None,
        error=_reason(body.get("error")) if state == "failed" else None,
        error_code=error_word(body.get("error"), "code", "type", "name") if state == "failed" else None,
        cost=None if state == "failed" else cost,
        estimated_cost=cost if state == "pending" else None,
        request_id=request_id(response.headers, body),
        raw=without_media(body),
    )


def _media_in(body: Mapping[str, Any], kind: str) -> tuple[Media, ...]:
    """`video` or `audio_file`: an object with a link, a list of those, or a list of links; else wherever clients have found it."""
    found = body.get("video") if kind == "video" else body.get("audio_file", body.get("audio"))
    usual = "video/mp4" if kind == "video" else "audio/mpeg"
    made = tuple(
        media
        for item in (found if isinstance(found, list) else [found])
        if (media := _file_of(item, usual)) is not None
    )
    if made:
        return made
    try:
        others, _ = media_in(body, HttpResponse(200, {}), provider=NAME, what="a video" if kind == "video" else "sound")
    except ResponseFormatError:
        return ()
    return tuple(each if each.mime_type else replace(each, mime_type=usual) for each in others)


def _file_of(item: Any, usual: str) -> Media | None:
    url = item.get("url") if isinstance(item, dict) else item
    if not url or (
        isinstance(url, str) and url.lower().startswith(("none.", "data:"))
    ):  # None.mp3: seen for what failed; data: is read elsewhere
        return None
    facts = (
        {name: value for name, value in item.items() if name != "url" and value is not None}
        if isinstance(item, dict)
        else {}
    )
    said = facts.pop("content_type", None)
    return Media(
        url=url if isinstance(url, str) else printable(str(url), 200),
        mime_type=said
        if isinstance(said, str) and said != "application/octet-stream"
        else mime_type_of_url(str(url)) or usual,
        metadata=facts,
    )


def _reason(error: Any) -> str | None:
    """`{name, message}`, `{detail: [{msg}]}`, a text, or nothing."""
    if isinstance(error, str):
        return error or None
    if not isinstance(error, dict):
        return None
    detail = error.get("detail")
    details = [item.get("msg") for item in detail if isinstance(item, dict)] if isinstance(detail, list) else []
    words = [word for word in (error.get("name"), error.get("message"), *details) if isinstance(word, str) and word]
    return ": ".join(words) or None


def _job_operations(kind: JobKind, build: Any) -> dict[str, Operation[Any, Any]]:
    return {
        f"start_{kind}": Operation(f"start_{kind}", build, partial(parse_started, kind=kind), Retry.JOB),
        f"poll_{kind}": Operation(f"poll_{kind}", build_poll, partial(parse_job, kind=kind), Retry.READ),
    }


OPERATIONS: dict[str, Operation[Any, Any]] = {
    **_job_operations("video", build_video),
    **_job_operations("music", build_music),
    **_job_operations("transcription", build_transcription),
}
