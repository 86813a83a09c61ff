"""Answers that the author of a test decides, in place of those of the simulated model.

    simulator.answers("It rains in Oslo.", {"tool_calls": {"get_weather": {"city": "Oslo"}}}, {"error": 503})

Each request to a chat model takes the first answer that is left and suits it. An answer is a text, a path to a YAML file of answers,
or a mapping (in YAML and over the port the same) with one of these

| field | what the model gives |
| --- | --- |
| `text` | this text |
| `json` | this value: as text, or as the call of the form that the request offers; it has to match the schema asked for |
| `tool_calls` | calls, as `{name: arguments}` or as a list of `{"name": ..., "arguments": ...}`; they have to fit the tools offered |
| `refusal` | a refusal in the provider's own form, as text where it has none |
| `chunks` | a text in these chunks; a number among them is a pause in seconds |
| `error` | the provider's error with this status; `message` and `retry_after` belong to it |

and of these

| field | what it does |
| --- | --- |
| `reasoning` | what the model thought, shown by providers that show it |
| `finish_reason` | `stop`, `length` or `content_filter` |
| `delay` | seconds before the answer |
| `cut` | closes the connection after that many events of a stream; in the middle of a response that is not streamed |
| `fault` | any other fault of `faults.py` besides |
| `when` | a condition: a mapping with `provider`, `model` (`*` stands for anything), `text` (in the last user message, whatever the case), `pattern` (a regular expression for it), `tools` (names that must be offered); in Python also a function of the conversation |
| `times` | how many requests it answers: 1, another number, or `null` for any number |
| `check` | `false` lets through calls and values that do not fit the request, as models make them |

Answers are delivered in the provider's own form, cut at `max_tokens` and stop words, billed and streamed as any other. A request for which nothing
is left is refused, unless `otherwise="model"`. `simulator.script.check()` raises an `AssertionError` for answers that are left,
requests without an answer, and answers that did not fit; `with simulator.answers(...):` does so at its end, the fixtures after the test.
"""

import difflib
import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import jsonschema_rs

from multiapi._package import new_rlock
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.faults import Fault, FaultError
from multiapi.simulator.minds.conversation import Conversation, Reply, ToolCall

Condition = Mapping[str, Any] | Callable[[Conversation], bool]

_CONTENT = ("text", "json", "tool_calls", "refusal", "chunks", "error")
_CONDITIONS = ("provider", "model", "text", "pattern", "tools")
_UNSET: Any = object()
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class ScriptError(ValueError):
    """A scripted answer that cannot be read."""


