"""Messages, tools and answers on their way to the core and back."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.tools import FunctionTool, ToolMetadata

from llamaindex_multiapi._answers import facts_of, from_answer, raw_body
from llamaindex_multiapi._messages import arguments_text, to_message, to_messages, to_parts
from llamaindex_multiapi._requests import Call, to_call, to_response_format, to_tool
from llamaindex_multiapi.testing import Called, Said
from multiapi import ChatRequest, Cost, Media, MediaPart, Message, ResponseFormat, TextPart, Tool, ToolCall, Usage
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.openai.wishes import read_tool_choice
from multiapi.negotiation.answer_options import decided, placed
from multiapi.negotiation.tool_names import renamed
from multiapi.types.chat import ChatResponse as Answer
from multiapi.types.chat import Citation, InvalidToolCall, Reasoning
from tests.llamaindex.scripted import PNG, llm_on, says

CALL = Call(ChatRequest(model="m", messages=[]))


# ------------------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", "system"),
        ("developer", "developer"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("chatbot", "assistant"),
        ("model", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
    ],
)
def test_roles(role: str, expected: str) -> None:
    assert to_messages([ChatMessage(role=role, content="x")])[0].role == expected
    beside = {"tool_call_id": "1"} if expected == "tool" else {"name": "Ann"}
    assert to_message(ChatMessage(role=role, content="x", additional_kwargs=beside)).role == expected


def test_texts_of_one_message_are_one_text() -> None:
    blocks = [TextBlock(text='{"a":'), TextBlock(text=" 1}")]
    assert to_message(ChatMessage(role="assistant", blocks=blocks)).content == '{"a": 1}'
    assert to_message(ChatMessage(role="user", blocks=blocks)).content == '{"a": 1}'


def test_results_of_a_tool_stand_on_lines_of_their_own() -> None:
    blocks = [TextBlock(text="one"), TextBlock(text="two")]
    message = ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": "1"})
    assert to_message(message) == Message("tool", "one\ntwo", tool_call_id="1")


def test_a_function_message_of_old_is_answered_to_its_name() -> None:
    message = to_message(ChatMessage(role="function", content="5", additional_kwargs={"name": "add"}))
    assert (message.role, message.tool_call_id, message.name) == ("tool", "add", None)


def test_results_without_an_id_answer_the_calls_before_them_in_turn() -> None:
    calls = [ToolCallBlock(tool_name=name, tool_kwargs={}) for name in ("add", "subtract")]
    one, other = (ChatMessage(role="tool", content=text) for text in ("3", "1"))
    sent = to_messages([ChatMessage("hi"), ChatMessage(role="assistant", blocks=calls), one, other])
    assert [call.id for call in sent[1].tool_calls] == [message.tool_call_id for message in sent[2:]]
    named = ChatMessage(role="tool", content="1", additional_kwargs={"tool_call_id": "call_0"})
    sent = to_messages([ChatMessage(role="assistant", blocks=calls), named, one])
    assert [message.tool_call_id for message in sent[1:]] == ["call_0", "call_1"]


def test_a_name_goes_along() -> None:
    assert to_message(ChatMessage(role="user", content="hi", additional_kwargs={"name": "Ann"})).name == "Ann"


def test_a_message_without_blocks_is_empty() -> None:
    assert to_message(ChatMessage(role="assistant", blocks=[])).content == ""


def test_calls_in_a_message_of_the_user_are_refused() -> None:
    call = ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs={})
    with pytest.raises(InvalidRequestError, match="only the assistant calls tools"):
        to_message(ChatMessage(role="user", blocks=[call]))


def test_b11_a_block_of_tomorrow_is_refused_by_name() -> None:
    class HologramBlock(BaseModel):
        pass

    with pytest.raises(UnsupportedError, match="HologramBlock"):
        to_parts(HologramBlock())


# ------------------------------------------------------------------------------------------------ media


@pytest.mark.parametrize("role", ["tool", "assistant", "system"])
def test_b11_c13_r41_media_that_are_not_the_users_move_behind_are_named_or_refused(role: str) -> None:
    picture = ImageBlock(url="https://pictures.example/cat.png")
    message = ChatMessage(role=role, blocks=[TextBlock(text="look:"), picture], additional_kwargs={"tool_call_id": "1"})
    wire = says(Said("nice"))
    llm = llm_on(wire)
    llm.chat([ChatMessage("hi"), message])
    moved = wire.last["messages"][2]
    assert moved["role"] == "user"
    assert moved["content"][1]["image_url"]["url"] == str(picture.url)
    llm.misplaced_media = "url_text"
    llm.chat([ChatMessage("hi"), message])
    assert len(wire.last["messages"]) == 2
    assert "https://pictures.example/cat.png" in wire.last["messages"][1]["content"]
    llm.misplaced_media = "error"
    with pytest.raises(UnsupportedError, match=f"of the kind image stands in a message of the role {role}"):
        llm.chat([ChatMessage("hi"), message])
    llm.chat([ChatMessage(role="user", blocks=[picture])])
    assert len(wire.asked) == 3


def test_b11_media_without_an_address_are_said_to_be_there() -> None:
    message = ChatMessage(role="tool", blocks=[ImageBlock(image=PNG)], additional_kwargs={"tool_call_id": "1"})
    request = ChatRequest(model="m", messages=[to_message(message)], misplaced_media="url_text")
    assert placed(request, "aimlapi").messages[0].content == "(a medium of the kind image, which has no address)"


def part_of(block: Any) -> MediaPart:
    (part,) = to_parts(block)
    assert isinstance(part, MediaPart)
    return part


def test_b11_image_of_any_source(tmp_path: Path) -> None:
    import base64

    encoded = base64.b64encode(PNG).decode()
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    for block in (ImageBlock(image=PNG), ImageBlock(image=io.BytesIO(PNG)), ImageBlock(path=path)):
        part = part_of(block)
        assert (part.kind, part.data, part.mime_type) == ("image", encoded, "image/png")
        assert part_of(block) == part  # a file object can be read again


def test_b11_an_address_is_passed_on_and_never_fetched() -> None:
    part = part_of(ImageBlock(url="https://pictures.example/cat.png", detail="low"))
    assert (part.url, part.data, part.detail) == ("https://pictures.example/cat.png", None, "low")


def test_b11_data_that_was_put_in_later() -> None:
    block = ImageBlock(image=PNG)
    block.image = PNG  # not validated by the framework, so not base64
    assert part_of(block) == part_of(ImageBlock(image=PNG))


@pytest.mark.parametrize("format", ["mp3", "MP3", "mpeg", "audio/mpeg"])
def test_b11_formats_of_sound_are_normalised(format: str) -> None:
    assert part_of(AudioBlock(audio=b"ID3\x04", format=format)).mime_type == "audio/mpeg"


def test_b11_documents_keep_their_names(tmp_path: Path) -> None:
    pdf = b"%PDF-1.4\n%%EOF"
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf)
    assert part_of(DocumentBlock(data=pdf, title="annual.pdf")).filename == "annual.pdf"
    assert part_of(DocumentBlock(path=str(path))).filename == "report.pdf"
    assert part_of(DocumentBlock(data=pdf)).mime_type == "application/pdf"
    assert part_of(DocumentBlock(data=b"just words")).mime_type == "text/plain"


def test_b11_video() -> None:
    part = part_of(VideoBlock(url="https://films.example/cat.mp4", video_mimetype="video/mp4"))
    assert (part.kind, part.url) == ("video", "https://films.example/cat.mp4")


@pytest.mark.parametrize("block", [ImageBlock(), AudioBlock(), VideoBlock(), DocumentBlock(), ImageBlock(image=b"")])
def test_b11_media_without_content_are_refused(block: Any) -> None:
    with pytest.raises(InvalidRequestError):
        to_parts(block)


def test_b11_citable_and_citation() -> None:
    citable = CitableBlock(
        title="Atlas", source="shelf 4", content=[TextBlock(text="Paris is in France."), ImageBlock(image=PNG)]
    )
    text, image = to_parts(citable)
    assert text == TextPart("Source: Atlas (shelf 4)\nParis is in France.")
    assert isinstance(image, MediaPart)
    cited = CitationBlock(cited_content=TextBlock(text="x"), source="s", title="t", additional_location_info={})
    assert to_parts(cited) == []


def test_c14_r42_a_cache_point_marks_what_stands_before_it() -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    long = CachePoint(cache_control=CacheControl(type="ephemeral", ttl="1h"))
    message = to_message(ChatMessage(role="user", blocks=[TextBlock(text="long text"), point, TextBlock(text="hi")]))
    assert message.content == [TextPart("long text", {"type": "ephemeral"}), TextPart("hi")]
    message = to_message(ChatMessage(role="user", blocks=[ImageBlock(image=PNG), long]))
    assert message.content[0].cache_control == {"type": "ephemeral", "ttl": "1h"}  # type: ignore[union-attr]
    assert to_message(ChatMessage(role="user", blocks=[point, TextBlock(text="hi")])).content == "hi"


# ------------------------------------------------------------------------------------------------ calls and thoughts


@pytest.mark.parametrize(
    ("kept", "sent"),
    [
        ({}, "{}"),
        ("", "{}"),
        (None, "{}"),
        ("null", "{}"),
        ({"a": 1}, '{"a":1}'),
        (' {"a": 1}', '{"a": 1}'),
        ('{"a": 1', '{"arguments_that_are_no_valid_json":"{\\"a\\": 1"}'),
        ("[1]", '{"arguments_that_are_no_valid_json":"[1]"}'),
    ],
)
def test_c16_r28_arguments_are_always_an_object(kept: Any, sent: str) -> None:
    assert arguments_text(kept) == sent


def test_c17_r35_what_came_with_a_call_goes_back() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}, "extra_content": {"s": "x"}}
    block = ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs={})
    for message in (
        ChatMessage(role="assistant", blocks=[block], additional_kwargs={"tool_calls": [call]}),
        ChatMessage(role="assistant", blocks=[], additional_kwargs={"tool_calls": [call]}),
    ):
        assert to_message(message).tool_calls == (ToolCall("1", "add", "{}", {"extra_content": {"s": "x"}}),)


def test_c18_calls_that_are_objects_of_an_sdk_are_read() -> None:
    from openai.types.chat import ChatCompletionMessageToolCall
    from openai.types.chat.chat_completion_message_tool_call import Function

    call = ChatCompletionMessageToolCall(id="1", type="function", function=Function(name="add", arguments='{"a": 1}'))
    message = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [call]})
    assert to_message(message).tool_calls == (ToolCall("1", "add", '{"a": 1}'),)


def test_b08_reasoning_keeps_its_origin_through_json() -> None:
    reasoning = Reasoning("hmm", ({"type": "reasoning.text", "signature": "s"},), "aimlapi", "claude")
    answer = Answer(provider="aimlapi", text="Five.", reasoning=reasoning, usage=Usage(reasoning_tokens=3))
    message = from_answer(answer, CALL).message
    assert isinstance(message.blocks[0], ThinkingBlock)
    assert message.blocks[0].num_tokens == 3
    again = ChatMessage.model_validate_json(message.model_dump_json())
    assert to_message(again).reasoning == reasoning


@pytest.mark.parametrize(
    ("provider", "replay", "expected"),
    [
        ("aimlapi", "auto", ["thought 1", "thought 2"]),
        ("aimlapi", "with_tools", [None, "thought 2"]),
        ("aimlapi", "never", [None, None]),
        ("aicredits", "auto", [None, None]),
        ("aicredits", "with_tools", [None, "thought 2"]),
        ("aicredits", "always", ["thought 1", "thought 2"]),
    ],
)
def test_b08_c24_r34_which_thoughts_go_back_can_be_chosen(provider: str, replay: Any, expected: list[Any]) -> None:
    call = Called("1", "add", "{}")
    wire = says(Said("so", reasoning="thought 1"), Said(calls=(call,), reasoning="thought 2"), Said("done"))
    llm = llm_on(wire, provider=provider, reasoning_replay=replay)
    history = [ChatMessage("hi")]
    for question in ("and?", "well?"):
        history += [llm.chat(history).message, ChatMessage(question)]
    llm.chat(history)
    answers = [message for message in wire.last["messages"] if message["role"] == "assistant"]
    assert [answer.get("reasoning_content") for answer in answers] == expected


def test_b08_thoughts_of_another_class_have_no_origin_and_are_not_sent() -> None:
    message = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hmm"), TextBlock(text="Five.")])
    assert to_message(message).reasoning == Reasoning("hmm", (), None, None)


# ------------------------------------------------------------------------------------------------ calls of the model


def test_c10_c09_r11_r15_precedence() -> None:
    settings = {"temperature": 0.5, "top_p": None, "extra_body": {"x": {"a": 1, "b": 2}}, "max_tokens": 9}
    options = {"temperature": 0.9, "extra_body": {"x": {"b": 3}}, "thinking": {"type": "enabled"}, "user": None}
    request = to_call("m", settings, [ChatMessage("hi")], options).request
    assert (request.temperature, request.top_p, request.max_tokens, request.user) == (0.9, None, 9, None)
    assert request.extra == {"x": {"a": 1, "b": 3}, "thinking": {"type": "enabled"}}
    assert settings["extra_body"] == {"x": {"a": 1, "b": 2}}


def test_a_call_may_name_another_model_and_headers() -> None:
    options = {"model": "other", "extra_headers": {"x-a": "1"}, "stop": "END"}
    request = to_call("m", {}, [ChatMessage("hi")], options).request
    assert (request.model, request.headers, request.stop) == ("other", {"x-a": "1"}, ("END",))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ("required", "required"),
        ("add", "add"),
        ({"type": "function", "function": {"name": "add"}}, "add"),
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
    ],
)
def test_r30_tool_choice(given: Any, expected: str) -> None:
    assert read_tool_choice(given) == expected


def test_response_formats() -> None:
    class Cat(BaseModel):
        """A cat."""

        name: str

    wanted = to_response_format(Cat)
    assert wanted is not None
    assert (wanted.name, wanted.description, wanted.schema) == ("Cat", "A cat.", Cat.model_json_schema())
    assert to_response_format({"type": "json_object"}) == ResponseFormat()
    assert to_response_format({"type": "text"}) is None
    form = {"type": "json_schema", "json_schema": {"name": "Cat", "schema": {"type": "object"}, "strict": True}}
    assert to_response_format(form) == ResponseFormat({"type": "object"}, "Cat", True)


def test_names_of_generic_classes_fit_the_wire() -> None:
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class Box(BaseModel, Generic[T]):
        content: T

    sent, names = renamed(ChatRequest(model="m", messages=[], response_format=to_response_format(Box[int])))
    assert sent.response_format is not None
    assert sent.response_format.name == "Box_int"
    assert names is not None
    assert names.own("Box_int") == "Box[int]"


def test_tools_in_every_form() -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    made = to_tool(FunctionTool.from_defaults(add))
    assert (made.name, set(made.parameters["properties"])) == ("add", {"a", "b"})
    assert to_tool(made) is made
    plain = {"type": "function", "function": {"name": "add", "description": "Add.", "parameters": {"type": "object"}}}
    assert to_tool(plain) == Tool("add", "Add.", {"type": "object"})
    assert to_tool({"type": "web_search"}).raw == {"type": "web_search"}


def test_a_long_description_is_no_error() -> None:
    tool = FunctionTool.from_defaults(lambda x: x, name="say", description="x" * 5000)
    assert len(to_tool(tool).description) == 5000


def test_a_schema_is_made_once_per_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(a: int) -> int:
        """Add."""
        return a

    tool = FunctionTool.from_defaults(add)
    to_tool(tool)
    monkeypatch.setattr(ToolMetadata, "get_parameters_dict", ToolMetadata.get_parameters_dict)
    schema: Any = tool.metadata.fn_schema
    monkeypatch.setattr(schema, "model_json_schema", lambda: pytest.fail("made again"))
    assert to_tool(tool).parameters["properties"]["a"]["type"] == "integer"


# ------------------------------------------------------------------------------------------------ answers


def test_r36_r39_facts_are_plain_values() -> None:
    answer = Answer(
        provider="binobox",
        text="hi",
        finish_reason="stop",
        usage=Usage(7, 5, 12),
        cost=Cost(Decimal("0.10"), "diamonds", Decimal("4999.9")),
        request_id="req_1",
        metadata={"native_finish_reason": "end_turn"},
    )
    facts = facts_of(answer)
    assert json.loads(json.dumps(facts)) == facts
    assert facts == {
        "provider": "binobox",
        "finish_reason": "stop",
        "native_finish_reason": "end_turn",
        "request_id": "req_1",
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "cost": {"amount": "0.10", "unit": "diamonds", "balance": "4999.9"},
    }


def test_r36_a_refusal_is_in_all_places() -> None:
    response = from_answer(Answer(provider="aimlapi", refusal="I would rather not."), CALL)
    assert response.message.content == ""
    assert response.message.additional_kwargs["refusal"] == "I would rather not."
    assert response.additional_kwargs["refusal"] == "I would rather not."
    assert to_message(response.message).refusal == "I would rather not."


def test_r40_raw_is_the_body_with_counts_for_the_token_counter() -> None:
    answer = Answer(provider="bineric", text="hi", usage=Usage(7, 5, 12), raw={"success": True, "response": "hi"})
    raw = raw_body(answer)
    assert raw["response"] == "hi" and "choices" not in raw
    assert raw["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    assert answer.raw == {"success": True, "response": "hi"}


def test_counts_that_are_not_known_are_not_there() -> None:
    """A count of None would break the framework's token counter."""
    answer = Answer(
        provider="binobox", usage=Usage(total_tokens=12), raw={"choices": [], "usage": {"prompt_tokens": None}}
    )
    assert raw_body(answer)["usage"] == {"total_tokens": 12}


