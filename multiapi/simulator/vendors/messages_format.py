"""The Anthropic Messages form: content blocks in, content blocks out, and named events when streamed."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from multiapi.simulator.exchange import Pause, Piece
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, Reply
from multiapi.simulator.minds.saying import pieces_of
from multiapi.simulator.vendors import chat_format, sources

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def conversation(body: dict[str, Any]) -> Conversation:
    """The request as a conversation; a message of tool results is one turn for each of them."""
    messages: list[dict[str, Any]] = []
    for message in body["messages"]:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        results = [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_result"]
        messages += [{"role": message["role"], "content": [block]} for block in results]
        rest = [block for block in blocks if block not in results]
        if not results or rest:
            messages.append({**message, "content": rest} if results else message)
    return chat_format.conversation({**body, "messages": messages})


def message(
    head: dict[str, Any],
    reply: Reply,
    new_id: Callable[[str], str],
    body: dict[str, Any],
    found: list[sources.Source] | None = None,
    query: str = "",
) -> dict[str, Any]:
    """A whole answer; `head` has id and model, and `found` is what a search on the way gave."""
    content: list[dict[str, Any]] = []
    if reply.reasoning and (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        content.append({"type": "thinking", "thinking": reply.reasoning, "signature": new_id("sig_")})
    if found:
        content += sources.blocks(found, query, new_id("srvtoolu_"))
    if reply.text:
        cited = {"citations": sources.block_citations(found)} if found else {}
        content.append({"type": "text", "text": reply.text, **cited})
    content += [
        {"type": "tool_use", "id": new_id("toolu_"), "name": call.name, "input": _object(call.arguments)}
        for call in reply.tool_calls
    ]
    return {
        **head,
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": "refusal" if reply.refusal else _STOPS[reply.finish_reason],
        "stop_sequence": None,
        "usage": usage(reply),
    }


def usage(reply: Reply, tier: str = "standard") -> dict[str, Any]:
    """The token counts."""
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": reply.output_tokens,
        "service_tier": tier,
        "inference_geo": "not_available",
    }


def events(whole: dict[str, Any], reply: Reply) -> Iterator[Piece]:
    """The answer as named events."""

    def made(kind: str, **fields: Any) -> bytes:
        return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"

    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 0}}
    begun.pop("meta", None)
    yield made("message_start", message=begun)
    for index, block in enumerate(whole["content"]):
        kind = block["type"]
        if kind == "text":
            empty: dict[str, Any] = {"text": "", **({"citations": []} if "citations" in block else {})}
            form, name, text = "text_delta", "text", block["text"]
        elif kind == "thinking":
            empty, form, name, text = {"thinking": "", "signature": ""}, "thinking_delta", "thinking", block["thinking"]
        elif kind == "web_search_tool_result":
            empty, form, name, text = {}, "", "", ""
        else:
            empty, form, name, text = (
                {"input": {}},
                "input_json_delta",
                "partial_json",
                orjson.dumps(block["input"]).decode(),
            )
        yield made("content_block_start", index=index, content_block={**block, **empty})
        for piece in pieces_of(reply) if kind == "text" else tokens.split(text):
            if isinstance(piece, str):
                yield made("content_block_delta", index=index, delta={"type": form, name: piece})
            else:
                yield Pause(piece)
        for citation in block.get("citations") or ():
            delta = {"type": "citations_delta", "citation": citation}
            yield made("content_block_delta", index=index, delta=delta)
        if kind == "thinking":
            delta = {"type": "signature_delta", "signature": block["signature"]}
            yield made("content_block_delta", index=index, delta=delta)
        yield made("content_block_stop", index=index)
    closing = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield made("message_delta", delta=closing, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield made("message_stop")
    if "meta" in whole:
        yield b"data: " + orjson.dumps({"meta": whole["meta"]}) + b"\n\n"


def _object(arguments: str) -> dict[str, Any]:
    """The arguments as an object; those that a token limit cut off are lost."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
