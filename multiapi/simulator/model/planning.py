"""Which tools to call next: the prompt is taken apart into clauses, and each clause looks for its tool."""

import json
import re
from dataclasses import dataclass
from typing import Any

from multiapi.simulator.language import evidence, quoting, words
from multiapi.simulator.minds.conversation import Conversation, Tool, ToolCall, Turn
from multiapi.simulator.model import choosing
from multiapi.simulator.prompts import material
from multiapi.simulator.values import binding, filling

_CLAUSE = re.compile(
    r"(?<=[.!?;。！？；])\s+|\n+|,?\s+(?:and\s+)?then\s+|,?\s+and\s+also\s+|;\s*|,?\s+and\s+(?=\w)|,\s+(?=(?:what|how|who|where|when|which|tell|get|give|find|search|look|add|multiply|send|convert|calculate|compute|translate|show|check|list)\b)",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\b(?:then|afterwards?|finally|after that|next|result|product|sum of that|its answer|that number)\b", re.IGNORECASE
)
_LONGEST = 8000  # of a longer text only the two ends are searched for what is asked


@dataclass(frozen=True)
class Planned:
    """A call that the prompt asks for; `waits` is set when it needs the result of the one before it."""

    tool: Tool
    text: str
    waits: bool = False


def score(tool: Tool, text: str) -> float:
    """How well a tool suits a text: words of its name weigh most, then description, then parameters."""
    asked = words.intent_words(text)
    if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text, re.IGNORECASE) and len(tool.name) > 3:
        return 10.0
    name = set(words.content_words(tool.name.replace("_", " ")))
    told = re.sub(rf"^\s*{re.escape(tool.name)}\([^\n]*\n", "", tool.description)
    spoken = words.content_words(told)
    description = set(spoken) - name
    properties = tool.parameters.get("properties") or {}
    fields = set(words.content_words(" ".join(properties).replace("_", " "))) - name - description
    values = {
        str(value).lower()
        for inner in properties.values()
        if isinstance(inner, dict)
        for value in inner.get("enum") or []
    }
    if any(choosing.mentioned(names, text) for each in properties if (names := choosing.permitted(tool, each))):
        return 6.0
    found = 2.0 * len(name & asked) + 0.8 * len(description & asked) + 0.4 * len(fields & asked)
    verb = 1.2 if spoken and spoken[0] in asked and spoken[0] not in name else 0.0
    return found + verb + 0.4 * len(values & asked)


def suits(tool: Tool, text: str) -> bool:
    """Whether a text asks for a tool clearly enough to call it unbidden."""
    found = score(tool, text)
    if found >= 2.0:
        return True
    described = set(words.content_words(f"{tool.name} {tool.description}"))
    return found >= 1.6 or (found >= 0.8 and len(described) <= 4)


def plan(tools: tuple[Tool, ...], text: str) -> list[Planned]:
    """The calls that a prompt asks for, in order."""
    doers = tuple(tool for tool in tools if not tool.is_form) or tools
    clauses = _clauses(text, doers)
    starts = _sequence_marks(text, clauses)
    planned: list[Planned] = []
    waiting = ""
    for place, clause in enumerate(clauses):
        asked = f"{waiting} {clause}".strip()
        best = _best(doers, asked)
        if best is None and not planned:
            waiting = asked if _introduces(asked) else ""
            continue
        if best is not None and planned and planned[-1].tool is best and not _own(best, clause, planned[-1]):
            planned[-1] = Planned(best, f"{planned[-1].text} and {clause}", planned[-1].waits)
        elif best is not None:
            planned.append(Planned(best, asked, bool(planned) and starts[place]))
        else:
            previous = planned[-1]
            if filling.lacking(previous.tool.parameters, previous.text):
                planned[-1] = Planned(previous.tool, f"{previous.text} and {clause}", previous.waits)
            elif _elliptic(previous.tool, clause):
                planned.append(Planned(previous.tool, clause))
            else:
                planned[-1] = Planned(previous.tool, f"{previous.text} and {clause}", previous.waits)
        waiting = ""
    if not planned and (best := _best(doers, text)):
        planned = [Planned(best, text)]
    return planned


def _clauses(text: str, tools: tuple[Tool, ...]) -> list[str]:
    """The clauses of a text. Quotations are not cut; one that only names another argument, or only quotes, belongs to the one before."""
    names = [
        label for tool in tools for name in tool.parameters.get("properties") or {} for label in binding.labels(name)
    ]
    named = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    goes_on = re.compile(
        rf"\W*(?:(?:the|its|den|die|das|der)\s+)?(?:(?:{named or '(?!)'})(?![\w-])\s*(?:[=:{quoting.MASK}]|(?:is|to|as|ist|auf|zu|با)\b)|{quoting.MASK}+\W*$)",
        re.IGNORECASE,
    )
    hidden = quoting.masked(text)
    spans: list[tuple[int, int]] = []
    place = 0
    for start, end in [*(found.span() for found in _CLAUSE.finditer(hidden)), (len(text), len(text))]:
        if spans and (goes_on.match(hidden[place:start]) or not hidden[place:start].strip(" .,;:!?")):
            spans[-1] = (spans[-1][0], start)
        elif text[place:start].strip():
            spans.append((place, start))
        place = end
    return [text[start:end].strip() for start, end in spans]


