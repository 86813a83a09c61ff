"""`bind_tools` and `with_structured_output`: what is bound to the model, and what reads its answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
from multiapi.flows.structured import Unfit, ask_until_fit, misfit
from multiapi.formats.openai.wishes import read_tool_choice, strictly
from multiapi.formats.schemas import object_root, unwrapped
from multiapi.negotiation.json_answers import (
    OTHER_WAYS,
    Steps,
    demands_fields,
    has_several,
    json_value,
    partial_value,
    why_no_json,
)
from multiapi.types.chat import Message

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_LINK = "\nFor troubleshooting, visit:"
"""What LangChain adds to the message of each error of a parser."""
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
    demands = False
    if schema is None:
        bound: dict[str, Any] = {"response_format": {"type": "json_object"}, "response_format_method": how}
    else:
        form = to_response_format(schema, how, strict)
        name, demands = form.name, demands_fields(form.schema)
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
        demands_fields=demands,
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
    """A model that is told what is wrong with an answer; streams are given as they come."""

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
    """Reads the value out of an answer, wherever the model put it: a tool call, plain JSON, or JSON among other words.

    Attributes:
        schema_class: The pydantic class of the value; None leaves it a dict.
        name: The tool whose arguments are the value.
        others: Tools that the model may call instead; the value is None then.
        demands_fields: The schema does not allow an empty object.
        form: The schema that was asked for.
    """

    schema_class: Any = None
    name: str | None = None
    others: tuple[str, ...] = ()
    demands_fields: bool = False
    form: dict[str, Any] | None = None

    @property
    def _type(self) -> str:
        return "multiapi_answer"

    def parse(self, text: str) -> Any:
        return self._read(AIMessage(content=text), partial=False)

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value; while a stream runs, as much of it as there is.

        Raises:
            RefusalError: The model refused.
            OutputParserException: There is no JSON, or it does not fit the schema.
        """
        generation = result[0]
        message = generation.message if isinstance(generation, ChatGeneration) else AIMessage(content=generation.text)
        return self._read(message, partial=partial)

    def _read(self, message: Any, *, partial: bool) -> Any:
        refusal = message.additional_kwargs.get("refusal")
        if refusal and not partial:
            provider = message.response_metadata.get("model_provider")
            raise RefusalError(f"the model refused: {refusal}", provider=provider, raw_message=message)
        value = self._value(message, partial=partial)
        if value == {} and self.demands_fields and not partial:
            raise OutputParserException(f"the answer is an empty object{OTHER_WAYS}", llm_output=message.text)
        value = unwrapped(value, self.form)
        if value is None or self.schema_class is None:
            return value
        try:
            return _validated(self.schema_class, value)
        except (ValueError, TypeError) as error:
            if partial:
                return None
            raise OutputParserException(
                misfit(self.schema_class.__name__, value, error), llm_output=message.text
            ) from error

    def fault(self, message: Any) -> Unfit | None:
        """What is wrong with an answer; None where the value is in it."""
        try:
            self._read(message, partial=False)
        except RefusalError:
            return Unfit("", "", is_refusal=True)
        except OutputParserException as error:
            calls = [json.dumps(call["args"]) for call in message.tool_calls if self._is_answer(call["name"])]
            return Unfit(message.text or "".join(calls), str(error).partition(_LINK)[0])
        return None

    def _value(self, message: Any, *, partial: bool) -> Any:
        for call in message.tool_calls:
            if self._is_answer(call["name"]):
                return call["args"]
        if partial:
            return partial_value(message.text)
        found = json_value(message.text)
        if found is not None:
            return found
        if any(call["name"] in self.others for call in message.tool_calls):
            return None
        raise OutputParserException(_why(message), llm_output=message.text)

    def _is_answer(self, name: str | None) -> bool:
        return name == self.name or (self.name is None and name not in self.others)

    # ---------------------------------------------------------------------------------- streams

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        growing = _Growing(self)
        for chunk in input:
            yield from growing.take(chunk)
        yield from growing.rest()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        growing = _Growing(self)
        async for chunk in input:
            for value in growing.take(chunk):
                yield value
        for value in growing.rest():
            yield value

    def beside_raw(self, input: Iterator[dict[str, Any]]) -> Iterator[AddableDict]:
        """The answer as it comes, and at the end what was read out of it or what went wrong with that."""
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
    """An answer while it is being written: what is new in the value with each chunk, and the whole value at the end."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._chunks: list[Any] = []
        self._text: list[str] = []
        self._arguments: list[str] = []
        self._names: dict[Any, str | None] = {}
        self._sizes = [0, 0]
        self._steps = Steps()
        self._value: Any = None

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
            if self._parser._is_answer(name) and call["args"]:
                self._arguments.append(call["args"])
                self._sizes[1] += len(call["args"])
        pieces, size = (self._arguments, self._sizes[1]) if self._arguments else (self._text, self._sizes[0])
        if not self._steps.is_due(size):
            return []
        value = unwrapped(partial_value("".join(pieces)), self._parser.form)
        if value is not None and self._parser.schema_class is not None:
            try:
                value = _validated(self._parser.schema_class, value)
            except (ValueError, TypeError):
                return []
        return self._new(value)

    def rest(self) -> list[Any]:
        """The whole value, as in `last`; what was given before counts where the end cannot be read."""
        try:
            return self.last()
        except OutputParserException:
            if self._value is None or has_several("".join(self._text)):
                raise
            return []

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
        return self._new(self._parser._read(message, partial=False))

    def end(self) -> AddableDict:
        """The whole value, or what is wrong with it."""
        try:
            self.last()
        except Exception as error:
            return AddableDict(parsed=None, parsing_error=error)
        return AddableDict(parsed=self._value, parsing_error=None)

    def _new(self, value: Any) -> list[Any]:
        if value is None or value == self._value:
            return []
        self._value = value
        return [value]


def _why(message: Any) -> str:
    invalid = message.invalid_tool_calls
    return why_no_json(
        message.text,
        invalid_call=(invalid[0].get("error") or "the arguments of its tool call cannot be read") if invalid else None,
        finish_reason=message.response_metadata.get("finish_reason"),
    )


def _validated(cls: Callable[..., Any], value: Any) -> Any:
    validate = getattr(cls, "model_validate", None) or cls.parse_obj  # type: ignore[attr-defined]
    return validate(value)
