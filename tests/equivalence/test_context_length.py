"""A conversation that is too long is told in one way, whatever the provider says: apps shorten it and try again by code and type."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from langchain_multiapi.errors import ContextLengthError as LangChainsError
from llamaindex_multiapi import MultiApiLLM
from multiapi import PROVIDERS, ChatRequest, Client, ContextLengthError, Message

SAID = {
    "openai": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
    "litellm": {"message": "too long", "code": "ContextWindowExceededError"},
    "anthropic": {"message": "prompt is too long: 9 tokens", "type": "invalid_request_error"},
    "words alone": {"message": "This model's maximum context length is 8 tokens."},
    "another code": {"message": "input token count (9) exceeds the maximum", "code": "INVALID_ARGUMENT"},
}
FRAMEWORKS = ("core", "langchain", "langchain streamed", "llamaindex", "llamaindex streamed")


def failed(provider: str, fields: dict[str, Any], framework: str) -> ContextLengthError:
    body = {"success": False, "error": fields} if provider == "bineric" else {"error": fields}
    transport = httpx.MockTransport(lambda _: httpx.Response(400, text=json.dumps(body)))
    made: dict[str, Any] = {"api_key": "k", "http_client": httpx.Client(transport=transport)}
    with pytest.raises(ContextLengthError) as caught:
        if framework == "core":
            Client(provider, **made).chat(ChatRequest(model="m", messages=[Message("user", "x")]))
        elif framework.startswith("langchain"):
            chat = ChatMultiApi(provider=provider, model="m", **made)
            list(chat.stream("x")) if "streamed" in framework else chat.invoke("x")
        else:
            llm = MultiApiLLM("m", provider=provider, context_window=9, **made)
            list(llm.stream_complete("x")) if "streamed" in framework else llm.complete("x")
    return caught.value


def is_token_limit(error: Exception) -> bool:
    """What apps ask, in these or other words."""
    return hasattr(error, "type") and getattr(error, "code", "") == "context_length_exceeded"


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize(
    "provider", [name for name in PROVIDERS if name in {"bineric", "binom_router", "aimlapi", "aicredits", "binobox"}]
)
def test_code_and_type_are_those_that_apps_look_for(provider: str, said: str, framework: str) -> None:
    error = failed(provider, SAID[said], framework)
    assert is_token_limit(error)
    assert error.type == "invalid_request_error"
    own = SAID[said].get("code") or SAID[said].get("type")  # the type stands in for a code that is missing
    assert error.provider_code == (own if own != "context_length_exceeded" else None)
    assert isinstance(error, LangChainsError) == framework.startswith("langchain")
    again = pickle.loads(pickle.dumps(error))
    for copied in (again, copy.copy(error), error.as_class(ContextLengthError)):
        assert is_token_limit(copied)
        assert copied.provider_code == error.provider_code


def test_an_error_that_is_made_by_hand_is_one_too() -> None:
    assert is_token_limit(ContextLengthError("too long"))
    assert not is_token_limit(ValueError("too long"))
