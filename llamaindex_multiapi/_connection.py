"""What the LLM and the embeddings share: a provider, a key, and clients that follow the fields as they are at each call."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from multiapi.client.arguments import MEANINGLESS, check_home, check_names, read_api
from multiapi.errors import InvalidRequestError, MissingApiKeyError
from multiapi.formats.openai.vendor import merged
from multiapi.money.budget import Budget
from multiapi.provider import Provider
from multiapi.providers import find_provider, split_model
from multiapi.sending.addresses import address_of_environment, checked_base_url
from multiapi.sending.keys import ApiKey, sealed

if TYPE_CHECKING:
    from multiapi.client.client import AsyncClient, Client

_SHARED = frozenset(
    {
        "api_key",
        "http_client",
        "http_async_client",
        "callback_manager",
        "rate_limiter",
        "limiter",
        "budget",
        "verify",
        "timeout",
    }
)
"""What a deep copy has in common with its original: connections, keys, observers and budgets."""
_FIRST = frozenset({"provider", "model"})
"""What is changed before the rest, because another provider comes without key and address."""
_FOLLOWED = frozenset({"api_key", "rate_limiter", "model", "provider"})
"""Fields whose assignment means more than that."""
_NOT_PICKLED = frozenset({"http_client", "http_async_client"})
_OTHER_NAMES = {"api_base": "base_url", "async_http_client": "http_async_client", "model_name": "model"}
"""What LlamaIndex's classes for OpenAI's protocol call the same things."""
_SETTLED = frozenset(
    {"is_chat_model", "strict", "should_use_structured_outputs", "api_version", "reuse_client", "tokenizer"}
)
"""What those classes have to be told and ours know."""
_OF_A_CALL = {"extra_headers": "default_headers", "extra_query": "default_query", "timeout": "timeout"}
"""What stands beside the body in a call of OpenAI's SDK, and the fields that say the same for all calls."""


