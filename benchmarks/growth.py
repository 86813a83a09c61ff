"""Processor time of every reader at n and 2n: `python -m benchmarks.growth [NAME]`. What patterns do inside shows only here."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tests.reliability import readers

MOST = 2.5
LEAST_S = 0.02


def seconds(read: Callable[[], object]) -> float:
    """The best of three."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        read()
        best = min(best, time.process_time() - begun)
    return best


def main(wanted: str = "") -> int:
    """Print every reader and input that takes more than in proportion."""
    wrong = 0
    for name, feed in {**readers.TEXT_READERS, **readers.BYTE_READERS}.items():
        if wanted not in name:
            continue
        is_text = name in readers.TEXT_READERS
        for unit in readers.TEXT_UNITS if is_text else readers.BYTE_UNITS:
            for head in readers.TEXT_HEADS if is_text else [b"", b"data: "]:
                n, half = 2_000, 0.0
                while half < LEAST_S and n < 200_000:
                    n *= 2
                    half = seconds(readers.quietly(feed, [head + unit * n]))  # type: ignore[operator]
                whole = seconds(readers.quietly(feed, [head + unit * 2 * n]))  # type: ignore[operator]
                if half >= LEAST_S and whole > MOST * half:
                    wrong += 1
                    print(f"{name}: {head!r} + n * {unit!r}: n={n}: {half:.3f} s, 2n: {whole:.3f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
