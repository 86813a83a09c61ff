"""Takes thoughts that a model wrote into its text, as `<think>...</think>`, out of it; only where the caller asked for that.

Such thoughts stand at the beginning of an answer. A tag further inside is text about tags and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from multiapi.types import ChatDelta, ChatResponse, Reasoning

_THOUGHTS = re.compile(r"\s*<(think|thinking|thought)>(.*?)(?:</\1>\s*|$)", re.DOTALL)
_OPENING = ("<think>", "<thinking>", "<thought>")


def split_thoughts(response: ChatResponse) -> ChatResponse:
    """The answer with the thoughts at its beginning among its reasoning."""
    thoughts, text = "", response.text
    while (found := _THOUGHTS.match(text)) is not None:
        thoughts += found.group(2)
        text = text[found.end() :]
    if text == response.text:
        return response
    held = response.reasoning or Reasoning(provider=response.provider, model=response.model)
    return replace(response, text=text, reasoning=held._replace(text=held.text + thoughts))


class ThoughtFilter:
    """The same for a stream: holds back what may be a tag until it is known what it is."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""
        self._began = False
        self._over = False

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas with thoughts as reasoning; the last one carries the answer without them."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text and not self._over:
                thoughts, text = self._split(delta.text)
                delta = delta._replace(text=text, reasoning=delta.reasoning + thoughts)
            if delta.response is not None:
                rest = self._held.lstrip() if self._began and not self._closing else self._held
                if rest:
                    shown.append(ChatDelta(reasoning=rest) if self._closing else ChatDelta(rest))
                shown.append(delta._replace(response=split_thoughts(delta.response)))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _split(self, added: str) -> tuple[str, str]:
        """What is known by now to be thoughts, and what to be text."""
        self._held += added
        thoughts = ""
        while True:
            if self._closing:
                before, closed, after = self._held.partition(self._closing)
                if not closed:
                    keep = _overlap(self._held, self._closing)
                    cut = len(self._held) - keep
                    thoughts, self._held = thoughts + self._held[:cut], self._held[cut:]
                    return thoughts, ""
                thoughts, self._held, self._closing, self._began = thoughts + before, after, "", True
            start = self._held.lstrip()
            tag = next((tag for tag in _OPENING if start.startswith(tag)), None)
            if tag is not None:
                self._held, self._closing = start[len(tag) :], f"</{tag[1:]}"
            elif not start or any(tag.startswith(start) for tag in _OPENING):
                return thoughts, ""
            else:
                text = start if self._began else self._held
                self._held, self._over = "", True
                return thoughts, text


def _overlap(text: str, tag: str) -> int:
    """How much of the end of a text may be the beginning of a tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
