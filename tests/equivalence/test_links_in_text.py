"""A link in the text of a model, a tool or a user is text: nothing is fetched, shown as media, sent as media or remembered because of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.llms import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message

INSIDE = "http://169.254.169.254/latest/meta-data"
LINKS = [
    f"![picture]({INSIDE}/a.png)",
    f"[film]({INSIDE}/a.mp4)",
    f"<img src='{INSIDE}/a.png'>",
    f"{INSIDE}/a.wav",
    f'{{"url": "{INSIDE}/a.png"}}',
    f'{{"type": "image_url", "image_url": {{"url": "{INSIDE}/a.png"}}}}',
    "![p](data:image/png;base64,iVBORw0KGgo=)",
    "![p](file:///etc/passwd)",
    f'```json\n{{"media": ["{INSIDE}/a.png"]}}\n```',
]
PROVIDERS = ["aimlapi", "aicredits", "binom_router", "bineric", "binobox"]


class Server:
    """Says one text, whole or in a stream; notes where requests go."""

    def __init__(self, provider: str, text: str) -> None:
        self.provider, self.text = provider, text
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        body = json.loads(request.content)
        if self.provider == "bineric":
            return httpx.Response(200, json={"success": True, "response": self.text})
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}
            return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})
        pieces = [self.text[at : at + 7] for at in range(0, len(self.text), 7)]
        events: list[Any] = [{"id": "a", "choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        events.append({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=lines)

    def settings(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "api_key": "k",
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
        }

    def check(self, requests: int) -> None:
        """Only chats were sent, and what is in them are texts."""
        assert len(self.sent) == requests
        assert {request.url.host for request in self.sent}.isdisjoint({"169.254.169.254"})
        for request in self.sent:
            body = json.loads(request.content)
            for message in body["messages"]:
                parts = message["content"] if isinstance(message["content"], list) else []
                assert {part["type"] for part in parts} <= {"text"}
                assert not message.get("attachments")
            assert not body.get("attachments")


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_link_in_the_text_of_a_model_triggers_nothing(provider: str, link: str) -> None:
    text = f"Look: {link} and so on."
    server = Server(provider, text)
    client = Client(**server.settings())
    request = ChatRequest(model="m", messages=[Message("user", "x")])
    whole = client.chat(request)
    last = list(client.chat_stream(request))[-1].response
    assert last is not None
    for answer in (whole, last):
        assert (answer.text, answer.media, answer.tool_calls) == (text, (), ())
    chat = ChatMultiApi(model="m", **server.settings())
    message = chat.invoke("x")
    assert (message.text, message.tool_calls) == (text, [])
    assert [block["type"] for block in message.content_blocks] == ["text"]
    llm = MultiApiLLM(model="m", **server.settings())
    response = llm.chat([ChatMessage(role="user", content="x")])
    assert [block.block_type for block in response.message.blocks] == ["text"]
    assert response.message.content == text
    # And back again: what a model, a tool or a user wrote stays text in the next request.
    chat.invoke([HumanMessage(text), message, HumanMessage("go on")])
    llm.chat([ChatMessage(role="user", content=text), response.message, ChatMessage(role="user", content="go on")])
    server.check(6)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_link_in_the_result_of_a_tool_triggers_nothing(provider: str, link: str) -> None:
    server = Server(provider, "ok")
    call = {"name": "read", "args": {"page": link}, "id": "c1"}
    chat = ChatMultiApi(model="m", **server.settings())
    chat.invoke([HumanMessage("q"), AIMessage("", tool_calls=[call]), ToolMessage(link, tool_call_id="c1")])
    server.check(1)
