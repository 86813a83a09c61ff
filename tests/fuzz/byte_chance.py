"""Chance that is read from bytes, so that a fuzzer decides what happens by the bytes it gives."""

from __future__ import annotations

import random


class ByteChance(random.Random):
    """Chance whose every bit comes from given bytes; nothing but zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data
        self._at = 0

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        taken = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(taken, "little") & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(16) / 65536
