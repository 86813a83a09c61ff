"""The framework packages translate and decide nothing: one row for each decision that the core makes for both.

A row says what in the source of a framework package would be such a decision. That both come to the same is held by `tests/equivalence`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from multiapi import PROVIDERS
from tests.house import measure

PACKAGES = ("langchain_multiapi", "llamaindex_multiapi")
APART = ("llamaindex_multiapi.testing",)
"""Suites for embeddings and LLMs of any package."""


def names(node: ast.AST) -> set[str]:
    """What a node calls, imports or looks up."""
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return {node.func.id}
    return set()


def texts(nodes: list[ast.expr]) -> set[str]:
    return {
        each.value
        for node in nodes
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and type(each.value) is str
    }


def uses(*known: str) -> Callable[[ast.AST], bool]:
    return lambda node: bool(names(node) & set(known))


def calls(known: str) -> Callable[[ast.AST], bool]:
    return lambda node: isinstance(node, ast.Call) and known in names(node) | names(node.func)


def compares(*known: str) -> Callable[[ast.AST], bool]:
    """Whether a node asks for one of these texts, or holds a table by them."""

    def found(node: ast.AST) -> bool:
        if isinstance(node, ast.Compare):
            return bool(texts([node.left, *node.comparators]) & set(known))
        if isinstance(node, ast.Dict):
            return len(texts([key for key in node.keys if isinstance(key, ast.Constant)]) & set(known)) > 1
        return isinstance(node, ast.MatchValue) and bool(texts([node.value]) & set(known))

    return found


def catches(*known: str) -> Callable[[ast.AST], bool]:
    return lambda node: (
        isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and bool({each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)} & set(known))
    )


def judges_a_failure(node: ast.AST) -> bool:
    """Whether a condition looks at an error's status or at what may be repeated."""
    tests = [node.test] if isinstance(node, ast.If | ast.IfExp | ast.While) else []
    known = {"retryable", "is_retryable", "outcome_unknown", "status_code"}
    return any(names(each) & known for test in tests for each in ast.walk(test))


class Row(NamedTuple):
    """A decision, what would be one, and source in which it is made."""

    decision: str
    is_made_by: tuple[Callable[[ast.AST], bool], ...]
    planted: tuple[str, ...]


ROWS = [
    Row(
        "failing over and retrying",
        (uses("is_doubtful", "was_never_sent", "may_repeat", "_WORTH_A_STATUS"), judges_a_failure),
        ("if error.retryable:\n    ask()", "from multiapi.errors import is_doubtful"),
    ),
    Row(
        "what a response that was cut off, filtered or only thought comes to",
        (compares("length", "content_filter"),),
        ("if response.finish_reason == 'length':\n    raise Cut",),
    ),
    Row("token windows and waiting", (uses("sleep", "monotonic", "perf_counter"),), ("time.sleep(60 - window)",)),
    Row(
        "spending",
        (calls("Decimal"), uses("count_doubtful")),
        ("total = Decimal(0)",),
    ),
    Row(
        "embeddings in parts",
        (
            uses("batches", "added_cost", "added_usage", "texts_per_request"),
            catches("EmbeddingBatchError"),
            lambda node: isinstance(node, ast.Call) and names(node) == {"range"} and len(node.args) == 3,
        ),
        ("for at in range(0, len(texts), size):\n    run(texts[at:])", "try:\n    run()\nexcept EmbeddingBatchError:\n    raise"),
    ),
    Row(
        "partial JSON and the value in an answer",
        (uses("from_json", "parse_partial_json", "raw_decode", "json_value", "partial_value", "demands_fields", "misfit"),),
        ("value = from_json(text, allow_partial=True)", "from multiapi.negotiation.json_answers import partial_value"),
    ),
    Row(
        "schemas of tools and of answers",
        (compares("additionalProperties", "$ref", "$defs", "anyOf"), lambda node: isinstance(node, ast.Subscript) and bool(texts([node.slice]) & {"additionalProperties", "$defs"})),
        ("schema['additionalProperties'] = False", "if '$ref' in schema:\n    inline(schema)"),
    ),
    Row(
        "keys and connections",
        (uses("environ", "getenv", "Transport", "HTTPTransport"),),
        ("key = os.environ['AIMLAPI_API_KEY']", "key = getenv(name)"),
    ),
    Row(
        "facts about providers",
        (compares(*PROVIDERS),),
        ("if provider == 'aimlapi':\n    x", "HIDDEN = {'bineric': 1, 'aicredits': 2}", "if name in {'binobox', 'aimlapi'}:\n    x"),
    ),
]  # fmt: skip

EXCUSED = {
    ("spending", "langchain_multiapi.middleware"): "keeps sums as text in the state of an agent, for its checkpointer",
    ("keys and connections", "langchain_multiapi._keys"): "reads the variable whose name a pickle holds",
}


def decisions(row: Row, source: ast.AST) -> Iterator[str]:
    for node in ast.walk(source):
        if any(is_one(node) for is_one in row.is_made_by):
            yield f"line {getattr(node, 'lineno', '?')}: {ast.unparse(node)[:80]}"


@pytest.mark.parametrize("row", ROWS, ids=[row.decision for row in ROWS])
def test_a_framework_package_decides_nothing(row: Row) -> None:
    found = {
        module: made
        for module in measure.sources()
        if module.startswith(PACKAGES) and not module.startswith(APART) and (row.decision, module) not in EXCUSED
        if (made := list(decisions(row, measure.tree(module))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("row", "planted"), [(row, planted) for row in ROWS for planted in row.planted], ids=lambda each: str(each)[:40]
)
def test_the_search_finds_what_it_is_for(row: Row, planted: str) -> None:
    assert list(decisions(row, ast.parse(planted)))
