"""A key that a provider repeats in a success is masked where it is not what the model said."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, EmbedRequest, Message

KEY = "sk-test-0123456789abcdef"
ECHO = {"auth": f"Bearer {KEY}", "seen": [{"key": KEY}], KEY: 1}


def made(*, says: str = "ok") -> dict[str, Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"x-echo": KEY, "set-cookie": "session=secret"}
        if request.url.path.endswith("embeddings"):
            return httpx.Response(200, headers=headers, json={"data": [{"embedding": [0.5]}], "debug": ECHO})
        message = {"role": "assistant", "content": says, "trace": ECHO}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop", "note": ECHO}
        body = {
            "id": "a",
            "model": "m",
            "choices": [choice],
            "debug": ECHO,
            KEY: 1,
            "usage": {"total_tokens": 1, "by": KEY},
        }
        if not json.loads(request.content).get("stream"):
            return httpx.Response(200, headers=headers, json=body)
        choice["delta"] = choice.pop("message")
        text = f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n"
        return httpx.Response(200, headers={**headers, "content-type": "text/event-stream"}, text=text)

    return {"api_key": KEY, "http_client": httpx.Client(transport=httpx.MockTransport(answer))}


REQUEST = ChatRequest(model="m", messages=[Message("user", "x")])


def test_nothing_of_an_answer_shows_the_key() -> None:
    client = Client("aimlapi", **made())
    for answer in (client.chat(REQUEST), list(client.chat_stream(REQUEST))[-1].response):
        assert answer is not None
        for part in (answer.metadata, answer.extra, answer.headers, answer.usage, repr(answer).partition("raw=")[0]):
            assert KEY not in repr(part)
        assert KEY not in repr({name: value for name, value in answer.raw.items() if name != "choices"})
        assert answer.metadata["debug"]["seen"][0]["key"] != KEY
    vectors = client.embed(EmbedRequest(model="m", texts=["x"]))
    assert KEY not in repr(vectors.raw) + repr(vectors.headers)


def test_nothing_of_a_message_of_the_frameworks_shows_it() -> None:
    model = ChatMultiApi(provider="aimlapi", model="m", include_response_headers=True, **made())
    for message in (model.invoke("x"), next(iter(model.stream("x")))):
        assert KEY not in repr(message.response_metadata) + repr(message.additional_kwargs)
    response = MultiApiLLM(provider="aimlapi", model="m", **made()).chat([ChatMessage(role="user", content="x")])
    assert KEY not in repr(response.additional_kwargs) + repr(response.message)


def test_what_the_model_said_is_not_touched() -> None:
    said = f"you wrote {KEY}"
    client = Client("aimlapi", **made(says=said))
    assert client.chat(REQUEST).text == said
    assert list(client.chat_stream(REQUEST))[-1].response.text == said  # type: ignore[union-attr]


@pytest.mark.parametrize("result", ["answer", "vectors"])
def test_a_repr_shows_no_headers(result: str) -> None:
    client = Client("aimlapi", **made())
    found = client.chat(REQUEST) if result == "answer" else client.embed(EmbedRequest(model="m", texts=["x"]))
    assert "secret" not in repr(found)


@pytest.mark.parametrize("depth", [10, 400, 900])
def test_a_deep_echo_costs_no_answer(depth: int) -> None:
    body = json.dumps({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}], "debug": "@"})
    text = body.replace('"@"', "[" * depth + json.dumps(KEY) + "]" * depth)
    wire = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    answer = Client("aimlapi", api_key=KEY, http_client=httpx.Client(transport=wire)).chat(REQUEST)
    assert answer.text == "ok"
    found = answer.metadata["debug"]
    while isinstance(found, list):
        (found,) = found
    assert KEY not in found
