"""How long a provider asks to wait, from the headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait: from `retry-after-ms`, or `retry-after` as seconds or as an HTTP date.

    What cannot be read, is past, negative or not finite counts as absent.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is not None:
        return seconds
    try:
        then = parsedate_to_datetime(value.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    try:
        wait = (then - (now or datetime.now(UTC))).total_seconds()
    except OverflowError:
        return None
    return wait if wait > 0 else None


def _seconds(text: str | None) -> float | None:
    if text is None or not text.isascii():
        return None
    stripped = text.strip()
    if not stripped or stripped[0] not in "0123456789." or "_" in stripped:  # float() takes 1_0 for 10
        return None
    try:
        value = float(stripped)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
