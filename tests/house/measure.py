"""Measures the house: entries, rooms, floors, circles, imports that run upward, lines that stand twice for sync and async.

`python -m tests.house.measure` prints the table of docs/architecture.md. It reads the sources and imports nothing of them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("multiapi", "langchain_multiapi", "llamaindex_multiapi")

LEVELS: tuple[tuple[str, ...], ...] = (
    ("langchain_multiapi", "llamaindex_multiapi", "multiapi.cli"),
    ("multiapi.bulk",),
    ("multiapi.client",),
    ("multiapi.agent_tools", "multiapi.cassettes", "multiapi.observe"),
    ("multiapi.sending",),
    ("multiapi.flows",),
    ("multiapi.providers",),
    ("multiapi.negotiation",),
    ("multiapi.formats",),
    ("multiapi.provider",),
    ("multiapi.money",),
    ("multiapi.http",),
    ("multiapi.types",),
    ("multiapi.simulator",),
    ("multiapi.transport",),
    ("multiapi.errors", "multiapi._package"),
)
"""The rooms from the top down, as in the `layers` contract of pyproject.toml: an import may only go down."""


@dataclass(frozen=True)
class Import:
    """One module that imports another."""

    importer: str
    imported: str
    line: int


def name_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    """Return the source files of the three packages by the name of their module."""
    return {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    """Return the parsed source of a module."""
    return ast.parse(sources()[module].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of one module of the packages by another, those for type checkers and those inside of functions too."""
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    modules = sources()
    for module in modules:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    found = full if full in modules else node.module
                    if found in modules and found != module:
                        yield Import(module, found, node.lineno)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in modules and alias.name != module:
                        yield Import(module, alias.name, node.lineno)


def entries() -> list[str]:
    """Return what a reader sees in `multiapi/`: modules and folders. A stub, a marker and `__main__.py` are no modules of their own."""
    return sorted(
        path.name
        for path in (ROOT / "multiapi").iterdir()
        if not path.name.startswith((".", "__pycache__", "__main__"))
        and (path.suffix == ".py" or any(path.rglob("*.py")))
    )


def room_of(module: str) -> str | None:
    """Return the room that holds a module; None for the front doors, `multiapi/__init__.py` and `__main__.py`."""
    parts = module.split(".")
    if module == "multiapi.__main__":
        return None
    if parts[0] != "multiapi":
        return parts[0]
    return ".".join(parts[:2]) if len(parts) > 1 else None


def rooms() -> list[str]:
    """Return the rooms that there are."""
    return sorted({room for module in sources() if (room := room_of(module)) is not None})


def upward() -> list[Import]:
    """Return the imports that run up the table of levels, or sideways between rooms of one level."""
    level = {room: index for index, row in enumerate(LEVELS) for room in row}
    found = []
    for each in imports():
        above, below = room_of(each.importer), room_of(each.imported)
        if above is None or below is None or above == below:
            continue
        if level.get(above, -1) >= level.get(below, -1):
            found.append(each)
    return found


def circles(between: str = "modules") -> list[tuple[str, ...]]:
    """Return the circles of imports: groups in which each module (or room) reaches each other one."""
    edges: dict[str, set[str]] = {}
    for each in imports():
        a, b = (
            (each.importer, each.imported) if between == "modules" else (room_of(each.importer), room_of(each.imported))
        )
        if (
            a is not None
            and b is not None
            and a != b
            and not a.startswith(b + ".")
            and not (between == "modules" and b.startswith(a + "."))
        ):
            edges.setdefault(a, set()).add(b)
    return _components(edges)


