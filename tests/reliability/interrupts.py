"""Ctrl-C at each line: a call is made over and over, and each time it is interrupted one line later."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import multiapi

MOST_LINES = 2_000
PACKAGE = f"{Path(multiapi.__file__).parent}{os.sep}"


def at_each_line(call: Callable[[], Any], *, within: str = PACKAGE) -> Iterator[int]:
    """Make the call with an interrupt at its first line, then at its second, until it gets through; the number of each time.

    Only lines of files count whose path has `within`.
    """
    for number in range(1, MOST_LINES):
        if not _interrupted(call, number, within):
            return
        yield number
    raise AssertionError(f"the call has more than {MOST_LINES} lines")


def _interrupted(call: Callable[[], Any], number: int, within: str) -> bool:
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if within not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            if lines == number:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
