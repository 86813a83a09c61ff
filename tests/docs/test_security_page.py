"""Each promise of SECURITY.md names the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROMISES = re.findall(
    r"^- \*\*.*?(?=^- \*\*|^$)", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


def test_each_promise_names_tests_that_are_there() -> None:
    assert len(PROMISES) >= 6
    for promise in PROMISES:
        named = re.search(r"<!-- held by (.*?) -->", promise)
        assert named is not None, promise
        for test in named[1].split(", "):
            assert re.search(
                r"^(?:async )?def test_|^    def test_", (ROOT / test).read_text(encoding="utf-8"), re.MULTILINE
            ), test
