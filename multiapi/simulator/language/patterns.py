"""Short texts that regular expressions match."""

import re
from typing import Any


def example_of(pattern: str) -> str:
    """A short text that a regular expression matches."""
    from re import _parser  # type: ignore[attr-defined]  # the only reader of patterns there is

    return _example(_parser.parse(pattern))


def _example(parsed: Any) -> str:
    made: list[str] = []
    for operation, argument in parsed:
        kind = str(operation)
        if kind == "LITERAL":
            made.append(chr(argument))
        elif kind == "ANY":
            made.append("a")
        elif kind == "NOT_LITERAL":
            made.append("a" if argument != ord("a") else "b")
        elif kind == "IN":
            made.append(_one_of(argument))
        elif kind == "BRANCH":
            made.append(_example(argument[1][0]))
        elif kind == "SUBPATTERN":
            made.append(_example(argument[-1]))
        elif kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, _, inner = argument
            made.append(_example(inner) * max(least, 1 if least == 0 and len(parsed) == 1 else least))
    return "".join(made)


def _one_of(members: Any) -> str:
    classes = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}
    if str(members[0][0]) == "NEGATE":
        return next(sign for sign in "a1 _-" if not re.match(f"[{re.escape(sign)}]", ""))
    kind, argument = members[0]
    if str(kind) == "RANGE":
        return chr(argument[0])
    if str(kind) == "CATEGORY":
        return classes.get(str(argument), "a")
    return chr(argument)
