"""Every documented answer is read: whole, as a stream cut at every byte, and as the right error."""

from __future__ import annotations

import json

import pytest

from multiapi.errors import (
    AuthenticationError,
    ContentFilterError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StatusError,
)
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.types.limits import Limits
from tests.contracts import Example, response_examples

ALL = [example for vendor in PROVIDERS for example in response_examples(vendor)]
CHAT = [
    e
    for e in ALL
    if e.operation == "createChatCompletion" and e.status.startswith("2") and e.media_type == "application/json"
]
STREAMED = [
    e
    for e in ALL
    if e.operation == "createChatCompletion" and e.media_type == "text/event-stream" and isinstance(e.value, str)
]
STREAMS = [e for e in STREAMED if '"error"' not in e.value]
BROKEN_STREAMS = [e for e in STREAMED if '"error"' in e.value]
ERRORS = [
    e
    for e in ALL
    if not e.status.startswith(("2", "3")) and isinstance(e.value, dict) and e.operation == "createChatCompletion"
]
CLASSES: dict[int, type[StatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    429: RateLimitError,
}


def words_in(value: dict) -> str:
    """The text that the documented body holds, found independently of the reader."""
    if "response" in value:
        return value["response"]
    content = value["choices"][0]["message"]["content"]
    return content if isinstance(content, str) else ""


@pytest.mark.parametrize("example", CHAT, ids=str)
def test_a_documented_answer_is_read_in_full(example: Example) -> None:
    provider = PROVIDERS[example.vendor]
    answer = provider.chat.parse(
        HttpResponse(200, {"content-type": "application/json"}, json.dumps(example.value).encode())
    )
    assert answer.text == words_in(example.value)
    usage = dict(example.value.get("usage", {}))
    if example.name.startswith("seen") and "total_tokens" in usage:
        usage["completion_tokens"] = usage["total_tokens"] - usage["prompt_tokens"]  # the rest is thinking
    for ours, theirs in (
        ("input_tokens", "prompt_tokens"),
        ("output_tokens", "completion_tokens"),
        ("total_tokens", "total_tokens"),
    ):
        assert (getattr(answer.usage, ours) if answer.usage else None) == usage.get(theirs)
    if "choices" in example.value:
        choice = example.value["choices"][0]
        assert answer.finish_reason == choice.get("finish_reason")
        calls = choice["message"].get("tool_calls", [])
        assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
            (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls
        ]
    assert answer.raw == example.value
    if example.name == "seen_speech":
        assert answer.extra, "the sound is lost"
        body = HttpResponse(200, {"content-type": "application/json"}, json.dumps(example.value).encode())
        assert provider.operations["speech"].parse(body).mime_type == "audio/mpeg"


@pytest.mark.parametrize("example", STREAMS, ids=str)
def test_a_documented_stream_reads_the_same_wherever_it_is_cut(example: Example) -> None:
    provider = PROVIDERS[example.vendor]
    assert provider.chat_stream is not None
    body = example.value.encode()
    if b'"choices":[]' in body and b'"delta"' not in body:
        body = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n' + body
    head = HttpResponse(200, {"content-type": "text/event-stream"})

    def read(*pieces: bytes) -> tuple:
        decoder = provider.chat_stream.decoder(head, Limits())
        deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
        deltas += decoder.close()
        response = deltas[-1].response
        assert "".join(delta.text for delta in deltas) == response.text
        arguments: dict[int, str] = {}
        for delta in deltas:
            for call in delta.tool_calls:
                arguments[call.number] = arguments.get(call.number, "") + call.arguments
        assert list(arguments.values()) == [call.arguments for call in response.tool_calls]
        return response.text, response.tool_calls, response.finish_reason, response.usage

    whole = read(body)
    assert whole[0] or whole[1]
    for at in range(len(body) + 1):
        assert read(body[:at], body[at:]) == whole
    assert read(*(body[i : i + 1] for i in range(len(body)))) == whole


@pytest.mark.parametrize("example", BROKEN_STREAMS, ids=str)
def test_a_stream_that_ends_in_an_error_raises_its_class_wherever_it_is_cut(example: Example) -> None:
    provider = PROVIDERS[example.vendor]
    assert provider.chat_stream is not None
    body = example.value.encode()
    stated = json.loads(body.rpartition(b"data: ")[2])["error"]
    expected = CLASSES.get(stated["code"], ServerError)
    head = HttpResponse(200, {"content-type": "text/event-stream"})
    for at in range(len(body) + 1):
        decoder = provider.chat_stream.decoder(head, Limits())
        text = ""
        with pytest.raises(StatusError) as raised:
            for piece in (body[:at], body[at:]):
                for delta in decoder.feed(piece):
                    text += delta.text
            decoder.close()
        assert type(raised.value) is expected
        assert stated["message"] in raised.value.message
        assert raised.value.partial is None or raised.value.partial.text == text or not text


@pytest.mark.parametrize("example", ERRORS, ids=str)
def test_a_documented_error_becomes_its_class_with_the_vendors_words(example: Example) -> None:
    provider = PROVIDERS[example.vendor]
    inner = example.value.get("error", example.value)
    status = int(example.status) if example.status.isdigit() else int(example.value["statusCode"])
    error = provider.read_error(
        HttpResponse(status, {"content-type": "application/json"}, json.dumps(example.value).encode())
    )
    expected = CLASSES.get(status, ServerError)
    if "credits" in inner["message"].lower() and example.vendor == "aimlapi":
        expected = InsufficientCreditsError
    if inner.get("type") == "guardrail_violation":
        expected = ContentFilterError
    assert type(error) is expected
    assert error.message.split("\\n")[0] in inner["message"] or inner["message"] in error.message
    assert (error.provider, error.status) == (example.vendor, status)
    known_ids = [example.value.get("request_id"), example.value.get("requestId"), inner.get("requestId")]
    assert error.request_id == next((value for value in known_ids if value), None)


def test_every_vendor_has_examples_of_answers_and_errors() -> None:
    assert {e.vendor for e in CHAT} == set(PROVIDERS) == {e.vendor for e in ERRORS}
