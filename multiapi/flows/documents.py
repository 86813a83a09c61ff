"""Recordings and scans as documents: what is asked of the provider, and the parts that a response is split into, for both frameworks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from multiapi.errors import InvalidRequestError
from multiapi.flows.jobs import DEFAULT_TIMEOUT_S
from multiapi.flows.operations import one, one_or_job
from multiapi.flows.steps import Flow, Target
from multiapi.types.media import Media
from multiapi.types.media_requests import OcrRequest, TranscriptionRequest
from multiapi.types.media_results import OcrResult, Segment, Transcript

if TYPE_CHECKING:
    from multiapi.flows.jobs import PollEvery

MAX_FILE_BYTES = 200_000_000
"""Files larger than that are refused before they are read, unless another size is given."""


class Part(NamedTuple):
    """One document of what was read: its text, its facts, and which part it is."""

    text: str
    metadata: dict[str, Any]
    label: str


def check_split(kind: str, split: str, words: Sequence[str]) -> None:
    """Refuse a way to split that there is not.

    Raises:
        InvalidRequestError: It is not one of the words.
    """
    if split not in words:
        raise InvalidRequestError(f"{kind} takes split as one of {', '.join(words)}, not {split!r}")


def transcribe(
    target: Target,
    media: Media,
    *,
    model: str | None = None,
    language: str | None = None,
    diarize: bool | None = None,
    extra: dict[str, Any] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    poll_every: PollEvery | None = None,
) -> Flow[Transcript]:
    """What is said in a recording."""
    request = TranscriptionRequest(
        model=model or target.provider.default_model("transcribe"),
        audio=media,
        language=language,
        diarize=diarize,
        extra=extra or {},
    )
    return one_or_job(target, "transcribe", "transcription", request, timeout_s=timeout_s, poll_every=poll_every)


def read_scan(
    target: Target,
    media: Media,
    *,
    model: str | None = None,
    pages: list[int] | None = None,
    extra: dict[str, Any] | None = None,
) -> Flow[OcrResult]:
    """The text of a document or image."""
    request = OcrRequest(
        model=model or target.provider.default_model("ocr"), document=media, pages=pages, extra=extra or {}
    )
    return one(target, "ocr", request)


def transcript_parts(result: Transcript, split: Literal["file", "segment"] = "file") -> list[Part]:
    """The whole transcript, or one part per segment; also the whole where the provider tells no segments apart."""
    facts = {**_facts(result), **_known(duration_s=result.duration_s, language=result.language)}
    if split == "segment" and result.segments:
        return [
            Part(segment.text, {**facts, **_times(segment)}, f"segment {number}")
            for number, segment in enumerate(result.segments)
        ]
    return [Part(result.text, facts, "whole")]


def scan_parts(result: OcrResult, split: Literal["page", "file"] = "page") -> list[Part]:
    """One part per page, or all of them as one."""
    facts = _facts(result)
    if split == "file":
        return [Part(result.text, {**facts, "pages": len(result.pages)}, "whole")]
    return [Part(page.text, {**facts, "page_label": str(page.number)}, f"page {page.number}") for page in result.pages]


def _facts(result: Any) -> dict[str, Any]:
    cost = {} if result.cost is None else {"cost": str(result.cost.amount), "cost_unit": result.cost.unit}
    return {"provider": result.provider, "model": result.model, **cost}


def _times(segment: Segment) -> dict[str, Any]:
    return _known(start_s=segment.start_s, end_s=segment.end_s, speaker=segment.speaker)


def _known(**facts: Any) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
