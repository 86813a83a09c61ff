"""On whose behalf requests are made: nothing by default, and to the provider's own host alone (live_aimlapi L15)."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi import PROVIDERS, AsyncClient, Attribution, ChatRequest, Client, EmbedRequest, Media, Message
from multiapi.errors import InvalidRequestError, UnsupportedError

ALL = Attribution(source="agent/my-program", partner="part_1a2B", referer="https://example.org/a", title="My program")
HEADERS = {
    "x-aimlapi-source": "agent/my-program",
    "x-aimlapi-partner-id": "part_1a2B",
    "http-referer": "https://example.org/a",
    "x-title": "My program",
}
CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}
VECTORS = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}]}
SENT: list[httpx.Request] = []


def _answer(request: httpx.Request) -> httpx.Response:
    SENT.append(request)
    if request.method == "GET":
        return httpx.Response(200, content=b"\x89PNG\r\n\x1a\n" + bytes(20), headers={"content-type": "image/png"})
    return httpx.Response(200, json=VECTORS if request.url.path.endswith("embeddings") else CHAT)


def _blocking() -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(_answer))


def _awaited() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(_answer))


ASK = ChatRequest(model="m", messages=[Message("user", "x")])
WAYS: dict[str, Callable[..., Any]] = {
    "core": lambda **s: Client("aimlapi", http_client=_blocking(), **s).chat(ASK),
    "core, async": lambda **s: asyncio.run(AsyncClient("aimlapi", http_client=_awaited(), **s).chat(ASK)),
    "core, streamed": lambda **s: list(Client("aimlapi", http_client=_blocking(), **s).chat_stream(ASK)),
    "core, embed": lambda **s: Client("aimlapi", http_client=_blocking(), **s).embed(
        EmbedRequest(model="m", texts=["x"])
    ),
    "LangChain": lambda **s: ChatMultiApi(model="aimlapi:m", http_client=_blocking(), **s).invoke("x"),
    "LangChain, async": lambda **s: asyncio.run(
        ChatMultiApi(model="aimlapi:m", http_async_client=_awaited(), **s).ainvoke("x")
    ),
    "LangChain, streamed": lambda **s: list(ChatMultiApi(model="aimlapi:m", http_client=_blocking(), **s).stream("x")),
    "LangChain, embed": lambda **s: MultiApiEmbeddings(model="aimlapi:m", http_client=_blocking(), **s).embed_query(
        "x"
    ),
    "LlamaIndex": lambda **s: MultiApiLLM(model="aimlapi:m", http_client=_blocking(), **s).complete("x"),
    "LlamaIndex, async": lambda **s: asyncio.run(
        MultiApiLLM(model="aimlapi:m", http_async_client=_awaited(), **s).acomplete("x")
    ),
    "LlamaIndex, streamed": lambda **s: list(
        MultiApiLLM(model="aimlapi:m", http_client=_blocking(), **s).stream_complete("x")
    ),
    "LlamaIndex, embed": lambda **s: MultiApiEmbedding(
        model="aimlapi:m", http_client=_blocking(), **s
    ).get_text_embedding("x"),
}


def _sent(way: str, **settings: Any) -> dict[str, str]:
    SENT.clear()
    WAYS[way](api_key="k-123456", **settings)
    (request,) = SENT
    return {name: value for name, value in request.headers.items() if name in HEADERS}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_by_default_and_what_is_set(way: str) -> None:
    assert _sent(way) == {}
    assert _sent(way, attribution=Attribution()) == {}
    assert _sent(way, attribution=ALL) == HEADERS
    assert _sent(way, attribution=Attribution(source="web/a")) == {"x-aimlapi-source": "web/a"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "address",
    ["https://proxy.example/aimlapi", "http://127.0.0.1:9", "https://api.aimlapi.com:444", "https://a.api.aimlapi.com"],
)
def test_no_other_address_gets_any(way: str, address: str) -> None:
    assert _sent(way, attribution=ALL, base_url=address) == {}


def test_not_over_plain_http() -> None:
    assert _sent("core", attribution=ALL, base_url="http://api.aimlapi.com", allow_http=True) == {}


def test_a_file_is_fetched_without_it() -> None:
    SENT.clear()
    client = Client("aimlapi", api_key="k-123456", http_client=_blocking(), attribution=ALL)
    client.download(Media(url="https://8.8.8.8/a.png"))
    assert SENT and not any(name in HEADERS for request in SENT for name in request.headers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "desktop/a"}, {"source": "agent/"}, {"source": "agent/A"}, {"source": "agent/" + "a" * 33}, {"source": "agent/a\n"},
        {"partner": "part_"}, {"partner": "part_a-b"}, {"partner": "x"}, {"partner": "part_" + "a" * 65},
        {"referer": "my page"}, {"referer": "https://a.test/\r\nx: y"}, {"title": "a\nb"}, {"title": ""}, {"title": "größe"}, {"title": 3},
    ],
)  # fmt: skip
def test_what_the_provider_would_drop_is_refused_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        Attribution(**wrong)


def test_providers_without_it_refuse() -> None:
    for name in PROVIDERS.keys() - {"aimlapi"}:
        with pytest.raises(UnsupportedError, match="aimlapi has"):
            Client(name, api_key="k-123456", attribution=ALL)
    with pytest.raises(InvalidRequestError, match="must be an Attribution"):
        Client("aimlapi", api_key="k-123456", attribution={"source": "web/a"})  # type: ignore[arg-type]


def test_tools_take_it_and_copies_keep_it() -> None:
    MultiApiToolkit(provider="aimlapi", api_key="k-123456", attribution=ALL)
    client = pickle.loads(pickle.dumps(Client("aimlapi", api_key="k-123456", attribution=ALL)))
    assert client.attribution == ALL
    model = ChatMultiApi(model="aimlapi:m", api_key="k-123456", attribution=ALL)
    assert pickle.loads(pickle.dumps(model)).attribution == ALL
    assert "my-program" not in repr(model)
