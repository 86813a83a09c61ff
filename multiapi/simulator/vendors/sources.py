"""What the simulated web holds: the same sources for the same question, in each form in which AI/ML API tells them.

- Perplexity's models: `citations` and `search_results` beside the choices.
- `web_search_options` and `enable_search` of other models: `annotations` of the message.
- `web_search_preview` on the Responses protocol: a `web_search_call`, and annotations of the text.
- `web_search_20250305` on the Messages protocol: a `server_tool_use` with its result, and citations of the text.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, NamedTuple

from multiapi.simulator.minds.conversation import Conversation

_WORD = re.compile(r"\w{3,}")
_COMMON = frozenset(
    [
        "the",
        "and",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "where",
        "when",
        "why",
        "how",
        "are",
        "was",
        "were",
        "for",
        "from",
        "with",
        "that",
        "this",
        "there",
        "news",
        "new",
    ]
)
_SITES = ("encyclopedia.example", "news.example", "journal.example")


class Source(NamedTuple):
    """A page of the simulated web."""

    title: str
    url: str
    text: str
    date: str


def question(asked: Conversation) -> str:
    """What is searched for: the last thing that the user said."""
    return next((turn.text for turn in reversed(asked.turns) if turn.role == "user" and turn.text), "")


def sources(query: str) -> list[Source]:
    """Two or three pages about a question."""
    words = [word for word in _WORD.findall(query) if word.lower() not in _COMMON][:4]
    subject = " ".join(words) or "The question"
    slug = "-".join(word.lower() for word in words) or "question"
    number = zlib.crc32(query.encode("utf-8", "replace"))
    return [
        Source(
            f"{subject}: {site.partition('.')[0]}",
            f"https://{site}/{slug}",
            f"{site.partition('.')[0].capitalize()} on {subject}.",
            f"2026-{1 + (number + place) % 9:02}-{1 + (number + place) % 28:02}",
        )
        for place, site in enumerate(_SITES[: 2 + number % 2])
    ]


def searches_in_chat(body: dict[str, Any]) -> bool:
    """Whether a chat completion searches: by its model, or by a field."""
    return (
        body["model"].startswith("perplexity/")
        or "web_search_options" in body
        or bool(body.get("enable_search"))
        or body.get("search_mode") == "web"
    )


def beside_choices(body: dict[str, Any], found: list[Source]) -> dict[str, Any]:
    """The fields of a completion of Perplexity's models."""
    if not body["model"].startswith("perplexity/"):
        return {}
    return {
        "citations": [each.url for each in found],
        "search_results": [
            {"title": each.title, "url": each.url, "date": each.date, "last_updated": None} for each in found
        ],
    }


def url_citations(body: dict[str, Any], found: list[Source], text: str) -> list[dict[str, Any]]:
    """The annotations of a message of other models."""
    if body["model"].startswith("perplexity/"):
        return []
    return [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 0, "end_index": len(text), "title": each.title, "url": each.url},
        }
        for each in found
    ]


def has_tool(body: dict[str, Any], beginning: str) -> bool:
    """Whether a request has a built-in tool whose type begins so, and does not forbid its use."""
    tools = body.get("tools") or ()
    is_there = any(isinstance(tool, dict) and str(tool.get("type", "")).startswith(beginning) for tool in tools)
    return is_there and body.get("tool_choice") != "none"


def flat_annotations(found: list[Source], text: str) -> list[dict[str, Any]]:
    """The annotations of a text in the Responses form."""
    return [
        {"type": "url_citation", "start_index": 0, "end_index": len(text), "title": each.title, "url": each.url}
        for each in found
    ]


def blocks(found: list[Source], query: str, use_id: str) -> list[dict[str, Any]]:
    """The blocks of a search in the Messages form."""
    results = [
        {
            "type": "web_search_result",
            "url": each.url,
            "title": each.title,
            "page_age": each.date,
            "encrypted_content": f"sim{zlib.crc32(each.url.encode()):08x}",
        }
        for each in found
    ]
    return [
        {"type": "server_tool_use", "id": use_id, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": use_id, "content": results},
    ]


def block_citations(found: list[Source]) -> list[dict[str, Any]]:
    """The citations of a text block."""
    return [
        {
            "type": "web_search_result_location",
            "url": each.url,
            "title": each.title,
            "cited_text": each.text,
            "encrypted_index": f"sim{zlib.crc32(each.text.encode()):08x}",
        }
        for each in found
    ]
