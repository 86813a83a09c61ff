"""Tools and JSON answers for vendors that document neither: asked for in the prompt, read back out of the text.

The model is given the tools' schemas and one JSON form to call them in:

    {"tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}

What it writes is read back into ordinary tool calls, so that frameworks see no difference. Output that is nearly the form
becomes an invalid tool call that an agent can react to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from multiapi.http import dump_json, parse_json
from multiapi.stream import all_calls
from multiapi.structured import json_text, mended, parsed
from multiapi.tool_calls import arguments_error, made_call_id
from multiapi.types import (
    ChatDelta,
    ChatRequest,
    ChatResponse,
    InvalidToolCall,
    Message,
    Part,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
    ToolCallDelta,
)

_CALLS_START = re.compile(r'\{\s*"tool_calls"\s*:')
_CALL_START = re.compile(r'\{\s*"name"\s*:\s*"([^"]*)"')
_STARTS = ('{"tool_calls"', '{"name"')
_FENCE = "```"


# ------------------------------------------------------------------------------------------------ asking


def with_prompted_tools(request: ChatRequest, wanted: ResponseFormat | None = None) -> ChatRequest:
    """The same conversation with its tools, calls and results as text; and with the wanted form of the final answer."""
    messages = [_as_text(message, request.messages) for message in request.messages]
    instructions: list[str] = []
    if request.tools and request.tool_choice != "none":
        parallel = request.parallel_tool_calls is not False
        instructions.append(
            tool_instructions(request.tools, request.tool_choice, parallel=parallel, in_words=wanted is None)
        )
    if wanted is not None:
        instructions.append(format_instructions(wanted, after_tools=bool(instructions)))
    return replace(
        request,
        messages=_with_instructions(_joined_results(messages), "\n\n".join(instructions)),
        tools=(),
        tool_choice=None,
        parallel_tool_calls=None,
        response_format=None if wanted is not None else request.response_format,
    )


def tool_instructions(tools: Sequence[Tool], choice: str | None, *, parallel: bool, in_words: bool = True) -> str:
    """What the model is told about the tools; `in_words`, that its final answer shall be plain text."""
    listed = orjson.dumps(
        [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools],
        default=str,
    ).decode()
    lines = [
        "You can use these tools, given as a JSON array of definitions with JSON schemas for their parameters:",
        listed,
        "To call tools, answer with only one JSON object of this form and no other text:",
        '{"tool_calls": [{"name": "TOOL_NAME", "arguments": {"PARAMETER": "VALUE"}}]}',
        "The arguments must fit the tool's parameters. The results come in the next message. "
        "Use a tool only when it helps" + ("; when you have what you need, answer in plain text." if in_words else "."),
    ]
    if not parallel:
        lines.append("Call one tool at a time.")
    if choice == "required":
        lines.append("You must call a tool now.")
    elif choice not in {None, "auto", "none"}:
        lines.append(f"You must call the tool {choice} now.")
    return "\n".join(lines)


def with_prompted_format(request: ChatRequest) -> ChatRequest:
    """The same conversation with the wanted JSON form as an instruction."""
    wanted = request.response_format
    if wanted is None:
        return request
    return replace(
        request,
        messages=_with_instructions(request.messages, format_instructions(wanted)),
        response_format=None,
    )


def format_instructions(wanted: ResponseFormat, *, after_tools: bool = False) -> str:
    """What the model is told about the form of its answer."""
    start = "When you have what you need, answer" if after_tools else "Answer"
    if wanted.schema is None:
        return f"{start} with only one JSON object and no other text."
    schema = orjson.dumps(wanted.schema, default=str).decode()
    return f"{start} with only one JSON object that matches this JSON schema, and no other text:\n{schema}"


def _with_instructions(messages: Sequence[Message], instructions: str) -> list[Message]:
    """Instructions join the first system message, or become it."""
    if not instructions:
        return list(messages)
    first = messages[0] if messages else None
    if first is not None and first.role in {"system", "developer"}:
        if isinstance(first.content, str):
            content: str | Sequence[Part] = f"{first.content}\n\n{instructions}" if first.content else instructions
        else:
            content = [*first.content, TextPart(instructions)]
        return [first._replace(content=content), *messages[1:]]
    return [Message("system", instructions), *messages]


def _as_text(message: Message, history: Sequence[Message]) -> Message:
    if message.role == "tool":
        name = _name_of_call(message, history)
        word = "Tool error" if message.is_error else "Tool result"
        head = f"{word} for {name} ({message.tool_call_id}):"
        if isinstance(message.content, str):
            return Message("user", f"{head} {message.content}", name=_RESULT)
        return Message("user", [TextPart(head), *message.content], name=_RESULT)
    if message.role == "assistant" and message.tool_calls:
        calls = orjson.dumps(
            {"tool_calls": [{"name": call.name, "arguments": _object(call.arguments)} for call in message.tool_calls]}
        ).decode()
        if isinstance(message.content, str):
            return message._replace(content=f"{message.content}\n{calls}" if message.content else calls, tool_calls=())
        return message._replace(content=[*message.content, TextPart(calls)], tool_calls=())
    return message


_RESULT = "\x00result"


def _joined_results(messages: Iterable[Message]) -> list[Message]:
    """Results that follow each other become one message, so that roles alternate."""
    joined: list[Message] = []
    previous_was_result = False
    for message in messages:
        is_result = message.name == _RESULT
        if (
            is_result
            and previous_was_result
            and isinstance(message.content, str)
            and isinstance(joined[-1].content, str)
        ):
            joined[-1] = joined[-1]._replace(content=f"{joined[-1].content}\n{message.content}")
        else:
            joined.append(message._replace(name=None) if is_result else message)
        previous_was_result = is_result
    return joined


def _name_of_call(message: Message, history: Sequence[Message]) -> str:
    if message.name:
        return message.name
    for earlier in history:
        for call in earlier.tool_calls:
            if call.id == message.tool_call_id:
                return call.name
    return "a tool"


def _object(arguments: str) -> Any:
    try:
        return parse_json(arguments.encode())
    except ValueError:
        return arguments


# ------------------------------------------------------------------------------------------------ reading


def read_prompted(response: ChatResponse, request: ChatRequest) -> ChatResponse:
    """The answer with the calls that the model wrote as text read back into tool calls."""
    text, valid, invalid = find_calls(response.text, request, stem=response.id or response.request_id or "")
    if not valid and not invalid:
        return response
    return replace(
        response,
        text=text,
        tool_calls=(*response.tool_calls, *valid),
        invalid_tool_calls=(*response.invalid_tool_calls, *invalid),
        finish_reason=response.finish_reason if invalid and not valid else "tool_calls",
    )


def find_calls(
    text: str, request: ChatRequest, *, stem: str = ""
) -> tuple[str, tuple[ToolCall, ...], tuple[InvalidToolCall, ...]]:
    """The words around the calls, the calls, and what was meant to be calls but is none.

    A named or required tool that was not called is an invalid call too: a plain answer is not what was asked for.
    """
    known = {tool.name for tool in request.tools}
    forced = request.tool_choice if request.tool_choice in known else None
    start = _start_of_calls(text, known)
    if start is None:
        value = parsed(_bare(text)) if forced else None
        if forced and isinstance(value, dict):
            return "", (ToolCall(made_call_id(stem, 0), forced, dump_json(value).decode()),), ()
        if request.tool_choice == "required" or forced:
            name = forced or request.tools[0].name
            error = "the model answered in words although a tool call was demanded"
            return "", (), (InvalidToolCall(made_call_id(stem, 0), name, text, error),)
        return text, (), ()
    before = _without_open_fence(text[:start])
    value, end = _value_at(text, start)
    if value is None:
        named = re.search(r'"name"\s*:\s*"([^"]+)"', text[start:])
        error = "the tool call is no JSON that can be read; call the tool again with valid JSON"
        call = InvalidToolCall(
            made_call_id(stem, 0), named.group(1) if named else forced or "unknown", text[start:], error
        )
        return before, (), (call,)
    calls = value.get("tool_calls", [value]) if isinstance(value, dict) else []
    valid: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for number, call in enumerate(calls if isinstance(calls, list) else [calls]):
        _read_call(call, made_call_id(stem, number), valid, invalid)
    after = text[end:].strip().removeprefix(_FENCE).strip() if end else ""
    words = "\n".join(part for part in (before, after) if part)
    return words, tuple(valid), tuple(invalid)


def _read_call(call: Any, id: str, valid: list[ToolCall], invalid: list[InvalidToolCall]) -> None:
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    name = call.get("name", call.get("tool")) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(name, str) or not name:
        raw = dump_json(call).decode()
        invalid.append(InvalidToolCall(id, name if isinstance(name, str) else "unknown", raw, "the call names no tool"))
        return
    given = call.get("arguments", call.get("parameters", call.get("input")))
    arguments = given if isinstance(given, str) else "{}" if given is None else dump_json(given).decode()
    error = arguments_error(arguments or "{}")
    if error is None:
        valid.append(ToolCall(id, name, arguments or "{}"))
    else:
        invalid.append(InvalidToolCall(id, name, arguments, error))


def _start_of_calls(text: str, known: set[str]) -> int | None:
    found = _CALLS_START.search(text)
    if found:
        return found.start()
    for single in _CALL_START.finditer(text):
        if single.group(1) in known and '"arguments"' in text[single.start() :]:
            return single.start()
    return None


def _value_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at a position, and where it ends; small slips are mended."""
    from json import JSONDecodeError, JSONDecoder

    try:
        _, end = JSONDecoder(strict=False, parse_int=float).raw_decode(text, start)
    except (JSONDecodeError, RecursionError):
        return mended(text[start : text.rfind("}") + 1]), len(text)
    return parsed(text[start:end]), end


