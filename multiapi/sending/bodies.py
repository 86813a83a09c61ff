"""Bodies as they arrive: decompressed here and not by the transport, so that a bomb meets a limit, and counted."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from multiapi.errors import ResponseFormatError, ResponseTooLargeError, printable
from multiapi.http.exchange import HttpResponse
from multiapi.http.vectors import VectorReader

INFLATED_PIECE_BYTES = 1_000_000
_SLICE_BYTES = 1_024
"""Compressed bytes are handed on in slices, because what is left of one is copied for each chunk that comes out and for each member of a
gzip file, of which there may be one in every twenty bytes.
"""


class Inflater:
    """Takes compressed bytes and gives what they stand for, in chunks of bounded size.

    Raises:
        ResponseFormatError: An encoding that was not asked for, or several on top of each other.
    """

    def __init__(self, encoding: str, provider: str) -> None:
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise ResponseFormatError(
                f"{provider} answered in the encoding {printable(encoding, 40)!r}, which was not asked for",
                provider=provider,
            )
        self._provider = provider
        self._is_gzip = encoding != "deflate"
        self._inflate = zlib.decompressobj(31) if self._is_gzip else None
        self._fed = False
        self._held = b""
        self._is_over = False

    def pieces(self, chunk: bytes, most: Callable[[], int]) -> Iterator[bytes]:
        """What these bytes stand for; `most` is asked before each chunk how long it may be.

        Raises:
            ResponseFormatError: They are not such data.
        """
        self._fed = self._fed or bool(chunk)
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield from self._inflated(chunk[start : start + _SLICE_BYTES], most)

    def _inflated(self, chunk: bytes, most: Callable[[], int]) -> Iterator[bytes]:
        while chunk and not self._is_over:
            if self._inflate is None:  # "deflate" means zlib's form, but some servers send the bare one
                chunk = self._held + chunk
                if len(chunk) < 2:
                    self._held = chunk
                    return
                is_zlib = chunk[0] & 0x0F == 8 and int.from_bytes(chunk[:2]) % 31 == 0
                self._inflate = zlib.decompressobj(15 if is_zlib else -15)
            if self._inflate.eof:
                if not self._is_gzip or chunk[:1] != b"\x1f":
                    self._is_over = True  # what follows the end is padding
                    return
                self._inflate = zlib.decompressobj(31)
            try:
                piece = self._inflate.decompress(chunk, max(1, min(most(), INFLATED_PIECE_BYTES)))
            except zlib.error:
                raise self._broken("broken") from None
            chunk = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        """The end of the body.

        Raises:
            ResponseFormatError: It came too early.
        """
        if self._fed and not (self._inflate is not None and self._inflate.eof):
            raise self._broken("cut off")

    def _broken(self, how: str) -> ResponseFormatError:
        return ResponseFormatError(
            f"{self._provider} answered with compressed data that is {how}", provider=self._provider
        )


def inflater(head: HttpResponse, provider: str) -> Inflater | None:
    """What decompresses a response; None if it comes as it is."""
    encoding = head.headers.get("content-encoding", "identity").strip().lower()
    return None if encoding in {"identity", ""} else Inflater(encoding, provider)


class BodyReader:
    """Collects a body within a limit, or hands it on to `write`. Of an error's body only the beginning is wanted."""

    def __init__(
        self,
        head: HttpResponse,
        most: int,
        provider: str,
        *,
        write: Callable[[bytes], None] | None = None,
        holds_vectors: bool = False,
    ) -> None:
        self._head = head
        self._most = most
        self._provider = provider
        self._pieces: list[bytes] = []
        self._vectors = VectorReader() if holds_vectors and 200 <= head.status < 300 else None
        self._write = write or (self._pieces.append if self._vectors is None else self._vectors.feed)
        self._size = 0
        self._is_error = head.status >= 400
        self._inflater = inflater(head, provider)
        length = head.headers.get("content-length", "")
        if not self._is_error and length.isascii() and length.isdigit() and int(length[:18]) > most:
            raise self._too_large()

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes; False when no more are wanted."""
        if self._inflater is None:
            return self._take(chunk)
        try:
            return all(self._take(piece) for piece in self._inflater.pieces(chunk, self._room))
        except ResponseTooLargeError:
            raise
        except ResponseFormatError:
            if self._is_error:
                return False
            raise

    def _room(self) -> int:
        return self._most - self._size + 1

    def _take(self, chunk: bytes) -> bool:
        self._size += len(chunk)
        if self._size > self._most:
            if not self._is_error:
                raise self._too_large()
            self._write(chunk[: len(chunk) - (self._size - self._most)])
            return False
        self._write(chunk)
        return True

    def answer(self) -> HttpResponse:
        """The head with the body that was collected."""
        if self._inflater is not None and not self._is_error:
            self._inflater.finish()
        if self._vectors is not None:
            return self._head._replace(body=self._vectors.finish(), vectors=self._vectors.vectors)
        pieces, head = self._pieces, self._head
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return HttpResponse(head.status, head.headers, body, {}, None, head.after_s)

    def _too_large(self) -> ResponseTooLargeError:
        return ResponseTooLargeError(
            f"{self._provider} answered with more than {self._most} bytes", provider=self._provider
        )
