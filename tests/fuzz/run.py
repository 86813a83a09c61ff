"""`make fuzz`: every target in turn for so many seconds; a failure prints its seed and ends with 1."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz until the time is over."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=300.0)
    options.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    chosen = options.parse_args()
    end = time.monotonic() + chosen.seconds
    done = dict.fromkeys(TARGETS, 0)
    seed = chosen.seed
    while time.monotonic() < end:
        for name, target in TARGETS.items():
            for _ in range(50):
                seed += 1
                try:
                    target(random.Random(seed))
                except Exception:
                    traceback.print_exc()
                    print(f"failed: {name} with seed {seed}")
                    return 1
                done[name] += 1
    print(", ".join(f"{name}: {count}" for name, count in done.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
