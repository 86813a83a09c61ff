"""No test is decided by elapsed time: a busy machine may be slow, so that only "at least" can be asked of a clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLOCKS = {"monotonic", "perf_counter", "process_time", "monotonic_ns", "perf_counter_ns", "process_time_ns"}
TIMED = {"seconds", "elapsed", "elapsed_s"}
"""Attributes of what the tests' own helpers measure."""


def places() -> list[str]:
    found = []
    for folder in ("tests", "llamaindex_multiapi/testing"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if any(word in source for word in CLOCKS | TIMED):
                found += [f"{path.relative_to(ROOT)}:{line}" for line in upper_bounds(source)]
    return found


def upper_bounds(source: str) -> list[int]:
    """Lines of the assertions that want a time to be short."""
    tree = ast.parse(source)
    lines = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            timed = _timed_names(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Assert) and _wants_less(node.test, timed):
                    lines.append(node.lineno)
    return sorted(set(lines))


def _timed_names(function: ast.AST) -> set[str]:
    """Names that hold a duration, or give one, within a function."""
    names: set[str] = set()
    before = -1
    while before != len(names):
        before = len(names)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and _is_time(node.value, names):
                names |= {_base(target) for target in node.targets} - {""}
            elif isinstance(node, ast.FunctionDef) and any(
                isinstance(n, ast.Return) and n.value and _is_time(n.value, names) for n in ast.walk(node)
            ):
                names.add(node.name)
    return names


def _base(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _is_time(node: ast.expr, names: set[str]) -> bool:
    """Whether it is a duration: two points in time subtracted, or what holds one."""
    match node:
        case ast.BinOp(left=left, op=ast.Sub()) if _reads_a_clock(left):
            return True
        case ast.BinOp(left=left, right=right):
            return _is_time(left, names) or _is_time(right, names)
        case ast.Attribute(attr=name):
            return name in TIMED
        case ast.Name(id=name):
            return name in names
        case ast.Subscript(value=value):
            return _is_time(value, names)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return name in names or (
                name in {"min", "max", "sum", "abs"} and any(_is_time(a, names) for a in arguments)
            )
    return False


def _reads_a_clock(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in CLOCKS


def _wants_less(test: ast.expr, names: set[str]) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
                smaller = left if isinstance(operator, ast.Lt | ast.LtE) else right
                if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) and _is_time(smaller, names):
                    return True
    return False


def test_no_test_wants_to_be_fast() -> None:
    assert places() == []


@pytest.mark.parametrize(
    "asserted",
    [
        "began = time.monotonic(); work(); assert time.monotonic() - began < 2",
        "began = time.monotonic(); work(); took = time.monotonic() - began; assert 0.1 < took < 2",
        "began = perf_counter(); work(); took = perf_counter() - began; assert 2 >= took",
        "outcome = work(); assert outcome.seconds < 1, 'slow'",
        "times = {}; times[1] = work().seconds; assert times[1] < 3",
        "began = time.process_time(); a = time.process_time() - began; assert a < 8 * a + 0.5",
    ],
)
def test_one_that_does_is_seen(asserted: str) -> None:
    assert upper_bounds(f"def test_it():\n    {asserted}\n") == [2]


@pytest.mark.parametrize(
    "asserted",
    [
        "began = time.monotonic(); work(); assert time.monotonic() - began >= 2",
        "outcome = work(); assert outcome.seconds > 1",
        "clock = Moved(); assert clock.now < 2",
    ],
)
def test_what_a_busy_machine_cannot_break_is_not(asserted: str) -> None:
    assert upper_bounds(f"def test_it():\n    {asserted}\n") == []
