"""`ChatMultiApi`: the providers' chat as a LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from functools import cache, cached_property
from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, Unpack, get_type_hints, overload

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.model_profile import ModelProfile, _warn_unknown_profile_keys
from langchain_core.messages import BaseMessage
from langchain_core.messages.block_translators import PROVIDER_TRANSLATORS
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, model_validator

from langchain_multiapi import _blocks
from langchain_multiapi._answers import ChunkWriter, from_response, restore_invalid_calls
from langchain_multiapi._arguments import given, hint_at_caches, with_unknown
from langchain_multiapi._errors import langchain_errors
from langchain_multiapi._keys import Sealed, VendorKey, find_key
from langchain_multiapi._messages import to_json, to_messages
from langchain_multiapi._requests import to_request, to_tools
from langchain_multiapi._traces import combined_outputs, without_secrets
from multiapi._package import __version__
from multiapi.client.arguments import check_home, read_api
from multiapi.client.loading import loaded
from multiapi.errors import InvalidRequestError
from multiapi.flows.steps import Policy, UnknownFields
from multiapi.money.budget import Budget
from multiapi.provider import Provider
from multiapi.providers import PROVIDERS, find_provider, split_model
from multiapi.sending.addresses import address_of_environment
from multiapi.sending.limiter import Limiter
from multiapi.types.attribution import Attribution
from multiapi.types.chat import ChatApi, ChatRequest, MisplacedMedia, OnTruncated, ReasoningReplay, ToolCalling
from multiapi.types.limits import Limits, Timeout

if TYPE_CHECKING:
    from langchain_core.language_models.base import LanguageModelInput
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

    from langchain_multiapi._keywords import ChatModelKeywords
    from multiapi.client.client import AsyncClient, Client
    from multiapi.provider import ProviderName
    from multiapi.types.account import ModelInfo

for _provider in PROVIDERS:  # for messages that are read before there is a model
    _blocks.register(_provider)

_ALIASES = {
    "model_name": "model",
    "max_completion_tokens": "max_tokens",
    "request_timeout": "timeout",
    "stop_sequences": "stop",
}
_CONNECTION_FIELDS = frozenset(
    {
        "provider",
        "api_key",
        "base_url",
        "timeout",
        "max_retries",
        "stream_chunk_timeout",
        "default_headers",
        "default_query",
        "http_client",
        "http_async_client",
        "allow_http",
        "limiter",
        "unknown_fields",
        "attribution",
        "proxy",
        "verify",
        "trust_env",
        "engine",
        "policy",
        "limits",
        "budget",
    }
)
_CLIENTS = ("client", "async_client")
_ALSO_IN_CALLS = {
    name: _ALIASES.get(name, name) for name in ("timeout", "request_timeout", "max_retries", "stream_chunk_timeout")
}


T = TypeVar("T")
Method = Literal["auto", "function_calling", "json_schema", "json_mode", "prompted"]


class ChatMultiApi(Sealed, BaseChatModel):
    """A chat model of one of the providers.

        model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o")
        model = ChatMultiApi(model="aimlapi:openai/gpt-4o")
        model.invoke("hello").text

    Nothing optional is sent unless it is set here or in the call; a setting of the call beats one of the model. Keys come from
    `api_key` or the provider's own environment variable, and go to that provider only.

    Args:
        provider: bineric, binom_router, aimlapi, aicredits or binobox, a registered name, or a `multiapi.Provider`; a name may also
            stand before the model's id. The field holds the name, `vendor` the provider.
        model: The provider's id of the model, passed on unchanged. (Also `model_name`.)
        api_key: Text, `SecretStr`, or a function (sync or async) that gives it. None: the provider's environment variable.
        base_url: The provider's API root. None: the provider's environment variable, else as documented.
        temperature: Like `top_p`, `top_k`, `max_tokens`, `stop`, `seed`, `n`, `presence_penalty`, `frequency_penalty`, `logit_bias`,
            `logprobs`, `top_logprobs`, `reasoning_effort`, `user` and `service_tier` as the providers call them; one that a provider has
            no field for is refused before anything is sent. (Also `max_completion_tokens`, `stop_sequences`.)
        reasoning: An object of that name in the body, for providers that take one.
        timeout: Seconds, (connect, read), `multiapi.Timeout` or `httpx.Timeout`. (Also `request_timeout`.) It, `max_retries` and
            `stream_chunk_timeout` may also be said in a call.
        max_retries: The most retries of a call; 2 unless set.
        stream_chunk_timeout: The longest time in seconds without an event of a stream; keep-alives do not count.
        api: Which of the provider's protocols carries a chat: "chat", "responses" or "messages"; "auto" takes that of the model, and that
            of a built-in tool such as {"type": "web_search_preview"}. (Also `use_responses_api=True` and `False`.)
        web_search: Search the web before answering: True, or the options of the model's own field or tool for it. The sources are
            citations of the response's text block.
        prompt_cache: Let the provider keep the beginning of the prompt (AICredits; the others refuse it). `cache` is LangChain's own
            field, for its cache of whole responses.
        streaming: Stream also when `invoke` is called; False never streams. "auto" streams inside of `invoke`, with the result of a call
            that does not, where the provider ends unstreamed calls that take long.
        stream_usage: Ask for token counts of streams. None: as the provider documents it.
        tool_calling: "native" or "prompted" overrules what the provider documents.
        on_truncated_tool_call: What a call becomes that `max_tokens` cut off: among the invalid ones, an error, or kept as far as it
            can be read.
        promote_reasoning_to_content: A response that is only in the reasoning becomes the text.
        raise_on_content_filter: A response that the provider's filter stopped is an error; otherwise `finish_reason` tells.
        misplaced_media: What becomes of images, sound and documents in messages of tools, the assistant or the system, which providers take
            from the user alone: "hoist" moves them into a user message behind, "url_text" puts their addresses into the text, "error"
            refuses them.
        split_thinking: Take `<think>...</think>` out of the text and hand it out as reasoning.
        reasoning_replay: Which of its own thoughts a model gets back: "always", "with_tools" (those before tool calls), "never", or as
            the provider documents ("auto", and None).
        think: Think "less", or not at all ("off"), written as the provider and the model are known to take it.
        structured_retries: How often a response that is not of the form of `with_structured_output` is sent back to the model with the
            reason; a refusal and a stream are not.
        include_response_headers: Put the response's headers into `response_metadata`.
        default_headers, default_query: Sent with every request; not shown and not serialized.
        model_kwargs, extra_body: Further fields of the body; `extra_body` is merged deeply, last.
        disabled_params: Parameters that are never sent, as {"parallel_tool_calls": None}.
        http_client, http_async_client: An `httpx.Client` and `httpx.AsyncClient`, or those of httpx2, to send with; never closed here.
        allow_http: Permit plain http to hosts that are not this machine.
        proxy: Address of a proxy, as in http://user:password@host:port. None: as HTTPS_PROXY and NO_PROXY say.
        verify: As for httpx: False, or an SSL context.
        trust_env: Whether the variables for proxies and certificates count.
        engine: What sends the requests: "multiapi", "httpx" or "httpx2".
        policy, limits: `multiapi.Policy` and `multiapi.Limits`: what is repeated, and how much is read at most. `max_retries` wins.
        unknown_fields: What is done about fields of the body that the provider is not known to take: "warn" once, "error", or "pass".
        attribution: A `multiapi.Attribution`: which program makes these requests; None: nothing is said.
        budget: A `multiapi.money.Budget`, shared by as many models and tools as you like, or an amount like "20 USD" for this one alone.
        limiter: A `multiapi.Limiter`, shared by as many models, threads and event loops as you like, or "documented" for the
            caps that the provider documents. It is charged with every HTTP attempt; `rate_limiter`, LangChain's own, once per call.
        custom_get_token_ids: A tokenizer, for counting tokens; without it the number is estimated.

    Raises:
        MissingApiKeyError: No key.
        InvalidRequestError: No such provider, or an address that cannot be one. Calls raise the classes of `multiapi.errors`,
            each of which is one of LangChain's `ModelError` classes as well.
    """

    provider: str = ""
    model: str
    api_key: SecretStr | Callable[[], Any] | str | None = None
    base_url: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    reasoning: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    timeout: Any = None
    max_retries: int | None = None
    stream_chunk_timeout: float | None = None
    api: ChatApi | None = None
    web_search: bool | dict[str, Any] | None = None
    prompt_cache: bool | None = None
    streaming: bool | Literal["auto"] | None = None
    stream_usage: bool | None = None
    tool_calling: ToolCalling | None = None
    on_truncated_tool_call: OnTruncated = "invalid"
    promote_reasoning_to_content: bool = False
    raise_on_content_filter: bool = False
    misplaced_media: MisplacedMedia = "hoist"
    split_thinking: bool | None = None
    reasoning_replay: ReasoningReplay | None = None
    think: Literal["less", "off"] | None = None
    structured_retries: int = 0
    include_response_headers: bool = False
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    default_query: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    model_kwargs: dict[str, Any] | None = None
    extra_body: dict[str, Any] | None = None
    disabled_params: dict[str, Any] | None = None
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    allow_http: bool = False
    unknown_fields: UnknownFields = "warn"
    attribution: Attribution | None = Field(default=None, exclude=True, repr=False)
    budget: Annotated[Any, BeforeValidator(Budget.of)] = Field(default=None, exclude=True, repr=False)
    limiter: Limiter | Literal["documented"] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    verify: Any = Field(default=True, exclude=True, repr=False)
    trust_env: bool = Field(default=True, exclude=True, repr=False)
    engine: str | None = Field(default=None, exclude=True, repr=False)
    policy: Policy | None = Field(default=None, exclude=True, repr=False)
    limits: Limits | None = Field(default=None, exclude=True, repr=False)

    _home: tuple[str, str | None] | None = PrivateAttr(default=None)
    _vendor: Provider | None = PrivateAttr(default=None)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, *, model: str, provider: ProviderName | Provider = ..., **settings: Unpack[ChatModelKeywords]
        ) -> None: ...

        @overload
        def __init__(
            self, *, model_name: str, provider: ProviderName | Provider = ..., **settings: Unpack[ChatModelKeywords]
        ) -> None: ...

        def __init__(self, **settings: Any) -> None: ...

    # ------------------------------------------------------------------------------------ making one

    @model_validator(mode="before")
    @classmethod
    def _read_arguments(cls, values: Any) -> Any:
        """Aliases, the provider before the model's id, arguments that are not fields, and the key."""
        if not isinstance(values, dict):
            return values
        if "max_completion_tokens" in values:
            values = {"max_tokens_name": "max_completion_tokens", **values}
        values = {_ALIASES.get(name, name): value for name, value in values.items()}
        fields = cls.model_fields
        with langchain_errors():
            read_api(values)
            model = _model_id(given(fields, values, "model"))
            provider, values["model"] = split_model(model, given(fields, values, "provider") or None)
            check_home(cls, provider.name)
            values["provider"] = provider.name
            values["api_key"] = find_key(given(fields, values, "api_key"), provider)
        if "stop" in values:
            values["stop"] = _listed(values["stop"])
        extra = with_unknown(cls.__name__, fields.keys(), values)
        if extra is not None:
            values["model_kwargs"] = extra
        return values

    @model_validator(mode="after")
    def _note_address(self) -> Self:
        """The address of the environment is the one of now: it may not change under a key that is in use."""
        self._home = (self.provider, address_of_environment(self.vendor))
        if self.cache is True:
            hint_at_caches(self.vendor)
        if self.budget is not None:
            self.budget.attach(self.vendor.name, self.vendor.units)
        return self

    @model_validator(mode="after")
    def _set_multiapi_version(self) -> Self:
        self._add_version("multiapi", __version__)
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """As LangChain's own check, which reads the type hints anew for every model."""
        if self.profile and not self.profile.keys() <= _profile_keys():
            _warn_unknown_profile_keys(self.profile)
        return self

    def _resolve_model_profile(self) -> ModelProfile:
        from langchain_multiapi.profiles import find_profile

        return find_profile(self.vendor, self.model)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CONNECTION_FIELDS:
            for client in _CLIENTS:
                self.__dict__.pop(client, None)
            if name == "api_key":
                value = find_key(value, self.vendor)
        moves = False
        if name == "provider":
            vendor = find_provider(value)
            check_home(type(self), vendor.name)
            moves, value, self._vendor = vendor.name != self.provider, vendor.name, vendor
        super().__setattr__(name, value)
        if moves:  # neither the address nor the key of one provider is taken along to another
            super().__setattr__("base_url", None)
            super().__setattr__("api_key", find_key(self.api_key, self.vendor))
            self._home = (value, address_of_environment(self.vendor))

    @cached_property
    def client(self) -> Client:
        """The core's client that this model calls, also for what LangChain has no class for."""
        from multiapi.client.client import Client

        return Client(self.vendor, **self._connection(), http_client=self.http_client)

    @cached_property
    def async_client(self) -> AsyncClient:
        """The same, awaited."""
        from multiapi.client.client import AsyncClient

        return AsyncClient(self.vendor, **self._connection(), http_client=self.http_async_client)

    def _connection(self) -> dict[str, Any]:
        timeout = Timeout.of(self.timeout)
        if self.stream_chunk_timeout is not None:
            timeout = replace(timeout, idle=self.stream_chunk_timeout)
        key = find_key(self.api_key, self.vendor)
        home, address = self._home or ("", None)
        return {
            "api_key": key.to_core() if isinstance(key, VendorKey) else key,
            "base_url": self.base_url or (address if home == self.provider else None),
            "timeout": timeout,
            "max_retries": self.max_retries,
            "default_headers": self.default_headers,
            "default_query": self.default_query,
            "allow_http": self.allow_http,
            "limiter": self.limiter,
            "proxy": self.proxy,
            "verify": self.verify,
            "trust_env": self.trust_env,
            "engine": self.engine,
            "policy": self.policy,
            "limits": self.limits,
            "unknown_fields": self.unknown_fields,
            "attribution": self.attribution,
            "budget": self.budget,
        }

    def list_models(self) -> tuple[ModelInfo, ...]:
        """The provider's models as it lists them now, with prices where it says them. Profiles know their context windows from then on.

        Raises:
            UnsupportedError: The provider has no list.
        """
        with langchain_errors():
            return self.client.models()

    async def alist_models(self) -> tuple[ModelInfo, ...]:
        """As `list_models`, awaited."""
        with langchain_errors():
            return await self.async_client.models()

    def close(self) -> None:
        """Close the idle connections, which all models of this process share; all of them stay usable. Your own clients are left alone."""
        self.client.close()

    async def aclose(self) -> None:
        """As `close`, for the connections of this event loop."""
        await self.async_client.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # ------------------------------------------------------------------------------------ copies

    def __copy__(self) -> Self:
        copied = super().__copy__()
        for client in _CLIENTS:
            copied.__dict__.pop(client, None)
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Everything is copied but what is made to be shared: httpx clients, the rate limiter and the cache."""
        memo = {} if memo is None else memo
        for shared in (self.http_client, self.http_async_client, self.rate_limiter, self.cache):
            memo[id(shared)] = shared
        return super(ChatMultiApi, self.__copy__()).__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        held = {name: value for name, value in state["__dict__"].items() if name not in _CLIENTS}
        return {**state, "__dict__": {**held, "http_client": None, "http_async_client": None}}

    # ------------------------------------------------------------------------------------ calls

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            called, request = self._asked(messages, stop, kwargs)
            return from_response(called.client.chat(request), request.model, **self._reading())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        await loaded("langchain_multiapi.errors")
        with langchain_errors():
            called, request = self._asked(messages, stop, kwargs)
            return from_response(await called.async_client.chat(request), request.model, **self._reading())

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with langchain_errors():
            called, request, writer = self._begun(messages, stop, run_manager, kwargs)
            with closing(called.client.chat_stream(request)) as deltas:
                for delta in deltas:
                    chunk = writer.chunk(delta)
                    if run_manager is not None:
                        run_manager.on_llm_new_token(delta.text, chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await loaded("langchain_multiapi.errors")
        with langchain_errors():
            called, request, writer = self._begun(messages, stop, run_manager, kwargs)
            async with aclosing(called.async_client.chat_stream(request)) as deltas:
                async for delta in deltas:
                    chunk = writer.chunk(delta)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(delta.text, chunk=chunk)
                    yield chunk

    def _asked(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, call: dict[str, Any]
    ) -> tuple[Self, ChatRequest]:
        """The model that is called, with a call's own limits, and what it asks."""
        called = self._called(call) if call else self
        return called, called._request(messages, stop, call)

    def _begun(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, run_manager: Any, call: dict[str, Any]
    ) -> tuple[Self, ChatRequest, Any]:
        """As `_asked`, with what makes chunks out of deltas."""
        called, request = self._asked(messages, stop, call)
        return called, request, self._writer(request.model, run_manager)

    def _called(self, call: dict[str, Any]) -> Self:
        """This model, or a copy with the limits of time and repetition that a call has of its own."""
        limits = {_ALSO_IN_CALLS[name]: call.pop(name) for name in _ALSO_IN_CALLS.keys() & call.keys()}
        return self.model_copy(update=limits) if limits else self

    def _request(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, call: dict[str, Any]
    ) -> ChatRequest:
        provider = self.vendor
        if provider.name not in PROVIDER_TRANSLATORS:
            _blocks.register(provider.name)
        request = to_request(self.__dict__, provider, messages, stop, call)
        return replace(request, streaming="auto") if self.streaming == "auto" else request

    def _reading(self) -> dict[str, Any]:
        return {"include_headers": self.include_response_headers}

    def _writer(self, model: str, run_manager: Any) -> ChunkWriter:
        """A run manager comes here only where v3 events are made of the chunks."""
        for_events = run_manager is not None
        as_blocks = self.output_version == "v1" or for_events
        return ChunkWriter(self.provider, model, as_blocks=as_blocks, for_events=for_events, **self._reading())

    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_invalid_calls(super()._generate_with_cache(messages, stop=stop, run_manager=run_manager, **kwargs))

    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_invalid_calls(
            await super()._agenerate_with_cache(messages, stop=stop, run_manager=run_manager, **kwargs)
        )

    # ------------------------------------------------------------------------------------ tools and forms of responses

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: dict[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools, on every provider: natively, or asked for in the prompt where the provider has none.

        Args:
            tools: Functions, classes, `BaseTool`s or schemas; a dict in another form than OpenAI's or Anthropic's is sent as it is.
            tool_choice: "auto", "none", "any" or "required" or True, a tool's name, or OpenAI's object.
            strict: Ask the provider to keep to the schemas.
            parallel_tool_calls: Sent only if set.
            response_format: The form of the final answer; said otherwise where the provider has no such field.

        Raises:
            ValueError: `tool_choice` names a tool that is not there.
        """
        from langchain_multiapi._structured import bound_tools

        return self.bind(
            **bound_tools(
                tools,
                tool_choice=tool_choice,
                strict=strict,
                parallel_tool_calls=parallel_tool_calls,
                response_format=response_format,
            ),
            **kwargs,
        )

    @overload  # type: ignore[override]
    def with_structured_output(
        self,
        schema: type[T],
        *,
        method: Method | None = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, T]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | Callable[..., Any] | None = ...,
        *,
        method: Method | None = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | Callable[..., Any] | None = ...,
        *,
        method: Method | None = ...,
        include_raw: bool,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]: ...

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | Callable[..., Any] | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers of a given form, on every provider.

        Args:
            schema: A pydantic class (v1 or v2), a `TypedDict`, a JSON schema, or a function in OpenAI's form. None goes with
                "json_mode" only.
            method: How to ask. None (or "auto") takes the best way the provider documents, steps down when the provider refuses it,
                and remembers that. A way that is named is used or refused.
            include_raw: Give {"raw", "parsed", "parsing_error"} instead of the response alone.
            strict: Ask the provider to keep to the schema; not with "json_mode".
            kwargs: Further settings of the calls. Of `tools` the model may call one instead of answering: see `include_raw`.

        Raises:
            ValueError: An unknown method, or arguments that do not go together.
        """
        from langchain_multiapi._structured import structured

        retries = kwargs.pop("structured_retries", self.structured_retries)
        return structured(
            self, schema, method=method, include_raw=include_raw, strict=strict, call=kwargs, retries=retries
        )

    # ------------------------------------------------------------------------------------ what LangChain asks about us

    @property
    def model_name(self) -> str:
        """The model's id, under the name that other integrations have for it."""
        return self.model

    @property
    def _llm_type(self) -> str:
        return f"{self.provider}-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        held = self.__dict__
        told = {name: held[name] for name in _IDENTIFYING if held[name] is not None}
        return {"provider": self.provider, "model": self.model, "model_name": self.model, **told}

    def _dict_for_compat(self) -> dict[str, Any]:
        """As LangChain's own, which turns warnings off and on for the sake of classes with a `dict` of their own."""
        return self.asdict() if type(self).dict is BaseChatModel.dict else super()._dict_for_compat()

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        params = super()._get_invocation_params(stop=stop or _listed(self.stop), **kwargs)
        return without_secrets(params) if kwargs else params

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        model = kwargs.get("model") or kwargs.get("model_name") or self.model
        params = LangSmithParams(ls_provider=self.provider, ls_model_name=model, ls_model_type="chat")
        temperature = kwargs.get("temperature", self.temperature)
        if temperature is not None:
            params["ls_temperature"] = temperature
        max_tokens = kwargs.get("max_tokens", kwargs.get("max_completion_tokens", self.max_tokens))
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        stops = stop or _listed(self.stop)
        if stops:
            params["ls_stop"] = list(stops)
        return params

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return combined_outputs(llm_outputs)

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"api_key": self.vendor.api_key_env}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a tokenizer that was given as `custom_get_token_ids`; none other is used."""
        if self.custom_get_token_ids is None:
            raise NotImplementedError(
                f"{self.provider} publishes no tokenizer; pass custom_get_token_ids=..., or use get_num_tokens for an estimate"
            )
        return self.custom_get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text has: counted with `custom_get_token_ids`, else estimated without any tokenizer."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return len(text) // 4 + bool(len(text) % 4)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """How many tokens a conversation has, tools included; counted or estimated as in `get_num_tokens`."""
        from langchain_core.messages.utils import count_tokens_approximately
        from langchain_core.utils.function_calling import convert_to_openai_tool

        if self.custom_get_token_ids is None:
            formatted: list[Any] = [
                tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in tools or ()
            ]
            return count_tokens_approximately(messages, tools=formatted or None)
        told = to_messages(messages, self.provider)
        texts = [message.content if isinstance(message.content, str) else to_json(message.content) for message in told]
        texts += [to_json(call) for message in told for call in message.tool_calls]
        texts += [to_json(tool.parameters) + tool.name + tool.description for tool in to_tools(tools or ())]
        return sum(len(self.custom_get_token_ids(text)) for text in texts)


_IDENTIFYING = (
    "base_url",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "reasoning",
    "user",
    "service_tier",
    "tool_calling",
    "reasoning_replay",
    "think",
    "model_kwargs",
    "extra_body",
)


def _keep_signatures(model: type[BaseChatModel]) -> None:
    """LangChain asks for the parameters of these methods with every call, and to find them out takes longer than to read a response."""
    methods: tuple[Any, ...] = (model._generate, model._agenerate)
    for method in methods:
        method.__signature__ = signature(method)


_keep_signatures(ChatMultiApi)


def _with_invalid_calls(result: ChatResult) -> ChatResult:
    """A response that LangChain put together from a stream by itself."""
    for generation in result.generations:
        restore_invalid_calls(generation.message)
    return result


def _listed(stop: list[str] | str | None) -> list[str] | None:
    return [stop] if isinstance(stop, str) else stop


@cache
def _profile_keys() -> frozenset[str]:
    return frozenset(get_type_hints(ModelProfile))


def _model_id(model: Any) -> str:
    if not isinstance(model, str) or not model:
        raise InvalidRequestError("a chat model needs the id of a model: ChatMultiApi(provider=..., model=...)")
    return model
