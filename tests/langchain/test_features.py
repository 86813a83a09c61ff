"""What the models can do beyond answering: each test is a row of the comparison with other integrations."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import warnings
from typing import Any, TypedDict

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelAuthenticationError, ModelError, ModelInvalidRequestError, ModelTimeoutError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel, Field, SecretStr

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, track_spending
from langchain_multiapi.errors import InsufficientCreditsError, RefusalError
from multiapi.errors import MultiApiError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator, media

from .conftest import CHAT_MODELS, VENDORS, on_simulator
from .wire import Pieces, Server, call, delta, joined, sse, stream, usage, whole

TEXT = {"type": "text", "text": "What is this?"}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


# ------------------------------------------------------------------------------------------------ making models


def test_arguments_have_the_names_that_users_know() -> None:
    model = ChatMultiApi(
        provider="aimlapi",
        model_name="m",
        max_completion_tokens=9,
        request_timeout=3,
        stop_sequences=["x"],
        api_key="k",
    )
    assert (model.model, model.max_tokens, model.timeout, model.stop) == ("m", 9, 3, ["x"])
    assert ChatMultiApi(provider="aimlapi", model="m", stop="x", api_key="k").stop == ["x"]


def test_an_unknown_argument_is_named_and_goes_into_the_body() -> None:
    server = Server(whole())
    with pytest.warns(UserWarning, match=r"\['min_p'\] are unknown arguments of ChatMultiApi"):
        model = server.model(min_p=0.1, model_kwargs={"top_a": 0.2})
    model.invoke("?")
    assert (server.bodies[0]["min_p"], server.bodies[0]["top_a"]) == (0.1, 0.2)
    with pytest.raises(ValueError, match="'top_p'"):
        server.model(model_kwargs={"top_p": 0.1})


def test_nothing_optional_is_sent_unless_it_is_set(vendor: str) -> None:
    server = Server(whole())
    server.model(vendor).invoke("?")
    assert server.bodies[0].keys() == {"model", "messages"}
    server.model(vendor, stop=[]).invoke("?", stop=[])
    assert server.bodies[1].keys() == {"model", "messages"}


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
def test_a_setting_of_the_call_beats_one_of_the_model() -> None:
    server = Server(whole())
    model = server.model(
        temperature=0.1, max_tokens=9, top_p=0.5, stop=["x"], model_kwargs={"a": 1}, extra_body={"b": {"c": 1}}
    )
    model.invoke(
        "?", temperature=0.9, max_completion_tokens=7, stop=["y"], model="other", b={"d": 2}, extra_body={"b": {"e": 3}}
    )
    body = server.bodies[0]
    assert (body["temperature"], body["max_completion_tokens"], body["top_p"], body["stop"]) == (0.9, 7, 0.5, ["y"])
    assert "max_tokens" not in body
    assert (body["model"], body["a"], body["b"]) == ("other", 1, {"c": 1, "d": 2, "e": 3})


def test_every_setting_reaches_the_body() -> None:
    settings: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "max_tokens": 9,
        "seed": 1,
        "n": 2,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logit_bias": {"5": 1.0},
        "logprobs": True,
        "top_logprobs": 3,
        "reasoning_effort": "low",
        "user": "u-1",
    }
    server = Server(whole())
    server.model(**settings, reasoning={"effort": "low"}, stop=["x"]).invoke("?")
    body = server.bodies[0]
    assert body | settings == body
    assert (body["reasoning"], body["stop"]) == ({"effort": "low"}, ["x"])


@pytest.mark.parametrize("name", ["api_key", "base_url", "default_headers", "extra_query"])
def test_what_belongs_to_the_model_is_refused_in_a_call(name: str) -> None:
    server = Server(whole())
    with pytest.raises(ModelInvalidRequestError, match=f"{name} is set on the model"):
        server.model().invoke("?", **{name: "x"})
    assert server.requests == []


async def test_a_call_may_have_its_own_limits_of_time_and_repetition() -> None:
    server = Server(httpx.Response(503, headers={"retry-after": "0"}), whole())
    model = server.model(timeout=60, max_retries=0)
    assert model.bind(max_retries=1, timeout=7).invoke("?").text == "ok"
    assert (await model.ainvoke("?", request_timeout=(2, 9))).text == "ok"
    list(Server(stream(delta("a"), delta(finish_reason="stop"))).model().stream("?", stream_chunk_timeout=3))
    model.invoke("?")
    assert [request.extensions["timeout"]["read"] for request in server.requests] == [7, 7, 9, 60]
    assert (model.timeout, model.max_retries) == (60, 0)
    assert "timeout" not in server.bodies[0]


def test_what_says_nothing_leaves_no_trace_in_the_body() -> None:
    server = Server(whole())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = server.model(organization=None, temperature=None, model_kwargs={})
    model.invoke("?", response_format={"type": "text"}, seed=None, strange=None)
    assert server.bodies[0].keys() == {"model", "messages"}


@pytest.mark.parametrize(
    ("name", "ours"), [("openai_api_key", "api_key"), ("openai_api_base", "base_url"), ("api_base", "base_url")]
)
def test_keys_and_addresses_under_the_names_of_other_packages_never_reach_a_body(name: str, ours: str) -> None:
    with pytest.raises(ValueError, match=f"ChatMultiApi has no argument .{name}.; use {ours}=") as failure:
        Server(whole()).model(**{name: "https://else.example/secret-key"})
    assert "secret-key" not in str(failure.value)


def test_a_class_of_ones_own_may_set_provider_model_and_key() -> None:
    class House(ChatMultiApi):
        provider: str = "aimlapi"
        model: str = "house-model"
        api_key: Any = "house-key"
        temperature: float | None = 0.2

    class HouseEmbeddings(MultiApiEmbeddings):
        provider: str = "aimlapi"
        model: str = "house-vectors"
        api_key: Any = "house-key"

    server = Server(whole())
    House(**server.clients()).invoke("?")
    House(model="other", **server.clients()).invoke("?")
    assert [(body["model"], body["temperature"]) for body in server.bodies] == [("house-model", 0.2), ("other", 0.2)]
    assert server.requests[0].headers["authorization"] == "Bearer house-key"
    assert HouseEmbeddings().model == "house-vectors"


def test_headers_and_query_of_the_model_and_of_a_call_are_sent() -> None:
    server = Server(whole())
    server.model(default_headers={"X-A": "1"}, default_query={"v": "2"}).invoke("?", extra_headers={"X-B": "3"})
    request = server.requests[0]
    assert (request.headers["x-a"], request.headers["x-b"], request.url.params["v"]) == ("1", "3", "2")


def test_the_vendor_may_stand_before_the_model_and_is_asked_for_when_missing() -> None:
    model = ChatMultiApi(model="aimlapi:openai/gpt-4o:extended", api_key="k")
    assert (model.provider, model.model) == ("aimlapi", "openai/gpt-4o:extended")
    assert ChatMultiApi(provider="aimlapi", model="org/model:free", api_key="k").model == "org/model:free"
    with pytest.raises(ModelInvalidRequestError, match="no provider for model"):
        ChatMultiApi(model="gpt-4o", api_key="k")
    with pytest.raises(ModelInvalidRequestError, match="unknown provider 'acme'"):
        ChatMultiApi(provider="acme", model="m", api_key="k")
    with pytest.raises(ModelInvalidRequestError, match="needs the id of a model"):
        ChatMultiApi(provider="aimlapi", api_key="k")


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_a_key_the_variable_is_named_at_once(vendor: str) -> None:
    with pytest.raises(ModelAuthenticationError, match=PROVIDERS[vendor].api_key_env):
        ChatMultiApi(provider=vendor, model="m")
    with pytest.raises(ModelAuthenticationError, match="is empty"):
        ChatMultiApi(provider=vendor, model="m", api_key="")


async def test_keys_may_rotate() -> None:
    keys = iter(["one", "two", "three"])
    server = Server(whole())
    model = server.model(api_key=lambda: next(keys))
    model.invoke("?")
    model.invoke("?")

    async def key() -> SecretStr:
        return SecretStr(next(keys))

    await server.model(api_key=key).ainvoke("?")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer one",
        "Bearer two",
        "Bearer three",
    ]


def test_changing_a_model_changes_what_it_asks() -> None:
    one, two = Server(whole({"content": "one"})), Server(whole({"content": "two"}))
    model = one.model()
    assert model.invoke("?").text == "one"
    model.http_client = two.clients()["http_client"]
    assert model.invoke("?").text == "two"
    model.api_key = "other"  # type: ignore[assignment]
    assert "other" not in repr(model)
    model.invoke("?")
    assert two.requests[-1].headers["authorization"] == "Bearer other"
    copied = model.model_copy(update={"base_url": "https://proxy.example"})
    copied.invoke("?")
    assert two.requests[-1].url.host == "proxy.example"


@pytest.mark.parametrize(
    ("timeout", "expected"), [(7, 7.0), ((2.0, 7.0), 7.0), (httpx.Timeout(7.0), 7.0), (0.5, 0.5)], ids=str
)
def test_limits_of_time_are_seconds_in_every_form(timeout: Any, expected: float) -> None:
    server = Server(whole())
    server.model(timeout=timeout).invoke("?")
    assert server.requests[0].extensions["timeout"]["read"] == expected


# ------------------------------------------------------------------------------------------------ sync and async


async def test_awaiting_needs_no_thread() -> None:
    """The asynchronous calls have a client of their own; that of the blocking ones is never touched."""

    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("the blocking client was used")

    server = Server(whole(), stream(delta("hello", finish_reason="stop")), whole())
    model = server.model(http_client=httpx.Client(transport=httpx.MockTransport(never)))
    before = threading.active_count()
    assert (await model.ainvoke("?")).text == "ok"
    assert joined([chunk async for chunk in model.astream("?")]).text == "hello"
    assert threading.active_count() == before
    assert [found.text for found in await server.model().abatch(["?", "?"])] == ["ok", "ok"]


def test_every_way_of_asking(vendor: str, make_model: Any) -> None:
    model = make_model(vendor)
    said = model.invoke("hello").text
    assert said
    assert joined(model.stream("hello")).text == said
    assert [message.text for message in model.batch(["hello", "hello"])] == [said, said]
    assert (model | (lambda message: message.text)).invoke("hello") == said
    assert model.with_retry().invoke("hello").text == said
    assert model.with_fallbacks([make_model("aimlapi")]).invoke("hello").text == said
    assert model.bind(temperature=0.5).invoke("hello").text == said
    assert "".join(chunk.text for chunk in model.transform(iter(["hello"]))) == said
    assert dict(model.batch_as_completed(["hello"]))[0].text == said
    result = model.generate([[HumanMessage("hello")], [HumanMessage("hello")]])
    one = model.generate([[HumanMessage("hello")]]).llm_output["token_usage"]["total_tokens"]
    assert result.llm_output["token_usage"]["total_tokens"] == 2 * one


async def test_every_way_of_awaiting(vendor: str, make_model: Any) -> None:
    model = make_model(vendor)
    said = (await model.ainvoke("hello")).text
    assert joined([chunk async for chunk in model.astream("hello")]).text == said
    assert [message.text for message in await model.abatch(["hello", "hello"])] == [said, said]
    kinds = [event["event"] async for event in model.astream_events("hello", version="v2")]
    assert (kinds[0], kinds[-1]) == ("on_chat_model_start", "on_chat_model_end")


def test_streaming_can_be_made_the_rule_or_forbidden() -> None:
    server = Server(stream(delta("hello", finish_reason="stop")))
    assert server.model(streaming=True).invoke("?").text == "hello"
    assert server.bodies[0]["stream"] is True
    server = Server(whole())
    assert joined(server.model(streaming=False).stream("?")).text == "ok"
    assert joined(server.model(disable_streaming=True).stream("?")).text == "ok"
    assert all("stream" not in body for body in server.bodies)


def test_switching_at_run_time() -> None:
    server = Server(whole())
    model = server.model(temperature=0.1).configurable_fields(
        model=ConfigurableField(id="model"), temperature=ConfigurableField(id="heat")
    )
    model.invoke("?", config={"configurable": {"model": "m-2", "heat": 0.9}})
    assert (server.bodies[0]["model"], server.bodies[0]["temperature"]) == ("m-2", 0.9)


# ------------------------------------------------------------------------------------------------ answers


def test_thoughts_in_the_text_are_split_off_on_demand() -> None:
    answer = whole({"content": "<think>two and two</think>\n\n4"})
    pieces = stream(
        delta("<th"), delta("ink>two and"), delta(" two</thi"), delta("nk>\n\n4"), delta(finish_reason="stop")
    )
    server = Server(answer, pieces)
    expected = [{"type": "reasoning", "reasoning": "two and two"}, {"type": "text", "text": "4"}]
    model = server.model(split_thinking=True)
    assert model.invoke("?").content_blocks == expected
    assert joined(model.stream("?")).content_blocks == expected
    assert Server(answer).model().invoke("?").text.startswith("<think>")


@pytest.mark.parametrize(
    ("replay", "thoughts"),
    [("always", ["hm", "aha"]), ("with_tools", ["hm", None]), ("never", [None, None])],
)
def test_which_thoughts_go_back_can_be_said(replay: str, thoughts: list[str | None]) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    server = Server(
        whole({"content": None, "reasoning_content": "hm", "tool_calls": [call]}, finish_reason="tool_calls"),
        whole({"content": "noon", "reasoning_content": "aha"}),
        whole(),
    )
    model = server.model(reasoning_replay=replay)
    history: list[Any] = [HumanMessage("What time is it?")]
    history += [model.invoke(history), ToolMessage("12:00", tool_call_id="c1")]
    history += [model.invoke(history), HumanMessage("Thanks.")]
    model.invoke(history)
    said = [
        message.get("reasoning_content") for message in server.bodies[-1]["messages"] if message["role"] == "assistant"
    ]
    assert said == thoughts


def test_headers_of_the_answer_are_kept_on_demand() -> None:
    answer = whole()
    answer.headers["x-ratelimit-remaining"] = "7"
    model = Server(answer).model(include_response_headers=True)
    assert model.invoke("?").response_metadata["headers"]["x-ratelimit-remaining"] == "7"
    assert "headers" not in Server(answer).model().invoke("?").response_metadata


def test_log_probabilities_are_kept_in_both_ways() -> None:
    words = {"content": [{"token": "ok", "logprob": -0.1}]}
    answer = whole()
    body = json.loads(answer.content)
    body["choices"][0]["logprobs"] = words
    event = delta("ok", finish_reason="stop")
    event["choices"][0]["logprobs"] = words
    server = Server(httpx.Response(200, json=body), stream(event))
    model = server.model(logprobs=True)
    assert model.invoke("?").response_metadata["logprobs"] == words
    assert joined(model.stream("?")).response_metadata["logprobs"] == words


def test_spending_is_added_up_over_threads_and_models() -> None:
    def priced(usd: float) -> Server:
        return Server(whole({"content": "ok"}, meta={"usage": {"usd_spent": usd}}))

    with track_spending() as spent:
        priced(0.25).model().batch(["?"] * 4)
        Server(whole(usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 2})).model("binom_router").invoke("?")
        Server(whole()).model("aicredits").invoke("?")
    assert {unit: str(amount) for unit, amount in spent.totals.items()} == {"USD": "1.00", "credits": "2"}
    assert (spent.calls, spent.unpriced) == (6, 1)
    assert repr(spent) == "SpendTracker(1.00 USD, 2 credits in 6 calls)"
    Server(whole()).model().invoke("?")
    assert spent.calls == 6


def test_an_answer_from_the_cache_costs_nothing_and_keys_of_the_cache_hold_no_secret() -> None:
    from langchain_core.caches import InMemoryCache

    class Seen(InMemoryCache):
        keys: list[str] = []

        def lookup(self, prompt: str, llm_string: str) -> Any:
            self.keys.append(llm_string)
            return super().lookup(prompt, llm_string)

    cache = Seen()
    server = Server(whole())
    model = server.model(cache=cache, api_key="sk-very-private", default_headers={"x": "so-private"})
    assert model.invoke("?").text == model.invoke("?").text == "ok"
    assert len(server.requests) == 1
    assert "private" not in "".join(cache.keys)
    server.model(cache=cache, temperature=0.5).invoke("?")
    server.model(cache=cache, model="other").invoke("?")
    server.model("aicredits", cache=cache).invoke("?")
    assert len(server.requests) == 4


def test_a_rate_limiter_is_asked_before_each_call() -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=1)
    taken = []
    acquire = limiter.acquire
    limiter.acquire = lambda **_: taken.append(1) or acquire()  # type: ignore[assignment, method-assign, func-returns-value]
    model = Server(whole()).model(rate_limiter=limiter)
    model.invoke("?")
    model.invoke("?")
    assert len(taken) == 2


# ------------------------------------------------------------------------------------------------ media in

PNG = media.draw_image("a cat", 32, 32)
WAV = media.speak("hello", "audio/wav")
SENT = {
    "image as base64": ({"type": "image", "base64": "UE5H", "mime_type": "image/png"}, "vision"),
    "image by URL": ({"type": "image", "url": "https://a.example/b.png"}, "vision"),
    "sound as base64": ({"type": "audio", "base64": "V0FW", "mime_type": "audio/wav"}, "audio_in"),
    "file as base64": (
        {"type": "file", "base64": "UERG", "mime_type": "application/pdf", "filename": "a.pdf"},
        "documents",
    ),
    "film by URL": ({"type": "video", "url": "https://a.example/b.mp4"}, "video_in"),
}


@pytest.mark.parametrize("name", SENT)
@pytest.mark.parametrize("vendor", VENDORS)
def test_media_are_sent_where_the_vendor_has_them_and_refused_by_name_where_not(vendor: str, name: str) -> None:
    block, capability = SENT[name]
    server = Server(whole())
    model = server.model(vendor)
    provider = PROVIDERS[vendor]
    by_url_to_bineric = vendor == "bineric" and "url" in block
    if provider.has(capability) and not by_url_to_bineric:
        model.invoke([HumanMessage([TEXT, block])])
        payload = block.get("base64") or block["url"]
        assert payload in json.dumps(server.bodies[0])
        return
    with pytest.raises(ModelInvalidRequestError, match=vendor) as raised:
        model.invoke([HumanMessage([TEXT, block])])
    assert isinstance(raised.value, MultiApiError)
    assert server.requests == []


def test_text_documents_go_to_every_vendor(vendor: str) -> None:
    server = Server(whole())
    document = {"type": "text-plain", "text": "the moon is a rock", "title": "Facts"}
    server.model(vendor).invoke([HumanMessage([TEXT, document])])
    sent = json.dumps(server.bodies[0]["messages"])
    assert "the moon is a rock" in sent
    assert "Facts" in sent


def test_names_of_messages_are_sent_where_the_vendor_has_them(vendor: str) -> None:
    server = Server(whole())
    server.model(vendor).invoke([HumanMessage("hello", name="ada")])
    assert server.bodies[0]["messages"][0].get("name") == ("ada" if vendor not in {"bineric", "binobox"} else None)


# ------------------------------------------------------------------------------------------------ tools


def test_tools_of_every_kind_are_bound() -> None:
    from langchain_core.tools import tool

    @tool
    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    class Sum(BaseModel):
        """A sum."""

        a: int = Field(description="the first")

    class Place(TypedDict):
        """A place."""

        name: str

    anthropic = {"name": "find", "description": "Find.", "input_schema": {"type": "object", "properties": {}}}
    openai = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
    search = {"type": "web_search", "max_results": 3}
    server = Server(whole())
    server.model().bind_tools([multiply, add, Sum, Place, anthropic, openai, search], strict=True).invoke("?")
    tools = server.bodies[0]["tools"]
    assert [tool.get("function", {}).get("name") for tool in tools] == [
        "multiply",
        "add",
        "Sum",
        "Place",
        "find",
        "now",
        None,
    ]
    assert tools[-1] == search
    assert tools[0]["function"]["strict"] is True


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("any", "required"),
        (True, "required"),
        ("required", "required"),
        ("auto", "auto"),
        ("none", "none"),
        ("add", {"type": "function", "function": {"name": "add"}}),
        ({"type": "function", "function": {"name": "add"}}, {"type": "function", "function": {"name": "add"}}),
        (None, None),
    ],
)
def test_which_tool_is_to_be_called(said: Any, sent: Any) -> None:
    server = Server(whole())
    server.model().bind_tools([add], tool_choice=said).invoke("?")
    assert server.bodies[0].get("tool_choice") == sent


def test_a_tool_that_the_vendor_has_is_chosen_by_its_type() -> None:
    server = Server(whole())
    search = {"type": "web_search", "max_results": 3}
    server.model().bind_tools([add, search], tool_choice="web_search").invoke("?")
    assert server.bodies[0]["tool_choice"] == {"type": "web_search"}
    one_of = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [search]}}
    server.model().bind_tools([add, search], tool_choice=one_of).invoke("?")
    assert server.bodies[1]["tool_choice"] == one_of


def test_a_tool_that_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="'subtract' is none of the tools: add"):
        Server(whole()).model().bind_tools([add], tool_choice="subtract")


def test_tools_work_on_every_vendor(vendor: str, make_model: Any) -> None:
    model = make_model(vendor).bind_tools([add])
    asked = [HumanMessage("Add 3 and 4.")]
    answer = model.invoke(asked)
    assert [(found["name"], found["args"]) for found in answer.tool_calls] == [("add", {"a": 3, "b": 4})]
    streamed = joined(model.stream(asked))
    assert [(found["name"], found["args"]) for found in streamed.tool_calls] == [("add", {"a": 3, "b": 4})]
    result = ToolMessage("7", tool_call_id=answer.tool_calls[0]["id"])
    assert "7" in model.invoke([*asked, answer, result]).text


def test_prompted_tools_can_be_had_everywhere_and_native_ones_insisted_on(make_model: Any) -> None:
    model = make_model("aimlapi", tool_calling="prompted").bind_tools([add])
    assert model.invoke("Add 3 and 4.").tool_calls[0]["args"] == {"a": 3, "b": 4}
    with pytest.raises(UnsupportedError, match="bineric has no native tools"):
        make_model("bineric", tool_calling="native").bind_tools([add]).invoke("?")


# ------------------------------------------------------------------------------------------------ what LangChain asks


def test_what_stands_in_traces() -> None:
    seen: list[dict[str, Any]] = []

    class Handler(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            seen.append(kwargs)

    model = Server(whole()).model(temperature=0.5, max_tokens=9, stop=["x"])
    model.invoke("?", config={"callbacks": [Handler()]}, extra_headers={"x-key": "secret"})
    metadata = seen[0]["metadata"]
    expected = {
        "ls_provider": "aimlapi",
        "ls_model_name": "m-1",
        "ls_model_type": "chat",
        "ls_temperature": 0.5,
        "ls_max_tokens": 9,
        "ls_stop": ["x"],
        "ls_integration": "langchain_chat_model",
    }
    assert metadata | expected == metadata
    assert metadata["lc_versions"]["multiapi"]
    params = seen[0]["invocation_params"]
    assert (params["provider"], params["model"], params["_type"]) == ("aimlapi", "m-1", "aimlapi-chat")
    assert "secret" not in json.dumps(params)


def test_a_failed_run_is_traced_with_what_the_vendor_said() -> None:
    told: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_llm_error(self, error: BaseException, *, response: Any = None, **_: Any) -> None:
            told.append(response.generations[0][0].message.response_metadata)

    answer = httpx.Response(
        429, headers={"x-request-id": "r-1", "retry-after": "7"}, json={"error": {"message": "slow"}}
    )
    with pytest.raises(ModelError):
        Server(answer).model().invoke("?", config={"callbacks": [Handler()]})
    assert told[0] == {
        "body": {"error": {"message": "slow"}},
        "headers": {"x-request-id": "r-1", "retry-after": "7"},
        "status_code": 429,
        "request_id": "r-1",
    }


def test_tokens_are_counted_without_downloading_anything() -> None:
    model = Server(whole()).model()
    assert model.get_num_tokens("hello there, how are you?") == 7
    messages = [HumanMessage("hello there"), AIMessage("hi")]
    plain = model.get_num_tokens_from_messages(messages)
    assert model.get_num_tokens_from_messages(messages, tools=[add]) > plain > 0
    counting = Server(whole()).model(custom_get_token_ids=lambda text: [1] * len(text.split()))
    assert counting.get_num_tokens("one two three") == 3
    assert counting.get_num_tokens_from_messages(messages) == 3
    assert counting.get_token_ids("one two") == [1, 1]
    with pytest.raises(NotImplementedError, match="custom_get_token_ids"):
        model.get_token_ids("one")


def test_models_are_listed_where_the_vendor_has_a_list(vendor: str, make_model: Any) -> None:
    model = make_model(vendor)
    if not PROVIDERS[vendor].has("models"):
        with pytest.raises(UnsupportedError, match="binom_router has no list of models"):
            model.list_models()
        return
    listed = model.list_models()
    assert all(found.id and found.provider == vendor for found in listed)
    assert len(asyncio.run(model.alist_models())) == len(listed) > 0


def test_models_are_closed_with_their_block_and_go_on() -> None:
    server = Server(whole())
    with server.model() as model:
        assert model.invoke("?").text == "ok"
    assert model.invoke("?").text == "ok"
    assert not model.http_client.is_closed

    async def use() -> None:
        async with server.model() as awaited:
            assert (await awaited.ainvoke("?")).text == "ok"

    asyncio.run(use())


def test_no_header_advertises_anything(vendor: str) -> None:
    server = Server(whole())
    server.model(vendor).invoke("?")
    names = {name.lower() for name in server.requests[0].headers}
    assert not {"http-referer", "x-title", "referer", "x-aimlapi-partner-id"} & names


# ------------------------------------------------------------------------------------------------ errors


def test_an_empty_account_is_an_error_of_its_own(vendor: str) -> None:
    simulator = Simulator()
    settings = on_simulator(simulator) | {"api_key": "empty-wallet", "max_retries": 0}
    with pytest.raises(InsufficientCreditsError) as raised:
        ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], **settings).invoke("?")
    assert isinstance(raised.value, ModelError)
    assert not raised.value.is_retryable


def test_a_time_limit_is_typed_and_not_retryable_once_something_may_have_been_charged() -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silence")

    with pytest.raises(ModelTimeoutError) as raised:
        Server(never).model(max_retries=3).invoke("?")
    assert (raised.value.is_retryable, raised.value.outcome_unknown) == (False, True)  # type: ignore[attr-defined]
    assert not hasattr(raised.value, "response")


def test_errors_of_langchain_are_errors_of_the_core_and_pickle() -> None:
    import pickle

    from langchain_multiapi import errors

    model = Server(httpx.Response(404, json={"error": {"message": "no such model"}})).model()
    with pytest.raises(MultiApiError) as raised:
        model.invoke("?")
    copied = pickle.loads(pickle.dumps(raised.value))
    assert type(copied) is errors.NotFoundError
    assert (str(copied), copied.status, copied.is_retryable) == (str(raised.value), 404, False)
    assert copied.response.text == raised.value.response.text  # type: ignore[attr-defined]


def test_every_error_of_the_core_has_its_twin() -> None:
    from langchain_multiapi.errors import from_error
    from multiapi import errors as core

    def tree(cls: type[Exception]) -> list[type[Exception]]:
        return [cls, *(found for child in cls.__subclasses__() for found in tree(child))]

    for cls in tree(core.MultiApiError):
        if cls.__module__ == core.__name__:
            twin = from_error(cls("x", provider="aimlapi"))
            assert isinstance(twin, cls), cls
            assert isinstance(twin, ModelError), cls
            assert from_error(twin) is twin


def test_nothing_is_logged_above_debug_in_a_normal_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Server(whole()).model().invoke("?")
    assert [record for record in caplog.records if record.name.startswith("multiapi")] == []


def test_a_refusal_is_an_error_where_a_form_was_asked_for() -> None:
    class Sum(BaseModel):
        """A sum."""

        a: int

    server = Server(whole({"content": None, "refusal": "I cannot help with that"}))
    model = server.model()
    message = model.invoke("?")
    assert message.additional_kwargs["refusal"] == "I cannot help with that"
    assert message.content_blocks[0]["type"] in {"refusal", "non_standard"}
    with pytest.raises(RefusalError, match="I cannot help with that") as raised:
        model.with_structured_output(Sum).invoke("?")
    assert isinstance(raised.value, ModelError)
    assert raised.value.raw_message.additional_kwargs == message.additional_kwargs  # type: ignore[attr-defined]
    raw = model.with_structured_output(Sum, include_raw=True).invoke("?")
    assert (raw["parsed"], type(raw["parsing_error"])) == (None, RefusalError)


def test_a_cancelled_task_closes_the_answer() -> None:
    bodies: list[Pieces] = []

    class Slow(Pieces):
        async def __aiter__(self) -> Any:
            yield sse(delta("one"))
            await asyncio.sleep(30)

    def answer(_: httpx.Request) -> httpx.Response:
        bodies.append(Slow([]))
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=bodies[-1])

    async def consume(model: ChatMultiApi) -> None:
        async for _ in model.astream("?"):
            pass

    async def cancel() -> None:
        task = asyncio.create_task(consume(Server(answer).model()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert bodies[0].closed


def test_token_counts_are_whole_numbers_with_details() -> None:
    from langchain_core.callbacks import UsageMetadataCallbackHandler

    counts = {
        "prompt_tokens": 5.0,
        "completion_tokens": 7.0,
        "total_tokens": 12.0,
        "prompt_tokens_details": {"cached_tokens": 3.0, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
        "cost": 0.5,
    }
    handler = UsageMetadataCallbackHandler()
    model = Server(whole(usage=counts)).model()
    for _ in range(2):
        model.invoke("?", config={"callbacks": [handler]})
    assert handler.usage_metadata["m-1"] == {
        "input_tokens": 10,
        "output_tokens": 14,
        "total_tokens": 24,
        "input_token_details": {"cache_read": 6, "audio": 2},
        "output_token_details": {"reasoning": 4, "audio": 2},
    }


def test_calls_in_parallel_and_a_call_without_words_reach_every_reader() -> None:
    pieces = [call(0, "c1", "add", '{"a": 1, "b": 2}'), call(1, "c2", "add", '{"a": 3, "b": 4}')]
    server = Server(whole({"content": None, "tool_calls": pieces}), stream(delta(tool_calls=pieces), usage()))
    model = server.model()
    invoked = model.invoke("?")
    assert [found["args"] for found in invoked.tool_calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert invoked.content == ""
