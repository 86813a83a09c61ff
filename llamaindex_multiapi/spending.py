"""`SpendingHandler`: what each run of an agent, workflow or query engine costs, and may cost, by LlamaIndex's instrumentation."""

from __future__ import annotations

import inspect
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Self

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span import BaseSpan, active_span_id
from llama_index_instrumentation.span_handlers import BaseSpanHandler

from multiapi._package import new_rlock
from multiapi.errors import InvalidRequestError
from multiapi.money.budget import Budget
from multiapi.money.scopes import Scope, unwatch, watch
from multiapi.money.spending import Spending

MAX_SPANS = 10_000
"""How many spans are remembered, the latest."""
MAX_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class SpendingRun:
    """One call from outside, as `FunctionAgent.run` or `RetrieverQueryEngine.query`, and what was bought in it.

    Attributes:
        name: Class and method.
        spending: What its calls cost.
        budget: What they have to fit into.
    """

    name: str
    spending: Spending
    budget: Budget | None


class SpendingHandler(BaseSpanHandler[BaseSpan]):
    """Adds up what every run costs, whichever models, tools and sub-agents spend it, and caps it.

        with SpendingHandler("0.05 USD") as spent:
            await agent.run("...")
        spent.runs[-1].spending                  # Spending(0.0021 USD in 3 calls)

    A run is a call from outside: an agent's, a workflow's, a query engine's, a single one of a model. What is started inside of it
    belongs to it. Inside of the `with` the handler is on LlamaIndex's root dispatcher; `get_dispatcher().add_span_handler(handler)`
    puts it there for good.

    A stream that is read outside of every run is in `total`, and capped by itself.

    A call that does not fit is not sent: the model's raises `BudgetExceededError`, a tool's is told to the agent's model in words.

    Args:
        budget: An amount like "0.05 USD", a `Budget`, or a function that makes one; None: only add up.
        per: "run" caps each run by itself, which needs an amount or a function; "all" all of them together.

    Attributes:
        total: What all runs cost.
        runs: The latest of them that spent something.
    """

    _make: Callable[[], Budget | None] = PrivateAttr()
    _total: Spending = PrivateAttr(default_factory=Spending)
    _runs: deque[SpendingRun] = PrivateAttr()
    _by_span: OrderedDict[str, SpendingRun] = PrivateAttr()
    _guard: Any = PrivateAttr()

    def __init__(
        self,
        budget: str | Decimal | float | Budget | Callable[[], Budget] | None = None,
        *,
        per: Literal["run", "all"] = "run",
    ) -> None:
        super().__init__()
        if per not in ("run", "all"):
            raise InvalidRequestError(f"per must be 'run' or 'all', not {per!r}")
        if per == "run" and isinstance(budget, Budget):
            raise InvalidRequestError(
                "with per='run' each run has a budget of its own: give an amount like '0.05 USD' or a function that makes a "
                "Budget, or per='all' for this one"
            )
        if per == "run" and callable(budget):
            self._make = budget
        else:
            first = Budget.of(
                budget() if callable(budget) else budget
            )  # an amount that is not valid is an error at once
            self._make = (lambda: Budget.of(budget)) if per == "run" else (lambda: first)  # type: ignore[arg-type]
        self._runs = deque(maxlen=MAX_RUNS)
        self._by_span = OrderedDict()
        self._guard = new_rlock()  # what makes a budget may ask for the runs
        watch(self)

    @property
    def total(self) -> Spending:
        """What all runs cost."""
        return self._total

    @property
    def runs(self) -> list[SpendingRun]:
        """The latest runs that spent something, oldest first."""
        with self._guard:
            return [run for run in self._runs if run.spending.calls or run.spending.under_way]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.runs)} runs, {self._total!r})"

    __str__ = __repr__

    def __enter__(self) -> Self:
        watch(self)
        get_dispatcher().add_span_handler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave LlamaIndex's root dispatcher; what was added up stays."""
        handlers = get_dispatcher().span_handlers
        handlers[:] = [each for each in handlers if each is not self]
        unwatch(self)

    # ------------------------------------------------------------------------------------ what the core asks

    def scope(self) -> Scope:
        """Return what is counted and capped where the running code is."""
        span = active_span_id.get()
        with self._guard:
            run = None if span is None else self._by_span.get(span)
        if run is None:  # a stream that is read outside of every run, or code without spans
            own = self._make()
            return Scope((self._total,), () if own is None else (own,))
        return Scope((run.spending, self._total), () if run.budget is None else (run.budget,))

    # ------------------------------------------------------------------------------------ what the dispatcher says

    @classmethod
    def class_name(cls) -> str:
        return "SpendingHandler"

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,  # noqa: ARG002
        instance: Any | None = None,  # noqa: ARG002
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        with self._guard:
            run = None if parent_id is None else self._by_span.get(parent_id)
            if run is None:
                run = SpendingRun(id_[:-37] or id_, Spending(), self._make())
                self._runs.append(run)
            else:
                self._by_span.move_to_end(parent_id)  # type: ignore[arg-type]
            self._by_span[id_] = run
            while len(self._by_span) > MAX_SPANS:
                self._by_span.popitem(last=False)

    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        """Nothing: what a span has started may go on."""

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        """Nothing: as `span_exit`."""

    def new_span(self, *_: Any, **__: Any) -> None:
        return None

    def prepare_to_exit_span(self, *_: Any, **__: Any) -> None:
        return None

    def prepare_to_drop_span(self, *_: Any, **__: Any) -> None:
        return None
