"""The user's keys: where they come from, and that they show themselves nowhere."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from multiapi.errors import MissingApiKeyError
from multiapi.sending.scrubbing import MASK


class ApiKey:
    """One provider's key.

    It prints as asterisks. One that came from the environment is pickled and copied as the variable's name and read again where
    it is unpickled; one that was given explicitly travels with a pickle, because worker processes need it.

    Args:
        value: The key, or a function that gives it at each call (for keys that rotate).
        variable: The environment variable it came from.
    """

    __slots__ = ("_value", "is_fixed", "provider", "variable")

    def __init__(self, value: str | Callable[[], Any], *, provider: str, variable: str | None = None) -> None:
        self.provider = provider
        self.variable = variable
        wrong = None if callable(value) else _fault(value, provider, variable)
        if wrong is not None:
            value = ""  # what is not a key may yet be one with a line end: no frame of the error has it
            raise wrong
        self._value = value
        self.is_fixed = not callable(value)
        """Whether it is always the same one, and not given by a function."""

    @classmethod
    def find(cls, given: Any, *, provider: str, variable: str, others: Sequence[str] = ()) -> ApiKey:
        """From an argument (text, a secret holder, a function), the provider's own environment variable, or one of the others.

        Raises:
            MissingApiKeyError: Neither is set, or it is not a key.
        """
        found = cls.look_for(given, provider=provider, variable=variable, others=others)
        given = None
        if isinstance(found, MissingApiKeyError):
            raise found
        return found

    @classmethod
    def find_or_later(
        cls, given: Any, *, provider: str, variable: str, others: Sequence[str] = ()
    ) -> ApiKey | MissingApiKeyError:
        """The same, where a key that is nowhere is looked for again when a request needs one. One that is wrong is an error, as a value."""
        found = cls.look_for(given, provider=provider, variable=variable, others=others)
        if (
            isinstance(found, MissingApiKeyError)
            and given is None
            and found_in_environment(provider, (variable, *others), "keys") is None
        ):
            return cls(LookUp(provider, variable, others), provider=provider)
        return found

    @classmethod
    def look_for(
        cls, given: Any, *, provider: str, variable: str, others: Sequence[str] = ()
    ) -> ApiKey | MissingApiKeyError:
        """The same, with the error as a value: for callers whose own frame still has the argument."""
        if isinstance(given, ApiKey):
            return given
        source: str | None = None
        if given is not None:
            secret = getattr(given, "get_secret_value", None)
            given = secret() if secret is not None else given
        else:
            source = found_in_environment(provider, (variable, *others), "keys")
            if source is None:
                return missing_key(provider, variable, others)
            given = os.environ[source]
        try:
            return cls(given, provider=provider, variable=source)
        except MissingApiKeyError as error:
            return error.with_traceback(None)

    @property
    def is_async(self) -> bool:
        """Whether the key comes from an `async` function; only the async client can use such a key."""
        import inspect

        return callable(self._value) and inspect.iscoroutinefunction(self._value)

    def reveal(self) -> Any:
        """The key, for the one place that puts it into a request; an awaitable if it comes from an async function."""
        if callable(self._value):
            found = self._value()
            if hasattr(found, "__await__"):
                return found
            return self._checked(found)
        return self._value

    async def resolve(self, pending: Any) -> str:
        """The key out of what an async function of the user gives."""
        return self._checked(await pending)

    def _checked(self, found: Any) -> str:
        secret = getattr(found, "get_secret_value", None)
        value = secret() if secret is not None else found
        wrong = _fault(value, self.provider, None)
        if wrong is not None:
            found = value = ""
            raise wrong
        return value  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"ApiKey({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and self._value == other._value and self.provider == other.provider

    def __hash__(self) -> int:
        return hash((self.provider, self._value))

    def __deepcopy__(self, memo: dict[int, Any]) -> ApiKey:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.variable is not None:
            return _from_environment, (self.provider, self.variable)
        return _from_value, (self.provider, self._value)


class LookUp:
    """Gives the key out of the environment when it is first needed: for clients that were made where there was none."""

    __slots__ = ("message", "others", "provider", "variable")

    def __init__(self, provider: str, variable: str, others: Sequence[str] = (), message: str | None = None) -> None:
        self.provider = provider
        self.variable = variable
        self.others = tuple(others)
        self.message = message

    def __call__(self) -> str:
        found = ApiKey.look_for(None, provider=self.provider, variable=self.variable, others=self.others)
        if isinstance(found, MissingApiKeyError):
            raise found if self.message is None else MissingApiKeyError(self.message, provider=self.provider)
        return found.reveal()  # type: ignore[no-any-return]  # it is text: it came from the environment

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LookUp) and self.provider == other.provider

    def __hash__(self) -> int:
        return hash((self.provider, self.variable))


def found_in_environment(provider: str, variables: Sequence[str], what: str) -> str | None:
    """The first of these variables that holds something. Where another one holds something else, that is told once."""
    held = [name for name in variables if os.environ.get(name)]
    if not held:
        return None
    different = [name for name in held[1:] if os.environ[name] != os.environ[held[0]]]
    if different:
        _warn_of_difference(provider, held[0], tuple(different), what)
    return held[0]


@lru_cache(maxsize=64)
def _warn_of_difference(provider: str, used: str, others: tuple[str, ...], what: str) -> None:
    verb = "holds" if len(others) == 1 else "hold"
    warnings.warn(
        f"{provider}: {used} is used, and {' and '.join(others)} {verb} other {what}; remove those that are not meant",
        UserWarning,
        stacklevel=5,
    )


def missing_key(provider: str, variable: str, others: Sequence[str] = ()) -> MissingApiKeyError:
    """The error for a key that is nowhere; it names every variable that was looked at."""
    message = f"{provider} needs a key: set the environment variable {variable} or pass api_key=..."
    if others:
        message += f" ({' and '.join(others)} {'is' if len(others) == 1 else 'are'} read as well)"
    return MissingApiKeyError(message, provider=provider)


def sealed(error: Exception) -> Exception:
    """An error of a constructor as it may leave it: without the frames, causes and inputs that hold the arguments, and so the key.

    To be raised outside of the `except` that caught it, in a frame that has forgotten the arguments.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    if hasattr(error, "errors") and hasattr(type(error), "from_exception_data"):
        return _without_inputs(error)
    return error


