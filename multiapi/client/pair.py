"""Both clients of one provider from one set of settings, each made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from multiapi.client.client import AsyncClient, Client
from multiapi.errors import MissingApiKeyError
from multiapi.flows.steps import Flow, Target
from multiapi.money.budget import Budget
from multiapi.provider import Provider
from multiapi.providers import find_provider
from multiapi.sending.keys import ApiKey

_MADE = frozenset({"blocking", "awaiting"})


class ClientPair:
    """What tools and readers hold: settings, from which clients are made; no connection, so it copies and pickles.

    Args:
        provider: Name of the provider, or a `Provider`.
        api_key: As for `Client`; None reads the provider's own environment variable.
        http_client: For the client that blocks.
        http_async_client: For the one that is awaited.
        needs_key: Ask for a key now; else it is looked for by the first request that needs one.
        settings: Whatever else both clients take.

    Raises:
        MissingApiKeyError: No key.
    """

    def __init__(
        self,
        provider: str | Provider,
        *,
        api_key: Any = None,
        http_client: Any = None,
        http_async_client: Any = None,
        needs_key: bool = True,
        **settings: Any,
    ) -> None:
        self.provider = find_provider(provider)
        find = ApiKey.look_for if needs_key else ApiKey.find_or_later
        key = find(
            api_key,
            provider=self.provider.name,
            variable=self.provider.api_key_env,
            others=self.provider.other_key_envs,
        )
        api_key = None  # no frame of an error that is raised from here on has it
        if isinstance(key, MissingApiKeyError):
            raise key
        self.key = key
        self.http_client = http_client
        self.http_async_client = http_async_client
        self.settings = {name: value for name, value in settings.items() if value is not None}
        budget = Budget.of(settings.get("budget"))
        if budget is not None:
            budget.attach(self.provider.name, self.provider.units)
            self.settings["budget"] = budget  # one for both clients

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in _MADE}
        return {**state, "http_client": None, "http_async_client": None}

    @cached_property
    def blocking(self) -> Client:
        """The client that blocks."""
        return Client(self.provider, api_key=self.key, http_client=self.http_client, **self.settings)

    @cached_property
    def awaiting(self) -> AsyncClient:
        """The client that is awaited."""
        return AsyncClient(self.provider, api_key=self.key, http_client=self.http_async_client, **self.settings)

    def run(self, make: Callable[[Target], Flow[Any]]) -> Any:
        """The result of a flow, waited for."""
        return self.blocking.as_method(make)()

    async def arun(self, make: Callable[[Target], Flow[Any]]) -> Any:
        """The result of a flow, awaited."""
        return await self.awaiting.as_method(make)()
