"""How many texts a provider takes in one embedding request, as its refusals have shown: by address and model, for an hour."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from multiapi.money.locks import Locked

KEPT_S = 3600.0
MOST_KEPT = 500


class _Known(NamedTuple):
    most: int | None
    worked: int
    until: float


class BatchSizes(Locked):
    """What is known of the sizes of batches. It forgets the oldest, and everything after an hour: limits change."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def most(self, base_url: str, model: str) -> int | None:
        """The largest size worth asking for, if a larger one was refused."""
        known = self._known(base_url, model)
        return None if known is None else known.most

    def has_worked(self, base_url: str, model: str, texts: int) -> bool:
        """Whether a request of this size, or a larger one, was taken lately."""
        known = self._known(base_url, model)
        return known is not None and known.worked >= texts

    def note_taken(self, base_url: str, model: str, texts: int) -> None:
        """A request of this size was taken."""
        known = self._known(base_url, model)
        if known is None or texts > known.worked:
            most = None if known is None or known.most is None else max(known.most, texts)
            self._keep(base_url, model, most, texts)

    def note_limit(self, base_url: str, model: str, texts: int) -> None:
        """A larger request was refused, of which the parts of this size were taken."""
        self._keep(base_url, model, texts, texts)

    def forget(self) -> None:
        """Start over."""
        with self._lock:
            self._held.clear()

    def _known(self, base_url: str, model: str) -> _Known | None:
        with self._lock:
            known = self._held.get((base_url, model))
            if known is not None and known.until <= self._clock():
                del self._held[base_url, model]
                return None
            return known

    def _keep(self, base_url: str, model: str, most: int | None, worked: int) -> None:
        with self._lock:
            self._held[base_url, model] = _Known(most, worked, self._clock() + KEPT_S)
            self._held.move_to_end((base_url, model))
            while len(self._held) > MOST_KEPT:
                self._held.popitem(last=False)