def _without_inputs(error: Any) -> Exception:
    """Pydantic's errors with the inputs of single fields, but neither with all arguments nor with a key."""
    from pydantic_core import PydanticCustomError

    known = error.errors(include_url=False)
    if not any(_holds_arguments(each) for each in known):
        return error  # type: ignore[no-any-return]
    lines = [
        {
            "type": PydanticCustomError(each["type"], each["msg"].replace("{", "{{").replace("}", "}}")),
            "loc": each["loc"],
            "input": "(not shown)" if _holds_arguments(each) else each["input"],
        }
        for each in known
    ]
    made = type(error).from_exception_data(error.title, lines)
    made.__context__ = made.__cause__ = None
    return made  # type: ignore[no-any-return]


def _holds_arguments(line: Any) -> bool:
    return not line["loc"] or "api_key" in line["loc"] or isinstance(line["input"], ApiKey)


def _from_environment(provider: str, variable: str) -> ApiKey:
    return ApiKey.find(None, provider=provider, variable=variable)


def _from_value(provider: str, value: Any) -> ApiKey:
    return ApiKey(value, provider=provider)


def _fault(value: Any, provider: str, variable: str | None) -> MissingApiKeyError | None:
    """Why a value cannot stand in a header as a key; the complaint does not repeat it."""
    where = f"the environment variable {variable}" if variable else "api_key"
    what = None
    if not isinstance(value, str):
        what = f"must be text, not {type(value).__name__}"
    elif not value:
        what = "is empty"
    elif not value.isascii() or not value.isprintable() or " " in value:
        what = "holds blanks, line ends or non-ASCII characters; copy the key again"
    return None if what is None else MissingApiKeyError(f"{provider}: {where} {what}", provider=provider)