class Connected:
    """Comes before the framework's class in the bases of a model.

    No client is a field: clients are made when they are needed and made anew when a field they depend on has changed, so copies,
    pickles and assignments have no old client to hold on to. Making one is cheap; connections belong to the process or loop.
    """

    if TYPE_CHECKING:
        _vendor: Provider | None

    def __init__(self, *model: str, **data: Any) -> None:
        try:
            self._initialize(_with_model(type(self).__name__, model, data))
        except Exception as error:
            failure = sealed(error)
        else:
            return
        data = {}
        raise failure

    def _initialize(self, data: dict[str, Any]) -> None:
        if "api" in type(self).model_fields:  # type: ignore[attr-defined]
            read_api(data)
        unknown = data.keys() - type(self).model_fields.keys()  # type: ignore[attr-defined]
        if unknown:
            _find_places(unknown, data, type(self))
        provider, data["model"] = split_model(self._given(data, "model"), self._given(data, "provider") or None)
        check_home(type(self), provider.name)
        given_object = isinstance(data.get("provider"), Provider)
        if not data["model"]:
            raise InvalidRequestError(f"{type(self).__name__} needs the id of a model: model=...")
        data["provider"] = provider.name
        key = ApiKey.look_for(
            data.pop("api_key", None),
            provider=provider.name,
            variable=provider.api_key_env,
            others=provider.other_key_envs,
        )
        if isinstance(key, MissingApiKeyError):
            raise key
        if data.get("base_url") is None:
            data["base_url"] = address_of_environment(provider)
        budget = data["budget"] = Budget.of(data.get("budget"))
        if budget is not None:
            budget.attach(provider.name, provider.units)
        if data.get("rate_limiter") is not None:
            data["rate_limiter"] = _for_attempts(data["rate_limiter"])
        # A key of the environment is not kept but read at each call, so that it may change.
        super().__init__(**data, api_key=key if key.variable is None else None)  # type: ignore[call-arg]
        if given_object:
            self._vendor = provider
        if data["base_url"] is not None:
            checked_base_url(provider, data["base_url"], allow_http=self.__dict__["allow_http"])

    def _given(self, data: Mapping[str, Any], name: str) -> Any:
        """A setting, or what a subclass has instead."""
        default = type(self).model_fields[name].default  # type: ignore[attr-defined]
        return data.get(name) or (default if isinstance(default, str) else "")

    @property
    def vendor(self) -> Provider:
        """The provider: the object that was given, else the one of this name."""
        name, held = self.__dict__["provider"], self.__pydantic_private__["_vendor"]  # type: ignore[attr-defined]
        return held if held is not None and held.name == name else find_provider(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _FOLLOWED:
            pass
        elif name == "api_key":
            value = _held_key(value, self.__dict__.get("provider", ""))
        elif name == "rate_limiter":
            value = _for_attempts(value)
        elif name == "model" and self.__dict__.get("model") is not None:
            provider, value = split_model(value, self.vendor)
            self._move_to(provider)
        elif name == "provider":
            self._move_to(find_provider(value))
            return
        super().__setattr__(name, value)

    def _move_to(self, provider: Provider) -> None:
        """Another provider: neither the key nor the address of the old one is taken along."""
        check_home(type(self), provider.name)
        self._vendor = provider
        if provider.name == self.__dict__.get("provider"):
            return
        super().__setattr__("provider", provider.name)
        super().__setattr__("base_url", address_of_environment(provider))
        super().__setattr__("api_key", None)

    # ------------------------------------------------------------------------------------ copies

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied: Any = super().model_copy(deep=deep)  # type: ignore[misc]
        changes = dict(update or {})
        for name in sorted(changes, key=lambda name: name not in _FIRST):
            setattr(copied, name, changes[name])
        return copied  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        copied: Any = copy.copy(self)
        fields = copied.__dict__
        fields.update({name: copy.deepcopy(value, memo) for name, value in fields.items() if name not in _SHARED})
        return copied  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        fields = {name: value for name, value in self.__dict__.items() if name not in _NOT_PICKLED}
        if not _pickles(fields.get("callback_manager")):
            fields.pop("callback_manager")
        limiter = fields.get("rate_limiter")
        if limiter is not None and not _pickles(limiter):
            fields["rate_limiter"] = _Rebuilt(type(limiter), limiter.model_dump())
        return {"__dict__": fields, "vendor": self.__pydantic_private__["_vendor"]}  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        fields = dict(state["__dict__"])
        if isinstance(fields.get("rate_limiter"), _Rebuilt):
            fields["rate_limiter"] = fields["rate_limiter"].make()
        super().__init__(**fields)
        self._vendor = state.get("vendor")

    # ------------------------------------------------------------------------------------ clients

    @property
    def client(self) -> Client:
        """The core's client that this model calls, also for what LlamaIndex has no class for."""
        return self._client({})

    @property
    def async_client(self) -> AsyncClient:
        """The same, awaited."""
        return self._async_client({})

    def close(self) -> None:
        """Close the idle connections, which all models of this process share; all of them stay usable. Your own clients are left
        alone. Nothing needs this: connections end with the process or the loop.
        """
        self._client({}).close()

    async def aclose(self) -> None:
        """As `close`, for the connections of this event loop."""
        await self._async_client({}).aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _client(self, options: dict[str, Any]) -> Client:
        """The client for the fields as they are; `options` of a call may hold another `timeout`, which is taken out of them."""
        return self._kept_client("_sync", "http_client", options)  # type: ignore[no-any-return]

    def _async_client(self, options: dict[str, Any]) -> AsyncClient:
        """As `_client`."""
        return self._kept_client("_async", "http_async_client", options)  # type: ignore[no-any-return]

    def _kept_client(self, slot: str, http_client: str, options: dict[str, Any]) -> Any:
        fields = self.__dict__
        provider = self.vendor
        key = fields["api_key"]
        timeout = options.pop("timeout", None) or fields["timeout"]
        query = options.pop("extra_query", None)
        default_query = {**(fields["default_query"] or {}), **query} if query else fields["default_query"]
        chosen = fields["policy"] is None or "max_retries" in self.model_fields_set  # type: ignore[attr-defined]
        max_retries = fields["max_retries"] if chosen else None
        settings = (
            provider,
            key if key is not None else _key_of_environment(provider),
            fields["base_url"],
            timeout,
            max_retries,
            fields["policy"],
            fields["limits"],
            _frozen(fields["default_headers"]),
            _frozen(default_query),
            fields["proxy"],
            fields["verify"],
            fields["trust_env"],
            fields["engine"],
            fields["allow_http"],
            fields[http_client],
            _limiter_of(fields),
            fields.get("unknown_fields"),
            fields["attribution"],
            fields["budget"],
        )
        private = self.__pydantic_private__  # type: ignore[attr-defined]
        held = private[slot]
        if held is not None and held[0] == settings:
            return held[1]
        from multiapi.client import client as clients

        made: Any = (clients.Client if slot == "_sync" else clients.AsyncClient)(
            provider,
            api_key=key,
            base_url=fields["base_url"],
            timeout=timeout,
            max_retries=max_retries,
            policy=fields["policy"],
            limits=fields["limits"],
            default_headers=fields["default_headers"],
            default_query=default_query,
            http_client=fields[http_client],
            proxy=fields["proxy"],
            verify=fields["verify"],
            trust_env=fields["trust_env"],
            engine=fields["engine"],
            allow_http=fields["allow_http"],
            limiter=_limiter_of(fields),
            unknown_fields=fields.get("unknown_fields", "warn"),
            attribution=fields["attribution"],
            budget=fields["budget"],
        )
        private[slot] = (settings, made)
        return made


class _Rebuilt:
    """A rate limiter on its way to another process: its class and its settings, because its lock cannot travel."""

    def __init__(self, kind: type, settings: dict[str, Any]) -> None:
        self.kind = kind
        self.settings = settings

    def make(self) -> Any:
        return self.kind(**self.settings)


def _with_model(kind: str, model: tuple[str, ...], data: dict[str, Any]) -> dict[str, Any]:
    """The settings with the model among them, which alone may stand first and without its name."""
    if len(model) > 1 or (model and "model" in data):
        raise TypeError(f"{kind}() takes the model first and everything else by name")
    return {**data, "model": model[0]} if model else data


def _find_places(unknown: set[str], data: dict[str, Any], cls: Any) -> None:
    """Arguments that are not fields: our other names are understood, and the rest goes into the body of each request.

    Raises:
        InvalidRequestError: A key under a name that would put it into the body, or something that is given twice.
    """
    unknown -= {field.alias for field in cls.model_fields.values()} | {"class_name"}
    data.pop("class_name", None)
    for name in unknown & _OTHER_NAMES.keys():
        if data.get(_OTHER_NAMES[name]) is not None:
            raise InvalidRequestError(f"{name} and {_OTHER_NAMES[name]} are the same; give one of them")
        data[_OTHER_NAMES[name]] = data.pop(name)
    body = dict(data.pop("additional_kwargs", None) or {})
    for name, field in _OF_A_CALL.items():
        for given in (body.pop(name, None), data.pop(name, None) if name not in cls.model_fields else None):
            if given is not None:
                held = data.get(field)
                data[field] = given if field == "timeout" else merged(dict(held or {}), given)
    own = body.pop("extra_body", None)
    body = merged(body, own) if own else body
    unknown -= _OF_A_CALL.keys()
    meaningless = {name: data.pop(name) for name in unknown & (_SETTLED | MEANINGLESS)}
    rest = {name: data.pop(name) for name in unknown & data.keys()}
    for name in rest:
        if "api_key" in name:
            raise InvalidRequestError(f"{cls.__name__} takes its key as api_key, not as {name}")
    check_names(cls.__name__, rest, cls.model_fields)
    if meaningless:
        warnings.warn(f"{sorted(meaningless)} mean nothing to {cls.__name__} and are left out", stacklevel=4)
    if rest:
        hint = "; prompt_cache is the argument for the provider's cache" if "cache" in rest else ""
        warnings.warn(
            f"{sorted(rest)} are unknown arguments of {cls.__name__}; they are sent in the body of every request (extra_body){hint}",
            stacklevel=4,
        )
    if body or rest:
        data["extra_body"] = merged({**body, **rest}, data.get("extra_body") or {})


def _held_key(given: Any, provider: str) -> ApiKey | None:
    return None if given is None else ApiKey.find(given, provider=provider, variable="")


def _limiter_of(fields: Mapping[str, Any]) -> Any:
    """The core's limiter: given as such, or inside of our own that LlamaIndex knows."""
    return fields["limiter"] or getattr(fields["rate_limiter"], "limiter", None)


def _for_attempts(limiter: Any) -> Any:
    """Our own is charged with each attempt and not once more with the call."""
    shared = getattr(limiter, "for_attempts", None)
    return limiter if shared is None else shared()


def _key_of_environment(provider: Provider) -> Any:
    """The key as it is now, in its holder; what is wrong with it is said when a client is made."""
    return ApiKey.look_for(None, provider=provider.name, variable=provider.api_key_env, others=provider.other_key_envs)


def _frozen(mapping: Mapping[str, str] | None) -> Any:
    return tuple(mapping.items()) if mapping else None


def _pickles(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True
