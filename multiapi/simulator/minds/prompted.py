"""Tools, results and frames that were written into a prompt, read back: what a provider without tools is sent, and what is written for it.

Nothing here compares whole sentences: it looks for JSON with names and parameters and for the marks of a Thought / Action form.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from multiapi.simulator.minds.conversation import Conversation, Tool, ToolCall, Turn

_DECODER = json.JSONDecoder()
_MOST_FAILURES = 100  # a text full of braces is not read to its end


def json_values(text: str, *, opening: str = "{[") -> list[tuple[Any, int, int]]:
    """Each JSON object or array that stands in a text, outermost only, with its place."""
    found = []
    place = failed = 0
    pattern = re.compile(f"[{re.escape(opening)}]")
    while failed < _MOST_FAILURES and (start := pattern.search(text, place)) is not None:
        try:
            value, end = _DECODER.raw_decode(text, start.start())
        except (json.JSONDecodeError, RecursionError):
            place = start.end()
            failed += 1
            continue
        if isinstance(value, dict | list):
            found.append((value, start.start(), end))
        place = end
    return found


# ---------------------------------------------------------------- tools described in prose


@dataclass(frozen=True)
class Prompted:
    """A conversation whose tools were written into its instructions; `form` says how calls are to be written."""

    conversation: Conversation
    form: str  # "json", "react"
    final: str = "Answer:"


def unframed(conversation: Conversation) -> Conversation:
    """The conversation with what stands in JSON objects as turns of their own, if its instructions say that it is given so.

    Such instructions name the objects: `{"user_message": "..."}` for the user's words, `{"tool_result": {...}}` for results. What
    stands outside of them are instructions.
    """
    if not any(
        turn.role in ("system", "user")
        and ('{"user_message": "..."}' in turn.text or '{"tool_result": {...}}' in turn.text)
        for turn in conversation.turns
    ):
        return conversation
    turns: list[Turn] = []
    for turn in conversation.turns:
        if turn.role == "user":
            turns += _out_of_frames(turn)
        else:
            turns.append(_calls_as_turn(turn) if turn.role == "assistant" else turn)
    return replace(conversation, turns=tuple(turns))


def _out_of_frames(turn: Turn) -> list[Turn]:
    said: list[str] = []
    results: list[Turn] = []
    told: list[str] = []
    for line in turn.text.split("\n"):
        value = _frame(line)
        if isinstance(value, str):
            said.append(value)
        elif isinstance(value, dict):
            results.append(
                Turn("tool", str(value.get("content")), (), (), str(value.get("id", "")), str(value.get("name", "")))
            )
        else:
            told.append(line)
    if not said and not results:
        return [turn]
    instructions = "\n".join(told).strip()
    turns = [Turn("system", instructions)] if instructions else []
    if results:
        results[-1] = replace(results[-1], attachments=() if said else turn.attachments)
    if said:
        results.append(replace(turn, text="\n".join(said)))
    return turns + results


def _frame(line: str) -> str | dict[str, Any] | None:
    """What the object in a line carries: the user's words, or a result."""
    if not line.startswith(('{"user_message"', '{"tool_result"')):
        return None
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    inner = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    return inner if isinstance(inner, str | dict) else None


def _as_tool(value: Any) -> Tool | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    parameters = value.get("parameters", value.get("input_schema"))
    if not isinstance(parameters, dict):
        return None
    return Tool(value["name"], str(value.get("description") or ""), parameters)


def prompted_tools(conversation: Conversation) -> Prompted | None:
    """The conversation with the tools that its instructions describe as JSON, or None."""
    for place, turn in enumerate(conversation.turns):
        if turn.role in ("system", "user") and "tool_calls" in turn.text:
            tools, end = _tools_in(turn.text)
            if tools:
                return _without_tool_instructions(conversation, place, tools, end)
    return None