def _bare(text: str) -> str:
    return json_text(text) or text


def _without_open_fence(text: str) -> str:
    stripped = text.rstrip()
    if stripped.endswith(_FENCE):
        return stripped[: -len(_FENCE)].rstrip()
    if stripped.endswith(_FENCE + "json"):
        return stripped[: -len(_FENCE) - 4].rstrip()
    return text.strip()


class PromptedStream:
    """Lets text through as it comes, and holds back what may be a call until it is known what it is."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._held = ""
        self._shown = ""
        self._is_call = False
        self._demanded = request.tool_choice not in {None, "auto", "none"}

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas that may be shown; the last one carries the answer with its calls read back."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text:
                text = self._released(delta.text)
                delta = delta._replace(text=text)
            if delta.response is not None:
                shown += self._last(delta.response)
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _released(self, text: str) -> str:
        self._held += text
        if self._is_call or self._demanded:
            return ""
        released = ""
        while self._held:
            start = min((at for at in (self._held.find("{"), self._held.find("`")) if at >= 0), default=-1)
            if start < 0:
                released, self._held = released + self._held, ""
                break
            released, self._held = released + self._held[:start], self._held[start:]
            verdict = _may_be_call(self._held)
            if verdict is None:
                break
            if verdict:
                self._is_call = True
                break
            released, self._held = released + self._held[0], self._held[1:]
        self._shown += released
        return released

    def _last(self, response: ChatResponse) -> list[ChatDelta]:
        whole = read_prompted(response, self._request)
        deltas: list[ChatDelta] = []
        rest = whole.text[len(self._shown) :] if whole.text.startswith(self._shown) else ""
        if not whole.tool_calls and not whole.invalid_tool_calls:
            rest = self._held
        if rest:
            deltas.append(ChatDelta(rest))
        calls = all_calls(whole)
        if calls:
            pieces = tuple(ToolCallDelta(n, call.id, call.name, call.arguments) for n, call in enumerate(calls))
            deltas.append(ChatDelta(tool_calls=pieces))
        return [*deltas, ChatDelta(response=whole)]


def _may_be_call(text: str) -> bool | None:
    """True: it begins a call. False: it does not. None: too early to say."""
    if text.startswith("`"):
        if not text.startswith(_FENCE):
            return None if _FENCE.startswith(text) else False
        line, newline, rest = text[len(_FENCE) :].partition("\n")
        if not newline:
            return None if len(line) < 20 and (line.strip() in {"", "j", "js", "jso", "json"}) else False
        if line.strip() not in {"", "json"}:
            return False
        text = rest.lstrip()
        if not text:
            return None
        if not text.startswith("{"):
            return False
    compact = re.sub(r"\s+", "", text[:200])
    if any(compact.startswith(start) for start in _STARTS):
        return True
    return None if any(start.startswith(compact) for start in _STARTS) else False
