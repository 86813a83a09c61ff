"""The chat form that AI/ML API, AICredits and Binom.Router share, as a server reads and writes it.

Which fields each of them documents differs, so what to write is said by a `Shape`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from multiapi.simulator.exchange import DONE, Pause, Piece, event
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import (
    Attachment,
    Conversation,
    Reply,
    Tool,
    ToolCall,
    Turn,
    decoded,
    from_url,
)
from multiapi.simulator.minds.saying import pieces_of

_REASONING = re.compile(
    r"(?:^|[/-])o[1-9](?:-|$)|reason|think|(?:^|[/-])r1(?:-|$)|qwq|magistral|(?:^|/)gpt-5|deepseek-r1", re.IGNORECASE
)


@dataclass(frozen=True)
class Shape:
    """What a vendor writes into a completion.

    `reasoning_fields` are the names under which it shows what the model thought: whole answers take the first, streams all by
    turns. `hidden_tokens` are in the total and in no other count.
    """

    reasoning_fields: tuple[str, ...] = ()
    logprobs: bool = False
    usage_details: Callable[[Reply, int], dict[str, Any]] = lambda reply, cached: {}
    hidden_tokens: int = 0
    refusal: bool = False
    system_fingerprint: str | None = None


# ---------------------------------------------------------------- reading


def conversation(body: dict[str, Any]) -> Conversation:
    """The request as a conversation."""
    turns = tuple(_turn(message) for message in body["messages"])
    if system := body.get("system"):
        turns = (Turn("system", text_of(system)), *turns)
    stop = body.get("stop") or body.get("stop_sequences") or ()
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    tools = tuple(tool for entry in body.get("tools") or () if (tool := read_tool(entry)))
    choice, allowed, parallel = read_tool_choice(body.get("tool_choice"))
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    return Conversation(
        model=body["model"],
        turns=turns,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel and body.get("parallel_tool_calls", True) is not False,
        schema=read_schema(body.get("response_format")),
        max_tokens=None if limit is None else int(limit),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.get("seed") or 0,
        n=body.get("n") or 1,
        reasoning=wants_reasoning(body),
    )


def wants_reasoning(body: dict[str, Any]) -> bool:
    """Whether the model thinks before it answers."""
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") != "disabled"
    if body.get("enable_thinking") is not None:
        return bool(body["enable_thinking"])
    return bool(body.get("reasoning_effort") or body.get("reasoning") or _REASONING.search(body["model"]))


def read_schema(form: Any) -> dict[str, Any] | None:
    """The schema that the answer has to match; empty for any object."""
    if not isinstance(form, dict) or form.get("type") in (None, "text"):
        return None
    if form["type"] == "json_object":
        return {}
    schema = (form.get("json_schema") or form).get("schema")
    return schema if isinstance(schema, dict) else {}


def read_tool(entry: dict[str, Any]) -> Tool | None:
    """A tool definition in the OpenAI, the Anthropic or the Responses form; hosted tools are not for the model to fill."""
    if isinstance(entry.get("function"), dict):
        entry = entry["function"]
    elif isinstance(entry.get("custom"), dict):
        entry = {
            **entry["custom"],
            "parameters": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
        }
    if not isinstance(entry.get("name"), str):
        return None
    schema = entry.get("parameters") or entry.get("input_schema") or {}
    if (
        "parameters" not in entry
        and "input_schema" not in entry
        and entry.get("type") not in (None, "function", "custom")
    ):
        return None
    return Tool(entry["name"], entry.get("description") or "", schema)


def read_tool_choice(choice: Any) -> tuple[str, set[str] | None, bool]:
    """The choice, the tools allowed (None for all), and whether calls may be made in parallel."""
    if choice is None:
        return "auto", None, True
    if isinstance(choice, str):
        return {"any": "required"}.get(choice, choice), None, True
    parallel = not choice.get("disable_parallel_tool_use", False)
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        names = {name for tool in allowed.get("tools", []) if (name := (tool.get("function") or tool).get("name"))}
        return allowed.get("mode", "auto"), names, parallel
    named = (choice.get("function") or choice.get("custom") or choice).get("name")
    if named:
        return f"={named}", None, parallel
    return {"any": "required", "none": "none"}.get(str(kind), "auto"), None, parallel


def text_of(content: Any) -> str:
    """The text of a content value: text, or parts."""
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else part.get("text", "") for part in content or ()]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _turn(message: dict[str, Any]) -> Turn:
    role = message["role"]
    content = message.get("content")
    calls = tuple(
        ToolCall(call["function"]["name"], call["function"]["arguments"], call["id"])
        if "function" in call
        else ToolCall(call["custom"]["name"], orjson.dumps({"input": call["custom"]["input"]}).decode(), call["id"])
        for call in message.get("tool_calls") or ()
    )
    if role in ("tool", "function"):
        return Turn(
            "tool",
            text_of(content),
            attachments(content),
            (),
            message.get("tool_call_id", ""),
            message.get("name") or "",
        )
    if role in ("system", "developer"):
        return Turn("system", text_of(content))
    text, files = text_of(content), attachments(content)
    blocks = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    for block in blocks:
        if block.get("type") == "tool_use":
            calls += (
                ToolCall(block.get("name", ""), orjson.dumps(block.get("input") or {}).decode(), block.get("id", "")),
            )
        if block.get("type") == "tool_result":
            inner = block.get("content")
            return Turn("tool", text_of(inner), attachments(inner), (), block.get("tool_use_id", ""))
    return Turn("assistant" if role == "assistant" else "user", text, files, calls)


def attachments(content: Any) -> tuple[Attachment, ...]:
    """The files among the parts of a message, in the OpenAI or the Anthropic form."""
    if not isinstance(content, list):
        return ()
    return tuple(found for part in content if isinstance(part, dict) and (found := _attachment(part)))


def _attachment(part: dict[str, Any]) -> Attachment | None:
    kind = part.get("type")
    if kind == "image_url":
        return from_url(part["image_url"]["url"], "image/*")
    if kind == "video_url":
        return from_url(part["video_url"]["url"], "video/*")
    if kind == "input_audio":
        audio = part["input_audio"]
        form = str(audio.get("format") or "wav").removeprefix("audio/")
        mime_type = {"mp3": "audio/mpeg"}.get(form, f"audio/{form}")
        data = audio["data"]
        return (
            from_url(data, mime_type)
            if data.startswith(("http:", "https:", "data:"))
            else Attachment(mime_type, decoded(data))
        )
    if kind == "file":
        file = part["file"]
        name = file.get("filename")
        if "file_data" not in file:
            return Attachment("application/octet-stream", name=name or file.get("file_id"))
        found = from_url(file["file_data"], "application/pdf")
        return Attachment(found.mime_type, found.data, found.url, name)
    if kind in ("image", "document") and isinstance(source := part.get("source"), dict):
        mime_type = source.get("media_type", "image/*" if kind == "image" else "application/pdf")
        if source.get("type") == "base64":
            return Attachment(mime_type, decoded(source.get("data", "")))
        if source.get("type") == "text":
            return Attachment("text/plain", str(source.get("data", "")).encode())
        return Attachment(mime_type, url=source.get("url"))
    return None


# ---------------------------------------------------------------- writing


def usage(reply: list[Reply], shape: Shape, cached: int = 0) -> dict[str, Any]:
    """The token counts of all choices."""
    given, made = reply[0].input_tokens, sum(one.output_tokens for one in reply)
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made + shape.hidden_tokens,
        **shape.usage_details(reply[0], cached),
    }


def _message(reply: Reply, ids: list[str], shape: Shape) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if shape.refusal:
        message["refusal"] = reply.text if reply.refusal else None
        message["content"] = None if reply.refusal else reply.text
    if reply.reasoning and shape.reasoning_fields:
        message[shape.reasoning_fields[0]] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call_id, call in zip(ids, reply.tool_calls, strict=True)
        ]
    return message


def completion(
    head: dict[str, Any],
    replies: list[Reply],
    ids: list[list[str]],
    shape: Shape,
    body: dict[str, Any],
    cached: int = 0,
) -> dict[str, Any]:
    """A whole answer; `head` has id, created and model, `ids` the id of each tool call."""
    choices = []
    for index, reply in enumerate(replies):
        choice: dict[str, Any] = {
            "index": index,
            "message": _message(reply, ids[index], shape),
            "finish_reason": reply.finish_reason,
        }
        if shape.logprobs:
            choice["logprobs"] = logprobs(reply.text, body) if body.get("logprobs") else None
        choices.append(choice)
    return {**head, "object": "chat.completion", "choices": choices, "usage": usage(replies, shape, cached)}


def chunks(
    head: dict[str, Any],
    replies: list[Reply],
    ids: list[list[str]],
    shape: Shape,
    body: dict[str, Any],
    cached: int = 0,
    closing: dict[str, Any] | None = None,
    annotations: Sequence[list[dict[str, Any]]] = (),
) -> Iterator[Piece]:
    """The answer as events, a token at a time.

    `closing` are fields of the vendor's own: behind an event with token counts in an event of their own, else in one without
    choices.
    """
    start = {**head, "object": "chat.completion.chunk"}
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    rest = {"usage": None} if wants_usage else {}

    def piece_of(index: int, delta: dict[str, Any], finish_reason: str | None = None, **facts: Any) -> bytes:
        choice = {"index": index, "delta": delta, **facts, "finish_reason": finish_reason}
        return event({**start, "choices": [choice], **rest})

    for index, reply in enumerate(replies):
        yield piece_of(index, {"role": "assistant", "content": None if reply.tool_calls and reply.text is None else ""})
        if reply.reasoning and shape.reasoning_fields:
            thoughts = tokens.split(reply.reasoning)
            if len(shape.reasoning_fields) == 1:
                yield from _pieces(start, index, shape.reasoning_fields[0], thoughts, rest)
            else:
                for number, thought in enumerate(thoughts):
                    yield piece_of(index, {shape.reasoning_fields[number % len(shape.reasoning_fields)]: thought})
        if reply.text:
            pieces = pieces_of(reply)
            if shape.logprobs and body.get("logprobs"):
                for piece in pieces:
                    if isinstance(piece, str):
                        yield piece_of(index, {"content": piece}, logprobs=logprobs(piece, body))
                    else:
                        yield Pause(piece)
            else:
                name = "refusal" if reply.refusal and shape.refusal else "content"
                yield from _pieces(start, index, name, pieces, rest)
        for number, (call_id, call) in enumerate(zip(ids[index], reply.tool_calls, strict=True)):
            opened = {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": ""}}
            yield piece_of(index, {"tool_calls": [{"index": number, **opened}]})
            for piece in tokens.split(call.arguments):
                yield piece_of(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        if annotations and annotations[index] and reply.text:
            yield piece_of(index, {"annotations": annotations[index]})
        yield piece_of(index, {}, reply.finish_reason)
    if wants_usage:
        yield event({**start, "choices": [], "usage": usage(replies, shape, cached)})
    if closing:
        yield event(closing if wants_usage else {**start, "choices": [], **closing})
    yield DONE


_MARK = "\ue000"


def _pieces(
    start: dict[str, Any], index: int, name: str, pieces: Iterable[str | float], rest: dict[str, Any]
) -> Iterator[Piece]:
    """One event for each piece; only the piece itself is encoded anew."""
    whole = event({**start, "choices": [{"index": index, "delta": {name: _MARK}, "finish_reason": None}], **rest})
    before, after = whole.split(orjson.dumps(_MARK))
    for piece in pieces:
        yield before + orjson.dumps(piece) + after if isinstance(piece, str) else Pause(piece)


def logprobs(text: str | None, body: dict[str, Any]) -> dict[str, Any]:
    """Log probabilities that depend on the token alone."""
    content = []
    for token in tokens.split(text or ""):
        likely = -((len(token) * 7919 + ord(token[-1])) % 97) / 100
        entry: dict[str, Any] = {"token": token, "logprob": likely, "bytes": list(token.encode()), "top_logprobs": []}
        for rank in range(int(body.get("top_logprobs") or 0)):
            other = token if rank == 0 else f"{token}~{rank}"
            entry["top_logprobs"].append(
                {"token": other, "logprob": likely - 0.7 * rank, "bytes": list(other.encode())}
            )
        content.append(entry)
    return {"content": content, "refusal": None}