def _tools_in(text: str) -> tuple[list[Tool], int]:
    tools: list[Tool] = []
    last = 0
    for value, _, end in json_values(text):
        entries = value if isinstance(value, list) else [value]
        read = [tool for entry in entries if (tool := _as_tool(entry))]
        if read:
            tools += read
            last = end
    return tools, last


def _without_tool_instructions(conversation: Conversation, place: int, tools: list[Tool], end: int) -> Prompted:
    turn = conversation.turns[place]
    head, rest = turn.text[:end], turn.text[end:]
    instructions, kept = [head], []
    paragraphs = re.split(r"\n\s*\n", rest)
    telling = [number for number, paragraph in enumerate(paragraphs) if _about_tools(paragraph, tools)]
    after = telling[-1] + 1 if telling else min(1, len(paragraphs))
    if turn.role == "user" and after == len(paragraphs) > 1 and "tool_calls" not in paragraphs[-1]:
        after -= 1  # what the user asks stands last, also where it speaks of tools
    instructions += paragraphs[:after]
    kept = paragraphs[after:]
    instruction_text = "\n".join(instructions)
    turns: list[Turn] = []
    for number, other in enumerate(conversation.turns):
        if number == place:
            before = _before_tools(head)
            text = "\n\n".join(part for part in [before if turn.role == "system" else "", *kept] if part.strip())
            if turn.role == "user" or text.strip():
                turns += _results_as_turns(replace(other, text=text.strip()))
        elif other.role == "assistant":
            turns.append(_calls_as_turn(other))
        elif other.role == "user":
            turns += _results_as_turns(other)
        else:
            turns.append(other)
    choice, parallel = _choice_in(instruction_text, tools)
    return Prompted(
        replace(
            conversation,
            turns=tuple(turns),
            tools=tuple(tools),
            tool_choice=choice,
            parallel_tool_calls=parallel,
            schema=None,
        ),
        "json",
    )


def _about_tools(paragraph: str, tools: list[Tool]) -> bool:
    lowered = paragraph.lower()
    if "tool_calls" not in lowered and schema_in(paragraph) is not None:
        return False
    return bool(
        "tool_calls" in lowered
        or re.search(
            r"\btools?\b.*\b(?:call|answer|result|json)|\b(?:call|use|answer|json)\b.*\btools?\b", lowered, re.DOTALL
        )
        or (re.search(r"\bmust\b", lowered) and any(tool.name in paragraph for tool in tools))
        or re.search(r"\bjson (?:object|form)\b", lowered)
    )


def _before_tools(head: str) -> str:
    """What stands in front of the tool instructions: the paragraphs before the first that speaks of tools."""
    paragraphs = re.split(r"\n\s*\n", head)
    kept = []
    for paragraph in paragraphs:
        if re.search(r"\btools?\b|tool_calls", paragraph, re.IGNORECASE):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def _choice_in(text: str, tools: list[Tool]) -> tuple[str, bool]:
    choice, parallel = "auto", True
    bare = text
    for value, start, end in reversed(json_values(text)):
        if isinstance(value, list | dict):
            bare = bare[:start] + " " + bare[end:]
    for sentence in re.split(r"(?<=[.!?:])\s+|\n+", bare):
        lowered = sentence.lower()
        conditional = re.match(r"\W*(?:if|when|to call|unless|in case)\b", lowered)
        if conditional is None and re.search(
            r"\b(?:must|have to|are required to|need to)\b.{0,40}\b(?:call|use)\b", lowered
        ):
            if re.search(r"\b(?:must not|do not have to)\b", lowered):
                choice = "none" if "must not" in lowered else choice
            else:
                named = [
                    tool.name for tool in tools if re.search(rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])", sentence)
                ]
                choice = f"={named[0]}" if len(named) == 1 else "required"
        if (
            re.search(r"\b(?:at most one|only one|one|a single) (?:tool )?call\b|\bone tool at a time\b", lowered)
            and "object" not in lowered
        ):
            parallel = False
    return choice, parallel


