"""What goes out: one conversation for every vendor, and what each vendor puts differently."""

from __future__ import annotations

from typing import Any

import pytest

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatRequest, MediaPart, Message, Reasoning, ResponseFormat, TextPart, Tool, ToolCall

TALK = [
    Message("system", "Be brief."),
    Message("user", "Hello"),
    Message("assistant", "Hi."),
    Message("user", "What is 2 + 2?"),
]
ADD = Tool("add", "Add numbers", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
OPENAI_LIKE = ["binom_router", "aimlapi", "aicredits"]


def body(name: str, **changes) -> dict:
    request = ChatRequest(model=changes.pop("model", "m"), messages=changes.pop("messages", TALK), **changes)
    return PROVIDERS[name].chat.build(request).json


@pytest.mark.parametrize("name", [*OPENAI_LIKE, "binobox"])
def test_a_conversation_in_the_shared_format(name: str) -> None:
    assert body(name, temperature=0.5, max_tokens=64) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "What is 2 + 2?"},
        ],
        "temperature": 0.5,
        "max_tokens": 64,
    }


def test_bineric_puts_settings_under_options_and_instructions_before_the_first_user_message() -> None:
    assert body("bineric", temperature=0.5, max_tokens=64, top_p=0.9) == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Be brief.\n\nHello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "What is 2 + 2?"},
        ],
        "options": {"temperature": 0.5, "max_tokens": 64, "top_p": 0.9},
    }


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_nothing_optional_is_sent_unless_it_is_set(name: str) -> None:
    assert set(body(name)) == {"model", "messages"}


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_extra_is_merged_deeply_and_last_and_the_request_stays_as_it_was(name: str) -> None:
    extra = {"options": {"voice": "x"}, "model": "other"}
    request = ChatRequest(model="m", messages=TALK, temperature=0.1, extra=extra)
    built = PROVIDERS[name].chat.build(request).json
    assert built["model"] == "other"
    assert built["options"]["voice"] == "x"
    if name == "bineric":
        assert built["options"]["temperature"] == 0.1
    assert extra == {"options": {"voice": "x"}, "model": "other"}
    assert request.messages is TALK


@pytest.mark.parametrize("name", OPENAI_LIKE)
def test_a_tool_loop(name: str) -> None:
    messages = [
        Message("user", "2 + 2?"),
        Message("assistant", "", tool_calls=[ToolCall("c1", "add", '{"a":2}', {"extra_content": {"signature": "s"}})]),
        Message("tool", "4", tool_call_id="c1"),
    ]
    built = body(name, messages=messages, tools=[ADD], tool_choice="add", parallel_tool_calls=False)
    assert built["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a":2}'},
                    "extra_content": {"signature": "s"},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    ]
    assert built["tools"] == [
        {"type": "function", "function": {"name": "add", "parameters": ADD.parameters, "description": "Add numbers"}}
    ]
    assert built["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert built["parallel_tool_calls"] is False


def test_media_in_the_content() -> None:
    parts = [
        TextPart("Look:"),
        MediaPart("image", url="https://example.com/a.png", detail="low"),
        MediaPart("image", data="aGk=", mime_type="image/jpeg"),
        MediaPart("audio", data="aGk=", mime_type="audio/mpeg"),
        MediaPart("file", data="JVBERi0=", mime_type="application/pdf", filename="a.pdf"),
        MediaPart("video", url="https://example.com/a.mp4"),
    ]
    assert body("aimlapi", messages=[Message("user", parts)])["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,aGk="}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ]


def test_bineric_takes_files_as_data_urls_in_attachments() -> None:
    parts = [
        TextPart("Look:"),
        MediaPart("image", data="aGk=", mime_type="image/jpeg"),
        MediaPart("file", url="data:text/plain;base64,aGk="),
    ]
    assert body("bineric", messages=[Message("user", parts)])["messages"] == [
        {
            "role": "user",
            "content": "Look:",
            "attachments": ["data:image/jpeg;base64,aGk=", "data:text/plain;base64,aGk="],
        }
    ]


@pytest.mark.parametrize(
    ("name", "kind", "having"),
    [
        ("binobox", "image", "aicredits, aimlapi, bineric and binom_router have"),
        ("aicredits", "file", "aimlapi and bineric have"),
        ("binom_router", "audio", "aimlapi and bineric have"),
        ("bineric", "video", "aimlapi has"),
    ],
)
def test_media_that_a_vendor_cannot_take_names_those_that_can(name: str, kind: str, having: str) -> None:
    with pytest.raises(UnsupportedError, match=having):
        body(name, messages=[Message("user", [MediaPart(kind, data="aGk=")])])


