"""Where a reader may leave a stream, nothing stands around its steps that would close them: what is open is closed by steps of their own.

`yield from` hands a GeneratorExit on as `close()`. Steps that ask for a step then, to close a response, end with "generator ignored
GeneratorExit", and the connection stays open. `multiapi.flows.driving.handed_on` tells them instead.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

import pytest

from tests.house import measure

ROOMS = ("multiapi.sending", "multiapi.flows", "multiapi.client")
_ENDINGS = {"BaseException", "GeneratorExit"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a function, without the functions and classes inside of it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef | ast.Lambda):
            yield child
            yield from own(child)


def within(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        yield from own(node)


def asks(nodes: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in within(nodes))


def catches_the_end(handler: ast.ExceptHandler) -> bool:
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else _ENDINGS
    return bool(names & _ENDINGS)


class Steps:
    """What is known of the generators of some modules: which make which, which hand items to a reader, which close by steps.

    Functions are known by their names, methods by a dot and theirs. `<steps>` among what a function makes stands for its argument.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.functions = [each for text in texts.values() for each in functions_of(text)]
        self.parameters: dict[str, list[list[str]]] = defaultdict(list)
        for name, function, _ in self.functions:
            self.parameters[name].append([each for each in parameters(function) if each != "self"])
        self.given: dict[tuple[str, str], set[str]] = defaultdict(set)  # to a parameter of a function
        self.gives: dict[str, set[str]] = defaultdict(set)  # the generators that a function makes
        self.leavable: set[str] = set()
        self.closing = {name for name, _, nodes in self.functions if any(map(closes, nodes))}
        size = -1
        while size != (size := sum(map(len, [*self.given.values(), *self.gives.values(), self.leavable]))):
            for name, function, nodes in self.functions:
                self._learn(name, function, nodes)

    def _learn(self, name: str, function: Function, nodes: list[ast.AST]) -> None:
        abstract = {each: {f"<{each}>"} for each in parameters(function)}
        self._assign(nodes, abstract)
        if asks(function.body):
            self.gives[name] |= {name}.union(*(abstract.get(each, set()) for each in map(sent_to, nodes) if each))
        else:
            for node in nodes:
                if isinstance(node, ast.Return) and node.value is not None:
                    self.gives[name] |= self._made(node.value, abstract)
        held = self._held(name, function, nodes)
        for node in nodes:
            if isinstance(node, ast.Call):
                for callee, parameter, argument in self._arguments(node):
                    self.given[callee, parameter] |= self._made(argument, held)
            if hands_items(node) or (isinstance(node, ast.YieldFrom) and self._made(node.value, held) & self.leavable):
                self.leavable.add(name)

    def _held(self, name: str, function: Function, nodes: list[ast.AST]) -> dict[str, set[str]]:
        """What the names of a function stand for."""
        held = {each: set(self.given[name, each]) for each in parameters(function)}
        self._assign(nodes, held)
        return held

    def _assign(self, nodes: list[ast.AST], held: dict[str, set[str]]) -> None:
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        held.setdefault(target.id, set()).update(self._made(node.value, held))

    def _made(self, node: ast.expr, held: Mapping[str, set[str]]) -> set[str]:
        """The generators that an expression may stand for."""
        if isinstance(node, ast.Name):
            return held.get(node.id, set())
        if isinstance(node, ast.IfExp):
            return self._made(node.body, held) | self._made(node.orelse, held)
        if not isinstance(node, ast.Call):
            return set()
        made = set[str]().union(*(self.gives.get(name, set()) for name in called(node)))
        taken = [argument for _, parameter, argument in self._arguments(node) if f"<{parameter}>" in made]
        return {each for each in made if not each.startswith("<")}.union(*(self._made(each, held) for each in taken))

    def _arguments(self, call: ast.Call) -> Iterator[tuple[str, str, ast.expr]]:
        for name in called(call):
            for names in self.parameters.get(name, ()):
                yield from ((name, *each) for each in zip(names, call.args, strict=False))
                yield from ((name, keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg in names)

    def faults(self) -> list[str]:
        """Functions that close what they should tell, by `yield from`."""
        risky = self.leavable & self.closing
        return sorted(
            f"{name} around {', '.join(sorted(found))}"
            for name, function, nodes in self.functions
            for node in nodes
            if isinstance(node, ast.YieldFrom)
            and (found := self._made(node.value, self._held(name, function, nodes)) & risky)
        )


@cache
def functions_of(text: str) -> list[tuple[str, Function, list[ast.AST]]]:
    """The functions of a module, each with its name and with those of its nodes that tell something."""
    told = (ast.Call, ast.Return, ast.Assign, ast.AnnAssign, ast.Yield, ast.YieldFrom, ast.Try)
    return [
        (
            f".{node.name}" if "self" in parameters(node) else node.name,
            node,
            [x for x in own(node) if isinstance(x, told)],
        )
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function)
    ]


