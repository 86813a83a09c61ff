"""JSON answers as pydantic objects: what is asked, how a response is read, and how a half-written one is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.program.utils import create_flexible_model
from pydantic import BaseModel

from llamaindex_multiapi._answers import said_in
from multiapi.errors import ResponseFormatError
from multiapi.flows.driving import Step
from multiapi.flows.driving import Steps as Driven
from multiapi.flows.structured import ask_until_fit
from multiapi.negotiation.wanted import Growing, Unfit, Wanted
from multiapi.types.chat import Message, ResponseFormat


class StructuredAnswerError(ResponseFormatError, ValueError):
    """A response that is not of the wanted form; `partial` is the `ChatResponse` it was read from."""


class Question:
    """A conversation whose answer shall be an object of a class."""

    def __init__(self, messages: Sequence[ChatMessage], wanted: ResponseFormat, output_cls: type[BaseModel]) -> None:
        self.messages = messages
        self.wanted = wanted
        self.output_cls = output_cls
        self._wanted = Wanted(
            wanted.schema, name=wanted.name, validate=output_cls.model_validate, title=output_cls.__name__
        )

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
        return self._wanted.fault(said_in(response))

    def read(self, response: ChatResponse) -> BaseModel:
        """The object in a response.

        Raises:
            StructuredAnswerError: There is none, or it is not valid; the message says what is wrong with it.
        """
        try:
            return self._wanted.read(said_in(response))  # type: ignore[no-any-return]
        except Unfit as error:
            failure, cause = error, error.__cause__
        facts = response.additional_kwargs
        raise StructuredAnswerError(
            failure.why,
            provider=facts.get("provider"),
            request_id=facts.get("request_id"),
            body=(response.message.content or "")[:500],
            partial=response,
        ) from cause

    def objects(self, responses: Iterable[ChatResponse]) -> Generator[Any, None, None]:
        """The object as it grows; the last one is whole and valid."""
        growing, last = self.growing(), ChatResponse(message=ChatMessage())
        for last in responses:
            yield from growing(last)
        yield self.read(last)

    async def async_objects(self, responses: AsyncIterable[ChatResponse]) -> AsyncGenerator[Any, None]:
        """As `objects`."""
        growing, last = self.growing(), ChatResponse(message=ChatMessage())
        async for last in responses:
            for found in growing(last):
                yield found
        yield self.read(last)

    def growing(self) -> Callable[[ChatResponse], list[Any]]:
        """What gives the object so far out of each response, if it says anything new: of the wanted class as soon as it is valid."""
        flexible = create_flexible_model(self.output_cls)
        growing = Growing(
            self._wanted, lambda value: flexible.model_validate(value) if isinstance(value, dict) else None
        )

        def take(response: ChatResponse) -> list[Any]:
            text = self._text_in(response)
            return growing.take(len(text), lambda: text)

        return take

    def _text_in(self, response: ChatResponse) -> str:
        for call in response.message.additional_kwargs.get("tool_calls") or ():
            if self._wanted.is_answer(call["function"]["name"]):
                return str(call["function"]["arguments"])
        return response.message.content or ""
