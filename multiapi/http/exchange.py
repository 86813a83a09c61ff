"""One request and one response as values: no sending, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from multiapi.errors import ResponseFormatError, printable
from multiapi.http.json import parse_answer

if TYPE_CHECKING:
    from multiapi.types.limits import Limits

BODY_EXCERPT_CHARS = 500


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a multipart body."""

    field: str
    filename: str
    data: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a provider, without host and key.

    Attributes:
        path: Below the provider's API root, or an absolute path from the host's root when `from_host_root` is set.
        json: A body for `orjson`; None means no JSON body.
        form: Text fields of a multipart body, with `files`.
        stream: Whether the response is to be read event by event.
        from_host_root: The path starts at the host's root and not at the API root.
        public: The operation needs no key; none is sent.
        limit: Which of `Limits` bounds the response.
        holds_vectors: The response does; they are taken out of it while it arrives, see `multiapi.http.vectors`.
        tokens: What it is expected to take of a limiter that counts them; see `multiapi.flows.tokens`.
    """

    method: str
    path: str
    json: Any = None
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[FilePart, ...] = ()
    stream: bool = False
    from_host_root: bool = False
    public: bool = False
    limit: str = "answer_bytes"
    holds_vectors: bool = False
    tokens: Any = field(default=None, repr=False, compare=False)

    def target(self) -> str:
        """Path and query, percent-encoded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def path_segment(value: str) -> str:
    """One value as one segment of a path, nothing in it able to climb out."""
    if value in {"", ".", ".."}:
        raise ValueError(value)
    return quote(value, safe="")


class HttpResponse(NamedTuple):
    """One answer, decoded to plain bytes. Header names are lower case.

    `vectors` were taken out of the body, where marks stand for them. `limits` bound what a response may hold, if they are not the usual.
    `after_s` says how long after the request a 5xx came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    vectors: Mapping[str, list[float]] = {}
    limits: Limits | None = None
    after_s: float = 0.0

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self, *, provider: str) -> Any:
        """The body as JSON; every failure is a `ResponseFormatError`."""
        try:
            return parse_answer(self.body)
        except ValueError as error:
            kind = self.content_type or "no content type"
            raise ResponseFormatError(
                f"{provider} answered {self.status} with a body that is no JSON ({kind}, {len(self.body)} bytes): {error}",
                provider=provider,
                status=self.status,
                body=excerpt(self.body),
            ) from None


def excerpt(body: bytes, limit: int = BODY_EXCERPT_CHARS) -> str:
    """The beginning of a body as printable text without markup."""
    text = body[: limit * 8].decode("utf-8", "replace")
    if "<" in text[:200] and ("<html" in text[:2000].lower() or "<!doctype" in text[:200].lower()):
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)", " ", text)
        text = re.sub(r"(?s)<[^>]*(>|$)", " ", text)
        text = " ".join(text.split())
    return printable(text, limit)
