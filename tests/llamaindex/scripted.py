"""Our classes over a scripted wire, and what a test looks at."""

from __future__ import annotations

import base64
from typing import Any

from llama_index.core.llms import ChatMessage

from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from llamaindex_multiapi.testing import OpenAIFormat, Said, Wire

FORMAT = OpenAIFormat()
KEY = "sk-test-0123456789abcdef"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def says(*said: Said) -> Wire:
    """A wire on which the model says this."""
    return Wire(*(lambda asked, each=each: FORMAT.answer(each, asked) for each in said))


def llm_on(wire: Wire, **settings: Any) -> MultiApiLLM:
    """An LLM of AI/ML API on a wire, unless the settings say otherwise."""
    usual = {
        "provider": "aimlapi",
        "model": "test-model",
        "api_key": KEY,
        "max_retries": 0,
        "http_client": wire.client(),
        "http_async_client": wire.async_client(),
    }
    return MultiApiLLM(**{**usual, **settings})


def embedding_on(wire: Wire, **settings: Any) -> MultiApiEmbedding:
    """An embedding of AI/ML API on a wire."""
    usual = {
        "provider": "aimlapi",
        "model": "test-embedding",
        "api_key": KEY,
        "max_retries": 0,
        "http_client": wire.client(),
        "http_async_client": wire.async_client(),
    }
    return MultiApiEmbedding(**{**usual, **settings})


def user(text: str = "hello") -> list[ChatMessage]:
    """A conversation of one message."""
    return [ChatMessage(text)]
