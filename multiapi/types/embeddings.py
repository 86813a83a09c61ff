"""Embeddings: the request and the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from multiapi.types.usage import Cost, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Texts to be turned into vectors.

    Attributes:
        input_type: Usually "query" or "document", sent where it is given; "auto" sends `purpose`.
        purpose: What the texts are; sent where `input_type` is "auto".
        skip_empty: An empty text is not sent and gets a vector of zeros; otherwise it is an error, before anything is sent.
    """

    model: str
    texts: Sequence[str]
    dimensions: int | None = None
    input_type: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    batch_size: int | None = None
    purpose: Literal["query", "document"] | None = None
    skip_empty: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedResponse:
    """One vector per text, in the order of the texts, all of one length and finite."""

    provider: str
    model: str
    vectors: list[list[float]]
    usage: Usage | None = None
    cost: Cost | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict)
