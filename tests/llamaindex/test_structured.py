"""JSON answers as objects: the ladder, the repair, the stream, and the framework's own ways."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.bridge.pydantic import BaseModel, Field
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode

from llamaindex_multiapi._structured import Question, StructuredAnswerError
from llamaindex_multiapi.testing import Asked, Reply, Said, Wire
from llamaindex_multiapi.testing.llm_asking import observed
from multiapi.errors import InvalidRequestError, UnsupportedError
from tests.llamaindex.scripted import FORMAT, llm_on, says


class Owner(BaseModel):
    name: str


class Cat(BaseModel):
    """A cat."""

    name: str
    age: int = Field(ge=0)
    owners: list[Owner] = Field(default_factory=list)


PROMPT = PromptTemplate("Invent a cat that likes {what}.")
TOM = '{"name": "Tom", "age": 3, "owners": [{"name": "Ann"}]}'


def answers(*texts: str) -> Wire:
    return says(*(Said(text) for text in texts))


def test_b10_r44_a_schema_is_sent_where_the_vendor_takes_one() -> None:
    wire = answers(TOM)
    found = llm_on(wire).structured_predict(Cat, PROMPT, what="fish")
    assert found == Cat(name="Tom", age=3, owners=[Owner(name="Ann")])
    form = wire.last["response_format"]["json_schema"]
    assert (form["name"], form["description"]) == ("Cat", "A cat.")
    assert form["schema"] == Cat.model_json_schema()
    assert wire.last["messages"] == [{"role": "user", "content": "Invent a cat that likes fish."}]


def test_b10_r44_a_refused_way_is_stepped_down_from_and_remembered() -> None:
    def answer(asked: Asked) -> Reply:
        if "response_format" in asked.json:
            return FORMAT.error(400, "Invalid parameter: 'response_format' is not supported with this model.")
        return FORMAT.answer(FORMAT.object({"name": "Tom", "age": 3}, asked), asked)

    wire = Wire(answer)
    llm = llm_on(wire, max_retries=2)
    for _ in range(2):
        assert llm.structured_predict(Cat, PROMPT, what="fish").name == "Tom"
    assert ["response_format" in asked.json for asked in wire.asked] == [True, False, False]
    assert wire.last["tool_choice"] == {"type": "function", "function": {"name": "Cat"}}


@pytest.mark.parametrize(
    ("method", "sign"),
    [
        ("json_schema", "json_schema"),
        ("function_calling", "tool_choice"),
        ("json_mode", "json_object"),
        ("prompted", "JSON schema"),
    ],
)
def test_b10_a_method_can_be_chosen(method: Any, sign: str) -> None:
    wire = Wire(lambda asked: FORMAT.answer(FORMAT.object({"name": "Tom", "age": 3}, asked), asked))
    assert llm_on(wire, structured_method=method).structured_predict(Cat, PROMPT, what="fish").name == "Tom"
    assert sign in wire.asked[-1].text


def test_b10_a_method_that_the_vendor_lacks_is_refused() -> None:
    wire = answers(TOM)
    with pytest.raises(UnsupportedError, match="json_schema"):
        llm_on(wire, provider="binobox", structured_method="json_schema").structured_predict(Cat, PROMPT, what="fish")
    assert not wire.asked


@pytest.mark.parametrize("is_async", [False, True])
async def test_b10_r47_an_answer_of_the_wrong_form_is_sent_back_once(is_async: bool) -> None:
    wire = answers('{"name": "Tom", "age": -1}', TOM)
    llm = llm_on(wire, structured_retries=1)
    if is_async:
        found = await llm.astructured_predict(Cat, PROMPT, what="fish")
    else:
        found = llm.structured_predict(Cat, PROMPT, what="fish")
    assert found.age == 3
    asked, answered, complaint = wire.last["messages"]
    assert asked["content"] == "Invent a cat that likes fish."
    assert answered == {"role": "assistant", "content": '{"name": "Tom", "age": -1}'}
    assert "age: Input should be greater than or equal to 0" in complaint["content"]


def test_b10_c19_what_is_wrong_is_said() -> None:
    with pytest.raises(StructuredAnswerError, match=r"not a valid Cat: age: Field required") as failure:
        llm_on(answers('{"name": "Tom"}')).structured_predict(Cat, PROMPT, what="fish")
    assert failure.value.body == '{"name": "Tom"}'
    assert isinstance(failure.value, ValueError)
    with pytest.raises(StructuredAnswerError, match="the text holds no JSON"):
        llm_on(answers("no")).structured_predict(Cat, PROMPT, what="fish")
    with pytest.raises(StructuredAnswerError, match="cut off at max_tokens"):
        llm_on(says(Said('{"name": "T', finish_reason="length"))).structured_predict(Cat, PROMPT, what="fish")


def test_b10_errors_of_the_vendor_stay_what_they_are() -> None:
    wire = Wire(FORMAT.error(400, "no such model"))
    with pytest.raises(InvalidRequestError, match="no such model"):
        llm_on(wire).structured_predict(Cat, PROMPT, what="fish")


def test_b10_options_of_the_call_are_passed_on() -> None:
    wire = answers(TOM)
    llm_on(wire).structured_predict(Cat, PROMPT, llm_kwargs={"temperature": 0.25}, what="fish")
    assert wire.last["temperature"] == 0.25


@pytest.mark.parametrize("mode", [PydanticProgramMode.FUNCTION, PydanticProgramMode.LLM])
@pytest.mark.parametrize("around", ["{}", "<think>a cat {perhaps}</think>```json\n{}\n```"])
async def test_b10_c42_r45_r46_the_frameworks_modes_are_kept_in_every_way(
    mode: PydanticProgramMode, around: str
) -> None:
    """In the framework's own programs the awaited one loses the system prompt, and a stream does not demand the tool."""
    wire = Wire(lambda asked: FORMAT.answer(FORMAT.object({"name": "Tom", "age": 3}, asked, around=around), asked))
    llm = llm_on(wire, pydantic_program_mode=mode, system_prompt="You breed cats.")
    stream = await llm.astream_structured_predict(Cat, PROMPT, what="fish")
    found = [
        llm.structured_predict(Cat, PROMPT, what="fish"),
        await llm.astructured_predict(Cat, PROMPT, what="fish"),
        list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))[-1],
        [cat async for cat in stream][-1],
    ]
    assert found == [Cat(name="Tom", age=3)] * 4
    named = {"type": "function", "function": {"name": "Cat"}}
    for asked in wire.asked:
        assert asked.json["messages"][0]["content"].startswith("You breed cats.")
        assert asked.json.get("tool_choice") == (named if mode == PydanticProgramMode.FUNCTION else None)
        assert "response_format" not in asked.json


