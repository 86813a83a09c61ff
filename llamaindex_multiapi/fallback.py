"""`FallbackLLM`: the next LLM when one cannot answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Any, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import Field, SerializeAsAny
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM

from llamaindex_multiapi._tool_calls import CallsTools
from multiapi.errors import InvalidRequestError
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.failover import falls_back, in_turn, worth_another_provider

T = TypeVar("T")

is_the_vendors_trouble = worth_another_provider
"""The rule of both frameworks: see `multiapi.flows.failover.worth_another_provider`."""


def _loaded(llm: LLM | Mapping[str, Any]) -> LLM:
    """An LLM, also from what `to_dict` makes of one."""
    if not isinstance(llm, Mapping):
        return llm
    from llama_index.core.llms.loading import RECOGNIZED_LLMS

    from llamaindex_multiapi.llms import MultiApiLLM

    kinds: dict[str, Any] = {**RECOGNIZED_LLMS, MultiApiLLM.class_name(): MultiApiLLM}
    kind = kinds.get(llm.get("class_name", ""))
    if kind is None:
        raise InvalidRequestError(f"no LLM of the class {llm.get('class_name')!r} is known; see register()")
    return kind.from_dict(dict(llm))  # type: ignore[no-any-return]


class FallbackLLM(CallsTools, FunctionCallingLLM):
    """Asks its LLMs in turn until one answers; a stream is only given up before its first piece has come.

    ```
    llm = FallbackLLM(llms=[
        MultiApiLLM(provider="aicredits", model="anthropic/claude-sonnet-4.6"),
        MultiApiLLM(provider="aimlapi", model="openai/gpt-4o"),
    ])
    ```

    Any LLMs of LlamaIndex will do. The first error that no other provider would spare one is raised at once; when all have
    failed, the last error is raised with what the others said in its notes. Nothing is paid for twice: a call that may have been
    carried out and charged is not made elsewhere, unless `on_doubt` is set.

    A `system_prompt` given here holds for all of them; without one the first LLM's holds where it is this class that makes the
    messages, as `predict` does.

    Args:
        llms: In the order of preference.
        switches_on: Whether an error is worth asking the next one; `multiapi.flows.failover.worth_another_provider` unless set.
        on_doubt: Ask the next one also after a failure that may have been charged.
    """

    llms: list[SerializeAsAny[LLM]] = Field(min_length=1)
    switches_on: Callable[[BaseException], bool] = Field(default=worth_another_provider, exclude=True, repr=False)
    on_doubt: bool = False

    def __init__(self, llms: Sequence[LLM | Mapping[str, Any]], **data: Any) -> None:
        super().__init__(llms=[_loaded(llm) for llm in llms], **data)

    @classmethod
    def class_name(cls) -> str:
        return "FallbackLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What all of them can do: the smallest window, and tools if each has them."""
        each = [llm.metadata for llm in self.llms]
        return LLMMetadata(
            context_window=min(metadata.context_window for metadata in each),
            num_output=each[0].num_output,
            is_chat_model=all(metadata.is_chat_model for metadata in each),
            is_function_calling_model=all(metadata.is_function_calling_model for metadata in each),
            model_name=each[0].model_name,
        )

    # ------------------------------------------------------------------------------------ one after the other

    def _first(self, ask: Callable[[Any], Any]) -> Any:
        return drive(self._asked(ask))

    async def _afirst(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        return await adrive(self._asked(ask))

    def _asked(self, ask: Callable[[Any], Any]) -> Steps[Any]:
        return in_turn(
            lambda llm: Either(ask, ask, llm),
            self.llms,
            goes_on=partial(falls_back, rule=self.switches_on, on_doubt=self.on_doubt),
            name=lambda llm: llm.metadata.model_name,
        )

    def _stream(self, ask: Callable[[Any], Iterator[T]]) -> Generator[T, None, None]:
        def begun(llm: Any) -> tuple[T | None, Any]:
            stream: Any = ask(llm)
            return next(stream, None), stream

        first, stream = self._first(begun)
        with closing(stream):
            if first is not None:
                yield first
            yield from stream

    async def _astream(self, ask: Callable[[Any], Awaitable[Any]]) -> AsyncGenerator[T, None]:
        async def begun(llm: Any) -> tuple[T | None, Any]:
            stream = await ask(llm)
            return await anext(stream, None), stream

        first, stream = await self._afirst(begun)
        async with aclosing(stream):
            if first is not None:
                yield first
            async for piece in stream:
                yield piece

    # ------------------------------------------------------------------------------------ what an LLM does
    # Not decorated for events: each LLM that is asked reports its own call, so that there is one start and one end per request.

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._first(lambda llm: llm.chat(messages, **kwargs))  # type: ignore[no-any-return]

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._afirst(lambda llm: llm.achat(messages, **kwargs))  # type: ignore[no-any-return]

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        return self._stream(lambda llm: llm.stream_chat(messages, **kwargs))

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        return self._astream(lambda llm: llm.astream_chat(messages, **kwargs))

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return self._first(lambda llm: llm.complete(prompt, formatted=formatted, **kwargs))  # type: ignore[no-any-return]

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return await self._afirst(lambda llm: llm.acomplete(prompt, formatted=formatted, **kwargs))  # type: ignore[no-any-return]

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        return self._stream(lambda llm: llm.stream_complete(prompt, formatted=formatted, **kwargs))

    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        return self._astream(lambda llm: llm.astream_complete(prompt, formatted=formatted, **kwargs))

    # ------------------------------------------------------------------------------------ tools: each in its own way

    def chat_with_tools(self, tools: Sequence[Any], *args: Any, **kwargs: Any) -> ChatResponse:
        return self._first(lambda llm: llm.chat_with_tools(tools, *args, **kwargs))  # type: ignore[no-any-return]

    async def achat_with_tools(self, tools: Sequence[Any], *args: Any, **kwargs: Any) -> ChatResponse:
        return await self._afirst(lambda llm: llm.achat_with_tools(tools, *args, **kwargs))  # type: ignore[no-any-return]

    def stream_chat_with_tools(self, tools: Sequence[Any], *args: Any, **kwargs: Any) -> ChatResponseGen:
        return self._stream(lambda llm: llm.stream_chat_with_tools(tools, *args, **kwargs))

    async def astream_chat_with_tools(self, tools: Sequence[Any], *args: Any, **kwargs: Any) -> ChatResponseAsyncGen:
        return self._astream(lambda llm: llm.astream_chat_with_tools(tools, *args, **kwargs))

    # ------------------------------------------------------------------------------------ system prompts

    def _extend_messages(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        return super()._extend_messages(messages) if self.system_prompt else self.llms[0]._extend_messages(messages)

    def _extend_prompt(self, formatted_prompt: str) -> str:
        extends = super()._extend_prompt if self.system_prompt else self.llms[0]._extend_prompt
        return extends(formatted_prompt)

    def _instructed(self, llm: Any) -> Any:
        """An LLM that makes the messages itself, with our instructions if we have some."""
        return llm.model_copy(update={"system_prompt": self.system_prompt}) if self.system_prompt else llm

    # ------------------------------------------------------------------------------------ structured output

    def structured_predict(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        return self._first(
            lambda llm: self._instructed(llm).structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        )

    async def astructured_predict(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        return await self._afirst(
            lambda llm: self._instructed(llm).astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        )

    def _structured_stream_call(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        return self._stream(
            lambda llm: self._instructed(llm)._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        )

    async def _structured_astream_call(
        self, output_cls: Any, prompt: Any, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Any:
        return self._astream(
            lambda llm: self._instructed(llm)._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        )
