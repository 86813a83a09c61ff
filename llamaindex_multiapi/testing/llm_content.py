"""What an LLM's responses hold besides text: reasoning, usage, structured output; and media that it is sent."""

# ruff: noqa: PT017

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    VideoBlock,
)

from llamaindex_multiapi.testing.llm_asking import (
    PDF,
    PNG,
    PROMPT,
    WAV,
    WAYS,
    Cat,
    LLMAsking,
    body_of,
    encoded,
    history_with_a_call,
    record,
    user,
)
from llamaindex_multiapi.testing.wire import Asked, Reply, Said, Wire, events_reply


class LLMContent(LLMAsking):
    """Tests of reasoning, usage, structured output and blocks of content."""

    # ------------------------------------------------------------------------------------ reasoning

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("spelling", ["reasoning_content", "reasoning"])
    def test_b08_c20_c21_c22_r32_reasoning_is_seen(self, way: str, spelling: str) -> None:
        if not self.has_reasoning:
            pytest.skip("no reasoning")

        def reply(asked: Asked) -> Reply:
            said = Said("Five.", reasoning="two and three are five")
            found = self.format.answer(said, asked)
            renamed = tuple(piece.replace(b"reasoning_content", spelling.encode()) for piece in found.pieces)
            return Reply(found.status, renamed, found.content_type)

        last = self.ask(self.llm(Wire(reply)), way)
        assert record(last)["thinking"] == "two and three are five"
        assert last.message.content == "Five."

    def test_b08_c24_r34_reasoning_goes_back_where_it_came_from(self) -> None:
        if not self.sends_reasoning_back:
            pytest.skip("the provider does not take reasoning back")
        wire = self.says(Said("Five.", reasoning="two and three are five"))
        llm = self.llm(wire)
        said = ChatMessage.model_validate_json(llm.chat(user()).message.model_dump_json())
        llm.chat([*user(), said, *user("why?")])
        assert "two and three are five" in wire.asked[-1].text

    def test_reasoning_is_no_part_of_the_text(self) -> None:
        wire = self.says(Said("hi"))
        thought = ThinkingBlock(content="a secret thought")
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[thought, TextBlock(text="Five.")])
        self.llm(wire).chat([*user(), message, *user("why?")])
        assert wire.asked[-1].json["messages"][1]["content"] == "Five."

    # ------------------------------------------------------------------------------------ usage

    @pytest.mark.parametrize("way", WAYS)
    def test_b09_c25_usage_is_where_it_is_looked_for(self, way: str) -> None:
        if "stream" in way and not self.has_stream_usage:
            pytest.skip("the provider does not count streams")
        last = self.ask(self.llm(self.says(Said("hi", usage=(7, 5)))), way)
        raw = body_of(last)
        usage = raw["usage"] if isinstance(raw["usage"], dict) else raw["usage"].model_dump()
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 5)
        assert (last.additional_kwargs["prompt_tokens"], last.additional_kwargs["completion_tokens"]) == (7, 5)

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b09_c25_r37_usage_of_a_stream_is_asked_for(self, way: str) -> None:
        self.need_streams()
        if not self.has_stream_usage:
            pytest.skip("the provider does not count streams")
        wire = self.says(Said("hi"))
        self.ask(self.llm(wire), way)
        assert wire.last["stream_options"] == {"include_usage": True}

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b09_r38_usage_may_come_in_any_event(self, way: str) -> None:
        self.need_streams()
        events = [*self.format.deltas(Said("hi")), self.format.finish("stop", usage=(7, 5)), self.format.event({})]
        last = self.ask(self.llm(Wire(events_reply(events))), way)
        assert last.additional_kwargs.get("prompt_tokens") == 7
        raw = body_of(last)
        assert raw["usage"] is not None

    def test_b09_the_token_counter_counts_what_the_vendor_counts(self) -> None:
        from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

        handler = TokenCountingHandler(tokenizer=lambda _: [0] * 1000)
        llm = self.llm(self.says(Said("hi", usage=(7, 5))))
        llm.callback_manager = CallbackManager([handler])
        llm.chat(user())
        assert (handler.prompt_llm_token_count, handler.completion_llm_token_count) == (7, 5)

    @pytest.mark.parametrize("way", WAYS)
    def test_r40_raw_is_json(self, way: str) -> None:
        last = self.ask(self.llm(self.says(Said("hi"))), way)
        assert isinstance(last.raw, dict)
        assert json.loads(json.dumps(last.raw)) == last.raw
        assert '"hi"' in json.dumps(last.raw), "what the provider sent, wherever its format has the text"

    # ------------------------------------------------------------------------------------ structured output

    @pytest.mark.parametrize(
        "around", ["{}", "```json\n{}\n```", "<think>Let me {think}.</think>\n```json\n{}\n```", "Here it is: {}"]
    )
    @pytest.mark.parametrize("is_async", [False, True])
    def test_b10_c19_r44_r47_a_structured_answer(self, around: str, is_async: bool) -> None:
        around = around.replace("{think}", "think")
        llm = self.llm(self.gives({"name": "Tom", "age": 3}, around))
        if is_async:
            found = asyncio.run(llm.astructured_predict(Cat, PROMPT, what="fish"))
        else:
            found = llm.structured_predict(Cat, PROMPT, what="fish")
        assert found == Cat(name="Tom", age=3)

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b10_r46_a_structured_stream(self, is_async: bool) -> None:
        wire = self.gives({"name": "Thomas the Great", "age": 3})
        llm = self.llm(wire)

        async def collect() -> list[Any]:
            return [found async for found in await llm.astream_structured_predict(Cat, PROMPT, what="fish")]

        found = asyncio.run(collect()) if is_async else list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))
        assert found[-1] == Cat(name="Thomas the Great", age=3)
        names = [name for each in found if (name := getattr(each, "name", None))]
        assert all("Thomas the Great".startswith(name) for name in names)
        if self.format.streams:
            assert len(found) > 1
        if self.format.native_tools:
            assert wire.last.get("response_format") or wire.last.get("tool_choice") not in {None, "auto"}

    @pytest.mark.parametrize("is_async", [False, True])
    @pytest.mark.parametrize("is_stream", [False, True])
    def test_b10_c42_r45_the_system_prompt_is_kept(self, is_async: bool, is_stream: bool) -> None:
        wire = self.gives({"name": "Tom", "age": 3})
        llm = self.llm(wire, system_prompt="You breed cats.")

        async def run() -> None:
            if is_stream:
                _ = [found async for found in await llm.astream_structured_predict(Cat, PROMPT, what="fish")]
            else:
                await llm.astructured_predict(Cat, PROMPT, what="fish")

        if is_async:
            asyncio.run(run())
        elif is_stream:
            list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))
        else:
            llm.structured_predict(Cat, PROMPT, what="fish")
        assert "You breed cats." in wire.asked[-1].text

    def test_b10_c19_an_answer_in_prose_is_a_readable_error(self) -> None:
        llm = self.llm(self.says(Said("I would rather not.")))
        with pytest.raises(Exception, match=r"(?s)(JSON|tool)") as failure:
            llm.structured_predict(Cat, PROMPT, what="fish")
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError, AssertionError))

    def test_b10_as_structured_llm(self) -> None:
        llm = self.llm(self.gives({"name": "Tom", "age": 3})).as_structured_llm(Cat)
        assert llm.chat(user()).raw == Cat(name="Tom", age=3)
        assert llm.complete("a cat").raw == Cat(name="Tom", age=3)

    def test_c41_an_image_and_a_structured_answer(self) -> None:
        if "image" not in self.media:
            pytest.skip("no images")
        wire = self.gives({"name": "Tom", "age": 3})
        image = ChatMessage(role=MessageRole.USER, blocks=[TextBlock(text="Which cat?"), ImageBlock(image=PNG)])
        assert self.llm(wire).as_structured_llm(Cat).chat([image]).raw == Cat(name="Tom", age=3)
        assert encoded(PNG) in wire.asked[-1].text

    # ------------------------------------------------------------------------------------ content blocks

    def sends(self, block: Any, expected: str, *, kind: str | None = None, role: str = "user") -> None:
        """The block is in the request, or is refused by an error with a name of its own before anything is sent."""
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        message = ChatMessage(role=role, blocks=[TextBlock(text="Look at this."), block])
        if kind is not None and kind not in self.media:
            with pytest.raises(Exception) as failure:  # noqa: PT011
                llm.chat([message])
            assert type(failure.value).__module__ != "builtins"
            assert not wire.asked
            return
        llm.chat([message])
        assert expected in wire.asked[-1].text
        assert "Look at this." in wire.asked[-1].text
        assert "data:None" not in wire.asked[-1].text

    def test_b11_r41_image(self) -> None:
        self.sends(ImageBlock(image=PNG), encoded(PNG), kind="image")

    def test_b11_r41_image_from_a_file(self, tmp_path: Any) -> None:
        path = tmp_path / "picture"
        path.write_bytes(PNG)
        self.sends(ImageBlock(path=path), f"data:image/png;base64,{encoded(PNG)}", kind="image")

    def test_b11_r41_audio(self) -> None:
        self.sends(AudioBlock(audio=WAV, format="wav"), encoded(WAV), kind="audio")

    def test_b11_r41_document(self) -> None:
        self.sends(DocumentBlock(data=PDF, title="report.pdf"), encoded(PDF), kind="document")

    def test_b11_r42_video(self) -> None:
        block = VideoBlock(video=b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", video_mimetype="video/mp4")
        self.sends(block, "data:video/mp4;base64,", kind="video")

    def test_b11_r42_citable(self) -> None:
        block = CitableBlock(title="Atlas", source="shelf 4", content=[TextBlock(text="Paris is in France.")])
        self.sends(block, "Paris is in France.")

    def test_b11_c14_r42_cache_point(self) -> None:
        self.sends(CachePoint(cache_control=CacheControl(type="ephemeral")), "Look at this.")

    def test_b11_r42_citation(self) -> None:
        block = CitationBlock(
            cited_content=TextBlock(text="Paris"), source="shelf 4", title="Atlas", additional_location_info={}
        )
        self.sends(block, "Look at this.", role="assistant")

    @pytest.mark.parametrize("role", ["system", "assistant", "tool"])
    def test_b11_c13_r41_an_image_does_not_vanish(self, role: str) -> None:
        wire = self.says(Said("hi"))
        blocks = [TextBlock(text="Here it is."), ImageBlock(image=PNG)]
        beside = {"tool_call_id": "call_1"} if role == "tool" else {}
        message = ChatMessage(role=role, blocks=blocks, additional_kwargs=beside)
        before = history_with_a_call()[:2] if role == "tool" else []
        try:
            self.llm(wire).chat([*before, message, *user("What is it?")])
        except Exception as error:
            assert type(error).__module__ != "builtins"
            assert not wire.asked
        else:
            sent = wire.asked[-1].text
            assert encoded(PNG) in sent or "an image that this model cannot see" in sent
