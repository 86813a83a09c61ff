"""Limits of time and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Limits in seconds; None means no limit.

    Attributes:
        connect: Until the connection stands.
        read: The longest silence while a response is read; None takes the operation's own (60, chat 120).
        write: The longest silence while a request is written.
        pool: Waiting for a free connection.
        total: A whole call, retries and waits included; streams are exempt once they run.
        idle: The longest time without an event of a stream; keep-alives do not count.
    """

    connect: float | None = 5.0
    read: float | None = None
    write: float | None = 60.0
    pool: float | None = 30.0
    total: float | None = 600.0
    idle: float | None = 120.0

    @classmethod
    def of(cls, value: Timeout | float | tuple[float | None, float | None] | Any | None) -> Timeout:
        """From what users write: seconds (the longest silence), (connect, read), an `httpx.Timeout`, or None for the defaults."""
        if value is None:
            return cls()
        if isinstance(value, Timeout):
            return value
        if isinstance(value, tuple):
            connect, read = value
            return cls(connect=connect, read=read)
        if isinstance(value, (int, float)):
            seconds = float(value)
            return cls(connect=min(5.0, seconds), read=seconds, write=seconds, idle=seconds)
        return cls(connect=value.connect, read=value.read, write=value.write, pool=value.pool, idle=value.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is read at most, in bytes after decompression; `stream_events` counts events, `document_bytes` bounds the
    description of one model, and the last five fields count what a response holds.
    """

    answer_bytes: int = 64_000_000
    embeddings_bytes: int = 128_000_000
    media_answer_bytes: int = 256_000_000
    error_bytes: int = 64_000
    event_bytes: int = 16_000_000
    stream_bytes: int = 256_000_000
    stream_events: int = 1_000_000
    file_bytes: int = 512_000_000
    document_bytes: int = 2_000_000
    choices: int = 256
    tool_calls: int = 32_768
    citations: int = 32_768
    media: int = 4_096
    parts: int = 131_072
