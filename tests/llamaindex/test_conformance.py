"""The public conformance kit, run on our own LLM and embedding for all five vendors."""

from __future__ import annotations

import json
from typing import Any

from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from llamaindex_multiapi.testing import (
    Asked,
    EmbeddingConformance,
    LLMConformance,
    OpenAIFormat,
    Reply,
    Said,
    Wire,
    json_reply,
)


class Prompted(OpenAIFormat):
    """A vendor without streams and tools: calls are written as text, in the form that the prompt demands."""

    streams = False
    native_tools = False

    def words(self, said: Said) -> str:
        if not said.calls:
            return said.text
        calls = [{"name": call.name, "arguments": json.loads(call.arguments or "{}")} for call in said.calls]
        return f"{said.text}\n{json.dumps({'tool_calls': calls})}"

    def answer(self, said: Said, asked: Asked) -> Reply:
        return self.whole(Said(self.words(said), usage=said.usage, finish_reason="stop"))

    def object(self, value: dict[str, Any], asked: Asked, *, around: str = "{}") -> Said:
        return Said(around.replace("{}", json.dumps(value)))


class OfBineric(Prompted):
    """Bineric's own form."""

    def whole(self, said: Said) -> Reply:
        body: dict[str, Any] = {"success": True, "response": said.text}
        if said.usage is not None:
            inputs, outputs = said.usage
            body["usage"] = {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs}
        return json_reply(body)


class OurLLM(LLMConformance):
    """How our LLM is made for a test."""

    provider: str

    def make(self, wire: Wire, *, base_url: str | None = None, **settings: Any) -> MultiApiLLM:
        return MultiApiLLM(
            provider=self.provider,
            base_url=base_url,
            http_client=None if base_url else wire.client(),
            http_async_client=None if base_url else wire.async_client(),
            **settings,
        )


class TestAimlapi(OurLLM):
    provider = "aimlapi"


class TestAicredits(OurLLM):
    provider = "aicredits"
    media = frozenset({"image"})
    sends_reasoning_back = False
    has_stream_usage = False


class TestBinomRouter(OurLLM):
    provider = "binom_router"
    media = frozenset({"image"})
    sends_reasoning_back = False
    has_stream_usage = False


class TestBinobox(OurLLM):
    provider = "binobox"
    format = Prompted()
    media = frozenset()
    has_reasoning = False
    sends_reasoning_back = False


class TestBineric(OurLLM):
    provider = "bineric"
    format = OfBineric()
    media = frozenset({"image", "audio", "document"})
    has_reasoning = False
    sends_reasoning_back = False


class OurEmbedding(EmbeddingConformance):
    """How our embedding is made for a test."""

    provider: str

    def make(self, wire: Wire, *, base_url: str | None = None, **settings: Any) -> MultiApiEmbedding:
        return MultiApiEmbedding(
            provider=self.provider,
            base_url=base_url,
            http_client=None if base_url else wire.client(),
            http_async_client=None if base_url else wire.async_client(),
            **settings,
        )


class TestAimlapiEmbedding(OurEmbedding):
    provider = "aimlapi"


class TestAicreditsEmbedding(OurEmbedding):
    provider = "aicredits"
