"""The value that was asked for, out of what a model wrote: whole, while it is being written, or what is wrong with it.

Both frameworks, the command line and bulk jobs read with `Wanted`; what they have beside is their own classes of messages and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from multiapi.errors import ResponseFormatError
from multiapi.formats.schemas import unwrapped
from multiapi.http.json import dump_json, parse_text
from multiapi.negotiation.json_answers import OTHER_WAYS, demands_fields, json_value, partial_value
from multiapi.types.chat import ChatResponse, ResponseFormat


class Said(NamedTuple):
    """What a model wrote, as far as a value is looked for in it.

    Attributes:
        calls: Name and arguments of each tool call that can be carried out.
        invalid_call: Why a tool call cannot be carried out.
    """

    text: str = ""
    calls: Sequence[tuple[str | None, Any]] = ()
    invalid_call: str | None = None
    refusal: str | None = None
    finish_reason: str | None = None


class Unfit(Exception):
    """A response is not of the wanted form.

    Attributes:
        why: What is wrong with it, as the model is told.
        said: What the model wrote.
        is_refusal: The model did not want to; it is not asked again.
    """

    def __init__(self, why: str, said: str = "", *, is_refusal: bool = False) -> None:
        super().__init__(why, said)
        self.why = why
        self.said = said
        self.is_refusal = is_refusal

    def __str__(self) -> str:
        return self.why


class Wanted:
    """A value of one form, as it was asked for.

    Args:
        form: The schema that was asked for; None: any JSON.
        name: The tool whose arguments are the value; None: any tool.
        others: Tools that the model may call instead; the value is None then.
        validate: Makes an object of the caller's out of the value; it raises a ValueError or TypeError where that does not fit.
        title: What the caller calls the form, in messages.
    """

    def __init__(
        self,
        form: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        others: Sequence[str] = (),
        validate: Callable[[Any], Any] | None = None,
        title: str = "",
    ) -> None:
        self._form = form
        self._demands_fields = demands_fields(form)
        self._name = name
        self._others = others
        self._validate = validate
        self._title = title

    def is_answer(self, name: str | None) -> bool:
        """Whether the arguments of this tool are the value."""
        return name == self._name or (self._name is None and name not in self._others)

    def read(self, said: Said, *, partial: bool = False) -> Any:
        """Return the value; while it is being written, as much of it as there is.

        Raises:
            Unfit: There is none, or it does not fit.
        """
        if said.refusal and not partial:
            raise Unfit(f"the model refused: {said.refusal}", is_refusal=True)
        value = self._value(said, partial=partial)
        if value == {} and self._demands_fields and not partial:
            raise Unfit(f"the answer is an empty object{OTHER_WAYS}", self._written(said))
        value = unwrapped(value, self._form)
        try:
            return self.validated(value)
        except (ValueError, TypeError) as error:
            if partial:
                return None
            raise Unfit(misfit(self._title, value, error), self._written(said)) from error

    def fault(self, said: Said) -> Unfit | None:
        """Return what is wrong with a response; None where the value is in it."""
        try:
            self.read(said)
        except Unfit as error:
            return error
        return None

    def validated(self, value: Any) -> Any:
        """Return the caller's object of a value."""
        return value if value is None or self._validate is None else self._validate(value)

    def partly(self, text: str) -> Any:
        """Return as much of the value as there is in a text that is being written, not validated."""
        return unwrapped(partial_value(text), self._form)

    def _value(self, said: Said, *, partial: bool) -> Any:
        for name, arguments in said.calls:
            if self.is_answer(name):
                return arguments
        if partial:
            return partial_value(said.text)
        found = json_value(said.text)
        if found is None and not any(name in self._others for name, _ in said.calls):
            raise Unfit(why_no_json(said), self._written(said))
        return found

    def _written(self, said: Said) -> str:
        return said.text or "".join(
            dump_json(arguments).decode() for name, arguments in said.calls if self.is_answer(name)
        )


class Growing:
    """A value while it is being written: what is new in it with each chunk, and the whole at the end.

    Args:
        wanted: What was asked for.
        incomplete: Makes an object out of a value that is not yet valid; None: there is none before it is.
    """

    def __init__(self, wanted: Wanted, incomplete: Callable[[Any], Any] | None = None) -> None:
        self._wanted = wanted
        self._incomplete = incomplete
        self._next = 1
        self.value: Any = None

    def take(self, size: int, text: Callable[[], str]) -> list[Any]:
        """Return the value so far, if it says anything new.

        Texts are read again from their start: at each chunk while they are short, then each time that they have grown by a fixed
        share, so that all the readings together take no longer than the length allows.

        Args:
            size: How long the text is by now.
            text: Gives it.
        """
        if size < self._next:
            return []
        self._next = size + 1 if size < _SHORT else size + size // 8
        value = self._wanted.partly(text())
        try:
            value = self._wanted.validated(value)
        except (ValueError, TypeError):
            value = None if self._incomplete is None else self._incomplete(value)
        return self._new(value)

    def end(self, said: Said) -> list[Any]:
        """Return the whole value, if it differs from what was given before.

        Raises:
            Unfit: There is none, or it does not fit.
        """
        return self._new(self._wanted.read(said))

    def _new(self, value: Any) -> list[Any]:
        if value is None or value == self.value:
            return []
        self.value = value
        return [value]


_SHORT = 256


def misfit(name: str, value: Any, error: Exception) -> str:
    """Say which fields of a value are wrong, from what pydantic (1 or 2) says of them."""
    details = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
    wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'the answer'}: {each['msg']}" for each in details)
    return f"the answer is not a valid {name}: {wrong}{OTHER_WAYS if value == {} else ''}"


def why_no_json(said: Said) -> str:
    """Say what stands where JSON was asked for."""
    if said.invalid_call:
        reason = said.invalid_call
    elif said.text:
        reason = f"the text holds no JSON, or several different values; it begins {said.text[:80]!r}"
    else:
        reason = "the response is empty"
    if said.finish_reason == "length":
        return f"{reason}; it was cut off at max_tokens"
    return reason if said.text.strip() else f"{reason}{OTHER_WAYS}"


def why_no_call(said: Said) -> str:
    """Say what stands where a tool call was demanded."""
    if said.invalid_call:
        return f"no tool call that can be carried out: {said.invalid_call}"
    if said.refusal:
        return f"no tool call: the model refused: {said.refusal}"
    if said.finish_reason == "length":
        return "no tool call: the response was cut off at max_tokens"
    return (
        f"no tool call: the model answered in words: {said.text[:200]!r}"
        if said.text
        else "no tool call: the response is empty"
    )


def read_structured(response: ChatResponse, wanted: ResponseFormat | None = None) -> Any:
    """The JSON value of a response: the arguments of the tool that stands for it, else the JSON in its text.

    Raises:
        ResponseFormatError: There is none; `body` holds the beginning of the text.
    """
    said = Said(
        response.text,
        [(call.name, parse_text(call.arguments)) for call in response.tool_calls],
        response.invalid_tool_calls[0].error if response.invalid_tool_calls else None,
        response.refusal,
        response.finish_reason,
    )
    form = Wanted() if wanted is None else Wanted(wanted.schema, name=wanted.name)
    try:
        return form.read(said)
    except Unfit as error:
        raise ResponseFormatError(
            f"{response.provider} gave no JSON response: {error.why}",
            provider=response.provider,
            request_id=response.request_id,
            body=response.text[:500],
            partial=response,
        ) from None
