"""A chat that searches the web first: the field, or the built-in tool, by which each model of AI/ML API is told so.

- Perplexity's and most models of the aggregated list: `web_search_options`, with `search_mode`, whose documented default is "academic".
- Qwen: `enable_search`, with `search_options`.
- xAI: `search_mode` alone.
- What has none of these searches by a built-in tool, on `/v1/responses` or `/v1/messages`, where the catalogue has the model there.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multiapi.errors import UnsupportedError
from multiapi.providers.aimlapi import RESPONSES_ONLY, catalogue
from multiapi.types.chat import ChatApi, ChatRequest, Tool

_TOOLS: Mapping[str, tuple[str, str]] = {
    "responses": ("web_search_preview", "web_search_preview"),
    "messages": ("web_search_20250305", "web_search"),
}
_SEARCHES = "perplexity/sonar, alibaba/qwen3.7-plus or a model of OpenAI with api='responses'"


def searching(request: ChatRequest) -> ChatRequest:
    """The request with the web search that it asks for in the words of its model, and without `web_search`.

    Raises:
        UnsupportedError: The model cannot search by the protocol that was chosen.
    """
    wanted = request.web_search
    entry = catalogue.find(request.model)
    accepts = frozenset() if entry is None else frozenset(entry.params)
    bare = replace(request, web_search=None)
    if wanted is None:
        return bare
    if wanted is False:
        return replace(bare, extra={"enable_search": False, **request.extra}) if "enable_search" in accepts else bare
    options = dict(wanted) if isinstance(wanted, Mapping) else {}
    api = _api(request, accepts)
    if api == "chat":
        return replace(bare, extra={**_fields(accepts, options), **request.extra})
    kind, name = _TOOLS[api]
    raw = {"type": kind, **({"name": name} if api == "messages" else {}), **options}
    return replace(bare, api=api, tools=(*request.tools, Tool(name, raw=raw)))


def _api(request: ChatRequest, accepts: frozenset[str]) -> ChatApi:
    """The protocol by which the model searches."""
    model = request.model
    entry = catalogue.find(model)
    if request.api in _TOOLS:
        return request.api
    if request.api == "auto" and model in RESPONSES_ONLY:
        return "responses"
    if entry is None or "search-preview" in model or accepts & {"web_search_options", "enable_search", "search_mode"}:
        return "chat"
    others = {path.rsplit("/", 1)[-1] for path in entry.other_endpoints}
    if request.api == "auto":
        for api in ("responses", "messages"):
            if api in others:
                return api
        if "claude" in model:
            return "messages"
    raise UnsupportedError(
        f"aimlapi: {model} cannot search the web{' by api=' + repr(request.api) if request.api != 'auto' else ''}; "
        f"use {_SEARCHES}",
        provider="aimlapi",
    )


def _fields(accepts: frozenset[str], options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a chat: what the model's schema has at its top goes there, and the rest into the object for options."""
    if "enable_search" in accepts:
        return {"enable_search": True, **({"search_options": options} if options else {})}
    top = {name: options.pop(name) for name in list(options) if name.startswith("search_") and name in accepts}
    for name in ("search_mode", "search_domain_filter", "search_recency_filter"):
        if name in options and not accepts:  # of a model that is newer than the list
            top[name] = options.pop(name)
    if "search_mode" in accepts:
        top.setdefault("search_mode", "web")
    if "web_search_options" in accepts or "search_mode" not in accepts or options:
        return {"web_search_options": options, **top}
    return top
