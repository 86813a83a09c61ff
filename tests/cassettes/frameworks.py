"""The core's requests as LangChain and LlamaIndex users write them, so that a scenario is declared once."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.prompts import ChatPromptTemplate

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi.types.chat import ChatRequest, MediaPart, Message, Part, TextPart, Tool
from multiapi.types.embeddings import EmbedRequest
from tests.cassettes.chats import City
from tests.cassettes.scenario import KEY, Scenario

_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "stream_usage",
    "web_search",
)


def settings_of(request: ChatRequest) -> dict[str, Any]:
    """Arguments that both models take alike."""
    held = {name: value for name in _SETTINGS if (value := getattr(request, name)) is not None}
    if request.stop:
        held["stop"] = list(request.stop)
    if request.api != "auto":
        held["api"] = request.api
    if request.tool_calling != "auto":
        held["tool_calling"] = request.tool_calling
    if request.extra:
        held["extra_body"] = dict(request.extra)
    return held


def tool_dict(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's form, which both frameworks take."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def connection(scenario: Scenario) -> dict[str, Any]:
    """Vendor, key and settings of the client."""
    return {"provider": scenario.provider, "api_key": KEY, **scenario.settings}


# ------------------------------------------------------------------------------------------------ LangChain


def langchain_model(scenario: Scenario) -> ChatMultiApi:
    """The chat model for a scenario."""
    request = scenario.request
    assert isinstance(request, ChatRequest)
    return ChatMultiApi(model=request.model, **settings_of(request), **connection(scenario))


def langchain_runnable(scenario: Scenario) -> Any:
    """The model with the scenario's tools, or with the form of its answer."""
    model, request = langchain_model(scenario), scenario.request
    assert isinstance(request, ChatRequest)
    if request.response_format is not None:
        method = request.response_format.method
        # In OpenAI's form, because LangChain takes the title out of a bare schema or a class.
        schema = {"name": "City", "description": "", "parameters": City.model_json_schema()}
        return model.with_structured_output(schema, method=None if method == "auto" else method)
    if request.tools:
        return model.bind_tools(
            [tool_dict(tool) for tool in request.tools],
            tool_choice=request.tool_choice,
            parallel_tool_calls=request.parallel_tool_calls,
        )
    return model


def langchain_embeddings(scenario: Scenario) -> MultiApiEmbeddings:
    """The embeddings for a scenario."""
    request = scenario.request
    assert isinstance(request, EmbedRequest)
    held = {"dimensions": request.dimensions, "encoding_format": request.encoding_format, "user": request.user}
    given: dict[str, Any] = {name: value for name, value in held.items() if value is not None}
    return MultiApiEmbeddings(
        model=request.model,
        input_type=request.input_type,
        batch_size=request.batch_size,
        **given,
        **connection(scenario),
    )


def langchain_messages(messages: Sequence[Message]) -> list[BaseMessage]:
    """A conversation as LangChain has it."""
    return [_langchain_message(message) for message in messages]


def _langchain_message(message: Message) -> BaseMessage:
    content: Any = message.content
    if not isinstance(content, str):
        content = [_langchain_block(part) for part in content]
    if message.role == "system":
        return SystemMessage(content)
    if message.role == "developer":
        return SystemMessage(content, additional_kwargs={"__openai_role__": "developer"})
    if message.role == "tool":
        return ToolMessage(content, tool_call_id=message.tool_call_id)
    if message.role == "user":
        return HumanMessage(content)
    calls = [{"id": call.id, "name": call.name, "args": json.loads(call.arguments)} for call in message.tool_calls]
    extras: dict[str, Any] = {}
    if message.reasoning is not None:
        extras["reasoning_content"] = message.reasoning.text
        extras["reasoning_origin"] = {"provider": message.reasoning.provider, "model": message.reasoning.model}
    return AIMessage(content, tool_calls=calls, additional_kwargs=extras)


def _langchain_block(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    assert isinstance(part, MediaPart)
    held = {"base64": part.data, "url": part.url, "mime_type": part.mime_type, "filename": part.filename}
    return {"type": part.kind, **{name: value for name, value in held.items() if value is not None}}


# ------------------------------------------------------------------------------------------------ LlamaIndex


def llamaindex_model(scenario: Scenario) -> MultiApiLLM:
    """The LLM for a scenario."""
    request = scenario.request
    assert isinstance(request, ChatRequest)
    further: dict[str, Any] = {}
    if request.response_format is not None:
        further = {"structured_method": request.response_format.method, "structured_retries": 0}
    return MultiApiLLM(model=request.model, **further, **settings_of(request), **connection(scenario))


def llamaindex_options(request: ChatRequest) -> dict[str, Any]:
    """What a call says beside the messages."""
    options = {"tool_choice": request.tool_choice, "parallel_tool_calls": request.parallel_tool_calls}
    if not request.tools:
        return {}
    given = {name: value for name, value in options.items() if value is not None}
    return {"tools": [tool_dict(tool) for tool in request.tools], **given}


def llamaindex_prompt(request: ChatRequest) -> ChatPromptTemplate:
    """The conversation as a prompt, for answers of a form."""
    return ChatPromptTemplate(message_templates=llamaindex_messages(request.messages))


def llamaindex_embedding(scenario: Scenario) -> MultiApiEmbedding:
    """The embedding model for a scenario."""
    request = scenario.request
    assert isinstance(request, EmbedRequest)
    held: dict[str, Any] = {"dimensions": request.dimensions, "input_type": request.input_type}
    if request.batch_size is not None:
        held["embed_batch_size"] = request.batch_size
    body = {name: value for name in ("encoding_format", "user") if (value := getattr(request, name)) is not None}
    if body:
        held["extra_body"] = body
    given = {name: value for name, value in held.items() if value is not None}
    return MultiApiEmbedding(model=request.model, **given, **connection(scenario))


def llamaindex_messages(messages: Sequence[Message]) -> list[ChatMessage]:
    """A conversation as LlamaIndex has it."""
    return [_llamaindex_message(message) for message in messages]


def _llamaindex_message(message: Message) -> ChatMessage:
    content = message.content
    blocks: list[Any] = []
    if message.reasoning is not None:
        origin = {"provider": message.reasoning.provider, "model": message.reasoning.model}
        blocks.append(ThinkingBlock(content=message.reasoning.text, additional_information=origin))
    if isinstance(content, str):
        blocks += [TextBlock(text=content)] if content else []
    else:
        blocks += [_llamaindex_block(part) for part in content]
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=json.loads(call.arguments))
        for call in message.tool_calls
    ]
    beside = {"tool_call_id": message.tool_call_id} if message.role == "tool" else {}
    return ChatMessage(role=message.role, blocks=blocks, additional_kwargs=beside)


def _llamaindex_block(part: Part) -> Any:
    if isinstance(part, TextPart):
        return TextBlock(text=part.text)
    assert isinstance(part, MediaPart)
    data = base64.b64decode(part.data) if part.data is not None else None
    if part.kind == "image":
        return ImageBlock(image=data, url=part.url, image_mimetype=part.mime_type)
    if part.kind == "audio":
        return AudioBlock(audio=data, url=part.url, format=(part.mime_type or "").partition("/")[2])
    if part.kind == "video":
        return VideoBlock(video=data, url=part.url, video_mimetype=part.mime_type)
    return DocumentBlock(data=data, url=part.url, document_mimetype=part.mime_type, title=part.filename)
