"""Token counts that a provider does not tell are unknown in both frameworks, and not zero."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import PROVIDERS
from multiapi.simulator import Simulator
from tests.cassettes.chats import MODELS


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_counts_are_told_or_unknown(provider: str, stream: bool) -> None:
    simulator = Simulator()
    given: dict[str, Any] = {
        "provider": provider,
        "model": MODELS[provider],
        "api_key": "any-key-1234",
        "base_url": simulator.base_url(provider),
        "http_client": httpx.Client(transport=simulator.transport),
    }
    model, llm = ChatMultiApi(**given), MultiApiLLM(**given)
    message: Any = None
    if stream:
        for chunk in model.stream("Say hello."):
            message = chunk if message is None else message + chunk
        answer = list(llm.stream_complete("Say hello."))[-1]
    else:
        message, answer = model.invoke("Say hello."), llm.complete("Say hello.")
    told = message.response_metadata["token_usage"]
    counts = message.usage_metadata
    if provider == "binobox":
        assert counts is None
        assert told["total_tokens"] > 0
        assert "prompt_tokens" not in answer.additional_kwargs
        assert answer.additional_kwargs["total_tokens"] > 0
    else:
        assert counts["input_tokens"] > 0 and counts["output_tokens"] > 0
        assert answer.additional_kwargs["prompt_tokens"] > 0
