"""What a cassette records: calls of the core's client, as data that the recorder and all readers share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from multiapi.client.client import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.types.chat import ChatDelta, ChatRequest
from multiapi.types.embeddings import EmbedRequest

FOLDER = Path(__file__).parent.parent.parent / "cassettes"
KEY = "not-a-key"
LLAMAINDEX = frozenset({"llamaindex", "llamaindex_async"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call, `client.METHOD(*arguments, **options)`.

    Attributes:
        arguments: Values; a function among them is given the results of the earlier steps.
        raises: The error that the call ends in.
        fault: What the simulator is to do to the answer (`multiapi.simulator.faults`); such a step cannot be recorded live.
        key: One of the simulator's special keys; the same holds.
        wait_s: How long to wait before it.
    """

    method: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    raises: type[MultiApiError] | None = None
    fault: str | None = None
    key: str | None = None
    wait_s: float = 0.0

    def given(self, results: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments, with what follows from earlier results."""
        return tuple(value(results) if isinstance(value, FunctionType) else value for value in self.arguments)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """One cassette.

    Attributes:
        name: The name of its file: the operation, then the variant.
        steps: What is called, in order.
        settings: Further arguments of the client.
        without: Readers that cannot say the same.
        simulated: Further arguments of the simulator that it is recorded from.
    """

    provider: str
    name: str
    steps: tuple[Step, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    simulated: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def path(self) -> Path:
        """Its file."""
        return FOLDER / self.provider / f"{self.name}.yaml"

    @property
    def is_simulated(self) -> bool:
        """It needs a fault, an account or a switch that only the simulator has on demand."""
        return "withdrawn" in self.simulated or any(step.fault or step.key for step in self.steps)

    @property
    def is_open(self) -> bool:
        """Nobody knows how the provider answers it today: recorded live, whatever comes is kept."""
        return "as_seen" in self.simulated

    @property
    def only(self) -> Step | None:
        """The one step, if there is but one."""
        return self.steps[0] if len(self.steps) == 1 else None

    @property
    def request(self) -> ChatRequest | EmbedRequest | None:
        """The request of a scenario that frameworks can carry out too: one chat or one embeddings call."""
        if self.only is None or self.only.method not in {"chat", "chat_stream", "embed"}:
            return None
        request: ChatRequest | EmbedRequest = self.only.arguments[0]
        return request


# ------------------------------------------------------------------------------------------------ with the core


def run(
    scenario: Scenario, client_for: Callable[[Step], Client], before: Callable[[Step], None] | None = None
) -> list[Any]:
    """The results of all steps; an error that a step is to end in is its result."""
    results: list[Any] = []
    for step in scenario.steps:
        if before is not None:
            before(step)
        try:
            outcome = getattr(client_for(step), step.method)(*step.given(results), **step.options)
            results.append(settled([*outcome]) if inspect.isgenerator(outcome) else outcome)
        except MultiApiError as error:
            results.append(expected(step, error))
        else:
            assert step.raises is None, f"{scenario}: {step.method} was to raise {step.raises}"
    return results


async def run_async(scenario: Scenario, client_for: Callable[[Step], AsyncClient]) -> list[Any]:
    """The same with the async client."""
    results: list[Any] = []
    for step in scenario.steps:
        try:
            outcome = getattr(client_for(step), step.method)(*step.given(results), **step.options)
            if inspect.isasyncgen(outcome):
                results.append(settled([each async for each in outcome]))
            else:
                results.append(await outcome if inspect.isawaitable(outcome) else outcome)
        except MultiApiError as error:
            results.append(expected(step, error))
        else:
            assert step.raises is None, f"{scenario}: {step.method} was to raise {step.raises}"
    return results


def run_open(scenario: Scenario, client: Client) -> list[Any]:
    """The results of all steps, errors among them, whatever was expected."""
    results: list[Any] = []
    for step in scenario.steps:
        try:
            outcome = getattr(client, step.method)(*step.given(results), **step.options)
            results.append(settled([*outcome]) if inspect.isgenerator(outcome) else outcome)
        except MultiApiError as error:
            results.append(error)
        except Exception:  # it follows from a step that failed
            break
    return results


def expected(step: Step, error: MultiApiError) -> MultiApiError:
    """The error, if it is the one that the step is to end in; exactly that class, because a parent says less."""
    if step.raises is None or type(error) is not step.raises:
        raise error
    return error


def settled(pieces: list[Any]) -> Any:
    """The whole answer of a stream of deltas, which says the same as its pieces; other streams are lists."""
    if not pieces or not isinstance(pieces[-1], ChatDelta):
        return pieces
    response = pieces[-1].response
    assert response is not None
    assert "".join(delta.text for delta in pieces) == response.text
    assert "".join(delta.reasoning for delta in pieces) == (response.reasoning.text if response.reasoning else "")
    return response
