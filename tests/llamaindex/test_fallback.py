"""`FallbackLLM`: when the next one is asked, and when not."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms import MockLLM
from llama_index.core.prompts import PromptTemplate

from llamaindex_multiapi import FallbackLLM, MultiApiLLM
from llamaindex_multiapi.fallback import is_the_vendors_trouble
from llamaindex_multiapi.testing import Called, Said, Wire, events_reply
from llamaindex_multiapi.testing.llm_asking import observed
from multiapi.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    MultiApiError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from tests.llamaindex.scripted import FORMAT, llm_on, says, user


class Cat(BaseModel):
    name: str


def failing(status: int = 503) -> Wire:
    return Wire(FORMAT.error(status, f"the first said {status}"))


def pair(first: Wire, second: Wire, **settings: Any) -> FallbackLLM:
    return FallbackLLM(llms=[llm_on(first), llm_on(second, provider="aicredits", model="second", **settings)])


async def every_way(llm: Any) -> list[str]:
    return [
        llm.chat(user()).message.content,
        (await llm.achat(user())).message.content,
        list(llm.stream_chat(user()))[-1].message.content,
        [item async for item in await llm.astream_chat(user())][-1].message.content,
        llm.complete("hello").text,
        (await llm.acomplete("hello")).text,
        list(llm.stream_complete("hello"))[-1].text,
        [item async for item in await llm.astream_complete("hello")][-1].text,
    ]


async def test_c30_r58_the_next_one_answers() -> None:
    first, second = failing(), says(Said("from the second"))
    assert await every_way(pair(first, second)) == ["from the second"] * 8
    assert len(first.asked) == len(second.asked) == 8


async def test_c30_r58_the_first_one_is_enough() -> None:
    second = says(Said("from the second"))
    assert await every_way(pair(says(Said("from the first")), second)) == ["from the first"] * 8
    assert not second.asked


def test_c30_what_no_vendor_could_do_is_raised_at_once() -> None:
    second = says(Said("hi"))
    with pytest.raises(InvalidRequestError, match="the first said 400"):
        pair(failing(400), second).chat(user())
    assert not second.asked


def test_c30_the_last_error_tells_of_the_others() -> None:
    with pytest.raises(AuthenticationError) as failure:
        pair(failing(), failing(401)).chat(user())
    (note,) = failure.value.__notes__
    assert "test-model failed: ServerError" in note
    assert "the first said 503" in note


def test_c30_a_stream_that_has_begun_is_not_given_up() -> None:
    broken = Wire(events_reply(FORMAT.deltas(Said("half an ans")), done=False))
    second = says(Said("hi"))
    shown = []
    with pytest.raises(StreamInterruptedError):
        for item in pair(broken, second).stream_chat(user()):
            shown.append(item.delta)
    assert "".join(shown) == "half an ans"
    assert not second.asked


@pytest.mark.parametrize(
    ("error", "switches"),
    [
        (ServerError("x", status=500), True),
        (RateLimitError("x", status=429), True),
        (ContextLengthError("x", status=400), True),
        (InvalidRequestError("x", status=400), False),
        (MultiApiError("x"), True),
        (TimeoutError(), True),
        (ConnectionError(), True),
        (ValueError(), False),
        (type("ApiStatusError", (Exception,), {"status_code": 429})(), True),
        (type("ApiStatusError", (Exception,), {"status_code": 422})(), False),
        (type("APITimeoutError", (Exception,), {})(), True),
    ],
)
def test_c30_which_errors_are_worth_it(error: BaseException, switches: bool) -> None:
    assert is_the_vendors_trouble(error) is switches


async def test_c30_tools_and_agents() -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    second = says(Said(calls=(Called("1", "add", '{"a": 2, "b": 3}'),)), Said("Five."))
    for streaming in (True, False):
        agent = FunctionAgent(tools=[add], llm=pair(failing(), second), streaming=streaming)
        assert str(await agent.run("2+3?")) == "Five."
        second = says(Said(calls=(Called("1", "add", '{"a": 2, "b": 3}'),)), Said("Five."))


async def test_c30_structured_answers() -> None:
    prompt = PromptTemplate("a cat")
    llm = pair(failing(), says(Said('{"name": "Tom"}')))
    assert llm.structured_predict(Cat, prompt).name == "Tom"
    assert (await llm.astructured_predict(Cat, prompt)).name == "Tom"
    assert list(llm.stream_structured_predict(Cat, prompt))[-1].name == "Tom"
    assert [found async for found in await llm.astream_structured_predict(Cat, prompt)][-1].name == "Tom"


def test_c30_metadata_is_what_all_can_do() -> None:
    llm = pair(failing(), failing(), context_window=5_000)
    assert llm.metadata.context_window == 5_000
    assert llm.metadata.is_function_calling_model
    assert not FallbackLLM(llms=[*llm.llms, MockLLM()]).metadata.is_function_calling_model
    assert llm.to_dict()["llms"][1]["provider"] == "aicredits"


async def test_c30_c42_a_system_prompt_is_there_in_every_way() -> None:
    wire = Wire(lambda asked: FORMAT.answer(FORMAT.object({"name": "Tom"}, asked), asked))
    prompt = PromptTemplate("Invent a cat.")
    for llm in (
        FallbackLLM([llm_on(wire)], system_prompt="You breed cats."),
        FallbackLLM([llm_on(wire, system_prompt="You breed cats.")]),
    ):
        wire.asked.clear()
        llm.predict(prompt)
        await llm.apredict(prompt)
        assert llm.structured_predict(Cat, prompt).name == "Tom"
        assert (await llm.astructured_predict(Cat, prompt)).name == "Tom"
        assert list(llm.stream_structured_predict(Cat, prompt))[-1].name == "Tom"
        assert [cat async for cat in await llm.astream_structured_predict(Cat, prompt)][-1].name == "Tom"
        said = [asked.json["messages"] for asked in wire.asked]
        assert [[message["role"] for message in messages] for messages in said] == [["system", "user"]] * 6


def test_b14_r58_it_is_stored_and_loaded_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = pair(failing(), says(Said("hi"))).to_json()
    assert "sk-" not in stored
    monkeypatch.setenv("AIMLAPI_API_KEY", "one")
    monkeypatch.setenv("AICREDITS_API_KEY", "other")
    loaded = FallbackLLM.from_json(stored)
    assert [(llm.provider, llm.model) for llm in loaded.llms] == [("aimlapi", "test-model"), ("aicredits", "second")]
    with pytest.raises(InvalidRequestError, match="no LLM of the class 'Unheard'"):
        FallbackLLM([{"class_name": "Unheard"}])


def test_c30_one_start_and_one_end_per_request() -> None:
    llm = pair(failing(), says(Said("hi")))
    with observed() as seen:
        llm.chat(user())
    assert seen.count("LLMChatStartEvent") == 2
    assert seen.count("LLMChatEndEvent") == 1


def test_c30_others_classes_may_take_part() -> None:
    llm = FallbackLLM(llms=[llm_on(failing()), MockLLM(max_tokens=2)])
    assert llm.complete("a b c").text == "text text"
    assert isinstance(llm.llms[0], MultiApiLLM)
