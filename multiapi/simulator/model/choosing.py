"""Names out of a list that a parameter, its tool or the instructions give: agents, departments, kinds of things."""

import re
from typing import Any

from multiapi.simulator.language import words
from multiapi.simulator.minds.conversation import Tool

_LISTED = re.compile(
    r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+[`'\"*]*(?P<name>[\w][\w -]{0,40}?)[`'\"*]*[ \t]*(?::|[-–—](?=\s)|\((?=\w))[ \t]*(?P<about>[^\n]*)",
    re.MULTILINE,
)
_MAPPED = re.compile(r"['\"](?P<name>[\w-]{1,40})['\"]\s*:\s*['\"](?P<about>[^'\"\n]*)['\"]")
_IN_LINE = re.compile(
    r"(?P<label>[^\W\d]+)(?:\s+\w+)?\s*(?::|=|are|sind|عبارتند از)\s+(?P<list>\[?[`'\"]?\w[\w-]*[`'\"]?\s*(?:\([^()\n]*\))?(?:(?:\s*[,،;|]\s*(?:and\s+|or\s+|und\s+|oder\s+)?|\s+(?:and|or|und|oder|و|یا)\s+)[`'\"]?\w[\w-]*[`'\"]?\s*(?:\([^()\n]*\))?)+)"
)
_ITEM = re.compile(r"[`'\"]?(?P<name>\w[\w-]*)[`'\"]?\s*(?:\((?P<about>[^()\n]*)\))?")
_ROLE = words.listed(
    "agent agents subagent assistant worker expert specialist team member department queue route destination handoff recipient next"
)


def permitted(tool: Tool, name: str, instructions: str = "") -> dict[str, str]:
    """The names that a text parameter may have, each with what is said of it; empty where nothing lists any."""
    schema = (tool.parameters.get("properties") or {}).get(name)
    if not isinstance(schema, dict) or schema.get("type", "string") != "string":
        return {}
    own = schema.get("description") or ""
    if isinstance(schema.get("enum"), list):
        about = {**_names(own), **_names(tool.description)}
        return {str(value): about.get(str(value), "") for value in schema["enum"]}
    parts = set(words.all_words(name))
    if not (
        parts & _ROLE or any(role in part for part in parts for role in ("agent", "worker", "team")) or _names(own)
    ):
        return {}
    for text in (own, tool.description, instructions):
        if found := _names(text):
            return found
    return {}


def _names(text: str) -> dict[str, str]:
    for pattern in (_LISTED, _MAPPED):
        found = {one["name"].strip(): one["about"].strip(" )") for one in pattern.finditer(text)}
        if found:
            return found
    listed = _IN_LINE.search(text)
    if listed is None:
        return {}
    bare = re.sub(r"(?<=[\s,])(?:and|or|und|oder|و|یا)\s+", "", listed["list"].lstrip("["))
    return {one["name"]: one["about"] or "" for one in _ITEM.finditer(bare)}


def mentioned(names: dict[str, str], text: str) -> str | None:
    """The first of the names that stands in a text."""
    places = []
    for name in names:
        spoken = re.escape(name).replace("_", "[ _-]").replace(r"\-", "[ _-]")
        if found := re.search(rf"(?<!\w){spoken}(?!\w)", text, re.IGNORECASE):
            places.append((found.start(), -len(name), name))
    return min(places)[2] if places else None


def chosen(names: dict[str, str], text: str) -> str | None:
    """The name that a text has, else the one whose description shares most with it; None when none fits."""
    if (named := mentioned(names, text)) is not None:
        return named
    asked = set(words.content_words(text))
    rated = [
        (len(asked & set(words.content_words(f"{name} {about}"))), -place)
        for place, (name, about) in enumerate(names.items())
    ]
    best = max(rated, default=(0, 0))
    return list(names)[-best[1]] if best[0] else None


def rest_after(name: str, text: str) -> str:
    """What is to be done, once a name was said: the text behind it."""
    spoken = re.escape(name).replace("_", "[ _-]")
    behind = re.split(rf"(?<!\w){spoken}(?!\w)", text, maxsplit=1, flags=re.IGNORECASE)[-1]
    return re.sub(
        r"^[\s:,;.–—-]+(?:agent\b)?(?:(?:to|and|because|that|please|zu|und|weil|dass|که|چون)\s+)?",
        "",
        behind,
        flags=re.IGNORECASE,
    ).strip(" .")


def arguments(tool: Tool, text: str, instructions: str) -> tuple[dict[str, Any], bool]:
    """The parameters that take a name out of a list, and the one that says what is to be done; false when none of the names fits."""
    made: dict[str, Any] = {}
    properties = tool.parameters.get("properties") or {}
    for name, schema in properties.items():
        if isinstance(schema, dict) and (names := permitted(tool, name, instructions)) and "enum" not in schema:
            value = chosen(names, text)
            if value is None and name in tool.parameters.get("required", []):
                return {}, False
            if value is not None:
                made[name] = value
                left = rest_after(value, text)
                for other in properties:
                    if other not in made and left and set(words.all_words(other)) & _TASK:
                        made[other] = left
    return made, True


_TASK = words.listed("description task reason prompt instruction instructions request message input query context")
