"""The Responses form: items in, items out, and typed events when streamed."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from multiapi.simulator.exchange import Pause, Piece
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Attachment, Conversation, Reply, ToolCall, Turn, from_url
from multiapi.simulator.minds.saying import pieces_of
from multiapi.simulator.vendors import chat_format, sources


def conversation(body: dict[str, Any], earlier: tuple[Turn, ...] = ()) -> Conversation:
    """The request as a conversation; `earlier` are the turns of the response that it goes on from."""
    turns = [Turn("system", body["instructions"])] if body.get("instructions") else []
    turns += earlier
    given = body["input"]
    turns += [Turn("user", given)] if isinstance(given, str) else [turn for item in given if (turn := _turn(item))]
    tools = tuple(tool for entry in body.get("tools") or () if (tool := chat_format.read_tool(entry)))
    choice, allowed, parallel = chat_format.read_tool_choice(body.get("tool_choice"))
    if allowed is not None:
        tools = tuple(tool for tool in tools if tool.name in allowed)
    return Conversation(
        model=body["model"],
        turns=tuple(_merged(turns)),
        tools=tools,
        tool_choice=choice if tools else "auto",
        parallel_tool_calls=parallel and body.get("parallel_tool_calls", True) is not False,
        schema=chat_format.read_schema((body.get("text") or {}).get("format")),
        max_tokens=body.get("max_output_tokens"),
        reasoning=chat_format.wants_reasoning(body),
    )


def _turn(item: dict[str, Any]) -> Turn | None:
    kind = item.get("type") or "message"
    if kind == "function_call":
        return Turn("assistant", "", tool_calls=(ToolCall(item["name"], item["arguments"], item["call_id"]),))
    if kind == "function_call_output":
        return Turn("tool", item["output"], tool_call_id=item["call_id"])
    if kind != "message" or "role" not in item:
        return None
    role = {"developer": "system"}.get(item["role"], item["role"])
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    files = tuple(found for part in parts if (found := _attachment(part)))
    return Turn(role, chat_format.text_of(content), files)


def _attachment(part: dict[str, Any]) -> Attachment | None:
    if part.get("type") == "input_image" and part.get("image_url"):
        return from_url(part["image_url"], "image/*")
    if part.get("type") == "input_file":
        if "file_data" not in part:
            return Attachment("application/octet-stream", name=part.get("filename"))
        found = from_url(part["file_data"], "application/pdf")
        return Attachment(found.mime_type, found.data, found.url, part.get("filename"))
    return None


def _merged(turns: list[Turn]) -> Iterator[Turn]:
    """Calls that follow each other are one turn."""
    held: Turn | None = None
    for turn in turns:
        if held is not None and turn.role == "assistant" and turn.tool_calls and not turn.text:
            held = Turn("assistant", held.text, tool_calls=(*held.tool_calls, *turn.tool_calls))
            continue
        if held is not None:
            yield held
            held = None
        if turn.role == "assistant":
            held = turn
        else:
            yield turn
    if held is not None:
        yield held


def response(
    head: dict[str, Any],
    reply: Reply,
    body: dict[str, Any],
    new_id: Callable[[str], str],
    extra: dict[str, Any] | None = None,
    found: list[sources.Source] | None = None,
) -> dict[str, Any]:
    """A whole answer; `head` has id, created_at and model, and `found` is what a search on the way gave."""
    output: list[dict[str, Any]] = []
    if reply.reasoning:
        wanted = (body.get("reasoning") or {}).get("summary")
        summary = [{"type": "summary_text", "text": reply.reasoning}] if wanted else []
        output.append({"id": new_id("rs_"), "type": "reasoning", "summary": summary})
    stopped = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reply.finish_reason)
    finished = "incomplete" if stopped else "completed"
    if found:
        output.append({"id": new_id("ws_"), "type": "web_search_call", "status": "completed"})
    if reply.text is not None:
        marks = sources.flat_annotations(found or [], reply.text)
        said: dict[str, Any] = {"type": "output_text", "text": reply.text, "annotations": marks}
        content = [{"type": "refusal", "refusal": reply.text} if reply.refusal else said]
        output.append(
            {"id": new_id("msg_"), "type": "message", "role": "assistant", "status": finished, "content": content}
        )
    output += [
        {
            "id": new_id("fc_"),
            "type": "function_call",
            "call_id": new_id("call_"),
            "name": call.name,
            "arguments": call.arguments,
            "status": finished,
        }
        for call in reply.tool_calls
    ]
    return {
        **head,
        "object": "response",
        "status": finished,
        "error": None,
        "incomplete_details": {"reason": stopped} if stopped else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": {},
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "temperature": body.get("temperature"),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p"),
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
        **(extra or {}),
    }


def events(whole: dict[str, Any], reply: Reply) -> Iterator[Piece]:
    """The answer as typed events."""
    number = -1

    def made(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        data = orjson.dumps({"type": kind, "sequence_number": number, **fields})
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"

    begun = {
        **whole,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "output_text": None,
        "incomplete_details": None,
    }
    begun.pop("meta", None)
    yield made("response.created", response=begun)
    yield made("response.in_progress", response=begun)
    for index, item in enumerate(whole["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        empty: dict[str, Any] = {}
        if item["type"] in ("message", "function_call"):
            empty = {"status": "in_progress", **({"content": []} if item["type"] == "message" else {"arguments": ""})}
        yield made("response.output_item.added", output_index=index, item={**item, **empty})
        if item["type"] == "message":
            part = item["content"][0]
            name = "refusal" if part["type"] == "refusal" else "text"
            kind = "response.refusal" if name == "refusal" else "response.output_text"
            more: dict[str, Any] = {} if name == "refusal" else {"logprobs": []}
            blank = {name: "", **({"annotations": []} if "annotations" in part else {})}
            yield made("response.content_part.added", **at, content_index=0, part={**part, **blank})
            for piece in pieces_of(reply):
                if isinstance(piece, str):
                    yield made(f"{kind}.delta", **at, content_index=0, delta=piece, **more)
                else:
                    yield Pause(piece)
            for place, mark in enumerate(part.get("annotations") or ()):
                yield made(
                    "response.output_text.annotation.added",
                    **at,
                    content_index=0,
                    annotation_index=place,
                    annotation=mark,
                )
            yield made(f"{kind}.done", **at, content_index=0, **{name: part[name]}, **more)
            yield made("response.content_part.done", **at, content_index=0, part=part)
        elif item["type"] == "function_call":
            for piece in tokens.split(item["arguments"]):
                yield made("response.function_call_arguments.delta", **at, delta=piece)
            yield made("response.function_call_arguments.done", **at, arguments=item["arguments"], name=item["name"])
        elif item["type"] == "web_search_call":
            for state in ("in_progress", "searching", "completed"):
                yield made(f"response.web_search_call.{state}", **at)
        elif item["type"] == "reasoning":
            for place, part in enumerate(item["summary"]):
                yield made(
                    "response.reasoning_summary_part.added", **at, summary_index=place, part={**part, "text": ""}
                )
                for piece in tokens.split(part["text"]):
                    yield made("response.reasoning_summary_text.delta", **at, summary_index=place, delta=piece)
                yield made("response.reasoning_summary_text.done", **at, summary_index=place, text=part["text"])
                yield made("response.reasoning_summary_part.done", **at, summary_index=place, part=part)
        yield made("response.output_item.done", output_index=index, item=item)
    yield made(f"response.{whole['status']}", response=whole)
