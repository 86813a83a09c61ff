"""An LLM in event loops and threads, copied, pickled and changed, and the events that it is observed by."""

# ruff: noqa: S301

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from typing import Any

import pytest

from llamaindex_multiapi.testing.llm_asking import (
    COMPLETIONS,
    KEY,
    OTHER_KEY,
    WAYS,
    LLMAsking,
    observed,
    user,
)
from llamaindex_multiapi.testing.wire import Said


class LLMLifecycle(LLMAsking):
    """Tests of loops, threads, copies and events."""

    # ------------------------------------------------------------------------------------ loops, threads, copies

    def test_b13_c27_r48_every_loop_works(self) -> None:
        wire = self.says(Said("hi"))
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1")

            async def ask() -> str | None:
                return (await llm.achat(user())).message.content  # type: ignore[no-any-return]

            assert [asyncio.run(ask()) for _ in range(3)] == ["hi"] * 3

            async def nested() -> list[str]:
                from llama_index.core.async_utils import asyncio_run

                await llm.achat(user())
                return [asyncio_run(llm.achat(user())).message.content for _ in range(2)]

            assert asyncio.run(nested()) == ["hi", "hi"]
        assert len(wire.asked) == 6

    def test_b13_threads_share_one_model(self) -> None:
        wire = self.says(Said("hi"))
        found: list[str | None] = []
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1")

            def ask() -> None:
                found.append(llm.chat(user()).message.content)

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == ["hi"] * 8

    def test_b14_r49_a_pickle_after_use_works(self) -> None:
        wire = self.says(Said("hi"))
        with wire.served() as address:
            llm = self.llm(wire, base_url=f"{address}/v1", temperature=0.25)
            llm.chat(user())
            again = pickle.loads(pickle.dumps(llm))
            assert again.chat(user()).message.content == "hi"
            assert llm.chat(user()).message.content == "hi"
        assert "0.25" in wire.asked[1].text

    def test_b14_r49_a_deep_copy_after_use_works(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat(user())
        asyncio.run(llm.achat(user()))
        assert copy.deepcopy(llm).chat(user()).message.content == "hi"

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b14_r08_a_copy_with_another_key_uses_it(self, is_async: bool) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)

        def ask(asked: Any) -> None:
            if is_async:
                asyncio.run(asked.achat(user()))
            else:
                asked.chat(user())

        ask(llm)
        ask(llm.model_copy(update={"api_key": OTHER_KEY}))
        ask(llm)
        assert [OTHER_KEY in str(asked.headers) for asked in wire.asked] == [False, True, False]

    def test_b14_r08_a_field_that_is_changed_takes_effect(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire)
        llm.chat(user())
        llm.model = "another-model"
        llm.temperature = 0.75
        llm.api_key = OTHER_KEY
        llm.chat(user())
        assert wire.last["model"] == "another-model"
        assert "0.75" in wire.asked[-1].text
        assert OTHER_KEY in str(wire.asked[-1].headers)
        assert llm.metadata.model_name == "another-model"

    def test_b14_a_stored_model_comes_back(self) -> None:
        wire = self.says(Said("hi"))
        llm = self.llm(wire, temperature=0.25)
        again = type(llm).from_dict(llm.to_dict(), api_key=KEY)
        assert again.temperature == 0.25
        assert again.metadata == llm.metadata
        assert again.to_dict() == llm.to_dict()

    def test_b14_another_key_is_the_same_model_to_a_cache(self) -> None:
        wire = self.says(Said("hi"))
        assert str(self.llm(wire).to_dict()) == str(self.llm(wire, api_key=OTHER_KEY).to_dict())

    # ------------------------------------------------------------------------------------ events

    @pytest.mark.parametrize("way", WAYS)
    def test_one_start_and_one_end_per_chat(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.ask(llm, way)
        assert seen.count("ChatStartEvent", "CompletionStartEvent") == 1
        assert seen.count("ChatEndEvent", "CompletionEndEvent") == 1

    @pytest.mark.parametrize("way", COMPLETIONS)
    def test_one_start_and_one_end_per_completion(self, way: str) -> None:
        llm = self.llm(self.says(Said("hi")))
        with observed() as seen:
            self.complete(llm, way)
        assert seen.count("ChatStartEvent", "CompletionStartEvent") == 1
        assert seen.count("ChatEndEvent", "CompletionEndEvent") == 1

    @pytest.mark.parametrize("way", [*WAYS, *COMPLETIONS])
    def test_one_request_for_a_rate_limiter_per_call(self, way: str) -> None:
        from llama_index.core.rate_limiter import BaseRateLimiter

        class Counting(BaseRateLimiter):
            count = 0

            def acquire(self, num_tokens: int = 0) -> None:  # noqa: ARG002
                self.count += 1

            async def async_acquire(self, num_tokens: int = 0) -> None:
                self.acquire(num_tokens)

        llm = self.llm(self.says(Said("hi")))
        llm.rate_limiter = Counting()
        if way in WAYS:
            self.ask(llm, way)
        else:
            self.complete(llm, way)
        assert llm.rate_limiter.count == 1
