"""Requests for operations that a provider still has and does not recommend any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from multiapi.types.media_fields import UNKNOWN, takes
from multiapi.types.media_requests import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRequest:
    """In the provider's own words.

    Attributes:
        ids: What stands in the path, by name.
        body: JSON, or the fields beside a file.
        file: For the operations that take one.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    file: Source | None = field(
        default=None, metadata=takes("document", "text", "image", "audio", "video", "mesh", "file", UNKNOWN)
    )


class LegacyEvent(NamedTuple):
    """One event of a streamed run.

    Attributes:
        name: The provider's word, as in "thread.message.delta"; the last one of a whole stream is "done".
        data: What stands in it: parsed JSON, or the text where it is none.
    """

    name: str
    data: Any
