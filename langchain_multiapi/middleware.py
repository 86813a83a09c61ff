"""Middleware for `langchain.agents.create_agent`: a budget, and failing over to another vendor. Needs the extra `agents`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

try:
    from langchain.agents.middleware.types import (
        AgentMiddleware,
        AgentState,
        ModelRequest,
        ModelResponse,
        PrivateStateAttr,
        hook_config,
    )
    from langgraph.channels.untracked_value import UntrackedValue
except ImportError as error:
    raise ImportError("the middleware needs langchain: pip install 'multiapi[agents]'") from error
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from langchain_multiapi.spending import cost_of
from multiapi.failover import is_doubtful, worth_another_provider

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

logger = logging.getLogger("multiapi")


class BudgetExceededError(Exception):
    """The budget of a `SpendGuard` is used up.

    Attributes:
        spent: What was spent.
        budget: What might have been spent.
        unit: Of both.
    """

    def __init__(self, spent: Decimal, budget: Decimal, unit: str | None) -> None:
        super().__init__(spent, budget, unit)
        self.spent = spent
        self.budget = budget
        self.unit = unit

    def __str__(self) -> str:
        return f"the budget of {self.budget} {self.unit or ''} is used up: {self.spent} were spent".replace("  ", " ")


class SpendState(AgentState[Any]):
    """What the guard keeps: decimal text, so that every checkpointer can hold it."""

    multiapi_spent: NotRequired[Annotated[str, PrivateStateAttr]]
    multiapi_spent_in_run: NotRequired[Annotated[str, UntrackedValue, PrivateStateAttr]]
    multiapi_counted: NotRequired[Annotated[str, PrivateStateAttr]]


class SpendGuard(AgentMiddleware[SpendState, Any, Any]):
    """Stops an agent before the model call that follows on a used-up budget.

        agent = create_agent(model, tools, middleware=[SpendGuard("0.50", unit="USD")])

    The budget is in the vendor's own unit, because nothing is converted. A call is not cut short: the last one may go above it.

    Args:
        budget: How much may be spent.
        unit: USD, INR, diamonds, credits, or None for a vendor that names none.
        per: "thread" counts a whole conversation, kept by the checkpointer; "run" one call of the agent.
        on_exceeded: "end" ends with a message that says so, "error" raises `BudgetExceededError`.
        on_unpriced: What happens after an answer whose cost in this unit is not told: "ignore" it, or treat the budget as "exceeded".
    """

    state_schema = SpendState

    def __init__(
        self,
        budget: Decimal | float | str,
        *,
        unit: str | None,
        per: Literal["thread", "run"] = "thread",
        on_exceeded: Literal["end", "error"] = "end",
        on_unpriced: Literal["ignore", "exceeded"] = "ignore",
    ) -> None:
        super().__init__()
        self.budget = Decimal(str(budget))
        if not self.budget.is_finite() or self.budget < 0:
            raise ValueError(f"a budget must be zero or more, not {budget!r}")
        self.unit = unit
        self.per = per
        self.on_exceeded = on_exceeded
        self.on_unpriced = on_unpriced

    def spent(self, state: SpendState) -> Decimal:
        """What was spent so far."""
        held = state.get("multiapi_spent") if self.per == "thread" else state.get("multiapi_spent_in_run")
        return Decimal(held or 0)

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        spent = self.spent(state)
        if spent < self.budget:
            return None
        error = BudgetExceededError(spent, self.budget, self.unit)
        if self.on_exceeded == "error":
            raise error
        return {"jump_to": "end", "messages": [AIMessage(f"Stopped: {error}.")]}

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.before_model(state, runtime)

    def after_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        message = next((found for found in reversed(state["messages"]) if isinstance(found, AIMessage)), None)
        if message is None or (message.id and message.id == state.get("multiapi_counted")):
            return None
        cost = cost_of(message)
        if cost is not None and cost.unit == self.unit:
            amount = cost.amount
        elif self.on_unpriced == "exceeded":
            amount = self.budget
        else:
            return None
        return {
            "multiapi_spent": str(Decimal(state.get("multiapi_spent") or 0) + amount),
            "multiapi_spent_in_run": str(Decimal(state.get("multiapi_spent_in_run") or 0) + amount),
            "multiapi_counted": message.id or "",
        }

    async def aafter_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.after_model(state, runtime)


class VendorFailover(AgentMiddleware[AgentState[Any], Any, Any]):
    """Asks the next model when one fails in a way that another vendor may not.

        agent = create_agent(model, tools, middleware=[VendorFailover(model_at_another_vendor)])

    `multiapi.failover.worth_another_provider` decides, as for LlamaIndex' `FallbackLLM`: a request that cannot be right anywhere is not
    made elsewhere, and one that may have been carried out and charged is not paid for twice.

    Args:
        models: Asked one after the other.
        also: Further errors to fail over on, if they cannot have been charged.
        not_on: Errors to raise at once.
        on_doubt: Ask the next one also after a failure that may have been charged.
    """

    def __init__(
        self,
        *models: BaseChatModel,
        also: tuple[type[Exception], ...] = (),
        not_on: tuple[type[Exception], ...] = (),
        on_doubt: bool = False,
    ) -> None:
        super().__init__()
        if not models:
            raise ValueError("failing over needs at least one model to fail over to")
        self.models = models
        self.also = also
        self.not_on = not_on
        self.on_doubt = on_doubt

    def _goes_on(self, error: Exception) -> bool:
        if isinstance(error, self.not_on):
            return False
        if worth_another_provider(error, on_doubt=self.on_doubt):
            return True
        return isinstance(error, self.also) and not is_doubtful(error)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        for model in self.models:
            try:
                return handler(request)
            except Exception as error:
                if not self._goes_on(error):
                    raise
                _tell(error, model)
            request = request.override(model=model)
        return handler(request)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        for model in self.models:
            try:
                return await handler(request)
            except Exception as error:
                if not self._goes_on(error):
                    raise
                _tell(error, model)
            request = request.override(model=model)
        return await handler(request)


def _tell(error: Exception, model: BaseChatModel) -> None:
    logger.info("failing over to %s after %s", getattr(model, "provider", type(model).__name__), type(error).__name__)
