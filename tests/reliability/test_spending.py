"""Budgets and sums: everything that is bought counts once, what is free does not, and a sum that is not all says so."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import warnings
from decimal import Decimal
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.tools import tool

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit, SpendGuard, track_spending
from langchain_multiapi.spending import SpendTracker
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiToolSpec
from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.money import spending
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Clock, Simulator
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media_requests import ImageRequest, VideoRequest

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

KEY = "any-key-1234"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(50)).decode()


class Vendor:
    """AI/ML API, with a model that asks for a tool again and again; images cost 0.1 USD and answers next to nothing."""

    def __init__(self, *, tool: str = "generate_image", arguments: str = '{"prompt": "x"}', images: Any = None) -> None:
        self.images = self.chats = self.embeddings = 0
        self.tool, self.arguments, self.image = tool, arguments, images

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET":  # a list of prices, once an hour
            return httpx.Response(404, json={"error": {"message": "no list"}})
        if path.endswith("/images/generations"):
            self.images += 1
            if self.image is not None:
                return self.image(request)
            paid = {"meta": {"usage": {"credits_used": 200000, "usd_spent": 0.1}}}
            return httpx.Response(200, json={"data": [{"b64_json": PNG}], **paid})
        if path.endswith("/embeddings"):
            self.embeddings += 1
            texts = json.loads(request.content)["input"]
            rows = [{"index": at, "embedding": [1.0]} for at, _ in enumerate(texts)]
            return httpx.Response(200, json={"data": rows, "meta": {"usage": {"usd_spent": 0.2}}})
        self.chats += 1
        call = {
            "id": f"c{self.chats}",
            "type": "function",
            "function": {"name": self.tool, "arguments": self.arguments},
        }
        message = {"role": "assistant", "content": "done", "tool_calls": [call] if self.chats < 20 else []}
        body = {"id": f"a{self.chats}", "model": "m", "choices": [{"index": 0, "message": message}]}
        return httpx.Response(200, json={**body, "meta": {"usage": {"usd_spent": 0.000001}}})

    def settings(self) -> dict[str, Any]:
        async def later(request: httpx.Request) -> httpx.Response:
            return self(request)

        return {
            "api_key": KEY,
            "http_client": httpx.Client(transport=httpx.MockTransport(self)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(later)),
        }


def run(agent: Any, *, is_async: bool) -> Any:
    asked, config = {"messages": [("user", "draw")]}, {"recursion_limit": 100}
    done = asyncio.run(agent.ainvoke(asked, config)) if is_async else agent.invoke(asked, config)
    return done["messages"]


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_tool_buys_counts(is_async: bool) -> None:
    vendor = Vendor()
    tools = MultiApiToolkit(provider="aimlapi", **vendor.settings()).get_tools()
    model = ChatMultiApi(model="aimlapi:m", **vendor.settings())
    messages = run(create_agent(model, tools, middleware=[SpendGuard("0.01", unit="USD")]), is_async=is_async)
    assert (vendor.images, vendor.chats) == (1, 1)
    assert messages[-1].text == "Stopped: the budget of 0.01 USD is used up: 0.100001 were spent."


@pytest.mark.parametrize("is_async", [False, True])
def test_a_paid_tool_that_fails_counts(is_async: bool) -> None:
    paid = {"meta": {"usage": {"usd_spent": 0.1}}}
    vendor = Vendor(images=lambda _: httpx.Response(200, json={"data": [{"url": "http://10.0.0.1/x.png"}], **paid}))
    tools = MultiApiToolkit(provider="aimlapi", **vendor.settings()).get_tools()
    model = ChatMultiApi(model="aimlapi:m", **vendor.settings())
    run(create_agent(model, tools, middleware=[SpendGuard("0.15", unit="USD")]), is_async=is_async)
    assert (vendor.images, vendor.chats) == (2, 2)


def test_embeddings_and_other_agents_inside_of_a_tool_count() -> None:
    vendor = Vendor(tool="look_up", arguments='{"what": "x"}')
    embeddings = MultiApiEmbeddings(model="aimlapi:e", **vendor.settings())
    inner = MultiApiLLM(model="aimlapi:m", context_window=9000, **vendor.settings())

    @tool
    def look_up(what: str) -> str:
        """Look something up."""
        embeddings.embed_query(what)
        inner.complete(what)
        return "found"

    model = ChatMultiApi(model="aimlapi:m", **vendor.settings())
    messages = run(create_agent(model, [look_up], middleware=[SpendGuard("0.3", unit="USD")]), is_async=False)
    assert vendor.embeddings == 2
    assert (
        "0.400003 were spent" in messages[-1].text
    )  # the embeddings used the budget up, so nobody was asked after them


def test_several_tools_at_once_count_each() -> None:
    vendor = Vendor()

    def two(request: httpx.Request) -> httpx.Response:
        answer = vendor(request)
        body = answer.json()
        for choice in body.get("choices", []):
            calls = choice["message"]["tool_calls"]
            choice["message"]["tool_calls"] = [{**call, "id": f"{call['id']}-{n}"} for call in calls for n in range(3)]
        return httpx.Response(200, json=body)

    settings = vendor.settings() | {"http_client": httpx.Client(transport=httpx.MockTransport(two))}
    tools = MultiApiToolkit(provider="aimlapi", **settings).get_tools()
    model = ChatMultiApi(model="aimlapi:m", **settings)
    messages = run(create_agent(model, tools, middleware=[SpendGuard("0.5", unit="USD")]), is_async=False)
    assert 5 <= vendor.images <= 7  # passed by the calls under way at most, of which no cost was known
    assert f"0.{vendor.images}0000{vendor.chats} were spent" in messages[-1].text


def test_a_used_up_budget_buys_no_tool() -> None:
    vendor = Vendor()
    tools = MultiApiToolkit(provider="aimlapi", **vendor.settings()).get_tools()
    model = ChatMultiApi(model="aimlapi:m", **vendor.settings())
    messages = run(create_agent(model, tools, middleware=[SpendGuard("0.000001", unit="USD")]), is_async=False)
    assert vendor.images == 0
    assert messages[-2].status == "error"
    assert "is used up" in messages[-2].content


# ------------------------------------------------------------------------------------------------ what cannot be counted


def simulated(simulator: Simulator, name: str, **settings: Any) -> ChatMultiApi:
    http = httpx.Client(transport=simulator.transport)
    base_url = simulator.base_url(name.partition(":")[0])
    return ChatMultiApi(model=name, api_key=KEY, base_url=base_url, http_client=http, **settings)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("aicredits:openai/gpt-4o-mini", "USD"), ("binom_router:gpt-4o", "USD"), ("bineric:gpt-4", "USD")],
)
def test_a_budget_that_cannot_count_says_so_once(name: str, unit: str) -> None:
    guard = SpendGuard("0.0000001", unit=unit)
    agent = create_agent(simulated(Simulator(), name), [], middleware=[guard])
    with pytest.warns(UserWarning, match=f"a budget of .* {unit} cannot count .*may never end") as caught:
        for _ in range(3):
            agent.invoke({"messages": [("user", "Say hello.")]})
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("unit", "right"), [("diamond", "diamonds"), ("usd", "USD"), ("Inr", "INR"), ("credit", "credits"), ("usd ", "USD")]
)
def test_a_mistyped_unit_is_an_error_when_the_guard_is_made(unit: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{right}'"):
        SpendGuard("1", unit=unit)


def test_a_unit_that_nobody_uses_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="no provider tells costs in 'NOK'"):
        SpendGuard("1", unit="NOK")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for unit in ("USD", "INR", "diamonds", "credits", None):
            SpendGuard("1", unit=unit)


def test_a_sum_that_is_not_all_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for tracker in (track_spending, spending.track_spending):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "multiapi"), tracker() as spent:
            simulated(Simulator(), "binom_router:gpt-4o").invoke("hi")
        assert (spent.calls, spent.unpriced) == (1, 1)
        assert "1 of 1 paid calls told no cost" in caplog.text


# ------------------------------------------------------------------------------------------------ what is free


@pytest.mark.parametrize("how", ["cache", "callback"])
def test_an_answer_out_of_the_cache_is_free(how: str) -> None:
    simulator = Simulator()
    model = simulated(simulator, "binobox:gemini-3.1-flash-lite", cache=InMemoryCache())
    if how == "cache":
        with track_spending() as spent:
            for _ in range(3):
                model.invoke("Say hello in three words.")
    else:
        spent = SpendTracker()
        for _ in range(3):
            model.invoke("Say hello in three words.", config={"callbacks": [spent]})
    assert (spent.calls, spent.cached, spent.unpriced) == (1, 2, 0)
    account = next(iter(simulator.vendor("binobox").accounts.values()))
    assert spent.totals["diamonds"] == Decimal(5000) - account.balance
    agent = create_agent(model, [], middleware=[SpendGuard("0.2", unit="diamonds")])
    for _ in range(4):
        assert not agent.invoke({"messages": [("user", "hi")]})["messages"][-1].text.startswith("Stopped")


def test_what_was_refused_is_free() -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(400, json={"error": {"message": "no"}})))
    with track_spending() as spent, pytest.raises(MultiApiError):
        ChatMultiApi(model="aimlapi:m", api_key=KEY, http_client=http).invoke("hi")
    assert spent.calls == 0


# ------------------------------------------------------------------------------------------------ what is doubtful


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("", request=request)


EVENTS = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n" for word in "abc")


def streamed(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=EVENTS + "data: [DONE]\n\n")


@pytest.mark.parametrize("model_of", [ChatMultiApi, MultiApiLLM])
def test_left_streams_and_calls_that_may_have_been_charged(model_of: Any) -> None:
    def ask(answer: Any) -> Any:
        model = model_of(
            model="aimlapi:m", api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(answer))
        )
        return iter(model.stream("hi") if model_of is ChatMultiApi else model.stream_complete("hi"))

    with spending.track_spending() as spent:
        pieces = ask(streamed)
        next(pieces)
        pieces.close()
        assert (spent.calls, spent.unpriced) == (1, 1)
        pieces = ask(streamed)
        next(pieces)
        del pieces
        gc.collect()
        assert (spent.calls, spent.unpriced) == (2, 2)
        with pytest.raises(MultiApiError):
            list(ask(silent))
        assert (spent.calls, spent.unpriced) == (3, 3)
        list(ask(streamed))
        assert (spent.calls, spent.unpriced) == (4, 4)


def test_callbacks_hear_of_doubt_too() -> None:
    spent = SpendTracker()
    http = httpx.Client(transport=httpx.MockTransport(silent))
    with pytest.raises(MultiApiError):
        ChatMultiApi(model="aimlapi:m", api_key=KEY, http_client=http).invoke("hi", config={"callbacks": [spent]})
    assert (spent.calls, spent.unpriced) == (1, 1)
    http = httpx.Client(transport=httpx.MockTransport(streamed))
    pieces = ChatMultiApi(model="aimlapi:m", api_key=KEY, http_client=http).stream("hi", config={"callbacks": [spent]})
    next(pieces)
    pieces.close()
    assert (spent.calls, spent.unpriced) == (2, 2)


# ------------------------------------------------------------------------------------------------ sums


@pytest.mark.parametrize("is_async", [False, True])
def test_the_sum_is_what_the_account_lost(is_async: bool) -> None:
    """Chat, streams, images and a film that is looked at again and again, of a provider that tells every cost."""
    simulator = Simulator(clock=Clock(1_800_000_000.0))
    base_url = simulator.base_url("binobox")
    client = Client("binobox", api_key=KEY, base_url=base_url, http_client=httpx.Client(transport=simulator.transport))
    chat = ChatRequest(model="gemini-3.1-flash-lite", messages=[Message("user", "hi")])
    with spending.track_spending() as spent, spending.track_spending() as inner, without_waiting():
        if is_async:
            later = AsyncClient(
                "binobox",
                api_key=KEY,
                base_url=base_url,
                http_client=httpx.AsyncClient(transport=httpx.MockTransport(simulator_of(simulator))),
            )
            asyncio.run(later.chat(chat))
        client.chat(chat)
        list(client.chat_stream(chat))
        client.image(ImageRequest(model="imagen-4-fast-generate", prompt="x"))
        job = client.start_video(VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4))
        simulator.clock.advance(30)
        for _ in range(3):
            client.job(job)
        client.wait(job)
        client.usage()
    account = next(iter(simulator.vendor("binobox").accounts.values()))
    assert spent.totals == inner.totals == {"diamonds": Decimal(5000) - account.balance}
    assert (spent.calls, spent.unpriced) == (4 + is_async, 0)


def simulator_of(simulator: Simulator) -> Any:
    http = httpx.Client(transport=simulator.transport)

    async def answer(request: httpx.Request) -> httpx.Response:
        found = http.send(httpx.Request(request.method, request.url, headers=request.headers, content=request.content))
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    return answer


def test_both_frameworks_are_heard() -> None:
    vendor = Vendor()
    settings = vendor.settings()
    with spending.track_spending() as spent:
        MultiApiEmbedding(model="aimlapi:e", **settings).get_text_embedding_batch(["a", "b"])
        MultiApiEmbeddings(model="aimlapi:e", **settings).embed_documents(["a", "b"])
        Client("aimlapi", api_key=KEY, http_client=settings["http_client"]).embed(EmbedRequest(model="e", texts=["a"]))
        (draw,) = MultiApiToolSpec("aimlapi", include=["generate_image"], **settings).to_tool_list()
        draw.call(prompt="x")
        MultiApiToolkit(provider="aimlapi", include=["generate_image"], **settings).get_tools()[0].invoke(
            {"prompt": "x"}
        )
    assert spent.totals == {"USD": Decimal("0.8")}
    assert spent.calls == 5
