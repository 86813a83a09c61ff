"""Messages, tools and settings on their way to the core, and answers on their way back."""

from __future__ import annotations

import base64
import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    content,
)

from langchain_multiapi._answers import from_response, from_usage, spoiler
from langchain_multiapi._forms import to_response_format
from langchain_multiapi._messages import to_messages, to_part
from langchain_multiapi._requests import to_tools
from langchain_multiapi._traces import combined_outputs, without_secrets
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.openai.wishes import read_tool_choice
from multiapi.types.chat import (
    ChatResponse,
    Citation,
    MediaPart,
    Message,
    RawPart,
    Reasoning,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from multiapi.types.media import Media
from multiapi.types.usage import Cost, Usage

from .wire import Server, whole

TEXT = {"type": "text", "text": "hello"}
REFUSAL: dict[str, Any] = {"type": "refusal", "refusal": "no"}
if not hasattr(content, "RefusalContentBlock"):  # it came with langchain-core 1.7.5
    REFUSAL = {"type": "non_standard", "value": REFUSAL}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"


# ------------------------------------------------------------------------------------------------ messages


def test_plain_messages() -> None:
    assert to_messages(
        [
            SystemMessage("be kind"),
            HumanMessage("hello", name="ada"),
            AIMessage("hi"),
            ToolMessage("3", tool_call_id="c1"),
        ],
        "aimlapi",
    ) == [
        Message("system", "be kind"),
        Message("user", "hello", "ada"),
        Message("assistant", "hi"),
        Message("tool", "3", tool_call_id="c1"),
    ]


def test_a_developer_message_keeps_its_role() -> None:
    message = SystemMessage("be kind", additional_kwargs={"__openai_role__": "developer"})
    assert to_messages([message], "aimlapi")[0].role == "developer"
    assert to_messages([ChatMessage("be kind", role="developer")], "aimlapi")[0].role == "developer"


def test_a_failed_tool_says_so() -> None:
    assert to_messages([ToolMessage("no", tool_call_id="c1", status="error")], "aimlapi")[0].is_error


def test_a_tool_may_answer_with_data() -> None:
    rows = [{"type": "json", "json": {"city": "Zürich"}}, {"rows": 3}, "done", {"type": "text", "text": "!"}]
    (_, answer) = to_messages(
        [AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c1"}]), ToolMessage(rows, tool_call_id="c1")],
        "aimlapi",
    )
    assert answer.content == [
        TextPart('{"type":"json","json":{"city":"Zürich"}}'),
        TextPart('{"rows":3}'),
        TextPart("done"),
        TextPart("!"),
    ]


def test_a_function_message_answers_the_latest_call_of_its_name() -> None:
    call = {"name": "add", "args": {}, "id": "c7"}
    history = [AIMessage("", tool_calls=[call]), FunctionMessage("3", name="add")]
    assert to_messages(history, "aimlapi")[1] == Message("tool", "3", "add", tool_call_id="c7")
    assert to_messages([FunctionMessage("3", name="add")], "aimlapi")[0].role == "user"


@pytest.mark.parametrize("message", [ChatMessage("x", role="critic"), RemoveMessage(id="1")])
def test_a_message_that_nobody_can_send_is_refused(message: Any) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be sent"):
        to_messages([message], "aimlapi")


def test_calls_keep_their_letters_and_their_order() -> None:
    calls = [{"name": "find", "args": {"name": "你好", "n": 1}, "id": "c1"}, {"name": "now", "args": {}, "id": "c2"}]
    assert to_messages([AIMessage("hm", tool_calls=calls)], "aimlapi")[0] == Message(
        "assistant",
        "hm",
        tool_calls=[ToolCall("c1", "find", '{"name":"你好","n":1}'), ToolCall("c2", "now", "{}")],
    )


def test_a_call_that_could_not_be_read_goes_back_only_if_it_was_answered() -> None:
    invalid = {"name": "add", "args": '{"a": ', "id": "c9", "error": "cut", "type": "invalid_tool_call"}
    message = AIMessage("", invalid_tool_calls=[invalid])
    assert to_messages([message, HumanMessage("?")], "aimlapi")[0].tool_calls == ()
    answered = to_messages([message, ToolMessage("cannot be read", tool_call_id="c9")], "aimlapi")
    assert list(answered[0].tool_calls) == [ToolCall("c9", "add", '{"a": ')]


def test_chunks_are_messages_too() -> None:
    chunk = AIMessageChunk(
        "hi", tool_call_chunks=[{"name": "add", "args": '{"a": 1}', "id": "c1", "index": 0, "type": "tool_call_chunk"}]
    )
    assert list(to_messages([chunk], "aimlapi")[0].tool_calls) == [ToolCall("c1", "add", '{"a":1}')]


# ------------------------------------------------------------------------------------------------ content blocks

BLOCKS: list[tuple[dict[str, Any], Any]] = [
    (TEXT, TextPart("hello")),
    ({**TEXT, "annotations": [{"type": "citation"}], "index": 0, "id": "x"}, TextPart("hello")),
    ({**TEXT, "cache_control": {"type": "ephemeral"}}, TextPart("hello", {"type": "ephemeral"})),
    ({**TEXT, "extras": {"cache_control": {"type": "ephemeral"}}}, TextPart("hello", {"type": "ephemeral"})),
    ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, MediaPart("image", "https://a/b.png", detail="low")),
    ({"type": "image_url", "image_url": "https://a/b.png"}, MediaPart("image", "https://a/b.png")),
    ({"type": "image", "url": "https://a/b.png"}, MediaPart("image", "https://a/b.png")),
    ({"type": "image", "base64": "aGk=", "mime_type": "image/png"}, MediaPart("image", data="aGk=", mime_type="image/png")),
    ({"type": "image", "file_id": "f1"}, MediaPart("image", file_id="f1")),
    ({"type": "image", "source_type": "base64", "data": "aGk=", "mime_type": "image/png"}, MediaPart("image", data="aGk=", mime_type="image/png")),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}, MediaPart("image", data="aGk=", mime_type="image/png")),
    ({"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}, MediaPart("image", "https://a/b.png")),
    ({"type": "audio", "base64": "aGk=", "mime_type": "audio/wav"}, MediaPart("audio", data="aGk=", mime_type="audio/wav")),
    ({"type": "audio", "url": "https://a/b.wav"}, MediaPart("audio", "https://a/b.wav")),
    ({"type": "input_image", "image_url": "https://e.example/a.png", "detail": "low"}, MediaPart("image", url="https://e.example/a.png", detail="low")),
    ({"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}, MediaPart("file", url="data:application/pdf;base64,aGk=", filename="a.pdf")),
    ({"type": "input_file", "file_id": "f-1"}, MediaPart("file", file_id="f-1")),
    ({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}, MediaPart("audio", data="aGk=", mime_type="audio/mpeg")),
    ({"type": "video", "url": "https://a/b.mp4"}, MediaPart("video", "https://a/b.mp4")),
    ({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}, MediaPart("video", "https://a/b.mp4")),
    ({"type": "file", "base64": "aGk=", "mime_type": "application/pdf", "filename": "a.pdf"}, MediaPart("file", data="aGk=", mime_type="application/pdf", filename="a.pdf")),
    ({"type": "file", "base64": "aGk=", "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}}, MediaPart("file", data="aGk=", mime_type="application/pdf", filename="a.pdf")),
    ({"type": "file", "file_id": "f1"}, MediaPart("file", file_id="f1")),
    ({"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}, MediaPart("file", "data:application/pdf;base64,aGk=", filename="a.pdf")),
    ({"type": "file", "url": "https://a/b.pdf"}, MediaPart("file", "https://a/b.pdf")),
    ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "title": "A"}, MediaPart("file", data="aGk=", mime_type="application/pdf", filename="A")),
    ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a fact"}, "title": "A"}, TextPart("A\na fact")),
    ({"type": "text-plain", "text": "a fact", "title": "A", "context": "B"}, TextPart("A\nB\na fact")),
    ({"type": "text-plain", "base64": base64.b64encode("ä".encode()).decode()}, TextPart("ä")),
    ({"type": "text-plain", "url": "https://a/b.txt"}, MediaPart("file", "https://a/b.txt", mime_type="text/plain")),
    ({"type": "non_standard", "value": {"type": "of_the_vendor", "x": 1}}, RawPart({"type": "of_the_vendor", "x": 1})),
    ({"text": "hello"}, TextPart("hello")),
]  # fmt: skip


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=lambda value: None)
def test_every_block_has_its_part(block: dict[str, Any], part: Any) -> None:
    assert to_part(block, "aimlapi") == part


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image"},
        {"type": "image_url", "image_url": {}},
        {"type": "file", "file": {}},
        {"type": "text", "text": None},
        {"type": "text-plain"},
        {"type": "input_audio", "input_audio": {}},
        {"type": "video_url", "video_url": {}},
        {"type": "non_standard", "value": {}},
    ],
)
def test_a_block_without_its_data_is_refused_by_name(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=f"aimlapi: a content block of type '{block['type']}' lacks its data"):
        to_part(block, "aimlapi")


def test_a_block_of_an_unknown_kind_is_refused_by_name() -> None:
    model = Server(whole()).model()
    with pytest.raises(ModelInvalidRequestError, match="aimlapi has no content block of type 'hologram'"):
        model.invoke([HumanMessage([{"type": "hologram", "data": "x"}])])


def test_one_text_block_is_plain_text_and_text_may_stand_among_blocks() -> None:
    assert to_messages([HumanMessage([TEXT])], "aimlapi")[0].content == "hello"
    assert to_messages([HumanMessage(["hello", TEXT])], "aimlapi")[0].content == [TextPart("hello"), TextPart("hello")]


def test_earlier_answers_of_other_vendors_are_taken() -> None:
    """Anthropic's and OpenAI's own blocks, as their integrations leave them in a history."""
    anthropic = AIMessage(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
        ],
        tool_calls=[{"id": "t1", "name": "add", "args": {"a": 1}}],
        response_metadata={"model_provider": "anthropic", "model_name": "claude-sonnet-4-5"},
    )
    sent = to_messages([anthropic], "aimlapi")[0]
    assert (sent.content, list(sent.tool_calls)) == ("Let me see.", [ToolCall("t1", "add", '{"a":1}')])
    assert sent.reasoning is not None
    assert (sent.reasoning.provider, sent.reasoning.details[0]["signature"]) == ("anthropic", "s")
    bare = AIMessage([{"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}])
    assert list(to_messages([bare], "aimlapi")[0].tool_calls) == [ToolCall("t1", "add", '{"a":1}')]
    openai = AIMessage(
        [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "text", "text": "Found.", "annotations": []},
            {"type": "refusal", "refusal": "but not that"},
        ]
    )
    sent = to_messages([openai], "aimlapi")[0]
    assert sent.content == [TextPart("[web search call of this answer is not repeated]"), TextPart("Found.")]
    assert sent.refusal == "but not that"


def test_pictures_that_a_model_made_are_noted_when_its_answer_goes_back() -> None:
    message = AIMessage([{"type": "text", "text": "here"}, {"type": "image", "base64": "aGk="}])
    assert to_messages([message], "aimlapi")[0].content == [
        TextPart("here"),
        TextPart("[image of this answer is not repeated]"),
    ]


def test_opaque_data_of_a_call_goes_back_to_its_vendor_only() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    message = (
        from_response(ChatResponse(provider="aimlapi", tool_calls=(ToolCall("c1", "add", "{}", extra),)), "m")
        .generations[0]
        .message
    )
    assert to_messages([message], "aimlapi")[0].tool_calls[0].extra == extra
    assert to_messages([message], "aicredits")[0].tool_calls[0].extra is None


# ------------------------------------------------------------------------------------------------ tools and forms


def test_tools_in_every_form() -> None:
    function = {
        "name": "add",
        "description": "Add.",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    }
    expected = Tool("add", "Add.", {"type": "object", "properties": {}}, True)
    assert to_tools([{"type": "function", "function": function}]) == (expected,)
    anthropic = {"name": "add", "description": "Add.", "input_schema": {"type": "object", "properties": {}}}
    assert to_tools([anthropic])[0].name == "add"
    search = {"type": "web_search", "max_results": 3}
    assert to_tools([search])[0].raw == search


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        (False, None),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("add", "add"),
        ({"type": "function", "function": {"name": "add"}}, "add"),
        ({"type": "tool", "name": "add"}, "add"),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
        ),
    ],
)
def test_tool_choice_in_every_form(said: Any, meant: str | None) -> None:
    assert read_tool_choice(said) == meant


