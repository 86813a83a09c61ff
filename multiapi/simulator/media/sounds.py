"""Speech, music, and what can be said about a recording.

Speech is one short tone per letter, so its length follows the text; it is not a voice. The text is kept in the tags of the
file, where `transcribe` finds it. Encoding is done by PyAV, which brings FFmpeg's libraries.
"""

import io
import math
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import Flags

from multiapi.simulator.media.tags import MAKER, storable

SAMPLE_RATE = 24_000
CHARACTERS_PER_SECOND = 15
LONGEST_SPEECH_S = 600.0
LONGEST_MUSIC_S = 1_200.0

# What is opened from outside: FFmpeg also reads playlists, which could point at other files.
_READABLE = "mp3,wav,flac,ogg,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,aiff,amr,caf,w64,avi,mpegts,au"
# From PyAV 19 on, tags that are not text come with surrogates; before, it has to be told what to make of them.
_ODD_TAGS: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
_SCALE_HZ = (
    196.0,
    220.0,
    246.9,
    261.6,
    293.7,
    329.6,
    349.2,
    392.0,
    440.0,
    493.9,
    523.3,
    587.3,
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a recording, its length, and for each word when it starts and ends, in seconds."""

    text: str
    duration_s: float
    words: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class _Encoding:
    container: str
    codec: str
    bit_rate: int | None = None
    container_options: tuple[tuple[str, str], ...] = ()
    codec_options: tuple[tuple[str, str], ...] = ()


_OPUS = _Encoding("ogg", "libopus", 24_000, codec_options=(("compression_level", "0"),))
_WAV = _Encoding("wav", "pcm_s16le")
_MP3 = _Encoding("mp3", "libmp3lame", 32_000, codec_options=(("compression_level", "9"),))
_ENCODINGS = {
    "audio/mpeg": _MP3,
    "audio/mp3": _MP3,
    "audio/wav": _WAV,
    "audio/x-wav": _WAV,
    "audio/wave": _WAV,
    "audio/flac": _Encoding("flac", "flac"),
    "audio/ogg": _OPUS,
    "audio/opus": _OPUS,
    # An ID3 head would make every sniffer say MP3, so ADTS gets its tags at the end.
    "audio/aac": _Encoding("adts", "aac", 32_000, (("write_apetag", "1"),), (("aac_coder", "fast"),)),
}
_RAW = frozenset({"audio/pcm", "audio/L16", "audio/l16"})


def speak(text: str, mime_type: str = "audio/mpeg", *, rate: float = 1.0) -> bytes:
    """A recording of the text at about 15 characters per second, divided by `rate`.

    MP3, WAV, FLAC, Ogg Opus, AAC (ADTS), or bare 16 bit samples (`audio/pcm`, without tags), all mono at 24 kHz. The
    sound ends after ten minutes however long the text; the tags hold all of it.

    Raises:
        ValueError: another kind of sound is asked for, or a rate that is not above zero.
    """
    if not rate > 0:
        raise ValueError("rate must be above zero")
    _check(mime_type)
    return _spoken(text, mime_type, rate)


def transcribe(data: bytes) -> Transcript:
    """Give back what `speak` was given; of any other recording say what kind it is and how long.

    Raises:
        ValueError: FFmpeg cannot read the bytes as a recording.
    """
    try:
        with av.open(io.BytesIO(data), "r", options={"format_whitelist": _READABLE}, **_ODD_TAGS) as container:
            tags = _readable(container.metadata)
            for stream in container.streams:
                tags |= _readable(stream.metadata)
            kind = container.format.name.split(",")[0]
            duration_s = _duration_s(container)
    except (av.FFmpegError, ValueError) as error:
        raise ValueError("not a recording in a known format") from error
    if tags.get("artist") == MAKER and "title" not in tags:
        text = tags.get("comment", "")
    else:
        text = f"a recording in {kind} format, {duration_s:.1f} seconds long"
    return Transcript(text, duration_s, _timed(text, duration_s))


def _readable(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags by their names in small letters, with a question mark for what is not text."""
    return {name.lower(): value.encode("utf-8", "replace").decode("utf-8") for name, value in tags.items()}


def compose_music(prompt: str, duration_s: float, mime_type: str = "audio/mpeg") -> bytes:
    """Chords that follow from the prompt, of the asked length in seconds (at most twenty minutes).

    Raises:
        ValueError: another kind of sound is asked for, or a length that is not above zero.
    """
    if not 0 < duration_s <= LONGEST_MUSIC_S:
        raise ValueError(f"music must be longer than 0 and at most {LONGEST_MUSIC_S:.0f} seconds")
    _check(mime_type)
    return _composed(prompt, duration_s, mime_type)


def _check(mime_type: str) -> None:
    if mime_type not in _ENCODINGS and mime_type not in _RAW:
        raise ValueError(f"cannot make {mime_type}; can make {', '.join(sorted({*_ENCODINGS, *_RAW}))}")


@lru_cache(maxsize=64)
def _spoken(text: str, mime_type: str, rate: float) -> bytes:
    samples_per_character = max(1, round(SAMPLE_RATE / CHARACTERS_PER_SECOND / rate))
    audible = text[: math.ceil(LONGEST_SPEECH_S * SAMPLE_RATE / samples_per_character)]
    sound = b"".join(
        _syllable(
            ord(letter) % len(_SCALE_HZ) if letter.isalnum() else None,
            samples_per_character,
        )
        for letter in audible
    )
    return _encoded(sound.ljust(SAMPLE_RATE // 5 * 2, b"\0"), mime_type, {"comment": text})


@lru_cache(maxsize=8)
def _composed(prompt: str, duration_s: float, mime_type: str) -> bytes:
    digest = sha256(prompt.encode("utf-8", "replace")).digest()
    bar = b"".join(_chord(root % len(_SCALE_HZ), minor=root % 3 == 0) for root in digest[:4])
    size = round(duration_s * SAMPLE_RATE) * 2
    return _encoded((bar * (size // len(bar) + 1))[:size], mime_type, {"title": prompt})


@lru_cache(maxsize=256)
def _syllable(tone: int | None, samples: int) -> bytes:
    """One letter: a tone that swells and fades, or silence."""
    if tone is None:
        return bytes(2 * samples)
    step = 2 * math.pi * _SCALE_HZ[tone] / SAMPLE_RATE
    return array(
        "h",
        (round(9_000 * math.sin(math.pi * n / samples) * math.sin(step * n)) for n in range(samples)),
    ).tobytes()


@lru_cache(maxsize=32)
def _chord(root: int, *, minor: bool) -> bytes:
    """One second of three notes that die away."""
    steps = [2 * math.pi * _SCALE_HZ[root] * ratio / SAMPLE_RATE for ratio in (1, 6 / 5 if minor else 5 / 4, 3 / 2)]
    return array(
        "h",
        (
            round(5_000 * min(1.0, n / 600) * (1 - n / SAMPLE_RATE) * sum(math.sin(step * n) for step in steps))
            for n in range(SAMPLE_RATE)
        ),
    ).tobytes()


def _encoded(samples: bytes, mime_type: str, tags: dict[str, str]) -> bytes:
    if mime_type in _RAW:
        return samples
    encoding = _ENCODINGS[mime_type]
    file = io.BytesIO()
    options = {"fflags": "+bitexact", **dict(encoding.container_options)}
    with av.open(file, "w", format=encoding.container, container_options=options) as container:
        container.metadata.update({"artist": MAKER} | {name: storable(text) for name, text in tags.items()})
        stream = container.add_stream(
            encoding.codec, rate=SAMPLE_RATE, layout="mono", options=dict(encoding.codec_options)
        )
        if not isinstance(stream.codec_context, AudioCodecContext):
            raise TypeError(f"{encoding.codec} is not a codec for sound")
        stream.codec_context.flags |= Flags.bitexact
        if encoding.bit_rate is not None:
            stream.codec_context.bit_rate = encoding.bit_rate
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.sample_rate = SAMPLE_RATE
        frame.planes[0].update(samples)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _duration_s(container: av.container.InputContainer) -> float:
    """The length the file states; for ADTS, which states none, its packets are counted."""
    if not container.streams.audio:
        raise ValueError("no sound in it")
    stream = container.streams.audio[0]
    if container.duration is not None and container.format.name != "aac":
        return float(container.duration / av.time_base)
    ticks = sum(packet.duration or 0 for packet in container.demux(stream))
    return float(ticks * stream.time_base) if stream.time_base is not None else 0.0


def _timed(text: str, duration_s: float) -> tuple[tuple[str, float, float], ...]:
    return tuple(
        (
            word.group(),
            round(word.start() / len(text) * duration_s, 3),
            round(word.end() / len(text) * duration_s, 3),
        )
        for word in re.finditer(r"\S+", text)
    )
