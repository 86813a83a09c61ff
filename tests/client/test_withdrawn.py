"""What AI/ML API has withdrawn: every operation can be called as it was documented, and its 404 says so (live_aimlapi L5, L21)."""

from __future__ import annotations

import asyncio
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from langchain_multiapi.errors import WithdrawnError as LangChainWithdrawnError
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, EmbedRequest, Message
from multiapi.cli.exit_codes import exit_code
from multiapi.errors import NotFoundError, WithdrawnError
from multiapi.provider import Retry
from multiapi.providers.aimlapi.gone import deprecation_of
from multiapi.providers.aimlapi.legacy import OPERATIONS, ROUTES, WITHDRAWN
from multiapi.simulator import Simulator
from multiapi.simulator.contract import Operation, contract
from multiapi.types.legacy import LegacyRequest

REMOVED = {
    operation.id: operation for operation in contract("aimlapi").operations.values() if operation.status == "removed"
}
MODEL = "sakana/sakana-namazu"
SIMULATED = {"createImageWithUrl", "getBalanceLegacy", "createCompletion"}
"""Those that the simulator does not answer by an example."""


def name_of(operation: Operation) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation.id).lower()


def requests_of(operation: Operation) -> Iterator[LegacyRequest]:
    """Each documented body, with what the path and the query need."""
    query: dict[str, Any] = {}
    for each in operation.parameters:
        if each.place == "query" and each.required:
            value: Any = each.schema.get("enum", ["11111111-2222-4333-8444-555555555555"])[0]
            query[each.name] = [value, value] if each.schema.get("type") == "array" else value
    ids = dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "1")
    bodies = [body for _, _, body in operation.request_examples()] or [{}]
    for body in bodies:
        (one,) = body if isinstance(body, list) else [body]
        yield LegacyRequest(ids=ids, query=query, body=one)


def client(*, withdrawn: bool, key: str = "any-key-1234") -> Client:
    simulator = Simulator(withdrawn=withdrawn)
    http = httpx.Client(transport=simulator.transport)
    return Client("aimlapi", api_key=key, base_url=simulator.base_url("aimlapi"), http_client=http)


def test_the_walk_finds_them() -> None:
    assert len(REMOVED) >= 28


@pytest.mark.parametrize("operation", REMOVED.values(), ids=REMOVED)
def test_off_it_is_gone_and_says_what_to_use(operation: Operation) -> None:
    name = name_of(operation)
    for request in requests_of(operation):
        with pytest.raises(WithdrawnError, match="withdrawn") as caught:
            client(withdrawn=False).legacy(name, request)
        error = caught.value
        assert (error.status, error.attempts, error.retryable) == (404, 1, False)
        assert error.since == operation.spec["x-removed"]["date"]
        assert error.since is None or error.since in str(error)
        assert WITHDRAWN[name].instead in str(error)
        assert exit_code(error) == 5


@pytest.mark.parametrize("operation", REMOVED.values(), ids=REMOVED)
def test_on_it_answers_and_is_read(operation: Operation) -> None:
    expected = [value for status, kind, _, value in operation.response_examples() if status.startswith("2")]
    for request in requests_of(operation):
        answer = client(withdrawn=True).legacy(name_of(operation), request)
        assert (
            operation.check_response(int(next(iter(operation.responses))), "application/json", answer) is None
            or not expected
        )
        if operation.id.startswith("bagoodex"):
            assert answer in ([], {})  # nothing was searched for
        else:
            assert answer == expected[0] if expected and operation.id not in SIMULATED else answer is not None


@pytest.mark.parametrize("operation", REMOVED.values(), ids=REMOVED)
def test_it_is_sent_as_documented_and_paid_ones_once(operation: Operation) -> None:
    name = name_of(operation)
    method, path = ROUTES[name]
    assert (method, path) == (operation.method.upper(), operation.path)
    assert OPERATIONS[name].retry is (Retry.READ if method == "GET" else Retry.JOB)