def test_b10_other_modes_of_the_framework_are_its_own() -> None:
    wire = answers(TOM)
    llm = llm_on(wire, pydantic_program_mode=PydanticProgramMode.OPENAI)
    with pytest.raises(ModuleNotFoundError, match=r"llama_index\.program"):
        llm.structured_predict(Cat, PROMPT, what="fish")
    assert not wire.asked


async def test_b10_events() -> None:
    llm = llm_on(answers(TOM))
    with observed() as seen:
        llm.structured_predict(Cat, PROMPT, what="fish")
        await llm.astructured_predict(Cat, PROMPT, what="fish")
        list(llm.stream_structured_predict(Cat, PROMPT, what="fish"))
    assert seen.count("LLMStructuredPredictStartEvent") == seen.count("LLMStructuredPredictEndEvent") == 3
    assert seen.count("LLMChatStartEvent") == seen.count("LLMChatEndEvent") == 3


def test_b10_r46_a_stream_shows_the_object_as_it_grows() -> None:
    found: Any = list(llm_on(answers(f"```json\n{TOM}\n```")).stream_structured_predict(Cat, PROMPT, what="fish"))
    names = [each.name for each in found if each.name]
    assert names[0] != names[-1] == "Tom" or names[-1] == "Tom"
    assert isinstance(found[-1], Cat)
    assert found[-1].owners == [Owner(name="Ann")]
    assert len(found) < len(TOM)


def test_b10_a_stream_that_ends_in_nothing_is_an_error() -> None:
    stream = llm_on(answers("I would rather not.")).stream_structured_predict(Cat, PROMPT, what="fish")
    with pytest.raises(StructuredAnswerError):
        list(stream)


def test_b10_a_half_written_answer_is_read_as_far_as_it_goes() -> None:
    from llama_index.core.llms import ChatResponse

    from llamaindex_multiapi._requests import response_format_of

    take = Question([], response_format_of(Cat), Cat).growing()

    def at(text: str) -> Any:
        return next(iter(take(ChatResponse(message=ChatMessage(role="assistant", content=text)))), None)

    assert at("<think>{not yet") is None
    assert at("<think>{not yet}</think>") is None
    first = at('<think>{not yet}</think>```json\n{"name": "To')
    assert first.name == "To"
    assert first.age is None
    assert at('<think>{not yet}</think>```json\n{"name": "To') is None
    assert at('<think>{not yet}</think>```json\n{"name": "Tom", "age": 3') == Cat(name="Tom", age=3)


async def test_c42_the_system_prompt_is_there_in_every_way() -> None:
    wire = answers(TOM)
    llm = llm_on(wire, system_prompt="You breed cats.")
    llm.predict(PROMPT, what="fish")
    await llm.apredict(PROMPT, what="fish")
    "".join(llm.stream(PROMPT, what="fish"))
    _ = [token async for token in await llm.astream(PROMPT, what="fish")]
    llm.structured_predict(Cat, PROMPT, what="fish")
    await llm.astructured_predict(Cat, PROMPT, what="fish")
    assert [asked.json["messages"][0] for asked in wire.asked] == [{"role": "system", "content": "You breed cats."}] * 6