def test_r43_pictures_sounds_and_sources_of_an_answer_are_blocks() -> None:
    answer = Answer(
        provider="aimlapi",
        text="Here.",
        media=(
            Media(data=PNG, mime_type="image/png"),
            Media(data=b"RIFF\x00\x00\x00\x00WAVE", mime_type="audio/wav"),
            Media(url="https://films.example/a.mp4", mime_type="video/mp4"),
        ),
        citations=(Citation(url="https://a.example", title="A", text="quoted", start=0, end=4),),
    )
    message = from_answer(answer, CALL).message
    assert [type(block).__name__ for block in message.blocks] == [
        "TextBlock",
        "ImageBlock",
        "AudioBlock",
        "VideoBlock",
        "CitationBlock",
    ]
    assert message.content == "Here."
    cited: Any = message.blocks[-1]
    assert (cited.source, cited.title, cited.cited_content.text) == ("https://a.example", "A", "quoted")
    assert cited.additional_location_info == {"start": 0, "end": 4}
    ChatMessage.model_validate_json(message.model_dump_json())


def test_log_probabilities() -> None:
    found = {
        "content": [
            {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -2.0}]},
            {"token": "c", "logprob": -0.2},
        ]
    }  # fmt: skip
    response = from_answer(Answer(provider="aimlapi", text="ac", logprobs=found), CALL)
    assert response.logprobs is not None
    assert [[(each.token, each.logprob) for each in token] for token in response.logprobs] == [
        [("a", -0.1), ("b", -2.0)],
        [("c", -0.2)],
    ]


