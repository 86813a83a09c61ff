"""What calls cost, added up over a program: a callback for every chat model of this package."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from multiapi.types import Cost


def cost_of(message: Any) -> Cost | None:
    """What a message cost, as the vendor said it; None if it did not."""
    told = message.response_metadata.get("cost") if isinstance(message, AIMessage) else None
    if not isinstance(told, Mapping):
        return None
    try:
        balance = told.get("balance")
        return Cost(Decimal(str(told["amount"])), told.get("unit"), None if balance is None else Decimal(str(balance)))
    except (KeyError, InvalidOperation):
        return None


class SpendTracker(BaseCallbackHandler):
    """Adds up what calls cost, per unit; units are never converted.

        spent = SpendTracker()
        model.invoke("hello", config={"callbacks": [spent]})
        spent.totals                        # {"USD": Decimal("0.0021")}

    Attributes:
        totals: The sum for each unit; None is the unit of vendors that name none.
        calls: How many answers there were.
        unpriced: How many of them came without a cost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self.totals: dict[str | None, Decimal] = {}
        self.calls = 0
        self.unpriced = 0

    def __repr__(self) -> str:
        spent = ", ".join(f"{amount} {unit or '(no unit)'}" for unit, amount in self.totals.items())
        return f"SpendTracker({spent or 'nothing'} in {self.calls} calls)"

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:  # noqa: ARG002
        for generations in response.generations:
            first = generations[0] if generations else None
            cost = cost_of(first.message) if isinstance(first, ChatGeneration) else None
            with self._lock:
                self.calls += 1
                if cost is None:
                    self.unpriced += 1
                else:
                    self.totals[cost.unit] = self.totals.get(cost.unit, Decimal(0)) + cost.amount


_TRACKER: ContextVar[SpendTracker | None] = ContextVar("multiapi_spend_tracker", default=None)
_registered = False


@contextmanager
def track_spending() -> Iterator[SpendTracker]:
    """Add up what every call inside of the `with` costs, without handing callbacks around."""
    global _registered  # noqa: PLW0603
    if not _registered:
        register_configure_hook(_TRACKER, inheritable=True)
        _registered = True
    tracker = SpendTracker()
    token = _TRACKER.set(tracker)
    try:
        yield tracker
    finally:
        _TRACKER.reset(token)
