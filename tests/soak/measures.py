"""What a process holds: sockets, descriptors, threads, memory; and whether that grows."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

_PROCESS = psutil.Process()
DESCRIPTORS = Path("/proc/self/fd")


class Held(NamedTuple):
    """What the process holds now."""

    sockets: int
    descriptors: int
    threads: int

    def more_than(self, before: Held) -> dict[str, int]:
        """What there is more of than before."""
        return {name: now - then for name, now, then in zip(self._fields, self, before, strict=True) if now > then}


def held() -> Held:
    """Count, after everything that nobody holds is gone."""
    gc.collect()
    found = 0
    names = os.listdir(DESCRIPTORS)
    for name in names:
        try:
            found += os.readlink(DESCRIPTORS / name).startswith("socket:")
        except OSError:
            continue
    return Held(found, len(names) - 1, threading.active_count())


def memory_mb() -> float:
    """Resident memory of this process."""
    return float(_PROCESS.memory_info().rss) / 1e6


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How fast the second value grows with the first: the line of least squares."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