def test_calls_that_cannot_be_read_are_kept_as_text() -> None:
    answer = Answer(
        provider="aimlapi",
        tool_calls=(ToolCall("1", "add", '{"a": 1}', {"extra_content": 1}),),
        invalid_tool_calls=(InvalidToolCall("2", "add", '{"a": ', "cut off"),),
    )
    response = from_answer(answer, CALL)
    valid, invalid = response.message.blocks
    assert isinstance(valid, ToolCallBlock)
    assert isinstance(invalid, ToolCallBlock)
    assert (valid.tool_kwargs, invalid.tool_kwargs) == ({"a": 1}, '{"a": ')
    assert response.message.additional_kwargs["tool_calls"][0]["extra_content"] == 1
    assert response.additional_kwargs["invalid_tool_calls"][0]["error"] == "cut off"
    assert from_answer(answer, CALL._replace(single=True)).message.blocks == [valid]


def test_c23_an_answer_that_is_only_thought() -> None:
    answer = Answer(provider="aimlapi", reasoning=Reasoning("Five."))
    assert from_answer(answer, CALL).message.content == ""
    asked = ChatRequest(model="m", messages=[], promote_reasoning_to_content=True)
    promoted = from_answer(decided(answer, asked), CALL).message
    assert promoted.content == "Five."
    assert [type(block) for block in promoted.blocks] == [TextBlock]


def test_an_empty_answer_is_text_and_not_none() -> None:
    response = from_answer(Answer(provider="aimlapi"), CALL)
    assert response.message.content == ""
    assert response.message.role is MessageRole.ASSISTANT
    assert isinstance(response, ChatResponse)
