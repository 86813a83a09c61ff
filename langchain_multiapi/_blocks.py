"""Content blocks of our messages: LangChain asks here for what `content_blocks` shows, and streams of blocks are written here.

Blocks of streams carry string indices, because LangChain joins the blocks of chunks by index without looking at their types:
with numbers, text 0 and tool call 0 would become one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import content as blocks_module
from langchain_core.messages.block_translators import PROVIDER_TRANSLATORS, register_translator

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk

_HAS_REFUSAL_BLOCK = hasattr(blocks_module, "RefusalContentBlock")


def register(provider: str) -> None:
    """Let LangChain ask us for the blocks of messages with this `model_provider`."""
    if provider not in PROVIDER_TRANSLATORS:
        register_translator(provider, message_blocks, chunk_blocks)


def message_blocks(message: AIMessage) -> list[Any]:
    """Reasoning, text with its sources, calls, media and refusal of a whole message: the order in which a stream has them."""
    if not isinstance(message.content, str):
        raise NotImplementedError  # LangChain then reads the blocks itself
    calls: list[Any] = (
        [*message.tool_calls, *message.invalid_tool_calls] if message.invalid_tool_calls else message.tool_calls
    )
    return _blocks_of(message.content, message.additional_kwargs, calls)


def chunk_blocks(chunk: AIMessageChunk) -> list[Any]:
    """The same for one chunk of a stream, or for several that were added up."""
    if not isinstance(chunk.content, str):
        raise NotImplementedError  # as above
    if chunk.chunk_position == "last":
        return message_blocks(chunk)
    return indexed_blocks(chunk.content, chunk.additional_kwargs, chunk.tool_call_chunks)


_INDEX_NAMES = {"reasoning": "rs", "text": "txt", "refusal": "rf", "non_standard": "rf"}


def indexed_blocks(text: str, extras: Mapping[str, Any], fragments: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The blocks of one chunk, with the indices by which LangChain joins them."""
    counts: dict[str, int] = {}
    blocks = _blocks_of(text, extras, fragments)
    for block in blocks:
        if "index" in block:
            block["index"] = f"lc_tc_{block['index']}"
        else:
            name = _INDEX_NAMES.get(block["type"], "media")
            block["index"] = f"lc_{name}_{counts.get(name, 0)}"
            counts[name] = counts.get(name, 0) + 1
    return blocks


def _blocks_of(text: str, extras: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    words: dict[str, Any] = {"type": "text", "text": text}
    if not extras:
        return [words, *map(dict, calls)] if text else [dict(call) for call in calls]
    blocks: list[dict[str, Any]] = []
    if extras.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": extras["reasoning_content"]})
    citations = extras.get("citations")
    if citations:
        words["annotations"] = [dict(citation) for citation in citations]
    if text:
        blocks.append(words)
    blocks += map(dict, calls)
    if citations and not text:
        blocks.append(words)
    blocks += map(dict, extras.get("media") or ())
    if extras.get("refusal"):
        refusal = {"type": "refusal", "refusal": extras["refusal"]}
        blocks.append(refusal if _HAS_REFUSAL_BLOCK else {"type": "non_standard", "value": refusal})
    return blocks
