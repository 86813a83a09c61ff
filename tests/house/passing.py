"""Counts the modules of this project that one LangChain `invoke` enters, and how often it goes from one room to another.

Functions are counted as they are entered, so values and constants that are only read do not show. Nothing is sent: a mock answers.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from tests.house.measure import ROOT, name_of, room_of

PACKAGES = tuple(f"{ROOT / name}{os.sep}" for name in ("multiapi", "langchain_multiapi", "llamaindex_multiapi"))


def _answer(_: httpx.Request) -> httpx.Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    return httpx.Response(200, json=body)


def passed() -> tuple[list[str], int]:
    """Return the modules that an `invoke` enters once everything is loaded, and how many changes of room are on its way."""
    from langchain_multiapi import ChatMultiApi

    client = httpx.Client(transport=httpx.MockTransport(_answer))
    model = ChatMultiApi(provider="aicredits", model="m", api_key="sk-a-key-of-tests", http_client=client)
    for _ in range(3):
        model.invoke("hi")
    way: list[str] = []
    known: dict[str, str] = {}

    def enter(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        file = frame.f_code.co_filename
        if file not in known:
            inside = file.endswith(".py") and file.startswith(PACKAGES)
            known[file] = name_of(Path(file)) if inside else ""
        module = known[file]
        if module and (not way or way[-1] != module):
            way.append(module)

    before = sys.getprofile()
    sys.setprofile(enter)
    try:
        model.invoke("hi")
    finally:
        sys.setprofile(before)
    rooms = [room_of(module) or module for module in way]
    return sorted(set(way)), sum(one != other for one, other in pairwise(rooms))


if __name__ == "__main__":
    modules, changes = passed()
    print(f"modules that a LangChain `invoke` passes, changes of room: {len(modules)}, {changes} (goal: 18, 20)")
    if "-v" in sys.argv:
        print(*modules, sep="\n")