@dataclass(kw_only=True)
class Scripted:
    """One answer; the module's table says what the fields mean."""

    text: str | None = None
    json: Any = _UNSET
    tool_calls: Any = None
    refusal: str | None = None
    chunks: list[str | float] | None = None
    error: int | None = None
    message: str = ""
    retry_after: float | None = None
    reasoning: str = ""
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    delay: float | None = None
    cut: int | None = None
    fault: str = ""
    when: Condition | None = None
    times: int | None = 1
    check: bool = True

    def __post_init__(self) -> None:
        given = [name for name in _CONTENT if getattr(self, name) is not (_UNSET if name == "json" else None)]
        if not given:
            raise ScriptError(f"an answer needs one of {', '.join(_CONTENT)}")
        others = [name for name in given if name not in ("text", "tool_calls")]
        if others and len(given) > 1:
            raise ScriptError(
                f"an answer has one of {', '.join(_CONTENT)} (or text with tool_calls), not {' and '.join(given)}"
            )
        self._check_types()
        self._check_values()
        self.calls = _calls(self.tool_calls)
        self.used = 0
        steps = [self.fault] if self.fault else []
        if self.delay is not None:
            steps.append(f"delay={self.delay:g}")
        try:
            self.faults = Fault.read("; ".join(steps))
        except FaultError as error:
            raise ScriptError(f"fault is not valid: {error}") from None

    def _check_types(self) -> None:
        for name in ("text", "refusal", "message", "reasoning", "fault"):
            if not isinstance(getattr(self, name), str | None):
                raise ScriptError(f"{name} must be text, not {getattr(self, name)!r}")
        for name in ("error", "cut", "times"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise ScriptError(f"{name} must be a whole number, not {value!r}")
        if self.error is not None and not 400 <= self.error <= 599:
            raise ScriptError(f"error must be a status from 400 to 599, not {self.error}")
        if self.times == 0:
            raise ScriptError("times must be at least 1, or null for any number")
        if self.finish_reason not in ("stop", "length", "content_filter"):
            raise ScriptError(f"finish_reason must be stop, length or content_filter, not {self.finish_reason!r}")
        for name in ("delay", "retry_after"):
            if getattr(self, name) is not None and not _is_seconds(getattr(self, name)):
                raise ScriptError(f"{name} must be a number of seconds from 0 on, not {getattr(self, name)!r}")
        if self.chunks is not None and not (
            isinstance(self.chunks, list)
            and all(isinstance(part, str) or _is_seconds(part) for part in self.chunks)
            and any(isinstance(part, str) for part in self.chunks)
        ):
            raise ScriptError(f"chunks must be a list of texts, with seconds from 0 on among them, not {self.chunks!r}")
        if not isinstance(self.check, bool):
            raise ScriptError(f"check must be true or false, not {self.check!r}")
        if self.when is not None and not callable(self.when):
            _check_condition(self.when)

    def _check_values(self) -> None:
        if self.error is None and (self.message or self.retry_after is not None):
            raise ScriptError("message and retry_after belong to an error; add error, such as 503")
        if self.error is not None and (self.reasoning or self.finish_reason != "stop" or self.cut is not None):
            raise ScriptError("an error has no reasoning, finish_reason or cut")
        for value in (self.text, self.refusal, self.reasoning, self.message, *(self.chunks or ())):
            if isinstance(value, str) and _SURROGATE.search(value):
                raise ScriptError(f"a text must be valid Unicode; {value[:40]!r} has half of a surrogate pair")
        if self.json is not _UNSET:
            try:
                json.dumps(self.json, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise ScriptError(f"json must be a value of JSON, not {self.json!r}: {error}") from None

    @classmethod
    def read(cls, given: Any) -> "Scripted":
        """An answer from what a test's author wrote."""
        if isinstance(given, Scripted):
            return replace(given)
        if isinstance(given, str):
            return cls(text=given)
        if not isinstance(given, Mapping):
            raise ScriptError(f"an answer is a text or a mapping, not {given!r}")
        for name in given:
            _known(str(name), [field.name for field in fields(cls)], "an answer")
        return cls(**given)

    @property
    def left(self) -> bool:
        """Whether it can be given once more."""
        return self.times is None or self.used < self.times

    def suits(self, provider: str, conversation: Conversation) -> bool:
        """Whether its condition holds."""
        if self.when is None:
            return True
        if callable(self.when):
            return bool(self.when(conversation))
        asked = _last_user(conversation)
        tools = self.when.get("tools") or ()
        offered = {tool.name for tool in conversation.tools}
        return (
            fnmatch.fnmatchcase(provider, self.when.get("provider") or "*")
            and fnmatch.fnmatchcase(conversation.model, self.when.get("model") or "*")
            and str(self.when.get("text") or "").casefold() in asked.casefold()
            and re.search(self.when.get("pattern") or "", asked) is not None
            and offered.issuperset([tools] if isinstance(tools, str) else tools)
        )

    def reply(self, conversation: Conversation) -> Reply:
        """The answer to a request.

        Raises:
            ScriptError: It does not fit the request.
        """
        common: dict[str, Any] = {"reasoning": self.reasoning, "finish_reason": self.finish_reason}
        if self.refusal is not None:
            return Reply(self.refusal, refusal=True, **common)
        if self.chunks is not None:
            text = "".join(part for part in self.chunks if isinstance(part, str))
            return Reply(text, pieces=tuple(self.chunks), **common)
        calls = self.calls
        text_given = self.text
        if self.json is not _UNSET:
            form = _form(conversation)
            if form is None:
                text_given = json.dumps(self.json, ensure_ascii=False)
                if self.check and conversation.schema:
                    _fits(self.json, conversation.schema, "json")
            else:
                calls = (ToolCall(form, json.dumps(self.json, ensure_ascii=False)),)
        if calls and self.check:
            self._check_calls(conversation, calls)
        return Reply(text_given, calls, **common)

    def _check_calls(self, conversation: Conversation, calls: tuple[ToolCall, ...]) -> None:
        offered = {tool.name: tool for tool in conversation.tools}
        if conversation.tool_choice == "none":
            raise ScriptError("the request forbids tool calls")
        if len(calls) > 1 and not conversation.parallel_tool_calls:
            raise ScriptError("the request allows one tool call at a time")
        for call in calls:
            if call.name not in offered:
                raise ScriptError(f"the tool {call.name} is not offered; offered are {', '.join(offered) or 'none'}")
            with suppress(json.JSONDecodeError):
                _fits(json.loads(call.arguments), offered[call.name].parameters, f"the arguments of {call.name}")
                continue
            raise ScriptError(f"the arguments of {call.name} are not JSON: {call.arguments!r}")

    def __str__(self) -> str:
        shown = [
            f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not field.default
        ]
        return ", ".join(shown)


class Script:
    """The answers that wait for requests, and what went wrong with them."""

    def __init__(self) -> None:
        self._lock = new_rlock()
        self.entries: list[Scripted] = []
        self.otherwise: Literal["refuse", "model"] = "refuse"
        self.missing: list[str] = []
        self.problems: list[str] = []

    def add(self, given: Iterable[Any], otherwise: str | None = None) -> None:
        """Add answers."""
        if otherwise not in (None, "refuse", "model"):
            raise ScriptError(f"otherwise must be 'refuse' or 'model', not {otherwise!r}")
        entries: list[Scripted] = []
        for one in given:
            if isinstance(one, Path):
                listed, of_file = read_file(one)
                entries += listed
                otherwise = otherwise or of_file
            else:
                entries.append(Scripted.read(one))
        with self._lock:
            self.entries += entries
            self.otherwise = "model" if otherwise == "model" else "refuse" if otherwise else self.otherwise

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self.entries.clear()
            self.missing.clear()
            self.problems.clear()
            self.otherwise = "refuse"

    @property
    def in_force(self) -> bool:
        """Whether a request without an answer of its own is refused."""
        return bool(self.entries) and self.otherwise == "refuse"

    def take(self, provider: str, conversation: Conversation) -> Scripted | None:
        """The answer to a request, used up; None where there is none."""
        with self._lock:
            for entry in self.entries:
                if entry.left and self._suits(entry, provider, conversation):
                    entry.used += 1
                    return entry
            if self.in_force:
                self.missing.append(described(provider, conversation))
        return None

    def _suits(self, entry: Scripted, provider: str, conversation: Conversation) -> bool:
        """Whether a condition holds; a function of the test's author may fail, which is said at the end."""
        try:
            return entry.suits(provider, conversation)
        except Exception as error:
            problem = (
                f"when failed with {type(error).__name__}: {error}\n    {entry}\n{described(provider, conversation)}"
            )
            self.problems.append(problem)
            return False

    @property
    def unused(self) -> list[Scripted]:
        """The answers that were asked for less often than they were meant to be."""
        return [entry for entry in self.entries if entry.used < (entry.times or 1)]

    def report(self) -> str:
        """What is wrong; empty when all was as scripted."""
        parts = [f"A scripted answer did not fit: {problem}" for problem in self.problems]
        parts += [f"No scripted answer was left for this request:\n{asked}" for asked in self.missing]
        parts += [f"A scripted answer was never asked for: {entry}" for entry in self.unused]
        return "\n\n".join(parts)

    def check(self) -> None:
        """Fail unless each answer was used and each request had one.

        Raises:
            AssertionError: With what was asked and what is left.
        """
        if report := self.report():
            raise AssertionError(report)

    def __enter__(self) -> "Script":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        report = self.report()
        self.clear()
        if not report:
            return
        if error is None:
            raise AssertionError(report)
        error.add_note(report)


def read_file(path: Path) -> tuple[list[Scripted], str | None]:
    """The answers of a YAML file: a list of them, or a mapping with `answers` and `otherwise`."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ScriptError(f"{path} cannot be read: {error}") from None
    if isinstance(content, Mapping) and "answers" in content:
        return [Scripted.read(one) for one in content["answers"]], content.get("otherwise")
    if not isinstance(content, list):
        raise ScriptError(f"{path} has neither a list of answers nor a mapping with `answers`")
    return [Scripted.read(one) for one in content], None


def described(provider: str, conversation: Conversation) -> str:
    """A request, as the author of a test has to see it."""
    lines = [f"    {provider}, model {conversation.model}"]
    for turn in conversation.turns[-4:]:
        called = "".join(f" -> {call.name}({call.arguments})" for call in turn.tool_calls)
        shown = turn.text if len(turn.text) <= 600 else f"{turn.text[:300]} ... {turn.text[-300:]}"
        lines.append(f"    {turn.role}: {shown}{called}")
    if conversation.tools:
        lines.append(f"    tools: {', '.join(tool.name for tool in conversation.tools)}")
    if conversation.schema is not None:
        lines.append(f"    schema: {json.dumps(conversation.schema)[:300]}")
    return "\n".join(lines)


def _last_user(conversation: Conversation) -> str:
    return next((turn.text for turn in reversed(conversation.turns) if turn.role == "user"), "")


def _form(conversation: Conversation) -> str | None:
    """The tool by whose call the request wants a value, where it wants it in that way."""
    if conversation.schema is not None or not conversation.tools or conversation.tool_choice == "none":
        return None
    if conversation.tool_choice.startswith("="):
        return conversation.tool_choice[1:]
    names = [tool.name for tool in conversation.tools if tool.is_form]
    if not names and conversation.tool_choice == "required":
        names = [tool.name for tool in conversation.tools]
    return names[0] if len(names) == 1 else None


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _check_condition(when: Any) -> None:
    if not isinstance(when, Mapping):
        raise ScriptError(f"when must be a mapping or a function, not {when!r}")
    for name, value in when.items():
        _known(name, _CONDITIONS, "a condition")
        listed = name == "tools" and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        if not isinstance(value, str) and not listed:
            wanted = "a name or a list of names" if name == "tools" else "text"
            raise ScriptError(f"{name} of a condition must be {wanted}, not {value!r}")
    provider = when.get("provider", "*")
    if not fnmatch.filter(VENDORS, provider):
        near = difflib.get_close_matches(provider, VENDORS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(VENDORS)}"
        raise ScriptError(f"provider of a condition fits no provider: {provider!r}; {hint}")
    try:
        re.compile(when.get("pattern", ""))
    except re.error as error:
        raise ScriptError(f"pattern of a condition is not valid: {error}") from None


def _calls(given: Any) -> tuple[ToolCall, ...]:
    if given is None:
        return ()
    pairs: list[tuple[Any, Any]] = []
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple):
        for one in given:
            if not isinstance(one, Mapping) or not {"name"} <= one.keys() <= {"name", "arguments"}:
                raise ScriptError(f"a tool call has name and arguments, not {one!r}")
            pairs.append((one["name"], one.get("arguments", {})))
    if not pairs or not all(isinstance(name, str) and isinstance(value, Mapping | str) for name, value in pairs):
        raise ScriptError(f"tool_calls must be {{name: arguments}} or a list of calls, not {given!r}")
    return tuple(
        ToolCall(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in pairs
    )


def _fits(value: Any, schema: dict[str, Any], where: str) -> None:
    try:
        jsonschema_rs.validator_for(schema or {}).validate(value)
    except jsonschema_rs.ValidationError as error:
        raise ScriptError(f"{where} does not match the schema that the request gives: {error.message}") from None
    except (ValueError, jsonschema_rs.ReferencingError):
        return  # the schema itself is at fault: it says nothing about the value


def _known(name: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ScriptError(f"{what} has no field {name!r}{hint}; it takes {', '.join(names)}")