@pytest.mark.parametrize("said", [{"type": "function"}, {"name": "add"}, 7, ["add"]])
def test_a_tool_choice_of_no_known_form_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="none of the known forms"):
        read_tool_choice(said)


def test_response_formats_in_every_form() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    openai = {"type": "json_schema", "json_schema": {"name": "Sum", "schema": schema, "strict": True}}
    assert to_response_format(openai) == ResponseFormat(schema, "Sum", True)
    assert to_response_format({"type": "json_object"}) == ResponseFormat()
    assert to_response_format({"title": "Sum", **schema}).name == "Sum"

    class Sum(dict[str, Any]):
        pass

    def add(a: int) -> int:
        """Add."""
        return a

    assert to_response_format(add).name == "add"
    given = ResponseFormat(schema, "X")
    assert to_response_format(given) is given


# ------------------------------------------------------------------------------------------------ answers


def test_everything_of_an_answer_is_kept() -> None:
    png = Media(data=b"\x89PNG\r\n\x1a\n", mime_type="image/png")
    sound = Media(data=WAV, mime_type="audio/wav", metadata={"transcript": "hi"})
    response = ChatResponse(
        provider="aimlapi",
        model="m-1-2026",
        id="gen-1",
        text="hello",
        tool_calls=(ToolCall("c1", "add", '{"a": 1}'),),
        reasoning=Reasoning("hm", ({"type": "reasoning.text", "signature": "s"},), "aimlapi", "m-1-2026"),
        refusal="no",
        citations=(Citation("https://a.example", "A", "quoted", 0, 5),),
        media=(png, sound, Media(url="https://a.example/b")),
        finish_reason="stop",
        usage=Usage(5, 7, 12, 1, 2, 3, 4, 5, {"prompt_tokens": 5, "cost": 0.1}),
        cost=Cost(Decimal("0.10"), "USD", Decimal(3)),
        request_id="req-1",
        logprobs={"content": []},
        headers={"x-a": "b", "set-cookie": "secret"},
        metadata={"created": 1, "provider": "upstream", "object": "chat.completion"},
    )
    result = from_response(response, "m-1", include_headers=True)
    message = result.generations[0].message
    assert message.content_blocks == [
        {"type": "reasoning", "reasoning": "hm"},
        {
            "type": "text",
            "text": "hello",
            "annotations": [
                {
                    "type": "citation",
                    "url": "https://a.example",
                    "title": "A",
                    "cited_text": "quoted",
                    "start_index": 0,
                    "end_index": 5,
                }
            ],
        },
        {"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1}},
        {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
        {"type": "audio", "base64": base64.b64encode(WAV).decode(), "mime_type": "audio/wav"},
        {"type": "image", "url": "https://a.example/b"},
        REFUSAL,
    ]
    assert message.additional_kwargs["reasoning_origin"] == {"provider": "aimlapi", "model": "m-1"}
    assert message.usage_metadata == {  # type: ignore[attr-defined]
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
        "input_token_details": {"cache_read": 1, "cache_creation": 2, "audio": 4},
        "output_token_details": {"reasoning": 3, "audio": 5},
    }
    assert message.response_metadata == {
        "model_provider": "aimlapi",
        "model_name": "m-1-2026",
        "finish_reason": "stop",
        "id": "gen-1",
        "request_id": "req-1",
        "created": 1,
        "upstream_provider": "upstream",
        "logprobs": {"content": []},
        "token_usage": {"prompt_tokens": 5, "cost": 0.1},
        "cost": {"amount": "0.10", "unit": "USD", "balance": "3"},
        "headers": {"x-a": "b"},
    }
    json.dumps(message.model_dump(mode="json"))


def test_the_model_that_was_asked_stands_for_one_that_is_not_named() -> None:
    message = from_response(ChatResponse(provider="bineric"), "gpt-4").generations[0].message
    assert message.response_metadata["model_name"] == "gpt-4"


def test_alternatives_are_further_generations() -> None:
    other = ChatResponse(provider="aimlapi", text="hi")
    result = from_response(ChatResponse(provider="aimlapi", text="hello", alternatives=(other,)), "m")
    assert [found.text for found in result.generations] == ["hello", "hi"]


def test_counts_that_are_not_told_are_no_counts() -> None:
    assert from_usage(None) is None
    assert from_usage(Usage(None, None, 17)) is from_usage(Usage(5, None, 17)) is from_usage(Usage(None, 0, 17)) is None
    assert from_usage(Usage(5, 0, None)) == {"input_tokens": 5, "output_tokens": 0, "total_tokens": 5}
    assert from_usage(Usage(5, 7)) == {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}


def test_money_is_not_rounded() -> None:
    assert Cost(Decimal("0.000000000123456789"), "USD").to_dict()["amount"] == "1.23456789E-10"
    assert Decimal("1.23456789E-10") == Decimal("0.000000000123456789")


def test_totals_of_a_batch() -> None:
    outputs = [
        {"token_usage": {"prompt_tokens": 5, "details": {"cached_tokens": 1}}, "model_name": "m"},
        None,
        {"token_usage": {"prompt_tokens": 2, "details": {"cached_tokens": None}, "x": 1.5}, "model_name": "m"},
    ]
    assert combined_outputs(outputs) == {
        "token_usage": {"prompt_tokens": 7, "details": {"cached_tokens": 1}, "x": 1.5},
        "model_name": "m",
    }


def test_secrets_are_masked_in_traces() -> None:
    tools = [{"type": "mcp", "server_url": "https://x", "headers": {"authorization": "Bearer s"}}]
    shown = without_secrets({"temperature": 1, "extra_headers": {"x-key": "s"}, "tools": tools, "api_key": "s"})
    assert json.dumps(shown).count('"s"') == 0
    assert "Bearer s" not in json.dumps(shown)
    assert shown["temperature"] == 1


@pytest.mark.parametrize(
    "arguments", ["", "{", '{"a', '{"a"', '{"a":', '{"a": "b\\', '{"a": "b\\"', '{"a": [1', '{"a": [1, {"b": 2', '{"a": {"b": "]', '{"a": tru', "[1]", "7", '{"a": 1}']
)  # fmt: skip
def test_spoiled_arguments_are_never_completed(arguments: str) -> None:
    from langchain_core.utils.json import parse_partial_json

    spoiled = arguments + spoiler(arguments)
    try:
        value = parse_partial_json(spoiled)
    except ValueError:
        value = None
    assert not isinstance(value, dict)


def test_the_converter_refuses_what_a_vendor_lacks_before_anything_is_sent(vendor: str) -> None:
    server = Server(whole())
    model = server.model(vendor)
    films = {"type": "video", "url": "https://a.example/b.mp4"}
    if vendor == "aimlapi":
        model.invoke([HumanMessage([TEXT, films])])
        assert server.bodies[0]["messages"][0]["content"][1]["type"] == "video_url"
        return
    with pytest.raises(UnsupportedError, match=f"{vendor} has no video input; aimlapi has"):
        model.invoke([HumanMessage([TEXT, films])])
    assert server.requests == []


@pytest.mark.parametrize(
    "block",
    [{"type": ["text"], "text": "x"}, {"type": {}, "text": "x"}],
)
def test_blocks_of_another_make_are_refused_by_name(block: dict) -> None:
    """Found by fuzzing."""
    from multiapi.errors import MultiApiError

    with pytest.raises(MultiApiError, match="content block of type"):
        to_messages([HumanMessage(content=[block])], "aimlapi")
    with contextlib.suppress(MultiApiError):
        to_messages([AIMessage(content=[block])], "aimlapi")


def test_no_field_of_a_vendor_passes_for_one_of_langchain() -> None:
    own = {"model_provider": "openai", "finish_reason": "length", "output_version": "v1", "region": "eu"}
    response = ChatResponse(
        provider="aimlapi",
        model="m",
        text="hi",
        finish_reason="stop",
        metadata=own,
        extra={"tool_calls": [1], "media": [2], "mood": "good"},
    )
    message = from_response(response, "m").generations[0].message
    assert message.response_metadata == {
        "model_provider": "aimlapi",
        "model_name": "m",
        "finish_reason": "stop",
        "region": "eu",
    }
    assert message.additional_kwargs == {"mood": "good"}
