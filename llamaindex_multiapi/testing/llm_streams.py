"""That all ways to ask an LLM agree, and that its streams may be cut anywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    MessageRole,
)

from llamaindex_multiapi.testing.llm_asking import (
    ADD,
    COMPLETIONS,
    NOW,
    WAYS,
    LLMAsking,
    record,
    user,
)
from llamaindex_multiapi.testing.wire import Called, Reply, Said, Wire


class LLMStreams(LLMAsking):
    """Tests of the ways to ask, and of streams."""

    # ------------------------------------------------------------------------------------ the four ways agree

    @pytest.mark.parametrize("way", WAYS[1:])
    @pytest.mark.parametrize("what", ["text", "reasoning", "calls"])
    def test_b07_r33_all_ways_give_the_same(self, way: str, what: str) -> None:
        said = {
            "text": Said("The answer is five."),
            "reasoning": Said("Five.", reasoning="two and three are five"),
            "calls": Said(
                "Let me see.", calls=(Called("call_1", "add", '{"a": 2, "b": 3}'), Called("call_2", "now", "{}"))
            ),
        }[what]
        if what == "reasoning" and not self.has_reasoning:
            pytest.skip("no reasoning")
        if what == "calls":
            self.need_native_tools()
        options: dict[str, Any] = (
            {"tools": [ADD.metadata.to_openai_tool(), NOW.metadata.to_openai_tool()]} if what == "calls" else {}
        )
        expected = self.ask(self.llm(self.says(said)), "chat", **options)
        found = self.ask(self.llm(self.says(said)), way, **options)
        assert record(found) == record(expected)
        assert record(expected)["text"] == said.text

    @pytest.mark.parametrize("way", COMPLETIONS)
    def test_b07_completions_give_the_same(self, way: str) -> None:
        llm = self.llm(self.says(Said("The answer is five.")))
        found = self.complete(llm, way)
        assert found[-1].text == "The answer is five."
        if "stream" in way:
            assert "".join(each.delta or "" for each in found) == "The answer is five."

    def test_complete_honours_completion_to_prompt_unless_formatted(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.completion_to_prompt = lambda prompt: f"<<{prompt}>>"
        llm.complete("one")
        assert "<<one>>" in wire.asked[-1].text
        llm.complete("two", formatted=True)
        assert "<<two>>" not in wire.asked[-1].text

    # ------------------------------------------------------------------------------------ streams

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_stream_items_are_cumulative_and_deltas_are_not(self, way: str) -> None:
        text = "The quick brown fox jumps over the lazy dog. Ünïcödé, 🦊!"
        items = self.all_of(self.llm(self.says(Said(text))), way, user())
        assert all(isinstance(item.delta, str) for item in items)
        so_far = ""
        for item in items:
            so_far += item.delta or ""
            assert (item.message.content or "") == so_far
            assert item.message.role == MessageRole.ASSISTANT
        assert so_far == text
        assert len({id(item.message) for item in items}) == len(items)

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    def test_stream_may_be_cut_anywhere(self, newline: bytes) -> None:
        self.need_streams()
        said = Said("Zwölf 🦊 foxes", reasoning="thinking" if self.has_reasoning else "")
        whole = self.format.stream(said)
        body = b": keep-alive\n\n" + b"event: message\n" + b"".join(whole.pieces)
        body = body.replace(b"\n", newline)
        for cut in range(1, len(body), max(1, len(body) // 60)):
            wire = Wire(Reply(200, (body[:cut], body[cut:]), "text/event-stream"))
            assert self.ask(self.llm(wire), "stream_chat").message.content == said.text

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_a_stream_that_is_left_is_closed(self, way: str) -> None:
        self.need_streams()
        wire = self.says(Said("a long answer that nobody reads to its end"))
        llm = self.llm(wire)
        if way == "stream_chat":
            stream = llm.stream_chat(user())
            next(stream)
            stream.close()
            del stream
        else:

            async def leave() -> None:
                stream = await llm.astream_chat(user())
                await anext(stream)
                await stream.aclose()
                del stream
                for _ in range(5):
                    await asyncio.sleep(0)

            asyncio.run(leave())
        assert len(wire.asked) == 1
        assert wire.open == 0

    def test_chunks_without_text_are_not_lost(self) -> None:
        self.need_streams()
        if not self.has_reasoning:
            pytest.skip("no reasoning")
        wire = self.says(Said("Five.", reasoning="two and three"))
        items = self.all_of(self.llm(wire), "stream_chat", user())
        thought = "".join(item.additional_kwargs.get("thinking_delta") or "" for item in items)
        assert thought == "two and three"
