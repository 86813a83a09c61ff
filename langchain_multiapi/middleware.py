"""Middleware for `langchain.agents.create_agent`: a budget, and failing over to another provider. Needs the extra `agents`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

try:
    from langchain.agents.middleware.types import (
        AgentMiddleware,
        AgentState,
        ModelRequest,
        ModelResponse,
        PrivateStateAttr,
        ToolCallRequest,
        hook_config,
    )
    from langgraph.channels.untracked_value import UntrackedValue
except ImportError as error:
    from multiapi._package import install

    raise ImportError(f"the middleware needs langchain; {install('agents')}") from error
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage

from langchain_multiapi.errors import BudgetExceededError, from_error
from langchain_multiapi.spending import cost_of, is_cached
from multiapi.errors import BudgetExceededError as CoreBudgetExceededError
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.failover import falls_back, in_turn
from multiapi.money.budget import Budget
from multiapi.money.kept_budget import KeptBudget, totals_of
from multiapi.money.spending import Spending, counted_by

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

__all__ = ["BudgetExceededError", "SpendGuard", "SpendState", "VendorFailover"]


class SpendState(AgentState[Any]):
    """What the guard keeps: decimal text, so that every checkpointer can hold it."""

    multiapi_spent: NotRequired[Annotated[str, PrivateStateAttr]]
    multiapi_spent_in_run: NotRequired[Annotated[str, UntrackedValue, PrivateStateAttr]]
    multiapi_counted: NotRequired[Annotated[str, PrivateStateAttr]]
    multiapi_counted_tools: NotRequired[Annotated[list[str], PrivateStateAttr]]


class SpendGuard(AgentMiddleware[SpendState, Any, Any]):
    """Stops an agent before the model call that follows on a used-up budget.

        agent = create_agent(model, tools, middleware=[SpendGuard("0.50", unit="USD")])

    Counted is what the model's answers cost, and whatever is bought inside of a tool call: this package's tools, embeddings, other
    agents. All of it has to fit into what is left: what does not is not sent, and told to the model in words. The provider's list of prices
    is read for that, once an hour; where no bound can be computed the calls under way may go above it, and the log says so once. An
    answer out of LangChain's cache is free. The budget is in the provider's own unit, because nothing is converted.

    A cost that is not told, or told in another unit, cannot be counted: that is a warning, once, because such a budget may never end.

    Args:
        budget: How much may be spent.
        unit: USD, INR, diamonds, credits, or None for a provider that names none.
        per: "thread" counts a whole conversation, kept by the checkpointer; "run" one call of the agent.
        on_exceeded: "end" ends with a message that says so, "error" raises `BudgetExceededError`.
        on_unpriced: What happens after a response whose cost in this unit is not told: "ignore" it, or treat the budget as "exceeded".
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
        self._kept = KeptBudget(budget, unit, on_unpriced=on_unpriced)
        self.budget = self._kept.amount
        self.unit = self._kept.unit
        self.per = per
        self.on_exceeded = on_exceeded
        self.on_unpriced = on_unpriced

    def spent(self, state: SpendState) -> Decimal:
        """What was spent so far."""
        held = state.get("multiapi_spent") if self.per == "thread" else state.get("multiapi_spent_in_run")
        return Decimal(held or 0)

    # ------------------------------------------------------------------------------------ before and after the model

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        update = self._count_tools(state)
        error = self._kept.used_up(self.spent({**state, **update}))  # type: ignore[typeddict-item]
        if error is None:
            return update or None
        return {**update, "jump_to": "end", "messages": [self._stopped(error)]}

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.before_model(state, runtime)

    def after_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        message = next((found for found in reversed(state["messages"]) if isinstance(found, AIMessage)), None)
        if message is None or (message.id and message.id == state.get("multiapi_counted")):
            return None
        counted = {"multiapi_counted": message.id or ""}
        if is_cached(message) or message.response_metadata.get(_STOPPED):
            return counted
        cost = cost_of(message)
        told = {} if cost is None else {cost.unit: cost.amount}
        return {**self._added(state, self._kept.counted(told, unpriced=cost is None, of="an answer")), **counted}

    async def aafter_model(self, state: SpendState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        return self.after_model(state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | AIMessage:
        answer: ModelResponse[Any] | AIMessage = drive(self._asked(request, handler))
        return answer

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any] | AIMessage:
        return await adrive(self._asked(request, handler))

    def _asked(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]) -> Steps[Any]:
        try:
            with self._applied(self._kept.left(self.spent(request.state))):  # type: ignore[arg-type]
                return (yield Either(handler, handler, request))
        except CoreBudgetExceededError as error:
            return self._stopped(error)

    def _stopped(self, error: CoreBudgetExceededError) -> AIMessage:
        if self.on_exceeded == "error":
            raise from_error(error)
        return AIMessage(f"Stopped: {error}.", response_metadata={_STOPPED: True})

    @contextmanager
    def _applied(self, budget: Budget) -> Iterator[None]:
        with budget.applied():
            try:
                yield
            finally:
                self._kept.ended(budget)

    # ------------------------------------------------------------------------------------ tools

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        return drive(self._called(request, handler))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        return await adrive(self._called(request, handler))

    def _called(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Steps[Any]:
        asked = next((each for each in reversed(request.state["messages"]) if isinstance(each, AIMessage)), None)
        step = str(asked.id if asked is not None and asked.id else request.tool_call["id"])
        with counted_by(heard := Spending()), self._applied(self._kept.left_for(step, self.spent(request.state))):
            try:
                result = yield Either(handler, handler, request)
            except CoreBudgetExceededError as error:
                result = _not_done(request, error)
        return _noted(result, heard)

    def _count_tools(self, state: SpendState) -> dict[str, Any]:
        """What tools have bought since the last model call; each call of a tool counts once."""
        latest: list[ToolMessage] = []
        for message in reversed(state["messages"]):
            if isinstance(message, AIMessage):
                break
            if isinstance(message, ToolMessage) and _SPENT in message.response_metadata:
                latest.append(message)
        before = state.get("multiapi_counted_tools") or []
        new = [message for message in latest if message.tool_call_id not in before]
        if not new:
            return {}
        amount = Decimal(0)
        for message in new:
            told = message.response_metadata[_SPENT]
            totals = {unit or None: Decimal(text) for unit, text in told["totals"].items()}
            amount += self._kept.counted(totals, unpriced=bool(told["unpriced"]), of="a tool call")
        return {
            **self._added(state, amount),
            "multiapi_counted_tools": [*before, *(message.tool_call_id for message in new)][-MOST_KEPT_IDS:],
        }

    def _added(self, state: SpendState, amount: Decimal) -> dict[str, Any]:
        names = ("multiapi_spent", "multiapi_spent_in_run")
        return {name: str(Decimal(str(state.get(name) or 0)) + amount) for name in names}


_STOPPED = "multiapi_stopped"
_SPENT = "multiapi_spent"
MOST_KEPT_IDS = 200


def _not_done(request: ToolCallRequest, error: Exception) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(f"Not done: {error}.", tool_call_id=call["id"], name=call["name"], status="error")


def _noted(result: Any, heard: Spending) -> Any:
    """The result of a tool, with what was bought for it on its message."""
    update = getattr(result, "update", None)
    inside = update.get("messages", []) if isinstance(update, Mapping) else []
    message = next((each for each in [result, *inside] if isinstance(each, ToolMessage)), None)
    if message is not None and heard.calls:
        totals = {unit or "": str(amount) for unit, amount in totals_of(heard).items()}
        message.response_metadata[_SPENT] = {"totals": totals, "unpriced": heard.unpriced}
    return result


class VendorFailover(AgentMiddleware[AgentState[Any], Any, Any]):
    """Asks the next model when one fails in a way that another provider may not.

        agent = create_agent(model, tools, middleware=[VendorFailover(model_at_another_vendor)])

    `multiapi.flows.failover.worth_another_provider` decides, as for LlamaIndex' `FallbackLLM`: a request that cannot be right anywhere is not
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

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return drive(self._answered(request, handler))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        return await adrive(self._answered(request, handler))

    def _answered(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]) -> Steps[Any]:
        return in_turn(
            lambda model: Either(
                handler, handler, request if model is request.model else request.override(model=model)
            ),
            [request.model, *self.models],
            goes_on=partial(falls_back, on_doubt=self.on_doubt, also=self.also, not_on=self.not_on),
            name=lambda model: str(getattr(model, "provider", type(model).__name__)),
        )