async def test_the_async_client_does_the_same() -> None:
    simulator = Simulator()
    http = httpx.AsyncClient(transport=simulator.async_transport)
    mine = AsyncClient("aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http)
    with pytest.raises(WithdrawnError, match="2025-02-26"):
        await mine.legacy("suno_v2_get_clip", LegacyRequest(query={"clip_id": "x"}))


# ------------------------------------------------------------------------------------------------ models


def refusing(status: int, message: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json={"status": status, "message": message})


ASK = ChatRequest(model=MODEL, messages=[Message("user", "x")])
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "core": lambda http, _: Client("aimlapi", api_key="k-123456", http_client=http).chat(ASK),
    "core, streamed": lambda http, _: list(Client("aimlapi", api_key="k-123456", http_client=http).chat_stream(ASK)),
    "core, async": lambda _, http: asyncio.run(AsyncClient("aimlapi", api_key="k-123456", http_client=http).chat(ASK)),
    "embeddings": lambda http, _: Client("aimlapi", api_key="k-123456", http_client=http).embed(
        EmbedRequest(model=MODEL, texts=["x"])
    ),
    "LangChain": lambda http, _: ChatMultiApi(model=f"aimlapi:{MODEL}", api_key="k-123456", http_client=http).invoke(
        "x"
    ),
    "LangChain, streamed": lambda http, _: list(
        ChatMultiApi(model=f"aimlapi:{MODEL}", api_key="k-123456", http_client=http).stream("x")
    ),
    "LangChain, async": lambda _, http: asyncio.run(
        ChatMultiApi(model=f"aimlapi:{MODEL}", api_key="k-123456", http_async_client=http).ainvoke("x")
    ),
    "LlamaIndex": lambda http, _: MultiApiLLM(model=f"aimlapi:{MODEL}", api_key="k-123456", http_client=http).complete(
        "x"
    ),
    "LlamaIndex, streamed": lambda http, _: list(
        MultiApiLLM(model=f"aimlapi:{MODEL}", api_key="k-123456", http_client=http).stream_complete("x")
    ),
    "LlamaIndex, async": lambda _, http: asyncio.run(
        MultiApiLLM(model=f"aimlapi:{MODEL}", api_key="k-123456", http_async_client=http).acomplete("x")
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "message", "gone"),
    [
        (404, "No endpoints found", True),
        (410, "Gone", True),
        (400, f"Model {MODEL} is not available", True),
        (400, "temperature is too high", False),
        (403, f"Model {MODEL}", False),
    ],
)
def test_a_refusal_of_a_withdrawn_model_says_so(way: str, status: int, message: str, gone: bool) -> None:
    transport = httpx.MockTransport(refusing(status, message))
    with pytest.raises(Exception) as caught:
        WAYS[way](httpx.Client(transport=transport), httpx.AsyncClient(transport=transport))
    error: Any = caught.value
    assert isinstance(error, WithdrawnError) is gone
    if gone:
        known = deprecation_of(MODEL)
        assert known is not None and known.status == "withdrawn"
        assert error.replaced_by == known.replaced_by
        assert MODEL in str(error) and "withdrawn" in str(error)
        assert "may be wrong" not in str(error)
        assert type(pickle.loads(pickle.dumps(error))) is type(error)
        assert isinstance(error, LangChainWithdrawnError) is way.startswith("LangChain")


def test_the_feed_names_the_replacement() -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    mine = Client("aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http)
    named = next(each for each in mine.deprecations("withdrawn") if each.replaced_by)
    with pytest.raises(WithdrawnError, match=re.escape(f"use {named.replaced_by}")) as caught:
        mine.chat(ChatRequest(model=named.id, messages=[Message("user", "x")]))
    assert caught.value.replaced_by == named.replaced_by


def test_a_model_that_is_only_unknown_is_not_withdrawn() -> None:
    http = httpx.Client(transport=httpx.MockTransport(refusing(404, "no such model")))
    with pytest.raises(NotFoundError) as caught:
        Client("aimlapi", api_key="k-123456", http_client=http).chat(
            ChatRequest(model="no/such-model", messages=[Message("user", "x")])
        )
    assert type(caught.value) is NotFoundError


def test_the_simulator_has_withdrawn_models_with_the_switch_alone() -> None:
    ask = ChatRequest(model=MODEL, messages=[Message("user", "x")])
    with pytest.raises(WithdrawnError):
        client(withdrawn=False).chat(ask)
    assert client(withdrawn=True).chat(ask).text
