"""What a process keeps is one object: each part of it bounded, and nothing kept beside it."""

from __future__ import annotations

import ast

import pytest

from multiapi.sending.kept import PROCESS, Kept, ProcessState
from multiapi.sending.retry_budget import RetryBudget
from tests.house.measure import sources, tree

ROOMS = ("multiapi.sending", "multiapi.flows", "multiapi.client", "multiapi.negotiation")
KINDS = {
    "Kept",
    "Refusals",
    "dict",
    "list",
    "set",
    "OrderedDict",
    "defaultdict",
    "WeakValueDictionary",
    "WeakKeyDictionary",
}
ALLOWED = {
    ("multiapi.client.loading", "_done"),  # what was imported: as many as there are providers
    ("multiapi.sending.loading", "LOADED"),
    ("multiapi.sending.limiter", "_LIMITERS"),  # weak, by the ids that copies and pickles carry
}


def kept_beside(module: str) -> set[tuple[str, str]]:
    """Names of a module that hold what fills up while a program runs: empty containers, and those of this package."""
    found = set()
    for node in tree(module).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        value = node.value
        name = value.func if isinstance(value, ast.Call) else None
        called = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else None
        is_empty = (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
        if is_empty or (called in KINDS and not (called not in {"Kept", "Refusals"} and value.args)):  # type: ignore[attr-defined]
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found.add((module, ast.unparse(target)))
    return found


def test_nothing_is_kept_beside_it() -> None:
    rooms = [module for module in sources() if module.startswith(ROOMS)]
    assert len(rooms) > 40
    assert set().union(*map(kept_beside, rooms)) <= ALLOWED


def test_every_part_is_bounded() -> None:
    state = ProcessState()
    parts = [each for each in vars(state).values() if isinstance(each, Kept)]
    assert len(parts) == len(vars(state)) - 1
    for kept in parts:
        for number in range(1_000):
            kept.get((f"https://{number}.example", number), RetryBudget)
        assert 0 < len(kept) <= 256
    for number in range(10_000):
        state.refusals.remember("https://api.example", f"model-{number}", "tools")
    assert 0 < len(state.refusals) <= 1_000


def test_what_was_learnt_can_be_forgotten() -> None:
    state = ProcessState()
    budget = state.retry_budgets.get("https://api.example", RetryBudget)
    while budget.take():
        pass
    state.refusals.remember("https://api.example", "m", "tools")
    state.forget()
    assert len(state.refusals) == 0
    assert budget.take()
    assert state.retry_budgets.get("https://api.example", RetryBudget) is budget


@pytest.mark.parametrize("name", sorted(vars(ProcessState())))
def test_there_is_one_of_each_in_a_process(name: str) -> None:
    assert type(getattr(PROCESS, name)) is type(getattr(ProcessState(), name))
