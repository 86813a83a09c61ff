"""Takes the vectors out of an embeddings answer while it arrives, so that they are never in memory as text and as numbers at once.

What is left is the same JSON with a short mark in place of each vector. What is neither a plain list of numbers nor base64 stays
where it is, for the one who reads the rest to judge.
"""

from __future__ import annotations

import binascii
import math
import os
import re
import sys
from array import array

import orjson

_KEY = b'"embedding"'
_BEGINS = re.compile(rb"\s{0,9}:\s{0,9}([\[\"])")
_MAY_BEGIN = re.compile(rb"\s{0,9}(:\s{0,9})?")

_LOWEST_FIRST = sys.byteorder == "little"

LEAST_BYTES = 64
"""The text of a shorter vector takes no more room than its mark, and stays."""


class VectorReader:
    """Cuts vectors out of bytes, wherever the packets end. The cost grows with the bytes and with nothing else.

    Attributes:
        vectors: What was taken out, by mark.
    """

    def __init__(self) -> None:
        self.vectors: dict[str, list[float]] = {}
        self._mark = f"vector {os.urandom(8).hex()} "  # nobody outside can know it
        self._rest: list[bytes] = []
        self._held: list[bytes] = []  # the beginning of a vector, or of what may be one
        self._closing = b""  # how the vector ends that has begun

    def feed(self, chunk: bytes) -> None:
        """Take some bytes."""
        position = 0  # what is before is decided
        if self._closing:
            position = chunk.find(self._closing) + 1
            if not position:
                self._held.append(chunk)
                return
            text = b"".join([*self._held, chunk[:position]])
            self._rest.append(self._taken(text) or text)
        elif self._held:
            chunk = self._held[0] + chunk
        self._held.clear()
        self._closing = b""
        self._search(chunk, position)

    def _search(self, chunk: bytes, position: int) -> None:
        """Take out the vectors that are here whole; of the rest, hold back what may become one."""
        kept = position  # what is before has been passed on
        while (at := chunk.find(_KEY, position)) >= 0:
            position = at + len(_KEY)
            begins = _BEGINS.match(chunk, position)
            if begins is None:
                if _MAY_BEGIN.fullmatch(chunk, position) is None:
                    continue
                held_from = at
                break
            start = begins.start(1)
            closing = b"]" if begins[1] == b"[" else b'"'
            position = chunk.find(closing, start + 1) + 1
            if not position:
                held_from, self._closing = start, closing
                break
            mark = self._taken(chunk[start:position])
            if mark is not None:
                self._rest += (chunk[kept:start], mark)
                kept = position
        else:
            held_from = max(position, len(chunk) - len(_KEY) + 1)
        self._rest.append(chunk[kept:held_from])
        if held_from < len(chunk):
            self._held.append(chunk[held_from:])

    def _taken(self, text: bytes) -> bytes | None:
        """The mark for a vector; None if it is to stay."""
        vector = read_vector(text) if len(text) >= LEAST_BYTES else None
        if vector is None:
            return None
        mark = f"{self._mark}{len(self.vectors)}"
        self.vectors[mark] = vector
        return b'"%b"' % mark.encode()

    def finish(self) -> bytes:
        """The body with marks in place of the vectors."""
        whole = b"".join([*self._rest, *self._held])
        self._rest.clear()
        self._held.clear()
        return whole


def read_vector(text: bytes) -> list[float] | None:
    """Numbers from their text; None unless it is a list of finite numbers, or base64 of such."""
    try:
        if text[:1] == b'"':
            raw = binascii.a2b_base64(text[1:-1], strict_mode=True)
            vector = array("f", raw).tolist() if _LOWEST_FIRST else floats(raw)
        elif b"u" in text or b"l" in text:  # true, false or null; text and lists cannot be added
            return None
        else:
            vector = orjson.loads(text)
            if int in (type(vector[0]), type(vector[-1])) and b'"' not in text:
                vector = list(map(float, vector))
        return vector if vector and math.isfinite(sum(vector)) else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def floats(raw: bytes) -> list[float]:
    """Numbers of 32 bits, the lowest byte first.

    Raises:
        ValueError: The length is none of such numbers.
    """
    numbers = array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
