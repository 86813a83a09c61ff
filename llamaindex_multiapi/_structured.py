"""JSON answers as pydantic objects: what is asked, how an answer is read, and how a half-written one is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from pydantic import BaseModel, ValidationError

from multiapi.errors import ResponseFormatError
from multiapi.flows.driving import Step
from multiapi.flows.driving import Steps as Driven
from multiapi.flows.structured import Unfit, ask_until_fit, misfit
from multiapi.formats.schemas import unwrapped
from multiapi.negotiation.json_answers import Steps, partial_value, read_structured, why_no_json
from multiapi.types.chat import ChatResponse as Answer
from multiapi.types.chat import InvalidToolCall, Message, ResponseFormat, ToolCall


class StructuredAnswerError(ResponseFormatError, ValueError):
    """An answer that is not of the wanted form; `partial` is the `ChatResponse` it was read from."""


def read(response: ChatResponse, wanted: ResponseFormat, output_cls: type[BaseModel]) -> BaseModel:
    """The object in a response.

    Raises:
        StructuredAnswerError: There is none, or it is not valid; the message says what is wrong with it.
    """
    try:
        value = read_structured(_answer(response), wanted)
        return output_cls.model_validate(value)
    except ValidationError as error:
        message, cause = misfit(output_cls.__name__, value, error), cast("Exception", error)
    except ResponseFormatError as error:
        message, cause = str(error), error
    facts = response.additional_kwargs
    raise StructuredAnswerError(
        message,
        provider=facts.get("provider"),
        request_id=facts.get("request_id"),
        body=(response.message.content or "")[:500],
        partial=response,
    ) from cause


def _answer(response: ChatResponse) -> Answer:
    """As much of the core's answer as the reading of JSON looks at."""
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    facts = response.additional_kwargs
    plain = {
        call["id"]: call["function"]["arguments"] for call in response.message.additional_kwargs.get("tool_calls") or ()
    }
    valid = [block for block in blocks if isinstance(block.tool_kwargs, dict)]
    return Answer(
        provider=facts.get("provider") or "",
        text=response.message.content or "",
        tool_calls=tuple(
            ToolCall(block.tool_call_id or "", block.tool_name, plain[block.tool_call_id]) for block in valid
        ),
        invalid_tool_calls=tuple(InvalidToolCall(**call) for call in facts.get("invalid_tool_calls") or ()),
        refusal=facts.get("refusal"),
        finish_reason=facts.get("finish_reason"),
        request_id=facts.get("request_id"),
    )


def _why(answer: Answer) -> str:
    invalid = answer.invalid_tool_calls[0].error if answer.invalid_tool_calls else None
    return why_no_json(answer.text, invalid_call=invalid, refusal=answer.refusal, finish_reason=answer.finish_reason)


class Question:
    """A conversation whose answer shall be an object of a class."""

    def __init__(self, messages: Sequence[ChatMessage], wanted: ResponseFormat, output_cls: type[BaseModel]) -> None:
        self.messages = messages
        self.wanted = wanted
        self.output_cls = output_cls

    def answered(self, chat: Callable[[Sequence[ChatMessage]], Step], retries: int) -> Driven[BaseModel]:
        """The object, asked for again where it is none.

        Raises:
            StructuredAnswerError: It is none, and this was the last attempt.
        """

        def ask(turns: Sequence[Message]) -> Step:
            told = (ChatMessage(role=MessageRole(turn.role), content=turn.content) for turn in turns)
            return chat([*self.messages, *told])

        return self.read((yield from ask_until_fit(ask, self.fault, retries=retries)))

    def fault(self, response: ChatResponse) -> Unfit | None:
        """What is wrong with a response; None where the object is in it."""
        try:
            self.read(response)
        except StructuredAnswerError as error:
            said = response.message.content or error.body or ""
            is_json = isinstance(error.__cause__, ValidationError)
            why = error.message if is_json else _why(_answer(response))
            return Unfit(said, why, is_refusal=bool(response.additional_kwargs.get("refusal")))
        return None

    def read(self, response: ChatResponse) -> BaseModel:
        """The object in a response.

        Raises:
            StructuredAnswerError: It is none.
        """
        return read(response, self.wanted, self.output_cls)

    def objects(self, responses: Iterable[ChatResponse]) -> Generator[Any, None, None]:
        """The object as it grows; the last one is whole and valid."""
        growing = Growing(self.wanted, self.output_cls)
        last = None
        for last in responses:
            found = growing.object_in(last)
            if found is not None:
                yield found
        yield self._whole(last)

    async def async_objects(self, responses: AsyncIterable[ChatResponse]) -> AsyncGenerator[Any, None]:
        """As `objects`."""
        growing = Growing(self.wanted, self.output_cls)
        last = None
        async for last in responses:
            found = growing.object_in(last)
            if found is not None:
                yield found
        yield self._whole(last)

    def _whole(self, last: ChatResponse | None) -> BaseModel:
        return read(last or ChatResponse(message=ChatMessage()), self.wanted, self.output_cls)


class Growing:
    """A JSON answer while it is being written: with each response the object so far, if it says anything new."""

    def __init__(self, wanted: ResponseFormat, output_cls: type[BaseModel]) -> None:
        self._wanted = wanted
        self._output_cls = output_cls
        self._flexible = create_flexible_model(output_cls)
        self._steps = Steps()
        self._value: Any = None

    def object_in(self, response: ChatResponse) -> BaseModel | FlexibleModel | None:
        """The object so far, of the wanted class as soon as it is valid; None where nothing has changed."""
        text = self._text_in(response)
        if not self._steps.is_due(len(text)):
            return None
        value = unwrapped(partial_value(text), self._wanted.schema)
        if value is None or value == self._value:
            return None
        try:
            found = self._output_cls.model_validate(value)
        except ValidationError:
            if not isinstance(value, dict):
                return None
            found = self._flexible.model_validate(value)
        self._value = value
        return found

    def _text_in(self, response: ChatResponse) -> str:
        for call in response.message.additional_kwargs.get("tool_calls") or ():
            if call["function"]["name"] == self._wanted.name:
                return str(call["function"]["arguments"])
        return response.message.content or ""
