"""What calls cost, added up over a program: a callback for every chat model of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from multiapi.money.spending import Spending, opened, tell_unpriced
from multiapi.providers import PROVIDERS
from multiapi.types.usage import Cost


def cost_of(message: Any) -> Cost | None:
    """What a message cost, as the provider said it; None if it did not."""
    told = message.response_metadata.get("cost") if isinstance(message, AIMessage) else None
    return Cost.from_dict(told) if isinstance(told, Mapping) else None


def is_cached(message: Any) -> bool:
    """Whether a response came out of LangChain's cache, which marks it so, and cost nothing."""
    usage = getattr(message, "usage_metadata", None)
    return isinstance(usage, Mapping) and "total_cost" in usage and usage["total_cost"] == 0


class SpendTracker(Spending, BaseCallbackHandler):
    """Adds up what calls cost, per unit; units are never converted.

        spent = SpendTracker()
        model.invoke("hello", config={"callbacks": [spent]})
        spent.totals                        # {"USD": Decimal("0.0021")}

    As a callback it sees chat models and this package's tools; inside of `track_spending` every paid call.

    Attributes:
        totals: The sum for each unit; None is the unit of providers that name none.
        calls: How many paid calls there were.
        unpriced: How many of them came without a cost: not told, or the call failed or was left and may have been charged.
        cached: How many answers came out of LangChain's cache, for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hears_core = False

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:  # noqa: ARG002
        for generations in response.generations:
            first = generations[0] if generations else None
            message = first.message if isinstance(first, ChatGeneration) else None
            if is_cached(message):
                self.count_cached()
            elif not (self._hears_core and _is_ours(message)):
                self.count(cost_of(message))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:  # noqa: ARG002
        if not self._hears_core:
            self.count_failed(error)

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:  # noqa: ARG002
        made = getattr(output, "artifact", None)
        cost = getattr(made[0] if isinstance(made, list) and made else made, "cost", None)
        if isinstance(cost, Cost) and not self._hears_core:
            self.count(cost)


def _is_ours(message: Any) -> bool:
    return getattr(message, "response_metadata", {}).get("model_provider") in PROVIDERS


_TRACKER: ContextVar[SpendTracker | None] = ContextVar("multiapi_spend_tracker", default=None)
_registered = False


@contextmanager
def track_spending() -> Iterator[SpendTracker]:
    """Add up what every call inside of the `with` costs (chat, streams, embeddings, tools), without handing callbacks around.

    A cost that nobody tells is in `unpriced`, and in the log.
    """
    global _registered  # noqa: PLW0603
    if not _registered:
        register_configure_hook(_TRACKER, inheritable=True)
        _registered = True
    tracker = SpendTracker()
    tracker._hears_core = True
    token = _TRACKER.set(tracker)
    try:
        with opened(tracker):
            yield tracker
    finally:
        _TRACKER.reset(token)
        tell_unpriced(tracker)