def next_calls(conversation: Conversation, whole: str, since: tuple[Turn, ...]) -> list[tuple[Tool, dict[str, Any]]]:
    """The tools to call now with their arguments; `since` are the turns after the message whose text it is.

    What the text brings along calls no tool; a tool that has to be called is filled out of it too.
    """
    text = material.directions(whole, fences=False)
    tools = conversation.tools
    made = [call for turn in since for call in turn.tool_calls]
    results = [turn.text for turn in since if turn.role == "tool"]
    system = "\n\n".join(turn.text for turn in conversation.turns if turn.role == "system")
    choice = conversation.tool_choice
    if choice == "none" or not tools:
        return []
    if choice.startswith("="):
        named = next((tool for tool in tools if tool.name == choice[1:]), None)
        return [] if named is None else [(named, arguments(named, whole, results, told=system) or {})]
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}\n{text[-_LONGEST // 2 :]}"
    planned = (
        plan(tools, text)
        or [
            Planned(tool, text)
            for tool in tools
            for name in tool.parameters.get("properties") or {}
            if system and choosing.mentioned(choosing.permitted(tool, name, system), text)
        ][:1]
    )
    for call in made:
        done = next((entry for entry in planned if entry.tool.name == call.name), None)
        if done is not None:
            planned.remove(done)
    now: list[tuple[Tool, dict[str, Any]]] = []
    for place, entry in enumerate(planned):
        if place and (entry.waits or not conversation.parallel_tool_calls):
            break
        values = arguments(
            entry.tool,
            whole if entry.tool.is_form and whole != text else entry.text,
            results,
            whole=text,
            waits=entry.waits,
            told=system,
        )
        if values is not None:
            now.append((entry.tool, values))
    if now or choice != "required":
        return now
    called = {call.name for call in made}
    fresh = [tool for tool in tools if tool.name not in called] or list(tools)
    forms = [tool for tool in fresh if tool.is_form]
    best = max(forms or fresh, key=lambda tool: score(tool, text))
    return [(best, arguments(best, whole, results, told=system) or {})]


def arguments(
    tool: Tool, text: str, results: list[str], *, whole: str = "", waits: bool = False, told: str = ""
) -> dict[str, Any] | None:
    """The arguments of a call, out of the text that asks for it and, where it says so, of the result before it.

    None when an argument takes one of several names, and none of them fits.
    """
    schema = tool.parameters
    if not isinstance(schema, dict) or not schema.get("properties"):
        return {}
    named, fits = ({}, True) if tool.is_form else choosing.arguments(tool, whole or text, told)
    if not fits:
        return None
    later = [value for result in results[-1:] for value, _ in evidence.Evidence(result).numbers]
    if tool.is_form:
        joined = "\n".join([*results, text]) if results else text
        answer = results[-1] if results else ""
        made = filling.fill(schema, joined, answer=answer, whole=whole)
    else:
        given = later if waits or results else []
        made = filling.fill(schema, text, whole=whole, every=False, later_numbers=given, known=named)
        if waits and results and not later:
            made = _with_result(made, results[-1])
    return made if isinstance(made, dict) else {}


def as_calls(calls: list[tuple[Tool, dict[str, Any]]]) -> tuple[ToolCall, ...]:
    """The calls with their arguments as compact JSON text."""
    return tuple(
        ToolCall(tool.name, json.dumps(values, ensure_ascii=False, separators=(",", ":"))) for tool, values in calls
    )


def _with_result(made: Any, result: str) -> Any:
    """Put the result of the call before in the place of a text that only refers to it."""
    for name, value in (made or {}).items():
        if isinstance(value, str) and re.search(r"\b(?:it|that|the result|the answer|this)\b", value, re.IGNORECASE):
            return {**made, name: result[:500]}
    return made


def _best(tools: tuple[Tool, ...], text: str) -> Tool | None:
    suitable = [tool for tool in tools if suits(tool, text)]
    return max(suitable, key=lambda tool: score(tool, text)) if suitable else None


def _sequence_marks(text: str, clauses: list[str]) -> list[bool]:
    """For each clause whether it comes after, rather than beside, the clause before it."""
    marks = []
    place = 0
    for clause in clauses:
        start = text.find(clause, place)
        between = text[place:start]
        marks.append(bool(_AFTER.search(between) or _AFTER.search(clause)))
        place = start + len(clause)
    return marks


def _introduces(clause: str) -> bool:
    return bool(re.search(r"\b(?:use|using|please|both|each)\b", clause, re.IGNORECASE)) and len(clause) < 120


def _own(tool: Tool, clause: str, previous: Planned) -> bool:
    """Whether a clause that suits the same tool as the one before is another call of it."""
    if filling.lacking(tool.parameters, previous.text):
        return False
    seen = evidence.Evidence(clause)
    before = evidence.Evidence(previous.text)
    mine = {*seen.names, *seen.quoted, *(value for value, _ in seen.numbers)}
    theirs = {*before.names, *before.quoted, *(value for value, _ in before.numbers)}
    return bool(mine - theirs) and bool(theirs)


def _elliptic(tool: Tool, clause: str) -> bool:
    """Whether a short clause only names another thing for the same tool: `... in Oslo and in Paris`."""
    seen = evidence.Evidence(clause)
    first: Any = next(iter((tool.parameters.get("properties") or {}).values()), {})
    kind = first.get("type") if isinstance(first, dict) else None
    rest = [word for word in words.all_words(clause) if word not in words.STOPWORDS]
    named = words.all_words(" ".join([*seen.names, *seen.quoted]))
    if kind in ("integer", "number"):
        return bool(seen.numbers) and len(rest) <= 4 and not filling.lacking(tool.parameters, clause)
    return bool(named) and len([word for word in rest if word not in named]) <= 2
