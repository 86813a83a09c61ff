"""Takes thoughts that a model wrote into its text, as `<think>...</think>`, out of it; only where the caller asked for that.

Such thoughts stand at the beginning of a response. A tag further inside is text about tags and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from multiapi.types.chat import ChatDelta, ChatResponse, Reasoning

_OPENING = re.compile(r"<(think|thinking|thought)>", re.IGNORECASE)
_OPENING_TAGS = ("<think>", "<thinking>", "<thought>")
_CLOSING = {tag: re.compile(rf"</{tag}>", re.IGNORECASE) for tag in ("think", "thinking", "thought")}
_BLANKS = re.compile(r"\s*")


def split_text(text: str) -> tuple[str, str]:
    """The thoughts at the beginning of a text, and what follows them; a text without thoughts comes back unchanged."""
    thoughts: list[str] = []
    at = 0
    while (opening := _OPENING.match(text, start := _after_blanks(text, at))) is not None:
        closing = _CLOSING[opening[1].lower()].search(text, opening.end())
        thoughts.append(text[opening.end() : closing.start() if closing else len(text)])
        at = closing.end() if closing else len(text)
    return ("".join(thoughts), text[start:]) if thoughts else ("", text)


def without_thoughts(text: str) -> str:
    """What follows the thoughts at the beginning of a text."""
    return split_text(text)[1]


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def split_thoughts(response: ChatResponse) -> ChatResponse:
    """The response with the thoughts at its beginning among its reasoning."""
    thoughts, text = split_text(response.text)
    if text == response.text:
        return response
    held = response.reasoning or Reasoning(provider=response.provider, model=response.model)
    return replace(response, text=text, reasoning=held._replace(text=held.text + thoughts))


class ThoughtFilter:
    """The same for a stream: holds back what may be a tag until it is known what it is."""

    def __init__(self) -> None:
        self._blanks: list[str] = []
        self._tag = ""  # what may be the beginning of a tag
        self._closing: str | None = None
        self._began = False
        self._over = False

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas with thoughts as reasoning; the last one carries the response without them."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text and not self._over:
                thoughts, text = self._split(delta.text)
                delta = delta._replace(text=text, reasoning=delta.reasoning + thoughts)
            if delta.response is not None:
                rest = self._tag if self._began else "".join((*self._blanks, self._tag))
                if rest:
                    shown.append(ChatDelta(reasoning=rest) if self._closing else ChatDelta(rest))
                shown.append(delta._replace(response=split_thoughts(delta.response)))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _split(self, added: str) -> tuple[str, str]:
        """What is known by now to be thoughts, and what to be text."""
        text, self._tag = self._tag + added, ""
        thoughts: list[str] = []
        at = 0
        while True:
            if self._closing is not None:
                closing = _CLOSING[self._closing].search(text, at)
                if closing is None:
                    cut = len(text) - _overlap(text[max(at, len(text) - len("</thinking>")) :], f"</{self._closing}>")
                    thoughts.append(text[at:cut])
                    self._tag = text[cut:]
                    return "".join(thoughts), ""
                thoughts.append(text[at : closing.start()])
                at, self._closing, self._began = closing.end(), None, True
            start = _after_blanks(text, at)
            opening = _OPENING.match(text, start)
            if opening is not None:
                at, self._closing = opening.end(), opening[1].lower()
                self._began = True
                self._blanks.clear()
                continue
            rest = text[start : start + len("<thinking>")].lower()
            if not self._began:
                self._blanks.append(text[at:start])
            if start == len(text) or any(tag.startswith(rest) for tag in _OPENING_TAGS):
                self._tag = text[start:]
                return "".join(thoughts), ""
            words = "".join((*self._blanks, text[start:]))
            self._over = True
            self._blanks.clear()
            return "".join(thoughts), words


def _overlap(text: str, tag: str) -> int:
    """How much of the end of a text may be the beginning of a tag."""
    end = text.lower()
    return next((size for size in range(min(len(tag) - 1, len(end)), 0, -1) if end.endswith(tag[:size])), 0)