_RESULT = re.compile(
    r"^[ \t]*(?:Tool results?|Tool errors?|Results?) (?:for|of|from)(?: tool)? [`\"]?([\w.-]+)[`\"]?(?: ?[(\[]([^)\]\n]*)[)\]])?(?:[^:\n]{0,40})?:[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)


def _results_as_turns(turn: Turn) -> list[Turn]:
    marks = list(_RESULT.finditer(turn.text))
    if not marks:
        return [turn]
    made: list[Turn] = []
    before = turn.text[: marks[0].start()].strip()
    if before and (len(before) > 200 or not re.search(r"\btools?\b", before, re.IGNORECASE)):
        made.append(replace(turn, text=before))
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(turn.text)
        made.append(Turn("tool", turn.text[mark.end() : end].strip(), turn.attachments, (), mark[2] or "", mark[1]))
    return made


def _calls_as_turn(turn: Turn) -> Turn:
    for value, start, end in json_values(turn.text, opening="{"):
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            calls = tuple(
                ToolCall(
                    str(call.get("name")),
                    json.dumps(call.get("arguments", {}), ensure_ascii=False),
                    str(call.get("id", "")),
                )
                for call in value["tool_calls"]
                if isinstance(call, dict)
            )
            return replace(turn, text=(turn.text[:start] + turn.text[end:]).strip(), tool_calls=calls)
    return turn


# ---------------------------------------------------------------- ReAct


_REACT_TOOL = re.compile(
    r"Tool Name:\s*(?P<name>[^\n]+)\n\s*Tool Description:\s*(?P<description>.*?)\n\s*Tool Args:\s*(?=\{)",
    re.DOTALL | re.IGNORECASE,
)
_REACT_LINE = re.compile(
    r"^[>\-* \t]*`?(?P<name>[A-Za-z_][\w-]*)`?(?P<signature>\([^\n]*?\)(?:\s*->\s*[^\n:]+)?)?\s*[:\-]\s*(?P<description>[^\n]+)",
    re.MULTILINE,
)
_STEP = re.compile(
    r"^[ \t]*Action:[ \t]*(?P<name>[^\n]+)\n[ \t]*Action Input:[ \t]*(?P<input>.*?)(?=^[ \t]*(?:Observation|Thought|Action):|\Z)",
    re.MULTILINE | re.DOTALL,
)
_OBSERVATION = re.compile(
    r"^[ \t]*Observation:[ \t]*(.*?)(?=^[ \t]*(?:Thought|Action|Question|Answer|Final Answer|Observation):|\Z)",
    re.MULTILINE | re.DOTALL,
)


def react(conversation: Conversation) -> Prompted | None:
    """The conversation with the tools of a Thought / Action / Action Input / Observation prompt, or None."""
    for place, turn in enumerate(conversation.turns):
        text = turn.text
        if turn.role in ("system", "user") and "Action Input:" in text and "Thought:" in text and "Action:" in text:
            tools = _react_tools(text)
            if tools:
                return _without_react(conversation, place, tools)
    return None


def _react_tools(text: str) -> list[Tool]:
    tools = []
    for found in _REACT_TOOL.finditer(text):
        try:
            schema, _ = _DECODER.raw_decode(text, found.end())
        except json.JSONDecodeError:
            schema = {}
        tools.append(Tool(found["name"].strip(), found["description"].strip(), schema))
    if tools:
        return tools
    listed = re.search(r"one of \[?([\w ,'\"`-]+)\]?", text)
    names = {name.strip(" '\"`") for name in listed[1].split(",")} if listed else set()
    for found in _REACT_LINE.finditer(text):
        if found["name"] in names and found["name"] not in {tool.name for tool in tools}:
            schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
            tools.append(Tool(found["name"], found["description"], schema))
    return tools


def _without_react(conversation: Conversation, place: int, tools: list[Tool]) -> Prompted:
    text = conversation.turns[place].text
    final = "Final Answer:" if "Final Answer:" in text else "Answer:"
    turns: list[Turn] = []
    for number, turn in enumerate(conversation.turns):
        if number == place:
            if turn.role == "user":
                turns += _react_scratchpad(text)
        elif turn.role == "assistant":
            calls = tuple(_react_call(found) for found in _STEP.finditer(turn.text))
            answered = re.split(rf"^\s*{re.escape(final)}", turn.text, flags=re.MULTILINE)[-1].strip()
            turns.append(replace(turn, text="" if calls else answered, tool_calls=calls))
        elif turn.role == "user" and (seen := _OBSERVATION.findall(turn.text)):
            turns += [Turn("tool", entry.strip()) for entry in seen]
        else:
            turns.append(turn)
    return Prompted(
        replace(conversation, turns=tuple(turns), tools=tuple(tools), tool_choice="auto", schema=None), "react", final
    )


def _react_call(found: re.Match[str]) -> ToolCall:
    return ToolCall(found["name"].strip(), found["input"].strip())


def _react_scratchpad(text: str) -> list[Turn]:
    """The question and the steps so far, when all of it is one message."""
    asked = list(
        re.finditer(r"^\s*(?:Question|Begin!.*?Question):\s*(.+?)(?=^\s*Thought:|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    if not asked:
        return [Turn("user", _after_instructions(text))]
    turns = [Turn("user", asked[-1][1].strip())]
    rest = text[asked[-1].end() :]
    for found in _STEP.finditer(rest):
        turns.append(Turn("assistant", "", tool_calls=(_react_call(found),)))
        if seen := _OBSERVATION.match(rest, found.end()):
            turns.append(Turn("tool", seen[1].strip()))
    return turns


_TELLING = re.compile(
    r"^\s*(?:thought|action|action input|observation|answer|final answer):|tool|conversation|```|begin!",
    re.IGNORECASE | re.MULTILINE,
)


def _after_instructions(text: str) -> str:
    """What stands behind the last paragraph of instructions, when they are in one message with the question."""
    paragraphs = [paragraph for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]
    telling = [place for place, paragraph in enumerate(paragraphs[:-1]) if _TELLING.search(paragraph)]
    return "\n\n".join(paragraphs[telling[-1] + 1 :] if telling else paragraphs[-1:]).strip()


# ---------------------------------------------------------------- schemas


def schema_in(text: str) -> dict[str, Any] | None:
    """The last JSON schema that a text asks the answer to match, or None."""
    if '"properties"' not in text and '"$defs"' not in text and '"type"' not in text:
        return None
    if not re.search(r"schema|json", text, re.IGNORECASE):
        return None
    found = None
    for value, _, _ in json_values(text, opening="{"):
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            properties = value["properties"].values()
            if value["properties"] and all(isinstance(inner, dict) for inner in properties):
                found = value
        elif isinstance(value, dict) and value.get("type") == "array" and isinstance(value.get("items"), dict):
            found = value
    return found


_SPOKEN = re.compile(
    r"<(?P<tag>tool|function|assistant|ai|user|human)\b[^>]*>(?P<inside>.*?)</(?P=tag)>"
    r"|^(?P<role>tool|function|assistant|ai|user|human)[ \t]*:[ \t]*(?P<line>[^\n]*)$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


def latest_first(text: str) -> str:
    """A conversation that was written into a prompt with its end in front: what tools and models said last, what users said behind it."""
    told: list[str] = []
    asked: list[str] = []
    for found in _SPOKEN.finditer(text):
        said = re.sub(r"<[^<>]*>", " ", found["inside"] or found["line"] or "").strip()
        (asked if (found["tag"] or found["role"]).lower() in ("user", "human") else told).append(said)
    return "\n".join([*reversed(told), *reversed(asked)]) if told and asked else text
