"""Fields that AI/ML API is not known to take are named once, with what was probably meant; documented ones go out in silence."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError
from multiapi.flows.unknown_fields import UnknownFieldWarning
from multiapi.providers.aimlapi import catalogue


def http_client() -> httpx.Client:
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    body = {"id": "a", "model": "m", "choices": [choice]}
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))


def asked(surface: str, model: str, extra: dict[str, Any], **settings: Any) -> Any:
    """A function that asks with these fields."""
    made = {"api_key": "k", "http_client": http_client(), **settings}
    if surface == "core":
        client = Client("aimlapi", **made)
        return lambda: client.chat(ChatRequest(model=model, messages=[Message("user", "x")], extra=extra))
    if surface == "stream":
        client = Client("aimlapi", **made)
        return lambda: list(client.chat_stream(ChatRequest(model=model, messages=[Message("user", "x")], extra=extra)))
    made |= {"provider": "aimlapi", "model": model}
    if surface == "model_kwargs":
        chat = ChatMultiApi(**made, model_kwargs=extra)
        return lambda: chat.invoke("x")
    if surface == "extra_body":
        chat = ChatMultiApi(**made)
        return lambda: chat.invoke("x", extra_body=extra)
    llm = MultiApiLLM(**made, additional_kwargs=extra)
    return lambda: llm.complete("x")


SURFACES = ["core", "model_kwargs", "extra_body", "additional_kwargs"]


@pytest.mark.parametrize("surface", SURFACES)
def test_an_unknown_field_is_named_once_and_may_be_an_error_or_pass(surface: str) -> None:
    extra = {"banana_toggle": True, "repetition_penaltie": 1.0}
    ask = asked(surface, "openai/gpt-5", extra)
    with pytest.warns(UnknownFieldWarning) as said:
        ask()
        ask()
    words = [str(each.message) for each in said if each.category is UnknownFieldWarning]
    assert len(words) == 2
    assert "'banana_toggle' is not known" in words[0]
    assert "did you mean 'repetition_penalty'?" in words[1]
    with pytest.raises(InvalidRequestError, match="banana_toggle"):
        asked(surface, "openai/gpt-5", extra, unknown_fields="error")()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked(surface, "openai/gpt-5", extra, unknown_fields="pass")()


@pytest.mark.parametrize("model", ["deepseek/deepseek-v4-pro", "alibaba/qwen-plus", "zhipu/glm-5-turbo"])
@pytest.mark.parametrize("field", ["enable_thinking", "thinking", "thinking_budget"])
@pytest.mark.parametrize("surface", SURFACES)
def test_fields_without_effect_are_named_with_what_works(surface: str, field: str, model: str) -> None:
    with pytest.warns(UnknownFieldWarning, match=f"{field} has no effect on {model}; reasoning_effort has"):
        asked(surface, model, {field: 1})()


def test_every_documented_field_of_every_row_is_silent() -> None:
    client = Client("aimlapi", api_key="k", http_client=http_client())
    heeded = {"enable_thinking", "thinking", "thinking_budget"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownFieldWarning)
        for model in catalogue.models("text"):
            entry = catalogue.find(getattr(model, "id", model))
            assert entry is not None
            taken = set(entry.params) - heeded - {"model", "messages"}
            ask = ChatRequest(model=entry.id, messages=[Message("user", "x")], extra=dict.fromkeys(taken, None))
            from multiapi.flows.unknown_fields import check_fields

            check_fields(client._target, ask)


def test_another_word_for_it_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="unknown_fields must be one of warn, error, pass"):
        Client("aimlapi", api_key="k", unknown_fields="ignore")  # type: ignore[arg-type]
