"""A key that a provider repeats in a success is masked where it is not what the model said."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, EmbedRequest, Message
from multiapi.errors import MultiApiError
from multiapi.types.media_requests import ImageRequest, VideoRequest

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


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(50)).decode()
OPERATIONS: dict[str, tuple[dict[str, Any], Callable[[Client], Any]]] = {
    "models": ({"data": [{"id": "m", "debug": ECHO, "owned_by": KEY}]}, lambda client: client.models()),
    "balance": ({"data": {"balance": 1, "debug": ECHO}}, lambda client: client.balance()),
    "image": (
        {"data": [{"b64_json": PNG, "debug": ECHO}], "meta": ECHO},
        lambda client: client.image(ImageRequest(model="m", prompt="x")),
    ),
    "job": (
        {"id": "j", "generation_id": "j", "status": "queued", "meta": ECHO},
        lambda client: client.start_video(VideoRequest(model="m", prompt="x")),
    ),
    "vectors": (
        {"data": [{"embedding": [0.5], "debug": ECHO}], "model": KEY},
        lambda client: client.embed(EmbedRequest(model="m", texts=["x"])),
    ),
    "chat": (
        {
            "choices": [
                {
                    "index": 0,
                    "debug": {"response": f"Bearer {KEY}", "content": [KEY]},
                    "message": {"content": "ok", "trace": ECHO},
                }
            ]
        },
        lambda client: client.chat(REQUEST),
    ),
}


def everything(value: Any) -> str:
    """What a result holds, also where its repr does not show it."""
    if is_dataclass(value):
        return repr(value) + "".join(everything(getattr(value, each.name)) for each in fields(value))
    return "".join(map(everything, value)) if isinstance(value, list | tuple) else repr(value)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binobox", "bineric"])
def test_no_result_of_any_operation_shows_the_key(provider: str, operation: str) -> None:
    body, call = OPERATIONS[operation]
    headers = dict.fromkeys(("x-echo", "x-request-id", "request-id", "x-inference-id"), KEY)
    wire = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, json={**body, "note": ECHO, KEY: [KEY]}))
    client = Client(provider, api_key=KEY, http_client=httpx.Client(transport=wire))
    try:
        result = call(client)
    except MultiApiError as error:  # not sold here, or not in this form
        assert KEY not in f"{error!r} {vars(error)} {everything(error.partial)}"
        return
    assert KEY not in everything(result)


def test_a_body_keeps_what_the_model_said() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"key": KEY})}}
    message = {"role": "assistant", "content": f"it is {KEY}", "reasoning_content": KEY, "tool_calls": [call]}
    body = {"choices": [{"index": 0, "message": message, "note": KEY}], "debug": KEY}
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    answer = Client("aimlapi", api_key=KEY, http_client=httpx.Client(transport=wire)).chat(REQUEST)
    choice = answer.raw["choices"][0]
    assert choice["message"] == message
    assert KEY not in choice["note"] + answer.raw["debug"]
    assert json.loads(answer.tool_calls[0].arguments) == {"key": KEY}


STARTED = f'data: {{"choices":[{{"delta":{{"content":"hi"}}}}],"debug":"{KEY}"}}\n\n'
ENDS = {
    "an error": f'data: {{"error":{{"message":"no: {KEY}","details":{{"seen":"{KEY}"}}}}}}\n\n',
    "no JSON": 'data: {"cho',
    "another form": "data: 5\n\n",
    "nothing": "",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("unstreamed", [True, False])
def test_what_had_arrived_before_an_error_does_not_show_it(end: str, unstreamed: bool) -> None:
    head = {"content-type": "text/event-stream"}
    wire = httpx.MockTransport(lambda _: httpx.Response(200, headers=head, text=STARTED + ENDS[end]))
    client = Client("aicredits", api_key=KEY, max_retries=0, http_client=httpx.Client(transport=wire))
    with pytest.raises(MultiApiError) as caught:
        client.chat(REQUEST) if unstreamed else list(client.chat_stream(REQUEST))
    error = caught.value
    assert error.partial is not None
    assert KEY not in f"{error!r} {vars(error)} {everything(error.partial)}"
    assert error.partial.text == "hi"


def test_an_error_in_a_success_does_not_show_it_in_its_details() -> None:
    body = {"error": {"message": "no", "code": KEY, "details": [{"auth": KEY}], KEY: KEY}}
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    with pytest.raises(MultiApiError) as caught:
        Client("aicredits", api_key=KEY, max_retries=0, http_client=httpx.Client(transport=wire)).chat(REQUEST)
    assert KEY not in f"{caught.value!r} {vars(caught.value)}"