def parameters(function: Function) -> list[str]:
    return [each.arg for each in [*function.args.args, *function.args.kwonlyargs]]


def called(call: ast.Call) -> list[str]:
    """The names under which the function of a call may be known."""
    if isinstance(call.func, ast.Name):
        return [call.func.id]
    if not isinstance(call.func, ast.Attribute):
        return []
    method = f".{call.func.attr}"
    return [method] if isinstance(call.func.value, ast.Name) and call.func.value.id == "self" else [method, method[1:]]


def sent_to(node: ast.AST) -> str | None:
    """The name of the generator that is sent what came of a step."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"send", "throw"}:
        return getattr(node.func.value, "id", None)
    return None


def hands_items(node: ast.AST) -> bool:
    """Whether a reader gets something here: `yield Items(...)`, or a step that is given items."""
    if isinstance(node, ast.Yield):
        return isinstance(node.value, ast.Call) and called(node.value) == ["Items"]
    if isinstance(node, ast.Assign):
        is_empty = isinstance(node.value, ast.Tuple) and not node.value.elts
        return not is_empty and any(isinstance(each, ast.Attribute) and each.attr == "items" for each in node.targets)
    return False


def closes(node: ast.AST) -> bool:
    """Whether a step is asked for here when the steps come to their end."""
    if not isinstance(node, ast.Try):
        return False
    return asks(node.finalbody) or any(asks(each.body) for each in node.handlers if catches_the_end(each))


def texts() -> dict[str, str]:
    return {
        name: path.read_text(encoding="utf-8")
        for name, path in measure.sources().items()
        if any(name == room or name.startswith(f"{room}.") for room in ROOMS)
    }


def test_nothing_closes_the_steps_of_a_stream_that_can_be_left() -> None:
    steps = Steps(texts())
    assert "._read" in steps.leavable & steps.closing, "the search knows what a stream is"
    assert "._read" in steps.gives["._stream"] & steps.gives["._events"]
    assert steps.faults() == []


RUNNER, OBSERVING = "multiapi.sending.runner", "multiapi.flows.observing"
LOADED = "return handed_on(steps, Work(needed))"
PLANTED = [
    (RUNNER, LOADED, "yield Work(load)\n        return (yield from steps)", "._loaded_first around ._read"),
    (
        RUNNER,
        "        return observed(steps, self._target, name, request, sends=Transmit, stream=True)",
        "        return self.noted(steps)\n\n    def noted(self, inner):\n        yield from inner",
        ".noted around ._read",
    ),
    (
        OBSERVING,
        "    return handed_on(steps, witness=",
        "    found = handed_on(steps, witness=None)\n    yield from found\n    return (",
        "observed around ._read",
    ),
    ("new", "", "def counted(client, request):\n    yield from client._stream(request)", "counted around ._read"),
    (
        "new",
        "",
        (
            "def a():\n    try:\n        yield Items([1])\n    except BaseException:\n        yield Close()\n"
            "def b():\n    return a()\ndef c():\n    steps = b() if d else None\n    yield from steps"
        ),
        "c around a",
    ),
]


@pytest.mark.parametrize(("module", "before", "after", "found"), PLANTED, ids=[each[3] for each in PLANTED])
def test_the_search_finds_what_it_is_for(module: str, before: str, after: str, found: str) -> None:
    planted = texts()
    text = planted.get(module, "")
    assert before in text
    planted[module] = text.replace(before, after) if before else after
    assert any(fault.startswith(found) for fault in Steps(planted).faults())


def test_steps_that_nobody_can_leave_may_stand_in_others() -> None:
    """Those that close but hand nothing to a reader, and those that hand something on and have nothing to close."""
    text = (
        "def a():\n    try:\n        yield Read()\n    finally:\n        yield Close()\n"
        "def b():\n    yield Items([1])\n"
        "def c():\n    yield from a()\n    yield from b()\n"
    )
    assert Steps({"new": text}).faults() == []
