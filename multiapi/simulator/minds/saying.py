"""The way from a conversation to what is said: tools in prompts are read, a mind decides, limits cut, tokens are counted."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from multiapi.simulator.minds import prompted as prompts
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, FinishReason, Reply, ToolCall

Mind = Callable[[Conversation], Reply]
"""What decides what is said: the simulated model, the author of a test, or a real model."""


def reply(conversation: Conversation, mind: Mind) -> Reply:
    """The answer, cut at stop words and at the token limit, with its usage."""
    return _limited(conversation, think(conversation, mind))


def replies(conversation: Conversation, mind: Mind) -> list[Reply]:
    """As many answers as asked for; the second and further ones say which variant they are."""
    first = think(conversation, mind)
    made = [_limited(conversation, first)]
    for number in range(2, conversation.n + 1):
        varied = (
            first
            if first.tool_calls or conversation.schema is not None
            else replace(first, text=f"{first.text} (variant {number})", pieces=())
        )
        made.append(_limited(conversation, varied))
    return made


def think(conversation: Conversation, mind: Mind) -> Reply:
    """The whole answer, before any limit cuts it."""
    if conversation.tools:
        return mind(conversation)
    conversation = prompts.unframed(conversation)
    prompted = prompts.prompted_tools(conversation) or prompts.react(conversation)
    if prompted is None:
        return mind(conversation)
    answer = mind(prompted.conversation)
    return _written(answer, prompted)


def _written(answer: Reply, prompted: prompts.Prompted) -> Reply:
    """Tool calls as the text that the instructions want."""
    if prompted.form == "json":
        if not answer.tool_calls:
            return answer
        calls = ", ".join(
            f'{{"name": {json.dumps(call.name)}, "arguments": {_spaced(call.arguments)}}}' for call in answer.tool_calls
        )
        return replace(answer, text=f'{{"tool_calls": [{calls}]}}', tool_calls=(), finish_reason="stop")
    if answer.tool_calls:
        call = answer.tool_calls[0]
        bare = call.arguments
        with suppress(json.JSONDecodeError, KeyError, TypeError):
            values = json.loads(call.arguments)
            bare = values["input"] if list(values) == ["input"] and prompted.final == "Final Answer:" else bare
        text = f"Thought: I need to use the tool {call.name}.\nAction: {call.name}\nAction Input: {bare}"
        return replace(answer, text=text, tool_calls=(), finish_reason="stop")
    text = f"Thought: I can answer without using any more tools.\n{prompted.final} {answer.text}"
    return replace(answer, text=text, pieces=())


def _spaced(arguments: str) -> str:
    """JSON as prompts show it; what is not JSON stays."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except json.JSONDecodeError:
        return arguments


# ---------------------------------------------------------------- limits and usage


def input_tokens(conversation: Conversation) -> int:
    """How many tokens the request has: its text, its tools, and a fixed number for each file."""
    total = 0
    for turn in conversation.turns:
        total += 3 + tokens.count(turn.text) + 85 * len(turn.attachments)
        total += sum(tokens.count(call.name) + tokens.count(call.arguments) for call in turn.tool_calls)
    for tool in conversation.tools:
        total += tokens.count(tool.name) + tokens.count(tool.description) + tokens.count(json.dumps(tool.parameters))
    return total + 3


def _limited(conversation: Conversation, answer: Reply) -> Reply:
    text, calls = answer.text, answer.tool_calls
    finish: FinishReason = "tool_calls" if calls else answer.finish_reason
    if text is not None and conversation.stop:
        cuts = [place for stop in conversation.stop if stop and (place := text.find(stop)) >= 0]
        text = text[: min(cuts)] if cuts else text
    reasoning = answer.reasoning
    left = conversation.max_tokens if conversation.max_tokens is not None else 1_000_000_000
    reasoning, thought = _cut(reasoning, left)
    left -= thought
    used = thought
    if text is not None:
        whole = text
        text, spoken = _cut(text, left)
        left, used = left - spoken, used + spoken
        finish = finish if text == whole else "length"
    kept = []
    for call in calls:
        named = tokens.count(call.name)
        if left < named:
            finish = "length"
            break
        written, spoken = _cut(call.arguments, left - named)
        left, used = left - named - spoken, used + named + spoken
        kept.append(ToolCall(call.name, written, call.id))
        if written != call.arguments:
            finish = "length"
            break
    if reasoning != answer.reasoning:
        finish = "length"
    if answer.tool_calls and not kept and text is None:
        text = ""
    return replace(
        answer,
        text=text,
        tool_calls=tuple(kept),
        reasoning=reasoning,
        finish_reason=finish,
        input_tokens=input_tokens(conversation),
        output_tokens=used,
        reasoning_tokens=thought,
    )


def pieces_of(reply: Reply) -> list[str | float]:
    """The chunks in which a stream brings the text: those that were set, as far as the text goes, else its tokens."""
    left = reply.text or ""
    if not reply.pieces:
        return list(tokens.split(left))
    made: list[str | float] = []
    for piece in reply.pieces:
        if isinstance(piece, str):
            piece = piece[: len(left)]
            left = left[len(piece) :]
        if piece != "":
            made.append(piece)
    return made


def _cut(text: str, limit: int) -> tuple[str, int]:
    if not text:
        return text, 0
    pieces = tokens.split(text)
    if len(pieces) <= limit:
        return text, len(pieces)
    return "".join(pieces[: max(limit, 0)]), max(limit, 0)
