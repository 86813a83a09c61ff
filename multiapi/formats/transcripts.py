"""Transcripts in any of the forms in which providers and the gateways before them are known to write them.

The text stands under one of several names, at the top or one level below; stretches of speech and words have their times in seconds, in
milliseconds (AssemblyAI) or as ISO 8601 durations (Bineric).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from multiapi.formats.answer_facts import decimal_of, is_filler, list_at, object_at, read_usage
from multiapi.types.media_results import Segment

_TEXT_NAMES = ("text", "transcript", "transcription", "response", "display_text")
_INNER_NAMES = ("data", "result", "output", "transcription", "transcript", "response")
_LANGUAGE_NAMES = ("language", "language_code", "detected_language", "lang")
_SEGMENT_NAMES = ("segments", "utterances", "phrases", "chunks")
_WORD_TEXT = ("punctuated_word", "word", "text", "transcript")
_SEGMENT_TEXT = ("text", "transcript", "display", "word")
_DURATION = re.compile(r"PT(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?")


def transcript_facts(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Text, language, segments, words, length and counts, as `Transcript` takes them; None without text in a known place."""
    for place in _places(body):
        results = place.get("results")
        if isinstance(results, dict) and not is_filler(results):
            return _from_channels(place)
        text = next((place[name] for name in _TEXT_NAMES if isinstance(place.get(name), str) and place[name]), None)
        if text is not None:
            return _from_text(place, body, text)
    for place in _places(body):
        if any(place.get(name) == "" for name in _TEXT_NAMES):
            return _from_text(place, body, "")
        if isinstance(place.get("results"), dict):
            return _from_channels(place)
    return None


def _places(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The body and the objects in it that a transcript may stand in."""
    yield body
    for name in _INNER_NAMES:
        inner = body.get(name)
        for each in inner[:1] if isinstance(inner, list) else [inner]:
            if isinstance(each, dict):
                yield each
                yield from (each[deeper] for deeper in _INNER_NAMES if isinstance(each.get(deeper), dict))


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
        "text": "\n".join(str(said.get("transcript") or "") for said in best or utterances),
        "language": language if isinstance(language, str) else None,
        "segments": segments_of(utterances) or _turns(words),
        "words": tuple(segment_of(word, 1.0, _WORD_TEXT) for word in words),
        "duration_s": _number(metadata.get("duration")),
    }


def _turns(words: list[Any]) -> tuple[Segment, ...]:
    """The speakers' turns, put together from words that say who spoke them; none where they do not."""
    turns: list[list[Segment]] = []
    for word in words:
        if word.get("speaker") is None:
            return ()
        made = segment_of(word, 1.0, _WORD_TEXT)
        if turns and turns[-1][0].speaker == made.speaker:
            turns[-1].append(made)
        else:
            turns.append([made])
    return tuple(
        Segment(
            text=" ".join(word.text for word in turn),
            start_s=turn[0].start_s,
            end_s=turn[-1].end_s,
            speaker=turn[0].speaker,
        )
        for turn in turns
    )


def _from_text(found: Mapping[str, Any], body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A text with what stands beside it. AssemblyAI, which says `audio_duration`, counts milliseconds."""
    counts = object_at(found, "usage") or object_at(body, "usage")
    seconds = 0.001 if _in_milliseconds(found) else 1.0
    language = next((found[name] for name in _LANGUAGE_NAMES if isinstance(found.get(name), str) and found[name]), None)
    length = next((found[name] for name in ("audio_duration", "duration", "duration_s") if name in found), None)
    return {
        "text": text,
        "language": language,
        "segments": next((made for name in _SEGMENT_NAMES if (made := segments_of(found.get(name), seconds))), ()),
        "words": tuple(
            segment_of(item, seconds, _WORD_TEXT) for item in list_at(found, "words") if isinstance(item, dict)
        ),
        "duration_s": _number(length if length is not None else counts.get("seconds")),
        "usage": read_usage(counts),
    }


def _in_milliseconds(found: Mapping[str, Any]) -> bool:
    """Whether times are whole milliseconds: AssemblyAI's whole numbers, where no `segments` in seconds stand beside them."""
    if "audio_duration" in found:
        return True
    timed = [item for name in ("utterances", "words") for item in list_at(found, name) if isinstance(item, dict)]
    ends: list[Any] = [item["end"] for item in timed if item.get("end") is not None]
    return "segments" not in found and bool(ends) and all(type(end) is int for end in ends) and max(ends) >= 50


def segments_of(items: Any, seconds: float = 1.0) -> tuple[Segment, ...]:
    """Stretches of speech, each with its times where they are given."""
    listed = items if isinstance(items, list) else []
    return tuple(
        segment_of(item, seconds, _SEGMENT_TEXT) for item in listed if isinstance(item, dict) and not is_filler(item)
    )


def segment_of(item: Mapping[str, Any], seconds: float, names: tuple[str, ...]) -> Segment:
    """One stretch of speech or one word."""
    stamps = item.get("timestamp")
    first, last = (stamps[0], stamps[1]) if isinstance(stamps, list) and len(stamps) == 2 else (None, None)
    start = _time(_first(item, "start", "startTime", "start_time", "start_s", "offset"), seconds)
    end = _time(_first(item, "end", "endTime", "end_time", "end_s"), seconds)
    start, end = _time(first, seconds) if start is None else start, _time(last, seconds) if end is None else end
    length = _time(item.get("duration"), seconds)
    if end is None and start is not None and length is not None:
        end = start + length
    speaker = _first(item, "speaker", "speaker_id", "speaker_label", "speakerId")
    return Segment(
        text=str(next((item[name] for name in names if item.get(name)), "")),
        start_s=None if start is None else round(start, 3),
        end_s=None if end is None else round(end, 3),
        speaker=None if speaker is None else str(speaker),
        confidence=_number(item.get("confidence")),
    )


def _first(item: Mapping[str, Any], *names: str) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _time(value: Any, seconds: float) -> float | None:
    if isinstance(value, str) and (parts := _DURATION.fullmatch(value.strip())) is not None:
        hours, minutes, rest = (float(part or 0) for part in parts.groups())
        return hours * 3600 + minutes * 60 + rest
    number = _number(value)
    return None if number is None else number * seconds


def _number(value: Any) -> float | None:
    amount = decimal_of(value)
    return None if amount is None else float(amount)