def _components(edges: dict[str, set[str]]) -> list[tuple[str, ...]]:
    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in edges.get(waiting.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return seen

    reach = {node: reached(node) for node in edges}
    groups = {tuple(sorted(other for other in reach[node] if node in reach.get(other, ()))) for node in edges}
    return sorted(group for group in groups if len(group) > 1)


def floors() -> int:
    """Return the length of the longest way down from room to room."""
    edges: dict[str, set[str]] = {}
    for each in imports():
        above, below = room_of(each.importer), room_of(each.imported)
        if above is not None and below is not None and above != below:
            edges.setdefault(above, set()).add(below)

    if circles("rooms"):
        return -1  # there is no way down out of a circle

    @cache
    def height(room: str) -> int:
        return 1 + max((height(below) for below in edges.get(room, ())), default=0)

    return max(height(room) for room in rooms())


_SAME = re.compile(
    r"\b(?:async |await )|\ba(?=(?:sync_)?(?:iter|next|close|enter|exit|cquire|sleep|embed|chat|complete|stream))|\bAsync|\basync_"
)


DRIVING = "multiapi.flows.driving"
"""The loops that do or await what generators ask for; `test_the_loops_decide_nothing` keeps them as short as they are."""

_MECHANICAL = re.compile(r"\b(?:await |async for |async with )|^\s*with ")


def _plain(line: str) -> str:
    return _SAME.sub("", line).strip()


def twins(at_least: int = 4) -> list[tuple[str, str, int]]:
    """Return the pairs of sync and async functions that share lines which decide something: (module, name, lines).

    A pair is two functions of one module whose names differ by a leading `a` or `async_`, or two methods of one name in two classes
    of which one is called `Async...`. Shared are the statements that are equal but for `await` and the names of the asynchronous
    calls; signatures, docstrings and pairs with fewer than `at_least` of them do not count.

    Not counted is what carries no policy, because it can stand nowhere else: a line that itself waits (`await`, `async for`,
    `async with`) is the pair that has to be there, and so is its counterpart; a `with` only opens; and the loops of
    `multiapi.flows.driving` do what generators tell them, once on the spot and once awaited.
    """
    found = []
    for module in sources().keys() - {DRIVING}:
        functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.setdefault(re.sub(r"^_?(a(?=[a-z])|async_)", "", node.name.lstrip("_")), []).append(node)
                functions.setdefault(node.name.lstrip("_"), []).append(node)
        seen: set[tuple[int, int]] = set()
        for name, candidates in functions.items():
            plain = [each for each in candidates if isinstance(each, ast.FunctionDef)]
            waiting = [each for each in candidates if isinstance(each, ast.AsyncFunctionDef)]
            for one in plain:
                for other in waiting:
                    if (one.lineno, other.lineno) in seen:
                        continue
                    seen.add((one.lineno, other.lineno))
                    shared = len(_lines(one) & _lines(other) - _waits(other))
                    if shared >= at_least:
                        found.append((module, name, shared))
    return found


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return {line for node in body for line in map(_plain, ast.unparse(node).splitlines()) if len(line) > 12}


def _waits(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the lines of an asynchronous function that only wait or open."""
    lines = (line for node in function.body for line in ast.unparse(node).splitlines())
    return {_plain(line) for line in lines if _MECHANICAL.search(line)}


def source_lines() -> int:
    """Return the number of lines of the three packages."""
    return sum(path.read_text(encoding="utf-8").count("\n") for path in sources().values())


def table() -> list[tuple[str, str, str]]:
    """Return the rows of the table in docs/architecture.md: what, measured, goal."""
    return [
        ("entries in `multiapi/`", str(len(entries())), "at most 20"),
        ("rooms, floors", f"{len(rooms())}, {floors()}", "about 21, at most 11"),
        ("circles of rooms, of modules", f"{len(circles('rooms'))}, {len(circles())}", "0, 0"),
        ("imports upward", str(len(upward())), "0"),
        ("twin lines of sync and async that carry policy", str(sum(count for _, _, count in twins())), "0"),
        ("lines of the three packages", f"{source_lines():,}", "fewer than 39,300 without what is new"),
    ]


if __name__ == "__main__":
    for what, measured, goal in table():
        print(f"{what}: {measured} (goal: {goal})")
    if "-v" in sys.argv:
        for group in circles():
            print("circle:", ", ".join(group))
        for each in upward():
            print(f"upward: {each.importer} -> {each.imported} (line {each.line})")
        for module, name, count in twins():
            print(f"twins: {module} {name}: {count}")