def test_media_of_tool_results_move_into_a_user_message() -> None:
    messages = [
        Message("user", "draw"),
        Message("assistant", "", tool_calls=[ToolCall("c1", "draw", "{}"), ToolCall("c2", "draw", "{}")]),
        Message("tool", [TextPart("done"), MediaPart("image", data="aGk=", mime_type="image/png")], tool_call_id="c1"),
        Message("tool", "nothing", tool_call_id="c2"),
    ]
    wire = body("aimlapi", messages=messages)["messages"]
    assert [message["role"] for message in wire] == ["user", "assistant", "tool", "tool", "user"]
    assert wire[2]["content"].startswith("done\n")
    assert wire[4]["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def test_reasoning_goes_back_only_to_the_vendor_and_model_that_wrote_it() -> None:
    def sent(provider: str, model: str, to: str = "aimlapi", asked: str = "deepseek/r1") -> dict:
        thought = Reasoning("because", ({"type": "x", "signature": "s"},), provider, model)
        return body(to, model=asked, messages=[Message("user", "a"), Message("assistant", "b", reasoning=thought)])[
            "messages"
        ][1]

    assert sent("aimlapi", "deepseek/r1")["reasoning_content"] == "because"
    assert sent("aimlapi", "deepseek/r1")["reasoning_details"] == [{"type": "x", "signature": "s"}]
    for other in (
        sent("aicredits", "deepseek/r1"),
        sent("aimlapi", "openai/o3"),
        sent("aimlapi", "deepseek/r1", to="aicredits"),
        sent("binom_router", "deepseek/r1", to="binom_router"),
    ):
        assert set(other) == {"role", "content"}


def test_response_formats() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert body("aimlapi", response_format=ResponseFormat(schema, "thing", strict=True))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "thing", "schema": schema, "strict": True},
    }
    assert body("aimlapi", response_format=ResponseFormat(None))["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("name", list(PROVIDERS))
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"messages": []}, "at least one message"),
        ({"temperature": 2.5}, "temperature must be from 0 to 2|temperature from 0 to 1"),
        ({"temperature": float("nan")}, "temperature must be a number"),
        ({"temperature": True}, "temperature must be a number"),
        ({"tool_calling": "maybe"}, "tool_calling must be one of auto, native, prompted, not 'maybe'"),
        ({"reasoning_replay": "often"}, "reasoning_replay must be one of auto, always, with_tools, never, not 'often'"),
        ({"top_p": -1}, "top_p must be from 0 to 1"),
        ({"max_tokens": 0}, "max_tokens must be 1 or more"),
        ({"model": ""}, "needs a model"),
        ({"tools": [ADD], "tool_choice": "subtract"}, "none of the tools"),
    ],
)
def test_what_cannot_be_right_is_refused_before_sending(name: str, changes: dict, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        body(name, **changes)
    assert name in str(caught.value)


def test_bineric_refuses_a_temperature_above_one_and_settings_it_lacks() -> None:
    with pytest.raises(InvalidRequestError, match="0 to 1, not 1.5"):
        body("bineric", temperature=1.5)
    with pytest.raises(UnsupportedError, match="bineric has no setting seed"):
        body("bineric", seed=1)
    with pytest.raises(UnsupportedError, match="binobox has no setting seed"):
        body("binobox", seed=1)


def test_usage_of_streams_is_asked_for_unless_it_is_not_wanted() -> None:
    def asked(name: str, stream_usage: bool | None) -> object:
        request = ChatRequest(model="m", messages=TALK, stream_usage=stream_usage)
        return PROVIDERS[name].chat_stream.build(request).json.get("stream_options")

    assert asked("aimlapi", None) == {"include_usage": True}
    assert asked("aimlapi", False) is None
    for name in ("aicredits", "binom_router"):
        assert asked(name, None) == {"include_usage": True}
        assert asked(name, False) is None
    assert "stream" not in PROVIDERS["bineric"].chat_stream.build(ChatRequest(model="m", messages=TALK)).json


@pytest.mark.parametrize(
    ("name", "given", "settled"),
    [
        ("aimlapi", "https://x.example/v1/", "https://x.example"),
        ("aimlapi", "https://x.example", "https://x.example"),
        ("aicredits", "https://x.example/v1", "https://x.example"),
        ("bineric", "https://x.example/api/v1/", "https://x.example/api/v1"),
        ("binom_router", "https://x.example/v1", "https://x.example/v1"),
    ],
)
def test_the_address_with_and_without_its_version(name: str, given: str, settled: str) -> None:
    from multiapi import Client

    assert Client(name, api_key="k", base_url=given).base_url == settled


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_a_number_that_json_lacks_is_refused_with_its_place(provider: str, number: float) -> None:
    deep: Any = [number]
    for _ in range(5_000):
        deep = {"a": deep}
    circle: dict[str, Any] = {"first": number}
    circle["again"] = circle
    for fields, place in (
        ({"extra": {"x": {"y": [0.5, number]}}}, "x.y.1"),
        ({"frequency_penalty": number}, "frequency_penalty"),
        ({"logit_bias": {"1": number}}, "logit_bias.1"),
        ({"extra": deep}, ""),
        ({"extra": {"x": circle}}, "x.first"),
    ):
        chat = PROVIDERS[provider].chat
        assert chat is not None
        with pytest.raises(InvalidRequestError, match=f"{provider}: {place}"):
            chat.build(ChatRequest(model="m", messages=[Message("user", "x")], **fields))
