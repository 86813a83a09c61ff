"""The user's keys: where they come from, and that they show themselves nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from multiapi.errors import MissingApiKeyError

_MASK = "**********"


class ApiKey:
    """One vendor's key.

    It prints as asterisks. One that came from the environment is pickled and copied as the variable's name and read again where
    it is unpickled; one that was given explicitly travels with a pickle, because worker processes need it.

    Args:
        value: The key, or a function that gives it at each call (for keys that rotate).
        variable: The environment variable it came from.
    """

    __slots__ = ("_value", "provider", "variable")

    def __init__(self, value: str | Callable[[], Any], *, provider: str, variable: str | None = None) -> None:
        self.provider = provider
        self.variable = variable
        self._value = value if callable(value) else _checked(value, provider, variable)

    @classmethod
    def find(cls, given: Any, *, provider: str, variable: str) -> ApiKey:
        """From an argument (text, a secret holder, a function) or the vendor's own environment variable.

        Raises:
            MissingApiKeyError: Neither is there, or it is no key.
        """
        if isinstance(given, ApiKey):
            return given
        if given is not None:
            secret = getattr(given, "get_secret_value", None)
            return cls(secret() if secret is not None else given, provider=provider)
        value = os.environ.get(variable)
        if not value:
            raise MissingApiKeyError(
                f"{provider} needs a key: set the environment variable {variable} or pass api_key=...",
                provider=provider,
            )
        return cls(value, provider=provider, variable=variable)

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
            secret = getattr(found, "get_secret_value", None)
            return _checked(secret() if secret is not None else found, self.provider, None)
        return self._value

    async def resolve(self, pending: Any) -> str:
        """The key out of what an async function of the user gives."""
        found = await pending
        secret = getattr(found, "get_secret_value", None)
        return _checked(secret() if secret is not None else found, self.provider, None)

    def scrub(self, text: str) -> str:
        """Text of a vendor without this key in it."""
        value = self._value
        return text.replace(value, _MASK) if isinstance(value, str) and value in text else text

    def __repr__(self) -> str:
        return f"ApiKey({_MASK})"

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


def _from_environment(provider: str, variable: str) -> ApiKey:
    return ApiKey.find(None, provider=provider, variable=variable)


def _from_value(provider: str, value: Any) -> ApiKey:
    return ApiKey(value, provider=provider)


def _checked(value: Any, provider: str, variable: str | None) -> str:
    """A key that can stand in a header; the complaint does not repeat it."""
    where = f"the environment variable {variable}" if variable else "api_key"
    if not isinstance(value, str):
        raise MissingApiKeyError(f"{provider}: {where} must be text, not {type(value).__name__}", provider=provider)
    if not value:
        raise MissingApiKeyError(f"{provider}: {where} is empty", provider=provider)
    if not value.isascii() or not value.isprintable() or " " in value:
        raise MissingApiKeyError(
            f"{provider}: {where} holds blanks, line ends or non-ASCII characters; copy the key again",
            provider=provider,
        )
    return value
