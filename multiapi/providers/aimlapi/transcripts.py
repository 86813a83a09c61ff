"""AI/ML API's transcripts: three shapes, under `result` or `output`; times are seconds in one and milliseconds in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multiapi.answer_facts import decimal_of, list_at, object_at, read_usage, request_id, text_at
from multiapi.http import HttpResponse
from multiapi.media_results import Segment, Transcript
from multiapi.types import Cost


def transcript_of(body: Mapping[str, Any], cost: Cost | None, response: HttpResponse) -> Transcript | None:
    """The transcript in the answer about a finished job; None if it has none that can be read."""
    found = body.get("result") or body.get("output")
    if isinstance(found, str):
        found = {"text": found}
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("results"), dict):
        transcript = _from_channels(found)
    elif isinstance(found.get("text"), str):
        transcript = _from_text(found)
    else:
        return None
    return Transcript(
        provider="aimlapi",
        model=text_at(body, "model"),
        cost=cost,
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=dict(body),
        **transcript,
    )


def _from_channels(found: Mapping[str, Any]) -> dict[str, Any]:
    """Deepgram's shape: channels (one object in the schema, a list in samples) with alternatives; times in seconds."""
    results = found["results"]
    channels = results.get("channels")
    channels = [channels] if isinstance(channels, dict) else channels if isinstance(channels, list) else []
    best = [
        first
        for channel in channels
        if isinstance(channel, dict)
        for first in list_at(channel, "alternatives")[:1]
        if isinstance(first, dict)
    ]
    words = [word for alternative in best for word in list_at(alternative, "words") if isinstance(word, dict)]
    metadata = object_at(found, "metadata")
    language = next((channel.get("detected_language") for channel in channels if isinstance(channel, dict)), None)
    utterances = [item for item in list_at(results, "utterances") if isinstance(item, dict)]
    return {
        "text": "\n".join(str(alternative.get("transcript") or "") for alternative in best),
        "language": language if isinstance(language, str) else None,
        "segments": tuple(_segment(item, "transcript", 1.0) for item in utterances),
        "words": tuple(
            _segment({**word, "word": word.get("punctuated_word") or word.get("word")}, "word", 1.0) for word in words
        ),
        "duration_s": _number(metadata.get("duration")),
    }


def _from_text(found: Mapping[str, Any]) -> dict[str, Any]:
    """A plain text with token counts, or AssemblyAI's shape with times in milliseconds."""
    counts = object_at(found, "usage")
    language = found.get("language_code", found.get("language"))
    lists: dict[str, Any] = {
        name: found.get(name) if isinstance(found.get(name), list) else [] for name in ("utterances", "words")
    }
    segments, words = (
        tuple(_segment(item, "text", 0.001) for item in lists[name] or () if isinstance(item, dict)) for name in lists
    )
    return {
        "text": found["text"],
        "language": language if isinstance(language, str) else None,
        "segments": segments,
        "words": words,
        "duration_s": _number(found.get("audio_duration", found.get("duration", counts.get("seconds")))),
        "usage": read_usage(counts),
    }


def _segment(item: Mapping[str, Any], text: str, seconds: float) -> Segment:
    start, end = _number(item.get("start")), _number(item.get("end"))
    speaker = item.get("speaker")
    return Segment(
        text=str(item.get(text) or ""),
        start_s=None if start is None else round(start * seconds, 3),
        end_s=None if end is None else round(end * seconds, 3),
        speaker=None if speaker is None else str(speaker),
        confidence=_number(item.get("confidence")),
    )


def _number(value: Any) -> float | None:
    amount = decimal_of(value)
    return None if amount is None else float(amount)
