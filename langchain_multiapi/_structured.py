"""`bind_tools` and `with_structured_output`: what is bound to the model, and what reads its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, BaseMessage, BaseMessageChunk, HumanMessage
from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import AddableDict, Runnable, RunnableGenerator, RunnableMap
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_multiapi._answers import restore_invalid_calls
from langchain_multiapi._forms import to_response_format
from langchain_multiapi._requests import formatted, is_of_a_vendor
from langchain_multiapi.errors import RefusalError
from multiapi.flows.driving import Either, adrive, drive
from multiapi.flows.driving import Steps as Driven
from multiapi.flows.structured import ask_until_fit
from multiapi.formats.openai.wishes import read_tool_choice, strictly
from multiapi.formats.schemas import object_root
from multiapi.negotiation.wanted import Growing, Said, Unfit, Wanted
from multiapi.types.chat import Message

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

METHODS = ("auto", "function_calling", "json_schema", "json_mode", "prompted")


def bound_tools(
    tools: Sequence[Any],
    *,
    tool_choice: Any,
    strict: bool | None,
    parallel_tool_calls: bool | None,
    response_format: Any,
) -> dict[str, Any]:
    """The settings that bind tools to a model.

    Raises:
        ValueError: `tool_choice` names a tool that is not there, or is of no known form.
    """
    made = [tool if is_of_a_vendor(tool) else formatted(tool, _strict(tool, strict)) for tool in tools]
    bound: dict[str, Any] = {"tools": made}
    choice = read_tool_choice(tool_choice)
    if isinstance(choice, str) and choice not in {"auto", "none", "required"}:
        known = [name for tool in made if (name := _name(tool))]
        if choice not in known:
            raise ValueError(f"tool_choice {choice!r} is none of the tools: {', '.join(known) or 'there are none'}")
    if choice is not None and made:
        bound["tool_choice"] = choice
    if parallel_tool_calls is not None:
        bound["parallel_tool_calls"] = parallel_tool_calls
    if response_format is not None:
        bound["response_format"] = response_format
        if strict is not None:
            bound["strict"] = strict
    return bound


def _strict(tool: Any, strict: bool | None) -> bool | None:
    """A tool that says for itself whether it is strict is left as it is."""
    return None if isinstance(tool, dict) and "function" in tool and "strict" in tool["function"] else strict


def _name(tool: dict[str, Any]) -> str | None:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("name") or tool.get("type")


def structured(
    model: BaseChatModel,
    schema: Any,
    *,
    method: str | None,
    include_raw: bool,
    strict: bool | None,
    call: dict[str, Any],
    retries: int = 0,
) -> Runnable[Any, Any]:
    """The model, bound to give answers of one form, and what reads them.

    Raises:
        ValueError: An unknown method, or arguments that do not go together.
    """
    how = method or "auto"
    if how not in METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(METHODS)}")
    if schema is None and how not in {"json_mode", "auto"}:
        raise ValueError(f"method {how!r} needs a schema")
    if strict is not None and how == "json_mode":
        raise ValueError("strict does not go with method 'json_mode': there is no schema to keep to")
    traced: dict[str, Any] = {"kwargs": {"method": how, **({} if strict is None else {"strict": strict})}}
    name: str | None = None
    if schema is None:
        bound: dict[str, Any] = {"response_format": {"type": "json_object"}, "response_format_method": how}
    else:
        form = to_response_format(schema, how, strict)
        name = form.name
        traced["schema"] = convert_to_openai_tool(_as_plain(schema), strict=strict)
        described: dict[str, Any] = {"name": name}
        if form.description:
            described["description"] = form.description
        if form.strict is not None:
            described["strict"] = form.strict
        written = strictly(form.schema) if strict else form.schema
        if how == "function_calling":
            tool = {"type": "function", "function": {**described, "parameters": object_root(written or {})[0]}}
            bound = bound_tools([tool], tool_choice=name, strict=None, parallel_tool_calls=None, response_format=None)
        elif how == "json_mode":
            bound = {"response_format": {"type": "json_object"}, "response_format_method": how}
        else:
            bound = {
                "response_format": {"type": "json_schema", "json_schema": {**described, "schema": written}},
                "response_format_method": how,
            }
        bound["ls_structured_output_format"] = traced
    others: list[str] = []
    if call.get("tools"):
        beside = bound_tools(
            call["tools"], tool_choice=None, strict=strict, parallel_tool_calls=None, response_format=None
        )["tools"]
        others = [known for tool in beside if (known := _name(tool))]
        call = {**call, "tools": [*bound.get("tools", ()), *beside]}
        if "tool_choice" in bound:
            bound["tool_choice"] = "required"
    parser = AnswerParser(
        schema_class=schema if _is_class(schema) else None,
        name=name,
        others=tuple(others),
        form=None if schema is None else dict(form.schema or {}),
    )
    asked: Any = {**bound, **call}
    llm = model.bind(**asked) if retries < 1 else Corrected(bound=model, kwargs=asked, parser=parser, retries=retries)
    if not include_raw:
        return llm | parser
    return RunnableMap(raw=llm) | RunnableGenerator(parser.beside_raw, parser.abeside_raw, name="parsed")


def _is_class(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _as_plain(schema: Any) -> Any:
    """The form as LangChain itself can read it: a JSON schema without a title gets one, because it takes the name from there."""
    if isinstance(schema, dict) and not ({"title", "name", "function"} & schema.keys()):
        inner = schema.get("json_schema") if schema.get("type") == "json_schema" else None
        if isinstance(inner, dict):
            return {"title": inner.get("name") or "answer", **(inner.get("schema") or {})}
        return {"title": "answer", **schema}
    return schema


class Corrected(RunnableBindingBase[Any, Any]):
    """A model that is told what is wrong with a response; streams are given as they come."""

    bound: Any
    parser: Any
    retries: int

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return drive(self._answered(input, config, kwargs))

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return await adrive(self._answered(input, config, kwargs))

    def _answered(self, input: Any, config: Any, kwargs: dict[str, Any]) -> Driven[Any]:
        at_once, awaited = super().invoke, super().ainvoke

        def ask(turns: Sequence[Message]) -> Either:
            told = [*self.bound._convert_input(input).to_messages(), *map(_turn, turns)] if turns else input
            return Either(at_once, awaited, told, config, **kwargs)

        return ask_until_fit(ask, self.parser.fault, retries=self.retries)

    batch = Runnable.batch
    abatch = Runnable.abatch
    batch_as_completed = Runnable.batch_as_completed
    abatch_as_completed = Runnable.abatch_as_completed


def _turn(turn: Message) -> BaseMessage:
    return (AIMessage if turn.role == "assistant" else HumanMessage)(cast("str", turn.content))


class AnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads the value out of a response, wherever the model put it: a tool call, plain JSON, or JSON among other words.

    Attributes:
        schema_class: The pydantic class of the value; None leaves it a dict.
        name: The tool whose arguments are the value.
        others: Tools that the model may call instead; the value is None then.
        form: The schema that was asked for.
    """

    schema_class: Any = None
    name: str | None = None
    others: tuple[str, ...] = ()
    form: dict[str, Any] | None = None

    @property
    def _type(self) -> str:
        return "multiapi_answer"

    @cached_property
    def wanted(self) -> Wanted:
        """What the core reads."""
        kind = self.schema_class
        return Wanted(
            self.form,
            name=self.name,
            others=self.others,
            validate=kind and (getattr(kind, "model_validate", None) or kind.parse_obj),
            title=kind.__name__ if kind else "",
        )

    def parse(self, text: str) -> Any:
        with _parser_errors(message := AIMessage(content=text)):
            return self.wanted.read(_said(message))

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value; while a stream runs, as much of it as there is.

        Raises:
            RefusalError: The model refused.
            OutputParserException: There is no JSON, or it does not fit the schema.
        """
        generation = result[0]
        message = generation.message if isinstance(generation, ChatGeneration) else AIMessage(content=generation.text)
        with _parser_errors(message):
            return self.wanted.read(_said(message), partial=partial)

    def fault(self, message: Any) -> Unfit | None:
        """What is wrong with a response; None where the value is in it."""
        return self.wanted.fault(_said(message))

    # ---------------------------------------------------------------------------------- streams

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        growing = _Growing(self)
        for chunk in input:
            yield from growing.take(chunk)
        yield from growing.last()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        growing = _Growing(self)
        async for chunk in input:
            for value in growing.take(chunk):
                yield value
        for value in growing.last():
            yield value

    def beside_raw(self, input: Iterator[dict[str, Any]]) -> Iterator[AddableDict]:
        """The response as it comes, and at the end what was read out of it or what went wrong with that."""
        growing = _Growing(self)
        for chunk in input:
            yield growing.beside(chunk)
        yield growing.end()

    async def abeside_raw(self, input: AsyncIterator[dict[str, Any]]) -> AsyncIterator[AddableDict]:
        """As `beside_raw`."""
        growing = _Growing(self)
        async for chunk in input:
            yield growing.beside(chunk)
        yield growing.end()


class _Growing:
    """A response while it is being written, in LangChain's chunks."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._growing = Growing(parser.wanted)
        self._chunks: list[Any] = []
        self._text: list[str] = []
        self._arguments: list[str] = []
        self._names: dict[Any, str | None] = {}
        self._sizes = [0, 0]

    def beside(self, chunk: dict[str, Any]) -> AddableDict:
        """Take a chunk, and hand it on as it came."""
        self.take(chunk["raw"])
        return AddableDict(chunk)

    def take(self, chunk: str | BaseMessage) -> list[Any]:
        """The value so far, if it says anything new."""
        self._chunks.append(chunk)
        if not isinstance(chunk, str | BaseMessageChunk):
            return []
        self._text.append(chunk if isinstance(chunk, str) else chunk.text)
        self._sizes[0] += len(self._text[-1])
        for call in getattr(chunk, "tool_call_chunks", ()):
            name = self._names.setdefault(call["index"], call["name"])
            if call["args"] and self._parser.wanted.is_answer(name):
                self._arguments.append(call["args"])
                self._sizes[1] += len(call["args"])
        pieces, size = (self._arguments, self._sizes[1]) if self._arguments else (self._text, self._sizes[0])
        return self._growing.take(size, lambda: "".join(pieces))

    def last(self) -> list[Any]:
        """The whole value, if it differs from what was given before.

        Raises:
            RefusalError: As `AnswerParser.parse_result`.
            OutputParserException: The same.
        """
        if not self._chunks:
            return []
        first, *rest = self._chunks
        if isinstance(first, str):
            message: Any = AIMessage(content="".join(self._text))
        else:
            message = first + rest if rest else first
            if rest:
                restore_invalid_calls(message)
        with _parser_errors(message):
            return self._growing.end(_said(message))

    def end(self) -> AddableDict:
        """The whole value, or what is wrong with it."""
        try:
            self.last()
        except Exception as error:
            return AddableDict(parsed=None, parsing_error=error)
        return AddableDict(parsed=self._growing.value, parsing_error=None)


def _said(message: Any) -> Said:
    """What is looked for in a message."""
    invalid = message.invalid_tool_calls
    return Said(
        message.text,
        [(call["name"], call["args"]) for call in message.tool_calls],
        (invalid[0].get("error") or "the arguments of its tool call cannot be read") if invalid else None,
        message.additional_kwargs.get("refusal"),
        message.response_metadata.get("finish_reason"),
    )


@contextmanager
def _parser_errors(message: Any) -> Iterator[None]:
    """What is wrong with a response as LangChain's errors say it."""
    try:
        yield
    except Unfit as error:
        cause = error.__cause__
        if error.is_refusal:
            provider, refusal = message.response_metadata.get("model_provider"), message.additional_kwargs["refusal"]
            failure: Exception = RefusalError(f"the model refused: {refusal}", provider=provider, raw_message=message)
        else:
            failure = OutputParserException(error.why, llm_output=message.text)
        raise failure from cause
