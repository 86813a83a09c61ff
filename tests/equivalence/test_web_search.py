"""Web search in chat: each text model of the catalogue is asked in its own words, or refused unsent; and the sources come back in every form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiToolkit
from llamaindex_multiapi import MultiApiLLM
from multiapi import PROVIDERS, ChatRequest, Client, Message
from multiapi.errors import UnsupportedError
from multiapi.formats.openai.vendor import parse_chat
from multiapi.http.exchange import HttpResponse
from multiapi.http.json import dump_json
from multiapi.negotiation.plan import plan
from multiapi.providers.aimlapi import RESPONSES_ONLY, catalogue
from multiapi.simulator import Simulator

SIMULATOR = Simulator()
CONNECTION: dict[str, Any] = {
    "api_key": "any-key-1234",
    "base_url": SIMULATOR.base_url("aimlapi"),
    "http_client": httpx.Client(transport=SIMULATOR.transport),
}
ASKED = [Message("user", "What is new in Oslo?")]
EACH_WAY = {
    "perplexity/sonar": "/v1/chat/completions",
    "alibaba/qwen3.7-plus": "/v1/chat/completions",
    "x-ai/grok-4-3": "/v1/chat/completions",
    "openai/gpt-4o": "/v1/responses",
    "openai/gpt-5-pro": "/v1/responses",
    "claude-sonnet-4-5-20250929": "/v1/messages",
}
FIELDS = {"web_search_options", "enable_search", "search_options", "search_mode"}


def body_of(**settings: Any) -> dict[str, Any]:
    request = ChatRequest(messages=ASKED, **settings)
    provider = PROVIDERS["aimlapi"]
    return provider.chat.build(plan(provider, request, frozenset()).request).json  # type: ignore[no-any-return]


def models() -> Iterator[catalogue.ModelEntry]:
    yield from catalogue.models("text", None)


def test_every_model_is_asked_in_words_of_its_own_or_refused() -> None:
    asked, refused = 0, 0
    for entry in models():
        try:
            body = body_of(model=entry.id, web_search=True)
        except UnsupportedError as error:
            assert entry.id in str(error) and "perplexity/sonar" in str(error)
            assert not entry.params.keys() & FIELDS
            refused += 1
            continue
        asked += 1
        used = body.keys() & FIELDS
        tools = [tool["type"] for tool in body.get("tools", ())]
        assert bool(used) != bool(tools), entry.id
        if "search-preview" not in entry.id:
            assert used <= entry.params.keys(), entry.id
        if "search_mode" in entry.params and "enable_search" not in entry.params:
            assert body["search_mode"] == "web", entry.id
    assert asked > 100
    assert refused > 100


def test_what_the_caller_says_wins() -> None:
    body = body_of(model="perplexity/sonar", web_search={"search_mode": "academic", "search_context_size": "low"})
    assert body["search_mode"] == "academic"
    assert body["web_search_options"] == {"search_context_size": "low"}
    body = body_of(model="perplexity/sonar", web_search=True, extra={"search_mode": "academic"})
    assert body["search_mode"] == "academic"
    body = body_of(model="alibaba/qwen3.7-plus", web_search={"forced_search": True})
    assert body["enable_search"] is True and body["search_options"] == {"forced_search": True}
    assert body_of(model="alibaba/qwen3.7-plus", web_search=False)["enable_search"] is False
    assert not body_of(model="perplexity/sonar", web_search=False).keys() & FIELDS
    body = body_of(model="openai/gpt-4o", web_search={"search_context_size": "high"})
    assert body["tools"] == [{"type": "web_search_preview", "search_context_size": "high"}]
    assert body_of(model="newer/than-the-list", web_search=True)["web_search_options"] == {}
    with pytest.raises(UnsupportedError, match="by api='chat'"):
        body_of(model="openai/gpt-4o", web_search=True, api="chat")
    assert RESPONSES_ONLY


@pytest.mark.parametrize(("model", "path"), EACH_WAY.items())
def test_sources_come_back_whole_and_streamed_in_the_core_and_both_frameworks(model: str, path: str) -> None:
    request = ChatRequest(model=model, messages=ASKED, web_search=True)
    whole = Client("aimlapi", **CONNECTION).chat(request)
    assert SIMULATOR.log[-1].path == path
    assert whole.citations
    assert all(
        re.match("https://.*/oslo", source.url or "") and "Oslo" in (source.title or "") for source in whole.citations
    )
    streamed = list(Client("aimlapi", **CONNECTION).chat_stream(request))[-1].response
    assert streamed is not None and streamed.citations == whole.citations and streamed.text == whole.text

    told = [{"url": source.url, "title": source.title} for source in whole.citations]
    chat = ChatMultiApi(provider="aimlapi", model=model, **CONNECTION)
    summed: Any = None
    for chunk in chat.stream("What is new in Oslo?", web_search=True):
        summed = chunk if summed is None else summed + chunk
    for message in (chat.invoke("What is new in Oslo?", web_search=True), summed):
        block: Any = next(block for block in message.content_blocks if block["type"] == "text")
        assert [{"url": each["url"], "title": each["title"]} for each in block["annotations"]] == told
    llm = MultiApiLLM(provider="aimlapi", model=model, web_search=True, **CONNECTION)
    for answer in (llm.complete("What is new in Oslo?"), list(llm.stream_complete("What is new in Oslo?"))[-1]):
        found = answer.additional_kwargs["citations"]
        assert [{"url": each["url"], "title": each["title"]} for each in found] == told


@pytest.mark.parametrize("provider", [name for name, each in PROVIDERS.items() if not each.has("web_search")])
def test_a_provider_without_search_refuses_unsent(provider: str) -> None:
    client = Client(
        provider, api_key="any-key-1234", base_url=SIMULATOR.base_url(provider), http_client=CONNECTION["http_client"]
    )
    before = len(SIMULATOR.log)
    with pytest.raises(UnsupportedError, match=f"{provider} has no web search in chat; aimlapi has"):
        client.chat(ChatRequest(model="m", messages=ASKED, web_search=True))
    assert len(SIMULATOR.log) == before


def test_the_tool_gives_text_and_sources() -> None:
    kit = MultiApiToolkit(
        provider="aimlapi",
        include=["search_web"],
        models={"search_web": "alibaba/qwen3.7-plus"},
        options={"search_web": {"web_search": {"forced_search": True}}},
        **CONNECTION,
    )
    said = kit.get_tools()[0].invoke({"query": "What is new in Oslo?"})
    assert "Sources:\n[1] Oslo: encyclopedia https://encyclopedia.example/oslo" in said
    with pytest.raises(UnsupportedError, match="aimlapi has"):
        MultiApiToolkit(provider="binobox", include=["search_web"], api_key="k").get_tools()


@pytest.mark.parametrize("order", [1, -1])
def test_a_title_is_found_by_its_address(order: int) -> None:
    results = [{"title": name, "url": f"https://x.example/{name}", "snippet": f"on {name}"} for name in ("a", "b", "c")]
    body = {
        "id": "1",
        "choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "citations": ["https://x.example/c", "https://x.example/other", "https://x.example/a"],
        "search_results": results[::order],
    }
    found = parse_chat(HttpResponse(200, {}, dump_json(body)), provider="aimlapi").citations
    titles = {source.url: source.title for source in found}
    assert titles == {
        "https://x.example/c": "c",
        "https://x.example/other": None,
        "https://x.example/a": "a",
        "https://x.example/b": "b",
    }
