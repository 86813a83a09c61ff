"""Models of AI/ML API that speak only the Responses API: `chat` and `chat_stream` go there, and nobody sees a difference."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from multiapi import Client
from multiapi.errors import RateLimitError, ServerError, StreamInterruptedError
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi import RESPONSES_ONLY, catalogue
from multiapi.simulator import Simulator
from multiapi.types.chat import ChatRequest, ChatResponse, Message, ResponseFormat, Tool
from multiapi.types.limits import Limits
from tests.conftest import KEY
from tests.contracts import response_examples

pytestmark = pytest.mark.usefixtures("waits")

AIMLAPI = PROVIDERS["aimlapi"]
ASK = ChatRequest(
    model="openai/gpt-5-pro", messages=[Message("system", "Be brief."), Message("user", "Count to three.")]
)
RAIN = Tool(
    "rain_now", "Current rain", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)

WHOLE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1777000000,
    "model": "gpt-5-pro",
    "status": "completed",
    "parallel_tool_calls": True,
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Easy."}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hé, two", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "rain_now", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "rain_now", "arguments": "{}"},
    ],
    "usage": {
        "input_tokens": 5,
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 16},
        "total_tokens": 25,
    },
    "meta": {"usage": {"credits_used": 900, "usd_spent": 0.00045}},
}
BEGUN = {**WHOLE, "status": "in_progress", "output": [], "usage": None, "meta": None}


def numbered(*events: dict[str, Any]) -> bytes:
    lines = [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number}, ensure_ascii=False)}\n\n"
        for number, event in enumerate(events)
    ]
    return "".join(lines).encode()


EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": BEGUN},
    {"type": "response.in_progress", "response": BEGUN},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "reasoning", "id": "rs_1", "summary": []},
    },
    {
        "type": "response.reasoning_summary_text.delta",
        "output_index": 0,
        "item_id": "rs_1",
        "summary_index": 0,
        "delta": "Easy.",
    },
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"type": "message", "id": "msg_1", "role": "assistant", "content": []},
    },
    {"type": "response.output_text.delta", "output_index": 1, "item_id": "msg_1", "content_index": 0, "delta": "Hé, "},
    {"type": "response.something.new", "delta": "?"},
    {"type": "response.output_text.delta", "output_index": 1, "item_id": "msg_1", "content_index": 0, "delta": "two"},
    {"type": "response.output_text.done", "output_index": 1, "item_id": "msg_1", "content_index": 0, "text": "Hé, two"},
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "rain_now", "arguments": ""},
    },
    {
        "type": "response.output_item.added",
        "output_index": 3,
        "item": {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "rain_now", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": '{"city":'},
    {"type": "response.function_call_arguments.delta", "output_index": 3, "item_id": "fc_2", "delta": "{}"},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "fc_1", "delta": '"Oslo"}'},
    {
        "type": "response.function_call_arguments.done",
        "output_index": 2,
        "item_id": "fc_1",
        "arguments": '{"city":"Oslo"}',
    },
    {"type": "response.output_item.done", "output_index": 2, "item": WHOLE["output"][2]},
]
END = {"type": "response.completed", "response": WHOLE}
HEAD = HttpResponse(200, {"content-type": "text/event-stream"})


def read(*pieces: bytes) -> ChatResponse:
    """A stream, with what the deltas say checked against the end."""
    assert AIMLAPI.chat_stream is not None
    decoder = AIMLAPI.chat_stream.decoder(HEAD, Limits())
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    deltas += decoder.close()
    response = deltas[-1].response
    assert response is not None
    assert "".join(delta.text for delta in deltas) == response.text
    assert "".join(delta.reasoning for delta in deltas) == (response.reasoning.text if response.reasoning else "")
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.tool_calls:
            held = calls.setdefault(call.number, ["", "", ""])
            held[0] += call.id or ""
            held[1] += call.name or ""
            held[2] += call.arguments
    assert [tuple(held) for held in calls.values()] == [
        (call.id, call.name, call.arguments) for call in response.tool_calls
    ]
    return response


def test_the_list_is_that_of_the_catalogue() -> None:
    assert {entry.id for entry in catalogue.models("text") if entry.endpoint == "POST /v1/responses"} == RESPONSES_ONLY


def test_the_route_follows_from_the_model() -> None:
    assert AIMLAPI.chat_stream is not None
    assert AIMLAPI.chat.build(ASK).path == "/v1/responses"
    streamed = AIMLAPI.chat_stream.build(ASK)
    assert (streamed.path, streamed.stream, streamed.json["stream"]) == ("/v1/responses", True, True)
    assert "stream_options" not in streamed.json
    other = ChatRequest(model="openai/gpt-4o", messages=ASK.messages)
    assert AIMLAPI.chat.build(other).path == AIMLAPI.chat_stream.build(other).path == "/v1/chat/completions"


def test_a_stream_gives_what_the_whole_answer_gives() -> None:
    body = HttpResponse(200, {"content-type": "application/json"}, json.dumps(WHOLE).encode())
    whole = AIMLAPI.chat.parse(body)
    streamed = read(numbered(*EVENTS, END))
    for name in ("text", "tool_calls", "reasoning", "usage", "cost", "finish_reason", "id", "model", "metadata"):
        assert getattr(streamed, name) == getattr(whole, name), name
    assert whole.text == "Hé, two" and whole.reasoning.text == "Easy." and len(whole.tool_calls) == 2
    assert whole.usage.reasoning_tokens == 16 and str(whole.cost.amount) == "0.00045"


def test_it_reads_the_same_wherever_it_is_cut() -> None:
    body = numbered(*EVENTS, END)
    whole = read(body)
    for at in range(0, len(body), 7):
        assert read(body[:at], body[at:]) == whole
    assert read(*(body[i : i + 1] for i in range(len(body)))) == whole
    assert read(body + b"data: [DONE]\n\n") == whole


def test_an_answer_that_was_cut_off_says_so() -> None:
    short = {
        **WHOLE,
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": WHOLE["output"][:2],
    }
    assert read(numbered(*EVENTS[:9], {"type": "response.incomplete", "response": short})).finish_reason == "length"


def test_without_the_last_word_it_is_broken_off() -> None:
    with pytest.raises(StreamInterruptedError) as raised:
        read(numbered(*EVENTS[:12]))
    partial = raised.value.partial
    assert partial.text == "Hé, two" and not partial.tool_calls
    assert [call.name for call in partial.invalid_tool_calls] == ["rain_now", "rain_now"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "server_error", "message": "Upstream failed", "param": None}, ServerError),
        (
            {
                "type": "response.failed",
                "response": {
                    **BEGUN,
                    "status": "failed",
                    "error": {"code": "rate_limit_exceeded", "message": "Upstream failed"},
                },
            },
            RateLimitError,
        ),
        (
            {
                "type": "response.failed",
                "response": {**BEGUN, "error": {"code": "server_error", "message": "Upstream failed"}},
            },
            ServerError,
        ),
    ],
)
def test_a_failure_inside_is_a_typed_error_with_what_had_arrived(event: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind, match="Upstream failed") as raised:
        read(numbered(*EVENTS[:8]), numbered(event))
    assert raised.value.partial.text == "Hé, two"  # type: ignore[attr-defined]


def test_documented_events_are_read() -> None:
    examples = [
        e
        for e in response_examples("aimlapi")
        if e.operation == "createResponse" and e.media_type == "text/event-stream"
    ]
    by_name = {example.name: example.value for example in examples}
    assert set(by_name) == {"created", "delta", "error"}
    with pytest.raises(ServerError, match="Upstream failed") as raised:
        read(numbered(by_name["created"], by_name["delta"]), numbered(by_name["error"]))
    assert (raised.value.partial.text, raised.value.partial.id) == ("Hi", "resp_1")


@pytest.fixture
def client() -> Client:
    simulator = Simulator()
    sender = httpx.Client(transport=simulator.transport)
    return Client("aimlapi", api_key=KEY, base_url=simulator.base_url("aimlapi"), http_client=sender)


@pytest.mark.parametrize("model", sorted(RESPONSES_ONLY))
def test_on_the_simulator_whole_and_streamed(client: Client, model: str) -> None:
    request = ChatRequest(model=model, messages=ASK.messages, max_tokens=64)
    whole = client.chat(request)
    deltas = list(client.chat_stream(request))
    last = deltas[-1].response
    assert last is not None and last.text == whole.text and last.usage == whole.usage and whole.text
    assert len(deltas) > 2


def test_tools_and_structured_output_work_there_too(client: Client) -> None:
    question = [Message("user", "What is the rain in Oslo?")]
    called = client.chat(ChatRequest(model="openai/gpt-5-pro", messages=question, tools=[RAIN], tool_choice="required"))
    assert called.tool_calls[0].name == "rain_now"
    talk = [*question, called.to_message(), Message("tool", "dry", tool_call_id=called.tool_calls[0].id)]
    assert client.chat(ChatRequest(model="openai/gpt-5-pro", messages=talk, tools=[RAIN])).text
    schema = {
        "type": "object",
        "properties": {"year": {"type": "integer"}},
        "required": ["year"],
        "additionalProperties": False,
    }
    wanted = ResponseFormat(schema, name="year", strict=True)
    answer = client.chat(
        ChatRequest(
            model="openai/gpt-5-pro",
            messages=[Message("user", "Extract the year: built in 1911")],
            response_format=wanted,
        )
    )
    assert json.loads(answer.text)["year"] == 1911
