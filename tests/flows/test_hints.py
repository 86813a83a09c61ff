"""What is told beside a provider's own words, and before a call whose setting does nothing."""

from __future__ import annotations

import json
import warnings
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError, MultiApiError, NotFoundError
from multiapi.flows.hints import IgnoredSettingWarning
from multiapi.formats.model_facts import MODEL_FACTS, effort_outcome, model_fact
from multiapi.sending.waiting import without_waiting
from multiapi.types.chat import Tool


class Server:
    def __init__(self, status: int = 200, body: Any = None) -> None:
        answer = {
            "id": "a",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
        }
        self.status, self.body, self.sent = status, answer if body is None else body, []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        return httpx.Response(
            self.status, **({"text": self.body} if isinstance(self.body, str) else {"json": self.body})
        )

    def client(self, provider: str = "aimlapi") -> Client:
        return Client(provider, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(self)))

    def failure(self, provider: str = "aimlapi", *, stream: bool = False, **fields: Any) -> MultiApiError:
        request = ChatRequest(**{"model": "a/b", "messages": [Message("user", "x")], **fields})
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            list(self.client(provider).chat_stream(request)) if stream else self.client(provider).chat(request)
        return caught.value


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("provider", "status", "body", "cls", "hint"),
    [
        ("aicredits", 404, {"error": {"message": "No endpoints found", "code": 404}}, NotFoundError, "models()"),
        ("aicredits", 404, {"error": {"message": "model not found", "code": 404}}, NotFoundError, "'a/b' may be wrong"),
        ("aicredits", 404, "404 page not found", NotFoundError, None),
        ("aicredits", 422, {"error": {"message": "Unsupported parameter", "code": 422}}, InvalidRequestError, None),
        (
            "aimlapi",
            404,
            {"status": 404, "message": "No endpoints found for a/b."},
            NotFoundError,
            "see deprecations()",
        ),
        (
            "aimlapi",
            404,
            {
                "status": 404,
                "message": "0 endpoints out of 1 requested are available matching your guardrail restrictions",
            },
            NotFoundError,
            "see deprecations()",
        ),
        (
            "aimlapi",
            400,
            {"status": 400, "message": "max_tokens or model output limit was reached"},
            InvalidRequestError,
            "raise max_tokens",
        ),
        (
            "aimlapi",
            400,
            {"status": 400, "message": "must be greater than thinking_budget [8192]"},
            InvalidRequestError,
            "raise max_tokens",
        ),
    ],
)
def test_a_known_refusal_gets_a_hint(
    provider: str, status: int, body: Any, cls: type, hint: str | None, stream: bool
) -> None:
    server = Server(status, body)
    error = server.failure(provider, stream=stream)
    assert type(error) is cls
    assert len(server.sent) == 1
    assert hint in str(error) if hint else ";" not in str(error)


def test_an_upstream_429_is_repeated_and_bare() -> None:
    server = Server(429, {"error": {"message": "Provider returned error", "code": 429}})
    error = server.failure("aicredits")
    assert len(server.sent) == 3
    assert error.message == "Provider returned error"


def test_a_404_of_an_assumed_endpoint_says_so() -> None:
    client = Server(404, {"error": {"message": "not here", "code": 404}}).client("aicredits")
    with pytest.raises(NotFoundError, match="AICredits may not have this endpoint: use chat"):
        client.responses(ChatRequest(model="m", messages=[Message("user", "x")]))
    assert client.provider.capabilities["responses"] == "assumed"


def test_tools_that_are_refused_have_another_way() -> None:
    server = Server(404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}})
    assert "tool_calling='prompted'" in str(server.failure("aicredits", tools=[Tool("f")]))


# ------------------------------------------------------------------------------------------------ the table of efforts

ROWS = [fact for fact in MODEL_FACTS if fact.topic == "reasoning_effort"]
EXAMPLES = {
    "*gpt-5.3-codex": "openai/gpt-5-3-codex",
    "*deepseek-v4-*": "deepseek/deepseek-v4-pro",
    "*gpt-5.6-*": "openai/gpt-5.6-sol",
    "*gemini-*": "google/gemini-3.7-flash",
}


@pytest.mark.parametrize("fact", ROWS, ids=lambda fact: fact.models[0])
def test_every_row_of_the_table(fact: Any) -> None:
    for pattern in fact.models:
        model = EXAMPLES.get(pattern, pattern.replace("*", "maker/"))
        assert model_fact("aimlapi", model, "reasoning_effort") is fact
        assert model_fact("aimlapi", model.rpartition("/")[2], "reasoning_effort") is fact
        assert model_fact("aicredits", model, "reasoning_effort") is None
        for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max", "banana"):
            outcome = effort_outcome("aimlapi", model, effort)
            said = None if outcome is None else outcome[0]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                server = Server()
                client = server.client()
                for _ in range(2):
                    client.chat(ChatRequest(model=model, messages=[Message("user", "x")], reasoning_effort=effort))
            body = server.sent[-1]
            assert effort in {body.get("reasoning_effort"), body.get("reasoning", {}).get("effort")}
            assert [each.category for each in caught] == ([IgnoredSettingWarning] if said == "ignored" else [])
            refused = Server(400, {"status": 400, "message": "Validation failed"}).failure
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                error = refused(model=model, reasoning_effort=effort)
            assert (fact.read in str(error)) is (said == "400")
    assert fact.read == "2026-09-10"


def test_the_example_of_a_value_that_is_not_in_the_table() -> None:
    error = Server(400, {"status": 400, "message": "Expected 'low' | 'medium' | 'high'"}).failure(
        reasoning_effort="max"
    )
    assert "that is about reasoning_effort, which is 'max'" in str(error)


@pytest.mark.parametrize("make", [ChatMultiApi, MultiApiLLM])
def test_both_frameworks_warn_once(make: Any) -> None:
    own = httpx.Client(transport=httpx.MockTransport(Server()))
    model = make(provider="aimlapi", model="alibaba/qwen-plus", api_key="k", reasoning_effort="high", http_client=own)
    ask = getattr(model, "invoke", None) or model.complete
    with pytest.warns(IgnoredSettingWarning, match="accepts reasoning_effort and ignores it") as caught:
        for _ in range(2):
            ask("x")
    assert len(caught) == 1
