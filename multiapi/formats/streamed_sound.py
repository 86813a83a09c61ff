"""Reads speech that is sent while it is made: the bytes of a body as they come, or an error or the whole sound in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from multiapi.errors import MultiApiError, ResponseFormatError, ResponseTooLargeError
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.http.json import parse_answer
from multiapi.types.limits import Limits
from multiapi.types.media_kinds import group_of, normal
from multiapi.types.media_results import MediaResult

_TEXT_STARTS = (b"{", b"[", b"<")


class SoundStream:
    """The decoder of one response. What is not sound is collected, and judged at its end.

    Args:
        head: Status and headers of the response.
        limits: How much is read at most.
        provider: Name of the provider.
        parse: Reads a whole response that is JSON.
    """

    def __init__(
        self, head: HttpResponse, limits: Limits, *, provider: str, parse: Callable[[HttpResponse], MediaResult]
    ) -> None:
        self.done = False
        self.events = 0
        self.is_complete = False  # nothing but the end of the body tells the last byte from one before it
        self._head = head
        self._limits = limits
        self._provider = provider
        self._parse = parse
        self._size = 0
        self._start = b""
        self._is_sound: bool | None = (
            None if group_of(normal(head.content_type)) in {"audio", "file", "video"} else False
        )
        self._collected: list[bytes] = []
        self._result: MediaResult | None = None

    @property
    def last(self) -> Mapping[str, Any]:
        """What a response in JSON says of itself."""
        return {} if self._result is None else self._result.raw

    def partial(self) -> MediaResult | None:
        """What a response in JSON holds; the bytes of a stream were handed on already."""
        return self._result

    def feed(self, chunk: bytes) -> list[bytes]:
        """The sound in these bytes.

        Raises:
            ResponseTooLargeError: More than the limits allow.
        """
        if not chunk:
            return []
        self._size += len(chunk)
        if self._size > self._limits.file_bytes:
            raise ResponseTooLargeError(
                f"{self._provider} sent more than {self._limits.file_bytes} bytes of sound", provider=self._provider
            )
        if self._is_sound is None:
            self._is_sound = not chunk.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_TEXT_STARTS)
        if not self._is_sound:
            if self._size > self._limits.media_answer_bytes:
                self._collected.clear()
                raise ResponseTooLargeError(
                    f"{self._provider} answered with more than {self._limits.media_answer_bytes} bytes",
                    provider=self._provider,
                )
            self._collected.append(chunk)
            return []
        self.events += 1
        return [chunk]

    def close(self) -> list[bytes]:
        """The end of the body.

        Raises:
            ResponseFormatError: There was no sound; where a file was made instead, it is the `partial`.
            StatusError: It was an error in JSON.
        """
        return [] if self._is_sound else self._whole(b"".join(self._collected))

    def _whole(self, body: bytes) -> list[bytes]:
        try:
            parse_answer(body)
        except ValueError:
            kind = self._head.content_type or "no content type"
            raise ResponseFormatError(
                f"{self._provider} answered with {excerpt(body, 200) or 'nothing'} ({kind}) instead of sound",
                provider=self._provider,
                status=self._head.status,
                body=excerpt(body) if body else None,
            ) from None
        head = {**self._head.headers, "content-type": "application/json"}
        try:
            self._result = self._parse(HttpResponse(self._head.status, head, body, limits=self._limits))
        except MultiApiError as error:
            error.status = error.status or self._head.status
            raise
        if self._result.data is None:
            raise ResponseFormatError(
                f"{self._provider} answered with the address of a file instead of a stream; `partial` has it",
                provider=self._provider,
                status=self._head.status,
                partial=self._result,
            )
        return [self._result.data]
