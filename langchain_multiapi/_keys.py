"""A provider's key as a model holds it: a LangChain secret that knows whose it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from multiapi.provider import Provider
from multiapi.providers import find_provider
from multiapi.sending.keys import ApiKey, found_in_environment, missing_key, sealed


class VendorKey(SecretStr):
    """A key that goes to one provider only.

    When a model is made again with another provider (configurable fields do that), the key is not taken along. One that came from
    the environment is pickled and copied as the name of the variable.
    """

    def __init__(self, value: str, provider: str, variable: str | None = None) -> None:
        super().__init__(value)
        self.provider = provider
        self.variable = variable

    def __reduce__(self) -> tuple[Any, ...]:
        if self.variable is not None:
            return _from_environment, (self.provider, self.variable)
        return VendorKey, (self._secret_value, self.provider)

    def __deepcopy__(self, memo: dict[int, Any]) -> VendorKey:
        return self

    def to_core(self) -> ApiKey:
        """The key as the core's client takes it."""
        return ApiKey(self._secret_value, provider=self.provider, variable=self.variable)


class Sealed:
    """Comes before LangChain's class in the bases: what its constructor complains about is raised without the arguments, which are in
    the frames, and for a while in the inputs, of pydantic's errors, and hold the key.

    A provider that was given as an object is held beside the fields, of which `provider` is its name.
    """

    if TYPE_CHECKING:
        provider: str
        _vendor: Provider | None
    else:

        def __init__(self, *args: Any, **arguments: Any) -> None:
            given = arguments.get("provider")
            try:
                super().__init__(*args, **arguments)
            except Exception as error:
                failure = sealed(error)
            else:
                if isinstance(given, Provider):
                    self._vendor = given
                return
            args, arguments = (), {}
            raise failure

    @property
    def vendor(self) -> Provider:
        """The provider: the object that was given, else the one of this name."""
        held = self.__pydantic_private__["_vendor"]  # type: ignore[attr-defined]
        return held if held is not None and held.name == self.provider else find_provider(self.provider)


def find_key(given: Any, provider: Provider) -> Any:
    """The key to use: the one given if it is this provider's, a function that gives it, else the provider's own variable.

    Raises:
        MissingApiKeyError: None of them; the message names the variable.
    """
    if isinstance(given, VendorKey) and given.provider == provider.name:
        return given
    if given is None or isinstance(given, VendorKey):
        return _from_environment(provider.name, *provider.key_variables)
    if isinstance(given, ApiKey):
        return find_key(given.reveal(), provider)
    secret = getattr(given, "get_secret_value", None)
    value = given if secret is None else secret()
    if callable(value):
        return value
    ApiKey(value, provider=provider.name)
    return VendorKey(value, provider.name)


def _from_environment(provider: str, variable: str, *others: str) -> VendorKey:
    found = found_in_environment(provider, (variable, *others), "keys")
    if found is None:
        raise missing_key(provider, variable, others)
    value = os.environ[found]
    ApiKey(value, provider=provider, variable=found)
    return VendorKey(value, provider, found)
