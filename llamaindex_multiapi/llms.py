"""`MultiApiLLM`: the chat models of all five providers as one LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, overload

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import BaseModel, Field, PrivateAttr
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher

from llamaindex_multiapi._answers import from_answer, to_completion
from llamaindex_multiapi._connection import Connected
from llamaindex_multiapi._requests import SETTINGS, Call, response_format_of, to_call
from llamaindex_multiapi._tool_calls import CallsTools
from llamaindex_multiapi._views import Views
from multiapi.client.loading import loaded
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.steps import UnknownFields
from multiapi.provider import Provider
from multiapi.providers.context_windows import context_window_of
from multiapi.types.chat import (
    ChatApi,
    ChatDelta,
    MisplacedMedia,
    OnTruncated,
    ReasoningReplay,
    StructuredMethod,
    ToolCalling,
)

if TYPE_CHECKING:
    from llamaindex_multiapi._keywords import LLMKeywords
    from llamaindex_multiapi._structured import Question
    from multiapi.provider import ProviderName
    from multiapi.types.account import ModelInfo

dispatcher = get_dispatcher(__name__)

_METHODS: dict[PydanticProgramMode, StructuredMethod] = {
    PydanticProgramMode.DEFAULT: "auto",
    PydanticProgramMode.FUNCTION: "function_calling",
    PydanticProgramMode.LLM: "prompted",
}
"""The framework's ways to an object that are ours too. Its own programs lose the system prompt when they are awaited, do not demand
the tool when they stream, and read no JSON in a fence."""


class MultiApiLLM(Connected, CallsTools, FunctionCallingLLM):
    """A chat model of Bineric, Binom.Router, AI/ML API, AICredits or Binobox.

    ```
    llm = MultiApiLLM(provider="aimlapi", model="openai/gpt-4o")
    llm = MultiApiLLM(model="aimlapi:openai/gpt-4o")
    ```

    Nothing optional is sent unless it is set. What is given with a call wins over what is set here; arguments that are not
    known go into the body of the request unchanged, as `extra_body` does. Fields may be changed at any time and take effect
    with the next call. Names of `OpenAILike` are understood where they mean the same (`api_base`, `additional_kwargs`, ...), and
    arguments that nobody knows go into `extra_body`, with a warning.

    Args:
        provider: One of bineric, binom_router, aimlapi, aicredits, binobox, a registered name, or a `multiapi.Provider`; a name may also
            stand before the model, with a colon. The field holds the name, `vendor` the provider.
        model: The provider's id of the model, passed on unchanged; may stand first without its name.
        api_key: Text, a secret holder, or a function that gives it. None: the provider's own environment variable, read at
            each call. Never shown, dumped or logged; pickled only if it was given here.
        base_url: The provider's API root. None: the provider's own environment variable, else as documented.
        temperature: Also `top_p`, `top_k`, `max_tokens`, `stop`, `seed`, `presence_penalty`, `frequency_penalty`, `logit_bias`,
            `logprobs`, `top_logprobs`, `reasoning_effort`, `user`, `service_tier`, `parallel_tool_calls`: as the provider takes them.
        extra_body: Merged deeply into the body of each request.
        api: Which of the provider's protocols carries a chat: "chat", "responses" or "messages"; "auto" takes that of the model, and that
            of a built-in tool such as {"type": "web_search_preview"}.
        web_search: Search the web before answering: True, or the options of the model's own field or tool for it. The sources are in
            `additional_kwargs["citations"]` and in citation blocks.
        prompt_cache: Let the provider keep the beginning of the prompt (AICredits; the others refuse it).
        streaming: Stream also where a whole response is asked for, and put it together: True, or "auto" for a provider that ends
            unstreamed calls which take long.
        stream_usage: Ask for token counts of streams. None: where the provider documents the switch.
        tool_calling: "native" or "prompted" instead of what the provider documents.
        split_thinking: Take `<think>...</think>` at the beginning of the text out of it, as reasoning.
        reasoning_replay: Which of its own thoughts a model gets back: "always", "with_tools" (those before tool calls), "never", or as
            the provider documents it.
        think: Think "less", or not at all ("off"), written as the provider and the model are known to take it.
        structured_method: How a JSON answer is asked for. "auto" takes the provider's best way and steps down when it is refused;
            LlamaIndex's `pydantic_program_mode` FUNCTION is "function_calling" and LLM is "prompted".
        structured_retries: How often a response of the wrong form is sent back to the model with the reason.
        misplaced_media: What becomes of images, sound and documents in messages of tools, the assistant or the system, which
            providers take from the user alone: "hoist" moves them into a user message behind, "url_text" puts their addresses into
            the text, "error" refuses them.
        on_truncated_tool_call: What a call becomes that `max_tokens` cut off: one of the invalid ones, an error ("raise"), or a call with
            as much of its arguments as can be read ("keep").
        promote_reasoning_to_content: A response that is only in the reasoning becomes the text.
        raise_on_content_filter: A response that the provider's filter stopped is an error; otherwise `finish_reason` tells.
        context_window: Tokens that the model takes. None: as far as it is known, else 32,768 with one warning.
        is_function_calling_model: Whether agents may give it tools; providers without tools are asked in the prompt.
        timeout: Seconds, (connect, read), a `multiapi.Timeout` or an `httpx.Timeout`.
        max_retries: The most retries of a call, whatever the reason.
        rate_limiter: One of LlamaIndex's, asked once per call; an `AdaptiveRateLimiter` is charged with each HTTP attempt.
        limiter: The core's own, `multiapi.Limiter`, or "documented" for the caps that the provider documents.
        budget: A `multiapi.money.Budget`, shared by as many models and tools as you like, or an amount like "20 USD" for this one alone.
        unknown_fields: What is done about fields of the body that the provider is not known to take: "warn" once, "error", or "pass".
        http_client: An `httpx.Client` to send with; `http_async_client` for the async methods. They are not pickled.

    Raises:
        MissingApiKeyError: No key.
        InvalidRequestError: No such provider, or an address that cannot be one.
    """

    provider: str = ""
    model: str
    base_url: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    service_tier: str | None = None
    parallel_tool_calls: bool | None = None
    extra_body: dict[str, Any] | None = None
    api: ChatApi = "auto"
    web_search: bool | dict[str, Any] | None = None
    prompt_cache: bool | None = None
    streaming: bool | Literal["auto"] | None = None
    stream_usage: bool | None = None
    tool_calling: ToolCalling = "auto"
    split_thinking: bool = True
    reasoning_replay: ReasoningReplay = "auto"
    think: Literal["less", "off"] | None = None
    structured_method: StructuredMethod = "auto"
    structured_retries: int = 0
    misplaced_media: MisplacedMedia = "hoist"
    on_truncated_tool_call: OnTruncated = "invalid"
    promote_reasoning_to_content: bool = False
    raise_on_content_filter: bool = False
    context_window: int | None = None
    is_function_calling_model: bool = True

    api_key: Any = Field(default=None, exclude=True, repr=False)
    timeout: Any = Field(default=None, exclude=True, repr=False)
    max_retries: int = Field(default=2, exclude=True, repr=False)
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    default_query: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    verify: Any = Field(default=True, exclude=True, repr=False)
    trust_env: bool = Field(default=True, exclude=True, repr=False)
    engine: str | None = Field(default=None, exclude=True, repr=False)
    policy: Any = Field(default=None, exclude=True, repr=False)
    limits: Any = Field(default=None, exclude=True, repr=False)
    allow_http: bool = Field(default=False, exclude=True, repr=False)
    unknown_fields: UnknownFields = Field(default="warn", exclude=True, repr=False)
    attribution: Any = Field(default=None, exclude=True, repr=False)
    budget: Any = Field(default=None, exclude=True, repr=False)
    limiter: Any = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)

    _sync: Any = PrivateAttr(default=None)
    _async: Any = PrivateAttr(default=None)
    _vendor: Provider | None = PrivateAttr(default=None)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, model: str, *, provider: ProviderName | Provider = ..., **settings: Unpack[LLMKeywords]
        ) -> None: ...

        @overload
        def __init__(
            self, *, model_name: str, provider: ProviderName | Provider = ..., **settings: Unpack[LLMKeywords]
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...

    @classmethod
    def class_name(cls) -> str:
        return "MultiApiLLM"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=self.context_window or context_window_of(self.vendor, self.model),
            num_output=self.max_tokens or -1,
            is_chat_model=True,
            is_function_calling_model=self.is_function_calling_model,
            model_name=self.model,
        )

    def to_payload(self) -> dict[str, Any]:
        """What events say of this model: settings, and nothing secret."""
        settings = {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}
        return {
            "class_name": self.class_name(),
            "provider": self.provider,
            "model": self.model,
            "model_name": self.model,
            "context_window": self.context_window or context_window_of(self.vendor, self.model),
            "num_output": self.max_tokens or -1,
            "is_chat_model": True,
            "is_function_calling_model": self.is_function_calling_model,
            "system_role": MessageRole.SYSTEM.value,
            **settings,
        }

    def list_models(self) -> tuple[ModelInfo, ...]:
        """The provider's models; `metadata` knows their context windows from then on, as far as the provider says them.

        Raises:
            UnsupportedError: The provider has no such list.
        """
        return self._client({}).models()

    async def alist_models(self) -> tuple[ModelInfo, ...]:
        """As `list_models`."""
        return await self._async_client({}).models()

    def _call(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> Call:
        return to_call(self.model, self.__dict__, messages, options)

    # ------------------------------------------------------------------------------------------------ chat

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        client, call = self._client(kwargs), self._call(messages, kwargs)
        return from_answer(client.chat(call.request), call)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        await loaded()
        client, call = self._async_client(kwargs), self._call(messages, kwargs)
        return from_answer(await client.chat(call.request), call)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        client, call = self._client(kwargs), self._call(messages, kwargs)
        return _views(client.chat_stream(call.request), call)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        await loaded()
        client, call = self._async_client(kwargs), self._call(messages, kwargs)
        return _async_views(client.chat_stream(call.request), call)

    # ------------------------------------------------------------------------------------------------ completion

    def _prompt(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        text = prompt if formatted or self.completion_to_prompt is None else self.completion_to_prompt(prompt)
        return [ChatMessage(role=MessageRole.USER, content=text)]

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        client, call = self._client(kwargs), self._call(self._prompt(prompt, formatted), kwargs)
        return to_completion(from_answer(client.chat(call.request), call))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        await loaded()
        client, call = self._async_client(kwargs), self._call(self._prompt(prompt, formatted), kwargs)
        return to_completion(from_answer(await client.chat(call.request), call))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        client, call = self._client(kwargs), self._call(self._prompt(prompt, formatted), kwargs)
        return (to_completion(view) for view in _views(client.chat_stream(call.request), call))

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        await loaded()
        client, call = self._async_client(kwargs), self._call(self._prompt(prompt, formatted), kwargs)
        return _async_completions(_async_views(client.chat_stream(call.request), call))

    # ------------------------------------------------------------------------------------------------ structured output

    def _by_program(self) -> bool:
        """The user has chosen one of the framework's own ways, which this package lacks."""
        return self.pydantic_program_mode not in _METHODS

    def _wanted(self, output_cls: type[BaseModel], prompt: Any, prompt_args: dict[str, Any]) -> Question:
        from llamaindex_multiapi._structured import Question

        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))
        method = self.structured_method
        if method == "auto":
            method = _METHODS[self.pydantic_program_mode]
        return Question(messages, response_format_of(output_cls, method), output_cls)

    def structured_predict(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        if self._by_program():
            return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return drive(self._predicted(output_cls, prompt, llm_kwargs or {}, prompt_args))

    async def astructured_predict(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        if self._by_program():
            return await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        await loaded(*_STRUCTURED)
        return await adrive(self._predicted(output_cls, prompt, llm_kwargs or {}, prompt_args))

    def _predicted(self, output_cls: Any, prompt: Any, call: dict[str, Any], prompt_args: dict[str, Any]) -> Steps[Any]:
        dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        question = self._wanted(output_cls, prompt, prompt_args)
        found = yield from question.answered(
            lambda asked: Either(self.chat, self.achat, asked, response_format=question.wanted, **call),
            self.structured_retries,
        )
        dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found

    def _structured_stream_call(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        if self._by_program():
            return super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        question = self._wanted(output_cls, prompt, prompt_args)
        return question.objects(
            self.stream_chat(question.messages, response_format=question.wanted, **(llm_kwargs or {}))
        )

    async def _structured_astream_call(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        if self._by_program():
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        await loaded(*_STRUCTURED)
        question = self._wanted(output_cls, prompt, prompt_args)
        return question.async_objects(
            await self.astream_chat(question.messages, response_format=question.wanted, **(llm_kwargs or {}))
        )


def _keep_signatures(model: Any) -> None:
    """LlamaIndex asks for the parameters of these methods with every call, and to find them out takes longer than to read a response."""
    for name in ("chat", "achat", "stream_chat", "astream_chat"):
        method = getattr(model, name).__wrapped__
        method.__signature__ = signature(method)


_keep_signatures(MultiApiLLM)


_STRUCTURED = ("llamaindex_multiapi._structured",)


def _views(deltas: Iterator[ChatDelta], call: Call) -> Generator[ChatResponse, None, None]:
    """Each delta as a response. Closing this closes the connection."""
    view = Views(call).view
    try:
        for delta in deltas:
            yield view(delta)
    finally:
        cast("Generator[ChatDelta, None, None]", deltas).close()


async def _async_views(deltas: AsyncIterator[ChatDelta], call: Call) -> AsyncGenerator[ChatResponse, None]:
    """As `_views`."""
    view = Views(call).view
    try:
        async for delta in deltas:
            yield view(delta)
    finally:
        await cast("AsyncGenerator[ChatDelta, None]", deltas).aclose()


async def _async_completions(
    views: AsyncGenerator[ChatResponse, None],
) -> AsyncGenerator[CompletionResponse, None]:
    try:
        async for view in views:
            yield to_completion(view)
    finally:
        await views.aclose()
