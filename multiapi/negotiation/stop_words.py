"""Stop words for providers that have none: the response is cut here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from multiapi.types.chat import ChatDelta, ChatResponse


def cut_at_stop(response: ChatResponse, stops: Sequence[str]) -> ChatResponse:
    """The response up to the first stop word."""
    at = _first_stop(response.text, stops)
    return response if at is None else replace(response, text=response.text[:at], finish_reason="stop")


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    return min((at for stop in stops if stop and (at := text.find(stop)) >= 0), default=None)


class StopFilter:
    """Ends the text of a stream at the first stop word, also where it came in chunks."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._keep = max((len(stop) for stop in self._stops), default=1) - 1
        self._held = ""
        self._stopped = False

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas up to the stop word; the last one always."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text:
                delta = delta._replace(text=self._released(delta.text))
            if delta.response is not None:
                if self._held and not self._stopped:
                    shown.append(ChatDelta(self._held))
                shown.append(delta._replace(response=cut_at_stop(delta.response, self._stops)))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _released(self, text: str) -> str:
        if self._stopped:
            return ""
        self._held += text
        at = _first_stop(self._held, self._stops)
        if at is not None:
            self._stopped = True
            return self._held[:at]
        safe = len(self._held) - self._keep
        if safe <= 0:
            return ""
        released, self._held = self._held[:safe], self._held[safe:]
        return released
