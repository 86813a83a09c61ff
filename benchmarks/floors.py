"""The frameworks with a constant answer and no network: what LangChain and LlamaIndex themselves cost per call and chunk."""

from __future__ import annotations

import re
from functools import lru_cache


def number(model: str, key: str, default: int) -> int:
    found = re.search(key + r"-(\d+)", model)
    return int(found.group(1)) if found else default


def with_fields_of(floor, product):
    """The floor with all fields of a product's class, and none of its code: what they cost when a model is constructed."""
    from pydantic import create_model

    own = {
        name: (field.annotation, field)
        for name, field in product.model_fields.items()
        if name not in floor.model_fields
    }
    return create_model("FloorWithFields", __base__=floor, **own)


@lru_cache(1)
def langchain_floor():
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    class Floor(BaseChatModel):
        model: str = ""

        @property
        def _llm_type(self):
            return "floor"

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(content="x" * 200))])

        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            return self._generate(messages)

        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            for _ in range(number(self.model, "stream", 20)):
                yield ChatGenerationChunk(message=AIMessageChunk(content="abcd", id="chatcmpl-bench"))

        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            for chunk in self._stream(messages):
                yield chunk

    return Floor


@lru_cache(1)
def llamaindex_floor():
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole, TextBlock
    from llama_index.core.llms.callbacks import llm_chat_callback
    from llama_index.core.llms.function_calling import FunctionCallingLLM

    class Floor(FunctionCallingLLM):
        model: str = ""

        @property
        def metadata(self):
            return LLMMetadata(is_chat_model=True, is_function_calling_model=True, model_name=self.model)

        def complete(self, prompt, formatted=False, **kwargs):
            raise NotImplementedError

        stream_complete = complete

        async def acomplete(self, prompt, formatted=False, **kwargs):
            raise NotImplementedError

        astream_complete = acomplete

        def _prepare_chat_with_tools(self, tools, user_msg=None, chat_history=None, **kwargs):
            raise NotImplementedError

        @llm_chat_callback()
        def chat(self, messages, **kwargs):
            return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content="x" * 200), raw=None)

        @llm_chat_callback()
        async def achat(self, messages, **kwargs):
            return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content="x" * 200), raw=None)

        def _chunks(self):
            text = ""
            for _ in range(number(self.model, "stream", 20)):
                text += "abcd"
                message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[TextBlock(text=text)])
                yield ChatResponse(message=message, delta="abcd", raw=None)

        @llm_chat_callback()
        def stream_chat(self, messages, **kwargs):
            return self._chunks()

        @llm_chat_callback()
        async def astream_chat(self, messages, **kwargs):
            async def chunks():
                for chunk in self._chunks():
                    yield chunk

            return chunks()

    return Floor
