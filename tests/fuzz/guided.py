"""The same targets led by coverage: `make fuzz ENGINE=atheris` (libFuzzer; Linux).

    python -m tests.fuzz.guided --seconds 300 --corpus .fuzz

Every choice of a target is read from the fuzzer's bytes, so that it can find out which bytes lead somewhere new. The corpus is kept
and taken up again. A failure prints its traceback and leaves its input beside the corpus; give that file as `--input` to see it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["multiapi", "langchain_multiapi", "llamaindex_multiapi"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.byte_chance import ByteChance

NAMES = tuple(TARGETS)


def once(data: bytes) -> None:
    """One input: the first byte says which target it is for."""
    if data:
        TARGETS[NAMES[data[0] % len(NAMES)]](ByteChance(data[1:]))


def main() -> int:
    """Fuzz until the time is over, or run one input again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=300)
    options.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    options.add_argument("--input", type=Path)
    chosen = options.parse_args()
    if chosen.input is not None:
        once(chosen.input.read_bytes())
        return 0
    chosen.corpus.mkdir(exist_ok=True)
    flags = [
        f"-max_total_time={chosen.seconds}",
        "-max_len=2048",
        "-len_control=0",
        "-timeout=20",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(chosen.corpus), *flags, f"-artifact_prefix={chosen.corpus}-"], once)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
